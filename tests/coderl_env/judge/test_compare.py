"""The comparison rules, row by row."""

from __future__ import annotations

import collections
import decimal
import fractions
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coderl_env.judge import COMPARATORS
from coderl_env.judge.compare import values_equal, values_equal_apps
from coderl_env.judge.values import Handle, encode_value

# expected, output, and the rules that accept it; every other rule must not.
OUTPUTS = [
    (b"1 2\n", b"1 2\n", "lines exact tokens floats apps"),
    (b"1 2\n", b"1 2", "lines tokens floats apps"),
    (b"1 2", b"1 2\n\n\n", "lines tokens floats apps"),
    (b"1 2\n", b"1 2 \t\r\n", "lines tokens floats apps"),
    (b"1\r\n2\r\n", b"1\n2\n", "lines tokens floats apps"),
    (b"1\n\n2\n", b"1\n2\n", "tokens floats apps"),
    (b"1\n2\n", b"\n1\n2\n", "tokens floats apps"),
    (b"1 2\n", b" 1 2\n", "tokens floats apps"),
    (b"1 2\n", b"1  2\n", "tokens floats apps"),
    (b"1 2\n", b"1\n2\n", "tokens floats"),
    (b"1 2\n", b"2 1\n", "apps"),
    (b"1 2\n", b"1 2 2 1\n", "apps"),
    (b"1\n2\n", b"2\n1\n", "apps"),
    (b"1\n2\n", b"2\n1\n2\n", "apps"),
    (b"1\n2\n", b"1\n", ""),
    (b"1\n", b"1\n2\n", ""),
    (b"", b"", "lines exact tokens floats apps"),
    (b"", b"\n \n", "lines tokens floats apps"),
    (b"1\n", b"", ""),
    (b"", b"1\n", ""),
    (b"0.5\n", b"0.5000001\n", "floats apps"),
    (b"0.5\n", b"0.50000\n", "floats apps"),
    (b"0.5\n", b"0.51\n", ""),
    (b"1000000\n", b"1000000.5\n", "floats apps"),
    (b"1000000\n", b"1000005\n", "apps"),
    (b"1e3\n", b"1000\n", "floats apps"),
    (b"10\n", b"1_0\n", "apps"),
    (b"Yes\n", b"YES\n", ""),
    (b"Yes 0.1\n", b"Yes 0.10\n", "floats"),
    (b"nan\n", b"NaN\n", ""),
    (b"inf\n", b"1e999\n", "floats apps"),
    (b"a\x00b\n", b"a\n", ""),
    (b"\xff\n", b"\xfe\n", "apps"),  # both undecodable, and replaced by the same character
    ("é\n".encode(), "é".encode(), "lines tokens floats apps"),
    (b"1\x0b\n", b"1\n", "lines tokens floats apps"),
]


@pytest.mark.parametrize(("expected", "output", "accepting"), OUTPUTS)
@pytest.mark.parametrize("name", COMPARATORS)
def test_an_output_is_accepted_by_exactly_the_rules_named(
    name: str, expected: bytes, output: bytes, accepting: str
) -> None:
    assert COMPARATORS[name](expected, output) == (name in accepting.split())


@given(st.binary(max_size=40))
@pytest.mark.parametrize("name", COMPARATORS)
def test_every_rule_accepts_the_very_output_that_is_expected(name: str, output: bytes) -> None:
    assert COMPARATORS[name](output, output)


@given(expected=st.binary(max_size=30), output=st.binary(max_size=30))
def test_a_stricter_rule_accepts_nothing_that_a_laxer_one_rejects(expected: bytes, output: bytes) -> None:
    accepted = [COMPARATORS[name](expected, output) for name in ("exact", "lines", "tokens", "floats")]
    assert accepted == sorted(accepted)


NAN = math.nan
EQUAL: list[tuple[Any, Any]] = [
    (None, None),
    (True, True),
    (3, 3),
    (3, 3.0),
    (0.3, 0.1 + 0.2),
    (1e300, 1e300 * (1 + 1e-12)),
    (2**60, float(2**60)),
    (2**2000, 2**2000),
    (NAN, NAN),
    (math.inf, math.inf),
    ("a", "a"),
    ("\ud800", "\ud800"),
    (b"\xff", b"\xff"),
    (1 + 2j, 1 + 2j),
    (0j, complex(0, -0.0)),
    ([1, 2], [1, 2]),
    ([1, 2], (1, 2)),
    ((1, [2, (3,)]), [1, (2, [3])]),
    ({"a": 1}, {"a": 1}),
    ({1: "a"}, {"1": "a"}),
    ({True: "a"}, {"true": "a"}),
    ({None: "a"}, {"null": "a"}),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({(1, 2): "a"}, {(1, 2): "a"}),
    ({2**70: "a"}, {2**70: "a"}),
    ({1, 2}, {2, 1}),
    ({1}, {1.0}),
    ({1, 2}, frozenset({1, 2})),
    ({(1, 2), (3, 4)}, {(3, 4), (1, 2)}),
    (set(), set()),
    ({"a": [1, {"b": (2, NAN)}]}, {"a": (1, {"b": [2.0, NAN]})}),
    (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    (decimal.Decimal("NaN"), decimal.Decimal("NaN")),
    (fractions.Fraction(1, 2), fractions.Fraction(2, 4)),
    (collections.Counter("aa"), {"a": 2}),
    ({"a": 2}, collections.OrderedDict(a=2)),
    (collections.defaultdict(int, a=2), {"a": 2.0}),
    (collections.deque([1]), collections.deque([1.0], 3)),
    (range(0), range(5, 5)),
    (range(0, 3, 2), range(0, 4, 2)),
]
UNEQUAL: list[tuple[Any, Any]] = [
    (True, 1),
    (False, 0),
    (1, True),
    (0, None),
    ("", None),
    (1, "1"),
    (3, 3.1),
    (0.5, 0.50001),
    (2**60, 2**60 + 1),
    (2**2000, 1.5),
    (2**2000, math.inf),
    (NAN, 0.0),
    (NAN, None),
    (math.inf, -math.inf),
    ("a", b"a"),
    (b"a", bytearray(b"a")),
    (1, 1 + 0j),
    (1 + 2j, 1 + 3j),
    ([1, 2], [1]),
    ([1], [1, 2]),
    ([1, 2], [2, 1]),
    ([], None),
    ([], {}),
    ([1, 2], {1, 2}),
    ([True], [1]),
    ({True}, {1}),
    ({"a": True}, {"a": 1}),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": 1, "b": 2}, {"a": 1}),
    ({1: "a"}, {1: "a", "1": "a"}),
    ({"a": 1}, {"a": 2}),
    ({1.0: "a"}, {1: "a"}),
    ({1, 2}, {1, 3}),
    ({1}, {1, 2}),
    (decimal.Decimal("1.0"), decimal.Decimal("1.1")),
    (decimal.Decimal("sNaN"), decimal.Decimal("1")),
    (decimal.Decimal("1"), 1),
    (fractions.Fraction(1, 2), 0.5),
    ("abc", ["a", "b", "c"]),
    (collections.Counter("aa"), {"a": 3}),
    (collections.deque([1]), [1]),
    (collections.deque([1]), collections.deque([1, 1])),
    (range(3), [0, 1, 2]),
    (range(3), range(4)),
]


# The 80th Fibonacci number by floats, and rounding noise.
COUNTS = [
    (23416728348467685, 2.3416728348467744e16, False),
    (1000000007, 1000000007.9, False),
    (2**60 + 1, float(2**60), False),
    (1000000007, 1000000007.0000001, True),
    (3, 2.9999999999999996, True),
    (1.0000000079e9, 1000000008, True),
    (2.0**60, 2**60 + 1, True),
]


def tagged(value: Any) -> Any:
    return encode_value(value, lambda opaque: Handle(0, type(opaque).__name__))


@pytest.mark.parametrize(("expected", "actual", "equal"), COUNTS)
def test_a_float_must_round_to_the_int_that_is_expected(expected: float, actual: float, equal: bool) -> None:
    assert values_equal(tagged(expected), tagged(actual)) == equal


def test_a_decimal_that_no_program_can_have_equals_nothing() -> None:
    """Who writes it is no Decimal, but a program that forges its answer."""
    assert not values_equal({"D": "1"}, {"D": "1E+99999999999999999999"})


@pytest.mark.parametrize(("expected", "actual"), EQUAL, ids=repr)
def test_values_are_equal(expected: Any, actual: Any) -> None:
    assert values_equal(tagged(expected), tagged(actual))
    assert values_equal(tagged([expected]), tagged([actual]))


@pytest.mark.parametrize(("expected", "actual"), UNEQUAL, ids=repr)
def test_values_differ(expected: Any, actual: Any) -> None:
    assert not values_equal(tagged(expected), tagged(actual))
    assert not values_equal(tagged({"a": expected}), tagged({"a": actual}))


def test_an_object_of_the_program_equals_nothing() -> None:
    thing = tagged(object())
    assert not values_equal(thing, thing)
    assert not values_equal([thing], [thing])


def test_the_apps_rule_for_calls_unwraps_an_expected_list_of_one() -> None:
    assert values_equal_apps([5], 5)
    assert values_equal_apps([[1, 2]], tagged((1, 2)))
    assert not values_equal_apps(5, [5])
    assert not values_equal_apps([], None)
    assert not values_equal([5], 5)
