"""Progress: bars on a terminal, a line at the beginning and the end of a stage elsewhere."""

from __future__ import annotations

import io

from rich.console import Console

from coderl_env.cli.progress import TerminalProgress


def _run(console: Console) -> None:
    with TerminalProgress(console) as progress:
        progress.start("warm start [1]", 20, "seconds")
        progress.advance("warm start [1]", 10, {"loss": 1.23456})
        progress.advance("warm start [1]", 19, {})
        progress.finish("warm start [1]")


def test_a_log_file_gets_two_lines_per_stage() -> None:
    file = io.StringIO()
    _run(Console(file=file, width=120))
    first, second = file.getvalue().splitlines()
    assert first == "warm start [1]: up to 20 seconds"
    assert second.startswith("warm start [1]: done in 0 seconds")
    assert "loss 1.23" in second


def test_a_terminal_gets_a_bar() -> None:
    file = io.StringIO()
    _run(Console(file=file, width=120, force_terminal=True))
    assert "19/20 seconds" in file.getvalue()
    assert "loss 1.23" in file.getvalue()


def test_a_stage_that_never_began_is_no_fault() -> None:
    with TerminalProgress(Console(file=io.StringIO())) as progress:
        progress.advance("x", 1, {})
        progress.finish("x")
