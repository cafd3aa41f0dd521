"""The settings of the policy-gradient agents, and what each agent and each kind of model makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from coderl_agents.codet5.sampling_settings import SamplingSettings
from coderl_agents.learning_settings import check_names

__all__ = ["ADVANTAGES", "AGENTS", "RATES", "STAGES", "Settings"]

STAGES = ("warm_start", "rl", "critic_sampling", "ce_continued")
ADVANTAGES = ("greedy", "leave_one_out", "group", "gae")

# What makes each agent what it is.
AGENTS: dict[str, dict[str, Any]] = {
    # Williams 1992, with the greedy program's return as baseline (self-critical, Rennie et al. 2017).
    "reinforce": {"advantage": "greedy", "clip_low": -1.0, "rl_epochs": 1, "kl_weight": 0.0},
    # Ahmadian et al. 2024, with clipped reuse of each batch.
    "rloo": {"advantage": "leave_one_out", "clip_low": 0.2, "rl_epochs": 2, "kl_weight": 0.0},
    # Shao et al. 2024, with the higher upper clip and the mean over tokens of DAPO (Yu et al. 2025).
    "grpo": {"advantage": "group", "clip_low": 0.2, "rl_epochs": 2, "kl_weight": 0.01},
    # Schulman et al. 2017, with the KL penalty inside the reward (Ziegler et al. 2019; PPOCoder, Shojaee et al. 2023).
    "ppo": {"advantage": "gae", "clip_low": 0.2, "rl_epochs": 2, "kl_weight": 0.01},
}

# Optimiser and learning rates that suit a model: random weights of an encoder-decoder and of a decoder-only model, the
# nano checkpoint that ships with the package, published checkpoints of at least 60 million parameters, and adapters in
# any of these.
RATES: dict[str, dict[str, Any]] = {
    "fresh": {
        "optimizer": "muon",
        "matrix_rate": 0.03,
        "learning_rate": 2e-2,
        "critic_rate": 5e-3,
        "critic_matrix_rate": 0.008,
        "rl_rate": 5e-4,
    },
    "causal": {
        "optimizer": "muon",
        "matrix_rate": 0.02,
        "learning_rate": 5e-3,
        "critic_rate": 5e-3,
        "critic_matrix_rate": 0.008,
        "rl_rate": 3e-4,
    },
    "nano": {
        "optimizer": "muon",
        "matrix_rate": 0.008,
        "learning_rate": 5e-3,
        "critic_rate": 5e-3,
        "critic_matrix_rate": 0.008,
        "rl_rate": 5e-4,
    },
    "published": {
        "optimizer": "adamw",
        "matrix_rate": 0.0,
        "learning_rate": 2e-5,
        "critic_rate": 2e-5,
        "critic_matrix_rate": 0.0,
        "rl_rate": 2e-6,
    },
    "adapters": {
        "optimizer": "adamw",
        "matrix_rate": 0.0,
        "learning_rate": 2e-4,
        "critic_rate": 2e-4,
        "critic_matrix_rate": 0.0,
        "rl_rate": 5e-5,
    },
}


@dataclass(frozen=True, slots=True)
class Settings(SamplingSettings):
    """Settings of `reinforce`, `rloo`, `grpo` and `ppo`. None stands for what `AGENTS` and `RATES` say.

    `model` is `nano`, `fresh:causal-nano`, a folder or a Hub name of an encoder-decoder or decoder-only model.

    Attributes:
        lora_rank: rank of the adapters that are trained instead of the weights (needs peft); 0 trains the weights.
        stages: stages to run, in the order of `STAGES`.
        rl_epochs: times that each batch is used.
        advantage: `greedy` (the return minus the greedy program's), `leave_one_out` (minus the mean of the problem's
            other programs), `group` (minus the problem's mean, divided by its deviation) or `gae` (a learned value of
            every token).
        clip_low: how far the importance ratio may fall below 1; negative for no ratio, the plain log-probability.
        kl_weight: weight of the distance from the warm start: of the loss, or with `gae` of the reward. 0 saves the
            reference's memory and time.
        value_weight: weight of the value loss; `gae` only, like the three below.
        value_rate: learning rate of the value head.
        value_clip: how far a new value may move from the old one.
        gae_lambda: 1 is the plain return minus the value, 0 the one-step difference.
        explosion: norm from which a gradient counts as exploding and its update is skipped.
        patience_bad_steps: steps in a row without a sound update after which the run ends with an error.
    """

    lora_rank: int = 0
    stages: tuple[str, ...] = STAGES
    rl_epochs: int | None = None
    advantage: str | None = None
    clip_low: float | None = None
    kl_weight: float | None = None
    value_weight: float = 0.1
    value_rate: float = 1e-3
    value_clip: float = 0.2
    gae_lambda: float = 0.95
    explosion: float = 1e4
    patience_bad_steps: int = 5

    def __post_init__(self) -> None:
        self.check(STAGES, {"advantage": ADVANTAGES}, ("rl_epochs", "patience_bad_steps"))
        for name in ("lora_rank", "kl_weight"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must be 0 or more, not {value!r}")
        if not 0 <= self.gae_lambda <= 1:
            raise ValueError(f"gae_lambda must lie between 0 and 1, not {self.gae_lambda!r}")

    def completed(self, agent: str, kind: str) -> Settings:
        """Return these settings with the values of the agent and of the kind of model where they are None."""
        defaults = AGENTS[agent] | RATES["adapters" if self.lora_rank else kind]
        return replace(self, **{name: value for name, value in defaults.items() if getattr(self, name) is None})

    @classmethod
    def from_dict(cls, agent: str, values: Mapping[str, Any]) -> Settings:
        """Build settings from keyword settings.

        Raises:
            ValueError: an unknown name or value.
        """
        check_names(agent, values, (entry.name for entry in fields(cls)))
        return cls(**values)
