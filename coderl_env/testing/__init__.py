"""Checks that other packages run on their own agents, as `gymnasium.utils.env_checker` does for environments."""

from coderl_env.testing.agent_check import AgentCheckError, check_agent

__all__ = ["AgentCheckError", "check_agent"]
