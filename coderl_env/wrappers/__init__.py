"""Wrappers for the environments: several attempts, rewards per token, masks, a failing judge."""

from coderl_env.wrappers.action_mask import ActionMaskObservation
from coderl_env.wrappers.dense_feedback import DenseFeedback
from coderl_env.wrappers.judge_failure import TruncateOnJudgeError
from coderl_env.wrappers.repair import Repair
from coderl_env.wrappers.syntax_mask import SyntaxMask

__all__ = ["ActionMaskObservation", "DenseFeedback", "Repair", "SyntaxMask", "TruncateOnJudgeError"]
