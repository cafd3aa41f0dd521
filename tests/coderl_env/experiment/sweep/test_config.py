"""The sweep's file: read, checked, and what is wrong said with the nearest name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coderl_env.experiment.sweep.budget import Budget
from coderl_env.experiment.sweep.config import SweepConfig, read_sweep
from coderl_env.experiment.training import TrainConfig


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(
        "name: one\n"
        "envs: [synth, mbpp]\n"
        "seeds: 3\n"
        "agents:\n"
        "  - random\n"
        "  - {agent: 'package.module:factory', settings: {size: 3}, seeds: [7]}\n"
        "settings: {difficulties: '1', rl_seconds: 5}\n"
        "budget: {samples: {rl: 1000}}\n"
        "parallel: 2\n"
    )
    sweep = read_sweep(file)
    assert sweep.envs == ("CodeRL-Synth-v0", "CodeRL-MBPP-v0")
    assert sweep.seeds == (0, 1, 2)
    assert [(agent.name, agent.agent, agent.seeds) for agent in sweep.agents] == [
        ("random", "random", None),
        ("factory", "package.module:factory", (7,)),
    ]
    assert sweep.settings == {"difficulties": ("1",), "rl_seconds": 5.0}
    assert sweep.budget == Budget("samples", {"rl": 1000})
    assert sweep.folder == tmp_path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sedes": [1]}, "unknown key of a sweep 'sedes'; did you mean 'seeds'"),
        ({"name": ""}, "a sweep needs a name without slashes, not ''"),
        ({"env": "sinth"}, "unknown environment 'sinth'; did you mean 'synth'"),
        ({"env": None}, "env or envs must be a list that is not empty, not None"),
        ({"envs": ["synth"]}, "env and envs are both given"),
        ({"agents": []}, "agents must be a list that is not empty"),
        ({"agents": ["random", "random"]}, "two agents are called 'random'"),
        ({"agents": [{"agnt": "random"}]}, "unknown key of an agent 'agnt'; did you mean 'agent'"),
        ({"agents": [{"name": "a"}]}, "an agent needs its name as `agent`"),
        ({"agents": [{"agent": "random", "settings": 3}]}, "settings of agent random must be a mapping"),
        ({"agents": [{"agent": "random", "train": {"rl_stps": 3}}]}, "train of agent random 'rl_stps'; did you mean"),
        ({"settings": {"settings.a": 1}}, "settings.a in settings is a setting of an agent"),
        ({"settings": {"rl_steps": "many"}}, "setting 'rl_steps' must be an integer or null, not \"many\""),
        ({"seeds": []}, "seeds must be a list that is not empty"),
        ({"seeds": [1, 1]}, "seeds names a seed twice"),
        ({"seeds": [-1]}, "seeds must be numbers from 0"),
        ({"budget": {"step": 3}}, "unknown unit of a budget 'step'; did you mean 'steps'"),
        ({"budget": {"steps": 3, "seconds": 3}}, "a budget has exactly one of"),
        ({"budget": {"steps": {"rll": 3}}}, "unknown stage of a budget in steps 'rll'; did you mean 'rl'"),
        ({"budget": {"samples": {"warm_start": 3}}}, "unknown stage of a budget in samples 'warm_start'"),
        ({"budget": {"steps": 0}}, "the budget of rl in steps must be a positive number, not 0"),
        ({"budget": {"steps": 1.5}}, "the budget of rl in steps must be a positive number, not 1.5"),
        ({"parallel": 0}, "parallel must be a positive number, not 0"),
        ({"warm_start": {"agent": "random", "per": "sed"}}, "unknown value of per in warm_start 'sed'; did you mean"),
    ],
)
def test_what_is_wrong_is_said(small: Callable[..., dict[str, Any]], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SweepConfig.from_dict(small(**changes))


@pytest.mark.parametrize(
    ("text", "words"),
    [("name: [", "is no YAML"), ("- 1\n", "a sweep is a mapping of keys, not list"), ("nam: a", "sweep.yaml: unknown")],
)
def test_a_file_that_is_no_sweep(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_sweep(file)


@pytest.mark.parametrize(
    ("budget", "fields"),
    [
        ({"steps": 7}, {"rl_steps": 7, "rl_seconds": None, "critic_seconds": None, "warm_start_seconds": None}),
        ({"steps": {"critic": 2, "rl": 7}}, {"critic_steps": 2, "rl_steps": 7, "rl_seconds": None}),
        ({"samples": 100}, {"rl_steps": 7, "rl_seconds": None}),  # 16 programs a step
        ({"seconds": {"rl": 3, "warm_start": 4}}, {"rl_seconds": 3.0, "warm_start_seconds": 4.0}),
    ],
)
def test_what_a_budget_sets(budget: dict[str, Any], fields: dict[str, Any]) -> None:
    found = Budget.from_dict(budget).fields(TrainConfig(problems_per_step=4, samples_per_step=4))
    assert fields.items() <= found.items()
    assert ("critic_seconds" in found) == ("seconds" not in budget)
