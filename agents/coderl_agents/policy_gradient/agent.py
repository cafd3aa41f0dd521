"""The policy-gradient agents: one agent that writes with any transformers model, and four ways of training it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel

from coderl_agents.codet5.batches import Example, encode_example
from coderl_agents.codet5.model import save_model
from coderl_agents.codet5.network import compute_dtype_of
from coderl_agents.codet5.sampler import Decodes, Request
from coderl_agents.codet5.writer import Writer
from coderl_agents.policy_gradient.adapters import add_adapters, merged
from coderl_agents.policy_gradient.models import kind_of, load_any, open_model
from coderl_agents.policy_gradient.network import network_for
from coderl_agents.policy_gradient.settings import Settings
from coderl_env.agent import Action, Episode, Examine, Program, Sampling, Task
from coderl_env.registry import AgentSpec

if TYPE_CHECKING:
    from coderl_agents.codet5.sampling_stage import Helpers
    from coderl_agents.codet5.supervised import Corpus
    from coderl_env.experiment.workbench import Workbench

__all__ = ["PolicyGradientAgent", "grpo", "make", "ppo", "reinforce", "rloo"]

_DEFAULT_MODEL = "nano"


def make(name: str, spec: AgentSpec, **settings: Any) -> PolicyGradientAgent:
    """Return the agent `name` with fresh weights, those of `settings["model"]`, or those of `spec.checkpoint`.

    Args:
        name: `reinforce`, `rloo`, `grpo` or `ppo`.
        spec: what the environment asks for; a tokenizer is needed.
        settings: fields of `coderl_agents.policy_gradient.settings.Settings`.

    Raises:
        ValueError: an unknown setting, no tokenizer, or a checkpoint that cannot be used.
    """
    chosen = Settings.from_dict(name, settings)
    if spec.tokenizer is None:
        raise ValueError(f"agent {name} needs the environment's tokenizer; its actions are tokens")
    model_name = chosen.model or _DEFAULT_MODEL
    chosen = chosen.completed(name, kind_of(model_name))
    if spec.checkpoint is None:
        model = open_model(model_name, spec.tokenizer, spec.seed)
    else:
        model = load_any(spec.checkpoint, spec.tokenizer)
    return PolicyGradientAgent(name, spec, chosen, model)


def reinforce(spec: AgentSpec, **settings: Any) -> PolicyGradientAgent:
    """Return REINFORCE with the greedy program's return as baseline; see `make`."""
    return make("reinforce", spec, **settings)


def rloo(spec: AgentSpec, **settings: Any) -> PolicyGradientAgent:
    """Return REINFORCE with the leave-one-out baseline; see `make`."""
    return make("rloo", spec, **settings)


def grpo(spec: AgentSpec, **settings: Any) -> PolicyGradientAgent:
    """Return group-relative policy optimisation; see `make`."""
    return make("grpo", spec, **settings)


def ppo(spec: AgentSpec, **settings: Any) -> PolicyGradientAgent:
    """Return proximal policy optimisation with a value head; see `make`."""
    return make("ppo", spec, **settings)


class PolicyGradientAgent:
    """See the module's docstring. Implements `Agent`, `Generates`, `Trains` and `SamplesWithExamples`.

    Attributes:
        action_modes: the modes that it plays in.
        name: `reinforce`, `rloo`, `grpo` or `ppo`.
        spec: what the environment asks for.
        settings: how to train.
        model: the policy.
        network: its forward pass, for decoding.
        corpus: the demonstrations of a training run, once a stage has asked for them.
    """

    action_modes = ("token",)
    model: PreTrainedModel

    def __init__(self, name: str, spec: AgentSpec, settings: Settings, model: PreTrainedModel) -> None:
        assert spec.tokenizer is not None
        self.name = name
        self.spec = spec
        self.settings = settings
        self.tokenizer = spec.tokenizer
        self.corpus: Corpus | None = None
        self._helpers: Helpers | None = None
        self.use(model)

    def use(self, model: PreTrainedModel) -> None:
        """Write with `model` from now on."""
        self.model = model
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model.to(device)
        self.network = network_for(model, compute_dtype_of(self.settings.sampling_precision, device))
        self.writer = Writer(self.spec, self.network, model.config.vocab_size, self.settings.max_rows)
        self.allowed = self.writer.allowed

    def begin_stage(self, checkpoint: Path | None) -> None:
        """Make ready for training the model of a checkpoint folder, or the present one; add adapters if asked for."""
        model = self.model if checkpoint is None else load_any(checkpoint, self.tokenizer)
        if self.settings.lora_rank:
            add_adapters(model, self.settings.lora_rank, self.spec.seed)
        self.use(model)

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

    def helper_network(self, compute_dtype: torch.dtype, name: str | None = None) -> Decodes:
        """Return the forward pass of a model to be trained beside the policy: a copy of it, or the model `name`.

        Where adapters are trained, the helper has its own.
        """
        if name is None:
            model = copy.deepcopy(merged(self.model))
        else:
            model = open_model(name, self.tokenizer, self.spec.seed + 1)
        if self.settings.lora_rank:
            add_adapters(model, self.settings.lora_rank, self.spec.seed + 1)
        return network_for(model.to(self.network.device), compute_dtype)

    def request(self, task: Task) -> Request:
        """Return the prompt and forced prefix of `task` as tokens."""
        return self.writer.request(task)

    def encode(self, task: Task, program: str) -> Example:
        """Return `program` as what should be written for `task`, cut where the program window ends."""
        spec = self.spec
        return encode_example(task, program, self.tokenizer, spec.max_prompt_tokens, spec.max_program_tokens)

    def learn(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Do nothing: this agent trains itself (`train`), from batches whose prompts it knows."""
        return {}

    @property
    def card(self) -> dict[str, Any]:
        """What a checkpoint says of itself."""
        return {
            "agent": self.name,
            "tokenizer": self.tokenizer.name,
            "max_prompt_tokens": self.spec.max_prompt_tokens,
            "max_program_tokens": self.spec.max_program_tokens,
        }

    def save(self, path: Path) -> None:
        """Write the policy to the folder `path`, whole or not at all, as a plain model without adapters."""
        save_model(merged(self.model), Path(path), self.card)

    def train(self, workbench: Workbench) -> dict[str, Path]:
        """Run the stages of the settings and return a checkpoint for each row of the final table."""
        from coderl_agents.policy_gradient.stages import run_stages

        return run_stages(self, workbench)
