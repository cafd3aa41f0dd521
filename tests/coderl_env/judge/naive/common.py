"""What the naive judges share: reading a problem, running a program."""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from pathlib import Path

JUDGES = {}
PROGRAM = "program.py"


def judge(function):
    """Register a judge under its name: `function(program, problem) -> bool`, whether the program passed."""
    JUDGES[function.__name__] = function
    return function


def value_of(data):
    if isinstance(data, dict) and set(data) == {"__python__"}:
        return ast.literal_eval(data["__python__"])
    return data


def kind_of(problem):
    return problem["tests"][0]["type"]


def calls_of(problem):
    return [(value_of(test["args"]), value_of(test["expected"])) for test in problem["tests"]]


def statements_of(problem):
    """Return the tests of calls and asserts as source text."""
    if kind_of(problem) == "assert":
        return [test["code"] for test in problem["tests"]]
    entry = problem["entry_point"]
    return [f"assert {entry}(*{args!r}) == {expected!r}" for args, expected in calls_of(problem)]


def entry_of(problem):
    return problem.get("entry_point") or "double"


def run_file(source, stdin=b"", *, directory=".", options=(), **settings):
    Path(directory, PROGRAM).write_bytes(source if isinstance(source, bytes) else source.encode())
    settings = {"capture_output": True, "check": False, **settings}
    return subprocess.run([sys.executable, *options, PROGRAM], input=stdin, cwd=directory, **settings)


def as_bytes(text):
    return text.encode("utf-8", "surrogatepass")


def same_text(expected, output):
    return [line.rstrip() for line in expected.rstrip().split(b"\n")] == [
        line.rstrip() for line in output.rstrip().split(b"\n")
    ]


def stdio(program, problem, *, equal=same_text, tests=None, status_counts=True, **settings):
    """Run each test in an interpreter of its own, and in a new directory; `equal(expected, output)` decides."""
    for test in problem["tests"] if tests is None else tests:
        with tempfile.TemporaryDirectory(dir=".") as directory:
            done = run_file(program, as_bytes(test["stdin"]), directory=directory, **settings)
        if (done.returncode and status_counts) or not equal(as_bytes(test["expected"]), done.stdout):
            return False
    return True


def with_tests(program, problem):
    return "\n".join([program, *statements_of(problem)]) + "\n"


def compile_inside(program):
    try:
        return compile(program, PROGRAM, "exec")
    except SyntaxError:
        return None


def check_values(program, problem, equal):
    namespace = {"__name__": "solution"}
    exec(compile(program, PROGRAM, "exec"), namespace)
    return all(equal(namespace[problem["entry_point"]](*args), expected) for args, expected in calls_of(problem))
