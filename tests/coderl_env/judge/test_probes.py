"""The shipped probe suite: the judge holds in every tier, and each probe fools a judge that is weakened on purpose."""

from __future__ import annotations

import json
import os
import queue
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from coderl_env.judge import Judge, JudgeError, tier_report
from coderl_env.judge import box as boxes
from coderl_env.judge import probe_suite as suite
from coderl_env.judge.canaries import KINDS, Canaries
from coderl_env.judge.probe_suite import Probe, ProbeResult, load_probes, run_probes
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

from .weakened import COMPARATORS, GUARDS, Fate, Weakened

PROBES = load_probes()
BY_NAME = {probe.name: probe for probe in PROBES}
HOSTILE = [probe.name for probe in PROBES if probe.category != "honest"]
HONEST = [probe.name for probe in PROBES if probe.category == "honest"]
# Their answer is the harm: what they print cannot be known otherwise.
LEAKS = {"attack_ptrace_other_process", "attack_read_secret_of_other_process"}
# Incidents of docs/judge.md that no single program can show.
WITHOUT_PROGRAM = {
    21: "rewards are computed by the parent",
    23: "what an agent is shown is no matter of the judge",
    32: "a problem without tests is a ValueError",
    40: "the cache's key",
    41: "weak tests",
    64: "zombies: the judge's own descriptors and processes are counted below",
    **dict.fromkeys(range(82, 89), "labels and lost signals, of the judge and of the environment"),
}
needs_linux = pytest.mark.skipif(not Path("/proc/self").exists(), reason="the controls need Linux")


@pytest.fixture(scope="module")
def fates() -> dict[str, Fate]:
    """What became of each probe's weakened judge; two at a time."""
    if os.getuid() != 0:
        pytest.skip("what an unguarded program can do to the host is shown as root")
    waiting: queue.SimpleQueue[Probe] = queue.SimpleQueue()
    for probe in PROBES:
        waiting.put(probe)
    found: dict[str, Fate] = {}
    threads = [threading.Thread(target=_work, args=(waiting, found)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _work(waiting: queue.SimpleQueue[Probe], found: dict[str, Fate]) -> None:
    weakened = Weakened()
    try:
        while True:
            probe = waiting.get_nowait()
            found[probe.name] = weakened.run(probe)
    except queue.Empty:
        pass
    finally:
        weakened.close()


@pytest.fixture(scope="module", params=["strict", pytest.param("portable", marks=pytest.mark.slow)])
def results(request: pytest.FixtureRequest) -> dict[str, ProbeResult]:
    """What became of each probe in one tier."""
    reason = tier_report()[request.param]
    if reason != "available":
        pytest.skip(f"no {request.param} here: {reason}")
    with Judge(workers=2, isolation=request.param) as judge:
        return {result.name: result for result in run_probes(judge)}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", BY_NAME)
def test_the_judge_holds(results: dict[str, ProbeResult], name: str) -> None:
    assert results[name].held, results[name].detail


@needs_linux
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_weakened_judge_is_fooled(fates: dict[str, Fate], name: str) -> None:
    """A cheat passes there; an attack harms its canary or, where it has none, passes, hangs or kills the judge."""
    fate = fates[name]
    if BY_NAME[name].category == "cheat":
        assert fate.ended == "passed"
    elif BY_NAME[name].canaries and name not in LEAKS:
        assert fate.harm
    elif Outcome.PASSED in BY_NAME[name].outcomes:
        assert fate.ended in ("crashed", "hung", "flooded")
    else:
        assert fate.ended != "failed"


@needs_linux
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", HONEST)
def test_a_naive_judge_rejects_the_honest_program(fates: dict[str, Fate], name: str) -> None:
    assert fates[name].ended != "passed"


@pytest.fixture(scope="module")
def weakened() -> Iterator[Weakened]:
    made = Weakened()
    yield made
    made.close()


def _is_plain(name: str) -> bool:
    problem = BY_NAME[name].problem
    return isinstance(problem.tests[0], StdioCase) and problem.checker is None and problem.comparator is None


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("name", list(filter(_is_plain, HONEST)))
def test_plain_python_agrees_that_the_program_is_honest(weakened: Weakened, name: str) -> None:
    """What the judge accepts is what `python program.py` prints."""
    assert weakened.run_on("no_limits", BY_NAME[name]).ended == "passed"


_TRIVIAL = {
    StdioCase: ("print(2 * int(input()))\n", (StdioCase("3\n", "6\n"), StdioCase("10\n", "20\n"))),
    CallCase: ("def double(n):\n    return 2 * n\n", (CallCase((3,), 6), CallCase((10,), 20))),
    AssertCase: ("def double(n):\n    return 2 * n\n", (AssertCase("assert double(3) == 6"),)),
}


@needs_linux
@pytest.mark.parametrize(
    ("control", "kind"),
    sorted(
        {(BY_NAME[name].control, type(BY_NAME[name].problem.tests[0])) for name in HONEST},
        key=lambda pair: (pair[0], pair[1].__name__),
    ),
)
def test_a_naive_judge_accepts_the_plainest_program(weakened: Weakened, control: str, kind: type) -> None:
    """Otherwise its rejections would say nothing."""
    program, tests = _TRIVIAL[kind]
    probe = replace(PROBES[0], program=program, problem=Problem("x", "", tests, entry_point="double"), canaries=())
    assert weakened.run_on(control, probe).ended == "passed"


def test_the_suite_is_large_enough() -> None:
    assert len(HOSTILE) >= 75
    assert len(HONEST) >= 55
    for names in (HOSTILE, HONEST):
        kinds = {type(BY_NAME[name].problem.tests[0]) for name in names}
        assert kinds == {StdioCase, CallCase, AssertCase}


def test_every_incident_about_a_program_has_a_probe() -> None:
    covered = {number for probe in PROBES for number in probe.incidents}
    assert covered | WITHOUT_PROGRAM.keys() >= set(range(1, 89))


def test_every_probe_says_what_it_is() -> None:
    files = Path(__file__).with_name("naive").glob("*.py")
    naive = {name for file in files for name in re.findall(r"^@judge\ndef (\w+)", file.read_text("utf-8"), re.M)}
    for probe in PROBES:
        assert probe.name.startswith(f"{probe.category}_"), probe.name
        assert probe.tries.endswith("."), probe.name
        assert probe.control in {*GUARDS, *COMPARATORS, *naive}, probe.name
        assert (probe.outcomes == {Outcome.PASSED}) >= (probe.category == "honest"), probe.name
        # A cheat must not pass; an attack may, if what it tries does no harm.
        assert probe.category != "cheat" or Outcome.PASSED not in probe.outcomes, probe.name


def test_no_probe_is_there_twice() -> None:
    seen: dict[str, str] = {}
    for probe in PROBES:
        key = json.dumps([probe.program, {**probe.problem.to_dict(), "id": "", "limits": None}])
        assert seen.setdefault(key, probe.name) == probe.name


@pytest.mark.slow
def test_the_attacks_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No descriptor and no process of the judging one, nothing in the folder of the private directories."""
    monkeypatch.setattr(boxes, "_memory_folder", lambda: os.fspath(tmp_path))
    attacks = [probe for probe in PROBES if re.search("channel|descriptor|directories|directory", probe.tries)]
    assert len(attacks) >= 10
    before = _possessions()
    with Judge(workers=1, isolation="portable") as judge:
        list(run_probes(judge, attacks))  # starts what is started on demand
        during = _possessions()
        list(run_probes(judge, attacks))
        assert _possessions() == during
        [box] = tmp_path.iterdir()
        [directory] = box.iterdir()
        assert list(directory.iterdir()) == []
    assert _possessions() == before
    assert list(tmp_path.iterdir()) == []


def _possessions() -> tuple[int, int]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return sum(1 for _ in Path("/proc/self/fd").iterdir()), len(children)


# --- the suite's own rules ---------------------------------------------------------------------------------------


class _Stub:
    """A judge that answers as it is told."""

    def __init__(self, answer: Callable[[str], Judgement]) -> None:
        self._answer = answer

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        future: Future[Judgement] = Future()
        try:
            future.set_result(self._answer(program))
        except JudgeError as error:
            future.set_exception(error)
        return future


def _judgement(verdict: Verdict, outcome: Outcome) -> Judgement:
    return Judgement(outcome, (CaseResult(verdict),), "none", "lines", "1")


def _held(probe: Probe, answer: Callable[[str], Judgement]) -> bool:
    [result] = run_probes(_Stub(answer), [probe])  # type: ignore[arg-type]
    return result.held


CHEAT = BY_NAME["cheat_exit_zero_stdio"]


def test_a_probe_holds_with_the_right_outcome_and_verdict_only() -> None:
    assert _held(CHEAT, lambda program: _judgement(Verdict.WRONG_ANSWER, Outcome.FAILED_TEST))
    assert not _held(CHEAT, lambda program: _judgement(Verdict.ACCEPTED, Outcome.PASSED))
    assert not _held(CHEAT, lambda program: _judgement(Verdict.EXCEPTION, Outcome.FAILED_TEST))
    honest = BY_NAME["honest_main_guard_stdin"]
    assert not _held(honest, lambda program: _judgement(Verdict.WRONG_ANSWER, Outcome.FAILED_TEST))
    assert _held(honest, lambda program: _judgement(Verdict.ACCEPTED, Outcome.PASSED))


def test_a_judge_that_does_not_answer_does_not_hold() -> None:
    def fail(program: str) -> Judgement:
        raise JudgeError("no worker")

    assert not _held(CHEAT, fail)


def test_harm_is_seen_whatever_the_verdict() -> None:
    """The stub does itself what the program wanted to do."""
    probe = BY_NAME["attack_overwrite_file"]

    def let_it(program: str) -> Judgement:
        Path(re.findall(r"'(/.*?precious)'", program)[0]).write_text("gone")
        return _judgement(Verdict.FORBIDDEN, Outcome.RUNTIME_ERROR)

    assert not _held(probe, let_it)
    assert _held(probe, lambda program: _judgement(Verdict.FORBIDDEN, Outcome.RUNTIME_ERROR))


def test_placeholders_are_filled_everywhere() -> None:
    with Canaries(KINDS) as canaries:
        filled = canaries.fill({"a": ["@FOLDER@ @SECRET@ @MARK@ @PID@", "@REPEAT:3:ab@", "@CHAR:d800@"], "b": 5})
        assert "@" not in filled["a"][0]
        assert filled["a"][1:] == ["ababab", "\ud800"]
        assert filled["b"] == 5
        assert canaries.fill("user@EXAMPLE.org @nothing@") == "user@EXAMPLE.org @nothing@"
        assert canaries.harm() == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category": "prank"}, "unknown category 'prank'"),
        ({"canaries": ["parrot"]}, "unknown canary 'parrot'"),
        ({"more": 1}, "must have the fields"),
    ],
)
def test_a_malformed_probe_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], message: str
) -> None:
    source = Path(suite.__file__).with_name("probes") / CHEAT.name
    folder = tmp_path / CHEAT.name
    folder.mkdir()
    values = json.loads((source / "probe.json").read_text("utf-8"))
    (folder / "probe.json").write_text(json.dumps({**values, **change}), "utf-8")
    (folder / "program.py").write_bytes((source / "program.py").read_bytes())
    monkeypatch.setattr(suite, "_FOLDER", tmp_path)
    with pytest.raises(ValueError, match=message):
        load_probes()


def test_the_page_lists_every_incident_and_verdict(project_root: Path) -> None:
    page = (project_root / "docs" / "judge.md").read_text("utf-8")
    listed = {int(number) for number in re.findall(r"^(\d+)\. [`a-zA-Z]", page.partition("## Incidents")[2], re.M)}
    assert listed == set(range(1, 89))
    assert all(re.search(rf"\b{verdict.name}\b", page) for verdict in Verdict)
