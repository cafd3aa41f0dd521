"""The oracle scores exactly 1 in every mode, and only with solutions that it was handed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coderl_agents.oracle import make
from coderl_env.agent import Agent, Generates, Sampling
from coderl_env.datasets import load_dataset
from coderl_env.judge import Judge
from coderl_env.registry import AgentSpec
from coderl_env.reward import coderl
from coderl_env.rollout import collect
from coderl_env.tokens import load_tokenizer

TOKENIZER = load_tokenizer("nano")
PROBLEMS = [load_dataset("synth", "train").get(f"synth/train/{level}/7") for level in range(1, 6)]
PROBLEMS += [problem for problem in load_dataset("apps", "sample") if problem.starter_code][:3]
PROBLEMS += list(load_dataset("humaneval", "sample"))[:2]
SOLUTIONS = {problem.id: problem.solutions for problem in PROBLEMS}
WINDOWS = {"max_prompt_tokens": 2000, "max_program_tokens": 1500}


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(1) as opened:
        yield opened


@pytest.mark.parametrize("mode", ["token", "line", "program"])
@pytest.mark.parametrize("is_stepped", [True, False])
def test_it_scores_exactly_one(mode: str, is_stepped: bool, judge: Judge) -> None:
    agent = make(AgentSpec(TOKENIZER, mode, **WINDOWS, solutions=SOLUTIONS))
    assert isinstance(agent, Agent)
    assert isinstance(agent, Generates)

    class Stepped:
        begin, act, learn, save = agent.begin, agent.act, agent.learn, agent.save

    episodes = collect(
        Stepped() if is_stepped else agent,
        PROBLEMS,
        judge,
        reward=coderl,
        sampling=Sampling(),
        samples=2,
        tokenizer=TOKENIZER,
        action_mode=mode,
        **WINDOWS,
    )
    assert [episode.reward for episode in episodes] == [1.0] * 2 * len(PROBLEMS)


def test_another_solution_can_be_chosen() -> None:
    problem = next(problem for problem in PROBLEMS if len(problem.solutions) > 1)
    from coderl_env.rollout import make_task

    spec = AgentSpec(None, "program", solutions=SOLUTIONS)
    texts = [
        make(spec, solution=number).generate([make_task(problem)], 1, Sampling())[0][0].text for number in (0, 1, 99)
    ]
    assert texts == [problem.solutions[0], problem.solutions[1], problem.solutions[-1]]


def test_it_needs_solutions_and_for_tokens_a_tokenizer() -> None:
    with pytest.raises(ValueError, match="was given none; hand them over"):
        make(AgentSpec(TOKENIZER))
    with pytest.raises(ValueError, match="needs the environment's tokenizer"):
        make(AgentSpec(None, solutions={}))
    with pytest.raises(ValueError, match="unknown problem with a reference solution"):
        collect(
            make(AgentSpec(TOKENIZER, solutions={})),
            PROBLEMS[:1],
            None,
            reward=coderl,
            sampling=Sampling(),
            tokenizer=TOKENIZER,
            **WINDOWS,
        )
