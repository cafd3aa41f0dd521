"""The settings that all agents share whose model learns from demonstrations first, and then from its own programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coderl_env.naming import unknown_name

__all__ = ["OPTIMIZERS", "PRECISIONS", "REDUCTIONS", "LearningSettings", "check_names"]

OPTIMIZERS = ("muon", "adamw")
PRECISIONS = ("auto", "float32", "bfloat16")
REDUCTIONS = ("tokens", "programs")


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """What is the same for `codet5` and the policy-gradient agents. None is what suits the model: see their `RATES`.

    Attributes:
        model: the agents say what it may be; None is `nano`, or the checkpoint's own.
        stages: stages to run, in the agent's order. Without `warm_start` the others begin from the model as it is, so
            that agents can be compared from the same weights (`TrainConfig.start_from`).
        precision: data type of training's matrix products: `float32`, `bfloat16`, or `auto` for what the machine is
            fast in. Weights and optimiser are float32 in any case.
        sampling_precision: the same of sampling. In bfloat16 large models write faster, and other programs.
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
        rl_minibatches: optimisation steps per use of a batch.
        rl_cooldown: share of reinforcement learning over which its learning rate falls to 0 at the end.
        clip_high: how far the importance ratio may rise above 1.
        reduction: whether the loss is averaged over `tokens` or (the paper's sum over t) over `programs`.
        clip_norm: largest norm of a gradient; a longer one is shortened.
    """

    model: str | None = None
    stages: tuple[str, ...] = ()
    precision: str = "auto"
    sampling_precision: str = "float32"
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
    rl_minibatches: int = 2
    rl_cooldown: float = 0.3
    clip_high: float = 0.28
    reduction: str = "tokens"
    clip_norm: float = 1.0

    def check(self, stages: Iterable[str], choices: Mapping[str, Iterable[str]], positive: Iterable[str]) -> None:
        """Make `stages` a tuple, and check what can be checked by itself; for the `__post_init__` of subclasses.

        Stages may be given as one string, with commas between them.

        Args:
            stages: stages that the agent has.
            choices: valid values of further settings.
            positive: further settings that must be positive.

        Raises:
            ValueError: an unknown name, or a value out of range.
        """
        shared = {
            "reduction": REDUCTIONS,
            "optimizer": OPTIMIZERS,
            "precision": PRECISIONS,
            "sampling_precision": PRECISIONS,
        }
        for name, valid in {**choices, **shared}.items():
            if getattr(self, name) is not None and getattr(self, name) not in valid:
                raise ValueError(unknown_name(f"value of {name}", getattr(self, name), valid))
        named = self.stages.split(",") if isinstance(self.stages, str) else self.stages
        object.__setattr__(self, "stages", tuple(stage.strip() for stage in named))
        for stage in self.stages:
            if stage not in stages:
                raise ValueError(unknown_name("stage", stage, stages))
        for name in ("max_rows", "pass_numbers", "batch_size", "rl_minibatches", *positive):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be positive, not {value!r}")
        for name in ("cooldown", "rl_cooldown"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)!r}")


def check_names(agent: str, values: Mapping[str, Any], known: Iterable[str]) -> None:
    """Check the names of an agent's settings.

    Raises:
        ValueError: an unknown one; the message names the nearest.
    """
    names = list(known)
    for name in values:
        if name not in names:
            raise ValueError(unknown_name(f"setting of agent {agent}", name, names))
