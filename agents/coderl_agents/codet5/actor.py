"""What the critic, the repair model and critic sampling need of an agent, whatever the architecture of its model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch

from coderl_agents.codet5.batches import Example
from coderl_agents.codet5.sampler import Decodes, Request
from coderl_agents.codet5.sampling_settings import SamplingSettings
from coderl_agents.codet5.writer import Writer
from coderl_env.agent import Program, Sampling, Task
from coderl_env.registry import AgentSpec
from coderl_env.tokens import Tokenizer

if TYPE_CHECKING:
    from coderl_agents.codet5.supervised import Corpus

__all__ = ["Actor"]


class Actor(Protocol):
    """An agent whose programs are learned from: `codet5`, or a policy-gradient agent.

    Attributes:
        spec: what the environment asks for.
        settings: how to train.
        tokenizer: the environment's.
        model: what writes the programs.
        network: its forward pass.
        writer: draws programs with it.
        corpus: the demonstrations of a training run, once a stage has asked for them.
    """

    spec: AgentSpec
    settings: SamplingSettings
    tokenizer: Tokenizer
    model: Any
    network: Decodes
    writer: Writer
    corpus: Corpus | None

    @property
    def card(self) -> dict[str, Any]:
        """What a checkpoint says of itself."""
        ...

    def request(self, task: Task) -> Request:
        """Return the prompt and forced prefix of `task` as tokens."""
        ...

    def encode(self, task: Task, program: str) -> Example:
        """Return `program` as what should be written for `task`, cut where the program window ends."""
        ...

    def generate(self, tasks: list[Task], samples: int, sampling: Sampling) -> list[list[Program]]:
        """Return `samples` programs for each task."""
        ...

    def helper_network(self, compute_dtype: torch.dtype, name: str | None = None) -> Decodes:
        """Return the forward pass of a model to be trained beside the actor: a copy of it, or the model `name`."""
        ...
