"""Builds the Synth problem that an id names."""

from __future__ import annotations

from dataclasses import dataclass

from coderl_env.datasets.synth.cases import Case, find_cases, find_examples
from coderl_env.datasets.synth.draw import Draw, fraction_of
from coderl_env.datasets.synth.endings import CONDITIONS, REDUCTIONS, SIMPLE_REDUCTIONS, Ending, Reduction, Value
from coderl_env.datasets.synth.operations import ELEMENT_MAPS, OPERATIONS, PREDICATES, Operation
from coderl_env.datasets.synth.pipeline import Branch, Guard, Pipeline, Step, program_text
from coderl_env.datasets.synth.wording import statement_text
from coderl_env.problem import Problem, StdioCase

__all__ = ["GUARDED_SHARE", "LEVELS", "SPLITS", "Generated", "generate", "split_of"]

LEVELS = ("1", "2", "3", "4", "5")
SPLITS = ("train", "validation", "test")

# Half of all problems need a guard for a list that is too short; the share of careless programs rests on it.
GUARDED_SHARE = 0.5
_TEST_SHARE = 0.15
_VALIDATION_SHARE = 0.05

_OPERATIONS = tuple(OPERATIONS.values())
_REDUCTIONS = tuple(REDUCTIONS.values())
_CONDITIONS = tuple(CONDITIONS.values())
_SIMPLE = tuple(REDUCTIONS[name] for name in SIMPLE_REDUCTIONS)
# Printing these for the empty list would be natural, so only a word can ask for a guard.
_WORDS = ("none", "empty", "-1")
_WORDS_OR_ZERO = (*_WORDS, "0")


@dataclass(frozen=True, slots=True)
class Generated:
    """A problem with the data that it was written from."""

    problem: Problem
    pipeline: Pipeline
    cases: tuple[Case, ...]


def split_of(composition: str) -> str:
    """Return the split that a composition belongs to, the same at every level."""
    fraction = fraction_of(f"synth composition {composition}")
    if fraction < _TEST_SHARE:
        return "test"
    return "validation" if fraction < _TEST_SHARE + _VALIDATION_SHARE else "train"


def generate(split: str, level: str, index: int) -> Generated:
    """Return the problem `synth/<split>/<level>/<index>`.

    Args:
        split: one of `SPLITS`.
        level: one of `LEVELS`.
        index: 0 or more.
    """
    problem_id = f"synth/{split}/{level}/{index}"
    draw = Draw(problem_id)
    guarded = draw.chance(GUARDED_SHARE)
    while True:
        pipeline = _draw_pipeline(draw, level, guarded)
        if pipeline is None or split_of(pipeline.composition) != split:
            continue
        cases = find_cases(draw, pipeline)
        shown = find_examples(draw, pipeline, cases, 3 if pipeline.looped else 2) if cases else None
        if cases and shown:
            return _write(problem_id, level, pipeline, cases, shown)


def _write(problem_id: str, level: str, pipeline: Pipeline, cases: list[Case], shown: list[Case]) -> Generated:
    tests = tuple(StdioCase(*text) for text in _group(Draw(f"{problem_id} tests"), cases, pipeline.looped))
    groups = [shown[:2], shown[2:]] if pipeline.looped else [[case] for case in shown]
    examples = [_texts(group, pipeline.looped) for group in groups]
    solutions = [program_text(pipeline)]
    if program_text(pipeline, blocks=True) != solutions[0]:
        solutions.append(program_text(pipeline, blocks=True))
    problem = Problem(
        id=problem_id,
        # A stream of its own, so that words and tests can be changed one without the other.
        statement=statement_text(Draw(f"{problem_id} words"), pipeline, examples),
        tests=tests,
        examples=tuple(StdioCase(*text) for text in examples),
        solutions=tuple(solutions),
        difficulty=level,
        source="synth",
    )
    return Generated(problem, pipeline, tuple(cases))


def _group(draw: Draw, cases: list[Case], looped: bool) -> list[tuple[str, str]]:
    """Return the input and output of every hidden test; a looped program gets one or two lists in each."""
    groups: list[list[Case]] = []
    start = 0
    while start < len(cases):
        size = draw.between(1, 2) if looped else 1
        groups.append(cases[start : start + size])
        start += size
    return [_texts(group, looped) for group in groups]


def _texts(cases: list[Case], looped: bool) -> tuple[str, str]:
    stdin = f"{len(cases)}\n" if looped else ""
    for case in cases:
        stdin += f"{len(case.values)}\n{' '.join(map(str, case.values))}\n"
    return stdin, "".join([f"{case.expected}\n" for case in cases])


def _draw_pipeline(draw: Draw, level: str, guarded: bool) -> Pipeline | None:
    """Return a random program of this level, or None where the parts drawn do not fit `guarded`."""
    shape = draw.pick(("branch", "choice", "both")) if level == "4" else "plain"
    ending = _draw_ending(draw, shape)
    if ending.needs == 2 and not guarded:
        return None
    steps = _draw_steps(draw, level, shape)
    shrinks = any(step.may_empty for step in steps)
    is_question = any(value.kind.is_question for value in ending.values)
    if guarded:
        if is_question:
            return None
        least = 0 if not shrinks or draw.chance(0.6) else 1
        guard = Guard(max(ending.needs, 1), draw.pick(_WORDS_OR_ZERO if ending.needs else _WORDS))
        return Pipeline(steps, ending, guard, least, looped=level == "5")
    if ending.needs == 0:
        naturals = {value.kind.natural for value in ending.values}
        least = 0 if len(naturals) == 1 and draw.chance(0.6) else 1
    elif shrinks:
        return None
    else:
        least = 1
    return Pipeline(steps, ending, None, least, looped=level == "5")


def _draw_steps(draw: Draw, level: str, shape: str) -> tuple[Step | Branch, ...]:
    if shape == "branch":
        branch = _draw_branch(draw)
        if draw.chance(0.5):
            return (branch,)
        other = _draw_step(draw, draw.pick(_OPERATIONS))
        return (branch, other) if draw.chance(0.5) else (other, branch)
    count = draw.between(2, 3) if level == "5" else draw.between(1, 2) if level == "4" else int(level)
    return tuple(_draw_step(draw, draw.pick(_OPERATIONS)) for _ in range(count))


def _draw_step(draw: Draw, operation: Operation) -> Step:
    return Step(operation, draw.pick(operation.constants) if operation.constants else None)


def _draw_branch(draw: Draw) -> Branch:
    test = _draw_step(draw, OPERATIONS[draw.pick(PREDICATES)])
    then = draw.pick(ELEMENT_MAPS)
    other = draw.pick([name for name in (*ELEMENT_MAPS, "keep") if name != then])
    return Branch(
        test, _draw_step(draw, OPERATIONS[then]), None if other == "keep" else _draw_step(draw, OPERATIONS[other])
    )


def _draw_ending(draw: Draw, shape: str) -> Ending:
    if shape not in ("choice", "both"):
        return Ending((_draw_value(draw, draw.pick(_REDUCTIONS)),))
    first = draw.pick(_SIMPLE)
    second = draw.pick([kind for kind in _SIMPLE if kind is not first])
    values = (_draw_value(draw, first), _draw_value(draw, second))
    if shape == "both":
        return Ending(values)
    condition = draw.pick(_CONDITIONS)
    return Ending(values, condition, draw.pick(condition.constants) if condition.constants else None)


def _draw_value(draw: Draw, kind: Reduction) -> Value:
    return Value(kind, draw.pick(kind.constants) if kind.constants else None)
