"""What critic sampling needs: trains the critic and the repair model on the run's own programs, and keeps both.

The checkpoint `rl_critic_sampling` holds the actor of reinforcement learning, `critic.pt` and `repair.pt`, so that it
can be moved and loaded like any other; `generate_with_examples` then works wherever the agent is loaded from it.

The critic starts from the one that weighed the actor's tokens, where there is one, otherwise from the actor, and learns
from the programs that the run drew anyway: nothing is drawn for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from coderl_agents.codet5.actor import Actor
from coderl_agents.codet5.critic import CriticForm
from coderl_agents.codet5.critic_sampling import Plan, critic_sampling
from coderl_agents.codet5.experience import stored_groups
from coderl_agents.codet5.model import save_model, save_state
from coderl_agents.codet5.repair import RepairTrainer, train_repair
from coderl_agents.codet5.stages import Stage, stage_rate
from coderl_agents.codet5.train_critic import RL_CRITIC_FILE, CriticTrainer, minibatches
from coderl_agents.codet5.writer import Writer
from coderl_env.agent import Examine, Program, Sampling, Task
from coderl_env.experiment.workbench import Workbench

__all__ = ["ROW", "Helpers", "load_helpers", "train_helpers"]

ROW = "rl_critic_sampling"

# In the checkpoint's folder, and beside it while the run goes on.
_CRITIC, _REPAIR = "critic.pt", "repair.pt"
_CRITIC_FILE, _REPAIR_FILE = "sampling_critic.pt", "repair.pt"
_SOURCES = ("critic", "rl")  # stages whose programs are learned from
_STREAM = 41
_WARMUP_STEPS = 10
_COOLDOWN = 0.5
_SORTED_BATCHES = 8


@dataclass(frozen=True, slots=True)
class Helpers:
    """What critic sampling needs besides the actor.

    Attributes:
        critic: scores programs.
        repairer: draws repaired programs, or None where the settings switched repair off in training.
    """

    critic: CriticTrainer
    repairer: Writer | None

    def generate(
        self, actor: Actor, tasks: list[Task], budget: int, sampling: Sampling, examine: Examine
    ) -> list[list[Program]]:
        """Return `budget` programs for each task, spent as the actor's settings say; see `critic_sampling`."""
        settings = actor.settings
        plan = Plan(
            budget,
            first=settings.sampling_first,
            rounds=settings.sampling_rounds,
            refine=settings.sampling_refine,
            repair=settings.sampling_repair,
            candidates=settings.sampling_candidates,
        )
        found = critic_sampling(tasks, actor.writer, self.critic, self.repairer, examine, sampling, plan)
        return [[candidate.program for candidate in group] for group in found]


def train_helpers(agent: Actor, workbench: Workbench) -> Path:
    """Train the critic and the repair model, or load what the run has finished; return the checkpoint's folder.

    Args:
        agent: the actor after reinforcement learning.
        workbench: the run's workbench.
    """
    checkpoints = workbench.run.checkpoints
    folder = checkpoints / ROW
    if workbench.finished("sampling_critic") is None:
        _train_critic(agent, workbench, checkpoints / _CRITIC_FILE)
    files = {_CRITIC: checkpoints / _CRITIC_FILE}
    if agent.settings.sampling_repair:
        files[_REPAIR] = checkpoints / _REPAIR_FILE
        if workbench.finished("repair") is None:
            train_repair(agent, workbench, _SOURCES, files[_REPAIR])
    if not folder.exists():
        states = {name: torch.load(file, weights_only=True) for name, file in files.items()}
        save_model(agent.model, folder, agent.card, states)
    return folder


def load_helpers(agent: Actor, folder: Path | None) -> Helpers:
    """Return the critic and the repair model that lie in the agent's checkpoint.

    Raises:
        ValueError: there are none.
    """
    if folder is None or not (Path(folder) / _CRITIC).is_file():
        raise ValueError(
            f"critic sampling needs a critic, and {str(folder)!r} holds none; load the checkpoint {ROW!r} of a run"
        )
    state = torch.load(Path(folder) / _CRITIC, weights_only=True)
    critic = CriticTrainer(agent, CriticForm(**state["form"]))
    critic.critic.load_state_dict(state["critic"])
    repair = Path(folder) / _REPAIR
    if not repair.is_file():
        return Helpers(critic, None)
    trainer = RepairTrainer(agent)
    trainer.model.load_state_dict(torch.load(repair, weights_only=True)["model"])
    return Helpers(critic, trainer.writer)


def _train_critic(agent: Actor, workbench: Workbench, target: Path) -> None:
    """Train a critic on the programs that the run has drawn, for its `critic_sampling_seconds`, and write it."""
    config, settings = workbench.config, agent.settings
    clock = workbench.clock("sampling_critic", config.critic_sampling_seconds, config.critic_sampling_steps)
    trainer = CriticTrainer(agent, settings.sampling_form)
    earlier = workbench.run.checkpoints / RL_CRITIC_FILE
    if earlier.exists() and settings.sampling_form == settings.critic_form:
        trainer.critic.load_state_dict(torch.load(earlier, weights_only=True)["critic"])
    groups = stored_groups(agent, workbench, _SOURCES)

    def step() -> dict[str, float]:
        seed = [config.seed, _STREAM, clock.step]
        (chosen,) = minibatches(groups, settings.critic_batch, 1, seed, among=_SORTED_BATCHES)
        factor = stage_rate(clock.step, clock.fraction, warmup=_WARMUP_STEPS, cooldown=_COOLDOWN)
        return trainer.learn(chosen, factor)[1]

    def capture() -> dict[str, Any]:
        return {**trainer.capture(), "random": torch.get_rng_state()}

    def restore(state: Mapping[str, Any]) -> None:
        trainer.restore(state)
        torch.set_rng_state(state["random"])

    stage = Stage(workbench, clock, capture, restore)
    # A run without a single judged program has nothing to learn from.
    stage.run(step, lambda: not groups)
    save_state({"form": asdict(trainer.critic.form), "critic": trainer.critic.state_dict()}, target)
    stage.finish({"programs": sum(group.drawn for group in groups)})
