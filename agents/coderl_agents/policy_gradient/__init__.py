"""Policy-gradient agents for encoder-decoder and decoder-only models: `reinforce`, `rloo`, `grpo` and `ppo`."""

from coderl_agents.policy_gradient.agent import PolicyGradientAgent, grpo, make, ppo, reinforce, rloo
from coderl_agents.policy_gradient.settings import Settings

__all__ = ["PolicyGradientAgent", "Settings", "grpo", "make", "ppo", "reinforce", "rloo"]
