"""The warm start's corpus: programs for train problems, some of them careless.

The noise is a modelling choice, and every report that rests on it has to say so. Scraped code is not clean: on APPS
about 40 % of the first stored solutions fail their own tests. A corpus of perfect programs would therefore flatter the
warm start. The mistakes here are the ones people make, not random damage:

- Leaving out the guard for a list that is too short is the common habit: at the default share, 60 % of the programs
  that need one lack it. Half of all problems need one.
- Everything else is a minority, in about one of seven remaining programs: one operation or printed value confused with
  a near one (> for >=, a set for an ordered removal of duplicates, the wrong rule for a tie or for rounding, the other
  branch forgotten), one constant mistyped by one, and now and then a bracket or a colon lost.

A careless program fails at least one hidden test of its problem; a mistake that no test rejects is not made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from coderl_env.datasets.synth.cases import careless_variants, rejects
from coderl_env.datasets.synth.dataset import check_levels
from coderl_env.datasets.synth.draw import Draw
from coderl_env.datasets.synth.generator import GUARDED_SHARE, LEVELS, Generated, generate, split_of
from coderl_env.datasets.synth.pipeline import Pipeline, program_text
from coderl_env.problem import Problem

__all__ = ["DEFAULT_CARELESS", "Demonstration", "demonstrations"]

DEFAULT_CARELESS = 0.4

# How a careless program that does not merely lack the guard goes wrong.
_SLIP_SHARE = 0.55
_MISTYPED_SHARE = 0.33  # the rest are lost brackets and colons
_INDEX_BOUND = 2**40


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A program for a problem, as somebody might have written it.

    Attributes:
        problem: a problem of the train split.
        program: the text, ending in a newline.
        careful: whether the program is right; otherwise it fails a hidden test.
    """

    problem: Problem
    program: str
    careful: bool


def demonstrations(
    count: int, seed: int, levels: Sequence[str] = LEVELS, careless: float = DEFAULT_CARELESS
) -> list[Demonstration]:
    """Return `count` demonstrations over problems of the train split, levels in turn.

    Args:
        count: how many.
        seed: the same seed gives the same list, and a longer list begins with the shorter one.
        levels: levels of the problems.
        careless: the expected share of programs that fail, in [0, 1].

    Raises:
        ValueError: a negative count, an unknown level, or a share outside [0, 1].
    """
    levels = check_levels(levels)
    if count < 0:
        raise ValueError(f"count must be 0 or more, not {count}")
    if not 0.0 <= careless <= 1.0:
        raise ValueError(f"careless must be a share between 0 and 1, not {careless}")
    draw = Draw(f"synth demonstrations {seed}")
    return [
        _demonstrate(
            Draw(f"synth demonstration {seed} {place}"), levels[place % len(levels)], draw.below(_INDEX_BOUND), careless
        )
        for place in range(count)
    ]


def _demonstrate(draw: Draw, level: str, index: int, careless: float) -> Demonstration:
    generated = generate("train", level, index)
    unguarded = min(1.0, 1.5 * careless)
    # What is left to reach `careless`, spread over the programs that keep their guard or need none.
    otherwise = (careless - GUARDED_SHARE * unguarded) / max(1.0 - GUARDED_SHARE * unguarded, 1e-9)
    program = None
    if generated.pipeline.guard is not None and draw.chance(unguarded):
        program = program_text(replace(generated.pipeline, guard=None))
    elif draw.chance(otherwise):
        program = _mistaken(draw, generated)
    if program is None:
        return Demonstration(generated.problem, program_text(generated.pipeline), careful=True)
    return Demonstration(generated.problem, program, careful=False)


def _mistaken(draw: Draw, generated: Generated) -> str:
    """Return the problem's program with one mistake other than a missing guard."""
    _, slips, mistyped = careless_variants(generated.pipeline)
    is_slip, is_mistyped = draw.chance(_SLIP_SHARE), draw.chance(_MISTYPED_SHARE / (1.0 - _SLIP_SHARE))
    # Where the first choice has nothing to offer, the next one takes its place; syntax can always go wrong.
    choices = [slips, mistyped] if is_slip else [mistyped] if is_mistyped else []
    for variants in choices:
        usable = [variant for variant in variants if _is_usable(generated, variant)]
        if usable:
            return program_text(draw.pick(usable))
    return _with_syntax_error(draw, program_text(generated.pipeline))


def _is_usable(generated: Generated, variant: Pipeline) -> bool:
    """Whether the tests reject `variant`, and it is not the right program of a held-out composition."""
    return split_of(variant.composition) == "train" and rejects(generated.cases, variant)


def _with_syntax_error(draw: Draw, program: str) -> str:
    """Return `program` without one closing bracket or without the colon at the end of a line."""
    places = [
        place for place, character in enumerate(program) if character in ")]" or program[place : place + 2] == ":\n"
    ]
    place = draw.pick(places)
    return program[:place] + program[place + 1 :]
