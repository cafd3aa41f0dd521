"""The agents end to end with tiny models: rows, exact resuming, skipped updates, nothing scored that was not judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from coderl_agents.codet5.batches import Example
from coderl_agents.codet5.experience import Experience, Group, Row
from coderl_agents.policy_gradient import PolicyGradientAgent, make
from coderl_agents.policy_gradient.learning import Learner, TrainingDivergedError
from coderl_env.agent import Task
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import TrainConfig, train
from coderl_env.experiment.workbench import StageClock, Workbench
from coderl_env.judge import Judge, JudgeError
from coderl_env.outcome import Outcome
from coderl_env.registry import AgentSpec
from coderl_env.tokens import load_tokenizer

AGENTS = ["reinforce", "rloo", "grpo", "ppo"]
MODELS = ["fresh:tiny", "fresh:tiny-causal"]
TOKENIZER = load_tokenizer("nano")


def small(agent: str = "rloo", model: str = "fresh:tiny", **changes: Any) -> TrainConfig:
    settings = {"model": model, "batch_size": 4, "precision": "float32"} | changes.pop("settings", {})
    values: dict[str, Any] = {
        "agent": agent,
        "settings": settings,
        "difficulties": ("1",),
        "max_program_tokens": 10,
        "judge_workers": 1,
        "demonstrations": 40,
        "validation_problems": 2,
        "warm_start_seconds": None,
        "warm_start_steps": 2,
        "rl_seconds": None,
        "rl_steps": 2,
        "critic_sampling_seconds": None,
        "critic_sampling_steps": 2,
        "problems_per_step": 2,
        "samples_per_step": 3,
        "eval_problems": 2,
        "eval_samples": 5,
        "critic_sampling_budget": 5,
    }
    return TrainConfig.from_dict(values | changes)


def run(config: TrainConfig, folder: Path, progress: Any = None) -> dict[str, Any]:
    with RunFolder.open(folder, config.to_dict()) as opened:
        return train(config, opened, progress)


def weights(folder: Path, row: str = "rl") -> dict[str, torch.Tensor]:
    return load_file(folder / "checkpoints" / row / "model.safetensors")


def changed(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return any(not torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize(
    ("agent", "model"),
    [
        pytest.param(agent, model, marks=() if agent == "ppo" else pytest.mark.slow)
        for agent, model in zip(AGENTS, [*MODELS, *MODELS], strict=True)
    ],
)
def test_every_agent_ends_in_the_table(agent: str, model: str, tmp_path: Path) -> None:
    config = small(agent, model)
    summary = run(config, tmp_path / "run")
    assert list(summary["evaluation"]) == ["warm_start", "ce_continued", "rl", "rl_critic_sampling"]
    assert "gain" in summary
    assert "gain_over_ce" in summary
    assert summary["stages"]["rl"]["programs"] == (16 if agent == "reinforce" else 12)
    assert not list((tmp_path / "run" / "checkpoints").glob("*.state.pt"))
    assert run(config, tmp_path / "run") == summary


@pytest.mark.slow
def test_all_agents_can_begin_from_the_same_weights(tmp_path: Path) -> None:
    first = run(small(settings={"stages": ["warm_start"]}), tmp_path / "first")
    assert list(first["evaluation"]) == ["warm_start"]
    start = str(tmp_path / "first" / "checkpoints" / "warm_start")
    found = [
        run(small(agent, start_from=start, settings={"stages": ["rl"]}), tmp_path / agent)["evaluation"]["warm_start"]
        for agent in ("grpo", "reinforce")
    ]
    assert found[0]["outcomes"] == found[1]["outcomes"] == first["evaluation"]["warm_start"]["outcomes"]
    assert not changed(weights(tmp_path / "grpo", "warm_start"), weights(tmp_path / "first", "warm_start"))


class StopAt:
    """Asks to stop, as Ctrl-C does, after a step of reinforcement learning."""

    def __init__(self, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = step
        self.asked = False
        monkeypatch.setattr("coderl_env.experiment.workbench.Workbench.stop_requested", property(lambda _: self.asked))

    def start(self, stage: str, total: float, unit: str) -> None: ...

    def advance(self, stage: str, done: float, figures: Mapping[str, float]) -> None:
        self.asked |= (stage, done) == ("rl", self.at)

    def finish(self, stage: str) -> None: ...


@pytest.mark.slow
@pytest.mark.parametrize(("agent", "model"), [("ppo", "fresh:tiny"), ("grpo", "fresh:tiny-causal")])
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(agent: str, model: str, tmp_path: Path) -> None:
    config = small(agent, model, rl_steps=3, settings={"stages": ["rl"], "kl_weight": 0.1, "rl_rate": 1e-2})
    straight = run(config, tmp_path / "straight")
    with pytest.MonkeyPatch.context() as patch:
        stop = StopAt(1, patch)
        with pytest.raises(KeyboardInterrupt):
            run(config, tmp_path / "stopped", stop)
    resumed = run(config, tmp_path / "stopped")
    assert not changed(weights(tmp_path / "stopped"), weights(tmp_path / "straight"))
    assert resumed["evaluation"]["rl"]["outcomes"] == straight["evaluation"]["rl"]["outcomes"]


@pytest.mark.slow
def test_adapters_are_trained_and_leave_a_plain_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    config = small("grpo", "fresh:tiny-causal", settings={"lora_rank": 2, "rl_rate": 1e-2, "kl_weight": 0.1})
    summary = run(config, tmp_path / "run")
    assert set(summary["evaluation"]) >= {"warm_start", "ce_continued", "rl"}
    start, ended = weights(tmp_path / "run", "warm_start"), weights(tmp_path / "run")
    assert start.keys() == ended.keys()
    assert not any("lora_" in name for name in ended)


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    """Return a function that makes a learner of `agent` on a workbench, and the agent."""
    opened: list[Any] = []

    def build(name: str = "rloo", **settings: Any) -> tuple[Learner, PolicyGradientAgent]:
        config = small(name, settings=settings)
        agent = make(name, AgentSpec(TOKENIZER, "token", 256, 10), **config.settings)
        folder = RunFolder.open(tmp_path / str(len(opened)), config.to_dict())
        judge = Judge(1)
        opened.extend((folder, judge))
        stop = type("Stop", (), {"requested": False})()
        workbench = Workbench(config, folder, judge, TOKENIZER, None, stop)  # type: ignore[arg-type]
        return Learner(agent, workbench, StageClock("rl", None, 10)), agent

    yield build
    for one in opened:
        one.close()


def experience(rewards: list[float], log_prob: float = -1.0, greedy: float | None = None) -> Experience:
    """Return one problem with a program of three tokens for every reward."""
    words = TOKENIZER.encode("print x = 1 2 3 4 5 6 7")
    rows = tuple(
        Row(
            Example((5, 6, 7), (), (words[place], words[place + 1], TOKENIZER.eos_id)), (log_prob,) * 3, 1, outcome, one
        )
        for place, one in enumerate(rewards)
        for outcome in [Outcome.PASSED if one > 0 else Outcome.FAILED_TEST]
    )
    return Experience(0, [Group(Task("t", "p"), tuple(rows), greedy)], [], 0)


def state(agent: PolicyGradientAgent) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in agent.model.state_dict().items()}


@pytest.mark.parametrize("name", AGENTS)
def test_learning_makes_the_better_program_likelier(name: str, bench: Any) -> None:
    learner, _ = bench(name, rl_rate=1e-2, kl_weight=0.0, clip_low=-1.0, rl_minibatches=1, value_weight=0.0)
    batch = experience([1.0, -1.0], greedy=0.0)
    before = [sum(row) for row in learner._measure(batch.groups)[0]]
    for _ in range(3):
        learner.clock.step += 1
        figures = learner.learn(batch)
    after = [sum(row) for row in learner._measure(batch.groups)[0]]
    assert figures["updates"] >= 1
    assert after[0] - before[0] > after[1] - before[1]


@pytest.mark.parametrize("name", ["reinforce", "rloo"])
def test_programs_of_the_same_outcome_teach_nothing(name: str, bench: Any) -> None:
    learner, agent = bench(name)
    before = state(agent)
    figures = learner.learn(experience([-0.3] * 4, greedy=-0.3))
    assert figures["useful"] == 0.0
    assert figures["updates"] == 0.0
    assert not changed(state(agent), before)


@pytest.mark.parametrize("name", AGENTS)
def test_an_empty_batch_is_reported_and_not_learned_from(name: str, bench: Any) -> None:
    learner, agent = bench(name)
    before = state(agent)
    figures = learner.learn(Experience(0, [], [], 2))
    assert figures["useful"] == 0.0
    assert figures["updates"] == 0.0
    assert not changed(state(agent), before)


@pytest.mark.parametrize("trouble", ["nan", "explosion"])
def test_an_unsound_update_is_skipped_until_patience_ends(trouble: str, bench: Any) -> None:
    learner, agent = bench("rloo", patience_bad_steps=3, **({"explosion": 1e-12} if trouble == "explosion" else {}))
    batch = experience([1.0, float("nan") if trouble == "nan" else -1.0])
    before = state(agent)
    for _ in range(2):
        assert learner.learn(batch)["skipped"] > 0
    # A sound step in between begins the count anew; a batch without anything to learn does not.
    learner.learn(Experience(0, [], [], 2))
    assert not changed(state(agent), before)
    with pytest.raises(
        TrainingDivergedError, match="agent rloo stopped: the last 3 steps had no sound update"
    ) as caught:
        learner.learn(batch)
    assert "\n" not in str(caught.value)
    assert not changed(state(agent), before)
    assert learner.skipped == 3 * 2


def test_what_was_not_judged_is_not_learned_from(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    learner, _ = bench("rloo")
    workbench = learner.workbench
    honest = workbench.result
    lost: list[Any] = []

    def failing(future: Any) -> Any:
        if not lost:
            lost.append(future)
            raise JudgeError("no worker")
        return honest(future)

    monkeypatch.setattr(workbench, "result", failing)
    figures = learner.step()
    assert figures["lost"] == 1.0
    # One of two problems is left, with its three programs.
    assert learner.programs == 3
    assert sum(1 for _ in workbench.run.samples.rows("rl")) == 3


def test_merged_rows_teach_what_the_single_programs_do(bench: Any) -> None:
    single = experience([1.0, -1.0, -1.0])
    rows = single.groups[0].rows
    same = replace(rows[2], example=rows[1].example)
    merged = Group(Task("t", "p"), (rows[0], replace(rows[1], count=2)), None)
    apart = Group(Task("t", "p"), (rows[0], rows[1], same), None)
    found = []
    for group in (merged, apart):
        learner, agent = bench("grpo", rl_minibatches=1, rl_rate=1e-2, kl_weight=0.1)
        learner.learn(Experience(0, [group], [], 0))
        found.append(state(agent))
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], atol=2e-5, rtol=1e-4)


def test_the_distance_from_the_reference_is_measured_and_held(bench: Any) -> None:
    learner, agent = bench("grpo", rl_rate=3e-2, kl_weight=5.0, rl_minibatches=1)
    batch = experience([1.0, -1.0])
    drawn = learner._measure(batch.groups)[0]
    rows = tuple(replace(row, log_probs=own) for row, own in zip(batch.groups[0].rows, drawn, strict=True))
    batch = Experience(0, [replace(batch.groups[0], rows=rows)], [], 0)
    assert learner.learn(batch)["kl"] == pytest.approx(0.0, abs=1e-5)
    free, _ = bench("grpo", rl_rate=3e-2, kl_weight=0.0, rl_minibatches=1)
    moved = []
    for one in (learner, free):
        for _ in range(5):
            one.clock.step += 1
            one.learn(batch)
        now = one._measure(batch.groups)[0]
        moved.append(
            sum(abs(a - b) for new, old in zip(now, drawn, strict=True) for a, b in zip(new, old, strict=True))
        )
    assert moved[0] < moved[1]
    assert agent.model.training is False
