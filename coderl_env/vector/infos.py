"""The `info` of a vector: one dict of arrays, made of the dicts of its environments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

__all__ = ["add_masks", "gather_infos"]


class _Rows(VectorEnv[Any, Any, Any]):
    """As many rows as a batch has, so that Gymnasium's own code builds the arrays."""

    def __init__(self, count: int) -> None:
        self.num_envs = count


def gather_infos(count: int, infos: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the dict of arrays, with masks under `_key`, as `gymnasium.vector.VectorEnv` builds it.

    Args:
        count: rows of the arrays.
        infos: row and dict of each environment that has something to say.
    """
    rows = _Rows(count)
    gathered: dict[str, Any] = {}
    for row, info in infos:
        gathered = rows._add_info(gathered, dict(info), row)
    return gathered


def add_masks(infos: dict[str, Any], mask: NDArray[np.int8], rows: NDArray[np.bool_]) -> None:
    """Put the action masks of `rows` into `infos`. (vocabulary,), (environments,)"""
    infos["action_mask"] = np.where(rows[:, None], mask, np.int8(0))
    infos["_action_mask"] = rows.copy()
