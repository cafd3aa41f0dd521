"""The asynchronous halves of a step: what is ready comes back, what is being judged is not waited for."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from coderl_env.datasets import ProblemSet
from coderl_env.env import ProgramEnv
from coderl_env.judge import JudgeError
from coderl_env.problem import Problem
from coderl_env.vector import ProgramVectorEnv

MakeVector = Callable[..., ProgramVectorEnv]


@pytest.fixture
def end(make_vector: MakeVector) -> int:
    return make_vector().tokenizer.eos_id


def test_recv_never_waits_for_an_environment_that_is_being_judged(
    make_vector: MakeVector, held_judge: Any, end: int
) -> None:
    env = make_vector(4, judge=held_judge, batch_size=4)
    env.reset(options={"problem_id": "toy/echo"})
    env.send([5, end, 6, 7])
    for step in range(1, 11):
        observation, rewards, terminated, truncated, infos = env.recv()
        assert infos["env_id"].tolist() == [0, 2, 3]
        assert observation["program_length"].tolist() == [[step]] * 3
        assert not rewards.any()
        assert not (terminated | truncated).any()
        env.send([5, 6, 7], infos["env_id"])
    held_judge.release()
    observation, rewards, terminated, _, infos = env.recv()
    assert infos["env_id"].tolist() == [0, 2, 3, 1]
    assert rewards.tolist() == [0.0, 0.0, 0.0, -0.3]
    assert terminated.tolist() == [False, False, False, True]
    assert infos["outcome"].tolist() == [None, None, None, "failed_test"]
    assert observation["program_length"].tolist() == [[11], [11], [11], [0]]


def test_recv_waits_where_all_are_being_judged(make_vector: MakeVector, held_judge: Any) -> None:
    env = make_vector(2, judge=held_judge, action_mode="program")
    env.reset()
    env.send(("a", "b"))
    threading.Timer(0.05, lambda: held_judge.release(1)).start()
    assert env.recv()[4]["env_id"].tolist() == [1]
    threading.Timer(0.05, held_judge.release).start()
    assert env.recv()[4]["env_id"].tolist() == [0]


def test_a_batch_holds_at_most_batch_size(make_vector: MakeVector) -> None:
    env = make_vector(5, batch_size=2)
    env.reset(options={"problem_id": "toy/echo"})
    env.send([4, 5, 6, 7, 8])
    batches = [env.recv() for _ in range(3)]
    assert [infos["env_id"].tolist() for *_, infos in batches] == [[0, 1], [2, 3], [4]]
    assert [batch[0]["program"][:, 0].tolist() for batch in batches] == [[4, 5], [6, 7], [8]]
    assert {key: array.shape for key, array in batches[0][0].items()} == {
        "prompt": (2, 64),
        "prompt_length": (2, 1),
        "program": (2, 32),
        "program_length": (2, 1),
    }
    env.send([9], [3])
    assert env.recv()[4]["env_id"].tolist() == [3]


def test_actions_go_to_those_received_last_unless_told(make_vector: MakeVector) -> None:
    env = make_vector(4, batch_size=2)
    env.reset(options={"problem_id": "toy/echo"})
    env.send([4, 5, 6, 7])
    env.recv()
    env.send([8, 9])  # 0 and 1
    env.recv()  # 2 and 3, which were ready before
    env.send([10, 11])
    seen = {}
    for _ in range(2):
        observation, *_, infos = env.recv()
        seen.update(zip(infos["env_id"].tolist(), observation["program"][:, :3].tolist(), strict=True))
    assert seen == {0: [4, 8, 0], 1: [5, 9, 0], 2: [6, 10, 0], 3: [7, 11, 0]}


@pytest.mark.parametrize("copy", [True, False])
def test_batches_are_new_arrays(make_vector: MakeVector, copy: bool) -> None:
    env = make_vector(copy=copy)
    env.reset(options={"problem_id": "toy/echo"})
    env.send([4, 5, 6])
    observation, *_ = env.recv()
    env.send([7, 7, 7])
    assert observation["program_length"].tolist() == [[1]] * 3


@pytest.mark.parametrize("autoreset", ["NextStep", "SameStep", "Disabled"])
def test_each_environment_lives_as_if_alone(
    make_vector: MakeVector, make_env: Callable[..., ProgramEnv], held_judge: Any, autoreset: str, end: int
) -> None:
    """Whatever the judge's order, each environment's episodes are those of a single one with its seed and actions."""
    rng = np.random.default_rng(1)
    env = make_vector(6, judge=held_judge, batch_size=4, autoreset_mode=autoreset, max_program_tokens=12)
    singles = [make_env(max_program_tokens=12) for _ in range(6)]
    _, infos = env.reset(seed=5)
    for env_id, single in enumerate(singles):
        assert single.reset(seed=5 + env_id)[1]["problem_id"] == infos["problem_id"][env_id]
    over = [False] * 6
    played: dict[int, int] = {}
    ends = defaultdict(int)
    to_play = np.arange(6)
    for _ in range(120):
        if to_play.size:
            actions = np.where(rng.random(len(to_play)) < 0.15, end, rng.integers(4, 2000, len(to_play)))
            env.send(actions, to_play)
            played.update(zip(to_play.tolist(), actions.tolist(), strict=True))
        while held_judge.held and (len(held_judge.held) == 6 or rng.random() < 0.4):
            held_judge.release(int(rng.integers(len(held_judge.held))))
        if len(held_judge.held) == len(played):
            held_judge.release()
        observation, rewards, terminated, truncated, infos = env.recv()
        to_play = infos["env_id"]
        assert len(to_play) <= 4
        for row, env_id in enumerate(to_play.tolist()):
            single, action = singles[env_id], played.pop(env_id)
            expected = (single.reset()[0], 0.0, False, False) if over[env_id] else single.step(action)[:4]
            over[env_id] = bool(expected[2])
            ends[env_id] += over[env_id]
            if over[env_id] and autoreset != "NextStep":
                over[env_id] = False
                if autoreset == "SameStep":
                    final = infos["final_obs"][row]
                    assert all((final[key] == expected[0][key]).all() for key in final)
                    expected = (single.reset()[0], *expected[1:])
            assert all((observation[key][row] == expected[0][key]).all() for key in observation)
            assert (rewards[row], terminated[row], truncated[row]) == expected[1:]
        if autoreset == "Disabled" and terminated.any():
            mask = np.zeros(6, dtype=np.bool_)
            mask[to_play[terminated]] = True
            observation, _ = env.reset(options={"reset_mask": mask})
            for env_id in to_play[terminated].tolist():
                fresh = singles[env_id].reset()[0]
                assert all((observation[key][env_id] == fresh[key]).all() for key in fresh)
    assert min(ends.values()) >= 3
    assert held_judge.most_held >= 3


def test_a_failing_judge_truncates_there_too(make_vector: MakeVector, held_judge: Any) -> None:
    env = make_vector(2, judge=held_judge, action_mode="program", autoreset_mode="Disabled")
    env.reset()
    env.send(("a", "b"))
    held_judge.fail(JudgeError("no worker"))
    held_judge.release()
    _, rewards, terminated, truncated, infos = env.recv()
    assert sorted(zip(infos["env_id"].tolist(), truncated.tolist(), terminated.tolist(), strict=True)) == [
        (0, True, False),
        (1, False, True),
    ]
    assert rewards[infos["env_id"] == 0].tolist() == [0.0]
    assert infos["judge_error"][infos["env_id"] == 0].tolist() == ["no worker"]
    with pytest.raises(ResetNeeded, match=r"environments \[0, 1\] are over"):
        env.send(("a", "b"))


def test_other_failures_of_the_judge_raise_in_recv(make_vector: MakeVector, held_judge: Any) -> None:
    env = make_vector(2, judge=held_judge, action_mode="program")
    env.reset()
    env.send(("a", "b"))
    held_judge.fail(ValueError("unknown checker"))
    with pytest.raises(ValueError, match="unknown checker"):
        env.recv()
    with pytest.raises(ResetNeeded, match=r"call reset\(\) before recv\(\)"):
        env.recv()
    assert held_judge.held[0][0].cancelled()


def test_a_reset_abandons_what_is_being_judged(make_vector: MakeVector, held_judge: Any) -> None:
    env = make_vector(2, judge=held_judge, action_mode="program")
    env.reset(options={"problem_id": "toy/echo"})
    env.send(("old", "old"))
    old, held_judge.held = held_judge.held, []
    old[0][0].set_running_or_notify_cancel()  # it cannot be cancelled any more
    env.reset(options={"problem_id": "toy/double"})
    env.send(("new", "new"))
    old[0][0].set_result(held_judge._judge.judge("old", old[0][2]))
    assert old[1][0].cancelled()
    for _ in range(2):
        held_judge.release()
    infos = env.recv()[4]
    assert sorted(infos["env_id"].tolist()) == [0, 1]
    assert infos["program_text"].tolist() == ["def double(n):\n    new"] * 2


def test_a_reset_leaves_nothing_to_say_of_what_it_abandons(make_vector: MakeVector, end: int) -> None:
    env = make_vector(2)
    env.reset()
    env.send([end, 5])
    env.recv()
    env.send([5, 5])  # begins an episode in 0
    env.reset(options={"problem_id": "toy/echo"})
    assert env.step([5, 5])[4] == {}
    assert env.step([5, end])[4]["_problem_id"].tolist() == [False, True]


def test_step_knows_what_send_has_played(make_vector: MakeVector, echo: Problem) -> None:
    env = make_vector(2, dataset=ProblemSet("toy", "one", (echo,)), max_program_tokens=8)
    env.reset()
    env.step([5, 5])
    for _ in range(6):
        env.send([5, 5], [0, 1])
        env.recv()
    assert env.step([5, 5])[2].all()


def test_what_cannot_be(make_vector: MakeVector, held_judge: Any, end: int) -> None:
    env = make_vector(4, judge=held_judge, batch_size=2)
    for use in (lambda: env.send([5] * 4), env.recv):
        with pytest.raises(ResetNeeded, match="no episode has begun"):
            use()
    env.reset(options={"problem_id": "toy/echo"})
    with pytest.raises(ValueError, match=r"recv\(\) has nothing to return: send\(\) actions first"):
        env.recv()
    env.send([5, end], [0, 3])
    with pytest.raises(ValueError, match=r"step\(\) cannot follow send\(\)"):
        env.step([5] * 4)
    with pytest.raises(ValueError, match=r"cannot send to environments \[0\]: they were sent an action"):
        env.send([5, 5], [0, 1])
    with pytest.raises(ValueError, match=r"cannot reset environments \[3\]: they were sent an action"):
        env.reset(options={"reset_mask": np.array([False, True, False, True])})
    env.reset(options={"reset_mask": np.array([False, True, False, False])})
    assert env.recv()[4]["env_id"].tolist() == [0]
    held_judge.release()
    assert env.recv()[4]["env_id"].tolist() == [3]
    with pytest.raises(ValueError, match="recv\\(\\) has nothing to return"):
        env.recv()
    env.step([5] * 4)


@pytest.mark.parametrize(
    ("actions", "env_ids", "message"),
    [
        ([5, 6], [0], "actions are 1 integer token ids"),
        ([5], [4], r"env_ids are 0 to 3, not \[4\]"),
        ([5], [-1], r"env_ids are 0 to 3, not \[-1\]"),
        ([5, 6], [2, 2], r"names one twice: \[2, 2\]"),
        ([], [], "env_ids are integers, one or more"),
        ([5], [0.0], "env_ids are integers"),
        ([5], [True], "env_ids are integers"),
        ([5], 0, "env_ids are integers, one or more, such as info\\['env_id'\\], not int 0"),
        ([5], "0", "env_ids are integers"),
        ([5], [[0]], "env_ids are integers"),
        ([5, 99999], [2, 1], "action 99999 of environment 1 is out of range"),
    ],
)
def test_unusable_sends_change_nothing(make_vector: MakeVector, actions: Any, env_ids: Any, message: str) -> None:
    env = make_vector(4)
    before, _ = env.reset(options={"problem_id": "toy/echo"})
    with pytest.raises(ValueError, match=message):
        env.send(actions, env_ids)
    after = env.step([5] * 4)[0]
    assert after["program_length"].tolist() == [[1]] * 4
    assert (before["prompt"] == after["prompt"]).all()


def test_closing_wakes_who_waits(make_vector: MakeVector, held_judge: Any) -> None:
    env = make_vector(2, judge=held_judge, action_mode="program")
    env.reset()
    env.send(("a", "b"))
    threading.Timer(0.05, env.close).start()
    started = time.monotonic()
    with pytest.raises(ResetNeeded, match="closed while programs were being judged"):
        env.recv()
    assert time.monotonic() - started < 5
