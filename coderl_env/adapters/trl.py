"""TRL (1.16): a reward function for GRPOTrainer and RLOOTrainer.

    reward = make_reward(reward="coderl")
    trainer = GRPOTrainer(model, reward_funcs=reward, train_dataset=Dataset.from_list(prompt_rows(...)), args=...)

The data set needs a column `task_id` beside `prompt`. TRL hands every column over with the completions.

Where the judge fails, the reward of that completion is None: TRL leaves it out of the group's mean and gives it no
advantage. How many there were is logged as `judge_errors`. Not imported here: trl.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from coderl_env.adapters.extraction import Completion
from coderl_env.adapters.scoring import ProgramScorer, make_scorer, prompt_rows

__all__ = ["TrlReward", "make_reward", "prompt_rows"]


class TrlReward:
    """A reward function as TRL calls it. Make it with `make_reward`."""

    def __init__(self, scorer: ProgramScorer, task_id_column: str) -> None:
        self.scorer = scorer
        self._column = task_id_column
        self.__name__ = "coderl"  # the name of the reward in TRL's logs

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Completion],
        completion_ids: Sequence[Sequence[int]] | None = None,
        *,
        log_metric: Callable[[str, float], None] | None = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """Return the reward of every completion, None where the judge failed.

        Args:
            prompts: not looked at; the task's id says which problem it is.
            completions: texts or chat messages.
            completion_ids: not looked at.
            log_metric: TRL's, for figures.
            log_extra: TRL's, for columns of the completions' table.
            columns: the other columns of the data set, and whatever else TRL hands over.

        Raises:
            ValueError: the column of task ids is missing, or an id is unknown.
        """
        if self._column not in columns:
            names = ", ".join(sorted(columns)) or "none"
            raise ValueError(f"the data set has no column {self._column!r} with the tasks' ids; it has {names}")
        scored = self.scorer.score_many(columns[self._column], completions)
        if log_metric is not None:
            judged = [item for item in scored if item.judgement is not None]
            log_metric("judge_errors", float(len(scored) - len(judged)))
            if judged:
                log_metric("passed", sum(item.passed for item in judged) / len(judged))
        if log_extra is not None:
            outcomes = ["" if item.judgement is None else item.judgement.outcome.value for item in scored]
            log_extra("outcome", outcomes)
        return [item.reward for item in scored]


def make_reward(*, task_id_column: str = "task_id", **settings: Any) -> TrlReward:
    """Return a reward function.

    Args:
        task_id_column: the column of the data set that holds the tasks' ids.
        settings: see `coderl_env.adapters.scoring.ScorerSettings`.

    Raises:
        ValueError: a setting is unknown or unusable.
    """
    return TrlReward(make_scorer(settings), task_id_column)
