"""Recorded verdicts of real models' programs, and where the judge's own differ from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coderl_env.datasets import problem_from_row, read_rows
from coderl_env.judge import Judge, Limits
from coderl_env.outcome import Judgement
from coderl_env.problem import AssertCase, Problem

__all__ = ["EXPLAINED", "RECORDS", "Disagreement", "Record", "disagreements", "records"]

# So that a slow machine turns no verdict; the recorded runs had seconds.
_LIMITS = Limits(4.0, 60.0, 12.0, 1 << 30, 16 << 20)
_PROBLEMS = ("apps/train.jsonl", "mbpp.jsonl", "humaneval.jsonl")
# APPS's own codes for what became of a program.
_APPS_OUTCOMES = {-2: "compile_error", -1: "runtime_error", False: "failed_test", True: "passed"}


# Records that say something else than this judge, each with the reason.
_UNCALLED = "the stored baseline is wrapped in a function that nothing calls, and prints nothing"
_MISSING = "the stored baseline defines no function of the name that is called"
_LATER_ERROR = "the first failing test is a wrong answer, a later one an error"
_IMPORTED = "the recorded run had this module imported for the program"
EXPLAINED = {
    "coderl/0001/bas/0": _UNCALLED,
    "coderl/0111/bas/0": _UNCALLED,
    "coderl/2287/gen/2": "a return outside of a function: it does not compile",
    "coderl/2404/bas/0": _MISSING,
    "coderl/4184/bas/0": _MISSING,
    "coderl/4184/gen/14": "a NameError at import: it compiles, and fails when it runs",
    "coderl/4184/gen/15": _LATER_ERROR,
    "coderl/4184/gen/16": _LATER_ERROR,
    "ldb/gpt-3.5-turbo-0613/HumanEval/38": "the test's helper comes from the prompt; the recorded run missed it",
    "ldb/gpt-3.5-turbo-0613/mbpp/210": _IMPORTED,
    "ldb/gpt-3.5-turbo-0613/mbpp/359": _IMPORTED,
    "ldb/gpt-3.5-turbo-0613/mbpp/495": _IMPORTED,
}


@dataclass(frozen=True, slots=True)
class Record:
    """A program, its problem, and the outcome that was recorded: `passed`, `not passed`, or one of the four."""

    name: str
    program: str
    problem: Problem
    recorded: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A record that the judge contradicts."""

    name: str
    recorded: str
    judgement: Judgement


def _coderl(fields: Mapping[str, Any]) -> str | None:
    found = fields["expected_result"]
    return _APPS_OUTCOMES[found]


def _codechain(fields: Mapping[str, Any]) -> str | None:
    strict = fields["strict_pass"]
    return _passed(fields["expected_pass"] if strict is None else strict)


def _confirmed(fields: Mapping[str, Any]) -> str | None:
    # Some were run on EvalPlus's own version of MBPP, whose tests are not part of the data.
    usable = fields["label_confirmed"] and not fields["tests_in"].startswith("raw/")
    return _passed(fields["expected_pass"]) if usable else None


def _passed(passed: bool) -> str:
    return "passed" if passed else "not passed"


# file: how its rows say what was recorded, None where the record is not to be trusted.
RECORDS: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "apps_coderl": _coderl,
    "apps_codechain": _codechain,
    "humaneval_mbpp": _confirmed,
}


def records(name: str, data: Path) -> Iterator[Record]:
    """Yield the trusted rows of one file of recorded verdicts."""
    problems = {}
    for file in _PROBLEMS:
        for row in read_rows(data / file):
            problem = problem_from_row(row)
            problems[problem.id] = problem
    for row in read_rows(data / "verdicts" / f"{name}.jsonl"):
        recorded = RECORDS[name](row.fields)
        if recorded is not None:
            problem = problems[row.text("task_id")]
            own_test = row.optional_text("test")
            if own_test is not None:
                problem = replace(problem, tests=(AssertCase(own_test),))
            yield Record(row.text("case_id"), row.text("code"), problem, recorded)


def disagreements(chosen: list[Record], judge: Judge) -> list[Disagreement]:
    """Return the records that the judge contradicts."""
    judgements = judge.judge_many([(record.program, replace(record.problem, limits=_LIMITS)) for record in chosen])
    return [
        Disagreement(record.name, record.recorded, judgement)
        for record, judgement in zip(chosen, judgements, strict=True)
        if not _agree(record.recorded, judgement)
    ]


def _agree(recorded: str, judgement: Judgement) -> bool:
    if recorded == "not passed":
        return not judgement.passed
    return judgement.outcome.value == recorded
