"""Libraries as a test has them: functions that know of the program's objects, and what the test puts in their place.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from coderl_env.judge.objects import Name, Object

__all__ = ["Environment", "Replacements", "teach"]

# Functions that look at what an object is, which only the program's process can tell of its own.
_ASKED = {
    "asyncio": ("iscoroutine", "iscoroutinefunction"),
    "dataclasses": ("asdict", "astuple", "fields", "is_dataclass", "replace"),
    "inspect": (
        "getdoc", "getfullargspec", "getmembers", "isabstract", "isasyncgenfunction", "isbuiltin", "isclass",
        "iscoroutine", "iscoroutinefunction", "isfunction", "isgenerator", "isgeneratorfunction", "ismethod",
        "isroutine", "signature",
    ),
    "typing": ("get_type_hints",),
}  # fmt: skip
# Functions that set something which is the program's as well.
_TOLD = {"random": "seed", "numpy.random": "seed", "sys": "setrecursionlimit"}

# Module, name, arguments and keywords of the calls of those that the program has not been told of.
_Call = tuple[str, str, tuple[Any, ...], dict[str, Any]]
_calls: list[_Call] = []


def teach(text: str) -> None:
    """Make the functions of the libraries that a test's text names ask the program of its objects, or tell it."""
    for module, name in _TOLD.items():
        if name in text and (module != "numpy.random" or "numpy" in text):
            library = importlib.import_module(module)
            function = getattr(library, name)
            if not hasattr(function, "_tells_program"):
                setattr(library, name, _telling(function, module, name))
    for module, names in _ASKED.items():
        if module in text:
            library = importlib.import_module(module)
            for name in names:
                function = getattr(library, name)
                if not hasattr(function, "_asks_program"):
                    setattr(library, name, _asking(function, [module, name]))


def _telling(function: Callable[..., Any], module: str, name: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def telling(*args: Any, **keywords: Any) -> Any:
        found = function(*args, **keywords)
        _calls.append((module, name, args, keywords))
        return found

    telling._tells_program = True  # type: ignore[attr-defined]  # a mark, so that none is made twice
    return telling


class Environment:
    """What a test sets in its process that is the program's as well: by calls that were told, and in `os.environ`."""

    def __init__(self) -> None:
        self._variables = dict(os.environ)

    def news(self) -> Iterator[_Call]:
        """Yield calls that make the program's process what the test has made its own since the last time."""
        yield from _calls
        _calls.clear()
        now = dict(os.environ)
        for name in self._variables.keys() - now.keys():
            yield "os", "environ.pop", (name, None), {}
        for name, value in now.items():
            if self._variables.get(name) != value:
                yield "os", "environ.__setitem__", (name, value), {}
        self._variables = now


def _asking(function: Callable[..., Any], path: list[str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def asking(*args: Any, **keywords: Any) -> Any:
        if args and type(args[0]) in (Object, Name):
            return args[0]._program.call(path, args, keywords)
        return function(*args, **keywords)

    asking._asks_program = True  # type: ignore[attr-defined]  # a mark, so that none is made twice
    return asking


class Replacements:
    """What a test has put in the place of what some modules hold, such as a mock of `input`.

    Args:
        modules: names of the modules.
    """

    def __init__(self, modules: Iterable[str]) -> None:
        self._modules: dict[str, types.ModuleType] = {}
        for name in modules:
            with contextlib.suppress(ImportError):  # of another system
                self._modules[name] = importlib.import_module(name)
        self._original = {name: dict(vars(module)) for name, module in self._modules.items()}
        self._told: dict[tuple[str, str], Any] = {}

    def news(self) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
        """Yield module, name and, in a tuple, what is there now where that changed; an empty tuple: what was there."""
        for module, names in self._original.items():
            now = vars(self._modules[module])
            for name, original in names.items():
                value = now.get(name, original)
                if value is original:
                    if self._told.pop((module, name), original) is not original:
                        yield module, name, ()
                elif self._told.get((module, name)) is not value and not _is_judges(module, name, value):
                    self._told[module, name] = value
                    yield module, name, (value,)


def _is_judges(module: str, name: str, value: Any) -> bool:
    """Whether this is left alone: what changes by itself, and the output, which is sent as text."""
    return isinstance(value, types.ModuleType) or name.startswith("_") or (module, name) in _OUTPUTS


_OUTPUTS = frozenset({("sys", "stdout"), ("sys", "stderr")})
