"""The stages end to end with a tiny model: rows, resuming exactly, honesty towards hidden data, and clear errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import coderl_agents.codet5.model as model_module
from coderl_agents.codet5 import make
from coderl_agents.codet5.actor_critic import row_advantages
from coderl_agents.codet5.batches import Example
from coderl_agents.codet5.experience import Group, Row
from coderl_agents.codet5.stages import stage_rate
from coderl_env.agent import Sampling, Task
from coderl_env.datasets import load_dataset
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import TrainConfig, train
from coderl_env.judge import Judge
from coderl_env.outcome import Outcome
from coderl_env.registry import AgentSpec
from coderl_env.reward import coderl
from coderl_env.rollout import collect, make_task
from coderl_env.tokens import load_tokenizer

STAGES = {"warm_start", "critic", "rl", "sampling_critic", "repair", "ce_continued"}
TINY = {"d_model": 16, "d_kv": 8, "num_heads": 2, "d_ff": 24, "num_layers": 1, "dropout_rate": 0.1}


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(model_module.FRESH, "tiny", TINY)
    for picture in ("confusion_png", "reliability_png", "programs_png"):  # drawn in test_inspect_critic.py
        monkeypatch.setattr(f"coderl_agents.codet5.inspect_critic.{picture}", lambda *_: None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small(**changes: Any) -> TrainConfig:
    settings = {"recipe": "learned", "model": "fresh:tiny", "batch_size": 4, "ce_batch": 2, "precision": "float32"} | {
        "critic_batch": 3,
        "critic_updates": 2,
        "critic_spread": 4,  # of 3 programs: three times as many problems, one program of each
        "critic_lessons": 2,
    }
    values: dict[str, Any] = {
        "settings": settings | changes.pop("settings", {}),
        "difficulties": ("1",),
        "max_program_tokens": 12,
        "judge_workers": 1,
        "demonstrations": 40,
        "validation_problems": 2,
        "warm_start_seconds": None,
        "warm_start_steps": 3,
        "critic_seconds": None,
        "critic_steps": 3,
        "rl_seconds": None,
        "rl_steps": 3,
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


def weights(folder: Path, row: str) -> dict[str, torch.Tensor]:
    return load_file(folder / "checkpoints" / row / "model.safetensors")


def test_all_stages_end_in_the_table(tmp_path: Path) -> None:
    config = small()
    summary = run(config, tmp_path / "run")
    assert list(summary["evaluation"]) == ["warm_start", "ce_continued", "rl", "rl_critic_sampling"]
    for name, row in summary["evaluation"].items():
        assert row["problems"] == 2
        assert sum(row["outcomes"].values()) == 2 * 5
        assert set(row["pass_at_1"]) == {"mean", "low", "high"}
        assert ("gain" in row) is (name != "warm_start")
        assert ("gain_over_ce" in row) is (name in ("rl", "rl_critic_sampling"))
    assert summary["gain"] == summary["evaluation"]["rl"]["gain"]
    assert set(summary["stages"]) == STAGES | {"inspect_critic", "inspect_sampling_critic"}
    with RunFolder.open(tmp_path / "run", config.to_dict()) as opened:
        stages = {line["stage"] for line in opened.metrics()}
        assert stages == STAGES
        assert opened.stage_state("inspect_critic")["programs"] == 2 * 4
        # 3 steps of 2 problems with 3 programs, and the greedy ones in reinforcement learning. The critic's programs
        # are those of more problems.
        critic = list(opened.samples.rows("critic"))
        assert (len(critic), len({(row.step, row.task_id) for row in critic})) == (18, 18)
        assert sum(1 for _ in opened.samples.rows("rl")) == 24
    assert not list((tmp_path / "run" / "checkpoints").glob("*.state.pt"))
    # The same command again finds everything done.
    assert run(config, tmp_path / "run") == summary


class StopAt:
    """Asks to stop, as Ctrl-C does, at a stage's step."""

    def __init__(self, stage: str, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = (stage, step)
        self.asked = False
        monkeypatch.setattr("coderl_env.experiment.workbench.Workbench.stop_requested", property(lambda _: self.asked))

    def start(self, stage: str, total: float, unit: str) -> None: ...

    def advance(self, stage: str, done: float, figures: Mapping[str, float]) -> None:
        self.asked |= (stage, done) == self.at

    def finish(self, stage: str) -> None: ...


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(model_module.FRESH, "tiny", TINY)
        run(small(), folder)
    return folder


@pytest.mark.parametrize(
    "stage",
    [
        "rl",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("warm_start", "critic", "ce_continued", "sampling_critic", "repair")
        ),
    ],
)
def test_a_stopped_run_goes_on_to_the_same_weights(
    stage: str, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "run", StopAt(stage, 2, patch))
    assert (tmp_path / "run" / "checkpoints" / f"{stage}.state.pt").exists()
    run(config, tmp_path / "run")
    for row in ("warm_start", "rl", "ce_continued"):
        expected = weights(straight, row)
        assert all(torch.equal(value, expected[name]) for name, value in weights(tmp_path / "run", row).items()), row


def test_the_agent_sees_no_hidden_tests_and_no_solutions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks: list[Task] = []
    original = make(AgentSpec(load_tokenizer("nano")), model="fresh:tiny").__class__.generate

    def watch(agent: Any, asked: list[Task], samples: int, sampling: Sampling) -> Any:
        tasks.extend(asked)
        return original(agent, asked, samples, sampling)

    monkeypatch.setattr("coderl_agents.codet5.agent.CodeT5Agent.generate", watch)
    run(small(warm_start_steps=1, critic_steps=1, rl_steps=1), tmp_path / "run")
    assert {task.id.split("/")[1] for task in tasks} == {"train", "validation", "test"}
    for task in tasks:
        problem = load_dataset("synth", task.id.split("/")[1]).get(task.id)
        assert task == make_task(problem)
        assert not any(case in task.examples for case in problem.tests if case not in problem.examples)


@pytest.mark.parametrize(
    "settings",
    [
        {"baseline": "group", "scale_advantages": True, "weighting": "uniform", "reduction": "programs"},
        {"baseline": "none", "weighting": "decay", "clip_low": -1.0, "ce_weight": 0.0},
        {"critic_pooling": "logits", "critic_reads": "prefix", "critic_refresh": False, "optimizer": "adamw"},
        {"pass_numbers": 1, "max_rows": 2, "precision": "bfloat16", "critic_model": "fresh:tiny"},
    ],
)
def test_the_ablations_run(settings: dict[str, Any], tmp_path: Path) -> None:
    changes = {"stages": ["warm_start", "critic", "rl"], **settings}
    summary = run(small(warm_start_steps=1, critic_steps=1, rl_steps=2, settings=changes), tmp_path / "run")
    assert "rl" in summary["evaluation"]


def test_accumulated_gradients_equal_those_of_one_pass(tmp_path: Path) -> None:
    settings = {"precision": "float32", "model": "fresh:tiny", "stages": ["warm_start", "critic", "rl"]}
    plain = {"settings": settings, "warm_start_steps": 2, "critic_steps": 1, "rl_steps": 2}
    still = TINY | {"dropout_rate": 0.0}
    found = []
    for number, passes in enumerate((32_000_000, 1)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(model_module.FRESH, "tiny", still)
            config = small(**(plain | {"settings": plain["settings"] | {"pass_numbers": passes}}))
            run(config, tmp_path / str(number))
        found.append(weights(tmp_path / str(number), "rl"))
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], rtol=1e-3, atol=1e-4, msg=name)


def test_greedy_generating_equals_stepping() -> None:
    tokenizer = load_tokenizer("nano")
    spec = AgentSpec(tokenizer, max_prompt_tokens=200, max_program_tokens=15)
    agent = make(spec, model="fresh:tiny")
    problems = [load_dataset("synth", "test").get(f"synth/test/{level}/0") for level in (1, 3, 5)]
    generated = agent.generate([make_task(problem) for problem in problems], 1, Sampling(0.0))

    class Stepped:
        begin, act, learn, save = agent.begin, agent.act, agent.learn, agent.save

    with Judge(1) as judge:
        stepped = collect(
            Stepped(),
            problems,
            judge,
            reward=coderl,
            sampling=Sampling(0.0),
            tokenizer=tokenizer,
            max_prompt_tokens=200,
            max_program_tokens=15,
        )
    for (program,), episode in zip(generated, stepped, strict=True):
        assert program.token_ids == episode.token_ids
        assert program.text == episode.text
        torch.testing.assert_close(torch.tensor(program.log_probs), torch.tensor(episode.log_probs))


def test_a_saved_agent_is_loaded_again(tmp_path: Path) -> None:
    tokenizer = load_tokenizer("nano")
    agent = make(AgentSpec(tokenizer, seed=3), model="fresh:tiny")
    agent.save(tmp_path / "saved")
    agent.save(tmp_path / "saved")  # replaces what is there
    again = make(AgentSpec(tokenizer, checkpoint=tmp_path / "saved"))
    for name, value in agent.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    tokenizer = load_tokenizer("nano")
    make(AgentSpec(tokenizer), model="fresh:tiny").save(tmp_path / "saved")
    cases = [
        ({"model": "fresh:nano"}, tmp_path / "saved", "is of another architecture: d_model is 16 and not 128"),
        ({"model": "fresh:nanno"}, None, "unknown fresh model 'nanno'; did you mean 'nano'"),
        ({"model": str(tmp_path / "nowhere")}, None, "no model at"),
        ({"baseline": "gready"}, None, "unknown value of baseline 'gready'; did you mean 'greedy'"),
        ({"stages": ["warmstart"]}, None, "unknown stage 'warmstart'; did you mean 'warm_start'"),
        ({"lr": 1}, None, "unknown setting of agent codet5 'lr'"),
        ({"scale_advantages": True, "baseline": "greedy"}, None, "scale_advantages needs baseline 'group'"),
    ]
    for settings, checkpoint, words in cases:
        with pytest.raises(ValueError, match=words) as caught:
            make(AgentSpec(tokenizer, checkpoint=checkpoint), **settings)
        assert "\n" not in str(caught.value)
    (tmp_path / "saved" / "config.json").write_text('{"model_type": "bart", "vocab_size": 9999}')
    with pytest.raises(ValueError, match="is a bart model, and this agent needs a T5-family"):
        make(AgentSpec(tokenizer, checkpoint=tmp_path / "saved"))
    with pytest.raises(ValueError, match="needs the environment's tokenizer"):
        make(AgentSpec(None))


def group(rewards: list[float], counts: list[int], greedy: float | None = None) -> Group:
    rows = tuple(
        Row(Example((1,), (), (2,)), (0.0,), count, Outcome.PASSED, reward)
        for reward, count in zip(rewards, counts, strict=True)
    )
    return Group(Task("t", ""), rows, greedy)


def test_row_advantages_equal_those_of_all_programs() -> None:
    rewards, counts = [1.0, -0.3, -1.0], [3, 1, 2]
    every = [reward for reward, count in zip(rewards, counts, strict=True) for _ in range(count)]
    asked = group(rewards, counts, -0.3)
    assert row_advantages(asked, "none") == rewards
    # Equation 8.
    assert row_advantages(asked, "greedy") == pytest.approx([1.3, 0.0, -0.7])
    # A program is compared with the others of its problem, which equal programs are among.
    left_out = [reward - (sum(every) - reward) / 5 for reward in rewards]
    assert row_advantages(asked, "group") == pytest.approx(left_out)
    scaled = [value / stdev(every) for value in left_out]
    assert row_advantages(asked, "group", scale=True) == pytest.approx(scaled, rel=1e-4)
    assert row_advantages(group([1.0], [1]), "group") == [0.0]


def test_a_stage_runs_alone(tmp_path: Path) -> None:
    summary = run(small(critic_steps=1, settings={"stages": ["critic"]}), tmp_path / "run")
    assert list(summary["stages"]) == ["critic", "inspect_critic"]
    assert list(summary["evaluation"]) == ["warm_start"]
    assert (tmp_path / "run" / "checkpoints" / "critic.pt").exists()
    uniform = small(rl_steps=1, settings={"stages": ["critic", "rl"], "weighting": "uniform"})
    assert list(run(uniform, tmp_path / "other")["stages"]) == ["rl"]


def test_the_rate_rises_stays_and_falls() -> None:
    rates = [stage_rate(step, step / 100, warmup=10, cooldown=0.2) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert [rates[9], rates[50], rates[80]] == pytest.approx([1.0] * 3)
    assert rates[90] == pytest.approx(0.5)
    assert rates[100] == 0.0
