"""Judging on a Ray cluster, with nodes and processes that are killed. Needs ray: `pip install 'coderl-env[ray]'`."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coderl_env.judge import JUDGE_VERSION, IsolationError, Judge, JudgeError, Limits, ray_actors
from coderl_env.judge.dispatch import PlaceLostError
from coderl_env.judge.ray_actors import ActorPlace, Shelf, Started, common_tier, plan_actors
from coderl_env.judge.ray_judge import RayJudge
from coderl_env.outcome import Judgement, Outcome
from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

HAS_RAY = find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="ray is not installed")

LIMITS = Limits(cpu_seconds=1.0, wall_seconds=10.0, program_cpu_seconds=4.0)
STDIO = Problem("double", "", (StdioCase("2\n", "4\n"), StdioCase("5\n", "10\n")))
CALLS = Problem("double", "", (CallCase((2,), 4),), entry_point="double")
ASSERTS = Problem("double", "", (AssertCase("assert double(2) == 4"),), entry_point="double")
UNSENDABLE = Problem("odd", "", (CallCase((object(),), 1),), entry_point="double")


@pytest.mark.skipif(HAS_RAY, reason="ray is installed")
def test_without_ray_the_error_says_what_to_install() -> None:
    with pytest.raises(ValueError, match=r"pip install 'coderl-env\[ray\]'"):
        RayJudge("local")


@pytest.mark.parametrize("settings", [{"workers": 0}, {"actors": 0}, {"comparator": "none"}, {"stop": "later"}])
def test_settings_are_checked_before_the_cluster_is(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        RayJudge("127.0.0.1:1", **settings)


@pytest.mark.parametrize(
    ("actors", "workers", "plan"),
    [
        (None, None, [("large", 8), ("small", 2)]),
        (None, 3, [("large", 3), ("small", 3)]),
        (1, None, [("large", 8)]),
        (3, None, [("large", 4), ("small", 2), ("large", 4)]),
        (6, None, [("large", 2), ("small", 1)] * 3),
    ],
)
def test_every_node_with_processors_has_an_actor(
    actors: int | None, workers: int | None, plan: list[tuple[str, int]]
) -> None:
    assert plan_actors({"head": 0, "small": 2, "large": 8}, actors, workers) == plan


def test_a_cluster_without_processors_cannot_judge() -> None:
    with pytest.raises(JudgeError, match="none of the 1 nodes"):
        plan_actors({"head": 0}, None, None)


def test_nodes_that_differ_are_refused() -> None:
    with pytest.raises(IsolationError, match=r"portable and strict.*--isolation portable"):
        common_tier([("strict", JUDGE_VERSION), ("portable", JUDGE_VERSION)])
    with pytest.raises(JudgeError, match="version 0 of the judge"):
        common_tier([("strict", JUDGE_VERSION), ("strict", "0")])


class LostError(Exception):
    """Stands for Ray's exceptions of its own."""


class TaskFailedError(Exception):
    """Stands for Ray's wrapper around what a task raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("a long traceback")
        self.cause = cause


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (LostError("the actor died"), PlaceLostError, "the actor died"),
        (TaskFailedError(ValueError("a bad checker")), ValueError, "^a bad checker$"),
        (TaskFailedError(JudgeError("3 times")), JudgeError, "^3 times$"),
        (TaskFailedError(ImportError("no coderl_env")), JudgeError, "a node failed: a long traceback"),
        (Judgement(Outcome.PASSED, (), "portable", "lines", "2"), IsolationError, "changed from strict to portable"),
    ],
)
def test_what_an_actor_answers_is_told_apart(answer: Any, kind: type[Exception], words: str) -> None:
    said: Future[Any] = Future()
    handle = SimpleNamespace(judge=SimpleNamespace(remote=lambda *_: SimpleNamespace(future=lambda: said)))
    ray = SimpleNamespace(put=lambda value: value, exceptions=SimpleNamespace(RayTaskError=TaskFailedError))
    actor = Started(handle, 1, "strict", JUDGE_VERSION)
    judged = ActorPlace(ray, actor, Shelf(ray), "strict").submit("x", STDIO)
    if isinstance(answer, Exception):
        said.set_exception(answer)
    else:
        said.set_result(answer)
    with pytest.raises(kind, match=words):
        judged.result(timeout=1)


def test_a_problem_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_actors, "_REMEMBERED", 2)
    sent: Counter[str] = Counter()

    def put(problem: Problem) -> str:
        sent[problem.id] += 1
        return f"reference to {problem.id}"

    shelf = Shelf(SimpleNamespace(put=put))
    a, b, c = (Problem(name, "", ()) for name in "abc")
    assert [shelf.put(problem) for problem in (a, b, a, c, a)] == [f"reference to {name}" for name in "abaca"]
    assert sent == {"a": 1, "b": 1, "c": 1}
    shelf.put(b)
    assert sent["b"] == 2, "the one that was not used for longest is forgotten"


def _echoing(count: int) -> list[tuple[str, Problem]]:
    """Programs that take a moment and print their number, each for a problem of its own."""
    return [
        (f"import time; time.sleep(0.2); print({number})", Problem(f"p{number}", "", (StdioCase("", f"{number}\n"),)))
        for number in range(count)
    ]


def _answers(judgements: list[Judgement]) -> list[str]:
    return [judgement.cases[0].output.strip() for judgement in judgements]


def _settled(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def _children_named(name: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if name.encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


@needs_ray
def test_an_address_where_nothing_listens_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="Connection refused"):
        RayJudge("127.0.0.1:1")


@pytest.mark.slow
@needs_ray
def test_the_same_judge_on_a_cluster(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judgements are those of a judge of this machine, and so are the errors."""
    programs = [
        "print(2 * int(input()))",
        "print(int(input()))",
        "1 / 0",
        "while True: pass",
        "text = '\ud800'",
        "a b",
        "def double(n):\n    return 2 * n\n",
    ]
    pairs = [(program, problem) for program in programs for problem in (STDIO, CALLS, ASSERTS)]
    settings: dict[str, Any] = {"limits": LIMITS, "stop": "first_failure"}
    with Judge(2, **settings) as local:
        expected = local.judge_many(pairs)
        tier = local.isolation
    with RayJudge(cluster.address, **settings) as judge:
        assert (judge.isolation, judge.stop) == (tier, "first_failure")
        assert judge.judge_many(pairs) == expected
        with pytest.raises(ValueError, match="no tests"):
            judge.submit("x", Problem("empty", "", ()))
        with pytest.raises(ValueError, match=r"^a call's test holds a object"):
            judge.judge("def double(n):\n    return 2 * n\n", UNSENDABLE)
        with pytest.raises(ValueError, match="a program must be a string"):
            judge.submit(b"x", STDIO)  # type: ignore[arg-type]
    judge.close()
    with pytest.raises(RuntimeError, match="closed"):
        judge.submit("x", STDIO)
    assert _settled(lambda: not _children_named("ray::_JudgeActor"))
    cache = tmp_path / "verdicts.sqlite"
    with RayJudge(cluster.address, workers=1, actors=1, cache=cache, **settings) as judge:
        assert judge.judge_many(pairs) == expected
    with RayJudge(cluster.address, cache=cache, **settings) as judge:
        monkeypatch.setattr(judge._dispatcher, "submit", None)
        assert judge.judge_many(pairs) == expected, "the cache answers all"
    with RayJudge(cluster.address, isolation="none", cache=cache, **settings) as judge:
        assert judge.judge("print(2 * int(input()))", STDIO).isolation == "none"


@pytest.mark.slow
@needs_ray
def test_a_node_that_dies_loses_no_program_and_answers_none_twice(cluster: Any) -> None:
    pairs = _echoing(60)
    answered: Counter[int] = Counter()
    with RayJudge(cluster.address) as judge:
        futures = [judge.submit(*pair) for pair in pairs]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: answered.update([number]))
        futures[8].result()
        assert sum(future.done() for future in futures) < 40
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        judgements = [future.result() for future in futures]
        assert _answers(judgements) == [str(number) for number in range(60)]
        assert {judgement.outcome for judgement in judgements} == {Outcome.PASSED}
        assert {judgement.isolation for judgement in judgements} == {judge.isolation}
        assert answered == dict.fromkeys(range(60), 1)
        # What comes later goes to the node that is left.
        assert _answers(judge.judge_many(pairs[:4])) == ["0", "1", "2", "3"]
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        with pytest.raises(JudgeError, match="lost"):
            judge.judge(*pairs[0])
    with pytest.raises(JudgeError, match=r"no node of the cluster|none of the"):
        RayJudge(cluster.address)


@pytest.mark.slow
@needs_ray
def test_an_actor_whose_process_dies_comes_back(cluster: Any) -> None:
    pairs = _echoing(20)
    with RayJudge(cluster.address, workers=1, actors=1) as judge:
        futures = [judge.submit(*pair) for pair in pairs]
        futures[1].result()
        (process,) = _children_named("ray::_JudgeActor")
        os.kill(process, signal.SIGKILL)
        assert _answers([future.result() for future in futures]) == [str(number) for number in range(20)]
        assert _children_named("ray::_JudgeActor") != [process]
