"""Tests that leave no trace in the process that runs them, which may then serve the next program as well.

A process of its own for each program would be the simpler rule, but costs more than most asserts do.
"""

from __future__ import annotations

import ast
import functools
import sys

__all__ = ["leaves_no_trace"]

# Libraries that hold no state, and run no text that they are given.
_LIBRARIES = frozenset(
    {
        "__future__", "bisect", "cmath", "collections", "copy", "datetime", "enum", "fractions", "functools", "heapq",
        "itertools", "json", "math", "numbers", "numpy", "operator", "re", "statistics", "string", "typing",
    }
)  # fmt: skip
# But these of their names do, or are ways to something that does.
_DENIED = frozenset(
    {
        "compile", "delattr", "eval", "exec", "exit", "getattr", "globals", "input", "locals",
        "open", "quit", "setattr", "breakpoint", "vars", "methodcaller", "attrgetter", "cache",
        "lru_cache", "singledispatch", "register", "get_type_hints", "ForwardRef", "copyreg",
        "random", "load", "save", "loadtxt", "savetxt", "fromfile", "tofile", "memmap", "seterr",
        "errstate", "seterrcall", "set_printoptions", "printoptions", "ctypeslib", "testing",
        "f2py", "setbufsize", "fromregex", "genfromtxt", "DataSource", "purge",
    }
)  # fmt: skip


@functools.lru_cache(maxsize=4096)
def leaves_no_trace(code: str) -> bool:
    """Whether neither a test nor what a program answers it can change how its process decides another test.

    It changes no attribute of anything, uses libraries only that hold no state, and no name that runs a text.
    """
    # Starter code may end where a body is missing.
    for text in (code, code.rstrip() + "\n    pass\n"):
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return all(map(_is_harmless, ast.walk(tree)))
    return False


def _is_harmless(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        is_library = isinstance(node.value, ast.Name) and node.value.id in sys.stdlib_module_names - _LIBRARIES
        return isinstance(node.ctx, ast.Load) and _is_harmless_name(node.attr) and not is_library
    if isinstance(node, ast.Name):
        return _is_harmless_name(node.id)
    if isinstance(node, ast.Import):
        return all(alias.name.partition(".")[0] in _LIBRARIES for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        library = (node.module or "").partition(".")[0] in _LIBRARIES and node.level == 0
        return library and all(_is_harmless_name(alias.name) for alias in node.names)
    if isinstance(node, ast.ClassDef):
        return not node.keywords
    return not isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.Global, ast.Nonlocal))


def _is_harmless_name(name: str) -> bool:
    return name not in _DENIED and not name.startswith("__")
