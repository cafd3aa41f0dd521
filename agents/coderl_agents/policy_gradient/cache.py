"""A cache of keys and values for decoding with transformers models that has room for the tokens to come.

transformers' own dynamic cache copies itself for every token; into fresh memory, which costs more than all else.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer

__all__ = ["GrowingCache"]

# Tokens that there is room for, beyond half as many as there are.
_SPARE_TOKENS = 32


class GrowingCache(DynamicCache):
    """A `DynamicCache` whose layers are `_GrowingLayer`s."""

    def __init__(self) -> None:
        Cache.__init__(self, layer_class_to_replicate=_GrowingLayer)


class _GrowingLayer(DynamicLayer):
    """Keys and values of one layer, (rows, heads, tokens, numbers) each: the beginning of larger tensors."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._room: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Take in what follows, and return all there is."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        before = self.get_seq_length()
        after = before + key_states.shape[-2]
        room = self._room
        # Selecting and repeating rows puts other tensors in the place of the keys and values.
        if room is None or room[0].shape[-2] < after or self.keys.data_ptr() != room[0].data_ptr():
            size = after + after // 2 + _SPARE_TOKENS
            room = self._room = (
                _larger(key_states, self.keys, before, size),
                _larger(value_states, self.values, before, size),
            )
        self.keys, self.values = (
            _extended(place, states, before, after)
            for place, states in zip(room, (key_states, value_states), strict=True)
        )
        return self.keys, self.values


def _larger(states: Tensor, held: Tensor, tokens: int, size: int) -> Tensor:
    """Return a tensor like `states` with room for `size` tokens, of which the first are those held."""
    rows, heads, _, numbers = states.shape
    place = states.new_empty((rows, heads, size, numbers))
    if tokens:
        place[:, :, :tokens] = held
    return place


def _extended(place: Tensor, states: Tensor, before: int, after: int) -> Tensor:
    place[:, :, before:after] = states
    return place[:, :, :after]
