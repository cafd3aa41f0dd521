"""Throughput of the environments, one and many at a time, beside what is compared with, in one run.

Run it with `python -m coderl_benchmarks.env`. The rates of a table are measured in turns, round after round, and the
best round of each counts: on a shared machine the others tell about the neighbours.

Not here: the judge's own throughput.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils.performance import benchmark_init, benchmark_step, benchmark_vector_step
from gymnasium.vector import SyncVectorEnv

from coderl_env.datasets import ProblemSet, load_dataset
from coderl_env.env import ProgramEnv
from coderl_env.judge import Judge
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import Problem, StdioCase
from coderl_env.vector import ProgramVectorEnv

__all__ = ["Figure", "main", "measure"]

_TOKEN = 40
_EASY = Problem("bench/easy", "Print what you read.", (StdioCase("1\n", "1\n"),))
_PARTS = ("single", "vector", "gymnasium", "judged", "async", "memory")

# Does some work and returns how much it was, and how long it took in seconds.
_Work = Callable[[], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table: a value, and how many times the table's first line it is."""

    table: str
    name: str
    value: float
    unit: str
    times_first: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    Attributes:
        seconds: how long a contestant works in a round, where it can choose.
        rounds: how often each contestant works.
        num_envs: environments of a vector.
        memory_steps: steps of the memory's table, for one environment each.
        workers: of the judge; None is one per processor.
    """

    seconds: float
    rounds: int
    num_envs: int
    memory_steps: int
    workers: int | None


class InstantJudge:
    """Fails every program without looking at it, so that nothing of a judge is in the times."""

    def judge(self, program: str, problem: Problem) -> Judgement:
        cases = tuple(CaseResult(Verdict.WRONG_ANSWER) for _ in problem.tests)
        return Judgement(Outcome.FAILED_TEST, cases, "none", "lines", "bench")

    def close(self) -> None:
        """Do nothing."""


class ArrayEnv(gym.Env[Any, Any]):
    """Returns new arrays of the environment's shapes, and does nothing else: what a token step cannot do without."""

    def __init__(self, prompt_size: int, program_size: int) -> None:
        sizes = {"prompt": prompt_size, "prompt_length": 1, "program": program_size, "program_length": 1}
        self._arrays = {key: np.zeros(size, dtype=np.int32) for key, size in sizes.items()}
        self.observation_space = spaces.Dict(
            {key: spaces.Box(0, 1999, (size,), np.int32) for key, size in sizes.items()}
        )
        self.action_space = spaces.Discrete(2000)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Return zeros."""
        super().reset(seed=seed)
        return {key: array.copy() for key, array in self._arrays.items()}, {}

    def step(self, action: int) -> Any:
        """Return zeros."""
        return {key: array.copy() for key, array in self._arrays.items()}, 0.0, False, False, {}


def compare(table: str, unit: str, rounds: int, contestants: Mapping[str, _Work]) -> list[Figure]:
    """Let the contestants work in turns; return the best rate of each."""
    best = dict.fromkeys(contestants, 0.0)
    for _ in range(rounds):
        for name, work in contestants.items():
            amount, seconds = work()
            best[name] = max(best[name], amount / seconds)
    first = next(iter(best.values()))
    return [Figure(table, name, value, unit, value / first) for name, value in best.items()]


def quiet_steps(env: Any, action: Any, room: int, seconds: float, count: int = 1) -> tuple[float, float]:
    """Step without ending an episode, for about `seconds`; resets are not in the time. Return steps and seconds."""
    steps, spent = 0, 0.0
    while spent < seconds:
        env.reset(seed=0)
        started = time.perf_counter()
        for _ in range(room):
            env.step(action)
        spent += time.perf_counter() - started
        steps += room
    return float(steps * count), spent


def timed(work: Callable[[], object], amount: float, seconds: float) -> tuple[float, float]:
    """Repeat `work`, which is worth `amount`, for about `seconds`."""
    started = time.perf_counter()
    repeats = 0
    while time.perf_counter() - started < seconds:
        for _ in range(100):
            work()
        repeats += 100
    return amount * repeats, time.perf_counter() - started


def _settings(prompt: int, program: int, **more: Any) -> dict[str, Any]:
    dataset = ProblemSet("bench", "easy", (_EASY,))
    sizes = {"max_prompt_tokens": prompt, "max_program_tokens": program}
    return {"dataset": dataset, "judge": InstantJudge(), **sizes, **more}


def single(sizes: Sizes) -> list[Figure]:
    """One environment, token mode, no endings, beside one that only returns new arrays."""
    figures = []
    for prompt, program in ((256, 256), (600, 512)):
        envs = {
            "new arrays only": ArrayEnv(prompt, program),
            "ProgramEnv": ProgramEnv(**_settings(prompt, program)),
            "ProgramEnv, copy=False": ProgramEnv(**_settings(prompt, program, copy=False)),
        }
        works = {name: partial(quiet_steps, env, _TOKEN, program - 1, sizes.seconds) for name, env in envs.items()}
        figures += compare(f"one environment, {prompt}+{program}, no endings", "steps/s", sizes.rounds, works)
    return figures


def vector(sizes: Sizes) -> list[Figure]:
    """Many environments, token mode, no endings, beside bare numpy."""
    figures = []
    count = sizes.num_envs
    actions = np.full(count, _TOKEN)
    for prompt, program in ((256, 256), (600, 512)):
        settings = _settings(prompt, program)
        numpy_copy, numpy_views = _bare_numpy(count, prompt, program)
        envs = {
            "ProgramVectorEnv": ProgramVectorEnv(count, **settings),
            "ProgramVectorEnv, copy=False": ProgramVectorEnv(count, **settings, copy=False),
        }
        singles = SyncVectorEnv([partial(ProgramEnv, **settings)] * count)
        works: dict[str, _Work] = {
            "bare numpy, new arrays": partial(timed, numpy_copy, count, sizes.seconds),
            "bare numpy, views": partial(timed, numpy_views, count, sizes.seconds),
            **{
                name: partial(quiet_steps, env, actions, program - 1, sizes.seconds, count)
                for name, env in envs.items()
            },
            # A few steps at a time: it is slow.
            "SyncVectorEnv of ProgramEnv": partial(quiet_steps, singles, actions, 20, sizes.seconds, count),
        }
        table = f"{count} environments, {prompt}+{program}, no endings"
        figures += compare(table, "steps/s", sizes.rounds, works)
    return figures


def _bare_numpy(count: int, prompt: int, program: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the least that a step must do in numpy: one append for all, and new arrays or not."""
    prompts = np.zeros((count, prompt), dtype=np.int32)
    programs = np.zeros((count, program), dtype=np.int32)
    lengths = np.zeros(count, dtype=np.int64)
    rows = np.arange(count)
    actions = np.full(count, _TOKEN)

    def append() -> None:
        programs[rows, lengths] = actions
        lengths[:] = (lengths + 1) % program

    def append_and_copy() -> object:
        append()
        return prompts.copy(), programs.copy(), lengths.copy()

    return append_and_copy, append


def gymnasiums_own(sizes: Sizes) -> list[Figure]:
    """Gymnasium's benchmarks: random tokens, so with sampling, endings and resets; the judge answers at once."""
    settings = _settings(256, 256)
    count = sizes.num_envs
    one: dict[str, _Work] = {
        "benchmark_step, new arrays only": partial(_rate, benchmark_step, ArrayEnv(256, 256), sizes),
        "benchmark_step, ProgramEnv": partial(_rate, benchmark_step, ProgramEnv(**settings), sizes),
        "benchmark_init, ProgramEnv": partial(_rate, benchmark_init, partial(ProgramEnv, **settings), sizes),
    }
    vectors = {
        "SyncVectorEnv of ProgramEnv": SyncVectorEnv([partial(ProgramEnv, **settings)] * count),
        "ProgramVectorEnv": ProgramVectorEnv(count, **settings),
        "ProgramVectorEnv, SameStep": ProgramVectorEnv(count, **settings, autoreset_mode="SameStep"),
        "ProgramVectorEnv, copy=False": ProgramVectorEnv(count, **settings, copy=False),
    }
    many: dict[str, _Work] = {name: partial(_rate, benchmark_vector_step, env, sizes) for name, env in vectors.items()}
    table = "gymnasium.utils.performance"
    return [
        *compare(f"{table}, one environment, 256+256", "1/s", sizes.rounds, one),
        *compare(f"{table}, benchmark_vector_step, {count} environments, 256+256", "steps/s", sizes.rounds, many),
    ]


def _rate(benchmark: Callable[..., float], subject: object, sizes: Sizes) -> tuple[float, float]:
    return benchmark(subject, sizes.seconds, 0), 1.0


def judged(sizes: Sizes) -> list[Figure]:
    """Reference solutions of the APPS sample, played, judged for real and followed by the next episode."""
    dataset = load_dataset("apps", "sample")
    count = min(sizes.num_envs, 8)
    with Judge(sizes.workers) as judge:
        settings: dict[str, Any] = {"dataset": dataset, "judge": judge, "max_program_tokens": 1024}
        settings["autoreset_mode"] = "SameStep"
        whole = ProgramVectorEnv(count, **settings, action_mode="program")
        tokens = ProgramVectorEnv(count, **settings)

        def alone() -> tuple[float, float]:
            whole.reset(seed=0)
            pairs = [(problem.solutions[0], problem) for problem in whole.problems]
            started = time.perf_counter()
            # One by one: `judge_many` judges equal pairs once, and environments may draw the same problem.
            for future in [judge.submit(*pair) for pair in pairs]:
                future.result()
            return count, time.perf_counter() - started

        def programs() -> tuple[float, float]:
            whole.reset(seed=0)
            solutions = tuple(problem.solutions[0] for problem in whole.problems)
            started = time.perf_counter()
            whole.step(solutions)
            return count, time.perf_counter() - started

        return compare(
            f"{count} environments, APPS sample, judged for real",
            "programs/s",
            sizes.rounds,
            {
                "the judge alone": alone,
                "program mode, SameStep": programs,
                "token mode, SameStep": partial(_play_tokens, tokens),
            },
        )


def _play_tokens(env: ProgramVectorEnv) -> tuple[float, float]:
    """Play one reference solution in each environment, token by token, waiting at its end for the others."""
    env.reset(seed=0)
    scripts = []
    for problem in env.problems:
        text = problem.solutions[0]
        rest = text[len(problem.starter_code) :] if text.startswith(problem.starter_code) else text
        scripts.append(env.tokenizer.encode(rest)[:500])
    # All end in the same step, so that the judge has them at once: a blank first token makes up for shorter ones.
    blank = env.tokenizer.encode("\n")[0]
    longest = max(map(len, scripts))
    rows = [[blank] * (longest - len(script)) + script + [env.tokenizer.eos_id] for script in scripts]
    started = time.perf_counter()
    for actions in np.array(rows).T:
        env.step(actions)
    return len(rows), time.perf_counter() - started


def asynchronous(sizes: Sizes) -> list[Figure]:
    """Token steps by `send` and `recv`, while half of the environments wait for a judge that is busy with them."""
    count = sizes.num_envs

    def steps_while(waiting: int) -> tuple[float, float]:
        with Judge(1) as judge:
            settings = _settings(256, 256, judge=judge)
            env = ProgramVectorEnv(count, **settings, batch_size=count - waiting)
            env.reset(seed=0)
            spell = env.tokenizer.encode("import time; time.sleep(0.3)\n")
            for token in spell:
                env.step(np.full(count, token))
            actions = np.full(count, _TOKEN)
            actions[:waiting] = env.tokenizer.eos_id
            env.send(actions)
            steps, started = 0, time.perf_counter()
            for _ in range(200):
                received = env.recv()[4]["env_id"]
                steps += len(received)
                env.send(np.full(len(received), _TOKEN), received)
            spent = time.perf_counter() - started
            env.close()
            return steps, spent

    return compare(
        f"{count} environments, send and recv, 256+256",
        "steps/s",
        1,
        {
            "none is being judged": partial(steps_while, 0),
            "half are being judged": partial(steps_while, count // 2),
        },
    )


def memory(sizes: Sizes) -> list[Figure]:
    """Growth of the process over many steps with endings and resets, once it is warm."""
    count = sizes.num_envs
    env = ProgramVectorEnv(count, **_settings(256, 256))
    rng = np.random.default_rng(0)
    actions = rng.integers(0, len(env.tokenizer), (997, count))
    env.reset(seed=0)

    def play(steps: int) -> None:
        for number in range(steps // count):
            env.step(actions[number % len(actions)])

    play(max(sizes.memory_steps // 10, 600 * count))
    before = _resident_bytes()
    play(sizes.memory_steps)
    grown = (_resident_bytes() - before) / 2**20
    table = f"memory, {count} environments, 256+256"
    return [Figure(table, f"growth over {sizes.memory_steps:,} steps", grown, "MiB", 1.0)]


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def measure(sizes: Sizes, parts: tuple[str, ...] = _PARTS) -> list[Figure]:
    """Return the figures of the parts that are asked for."""
    functions: dict[str, Callable[[Sizes], list[Figure]]] = {
        "single": single,
        "vector": vector,
        "gymnasium": gymnasiums_own,
        "judged": judged,
        "async": asynchronous,
        "memory": memory,
    }
    return [figure for part in parts for figure in functions[part](sizes)]


def show(figures: list[Figure]) -> str:
    """Return the figures as tables of text."""
    lines: list[str] = []
    for figure in figures:
        title = f"\n{figure.table}"
        if title not in lines:
            lines.append(title)
        value = f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:.2f}"
        lines.append(f"  {figure.name:38} {value:>14} {figure.unit:11} x {figure.times_first:.2f}")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Measure, and write tables to the standard output; return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the throughput of the environments.")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each line and round (default: 0.3)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (default: 3)")
    parser.add_argument("--num-envs", type=int, default=256, help="environments of a vector (default: 256)")
    parser.add_argument("--memory-steps", type=int, default=1_000_000, help="steps of the last table (default: 10^6)")
    parser.add_argument("--workers", type=int, help="of the judge (default: one per processor)")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS, help="tables to measure (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args(argv)
    sizes = Sizes(arguments.seconds, arguments.rounds, arguments.num_envs, arguments.memory_steps, arguments.workers)
    figures = measure(sizes, tuple(arguments.parts))
    sys.stdout.write(show(figures))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
