"""What a critic knows and sees: accuracy on unseen programs, confusion matrix, reliability, scores over programs.

A run inspects its critics by itself, on problems that nothing was trained on, and writes the results into the folder
`critic` of the run. `python -m coderl_agents.codet5.inspect_critic RUN` does it again for the programs that the run's
evaluation drew on its held-out problems.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from coderl_agents.codet5.actor import Actor
from coderl_agents.codet5.critic_figures import confusion_png, programs_png, reliability_png
from coderl_agents.codet5.experience import Group, groups_of_samples, judged_groups
from coderl_agents.codet5.train_critic import CriticTrainer, Prediction
from coderl_env.agent import Sampling
from coderl_env.datasets import load_dataset
from coderl_env.experiment.run_folder import RunFolderError, read_config, write_whole
from coderl_env.experiment.store import SampleStore
from coderl_env.experiment.training import TrainConfig
from coderl_env.outcome import Outcome
from coderl_env.registry import AgentSpec, make_agent
from coderl_env.rollout import make_task
from coderl_env.tokens import load_tokenizer

if TYPE_CHECKING:
    from coderl_env.experiment.workbench import Workbench

__all__ = ["Inspection", "Scored", "inspect_critic", "inspect_unseen", "main", "write_inspection"]

_BINS = 10
_SAMPLES = 4  # programs for each problem
_SHOWN_PROGRAMS = 4


@dataclass(frozen=True, slots=True)
class Scored:
    """A program with what the critic says of it.

    Attributes:
        text: the program.
        pieces: its tokens as text, one for each of `prediction.passed`.
        outcome: what the judge said.
        prediction: what the critic says.
    """

    text: str
    pieces: tuple[str, ...]
    outcome: Outcome
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Inspection:
    """How well a critic knows the outcomes of programs; each counts as often as it was drawn.

    Attributes:
        labels: names of the classes, PASSED last.
        confusion: (true, predicted) numbers of programs.
        bins: of the predicted probability of PASSED: mean prediction, share that passed, number of programs; bins
            without programs are left out.
        auc: probability that a passing program is scored above a failing one; NaN without both.
        distinct: numbers of distinct programs, of those predicted right, and of those of the commonest outcome.
    """

    labels: tuple[str, ...]
    confusion: npt.NDArray[np.int64]
    bins: tuple[tuple[float, float, int], ...]
    auc: float
    distinct: tuple[int, int, int]

    @property
    def programs(self) -> int:
        """Programs drawn."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of programs whose outcome is predicted right."""
        return float(np.trace(self.confusion) / max(self.programs, 1))

    @property
    def majority(self) -> float:
        """The same for always predicting the commonest outcome."""
        return float(self.confusion.sum(1).max() / max(self.programs, 1))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "programs": self.programs,
            "accuracy": self.accuracy,
            "majority": self.majority,
            "distinct_programs": self.distinct[0],
            "distinct_accuracy": self.distinct[1] / max(self.distinct[0], 1),
            "distinct_majority": self.distinct[2] / max(self.distinct[0], 1),
            "auc": None if np.isnan(self.auc) else self.auc,
            "labels": list(self.labels),
            "confusion": self.confusion.tolist(),
            "reliability": [list(entry) for entry in self.bins],
        }


def inspect_critic(trainer: CriticTrainer, groups: Sequence[Group]) -> Inspection:
    """Return what the critic knows of judged programs that it has not learned from.

    Raises:
        ValueError: there are no programs.
    """
    rows = [row for group in groups for row in group.rows]
    if not rows:
        raise ValueError("there is no judged program to inspect the critic with")
    predictions = trainer.predictions(groups)
    probabilities = np.array([prediction.probabilities for prediction in predictions])  # (programs, classes)
    classes = probabilities.shape[1]
    outcomes = np.array([row.outcome.index for row in rows])
    passed = outcomes == Outcome.PASSED.index
    is_binary = classes == 2
    truth = passed.astype(np.int64) if is_binary else outcomes
    counts = np.array([row.count for row in rows])
    guess = probabilities.argmax(1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (truth, guess), counts)
    return Inspection(
        labels=("not_passed", "passed") if is_binary else tuple(outcome.value for outcome in Outcome),
        confusion=confusion,
        bins=_reliability(probabilities[:, -1], passed, counts),
        auc=_auc(probabilities[:, -1], passed, counts),
        distinct=(len(rows), int((guess == truth).sum()), int(np.bincount(truth).max())),
    )


def inspect_unseen(agent: Actor, workbench: Workbench, trainer: CriticTrainer, name: str) -> None:
    """Inspect a critic on programs that the actor draws for the run's validation problems; once in a run.

    Args:
        agent: the actor, as it is.
        workbench: the run's workbench; the files go into the folder `critic` of its run.
        trainer: the critic.
        name: the critic's name, which the files and the stage `inspect_<name>` bear.
    """
    stage = f"inspect_{name}"
    if workbench.finished(stage) is not None:
        return
    begin = time.perf_counter()
    settings, config = agent.settings, workbench.config
    tasks = workbench.validation_tasks(config.validation_problems)
    sampling = Sampling(settings.rl_temperature, settings.rl_top_p, config.seed)
    groups = judged_groups(agent, workbench, stage, tasks, _SAMPLES, sampling) if tasks else []
    result: dict[str, Any] = {}
    if groups:
        found = write_inspection(workbench.run.path / "critic", agent, trainer, groups, name)
        result = {key: found.to_dict()[key] for key in ("programs", "accuracy", "majority", "auc")}
    workbench.run.finish_stage(stage, {**result, "seconds": time.perf_counter() - begin})


def write_inspection(
    folder: Path, agent: Actor, trainer: CriticTrainer, groups: Sequence[Group], name: str
) -> Inspection:
    """Write `<name>.json` and, with matplotlib, `<name>_confusion.png`, `_reliability.png` and `_programs.png`.

    Raises:
        ValueError: there are no programs.
        OSError: a file cannot be written.
    """
    found = inspect_critic(trainer, groups)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{name}.json", (json.dumps(found.to_dict(), indent=2) + "\n").encode())
    shown = _some_programs(agent, trainer, groups)
    pictures = {
        "confusion": confusion_png(found.labels, found.confusion, found.accuracy, found.majority),
        "reliability": reliability_png(found.bins),
        "programs": programs_png([(_title(one), one.pieces, one.prediction.passed) for one in shown]),
    }
    for kind, picture in pictures.items():
        if picture is not None:
            write_whole(folder / f"{name}_{kind}.png", picture)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Inspect the sampling critic of a run on the programs of its evaluation, and return the exit status."""
    options = _parse(argv)
    try:
        found = _inspect_run(options.run, options.stage, options.out or options.run / "critic")
    except (ValueError, RunFolderError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    summary = {name: value for name, value in found.to_dict().items() if name != "reliability"}
    sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    return 0


def _inspect_run(run: Path, stage: str, out: Path) -> Inspection:
    from coderl_agents.codet5.sampling_stage import ROW, load_helpers

    config = TrainConfig.from_dict(read_config(run))
    checkpoint = run / "checkpoints" / ROW
    if not checkpoint.is_dir():
        raise ValueError(f"{run} has no checkpoint {ROW!r}; its critic was not trained, or the run is not there yet")
    spec = AgentSpec(
        tokenizer=load_tokenizer(config.tokenizer),
        max_prompt_tokens=config.max_prompt_tokens,
        max_program_tokens=config.max_program_tokens,
        seed=config.seed,
        checkpoint=checkpoint,
    )
    agent = make_agent(config.agent, spec, **config.settings)
    dataset = load_dataset(config.dataset, config.eval_split, config.data_dir, config.difficulties)
    with SampleStore(run / "samples.sqlite", read_only=True) as store:
        groups = groups_of_samples(agent, store.rows(stage), lambda task_id: make_task(dataset.get(task_id)))
    if not groups:
        raise ValueError(f"{run} has no programs of stage {stage!r}; its evaluation has not come so far")
    return write_inspection(out, agent, load_helpers(agent, checkpoint).critic, groups, stage)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="inspect_critic", description="Inspect the critic of a run.")
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("--stage", default="evaluate_rl", help="stage whose judged programs are read")
    parser.add_argument("--out", type=Path, help="folder for the results; the run's own folder 'critic' if left out")
    return parser.parse_args(argv)


def _reliability(
    predicted: npt.NDArray[np.float64], passed: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64]
) -> tuple[tuple[float, float, int], ...]:
    places = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    found = []
    for place in range(_BINS):
        inside = places == place
        total = int(counts[inside].sum())
        if total:
            weights = counts[inside] / total
            found.append((float(predicted[inside] @ weights), float(passed[inside] @ weights), total))
    return tuple(found)


def _auc(predicted: npt.NDArray[np.float64], passed: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64]) -> float:
    """Return the area under the ROC curve; ties count half."""
    if passed.all() or not passed.any():
        return float("nan")
    values, places = np.unique(predicted, return_inverse=True)
    good, bad = (np.bincount(places, counts * chosen, len(values)) for chosen in (passed, ~passed))
    below = np.cumsum(bad) - bad / 2
    return float((good * below).sum() / (good.sum() * bad.sum()))


def _some_programs(agent: Actor, trainer: CriticTrainer, groups: Sequence[Group]) -> list[Scored]:
    """Return a few programs to look at: of problems with both a passing and a failing one, the commonest of each."""
    chosen = []
    for group in groups:
        ordered = sorted(group.rows, key=lambda row: -row.count)
        right = next((row for row in ordered if row.outcome is Outcome.PASSED), None)
        wrong = next((row for row in ordered if row.outcome is not Outcome.PASSED), None)
        if right is not None and wrong is not None:
            chosen.append(Group(group.task, (right, wrong), None))
        if len(chosen) * 2 >= _SHOWN_PROGRAMS:
            break
    if not chosen:
        chosen = [Group(group.task, group.rows[:1], None) for group in groups[:_SHOWN_PROGRAMS]]
    rows = [row for group in chosen for row in group.rows]
    return [
        Scored(
            agent.tokenizer.decode(list(row.example.target)),
            _token_texts(agent, row.example.target),
            row.outcome,
            prediction,
        )
        for row, prediction in zip(rows, trainer.predictions(chosen), strict=True)
    ]


def _token_texts(agent: Actor, target: Sequence[int]) -> tuple[str, ...]:
    """Return what each token adds to the text; a character of several tokens belongs to the last of them."""
    texts, before = [], ""
    for number in range(1, len(target) + 1):
        text = agent.tokenizer.decode(list(target[:number]))
        whole = text.rstrip("\N{REPLACEMENT CHARACTER}")
        texts.append(whole[len(before) :])
        before = whole
    return tuple(texts)


def _title(program: Scored) -> str:
    return f"{program.outcome.value}; the critic gives PASSED {program.prediction.probabilities[-1]:.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
