"""The stages of CodeRL in order. Each can run alone, is skipped when the run has finished it, and can be resumed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from coderl_agents.codet5.model import load_model, save_state
from coderl_env.experiment.workbench import StageClock, Workbench

if TYPE_CHECKING:
    from coderl_agents.codet5.agent import CodeT5Agent

__all__ = ["UNSOUND", "DivergedError", "Stage", "run_stages", "stage_rate"]

# The figure that says which share of a step's updates were left out because their gradients were not finite.
UNSOUND = "unsound_updates"
_MOST_UNSOUND = 20


class DivergedError(ValueError):
    """Training is beyond help: gradient after gradient is not finite. The message says what to change."""


class Stage:
    """The loop of one stage: its clock, its progress bar, its checkpoints, and stopping when asked to.

    Args:
        workbench: the run's workbench.
        clock: budget of the stage, and how much of it is used.
        capture: returns the stage's state: tensors, numbers, and containers of them.
        restore: takes it back.
    """

    def __init__(
        self,
        workbench: Workbench,
        clock: StageClock,
        capture: Callable[[], dict[str, Any]],
        restore: Callable[[dict[str, Any]], None],
    ) -> None:
        self.workbench = workbench
        self.clock = clock
        self._capture = capture
        self._path = workbench.run.checkpoints / f"{clock.name}.state.pt"
        if self._path.exists():
            state = torch.load(self._path, weights_only=True)
            clock.seconds, clock.step = state["seconds"], state["step"]
            restore(state["stage"])

    def run(self, step: Callable[[], Mapping[str, float]], finished: Callable[[], bool] = lambda: False) -> None:
        """Take steps until the budget is used or `finished` says so.

        Raises:
            KeyboardInterrupt: the user asked to stop; the state is saved.
            DivergedError: too many steps in a row had no sound update; the state saved last is from before them, or
                from among them, where nothing was changed.
        """
        clock, workbench = self.clock, self.workbench
        workbench.progress.start(clock.name, *clock.total)
        unsound = 0
        saved = time.perf_counter()
        while clock.fraction < 1 and not finished():
            begin = time.perf_counter()
            figures = step()
            clock.step += 1
            clock.seconds += time.perf_counter() - begin
            if figures:
                workbench.run.log(clock.name, clock.step, figures)
            workbench.progress.advance(clock.name, clock.done, figures)
            unsound = unsound + 1 if figures.get(UNSOUND, 0.0) >= 1 else 0
            if unsound >= _MOST_UNSOUND:
                raise DivergedError(
                    f"stage {clock.name} stopped: in its last {unsound} steps no gradient was finite; begin again with "
                    "a lower learning rate, or name another model"
                )
            stop = workbench.stop_requested
            if stop or time.perf_counter() - saved > workbench.config.checkpoint_seconds:
                self.save()
                saved = time.perf_counter()
            if stop:
                raise KeyboardInterrupt
        workbench.progress.finish(clock.name)

    def save(self) -> None:
        """Write the stage's state, whole or not at all."""
        state = {"seconds": self.clock.seconds, "step": self.clock.step, "stage": self._capture()}
        save_state(state, self._path)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Record the stage as finished and drop its state."""
        summary = {"seconds": self.clock.seconds, "steps": self.clock.step, **result}
        self.workbench.run.finish_stage(self.clock.name, summary)
        self._path.unlink(missing_ok=True)


def stage_rate(step: int, fraction: float, *, warmup: int, cooldown: float) -> float:
    """Return the factor of the learning rate: a linear rise over `warmup` steps, 1, a linear fall over the last part.

    Args:
        step: steps taken.
        fraction: share of the stage that is over.
        warmup: steps of the rise.
        cooldown: share of the stage that falls.
    """
    rise = min(1.0, (step + 1) / max(warmup, 1))
    fall = 1.0 if cooldown <= 0 else min(1.0, max(0.0, (1 - fraction) / cooldown))
    return rise * fall


def use_threads(wanted: int | None) -> None:
    """Let torch use `wanted` threads; None is all processors but one, which is left to the judge and to others.

    Torch's threads wait for each other by spinning, and one that is pushed aside holds up all others: on two processors
    with busy neighbours a step of the nano model took 0.3 seconds of processor time with one thread and more than ten
    with two. On idle ones the second thread saves a quarter of the wall time.
    """
    if wanted is None:
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        wanted = max(1, processors - 1)
    torch.set_num_threads(wanted)


def run_stages(agent: CodeT5Agent, workbench: Workbench) -> dict[str, Path]:
    """Run the stages that the settings name and return a checkpoint folder for each row of the table."""
    from coderl_agents.codet5.actor_critic import train_actor
    from coderl_agents.codet5.inspect_critic import inspect_unseen
    from coderl_agents.codet5.sampling_stage import ROW, load_helpers, train_helpers
    from coderl_agents.codet5.supervised import continue_supervised, warm_start
    from coderl_agents.codet5.train_critic import train_critic

    use_threads(workbench.config.threads)
    wanted = agent.settings.stages
    folder = workbench.run.checkpoints
    rows: dict[str, Path] = {}
    with torch.random.fork_rng(devices=[]):
        # Dropout draws from torch's global stream; within this block it is ours.
        torch.manual_seed(workbench.config.seed)
        if "warm_start" in wanted:
            warm_start(agent, workbench)
            agent.model.load_state_dict(load_model(folder / "warm_start", agent.tokenizer).state_dict())
        else:
            agent.save(folder / "warm_start")
        rows["warm_start"] = folder / "warm_start"
        is_weighted = agent.settings.weighting == "critic"
        critic = None
        if ("rl" in wanted and is_weighted) or ("critic" in wanted and "rl" not in wanted):
            critic = train_critic(agent, workbench)
            inspect_unseen(agent, workbench, critic, "critic")
        if "rl" in wanted:
            train_actor(agent, workbench, critic)
            rows["rl"] = folder / "rl"
        if "critic_sampling" in wanted and "rl" in wanted:
            agent.model.load_state_dict(load_model(folder / "rl", agent.tokenizer).state_dict())
            rows[ROW] = train_helpers(agent, workbench)
            inspect_unseen(agent, workbench, load_helpers(agent, rows[ROW]).critic, "sampling_critic")
        if "ce_continued" in wanted:
            agent.model.load_state_dict(load_model(folder / "warm_start", agent.tokenizer).state_dict())
            continue_supervised(agent, workbench)
            rows["ce_continued"] = folder / "ce_continued"
    order = ("warm_start", "ce_continued", "rl", ROW)
    return {name: rows[name] for name in order if name in rows}
