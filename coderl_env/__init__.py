"""Reinforcement-learning environments for program generation.

Importing this package registers the environments with Gymnasium, so that `gym.make("CodeRL-APPS-v0")` works, and loads
nothing else: every other name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from coderl_env.registration import ENVIRONMENTS, register_environments
from coderl_env.version import VERSION as __version__  # noqa: N811 - the name that Python tools look for

if TYPE_CHECKING:
    from coderl_env.agent import Agent, Decision, Episode, Program, Sampling, Task
    from coderl_env.datasets import Dataset, ProblemSet, load_dataset
    from coderl_env.env import ProgramEnv
    from coderl_env.judge import IsolationError, Judge, JudgeError
    from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
    from coderl_env.problem import AssertCase, CallCase, Limits, Problem, StdioCase
    from coderl_env.prompt import build_prompt, encode_prompt
    from coderl_env.reward import REWARDS
    from coderl_env.tokens import Tokenizer, load_tokenizer
    from coderl_env.vector import ProgramVectorEnv

__all__ = [
    "__version__",
    "ENVIRONMENTS",
    "ProgramEnv",
    "ProgramVectorEnv",
    "Problem",
    "StdioCase",
    "CallCase",
    "AssertCase",
    "Limits",
    "Dataset",
    "ProblemSet",
    "load_dataset",
    "Judge",
    "JudgeError",
    "IsolationError",
    "Judgement",
    "CaseResult",
    "Outcome",
    "Verdict",
    "REWARDS",
    "Tokenizer",
    "load_tokenizer",
    "build_prompt",
    "encode_prompt",
    "Agent",
    "Task",
    "Sampling",
    "Decision",
    "Program",
    "Episode",
]

_HOMES = {
    "agent": ("Agent", "Decision", "Episode", "Program", "Sampling", "Task"),
    "datasets": ("Dataset", "ProblemSet", "load_dataset"),
    "env": ("ProgramEnv",),
    "judge": ("IsolationError", "Judge", "JudgeError"),
    "outcome": ("CaseResult", "Judgement", "Outcome", "Verdict"),
    "problem": ("AssertCase", "CallCase", "Limits", "Problem", "StdioCase"),
    "prompt": ("build_prompt", "encode_prompt"),
    "reward": ("REWARDS",),
    "tokens": ("Tokenizer", "load_tokenizer"),
    "vector": ("ProgramVectorEnv",),
}
_MODULE_OF = {name: f"coderl_env.{module}" for module, names in _HOMES.items() for name in names}

register_environments()


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
