"""What a test holds of the program: names and objects that stand for those in the program's process.

Loaded by path into the referee, which is trusted and never holds the program; standard library only.
"""

from __future__ import annotations

import builtins
import math
import operator
import types
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from coderl_env.judge.owner import Owner, refuse_protocol
from coderl_env.judge.values import Handle, OwnValue

__all__ = ["Name", "Object", "awaited"]


class Name:
    """A name that the program is expected to define."""

    def __init__(self, program: Owner, name: str) -> None:
        object.__setattr__(self, "_program", program)
        object.__setattr__(self, "_name", name)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self._program.call(self._name, args, keywords)

    def __getattr__(self, attribute: str) -> Any:
        refuse_protocol(attribute)
        caught = self._program.exception_named(f"{self._name}.{attribute}")
        return caught or self._program.ask(op="get", target=self._name, attribute=attribute)

    def __setattr__(self, attribute: str, value: Any) -> None:
        self._program.set(self._name, attribute, value)

    def __delattr__(self, attribute: str) -> None:
        self._program.call(["builtins", "delattr"], (self, attribute), {})

    def __instancecheck__(self, instance: Any) -> bool:
        return self._program.call(["builtins", "isinstance"], (instance, self), {}) is True

    def __subclasscheck__(self, subclass: Any) -> bool:
        return self._program.call(["builtins", "issubclass"], (subclass, self), {}) is True

    def _value(self) -> Any:
        """Return what the name stands for, if that is data; else itself."""
        found = self._program.ask(op="value", target=self._name)
        return self if type(found) in (Object, Name) else found

    def __eq__(self, other: Any) -> Any:
        value = self._value()
        return self is other if value is self else value == other

    def __ne__(self, other: Any) -> Any:
        value = self._value()
        return self is not other if value is self else value != other

    def __hash__(self) -> int:
        value = self._value()
        return hash((Name, self._name)) if value is self else hash(value)

    def __bool__(self) -> bool:
        value = self._value()
        return value is self or bool(value)

    # Of data, or of an enumeration.
    def __iter__(self) -> Any:
        value = self._value()
        return iter(value) if value is not self else self._program.call(["builtins", "iter"], (self,), {})

    def __getitem__(self, key: Any) -> Any:
        value = self._value()
        return value[key] if value is not self else self._program.call(["operator", "getitem"], (self, key), {})

    def __setitem__(self, key: Any, item: Any) -> None:
        self._value()[key] = item

    def __len__(self) -> Any:
        value = self._value()
        return len(value) if value is not self else self._program.call(["builtins", "len"], (self,), {})

    def __str__(self) -> str:
        value = self._value()
        return str(value) if value is not self else object.__str__(self)

    def __format__(self, form: str) -> str:
        return format(self._value() if form else str(self), form)


class Object:
    """An object that stays with the program. It may be passed back, called, iterated; it never decides a test.

    Where its class is derived from a builtin one, that decides.
    """

    def __init__(self, program: Owner, handle: Handle) -> None:
        object.__setattr__(self, "_program", program)
        object.__setattr__(self, "_handle", handle)
        # Whether it is part of an object of a class that the test names.
        object.__setattr__(self, "_is_part", False)
        # Whether calling it may end an iteration.
        object.__setattr__(self, "_may_stop", False)
        # Whether an operator has told it what the test expects, maybe.
        object.__setattr__(self, "_is_told", False)
        # In a list, what the builtin class makes of it all the same.
        object.__setattr__(self, "_sure", [])

    def _telling(self, sure: list[Any]) -> Object:
        """Return the same object as what came of an operator that has told it something."""
        told = Object(self._program, self._handle)
        object.__setattr__(told, "_is_told", True)
        object.__setattr__(told, "_sure", sure)
        return told

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return a method, where a class of the test has a function of the program."""
        return self if instance is None or self._handle.type_name not in _BOUND else types.MethodType(self, instance)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return _part(self, self._program.call(self._handle.number, args, keywords, may_stop=self._may_stop))

    def __getattr__(self, attribute: str) -> Any:
        refuse_protocol(attribute)
        found = _part(self, self._program.ask(op="get", target=self._handle.number, attribute=attribute))
        if attribute in ("send", "throw") and type(found) is Object:
            object.__setattr__(found, "_may_stop", True)
        return found

    def __setattr__(self, attribute: str, value: Any) -> None:
        self._program.set(self._handle.number, attribute, value)

    def __delattr__(self, attribute: str) -> None:
        self._program.call(["builtins", "delattr"], (self, attribute), {})

    def __copy__(self) -> Any:
        return self._copied("copy")

    def __deepcopy__(self, memo: Any) -> Any:
        return self._copied("deepcopy")

    def _copied(self, how: str) -> Any:
        """Return a copy, which knows what its original has been told."""
        found = self._program.call(["copy", how], (self,), {})
        return found._telling(self._sure) if self._is_told and type(found) is Object else found

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("a test cannot pickle the program's own object")

    def __hash__(self) -> int:
        program = self._program
        if program.names_class_of(self) and not self._is_told:
            found: int = program.call(["builtins", "hash"], (self,), {})
            return found
        return hash(program.plain(self)) if _is_data(self) else hash((Object, self._handle.number))

    def __contains__(self, item: Any) -> bool:
        program = self._program
        if program.names_class_of(self) and not self._is_told:
            found: bool = program.call(["operator", "contains"], (self, item), {})
            return found
        if _is_data(self):
            return item in program.plain(self)
        try:
            items = iter(self)
        except TypeError:
            raise program.refuse("in", self) from None
        return any(item is one or item == one for one in items)

    def __aiter__(self) -> Any:
        return self._program.ask(op="get", target=self._handle.number, attribute="__aiter__")()

    async def __anext__(self) -> Any:
        # Each item in a loop of its own, as coroutines run here.
        return self._program.anext(self)

    async def __aenter__(self) -> Any:
        return await self._program.ask(op="get", target=self._handle.number, attribute="__aenter__")()

    async def __aexit__(
        self, kind: type | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> bool:
        ends: bool = self._program.leave(self, error, "aleave")
        return ends

    def __enter__(self) -> Any:
        return self._program.ask(op="get", target=self._handle.number, attribute="__enter__")()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: types.TracebackType | None) -> bool:
        ends: bool = self._program.leave(self, error)
        return ends


def _is_data(one: Object) -> bool:
    """Whether an object's class is derived from a builtin one, which says what the object equals."""
    return bool(one._sure) or (isinstance(one._handle, OwnValue) and not one._is_told)


def _part(whole: Object, found: Any) -> Any:
    """Return what came of an object; if that is of a class that the test names, so to speak, so is this."""
    if type(found) is Object and (whole._is_part or whole._program.names_class_of(whole)):
        object.__setattr__(found, "_is_part", True)
    return found


def _yielding(module: str, function: str) -> Callable[..., Any]:
    """Return a special method that only yields data, whatever the program's object is."""

    def method(self: Object, *args: Any) -> Any:
        return _part(self, self._program.call([module, function], (self, *args), {}, may_stop=function == "next"))

    return method


def _deciding(module: str, function: str) -> Callable[..., Any]:
    """Return a special method that says something of an object of which the test names the class.

    The test must not have told it anything. The builtin class decides where the object's own is derived from one.
    """

    def method(self: Object, *args: Any) -> Any:
        program = self._program
        known = program.names_class_of(self) or (self._is_part and function == "bool")
        if known and not self._is_told:
            return program.call([module, function], (self, *args), {})
        if _is_data(self):
            return getattr(_MODULES[module], function)(program.plain(self), *args)
        # A list is made without the length, where that fails.
        raise program.refuse(f"{function}()", self, lenient=function == "len")

    return method


def _comparison(name: str) -> Callable[..., Any]:
    """Return a special method that compares two objects of the program, of which the test names the class.

    A program's `__eq__` never says whether something equals the value that a test expects.
    """

    def method(self: Object, other: Any) -> Any:
        program = self._program
        if other is None and name in ("eq", "ne"):
            return name == "ne"
        is_equality = name in ("eq", "ne")
        if isinstance(other, Object) and is_equality and not (program.names_class_of(self) or _is_data(self)):
            return (self is other) == (name == "eq")
        if isinstance(other, Object) and program.names_class_of(self):
            if program.names_class_of(other):
                return program.call(["operator", name], (self, other), {})
            # Nobody asked for what an object of another class says when it is asked in its turn.
            return program.ask(op="get", target=self._handle.number, attribute=f"__{name}__")(other)
        if _is_data(self) and (not isinstance(other, Object) or _is_data(other)):
            return getattr(operator, name)(program.plain(self), program.plain(other))
        if program.names_class_of(self):
            # Maybe the test wants the error that such a comparison is, or that it is unequal.
            found = program.call(["operator", name], (self, other), {})
            if is_equality and found is (name == "ne"):
                return found
        raise program.refuse(f"__{name}__", self)

    return method


def _operated(program: Owner, name: str, operands: Sequence[Any]) -> Any:
    """Have the program's process apply an operator to objects of classes that the test names, and maybe to data.

    An operator between such an object and data tells the program the data, which may be what the test expects.
    What comes of it is another such object, which has then been told, or what the builtin class makes of it, or
    nothing, lest `abs(f(3) - 6) < 1e-6` be true of whatever `f` returns. `x += 6` is a method of `x` like others.

    Raises:
        UndecidableError: nothing may come of it.
    """
    objects: list[Object] = [operand for operand in operands if type(operand) is Object]
    for one in objects:
        if not program.names_class_of(one):
            raise program.refuse(name, one)
    is_told = len(objects) < len(operands) or any(one._is_told for one in objects)
    before = program.count_objects()
    found = program.call(["operator", name], operands, {})
    if not is_told or (name in _IN_PLACE and found is operands[0]):
        return found
    plain = _builtins_doing(program, found, name, operands)
    if type(found) is Object:
        told = found._telling(plain)
        # What is new is known as told wherever it comes from; an object that was there is what it was.
        program.remember(told, before)
        return told
    if not plain:
        raise program.refuse(f"{name} with data", objects[0])
    return found


def _builtins_doing(program: Owner, found: Any, name: str, operands: Sequence[Any]) -> list[Any]:
    """Return what the builtin classes make of the operands, of which theirs are derived, if it is what was found."""
    if any(isinstance(operand, Object) and not _is_data(operand) for operand in operands):
        return []
    try:
        expected = getattr(operator, name)(*map(program.plain, operands))
    except Exception:  # noqa: BLE001 - whatever the builtin classes raise, they have no such operator
        return []
    plain = program.plain(found)
    return [expected] if type(plain) is type(expected) and plain == expected else []


def _operator(name: str, *, reflected: bool = False) -> Callable[..., Any]:
    """Return a special method that has the program's process apply an operator, as Python would."""

    def method(self: Object, *others: Any) -> Any:
        return _operated(self._program, name, (*others, self) if reflected else (self, *others))

    return method


def _text(name: str) -> Callable[..., Any]:
    """Return a special method that asks for a text, which is plain data, whatever the program returns."""

    def method(self: Object, *args: Any) -> Any:
        return self._program.call(["builtins", name], (self, *args), {})

    return method


def _divmod(self: Object, other: Any) -> Any:
    """Return quotient and remainder of two objects of the program."""
    if not isinstance(other, Object) or self._is_told or other._is_told:
        raise self._program.refuse("divmod with data", self)
    return self._program.call(["builtins", "divmod"], (self, other), {})


# Classes of functions, which are methods where a class has them.
_BOUND = frozenset({"function", "_lru_cache_wrapper"})
_OPERATORS = (
    "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift", "and", "or", "xor",
)  # fmt: skip


_IN_PLACE = frozenset(f"i{name}" for name in _OPERATORS)


def _of_value(name: str, *, reflected: bool = False) -> Callable[..., Any]:
    """Return a special method that applies an operator to what a name stands for."""

    def method(self: Name, *others: Any) -> Any:
        value = self._value()
        if value is self:
            return NotImplemented
        return getattr(operator, name)(*((*others, value) if reflected else (value, *others)))

    return method


_MODULES: dict[str, Any] = {"builtins": builtins, "math": math, "operator": operator}


def _add_methods() -> None:
    """Give `Object` and `Name` the special methods that are all alike."""
    made = {f"__{name}__": _text(name) for name in ("str", "repr", "format", "bytes")}
    made |= {f"__{name}__": _comparison(name) for name in ("eq", "ne", "lt", "le", "gt", "ge")}
    made |= {f"__{name}__": _operator(name) for name in ("neg", "pos", "abs", "invert")}
    made |= {f"__{name}__": _yielding("builtins", name) for name in ("iter", "next", "reversed")}
    made |= {f"__{name}__": _yielding("operator", name) for name in ("getitem", "setitem", "delitem")}
    made |= {f"__{name}__": _deciding("builtins", name) for name in ("len", "bool", "int", "float", "complex", "round")}
    made |= {f"__{name}__": _deciding("math", name) for name in ("trunc", "floor", "ceil")}
    made["__divmod__"] = _divmod
    made["__index__"] = _deciding("operator", "index")
    for name in _OPERATORS:
        function = f"{name}_" if name in ("and", "or") else name
        made[f"__{name}__"] = _operator(function)
        made[f"__r{name}__"] = _operator(function, reflected=True)
        made[f"__i{name}__"] = _operator(f"i{name}")
        setattr(Name, f"__{name}__", _of_value(function))
        setattr(Name, f"__r{name}__", _of_value(function, reflected=True))
    for name in ("lt", "le", "gt", "ge", "neg", "pos", "abs", "invert", "contains", "index"):
        setattr(Name, f"__{name}__", _of_value(name))
    for special, method in made.items():
        setattr(Object, special, method)


_add_methods()


def awaited(program: Owner, handle: Handle) -> Coroutine[Any, Any, Any]:
    """Return a coroutine that runs the program's, from beginning to end."""

    async def run() -> Any:
        return program.call(["asyncio", "run"], (Object(program, handle),), {})

    return run()
