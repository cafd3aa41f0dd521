"""Rollouts: let an agent write programs for problems, and judge them meanwhile.

Not here: what the agent does with the episodes (`Agent.learn`) and statistics (`coderl_env.experiment.evaluation`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coderl_env.agent import Action, Agent, Decision, Episode, Generates, Program, Sampling, Task
from coderl_env.judge import JudgeError
from coderl_env.naming import unknown_name
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem
from coderl_env.prompt import build_prompt, encode_prompt
from coderl_env.reward import Reward
from coderl_env.starter import join_starter, program_text
from coderl_env.tokens import Tokenizer, encode_at_most

__all__ = ["Submits", "collect", "make_task", "program_text"]

_CHUNK_PROGRAMS = 512  # generated before the first of them is waited for
_MODES = ("token", "line", "program")


class Submits(Protocol):
    """What rollouts ask of a judge."""

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Queue one program and return the future of its judgement."""
        ...


def make_task(problem: Problem) -> Task:
    """Return what an agent may know of `problem`."""
    return Task.from_problem(problem, build_prompt(problem))


def collect(
    agent: Agent,
    problems: Sequence[Problem],
    judge: Submits,
    *,
    reward: Reward,
    sampling: Sampling,
    samples: int = 1,
    tokenizer: Tokenizer,
    max_prompt_tokens: int,
    max_program_tokens: int,
    action_mode: str = "token",
    on_judgement: Callable[[Episode], None] | None = None,
) -> list[Episode]:
    """Let `agent` write `samples` programs for every problem, and judge them.

    Programs are judged while further ones are written. The same program for the same problem is judged once.

    Args:
        agent: its `generate` is used where it has one, otherwise it is stepped.
        problems: what to solve.
        judge: judges the programs.
        reward: makes the return of a judgement.
        sampling: how programs are drawn.
        samples: programs per problem.
        tokenizer: of observations and token actions.
        max_prompt_tokens: prompt window.
        max_program_tokens: program window; longer programs end there.
        action_mode: `token`, `line` or `program`; agents with `generate` do not need it.
        on_judgement: called in this thread with every episode, in their order.

    Returns:
        `len(problems) * samples` episodes, those of the first problem first. An episode whose judging failed has no
        judgement and the reward 0.

    Raises:
        ValueError: an unknown action mode, an action of the wrong kind, or a problem that cannot be judged.
    """
    if action_mode not in _MODES:
        raise ValueError(unknown_name("action mode", action_mode, _MODES))
    window = _Window(tokenizer, max_prompt_tokens, max_program_tokens, action_mode)
    episodes: list[Episode] = []
    waiting: list[_Judged] = []
    per_chunk = max(1, _CHUNK_PROGRAMS // max(samples, 1))
    for number, first in enumerate(range(0, len(problems), per_chunk)):
        chunk = problems[first : first + per_chunk]
        # Each chunk draws from a stream of its own; equal seeds would repeat the first chunk's noise.
        drawn = Sampling(sampling.temperature, sampling.top_p, sampling.seed + 1_000_003 * number)
        programs = _write(agent, chunk, samples, drawn, window)
        judged = _submit(judge, chunk, programs)
        # The chunk before is taken in only now, so that it was judged while this one was written.
        episodes += _receive(waiting, reward, on_judgement)
        waiting = judged
    return episodes + _receive(waiting, reward, on_judgement)


@dataclass(frozen=True, slots=True)
class _Window:
    tokenizer: Tokenizer
    prompt_tokens: int
    program_tokens: int
    mode: str


@dataclass(frozen=True, slots=True)
class _Judged:
    problem: Problem
    program: Program
    future: Future[Judgement]


def _submit(judge: Submits, problems: Sequence[Problem], programs: Sequence[Sequence[Program]]) -> list[_Judged]:
    judged = []
    for problem, group in zip(problems, programs, strict=True):
        futures: dict[str, Future[Judgement]] = {}
        for program in group:
            if program.text not in futures:
                futures[program.text] = judge.submit(program.text, problem)
            judged.append(_Judged(problem, program, futures[program.text]))
    return judged


def _receive(
    judged: Sequence[_Judged], reward: Reward, on_judgement: Callable[[Episode], None] | None
) -> list[Episode]:
    episodes = []
    for item in judged:
        try:
            judgement = item.future.result()
            value = float(reward(judgement))
        except JudgeError:
            # Our failure is no outcome of the program: the episode carries nothing to learn from.
            judgement, value = None, 0.0
        program = item.program
        episode = Episode(item.problem.id, program.token_ids, program.log_probs, program.text, judgement, value)
        if on_judgement is not None:
            on_judgement(episode)
        episodes.append(episode)
    return episodes


def _write(
    agent: Agent, problems: Sequence[Problem], samples: int, sampling: Sampling, window: _Window
) -> list[list[Program]]:
    tasks = [make_task(problem) for problem in problems]
    if isinstance(agent, Generates):
        return agent.generate(tasks, samples, sampling)
    repeated = [task for task in tasks for _ in range(samples)]
    writings = [_Writing(task, window) for task in repeated]
    agent.begin(repeated, sampling)
    running = writings
    while running:
        observations = [writing.observation() for writing in running]
        actions = agent.act(observations, [writing.info() for writing in running])
        if len(actions) != len(running):
            raise ValueError(f"the agent returned {len(actions)} actions for {len(running)} running episodes")
        for writing, action in zip(running, actions, strict=True):
            writing.play(action)
        running = [writing for writing in running if not writing.ended]
    programs = iter(writings)
    return [[next(programs).program() for _ in range(samples)] for _ in tasks]


@dataclass(slots=True)
class _Writing:
    """An episode that is being stepped, by the rules of `coderl_env.env.ProgramEnv` and without its judge."""

    task: Task
    window: _Window
    prompt_ids: tuple[int, ...] = ()
    truncated: bool = False
    starter_ids: list[int] = field(default_factory=list)
    window_prefix: list[int] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    text: str = ""
    begun: bool = False
    ended: bool = False

    def __post_init__(self) -> None:
        tokenizer = self.window.tokenizer
        prompt = encode_prompt(self.task, tokenizer, self.window.prompt_tokens)
        self.prompt_ids, self.truncated = prompt.token_ids, prompt.truncated
        self.starter_ids = tokenizer.encode(self.task.starter_code) if self.task.starter_code else []
        self.window_prefix = self.starter_ids
        self.text = self.task.starter_code
        if len(self.starter_ids) >= self.window.program_tokens:
            raise ValueError(
                f"problem {self.task.id!r} leaves no room for a program: its starter code takes "
                f"{len(self.starter_ids)} tokens, and max_program_tokens is {self.window.program_tokens}; raise it"
            )

    def observation(self) -> dict[str, NDArray[np.int32]]:
        """Return the observation as the environment makes it."""
        pad = self.window.tokenizer.pad_id
        program = self._window_ids()
        return {
            "prompt": _padded(self.prompt_ids, self.window.prompt_tokens, pad),
            "prompt_length": np.array([len(self.prompt_ids)], np.int32),
            "program": _padded(program, self.window.program_tokens, pad),
            "program_length": np.array([len(program)], np.int32),
        }

    def info(self) -> Mapping[str, Any]:
        """Return the environment's info: of the reset at first, and nothing afterwards."""
        if self.begun:
            return {}
        self.begun = True
        return {
            "problem_id": self.task.id,
            "prompt_text": self.task.prompt,
            "prompt_truncated": self.truncated,
        }

    def play(self, action: Action) -> None:
        """Play an action; the episode may end."""
        log_prob = action.log_prob if isinstance(action, Decision) else None
        played = action.action if isinstance(action, Decision) else action
        if self.window.mode == "token":
            self._play_token(played, log_prob)
        elif not isinstance(played, str):
            raise ValueError(
                f"an action is text in {self.window.mode} mode, not {type(played).__name__} {played!r:.60}"
            )
        elif self.window.mode == "program":
            self._cut(join_starter(self.task.starter_code, played))
            self.ended = True
        elif not played:
            self.ended = True
        else:
            self.ended = self._cut(self.text + (played if played.endswith("\n") else played + "\n"))

    def program(self) -> Program:
        """Return the finished program; a text agent's has no tokens."""
        if self.window.mode != "token":
            return Program(self.text)
        text = program_text(self.window.tokenizer, self.task.starter_code, self.starter_ids, self.token_ids)
        log_probs = tuple(self.log_probs) if len(self.log_probs) == len(self.token_ids) else ()
        return Program(text, tuple(self.token_ids), log_probs)

    def _play_token(self, action: int | str, log_prob: float | None) -> None:
        if isinstance(action, str):
            raise ValueError(f"an action is a token id in token mode, not text {action!r:.60}")
        token = int(action)
        if not 0 <= token < len(self.window.tokenizer):
            raise ValueError(f"action {token} is out of range; token ids are 0 to {len(self.window.tokenizer) - 1}")
        self.token_ids.append(token)
        if log_prob is not None:
            self.log_probs.append(log_prob)
        full = len(self.starter_ids) + len(self.token_ids) == self.window.program_tokens
        self.ended = token == self.window.tokenizer.eos_id or full

    def _cut(self, text: str) -> bool:
        """Make `text` the program, cut where the window ends, and return whether the window is full."""
        starter = self.task.starter_code
        prefix, rest = (self.starter_ids, text[len(starter) :]) if text.startswith(starter) else ([], text)
        ids, cut = encode_at_most(self.window.tokenizer, rest, self.window.program_tokens - len(prefix))
        self.text = program_text(self.window.tokenizer, starter if prefix else "", prefix, ids) if cut else text
        self.window_prefix, self.token_ids = list(prefix), list(ids)
        return len(prefix) + len(ids) == self.window.program_tokens

    def _window_ids(self) -> list[int]:
        return [*self.window_prefix, *self.token_ids]


def _padded(ids: Sequence[int], size: int, pad: int) -> NDArray[np.int32]:
    row = np.full(size, pad, np.int32)
    row[: len(ids)] = ids
    return row
