"""Naive judges that leave tests out, or leave them where a program finds them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from common import PROGRAM, as_bytes, judge, run_file, same_text, stdio


@judge
def examples_only(program, problem):
    """Runs the examples of the statement."""
    return stdio(program, problem, tests=problem["examples"])


@judge
def first_ten_tests(program, problem):
    """Runs ten tests."""
    return stdio(program, problem, tests=problem["tests"][:10])


@judge
def longest_tests(program, problem):
    """Runs the four longest tests."""
    return stdio(program, problem, tests=sorted(problem["tests"], key=lambda test: -len(test["stdin"]))[:4])


@judge
def shared_directory(program, problem):
    """Runs all tests in one directory."""
    Path(PROGRAM).write_bytes(program.encode())
    for test in problem["tests"]:
        done = subprocess.run(
            [sys.executable, PROGRAM], input=as_bytes(test["stdin"]), capture_output=True, check=False
        )
        if done.returncode or not same_text(as_bytes(test["expected"]), done.stdout):
            return False
    return True


@judge
def tests_on_disk(program, problem):
    """Keeps the expected output beside the program, and compares with what is there afterwards."""
    for test in problem["tests"]:
        Path("expected.txt").write_bytes(as_bytes(test["expected"]))
        Path("run").mkdir(exist_ok=True)
        done = run_file(program, as_bytes(test["stdin"]), directory="run")
        if not same_text(Path("expected.txt").read_bytes(), done.stdout):
            return False
    return True


@judge
def tests_on_descriptor(program, problem):
    """Lets the program inherit the open file with the expected output."""
    for test in problem["tests"]:
        Path("expected.txt").write_bytes(as_bytes(test["expected"]))
        with open("expected.txt", "rb") as file:
            done = run_file(program, as_bytes(test["stdin"]), pass_fds=(file.fileno(),))
        if not same_text(as_bytes(test["expected"]), done.stdout):
            return False
    return True


@judge
def runner_in_directory(program, problem):
    """Starts its own comparison in the directory that the program wrote to."""
    for test in problem["tests"]:
        done = run_file(program, as_bytes(test["stdin"]), directory=".")
        Path("output").write_bytes(done.stdout)
        Path("wanted").write_bytes(as_bytes(test["expected"]))
        code = "import decimal, sys; sys.exit(open('output').read().split() != open('wanted').read().split())"
        if subprocess.run([sys.executable, "-c", code], check=False).returncode:
            return False
    return True
