"""Serves judges as they should not be, one mistake each: the positive controls of the probe suite.

Run by path, as a server: for each line `NAME FOLDER` it forks a process, which reads the program and the problem from
FOLDER/job and writes FOLDER/result, and answers with the process's number and, later, its exit status and whether it
took all the memory there is. The mistakes are those of real graders. A judge that dies, hangs, takes all memory or
floods its result was fooled, too. Standard library only.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import sys
from pathlib import Path

# Each registers its judges.
import channels  # noqa: F401
import comparisons  # noqa: F401
import rejecting  # noqa: F401
import tests_in_reach  # noqa: F401
import unguarded  # noqa: F401
import verdicts  # noqa: F401
from common import JUDGES
from in_process import NOTES

_MEMORY_BYTES = 1 << 30


def work(name, folder):
    """Run one judge in the calling process, which it does not outlive."""
    os.setsid()
    os.chdir(folder)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    sys.stdin, sys.stdout = open(0), open(1, "w", encoding="utf-8")
    if name != "no_limits":
        # Only for the machine's sake, should a probe go further than it is meant to.
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    # Where a program in the same interpreter would find it.
    sys.argv = ["judge", os.path.join(folder, "result")]
    content = json.loads(Path("job").read_text(encoding="utf-8"))
    passed = bool(JUDGES[name](content["program"], content["problem"]))
    text = json.dumps({"passed": passed, "notes": NOTES})
    with open(os.path.join(folder, "result"), "w", encoding="utf-8") as file:
        file.write(text)


def main():
    for line in sys.stdin:
        name, folder = line.split()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                work(name, folder)
                atexit._run_exitfuncs()
                status = 0
            finally:
                os._exit(status)
        print(pid, flush=True)
        _, status, usage = os.wait4(pid, 0)
        # A process near its limit can grow no further; the kernel counts in KiB.
        print(status, int(usage.ru_maxrss * 1024 > _MEMORY_BYTES // 2), flush=True)


if __name__ == "__main__":
    main()
