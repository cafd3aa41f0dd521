"""Agents by name, by path and as objects; and what is said when there is none."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from coderl_env import registry
from coderl_env.agent import Action, Agent, Episode, Sampling, Task
from coderl_env.registry import AgentSpec, list_agents, make_agent


class Silent:
    """An agent that writes empty programs."""

    def __init__(self, spec: AgentSpec, text: str = "") -> None:
        self.spec, self.text = spec, text

    def begin(self, tasks: list[Task], sampling: Sampling) -> None: ...

    def act(self, observations: Sequence[Any], infos: Sequence[Mapping[str, Any]]) -> list[Action]:
        return [self.text for _ in observations]

    def learn(self, episodes: Sequence[Episode]) -> dict[str, float]:
        return {}

    def save(self, path: Path) -> None: ...


def make(spec: AgentSpec, *, text: str = "") -> Agent:
    return Silent(spec, text)


def make_nothing(spec: AgentSpec) -> object:
    return object()


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> str:
    """This module under a name that can be imported, whatever pytest calls it."""
    monkeypatch.setitem(sys.modules, "silent_plugin", sys.modules[__name__])
    return "silent_plugin"


def test_the_bundled_agents_are_listed_without_importing_them() -> None:
    program = """
import sys
from coderl_env.registry import list_agents
print([entry.name for entry in list_agents()])
print("torch" in sys.modules, "coderl_agents" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    names, loaded = done.stdout.splitlines()
    assert {"random", "oracle", "codet5"} <= set(eval(names))
    assert loaded == "False False"


def test_entries_say_where_an_agent_comes_from() -> None:
    entry = next(entry for entry in list_agents() if entry.name == "random")
    assert entry.target == "coderl_agents.random_agent:make"
    assert entry.distribution == "coderl-env"


def test_an_agent_is_made_by_path_with_its_settings(plugin: str) -> None:
    spec = AgentSpec(action_mode="program", seed=4)
    agent = make_agent(f"{plugin}:make", spec, text="pass")
    assert isinstance(agent, Silent)
    assert (agent.spec, agent.text) == (spec, "pass")


def test_a_class_is_a_factory_too(plugin: str) -> None:
    assert isinstance(make_agent(f"{plugin}:Silent", AgentSpec()), Silent)


def test_an_object_is_returned_as_it_is() -> None:
    agent = Silent(AgentSpec())
    assert make_agent(agent, AgentSpec()) is agent
    with pytest.raises(ValueError, match="takes no settings, but got text"):
        make_agent(agent, AgentSpec(), text="pass")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown agent 'oracel'; did you mean 'oracle'\?.*package.module:factory"):
        make_agent("oracel", AgentSpec())


def test_an_unknown_setting_is_answered_with_the_nearest(plugin: str) -> None:
    with pytest.raises(ValueError, match=r"unknown setting of agent silent_plugin:make 'txet'; did you mean 'text'\?"):
        make_agent(f"{plugin}:make", AgentSpec(), txet="pass")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_package.agents:make", "no module 'no_such_package'"),
        ("silent_plugin:mak", "has no 'mak'"),
        ("silent_plugin:__doc__", "not a function but str"),
        ("silent_plugin:make_nothing", "no method begin and no act and no learn and no save"),
    ],
)
def test_a_path_that_leads_nowhere_says_so(plugin: str, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_agent(name, AgentSpec())


def test_an_object_that_is_no_agent_is_refused() -> None:
    with pytest.raises(ValueError, match="no method begin"):
        make_agent(object(), AgentSpec())  # type: ignore[arg-type]


def test_a_missing_package_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_it.py").write_text("import package_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="'package_that_is_not_there', which is not installed; install it with: pip"):
        make_agent("needs_it:make", AgentSpec())


def test_an_outside_package_cannot_replace_a_bundled_name(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    points = [point for point in registry.entry_points(group=registry.AGENT_GROUP) if point.name == "random"]
    stranger = EntryPoint("random", "somewhere.otherwise:make", registry.AGENT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [stranger, *points])
    with caplog.at_level(logging.WARNING):
        (entry,) = list_agents()
    assert entry.target == "coderl_agents.random_agent:make"
    assert "somewhere.otherwise:make is not" in caplog.text
