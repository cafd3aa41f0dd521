"""`coderl datasets`: which data sets there are, fetching, checking and looking at them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from coderl_env.cli.options import DataDirOption, IsolationOption, JsonOption
from coderl_env.cli.terminal import emit_json, emit_table, printable, progress_console, say
from coderl_env.datasets import SPLITS, Dataset, DatasetError, Verification, fetch, load_dataset, verify
from coderl_env.datasets.locate import locate
from coderl_env.judge import Judge
from coderl_env.problem import CallCase, Problem, StdioCase

__all__ = ["app"]

app = typer.Typer(help="List, fetch, verify and show the data sets.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Data set: apps, mbpp, humaneval or synth.", show_default=False)]
SplitOption = Annotated[str | None, typer.Option("--split", help="Which part.", show_default="sample; synth: train")]


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List the data sets, and where those parts are that do not ship with the package.

    Example: coderl datasets list
    """
    rows = [_place(name, split) for name, splits in SPLITS.items() for split in splits]
    if as_json:
        emit_json(rows)
        return
    table = Table("data set", "split", "problems", "where")
    for row in rows:
        problems = {None: "", -1: "endless"}.get(row["problems"], str(row["problems"]))
        table.add_row(row["name"], row["split"], problems, Text(row["where"] or f"coderl datasets fetch {row['name']}"))
    emit_table(table)


@app.command("fetch")
def fetch_command(name: NameArgument) -> None:
    """Fetch a data set into the cache, where every command finds it. Files that are there already are kept.

    Example: coderl datasets fetch mbpp
    """
    say(f"{name} is in {fetch(name)}")


@app.command("verify")
def verify_command(
    name: NameArgument,
    split: SplitOption = None,
    data_dir: DataDirOption = None,
    solutions: Annotated[int, typer.Option("--solutions", min=1, help="How many solutions of a problem to try.")] = 3,
    isolation: IsolationOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Judge the reference solutions of every problem. The exit status is 1 where a problem's solutions all fail.

    Example: coderl datasets verify apps --split train --data-dir ~/apps
    """
    dataset = load_dataset(name, split, data_dir)
    console = progress_console()
    with Judge(isolation=isolation) as judge, Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("problems", total=max(dataset.size, 0))
        results = verify(dataset, judge, solutions, on_result=lambda _: progress.advance(bar))
    failed = [result for result in results if result.tried and not result.passed]
    untried = sum(not result.tried for result in results)
    if as_json:
        emit_json(
            {
                "dataset": dataset.name,
                "split": dataset.split,
                "problems": dataset.size,
                "without_tests": dataset.skipped,
                "without_solutions": untried,
                "passed": sum(result.passed for result in results),
                "failed": {result.problem_id: _reason(result) for result in failed},
            }
        )
    else:
        _show_failures(dataset, results, failed, untried)
    if failed:
        raise typer.Exit(1)


@app.command("show")
def show_command(
    name: NameArgument,
    problem_id: Annotated[str | None, typer.Option("--id", help="Which problem.", show_default="the first")] = None,
    split: SplitOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a problem: its statement and how it is tested. With --json, whole, as `coderl judge --problem` reads it.

    Example: coderl datasets show synth --id synth/train/3/7
    """
    dataset = load_dataset(name, split, data_dir)
    problem = next(iter(dataset)) if problem_id is None else dataset.get(problem_id)
    if as_json:
        with _any_integer_length():
            emit_json(problem.to_dict())
        return
    sys.stdout.write(_described(problem))


@contextlib.contextmanager
def _any_integer_length() -> Iterator[None]:
    """Lift Python's limit on the digits of an integer as text: some real tests hold longer ones."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)


def _place(name: str, split: str) -> dict[str, Any]:
    """Return what is known of a split without reading more than the package's own data."""
    if name == "synth":
        return {"name": name, "split": split, "problems": -1, "where": "generated"}
    if split == "sample":
        return {"name": name, "split": split, "problems": load_dataset(name, split).size, "where": "in the package"}
    try:
        found = locate(name, split, SPLITS[name], None)
    except DatasetError:
        return {"name": name, "split": split, "problems": None, "where": None}
    where = str(found.folder) if found.folder is not None else ", ".join(map(str, found.files))
    return {"name": name, "split": split, "problems": None, "where": where}


def _show_failures(dataset: Dataset, results: list[Verification], failed: list[Verification], untried: int) -> None:
    if failed:
        table = Table("problem", "tried", "why the last one failed")
        for result in failed:
            table.add_row(Text(printable(result.problem_id)), str(result.tried), Text(printable(_reason(result))))
        emit_table(table)
    passed = sum(result.passed for result in results)
    say(
        f"{dataset.name}/{dataset.split}: {dataset.size} problems, {passed} with a passing solution, {len(failed)} "
        f"with none that passes, {untried} without solutions; {dataset.skipped} more have no tests"
    )


def _reason(result: Verification) -> str:
    judgement = result.judgement
    if judgement is None:
        return ""
    bad = [number for number, case in enumerate(judgement.cases, start=1) if case.verdict.value != "accepted"]
    if not bad:
        return f"{judgement.outcome.value}: {judgement.compile_error}"
    case = judgement.cases[bad[0] - 1]
    error = f": {case.error_type} {case.error_message}" if case.error_type else ""
    return f"{judgement.outcome.value}, test {bad[0]} {case.verdict.value}{error}"


def _described(problem: Problem) -> str:
    kind = {StdioCase: "standard input", CallCase: f"calls of {problem.entry_point}"}.get(
        type(problem.tests[0]), "asserts"
    )
    facts = (
        f"difficulty {problem.difficulty or 'unknown'}; {len(problem.tests)} tests by {kind}; "
        f"{len(problem.examples)} examples in the statement; {len(problem.solutions)} solutions"
    )
    code = f"\nstarter code:\n{problem.starter_code}" if problem.starter_code else ""
    text = f"{problem.id}\n{facts}\n\n{problem.statement.rstrip()}\n{code}"
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in text)
