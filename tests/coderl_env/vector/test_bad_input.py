"""Whatever is wrong with an argument, an action or a reset is said in one sentence, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from coderl_env.vector import ProgramVectorEnv

MakeVector = Callable[..., ProgramVectorEnv]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_envs": 0}, "num_envs must be a positive integer, not 0"),
        ({"num_envs": 2.0}, "num_envs must be a positive integer, not 2.0"),
        ({"autoreset_mode": "SameStp"}, "unknown autoreset mode 'SameStp'; did you mean 'SameStep'?"),
        ({"autoreset_mode": None}, "unknown autoreset mode None"),
        ({"batch_size": 4}, r"batch_size must be 0 \(all\) to num_envs=3, not 4"),
        ({"batch_size": -1}, "batch_size must be"),
        ({"batch_size": True}, "batch_size must be"),
        ({"max_episode_steps": 0}, "max_episode_steps must be a positive integer, not 0"),
        ({"copy": 1}, "copy must be True or False, not 1"),
        ({"render_mode": "human"}, "unknown render mode 'human'"),
        # As the single environment, by the same code.
        ({"action_mode": "tokens"}, "unknown action mode 'tokens'; did you mean 'token'?"),
        ({"max_program_tokens": 4}, "'toy/double' leaves no room for a program"),
        ({"action_mask": True, "action_mode": "line"}, "action_mask needs action_mode='token'"),
        ({"limits": {"cpu_seconds": 1}}, "belong to the judge that is given"),
        (
            {"attempts": 3},
            "attempts must be 1 in this vector environment, not 3; .*mode=.sync., attempts=3",
        ),
    ],
)
def test_unusable_arguments(make_vector: MakeVector, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_vector(**settings)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([5, 6], r"actions are 3 integer token ids in token mode, one for each environment, not list \[5, 6\]"),
        (np.zeros((3, 1), dtype=np.int64), r"not an array of int64 of shape \(3, 1\)"),
        (np.zeros(3), r"not an array of float64 of shape \(3,\)"),
        (np.zeros(3, dtype=np.bool_), "not an array of bool"),
        (np.array([5, 6, 7], dtype=object), "not an array of object"),
        ([5, True, 6], "actions are 3 integer token ids"),
        ([5, None, 6], "actions are 3 integer token ids"),
        ([5, [6], 7], "actions are 3 integer token ids"),
        ([5, 6, 10**30], "actions are 3 integer token ids"),
        (["a", "b", "c"], "actions are 3 integer token ids"),
        (5, "actions are 3 integer token ids in token mode, one for each environment, not int 5"),
        (None, "not NoneType None"),
        ("abc", "not str 'abc'"),
        ([5, -1, 6], "action -1 of environment 1 is out of range; token ids are 0 to"),
        ([5, 6, 10**6], "action 1000000 of environment 2 is out of range"),
        (np.array([5, 6, 2**63], dtype=np.uint64), "action 9223372036854775808 of environment 2 is out of range"),
    ],
)
@pytest.mark.parametrize("room", [32, 19])
def test_unusable_tokens_change_nothing(make_vector: MakeVector, actions: Any, message: str, room: int) -> None:
    env = make_vector(max_program_tokens=room)
    env.reset(options={"problem_id": "toy/echo"})
    for _ in range(18):
        env.step([5, 6, 7])
    # With 19 places, this step would be the last: another path of the code.
    with pytest.raises(ValueError, match=message):
        env.step(actions)
    observation, _, terminated, _, _ = env.step([8, 9, 10])
    assert observation["program_length"].tolist() == [[19]] * 3
    assert observation["program"][:, 17:19].tolist() == [[5, 8], [6, 9], [7, 10]]
    assert terminated.all() == (room == 19)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_integers_of_every_kind_are_tokens(make_vector: MakeVector, dtype: Any) -> None:
    env = make_vector()
    env.reset(options={"problem_id": "toy/echo"})
    assert env.step(np.array([5, 6, 7], dtype=dtype))[0]["program"][:, 0].tolist() == [5, 6, 7]


@pytest.mark.parametrize("mode", ["line", "program"])
@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ("abc", "actions are 3 texts in .* mode, one for each environment, not str 'abc'"),
        (["a", "b"], "actions are 3 texts"),
        (np.array([5, 6, 7]), "an action is text in .* mode, not int"),
        (["a", 3, "b"], "an action is text in .* mode, not int 3"),
        (None, "actions are 3 texts"),
        ({"a", "b", "c"}, "actions are 3 texts"),
    ],
)
def test_unusable_texts_change_nothing(make_vector: MakeVector, mode: str, actions: Any, message: str) -> None:
    env = make_vector(action_mode=mode)
    env.reset(options={"problem_id": "toy/echo"})
    with pytest.raises(ValueError, match=message):
        env.step(actions)
    observation = env.step(["pass\n", "pass\n", "pass\n"])[0]
    assert observation["program_length"].tolist() == [[len(env.tokenizer.encode("pass\n"))]] * 3


@pytest.mark.parametrize("actions", [("a", "b"), ["a", "b"], np.array(["a", "b"]), np.array(["a", "b"], dtype=object)])
def test_texts_come_in_every_form(make_vector: MakeVector, actions: Any) -> None:
    env = make_vector(2, action_mode="program")
    env.reset(options={"problem_id": "toy/echo"})
    assert env.step(actions)[4]["program_text"].tolist() == ["a", "b"]


@pytest.mark.parametrize("mode", ["token", "program"])
def test_steps_without_an_episode(make_vector: MakeVector, mode: str) -> None:
    env = make_vector(action_mode=mode, autoreset_mode="Disabled")
    actions = [env.tokenizer.eos_id] * 3 if mode == "token" else ["pass"] * 3
    for use in (lambda: env.step(actions), lambda: env.problems, lambda: env.tasks):
        with pytest.raises(ResetNeeded, match="call reset"):
            use()
    with pytest.raises(ResetNeeded, match="call reset"):
        env.reset(options={"reset_mask": np.ones(3, dtype=np.bool_)})
    env.reset()
    env.step(actions)
    with pytest.raises(ResetNeeded, match=r"the episodes of environments \[0, 1, 2\] are over; reset"):
        env.step(actions)
    env.reset(options={"reset_mask": np.array([True, False, True])})
    with pytest.raises(ResetNeeded, match=r"the episodes of environments \[1\] are over"):
        env.step(actions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed must be an integer from 0 on, None, or a list of 3 of these, not int -1"),
        ({"seed": True}, "seed must be an integer"),
        ({"seed": 1.0}, "seed must be an integer"),
        ({"seed": [1, 2]}, "seed must be an integer"),
        ({"seed": [1, 2, -3]}, "each seed must be an integer from 0 on, or None, not -3"),
        ({"seed": [1, 2, "3"]}, "each seed must be"),
        ({"options": {"problem": "toy/echo"}}, "unknown reset option 'problem'; did you mean 'problem_id'?"),
        ({"options": {"problem_id": "toy/ecko"}}, "unknown problem 'toy/ecko'; did you mean 'toy/echo'?"),
        ({"options": {"problem_id": [None, "toy/ecko", None]}}, "unknown problem 'toy/ecko'"),
        ({"options": {"problem_id": ["toy/echo"]}}, "problem_id must be an id, or a list of 3 ids or Nones"),
        ({"options": {"problem_id": 3}}, "problem_id must be an id"),
        ({"options": {"problem_id": [3, 4, 5]}}, "unknown problem 3"),
        ({"options": {"reset_mask": [True, False, True]}}, "reset_mask must be a boolean array of shape \\(3,\\)"),
        ({"options": {"reset_mask": np.array([1, 0, 1])}}, "reset_mask must be a boolean array"),
        ({"options": {"reset_mask": np.ones(4, dtype=np.bool_)}}, "reset_mask must be a boolean array"),
        ({"options": {"reset_mask": np.zeros(3, dtype=np.bool_)}}, "at least one environment must be reset"),
    ],
)
def test_unusable_resets_change_nothing(make_vector: MakeVector, arguments: dict[str, Any], message: str) -> None:
    env = make_vector()
    env.reset(options={"problem_id": "toy/echo"})
    env.step([5, 6, 7])
    with pytest.raises(ValueError, match=message):
        env.reset(**arguments)
    assert env.step([8, 9, 10])[0]["program"][:, :2].tolist() == [[5, 8], [6, 9], [7, 10]]


def test_masks_of_text_actions_are_refused(make_vector: MakeVector) -> None:
    with pytest.raises(ValueError, match=r"action_masks\(\) needs action_mode='token', not 'line'"):
        make_vector(action_mode="line").action_masks()
