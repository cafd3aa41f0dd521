"""The workbench: what it gives out, what it keeps, and its clock."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from coderl_env.agent import Episode
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import TrainConfig
from coderl_env.experiment.workbench import SilentProgress, StageClock, Stopping, Workbench
from coderl_env.judge import Judge
from coderl_env.outcome import Outcome
from coderl_env.tokens import load_tokenizer

SYNTH = TrainConfig(difficulties=("1",), demonstrations=12, judge_workers=1)
SAMPLE = TrainConfig(env="CodeRL-APPS-v0", split="sample", eval_split="sample", demonstrations=1000, judge_workers=1)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(1) as opened:
        yield opened


def make(config: TrainConfig, folder: Path, judge: Judge) -> Workbench:
    run = RunFolder.open(folder, config.to_dict())
    return Workbench(config, run, judge, load_tokenizer("nano"), SilentProgress(), Stopping())


def test_train_tasks_are_drawn_by_the_generator_alone(tmp_path: Path, judge: Judge) -> None:
    bench = make(SYNTH, tmp_path / "run", judge)
    first = bench.draw_tasks(5, np.random.default_rng(3))
    assert first == bench.draw_tasks(5, np.random.default_rng(3))
    assert {task.id.split("/")[1] for task in first} == {"train"}
    assert {task.id.split("/")[1] for task in bench.validation_tasks(4)} == {"validation"}


def test_a_finite_set_is_split_into_training_and_validation(tmp_path: Path, judge: Judge) -> None:
    bench = make(SAMPLE, tmp_path / "run", judge)
    held_out = {task.id for task in bench.validation_tasks(1000)}
    assert held_out
    drawn = {task.id for task in bench.draw_tasks(400, np.random.default_rng(0))}
    taught = {lesson.task.id for lesson in bench.lessons()}
    assert drawn.isdisjoint(held_out)
    assert taught.isdisjoint(held_out)
    assert drawn == taught


def test_lessons_are_as_many_and_as_careless_as_asked_for(tmp_path: Path, judge: Judge) -> None:
    clean = TrainConfig(difficulties=("1",), demonstrations=12, careless=0.0, judge_workers=1)
    for number, (config, expected) in enumerate([(clean, 12), (SYNTH, None)]):
        bench = make(config, tmp_path / str(number), judge)
        lessons = bench.lessons()
        assert len(lessons) == 12
        passed = sum(bench.result(bench.submit(lesson.task, lesson.program)).passed for lesson in lessons)
        assert passed == expected if expected is not None else passed < 12
    assert bench.lessons() == lessons


def test_programs_are_judged_on_tests_that_the_task_does_not_hold(tmp_path: Path, judge: Judge) -> None:
    bench = make(SYNTH, tmp_path / "run", judge)
    (task,) = bench.draw_tasks(1, np.random.default_rng(0))
    judgement = bench.result(bench.submit(task, "print(input("))
    assert judgement.outcome is Outcome.COMPILE_ERROR
    assert bench.reward(judgement) == -1.0
    assert bench.judge_wait_seconds > 0
    # A resumed stage knows tasks only by their ids.
    again = make(SYNTH, tmp_path / "other", judge)
    assert again.task(task.id) == task
    assert again.result(again.submit(task, "print(input(")).outcome is Outcome.COMPILE_ERROR


def test_judged_programs_are_recorded_and_others_are_not(tmp_path: Path, judge: Judge) -> None:
    bench = make(SYNTH, tmp_path / "run", judge)
    (task,) = bench.draw_tasks(1, np.random.default_rng(0))
    judgement = bench.result(bench.submit(task, "print(1)"))
    episodes = [Episode(task.id, (), (), "print(1)", found, 0.5) for found in (judgement, None, judgement)]
    bench.record("rl", 7, episodes)
    rows = list(bench.run.samples.rows("rl"))
    assert [(row.step, row.sample_index, row.reward, row.outcome) for row in rows] == [
        (7, 0, 0.5, judgement.outcome.value),
        (7, 1, 0.5, judgement.outcome.value),
    ]


def test_the_clock_counts_both_limits() -> None:
    clock = StageClock("rl", 10.0, 4, seconds=5.0, step=1)
    assert clock.fraction == 0.5
    assert clock.total == (10.0, "seconds")
    clock.step = 3
    assert clock.fraction == 0.75
    steps = StageClock("rl", None, 4, seconds=99.0, step=5)
    assert steps.fraction == 1.0
    assert (steps.total, steps.done) == ((4.0, "steps"), 5.0)


def test_a_stage_without_an_end_is_refused(tmp_path: Path, judge: Judge) -> None:
    with pytest.raises(ValueError, match="stage 'rl' has no end; set rl_seconds or rl_steps"):
        make(SYNTH, tmp_path / "run", judge).clock("rl", None, None)


def test_the_first_interrupt_is_a_request_and_the_second_is_not() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Stopping() as stopping:
        os.kill(os.getpid(), signal.SIGINT)
        assert stopping.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
