"""Synth as a data set: endless, drawn by the generator given, found again by id."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from coderl_env.datasets import Dataset, load_dataset
from coderl_env.datasets.synth import LEVELS, SynthDataset
from coderl_env.datasets.synth.draw import Draw, fraction_of


def test_it_is_an_endless_dataset() -> None:
    dataset = SynthDataset()
    assert isinstance(dataset, Dataset)
    assert (dataset.name, dataset.split, dataset.size, dataset.skipped) == ("synth", "train", -1, 0)
    assert dataset.levels == LEVELS


def test_load_dataset_finds_it() -> None:
    dataset = load_dataset("synth", split="test", difficulties=("2",))
    assert isinstance(dataset, SynthDataset)
    assert next(iter(dataset)).id == "synth/test/2/0"


def test_the_same_generator_draws_the_same_problems() -> None:
    dataset = SynthDataset("validation")
    first, second, other = ([dataset.draw(rng).id for _ in range(20)] for rng in map(np.random.default_rng, (1, 1, 2)))
    assert first == second
    assert first != other
    assert {text.split("/")[2] for text in first} == set(LEVELS)


def test_a_drawn_problem_is_found_again_by_its_id() -> None:
    dataset = SynthDataset("test", levels=("3",))
    problem = dataset.draw(np.random.default_rng(0))
    assert dataset.get(problem.id) == problem
    assert (problem.difficulty, problem.source) == ("3", "synth")


def test_iteration_goes_through_the_levels_in_turn() -> None:
    ids = [problem.id for problem in itertools.islice(SynthDataset("train", ("1", "4")), 4)]
    assert ids == ["synth/train/1/0", "synth/train/4/0", "synth/train/1/1", "synth/train/4/1"]


@pytest.mark.parametrize(
    "problem_id",
    [
        "",
        "synth",
        "synth/train/1",
        "synth/train/1/x",
        "synth/train/1/-1",
        "synth/train/1/01",
        "synth/train/1/²",
        "synth/train/1/99999999999999999999",
        "synth/train/1/0/0",
        "apps/train/1/0",
    ],
)
def test_malformed_ids_are_refused(problem_id: str) -> None:
    with pytest.raises(ValueError, match="an id looks like synth/train/1/0"):
        SynthDataset("train").get(problem_id)


def test_ids_of_other_splits_and_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="Valid are train"):
        SynthDataset("train").get("synth/test/1/0")
    with pytest.raises(ValueError, match="Valid are 2, 3"):
        SynthDataset("train", ("2", "3")).get("synth/train/1/0")


def test_unknown_splits_and_levels_are_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown Synth split 'tran'; did you mean 'train'\?"):
        SynthDataset("tran")
    with pytest.raises(ValueError, match="unknown Synth level '6'"):
        SynthDataset("train", ("6",))
    with pytest.raises(ValueError, match="no levels"):
        SynthDataset("train", ())


def test_choices_are_fixed_by_the_key() -> None:
    """Noted numbers: another machine or Python must draw the same."""
    draw = Draw("a key")
    assert [draw.below(1000) for _ in range(5)] == [464, 164, 49, 219, 517]
    assert [draw.between(3, 5) for _ in range(5)] == [3, 4, 5, 4, 3]
    assert round(fraction_of("a key"), 6) == 0.661432


def test_choices_are_spread_evenly() -> None:
    draw = Draw("spread")
    found = [draw.between(1, 6) for _ in range(6000)]
    assert {found.count(face) for face in range(1, 7)} <= set(range(850, 1150))
    assert set(found) == set(range(1, 7))
    assert 0.45 < sum(fraction_of(f"{i}") < 0.5 for i in range(2000)) / 2000 < 0.55
