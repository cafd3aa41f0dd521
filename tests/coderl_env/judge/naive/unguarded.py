"""Naive judges that lack a guard: no sandbox, no limit, no care for what a program leaves."""

from __future__ import annotations

import ctypes
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

from common import PROGRAM, as_bytes, judge, kind_of, run_file, same_text, stdio, with_tests


@judge
def no_limits(program, problem):
    """Runs programs as they are: no sandbox, no limit."""
    if kind_of(problem) == "stdio":
        return stdio(program, problem)
    return run_file(with_tests(program, problem)).returncode == 0


@judge
def waits_for_eof(program, problem):
    """Reads the output to its end, whoever holds the pipe."""
    return no_limits(program, problem)


@judge
def word_list(program, problem):
    """Believes that a program without certain words can do no harm."""
    return not re.search(r"\bopen\(|\bos\.|\beval\(", program) and no_limits(program, problem)


@judge
def unread_pipe(program, problem):
    """Waits for the program before it reads what the program wrote."""
    source = program if kind_of(problem) == "stdio" else with_tests(program, problem)
    Path(PROGRAM).write_bytes(source.encode())
    for test in problem["tests"]:
        Path("input").write_bytes(as_bytes(test.get("stdin", "")))
        with open("input", "rb") as stdin:
            running = subprocess.Popen([sys.executable, PROGRAM], stdin=stdin, stdout=subprocess.PIPE)
        running.wait()
        output = running.stdout.read()
        if running.returncode or (
            "expected" in test and "stdin" in test and not same_text(as_bytes(test["expected"]), output)
        ):
            return False
    return True


@judge
def reads_whole_file(program, problem):
    """Has the program write into a file and reads all of it."""
    Path(PROGRAM).write_bytes(program.encode())
    for test in problem["tests"]:
        with open("output", "wb") as output:
            subprocess.run([sys.executable, PROGRAM], input=as_bytes(test["stdin"]), stdout=output, check=True)
        if not same_text(as_bytes(test["expected"]), Path("output").read_bytes()):
            return False
    return True


def give_up_privileges():
    libc = ctypes.CDLL(None)
    no_new_privileges = 38
    libc.prctl(no_new_privileges, 1, 0, 0, 0)
    libc.capset(struct.pack("=Ii", 0x20080522, 0), bytes(24))


@judge
def tidies_by_path(program, problem):
    """Removes what a program left by its full path and as text, with no more rights than an ordinary user."""
    home = Path("home").resolve()
    home.mkdir()
    give_up_privileges()
    for test in problem["tests"]:
        directory = home / "box"
        directory.mkdir()
        done = run_file(program, as_bytes(test["stdin"]), directory=os.fspath(directory))
        for folder, folders, files in os.walk(directory, topdown=False):
            for name in files:
                os.unlink(f"{folder}/{name}".encode())
            for name in folders:
                os.rmdir(f"{folder}/{name}".encode())
        directory.rmdir()
        if not same_text(as_bytes(test["expected"]), done.stdout):
            return False
    return True
