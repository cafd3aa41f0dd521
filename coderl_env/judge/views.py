"""Views of dicts: what they show, and views that show the same.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

from coderl_env.judge.wire import WireError

__all__ = ["VIEWS", "View"]

# Names by which views are sent, by their classes.
VIEWS: dict[type, str] = {
    type(getattr(kind(), name)()): f"dict_{name}"
    for kind in (dict, collections.OrderedDict)
    for name in ("keys", "values", "items")
}


class View:
    """A view of a dict.

    Attributes:
        kind: name of its class.
        items: what it shows.
    """

    __slots__ = ("items", "kind")

    def __init__(self, kind: str, items: list[Any]) -> None:
        self.kind = kind
        self.items = items

    def shown(self, wrap_key: Callable[[Any], Any], wrap: Callable[[Any], Any]) -> Any:
        """Return such a view of a dict of its own, the functions applied to its keys and values.

        Raises:
            WireError: there is none, because something is no key.
        """
        try:
            if self.kind == "dict_values":
                return dict(enumerate(map(wrap, self.items))).values()
            if self.kind == "dict_keys":
                return dict.fromkeys(map(wrap_key, self.items)).keys()
            return {wrap_key(key): wrap(item) for key, item in self.items}.items()
        except (TypeError, ValueError) as error:
            raise WireError("a view shows what no dict holds") from error
