"""The program, as the things see it that a test holds of it.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from coderl_env.judge.objects import Object

__all__ = ["Owner", "refuse_protocol"]

_Path = str | int | list[str]


class Owner(Protocol):
    """The program, as its objects see it."""

    def ask(self, **request: Any) -> Any:
        """Send a request and return the program's value."""
        ...

    def call(self, target: _Path, args: Sequence[Any], keywords: dict[str, Any], *, may_stop: bool = False) -> Any:
        """Call something of the program."""
        ...

    def names_class_of(self, one: Object) -> bool:
        """Whether the test names the class of an object."""
        ...

    def refuse(self, what: str, one: Object, *, lenient: bool = False) -> TypeError:
        """Return the error to raise where the program's object would decide a test."""
        ...

    def set(self, target: _Path, attribute: str, value: Any) -> None:
        """Set an attribute."""
        ...

    def count_objects(self) -> int:
        """Return how many objects of the program the test has come to know."""
        ...

    def remember(self, one: Object, since: int) -> None:
        """Know an object as `one` from now on, if it was not among the first `since`."""
        ...

    def exception_named(self, name: str) -> type | None:
        """Return the class of the program's exceptions that the test catches under a dotted name, or None."""
        ...

    def plain(self, value: Any) -> Any:
        """Return a value as the builtin class has it that its own is derived from."""
        ...

    def class_of(self, one: Object) -> Any:
        """Return what stands for an object's class."""
        ...

    def leave(self, one: Object, error: BaseException | None, how: str = "leave") -> bool:
        """Leave a `with`; return whether that ends the exception."""
        ...

    def anext(self, one: Object) -> Any:
        """Return the next item of an asynchronous iterator."""
        ...


# Special attributes that only describe.
_DESCRIPTIONS = frozenset({"__name__", "__qualname__", "__annotations__", "__defaults__", "__kwdefaults__", "__doc__"})


def refuse_protocol(attribute: str) -> None:
    """Refuse the attributes that libraries ask of any object: numpy's would be believed, and hold addresses.

    Raises:
        AttributeError: it is one of them.
    """
    if attribute.startswith("__") and attribute.endswith("__") and attribute not in _DESCRIPTIONS:
        raise AttributeError(f"a test cannot ask the program's own object for {attribute}")
