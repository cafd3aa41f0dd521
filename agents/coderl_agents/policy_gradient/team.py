"""The processes that learn together, one for each device, as torchrun or `accelerate launch` starts them.

The first process draws programs and has them judged; all of them learn from its batch, each computing the gradients of
a part of it, and take the same step with the sum. So several processes take the steps that one would take. Only
learning is shared: while the first process draws, the others wait.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TypeVar

import torch
from torch import nn

__all__ = ["Team"]

_T = TypeVar("_T")


class Team:
    """The processes of this run; one that nobody launched with others is a team of its own.

    Attributes:
        count: number of processes.
        rank: this one's number; 0 draws.
    """

    def __init__(self) -> None:
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = 0
        if self.count > 1:
            from accelerate import PartialState

            # Sets up the communication, with gloo where there is no accelerator.
            self.rank = PartialState(cpu=not torch.cuda.is_available()).process_index

    def part(self) -> None:
        """Let every process go on alone."""
        if self.count > 1:
            from accelerate import PartialState

            # While a group is there, transformers lets its first process alone write checkpoints.
            PartialState().destroy_process_group()
            self.count, self.rank = 1, 0

    def agree(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the first one's weights."""
        if self.count > 1:
            from accelerate.utils import broadcast

            for parameter in parameters:
                parameter.data.copy_(broadcast(parameter.data))

    def told(self, value: _T) -> _T:
        """Return the first process's value in all of them."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        found: _T = broadcast_object_list([value])[0]
        return found

    def share(self, items: Sequence[_T]) -> Sequence[_T]:
        """Return this process's part of `items`."""
        return items[self.rank :: self.count]

    def add_up(self, parameters: Sequence[nn.Parameter], figures: Sequence[float]) -> list[float]:
        """Make every gradient the sum over all processes, and return the sums of `figures`."""
        if self.count == 1:
            return list(figures)
        from accelerate.utils import reduce

        device = parameters[0].device
        gradients = [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad for parameter in parameters
        ]
        own = torch.tensor(figures, dtype=gradients[0].dtype, device=device)
        # One message; many small ones would wait for each other.
        total = reduce(torch.cat([*(gradient.flatten() for gradient in gradients), own]), "sum")
        *summed, added = total.split([*(gradient.numel() for gradient in gradients), len(figures)])
        for parameter, gradient in zip(parameters, summed, strict=True):
            parameter.grad = gradient.view_as(parameter).clone()
        return [float(value) for value in added.tolist()]
