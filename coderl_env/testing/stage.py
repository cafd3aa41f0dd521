"""The stage that agents are checked on: three problems, a judge that runs nothing, and a look at what was played."""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from coderl_env.agent import Action, Agent, Decision, Episode, Sampling, Task
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import CallCase, Problem, StdioCase
from coderl_env.tokens import Tokenizer

__all__ = [
    "FAILED",
    "PROBLEMS",
    "SECRET",
    "AgentCheckError",
    "StandInJudge",
    "Watched",
    "check_program_ids",
    "holds_secret",
]

# Stands in the hidden tests and solutions of the problems below, and nowhere else.
SECRET = "secret-7f3a91"

PROBLEMS = (
    Problem(
        "check/echo",
        "Read a line and print it.",
        (StdioCase(f"{SECRET}\n", f"{SECRET}\n"), StdioCase("1\n", "1\n")),
        examples=(StdioCase("ab\n", "ab\n"),),
        solutions=(f"print(input())  # {SECRET}\n",),
    ),
    Problem(
        "check/sum",
        "Read two integers, one in a line, and print their sum.",
        (StdioCase("1\n2\n", "3\n"), StdioCase(f"{SECRET}\n", "")),
        solutions=(f"print(int(input()) + int(input()))  # {SECRET}\n",),
    ),
    Problem(
        "check/twice",
        "Return twice the number.",
        (CallCase((SECRET,), 2 * SECRET), CallCase((2,), 4)),
        starter_code="def twice(n):\n",
        entry_point="twice",
        solutions=(f"def twice(n):\n    return 2 * n  # {SECRET}\n",),
    ),
)

_OUTCOMES = (
    (Outcome.PASSED, Verdict.ACCEPTED),
    (Outcome.FAILED_TEST, Verdict.WRONG_ANSWER),
    (Outcome.RUNTIME_ERROR, Verdict.EXCEPTION),
    (Outcome.COMPILE_ERROR, Verdict.NOT_RUN),
)
# A program that failed its only test.
FAILED = Judgement(Outcome.FAILED_TEST, (CaseResult(Verdict.WRONG_ANSWER),), "none", "lines", "0")

_SEARCHED_OBJECTS = 200_000


class AgentCheckError(ValueError):
    """An agent breaks a rule of the protocol; the message is one sentence that says which."""


class StandInJudge:
    """Gives every program an outcome that only its text decides; runs nothing."""

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Return a judgement that is there at once."""
        digest = hashlib.blake2b(program.encode("utf-8", "replace"), digest_size=1).digest()[0]
        outcome, verdict = _OUTCOMES[digest % len(_OUTCOMES)]
        future: Future[Judgement] = Future()
        future.set_result(Judgement(outcome, tuple(CaseResult(verdict) for _ in problem.tests), "none", "lines", "0"))
        return future


class Watched:
    """An agent that is stepped only, and whose every action is looked at.

    Args:
        agent: the agent; a `generate` that it has is hidden.
        mode: `token`, `line` or `program`.
        tokenizer: of token actions.
        most_lines: calls of `act` in line mode after which the agent counts as one that never ends.
    """

    def __init__(self, agent: Agent, mode: str, tokenizer: Tokenizer, most_lines: int) -> None:
        self._agent = agent
        self._mode = mode
        self._tokenizer = tokenizer
        self._most_lines = most_lines
        self._calls = 0

    def begin(self, tasks: list[Task], sampling: Sampling) -> None:
        """Pass it on."""
        self._calls = 0
        self._agent.begin(tasks, sampling)

    def act(self, observations: Sequence[Any], infos: Sequence[Mapping[str, Any]]) -> list[Action]:
        """Pass it on and look at what comes back."""
        self._calls += 1
        if self._mode == "line" and self._calls > self._most_lines:
            raise AgentCheckError(f"an episode in line mode has not ended after {self._most_lines} lines")
        actions = self._agent.act(observations, infos)
        if not isinstance(actions, list):
            raise AgentCheckError(f"act must return a list of actions, not {type(actions).__name__}")
        if len(actions) != len(observations):
            raise AgentCheckError(
                f"act must return one action per running episode: {len(observations)} are running, and it returned "
                f"{len(actions)}"
            )
        for action in actions:
            self._look_at(action)
        return actions

    def learn(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Pass it on."""
        return self._agent.learn(episodes)

    def save(self, path: Any) -> None:
        """Pass it on."""
        self._agent.save(path)

    def _look_at(self, action: Any) -> None:
        played, log_prob = action, None
        if isinstance(action, Decision):
            played, log_prob = action.action, action.log_prob
        if log_prob is not None:
            check_log_prob(log_prob)
        if self._mode == "token":
            check_token(played, self._tokenizer)
        elif not isinstance(played, str):
            raise AgentCheckError(
                f"an action in {self._mode} mode must be text, not {type(played).__name__} {played!r:.40}"
            )


def check_token(token: Any, tokenizer: Tokenizer) -> None:
    """Check that `token` is a token id that may be played.

    Raises:
        AgentCheckError: it is not.
    """
    if isinstance(token, (bool, np.bool_)) or not isinstance(token, (int, np.integer)):
        raise AgentCheckError(
            f"an action in token mode must be a token id (int), not {type(token).__name__} {token!r:.40}"
        )
    if not 0 <= token < len(tokenizer):
        raise AgentCheckError(f"token id {token} is out of range; ids are 0 to {len(tokenizer) - 1}")
    if int(token) in tokenizer.special_ids and token != tokenizer.eos_id:
        raise AgentCheckError(
            f"token id {token} is masked: of the special tokens only the end token {tokenizer.eos_id} may be played"
        )


def check_log_prob(log_prob: Any) -> None:
    """Check that `log_prob` can be a log-probability.

    Raises:
        AgentCheckError: it cannot.
    """
    if not isinstance(log_prob, (int, float, np.floating)) or not math.isfinite(log_prob) or log_prob > 1e-4:
        raise AgentCheckError(f"a log-probability must be a finite number, 0 at most, not {log_prob!r:.40}")


def check_program_ids(token_ids: Iterable[Any], log_probs: Sequence[Any], tokenizer: Tokenizer) -> None:
    """Check tokens and log-probabilities of a generated program.

    Raises:
        AgentCheckError: a token may not be played, or the numbers do not fit the tokens.
    """
    tokens = list(token_ids)
    for token in tokens:
        check_token(token, tokenizer)
    if tokenizer.eos_id in tokens[:-1]:
        raise AgentCheckError("a program of generate goes on behind its end token; the end token is the last one")
    if log_probs and len(log_probs) != len(tokens):
        raise AgentCheckError(
            f"a program of generate must have one log-probability per token or none: it has {len(tokens)} tokens and "
            f"{len(log_probs)} log-probabilities"
        )
    for log_prob in log_probs:
        check_log_prob(log_prob)


def holds_secret(root: object) -> str | None:
    """Return what among the objects that `root` holds belongs to a hidden test, or None.

    Looks into containers and into the attributes of objects, not into modules, classes and functions.
    """
    seen: set[int] = set()
    queue: deque[object] = deque([root])
    while queue and len(seen) < _SEARCHED_OBJECTS:
        found = queue.popleft()
        if id(found) in seen or isinstance(found, (ModuleType, type, FunctionType, BuiltinFunctionType, MethodType)):
            continue
        seen.add(id(found))
        if isinstance(found, Problem):
            return f"the problem {found.id!r} with its tests"
        if isinstance(found, (str, bytes)):
            text = found if isinstance(found, str) else found.decode("utf-8", "replace")
            if SECRET in text:
                return "text of a hidden test or solution"
            continue
        queue.extend(_parts(found))
    return None


def _parts(found: object) -> list[object]:
    if isinstance(found, Mapping):
        return [*found.keys(), *found.values()]
    if isinstance(found, (list, tuple, set, frozenset, deque)):
        return list(found)
    parts = list(getattr(found, "__dict__", {}).values())
    for kind in type(found).__mro__:
        names = kind.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            value = getattr(found, name, None)
            parts.append(value)
    return parts
