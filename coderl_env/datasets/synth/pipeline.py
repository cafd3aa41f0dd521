"""A Synth program as data: steps and an ending, which can be evaluated directly and written as Python text."""

from __future__ import annotations

from dataclasses import dataclass, replace

from coderl_env.datasets.synth.endings import Ending
from coderl_env.datasets.synth.operations import OPERATIONS, SLIPS, Operation

__all__ = ["Branch", "Guard", "Pipeline", "Step", "program_text"]


@dataclass(frozen=True, slots=True)
class Step:
    """An operation with its constant."""

    operation: Operation
    constant: int | None = None

    @property
    def name(self) -> str:
        """The step's part of a composition."""
        return self.operation.name

    @property
    def may_empty(self) -> bool:
        """Whether a list that is not empty can become empty."""
        return self.operation.may_empty

    @property
    def line(self) -> str:
        """The line of code."""
        return self.operation.line(self.constant)

    @property
    def constants(self) -> tuple[int, ...]:
        """The constants in the line."""
        return () if self.constant is None else (self.constant,)

    def apply(self, values: list[int]) -> list[int]:
        """Return the new list."""
        return self.operation.apply(values, self.constant)

    def slips(self) -> list[Step]:
        """Return the steps that people write by mistake instead of this one."""
        return [Step(_find(name), self.constant) for name in self.operation.slips]

    def mistyped(self) -> list[Step]:
        """Return this step with its constant off by one."""
        if self.constant is None:
            return []
        return [Step(self.operation, self.constant + step) for step in (1, -1)]


@dataclass(frozen=True, slots=True)
class Branch:
    """Every element for which `test` holds is mapped by `then`, every other by `other`, or kept where that is None.

    `lacks_else` is the mistake that drops the others.
    """

    test: Step
    then: Step
    other: Step | None
    lacks_else: bool = False

    @property
    def name(self) -> str:
        """The step's part of a composition."""
        return f"branch({self.test.name},{self.then.name},{self.other.name if self.other else 'keep'})"

    @property
    def may_empty(self) -> bool:
        """Never: only the mistake drops elements."""
        return False

    @property
    def line(self) -> str:
        """The line of code."""
        test, then = (step.operation.code.format(k=step.constant) for step in (self.test, self.then))
        if self.lacks_else:
            return f"a = [{then} for x in a if {test}]"
        other = self.other.operation.code.format(k=self.other.constant) if self.other else "x"
        return f"a = [{then} if {test} else {other} for x in a]"

    @property
    def constants(self) -> tuple[int, ...]:
        """The constants in the line."""
        return (*self.test.constants, *self.then.constants, *(self.other.constants if self.other else ()))

    def apply(self, values: list[int]) -> list[int]:
        """Return the new list."""
        result = []
        for x in values:
            if self.test.apply([x]):
                result += self.then.apply([x])
            elif not self.lacks_else:
                result += self.other.apply([x]) if self.other else [x]
        return result

    def slips(self) -> list[Branch]:
        """Return the steps that people write by mistake instead of this one."""
        found = [replace(self, lacks_else=True)]
        if self.other is not None:
            found.append(Branch(self.test, self.other, self.then))
        return found + [replace(self, test=slip) for slip in self.test.slips()]

    def mistyped(self) -> list[Branch]:
        """Return this step with one constant off by one."""
        found = [replace(self, test=step) for step in self.test.mistyped()]
        found += [replace(self, then=step) for step in self.then.mistyped()]
        if self.other is not None:
            found += [replace(self, other=step) for step in self.other.mistyped()]
        return found


@dataclass(frozen=True, slots=True)
class Guard:
    """What is printed instead when fewer than `needs` elements are left."""

    needs: int
    word: str

    @property
    def code(self) -> str:
        """The word as a literal."""
        return self.word if self.word.lstrip("-").isdigit() else f"'{self.word}'"

    @property
    def condition(self) -> str:
        """True where the list is long enough."""
        return "a" if self.needs == 1 else f"len(a) > {self.needs - 1}"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole program.

    Attributes:
        steps: the operations, in order.
        ending: what is printed.
        guard: what is printed for a list that is too short, or None where the ending decides that itself.
        least: the least n of the inputs, as stated.
        looped: whether the input holds several test cases.
    """

    steps: tuple[Step | Branch, ...]
    ending: Ending
    guard: Guard | None
    least: int
    looped: bool

    @property
    def composition(self) -> str:
        """What decides the split: the kinds of the operations and of the ending, in order.

        Constants, words and the loop over test cases are left out, so that a combination seen in training is no test
        problem at any other level.
        """
        return ">".join([*(step.name for step in self.steps), self.ending.name])

    @property
    def constants(self) -> tuple[int, ...]:
        """Every constant, in order."""
        own = [constant for step in self.steps for constant in step.constants]
        own += [value.constant for value in self.ending.values if value.constant is not None]
        return (*own, *(() if self.ending.threshold is None else (self.ending.threshold,)))

    @property
    def may_end_empty(self) -> bool:
        """Whether the ending can meet the empty list."""
        return self.least == 0 or any(step.may_empty for step in self.steps)

    def reduce(self, values: list[int]) -> list[int]:
        """Return the list that the ending sees.

        Raises:
            ValueError: a careless step failed, as its line of code would.
        """
        for step in self.steps:
            values = step.apply(values)
        return values

    def evaluate(self, values: list[int]) -> str | None:
        """Return what the program prints for one list, without the last line end; None where it fails."""
        try:
            values = self.reduce(values)
            if self.guard is not None and len(values) < self.guard.needs:
                return self.guard.word
            return self.ending.evaluate(values)
        except (ValueError, IndexError, ZeroDivisionError):
            return None


def program_text(pipeline: Pipeline, blocks: bool = False) -> str:
    """Return the program, ending in a newline.

    Args:
        pipeline: what it does.
        blocks: write the guard of a single value as an if statement rather than as an expression.
    """
    lines = ["n = int(input())", "a = list(map(int, input().split()))"]
    lines += [step.line for step in pipeline.steps]
    lines += _ending_lines(pipeline.ending, pipeline.guard, blocks)
    if pipeline.looped:
        lines = ["for _ in range(int(input())):", *("    " + line for line in lines)]
    return "\n".join(lines) + "\n"


def _ending_lines(ending: Ending, guard: Guard | None, blocks: bool) -> list[str]:
    codes = [value.code for value in ending.values]
    if ending.condition is not None:
        lines = [f"if {ending.condition_code}:", f"    print({codes[0]})"]
        if not ending.lacks_else:
            lines += ["else:", f"    print({codes[1]})"]
        if guard is not None:
            lines[0] = "el" + lines[0]
            negated = "not a" if guard.needs == 1 else f"len(a) < {guard.needs}"
            lines = [f"if {negated}:", f"    print({guard.code})", *lines]
        return lines
    prints = [f"print({code})" for code in codes]
    if guard is None:
        return prints
    if len(prints) == 1 and not blocks:
        if codes[0] == "*a":
            return [f"print(*a if a else [{guard.code}])"]
        return [f"print({codes[0]} if {guard.condition} else {guard.code})"]
    return [f"if {guard.condition}:", *("    " + line for line in prints), "else:", f"    print({guard.code})"]


def _find(name: str) -> Operation:
    return OPERATIONS.get(name) or SLIPS[name]
