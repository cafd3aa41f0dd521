"""Critic sampling by the policy-gradient agents: critic and repair model of either architecture, and whole runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from coderl_agents.codet5.batches import Example
from coderl_agents.codet5.critic import CriticForm
from coderl_agents.codet5.experience import Group, Row
from coderl_agents.codet5.repair import Pair, RepairTrainer
from coderl_agents.codet5.sampling_stage import ROW, Helpers
from coderl_agents.codet5.train_critic import CriticTrainer, Prediction
from coderl_agents.policy_gradient import PolicyGradientAgent, Settings, make, models
from coderl_agents.policy_gradient.adapters import has_adapters
from coderl_env.agent import Program, Sampling, Task
from coderl_env.experiment.evaluation import Remembering
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import TrainConfig, train
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import Problem, StdioCase
from coderl_env.registry import AgentSpec
from coderl_env.rollout import make_task
from coderl_env.tokens import load_tokenizer

MODELS = ["fresh:tiny-causal", "fresh:tiny"]
TINY_CAUSAL = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 512,
}
TOKENIZER = load_tokenizer("nano")
SPEC = AgentSpec(TOKENIZER, "token", 96, 12)
PASSED = Outcome.PASSED


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    for picture in ("confusion_png", "reliability_png", "programs_png"):
        monkeypatch.setattr(f"coderl_agents.codet5.inspect_critic.{picture}", lambda *_: None)


def critic_of(model: Any, **form: str) -> CriticTrainer:
    """Return a critic with an opinion, whose backbone tells what it reads apart."""
    settings = Settings(precision="float32").completed("rloo", "fresh")
    trainer = CriticTrainer(PolicyGradientAgent("rloo", SPEC, settings, model), CriticForm(**form))
    last = trainer.critic.head if isinstance(trainer.critic.head, torch.nn.Linear) else trainer.critic.head[-1]
    with torch.no_grad():
        last.weight.copy_(torch.randn(last.weight.shape, generator=torch.Generator().manual_seed(1)))
    return trainer


def group(prompt: Sequence[int], *rows: tuple[Sequence[int], Sequence[int]], outcome: Outcome = PASSED) -> Group:
    """Return programs for `prompt`, each a forced prefix and what follows it."""
    examples = [Example(tuple(prompt), tuple(prefix), tuple(target)) for prefix, target in rows]
    return Group(Task("t", ""), tuple(Row(one, (), 1, outcome, 0.0) for one in examples), None)


def same(one: Prediction, other: Prediction) -> bool:
    close = torch.allclose(torch.tensor(one.probabilities), torch.tensor(other.probabilities), atol=1e-5)
    return close and torch.allclose(torch.tensor(one.passed), torch.tensor(other.passed), atol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "bart", "t5"])
@pytest.mark.parametrize(
    "form",
    [{}, {"reads": "prefix"}, {"pooling": "logits", "padding": "read", "reads": "prefix", "head": "mlp"}],
    ids=["paper", "prefix", "code"],
)
def test_a_programs_scores_rest_on_nothing_else_in_its_batch(kind: str, form: dict[str, str], make_tiny: Any) -> None:
    trainer = critic_of(make_tiny(kind), **form)
    own = group([5, 6, 7], ([], [21, 22, 23]), ([20, 19], [21, 23]))
    others = [
        group(range(8, 28), ([], [24]), ([], [25, 26, 27, 28, 29, 30, 31]), ([18], [22])),
        group([9], ([], [21, 22, 23])),
    ]
    alone = [*trainer.predictions([group([5, 6, 7], ([], [21, 22, 23]))]), trainer.predictions([own])[1]]
    assert not same(alone[0], trainer.predictions([others[1]])[0])  # it does read the prompt
    for batch, first in (([own, *others], 0), ([*others, own], 4)):
        found = trainer.predictions(batch)
        assert [len(one.passed) for one in found[first : first + 2]] == [3, 2]
        assert all(same(one, other) for one, other in zip(alone, found[first : first + 2], strict=True))


@pytest.mark.parametrize("kind", ["llama", "t5"])
@pytest.mark.parametrize("reads", ["token", "prefix"])
@pytest.mark.parametrize("place", [0, 2])
def test_a_score_has_seen_its_token_and_none_after_it(kind: str, reads: str, place: int, make_tiny: Any) -> None:
    trainer = critic_of(make_tiny(kind), reads=reads)
    changed = [30 if number == place else 21 + number for number in range(4)]
    first, other = trainer.predictions([group([5, 6], ([], [21, 22, 23, 24]), ([], changed))])
    seen = place if reads == "token" else place + 1
    assert first.passed[:seen] == pytest.approx(other.passed[:seen], abs=1e-6)
    assert abs(first.passed[seen] - other.passed[seen]) > 1e-6


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_starter_code_is_read_but_not_scored(kind: str, make_tiny: Any) -> None:
    trainer = critic_of(make_tiny(kind))
    one, other, full = trainer.predictions(
        [group([5, 6], ([19, 20], [21, 22]), ([20, 19], [21, 22]), (range(20, 32), []))]
    )
    assert not same(one, other)
    assert len(one.passed) == 2
    # Starter code that fills the window leaves no token to score; the others keep their places.
    assert full.passed == ()
    assert same(trainer.predictions([group([5, 6], ([19, 20], [21, 22]))])[0], one)


@pytest.mark.parametrize("model", MODELS)
def test_a_critic_learns_outcomes_that_can_be_told_apart(model: str) -> None:
    rates = {"optimizer": "muon", "critic_rate": 2e-2, "critic_matrix_rate": 0.03}
    trainer = CriticTrainer(make("grpo", SPEC, model=model, precision="float32", **rates))
    fillers, kinds = range(30, 38), range(20, 24)

    def batch(is_held_out: bool) -> list[Group]:
        """Return programs of a filler and the token that decides; a quarter of the pairs is held out."""
        rows = [
            Row(Example((7, 8), (), (filler, kind, TOKENIZER.eos_id)), (), 1, outcome, 0.0)
            for kind, outcome in zip(kinds, Outcome, strict=True)
            for filler in fillers
            if ((filler + kind) % 4 == 0) is is_held_out
        ]
        return [Group(Task("t", ""), tuple(rows), None)]

    for _ in range(40):
        trainer.learn(batch(False), 1.0)
    unseen = batch(True)
    assert len(unseen[0].rows) == 8
    for row, found in zip(unseen[0].rows, trainer.predictions(unseen), strict=True):
        assert found.probabilities[row.outcome.index] > 0.8
        # Before the token that decides it cannot know, after it it does.
        assert found.passed[0] < 0.8
        assert (found.passed[1] > 0.8) is (row.outcome is PASSED)


@pytest.mark.parametrize("model", MODELS)
def test_the_repair_model_reads_the_failure_and_leaves_the_actor_alone(model: str) -> None:
    agent = make("grpo", AgentSpec(TOKENIZER, "token", 96, 12), model=model, precision="float32", learning_rate=2e-2)
    before = {name: value.clone() for name, value in agent.model.state_dict().items()}
    trainer = RepairTrainer(agent)
    task = make_task(Problem("p", "Print a number.", (StdioCase("", "1\n"),)))
    pairs = (("print(1)\n", "print(2)\n"), ("print(3)\n", "print(4)\n"))
    examples = [
        trainer.example(task, Pair(task.id, failed, "runtime_error IndexError", passed)) for failed, passed in pairs
    ]
    told = TOKENIZER.decode(list(examples[0].prompt))
    assert "print(1)" in told
    assert "runtime_error IndexError" in told
    assert examples[0].prompt != examples[1].prompt
    losses = [trainer.learn(examples, 1.0)["loss"] for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]
    assert all(torch.equal(value, before[name]) for name, value in agent.model.state_dict().items())


def examine(programs: Sequence[tuple[Task, str]]) -> list[Judgement | None]:
    bad = CaseResult(Verdict.EXCEPTION, error_type="IndexError")
    good = CaseResult(Verdict.ACCEPTED)
    return [
        Judgement(PASSED, (good,), "none", "lines", "1")
        if task.id == "solved"
        else Judgement(Outcome.RUNTIME_ERROR, (bad,), "none", "lines", "1")
        for task, _ in programs
    ]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rounds", [1, 2])
def test_budgets_are_met_exactly_whatever_the_starter_code(model: str, rounds: int) -> None:
    agent = make("rloo", SPEC, model=model, precision="float32", sampling_rounds=rounds)
    helpers = Helpers(CriticTrainer(agent), RepairTrainer(agent).writer)
    full = "x = " + " + ".join("123456789") * 3
    starters = {"solved": "def f():\n    ", "unsolved": "", "full": full}
    tasks = [
        Task(name, "\nQUESTION:\nOne.\nANSWER:\n", (StdioCase("", "1\n"),), starter_code=starter)
        for name, starter in starters.items()
    ]
    tasks.append(Task("solved", "\nQUESTION:\nTwo.\nANSWER:\n", (StdioCase("", "1\n"),), starter_code=full))
    assert len(TOKENIZER.encode(full)) > SPEC.max_program_tokens
    for budget in (1, 7):
        found = helpers.generate(agent, tasks, budget, Sampling(0.6, 1.0, 3), examine)
        assert [len(programs) for programs in found] == [budget] * 4
    assert found == helpers.generate(agent, tasks, 7, Sampling(0.6, 1.0, 3), examine)


def test_without_a_critic_it_says_what_to_load() -> None:
    agent = make("rloo", SPEC, model="fresh:tiny-causal")
    with pytest.raises(ValueError, match=r"critic sampling needs a critic.*load the checkpoint 'rl_critic_sampling'"):
        agent.generate_with_examples([], 1, Sampling(), examine)


def test_with_adapters_the_helpers_train_their_own() -> None:
    pytest.importorskip("peft")
    agent = make("grpo", SPEC, model="fresh:tiny-causal", precision="float32", lora_rank=2)
    critic, repair = CriticTrainer(agent), RepairTrainer(agent)
    assert not has_adapters(agent.model)
    trained = [name for name, value in critic.critic.named_parameters() if value.requires_grad]
    assert all("lora_" in name or name.startswith("head.") for name in trained)
    before = repair.writer.generate([Task("t", "\nQUESTION:\nOne.\nANSWER:\n")], 1, Sampling(0.0))
    for name, value in repair.model.named_parameters():
        if "lora_B" in name:
            value.data.normal_(generator=torch.Generator().manual_seed(0))
    # What draws repaired programs reads the adapters too.
    assert repair.writer.generate([Task("t", "\nQUESTION:\nOne.\nANSWER:\n")], 1, Sampling(0.0)) != before


def config(model: str, **changes: Any) -> TrainConfig:
    settings = {"model": model, "batch_size": 4, "precision": "float32", "stages": "rl,critic_sampling"}
    values: dict[str, Any] = {
        "agent": "rloo",
        "settings": settings | {"critic_batch": 2, "repair_updates": 2} | changes.pop("settings", {}),
        "difficulties": ("1",),
        "max_program_tokens": 10,
        "judge_workers": 1,
        "demonstrations": 40,
        "validation_problems": 1,
        "rl_seconds": None,
        "rl_steps": 2,
        "critic_sampling_seconds": None,
        "critic_sampling_steps": 3,
        "problems_per_step": 2,
        "samples_per_step": 3,
        "eval_problems": 2,
        "eval_samples": 5,
        "critic_sampling_budget": 5,
        "checkpoint_seconds": 0.0,
    }
    return TrainConfig.from_dict(values | changes)


def run(chosen: TrainConfig, folder: Path) -> dict[str, Any]:
    with RunFolder.open(folder, chosen.to_dict()) as opened:
        return train(chosen, opened)


@pytest.mark.parametrize("model", MODELS)
def test_a_run_ends_in_its_row_and_the_agent_sees_no_hidden_test(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deciding: list[bool] = []
    examined: list[Problem] = []
    tasks: list[Task] = []
    sampled, submitted = PolicyGradientAgent.generate_with_examples, Remembering.submit

    def watch(agent: PolicyGradientAgent, asked: list[Task], *arguments: Any) -> list[list[Program]]:
        tasks.extend(asked)
        deciding.append(True)
        try:
            return sampled(agent, asked, *arguments)
        finally:
            deciding.clear()

    def submit(judge: Remembering, program: str, problem: Problem) -> Any:
        if deciding:
            examined.append(problem)
        return submitted(judge, program, problem)

    monkeypatch.setattr(PolicyGradientAgent, "generate_with_examples", watch)
    monkeypatch.setattr(Remembering, "submit", submit)
    chosen = config(model)
    summary = run(chosen, tmp_path / "run")
    assert list(summary["evaluation"]) == ["warm_start", "rl", ROW]
    assert {"rl", "sampling_critic", "repair", "inspect_sampling_critic"} <= set(summary["stages"])
    assert summary["stages"]["sampling_critic"]["steps"] == summary["stages"]["repair"]["steps"] == 3
    for row in ("rl", ROW):
        assert sum(summary["evaluation"][row]["outcomes"].values()) == 2 * 5
    assert len(tasks) == 2
    assert examined
    assert all(problem.tests == problem.examples for problem in examined)
    assert sorted(file.name for file in (tmp_path / "run" / "checkpoints" / ROW).glob("*.pt")) == [
        "critic.pt",
        "repair.pt",
    ]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the causal model that nothing disturbed."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.CAUSAL, "tiny-causal", TINY_CAUSAL)
        run(config("fresh:tiny-causal"), folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "moment"), [("sampling_critic", "log"), ("sampling_critic", "finish_stage"), ("repair", "log")]
)
def test_a_run_that_died_goes_on_to_the_same_helpers_and_programs(
    stage: str, moment: str, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(RunFolder, moment)

    def die(folder: RunFolder, name: str, *arguments: Any) -> Any:
        if name == stage and (moment == "finish_stage" or arguments[0] == 2):
            raise SystemError("killed")
        return original(folder, name, *arguments)

    chosen = config("fresh:tiny-causal")
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, moment, die)
        with pytest.raises(SystemError):
            run(chosen, tmp_path / "run")
    run(chosen, tmp_path / "run")
    for file, key in (("critic.pt", "critic"), ("repair.pt", "model")):
        expected, found = (
            torch.load(folder / "checkpoints" / ROW / file, weights_only=True)[key]
            for folder in (straight, tmp_path / "run")
        )
        assert all(torch.equal(value, expected[name]) for name, value in found.items()), file
    programs = []
    for folder in (straight, tmp_path / "run"):
        with RunFolder.open(folder, chosen.to_dict()) as opened:
            programs.append([sample.program for sample in opened.samples.rows(f"evaluate_{ROW}")])
    assert len(programs[0]) == 2 * 5
    assert programs[0] == programs[1]
