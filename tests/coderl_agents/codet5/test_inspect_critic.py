"""Inspecting a critic: its figures against counting by hand, its pictures, and the command on a run's folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from coderl_agents.codet5.batches import Example
from coderl_agents.codet5.critic_figures import confusion_png, programs_png, reliability_png
from coderl_agents.codet5.experience import Group, Row
from coderl_agents.codet5.inspect_critic import inspect_critic, main
from coderl_agents.codet5.train_critic import Prediction
from coderl_env.agent import Task
from coderl_env.outcome import Outcome

PNG = b"\x89PNG"


class Trainer:
    """Gives the probabilities that it was made with."""

    def __init__(self, *probabilities: Sequence[float]) -> None:
        self.probabilities = probabilities

    def predictions(self, groups: Sequence[Group]) -> list[Prediction]:
        return [Prediction(tuple(values), (values[-1],)) for values in self.probabilities]


def group(*rows: tuple[Outcome, int]) -> Group:
    example = Example((1,), (), (2,))
    return Group(Task("t", ""), tuple(Row(example, (), count, outcome, 0.0) for outcome, count in rows), None)


def test_figures_count_programs_as_often_as_they_were_drawn() -> None:
    groups = [group((Outcome.PASSED, 3), (Outcome.FAILED_TEST, 1)), group((Outcome.RUNTIME_ERROR, 2))]
    found = inspect_critic(
        Trainer((0.0, 0.1, 0.1, 0.8), (0.1, 0.0, 0.3, 0.6), (0.2, 0.7, 0.1, 0.0)),  # type: ignore[arg-type]
        groups,
    )
    expected = np.zeros((4, 4), int)
    expected[3, 3], expected[2, 3], expected[1, 1] = 3, 1, 2
    assert (found.confusion == expected).all()
    assert (found.accuracy, found.majority, found.programs) == (pytest.approx(5 / 6), 0.5, 6)
    assert found.distinct == (3, 2, 1)
    assert found.auc == 1.0
    assert found.bins == ((0.0, 0.0, 2), (pytest.approx(0.6), 0.0, 1), (pytest.approx(0.8), 1.0, 3))


def test_a_binary_critic_and_ties() -> None:
    groups = [group((Outcome.PASSED, 1), (Outcome.FAILED_TEST, 1), (Outcome.COMPILE_ERROR, 2))]
    found = inspect_critic(Trainer((0.5, 0.5), (0.5, 0.5), (0.9, 0.1)), groups)  # type: ignore[arg-type]
    assert found.labels == ("not_passed", "passed")
    assert found.confusion.tolist() == [[3, 0], [1, 0]]
    assert found.auc == pytest.approx((2 + 0.5) / 3)
    alone = inspect_critic(Trainer((0.2, 0.8)), [group((Outcome.PASSED, 1))])  # type: ignore[arg-type]
    assert math.isnan(alone.auc)
    assert alone.to_dict()["auc"] is None
    with pytest.raises(ValueError, match="no judged program"):
        inspect_critic(Trainer(), [])  # type: ignore[arg-type]


def test_pictures_are_drawn() -> None:
    pytest.importorskip("matplotlib")
    confusion = confusion_png(("a", "b"), np.array([[1, 2], [0, 0]]), 0.3, 0.9)
    reliability = reliability_png(((0.1, 0.2, 5),))
    programs = programs_png([("title", ("if $x", ":\n", "  y\n", ""), (0.1, 0.5, 0.9, 1.0))])
    for picture in (confusion, reliability, programs):
        assert picture is not None
        assert picture.startswith(PNG)
    assert programs_png([]) is None


def test_a_folder_that_is_no_run_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "there is no run in" in capsys.readouterr().err
