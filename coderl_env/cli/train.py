"""`coderl train`: the main job."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from coderl_env.cli.options import (
    SHORT_NAMES,
    DataDirOption,
    EnvOption,
    IsolationOption,
    JsonOption,
    RayOption,
    SetOption,
    WandbOption,
    allow_agents_here,
    checked_fields,
    environment_id,
    judge_maker,
    parse_settings,
    use_wandb,
)
from coderl_env.cli.progress import TerminalProgress
from coderl_env.cli.terminal import Stopped, emit_json, emit_table, progress_console, say
from coderl_env.experiment.report import summary_tables, write_report
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import MAIN_LEVELS, TrainConfig, train
from coderl_env.judge import IsolationError, MakesJudge
from coderl_env.registration import ENVIRONMENTS

__all__ = ["build_config", "default_folder", "train_command"]

_DEFAULTS = TrainConfig()


def train_command(
    env: EnvOption = "synth",
    data_dir: DataDirOption = None,
    split: Annotated[str, typer.Option("--split", help="Split to train on.")] = _DEFAULTS.split,
    eval_split: Annotated[
        str, typer.Option("--eval-split", help="Split of the held-out problems of the final table.")
    ] = _DEFAULTS.eval_split,
    difficulty: Annotated[
        list[str] | None,
        typer.Option(
            "--difficulty",
            help="Only problems of this difficulty; may be repeated. all is all of them.",
            show_default="for synth 1 and 2, otherwise all",
        ),
    ] = None,
    agent: Annotated[
        str, typer.Option("--agent", help="Agent: a name of `coderl agents list`, or package.module:factory.")
    ] = _DEFAULTS.agent,
    model: Annotated[
        str | None, typer.Option("--model", help="The agent's model: nano, small, a folder, or a Hub name.")
    ] = None,
    tokenizer: Annotated[str, typer.Option("--tokenizer", help="nano, a folder, or a Hub name.")] = _DEFAULTS.tokenizer,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="End each stage after this many optimisation steps.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything that is drawn.")] = _DEFAULTS.seed,
    out: Annotated[
        Path | None, typer.Option("--out", help="The run's folder.", show_default="runs/ and a name of the settings")
    ] = None,
    isolation: IsolationOption = _DEFAULTS.isolation,
    ray: RayOption = None,
    settings: SetOption = None,
    wandb: WandbOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train an agent, evaluate it on held-out problems, and end in a table. The same command again resumes the run.

    Without options: Synth's levels 1 and 2, the nano CodeT5, all stages, in under ten minutes on two cores. `--set`
    takes every field of `coderl_env.experiment.training.TrainConfig`, such as rl_seconds=60; any other name is a
    setting of the agent.

    Example: coderl train --seed 1 --out runs/first --set eval_problems=200
    """
    given: dict[str, Any] = {
        "env": environment_id(env),
        "data_dir": None if data_dir is None else str(data_dir),
        "split": split,
        "eval_split": eval_split,
        "difficulties": _difficulties(env, difficulty),
        "agent": agent,
        "tokenizer": tokenizer,
        "seed": seed,
        "isolation": isolation,
    }
    config = build_config(given, model, steps, parse_settings(settings))
    use_wandb(wandb)
    allow_agents_here()
    folder = default_folder(config) if out is None else out
    summary = _run(config, folder, judge_maker(ray))
    if as_json:
        emit_json(summary)
        return
    for table in summary_tables(summary):
        emit_table(table)
    say(f"report: {folder / 'report.md'}")


def _difficulties(env: str, difficulty: list[str] | None) -> tuple[str, ...] | None:
    if difficulty:
        return None if difficulty == ["all"] else tuple(difficulty)
    return MAIN_LEVELS if environment_id(env) == _DEFAULTS.env else None


def build_config(
    given: Mapping[str, Any], model: str | None, steps: int | None, settings: Mapping[str, Any]
) -> TrainConfig:
    """Return the configuration that options and `--set` values make; `--set` wins over a default, never over an option.

    Raises:
        ValueError: a field has a value of the wrong type, or is set twice.
    """
    known = {field.name for field in fields(TrainConfig)}
    # The windows of that environment: Synth's are too short for real problems.
    chosen = {name: value for name, value in ENVIRONMENTS[given["env"]].items() if name in known} | dict(given)
    for name, value in settings.items():
        if name in known and name != "settings":
            if name in given and given[name] != getattr(_DEFAULTS, name):
                raise ValueError(f"{name} is given both as an option and with --set; leave one out")
            chosen[name] = value
    extra = {name: value for name, value in settings.items() if name not in known}
    if model is not None:
        if "model" in extra:
            raise ValueError("the model is given both as --model and with --set; leave one out")
        extra["model"] = model
    if steps is not None:
        for stage in ("warm_start", "critic", "rl"):
            # Steps alone decide then, so that the run is the same on a slow machine.
            chosen = {f"{stage}_steps": steps, f"{stage}_seconds": None, **chosen}
    return TrainConfig.from_dict({**checked_fields(TrainConfig, chosen), "settings": extra})


def default_folder(config: TrainConfig) -> Path:
    """Return the folder of a run that was given none: the same for the same settings, so that it resumes itself."""
    short = {identifier: name for name, identifier in SHORT_NAMES.items()}[config.env]
    text = json.dumps(config.to_dict(), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    agent = config.agent.rpartition(".")[2].replace(":", "-")
    return Path("runs") / f"{short}-{agent}-seed{config.seed}-{digest}"


def _run(config: TrainConfig, folder: Path, make_judge: MakesJudge) -> dict[str, Any]:
    with RunFolder.open(folder, config.to_dict()) as run:
        say(f"{'resuming' if run.resumed else 'run'}: {folder}")
        try:
            with TerminalProgress(progress_console()) as progress:
                summary = train(config, run, progress, make_judge=make_judge)
            write_report(run, summary)
        except (ValueError, IsolationError):
            # Settings that cannot be used: a folder that this command made and nothing was written to is no run.
            if not run.resumed:
                run.discard_unused()
            raise
        except KeyboardInterrupt:
            done = f"everything finished is in {folder}, and the same command goes on"
            raise Stopped(f"stopped; {done}: {_command()}") from None
    return summary


def _command() -> str:
    return shlex.join(["coderl", *sys.argv[1:]])
