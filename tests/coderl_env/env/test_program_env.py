"""The contract of the environment, mode by mode."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coderl_env.datasets import ProblemSet
from coderl_env.env import ProgramEnv
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem

MakeEnv = Callable[..., ProgramEnv]


def play(env: ProgramEnv, token_ids: list[int]) -> tuple[Any, ...]:
    """Step until the episode ends; every step before that must have no reward and no info."""
    for token in token_ids[:-1]:
        _, reward, terminated, truncated, info = env.step(token)
        assert (reward, terminated, truncated, info) == (0.0, False, False, {})
    return env.step(token_ids[-1])


def program_of(env: ProgramEnv, observation: dict[str, np.ndarray]) -> list[int]:
    return observation["program"][: observation["program_length"][0]].tolist()


def test_spaces_are_flat_int32_boxes_and_the_vocabulary(make_env: MakeEnv) -> None:
    env = make_env()
    assert env.action_space == spaces.Discrete(len(env.tokenizer))
    assert {key: (box.shape, box.dtype) for key, box in env.observation_space.spaces.items()} == {
        "prompt": ((64,), np.int32),
        "prompt_length": ((1,), np.int32),
        "program": ((32,), np.int32),
        "program_length": ((1,), np.int32),
    }


@pytest.mark.parametrize("mode", ["line", "program"])
def test_text_modes_take_printable_text(make_env: MakeEnv, mode: str) -> None:
    env = make_env(action_mode=mode)
    assert isinstance(env.action_space, spaces.Text)
    assert env.action_space.character_set == frozenset(string.printable)
    assert ("" in env.action_space) == (mode == "line")


def test_reset_shows_the_prompt_and_an_empty_program(make_env: MakeEnv) -> None:
    env = make_env()
    observation, info = env.reset(options={"problem_id": "toy/echo"})
    assert info == {
        "problem_id": "toy/echo",
        "dataset": "toy",
        "split": "all",
        "dataset_size": 2,
        "prompt_text": "\nQUESTION:\nPrint what you read.\nUse Standard Input format\nANSWER:\n",
        "prompt_truncated": False,
    }
    length = observation["prompt_length"][0]
    assert env.tokenizer.decode(observation["prompt"][:length].tolist()) == info["prompt_text"]
    assert (observation["prompt"][length:] == env.tokenizer.pad_id).all()
    assert observation["program_length"].tolist() == [0]
    assert (observation["program"] == env.tokenizer.pad_id).all()


def test_the_end_token_ends_the_program_and_is_no_part_of_it(make_env: MakeEnv) -> None:
    env = make_env()
    env.reset(options={"problem_id": "toy/echo"})
    token_ids = env.tokenizer.encode("print(input())\n")
    observation, reward, terminated, truncated, info = play(env, [*token_ids, env.tokenizer.eos_id])
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert program_of(env, observation) == token_ids
    assert info["program_text"] == "print(input())\n"
    assert info["outcome"] == "passed"
    assert info["window_full"] is False
    assert info["problem_id"] == "toy/echo"


def test_the_judgement_holds_every_test_and_no_clock(make_env: MakeEnv) -> None:
    env = make_env()
    env.reset(options={"problem_id": "toy/echo"})
    info = env.step(env.tokenizer.eos_id)[4]
    judgement = Judgement.from_dict({key: value for key, value in info["judgement"].items() if key != "pass_fraction"})
    assert [case.verdict.value for case in judgement.cases] == ["accepted", "wrong_answer", "wrong_answer"]
    assert "cpu_seconds" not in info["judgement"]["cases"][0]


def test_a_full_window_terminates(make_env: MakeEnv, lookup_judge: Any, echo: Problem) -> None:
    env = make_env(dataset=ProblemSet("toy", "one", (echo,)), max_program_tokens=5)
    env.reset()
    token_ids = env.tokenizer.encode("print(input())  # a comment")[:5]
    observation, reward, terminated, truncated, info = play(env, token_ids)
    assert (reward, terminated, truncated, info["window_full"]) == (-0.3, True, False, True)
    assert program_of(env, observation) == token_ids
    assert lookup_judge.programs == [env.tokenizer.decode(token_ids)]


def test_starter_code_is_a_forced_prefix(make_env: MakeEnv) -> None:
    env = make_env()
    observation, _ = env.reset(options={"problem_id": "toy/double"})
    starter_ids = env.tokenizer.encode("def double(n):\n    ")
    assert program_of(env, observation) == starter_ids
    rest = env.tokenizer.encode("return 2 * n\n")
    _, reward, _, _, info = play(env, [*rest, env.tokenizer.eos_id])
    assert info["program_text"] == "def double(n):\n    return 2 * n\n"
    assert reward == 1.0


def test_special_tokens_take_a_place_and_stand_for_nothing(make_env: MakeEnv) -> None:
    env = make_env()
    env.reset(options={"problem_id": "toy/echo"})
    special = sorted(env.tokenizer.special_ids - {env.tokenizer.eos_id})
    token_ids = [special[0], *env.tokenizer.encode("print(input())\n"), special[-1]]
    observation, reward, _, _, info = play(env, [*token_ids, env.tokenizer.eos_id])
    assert (info["program_text"], reward) == ("print(input())\n", 1.0)
    assert program_of(env, observation) == token_ids


def test_line_mode_adds_newlines_and_ends_at_the_empty_line(make_env: MakeEnv) -> None:
    env = make_env(action_mode="line")
    env.reset(options={"problem_id": "toy/echo"})
    observation, reward, terminated, truncated, info = env.step("line = input()")
    assert (reward, terminated, truncated, info) == (0.0, False, False, {})
    assert env.tokenizer.decode(program_of(env, observation)) == "line = input()\n"
    env.step("\n")
    env.step("print(line)\n")
    _, reward, terminated, _, info = env.step("")
    assert info["program_text"] == "line = input()\n\nprint(line)\n"
    assert (reward, terminated) == (-0.3, True)


def test_line_mode_continues_the_starter_code(make_env: MakeEnv) -> None:
    env = make_env(action_mode="line")
    env.reset(options={"problem_id": "toy/double"})
    env.step("return 2 * n")
    _, reward, _, _, info = env.step("")
    assert (info["program_text"], reward) == ("def double(n):\n    return 2 * n\n", 1.0)


def test_line_mode_ends_at_a_full_window(make_env: MakeEnv, echo: Problem) -> None:
    env = make_env(dataset=ProblemSet("toy", "one", (echo,)), action_mode="line", max_program_tokens=8)
    env.reset()
    observation, _, terminated, _, info = env.step("total = 0  # a line that is too long")
    assert (terminated, info["window_full"]) == (True, True)
    assert len(program_of(env, observation)) == 8
    assert info["program_text"] == env.tokenizer.decode(program_of(env, observation))
    assert "total = 0  # a line that is too long".startswith(info["program_text"])


def test_program_mode_takes_the_whole_program(make_env: MakeEnv) -> None:
    env = make_env(action_mode="program")
    env.reset(options={"problem_id": "toy/echo"})
    observation, reward, terminated, truncated, info = env.step("print(input())\n")
    assert (reward, terminated, truncated, info["window_full"]) == (1.0, True, False, False)
    assert program_of(env, observation) == env.tokenizer.encode("print(input())\n")


@pytest.mark.parametrize(
    "action",
    ["def double(n):\n    return 2 * n\n", "return 2 * n\n"],
    ids=["the whole program", "what follows the starter code"],
)
def test_program_mode_puts_the_starter_code_in_front_where_it_is_missing(make_env: MakeEnv, action: str) -> None:
    env = make_env(action_mode="program")
    observation, _ = env.reset(options={"problem_id": "toy/double"})
    starter_ids = program_of(env, observation)
    observation, reward, _, _, info = env.step(action)
    assert (info["program_text"], reward) == ("def double(n):\n    return 2 * n\n", 1.0)
    assert program_of(env, observation)[: len(starter_ids)] == starter_ids


def test_a_long_program_that_spells_its_starter_code_differently_is_cut(make_env: MakeEnv) -> None:
    env = make_env(action_mode="program", max_program_tokens=20)
    env.reset(options={"problem_id": "toy/double"})
    action = "def double(number):\n    result = number\n    result += number\n    return result\n"
    observation, _, _, _, info = env.step(action)
    assert info["window_full"]
    assert info["program_text"] == env.tokenizer.decode(program_of(env, observation))
    assert action.startswith(info["program_text"])


@pytest.mark.parametrize("action", ["é = '\ud800'\n", "\0", "x" * 100_000, " \t\r\n\x0c", "</s><pad>"])
def test_any_text_is_a_program(make_env: MakeEnv, lookup_judge: Any, action: str) -> None:
    env = make_env(action_mode="program", max_program_tokens=400)
    env.reset(options={"problem_id": "toy/echo"})
    _, _, terminated, _, info = env.step(action)
    assert terminated
    assert action.startswith(lookup_judge.programs[-1])
    assert info["window_full"] == (lookup_judge.programs[-1] != action)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])), max_size=6))
@pytest.mark.parametrize("problem_id", ["toy/echo", "toy/double"])
def test_every_mode_judges_the_same_program(
    make_env: MakeEnv, lookup_judge: Any, problem_id: str, lines: list[str]
) -> None:
    text = "".join(f"{line}\n" for line in lines)
    starter = {"toy/echo": "", "toy/double": "def double(n):\n    "}[problem_id]
    options = {"problem_id": problem_id}
    endings = []
    for mode in ("token", "line", "program"):
        env = make_env(action_mode=mode, max_program_tokens=24)
        env.reset(options=options)
        if mode == "token":
            actions: list[Any] = [*env.tokenizer.encode(text), env.tokenizer.eos_id]
        elif mode == "line":
            actions = [*(f"{line}\n" for line in lines), ""]
        else:
            actions = [starter + text]
        terminated = False
        while not terminated:
            observation, reward, terminated, truncated, info = env.step(actions.pop(0))
            assert not truncated
        endings.append((program_of(env, observation), reward, info))
    assert endings[0] == endings[2]
    # Whether a line that just fills the window ends the program depends on how its newline is spelled.
    assert endings[0] == endings[1] or endings[1][2]["window_full"]


def test_seeds_repeat_the_draws(make_env: MakeEnv) -> None:
    def drawn(seed: int | None) -> list[str]:
        env = make_env()
        return [env.reset(seed=seed if number == 0 else None)[1]["problem_id"] for number in range(24)]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert set(drawn(7)) == {"toy/echo", "toy/double"}


def test_a_chosen_problem_takes_no_draw(make_env: MakeEnv) -> None:
    env, other = make_env(), make_env()
    env.reset(seed=3, options={"problem_id": "toy/echo"})
    other.reset(seed=3, options={"problem_id": "toy/double"})
    assert env.np_random.bit_generator.state == other.np_random.bit_generator.state


def test_observations_are_new_arrays(make_env: MakeEnv) -> None:
    env = make_env()
    first, _ = env.reset(seed=0, options={"problem_id": "toy/echo"})
    second = env.step(5)[0]
    third = env.step(6)[0]
    for key, array in first.items():
        assert not np.shares_memory(array, second[key])
        assert not np.shares_memory(second[key], third[key])
    assert [o["program_length"][0] for o in (first, second, third)] == [0, 1, 2]
    assert third["program"][:3].tolist() == [5, 6, env.tokenizer.pad_id]


def test_an_episode_leaves_nothing_to_the_next(make_env: MakeEnv, echo: Problem) -> None:
    long = replace(echo, id="toy/long", statement="Print what you read, and nothing else, please.")
    env = make_env(dataset=ProblemSet("toy", "two", (echo, long)))
    fresh = make_env(dataset=ProblemSet("toy", "two", (echo, long))).reset(options={"problem_id": "toy/echo"})[0]
    env.reset(options={"problem_id": "toy/long"})
    play(env, [*env.tokenizer.encode("print(input())"), env.tokenizer.eos_id])
    again = env.reset(options={"problem_id": "toy/echo"})[0]
    assert {key: array.tolist() for key, array in again.items()} == {
        key: array.tolist() for key, array in fresh.items()
    }


def test_without_copies_the_last_observation_is_written_over(make_env: MakeEnv) -> None:
    env = make_env(copy=False)
    first, _ = env.reset(options={"problem_id": "toy/echo"})
    second = env.step(5)[0]
    assert np.shares_memory(first["program"], second["program"])
    assert first["program_length"].tolist() == [1]


def test_the_mask_allows_text_and_the_end_token(make_env: MakeEnv) -> None:
    env = make_env(action_mask=True)
    mask = env.action_masks()
    assert mask.dtype == np.bool_
    assert set(np.flatnonzero(~mask).tolist()) == env.tokenizer.special_ids - {env.tokenizer.eos_id}
    _, info = env.reset(seed=0)
    infos = [info, env.step(5)[4], env.step(env.tokenizer.eos_id)[4]]
    for entry in infos:
        assert entry["action_mask"].dtype == np.int8
        assert (entry["action_mask"] == mask).all()
    assert infos[0]["action_mask"] is not infos[1]["action_mask"]
    assert env.action_space.sample(mask=info["action_mask"]) in env.action_space


def test_tests_may_be_the_examples_or_all(make_env: MakeEnv, lookup_judge: Any) -> None:
    for tests, stdins in (("hidden", "1 23 "), ("examples", "23 4"), ("all", "23 4 1 ")):
        env = make_env(tests=tests, action_mode="program")
        env.reset(options={"problem_id": "toy/echo"})
        env.step("pass")
        assert [case.stdin.strip() for case in lookup_judge.problems[-1].tests] == stdins.split(" ")


def test_problems_without_examples_are_not_served_by_examples(make_env: MakeEnv) -> None:
    env = make_env(tests="examples")
    assert env.reset()[1]["dataset_size"] == 1
    with pytest.raises(ValueError, match="unknown problem 'toy/double'"):
        env.reset(options={"problem_id": "toy/double"})


def test_the_task_of_an_episode_holds_no_hidden_test_and_no_solution(make_env: MakeEnv) -> None:
    env = make_env()
    _, info = env.reset(options={"problem_id": "toy/double"})
    assert env.problem.solutions
    assert env.task.prompt == info["prompt_text"]
    assert not hasattr(env.task, "tests")
    assert not hasattr(env.task, "solutions")


def test_a_judge_that_fails_raises_and_ends_the_episode(make_env: MakeEnv) -> None:
    class Broken:
        def judge(self, program: str, problem: Any) -> Judgement:
            raise RuntimeError("no worker")

        def close(self) -> None: ...

    env = make_env(judge=Broken())
    env.reset()
    with pytest.raises(RuntimeError, match="no worker"):
        env.step(env.tokenizer.eos_id)
    with pytest.raises(ValueError, match="the episode is over; call reset"):
        env.step(5)
    env.reset()
    env.step(5)


def test_close_twice_leaves_a_given_judge_open(make_env: MakeEnv, lookup_judge: Any) -> None:
    env = make_env()
    env.reset()
    env.close()
    env.close()
    assert lookup_judge.closed == 0
    for use in (env.reset, lambda: env.step(5)):
        with pytest.raises(ValueError, match="the environment is closed"):
            use()
