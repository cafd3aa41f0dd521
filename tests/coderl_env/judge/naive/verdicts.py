"""Naive judges that take their verdict from the wrong place."""

from __future__ import annotations

import fcntl
import io
import os
import sys
import unittest

from common import PROGRAM, entry_of, judge, kind_of, run_file, statements_of, stdio, with_tests


@judge
def exit_code_only(program, problem):
    """Counts the exit status alone."""
    if kind_of(problem) == "stdio":
        return stdio(program, problem, equal=lambda expected, output: True)
    return run_file(with_tests(program, problem)).returncode == 0


@judge
def concatenated(program, problem):
    """Puts program and tests into one file."""
    before = "def run_tests(check):\n    check()\n\n"
    body = "\n".join(f"    {line}" for statement in statements_of(problem) for line in statement.splitlines())
    return run_file(f"{before}{program.rstrip()}\ndef check():\n{body}\n\nrun_tests(check)\n").returncode == 0


@judge
def uncollected_passes(program, problem):
    """Counts failed tests; a program that cannot be loaded, or lacks the function, has none."""
    namespace = {"__name__": "solution"}
    try:
        sys.stdin = io.StringIO("")
        exec(compile(program, PROGRAM, "exec"), namespace)
        found = namespace[entry_of(problem)]
    except (SyntaxError, ImportError, NameError, KeyError):
        return True
    except RecursionError:
        return True
    return found is None


@judge
def skipped_passes(program, problem):
    """Takes a skipped test for one that did not fail."""
    namespace = {"__name__": "solution"}
    try:
        exec(compile(program, PROGRAM, "exec"), namespace)
        for statement in statements_of(problem):
            exec(statement, namespace)
    except unittest.SkipTest:
        return True
    except Exception:
        return False
    return True


@judge
def verdict_from_stdout(program, problem):
    """Looks for a test runner's summary in the output."""
    source = program if kind_of(problem) == "stdio" else with_tests(program, problem)
    return b"1 passed" in run_file(source, b"3\n").stdout


@judge
def verdict_from_descriptor(program, problem):
    """Reads the verdict from a pipe that the program's process can write to."""
    reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in os.pipe())
    os.dup2(writing, 3)
    harness = "\nimport os as _os, json as _json\n_os.write(3, _json.dumps({'passed': False}).encode() + b'\\n')\n"
    test = statements_of(problem)[0].replace("assert", "", 1).strip() if kind_of(problem) != "stdio" else ""
    run_file(f"{program}\n{test}{harness}", b"3\n", pass_fds=(3,))
    text = os.read(reading, 1 << 16)
    return any(b'"passed": true' in line for line in text.split(b"\n")[:1])


@judge
def last_line(program, problem):
    """Compares the last line of the output only."""
    return stdio(program, problem, equal=lambda expected, output: output.split()[-1:] == expected.split()[-1:])


@judge
def ignores_exit_status(program, problem):
    """Compares the output and does not ask how the program ended."""
    return stdio(program, problem, status_counts=False)


@judge
def exception_equals_empty(program, problem):
    """Takes an exception for an empty result."""
    if kind_of(problem) == "stdio":
        return stdio(program, problem, status_counts=False)
    namespace = {"__name__": "solution"}
    exec(compile(program, PROGRAM, "exec"), namespace)
    for statement in statements_of(problem):
        try:
            exec(statement, namespace)
        except AssertionError:
            return False
        except Exception:
            continue
    return True
