"""Reinforcement-learning environments for program generation."""

from coderl_env.version import VERSION as __version__

__all__ = ["__version__"]
