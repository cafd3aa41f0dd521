"""What became of a judged program: outcome, verdict per test, judgement. Frozen data, standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = ["CaseResult", "Judgement", "Outcome", "Verdict"]


class Outcome(Enum):
    """The four outcomes of CodeRL, in the paper's order (Le et al. 2022, section 3.3.1)."""

    COMPILE_ERROR = "compile_error"
    RUNTIME_ERROR = "runtime_error"
    FAILED_TEST = "failed_test"
    PASSED = "passed"

    @property
    def index(self) -> int:
        """The class number that a critic predicts: 0 for COMPILE_ERROR to 3 for PASSED."""
        return _OUTCOME_ORDER.index(self)


_OUTCOME_ORDER = tuple(Outcome)


class Verdict(Enum):
    """What became of one test."""

    ACCEPTED = "accepted"
    WRONG_ANSWER = "wrong_answer"
    EXCEPTION = "exception"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    FORBIDDEN = "forbidden"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one test.

    Attributes:
        verdict: the verdict.
        output: the beginning of what the program wrote or returned, as text.
        error_type: name of the exception or signal, or None.
        error_line: line of the program where it was raised, or None.
        error_message: the exception's text, shortened.
        cpu_seconds: processor time of the test; no part of equality, because it is never the same twice.
    """

    verdict: Verdict
    output: str = ""
    error_type: str | None = None
    error_line: int | None = None
    error_message: str = ""
    cpu_seconds: float = field(default=0.0, compare=False)

    def to_dict(self, timing: bool = True) -> dict[str, Any]:
        """Return JSON values, without processor time where `timing` is false."""
        values: dict[str, Any] = {
            "verdict": self.verdict.value,
            "output": self.output,
            "error_type": self.error_type,
            "error_line": self.error_line,
            "error_message": self.error_message,
        }
        if timing:
            values["cpu_seconds"] = self.cpu_seconds
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CaseResult:
        """Build a result from what `to_dict` returned."""
        return cls(**{**values, "verdict": Verdict(values["verdict"])})


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judge's answer for one program and one problem.

    Attributes:
        outcome: the program's outcome, decided by `decide_outcome`.
        cases: one result per test, in the problem's order.
        isolation: the tier that ran the program: `strict`, `portable` or `none`.
        comparator: name of the comparison rule that was applied, or `checker`.
        judge_version: version of the judge's rules; verdicts of different versions may differ.
        compile_error: message of the compiler, empty unless the outcome is COMPILE_ERROR.
    """

    outcome: Outcome
    cases: tuple[CaseResult, ...]
    isolation: str
    comparator: str
    judge_version: str
    compile_error: str = ""

    @property
    def passed(self) -> bool:
        """Whether every test was accepted."""
        return self.outcome is Outcome.PASSED

    @property
    def pass_fraction(self) -> float:
        """Share of the tests that were accepted, 0 to 1; tests that were not run count as failed."""
        if not self.cases:
            return 0.0
        return sum(case.verdict is Verdict.ACCEPTED for case in self.cases) / len(self.cases)

    def to_dict(self, timing: bool = True) -> dict[str, Any]:
        """Return JSON values, without processor times where `timing` is false."""
        return {
            "outcome": self.outcome.value,
            "pass_fraction": self.pass_fraction,
            "cases": [case.to_dict(timing) for case in self.cases],
            "isolation": self.isolation,
            "comparator": self.comparator,
            "judge_version": self.judge_version,
            "compile_error": self.compile_error,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Judgement:
        """Build a judgement from what `to_dict` returned."""
        return cls(
            outcome=Outcome(values["outcome"]),
            cases=tuple(CaseResult.from_dict(case) for case in values["cases"]),
            isolation=values["isolation"],
            comparator=values["comparator"],
            judge_version=values["judge_version"],
            compile_error=values.get("compile_error", ""),
        )


def decide_outcome(compiled: bool, verdicts: Sequence[Verdict]) -> Outcome:
    """Return the outcome of a program from its verdicts, one per test and in order.

    The first test that was not accepted decides: a wrong answer is FAILED_TEST, anything else RUNTIME_ERROR.

    Raises:
        ValueError: the program compiled, but there is no verdict; a run without tests is never a pass.
    """
    if not compiled:
        return Outcome.COMPILE_ERROR
    if not verdicts:
        raise ValueError("an outcome needs at least one test")
    for verdict in verdicts:
        if verdict is not Verdict.ACCEPTED:
            return Outcome.FAILED_TEST if verdict is Verdict.WRONG_ANSWER else Outcome.RUNTIME_ERROR
    return Outcome.PASSED
