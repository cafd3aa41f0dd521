"""What a Synth program prints in the end: one value, two values, or one of two by a condition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from coderl_env.datasets.synth.operations import LENGTHS, SMALL

__all__ = ["CONDITIONS", "REDUCTIONS", "SIMPLE_REDUCTIONS", "Condition", "Ending", "Reduction", "Value"]


@dataclass(frozen=True, slots=True)
class Reduction:
    """One kind of printed value.

    Attributes:
        name: its name in a composition.
        code: the expression to print, with `{k}` for the constant.
        evaluate: the same as a function of the list and, if there is one, of the constant.
        needs: the least length of list for which the expression has a value.
        natural: what it prints for the empty list, as statements say it; empty where `needs` is above 0.
        constants: what the constant is drawn from.
        slips: names of reductions that people write by mistake.
        is_question: whether it prints yes or no.
    """

    name: str
    code: str
    evaluate: Callable[..., Any]
    needs: int = 0
    natural: str = ""
    constants: tuple[int, ...] = ()
    slips: tuple[str, ...] = ()
    is_question: bool = False


def _mode(a: list[int]) -> int:
    return min(a, key=lambda x: (-a.count(x), x))


def _joined(a: list[int]) -> str:
    return " ".join(map(str, a))


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


_KINDS = (
    Reduction("sum", "sum(a)", sum, 0, "0"),
    Reduction("count", "len(a)", len, 0, "0"),
    Reduction("distinct", "len(set(a))", lambda a: len(set(a)), 0, "0", (), ("count",)),
    Reduction(
        "alternating",
        "sum(a[::2]) - sum(a[1::2])",
        lambda a: sum(a[::2]) - sum(a[1::2]),
        0,
        "0",
        (),
        ("alternating_reversed",),
    ),
    Reduction(
        "count_greater",
        "sum(x > {k} for x in a)",
        lambda a, k: sum(x > k for x in a),
        0,
        "0",
        SMALL,
        ("count_at_least",),
    ),
    Reduction("join", "*a", _joined, 0, "an empty line"),
    Reduction("max", "max(a)", max, 1, "", (), ("last",)),
    Reduction("min", "min(a)", min, 1, "", (), ("first",)),
    Reduction("spread", "max(a) - min(a)", lambda a: max(a) - min(a), 1),
    Reduction("first", "a[0]", lambda a: a[0], 1, "", (), ("last",)),
    Reduction("last", "a[-1]", lambda a: a[-1], 1, "", (), ("first",)),
    Reduction("ends", "a[0] + a[-1]", lambda a: a[0] + a[-1], 1),
    Reduction("mode", "min(a, key=lambda x: (-a.count(x), x))", _mode, 1, "", (), ("mode_first",)),
    Reduction("max_place", "a.index(max(a)) + 1", lambda a: a.index(max(a)) + 1, 1, "", (), ("max_place_from_zero",)),
    Reduction("max_count", "a.count(max(a))", lambda a: a.count(max(a)), 1),
    Reduction(
        "median", "sorted(a)[(len(a) - 1) // 2]", lambda a: sorted(a)[(len(a) - 1) // 2], 1, "", (), ("upper_median",)
    ),
    Reduction("mean", "sum(a) // len(a)", lambda a: sum(a) // len(a), 1, "", (), ("mean_to_zero",)),
    Reduction("second", "sorted(a)[-2]", lambda a: sorted(a)[-2], 2, "", (), ("second_distinct",)),
    Reduction(
        "contains", "'yes' if {k} in a else 'no'", lambda a, k: _yes(k in a), 0, "no", SMALL, (), is_question=True
    ),
    Reduction(
        "is_sorted",
        "'yes' if a == sorted(a) else 'no'",
        lambda a: _yes(a == sorted(a)),
        0,
        "yes",
        (),
        ("is_sorted_distinct",),
        is_question=True,
    ),
)

REDUCTIONS: dict[str, Reduction] = {kind.name: kind for kind in _KINDS}
SIMPLE_REDUCTIONS = ("sum", "count", "distinct", "max", "min", "spread", "first", "last")

_SLIPS: dict[str, Reduction] = {
    kind.name: kind
    for kind in (
        Reduction("alternating_reversed", "sum(a[1::2]) - sum(a[::2])", lambda a: sum(a[1::2]) - sum(a[::2])),
        Reduction("count_at_least", "sum(x >= {k} for x in a)", lambda a, k: sum(x >= k for x in a)),
        Reduction("mode_first", "max(a, key=a.count)", lambda a: max(a, key=a.count), 1),
        Reduction("max_place_from_zero", "a.index(max(a))", lambda a: a.index(max(a)), 1),
        Reduction("upper_median", "sorted(a)[len(a) // 2]", lambda a: sorted(a)[len(a) // 2], 1),
        Reduction("mean_to_zero", "int(sum(a) / len(a))", lambda a: int(sum(a) / len(a)), 1),
        Reduction("second_distinct", "sorted(set(a))[-2]", lambda a: sorted(set(a))[-2], 2),
        Reduction(
            "is_sorted_distinct",
            "'yes' if a == sorted(set(a)) else 'no'",
            lambda a: _yes(a == sorted(set(a))),
            is_question=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One kind of question about the whole list, defined for the empty list too."""

    name: str
    code: str
    evaluate: Callable[..., bool]
    constants: tuple[int, ...] = ()
    slip: str = ""


CONDITIONS: dict[str, Condition] = {
    kind.name: kind
    for kind in (
        Condition("sum_greater", "sum(a) > {k}", lambda a, k: sum(a) > k, SMALL, "sum(a) >= {k}"),
        Condition("sum_even", "sum(a) % 2 == 0", lambda a: sum(a) % 2 == 0),
        Condition("sum_negative", "sum(a) < 0", lambda a: sum(a) < 0, (), "sum(a) <= 0"),
        Condition("count_greater", "len(a) > {k}", lambda a, k: len(a) > k, LENGTHS, "len(a) >= {k}"),
        Condition("count_even", "len(a) % 2 == 0", lambda a: len(a) % 2 == 0),
    )
}


@dataclass(frozen=True, slots=True)
class Value:
    """A reduction with its constant."""

    kind: Reduction
    constant: int | None = None

    @property
    def code(self) -> str:
        """The expression to print."""
        return self.kind.code.format(k=self.constant)

    def evaluate(self, values: list[int]) -> str:
        """Return what is printed for `values`."""
        if self.constant is None:
            return str(self.kind.evaluate(values))
        return str(self.kind.evaluate(values, self.constant))


@dataclass(frozen=True, slots=True)
class Ending:
    """What is printed: `values[0]`, or both values in two lines, or one of them by `condition`.

    Attributes:
        values: one or two values.
        condition: decides which value is printed; None prints all.
        threshold: the condition's constant.
        is_loose: the condition is written by its slip, such as >= for >.
        lacks_else: the second value is forgotten.
    """

    values: tuple[Value, ...]
    condition: Condition | None = None
    threshold: int | None = None
    is_loose: bool = False
    lacks_else: bool = False

    @property
    def name(self) -> str:
        """The ending's part of a composition."""
        names = ",".join(value.kind.name for value in self.values)
        if self.condition is not None:
            return f"{self.condition.name}({names})"
        return names if len(self.values) == 1 else f"both({names})"

    @property
    def needs(self) -> int:
        """The least length of list for which every value exists."""
        return max(value.kind.needs for value in self.values)

    @property
    def condition_code(self) -> str:
        """The condition as an expression."""
        assert self.condition is not None
        return (self.condition.slip if self.is_loose else self.condition.code).format(k=self.threshold)

    def evaluate(self, values: list[int]) -> str:
        """Return what is printed for `values`, without the last line end."""
        if self.condition is None:
            return "\n".join([value.evaluate(values) for value in self.values])
        if self._holds(values):
            return self.values[0].evaluate(values)
        return "" if self.lacks_else else self.values[1].evaluate(values)

    def _holds(self, values: list[int]) -> bool:
        assert self.condition is not None
        if self.is_loose:
            # The slips allow equality where the condition does not.
            if self.condition.name == "sum_negative":
                return sum(values) <= 0
            total = sum(values) if self.condition.name == "sum_greater" else len(values)
            return self.threshold is not None and total >= self.threshold
        if self.threshold is None:
            return self.condition.evaluate(values)
        return self.condition.evaluate(values, self.threshold)

    def slips(self) -> list[Ending]:
        """Return the endings that people write by mistake instead of this one, most telling first."""
        found = []
        if len(self.values) == 2:
            found.append(replace(self, values=self.values[::-1]))
            if self.condition is None:
                found.append(replace(self, values=self.values[:1]))
            else:
                found.append(replace(self, lacks_else=True))
                if self.condition.slip:
                    found.append(replace(self, is_loose=True))
        for place, value in enumerate(self.values):
            for name in value.kind.slips:
                kind = REDUCTIONS.get(name) or _SLIPS[name]
                found.append(self._with_value(place, Value(kind, value.constant)))
        return found

    def mistyped(self) -> list[Ending]:
        """Return this ending with one constant off by one."""
        found = []
        for place, value in enumerate(self.values):
            if value.constant is not None:
                found += [self._with_value(place, Value(value.kind, value.constant + step)) for step in (1, -1)]
        if self.threshold is not None:
            found += [replace(self, threshold=self.threshold + step) for step in (1, -1)]
        return found

    def _with_value(self, place: int, value: Value) -> Ending:
        return replace(self, values=(*self.values[:place], value, *self.values[place + 1 :]))
