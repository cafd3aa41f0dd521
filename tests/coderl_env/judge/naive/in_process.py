"""Naive judges that share an interpreter with the program."""

from __future__ import annotations

import contextlib
import io
import math
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
import types
import unittest
from pathlib import Path

from common import PROGRAM, as_bytes, compile_inside, judge, kind_of, same_text, statements_of, value_of

grader = types.ModuleType("grader")
sys.modules["grader"] = grader


def compare(output, expected):
    if isinstance(expected, float):
        return math.isclose(output, expected)
    if isinstance(expected, str) and isinstance(output, str):
        got, wanted = output.split("\n"), expected.split("\n")
        return len(got) == len(wanted) and all(a == b for a, b in zip(got, wanted, strict=True))
    return output == expected


grader.compare = compare
RESULTS = []
NOTES = []


def run_inside(program, stdin, name="__main__"):
    code = compile_inside(program)
    if code is None:
        return None
    sys.stdin, sys.stdout = io.StringIO(stdin), io.StringIO()
    exec(code, {"__name__": name})
    return sys.stdout


@judge
def in_process(program, problem):
    """Runs the program in its own interpreter, with the expected value in a variable."""
    results = RESULTS
    if compile_inside(program) is None:
        return False
    for test in problem["tests"]:
        expected = value_of(test["expected"])
        context = {"test": [test], "expected": expected}
        terminal = sys.stdout
        try:
            if kind_of(problem) == "stdio":
                output = one_output(program, test["stdin"])
                output = judge_output(output, context["expected"])
            else:
                namespace = {"__name__": "solution"}
                exec(compile_inside(program), namespace)
                output = namespace[problem["entry_point"]](*value_of(test["args"]))
                NOTES.append(repr(output)[: 4 << 20])
            results.append(bool(grader.compare(output, expected)))
        except SystemExit:
            break
        except Exception as error:
            NOTES.append(f"{type(error).__name__}: {error}")
            terminal.write(NOTES[-1])
            terminal.flush()
            results.append(False)
        finally:
            sys.stdout = terminal
    return bool(results) and all(results)


def one_output(program, stdin):
    stream = run_inside(program, stdin)
    return "" if stream is None else stream.getvalue()


def judge_output(output, expected):
    return output


@judge
def shares_names(program, problem):
    """Runs the program among its own names."""
    for test in problem["tests"]:
        sys.stdin, sys.stdout = io.StringIO(test["stdin"]), io.StringIO()
        exec(compile(program, PROGRAM, "exec"), globals())
        if not compare(sys.stdout.getvalue(), test["expected"]):
            return False
    return True


@judge
def asserts_in_process(program, problem):
    """Runs the tests in the program's namespace, where its objects decide."""
    namespace = {"__name__": "solution"}
    code = compile_inside(program)
    if code is None:
        return False
    exec(code, namespace)
    for statement in statements_of(problem):
        try:
            exec(statement, namespace)
        except AssertionError as error:
            NOTES.append(f"{type(error).__name__}: {error}")
            return False
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            sys.stderr.buffer.write(message.encode())
            return False
        except BaseException as error:
            # Its own name for a failure of its own, which it does not count.
            if type(error).__name__ not in ("_Abandoned", "HelperFailure"):
                raise
    return True


@judge
def trusts_exception_names(program, problem):
    """Takes an exception of the program for one of its own, by its name, and does not count the test."""
    namespace = {"__name__": "solution"}
    exec(compile(program, PROGRAM, "exec"), namespace)
    for statement in statements_of(problem):
        try:
            exec(statement, namespace)
        except BaseException as error:
            if type(error).__name__ not in ("_Abandoned", "HelperFailure"):
                return False
    return True


@judge
def shared_results(program, problem):
    """Keeps its results in memory that it shares with the program's process."""
    results = mmap.mmap(-1, len(problem["tests"]))
    for place, test in enumerate(problem["tests"]):
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                results[place] = int(same_text(as_bytes(test["expected"]), one_output(program, test["stdin"]).encode()))
                forget = True
                run_last(program, results, forget)
            os._exit(0)
        os.waitpid(pid, 0)
    return all(results)


def run_last(program, results, forget):
    exec(compile(program, PROGRAM, "exec"), {"__name__": "__main__"})


@judge
def unittest_in_process(program, problem):
    """Runs the tests with a test runner that the program can patch."""
    namespace = {"__name__": "solution"}
    exec(compile(program, PROGRAM, "exec"), namespace)

    class Tests(unittest.TestCase):
        def test_all(self):
            for statement in statements_of(problem):
                exec(statement, namespace)

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Tests).run(result)
    return result.wasSuccessful()


@judge
def same_process(program, problem):
    """Runs all tests in one interpreter."""
    for test in problem["tests"]:
        if not same_text(as_bytes(test["expected"]), one_output(program, test["stdin"]).encode()):
            return False
        sys.stdout = sys.__stdout__
    return True


@judge
def program_clock(program, problem):
    """Reads the clock of the program's interpreter."""
    began = time.perf_counter()
    passed = same_process(program, {"tests": problem["tests"][:1]})
    return passed and time.perf_counter() - began < 0.2


@judge
def alarm_timeout(program, problem):
    """Ends a program by an exception in its own interpreter."""

    def ring(number, frame):
        raise TimeoutError

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    passed = same_process(program, {"tests": problem["tests"][:1]})
    signal.setitimer(signal.ITIMER_REAL, 0)
    return passed


def _terminate(running):
    """End a process after a third of a second of processor time, as far as it lets itself be ended."""
    with contextlib.suppress(OSError):
        while time.clock_gettime((~running.pid << 3) | 2) < 0.3:
            time.sleep(0.02)
    running.terminate()


@judge
def polite_timeout(program, problem):
    """Asks a program that takes too long to end."""
    Path(PROGRAM).write_bytes(program.encode())
    for test in problem["tests"][:1]:
        running = subprocess.Popen([sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=_terminate, args=(running,), daemon=True).start()
        output, _ = running.communicate(as_bytes(test["stdin"]))
        if running.returncode or not same_text(as_bytes(test["expected"]), output):
            return False
    return True
