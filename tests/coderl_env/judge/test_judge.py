"""The judge as its users see it: outcomes, settings, order, threads, processes, and failures of its own."""

from __future__ import annotations

import contextlib
import gc
import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from coderl_env.judge import STOPS, Judge, JudgeError, Limits
from coderl_env.judge import judge as judge_module
from coderl_env.judge import worker as worker_module
from coderl_env.judge.process import HelperFailure, Zygote
from coderl_env.outcome import Judgement, Outcome, Verdict
from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

CE, RE, WA, OK = Outcome.COMPILE_ERROR, Outcome.RUNTIME_ERROR, Outcome.FAILED_TEST, Outcome.PASSED

STDIO = Problem("double", "", (StdioCase("2\n", "4\n"), StdioCase("5\n", "10\n"), StdioCase("-1\n", "-2\n")))
CALLS = Problem("double", "", (CallCase((2,), 4), CallCase((5,), 10), CallCase((-1,), -2)), entry_point="double")
ASSERTS = Problem(
    "double",
    "",
    (AssertCase("assert double(2) == 4"), AssertCase("assert double(5) == 10"), AssertCase("assert double(-1) == -2")),
    entry_point="double",
)
DOUBLE = "def double(n):\n    return 2 * n\n"

# The body of double(n); the outcome; the verdicts under stop="never".
BODIES = [
    ("return 2 * n", OK, "accepted accepted accepted"),
    ("return n + 2", WA, "accepted wrong_answer wrong_answer"),
    ("return 2 * n if n > 0 else 1 / 0", RE, "accepted accepted exception"),
    ("return 2 * n if n < 0 else 1 / 0", RE, "exception exception accepted"),
    ("return n if n == 5 else 2 * n if n == 2 else 1 / 0", WA, "accepted wrong_answer exception"),
    ("return 1 / 0 if n == 2 else n", RE, "exception wrong_answer wrong_answer"),
    ("while n == 5: pass\n    return 2 * n", RE, "accepted time_limit accepted"),
    ("import os; os._exit(0)", RE, None),
    ("import os; os.kill(os.getpid(), 9)", RE, "exception exception exception"),
    ("open('/etc/passwd')", RE, "forbidden forbidden forbidden"),
    ("return 2 *", CE, "not_run not_run not_run"),
]


def as_stdio(body: str) -> str:
    return f"def double(n):\n    {body}\nanswer = double(int(input()))\nprint(answer)\n"


def verdicts(judgement: Judgement) -> str:
    return " ".join(case.verdict.value for case in judgement.cases)


@pytest.fixture(scope="module")
def never() -> Any:
    with Judge(workers=2, stop="never", limits=Limits(cpu_seconds=0.5, wall_seconds=5.0)) as judge:
        yield judge


@pytest.mark.parametrize(("body", "outcome", "expected"), BODIES)
@pytest.mark.parametrize("kind", ["stdio", "call", "assert"])
def test_each_kind_of_test_has_the_same_outcomes(
    never: Judge, kind: str, body: str, outcome: Outcome, expected: str | None
) -> None:
    problem = {"stdio": STDIO, "call": CALLS, "assert": ASSERTS}[kind]
    program = as_stdio(body) if kind == "stdio" else f"def double(n):\n    {body}\n"
    judgement = never.judge(program, problem)
    if "os._exit(0)" in body and kind == "stdio":
        # A stdin program that ends early is judged by what it wrote, which is nothing.
        outcome, expected = WA, "wrong_answer wrong_answer wrong_answer"
    assert (judgement.outcome, len(judgement.cases)) == (outcome, 3)
    if expected is not None:
        assert verdicts(judgement) == expected
    assert judgement.comparator == "lines"
    assert judgement.isolation == never.isolation
    assert bool(judgement.compile_error) == (outcome is CE)


def test_the_outcome_is_the_same_however_the_judge_stops() -> None:
    pairs = [(as_stdio(body), STDIO) for body, _, _ in BODIES]
    pairs += [(f"def double(n):\n    {body}\n", problem) for body, _, _ in BODIES for problem in (CALLS, ASSERTS)]
    outcomes = []
    for stop in STOPS:
        with Judge(workers=2, stop=stop, limits=Limits(cpu_seconds=0.3, wall_seconds=5.0)) as judge:
            outcomes.append([found.outcome for found in judge.judge_many(pairs)])
    assert outcomes[0] == outcomes[1] == outcomes[2]


LOOP_ON_FIVE = as_stdio("while n == 5: pass\n    return 3 * n if n < 0 else 2 * n")
STOPPED = [
    ("never", LOOP_ON_FIVE, "accepted time_limit wrong_answer"),
    ("first_limit", LOOP_ON_FIVE, "accepted time_limit not_run"),
    ("first_failure", LOOP_ON_FIVE, "accepted time_limit not_run"),
    ("never", as_stdio("return n"), "wrong_answer wrong_answer wrong_answer"),
    ("first_limit", as_stdio("return n"), "wrong_answer wrong_answer wrong_answer"),
    ("first_failure", as_stdio("return n"), "wrong_answer not_run not_run"),
]


@pytest.mark.parametrize(("stop", "program", "expected"), STOPPED)
def test_what_is_not_run_after_a_stop(stop: str, program: str, expected: str) -> None:
    with Judge(workers=1, stop=stop, limits=Limits(cpu_seconds=0.3, wall_seconds=5.0)) as judge:
        assert verdicts(judge.judge(program, STDIO)) == expected


@pytest.mark.parametrize("kind", ["stdio", "call"])
def test_nothing_counts_behind_the_first_failure(kind: str) -> None:
    """Tests are asked several at a time, but a program that fails one of them fails no other."""
    with Judge(workers=1, stop="first_failure") as judge:
        for failing in range(12):
            answer = f"return 'no' if n in ({failing}, 11) else n"
            if kind == "stdio":
                tests: tuple[Any, ...] = tuple(StdioCase(f"{n}\n", f"{n}\n") for n in range(12))
                program = as_stdio(answer)
            else:
                tests = tuple(CallCase((n,), n) for n in range(12))
                program = f"def f(n): {answer}"
            found = verdicts(judge.judge(program, Problem("p", "", tests, entry_point="f")))
            assert found.split() == ["accepted"] * failing + ["wrong_answer"] + ["not_run"] * (11 - failing)


def test_a_problems_own_limits_and_comparator_win(judge: Judge) -> None:
    case = (StdioCase("", "1 2\n"),)
    spread = "print(1)\nprint(2)"
    assert judge.judge(spread, Problem("p", "", case)).outcome is WA
    lax = judge.judge(spread, Problem("p", "", case, comparator="tokens"))
    assert (lax.outcome, lax.comparator) == (OK, "tokens")
    slow = "x = sum(range(10**7))\nprint(1, 2)"
    tight = Limits(cpu_seconds=0.02, wall_seconds=5.0)
    assert judge.judge(slow, Problem("p", "", case, limits=tight)).cases[0].verdict is Verdict.TIME_LIMIT
    assert judge.judge(slow, Problem("p", "", case)).outcome is OK


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"comparator": "fuzzy"}, "unknown comparator 'fuzzy'; valid are lines, exact, tokens, floats, apps"),
        ({"isolation": "lax"}, "unknown isolation 'lax'; valid are auto, strict, portable, none"),
        ({"stop": "later"}, "unknown stop 'later'; valid are first_limit, first_failure, never"),
        ({"workers": 0}, "workers must be a positive integer or None, not 0"),
        ({"workers": True}, "workers must be a positive integer or None, not True"),
        ({"workers": 1.5}, "workers must be"),
        ({"limits": {"cpu_seconds": 1}}, "limits must be a Limits"),
    ],
)
def test_an_unusable_setting_is_a_value_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Judge(**arguments)


DEEP: list[Any] = []
for _ in range(250):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("program", "problem", "message"),
    [
        ("", Problem("empty", "", ()), "problem 'empty' has no tests"),
        ("", Problem("odd", "", (StdioCase("", ""),), comparator="fuzzy"), "'odd': unknown comparator 'fuzzy'"),
        (b"print(1)", STDIO, "a program must be a string, not bytes"),
        ("", STDIO.to_dict(), "a problem must be a Problem, not dict"),
        (DOUBLE, Problem("f", "", (CallCase((object(),), 1),), entry_point="double"), "a call's test holds a object"),
        (DOUBLE, Problem("f", "", (CallCase((1,), object),), entry_point="double"), "a call's test holds a type"),
        (DOUBLE, Problem("f", "", (CallCase((DEEP,), 1),), entry_point="double"), "nested more than 200 levels deep"),
    ],
)
def test_an_unusable_problem_is_a_value_error_and_the_judge_goes_on(
    judge: Judge, program: Any, problem: Any, message: str
) -> None:
    assert judge.judge(DOUBLE, CALLS).outcome is OK
    before = children()
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            judge.judge(program, problem)
        assert judge.judge(DOUBLE, CALLS).outcome is OK
    assert before <= children()


def test_whatever_a_program_contains_is_a_verdict(judge: Judge) -> None:
    hostile = [
        "",
        "\0",
        "\ud800",
        "# -*- coding: nonsense -*-\n",
        "x = " + "(" * 5000,
        "x" * (1 << 21),
        "\ufeffprint(4)",
    ]
    outcomes = [judge.judge(program, STDIO).outcome for program in hostile]
    assert outcomes == [WA, CE, CE, CE, CE, CE, WA]


FORGED = """
import json, os, struct
def double(n):
    text = {payload!r}.encode()
    os.write(3, struct.pack("!II", len(text), 0) + text)
    while True: pass
"""


@pytest.mark.parametrize(
    "payload",
    ["{}", "[]", "5", '{"value": {"a": 1, "b": 2}}', '{"value": {"i": 5}}', '{"value": {"d": [[1]]}}', '{"error": 5}',
     '{"value": ' + "[" * 900 + "]" * 900 + "}", '{"loaded": true}', '{"status": 0, "value": {"h": [0]}}',
     '{"value": ' + "9" * 5000 + "}"],
    ids=lambda text: text[:30],
)  # fmt: skip
@pytest.mark.parametrize("problem", [CALLS, ASSERTS], ids=["call", "assert"])
def test_an_answer_that_the_program_forged_is_a_verdict_too(judge: Judge, problem: Problem, payload: str) -> None:
    judgement = judge.judge(FORGED.format(payload=payload), problem)
    assert judgement.cases[0].verdict is Verdict.FORBIDDEN
    assert judgement.outcome is RE


def test_judgements_come_in_the_order_of_the_pairs(judge: Judge) -> None:
    pairs = []
    for number in range(60):
        delay = "import time; time.sleep(0.02)\n" if number % 7 == 0 else ""
        pairs.append((f"{delay}print({number})", Problem(str(number), "", (StdioCase("", f"{number}\n"),))))
    judgements = judge.judge_many(iter(pairs))
    assert [found.outcome for found in judgements] == [OK] * 60
    shifted = judge.judge_many([(program, problem) for (program, _), (_, problem) in itertools.pairwise(pairs)])
    assert [found.outcome for found in shifted] == [WA] * 59


def test_the_same_program_for_the_same_problem_is_judged_once(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    real = judge_module._judge_with_retries

    def counted(trial: Any, worker: Any) -> Judgement:
        judged.append((trial.program, trial.problem.id))
        return real(trial, worker)

    monkeypatch.setattr(judge_module, "_judge_with_retries", counted)
    other = Problem("other", "", STDIO.tests)
    pairs = [(as_stdio("return 2 * n"), STDIO), (as_stdio("return n"), STDIO), (as_stdio("return 2 * n"), other)]
    judgements = judge.judge_many(pairs * 20)
    assert [found.outcome for found in judgements] == [OK, WA, OK] * 20
    assert len(judged) == 3


def test_many_threads_may_submit_at_once(judge: Judge) -> None:
    def run(number: int) -> bool:
        body = "return 2 * n" if number % 2 else "return n"
        return judge.judge(as_stdio(body) + f"# {number}", STDIO).passed

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(run, range(64))) == [number % 2 == 1 for number in range(64)]


def test_a_thousand_submissions_wait_without_loss(judge: Judge) -> None:
    problem = Problem("p", "", (CallCase((), 1),), entry_point="f")
    # Most do not compile: that is quick, and the message tells which is which.
    programs = [f"f = lambda: {number}" if number % 10 == 0 else "\n" * number + "f = (" for number in range(1000)]
    programs[0] = "f = lambda: 1"
    judgements = [future.result() for future in [judge.submit(program, problem) for program in programs]]
    assert [found.outcome for found in judgements] == [OK] + [CE, *[CE] * 8, WA] * 99 + [CE] * 9
    for number, found in enumerate(judgements):
        assert (f"(line {number + 1})" in found.compile_error) == (number % 10 != 0)


def test_closing_twice_is_legal_and_submitting_afterwards_is_not() -> None:
    judge = Judge(workers=1)
    assert judge.judge(DOUBLE, CALLS).passed
    judge.close()
    judge.close()
    with pytest.raises(RuntimeError, match="closed"):
        judge.submit(DOUBLE, CALLS)


def test_closing_cancels_what_waits_and_finishes_what_runs() -> None:
    judge = Judge(workers=1)
    futures = [judge.submit(f"import time; time.sleep(0.3)  # {number}", STDIO) for number in range(5)]
    while not futures[0].running():
        time.sleep(0.001)
    judge.close()
    assert futures[0].result().outcome is WA
    for future in futures[1:]:
        with pytest.raises(CancelledError):
            future.result()


def test_a_forgotten_judge_leaves_no_process_or_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = children()
    judge = Judge(workers=2)
    judge.judge(DOUBLE, CALLS)
    assert children() - before
    del judge
    gc.collect()
    deadline = time.monotonic() + 10
    while (children() - before or list(tmp_path.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.05)
        gc.collect()
    assert children() - before == set()
    assert list(tmp_path.iterdir()) == []


def children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread ended just now
            found.update(map(int, (task / "children").read_text().split()))
    return found


def judge_in_child(judge: Judge | None, answers: Any) -> None:
    judge = judge or Judge(workers=1)
    answers.put([found.outcome.value for found in judge.judge_many([(DOUBLE, CALLS), ("double = 5", CALLS)])])
    judge.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("inherited", [True, False])
def test_a_judge_works_in_a_forked_daemonic_child(judge: Judge, inherited: bool) -> None:
    assert judge.judge(DOUBLE, CALLS).passed
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=judge_in_child, args=(judge if inherited else None, answers), daemon=True)
    child.start()
    assert answers.get(timeout=60) == ["passed", "runtime_error"]
    child.join(60)
    assert child.exitcode == 0
    assert judge.judge(DOUBLE, CALLS).passed


IN_TORCH = f"""
import torch
from coderl_env.judge import Judge
from coderl_env.problem import CallCase, Problem
torch.ones(100, 100) @ torch.ones(100, 100)
with Judge(workers=2) as judge:
    problem = Problem("double", "", (CallCase((2,), 4),), entry_point="double")
    print([found.outcome.value for found in judge.judge_many([({DOUBLE!r}, problem), ("", problem)])])
"""


def test_a_judge_works_in_a_process_with_torch_loaded() -> None:
    pytest.importorskip("torch")
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", IN_TORCH], capture_output=True, text=True, timeout=120, env=environment
    )
    assert (done.stdout, done.returncode) == ("['passed', 'runtime_error']\n", 0), done.stderr


def test_a_killed_zygote_costs_a_retry_and_never_a_verdict() -> None:
    chance = random.Random(5)
    before = children()
    bodies = ["return 2 * n", "return n", "return 1 / 0"]
    expected = [OK, WA, RE]
    with Judge(workers=1) as judge:
        for round_number in range(8):
            futures = [judge.submit(as_stdio(body) + f"# {round_number}", STDIO) for body in bodies * 4]
            # Whatever it is doing then: waiting, compiling, forking, running, answering.
            time.sleep(chance.uniform(0.0, 0.03))
            killed = [pid for pid in children() - before if b"zygote.py" in command(pid)]
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            assert killed or round_number == 0
            assert [future.result().outcome for future in futures] == expected * 4


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_killed_referee_costs_a_retry_and_never_a_verdict() -> None:
    before = children()
    with Judge(workers=1) as judge:
        assert judge.judge(DOUBLE, ASSERTS).passed
        for pid in children() - before:
            if b"referee.py" in command(pid):
                os.kill(pid, signal.SIGKILL)
        assert judge.judge(DOUBLE, ASSERTS).passed


def test_the_judge_gives_up_after_a_bounded_number_of_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Mortal(Zygote):
        def __init__(self, *args: Any, **keywords: Any) -> None:
            super().__init__(*args, **keywords)
            started.append(self.pid)

        def exchange(self, data: bytes, answers: int, seconds: float) -> Any:
            if data:
                raise HelperFailure("a judge process ended")
            return super().exchange(data, answers, seconds)

    monkeypatch.setattr(worker_module, "Zygote", Mortal)
    with Judge(workers=1) as judge:
        with pytest.raises(JudgeError, match="the judge failed 3 times on a program for problem 'double'"):
            judge.judge(DOUBLE, CALLS)
        assert 3 <= len(started) <= 4
        monkeypatch.undo()
        assert judge.judge(DOUBLE, CALLS).passed


def test_no_room_for_a_process_is_a_judge_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with Judge(workers=1) as judge:
        assert judge.judge(DOUBLE, CALLS).passed

        def refuse(*args: Any, **keywords: Any) -> None:
            raise OSError(11, "Resource temporarily unavailable")

        with monkeypatch.context() as patch:
            patch.setattr(worker_module, "Zygote", refuse)
            patch.setattr(worker_module.Worker, "zygote", refuse)
            with pytest.raises(JudgeError, match="could not start a process"):
                judge.judge(DOUBLE, CALLS)
        assert judge.judge(DOUBLE, CALLS).passed


def test_nothing_grows_over_many_judgements(judge: Judge) -> None:
    programs = [as_stdio(body) for body, outcome, _ in BODIES if "while" not in body]

    def run(times: int) -> None:
        judge.judge_many([(f"{text}# {number}", STDIO) for number in range(times) for text in programs])
        judge.judge_many([(f"{DOUBLE}# {number}", kind) for number in range(times) for kind in (CALLS, ASSERTS)])

    def holdings() -> tuple[int, int, int, int]:
        helpers = children()
        descriptors = [len(list(Path(f"/proc/{name}/fd").iterdir())) for name in ("self", *helpers)]
        return descriptors[0], sum(descriptors), threading.active_count(), len(helpers)

    # Both workers at once, so that each has all its processes.
    slow = f"import time\ntime.sleep(0.2)\n{DOUBLE}"
    judge.judge_many([(f"{slow}# {number}", ASSERTS) for number in range(2)])
    run(3)
    before = holdings()
    run(12)
    assert holdings() == before
    assert b"" not in map(command, children())  # as a zombie's would be


def test_hash_seeds_are_the_same_in_every_run() -> None:
    program = "print({'apple', 'pear', 'plum', 'fig', 'kiwi', 'lime'})"
    problem = Problem("p", "", (StdioCase("", ""), StdioCase("", "")))
    outputs = set()
    for _ in range(3):
        with Judge(workers=1) as judge:
            outputs.update(case.output for case in judge.judge(program, problem).cases)
    assert len(outputs) == 1


@pytest.mark.parametrize("kind", ["run", "call"])
def test_tests_larger_than_a_socket_holds_cost_no_retry(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers come while requests are still being sent."""
    monkeypatch.setattr(worker_module.Worker, "restart", lambda worker: pytest.fail("a worker was started again"))
    text = "a" * 300_000
    tests: tuple[StdioCase | CallCase, ...]
    if kind == "run":
        tests = tuple(StdioCase(f"{n}{text}\n", f"{n}{text}\n") for n in range(12))
    else:
        tests = tuple(CallCase((f"{n}{text}",), f"{n}{text}") for n in range(12))
    problem = Problem("large", "", tests, entry_point=None if kind == "run" else "same")
    program = "print(input())" if kind == "run" else "def same(text): return text"
    with Judge(workers=1) as judge:
        assert judge.judge(program, problem).passed
