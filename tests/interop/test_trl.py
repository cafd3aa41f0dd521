"""The reward function in the real TRL."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from coderl_env import Problem
from coderl_env.adapters.trl import TrlReward, make_reward, prompt_rows
from coderl_env.judge import JudgeError
from coderl_env.outcome import Judgement, Outcome


def test_grpo_takes_optimisation_steps_with_our_reward(example: Callable[[str], ModuleType]) -> None:
    rewards = example("trl_grpo").train(steps=2)
    assert len(rewards) == 2
    assert all(-1 <= reward <= 1 for reward in rewards)


class HalfJudge:
    """Judges every other program; the others fail, and are no fault of theirs."""

    def __init__(self) -> None:
        self.count = 0

    def judge(self, program: str, problem: Problem) -> Judgement:
        self.count += 1
        if self.count % 2:
            raise JudgeError("no worker")
        outcome = Outcome.FAILED_TEST if len(program) % 2 else Outcome.RUNTIME_ERROR
        return Judgement(outcome, (), "none", "lines", "test")

    def close(self) -> None: ...


def test_completions_that_were_not_judged_are_left_out(
    example: Callable[[str], ModuleType], tmp_path: pytest.TempPathFactory
) -> None:
    module = example("trl_grpo")
    tokenizer = module.make_tokenizer()
    model = module.make_model(tokenizer)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    reward = make_reward(dataset=module.PROBLEMS, completion="raw", judge=HalfJudge())
    arguments = GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=2,
        per_device_train_batch_size=16,
        num_generations=16,
        max_completion_length=6,
        learning_rate=1e-2,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=reward,
        args=arguments,
        train_dataset=Dataset.from_list(prompt_rows(module.PROBLEMS, chat=False)),
        processing_class=tokenizer,
    )
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "reward" in entry]
    assert all(-0.6 <= entry["reward"] <= -0.3 for entry in logged)
    assert all(entry["judge_errors"] > 0 for entry in logged)
    after = list(model.parameters())
    assert all(torch.isfinite(parameter).all() for parameter in after)
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_its_name_in_the_logs() -> None:
    from trl.trainer.utils import get_callable_name

    reward = make_reward(dataset="apps")
    assert isinstance(reward, TrlReward)
    assert get_callable_name(reward) == "coderl"
