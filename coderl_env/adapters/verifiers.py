"""verifiers (0.4, its v1 interface): the problems of a data set as a taskset.

    verifiers eval coderl_env.adapters.verifiers --env.taskset.dataset apps

The taskset is made when it is first asked for, as `CodeRLTaskset` of this module, because its classes derive from those
of verifiers, which is imported only then.

Where the judge fails, the reward raises `JudgeError`: verifiers records a task error on the trace and gives it no
reward. No number is made up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from coderl_env.adapters.scoring import prompt_rows, shared_scorer
from coderl_env.datasets import load_dataset

__all__ = ["CodeRLTaskset"]  # noqa: F822 - made by __getattr__


# Their bases have no types here: the package need not be installed.
@cache
def _classes(v1: Any) -> dict[str, type]:
    class CodeRLConfig(v1.TasksetConfig):  # type: ignore[misc]
        """Which problems, and what decides about them; see `coderl_env.adapters.scoring.ScorerSettings`."""

        dataset: str = "synth"
        split: str | None = None
        data_dir: str | None = None
        difficulties: list[str] | None = None
        count: int = 1000
        seed: int = 0
        tests: str = "hidden"
        reward: str = "coderl"
        completion: str = "auto"
        comparator: str = "lines"
        isolation: str = "auto"

    class CodeRLData(v1.TaskData):  # type: ignore[misc]
        """A problem's id, and the settings that it is judged by."""

        task_id: str
        settings: dict[str, Any]

    class CodeRLTask(v1.Task[CodeRLData, v1.State, v1.TaskConfig]):  # type: ignore[misc]
        """A problem; its reward is what the judge makes of the last reply."""

        @property
        def key(self) -> str:
            """The problem's id."""
            return str(self.data.task_id)

        @v1.reward  # type: ignore[untyped-decorator]
        async def coderl(self, trace: Any) -> float:
            """Judge the program of the last reply."""
            scorer = shared_scorer(self.data.settings)
            scored = await asyncio.to_thread(scorer.score, self.data.task_id, trace.last_reply)
            reward = scored.required()
            assert scored.judgement is not None
            trace.info["coderl"] = {
                "outcome": scored.judgement.outcome.value,
                "pass_fraction": scored.pass_fraction,
            }
            return reward

    class CodeRLTaskset(v1.Taskset[CodeRLTask, CodeRLConfig]):  # type: ignore[misc]
        """The problems of a data set; of an endless one, `count` that `seed` draws."""

        def load(self) -> Iterator[CodeRLTask]:
            """Yield the tasks."""
            config = self.config
            dataset = load_dataset(config.dataset, config.split, config.data_dir, config.difficulties)
            settings = {
                "dataset": config.dataset,
                "split": config.split,
                "data_dir": config.data_dir,
                "difficulties": config.difficulties,
                "tests": config.tests,
                "reward": config.reward,
                "completion": config.completion,
                "comparator": config.comparator,
                "isolation": config.isolation,
            }
            for row in prompt_rows(dataset, config.count, seed=config.seed):
                task_id = row["task_id"]
                data = CodeRLData(id=task_id, name=task_id, prompt=row["prompt"], task_id=task_id, settings=settings)
                yield CodeRLTask(data, config.task)

    return {"CodeRLTaskset": CodeRLTaskset, "CodeRLTask": CodeRLTask, "CodeRLConfig": CodeRLConfig}


def __getattr__(name: str) -> Any:
    if name not in ("CodeRLTaskset", "CodeRLTask", "CodeRLConfig"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _classes(import_module("verifiers.v1"))[name]
