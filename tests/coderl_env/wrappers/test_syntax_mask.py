"""Masks that leave only beginnings of valid Python."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from tokenizers import Tokenizer, models

from coderl_env.adapters.stable_baselines3 import ProgramAsCategories
from coderl_env.datasets import ProblemSet, load_dataset
from coderl_env.datasets.synth import LEVELS, demonstrations
from coderl_env.env import EpisodeOverError, ProgramEnv
from coderl_env.env.completion import is_valid
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import Problem, StdioCase
from coderl_env.starter import continue_starter
from coderl_env.tokens import load_tokenizer
from coderl_env.wrappers import ActionMaskObservation, Repair, SyntaxMask
from coderl_env.wrappers.program_prefix import ProgramPrefix
from coderl_env.wrappers.vocabulary import read_vocabulary

STARTERS = [
    "",
    "def solve(n):\n    ",
    "class A:\n    def f(self):\n",
    "# -*- coding: utf-8 -*-\n",
    # Their ends take half of the room, and most tokens are refused for want of it.
    pytest.param("try:\n    x = f'{", marks=pytest.mark.slow),
    pytest.param("def f():\n    x = 1\n    def g():\n        nonlocal x\n        ", marks=pytest.mark.slow),
]


class CompilingJudge:
    """Says only whether a program compiles, as the real one does, and never passes one."""

    def judge(self, program: str, problem: Problem) -> Judgement:
        outcome = Outcome.FAILED_TEST if is_valid(program) else Outcome.COMPILE_ERROR
        cases = tuple(CaseResult(Verdict.WRONG_ANSWER) for _ in problem.tests)
        return Judgement(outcome, cases, "none", "lines", "test")

    def close(self) -> None: ...


def make_env(window: int, starter_code: str = "", **settings: object) -> ProgramEnv:
    examples = (StdioCase("", "1\n"),)
    problem = Problem("p", "Print 1.", examples, examples=examples, starter_code=starter_code)
    dataset = ProblemSet("toy", "all", (problem,))
    defaults = {"judge": CompilingJudge(), "max_prompt_tokens": 128, "max_program_tokens": window}
    return ProgramEnv(dataset=dataset, **{**defaults, **settings})


def play(env: SyntaxMask, text: str) -> None:
    for token in env.unwrapped.tokenizer.encode(text):
        env.step(token)


def play_at_random(env: SyntaxMask, rng: np.random.Generator) -> dict[str, object]:
    """Play one episode of tokens drawn from those that are allowed, and no end token; return the last info."""
    end = env.unwrapped.tokenizer.eos_id
    env.reset()
    while True:
        drawn = (int(token) for token in rng.permutation(env.action_space.n))
        token = next((token for token in drawn if token != end and env.allows(token)), end)
        assert env.allows(token)
        _, _, terminated, _, info = env.step(token)
        if terminated:
            return info


@pytest.mark.parametrize("starter_code", STARTERS)
def test_random_programs_compile(starter_code: str) -> None:
    rng = np.random.default_rng(len(starter_code))
    begun = len(make_env(100).tokenizer.encode(starter_code))
    for room in (14, 16):
        info = play_at_random(SyntaxMask(make_env(begun + room, starter_code)), rng)
        assert info["window_full"]
        assert info["outcome"] != "compile_error", info["program_text"]


def test_the_judge_agrees() -> None:
    env = SyntaxMask(make_env(12, judge=None))
    rng = np.random.default_rng(5)
    outcomes = [play_at_random(env, rng)["outcome"] for _ in range(3)]
    env.close()
    assert "compile_error" not in outcomes


def test_without_the_mask_they_do_not_compile() -> None:
    env = make_env(18)
    env.reset()
    rng = np.random.default_rng(0)
    tokens = np.flatnonzero(env.action_masks())
    terminated = False
    while not terminated:
        _, _, terminated, _, info = env.step(rng.choice(tokens))
    assert info["outcome"] == "compile_error"


def masked_tokens(programs: Iterable[tuple[str, str]], tokenizer: object, window: int = 4096) -> Iterator[str]:
    """Play programs (starter code and all of it) to their ends; yield where a token is masked."""
    for starter_code, program in programs:
        env = SyntaxMask(make_env(window, starter_code, tokenizer=tokenizer, max_prompt_tokens=512))
        rest = continue_starter(starter_code, program)
        if not is_valid(starter_code + rest):
            continue
        env.reset()
        base = env.unwrapped
        for token in (*base.tokenizer.encode(rest), base.tokenizer.eos_id):
            if not env.allows(token):
                yield base._program_text()[-200:] + " | " + base.tokenizer.decode([token])
            env.step(token)


def sample_programs() -> list[tuple[str, str]]:
    problems = [problem for name in ("apps", "mbpp", "humaneval") for problem in load_dataset(name)]
    return [(problem.starter_code, solution) for problem in problems for solution in problem.solutions]


def demonstrated_programs(count: int) -> list[tuple[str, str]]:
    return [("", shown.program) for shown in demonstrations(count, seed=1, levels=LEVELS, careless=0.2)]


def real_programs(folder: Path, count: int) -> list[tuple[str, str]]:
    """Solutions that people wrote, in whatever style."""
    programs = []
    for name in ("apps/train.jsonl", "mbpp.jsonl", "humaneval.jsonl", "leetcode.jsonl"):
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            programs += [("", solution) for solution in row["solutions"][:3] if len(solution) < 1500]
    return [item for item in random.Random(0).sample(programs, count) if is_valid(item[1])]


def test_no_solution_is_masked() -> None:
    programs = [item for item in sample_programs() if len(item[1]) < 500][::9]
    assert len(programs) > 5
    assert list(masked_tokens(programs, "nano")) == []


def test_no_demonstration_is_masked() -> None:
    assert list(masked_tokens(demonstrated_programs(20), "nano", window=128)) == []


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", ["nano", "codet5"])
def test_no_real_solution_is_masked(shared_data: Path, tokenizer: str) -> None:
    programs = [*real_programs(shared_data, 60), *sample_programs()[::10], *demonstrated_programs(20)]
    assert len(programs) > 80
    spec = str(shared_data / "codet5_tokenizer") if tokenizer == "codet5" else tokenizer
    assert list(masked_tokens(programs, spec)) == []


@pytest.mark.parametrize(
    "text", ["", "print", "print(i", "x = 'a", "x = 1", "# a\n\n# b", "if x:\n  y\n", "f'{a", "def f"]
)
def test_the_mask_is_what_allows_says(text: str) -> None:
    env, alone = SyntaxMask(make_env(40)), SyntaxMask(make_env(40))
    env.reset()
    play(env, text)
    mask = env.action_masks()
    assert 0 < mask.sum() < env.unwrapped.action_masks().sum()
    for token in random.Random(0).sample(range(len(mask)), 60):
        alone.reset()
        play(alone, text)
        # Asked alone, no other token's answer is at hand.
        assert alone.allows(token) == mask[token], env.unwrapped.tokenizer.decode([token])


@pytest.mark.parametrize(
    "text",
    [
        "x = [a",
        "x = 'a",
        "def f(a",
        "import",
        "def f():\n  def g():\n    nonlocal",
        "match x:\n  case {2: y, ",
        "if x:\n",
        "1",
        "x.",
    ],
)
def test_what_holds_for_many_holds_for_each(text: str) -> None:
    """Tokens that are decided about together have an end each that makes a valid program."""
    tokenizer = load_tokenizer("nano")
    vocabulary = read_vocabulary(tokenizer)
    prefix = ProgramPrefix(vocabulary, 60, text, tokenizer.encode(text))
    mask = prefix.mask(vocabulary.without("\0"))
    allowed = np.flatnonzero(mask).tolist()
    assert len(allowed) > 20
    digits = [token for token in allowed if vocabulary.texts[token].isdigit()]
    for token in (*digits, *random.Random(0).sample(allowed, min(50, len(allowed)))):
        end = prefix.known_end(token)
        assert end is not None
        assert is_valid(text + vocabulary.texts[token] + end), (vocabulary.texts[token], end)


def test_some_tokens_may_be_asked_for() -> None:
    env = SyntaxMask(make_env(20))
    env.reset()
    play(env, "print(1")
    tokenizer = env.unwrapped.tokenizer
    tokens = [tokenizer.encode(text)[0] for text in (")", "]", "2", ",")]
    assert env.allowed(tokens).tolist() == [True, False, True, True]
    assert env.allowed(np.array(tokens)).tolist() == [True, False, True, True]
    with pytest.raises(ValueError, match="token ids are 0 to"):
        env.allowed([len(tokenizer)])


def test_the_end_token_waits_for_a_valid_program() -> None:
    env = SyntaxMask(make_env(20))
    tokenizer = env.unwrapped.tokenizer
    env.reset()
    allowed = []
    for token in tokenizer.encode("print(1)"):
        allowed.append(env.allows(tokenizer.eos_id))
        env.step(token)
    assert allowed[0]
    assert not all(allowed)
    assert env.allows(tokenizer.eos_id)
    assert not env.allows(min(tokenizer.special_ids - {tokenizer.eos_id}))


def test_a_window_that_ends_leaves_room_for_the_end() -> None:
    env = SyntaxMask(make_env(4))
    tokenizer = env.unwrapped.tokenizer
    (bracket,) = tokenizer.encode("(")
    env.reset()
    for _ in range(3):
        assert env.allows(bracket)
        env.step(bracket)
    # One place is left, and three brackets to close, which is one token.
    allowed = {tokenizer.decode([token]) for token in np.flatnonzero(env.action_masks())}
    assert ")))" in allowed
    assert not {"(", ")", "n", "\n"} & allowed


def test_characters_of_many_bytes() -> None:
    env = SyntaxMask(make_env(60))
    env.reset()
    tokenizer = env.unwrapped.tokenizer
    for token in tokenizer.encode("x = '\u4f60\u597d'  # \u00e9\U0001f600\n"):
        assert env.allows(token)
        env.step(token)
    assert env.unwrapped._program_text() == "x = '\u4f60\u597d'  # \u00e9\U0001f600\n"
    assert env.allows(tokenizer.eos_id)


def test_a_lost_program_is_not_masked() -> None:
    env = SyntaxMask(make_env(30))
    env.reset()
    play(env, "x = = ")
    assert np.array_equal(env.action_masks(), env.unwrapped.action_masks())
    play(env, "1\ny = 2\n")
    assert np.array_equal(env.action_masks(), env.unwrapped.action_masks())


def test_a_program_that_was_masked_and_is_valid_after_all_is_masked_again() -> None:
    env = SyntaxMask(make_env(30))
    tokenizer = env.unwrapped.tokenizer
    env.reset()
    tokens = tokenizer.encode("\u00e9")
    assert len(tokens) == 2
    assert not env.allows(tokens[0])  # the first half of a name's only character
    play(env, "\u00e9 = 1\n")
    assert env.allows(tokenizer.eos_id)
    assert not env.allows(tokenizer.encode(")")[0])


def test_after_the_end_everything_goes() -> None:
    env = SyntaxMask(make_env(20, action_mask=True))
    env.reset()
    info = env.step(env.unwrapped.tokenizer.eos_id)[4]
    assert info["action_mask"].tolist() == env.unwrapped.action_masks().tolist()
    assert env.allows(5)


def test_the_mask_in_info_and_in_the_next_attempt() -> None:
    env = SyntaxMask(Repair(make_env(20, action_mask=True), attempts=2))
    tokenizer = env.unwrapped.tokenizer
    _, info = env.reset()
    start = info["action_mask"]
    assert start.dtype == np.int8
    assert start.sum() < env.unwrapped.action_masks().sum()
    (name,) = tokenizer.encode("n")
    info = env.step(name)[4]
    assert info["action_mask"].tolist() == env.action_masks().tolist() != start.tolist()
    info = env.step(tokenizer.eos_id)[4]
    assert info["attempt"] == 2
    assert info["action_mask"].tolist() == start.tolist()


def test_the_mask_in_the_observation() -> None:
    env = ActionMaskObservation(SyntaxMask(make_env(20)))
    observation, _ = env.reset()
    assert observation["action_mask"].tolist() == env.env.action_masks().tolist()
    observation = env.step(env.unwrapped.tokenizer.encode("(")[0])[0]
    assert observation["action_mask"].tolist() == env.env.action_masks().tolist()


def test_around_other_observations() -> None:
    env = SyntaxMask(ProgramAsCategories(make_env(20)))
    tokenizer = env.unwrapped.tokenizer
    env.reset()
    env.step(tokenizer.encode("(")[0])
    assert env.allowed([tokenizer.encode(text)[0] for text in (")", "]")]).tolist() == [True, False]


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
def test_gymnasium_finds_no_fault() -> None:
    check_env(SyntaxMask(make_env(8, copy=True)), skip_render_check=True)


def test_what_cannot_be_masked() -> None:
    with pytest.raises(ValueError, match="needs action_mode='token', not 'line'"):
        SyntaxMask(make_env(20, action_mode="line"))
    with pytest.raises(ValueError, match="SyntaxMask wraps a coderl_env environment, not CartPoleEnv"):
        SyntaxMask(gym.make("CartPole-v1"))
    with pytest.raises(EpisodeOverError, match="no episode has begun"):
        SyntaxMask(make_env(20)).action_masks()
    words = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "def": 2}, unk_token="<pad>"))
    with pytest.raises(ValueError, match="spells a text piece by piece"):
        SyntaxMask(make_env(20, tokenizer=words))
    with pytest.raises(ValueError, match="Repair cannot go around SyntaxMask"):
        Repair(SyntaxMask(make_env(20)))
