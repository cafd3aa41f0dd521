"""The oracle: plays a reference solution of every problem and must score exactly 1, which checks data and judge.

It is the only agent that sees solutions, and only where the caller hands them over (`AgentSpec.solutions`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coderl_env.agent import Action, Decision, Episode, Program, Sampling, Task
from coderl_env.naming import unknown_name
from coderl_env.registry import AgentSpec
from coderl_env.rollout import program_text
from coderl_env.starter import continue_starter

__all__ = ["OracleAgent", "make"]


def make(spec: AgentSpec, *, solution: int = 0) -> OracleAgent:
    """Return the agent.

    Args:
        spec: what the environment asks for; its `solutions` are what is played.
        solution: which of a problem's solutions to play; the last one where it has fewer.

    Raises:
        ValueError: no solutions were handed over, or no tokenizer for action mode `token`.
    """
    if spec.solutions is None:
        raise ValueError("agent oracle plays reference solutions and was given none; hand them over as solutions")
    if spec.action_mode == "token" and spec.tokenizer is None:
        raise ValueError("agent oracle needs the environment's tokenizer in action mode 'token'")
    return OracleAgent(spec, spec.solutions, solution)


class OracleAgent:
    """See the module's docstring. Implements `Agent` and `Generates`."""

    def __init__(self, spec: AgentSpec, solutions: Mapping[str, Sequence[str]], solution: int) -> None:
        self._spec = spec
        self._solutions = solutions
        self._solution = solution
        self._script: list[list[Action]] = []

    def begin(self, tasks: list[Task], sampling: Sampling) -> None:
        """Look up what to play for each task."""
        self._script = [self._actions(task) for task in tasks]

    def act(self, observations: Sequence[Any], infos: Sequence[Mapping[str, Any]]) -> list[Action]:
        """Return the next part of each running episode's solution."""
        running = [script for script in self._script if script]
        if len(running) != len(observations):
            raise ValueError(f"{len(observations)} episodes are running where the solutions have {len(running)} left")
        return [script.pop(0) for script in running]

    def generate(self, tasks: list[Task], samples: int, sampling: Sampling) -> list[list[Program]]:
        """Return the solution of each task, `samples` times; cut where the token window ends, as in the environment."""
        return [[self._program(task)] * samples for task in tasks]

    def learn(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Learn nothing."""
        return {}

    def save(self, path: Path) -> None:
        """Make the folder; there is nothing to write, and solutions do not belong into it."""
        Path(path).mkdir(parents=True, exist_ok=True)

    def _text(self, task: Task) -> str:
        solutions = self._solutions.get(task.id)
        if not solutions:
            raise ValueError(unknown_name("problem with a reference solution", task.id, list(self._solutions)[:20]))
        return solutions[min(self._solution, len(solutions) - 1)]

    def _token_ids(self, task: Task) -> tuple[list[int], list[int]]:
        """Return the starter code and what follows it as tokens, as many as the window takes."""
        tokenizer = self._spec.tokenizer
        assert tokenizer is not None
        starter = tokenizer.encode(task.starter_code) if task.starter_code else []
        text = self._text(task)
        rest = continue_starter(task.starter_code, text) if task.starter_code else text
        return starter, [*tokenizer.encode(rest), tokenizer.eos_id][: self._spec.max_program_tokens - len(starter)]

    def _actions(self, task: Task) -> list[Action]:
        if self._spec.action_mode == "token":
            return [Decision(token, 0.0) for token in self._token_ids(task)[1]]
        if self._spec.action_mode == "program":
            return [self._text(task)]
        text = self._text(task)
        rest = continue_starter(task.starter_code, text) if task.starter_code else text
        # An empty action ends the episode, so an empty line carries its newline.
        return [*[f"{line}\n" for line in rest.split("\n")], ""]

    def _program(self, task: Task) -> Program:
        if self._spec.action_mode != "token":
            return Program(self._text(task))
        starter, played = self._token_ids(task)
        assert self._spec.tokenizer is not None
        text = program_text(self._spec.tokenizer, task.starter_code, starter, played)
        return Program(text, tuple(played), (0.0,) * len(played))
