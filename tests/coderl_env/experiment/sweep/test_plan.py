"""The plan: which cells a sweep stands for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coderl_env.experiment.sweep.config import SweepConfig
from coderl_env.experiment.sweep.plan import PlannedCell, plan_cells

Small = Callable[..., dict[str, Any]]


def _plan(values: dict[str, Any], folder: Path | None = None) -> list[PlannedCell]:
    return plan_cells(SweepConfig.from_dict(values, folder))


def test_cells_come_seed_by_seed_with_names_and_folders_of_their_own(small: Small) -> None:
    cells = _plan(small(agents=["random", "oracle"], seeds=2, grid={"reward": ["coderl", "binary"]}))
    assert [cell.name for cell in cells] == [
        f"synth/{agent}/reward={reward}/seed{seed}"
        for seed in (0, 1)
        for agent in ("random", "oracle")
        for reward in ("coderl", "binary")
    ]
    assert cells[1].folder == "cells/synth-random-reward=binary-seed0"
    assert len({cell.folder for cell in cells}) == len(cells)
    assert cells[1].variant == "synth/random/reward=binary"
    assert (cells[1].config.reward, cells[1].config.seed, cells[5].config.seed) == ("binary", 0, 1)


def test_what_is_said_of_an_agent_wins_over_what_is_said_of_all(small: Small) -> None:
    own = {
        "agent": "random",
        "settings": {"a": 1},
        "train": {"eval_samples": 9},
        "budget": {"steps": 5},
        "seeds": [4],
        "grid": {"settings.b": [2]},
    }
    (cell,) = _plan(small(agents=[own]))
    assert cell.name == "synth/random/b=2/seed4"
    assert (cell.config.eval_samples, cell.config.rl_steps, cell.config.eval_problems) == (9, 5, 3)
    assert cell.config.settings == {"a": 1, "b": 2}


def test_windows_are_those_of_the_environment_and_synth_serves_its_main_levels(small: Small) -> None:
    first, second = _plan(small(env=None, envs=["synth", "mbpp"], settings={}))
    assert (first.config.max_prompt_tokens, second.config.max_prompt_tokens) == (256, 600)
    assert (first.config.difficulties, second.config.difficulties) == (("1", "2"), None)


def test_a_warm_start_is_made_once_for_each_seed_and_waited_for(small: Small) -> None:
    warm = {"agent": "random", "settings": {"stages": ["warm_start"]}, "budget": {"steps": {"warm_start": 2}}}
    agents = ["random", {"agent": "oracle", "warm_start": False, "seeds": [5]}]
    cells = {cell.name: cell for cell in _plan(small(agents=agents, seeds=2, warm_start=warm))}
    starts = [f"synth/warm start/seed{seed}" for seed in (0, 1)]
    assert list(cells)[:2] == starts
    assert [cells[f"synth/random/seed{seed}"].waits_for for seed in (0, 1)] == starts
    assert cells["synth/oracle/seed5"].waits_for is None
    assert cells[starts[0]].config.warm_start_steps == 2
    shared = _plan(small(agents=agents, seeds=2, warm_start={**warm, "per": "environment"}))
    assert [cell.waits_for for cell in shared] == [None, starts[0], starts[0], None]


def test_an_agent_can_be_a_file_beside_the_sweep(small: Small, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    (cell,) = _plan(small(agents=["mine.py:make"]), tmp_path)
    assert (cell.config.agent, cell.python_path, cell.agent) == ("mine:make", str(tmp_path), "make")
    with pytest.raises(ValueError, match=r"there is no file .*other\.py"):
        _plan(small(agents=["other.py:make"]), tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"agents": ["randm"]}, "unknown agent 'randm'; did you mean 'random'"),
        ({"agents": ["random", {"agent": "random", "name": "again"}]}, "'synth/random/seed0' and .* are the same run"),
        ({"grid": {"reward": ["coderl", "coderl"]}}, "are the same run"),
        ({"grid": {"rl_steps": [1]}}, "rl_steps of agent random is given both by a budget and as a setting"),
        ({"grid": {"eval_samples": ["x"]}}, "setting 'eval_samples' must be an integer"),
        (
            {"agents": [{"agent": "random", "grid": {"reward": ["coderl"]}}], "grid": {"reward": ["binary"]}},
            "reward is searched by the sweep and by agent random",
        ),
        (
            {"agents": [{"agent": "random", "warm_start": False}], "warm_start": {"agent": "random"}},
            "warm_start is given, but every agent leaves it out",
        ),
    ],
)
def test_what_is_wrong_is_said(small: Small, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _plan(small(**changes))
