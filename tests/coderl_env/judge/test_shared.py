"""Containers that two sides share are the same for both after every message, whoever changed them."""

from __future__ import annotations

import collections
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coderl_env.judge import checks, values
from coderl_env.judge.shared import Shared
from coderl_env.judge.wire import WireError


class Side:
    """One side of an exchange without processes."""

    def __init__(self, step: int) -> None:
        self.shared = Shared(lambda value: None, self.resolve, step)

    def resolve(self, value: Any) -> Any:
        if type(value) is values.Reference:
            return self.shared.container(value.number)
        return values.map_items(value, self.resolve)

    def send(self, other: Side, value: Any, forgotten: list[int] | None = None) -> Any:
        """Return what the other side gets."""
        data = self.shared.encode(value)
        changes = self.shared.changes()
        checks.check_value(data)
        checks.check_changes(changes)
        other.shared.forget(forgotten or [])
        other.shared.receive(changes)
        return other.resolve(values.decode_value(data))


@pytest.fixture
def sides() -> tuple[Side, Side]:
    return Side(-1), Side(1)


def test_a_container_that_comes_back_is_the_same(sides: tuple[Side, Side]) -> None:
    test, program = sides
    mine = [1, [2], {"a": [3]}]
    theirs = test.send(program, mine)
    assert theirs == mine
    assert theirs is not mine
    assert program.send(test, theirs) is mine
    assert program.send(test, theirs[1]) is mine[1]


def test_changes_of_either_side_reach_the_other_with_the_next_message(sides: tuple[Side, Side]) -> None:
    test, program = sides
    inner: list[int] = []
    mine = {"kept": inner, "more": inner}
    theirs = test.send(program, mine)
    assert theirs["kept"] is theirs["more"]
    theirs["kept"].append(1)
    theirs["new"] = {5}
    program.send(test, None)
    assert mine == {"kept": [1], "more": [1], "new": {5}}
    assert mine["kept"] is inner
    mine["new"].add(6)
    del mine["more"]
    test.send(program, None)
    assert theirs == {"kept": [1], "new": {5, 6}}


def test_a_container_may_hold_itself(sides: tuple[Side, Side]) -> None:
    test, program = sides
    mine: list[Any] = []
    mine.append(mine)
    theirs = test.send(program, mine)
    assert theirs[0] is theirs


@pytest.mark.parametrize(
    "container",
    [
        collections.deque([1, 2], maxlen=2),
        collections.OrderedDict([("b", 1), ("a", 2)]),
        collections.Counter("aab"),
        collections.defaultdict(list, {"a": [1]}),
        {1, 2},
    ],
)
def test_every_kind_keeps_its_kind(sides: tuple[Side, Side], container: Any) -> None:
    test, program = sides
    theirs = test.send(program, container)
    assert theirs == container
    assert type(theirs) is type(container)
    assert getattr(theirs, "maxlen", None) == getattr(container, "maxlen", None)
    assert getattr(theirs, "default_factory", None) is getattr(container, "default_factory", None)
    theirs.clear()
    program.send(test, None)
    assert not container


def test_what_nothing_refers_to_is_forgotten_once_its_changes_are_sent(sides: tuple[Side, Side]) -> None:
    test, program = sides
    mine: list[Any] = [[1]]
    theirs = test.send(program, mine)
    assert test.shared.forget_unused() == []
    mine[0].append(2)
    inner = mine.pop()
    del inner
    assert test.shared.forget_unused() == []  # the program is still to be told
    test.send(program, None)
    forgotten = test.shared.forget_unused()
    assert len(forgotten) == 1
    test.send(program, None, forgotten)
    assert theirs == []


@pytest.mark.parametrize(
    "changes",
    [
        [[1, 5]],
        [[1, {"t": []}]],
        [[-7, []]],
        [[1, [{"k": 9}]]],
        [[1, []], [1, {"d": []}]],
    ],
)
def test_changes_that_cannot_be_are_refused(changes: list[Any]) -> None:
    test = Side(-1)
    checks.check_changes(changes)
    with pytest.raises(WireError):
        test.shared.receive(changes)


@pytest.mark.parametrize("changes", [5, [5], [[1]], [["1", []]], [[1, {"x": ["token", -1]}]], [[True, []]]])
def test_malformed_changes_are_refused(changes: Any) -> None:
    with pytest.raises(WireError):
        checks.check_changes(changes)


OPERATIONS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 5), st.sampled_from(["append", "pop", "link", "clear"]), st.integers(0, 5)),
    max_size=30,
)


@settings(max_examples=60)
@given(OPERATIONS)
def test_both_sides_agree_whatever_is_done(operations: list[tuple[bool, int, str, int]]) -> None:
    test, program = Side(-1), Side(1)
    mine: list[Any] = [[] for _ in range(6)]
    theirs = test.send(program, mine)
    for number, (by_test, place, name, other) in enumerate(operations):
        held = mine if by_test else theirs
        if name == "append":
            held[place].append(number)
        elif name == "link":
            held[place].append(held[other])
        elif name == "pop":
            held[place][:] = held[place][:-1]
        else:
            held[place].clear()
        (test if by_test else program).send(program if by_test else test, None)
        for one, two in zip(mine, theirs, strict=True):
            assert len(one) == len(two)
            for left, right in zip(one, two, strict=True):
                same = [which for which in range(6) if mine[which] is left]
                assert (
                    left == right
                    if isinstance(left, int)
                    else same == [which for which in range(6) if theirs[which] is right]
                )
