"""The environment: writing a program is an episode, and its unit tests are the reward."""

from coderl_env.env.program_env import ProgramEnv
from coderl_env.env.rules import ACTION_MODES, EpisodeOverError

__all__ = ["ACTION_MODES", "EpisodeOverError", "ProgramEnv"]
