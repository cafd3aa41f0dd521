"""The operations on integer lists that Synth's programs are made of: what each does, and its line of code.

Not here: the words for them (`wording`), what is printed at the end (`endings`).

A `filter` keeps the elements for which its expression holds, a `map` replaces every element by its expression, a `list`
operation is a whole new list. `a` is the list, `x` an element, `{k}` the constant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

__all__ = ["ELEMENT_MAPS", "OPERATIONS", "PREDICATES", "SLIPS", "Operation"]

SMALL = tuple(range(2, 10))
MODULI = tuple(range(3, 10))
LENGTHS = (2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of operation.

    Attributes:
        name: its name in a composition.
        form: `filter`, `map` or `list`.
        code: the expression, with `{k}` for the constant.
        evaluate: the same as a function, of an element or (form `list`) of the list, and of the constant if any.
        constants: what the constant is drawn from; empty where there is none.
        slips: names of operations that people write by mistake instead of this one, with the same constant.
        may_empty: whether a list that is not empty can become empty.
    """

    name: str
    form: str
    code: str
    evaluate: Callable[..., Any]
    constants: tuple[int, ...] = ()
    slips: tuple[str, ...] = ()
    may_empty: bool = False

    def line(self, constant: int | None) -> str:
        """Return the operation's line of code."""
        code = self.code.format(k=constant)
        if self.form == "filter":
            return f"a = [x for x in a if {code}]"
        if self.form == "map":
            return f"a = [{code} for x in a]"
        return f"a = {code}"

    def apply(self, values: list[int], constant: int | None) -> list[int]:
        """Return the new list; `values` is left as it is."""
        function = self.evaluate
        if self.form == "list":
            found: list[int] = function(values) if constant is None else function(values, constant)
            return found
        if self.form == "filter":
            if constant is None:
                return [x for x in values if function(x)]
            return [x for x in values if function(x, constant)]
        if constant is None:
            return [function(x) for x in values]
        return [function(x, constant) for x in values]


def _filter(
    name: str, code: str, evaluate: Callable[..., Any], constants: tuple[int, ...] = (), slips: tuple[str, ...] = ()
) -> Operation:
    return Operation(name, "filter", code, evaluate, constants, slips, may_empty=True)


def _map(
    name: str, code: str, evaluate: Callable[..., Any], constants: tuple[int, ...] = (), slips: tuple[str, ...] = ()
) -> Operation:
    return Operation(name, "map", code, evaluate, constants, slips)


def _list(
    name: str,
    code: str,
    evaluate: Callable[..., Any],
    constants: tuple[int, ...] = (),
    slips: tuple[str, ...] = (),
    may_empty: bool = False,
) -> Operation:
    return Operation(name, "list", code, evaluate, constants, slips, may_empty)


def _digit_sum(x: int) -> int:
    return sum(map(int, str(abs(x))))


def _above_mean(a: list[int]) -> list[int]:
    total, count = sum(a), len(a)
    return [x for x in a if x * count > total]


def _without(a: list[int], choose: Callable[[list[int]], int]) -> list[int]:
    if not a:
        return []
    unwanted = choose(a)
    return [x for x in a if x != unwanted]


def _without_one(a: list[int], choose: Callable[[list[int]], int]) -> list[int]:
    rest = list(a)
    rest.remove(choose(rest))
    return rest


def _running(a: list[int], combine: Callable[[list[int]], int]) -> list[int]:
    return [combine(a[: i + 1]) for i in range(len(a))]


def _neighbours(a: list[int], combine: Callable[[int, int], int]) -> list[int]:
    return [combine(x, y) for x, y in pairwise(a)]


_FILTERS = (
    _filter("even", "x % 2 == 0", lambda x: x % 2 == 0, slips=("odd",)),
    _filter("odd", "x % 2 != 0", lambda x: x % 2 != 0, slips=("even",)),
    _filter("multiples", "x % {k} == 0", lambda x, k: x % k == 0, MODULI, ("not_multiples",)),
    _filter("not_multiples", "x % {k} != 0", lambda x, k: x % k != 0, MODULI, ("multiples",)),
    _filter("greater", "x > {k}", lambda x, k: x > k, SMALL, ("at_least",)),
    _filter("at_least", "x >= {k}", lambda x, k: x >= k, SMALL, ("greater",)),
    _filter("less", "x < {k}", lambda x, k: x < k, SMALL, ("at_most",)),
    _filter("at_most", "x <= {k}", lambda x, k: x <= k, SMALL, ("less",)),
    _filter("positive", "x > 0", lambda x: x > 0, slips=("not_negative",)),
    _filter("negative", "x < 0", lambda x: x < 0, slips=("not_positive",)),
    _filter("near_zero", "abs(x) <= {k}", lambda x, k: abs(x) <= k, SMALL, ("at_most", "closer_to_zero")),
    _filter("not_equal", "x != {k}", lambda x, k: x != k, SMALL),
    _filter("ends_in", "abs(x) % 10 == {k}", lambda x, k: abs(x) % 10 == k, SMALL, ("ends_in_signed",)),
    _filter("has_digit", "'{k}' in str(x)", lambda x, k: str(k) in str(x), SMALL, ("ends_in",)),
)

_MAPS = (
    _map("add", "x + {k}", lambda x, k: x + k, SMALL),
    _map("subtract", "x - {k}", lambda x, k: x - k, SMALL, ("subtract_from",)),
    _map("subtract_from", "{k} - x", lambda x, k: k - x, SMALL, ("subtract",)),
    _map("multiply", "x * {k}", lambda x, k: x * k, SMALL),
    _map("negate", "-x", lambda x: -x, slips=("absolute",)),
    _map("absolute", "abs(x)", abs, slips=("negate",)),
    _map("square", "x * x", lambda x: x * x),
    _map("remainder", "x % {k}", lambda x, k: x % k, MODULI, ("remainder_unsigned",)),
    _map("divide_down", "x // {k}", lambda x, k: x // k, SMALL, ("divide_to_zero",)),
    _map("divide_to_zero", "int(x / {k})", lambda x, k: int(x / k), SMALL, ("divide_down",)),
    _map("cap", "min(x, {k})", lambda x, k: min(x, k), SMALL, ("lift",)),
    _map("lift", "max(x, {k})", lambda x, k: max(x, k), SMALL, ("cap",)),
    _map("digit_sum", "sum(map(int, str(abs(x))))", _digit_sum, slips=("digit_sum_signed",)),
    _map("last_digit", "abs(x) % 10", lambda x: abs(x) % 10, slips=("last_digit_signed",)),
    _map("distance", "abs(x - {k})", lambda x, k: abs(x - k), SMALL, ("subtract",)),
)

_LISTS = (
    _list("sort_up", "sorted(a)", sorted, slips=("sort_down",)),
    _list("sort_down", "sorted(a)[::-1]", lambda a: sorted(a)[::-1], slips=("sort_up",)),
    _list("reverse", "a[::-1]", lambda a: a[::-1], slips=("sort_down",)),
    _list("dedupe", "list(dict.fromkeys(a))", lambda a: list(dict.fromkeys(a)), slips=("dedupe_sorted",)),
    _list(
        "once", "[x for x in a if a.count(x) == 1]", lambda a: [x for x in a if a.count(x) == 1], (), ("dedupe",), True
    ),
    _list("first", "a[:{k}]", lambda a, k: a[:k], LENGTHS),
    _list("drop_first", "a[{k}:]", lambda a, k: a[k:], LENGTHS, (), True),
    _list("last", "a[-{k}:]", lambda a, k: a[-k:], LENGTHS, ("drop_first",)),
    _list("drop_last", "a[:-{k}]", lambda a, k: a[:-k], LENGTHS, ("first",), True),
    _list("odd_places", "a[::2]", lambda a: a[::2], slips=("even_places",)),
    _list("even_places", "a[1::2]", lambda a: a[1::2], (), ("odd_places",), True),
    _list("move_front", "a[{k}:] + a[:{k}]", lambda a, k: a[k:] + a[:k], LENGTHS, ("move_back",)),
    _list(
        "differences",
        "[y - x for x, y in zip(a, a[1:])]",
        lambda a: _neighbours(a, lambda x, y: y - x),
        (),
        ("differences_reversed",),
        True,
    ),
    _list("pair_sums", "[x + y for x, y in zip(a, a[1:])]", lambda a: _neighbours(a, lambda x, y: x + y), (), (), True),
    _list(
        "running_sum",
        "[sum(a[:i + 1]) for i in range(len(a))]",
        lambda a: _running(a, sum),
        slips=("running_sum_late",),
    ),
    _list(
        "running_max",
        "[max(a[:i + 1]) for i in range(len(a))]",
        lambda a: _running(a, max),
        slips=("running_max_late",),
    ),
    _list(
        "rises",
        "[y for x, y in zip(a, a[1:]) if y > x]",
        lambda a: [y for x, y in pairwise(a) if y > x],
        (),
        ("rises_or_equal",),
        True,
    ),
    _list("above_mean", "[x for x in a if x * len(a) > sum(a)]", _above_mean, (), ("above_mean_or_equal",), True),
    _list("drop_max", "[x for x in a if x != max(a)]", lambda a: _without(a, max), (), ("drop_one_max",), True),
    _list("drop_min", "[x for x in a if x != min(a)]", lambda a: _without(a, min), (), ("drop_one_min",), True),
)

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in (*_FILTERS, *_MAPS, *_LISTS)}

# Operations that no statement asks for and only careless programs hold.
SLIPS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        _filter("not_negative", "x >= 0", lambda x: x >= 0),
        _filter("not_positive", "x <= 0", lambda x: x <= 0),
        _filter("closer_to_zero", "abs(x) < {k}", lambda x, k: abs(x) < k, SMALL),
        _filter("ends_in_signed", "x % 10 == {k}", lambda x, k: x % 10 == k, SMALL),
        _map("remainder_unsigned", "abs(x) % {k}", lambda x, k: abs(x) % k, MODULI),
        _map("digit_sum_signed", "sum(map(int, str(x)))", lambda x: sum(map(int, str(x)))),
        _map("last_digit_signed", "x % 10", lambda x: x % 10),
        _list("dedupe_sorted", "sorted(set(a))", lambda a: sorted(set(a))),
        _list("move_back", "a[-{k}:] + a[:-{k}]", lambda a, k: a[-k:] + a[:-k], LENGTHS),
        _list(
            "differences_reversed", "[x - y for x, y in zip(a, a[1:])]", lambda a: _neighbours(a, lambda x, y: x - y)
        ),
        _list(
            "running_sum_late",
            "[sum(a[:i]) for i in range(len(a))]",
            lambda a: [sum(a[:i]) for i in range(len(a))],
        ),
        _list(
            "running_max_late",
            "[max(a[:i]) for i in range(len(a))]",
            lambda a: [max(a[:i]) for i in range(len(a))],
        ),
        _list(
            "rises_or_equal",
            "[y for x, y in zip(a, a[1:]) if y >= x]",
            lambda a: [y for x, y in pairwise(a) if y >= x],
        ),
        _list(
            "above_mean_or_equal",
            "[x for x in a if x * len(a) >= sum(a)]",
            lambda a: [x for x in a if x * len(a) >= sum(a)],
        ),
        _list("drop_one_max", "sorted(a)[:-1]", lambda a: sorted(a)[:-1]),
        _list("drop_one_min", "sorted(a)[1:]", lambda a: sorted(a)[1:]),
    )
}

# What may stand in `A if P else B` of a level 4 problem: P, and A or B.
PREDICATES = ("even", "multiples", "greater", "less", "negative")
ELEMENT_MAPS = ("add", "subtract", "multiply", "negate", "square")
