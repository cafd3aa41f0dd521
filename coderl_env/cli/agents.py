"""`coderl agents`: which agents are installed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from coderl_env.cli.terminal import emit_json, emit_table
from coderl_env.registry import list_agents

__all__ = ["app"]

app = typer.Typer(help="The agents that can be named with --agent.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The agents that can be named with --agent."""


@app.command("list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the installed agents. Any other is named by its path, as `package.module:factory`.

    Example: coderl agents list
    """
    entries = list_agents()
    if as_json:
        emit_json([asdict(entry) for entry in entries])
        return
    table = Table("agent", "factory", "from")
    for entry in entries:
        table.add_row(entry.name, entry.target, entry.distribution or "-")
    emit_table(table)
