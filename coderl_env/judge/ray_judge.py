"""A judge whose programs run on the nodes of a Ray cluster, each of which must have this package installed.

Every node has one actor, which holds an ordinary judge of that machine; programs and problems go there, judgements come
back. Ray starts an actor whose process died again, on the same node; what a lost node had goes to another
(`coderl_env.judge.dispatch`).

Not here: the actors (`coderl_env.judge.ray_actors`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self

from coderl_env.judge.cache import VerdictCache, cache_key
from coderl_env.judge.dispatch import Dispatcher
from coderl_env.judge.judge import check_count, check_settings, judge_in_order
from coderl_env.judge.ray_actors import ActorPlace, Shelf, common_tier, end_actors, plan_actors, start_actors
from coderl_env.judge.ray_cluster import connect
from coderl_env.judge.trial import Settings, Trial
from coderl_env.outcome import Judgement
from coderl_env.problem import Limits, Problem

__all__ = ["RayJudge"]


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
        self._actors = start_actors(self._ray, plan, settings)
        tier = common_tier([(actor.isolation, actor.judge_version) for actor in self._actors])
        self._settings = Settings(limits or Limits(), comparator, stop, tier)
        self._cache = None if cache is None else VerdictCache(Path(cache))
        shelf = Shelf(self._ray)
        self._dispatcher = Dispatcher([ActorPlace(self._ray, actor, shelf, tier) for actor in self._actors])

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
            end_actors(self._ray, actors)
        if self._cache is not None:
            self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _remember(cache: VerdictCache, key: str, done: Future[Judgement]) -> None:
    if not done.cancelled() and done.exception() is None:
        cache.put(key, done.result())
