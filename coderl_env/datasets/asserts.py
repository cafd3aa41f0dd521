"""Test functions taken apart into single asserts, so that each is a test of its own."""

from __future__ import annotations

import ast

from coderl_env.problem import AssertCase

__all__ = ["split_check"]


def split_check(test: str, entry_point: str) -> tuple[AssertCase, ...]:
    """Return the tests of a function `check(candidate)`, as HumanEval and LeetCodeDataset write them.

    Where the body of `check` is nothing but asserts, each becomes a test of its own, with `candidate` replaced by
    `entry_point`; asserts of a constant (`assert True`) test nothing and are left out. A body with loops, local
    variables or imports stays whole, as one test that calls `check(<entry_point>)`: taking it apart could change
    what it tests.

    Args:
        test: source text that defines `check`.
        entry_point: expression that names the function under test, such as `add` or `Solution().add`.

    Raises:
        ValueError: the text is no Python, or defines no function `check` with one parameter.
    """
    try:
        module = ast.parse(test)
        candidate = ast.parse(entry_point, mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"the test or its entry point {entry_point!r} is not Python ({error.msg})") from None
    checks = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    if len(checks) != 1 or len(checks[0].args.args) != 1:
        raise ValueError("the test must define one function check(candidate)")
    check = checks[0]
    whole = (AssertCase(f"{test.rstrip()}\n\ncheck({entry_point})\n"),)
    if any(not _is_inert(node) for node in module.body if node is not check):
        return whole
    if not all(isinstance(node, ast.Assert) or _is_inert(node) for node in check.body):
        return whole
    rename = _Rename(check.args.args[0].arg, candidate)
    asserts = [node for node in check.body if isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant)]
    return tuple(AssertCase(ast.unparse(rename.visit(node)) + "\n") for node in asserts) or whole


def _is_inert(node: ast.stmt) -> bool:
    """Whether a statement cannot matter to an assert: a string, a bare name, or METADATA."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, (ast.Constant, ast.Name))
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["METADATA"]


class _Rename(ast.NodeTransformer):
    """Replaces a name by an expression."""

    def __init__(self, name: str, by: ast.expr) -> None:
        self._name = name
        self._by = by

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._by if node.id == self._name else node
