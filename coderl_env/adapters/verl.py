"""verl (0.9): `compute_score`, for `reward.custom_reward_function`.

    reward.custom_reward_function.path=pkg://coderl_env.adapters.verl
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.reward=binary

A row's `reward_model.ground_truth` is the task's id (`prompt_rows` of `.scoring` has the ids and prompts); everything
under `reward_kwargs` is a setting of `ScorerSettings`, or `on_judge_error`. verl calls it in a thread, one completion
at a time.

Where the judge fails: verl knows only numbers, so by default a `JudgeError` is raised and the run stops rather than
learning from a number that was made up. `on_judge_error=-1` (any number) gives that number instead and sets
`judge_error` to 1, so that such samples can be filtered and counted. Not imported here: verl.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coderl_env.adapters.scoring import shared_scorer

__all__ = ["compute_score"]


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    *,
    reward_router_address: str | None = None,
    reward_model_tokenizer: object = None,
    on_judge_error: str | float = "raise",
    **settings: Any,
) -> dict[str, float]:
    """Return `score`, and the figures `passed`, `pass_fraction` and `judge_error`; always the same keys.

    Args:
        data_source: not looked at; the task's id says where it comes from.
        solution_str: the completion.
        ground_truth: the task's id.
        extra_info: not looked at.
        reward_router_address: verl's, for reward models; not looked at.
        reward_model_tokenizer: likewise.
        on_judge_error: `raise`, or the score of a completion that could not be judged.
        settings: JSON values; see `coderl_env.adapters.scoring.ScorerSettings`.

    Raises:
        ValueError: an unknown task or setting.
        JudgeError: judging failed, and `on_judge_error` is `raise`.
    """
    if on_judge_error != "raise" and (isinstance(on_judge_error, bool) or not isinstance(on_judge_error, (int, float))):
        raise ValueError(f"on_judge_error must be 'raise' or a number, not {on_judge_error!r}")
    scored = shared_scorer(settings).score(ground_truth, solution_str)
    failed = scored.reward is None
    score = float(on_judge_error) if failed and on_judge_error != "raise" else scored.required()
    return {
        "score": score,
        "passed": float(scored.passed),
        "pass_fraction": scored.pass_fraction,
        "judge_error": float(failed),
    }
