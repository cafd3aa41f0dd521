"""OpenRLHF (0.11): `reward_func`, for `--reward.remote_url path/to/this/file.py` (before: `--remote_rm_url`).

The data set's label (`--data.label_key`) is the task's id. For settings of your own, write a file of two lines and
name that instead:

    from coderl_env.adapters.openrlhf import make_reward_func
    reward_func = make_reward_func(reward="binary")

Where the judge fails, a `JudgeError` is raised. OpenRLHF catches it, logs it and leaves that sample without a reward;
its trainer then stops over the missing number rather than learning from one that was made up. Give
`make_reward_func(on_judge_error=-1)` to have a number instead. Not imported here: openrlhf.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from coderl_env.adapters.scoring import ProgramScorer, Scored, make_scorer

__all__ = ["make_reward_func", "reward_func"]

# Queries come with the special tokens of their end.
_END_TEXTS = ("</s>", "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<eos>", "<end_of_turn>", "<pad>")

RewardFunc = Callable[[Sequence[str], Sequence[str], Sequence[str]], dict[str, Any]]


def make_reward_func(*, on_judge_error: str | float = "raise", **settings: Any) -> RewardFunc:
    """Return a reward function as OpenRLHF calls it: `reward_func(queries, prompts, labels)`.

    It returns `rewards`, `scores` (share of the tests passed, 0 to 1) and `extra_logs`: numbers for one query, which is
    what OpenRLHF asks for at a time, lists for several.

    Args:
        on_judge_error: `raise`, or the reward of a completion that could not be judged.
        settings: see `coderl_env.adapters.scoring.ScorerSettings`.

    Raises:
        ValueError: a setting is unknown or unusable.
    """
    if on_judge_error != "raise" and (isinstance(on_judge_error, bool) or not isinstance(on_judge_error, (int, float))):
        raise ValueError(f"on_judge_error must be 'raise' or a number, not {on_judge_error!r}")
    scorer = make_scorer(settings)

    def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
        return _answer(scorer, queries, prompts, labels, on_judge_error)

    return reward_func


_default: dict[str, RewardFunc] = {}


def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Judge completions with the default settings; see `make_reward_func`.

    Args:
        queries: prompt and completion, as one text.
        prompts: the prompts.
        labels: the tasks' ids.

    Raises:
        ValueError: an unknown task, or a query that does not begin with its prompt.
        JudgeError: judging failed.
    """
    if "default" not in _default:
        _default["default"] = make_reward_func()
    return _default["default"](queries, prompts, labels)


def _answer(
    scorer: ProgramScorer,
    queries: Sequence[str],
    prompts: Sequence[str],
    labels: Sequence[str],
    on_judge_error: str | float,
) -> dict[str, Any]:
    completions = [_completion(query, prompt) for query, prompt in zip(queries, prompts, strict=True)]
    scored = scorer.score_many(labels, completions)
    rewards = [_reward(item, on_judge_error) for item in scored]
    figures = {
        "passed": [float(item.passed) for item in scored],
        "judge_error": [float(item.judgement is None) for item in scored],
    }
    return {
        "rewards": _one_or_all(rewards),
        "scores": _one_or_all([item.pass_fraction for item in scored]),
        "extra_logs": {name: _one_or_all(values) for name, values in figures.items()},
    }


def _reward(scored: Scored, on_judge_error: str | float) -> float:
    if scored.reward is None and not isinstance(on_judge_error, str):
        return float(on_judge_error)
    return scored.required()


def _one_or_all(values: list[float]) -> float | list[float]:
    return values[0] if len(values) == 1 else values


def _completion(query: str, prompt: str) -> str:
    if not query.startswith(prompt):
        raise ValueError(
            f"a query must begin with its prompt, but {query[:40]!r} does not begin with {prompt[:40]!r}; "
            "the prompt was cut or spelled differently: raise the length of prompts"
        )
    text = query[len(prompt) :]
    while (shorter := _without_end(text)) != text:
        text = shorter
    return text


def _without_end(text: str) -> str:
    for end in _END_TEXTS:
        text = text.removesuffix(end)
    return text
