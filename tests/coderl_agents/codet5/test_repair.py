"""Repair: what the model is told of a failure, which pairs it learns from, and that it learns them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import coderl_agents.codet5.model as model_module
from coderl_agents.codet5 import make
from coderl_agents.codet5.repair import Pair, RepairTrainer, feedback_of, own_pairs
from coderl_env.datasets import load_dataset
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.store import Sample
from coderl_env.experiment.training import TrainConfig
from coderl_env.experiment.workbench import SilentProgress, Stopping, Workbench
from coderl_env.judge import Judge
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.registry import AgentSpec
from coderl_env.rollout import make_task
from coderl_env.tokens import load_tokenizer

TINY = {"d_model": 32, "d_kv": 16, "num_heads": 2, "d_ff": 64, "num_layers": 1, "dropout_rate": 0.0}
ACCEPTED = CaseResult(Verdict.ACCEPTED)


def judged(outcome: Outcome, *cases: CaseResult, compile_error: str = "") -> Judgement:
    return Judgement(outcome, cases, "none", "lines", "1", compile_error)


@pytest.mark.parametrize(
    ("judgement", "feedback"),
    [
        (
            judged(Outcome.RUNTIME_ERROR, ACCEPTED, CaseResult(Verdict.EXCEPTION, error_type="IndexError")),
            "runtime_error IndexError",
        ),
        (judged(Outcome.RUNTIME_ERROR, CaseResult(Verdict.TIME_LIMIT)), "runtime_error time_limit"),
        (judged(Outcome.FAILED_TEST, CaseResult(Verdict.WRONG_ANSWER)), "failed_test wrong_answer"),
        (judged(Outcome.COMPILE_ERROR, compile_error="SyntaxError: '(' was never closed"), "compile_error SyntaxError"),
        (judged(Outcome.COMPILE_ERROR), "compile_error"),
    ],
)
def test_feedback_is_outcome_and_subtype(judgement: Judgement, feedback: str) -> None:
    assert feedback_of(judgement) == feedback


def sample(task: str, number: int, program: str, outcome: Outcome) -> Sample:
    verdict = Verdict.ACCEPTED if outcome is Outcome.PASSED else Verdict.WRONG_ANSWER
    judgement = judged(outcome, CaseResult(verdict)).to_dict()
    return Sample("rl", 0, task, number, program, judgement, 0.0, outcome.value)


def test_pairs_are_distinct_failures_with_the_commonest_success(tmp_path: Path) -> None:
    config = TrainConfig()
    rows = [
        sample("synth/train/1/1", 0, "bad", Outcome.FAILED_TEST),
        sample("synth/train/1/1", 1, "bad", Outcome.FAILED_TEST),
        sample("synth/train/1/1", 2, "rare", Outcome.PASSED),
        sample("synth/train/1/1", 3, "good", Outcome.PASSED),
        sample("synth/train/1/1", 4, "good", Outcome.PASSED),
        sample("synth/train/1/2", 0, "never solved", Outcome.FAILED_TEST),
    ]
    with RunFolder.open(tmp_path / "run", config.to_dict()) as run, Judge(1) as judge, Stopping() as stopping:
        run.samples.add(rows)
        workbench = Workbench(config, run, judge, load_tokenizer("nano"), SilentProgress(), stopping)
        assert own_pairs(workbench, ("rl",)) == [Pair("synth/train/1/1", "bad", "failed_test wrong_answer", "good")]
        assert own_pairs(workbench, ("critic",)) == []


def test_it_learns_to_repair_and_leaves_the_actor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(model_module.FRESH, "tiny", TINY)
    rates = {"optimizer": "muon", "learning_rate": 2e-2, "matrix_rate": 0.03}
    spec = AgentSpec(load_tokenizer("nano"), max_program_tokens=12)
    agent = make(spec, model="fresh:tiny", precision="float32", **rates)
    before = {name: value.clone() for name, value in agent.model.state_dict().items()}
    trainer = RepairTrainer(agent)
    task = make_task(load_dataset("synth", "train").get("synth/train/1/1"))
    examples = [
        trainer.example(task, Pair(task.id, failed, "failed_test wrong_answer", passed))
        for failed, passed in (("print(1)\n", "print(2)\n"), ("print(3)\n", "print(4)\n"))
    ]
    # The failed program decides what is to be written.
    assert examples[0].prompt != examples[1].prompt
    assert "print(1)" in agent.tokenizer.decode(list(examples[0].prompt))
    losses = [trainer.learn(examples, 1.0)["loss"] for _ in range(60)]
    assert losses[-1] < 0.3 * losses[0]
    assert all(torch.equal(value, before[name]) for name, value in agent.model.state_dict().items())
