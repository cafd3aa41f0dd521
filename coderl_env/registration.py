"""The environment ids, registered with Gymnasium when `coderl_env` is imported."""

from __future__ import annotations

from typing import Any

from gymnasium.envs.registration import register, registry

__all__ = ["ENVIRONMENTS", "register_environments"]

_ENTRY_POINT = "coderl_env.wrappers.repair:make_env"
_VECTOR_ENTRY_POINT = "coderl_env.vector:ProgramVectorEnv"

# Windows in tokens: 600 and 512 as CodeRL's for APPS; HumanEval's starter code alone takes hundreds; Synth is short.
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "CodeRL-APPS-v0": {"dataset": "apps", "max_prompt_tokens": 600, "max_program_tokens": 512},
    "CodeRL-MBPP-v0": {"dataset": "mbpp", "max_prompt_tokens": 600, "max_program_tokens": 512},
    "CodeRL-HumanEval-v0": {"dataset": "humaneval", "max_prompt_tokens": 1024, "max_program_tokens": 1024},
    "CodeRL-Synth-v0": {"dataset": "synth", "max_prompt_tokens": 256, "max_program_tokens": 128},
}


def register_environments() -> None:
    """Register every id that is not registered yet."""
    for env_id, kwargs in ENVIRONMENTS.items():
        if env_id not in registry:
            # Strings, so that nothing is loaded before an environment is made.
            register(env_id, entry_point=_ENTRY_POINT, vector_entry_point=_VECTOR_ENTRY_POINT, kwargs=dict(kwargs))
