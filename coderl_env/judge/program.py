"""The program, as a test asks it: requests go out over the connection, plain values and handles come back.

Loaded by path into the referee, which is trusted and never holds the program; standard library only.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from coderl_env.judge import arrays, values, wire
from coderl_env.judge.arguments import Arguments
from coderl_env.judge.facts import Facts
from coderl_env.judge.libraries import Environment, Replacements
from coderl_env.judge.objects import Name, Object, awaited
from coderl_env.judge.own_names import OwnNames
from coderl_env.judge.raised import Exceptions, RaisedByProgram, UndecidableError, may_end
from coderl_env.judge.rebuilding import array, copy_back
from coderl_env.judge.shadows import shadow_of
from coderl_env.judge.shared import Shared
from coderl_env.judge.twins import Twins
from coderl_env.judge.values import Shadow
from coderl_env.judge.views import View

__all__ = ["Abandoned", "ParentGone", "Program"]

# How often the program and the test may call each other before either returns.
_MOST_NESTED = 100
# Frames of this process that a question needs at most: half of one asked would be taken for half of another.
_QUESTION_FRAMES = 450


class Abandoned(BaseException):
    """The parent has already decided this test."""


class ParentGone(BaseException):
    """The connection was closed."""


class Program:
    """The program, as seen from here.

    Args:
        connection: to the parent, which asks the program's process.
        facts: what the test says of it.
        namespace: the test's names.

    Attributes:
        used: whether the test has asked anything of it.
        unusable: what of the test's own, which nothing that the program did can have caused, could not be sent.
        failure: an assertion that failed in a function of the test called by the program, which may have caught it, or
            what the program's objects would have decided, whatever the test made of that.
        exceptions: those of the program, as the test sees them.
        stand_ins: the builtin functions for which others stand in the test, by the ids of those.
    """

    def __init__(self, connection: socket.socket, facts: Facts, namespace: dict[str, Any]) -> None:
        self._connection = connection
        self._facts = facts
        self._namespace = namespace
        self.used = False
        self.unusable = ""
        self.failure: Exception | None = None
        self._begun = self._ended = False
        # Whether anything of the program has reached the test.
        self._heard = False
        self._nested = self._asking = 0
        # Threads of a test take turns.
        self._turn = threading.RLock()
        self._objects: dict[int, Any] = {}
        self._arguments = Arguments(facts.consulted)
        self.exceptions = Exceptions(self, self._arguments)
        self._shared = Shared(self._instead_of, self._wrap, step=-1)
        # Containers that the test has let go of, as the program is still to be told.
        self._forgotten: list[int] = []
        self.stand_ins: dict[int, Any] = {}
        self._own_names = OwnNames(facts.asked, namespace, lambda **request: self._request(**request)["value"])
        self._replacements = Replacements(facts.replaced)
        self._environment = Environment()
        self._twins = Twins(
            lambda **request: self._request(**request)["value"],
            self._encode_state,
            self._wrap,
            self._own_names.class_named,
            self._refuse,
            facts.consulted,
        )
        # Whether what cannot be sent may be left out: what an object of the test holds need not matter.
        self._is_lenient = False

    def begin(self) -> None:
        """Load the program, give it the test's classes that it lacks, and learn which exceptions the test catches.

        Raises:
            RaisedByProgram: the program does not load.
        """
        if self._facts.sources or self._facts.caught:
            caught = sorted(self._facts.caught)
            answer = self._request(op="define", sources=dict(self._facts.sources), caught=caught)
            self._namespace |= self.exceptions.classes_of(self._facts.caught, self._wrap(answer["value"]))

    def ask(self, **request: Any) -> Any:
        """Send a request and return the program's value, or raise what the program raised."""
        with self._used():
            self._twins.send_changes()
            answer = self._request(**request)
            self._twins.read_changes()
            return self._wrap(answer["value"])

    def set(self, target: str | int | list[str], attribute: str, value: Any) -> None:
        """Set an attribute."""
        self.ask(op="set", target=target, attribute=attribute, value=self._encode(value))

    def call(
        self, target: str | int | list[str], args: Sequence[Any], keywords: dict[str, Any], *, may_stop: bool = False
    ) -> Any:
        """Call something of the program.

        The target is a name, the number of an object, or module and name of a function that needs no program.
        """
        with self._used():
            self._twins.send_changes()
            answer = self._request(
                op="call",
                target=target,
                args=self._encode(list(args), as_plain=True),
                keywords={name: self._encode(value) for name, value in keywords.items()},
                may_stop=may_stop,
            )
            self._twins.read_changes()
            if answer["args"] is not None:
                for mine, theirs in zip((*args, *keywords.values()), answer["args"], strict=True):
                    copy_back(mine, self._wrap(theirs))
            return self._wrap(answer["value"])

    def end(self) -> None:
        """Ask no more: threads that the test left are refused, once whatever they have asked is answered."""
        with self._turn:
            self._ended = True

    @contextlib.contextmanager
    def _used(self) -> Iterator[None]:
        """Keep what is asked, and what comes of it, to one thread."""
        with self._turn:
            if self._ended:
                raise ParentGone
            self.used = True
            # While one question is under way, something is that nothing refers to yet.
            if not self._asking:
                self._forgotten += self._shared.forget_unused()
            self._asking += 1
            try:
                yield
            finally:
                self._asking -= 1

    def _request(self, *, may_stop: bool = False, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer, its values decoded.

        `may_stop` lets the program end an iteration, as nothing but its iterator may.
        """
        answer = self._exchange(request, self._nested > 0)
        while "callback" in answer:
            answer = self._exchange(self._call_back(answer["callback"], answer["call"]), True)
        if "error" in answer:
            error = answer["error"]
            raise self.exceptions.received(error, self._wrap(values.decode_value(error["value"])), may_stop=may_stop)
        return {name: values.decode_value(answer.get(name)) for name in ("value", "args")}

    def _exchange(self, request: dict[str, Any], continues: bool) -> dict[str, Any]:
        _descend(_QUESTION_FRAMES)
        replaced = self._replaced()
        calls = [
            [module, name, self._encode((args, keywords))] for module, name, args, keywords in self._environment.news()
        ]
        request = {
            **request,
            "replaced": replaced,
            "calls": calls,
            "changes": self._shared.changes(),
            "forget": self._forgotten,
        }
        self._forgotten = []
        if not self._begun:
            self._begun = request["begins"] = True
            request |= {"arrays": self._facts.arrays, "listens": self._facts.listens}
        wire.send_frame(self._connection, {"ask": request, "continues": continues})
        try:
            answer, _ = wire.receive_frame(self._connection)
        except EOFError as error:
            raise ParentGone from error
        self._heard = self._heard or request.get("op") != "define"
        if answer.get("abandon"):
            raise Abandoned
        self._shared.receive(answer.get("changes", []))
        if "printed" in answer:
            sys.stdout.write(answer["printed"])
        return answer

    def _replaced(self) -> list[Any]:
        """Return what the test has replaced in libraries, as far as it can be sent."""
        unusable, found = self.unusable, []
        for module, name, value in self._replacements.news():
            with contextlib.suppress(TypeError, wire.WireError):
                found.append([module, name, self._encode(value)])
        self.unusable = unusable
        return found

    def count_objects(self) -> int:
        """Return how many objects of the program the test has come to know."""
        return len(self._objects)

    def remember(self, one: Object, since: int) -> None:
        """Know an object as `one` from now on, if it was not among the first `since`."""
        if one._handle.number in itertools.islice(self._objects, since, None):
            self._objects[one._handle.number] = one

    def exception_named(self, name: str) -> type | None:
        """Return the class of the program's exceptions that the test catches under a dotted name, or None."""
        return self.exceptions.named(name)

    def names_class_of(self, one: Object) -> bool:
        """Whether the test names the class of an object."""
        return one._handle.type_name in self._facts.named

    def evaluate(self, text: Any, mode: str, scope: dict[str, Any] | None) -> Any:
        """Run a text in the program's process, whose it may be: here it could do all that a test can."""
        sent = None if scope is None else self._encode(scope)
        return self.ask(op="evaluate", text=str(text), mode=mode, scope=sent)

    def is_own_text(self, text: Any) -> bool:
        """Whether the test itself holds this text."""
        return type(text) is str and text in self._facts.texts

    def refuse(self, what: str, one: Object, *, lenient: bool = False) -> UndecidableError:
        """Return the error to raise where the program's object would decide; the test fails even if it catches it."""
        return self._refuse(what, one._handle.type_name, lenient=lenient)

    def _refuse(self, what: str, name: str, *, lenient: bool = False) -> UndecidableError:
        error = UndecidableError(f"{what} of the program's own {name} cannot decide a test")
        if not lenient and self.failure is None:
            self.failure = error
        return error

    def plain(self, value: Any) -> Any:
        """Return a value as the builtin class has it that its own is derived from."""
        if type(value) is not Object or not isinstance(value._handle, values.OwnValue):
            return value
        if value._sure:
            return value._sure[0]
        plain = value._handle.plain
        # What can change is asked for again; what cannot is not, lest it be another each time.
        if type(plain) in values.CHANGEABLE:
            with self._turn:
                plain = self._request(op="content", target=value._handle.number)["value"]
        return self._wrap(plain)

    def class_of(self, one: Object) -> Any:
        """Return what stands for an object's class: the test's own name for it, if it has one."""
        found = self.call(["builtins", "type"], (one,), {})
        if isinstance(found, type):
            raise self.refuse("type()", one)  # of such a class it would be data
        if type(found) is Name:
            return found
        for name in self._facts.named:
            known = self._namespace.get(name)
            # The same object of the program has the same number.
            if type(known) is Name and self.ask(op="value", target=name) is found:
                return known
        return found

    def leave(self, one: Object, error: BaseException | None, how: str = "leave") -> bool:
        """Leave a `with`; return whether that ends the exception, as it may one that the program or the test raised.

        Never one that came of what the test found, which the program could have foreseen.
        """
        if isinstance(error, (Abandoned, ParentGone)):
            return False
        sent = None if error is None else self._encode(self.exceptions.argument_of(error))
        return self.ask(op=how, target=one._handle.number, error=sent) is True and may_end(
            error, self._namespace, self._facts.raising
        )

    def anext(self, one: Object) -> Any:
        """Return the next item of an asynchronous iterator."""
        with self._used():
            return self._wrap(self._request(op="anext", target=one._handle.number, may_stop=True)["value"])

    def _call_back(self, number: int, call: Any) -> dict[str, Any]:
        """Run a function of the test for the program, and return the request that tells the result."""
        self._heard = True
        self._nested += 1
        try:
            if self._nested > _MOST_NESTED:
                raise RecursionError("test and program call each other too deeply")
            self._twins.read_changes()
            args, keywords = self._wrap(values.decode_value(call))
            value = self._arguments.called(number, args, dict(keywords))
            self._twins.send_changes()
            reply = {"op": "return", "value": self._encode(value)}
        except (Abandoned, ParentGone):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a test's function raises, it raises in the program
            if isinstance(error, AssertionError) and not isinstance(error, RaisedByProgram):
                self.failure = error
            return {"op": "raise", "error": self._encode(self.exceptions.argument_of(error))}
        else:
            return reply
        finally:
            self._nested -= 1

    def _encode(self, value: Any, *, as_plain: bool = False) -> Any:
        try:
            return self._shared.encode(value, as_plain=as_plain)
        except wire.WireError as error:
            self._note_unusable(str(error))
            raise

    def _encode_state(self, value: Any, *, as_plain: bool = False) -> Any:
        self._is_lenient = True
        try:
            return self._encode(value, as_plain=as_plain)
        finally:
            self._is_lenient = False

    def _instead_of(self, value: Any) -> Any:
        kind: Any = type(value)
        if kind is Object or issubclass(kind, Shadow):
            return values.Handle(value._handle.number, value._handle.type_name)
        if kind is Name:
            return values.Argument("name", value._name)
        if isinstance(value, BaseException):
            return self.exceptions.argument_of(value)
        if isinstance(value, type) and self.exceptions.is_own(value):
            return values.Argument("name", value.__qualname__)
        found = self._arguments.argument_of(self.stand_ins.get(id(value), value))
        if found is None:
            found = self._twins.handle_of(value) or self._arguments.remote_of(value)
        if found is None and self._is_lenient:
            found = values.Argument("token", [self._arguments.number_of(value)])
        if found is None:
            message = f"a test cannot pass a {kind.__name__} to a program"
            self._note_unusable(message)
            raise TypeError(message)
        return found

    def _note_unusable(self, message: str) -> None:
        if not self._heard and not self.unusable:
            self.unusable = message

    def _wrap(self, value: Any) -> Any:
        """Replace what stands for objects and shared containers in a value that came by what they are here."""
        kind = type(value)
        if kind is values.Reference:
            return self._shared.container(value.number)
        if kind is values.Handle or kind is values.OwnValue:
            return self._object_of(value)
        if kind is arrays.Array:
            return array(value)
        if kind is View:
            return value.shown(self._wrap_key, self._wrap)
        if kind in (set, frozenset):
            return kind(map(self._wrap_key, value))
        if isinstance(value, dict) and any(type(key) in _WRAPPED_KEYS for key in value):
            pairs = list(value.items())
            value.clear()
            for key, item in pairs:
                value[self._wrap_key(key)] = item
        return values.map_items(value, self._wrap)

    def _wrap_key(self, key: Any) -> Any:
        return tuple(map(self._wrap_key, key)) if type(key) is tuple else self._wrap(key)

    def _has_own(self, handle: values.Handle, kind: type) -> bool:
        """Whether the test names attributes that an object has beside those of the builtin class."""
        asked = [name for name in self._facts.attributes if not hasattr(kind, name)]
        target = ["builtins", "hasattr"]
        sent = self._encode(values.Handle(handle.number, handle.type_name))
        return any(
            self._request(op="call", target=target, args=[sent, name], keywords={})["value"] is True for name in asked
        )

    def _object_of(self, handle: values.Handle) -> Any:
        number = handle.number
        if number < 0:
            return self._arguments.object_of(number)
        if number in self._objects:
            return self._objects[number]
        found = self._twins.object_of(handle)
        if found is None and type(handle) is values.OwnValue and handle.type_name not in self._facts.named:
            plain = self._wrap(handle.plain)
            if type(plain) not in values.CHANGEABLE:
                found = shadow_of(self, handle, plain)
            elif not self._has_own(handle, type(plain)):
                return plain
            else:
                found = Object(self, handle)
        elif found is None and handle.type_name in _NAMED_KINDS:
            # What the test has a name for is that, for `is` as well.
            known = self._own_names.of_number(number)
            found = Object(self, handle) if known is None else known
        elif found is None and handle.type_name == "coroutine":
            found = awaited(self, handle)
        elif found is None:
            found = Object(self, handle)
        self._objects[number] = found
        return found


# Classes of what programs have names for, but for metaclasses of their own.
_NAMED_KINDS = frozenset({"type", "ABCMeta", "EnumType", "EnumMeta", "function", "_lru_cache_wrapper"})
_WRAPPED_KEYS = (values.Handle, values.OwnValue, arrays.Array, tuple, frozenset)


def _descend(frames: int) -> None:
    """Raise RecursionError unless there is room for so many more frames."""
    if frames:
        _descend(frames - 1)
