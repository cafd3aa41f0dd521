"""A judge of untrusted programs: runs them on unit tests, isolated and limited, and says what became of them."""

from coderl_env.judge.any_judge import AnyJudge, MakesJudge
from coderl_env.judge.compare import COMPARATORS
from coderl_env.judge.errors import IsolationError, JudgeError
from coderl_env.judge.judge import STOPS, Judge
from coderl_env.judge.trial import JUDGE_VERSION
from coderl_env.judge.worker import TIERS, tier_report
from coderl_env.problem import Limits

__all__ = [
    "COMPARATORS",
    "JUDGE_VERSION",
    "STOPS",
    "TIERS",
    "AnyJudge",
    "IsolationError",
    "Judge",
    "JudgeError",
    "Limits",
    "MakesJudge",
    "tier_report",
]
