"""A check of custom agents: does one keep the rules of `coderl_env.agent.Agent`, in each action mode that it has?

No program is run and nothing is learned from data: outcomes are made up, so a check takes as long as the agent needs to
write a few dozen short programs. Not checked: whether the agent is any good.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coderl_env.agent import Agent, Episode, Generates, Program, Sampling
from coderl_env.naming import unknown_name
from coderl_env.registry import AgentSpec, make_agent
from coderl_env.reward import coderl
from coderl_env.rollout import collect, make_task, program_text
from coderl_env.testing.stage import (
    FAILED,
    PROBLEMS,
    SECRET,
    AgentCheckError,
    StandInJudge,
    Watched,
    check_program_ids,
    holds_secret,
)
from coderl_env.tokens import Tokenizer, load_tokenizer

__all__ = ["AgentCheckError", "check_agent"]

_MODES = ("token", "line", "program")
_GREEDY = Sampling(0.0)
_DRAWN = Sampling(1.0, 1.0, 5)
_SAMPLES = 2
_MOST_LINES = 40  # a line agent that plays more than this in a short window never ends


def check_agent(
    agent: str | Agent | Callable[..., Agent],
    *,
    action_modes: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    tokenizer: object = "nano",
    max_prompt_tokens: int = 96,
    max_program_tokens: int = 24,
) -> tuple[str, ...]:
    """Check that an agent keeps the protocol: act, generate, learn, save and load.

    Args:
        agent: what `coderl_env.registry.make_agent` takes, or a factory. Loading can only be checked of an agent that
            has a name or a factory.
        action_modes: modes to check; None is the agent's own `action_modes`, or, where it has no such attribute, every
            mode that the factory takes.
        settings: the factory's own settings.
        tokenizer: of token actions.
        max_prompt_tokens: prompt window.
        max_program_tokens: program window.

    Returns:
        The modes that were checked.

    Raises:
        AgentCheckError: the agent breaks a rule; the message says in one sentence which.

    Example:
        >>> from coderl_env.testing import check_agent
        >>> check_agent("random")
        ('token', 'line', 'program')
    """
    spec = AgentSpec(load_tokenizer(tokenizer), "token", max_prompt_tokens, max_program_tokens)
    makes = _Makes(agent, dict(settings or {}))
    modes = _modes(makes, spec, action_modes)
    for mode in modes:
        _Check(makes, replace(spec, action_mode=mode)).run()
    return modes


@dataclass(frozen=True, slots=True)
class _Makes:
    """How the agent under check is made."""

    agent: Any
    settings: dict[str, Any]

    @property
    def is_object(self) -> bool:
        """Whether there is only the one agent."""
        # A class has the methods too, and is a factory.
        return not isinstance(self.agent, (str, type)) and isinstance(self.agent, Agent)

    def make(self, spec: AgentSpec) -> Agent:
        """Return the agent for `spec`."""
        if isinstance(self.agent, str) or self.is_object:
            return make_agent(self.agent, spec, **self.settings)
        return make_agent(self.agent(spec, **self.settings), spec)


def _modes(makes: _Makes, spec: AgentSpec, wanted: Sequence[str] | None) -> tuple[str, ...]:
    refused = ""
    taken = []
    for mode in _MODES if wanted is None else wanted:
        if mode not in _MODES:
            raise ValueError(unknown_name("action mode", mode, _MODES))
        try:
            agent = makes.make(replace(spec, action_mode=mode))
        except ValueError as error:
            if wanted is not None:
                raise AgentCheckError(f"the factory refuses action mode {mode!r}: {error}") from error
            refused = str(error)
            continue
        if wanted is not None or mode in getattr(agent, "action_modes", (mode,)):
            taken.append(mode)
    if not taken:
        raise AgentCheckError(f"the agent takes no action mode: {refused or 'its action_modes is empty'}")
    return tuple(taken)


class _Check:
    """The check of an agent in one action mode."""

    def __init__(self, makes: _Makes, spec: AgentSpec) -> None:
        assert spec.tokenizer is not None
        self._makes = makes
        self._spec = spec
        self._tokenizer: Tokenizer = spec.tokenizer
        self._agent = makes.make(spec)
        self._tasks = [make_task(problem) for problem in PROBLEMS]

    def run(self) -> None:
        """Run all checks of the mode, in the order in which an agent is used."""
        greedy, drawn = self._determinism()
        for episode in [*greedy, *drawn]:
            if SECRET in episode.text:
                raise AgentCheckError("a program holds text of a hidden test: the agent reads what it must not know")
        if isinstance(self._agent, Generates):
            self._generation(self._agent, greedy)
        self._learning(drawn)
        found = holds_secret(self._agent)
        if found is not None:
            raise AgentCheckError(f"the agent holds {found}; an agent may know of a problem only what its Task says")
        with tempfile.TemporaryDirectory() as folder:
            self._loading(Path(folder) / "checkpoint")

    def _determinism(self) -> tuple[list[Episode], list[Episode]]:
        """Return what the agent writes at temperature 0, and what it draws."""
        greedy, drawn = self._step(_GREEDY), self._step(_DRAWN)
        if _written(greedy) != _written(self._step(replace(_GREEDY, seed=_DRAWN.seed))):
            raise AgentCheckError(
                f"the agent writes different programs at temperature 0 in {self._spec.action_mode} mode; greedy takes "
                "no draws, whatever the seed"
            )
        if _written(drawn) != _written(self._step(_DRAWN)):
            raise AgentCheckError(
                f"the agent writes different programs for the same seed in {self._spec.action_mode} mode; begin must "
                "seed every draw with sampling.seed"
            )
        return greedy, drawn

    def _generation(self, agent: Generates, stepped: Sequence[Episode]) -> None:
        groups = agent.generate(self._tasks, _SAMPLES, _DRAWN)
        if len(groups) != len(self._tasks) or any(len(group) != _SAMPLES for group in groups):
            raise AgentCheckError(
                f"generate must return {_SAMPLES} programs for each of {len(self._tasks)} tasks, not "
                f"{[len(group) for group in groups]}"
            )
        for task, group in zip(self._tasks, groups, strict=True):
            for program in group:
                self._look_at(program, task.starter_code)
        if groups != agent.generate(self._tasks, _SAMPLES, _DRAWN):
            raise AgentCheckError("generate draws different programs for the same seed")
        generated = agent.generate(self._tasks, 1, _GREEDY)
        for task, one, (other,) in zip(self._tasks, stepped, generated, strict=True):
            if one.text != other.text:
                raise AgentCheckError(
                    f"generate and stepping differ at temperature 0 in {self._spec.action_mode} mode: for {task.id} "
                    f"generate wrote {other.text[:60]!r} and act wrote {one.text[:60]!r}"
                )

    def _look_at(self, program: Program, starter: str) -> None:
        if not isinstance(program, Program):
            raise AgentCheckError(f"generate must return Program objects, not {type(program).__name__}")
        if not program.text.startswith(starter):
            raise AgentCheckError(
                f"a program of generate must begin with the task's starter code {starter!r:.40}, not with "
                f"{program.text[:40]!r}"
            )
        if self._spec.action_mode != "token":
            return
        check_program_ids(program.token_ids, program.log_probs, self._tokenizer)
        forced = self._tokenizer.encode(starter) if starter else []
        room = self._spec.max_program_tokens - len(forced)
        if len(program.token_ids) > room:
            raise AgentCheckError(
                f"a program of generate has {len(program.token_ids)} tokens, and its window has room for {room}"
            )
        spelled = program_text(self._tokenizer, starter, forced, program.token_ids)
        if spelled != program.text:
            raise AgentCheckError(
                f"the text of a generated program is {program.text[:60]!r}, and its tokens spell {spelled[:60]!r}"
            )

    def _learning(self, drawn: Sequence[Episode]) -> None:
        failed = [replace(episode, judgement=FAILED, reward=coderl(FAILED)) for episode in drawn]
        for meaning, episodes in (
            ("programs", list(drawn)),
            ("programs with the same outcome", failed),
            ("one program", list(drawn[:1])),
            ("no program", []),
        ):
            try:
                figures = self._agent.learn(episodes)
            except Exception as error:
                raise AgentCheckError(f"learn fails on a batch of {meaning}: {_said(error)}") from error
            _check_figures(figures, meaning)

    def _loading(self, folder: Path) -> None:
        for time in ("once", "twice"):
            try:
                self._agent.save(folder)
            except Exception as error:
                raise AgentCheckError(f"save fails when called {time} for the same folder: {_said(error)}") from error
        if not folder.is_dir():
            raise AgentCheckError("save must make the folder that it is given; there is none afterwards")
        if self._makes.is_object:
            return
        try:
            loaded = self._makes.make(replace(self._spec, checkpoint=folder))
        except Exception as error:
            raise AgentCheckError(f"the factory cannot load what save wrote: {_said(error)}") from error
        for sampling, meaning in ((_GREEDY, "greedy"), (_DRAWN, "sampled")):
            if _written(self._step(sampling)) != _written(self._step(sampling, loaded)):
                raise AgentCheckError(
                    f"the agent's {meaning} programs differ after save and load in {self._spec.action_mode} mode; save "
                    "must write everything that the factory needs, and the factory must read spec.checkpoint"
                )

    def _step(self, sampling: Sampling, agent: Agent | None = None) -> list[Episode]:
        """Let the agent write by stepping, look at every action, and return the episodes."""
        watched = Watched(agent or self._agent, self._spec.action_mode, self._tokenizer, _MOST_LINES)
        try:
            return collect(
                watched,
                PROBLEMS,
                StandInJudge(),
                reward=coderl,
                sampling=sampling,
                tokenizer=self._tokenizer,
                max_prompt_tokens=self._spec.max_prompt_tokens,
                max_program_tokens=self._spec.max_program_tokens,
                action_mode=self._spec.action_mode,
            )
        except AgentCheckError:
            raise
        except Exception as error:
            raise AgentCheckError(
                f"the agent fails while it writes in {self._spec.action_mode} mode: {_said(error)}"
            ) from error


def _check_figures(figures: Any, meaning: str) -> None:
    if not isinstance(figures, dict):
        raise AgentCheckError(f"learn must return a dict of figures, not {type(figures).__name__}")
    for name, value in figures.items():
        if not isinstance(name, str):
            raise AgentCheckError(f"learn's figures need names that are strings, not {name!r:.40}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise AgentCheckError(
                f"learn's figure {name!r} is {value!r:.40} after a batch of {meaning}; figures are finite floats"
            )


def _written(episodes: Sequence[Episode]) -> list[str]:
    return [episode.text for episode in episodes]


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200] if lines else 'no message'}"
