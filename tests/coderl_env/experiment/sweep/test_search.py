"""Search spaces: what they stand for, and what is wrong with them in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from coderl_env.experiment.sweep.search import assignments


def test_without_spaces_there_is_one_empty_assignment() -> None:
    assert assignments({}, "the sweep") == [{}]


def test_a_grid_is_every_combination_in_order() -> None:
    grid = {"reward": ["coderl", "binary"], "settings.rl_rate": [0.1, 0.2]}
    assert assignments({"grid": grid}, "the sweep") == [
        {"reward": "coderl", "settings.rl_rate": 0.1},
        {"reward": "coderl", "settings.rl_rate": 0.2},
        {"reward": "binary", "settings.rl_rate": 0.1},
        {"reward": "binary", "settings.rl_rate": 0.2},
    ]


def test_spaces_multiply() -> None:
    listed = [{"temperature": 0.5, "top_p": 0.9}, {"temperature": 1.0}]
    found = assignments({"grid": {"reward": ["coderl", "binary"]}, "list": listed}, "the sweep")
    assert found == [{"reward": reward, **entry} for reward in ("coderl", "binary") for entry in listed]


def test_random_draws_are_the_same_for_the_same_seed_and_stay_in_range() -> None:
    over = {
        "settings.rl_rate": {"low": 1e-6, "high": 1e-2, "log": True},
        "temperature": {"low": 0.5, "high": 1.5},
        "problems_per_step": {"low": 2, "high": 4, "integer": True},
        "reward": ["coderl", "binary"],
    }
    draws = assignments({"random": {"draws": 200, "seed": 3, "over": over}}, "the sweep")
    assert draws == assignments({"random": {"draws": 200, "seed": 3, "over": over}}, "the sweep")
    assert draws != assignments({"random": {"draws": 200, "seed": 4, "over": over}}, "the sweep")
    assert {draw["problems_per_step"] for draw in draws} == {2, 3, 4}
    assert {draw["reward"] for draw in draws} == {"coderl", "binary"}
    assert all(0.5 <= draw["temperature"] <= 1.5 for draw in draws)
    rates = sorted(draw["settings.rl_rate"] for draw in draws)
    # Half of the draws of a logarithmic scale lie below the geometric mean of its ends.
    assert 1e-6 <= rates[0] < 3e-5 < rates[100] < 3e-4 < rates[-1] <= 1e-2


@pytest.mark.parametrize(
    ("spaces", "words"),
    [
        ({"grid": {}}, "grid of the sweep must be a mapping .* not empty, not {}"),
        ({"grid": {"reward": []}}, "reward in grid of the sweep must be a list"),
        ({"grid": {"rewrd": ["coderl"]}}, "unknown setting in grid of the sweep 'rewrd'; did you mean 'reward'"),
        ({"grid": {"rl_rate": [1]}}, "A setting of the agent is written settings.NAME"),
        ({"grid": {"seed": [1]}}, "unknown setting in grid of the sweep 'seed'"),
        ({"list": []}, "list of the sweep must be a list of assignments"),
        ({"list": [{}]}, "an entry of list of the sweep must be a mapping"),
        ({"grid": {"reward": ["coderl"]}, "list": [{"reward": "binary"}]}, "reward is searched twice in the sweep"),
        ({"random": {"over": {"top_p": [1]}}}, "needs draws, a positive integer, not None"),
        ({"random": {"draws": 2, "ovr": {}}}, "unknown key of random of the sweep 'ovr'; did you mean 'over'"),
        ({"random": {"draws": 2, "over": {}}}, "over in random of the sweep must be a mapping"),
        ({"random": {"draws": 2, "over": {"top_p": {"low": 1, "high": 0}}}}, "low < high, not 1 and 0"),
        ({"random": {"draws": 2, "over": {"top_p": {"low": 0, "high": 1, "log": True}}}}, "low must be above 0"),
        ({"random": {"draws": 2, "over": {"top_p": {"lo": 0, "high": 1}}}}, "'lo'; did you mean"),
    ],
)
def test_what_is_wrong_is_said(spaces: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        assignments(spaces, "the sweep")
