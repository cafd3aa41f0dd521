"""What a vector environment promises beyond the trajectories of single ones."""

from __future__ import annotations

import gc
import inspect
import tracemalloc
from collections.abc import Callable
from itertools import pairwise

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

import coderl_env
from coderl_env.env import ACTION_MODES, ProgramEnv
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import Problem
from coderl_env.vector import ProgramVectorEnv

MakeVector = Callable[..., ProgramVectorEnv]


@pytest.mark.parametrize("env_id", sorted(coderl_env.ENVIRONMENTS))
@pytest.mark.parametrize("mode", ACTION_MODES)
def test_gymnasium_makes_it_for_every_id(env_id: str, mode: str) -> None:
    env = gym.make_vec(env_id, num_envs=2, action_mode=mode, autoreset_mode="SameStep")
    assert isinstance(env, ProgramVectorEnv)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observation, infos = env.reset(seed=1)
    assert observation in env.observation_space
    assert infos["dataset"].tolist() == [infos["dataset"][0]] * 2
    env.action_space.seed(0)
    observation = env.step(env.action_space.sample())[0]
    assert observation in env.observation_space
    env.close()


def test_the_specification_survives_json() -> None:
    env = gym.make_vec("CodeRL-MBPP-v0", num_envs=3, autoreset_mode="Disabled", batch_size=2, max_episode_steps=9)
    assert env.spec is not None
    again = EnvSpec.from_json(env.spec.to_json())
    assert again == env.spec
    twin = gym.make_vec(again)
    assert (twin.num_envs, twin.batch_size, twin.autoreset_mode) == (3, 2, AutoresetMode.DISABLED)
    assert data_equivalence(twin.reset(seed=1), env.reset(seed=1), exact=True)


def test_it_takes_every_argument_of_the_single_environment() -> None:
    single, vector = (inspect.signature(each).parameters for each in (ProgramEnv, ProgramVectorEnv))
    assert {name: vector[name] for name in single} == dict(single)
    added = {"num_envs", "autoreset_mode", "batch_size", "max_episode_steps"}
    assert set(vector) - set(single) == added
    docstring = inspect.getdoc(ProgramVectorEnv) or ""
    assert all(f"\n    {name}: " in docstring for name in {*added, "copy"})


def test_spaces_are_those_of_one_environment_batched(make_vector: MakeVector) -> None:
    env = make_vector(4)
    assert env.single_action_space == gym.spaces.Discrete(len(env.tokenizer))
    assert env.action_space == gym.spaces.MultiDiscrete([len(env.tokenizer)] * 4)
    assert {key: (box.shape, box.dtype) for key, box in env.observation_space.spaces.items()} == {
        "prompt": ((4, 64), np.int32),
        "prompt_length": ((4, 1), np.int32),
        "program": ((4, 32), np.int32),
        "program_length": ((4, 1), np.int32),
    }


def test_nothing_is_said_while_nothing_ends(make_vector: MakeVector) -> None:
    env = make_vector()
    env.reset(seed=0, options={"problem_id": "toy/echo"})
    for _ in range(31):
        _, rewards, terminated, truncated, infos = env.step(np.array([5, 6, 7]))
        assert infos == {}
        assert not rewards.any()
        assert not terminated.any()
        assert not truncated.any()
    assert env.step(np.array([5, 6, 7]))[2].all()


def test_observations_are_new_arrays(make_vector: MakeVector) -> None:
    env = make_vector()
    results = [env.reset(seed=0)[0], *(env.step(np.array([5, 6, 7]))[0] for _ in range(2))]
    results.append(env.step(np.full(3, env.tokenizer.eos_id))[0])
    for first, second in pairwise(results):
        for key in first:
            assert not np.shares_memory(first[key], second[key])
            assert first[key].flags.writeable
            assert first[key].flags.c_contiguous
    for array in results[0].values():
        array[:] = -1  # the caller's own
    assert env.step(np.array([5, 6, 7]))[0]["prompt"].min() >= 0


def test_without_copies_the_next_step_writes_over(make_vector: MakeVector) -> None:
    env = make_vector(copy=False, max_program_tokens=40)
    first, _ = env.reset(options={"problem_id": "toy/echo"})
    second, *rest = env.step(np.array([5, 6, 7]))
    third, *_ = env.step(np.array([8, 9, 10]))
    for key in first:
        assert np.shares_memory(first[key], second[key])
        assert np.shares_memory(first[key], third[key])
    assert second is not third  # the dict is the caller's own
    assert first["program"][:, :2].tolist() == [[5, 8], [6, 9], [7, 10]]
    assert first["program_length"].tolist() == [[2], [2], [2]]
    # What is not the observation is never written over.
    env.step(np.full(3, env.tokenizer.eos_id))
    assert not any(array.any() for array in rest[:3])


def test_seeds_are_those_of_single_environments(make_vector: MakeVector) -> None:
    env = make_vector(6)
    drawn = env.reset(seed=3)[1]["problem_id"].tolist()
    assert env.np_random_seed == (3, 4, 5, 6, 7, 8)
    assert env.reset(seed=[3, 4, 5, 6, 7, 8])[1]["problem_id"].tolist() == drawn
    assert env.reset(seed=np.arange(3, 9))[1]["problem_id"].tolist() == drawn
    states = [generator.bit_generator.state for generator in env.np_random]
    env.reset(seed=[3, None, 5, 6, 7, 8])
    again = [generator.bit_generator.state for generator in env.np_random]
    assert [state == other for state, other in zip(states, again, strict=True)] == [True, False, True, True, True, True]


def test_problems_may_be_chosen_for_all_or_for_each(make_vector: MakeVector) -> None:
    env = make_vector()
    assert env.reset(options={"problem_id": "toy/double"})[1]["problem_id"].tolist() == ["toy/double"] * 3
    chosen = ["toy/double", None, "toy/echo"]
    for seed in range(4):
        infos = env.reset(seed=seed, options={"problem_id": chosen})[1]
        assert infos["problem_id"][[0, 2]].tolist() == ["toy/double", "toy/echo"]
    mask = np.array([True, False, False])
    infos = env.reset(options={"problem_id": ["toy/echo"] * 3, "reset_mask": mask})[1]
    assert (infos["problem_id"][0], infos["_problem_id"].tolist()) == ("toy/echo", [True, False, False])
    assert [problem.id for problem in env.problems][::2] == ["toy/echo", "toy/echo"]
    assert env.tasks[0].prompt == infos["prompt_text"][0]
    assert not hasattr(env.tasks[0], "tests")


def test_the_options_of_reset_stay_as_they_are(make_vector: MakeVector) -> None:
    env = make_vector()
    env.reset()
    options = {"reset_mask": np.array([True, False, True])}
    env.reset(options=options)
    assert list(options) == ["reset_mask"]


def test_rendering_shows_every_episode(make_vector: MakeVector) -> None:
    env = make_vector(2, render_mode="ansi", action_mode="program")
    env.reset(options={"problem_id": ["toy/echo", "toy/double"]})
    env.step(("print(input())\n", "return n\n"))
    first, second = env.render() or ()
    assert "toy/echo" in first
    assert "passed" in first
    assert "toy/double" in second
    assert "failed test" in second
    env.reset()
    assert not any("passed" in text or "failed test" in text for text in env.render() or ())
    with pytest.warns(UserWarning, match='render\\(\\) needs render_mode="ansi"'):
        assert make_vector().render() is None


def test_the_wrappers_of_gymnasium_understand_its_infos(make_vector: MakeVector) -> None:
    env = DictInfoToList(RecordEpisodeStatistics(make_vector()))
    env.reset(seed=0, options={"problem_id": "toy/echo"})
    env.step(np.array([5, 6, 7]))
    actions = np.array([5, 2, 7])
    actions[1] = env.unwrapped.tokenizer.eos_id
    infos = env.step(actions)[4]
    assert infos[0] == infos[2] == {}
    assert (infos[1]["outcome"], infos[1]["episode"]["l"]) == ("failed_test", 2)


def test_a_prompt_is_encoded_once(make_vector: MakeVector, monkeypatch: pytest.MonkeyPatch) -> None:
    env = make_vector(8)
    encoded: list[str] = []
    tokenizer = env.tokenizer
    encode = type(tokenizer).encode
    monkeypatch.setattr(type(tokenizer), "encode", lambda self, text: (encoded.append(text), encode(self, text))[1])
    for _ in range(5):
        env.reset()
    assert 0 < len([text for text in encoded if "QUESTION" in text]) <= 2


class StrictJudge:
    """Fails every program, and keeps nothing."""

    def judge(self, program: str, problem: Problem) -> Judgement:
        cases = tuple(CaseResult(Verdict.WRONG_ANSWER) for _ in problem.tests)
        return Judgement(Outcome.FAILED_TEST, cases, "none", "lines", "test")

    def close(self) -> None: ...


def test_memory_stays_flat(make_vector: MakeVector) -> None:
    env = make_vector(16, max_program_tokens=24, judge=StrictJudge())
    rng = np.random.default_rng(0)

    def play(steps: int) -> None:
        env.reset(seed=0)
        for _ in range(steps):
            env.step(rng.integers(env.tokenizer.eos_id, 50, 16))
        gc.collect()

    play(200)
    tracemalloc.start()
    play(100)
    before = tracemalloc.get_traced_memory()[0]
    play(800)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000
