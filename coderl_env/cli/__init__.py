"""The command `coderl`: one module per command, put together here.

Exit status: 0 the command did what it was asked; 1 it ran and found something wrong, or failed itself; 2 the input was
unusable; 130 stopped by Ctrl-C. Errors are one sentence on standard error. `CODERL_TRACEBACK=1` shows tracebacks.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import typer

from coderl_env.cli import agents, datasets, doctor, evaluate, judge, play, rejudge, report, sweep, train
from coderl_env.cli.terminal import Stopped, describe, say
from coderl_env.judge import IsolationError, JudgeError
from coderl_env.version import VERSION

__all__ = ["app", "main"]

TRACEBACK_VARIABLE = "CODERL_TRACEBACK"
_INTERRUPTED = 130

# Click's base of wrong command lines; typer brings its own copy of click, or uses the installed one.
_UsageError: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

app = typer.Typer(
    name="coderl",
    help="Reinforcement learning of program generation: train, evaluate and judge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.train_command)
app.command("evaluate")(evaluate.evaluate_command)
app.command("sweep")(sweep.sweep_command)
app.command("judge")(judge.judge_command)
app.command("rejudge")(rejudge.rejudge_command)
app.command("report")(report.report_command)
app.command("play")(play.play_command)
app.command("doctor")(doctor.doctor_command)
app.add_typer(datasets.app, name="datasets")
app.add_typer(agents.app, name="agents")


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"coderl-env {VERSION}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_show_version, is_eager=True),
) -> None:
    """Reinforcement learning of program generation: train, evaluate and judge."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, by default the process's own, and return the exit status."""
    command = typer.main.get_command(app)
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        status = command.main(args=arguments, prog_name="coderl", standalone_mode=False)
        sys.stdout.flush()
    except Stopped as error:
        say(describe(error))
        return _INTERRUPTED
    except (KeyboardInterrupt, typer.Abort):
        status = _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `head` does. Python would complain once more while shutting down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except _UsageError as error:
        return _fail(error, _usage(error), 2)
    except (ValueError, OSError) as error:
        return _fail(error, describe(error), 2)
    except IsolationError as error:
        return _fail(error, describe(error), 2)
    except JudgeError as error:
        return _fail(error, f"the judge failed, so nothing was made of this program: {describe(error)}", 1)
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback for users, but nothing is hidden either
        kind = type(error).__name__
        return _fail(error, f"a fault of coderl-env ({kind}: {describe(error)}); {TRACEBACK_VARIABLE}=1 shows where", 1)
    if status == _INTERRUPTED:
        # Typer turns Ctrl-C into this status without a word.
        say("stopped")
    return status if isinstance(status, int) else 0


def _usage(error: Exception) -> str:
    message = str(getattr(error, "format_message", error.__str__)()).strip()
    context = getattr(error, "ctx", None)
    # Without a message the help has just been printed.
    return f"{message} See {context.command_path} --help." if message and context else message


def _fail(error: BaseException, sentence: str, status: int) -> int:
    if os.environ.get(TRACEBACK_VARIABLE) == "1":
        traceback.print_exception(error)
    if sentence:
        say(f"coderl: {sentence}")
    return status
