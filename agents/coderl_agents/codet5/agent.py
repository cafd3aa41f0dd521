"""The CodeT5 agent: writes programs with a T5-family model, and trains it as CodeRL does."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from coderl_agents.codet5.batches import Example, encode_example
from coderl_agents.codet5.model import build_model, check_architecture, load_model, model_kind, save_model
from coderl_agents.codet5.network import Network, compute_dtype_of
from coderl_agents.codet5.sampler import Request
from coderl_agents.codet5.settings import Settings
from coderl_agents.codet5.writer import Writer
from coderl_env.agent import Action, Episode, Examine, Program, Sampling, Task
from coderl_env.registry import AgentSpec

if TYPE_CHECKING:
    from coderl_agents.codet5.sampling_stage import Helpers
    from coderl_agents.codet5.supervised import Corpus
    from coderl_env.experiment.workbench import Workbench

__all__ = ["CodeT5Agent", "make"]

_DEFAULT_MODEL = "nano"


def make(spec: AgentSpec, **settings: Any) -> CodeT5Agent:
    """Return the agent, with fresh weights, those of `settings["model"]`, or those of `spec.checkpoint`.

    Args:
        spec: what the environment asks for; a tokenizer is needed.
        settings: fields of `coderl_agents.codet5.settings.Settings`.

    Raises:
        ValueError: an unknown setting, no tokenizer, or a checkpoint of another architecture or vocabulary.
    """
    chosen = Settings.from_dict(settings)
    chosen = chosen.for_model(model_kind(chosen.model or _DEFAULT_MODEL))
    if spec.tokenizer is None:
        raise ValueError("agent codet5 needs the environment's tokenizer; its actions are tokens")
    if spec.checkpoint is None:
        model = build_model(chosen.model or _DEFAULT_MODEL, spec.tokenizer, spec.seed)
    else:
        model = load_model(spec.checkpoint, spec.tokenizer)
        if chosen.model is not None and chosen.model != str(spec.checkpoint):
            wanted = build_model(chosen.model, spec.tokenizer, spec.seed).config
            check_architecture(model.config, wanted, str(spec.checkpoint))
    return CodeT5Agent(spec, chosen, model)


class CodeT5Agent:
    """See the module's docstring. Implements `Agent`, `Generates`, `Trains` and `SamplesWithExamples`.

    Attributes:
        action_modes: the modes that it plays in.
        spec: what the environment asks for.
        settings: how to train.
        model: the actor.
        network: its forward pass, for decoding.
        writer: draws programs with it.
        allowed: (model vocabulary,), true for tokens that may be played.
        corpus: the demonstrations of a training run, once a stage has asked for them.
    """

    action_modes = ("token",)

    def __init__(self, spec: AgentSpec, settings: Settings, model: Any) -> None:
        assert spec.tokenizer is not None
        self.spec = spec
        self.settings = settings
        self.tokenizer = spec.tokenizer
        self.model = model
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model.to(device)
        self.network = Network(self.model, compute_dtype_of(settings.sampling_precision, device))
        self.writer = Writer(spec, self.network, self.model.config.vocab_size, settings.max_rows)
        self.allowed = self.writer.allowed
        self.corpus: Corpus | None = None
        self._helpers: Helpers | None = None

    def begin(self, tasks: list[Task], sampling: Sampling) -> None:
        """Start stepping: seed the draws and forget the prompts of earlier episodes."""
        self.writer.begin(sampling)

    def act(self, observations: Sequence[Any], infos: Sequence[Mapping[str, Any]]) -> list[Action]:
        """Return the next token of every episode."""
        return self.writer.act(observations)

    def generate(self, tasks: list[Task], samples: int, sampling: Sampling) -> list[list[Program]]:
        """Return `samples` programs for each task."""
        return self.writer.generate(tasks, samples, sampling)

    def generate_with_examples(
        self, tasks: list[Task], budget: int, sampling: Sampling, examine: Examine
    ) -> list[list[Program]]:
        """Return `budget` programs for each task by critic sampling, those that should be handed in first in front.

        Raises:
            ValueError: the agent was not loaded from a checkpoint with a critic.
        """
        from coderl_agents.codet5.sampling_stage import load_helpers

        if self._helpers is None:
            self._helpers = load_helpers(self, self.spec.checkpoint)
        return self._helpers.generate(self, tasks, budget, sampling, examine)

    def helper_network(self, compute_dtype: torch.dtype, name: str | None = None) -> Network:
        """Return the forward pass of a model to be trained beside the actor: a copy of it, or the model `name`."""
        model = copy.deepcopy(self.model) if name is None else build_model(name, self.tokenizer, self.spec.seed + 1)
        return Network(model.to(self.network.device), compute_dtype)

    def request(self, task: Task) -> Request:
        """Return the prompt and forced prefix of `task` as tokens."""
        return self.writer.request(task)

    def learn(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Do nothing: this agent trains itself (`train`), from batches whose prompts and demonstrations it knows."""
        return {}

    def encode(self, task: Task, program: str) -> Example:
        """Return `program` as what should be written for `task`, cut where the program window ends."""
        spec = self.spec
        return encode_example(task, program, self.tokenizer, spec.max_prompt_tokens, spec.max_program_tokens)

    @property
    def card(self) -> dict[str, Any]:
        """What a checkpoint says of itself."""
        return {
            "agent": "codet5",
            "tokenizer": self.tokenizer.name,
            "max_prompt_tokens": self.spec.max_prompt_tokens,
            "max_program_tokens": self.spec.max_program_tokens,
        }

    def save(self, path: Path) -> None:
        """Write the actor to the folder `path`, whole or not at all."""
        save_model(self.model, Path(path), self.card)

    def train(self, workbench: Workbench) -> dict[str, Path]:
        """Run the stages of the settings and return a checkpoint for each row of the final table."""
        from coderl_agents.codet5.stages import run_stages

        return run_stages(self, workbench)
