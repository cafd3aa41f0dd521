"""The conformance check: a sound agent passes in every mode, and every rule has an agent that breaks it."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coderl_env.agent import Action, Decision, Program, Sampling
from coderl_env.problem import Problem
from coderl_env.registry import AgentSpec
from coderl_env.rollout import program_text
from coderl_env.testing import AgentCheckError, check_agent
from coderl_env.testing.stage import PROBLEMS, holds_secret
from coderl_env.tokens import load_tokenizer

TOKENIZER = load_tokenizer("nano")
WORDS = TOKENIZER.encode("print x = 1\n")
LENGTH = 6


class Sound:
    """Plays words in turn, or draws them; learns which word comes first."""

    def __init__(self, spec: AgentSpec) -> None:
        self.spec = spec
        self.first = 0
        if spec.checkpoint is not None:
            self.first = int((spec.checkpoint / "first").read_text())

    def begin(self, tasks: Sequence[Any], sampling: Sampling) -> None:
        self.draws = np.random.default_rng(sampling.seed) if sampling.temperature > 0 else None
        self.played = 0

    def word(self, place: int) -> int:
        drawn = 0 if self.draws is None else int(self.draws.integers(len(WORDS)))
        return WORDS[(self.first + place + drawn) % len(WORDS)]

    def act(self, observations: Sequence[Any], infos: Sequence[Any]) -> list[Action]:
        self.played += 1
        if self.spec.action_mode == "token":
            ended = self.played > LENGTH
            return [Decision(TOKENIZER.eos_id if ended else self.word(self.played), -0.5) for _ in observations]
        if self.spec.action_mode == "line" and self.played > 2:
            return ["" for _ in observations]
        return [f"x = {self.word(self.played)}" for _ in observations]

    def learn(self, episodes: Sequence[Any]) -> dict[str, float]:
        self.first += len(episodes)
        return {"seen": float(len(episodes))}

    def save(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        (path / "first").write_text(str(self.first))


class Generating(Sound):
    def generate(self, tasks: Sequence[Any], samples: int, sampling: Sampling) -> list[list[Program]]:
        self.begin(tasks, sampling)
        return [[self.program(task) for _ in range(samples)] for task in tasks]

    def program(self, task: Any) -> Program:
        if self.spec.action_mode != "token":
            return Program(f"{task.starter_code}x = {self.word(1)}")
        tokens = (*(self.word(place) for place in range(1, LENGTH + 1)), TOKENIZER.eos_id)
        forced = TOKENIZER.encode(task.starter_code) if task.starter_code else []
        text = program_text(TOKENIZER, task.starter_code, forced, tokens)
        return Program(text, tokens, (-0.5,) * len(tokens))


def changed(**methods: Any) -> type:
    """Return `Generating` with some of its methods replaced."""
    return type("Changed", (Generating,), methods)


def acts(action: Any) -> Any:
    return lambda self, observations, infos: [action for _ in observations]


def programs(**changes: Any) -> Any:
    """Return a `program` that breaks a rule of generated programs."""
    return lambda self, task: replace(Generating.program(self, task), **changes)


def steal(self: Any, observations: Any, infos: Any) -> list[Action]:
    """Find the problems on the call stack, as a hostile agent might."""
    frame: Any = sys._getframe()
    while frame is not None:
        for value in frame.f_locals.values():
            if isinstance(value, (list, tuple)) and value and isinstance(value[0], Problem):
                self.stolen = value[0].solutions[0]
        frame = frame.f_back
    return Generating.act(self, observations, infos)


def play_stolen(self: Any, observations: Any, infos: Any) -> list[Action]:
    steal(self, observations, infos)
    return [self.stolen for _ in observations]


def refuse(*_: Any) -> Any:
    raise RuntimeError("out of order")


BROKEN: dict[str, tuple[type, str, str]] = {
    "too few actions": (changed(act=lambda s, o, i: []), "token", "one action per running episode"),
    "no list": (changed(act=lambda s, o, i: tuple(WORDS[:1] for _ in o)), "token", "must return a list"),
    "a float": (changed(act=acts(3.0)), "token", "must be a token id (int), not float 3.0"),
    "a truth value": (changed(act=acts(True)), "token", "must be a token id (int), not bool"),
    "text for a token": (changed(act=acts("x")), "token", "must be a token id (int), not str"),
    "a token for text": (changed(act=acts(3)), "program", "must be text, not int 3"),
    "out of range": (changed(act=acts(10**6)), "token", "token id 1000000 is out of range"),
    "masked": (changed(act=acts(min(TOKENIZER.special_ids - {TOKENIZER.eos_id}))), "token", "is masked"),
    "positive log-prob": (changed(act=acts(Decision(WORDS[0], 0.5))), "token", "log-probability must be"),
    "not finite": (changed(act=acts(Decision(WORDS[0], float("nan")))), "token", "log-probability must be"),
    "endless": (changed(act=acts("\n")), "line", "has not ended after 40 lines"),
    "fails": (changed(act=refuse), "token", "fails while it writes in token mode: RuntimeError: out of order"),
    "draws when greedy": (
        changed(begin=lambda s, t, sampling: Sound.begin(s, t, Sampling(1.0, 1.0, sampling.seed))),
        "token",
        "different programs at temperature 0",
    ),
    "does not seed": (
        changed(word=lambda s, p: WORDS[p % len(WORDS) if s.draws is None else random.randrange(len(WORDS))]),
        "token",
        "different programs for the same seed",
    ),
    "generates too few": (
        changed(generate=lambda s, t, n, sampling: Generating.generate(s, t, 1, sampling)),
        "token",
        "generate must return 2 programs for each of 3 tasks, not [1, 1, 1]",
    ),
    "generates text": (changed(program=lambda s, t: "print(1)"), "token", "must return Program objects, not str"),
    "forgets the starter code": (
        changed(program=lambda s, t: Program("x = 1")),
        "program",
        "must begin with the task's starter code",
    ),
    "generates another text": (changed(program=programs(text="def twice(n):\n!")), "token", "its tokens spell"),
    "goes on": (
        changed(program=programs(token_ids=(TOKENIZER.eos_id, *WORDS[:LENGTH]))),
        "token",
        "goes on behind its end token",
    ),
    "too few log-probs": (changed(program=programs(log_probs=(-1.0,))), "token", "one log-probability per token"),
    "too long": (changed(program=programs(token_ids=tuple(WORDS * 9), log_probs=())), "token", "has room for"),
    "generates at random": (
        changed(generate=lambda s, t, n, q: Generating.generate(s, t, n, replace(q, seed=random.randrange(10**9)))),
        "token",
        "generate draws different programs for the same seed",
    ),
    "generates something else": (
        changed(program=lambda s, t: Program(f"{t.starter_code}y = 1")),
        "program",
        "generate and stepping differ at temperature 0",
    ),
    "learns no dict": (changed(learn=lambda s, e: None), "token", "learn must return a dict of figures, not NoneType"),
    "learns NaN": (changed(learn=lambda s, e: {"loss": float("nan")}), "token", "learn's figure 'loss' is nan"),
    "divides by nothing": (
        changed(learn=lambda s, e: {"mean": sum(x.reward for x in e) / len(e)}),
        "token",
        "learn fails on a batch of no program: ZeroDivisionError",
    ),
    "needs differences": (
        changed(learn=lambda s, e: {"scale": 1 / float(np.ptp([x.reward for x in e] or [0, 1]))}),
        "token",
        "programs with the same outcome",
    ),
    "steals": (changed(act=steal), "token", "the agent holds text of a hidden test"),
    "plays what it stole": (
        type("Thief", (Sound,), {"act": play_stolen}),
        "program",
        "a program holds text of a hidden test",
    ),
    "saves once": (
        changed(save=lambda s, path: (path.mkdir(), (path / "first").write_text("0"))),
        "token",
        "save fails when called twice",
    ),
    "saves nothing": (changed(save=lambda s, path: None), "token", "save must make the folder"),
    "cannot load": (changed(save=lambda s, path: path.mkdir(exist_ok=True)), "token", "cannot load what save wrote"),
    "forgets": (
        changed(save=lambda s, path: (path.mkdir(exist_ok=True), (path / "first").write_text("3"))),
        "token",
        "greedy programs differ after save and load",
    ),
}


@pytest.mark.parametrize("kind", [Sound, Generating])
def test_a_sound_agent_passes_in_its_modes(kind: type) -> None:
    modes = ("token", "line", "program") if kind is Sound else ("token", "program")
    assert check_agent(kind, action_modes=modes) == modes


@pytest.mark.parametrize("rule", BROKEN)
def test_every_rule_is_one_clear_sentence(rule: str) -> None:
    agent, mode, expected = BROKEN[rule]
    with pytest.raises(AgentCheckError) as caught:
        check_agent(agent, action_modes=(mode,))
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message


def test_modes_are_what_the_agent_declares_or_takes() -> None:
    declared = type("Declared", (Sound,), {"action_modes": ("line",)})
    assert check_agent(declared) == ("line",)

    def only_programs(spec: AgentSpec) -> Sound:
        if spec.action_mode != "program":
            raise ValueError("writes whole programs only")
        return Sound(spec)

    assert check_agent(only_programs) == ("program",)
    with pytest.raises(AgentCheckError, match="refuses action mode 'token': writes whole programs only"):
        check_agent(only_programs, action_modes=("token",))
    with pytest.raises(AgentCheckError, match="takes no action mode: nothing works"):
        check_agent(lambda spec: (_ for _ in ()).throw(ValueError("nothing works")))
    with pytest.raises(ValueError, match="Valid are"):
        check_agent(Sound, action_modes=("tokens",))


def test_an_object_and_an_installed_name_can_be_checked() -> None:
    assert check_agent(Sound(AgentSpec(TOKENIZER)), action_modes=("token",)) == ("token",)
    assert check_agent("random") == ("token", "line", "program")


def test_an_object_without_the_methods_is_no_agent() -> None:
    with pytest.raises(ValueError, match="it has no method begin"):
        check_agent(lambda spec: object(), action_modes=("token",))


def test_secrets_are_found_however_they_are_held() -> None:
    class Slotted:
        __slots__ = ("kept",)

    slotted = Slotted()
    slotted.kept = {"a": [PROBLEMS[0]]}
    assert holds_secret(slotted) == "the problem 'check/echo' with its tests"
    assert holds_secret({("x", PROBLEMS[1].solutions[0].encode()): 1}) == "text of a hidden test or solution"
    assert holds_secret([PROBLEMS[0].statement, 1, None]) is None
