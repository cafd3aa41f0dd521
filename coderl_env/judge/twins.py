"""Objects of classes that a test itself defines, such as the nodes of a tree: they travel by value, both ways.

The test's own object and the program's object of the class of the same name are twins: what one side changes, the other
has after the next call. What decides a test is always the test's own object, built here of builtin values; methods of
the program's class run in the program's process only. Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from coderl_env.judge.hiding import hides, without_cached
from coderl_env.judge.raised import RaisedByProgram
from coderl_env.judge.rebuilding import set_state, state_of
from coderl_env.judge.wire import WireError

# A program can answer with as many objects as it likes.
_MOST_OBJECTS = 10_000
# Of one message.
_MOST_AT_ONCE = 256
_EQUALITIES = ("__eq__", "__ne__")
_COMPARISONS = (*_EQUALITIES, "__lt__", "__le__", "__gt__", "__ge__")


class TooManyObjectsError(Exception):
    """The program's objects hold ever more objects."""


class Twins:
    """The twins of one test.

    Args:
        request: sends a request to the program and returns the value, with handles for the program's objects.
        encode: makes a value ready to send; `as_plain` by its content.
        wrap: replaces the handles in a value that came back.
        class_named: returns the class that the test defines under a name, or None.
        refuse: notes that an object of a class of this name would decide, and returns the error to raise.
        consulted: attributes that the test's classes read, and nothing in the test sets.
    """

    def __init__(
        self,
        request: Callable[..., Any],
        encode: Callable[..., Any],
        wrap: Callable[[Any], Any],
        class_named: Callable[[str], type | None],
        refuse: Callable[[str, str], Exception],
        consulted: frozenset[str],
    ) -> None:
        self._request = request
        self._encode = encode
        self._wrap = wrap
        self._class_named = class_named
        self._refuse = refuse
        self._consulted = consulted
        # By the test's object, and by the number of the program's.
        self._pairs: dict[int, tuple[Any, Any]] = {}
        self._mine: dict[int, Any] = {}
        self._sent: dict[int, dict[str, Any]] = {}
        self._to_send: list[Any] = []
        self._to_read: list[Any] = []
        self._busy = False
        self._known: dict[type, bool] = {}
        # Of the test's objects, those that the program made; and the classes that know of them.
        self._foreign: set[int] = set()
        self._guarded: set[type] = set()
        # The program's objects that are nobody's twin yet.
        self._spare: dict[type, list[Any]] = {}

    def handle_of(self, mine: Any) -> Any:
        """Return the handle of the twin of the test's object, made if there is none; None if its class is not ours."""
        if id(mine) in self._pairs:
            return self._pairs[id(mine)][1]
        kind = type(mine)
        if self._class_named(kind.__name__) is not kind or not self._is_there(kind):
            return None
        spare = self._spare.setdefault(kind, [])
        if not spare:
            wanted = min(max(len(self._pairs), 1), _MOST_AT_ONCE)
            spare += self._request(op="twins", target=kind.__name__, count=wanted)
        theirs = spare.pop()
        self._remember(mine, theirs)
        self._to_send.append(mine)
        self._work_off()
        return theirs

    def object_of(self, theirs: Any) -> Any:
        """Return the test's twin of the program's object, made if there is none; None if its class is not ours."""
        if theirs.number in self._mine:
            return self._mine[theirs.number]
        kind: Any = self._class_named(theirs.type_name)
        if kind is None or kind.__new__ is not object.__new__:
            return None
        mine = object.__new__(kind)
        self._guard(kind)
        self._foreign.add(id(mine))
        self._remember(mine, theirs)
        self._to_read.append(mine)
        self._work_off()
        return mine

    def send_changes(self) -> None:
        """Give the program what the test has changed since the last call."""
        for mine, _ in list(self._pairs.values()):
            before, now = self._sent.get(id(mine), {}), state_of(mine)
            if before.keys() != now.keys() or any(before[name] is not now[name] for name in now):
                self._to_send.append(mine)
        self._work_off()

    def read_changes(self) -> None:
        """Take over what the program has changed."""
        self._to_read += [mine for mine, _ in self._pairs.values()]
        self._work_off()

    def _is_there(self, kind: type) -> bool:
        """Whether the program has a class of this name."""
        if kind not in self._known:
            try:
                self._request(op="get", target=kind.__name__, attribute="__mro__")
            except Exception as error:
                if not isinstance(error, RaisedByProgram):
                    raise
                self._known[kind] = False
            else:
                self._known[kind] = True
        return self._known[kind]

    def _guard(self, kind: type) -> None:
        """Have a class's comparisons say nothing of what they find true of the program's object and something else."""
        if kind in self._guarded:
            return
        self._guarded.add(kind)
        for name in _COMPARISONS:
            method = next((vars(parent).get(name) for parent in kind.__mro__[:-1] if name in vars(parent)), None)
            if isinstance(method, types.FunctionType):
                setattr(kind, name, self._guarding(kind, name, method))

    def _guarding(self, kind: type, name: str, method: types.FunctionType) -> Callable[[Any, Any], Any]:
        @functools.wraps(method)
        def guarding(mine: Any, other: Any) -> Any:
            found = method(mine, other)
            is_ours = isinstance(other, kind) or not {id(mine), id(other)} & self._foreign
            if is_ours or found is NotImplemented or (name in _EQUALITIES and bool(found) is (name == "__ne__")):
                return found
            # A lenient class of the test, such as one that knows a tolerance, is not for a program to answer with.
            raise self._refuse(name, kind.__name__)

        return guarding

    def _remember(self, mine: Any, theirs: Any) -> None:
        if len(self._pairs) >= _MOST_OBJECTS:
            raise TooManyObjectsError(f"more than {_MOST_OBJECTS} objects")
        self._pairs[id(mine)] = mine, theirs
        self._mine[theirs.number] = mine

    def _work_off(self) -> None:
        """Send and read the objects, many at once; those found on the way are queued, however deep they lie."""
        if self._busy:
            return
        self._busy = True
        try:
            while self._to_send or self._to_read:
                if self._to_send:
                    self._send(_taken(self._to_send))
                else:
                    self._read(_taken(self._to_read))
        finally:
            self._busy = False

    def _send(self, some: list[Any]) -> None:
        states = [state_of(mine) for mine in some]
        encoded = [self._encode(state, as_plain=True) for state in states]
        self._request(op="states", targets=self._numbers_of(some), values=encoded)
        for mine, state in zip(some, states, strict=True):
            self._sent[id(mine)] = state

    def _read(self, some: list[Any]) -> None:
        found = self._request(op="states", targets=self._numbers_of(some))
        if type(found) is not tuple or len(found) != len(some):
            raise WireError("not as many states as objects")
        for mine, state in zip(some, found, strict=True):
            if type(state) is not dict or not all(type(name) is str for name in state):
                raise WireError("an object's attributes are no dict")
            state = without_cached(type(mine), state)
            if any(hides(type(mine), name, self._consulted) for name in state):
                # The test's own methods decide, not what the program calls the same.
                raise WireError("an object's attribute hides what its class decides by")
            set_state(mine, {name: self._wrap(value) for name, value in state.items()})
            self._sent[id(mine)] = state_of(mine)

    def _numbers_of(self, some: list[Any]) -> list[int]:
        return [self._pairs[id(mine)][1].number for mine in some]


def _taken(queue: list[Any]) -> list[Any]:
    """Return the last of a queue, without them."""
    some = queue[-_MOST_AT_ONCE:]
    del queue[-_MOST_AT_ONCE:]
    return some
