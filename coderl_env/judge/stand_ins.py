"""Builtin functions as a test has them: they know of the program's objects, and keep its texts away from this process.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

import ast
import builtins
import sys
import types
from collections.abc import Callable
from typing import Any

from coderl_env.judge.arguments import standard_name
from coderl_env.judge.objects import Name, Object
from coderl_env.judge.program import Program
from coderl_env.judge.raised import RaisedByProgram

__all__ = ["ATTRIBUTES", "stand_ins_of"]

# Attributes that every object has here, too: a test asks `getattr` for them.
ATTRIBUTES = frozenset({"__class__", "__dict__", "__doc__", "__wrapped__", "__module__"})


class _Source:
    """A text that is compiled where it is run."""

    def __init__(self, text: Any) -> None:
        self.text = ast.unparse(text) if isinstance(text, ast.AST) else _decoded(text)


def stand_ins_of(program: Program) -> dict[str, Callable[..., Any]]:
    """Return the functions by the names of those for which they stand."""
    made = [*_questions(program), *_evaluations(program)]
    return {function.__name__.removeprefix("_"): function for function in made}


def _questions(program: Program) -> list[Callable[..., Any]]:
    """Return what asks something of an object."""

    def _callable(value: Any, /) -> bool:
        if type(value) in (Object, Name):
            return program.call(["builtins", "callable"], (value,), {}) is True
        return callable(value)

    def _isinstance(value: Any, kinds: Any, /) -> bool:
        if type(value) is not Object:
            return isinstance(value, kinds)
        if isinstance(kinds, (tuple, types.UnionType)):
            several = kinds if isinstance(kinds, tuple) else kinds.__args__
            return any(_isinstance(value, kind) for kind in several)
        if type(kinds) in (Name, Object) or standard_name(kinds) is not None:
            return program.call(["builtins", "isinstance"], (value, kinds), {}) is True
        return isinstance(value, kinds)

    def _issubclass(kind: Any, kinds: Any, /) -> bool:
        if type(kind) is Name:
            return program.call(["builtins", "issubclass"], (kind, kinds), {}) is True
        return issubclass(kind, kinds)

    def _hasattr(value: Any, name: str, /) -> bool:
        if type(value) in (Object, Name):
            return program.call(["builtins", "hasattr"], (value, name), {}) is True
        return hasattr(value, name)

    def _getattr(value: Any, name: str, /, *default: Any) -> Any:
        if name == "__class__" and (type(value) is Object or isinstance(value, RaisedByProgram)):
            return _type(value)
        if type(value) in (Object, Name) and name in ATTRIBUTES:
            return program.call(["builtins", "getattr"], (value, name, *default), {})
        return getattr(value, name, *default)

    def _vars(*values: Any) -> Any:
        if values and type(values[0]) in (Object, Name):
            return _getattr(values[0], "__dict__")
        return vars(*values) if values else sys._getframe(1).f_locals

    def _dir(*values: Any) -> Any:
        if values and type(values[0]) in (Object, Name):
            return program.call(["builtins", "dir"], (values[0],), {})
        return dir(*values) if values else sorted(sys._getframe(1).f_locals)

    def _type(value: Any, *more: Any) -> Any:
        if more:
            return type(value, *more)
        if isinstance(value, RaisedByProgram):
            return program.exceptions.class_of(value)
        return program.class_of(value) if type(value) is Object else type(value)

    return [_callable, _isinstance, _issubclass, _hasattr, _getattr, _vars, _dir, _type]


def _evaluations(program: Program) -> list[Callable[..., Any]]:
    """Return what runs a text: here only if the test holds it, else in the program's process, whose it may be."""

    def run(text: Any, mode: str, scopes: tuple[Any, ...], caller: types.FrameType) -> Any:
        given: list[Any] = [scope for scope in scopes if scope is not None]
        if program.is_own_text(text) or isinstance(text, types.CodeType):
            names = given or [caller.f_globals, caller.f_locals]
            return getattr(builtins, mode)(text, *names)
        source = text.text if isinstance(text, _Source) else _decoded(text)
        # What the text defines, it defines in the last of them.
        if not given:
            return program.evaluate(source, mode, None)
        scope: dict[str, Any] = given[-1]
        for other in given[:-1]:
            scope = {**other, **scope}
        return program.evaluate(source, mode, scope)

    def _eval(text: Any, *scopes: Any) -> Any:
        return run(text, "eval", scopes, sys._getframe(1))

    def _exec(text: Any, *scopes: Any) -> None:
        run(text, "exec", scopes, sys._getframe(1))

    def _compile(text: Any, name: Any = "", mode: str = "exec", *more: Any, **flags: Any) -> Any:
        if program.is_own_text(text) and not flags.get("flags", 0):
            return compile(text, name, mode, *more, **flags)
        source = _Source(text)
        compile(source.text, str(name), mode)  # for its errors
        return source

    return [_eval, _exec, _compile]


def _decoded(text: Any) -> str:
    return bytes(text).decode() if isinstance(text, (bytes, bytearray)) else str.__str__(text)
