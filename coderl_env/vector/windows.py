"""What the agents of a vector see: `coderl_env.env.window` for many environments at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coderl_env.env.window import Observation

__all__ = ["Windows"]

_KEYS = ("prompt", "prompt_length", "program", "program_length")


class Windows:
    """The observations of many environments, in one run of numbers so that one copy makes all of their arrays new.

    Args:
        count: number of environments.
        prompt_size: places for token ids of a prompt.
        program_size: places for token ids of a program.
        pad_id: what fills the places that are not taken.
        copy: whether the observations of all environments are new arrays, or views of the run itself.
    """

    __slots__ = ("_blocks", "_cells", "_copy", "_lengths", "_pad_id", "_places", "_shapes", "_slices", "_starts")

    def __init__(self, count: int, prompt_size: int, program_size: int, pad_id: int, copy: bool) -> None:
        # one block for each key: prompts, their lengths, programs, their lengths
        self._shapes = tuple((count, size) for size in (prompt_size, 1, program_size, 1))
        stops = np.cumsum([rows * size for rows, size in self._shapes]).tolist()
        self._slices = tuple(slice(start, stop) for start, stop in zip([0, *stops], stops, strict=False))
        self._cells: NDArray[np.int32] = np.full(stops[-1], pad_id, dtype=np.int32)
        self._blocks = self._split(self._cells)
        self._lengths = self._cells[self._slices[3]]
        # where in the run each program begins, and where its next token goes
        self._starts: NDArray[np.int64] = np.arange(count, dtype=np.int64) * program_size + stops[1]
        self._places = self._starts.copy()
        self._pad_id = pad_id
        self._copy = copy

    @property
    def rooms(self) -> NDArray[np.int64]:
        """How many more tokens each program can take. (environments,)"""
        rooms: NDArray[np.int64] = self._starts + self._shapes[2][1] - self._places
        return rooms

    def full(self, row: int) -> bool:
        """Whether a program has no place left."""
        return bool(self._places[row] - self._starts[row] == self._shapes[2][1])

    def program(self, row: int) -> list[int]:
        """Return the token ids of a program so far."""
        token_ids: list[int] = self._cells[self._starts[row] : self._places[row]].tolist()
        return token_ids

    def write_prompt(self, row: int, token_ids: Sequence[int]) -> None:
        """Make `token_ids`, which fit, the prompt of an environment."""
        prompt = self._blocks["prompt"][row]
        prompt[: len(token_ids)] = token_ids
        prompt[len(token_ids) :] = self._pad_id
        self._blocks["prompt_length"][row] = len(token_ids)

    def write_program(self, row: int, token_ids: Sequence[int]) -> None:
        """Make `token_ids`, which fit, the program of an environment."""
        program = self._blocks["program"][row]
        program[: len(token_ids)] = token_ids
        program[len(token_ids) :] = self._pad_id
        self._lengths[row] = len(token_ids)
        self._places[row] = self._starts[row] + len(token_ids)

    def push(self, tokens: NDArray[np.integer]) -> None:
        """Add a token to every program, each of which has a place left. (environments,)"""
        self._cells[self._places] = tokens
        self._places += 1
        self._lengths += 1

    def push_rows(self, rows: NDArray[np.int64], tokens: NDArray[np.integer]) -> None:
        """Add a token to the programs of `rows`, each of which has a place left. (rows,), (rows,)"""
        self._cells[self._places[rows]] = tokens
        self._places[rows] += 1
        self._lengths[rows] += 1

    def observe(self) -> Observation:
        """Return the observations of all environments."""
        return self._split(self._cells.copy()) if self._copy else self._blocks.copy()

    def observe_rows(self, rows: NDArray[np.int64]) -> Observation:
        """Return new arrays with the observations of some environments, in the order of `rows`."""
        return {key: block[rows] for key, block in self._blocks.items()}

    def observe_row(self, row: int) -> Observation:
        """Return new arrays with the observation of one environment, as it would return it itself."""
        return {key: block[row].copy() for key, block in self._blocks.items()}

    def _split(self, cells: NDArray[np.int32]) -> Observation:
        return {
            key: cells[part].reshape(shape) for key, part, shape in zip(_KEYS, self._slices, self._shapes, strict=True)
        }
