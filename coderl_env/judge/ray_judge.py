"""A judge whose programs run on the nodes of a Ray cluster, each of which must have this package installed.

Every node has one actor, which holds an ordinary judge of that machine; programs and problems go there, judgements come
back. Ray starts an actor whose process died again, on the same node; what a lost node had goes to another
(`coderl_env.judge.dispatch`).

The actors reserve no processors with Ray, so they never wait for a place: a trainer that is itself a job of the
cluster, or several processes that learn together, judge on the nodes that they are on.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from coderl_env.judge.cache import VerdictCache, cache_key
from coderl_env.judge.dispatch import Dispatcher, PlaceLostError
from coderl_env.judge.errors import IsolationError, JudgeError
from coderl_env.judge.judge import Judge, check_count, check_settings, judge_in_order
from coderl_env.judge.ray_cluster import connect
from coderl_env.judge.trial import JUDGE_VERSION, Settings, Trial
from coderl_env.outcome import Judgement
from coderl_env.problem import Limits, Problem

__all__ = ["RayJudge", "common_tier", "plan_actors"]

_START_SECONDS = 120.0
_CLOSE_SECONDS = 10.0
_RETRIES = 2  # of a program whose actor's process died, before its node counts as lost
_AHEAD = 2  # programs that an actor is given for each that it can judge at a time: the next is there at once
_REMEMBERED = 256  # problems kept in the cluster's object store


class RayJudge:
    """Runs programs on the nodes of a Ray cluster; otherwise as `coderl_env.judge.Judge`.

    All nodes must offer the same isolation. Not for processes that are forked while it is open.

    Args:
        address: of a running cluster (`auto` finds the one of this machine), or `local` to start one here.
        workers: how many programs an actor judges at a time; None is one per processor that its node gave to Ray.
        limits: as for `Judge`.
        comparator: as for `Judge`.
        isolation: as for `Judge`.
        stop: as for `Judge`.
        cache: as for `Judge`; the file is on this machine.
        actors: how many actors judge; None is one for each node.

    Raises:
        ValueError: an unknown name or an unusable value, Ray is not installed, or there is no cluster.
        IsolationError: a node does not offer the isolation that was asked for, or not the one that the others have.
        JudgeError: no node can judge.
    """

    def __init__(
        self,
        address: str,
        workers: int | None = None,
        limits: Limits | None = None,
        comparator: str = "lines",
        isolation: str = "auto",
        stop: str = "first_limit",
        cache: str | os.PathLike[str] | None = None,
        *,
        actors: int | None = None,
    ) -> None:
        check_settings(workers, limits, comparator, isolation, stop)
        check_count("actors", actors)
        self._ray = connect(address)
        nodes = {node["NodeID"]: int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["Alive"]}
        plan = plan_actors(nodes, actors, workers)
        settings = {"limits": limits, "comparator": comparator, "isolation": isolation, "stop": stop}
        self._actors = _start_actors(self._ray, plan, settings)
        tier = common_tier([(actor.isolation, actor.judge_version) for actor in self._actors])
        self._settings = Settings(limits or Limits(), comparator, stop, tier)
        self._cache = None if cache is None else VerdictCache(Path(cache))
        shelf = _Shelf(self._ray)
        self._dispatcher = Dispatcher([_ActorPlace(self._ray, actor, shelf, tier) for actor in self._actors])

    @property
    def isolation(self) -> str:
        """The isolation tier that programs run in on every node: `strict`, `portable` or `none`."""
        return self._settings.isolation

    @property
    def stop(self) -> str:
        """When the tests of a program that are left are not run: one of `coderl_env.judge.STOPS`."""
        return self._settings.stop

    def judge(self, program: str, problem: Problem) -> Judgement:
        """Judge one program.

        Raises:
            ValueError: the problem has no tests, or its tests, comparator or checker cannot be used.
            JudgeError: the judge could not do its work, or the cluster lost too many nodes.
        """
        return self.submit(program, problem).result()

    def judge_many(self, pairs: Iterable[tuple[str, Problem]]) -> list[Judgement]:
        """Judge many pairs of program and problem; return the judgements in their order.

        The same program for the same problem is judged once.
        """
        return judge_in_order(self.submit, pairs)

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Queue one program and return the future of its judgement.

        Raises:
            ValueError: as `judge`.
            RuntimeError: the judge is closed.
        """
        if not isinstance(program, str):
            raise ValueError(f"a program must be a string, not {type(program).__name__}")
        trial = Trial.prepare(program, problem, self._settings)
        cache = self._cache
        if cache is None:
            return self._dispatcher.submit(program, problem)
        key = cache_key(trial)
        found = cache.get(key)
        if found is not None:
            known: Future[Judgement] = Future()
            known.set_result(found)
            return known
        future = self._dispatcher.submit(program, problem)
        future.add_done_callback(lambda done: _remember(cache, key, done))
        return future

    def close(self) -> None:
        """End all actors; programs not yet handed to one are cancelled. May be called twice."""
        self._dispatcher.close()
        actors, self._actors = self._actors, []
        if self._ray.is_initialized():
            _end_actors(self._ray, actors)
        if self._cache is not None:
            self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
class _Started:
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


class _Shelf:
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


class _ActorPlace:
    """An actor as the dispatcher sees it; implements `coderl_env.judge.dispatch.Place`."""

    def __init__(self, ray: Any, actor: _Started, shelf: _Shelf, tier: str) -> None:
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


def _start_actors(ray: Any, plan: Sequence[tuple[str, int]], settings: Mapping[str, Any]) -> list[_Started]:
    """Start the actors and return those that run. Nodes that are lost meanwhile are left out.

    Raises:
        ValueError, IsolationError, JudgeError: as `RayJudge`.
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
            started.append(_Started(handle, workers, *ray.get(answer, timeout=0)))
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


def _end_actors(ray: Any, actors: Sequence[_Started]) -> None:
    # Those of lost nodes do not answer any more.
    ending = [actor.handle.close.options(max_task_retries=0).remote() for actor in actors]
    if ending:
        ray.wait(ending, num_returns=len(ending), timeout=_CLOSE_SECONDS)
    for actor in actors:
        ray.kill(actor.handle)


def _remember(cache: VerdictCache, key: str, done: Future[Judgement]) -> None:
    if not done.cancelled() and done.exception() is None:
        cache.put(key, done.result())


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[-300:]
