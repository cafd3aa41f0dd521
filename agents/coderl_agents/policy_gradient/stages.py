"""The stages of a policy-gradient agent: warm start, reinforcement learning, critic sampling, supervised control."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from coderl_agents.codet5.stages import Stage, use_threads
from coderl_agents.codet5.supervised import continue_supervised, warm_start
from coderl_agents.policy_gradient.learning import Learner
from coderl_agents.policy_gradient.models import load_any
from coderl_env.experiment.workbench import Workbench

if TYPE_CHECKING:
    from coderl_agents.policy_gradient.agent import PolicyGradientAgent

__all__ = ["run_stages"]


def run_stages(agent: PolicyGradientAgent, workbench: Workbench) -> dict[str, Path]:
    """Run the stages that the settings name and return a checkpoint folder for each row of the table."""
    from coderl_agents.codet5.inspect_critic import inspect_unseen
    from coderl_agents.codet5.sampling_stage import ROW, load_helpers, train_helpers

    use_threads(workbench.config.threads)
    wanted = agent.settings.stages
    folder = workbench.run.checkpoints
    start = folder / "warm_start"
    rows = {"warm_start": start}
    with torch.random.fork_rng(devices=[]):
        # Dropout draws from torch's global stream; within this block it is ours.
        torch.manual_seed(workbench.config.seed)
        if "warm_start" in wanted:
            agent.begin_stage(None)
            warm_start(agent, workbench)
        else:
            agent.save(start)
        if "rl" in wanted:
            agent.begin_stage(start)
            _reinforce(agent, workbench)
            rows["rl"] = folder / "rl"
        if "critic_sampling" in wanted and "rl" in wanted:
            agent.use(load_any(folder / "rl", agent.tokenizer))
            rows[ROW] = train_helpers(agent, workbench)
            inspect_unseen(agent, workbench, load_helpers(agent, rows[ROW]).critic, "sampling_critic")
        if "ce_continued" in wanted:
            agent.begin_stage(start)
            continue_supervised(agent, workbench)
            rows["ce_continued"] = folder / "ce_continued"
    order = ("warm_start", "ce_continued", "rl", ROW)
    return {name: rows[name] for name in order if name in rows}


def _reinforce(agent: PolicyGradientAgent, workbench: Workbench) -> None:
    """Run reinforcement learning, or do nothing where the run has finished it; leaves checkpoint `rl`."""
    if workbench.finished("rl") is not None:
        return
    config = workbench.config
    clock = workbench.clock("rl", config.rl_seconds, config.rl_steps)
    learner = Learner(agent, workbench, clock)
    stage = Stage(workbench, clock, learner.capture, learner.restore)
    waited = workbench.judge_wait_seconds
    stage.run(learner.step)
    learner.team.part()
    agent.save(workbench.run.checkpoints / "rl")
    stage.finish(
        {
            "programs": learner.programs,
            "skipped_updates": learner.skipped,
            "judge_wait_seconds": workbench.judge_wait_seconds - waited,
        }
    )
