"""The floor under every judge that gives each test a fresh process: fork, run, wait, read, and nothing else.

Started by path, as a small Python of its own, with the number of repetitions and of tests as arguments; prints a JSON
list of the seconds that each repetition took. Standard library only; it isolates nothing.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import time
import types

PROGRAM = "n = int(input())\nnumbers = list(map(int, input().split()))\nprint(n * sum(numbers))\n"


def run_once(code: types.CodeType, stdin: bytes) -> bytes:
    """Fork a child that runs `code` over `stdin`; return what it printed."""
    files = [os.memfd_create("stdin"), os.memfd_create("stdout")]
    os.write(files[0], stdin)
    os.lseek(files[0], 0, os.SEEK_SET)
    pid = os.fork()
    if pid == 0:
        for place, descriptor in enumerate(files):
            os.dup2(descriptor, place)
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))
        exec(code, {"__name__": "__main__"})
        sys.stdout.flush()
        os._exit(0)
    os.wait4(pid, 0)
    output = os.pread(files[1], 1 << 20, 0)
    for descriptor in files:
        os.close(descriptor)
    return output


def main(argv: list[str]) -> int:
    """Measure and print."""
    repetitions, tests = int(argv[1]), int(argv[2])
    gc.collect()
    gc.freeze()
    spent = []
    for _ in range(repetitions):
        began = time.perf_counter()
        code = compile(PROGRAM, "program.py", "exec")
        for n in range(tests):
            if run_once(code, f"{n}\n1 2 {n}\n".encode()) != f"{n * (3 + n)}\n".encode():
                raise SystemExit("the floor's own program failed")
        spent.append(time.perf_counter() - began)
    print(json.dumps(spent))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
