"""One judge behind everything: the same program gets the same verdict and reward, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator

import gymnasium as gym
import pytest

from coderl_env.adapters import openrlhf, rllib, stable_baselines3, trl, verl
from coderl_env.adapters.scoring import shared_scorer
from coderl_env.problem import Problem
from coderl_env.starter import continue_starter
from coderl_env.tokens import load_tokenizer

STDIO, CALL = "apps/sample/0001", "humaneval/sample/001"
REWARDS = {"passed": 1.0, "compile_error": -1.0, "runtime_error": -0.6, "failed_test": -0.3}


def program_with(outcome: str, problem: Problem) -> str:
    """Return a program that begins with the starter code and comes to that outcome."""
    indent = "    " if problem.starter_code else ""
    bodies = {"compile_error": "print(", "runtime_error": "raise KeyError", "failed_test": "pass"}
    if outcome == "passed":
        return problem.starter_code + continue_starter(problem.starter_code, problem.solutions[0])
    return f"{problem.starter_code}{indent}{bodies[outcome]}\n"


def play(env: gym.Env, task_id: str, actions: list[object]) -> float:
    """Return the reward of an episode."""
    env.reset(options={"problem_id": task_id})
    for action in actions:
        _, reward, terminated, _, _ = env.step(action)
    assert terminated
    return float(reward)


@pytest.fixture(scope="module")
def environments() -> Iterator[dict[tuple[str, str], gym.Env]]:
    """Environments by task and kind; as long as one is open, their judge is."""
    made = {}
    for task_id, env_id in {STDIO: "CodeRL-APPS-v0", CALL: "CodeRL-HumanEval-v0"}.items():
        made[task_id, "program"] = gym.make(env_id, action_mode="program")
        made[task_id, "token"] = gym.make(env_id)
        made[task_id, "stable_baselines3"] = stable_baselines3.make_env(env_id)
        made[task_id, "rllib"] = rllib.make_env({"env_id": env_id})
    yield made
    for env in made.values():
        env.close()


@pytest.mark.parametrize("outcome", REWARDS)
@pytest.mark.parametrize("task_id", [STDIO, CALL])
def test_everyone_agrees(environments: dict[tuple[str, str], gym.Env], task_id: str, outcome: str) -> None:
    scorer = shared_scorer({})
    problem = scorer.problem(task_id)
    program = program_with(outcome, problem)
    chat = f"Here you are:\n```python\n{program}\n```"
    tokenizer = load_tokenizer("nano")
    tokens = [*tokenizer.encode(program[len(problem.starter_code) :]), tokenizer.eos_id]
    scored = scorer.score(task_id, program)
    assert scored.judgement is not None
    assert scored.judgement.outcome.value == outcome
    rewards = {
        "scorer": scored.reward,
        "trl": trl.make_reward()([""], [chat], task_id=[task_id])[0],
        "verl": verl.compute_score("coderl", chat, task_id)["score"],
        "openrlhf": openrlhf.reward_func([f"Q\n{chat}</s>"], ["Q\n"], [task_id])["rewards"],
        "program": play(environments[task_id, "program"], task_id, [program]),
    }
    for kind in ("token", "stable_baselines3", "rllib"):
        rewards[kind] = play(environments[task_id, kind], task_id, list(tokens))
    assert rewards == dict.fromkeys(rewards, REWARDS[outcome])
