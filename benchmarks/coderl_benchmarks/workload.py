"""What the judge's benchmark judges: small functions with their calls, and programs of every outcome for them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

__all__ = ["MIX", "TASKS", "Item", "Task", "correct_items", "mixed_items", "stdio_problem"]


@dataclass(frozen=True, slots=True)
class Task:
    """A function to write: its name, a right body, a wrong body, and calls with what they return."""

    entry_point: str
    right: str
    wrong: str
    calls: tuple[tuple[tuple[Any, ...], Any], ...]

    def as_calls(self) -> Problem:
        """Return the task as calls of a function."""
        tests = tuple(CallCase(args, expected) for args, expected in self.calls)
        return Problem(self.entry_point, "", tests, entry_point=self.entry_point)

    def as_asserts(self) -> Problem:
        """Return the task as asserts."""
        tests = tuple(AssertCase(self._assert(args, expected)) for args, expected in self.calls)
        return Problem(self.entry_point, "", tests, entry_point=self.entry_point)

    def check(self) -> str:
        """Return the task's test in the form of HumanEval."""
        lines = [self._assert(args, expected, "candidate") for args, expected in self.calls]
        return "def check(candidate):\n" + "".join(f"    {line}\n" for line in lines)

    def _assert(self, args: tuple[Any, ...], expected: Any, name: str = "") -> str:
        return f"assert {name or self.entry_point}({', '.join(map(repr, args))}) == {expected!r}"


@dataclass(frozen=True, slots=True)
class Item:
    """A program for a task, and whether it passes."""

    task: int
    program: str
    passes: bool


TASKS = (
    Task(
        "total",
        "return sum(numbers)",
        "return sum(numbers) + 1",
        ((([1, 2, 3],), 6), (([],), 0), (([-4, 4],), 0), ((list(range(50)),), 1225), (([7],), 7)),
    ),
    Task(
        "words",
        "return sorted(set(text.split()))",
        "return sorted(text.split())",
        ((("b a b",), ["a", "b"]), (("",), []), (("x",), ["x"]), (("one two one",), ["one", "two"])),
    ),
    Task(
        "primes",
        "return [k for k in range(2, n) if all(k % d for d in range(2, int(k ** 0.5) + 1))]",
        "return [k for k in range(2, n) if k % 2]",
        (((10,), [2, 3, 5, 7]), ((2,), []), ((3,), [2]), ((30,), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29])),
    ),
    Task(
        "count",
        "found = {}\n    for item in items:\n        found[item] = found.get(item, 0) + 1\n    return found",
        "return {item: 1 for item in items}",
        ((("aab",), {"a": 2, "b": 1}), (("",), {}), ((["x", "x"],), {"x": 2}), (("zzz",), {"z": 3})),
    ),
    Task(
        "is_palindrome",
        "letters = [c for c in text.lower() if c.isalnum()]\n    return letters == letters[::-1]",
        "return text == text[::-1]",
        ((("Abba",), True), (("abc",), False), (("A man, a plan, a canal: Panama",), True), (("",), True)),
    ),
)
_PARAMETERS = {"total": "numbers", "words": "text", "primes": "n", "count": "items", "is_palindrome": "text"}

# The training mix: kind of program, its share, whether it passes.
MIX = (
    ("right", 0.40, True),
    ("wrong", 0.30, False),
    ("exception", 0.20, False),
    ("compile error", 0.05, False),
    ("endless loop", 0.05, False),
)
_FAULTS = {
    "exception": "return undefined_name",
    "compile error": "return (",
    "endless loop": "while True:\n        pass",
}


def _program(kind: str, task: Task, serial: int) -> str:
    body = _FAULTS.get(kind) or (task.right if kind == "right" else task.wrong)
    # A number of its own, so that nobody judges a program once for many.
    return f"def {task.entry_point}({_PARAMETERS[task.entry_point]}):\n    {body}\n# {serial}\n"


def correct_items(count: int, seed: int) -> list[Item]:
    """Return `count` programs that pass."""
    return [
        Item(number % len(TASKS), _program("right", TASKS[number % len(TASKS)], seed * count + number), True)
        for number in range(count)
    ]


def mixed_items(count: int, seed: int) -> list[Item]:
    """Return `count` programs in the shares of `MIX`, shuffled with `seed`."""
    kinds: list[tuple[str, bool]] = []
    for kind, share, passes in MIX:
        kinds += [(kind, passes)] * round(share * count)
    random.Random(seed).shuffle(kinds)
    return [
        Item(number % len(TASKS), _program(kind, TASKS[number % len(TASKS)], seed * count + number), passes)
        for number, (kind, passes) in enumerate(kinds)
    ]


def stdio_problem(tests: int) -> tuple[str, Problem]:
    """Return a small program that reads standard input, and a problem with so many tests that it passes."""
    program = "n = int(input())\nnumbers = list(map(int, input().split()))\nprint(n * sum(numbers))\n"
    cases = tuple(StdioCase(f"{n}\n1 2 {n}\n", f"{n * (3 + n)}\n") for n in range(tests))
    return program, Problem(f"stdio-{tests}", "", cases)
