"""A training run: its configuration and the function that runs it. No torch here; agents come through the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

from coderl_env.agent import Agent
from coderl_env.naming import unknown_name

if TYPE_CHECKING:
    from coderl_env.experiment.run_folder import RunFolder

__all__ = ["Progress", "SilentProgress", "TrainConfig", "train"]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides what a training run does. Written as `config.json` beside its results.

    A stage ends at its seconds or its steps, whichever comes first; None is no limit of that kind. Seconds are wall time.

    Attributes:
        env: id of the environment; it names the data set.
        agent: bundled or installed name, or `package.module:factory`.
        settings: keyword settings of the agent's factory (JSON values), such as `{"model": "nano"}`.
        split: split that training draws from.
        eval_split: split of the held-out problems in the final table.
        data_dir: folder of the data set, or None.
        difficulties: difficulties served, or None for all.
        tokenizer: `nano`, a folder or a Hub name.
        max_prompt_tokens: prompt window.
        max_program_tokens: program window.
        reward: name of the reward.
        comparator: name of the comparison rule.
        isolation: isolation tier of the judge.
        judge_workers: judge processes, or None for one per core.
        threads: torch threads while training, or None for what the agent measured to be best.
        seed: seed of everything that is drawn.
        warm_start_seconds: limit of the warm start.
        warm_start_steps: likewise, in optimisation steps.
        critic_seconds: limit of the critic's training before the actor's.
        critic_steps: likewise, in optimisation steps.
        rl_seconds: limit of the actor-critic training, and of the cross-entropy control's (`ce_continued`).
        rl_steps: likewise, in optimisation steps.
        checkpoint_seconds: time between checkpoints within a stage.
        eval_problems: held-out problems in the final table.
        eval_samples: samples per problem.
        temperature: sampling temperature of the evaluation.
        top_p: nucleus of the evaluation.
    """

    env: str = "CodeRL-Synth-v0"
    agent: str = "codet5"
    settings: Mapping[str, Any] = field(default_factory=dict)
    split: str = "train"
    eval_split: str = "test"
    data_dir: str | None = None
    difficulties: tuple[str, ...] | None = None
    tokenizer: str = "nano"
    max_prompt_tokens: int = 256
    max_program_tokens: int = 128
    reward: str = "coderl"
    comparator: str = "lines"
    isolation: str = "auto"
    judge_workers: int | None = None
    threads: int | None = None
    seed: int = 0
    warm_start_seconds: float | None = 200.0
    warm_start_steps: int | None = None
    critic_seconds: float | None = 20.0
    critic_steps: int | None = None
    rl_seconds: float | None = 130.0
    rl_steps: int | None = None
    checkpoint_seconds: float = 30.0
    eval_problems: int = 500
    eval_samples: int = 10
    temperature: float = 0.6
    top_p: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `from_dict` turns them back into an equal configuration."""
        values = asdict(self)
        values["settings"] = dict(self.settings)
        values["difficulties"] = None if self.difficulties is None else list(self.difficulties)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Build a configuration from a mapping; names that are left out keep their defaults.

        Raises:
            ValueError: an unknown name.
        """
        known = [entry.name for entry in fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(unknown_name("training setting", name, known))
        arguments = dict(values)
        if arguments.get("difficulties") is not None:
            arguments["difficulties"] = tuple(arguments["difficulties"])
        return cls(**arguments)


class Progress(Protocol):
    """Where a run reports what it is doing. Called from the training thread only."""

    def start(self, stage: str, total: float, unit: str) -> None:
        """A stage begins; it will take up to `total` of `unit` (`seconds`, `steps` or `problems`)."""
        ...

    def advance(self, stage: str, done: float, figures: Mapping[str, float]) -> None:
        """The stage has done `done` of its total; `figures` are the newest worth showing."""
        ...

    def finish(self, stage: str) -> None:
        """The stage ended."""
        ...


class SilentProgress:
    """Reports nothing."""

    def start(self, stage: str, total: float, unit: str) -> None:
        """Do nothing."""

    def advance(self, stage: str, done: float, figures: Mapping[str, float]) -> None:
        """Do nothing."""

    def finish(self, stage: str) -> None:
        """Do nothing."""


def train(
    config: TrainConfig, run: RunFolder, progress: Progress | None = None, agent: Agent | None = None
) -> dict[str, Any]:
    """Train an agent and return the summary that is written as `summary.json`.

    Stages that `run` has finished are skipped, and an unfinished one goes on from its last checkpoint.

    Args:
        config: what to do.
        run: the run's folder.
        progress: where to report, or None.
        agent: an agent object, instead of the one that `config.agent` names.

    Raises:
        ValueError: the configuration names something that does not exist or does not fit together.
    """
    raise NotImplementedError
