"""The CodeT5 actor-critic: CodeRL (Le et al. 2022) online, for `nano` and any T5ForConditionalGeneration checkpoint."""

from coderl_agents.codet5.agent import CodeT5Agent, make
from coderl_agents.codet5.settings import Settings

__all__ = ["CodeT5Agent", "Settings", "make"]
