"""What holds for every command: help, exit status, one sentence for every error."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from coderl_env import cli
from coderl_env.cli import app
from coderl_env.cli.terminal import Stopped, describe, printable
from coderl_env.judge import IsolationError, JudgeError
from coderl_env.version import VERSION


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(app)))
LEAVES = [path for path, command in COMMANDS.items() if not hasattr(command, "commands")]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help(coderl: Callable[..., Any], path: tuple[str, ...]) -> None:
    run = coderl(*path, "--help")
    assert run.status == 0
    assert "Usage: coderl" in run.out
    assert run.err == ""


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_shows_an_example_of_itself(path: tuple[str, ...]) -> None:
    assert f"Example: coderl {' '.join(path)}" in COMMANDS[path].help


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_is_explained(path: tuple[str, ...]) -> None:
    silent = [parameter.name for parameter in COMMANDS[path].params if not getattr(parameter, "help", None)]
    assert silent == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["jugde"], "Did you mean 'judge'"),
        (["judge"], "--problem"),
        (["train", "--sede", "1"], "possible options: --seed"),
        (["train", "--seed", "one"], "--seed"),
        (["train", "--seed", "-1"], "--seed"),
        (["datasets", "show"], "NAME"),
    ],
)
def test_a_wrong_command_line_is_answered_in_one_line(
    coderl: Callable[..., Any], arguments: list[str], message: str
) -> None:
    run = coderl(*arguments)
    assert run.status == 2
    assert message.lower() in run.err.lower()
    assert run.err.count("\n") == 1
    assert "--help" in run.err
    assert run.out == ""


def test_without_arguments_the_help_is_shown(coderl: Callable[..., Any]) -> None:
    run = coderl()
    assert "Usage: coderl" in run.out + run.err
    assert "coderl:" not in run.err


def test_the_version_is_printed(coderl: Callable[..., Any]) -> None:
    assert coderl("--version").out == f"coderl-env {VERSION}\n"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("n must be 3,\nnot 4"), 2, "coderl: n must be 3, not 4\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/a"),
            2,
            "runs/a: No space left on device; free some space",
        ),
        (OSError(errno.EROFS, "Read-only file system", "/x"), 2, "name a folder that can be written"),
        (IsolationError("no tier; type --isolation none"), 2, "coderl: no tier; type --isolation none\n"),
        (JudgeError("a worker died"), 1, "the judge failed"),
        (Stopped("stopped; run it again"), 130, "stopped; run it again\n"),
        (KeyboardInterrupt(), 130, "stopped"),
        (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero"),
    ],
)
def test_an_error_is_one_sentence_and_a_status(
    coderl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, message: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli.agents, "list_agents", fail)
    run = coderl("agents", "list")
    assert run.status == status
    assert message in run.err
    assert run.err.count("\n") <= 1
    assert "Traceback" not in run.err


def test_the_traceback_is_there_for_who_asks(coderl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODERL_TRACEBACK", "1")
    run = coderl("datasets", "show", "synht")
    assert run.status == 2
    assert "Traceback" in run.err
    assert run.err.endswith("Valid are apps, humaneval, mbpp, synth.\n")


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-c", "from coderl_env.cli import main; raise SystemExit(main(['agents', 'list']))"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == 1


def test_a_full_output_device_is_told() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = [sys.executable, "-c", "from coderl_env.cli import main; raise SystemExit(main(['agents', 'list']))"]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "No space left on device; free some space" in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_text_steers_the_terminal() -> None:
    assert printable("a\x1b[31mb\r\n\ud800") == "a\\x1b[31mb\\r\\n\\ud800"
    assert printable("x" * 50, 10) == "xxxxxxx..."


def test_an_error_without_text_is_named() -> None:
    assert describe(NotImplementedError()) == "NotImplementedError"
