"""Naive judges that reject honest programs."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from common import (
    PROGRAM,
    as_bytes,
    calls_of,
    check_values,
    compile_inside,
    entry_of,
    judge,
    kind_of,
    run_file,
    same_text,
    statements_of,
    stdio,
    with_tests,
)
from unguarded import no_limits


@judge
def in_process_streams(program, problem):
    """Runs the program in a thread of its own interpreter, with stand-ins for the standard streams."""
    for test in problem["tests"]:
        lines = test["stdin"].splitlines()
        output = []

        class Stdin:
            def read(self, text=test["stdin"]):
                return text

            def readline(self, lines=lines):
                return lines.pop(0) + "\n"

        class Stdout:
            def write(self, text, output=output):
                output.append(text)

            def flush(self):
                pass

        sys.stdin, terminal, sys.stdout = Stdin(), sys.stdout, Stdout()
        failures = []

        def work(failures=failures, lines=lines):
            try:
                exec(compile(program, "<string>", "exec"), {"__name__": "solution", "input": lambda *a: lines.pop(0)})
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        sys.stdout = terminal
        if failures or not same_text(as_bytes(test["expected"]), as_bytes("".join(output))):
            return False
    return True


@judge
def source_in_function(program, problem):
    """Indents the source, to make a function of it, and replaces tabs by spaces."""
    source = (
        "def code():\n" + "\n".join("    " + line for line in program.replace("\t", "    ").split("\n")) + "\ncode()\n"
    )
    return stdio(source, problem)


@judge
def word_list_rejects(program, problem):
    """Rejects a program for the words that it contains."""
    words = r"\beval\b|\bexec\b|subprocess|os\.system|import threading|__import__"
    return not re.search(words, program) and no_limits(program, problem)


@judge
def few_imports(program, problem):
    """Allows a handful of modules."""
    allowed = {"sys", "math", "collections", "itertools", "functools", "heapq", "bisect", "re"}
    for node in ast.walk(ast.parse(program)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        if {name.partition(".")[0] for name in names} - allowed:
            return False
    return no_limits(program, problem)


@judge
def exact_bytes(program, problem):
    """Compares to the byte."""
    return stdio(program, problem, equal=lambda expected, output: expected == output)


@judge
def tight_address_space(program, problem):
    """Limits the address space instead of the memory, and lifts the limit of recursion."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (100 << 20, 100 << 20))

    lift = "import sys; sys.setrecursionlimit(10**6)\n" if program.startswith("def endless") else ""
    return stdio(lift + program, problem, preexec_fn=limit)


@judge
def tight_time(program, problem):
    """Counts the interpreter's start and imports as the program's own time, over all tests: five starts and no more."""
    passed, seconds = timed(lambda: no_limits(program, problem))
    # Of this machine, now: what heavy imports take in seconds differs by three times between machines.
    _, limit = timed(lambda: [run_file("") for _ in range(5)])
    return passed and seconds < limit


def timed(run):
    """Return what `run` returns, and the processor seconds that its processes took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@judge
def reliability_guard(program, problem):
    """Takes functions away from the interpreter that could be misused."""
    guard = (
        "import builtins, os, shutil, socket, subprocess, sys, tempfile, time, _thread, threading\n"
        "builtins.exit = builtins.quit = subprocess.Popen = subprocess.run = time.sleep = None\n"
        "os.rename = os.unlink = os.mkdir = os.makedirs = os.chdir = shutil.rmtree = tempfile.mkdtemp = None\n"
        "tempfile.NamedTemporaryFile = tempfile.TemporaryDirectory = socket.socketpair = None\n"
        "threading._start_new_thread = None\n"
        "sys.setrecursionlimit = lambda limit: None\n"
    )
    if kind_of(problem) == "stdio":
        return stdio(guard + program, problem)
    return run_file(guard + with_tests(program, problem)).returncode == 0


@judge
def stderr_is_failure(program, problem):
    """Takes anything on standard error for a failure."""
    for test in problem["tests"]:
        done = run_file(program, as_bytes(test["stdin"]))
        if done.stderr or not same_text(as_bytes(test["expected"]), done.stdout):
            return False
    return True


@judge
def ascii_text(program, problem):
    """Takes source, input and output for ASCII."""
    program.encode("ascii")
    for test in problem["tests"]:
        test["stdin"].encode("ascii")
        done = run_file(program, as_bytes(test["stdin"]))
        if done.returncode or done.stdout.decode("ascii").split() != test["expected"].split():
            return False
    return True


@judge
def compiles_text(program, problem):
    """Compiles the source as text, where its encoding no longer counts."""
    runner = f"exec(compile({program!r}, 'program.py', 'exec'))\n"
    code = compile_inside(program)
    return code is not None and stdio(runner, problem)


@judge
def input_as_argument(program, problem):
    """Gives the input to a shell as an argument."""
    Path(PROGRAM).write_bytes(program.encode())
    for test in problem["tests"]:
        command = f'printf "%s" "$1" | {shutil.which("env")} {sys.executable} {PROGRAM}'
        done = subprocess.run(["sh", "-c", command, "sh", test["stdin"]], capture_output=True, check=False)
        if done.returncode or not same_text(as_bytes(test["expected"]), done.stdout):
            return False
    return True


@judge
def needs_output(program, problem):
    """Takes an empty output for a failure."""
    return stdio(program, problem, equal=lambda a, b: bool(b) and same_text(a, b))


@judge
def old_grammar(program, problem):
    """Checks the syntax of an older Python first."""
    ast.parse(program, feature_version=(3, 7))
    return no_limits(program, problem)


@judge
def exits_without_closing(program, problem):
    """Flushes standard output and leaves, without the interpreter's own end."""
    return stdio(program + "\nimport os, sys\nsys.stdout.flush()\nos._exit(0)\n", problem)


@judge
def separate_locals(program, problem):
    """Executes the program with locals of their own, so that its functions do not see each other."""
    namespace, local = {"__name__": "solution"}, {}
    exec(compile(program, PROGRAM, "exec"), namespace, local)
    for statement in statements_of(problem):
        exec(statement, {**local})
    return True


@judge
def strict_types(program, problem):
    """Wants results of the very type that was stored."""
    return check_values(program, problem, lambda got, want: type(got) is type(want) and bool(got == want))


@judge
def stdout_channel(program, problem):
    """Runs the program as a script that reads its arguments from standard input and prints its result."""
    for args, expected in calls_of(problem):
        call = f"print(json.dumps({entry_of(problem)}(*json.loads(sys.stdin.read())), ensure_ascii=False))"
        source = f"{program}\nimport sys, json\n{call}\n"
        done = run_file(source, json.dumps(args).encode(), env={**os.environ, "PYTHONIOENCODING": "ascii"})
        if done.returncode or json.loads(done.stdout, parse_int=float) != expected or len(done.stdout) > 1 << 16:
            return False
    return True


@judge
def functions_only(program, problem):
    """Looks for a function of the right name at the top of the source."""
    found = [node.name for node in ast.parse(program).body if isinstance(node, ast.FunctionDef)]
    return entry_of(problem) in found and no_limits(program, problem)


@judge
def calls_twice(program, problem):
    """Runs each test twice, with the same arguments."""
    return check_values(program, {**problem, "tests": problem["tests"][:1]}, lambda got, want: True) and _twice(
        program, problem
    )


def _twice(program, problem):
    namespace = {"__name__": "solution"}
    exec(compile(program, PROGRAM, "exec"), namespace)
    for args, expected in calls_of(problem):
        namespace[entry_of(problem)](*args)
        if namespace[entry_of(problem)](*args) != expected:
            return False
    return True


@judge
def json_proxy(program, problem):
    """Hands the test a function that copies arguments and results through JSON, in a fresh module each time."""

    def call(*args):
        namespace = {"__name__": "__main__"}
        sys.stdin = io.StringIO("")
        exec(compile(program, PROGRAM, "exec"), namespace)
        try:
            value = namespace[entry_of(problem)](*json.loads(json.dumps(args)))
        except Exception as error:
            raise RuntimeError("the program failed") from error
        return json.loads(json.dumps(value))

    for statement in statements_of(problem):
        exec(statement, {entry_of(problem): call})
    return True


@judge
def regex_asserts(program, problem):
    """Reads each test as one comparison of a call with a literal."""
    namespace = {"__name__": "solution"}
    exec(compile(program, PROGRAM, "exec"), namespace)
    for statement in statements_of(problem):
        call, literal = re.fullmatch(r"assert (\w+\(.*\)) == (.*)", statement).groups()
        if eval(call, namespace) != ast.literal_eval(literal):
            return False
    return True


@judge
def silent_only(program, problem):
    """Takes anything on standard output for an attempt to forge a verdict."""
    done = run_file(with_tests(program, problem))
    return done.returncode == 0 and not done.stdout
