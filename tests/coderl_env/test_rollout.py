"""Rollouts: stepping follows the environment's rules, generating and stepping agree, failures are never scored."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
import pytest

from coderl_env.agent import Decision, Program, Sampling
from coderl_env.datasets import ProblemSet
from coderl_env.env import ProgramEnv
from coderl_env.judge import JudgeError
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import CallCase, Problem, StdioCase
from coderl_env.reward import coderl
from coderl_env.rollout import collect, make_task, program_text
from coderl_env.tokens import load_tokenizer

TOKENIZER = load_tokenizer("nano")
PLAIN = Problem("p/1", "Print the input.", (StdioCase("1\n", "1\n"),))
STARTED = Problem("p/2", "Double x.", (CallCase((1,), 2),), starter_code="def f(x):\n", entry_point="f")
WINDOWS = {"tokenizer": TOKENIZER, "max_prompt_tokens": 80, "max_program_tokens": 24}


class FakeJudge:
    """Passes programs that hold the word `good`, fails to judge those that hold `broken`; counts what it is given."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        self.seen.append((problem.id, program))
        future: Future[Judgement] = Future()
        if "broken" in program:
            future.set_exception(JudgeError("no worker"))
            return future
        passed = "good" in program
        verdict = Verdict.ACCEPTED if passed else Verdict.WRONG_ANSWER
        outcome = Outcome.PASSED if passed else Outcome.FAILED_TEST
        future.set_result(Judgement(outcome, (CaseResult(verdict),), "none", "lines", "0"))
        return future

    def judge(self, program: str, problem: Problem) -> Judgement:
        return self.submit(program, problem).result()

    def close(self) -> None:
        pass


class Scripted:
    """Plays one list of actions per task, over and over."""

    def __init__(self, scripts: dict[str, list]) -> None:
        self.scripts = scripts
        self.running: list[tuple[str, list]] = []
        self.observations: list[list[dict[str, np.ndarray]]] = []
        self.infos: list[list[dict]] = []

    def begin(self, tasks, sampling) -> None:
        self.running = [(task.id, list(self.scripts[task.id])) for task in tasks]

    def act(self, observations, infos):
        self.running = [item for item in self.running if item[1]]
        self.observations.append(list(observations))
        self.infos.append([dict(info) for info in infos])
        return [script.pop(0) for _, script in self.running]

    def learn(self, episodes):
        return {}

    def save(self, path) -> None:
        pass


class Generating(Scripted):
    def generate(self, tasks, samples, sampling):
        return [[Program(f"{task.id} {place % 2} good") for place in range(samples)] for task in tasks]


def run(agent, problems, judge=None, **changes):
    arguments = {"reward": coderl, "sampling": Sampling(), **WINDOWS} | changes
    return collect(agent, problems, judge or FakeJudge(), **arguments)


def token_script(text: str, log_prob: float | None = None) -> list:
    ids = [*TOKENIZER.encode(text), TOKENIZER.eos_id]
    return ids if log_prob is None else [Decision(token, log_prob) for token in ids]


@pytest.mark.parametrize("mode", ["token", "line", "program"])
@pytest.mark.parametrize("problem", [PLAIN, STARTED], ids=["plain", "starter"])
@pytest.mark.parametrize(
    "text",
    ["    return 2 * x\n", "print(input())\nx = 1\n", "print('a long program that fills all of it', 12345678)\n" * 3],
)
def test_stepping_equals_the_environment(mode: str, problem: Problem, text: str) -> None:
    judge = FakeJudge()
    env = ProgramEnv(dataset=ProblemSet("p", "x", (problem,)), action_mode=mode, judge=judge, **WINDOWS)
    observation, info = env.reset(seed=0)
    script = {"token": token_script(text), "line": [*text.splitlines(), ""], "program": [text]}[mode]
    observations, played, ended = [observation], [], False
    while not ended:
        played.append(script[len(played)])
        observation, reward, ended, _, last = env.step(played[-1])
        observations.append(observation)
    agent = Scripted({problem.id: played})
    (episode,) = run(agent, [problem], judge, action_mode=mode)
    assert episode.text == last["program_text"]
    assert episode.reward == reward
    assert len(agent.observations) == len(played)
    for found, expected in zip(agent.observations, observations, strict=False):
        assert {key: value.tolist() for key, value in found[0].items()} == {
            key: value.tolist() for key, value in expected.items()
        }
    first = agent.infos[0][0]
    assert first == {key: info[key] for key in first}
    assert all(later == [{}] for later in agent.infos[1:])
    if mode == "token":
        assert list(episode.token_ids) == played
    env.close()


def test_log_probs_are_kept_where_every_token_has_one() -> None:
    (with_all,) = run(Scripted({"p/1": token_script("x", -0.5)}), [PLAIN])
    assert with_all.log_probs == (-0.5,) * len(with_all.token_ids)
    mixed = token_script("xyz good", -0.5)
    mixed[0] = mixed[0].action
    (without,) = run(Scripted({"p/1": mixed}), [PLAIN])
    assert without.log_probs == ()


def test_generate_is_used_where_there_is_one_and_equal_programs_are_judged_once() -> None:
    judge = FakeJudge()
    heard = []
    episodes = run(Generating({}), [PLAIN, STARTED], judge, samples=4, on_judgement=heard.append)
    assert [episode.task_id for episode in episodes] == ["p/1"] * 4 + ["p/2"] * 4
    assert [episode.text for episode in episodes[:2]] == ["p/1 0 good", "p/1 1 good"]
    assert len(judge.seen) == 4
    assert heard == episodes
    assert all(episode.reward == 1.0 for episode in episodes)


def test_what_could_not_be_judged_is_not_scored() -> None:
    agent = Scripted({"p/1": ["broken"], "p/2": ["good"]})
    broken, fine = run(agent, [PLAIN, STARTED], action_mode="program")
    assert broken.judgement is None
    assert broken.reward == 0.0
    assert fine.judgement is not None


def test_long_runs_come_back_in_order() -> None:
    problems = [Problem(f"p/{number}", "x", PLAIN.tests) for number in range(700)]
    episodes = run(Generating({}), problems, samples=2)
    assert [episode.task_id for episode in episodes] == [problem.id for problem in problems for _ in range(2)]


@pytest.mark.parametrize(
    ("mode", "action", "words"),
    [
        ("token", "text", "an action is a token id in token mode, not text 'text'"),
        ("token", 10**6, "action 1000000 is out of range"),
        ("program", 3, "an action is text in program mode, not int 3"),
        ("tokens", 3, "unknown action mode 'tokens'; did you mean 'token'"),
    ],
)
def test_actions_of_the_wrong_kind(mode: str, action: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        run(Scripted({"p/1": [action]}), [PLAIN], action_mode=mode)


def test_starter_code_that_fills_the_window_is_refused() -> None:
    problem = Problem("p/3", "x", STARTED.tests, starter_code="def f(x):\n    pass\n" * 9, entry_point="f")
    with pytest.raises(ValueError, match="'p/3' leaves no room for a program"):
        run(Scripted({"p/3": [0]}), [problem], max_prompt_tokens=200)


def test_a_task_shows_no_tests_and_no_solutions() -> None:
    problem = Problem("p/4", "Statement.", (StdioCase("secret in", "secret out"),), solutions=("secret solution",))
    assert "secret" not in repr(make_task(problem))


def test_program_text_keeps_the_starter_code_that_the_tokenizer_cannot_spell() -> None:
    ids = TOKENIZER.encode("x = 1")
    assert program_text(TOKENIZER, "def f():\n", TOKENIZER.encode("def f():\n"), ids) == "def f():\nx = 1"
    assert program_text(TOKENIZER, "caf\udce9", TOKENIZER.encode("caf\udce9"), ids) == "caf\udce9x = 1"
