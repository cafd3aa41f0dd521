"""The reference: the weights that training began with, put in place of the present ones while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

__all__ = ["Reference"]


class Reference:
    """A copy of the trained weights of `model`, of the adapters alone where only these are trained."""

    def __init__(self, model: nn.Module) -> None:
        self._trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
        self._kept = {name: value.detach().clone() for name, value in self._trained.items()}

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model compute with the reference's weights inside the block; nothing is copied."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the kept weights."""
        return dict(self._kept)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what `state_dict` returned."""
        for name, value in self._kept.items():
            value.copy_(state[name])

    def _swap(self) -> None:
        for name, parameter in self._trained.items():
            parameter.data, self._kept[name] = self._kept[name], parameter.data
