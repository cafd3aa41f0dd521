"""`key=value` settings, environment names, and values of the wrong type."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from coderl_env.cli.options import allow_agents_here, checked_fields, environment_id, parse_settings
from coderl_env.experiment.training import TrainConfig


@pytest.mark.parametrize("name", ["synth", "Synth", "CodeRL-Synth-v0"])
def test_an_environment_has_a_short_name(name: str) -> None:
    assert environment_id(name) == "CodeRL-Synth-v0"


def test_an_unknown_environment_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown environment 'CodeRL-Synht-v0'; did you mean 'CodeRL-Synth-v0'"):
        environment_id("CodeRL-Synht-v0")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ("text", "text"),
        ('"3"', "3"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_a_value_is_json_where_it_can_be(text: str, value: Any) -> None:
    assert parse_settings([f"key={text}"]) == {"key": value}


@pytest.mark.parametrize("pairs", [["novalue"], ["=3"], [" =3"], ["a=1", "a=2"]])
def test_a_broken_setting_is_refused(pairs: list[str]) -> None:
    with pytest.raises(ValueError, match="--set"):
        parse_settings(pairs)


@pytest.mark.parametrize(
    ("name", "value", "fitted"),
    [
        ("rl_seconds", 3, 3.0),
        ("rl_seconds", None, None),
        ("rl_steps", 3, 3),
        ("difficulties", [1, 2], ("1", "2")),
        ("difficulties", "1", ("1",)),
        ("tokenizer", 7, "7"),
    ],
)
def test_a_value_is_fitted_to_its_field(name: str, value: Any, fitted: Any) -> None:
    (result,) = checked_fields(TrainConfig, {name: value}).values()
    assert result == fitted
    assert type(result) is type(fitted)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rl_seconds", "abc", "'rl_seconds' must be a number or null, not \"abc\""),
        ("rl_steps", 1.5, "'rl_steps' must be an integer or null, not 1.5"),
        ("rl_steps", True, "'rl_steps' must be an integer or null, not true"),
        ("seed", None, "'seed' must be an integer, not null"),
        ("reward", [1], "'reward' must be text"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked_fields(TrainConfig, {name: value})
    assert message in str(caught.value)


def test_agents_of_the_current_folder_never_hide_installed_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise RuntimeError")
    (tmp_path / "only_here_agent.py").write_text("VALUE = 3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    allow_agents_here()
    allow_agents_here()
    assert sys.path.count(str(tmp_path)) == 1
    assert importlib.util.find_spec("only_here_agent") is not None
    spec = importlib.util.find_spec("numpy")
    assert spec is not None
    assert str(tmp_path) not in str(spec.origin)
