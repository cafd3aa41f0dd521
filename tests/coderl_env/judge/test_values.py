"""Tagged JSON: what is written comes back as exact types of the standard library, and nothing else is read."""

from __future__ import annotations

import collections
import contextlib
import datetime
import decimal
import enum
import fractions
import inspect
import json
import math
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coderl_env.judge import arrays, checks, values
from coderl_env.judge.wire import WireError

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.text(st.characters(categories=["Cs"]), max_size=1)
    | st.binary(max_size=20)
    | st.complex_numbers(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(datetime.UTC))
    | st.times()
    | st.builds(range, st.integers(-99, 99), st.integers(-99, 99), st.integers(1, 9) | st.integers(-9, -1))
)
HASHABLE = LEAVES | st.tuples(st.integers(), st.text(max_size=3))
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
        | st.frozensets(HASHABLE, max_size=3)
        | st.builds(collections.deque, st.lists(inner, max_size=3), st.none() | st.integers(0, 5))
        | st.dictionaries(HASHABLE, st.integers(), max_size=3).map(collections.Counter)
        | st.dictionaries(HASHABLE, inner, max_size=3).map(collections.OrderedDict)
        | st.builds(
            collections.defaultdict,
            st.sampled_from([None, int, list, str, dict]),
            st.dictionaries(HASHABLE, inner, max_size=3),
        )
    ),
    max_leaves=12,
)


def refuse(value: Any) -> Any:
    plain = arrays.from_numpy(value)
    if plain is not value:
        return plain
    if values.is_own(type(value)):
        return None
    raise AssertionError(f"not carried: {value!r}")


def types_of(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value), [types_of(item) for item in value]
    if isinstance(value, collections.deque):
        return value.maxlen, [types_of(item) for item in value]
    if isinstance(value, dict):
        items = [(types_of(key), types_of(item)) for key, item in value.items()]
        return type(value), getattr(value, "default_factory", None), items
    return type(value)


@given(VALUES)
@example(10**5000)
@example([math.inf, -math.inf, -0.0, 1e-320])
@example({1: {2: {(3, 4): [b"", set(), frozenset()]}}})
@example([int, {str: type(None)}])
@example([range(0), range(5, -5, -3), range(-(1 << 62), 1 << 62, 1 << 60)])
@example(collections.deque([collections.deque([1], 1)], None))
@example(collections.OrderedDict([("b", 1), ("a", collections.Counter("aab"))]))
def test_a_value_comes_back_equal_and_of_the_same_types(value: Any) -> None:
    text = json.dumps(values.encode_value(value, refuse))
    data = json.loads(text)
    checks.check_value(data)
    back = values.decode_value(data)
    assert back == value
    assert types_of(back) == types_of(value)


def test_nan_and_the_sign_of_zero_come_back() -> None:
    data = values.encode_value([math.nan, -0.0, complex(-0.0, 1)], refuse)
    back = values.decode_value(json.loads(json.dumps(data)))
    assert math.isnan(back[0])
    assert math.copysign(1, back[1]) == -1
    assert math.copysign(1, back[2].real) == -1


class Liar(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __add__(self, other: int) -> int:
        return 42

    __index__ = __int__ = __repr__ = __add__  # type: ignore[assignment]


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "a lie"


class Endless(list):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        while True:
            yield 1


class Pairs(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        return [("a lie", 1)]


class Colour(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Liar(7), 7),
        (Text("true"), "true"),
        (Endless([1, 2]), [1, 2]),
        (Pairs(a=1), {"a": 1}),
        (Colour.RED, 1),
        (type("Tally", (collections.Counter,), {"items": lambda self: [("b", 1)]})("aa"), {"a": 2}),
        (type("Sorted", (collections.OrderedDict,), {"__iter__": lambda self: iter("b")})(a=1), {"a": 1}),
        (type("Lists", (collections.defaultdict,), {})(list, a=1), {"a": 1}),
        (collections.namedtuple("Point", "x y")(1, 2), (1, 2)),
        (type("Truth", (float,), {"__repr__": lambda self: "1.0"})(2.5), 2.5),
        (type("Letters", (bytes,), {"hex": lambda self: "00"})(b"a"), b"a"),
        (type("Group", (set,), {"__iter__": lambda self: iter(())})({1}), {1}),
        (type("Half", (fractions.Fraction,), {"numerator": 9})(1, 2), fractions.Fraction(1, 2)),
        (type("Price", (decimal.Decimal,), {"__str__": lambda self: "9"})("1.5"), decimal.Decimal("1.5")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_subclass_is_reduced_to_its_builtin_base(value: Any, plain: Any) -> None:
    back = values.decode_value(json.loads(json.dumps(values.encode_value(value, refuse))))
    assert types_of(back) == types_of(plain)
    assert back == plain


@pytest.mark.parametrize(
    "value", [range(values.MOST_RANGE_ITEMS + 1), range(0, 1 << 80, 1 << 79), type("Q", (collections.deque,), {})()]
)
def test_long_ranges_and_kinds_of_deque_are_not_carried(value: Any) -> None:
    handle = values.Handle(1, "range")
    assert values.encode_value(value, lambda opaque: handle) == {"h": [1, "range"]}


def test_a_range_is_carried_up_to_its_bound() -> None:
    value = range(0, -2 * values.MOST_RANGE_ITEMS, -2)
    data = values.encode_value(value, refuse)
    checks.check_value(data)
    assert values.decode_value(data) == value


def test_the_items_of_a_container_are_replaced_and_nothing_else() -> None:
    containers: list[Any] = [
        [1],
        (1,),
        {1: 1},
        collections.deque([1], 3),
        collections.Counter({1: 1}),
        collections.OrderedDict({1: 1}),
        collections.defaultdict(int, {1: 1}),
    ]
    for container in containers:
        before = types_of(container)
        after = values.map_items(container, lambda item: item + 1)
        assert types_of(after) == before
        assert list(after.items() if isinstance(after, dict) else after) in ([2], [(1, 2)])
    assert values.map_items({1}, str) == {1}
    assert values.map_items("a", ord) == "a"


def test_numpys_extended_precision_becomes_pythons() -> None:
    numpy = pytest.importorskip("numpy")
    value = [numpy.longdouble(1.5), numpy.clongdouble(1 + 2j), numpy.array([2.5], dtype=numpy.longdouble)]
    assert values.decode_value(values.encode_value(value, refuse)) == [1.5, 1 + 2j, [2.5]]


def test_numpy_values_become_plain_ones() -> None:
    numpy = pytest.importorskip("numpy")
    value = [numpy.int64(3), numpy.float32(0.5), numpy.bool_(True), numpy.array([[1, 2]]), numpy.str_("a")]
    back = values.decode_value(values.encode_value(value, refuse))
    assert back == [3, 0.5, True, [[1, 2]], "a"]
    assert types_of(back) == types_of([3, 0.5, True, [[1, 2]], "a"])


def test_what_is_not_carried_goes_through_the_callers_handle() -> None:
    data = values.encode_value([len, {"k": object}], lambda value: values.Handle(4, value.__name__))
    assert data == [{"h": [4, "len"]}, {"d": [["k", {"h": [4, "object"]}]]}]
    checks.check_value(data)
    handle = values.decode_value(data)[0]
    assert (handle.number, handle.type_name) == (4, "len")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_limited_on_both_sides() -> None:
    assert values.decode_value(values.encode_value(nested(values.MAX_DEPTH - 1), refuse)) == nested(
        values.MAX_DEPTH - 1
    )
    for call in (lambda value: values.encode_value(value, refuse), values.decode_value, checks.check_value):
        with pytest.raises(WireError, match="deep"):
            call(nested(values.MAX_DEPTH))


def test_a_check_needs_no_stack_of_its_own() -> None:
    """Else an answer of the deepest dicts that are allowed would end the judge's process instead of the test."""
    value: dict[int, Any] = {}
    for _ in range(values.MAX_DEPTH - 1):
        value = {1: value}
    data = values.encode_value(value, refuse)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 30)
    try:
        checks.check_value(data)
    finally:
        sys.setrecursionlimit(limit)


MALFORMED: list[Any] = [
    {},
    {"a": "00", "b": "00"},
    {"unknown": 1},
    {"i": 5},
    {"i": "12"},
    {"i": "0x"},
    {"i": "0x1_0"},
    {"f": 1.5},
    {"f": "one"},
    {"f": None},
    {"t": 5},
    {"t": {"a": 1}},
    {"s": "ab"},
    {"z": None},
    {"d": [[1]]},
    {"d": [[1, 2, 3]]},
    {"d": {"a": 1}},
    {"d": [1]},
    {"b": "0"},
    {"b": "zz"},
    {"b": "00 00"},
    {"a": [0]},
    {"c": ["1.0"]},
    {"c": "1.0"},
    {"c": [1, 2]},
    {"D": "one"},
    {"D": 1},
    {"F": ["0x1"]},
    {"F": [1, 2]},
    {"T": ["week", "2000"]},
    {"T": ["date", 5]},
    {"T": "date"},
    {"h": [1]},
    {"h": ["1", "x"]},
    {"h": ["1", "x"]},
    {"h": [True, "x"]},
    {"h": 1},
    {"n": "object"},
    {"n": ["int"]},
    {"r": [0, 5, 1]},
    {"r": ["0x0", "0x5"]},
    {"r": ["0x0", "0x5", "0x0"]},
    {"r": ["0x0", "0x" + "f" * 17, "0x1"]},
    {"r": ["0x0", hex(values.MOST_RANGE_ITEMS + 1), "0x1"]},
    {"r": [hex(values.MOST_RANGE_ITEMS + 1), "0x0", "-0x1"]},
    {"r": "0x0"},
    {"q": [[1, 2], 1]},
    {"q": [[1], -1]},
    {"q": [[1], True]},
    {"q": [[1], 1 << 63]},
    {"q": [{"t": [1]}, None]},
    {"q": [[1]]},
    {"q": [[{"q": 5}], None]},
    {"C": [[1]]},
    {"C": {"a": 1}},
    {"O": [[1, {"h": 1}]]},
    {"e": [[], []]},
    {"e": ["object", []]},
    {"e": [None, [[1]]]},
    {"e": [None, []], "C": []},
    [{"t": [{"q": 1}]}],
]


@pytest.mark.parametrize("data", MALFORMED, ids=json.dumps)
def test_a_malformed_tag_is_rejected(data: Any) -> None:
    with pytest.raises(WireError):
        checks.check_value(data)


@pytest.mark.parametrize("kind", ["array", "function", "iterator", "named", "name", "range", "other"])
@pytest.mark.parametrize("around", [lambda data: data, lambda data: [data], lambda data: {"C": [["a", data]]}])
def test_what_only_a_test_sends_is_refused_of_a_program(kind: str, around: Any) -> None:
    data = around(values.encode_value(values.Argument(kind, [1, "a"]), refuse))
    values.decode_value(data)
    with pytest.raises(WireError):
        checks.check_value(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*"iftdszbacDFTnhxqrCOe", "unknown"]), inner, min_size=1, max_size=2)
        ),
        max_leaves=8,
    )
)
def test_checking_and_decoding_any_json_ends_in_a_value_or_a_wire_error(data: Any) -> None:
    for read in (checks.check_value, values.decode_value):
        with contextlib.suppress(WireError):
            read(data)


def test_what_cannot_be_hashed_is_refused_as_a_key() -> None:
    with pytest.raises(WireError):
        values.decode_value({"d": [[[1], 2]]})
    with pytest.raises(WireError):
        values.decode_value({"s": [[1]]})


def test_a_division_by_zero_is_refused_as_a_fraction() -> None:
    with pytest.raises(WireError):
        values.decode_value({"F": ["0x1", "0x0"]})


def test_an_exceptions_description_is_bounded() -> None:
    described = checks.check_error({"type": "T" * 1000, "line": 10**30, "message": "m" * 100_000, "more": 1})
    assert described["line"] is None
    assert set(described) == {"type", "base", "line", "message", "kinds", "library", "number", "value"}
    assert len(described["type"]) + len(described["message"]) < 1000
    for malformed in (5, [], {"type": "X"}, None):
        with pytest.raises(WireError):
            checks.check_error(malformed)


def test_values_need_nothing_but_the_standard_library() -> None:
    imported = {name for name, value in vars(values).items() if type(value) is type(sys)}
    assert imported <= sys.stdlib_module_names
