"""An environment as Stable-Baselines3 and RLlib want it: token actions, and a rule for a failing judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from coderl_env.env.arguments import check_choice, check_flag
from coderl_env.registration import ENVIRONMENTS, register_environments
from coderl_env.wrappers import SyntaxMask, TruncateOnJudgeError

__all__ = ["JUDGE_ERROR_RULES", "make_token_env"]

JUDGE_ERROR_RULES = ("raise", "truncate")


def make_token_env(
    env_id: str, settings: Mapping[str, Any], on_judge_error: str, *, syntax_mask: bool
) -> gym.Env[Any, Any]:
    """Make an environment with token actions.

    Args:
        env_id: an id such as `CodeRL-Synth-v0`.
        settings: its arguments.
        on_judge_error: `raise` lets a `JudgeError` through; `truncate` ends that episode (`TruncateOnJudgeError`).
        syntax_mask: whether masks allow only what can become valid Python (`SyntaxMask`).

    Raises:
        ValueError: an unknown id or setting, or actions that are no tokens.
    """
    check_choice("environment", env_id, tuple(ENVIRONMENTS))
    check_choice("rule for judge errors", on_judge_error, JUDGE_ERROR_RULES)
    check_flag("syntax_mask", syntax_mask)
    mode = settings.get("action_mode", "token")
    if mode != "token":
        raise ValueError(f"this library acts with numbers, so action_mode must be 'token', not {mode!r}")
    # In a worker process nothing may have imported the package itself yet.
    register_environments()
    env = gym.make(env_id, **settings)
    if on_judge_error == "truncate":
        env = TruncateOnJudgeError(env)
    return SyntaxMask(env) if syntax_mask else env
