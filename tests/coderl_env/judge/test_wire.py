"""Frames and tagged JSON: what is written comes back as exact builtin types, and nothing else is read."""

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
import socket
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coderl_env.judge import wire

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
    ),
    max_leaves=12,
)


def refuse(value: Any) -> wire.Handle:
    raise AssertionError(f"not carried: {value!r}")


def types_of(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value), [types_of(item) for item in value]
    if isinstance(value, dict):
        return dict, [(types_of(key), types_of(item)) for key, item in value.items()]
    return type(value)


@given(VALUES)
@example(10**5000)
@example([math.inf, -math.inf, -0.0, 1e-320])
@example({1: {2: {(3, 4): [b"", set(), frozenset()]}}})
@example([int, {str: type(None)}])
def test_a_value_comes_back_equal_and_of_the_same_types(value: Any) -> None:
    text = json.dumps(wire.encode_value(value, refuse))
    data = json.loads(text)
    wire.check_value(data)
    back = wire.decode_value(data)
    assert back == value
    assert types_of(back) == types_of(value)


def test_nan_and_the_sign_of_zero_come_back() -> None:
    values = wire.decode_value(json.loads(json.dumps(wire.encode_value([math.nan, -0.0, complex(-0.0, 1)], refuse))))
    assert math.isnan(values[0])
    assert math.copysign(1, values[1]) == -1
    assert math.copysign(1, values[2].real) == -1


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
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.Counter("aa"), {"a": 2}),
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
    back = wire.decode_value(json.loads(json.dumps(wire.encode_value(value, refuse))))
    assert types_of(back) == types_of(plain)
    assert back == plain


def test_numpys_extended_precision_becomes_pythons() -> None:
    numpy = pytest.importorskip("numpy")
    value = [numpy.longdouble(1.5), numpy.clongdouble(1 + 2j), numpy.array([2.5], dtype=numpy.longdouble)]
    assert wire.decode_value(wire.encode_value(value, refuse)) == [1.5, 1 + 2j, [2.5]]


def test_numpy_values_become_plain_ones() -> None:
    numpy = pytest.importorskip("numpy")
    value = [numpy.int64(3), numpy.float32(0.5), numpy.bool_(True), numpy.array([[1, 2]]), numpy.str_("a")]
    back = wire.decode_value(wire.encode_value(value, refuse))
    assert back == [3, 0.5, True, [[1, 2]], "a"]
    assert types_of(back) == types_of([3, 0.5, True, [[1, 2]], "a"])


def test_what_is_not_carried_goes_through_the_callers_handle() -> None:
    data = wire.encode_value([len, {"k": object}], lambda value: wire.Handle(4, value.__name__))
    assert data == [{"h": [4, "len"]}, {"d": [["k", {"h": [4, "object"]}]]}]
    wire.check_value(data)
    handle = wire.decode_value(data)[0]
    assert (handle.number, handle.type_name) == (4, "len")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_limited_on_both_sides() -> None:
    assert wire.decode_value(wire.encode_value(nested(wire.MAX_DEPTH - 1), refuse)) == nested(wire.MAX_DEPTH - 1)
    for call in (lambda value: wire.encode_value(value, refuse), wire.decode_value, wire.check_value):
        with pytest.raises(wire.WireError, match="deep"):
            call(nested(wire.MAX_DEPTH))


def test_a_check_needs_no_stack_of_its_own() -> None:
    """Else an answer of the deepest dicts that are allowed would end the judge's process instead of the test."""
    value: dict[int, Any] = {}
    for _ in range(wire.MAX_DEPTH - 1):
        value = {1: value}
    data = wire.encode_value(value, refuse)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 30)
    try:
        wire.check_value(data)
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
    {"h": [-1, "x"]},
    {"h": [True, "x"]},
    {"h": 1},
    {"n": "object"},
    {"n": ["int"]},
    [{"t": [{"q": 1}]}],
]


@pytest.mark.parametrize("data", MALFORMED, ids=json.dumps)
def test_a_malformed_tag_is_rejected(data: Any) -> None:
    with pytest.raises(wire.WireError):
        wire.check_value(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*"iftdszbacDFTnh", "x"]), inner, min_size=1, max_size=2)
        ),
        max_leaves=8,
    )
)
def test_checking_and_decoding_any_json_ends_in_a_value_or_a_wire_error(data: Any) -> None:
    for read in (wire.check_value, wire.decode_value):
        with contextlib.suppress(wire.WireError):
            read(data)


def test_what_cannot_be_hashed_is_refused_as_a_key() -> None:
    with pytest.raises(wire.WireError):
        wire.decode_value({"d": [[[1], 2]]})
    with pytest.raises(wire.WireError):
        wire.decode_value({"s": [[1]]})


def test_a_division_by_zero_is_refused_as_a_fraction() -> None:
    with pytest.raises(wire.WireError):
        wire.decode_value({"F": ["0x1", "0x0"]})


FRAMES = st.lists(
    st.tuples(st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.binary(max_size=30)), max_size=4
)


@given(FRAMES, st.data())
def test_frames_come_back_however_the_stream_is_cut(frames: list[tuple[dict[str, int], bytes]], data: Any) -> None:
    stream = b"".join(wire.pack_frame(header, body) for header, body in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    reader = wire.FrameReader()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[start:end])
    assert found == frames


def test_a_reader_refuses_a_frame_beyond_its_limit_before_it_has_arrived() -> None:
    frame = wire.pack_frame({}, bytes(1000))
    with pytest.raises(wire.FrameTooLargeError):
        wire.FrameReader(limit=500).feed(frame[:8])
    assert wire.FrameReader(limit=1010).feed(frame) == [({}, bytes(1000))]


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"5", b"{", b"\xff", b"[" * 100_000, b"1" * 5000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_a_header_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.FrameReader().feed(len(text).to_bytes(4, "big") + bytes(4) + text)


def test_a_frame_crosses_a_socket_whole_and_the_end_is_an_eof() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire.send_frame(ours, {"a": 1}, b"body")
        wire.send_frame(ours, {})
        assert wire.receive_frame(theirs) == ({"a": 1}, b"body")
        assert wire.receive_frame(theirs) == ({}, b"")
        ours.shutdown(socket.SHUT_WR)
        with pytest.raises(EOFError):
            wire.receive_frame(theirs)


def test_an_exceptions_description_is_bounded() -> None:
    described = wire.check_error({"type": "T" * 1000, "line": 10**30, "message": "m" * 100_000, "more": 1})
    assert described["line"] is None
    assert set(described) == {"type", "base", "line", "message"}
    assert len(described["type"]) + len(described["message"]) < 1000
    for malformed in (5, [], {"type": "X"}, None):
        with pytest.raises(wire.WireError):
            wire.check_error(malformed)


def test_the_wire_needs_nothing_but_the_standard_library() -> None:
    imported = {name for name, value in vars(wire).items() if type(value) is type(sys)}
    assert imported <= sys.stdlib_module_names
