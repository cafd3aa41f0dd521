"""The actors of a judge on a Ray cluster: where they are, how they start and end, and what their answers mean.

They reserve no processors with Ray, so they never wait for a place: a trainer that is itself a job of the cluster, or
several processes that learn together, judge on the nodes that they are on. Ray itself comes as an argument.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coderl_env.judge.dispatch import PlaceLostError
from coderl_env.judge.errors import IsolationError, JudgeError
from coderl_env.judge.judge import Judge
from coderl_env.judge.trial import JUDGE_VERSION
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem

__all__ = ["ActorPlace", "Shelf", "Started", "common_tier", "end_actors", "plan_actors", "start_actors"]

_START_SECONDS = 120.0
_CLOSE_SECONDS = 10.0
_RETRIES = 2  # of a program whose actor's process died, before its node counts as lost
_AHEAD = 2  # programs that an actor is given for each that it can judge at a time: the next is there at once
_REMEMBERED = 256  # problems kept in the cluster's object store


def plan_actors(nodes: Mapping[str, int], actors: int | None, workers: int | None) -> list[tuple[str, int]]:
    """Return for each actor its node and how many programs it judges at a time.

    Args:
        nodes: processors by node; nodes without are left alone.
        actors: how many actors; None is one for each node. More than there are nodes share the processors of theirs.
        workers: programs of each actor at a time, or None for its processors.

    Raises:
        JudgeError: no node has a processor.

    >>> plan_actors({"head": 0, "small": 2, "large": 8}, None, None)
    [('large', 8), ('small', 2)]
    >>> plan_actors({"small": 2, "large": 8}, 3, None)
    [('large', 4), ('small', 2), ('large', 4)]
    """
    usable = sorted((node for node in nodes if nodes[node] > 0), key=lambda node: -nodes[node])
    if not usable:
        raise JudgeError(f"none of the {len(nodes)} nodes of the cluster has a processor for Ray, so none can judge")
    chosen = [usable[number % len(usable)] for number in range(actors or len(usable))]
    return [(node, workers or max(1, nodes[node] // chosen.count(node))) for node in chosen]


def common_tier(said: Iterable[tuple[str, str]]) -> str:
    """Return the isolation tier that all actors have.

    Args:
        said: tier and judge version of each.

    Raises:
        IsolationError: they differ in the tier.
        JudgeError: one has another version of the judge than this process.

    >>> common_tier([("strict", JUDGE_VERSION), ("strict", JUDGE_VERSION)])
    'strict'
    """
    tiers = set()
    for tier, version in said:
        if version != JUDGE_VERSION:
            raise JudgeError(
                f"a node has version {version} of the judge and this process {JUDGE_VERSION}; "
                "install the same coderl-env on all nodes"
            )
        tiers.add(tier)
    first = min(tiers)
    if len(tiers) > 1:
        raise IsolationError(
            f"the cluster's nodes differ in their isolation ({' and '.join(sorted(tiers))}); ask for one by name: "
            f"isolation={first!r}, on the command line --isolation {first}"
        )
    return first


@dataclass(frozen=True, slots=True)
class Started:
    """A running actor, and what it says of its node."""

    handle: Any
    workers: int
    isolation: str
    judge_version: str


class _JudgeActor:
    """What runs on a node: a judge of that machine. Ray restarts it with the same arguments."""

    def __init__(self, workers: int, settings: Mapping[str, Any]) -> None:
        self._workers = workers
        self._settings = settings

    @cached_property
    def _judge(self) -> Judge:
        # Not made in __init__, whose exceptions Ray hands on as text only.
        return Judge(self._workers, **self._settings)

    def describe(self) -> tuple[str, str]:
        """Return the isolation tier and the version of the judge."""
        return self._judge.isolation, JUDGE_VERSION

    async def judge(self, program: bytes, problem: Problem) -> Judgement:
        """Judge one program."""
        return await asyncio.wrap_future(self._judge.submit(program.decode("utf-8", "surrogatepass"), problem))

    def close(self) -> None:
        """End the judge's processes."""
        self._judge.close()


class Shelf:
    """Problems in the cluster's object store: one goes to a node once, however many programs are for it."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        # By identity; the problem is held, so that no other can take its place.
        self._known: OrderedDict[int, tuple[Problem, Any]] = OrderedDict()

    def put(self, problem: Problem) -> Any:
        """Return Ray's reference to a problem."""
        found = self._known.pop(id(problem), None) or (problem, self._ray.put(problem))
        if len(self._known) >= _REMEMBERED:
            self._known.popitem(last=False)
        self._known[id(problem)] = found
        return found[1]


class ActorPlace:
    """An actor as the dispatcher sees it; implements `coderl_env.judge.dispatch.Place`."""

    def __init__(self, ray: Any, actor: Started, shelf: Shelf, tier: str) -> None:
        self.capacity = _AHEAD * actor.workers
        self._ray = ray
        self._handle = actor.handle
        self._shelf = shelf
        self._tier = tier

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Hand a program to the actor."""
        judged: Future[Judgement] = Future()
        answer = self._handle.judge.remote(program.encode("utf-8", "surrogatepass"), self._shelf.put(problem))
        answer.future().add_done_callback(lambda done: self._pass_on(done, judged))
        return judged

    def _pass_on(self, done: Future[Judgement], judged: Future[Judgement]) -> None:
        error = done.exception()
        if error is not None:
            judged.set_exception(_translated(self._ray, error))
        elif done.result().isolation != self._tier:
            # A node that was set up anew while its actor was restarted; `auto` must not fall back unseen.
            tier = done.result().isolation
            judged.set_exception(IsolationError(f"a node's isolation changed from {self._tier} to {tier}"))
        else:
            judged.set_result(done.result())


def _translated(ray: Any, error: BaseException) -> BaseException:
    """Return what an exception of Ray's means here: the judge's own exception, a fault of ours, or a lost place."""
    if isinstance(error, ray.exceptions.RayTaskError):
        cause = getattr(error, "cause", None)
        return cause if isinstance(cause, (ValueError, JudgeError)) else JudgeError(f"a node failed: {_line(error)}")
    return PlaceLostError(_line(error))


def start_actors(ray: Any, plan: Sequence[tuple[str, int]], settings: Mapping[str, Any]) -> list[Started]:
    """Start the actors and return those that run. Nodes that are lost meanwhile are left out.

    Raises:
        ValueError: the settings are of no use to a judge.
        IsolationError: a node does not offer the isolation that was asked for.
        JudgeError: no actor runs.
    """
    pin = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    kind = ray.remote(_JudgeActor)
    handles = [
        kind.options(
            num_cpus=0,
            max_concurrency=_AHEAD * workers + 1,
            max_restarts=-1,
            max_task_retries=_RETRIES,
            scheduling_strategy=pin(node, soft=False),
        ).remote(workers, settings)
        for node, workers in plan
    ]
    answers = [handle.describe.remote() for handle in handles]
    ray.wait(answers, num_returns=len(answers), timeout=_START_SECONDS)
    started, lost = [], []
    for handle, (_, workers), answer in zip(handles, plan, answers, strict=True):
        try:
            started.append(Started(handle, workers, *ray.get(answer, timeout=0)))
        except ray.exceptions.RayError as error:
            reason = _translated(ray, error)
            if isinstance(reason, IsolationError):
                raise IsolationError(f"on a node of the cluster, {reason}") from None
            if not isinstance(reason, PlaceLostError):
                raise reason from None
            lost.append(str(reason))
    if not started:
        raise JudgeError(f"no node of the cluster can judge: {lost[0]}")
    return started


def end_actors(ray: Any, actors: Sequence[Started]) -> None:
    """End the actors and the processes of their judges."""
    # Those of lost nodes do not answer any more.
    ending = [actor.handle.close.options(max_task_retries=0).remote() for actor in actors]
    if ending:
        ray.wait(ending, num_returns=len(ending), timeout=_CLOSE_SECONDS)
    for actor in actors:
        ray.kill(actor.handle)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[-300:]
