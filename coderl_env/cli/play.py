"""`coderl play`: solve a problem by hand, line by line, or watch an agent do it."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import gymnasium as gym
import typer

from coderl_env.agent import Agent, Decision, Sampling
from coderl_env.cli.options import (
    CheckpointOption,
    DataDirOption,
    EnvOption,
    IsolationOption,
    SetOption,
    allow_agents_here,
    environment_id,
    parse_settings,
)
from coderl_env.cli.terminal import say
from coderl_env.env import ACTION_MODES, ProgramEnv
from coderl_env.env.render import render_problem, render_text, render_verdict
from coderl_env.naming import unknown_name
from coderl_env.outcome import Judgement
from coderl_env.registration import ENVIRONMENTS
from coderl_env.registry import AgentSpec, make_agent
from coderl_env.wrappers.feedback import describe_examples

__all__ = ["play_command"]

_HELP = """\
Write the program line by line; a blank line is a part of it.
  :run       judge it (so does the end of the input)
  :test      try it on the examples of the statement
  :undo      take the last line back
  :show      show the program so far
  :problem   show the problem again
  :quit      leave
A line of the program that begins with a colon is written with two.
"""
_COLOUR = re.compile("\033\\[[0-9;]*m")
_COMMANDS = ("run", "test", "undo", "show", "problem", "help", "quit")


def play_command(
    env: EnvOption = "synth",
    problem_id: Annotated[
        str | None, typer.Option("--id", help="Which problem.", show_default="one that --seed draws")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Part of the data set.", show_default="sample, of synth train")
    ] = None,
    data_dir: DataDirOption = None,
    difficulty: Annotated[
        list[str] | None, typer.Option("--difficulty", help="Only problems of this difficulty; may be repeated.")
    ] = None,
    attempts: Annotated[
        int, typer.Option("--attempts", min=1, help="Programs for the problem; the examples tell of each.")
    ] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draws.")] = 0,
    isolation: IsolationOption = "auto",
    agent: Annotated[
        str | None,
        typer.Option("--agent", help="Watch this agent: a name of `coderl agents list`, or package.module:factory."),
    ] = None,
    checkpoint: CheckpointOption = None,
    solutions: Annotated[
        bool, typer.Option("--solutions", help="Hand the agent the reference solutions: for the oracle only.")
    ] = False,
    action_mode: Annotated[
        str, typer.Option("--action-mode", help="How the agent acts: token, line or program.")
    ] = "token",
    tokenizer: Annotated[str, typer.Option("--tokenizer", help="nano, a folder, or a Hub name.")] = "nano",
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, help="Temperature of the agent; 0 is greedy.")
    ] = 0.0,
    delay: Annotated[
        float, typer.Option("--delay", min=0, help="Seconds to wait after each of the agent's actions.")
    ] = 0.02,
    settings: SetOption = None,
) -> None:
    """Solve a problem by hand, line by line, or watch an agent do it.

    Type the program; `:run` judges it, `:help` lists what else there is.

    Example: coderl play --env apps --attempts 3
    """
    if action_mode not in ACTION_MODES:
        raise ValueError(unknown_name("action mode", action_mode, ACTION_MODES))
    if agent is None and (checkpoint is not None or solutions or settings):
        raise ValueError("--checkpoint, --solutions and --set are for an agent; name it with --agent")
    name = environment_id(env)
    made = gym.make(
        name,
        split=split,
        data_dir=None if data_dir is None else str(data_dir),
        difficulties=difficulty or None,
        attempts=attempts,
        isolation=isolation,
        tokenizer=tokenizer,
        action_mode="line" if agent is None else action_mode,
        disable_env_checker=True,
    )
    try:
        _, info = made.reset(seed=seed, options={"problem_id": problem_id})
        if agent is None:
            _play_by_hand(made, info)
            return
        allow_agents_here()
        base = _base(made)
        given = _solutions(base) if solutions else None
        spec = _spec(name, base, action_mode, seed, checkpoint, given)
        _watch(made, make_agent(agent, spec, **parse_settings(settings)), Sampling(temperature, 1.0, seed), delay)
    finally:
        made.close()


def _play_by_hand(env: gym.Env[Any, Any], info: Mapping[str, Any]) -> None:
    base = _base(env)
    _write(render_problem(base.problem, whole=True))
    _write(":run judges your program, :help lists what else there is.\n")
    attempt, attempts = info.get("attempt", 1), info.get("attempts", 1)
    while True:
        if attempts > 1:
            _write(f"attempt {attempt} of {attempts}\n")
        lines = _read_program(base)
        if lines is None:
            say("left without a verdict")
            return
        reward, terminated, info = _play(env, lines)
        if terminated:
            _show_end(reward, info)
            return
        attempt = info["attempt"]
        _write_text(f"{info['feedback']}\n")


def _read_program(base: ProgramEnv) -> list[str] | None:
    """Return the lines of a program as they are typed, or None where the person leaves."""
    starter = base.problem.starter_code
    _write_text(starter if starter.endswith("\n") or not starter else f"{starter}...\n")
    lines: list[str] = []
    while True:
        typed = _read_line(len(lines) + 1)
        if typed is None:
            return lines or None
        if not typed.startswith(":") or typed.startswith("::"):
            lines.append(typed.removeprefix(":") if typed.startswith("::") else typed)
            continue
        command = typed[1:].strip()
        if command == "run":
            return lines
        if command == "quit":
            return None
        _obey(command, base, lines)


def _read_line(number: int) -> str | None:
    """Return the next line of the input without its end, or None where there is none."""
    if sys.stdin.isatty():
        _write(f"{number:4d}  ")
    line = sys.stdin.readline()
    return line.rstrip("\r\n") if line else None


def _obey(command: str, base: ProgramEnv, lines: list[str]) -> None:
    """Do what a command says that neither ends the program nor the game."""
    starter = base.problem.starter_code
    program = starter + "".join(f"{line}\n" for line in lines)
    if command == "undo":
        _write_text(f"took back: {lines.pop()}\n" if lines else "there is no line to take back\n")
    elif command == "show":
        _write_text(program)
    elif command == "problem":
        _write(render_problem(base.problem, whole=True))
    elif command == "test":
        judgement = base.judge_examples(program)
        if judgement is None:
            _write("The statement has no examples.\n")
        else:
            _write_text(f"{describe_examples(base.problem, program, judgement)}\n")
    elif command == "help":
        _write(_HELP)
    else:
        _write_text(unknown_name("command", command, _COMMANDS) + "\n")


def _play(env: gym.Env[Any, Any], lines: Sequence[str]) -> tuple[float, bool, Mapping[str, Any]]:
    """Play the lines and the end of the program; return reward, whether the episode ended, and the last info."""
    for line in [*(line or "\n" for line in lines), ""]:
        _, reward, terminated, _, info = env.step(line)
        if terminated or "feedback" in info:
            return float(reward), terminated, info
    raise AssertionError("the empty line ends a program")


def _watch(env: gym.Env[Any, Any], agent: Agent, sampling: Sampling, delay: float) -> None:
    """Let the agent play, and show what it writes while it does."""
    base = _base(env)
    observation, info = env.reset(options={"problem_id": base.problem.id})
    _write(render_problem(base.problem, whole=True))
    while True:
        # Every attempt is a task of its own to the agent: its prompt has grown.
        agent.begin([base.task], sampling)
        reward, terminated, observation, info = _watch_program(env, agent, observation, info, delay)
        if terminated:
            _show_end(reward, info)
            return
        _write_text(f"{info['feedback']}\n")


def _watch_program(
    env: gym.Env[Any, Any], agent: Agent, observation: Any, info: dict[str, Any], delay: float
) -> tuple[float, bool, Any, dict[str, Any]]:
    tokenizer = _base(env).tokenizer
    shown = ""
    while True:
        shown += _write_rest(shown, tokenizer.decode(_program_ids(observation)))
        (action,) = agent.act([observation], [info])
        played = action.action if isinstance(action, Decision) else action
        observation, reward, terminated, _, info = env.step(played)
        if terminated or "feedback" in info:
            _write_rest(shown, info["program_text"])
            _write("\n")
            return float(reward), terminated, observation, info
        time.sleep(delay)


def _program_ids(observation: Mapping[str, Any]) -> list[int]:
    token_ids: list[int] = observation["program"][: int(observation["program_length"][0])].tolist()
    return token_ids


def _write_rest(shown: str, text: str) -> str:
    """Show what has come after `shown`, and return it; a character that is not whole yet is left for later."""
    whole = text.rstrip("\ufffd")
    rest = whole[len(shown) :] if whole.startswith(shown) else ""
    _write_text(rest)
    return rest


def _show_end(reward: float, info: Mapping[str, Any]) -> None:
    if info["window_full"]:
        _write("The program's window is full.\n")
    _write(render_verdict(Judgement.from_dict(info["judgement"]), reward))


def _base(env: gym.Env[Any, Any]) -> ProgramEnv:
    assert isinstance(env.unwrapped, ProgramEnv)
    return env.unwrapped


def _spec(
    name: str,
    base: ProgramEnv,
    action_mode: str,
    seed: int,
    checkpoint: Path | None,
    solutions: Mapping[str, Sequence[str]] | None,
) -> AgentSpec:
    windows = ENVIRONMENTS[name]
    return AgentSpec(
        tokenizer=base.tokenizer,
        action_mode=action_mode,
        max_prompt_tokens=windows["max_prompt_tokens"],
        max_program_tokens=windows["max_program_tokens"],
        seed=seed,
        checkpoint=checkpoint,
        solutions=solutions,
    )


def _solutions(base: ProgramEnv) -> dict[str, tuple[str, ...]]:
    return {base.problem.id: base.problem.solutions}


def _write(rendered: str) -> None:
    """Write on standard output what we rendered: in colours where it is a terminal that wants them."""
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    sys.stdout.write(_COLOUR.sub("", rendered) if plain else rendered)
    sys.stdout.flush()


def _write_text(text: str) -> None:
    """Write on standard output what others wrote: a program must not steer the terminal it is shown on."""
    _write(render_text(text))
