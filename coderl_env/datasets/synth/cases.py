"""Hidden tests and examples: lists of integers that tell a right program from a careless one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from coderl_env.datasets.synth.draw import Draw
from coderl_env.datasets.synth.endings import REDUCTIONS, Ending, Value
from coderl_env.datasets.synth.pipeline import Branch, Pipeline, Step

__all__ = ["Case", "careless_variants", "find_cases", "find_examples", "rejects"]

_SEARCHES = 60
# Fewer for what must be found: most problems that fail are hopeless, and another is drawn soon.
_NECESSARY_SEARCHES = 20
# Some steps make the first the same as the second; such a problem is not posed.
_EASIER = {"mode": "min", "distinct": "count"}
_LEAST_OUTPUTS = 4
_REACHES = (12, 5, 40)


@dataclass(frozen=True, slots=True)
class Case:
    """One list and what the right program prints for it."""

    values: tuple[int, ...]
    expected: str


def careless_variants(pipeline: Pipeline) -> tuple[list[Pipeline], list[Pipeline], list[Pipeline]]:
    """Return the programs that people write by mistake instead of `pipeline`.

    Returns:
        Those without the guard, those with a slip in one place, those with a constant off by one.
        Some may be right by accident.
    """
    unguarded: list[Pipeline] = []
    if pipeline.guard is not None:
        unguarded.append(replace(pipeline, guard=None))
    slips = [replace(pipeline, ending=ending) for ending in pipeline.ending.slips()]
    mistyped = [replace(pipeline, ending=ending) for ending in pipeline.ending.mistyped()]
    for place, step in enumerate(pipeline.steps):
        slips += [_with_step(pipeline, place, slip) for slip in step.slips()]
        mistyped += [_with_step(pipeline, place, other) for other in step.mistyped()]
    return unguarded, slips, mistyped


def rejects(cases: Iterable[Case], program: Pipeline) -> bool:
    """Return whether some case fails for `program`."""
    return any(program.evaluate(list(case.values)) != case.expected for case in cases)


def find_cases(draw: Draw, pipeline: Pipeline) -> list[Case] | None:
    """Return the cases of the hidden tests; None where the problem is not worth posing.

    A problem is worth posing if its answers vary, every step matters, both of two alternatives are met, and the guard
    is needed. Every careless variant is rejected, unless no list that was tried tells it from the right program.
    """
    cases = _plan(draw, pipeline)
    if not _varied(pipeline, cases):
        return None
    for variant in _necessary(pipeline):
        if not rejects(cases, variant) and not _extend(draw, pipeline, cases, variant, _NECESSARY_SEARCHES):
            return None
    _, slips, mistyped = careless_variants(pipeline)
    for variant in (*slips, *mistyped):
        if not rejects(cases, variant):
            _extend(draw, pipeline, cases, variant, _SEARCHES)
    return cases


def find_examples(draw: Draw, pipeline: Pipeline, hidden: Iterable[Case], count: int) -> list[Case] | None:
    """Return `count` short cases, none among `hidden`: a plain one first, then such as show a boundary or a tie.

    The empty list is left to the hidden tests, as in most statements; nothing being left is shown now and then. None if
    no short list leaves anything to show.
    """
    known = {case.values for case in hidden}
    _, slips, _ = careless_variants(pipeline)
    shows_nothing_left = pipeline.guard is not None and draw.chance(0.25)
    found: list[Case] = []
    for place in range(count):
        best, best_score = None, -1
        for attempt in range(_SEARCHES):
            if attempt >= (4 if place == 0 else 6) and best_score > 0:
                break
            values = _values(draw, pipeline, draw.between(4, 6) + attempt // 10, 9 if place == 0 else 20)
            if tuple(values) in known:
                continue
            case = _case(pipeline, values)
            left = len(pipeline.reduce(list(values)))
            if place > 0 and shows_nothing_left:
                score = 9 - left
            elif left < max(pipeline.ending.needs, 1):
                score = 0
            else:
                score = min(left, 3) if place == 0 else 1 + sum(rejects([case], slip) for slip in slips)
            if score > best_score:
                best, best_score = case, score
        if best is None or best_score == 0:
            return None
        known.add(best.values)
        found.append(best)
    return found


def _with_step(pipeline: Pipeline, place: int, step: Step | Branch) -> Pipeline:
    return replace(pipeline, steps=(*pipeline.steps[:place], step, *pipeline.steps[place + 1 :]))


def _necessary(pipeline: Pipeline) -> list[Pipeline]:
    """Return the variants that have to fail: a step, the guard or an alternative left out, an easier value."""
    found = [
        replace(pipeline, steps=(*pipeline.steps[:i], *pipeline.steps[i + 1 :])) for i in range(len(pipeline.steps))
    ]
    if pipeline.guard is not None:
        found.append(replace(pipeline, guard=None))
    ending = pipeline.ending
    if len(ending.values) == 2:
        found += [replace(pipeline, ending=Ending((value,))) for value in ending.values]
    found += [replace(pipeline, ending=easier) for easier in _easier(ending)]
    for place, step in enumerate(pipeline.steps):
        if isinstance(step, Branch):
            found += [_with_step(pipeline, place, part) for part in (step.then, step.other) if part is not None]
    return found


def _easier(ending: Ending) -> list[Ending]:
    """Return the ending with an easier value in place of one that some steps make equal to it."""
    found = []
    for place, value in enumerate(ending.values):
        if value.kind.name in _EASIER:
            easier = Value(REDUCTIONS[_EASIER[value.kind.name]])
            found.append(replace(ending, values=(*ending.values[:place], easier, *ending.values[place + 1 :])))
    return found


def _varied(pipeline: Pipeline, cases: list[Case]) -> bool:
    outputs = [case.expected for case in cases]
    if any(value.kind.is_question for value in pipeline.ending.values):
        return min(outputs.count("yes"), outputs.count("no")) >= 2
    return len(set(outputs)) >= _LEAST_OUTPUTS


def _plan(draw: Draw, pipeline: Pipeline) -> list[Case]:
    """Return plain and edge cases, the long one first because it rejects most."""
    shapes = [(draw.between(14, 20), 12), (draw.between(6, 9), 12), (draw.between(5, 8), 40), (draw.between(5, 8), 999)]
    shapes += [(draw.between(4, 7), 20)]
    if pipeline.looped:
        shapes += [(draw.between(4, 7), 12), (draw.between(4, 7), 30), (2, 15), (3, 20), (draw.between(8, 10), 15)]
    lists = [_values(draw, pipeline, count, reach) for count, reach in shapes]
    lists.append([-abs(x) for x in _values(draw, pipeline, draw.between(3, 6), 20)])
    pool = _values(draw, pipeline, 2, 9)
    lists.append([draw.pick(pool) for _ in range(draw.between(4, 7))])
    lists.append(_values(draw, pipeline, 1, 20))
    if pipeline.least == 0:
        lists.append([])
    if pipeline.guard is not None:
        lists += _too_short(draw, pipeline)
    cases: dict[tuple[int, ...], Case] = {}
    for values in lists:
        cases.setdefault(tuple(values), _case(pipeline, values))
    return list(cases.values())


def _too_short(draw: Draw, pipeline: Pipeline) -> list[list[int]]:
    """Return a list that is not empty of which too little is left, where one is found."""
    assert pipeline.guard is not None
    for _ in range(_NECESSARY_SEARCHES):
        values = _values(draw, pipeline, draw.between(1, 4), 20)
        if len(pipeline.reduce(list(values))) < pipeline.guard.needs:
            return [values]
    return []


def _extend(draw: Draw, pipeline: Pipeline, cases: list[Case], variant: Pipeline, searches: int) -> bool:
    """Search for a list that tells `variant` from `pipeline`, add it to `cases`, and return whether one was found."""
    for attempt in range(searches):
        values = _values(
            draw, pipeline, draw.between(1, 4) if attempt % 2 else draw.between(5, 12), _REACHES[attempt % 3]
        )
        case = _case(pipeline, values)
        if variant.evaluate(list(values)) != case.expected:
            cases.append(case)
            return True
    return False


def _values(draw: Draw, pipeline: Pipeline, count: int, reach: int) -> list[int]:
    """Return `count` integers, at most about `reach` in size, a third of them near the problem's constants."""
    constants = pipeline.constants
    values = []
    for _ in range(count):
        if constants and draw.chance(0.35):
            constant = draw.pick(constants)
            values.append(
                draw.pick((constant, constant, constant + 1, constant - 1, -constant, 2 * constant, 10 + constant, 0))
            )
        else:
            values.append(draw.between(-reach // 2 if draw.chance(0.7) else -reach, reach))
    return values


def _case(pipeline: Pipeline, values: list[int]) -> Case:
    expected = pipeline.evaluate(list(values))
    assert expected is not None, (pipeline.composition, values)
    return Case(tuple(values), expected)
