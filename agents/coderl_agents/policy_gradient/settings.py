"""The settings of the policy-gradient agents, and what each agent and each kind of model makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from coderl_env.naming import unknown_name

__all__ = ["ADVANTAGES", "AGENTS", "PRECISIONS", "RATES", "REDUCTIONS", "STAGES", "Settings"]

STAGES = ("warm_start", "rl", "ce_continued")
ADVANTAGES = ("greedy", "leave_one_out", "group", "gae")
REDUCTIONS = ("tokens", "programs")
OPTIMIZERS = ("muon", "adamw")
PRECISIONS = ("auto", "float32", "bfloat16")

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
    "fresh": {"optimizer": "muon", "matrix_rate": 0.03, "learning_rate": 2e-2, "rl_rate": 5e-4},
    "causal": {"optimizer": "muon", "matrix_rate": 0.02, "learning_rate": 5e-3, "rl_rate": 3e-4},
    "nano": {"optimizer": "muon", "matrix_rate": 0.008, "learning_rate": 5e-3, "rl_rate": 5e-4},
    "published": {"optimizer": "adamw", "matrix_rate": 0.0, "learning_rate": 2e-5, "rl_rate": 2e-6},
    "adapters": {"optimizer": "adamw", "matrix_rate": 0.0, "learning_rate": 2e-4, "rl_rate": 5e-5},
}

_CHOICES = {
    "advantage": ADVANTAGES,
    "reduction": REDUCTIONS,
    "optimizer": OPTIMIZERS,
    "precision": PRECISIONS,
}
_POSITIVE = ("max_rows", "pass_numbers", "batch_size", "rl_epochs", "rl_minibatches", "patience_bad_steps")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of `reinforce`, `rloo`, `grpo` and `ppo`. None stands for what `AGENTS` and `RATES` say.

    Attributes:
        model: `nano`, `fresh:causal-nano`, a folder or a Hub name of an encoder-decoder or decoder-only model; None is
            `nano`, or the checkpoint's own.
        lora_rank: rank of the adapters that are trained instead of the weights (needs peft); 0 trains the weights.
        stages: stages to run, in the order of `STAGES`. Without `warm_start` the others begin from the model as it is,
            so that agents can be compared from the same weights (`TrainConfig.start_from`).
        precision: data type of training's matrix products: `float32`, `bfloat16`, or `auto` for what the machine is
            fast in. Weights, sampling and optimiser are float32 in any case.
        max_rows: programs decoded at the same time.
        pass_numbers: logits held in memory by one forward pass, at most; larger batches are accumulated.
        optimizer: of the supervised stages: `muon` or `adamw`.
        matrix_rate: Muon's learning rate, for matrices of the blocks.
        learning_rate: AdamW's learning rate, for everything else or for all.
        weight_decay: of both.
        batch_size: demonstrations per step of the supervised stages.
        warmup_steps: steps over which their learning rate rises at the beginning.
        cooldown: share of a supervised stage over which the learning rate falls to 0 at its end.
        validate_seconds: time between validations of the warm start.
        patience: validations without a new best after which the warm start cools down and ends.
        rl_rate: learning rate of reinforcement learning.
        rl_temperature: sampling temperature of training.
        rl_top_p: nucleus of training.
        rl_epochs: times that each batch is used.
        rl_minibatches: optimisation steps per use of a batch.
        rl_cooldown: share of reinforcement learning over which its learning rate falls to 0 at the end.
        advantage: `greedy` (the return minus the greedy program's), `leave_one_out` (minus the mean of the problem's
            other programs), `group` (minus the problem's mean, divided by its deviation) or `gae` (a learned value of
            every token).
        clip_low: how far the importance ratio may fall below 1; negative for no ratio, the plain log-probability.
        clip_high: how far it may rise above 1.
        reduction: whether the loss is averaged over `tokens` or `programs`.
        kl_weight: weight of the distance from the warm start: of the loss, or with `gae` of the reward. 0 saves the
            reference's memory and time.
        value_weight: weight of the value loss; `gae` only, like the three below.
        value_rate: learning rate of the value head.
        value_clip: how far a new value may move from the old one.
        gae_lambda: 1 is the plain return minus the value, 0 the one-step difference.
        clip_norm: largest norm of a gradient; a longer one is shortened.
        explosion: norm from which a gradient counts as exploding and its update is skipped.
        patience_bad_steps: steps in a row without a sound update after which the run ends with an error.
    """

    model: str | None = None
    lora_rank: int = 0
    stages: tuple[str, ...] = STAGES
    precision: str = "auto"
    max_rows: int = 512
    pass_numbers: int = 32_000_000
    optimizer: str | None = None
    matrix_rate: float | None = None
    learning_rate: float | None = None
    weight_decay: float = 0.01
    batch_size: int = 64
    warmup_steps: int = 50
    cooldown: float = 0.4
    validate_seconds: float = 15.0
    patience: int = 3
    rl_rate: float | None = None
    rl_temperature: float = 1.0
    rl_top_p: float = 1.0
    rl_epochs: int | None = None
    rl_minibatches: int = 2
    rl_cooldown: float = 0.3
    advantage: str | None = None
    clip_low: float | None = None
    clip_high: float = 0.28
    reduction: str = "tokens"
    kl_weight: float | None = None
    value_weight: float = 0.1
    value_rate: float = 1e-3
    value_clip: float = 0.2
    gae_lambda: float = 0.95
    clip_norm: float = 1.0
    explosion: float = 1e4
    patience_bad_steps: int = 5

    def __post_init__(self) -> None:
        for name, valid in _CHOICES.items():
            if getattr(self, name) is not None and getattr(self, name) not in valid:
                raise ValueError(unknown_name(f"value of {name}", getattr(self, name), valid))
        object.__setattr__(self, "stages", tuple(self.stages))
        for stage in self.stages:
            if stage not in STAGES:
                raise ValueError(unknown_name("stage", stage, STAGES))
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be positive, not {value!r}")
        for name in ("lora_rank", "kl_weight"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must be 0 or more, not {value!r}")
        for name in ("cooldown", "rl_cooldown", "gae_lambda"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)!r}")

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
        known = [entry.name for entry in fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(unknown_name(f"setting of agent {agent}", name, known))
        return cls(**values)
