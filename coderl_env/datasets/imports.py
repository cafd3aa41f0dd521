"""Imports that call-based reference code takes for granted.

LeetCode runs a submission with the usual modules imported, and the published APPS harness does the same; so starter
code such as `def f(self, nums: List[int])` and many stored solutions name `List`, `math` or `deque` without importing
them. The judge runs programs as they are. The loaders therefore write the missing imports out, where all can see them.
"""

from __future__ import annotations

import ast
import builtins
import re

__all__ = ["with_imports"]

_MODULES = (
    "bisect",
    "collections",
    "functools",
    "heapq",
    "itertools",
    "math",
    "operator",
    "random",
    "re",
    "string",
    "sys",
)
_NAMES = {
    "typing": ("Any", "Callable", "Deque", "Dict", "Iterable", "Iterator", "List", "Optional", "Set", "Tuple", "Union"),
    "collections": ("ChainMap", "Counter", "OrderedDict", "defaultdict", "deque"),
    "functools": ("cache", "cmp_to_key", "lru_cache", "reduce"),
    "itertools": ("accumulate", "chain", "combinations", "groupby", "permutations", "product", "zip_longest"),
    "heapq": ("heapify", "heappop", "heappush", "heappushpop", "heapreplace", "nlargest", "nsmallest"),
    "bisect": ("bisect_left", "bisect_right", "insort"),
    "math": ("ceil", "floor", "gcd", "inf", "log", "log2", "sqrt"),
}
_KNOWN = frozenset(_MODULES).union(*_NAMES.values())
_BUILTINS = frozenset(dir(builtins))
_WORD = re.compile(r"\w+")


def with_imports(code: str) -> str:
    """Return `code` with an import in front for each well-known name that it uses and nowhere defines.

    Code that is no Python, or that has an `import *`, is returned as it is. A signature may lack its body.

    >>> with_imports("def f(a: List[int]) -> int:\\n    return math.gcd(*a)\\n").splitlines()[:2]
    ['import math', 'from typing import List']
    >>> with_imports("import math\\nprint(math.pi)\\n")
    'import math\\nprint(math.pi)\\n'
    """
    if _KNOWN.isdisjoint(_WORD.findall(code)) or "import *" in code:
        return code
    missing = _undefined(code)
    lines = [f"import {module}\n" for module in _MODULES if module in missing]
    for module, names in _NAMES.items():
        wanted = [name for name in names if name in missing]
        lines.extend([f"from {module} import {', '.join(wanted)}\n"] if wanted else [])
    if not lines:
        return code
    return "".join(lines) + ("" if code.startswith("\n") else "\n") + code


def _undefined(code: str) -> set[str]:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        try:
            tree = ast.parse(code.rstrip() + " pass")
        except (SyntaxError, ValueError):
            return set()
    used: set[str] = set()
    defined: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else defined).add(node.id)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            defined.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    return used - defined - _BUILTINS
