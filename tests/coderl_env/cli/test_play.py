"""`coderl play`, with a script in place of a person."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from coderl_env.datasets import load_dataset

Play = Callable[..., Any]
APPS = ("--env", "apps", "--id", "apps/sample/0001")


@pytest.fixture
def play(coderl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Play:
    """Return a function that runs the command with a text as its standard input."""

    def run(script: str, *arguments: str) -> Any:
        monkeypatch.setattr(sys, "stdin", io.StringIO(script))
        return coderl("play", *arguments)

    return run


def solution(problem_id: str) -> str:
    return load_dataset(problem_id.split("/")[0]).get(problem_id).solutions[0]


def test_a_program_typed_in_passes(play: Play) -> None:
    run = play(f"{solution('apps/sample/0001')}\n:run\n", *APPS)
    assert run.status == 0
    assert "-- apps/sample/0001   interview ---" in run.out
    assert "Print one integer, the number of chapters." in run.out
    assert "passed   21 of 21 tests   reward 1" in run.out
    assert "\033" not in run.out


def test_the_end_of_the_input_ends_the_program(play: Play) -> None:
    assert "failed test   0 of 21 tests   reward -0.3" in play("print('nothing')", *APPS).out


def test_blank_lines_and_colons_belong_to_the_program(play: Play) -> None:
    run = play("x = [1, 2, 3][\n\n::2]\n:show\nprint(x\n:run\n", *APPS)
    assert "\nx = [1, 2, 3][\n\n:2]\n" in run.out
    assert "SyntaxError: '(' was never closed (program.py, line 4)" in run.out


def test_the_commands(play: Play) -> None:
    run = play("print(8)\n:test\n:undo\n:undo\n:show\n:problem\n:help\n:rum\n:quit\n", *APPS)
    assert run.status == 0
    assert "It passes 1 of 3 examples and fails example 2." in run.out
    assert "took back: print(8)" in run.out
    assert "there is no line to take back" in run.out
    assert run.out.count("-- apps/sample/0001") == 2
    assert ":undo      take the last line back" in run.out
    assert "unknown command 'rum'; did you mean 'run'?" in run.out
    assert run.err == "left without a verdict\n"
    assert "verdict" not in run.out


def test_several_attempts(play: Play) -> None:
    run = play(f"print(8)\n:run\n{solution('apps/sample/0001')}\n:run\n", *APPS, "--attempts", "3")
    places = [run.out.index(text) for text in ("attempt 1 of 3", "It passes 1 of 3 examples", "attempt 2 of 3")]
    assert places == sorted(places)
    assert "attempt 3 of 3" not in run.out
    assert "passed   21 of 21 tests   reward 1" in run.out
    assert play("print(8)\n:run\n", *APPS, "--attempts", "2").err == "left without a verdict\n"


def test_starter_code_is_already_there(play: Play) -> None:
    problem = load_dataset("humaneval").get("humaneval/sample/001")
    body = "    return [value for value in values if low <= value <= high]"
    run = play(f"{body}\n:show\n:run\n", "--env", "humaneval", "--id", problem.id)
    assert run.out.count(problem.starter_code) >= 2
    assert "reward 1" in run.out


def test_a_full_window_ends_the_program(play: Play) -> None:
    assert "The program's window is full." in play("x = 123456789\n" * 200 + ":run\n", "--env", "synth").out


def test_an_oracle_is_watched(play: Play) -> None:
    for mode in ("token", "line", "program"):
        run = play("", *APPS, "--agent", "oracle", "--solutions", "--delay", "0", "--action-mode", mode)
        assert solution("apps/sample/0001").strip() in run.out
        assert "passed   21 of 21 tests   reward 1" in run.out


def test_a_random_agent_is_watched_in_every_attempt(play: Play) -> None:
    arguments = ("--agent", "random", "--delay", "0", "--action-mode", "line", "--attempts", "2", "--seed", "3")
    run = play("", *APPS, *arguments, "--temperature", "1")
    assert run.out.count("examples and fails example") + run.out.count("It does not compile") == 1
    assert "-- verdict --" in run.out
    assert play("", *APPS, *arguments, "--temperature", "1").out == run.out


def test_a_program_does_not_steer_the_terminal(play: Play) -> None:
    run = play("print('\033[2J\a')\n:show\n:test\n:run\n", *APPS)
    assert "\033" not in run.out
    assert "\a" not in run.out
    assert "print('\\x1b[2J\\x07')" in run.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "aps"], "unknown environment 'aps'"),
        (["--env", "apps", "--id", "apps/sample/9"], "unknown problem 'apps/sample/9'"),
        (["--solutions"], "are for an agent; name it with --agent"),
        (["--agent", "oracel"], "unknown agent 'oracel'; did you mean 'oracle'"),
        (["--agent", "oracle"], "hand them over as solutions"),
        (["--agent", "random", "--action-mode", "tokens"], "unknown action mode 'tokens'"),
        (["--attempts", "0"], "--attempts"),
    ],
)
def test_what_cannot_be_played(play: Play, arguments: list[str], message: str) -> None:
    run = play("", *arguments)
    assert run.status == 2
    assert message in run.err
    assert "Traceback" not in run.err


def test_on_a_terminal_there_are_numbers_and_colours() -> None:
    controller, terminal = pty.openpty()
    os.write(controller, b"print(8)\n:run\n")
    command = [sys.executable, "-c", "from coderl_env.cli import main; main()", "play", *APPS]
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    done = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(controller, 4096):
            shown += chunk
    except OSError:
        pass  # how Linux says that the other end of a terminal is closed
    assert done.wait(60) == 0
    os.close(controller)
    assert b"\033[1m-- apps/sample/0001" in shown
    assert b"   2  " in shown
    assert b"\033[31m\033[1mfailed test" in shown
