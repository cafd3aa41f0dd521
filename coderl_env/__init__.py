"""Reinforcement-learning environments for program generation."""

from coderl_env.version import VERSION as __version__  # noqa: N811 - the name that Python tools look for

__all__ = ["__version__"]
