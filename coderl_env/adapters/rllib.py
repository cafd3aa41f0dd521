"""RLlib (Ray 2.60): an environment creator that its workers can call.

    register()
    config = PPOConfig().environment("coderl", env_config={"env_id": "CodeRL-Synth-v0", "max_program_tokens": 64})

`config.environment("coderl_env:CodeRL-Synth-v0")` works too, without the mask: Gymnasium's registry is not shared with
Ray's workers, and the form with the module makes each of them import it.

`action_mask` is true by default: the observation has the mask, as the RLModules of RLlib's examples for masked actions
read it. Where the judge fails, `on_judge_error="raise"`, the default, lets the `JudgeError` through, and RLlib's own
settings (`restart_failed_sub_environments`) decide; `"truncate"` ends that episode as truncated, with
`info["judge_error"]`. Ray is imported by `register` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import gymnasium as gym

from coderl_env.adapters.making import make_token_env
from coderl_env.wrappers import ActionMaskObservation

__all__ = ["make_env", "register"]


def make_env(config: Mapping[str, Any]) -> gym.Env[Any, Any]:
    """Make the environment that an `env_config` describes.

    Args:
        config: `env_id`, `action_mask` (true), `syntax_mask` (false), `on_judge_error` (`raise`), and the environment's
            arguments.

    Raises:
        ValueError: an unknown id or setting, or actions that are no tokens.
    """
    settings = dict(config)
    env_id = settings.pop("env_id", "CodeRL-Synth-v0")
    masked = settings.pop("action_mask", True)
    syntax_mask = settings.pop("syntax_mask", False)
    env = make_token_env(env_id, settings, settings.pop("on_judge_error", "raise"), syntax_mask=syntax_mask)
    return ActionMaskObservation(env) if masked else env


def register(name: str = "coderl") -> None:
    """Register `make_env` with RLlib under a name."""
    import_module("ray.tune.registry").register_env(name, make_env)
