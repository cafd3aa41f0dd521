"""What the agent sees: the token ids of the prompt and of the program so far, in windows of fixed size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Observation", "Window"]

Observation = dict[str, NDArray[np.int32]]


class Window:
    """The observation, kept in one row of numbers so that one copy makes all of its arrays new.

    Args:
        prompt_size: places for token ids of the prompt.
        program_size: places for token ids of the program.
        pad_id: what fills the places that are not taken.
        copy: whether observations are new arrays, or the row itself.
    """

    __slots__ = ("_cells", "_copy", "_pad_id", "_place", "_row", "_slices", "_start", "_stop")

    def __init__(self, prompt_size: int, program_size: int, pad_id: int, copy: bool) -> None:
        start = prompt_size + 1
        stop = start + program_size
        # prompt, its length, program, its length
        self._row: NDArray[np.int32] = np.full(stop + 1, pad_id, dtype=np.int32)
        self._cells = self._row.data  # writes one number in half of numpy's time
        self._slices = (slice(start - 1), slice(start - 1, start), slice(start, stop), slice(stop, stop + 1))
        self._pad_id = pad_id
        self._copy = copy
        self._start = start
        self._stop = stop
        self._place = start

    @property
    def program(self) -> list[int]:
        """The token ids of the program so far."""
        token_ids: list[int] = self._row[self._start : self._place].tolist()
        return token_ids

    @property
    def full(self) -> bool:
        """Whether the program has no place left."""
        return self._place == self._stop

    def write_prompt(self, token_ids: Sequence[int]) -> None:
        """Make `token_ids`, which fit, the prompt."""
        self._row[: self._start] = self._pad_id
        self._row[: len(token_ids)] = token_ids
        self._row[self._start - 1] = len(token_ids)

    def write_program(self, token_ids: Sequence[int]) -> None:
        """Make `token_ids`, which fit, the program."""
        self._place = self._start + len(token_ids)
        self._row[self._start : self._place] = token_ids
        self._row[self._place : self._stop] = self._pad_id
        self._row[-1] = len(token_ids)

    def push(self, token: int) -> Observation | None:
        """Add a token id to the program, which has a place left; return the observation, or None if it is now full."""
        place = self._place
        cells = self._cells
        cells[place] = token
        place += 1
        self._place = place
        cells[-1] = place - self._start
        if place == self._stop:
            return None
        # As `observe`, without the call: this runs for every token.
        row = self._row.copy() if self._copy else self._row
        prompt, prompt_length, program, program_length = self._slices
        return {
            "prompt": row[prompt],
            "prompt_length": row[prompt_length],
            "program": row[program],
            "program_length": row[program_length],
        }

    def observe(self) -> Observation:
        """Return the observation."""
        row = self._row.copy() if self._copy else self._row
        keys = ("prompt", "prompt_length", "program", "program_length")
        return {key: row[part] for key, part in zip(keys, self._slices, strict=True)}
