"""A judge of futures that decides by what is written in the program, and counts what it was asked; a small sweep."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coderl_env.experiment.sweep.records import Cell, Metric, StoredSample
from coderl_env.experiment.sweep.store import SweepStore
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import Problem


class WordJudge:
    """Passes a program that holds a word."""

    isolation = "none"

    def __init__(self, word: str = "right") -> None:
        self.word = word
        self.asked: list[tuple[str, str]] = []
        self.fail_at: int | None = None

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        self.asked.append((program, problem.id))
        future: Future[Judgement] = Future()
        if self.fail_at is not None and len(self.asked) > self.fail_at:
            future.set_exception(KeyboardInterrupt())
            return future
        right = self.word in program
        outcome = Outcome.PASSED if right else Outcome.FAILED_TEST
        case = CaseResult(Verdict.ACCEPTED if right else Verdict.WRONG_ANSWER)
        future.set_result(Judgement(outcome, (case,) * len(problem.tests), "none", "lines", "test"))
        return future


@pytest.fixture
def make_judge() -> type[WordJudge]:
    """The class of judges that look for a word."""
    return WordJudge


HOSTILE = "print('</code></pre><script>document.title = 1</script>')\n```\n# \u202e \x1b[31m \x00"


def _cell_samples(cell: int, skill: float, hostile: bool) -> list[StoredSample]:
    samples = []
    for row, gain in (("warm_start", 0.0), ("rl", 0.2)):
        rng = np.random.default_rng([cell, len(row)])
        for problem in range(6):
            level = "12"[problem % 2]
            for index in range(-1, 4):
                passed = bool(rng.random() < skill + gain)
                outcome = Outcome.PASSED if passed else Outcome.FAILED_TEST
                case = {"verdict": "accepted" if passed else "wrong_answer"}
                shown = None if index < 0 else passed or index % 2 == 0
                program = HOSTILE if hostile else f"print({cell}, {index})"
                name = f"synth/test/{level}/{problem}"
                reward = 1.0 if passed else -0.3
                judgement = {"outcome": outcome.value, "cases": [case]}
                samples.append(StoredSample(row, 0, name, index, level, outcome, reward, shown, program, judgement))
    return samples + [
        replace(sample, row="rl_critic_sampling", passed_examples=None)
        for sample in samples
        if sample.row == "rl" and sample.sample_index >= 0
    ]


@pytest.fixture(scope="session")
def sweep_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be read only: a sweep of two agents in two environments with two seeds each, one cell of which failed."""
    folder = tmp_path_factory.mktemp("sweep")
    with SweepStore(folder) as store:
        store.describe({"name": "two agents"})
        number = 0
        for env in ("CodeRL-Synth-v0", "CodeRL-APPS-v0"):
            for agent, skill in (("strong", 0.6), ("weak", 0.2)):
                for seed in range(2):
                    settings = {"problems_per_step": 2, "samples_per_step": 4, "comparator": "lines", "seed": seed}
                    settings |= {"env": env, "eval_split": "test", "reward": "coderl", "data_dir": None}
                    failed = (agent, seed, env) == ("weak", 1, "CodeRL-APPS-v0")
                    facts = {
                        "version": "1.2.3",
                        "dataset": {"size": -1},
                        "judge": {"isolation": "strict"},
                        "hardware": "a <b>laptop</b>",
                    }
                    name = f"{agent} {env} {seed}"
                    error = "the loss was <nan>; lower the learning rate" if failed else None
                    status = "failed" if failed else "done"
                    short = "synth" if "Synth" in env else "apps"
                    cell = Cell(
                        number, name, f"{short}/{agent}", agent, env, settings, seed, status, error, 60.0, None, facts
                    )
                    store.put_cells([cell])
                    if not failed:
                        store.add_samples(number, _cell_samples(number, skill, number == 0))
                        store.add_metrics(
                            Metric(number, "rl", step, 10.0 + step, "pass_rate", skill + step / 100)
                            for step in range(1, 20)
                        )
                    number += 1
    return folder
