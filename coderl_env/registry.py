"""Agents by name: what is installed, and how one is made.

An agent is named by an entry point of the group `coderl_env.agents`, by `"package.module:factory"`, or given as an
object. Nothing is imported before an agent is made, so listing them costs nothing and never loads torch.
"""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coderl_env.agent import Agent
from coderl_env.naming import unknown_name

if TYPE_CHECKING:
    from coderl_env.tokens import Tokenizer

__all__ = ["AGENT_GROUP", "AgentEntry", "AgentSpec", "list_agents", "make_agent"]

AGENT_GROUP = "coderl_env.agents"
_HOME = "coderl-env"
_LOGGER = logging.getLogger(__name__)

Factory = Callable[..., Agent]


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """What the environment and the command line tell an agent's factory.

    Attributes:
        tokenizer: the environment's tokenizer, or None for an agent that writes text.
        action_mode: `token`, `line` or `program`.
        max_prompt_tokens: length of the prompt window, in tokens.
        max_program_tokens: length of the program window, in tokens.
        seed: seed of everything that the agent draws.
        checkpoint: folder to load the agent from, as `Agent.save` wrote it, or None.
        solutions: reference programs by problem id; only for an agent that asks for them by an explicit option.
    """

    tokenizer: Tokenizer | None = None
    action_mode: str = "token"
    max_prompt_tokens: int = 256
    max_program_tokens: int = 128
    seed: int = 0
    checkpoint: Path | None = None
    solutions: Mapping[str, Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """An installed agent.

    Attributes:
        name: the name that `make_agent` takes.
        target: its factory, as `package.module:factory`.
        distribution: the distribution that brings it, or an empty string.
    """

    name: str
    target: str
    distribution: str


def list_agents() -> list[AgentEntry]:
    """Return the installed agents, sorted by name, without importing any of them."""
    return [
        AgentEntry(name, point.value, point.dist.name if point.dist else "")
        for name, point in sorted(_installed().items())
    ]


def make_agent(name: str | Agent, spec: AgentSpec, **settings: Any) -> Agent:
    """Return the agent that `name` names, made by its factory: `factory(spec, **settings)`.

    Args:
        name: an installed agent's name, `"package.module:factory"`, or an `Agent` object, which is returned as it is.
        spec: what the environment asks of the agent.
        settings: the factory's own settings.

    Raises:
        ValueError: no such agent or setting, an optional package is missing, or the factory made no agent.
    """
    if not isinstance(name, str):
        if settings:
            raise ValueError(f"an agent object takes no settings, but got {', '.join(sorted(settings))}")
        return _checked(name, type(name).__name__)
    factory = _find_factory(name)
    _check_settings(name, factory, settings)
    return _checked(factory(spec, **settings), name)


def _installed() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    # The project's own names come first, so that no other package can replace them.
    points = sorted(entry_points(group=AGENT_GROUP), key=lambda point: point.dist is None or point.dist.name != _HOME)
    for point in points:
        earlier = found.setdefault(point.name, point)
        if earlier.value != point.value:
            _LOGGER.warning("two agents are called %r: %s is used, %s is not", point.name, earlier.value, point.value)
    return found


def _find_factory(name: str) -> Factory:
    target = name
    if ":" not in name:
        installed = _installed()
        if name not in installed:
            raise ValueError(unknown_name("agent", name, installed) + ' Or name it "package.module:factory".')
        target = installed[name].value
    module_name, _, attribute = target.partition(":")
    try:
        factory: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ValueError(_missing_module(name, module_name, error)) from error
    for part in attribute.split("."):
        if not hasattr(factory, part):
            raise ValueError(f"agent {name!r}: module {module_name} has no {attribute!r}")
        factory = getattr(factory, part)
    if not callable(factory):
        raise ValueError(f"agent {name!r}: {target} is not a function but {type(factory).__name__}")
    made: Factory = factory
    return made


def _missing_module(name: str, module_name: str, error: ModuleNotFoundError) -> str:
    missing = error.name or module_name
    if module_name == missing or module_name.startswith(f"{missing}."):
        return f"agent {name!r}: there is no module {missing!r}; is it installed, or on PYTHONPATH?"
    remedy = (
        "pip install 'coderl-env[agents]'" if module_name.startswith("coderl_agents.") else f"pip install {missing}"
    )
    return f"agent {name!r} needs the package {missing!r}, which is not installed; install it with: {remedy}"


def _check_settings(name: str, factory: Factory, settings: Mapping[str, Any]) -> None:
    parameters = list(inspect.signature(factory).parameters.values())
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    takes = [p.name for p in parameters[1:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for setting in settings:
        if setting not in takes:
            raise ValueError(unknown_name(f"setting of agent {name}", setting, takes))


def _checked(agent: Any, name: str) -> Agent:
    if isinstance(agent, Agent):
        return agent
    lacks = [method for method in ("begin", "act", "learn", "save") if not hasattr(agent, method)]
    raise ValueError(f"agent {name!r} is no coderl_env.agent.Agent: it has no method {' and no '.join(lacks)}")
