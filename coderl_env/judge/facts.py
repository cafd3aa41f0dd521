"""What the text of a test says of the program, read before it runs.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import copy
import importlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["Facts", "borrowed_names", "facts_of", "only_called"]

# APPS and LeetCode: the class whose methods are asked for.
_HOLDER = "Solution"
# What tests use without importing it, because the program that they were written for imports it.
_BORROWED = {
    "np": ("numpy", ""),
    "numpy": ("numpy", ""),
    "isclose": ("math", "isclose"),
    "allclose": ("numpy", "allclose"),
    "array_equal": ("numpy", "array_equal"),
    "Counter": ("collections", "Counter"),
    "OrderedDict": ("collections", "OrderedDict"),
    "defaultdict": ("collections", "defaultdict"),
    "deque": ("collections", "deque"),
    "Decimal": ("decimal", "Decimal"),
    "Fraction": ("fractions", "Fraction"),
    "timedelta": ("datetime", "timedelta"),
}
# Functions that are told which exceptions to expect.
_CATCHERS = frozenset({"raises", "assertRaises", "assertRaisesRegex", "suppress"})


# What only numpy's arrays have, and what numpy is called.
_ARRAYS = frozenset({"np", "numpy", "shape", "dtype", "ndim", "tolist"})
# What redirects, or is, the standard output.
_LISTENING = frozenset({"stdout", "redirect_stdout"})
# What replaces attributes, beside assignment; and the libraries that the judge's own process cannot do without.
_REPLACING = frozenset({"patch", "setattr"})
_NEEDED = frozenset({"__main__", "collections", "io", "json", "socket", "struct", "types", "typing", "unittest"})
_EXCEPTIONS = ("Error", "Exception", "Warning")


class Facts(NamedTuple):
    """What the text of a test says of the program.

    Attributes:
        asked: names that the program is expected to define.
        named: those that can only mean its classes.
        caught: those that may be its exceptions.
        sources: source of the test's own classes that a program may need, with the imports before each.
        raising: lines on which the test itself raises.
        texts: those that stand in it.
        arrays: whether it knows numpy.
        listens: whether it looks at what is printed.
        replaced: modules of which it may replace something.
        attributes: names of the attributes that it asks for.
        consulted: those that its classes read, and nothing in it sets.
    """

    asked: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    caught: frozenset[str] = frozenset()
    sources: Mapping[str, str] = {}
    raising: frozenset[int] = frozenset()
    texts: frozenset[str] = frozenset()
    arrays: bool = False
    listens: bool = False
    replaced: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    consulted: frozenset[str] = frozenset()


def facts_of(tree: ast.Module, defined: Iterable[str], entry_point: str | None) -> Facts:
    """Return what a test says.

    Args:
        tree: the test.
        defined: names that are not the program's, whatever the test says.
        entry_point: name that is the program's, even if it is a builtin's.
    """
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    used = {node.id for node in _names(tree) if isinstance(node.ctx, ast.Load)}
    if not used.isdisjoint({"eval", "exec"}):
        used |= {name for text in texts for name in _names_in(text)}
    used -= set(defined)
    # A builtin stays a builtin, unless it is the very name that the problem asks for.
    asked = {name for name in used if name == entry_point or not hasattr(builtins, name)}
    own = asked - _bound(tree)
    # Not a function: a program could call a class of its own the same. Nor the class that only holds functions: its
    # objects are no data.
    named = {name for name in own if name[:1].isupper() and not hasattr(builtins, name)}
    return Facts(
        asked=frozenset(asked),
        named=frozenset(named - {_HOLDER}),
        caught=frozenset(_caught(tree, named)),
        sources=_sources(tree),
        raising=frozenset(_raising(tree)),
        texts=frozenset(texts),
        arrays=any(isinstance(node, ast.alias) and node.name.partition(".")[0] == "numpy" for node in ast.walk(tree))
        or not _ARRAYS.isdisjoint(_all_names(tree)),
        listens=not _LISTENING.isdisjoint(_all_names(tree)),
        replaced=frozenset(_replaced(tree, texts)),
        attributes=frozenset(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)),
        consulted=frozenset(_consulted(tree)),
    )


def borrowed_names(tree: ast.Module, starter_code: str, entry_point: str | None) -> dict[str, Any]:
    """Return what a test uses of libraries without importing it, as MBPP's do: standard modules, and `_BORROWED`.

    Not the program's: what it calls `math` might say that everything is close. But a name is the program's if it is all
    that the test asks for, or if the starter code has a class of that name.
    """
    found: dict[str, Any] = {}
    bound = _bound(tree) | {entry_point}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = node.value.id
            if name in sys.stdlib_module_names and name not in bound:
                with contextlib.suppress(ImportError):
                    found[name] = importlib.import_module(name)
    used = {node.id for node in _names(tree) if isinstance(node.ctx, ast.Load)} - found.keys()
    asked = {name for name in used if name == entry_point or (name not in bound and not hasattr(builtins, name))}
    borrowed = {name for name in asked - bound if name in _BORROWED and f"class {name}" not in starter_code}
    if asked == borrowed:
        return found
    for name in borrowed:
        module, attribute = _BORROWED[name]
        with contextlib.suppress(ImportError):
            library = importlib.import_module(module)
            found[name] = getattr(library, attribute) if attribute else library
    return found


def only_called(tree: ast.Module, name: str) -> bool:
    """Whether a test does nothing with a name but call it with some argument."""
    uses = [node for node in _names(tree) if node.id == name]
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    return all(any(use is function for function in called) for use in uses)


def _names(tree: ast.AST) -> Iterator[ast.Name]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Name))


def _all_names(tree: ast.Module) -> set[str]:
    """Return all names in a test, those of attributes and of what it imports among them."""
    found = {node.id for node in _names(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.add(node.name)
    return found


def _names_in(text: str) -> set[str]:
    """Return the names that a text asks for, if it is Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {node.id for node in _names(tree) if isinstance(node.ctx, ast.Load)} - _bound(tree)


def _bound(tree: ast.Module) -> set[str]:
    """Return the names that a test itself defines."""
    bound = {node.id for node in _names(tree) if not isinstance(node.ctx, ast.Load)}
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
    return bound


def _caught(tree: ast.Module, named: set[str]) -> set[str]:
    """Return which of the program's classes may be exceptions, those within another class among them."""
    if not _catches(tree):
        return {name for name in named if name.endswith(_EXCEPTIONS)}
    inner = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in named
    }
    return named | {name for name in inner if name.rpartition(".")[2][:1].isupper()}


def _catches(tree: ast.Module) -> bool:
    """Whether a test catches exceptions, or has them caught, or raises them for the program."""
    return any(
        isinstance(node, (ast.ExceptHandler, ast.Raise))
        or (isinstance(node, ast.Attribute) and node.attr in _CATCHERS)
        or (isinstance(node, ast.Name) and node.id in _CATCHERS)
        for node in ast.walk(tree)
    )


def _replaced(tree: ast.Module, texts: Iterable[str]) -> Iterator[str]:
    """Yield the modules of the standard library that a test imports or names in a text, if it replaces anything."""
    assigned = any(isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) for node in ast.walk(tree))
    if not assigned and _REPLACING.isdisjoint(_all_names(tree)):
        return
    named: set[str] = set()
    for text in texts:
        if text.replace(".", "").isidentifier():
            # `os.path` is another module than `os`.
            named |= {text[: place.start()] for place in re.finditer(r"\.", text)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
    yield from (name for name in named if name.partition(".")[0] in sys.stdlib_module_names - _NEEDED)


def _consulted(tree: ast.Module) -> set[str]:
    """Return the attributes that classes of the test read, and nothing in the test sets."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    read = {node.attr for kind in classes for node in ast.walk(kind) if isinstance(node, ast.Attribute)}
    return read - {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }


def _raising(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _sources(tree: ast.Module) -> dict[str, str]:
    """Return the classes at the top of a test that say nothing of what it expects.

    The program would find them if test and program stood in one file, as LeetCode's do. They use no name of the program
    and hold no constants but those of an empty beginning; what only shows their objects is left out.
    """
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    bound = {name for node in imports for name in _bound(ast.Module([node], []))}
    found: dict[str, str] = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        body = [_Unannotated().visit(part) for part in copy.deepcopy(node.body) if not _only_shows(part)]
        kept = ast.Module(
            [ast.ClassDef(node.name, node.bases, node.keywords, body or [ast.Pass()], node.decorator_list)], []
        )
        foreign = {
            name.id for name in _names(kept) if isinstance(name.ctx, ast.Load) and not hasattr(builtins, name.id)
        } - _bound(kept)
        if foreign <= bound | found.keys() and not any(map(_says_something, ast.walk(kept))):
            found[node.name] = ast.unparse(ast.fix_missing_locations(ast.Module([*imports, *kept.body], [])))
    return found


class _Unannotated(ast.NodeTransformer):
    """Replaces annotations by one that says nothing; data classes need some."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Return the field with another annotation."""
        node.annotation = ast.Name("object", ast.Load())
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Return the parameter without its annotation."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Return the function without the annotation of its result."""
        node.returns = None
        return self.generic_visit(node)


def _only_shows(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return isinstance(node, ast.FunctionDef) and node.name in ("__repr__", "__str__")


def _says_something(node: ast.AST) -> bool:
    """Whether a part of a class may tell what a test expects."""
    if isinstance(node, ast.Constant):
        return node.value not in (None, True, False, 0, 1, "")
    return isinstance(node, ast.Assert) or (isinstance(node, ast.Attribute) and node.attr.startswith("assert"))
