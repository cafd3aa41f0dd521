"""The agent's settings: everything about CodeRL that is not about the run as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from coderl_agents.codet5.recipes import RECIPES
from coderl_agents.codet5.sampling_settings import SamplingSettings
from coderl_agents.learning_settings import check_names
from coderl_env.naming import unknown_name

__all__ = ["BASELINES", "RATES", "SOURCES", "STAGES", "WEIGHTINGS", "Settings"]

STAGES = ("warm_start", "critic", "rl", "critic_sampling", "ce_continued")
BASELINES = ("greedy", "group", "none", "positives")
SOURCES = ("actor", "warm_start")
WEIGHTINGS = ("critic", "uniform", "decay")

# Optimiser and learning rates that suit a model: random weights, the nano checkpoint that ships with the package, and
# published checkpoints of CodeT5's size. The last are the paper's and, for reinforcement learning, RLTF's: with the
# rate of the official scripts it collapses (https://github.com/salesforce/CodeRL/issues/29 and 30).
RATES: dict[str, dict[str, Any]] = {
    "fresh": {
        "optimizer": "muon",
        "matrix_rate": 0.03,
        "learning_rate": 2e-2,
        "critic_rate": 5e-3,
        "critic_matrix_rate": 0.008,
        "rl_rate": 2e-4,
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
}

_CHOICES = {
    "baseline": BASELINES,
    "rl_source": SOURCES,
    "weighting": WEIGHTINGS,
}
_POSITIVE = ("rl_epochs", "critic_updates", "critic_spread")


@dataclass(frozen=True, slots=True)
class Settings(SamplingSettings):
    """Settings of the CodeT5 agent. The defaults are those that gained most in `benchmarks/LOG.md`.

    `model` is `nano`, `fresh:codet5-small` and the like, a folder or a Hub name.

    Attributes:
        stages: stages to run, in the order of `STAGES`. Without `warm_start` the others begin from the model as it is;
            the critic's runs as part of `rl` wherever that needs it, and is left out where it does not.
        critic_updates: steps of the critic's stage for each batch that is drawn.
        critic_spread: its batches hold so many times as many problems as those of reinforcement learning, and so many
            times fewer programs of each.
        critic_lessons: demonstrations that join each batch.
        critic_refresh: whether the critic goes on learning during reinforcement learning.
        rl_source: who draws the programs: the `actor` as it is, or as its `warm_start` left it (the paper: offline).
        rl_batches: of an offline run: distinct batches, used again and again; None for a new one at every step.
        rl_epochs: times that each batch is used.
        clip_low: how far the importance ratio may fall below 1; negative for no ratio at all, as in the paper.
        baseline: `group` (mean return of the other programs of the same problem), `greedy` (the paper: the greedy
            program's return) or `none`. `positives` is no baseline: the advantage is 1 for programs that pass and 0 for
            all others, which is cross-entropy on the actor's own successes (the paper's table 3).
        scale_advantages: divide by the deviation of the problem's returns; with `group` only.
        weighting: weight of a token: `uniform`, `critic` (the paper) or `decay` (falling linearly, the paper's
            ablation).
        rl_weight: weight of the policy loss.
        ce_weight: weight of the cross-entropy on demonstrations during reinforcement learning.
        ce_batch: demonstrations per step of it.
    """

    stages: tuple[str, ...] = STAGES
    critic_updates: int = 8
    critic_spread: int = 4
    critic_lessons: int = 16
    critic_refresh: bool = True
    rl_source: str = "actor"
    rl_batches: int | None = None
    rl_epochs: int = 2
    clip_low: float = 0.2
    baseline: str = "group"
    scale_advantages: bool = False
    weighting: str = "uniform"
    rl_weight: float = 1.0
    ce_weight: float = 0.0
    ce_batch: int = 16

    def __post_init__(self) -> None:
        self.check(STAGES, _CHOICES, _POSITIVE)
        if self.rl_batches is not None and (self.rl_source != "warm_start" or self.rl_batches < 1):
            raise ValueError(f"rl_batches must be positive, and needs rl_source 'warm_start', not {self.rl_batches!r}")
        if self.scale_advantages and self.baseline != "group":
            raise ValueError(f"scale_advantages needs baseline 'group', not {self.baseline!r}")

    def for_model(self, kind: str) -> Settings:
        """Return these settings with the rates of `RATES[kind]` where they are None."""
        return replace(self, **{name: value for name, value in RATES[kind].items() if getattr(self, name) is None})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Build settings from keyword settings; `recipe` names some of them (`coderl_agents.codet5.recipes`).

        Raises:
            ValueError: an unknown name or value.
        """
        check_names("codet5", values, ("recipe", *(entry.name for entry in fields(cls))))
        recipe = values.get("recipe")
        if recipe is not None and recipe not in RECIPES:
            raise ValueError(unknown_name("recipe", recipe, RECIPES))
        given = {name: value for name, value in values.items() if name != "recipe"}
        return cls(**({} if recipe is None else RECIPES[recipe]) | given)
