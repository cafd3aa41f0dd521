"""What is asked of a vector - actions, environments, seeds, resets - read from the caller's forms, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coderl_env.env.arguments import check_choice
from coderl_env.env.rules import Rules

__all__ = ["ResetRequest", "read_env_ids", "read_reset", "read_texts", "read_tokens"]


@dataclass(frozen=True, slots=True)
class ResetRequest:
    """Which environments begin an episode, and how.

    Attributes:
        env_ids: the environments.
        partial: whether a mask chose them.
        seeds: a seed or None for each environment of the vector.
        problem_ids: a problem's id or None for each environment of the vector.
    """

    env_ids: list[int]
    partial: bool
    seeds: list[int | None]
    problem_ids: list[str | None]


def read_tokens(actions: object, count: int) -> NDArray[np.integer]:
    """Return `count` token ids, which may be out of range. (count,)

    Raises:
        ValueError: they are not that many, or not integers.
    """
    try:
        tokens = np.asarray(actions)
    except (ValueError, TypeError):  # of different lengths, say
        tokens = np.empty(0, dtype=object)
    if tokens.shape != (count,) or tokens.dtype.kind not in "iu" or _holds_booleans(actions):
        raise ValueError(
            f"actions are {count} integer token ids in token mode, one for each environment, not {_describe(actions)}"
        )
    return tokens


def read_texts(actions: object, count: int, rules: Rules) -> NDArray[np.object_]:
    """Return `count` texts. (count,)

    Raises:
        ValueError: they are not that many, or not text.
    """
    if isinstance(actions, (str, bytes)) or not isinstance(actions, (Sequence, np.ndarray)) or len(actions) != count:
        raise ValueError(
            f"actions are {count} texts in {rules.mode} mode, one for each environment, not {_describe(actions)}"
        )
    return np.array([rules.check_text(action) for action in actions], dtype=object)


def read_env_ids(env_ids: object, num_envs: int) -> NDArray[np.int64]:
    """Return the numbers of environments, each once.

    Raises:
        ValueError: they are no integers, out of range, or one comes twice.
    """
    try:
        ids = np.asarray(env_ids)
    except (ValueError, TypeError):
        ids = np.empty(0)
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or _holds_booleans(env_ids) or not ids.size:
        raise ValueError(f"env_ids are integers, one or more, such as info['env_id'], not {_describe(env_ids)}")
    if ids.min() < 0 or ids.max() >= num_envs:
        raise ValueError(f"env_ids are 0 to {num_envs - 1}, not {ids.tolist()}")
    ids = ids.astype(np.int64)
    # Quicker than sorting them.
    if np.count_nonzero(np.bincount(ids)) != len(ids):
        raise ValueError(f"an environment takes one action at a time, and env_ids names one twice: {ids.tolist()}")
    return ids


def read_reset(seed: object, options: Mapping[str, Any] | None, num_envs: int) -> ResetRequest:
    """Return what the arguments of `reset` ask for.

    Raises:
        ValueError: a seed, an option or its value is unusable.
    """
    options = options or {}
    for name in options:
        check_choice("reset option", name, ("problem_id", "reset_mask"))
    env_ids = list(range(num_envs))
    if "reset_mask" in options:
        env_ids = np.flatnonzero(_read_mask(options["reset_mask"], num_envs)).tolist()
    problem_ids = _read_problem_ids(options.get("problem_id"), num_envs)
    return ResetRequest(env_ids, "reset_mask" in options, _read_seeds(seed, num_envs), problem_ids)


def _read_mask(mask: object, num_envs: int) -> NDArray[np.bool_]:
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (num_envs,):
        raise ValueError(f"reset_mask must be a boolean array of shape ({num_envs},), not {_describe(mask)}")
    if not mask.any():
        raise ValueError("reset_mask is false everywhere; at least one environment must be reset")
    return mask


def _read_seeds(seed: object, num_envs: int) -> list[int | None]:
    if seed is None:
        return [None] * num_envs
    if _is_seed(seed):
        return [int(seed) + number for number in range(num_envs)]  # type: ignore[call-overload]  # checked
    each = seed.tolist() if isinstance(seed, np.ndarray) else seed
    if not isinstance(each, (list, tuple)) or len(each) != num_envs:
        raise ValueError(
            f"seed must be an integer from 0 on, None, or a list of {num_envs} of these, not {_describe(seed)}"
        )
    for one in each:
        if one is not None and not _is_seed(one):
            raise ValueError(f"each seed must be an integer from 0 on, or None, not {one!r}")
    return [None if one is None else int(one) for one in each]


def _is_seed(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= 0


def _read_problem_ids(problem_id: object, num_envs: int) -> list[str | None]:
    if problem_id is None or isinstance(problem_id, str):
        return [problem_id] * num_envs
    each = problem_id.tolist() if isinstance(problem_id, np.ndarray) else problem_id
    if not isinstance(each, (list, tuple)) or len(each) != num_envs:
        raise ValueError(f"problem_id must be an id, or a list of {num_envs} ids or Nones, not {_describe(problem_id)}")
    return list(each)


def _holds_booleans(values: object) -> bool:
    """Whether a list mixes truth values with its numbers, which numpy takes for 0 and 1."""
    return isinstance(values, (list, tuple)) and any(isinstance(value, (bool, np.bool_)) for value in values)


def _describe(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    return f"{type(value).__name__} {repr(value)[:60]}"
