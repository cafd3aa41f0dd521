"""A training run: its configuration and the function that runs it. No torch here; agents come through the registry."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from coderl_env.agent import Agent, Episode, SamplesWithExamples, Sampling, Trains
from coderl_env.experiment.critic_sampling import evaluate_with_examples, handed_in
from coderl_env.experiment.evaluation import (
    Evaluation,
    Remembering,
    evaluate,
    evaluation_row,
    filtered_pass_at_k,
    gain_row,
    judge_examples,
)
from coderl_env.experiment.workbench import Progress, SilentProgress, Stopping, Workbench, open_split
from coderl_env.judge import JUDGE_VERSION, AnyJudge, Judge, MakesJudge
from coderl_env.naming import unknown_name
from coderl_env.problem import Problem
from coderl_env.registration import ENVIRONMENTS
from coderl_env.registry import AgentSpec, make_agent
from coderl_env.reward import needs_all_tests, resolve_reward
from coderl_env.rollout import Submits, collect
from coderl_env.tokens import Tokenizer, load_tokenizer

if TYPE_CHECKING:
    from coderl_env.experiment.run_folder import RunFolder

__all__ = ["MAIN_LEVELS", "Progress", "SilentProgress", "TrainConfig", "train"]

# Levels of Synth that the main job trains and evaluates on: those that a small model learns in minutes.
MAIN_LEVELS = ("1", "2")

_PASS_AT = (1, 5)
# The row that is the agent's own doing where it has a checkpoint of that name.
_CRITIC_SAMPLING = "rl_critic_sampling"


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides what a training run does. Written as `config.json` beside its results.

    A stage ends at its seconds or its steps, whichever comes first; None is no limit of that kind. Seconds are wall
    time.

    Attributes:
        env: id of the environment; it names the data set.
        agent: bundled or installed name, or `package.module:factory`.
        settings: keyword settings of the agent's factory (JSON values), such as `{"model": "nano"}`.
        start_from: checkpoint folder that the agent is loaded from before it is trained, as `Agent.save` wrote it, or
            None.
        split: split that training draws from.
        eval_split: split of the held-out problems in the final table.
        data_dir: folder of the data set, or None.
        difficulties: difficulties served, or None for all.
        tokenizer: `nano`, a folder or a Hub name.
        action_mode: `token`, `line` or `program`; how an agent without `generate` is stepped.
        max_prompt_tokens: prompt window.
        max_program_tokens: program window.
        reward: name of the reward.
        comparator: name of the comparison rule.
        isolation: isolation tier of the judge.
        judge_workers: judge processes, or None for one per core.
        threads: torch threads while training, or None for the agent's own choice.
        seed: seed of everything that is drawn.
        demonstrations: size of the supervised stages' corpus, at most.
        careless: share of Synth's demonstrations that are wrong, or None for Synth's own; other data sets ignore it.
        validation_problems: problems on which training is checked while it runs.
        warm_start_seconds: limit of the warm start.
        warm_start_steps: likewise, in optimisation steps.
        critic_seconds: limit of the critic's training before the actor's.
        critic_steps: likewise, in optimisation steps.
        critic_sampling_seconds: limit of each of the two models that critic sampling needs, critic and repair.
        critic_sampling_steps: likewise, in steps.
        rl_seconds: limit of reinforcement learning. The cross-entropy control (`ce_continued`) gets the time that this
            and the critic took, or `rl_steps` steps where there is no limit in seconds.
        rl_steps: likewise, in steps of sampling and learning.
        problems_per_step: problems of one step of reinforcement learning.
        samples_per_step: programs for each of them.
        checkpoint_seconds: time between checkpoints within a stage.
        eval_problems: held-out problems in the final table.
        eval_samples: samples per problem.
        critic_sampling_budget: programs generated per problem for the row `rl_critic_sampling`.
        temperature: sampling temperature of the evaluation.
        top_p: nucleus of the evaluation.
    """

    env: str = "CodeRL-Synth-v0"
    agent: str = "codet5"
    settings: Mapping[str, Any] = field(default_factory=dict)
    start_from: str | None = None
    split: str = "train"
    eval_split: str = "test"
    data_dir: str | None = None
    difficulties: tuple[str, ...] | None = None
    tokenizer: str = "nano"
    action_mode: str = "token"
    max_prompt_tokens: int = 256
    max_program_tokens: int = 128
    reward: str = "coderl"
    comparator: str = "lines"
    isolation: str = "auto"
    judge_workers: int | None = None
    threads: int | None = None
    seed: int = 0
    demonstrations: int = 12_000
    careless: float | None = None
    validation_problems: int = 200
    warm_start_seconds: float | None = 200.0
    warm_start_steps: int | None = None
    critic_seconds: float | None = 15.0
    critic_steps: int | None = None
    rl_seconds: float | None = 130.0
    rl_steps: int | None = None
    critic_sampling_seconds: float | None = 25.0
    critic_sampling_steps: int | None = None
    problems_per_step: int = 16
    samples_per_step: int = 16
    checkpoint_seconds: float = 30.0
    eval_problems: int = 500
    eval_samples: int = 10
    critic_sampling_budget: int = 10
    temperature: float = 0.6
    top_p: float = 1.0

    @property
    def dataset(self) -> str:
        """Name of the environment's data set.

        Raises:
            ValueError: there is no such environment.
        """
        if self.env not in ENVIRONMENTS:
            raise ValueError(unknown_name("environment", self.env, ENVIRONMENTS))
        return str(ENVIRONMENTS[self.env]["dataset"])

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `from_dict` turns them back into an equal configuration."""
        values = asdict(self)
        values["settings"] = dict(self.settings)
        values["difficulties"] = None if self.difficulties is None else list(self.difficulties)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Build a configuration from a mapping; names that are left out keep their defaults.

        Raises:
            ValueError: an unknown name.
        """
        known = [entry.name for entry in fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(unknown_name("training setting", name, known))
        arguments = dict(values)
        if arguments.get("difficulties") is not None:
            arguments["difficulties"] = tuple(arguments["difficulties"])
        return cls(**arguments)


def train(
    config: TrainConfig,
    run: RunFolder,
    progress: Progress | None = None,
    agent: Agent | None = None,
    make_judge: MakesJudge = Judge,
) -> dict[str, Any]:
    """Train an agent, evaluate it on held-out problems, and return the summary that is written as `summary.json`.

    Stages that `run` has finished are skipped, and an unfinished one goes on from its last checkpoint. An agent that
    implements `coderl_env.agent.Trains` trains itself; any other is handed its episodes, step by step.

    Args:
        config: what to do.
        run: the run's folder.
        progress: where to report, or None.
        agent: an agent object, instead of the one that `config.agent` names.
        make_judge: makes the judge. Where programs are judged is no part of what a run is.

    Raises:
        ValueError: the configuration names something that does not exist or does not fit together.
        KeyboardInterrupt: the user stopped the run; everything up to the last step is saved.
    """
    progress = progress or SilentProgress()
    tokenizer = load_tokenizer(config.tokenizer)
    reward = resolve_reward(config.reward)
    # Before anything is trained: a table that cannot be filled is better known now.
    held_out = _held_out(config)
    # Without rewards for partial success nothing reads the tests after the first failure.
    stop = "first_limit" if needs_all_tests(reward) else "first_failure"
    with (
        make_judge(config.judge_workers, comparator=config.comparator, isolation=config.isolation, stop=stop) as judge,
        Stopping() as stopping,
    ):
        workbench = Workbench(config, run, judge, tokenizer, progress, stopping)
        learner = agent or _begin(config, tokenizer)
        table = _Table(workbench, held_out, Remembering(judge), given=agent)
        if isinstance(learner, Trains):
            checkpoints = learner.train(workbench)
            sampler = checkpoints.pop(_CRITIC_SAMPLING, None)
            for name, checkpoint in checkpoints.items():
                table.add(name, learner, checkpoint)
            if sampler is not None:
                table.add_critic_sampling(learner, sampler)
            elif "rl" in checkpoints:
                table.add_filtered("rl", learner, checkpoints["rl"])
        else:
            table.add("start", learner, None)
            # A resumed run does not evaluate twice, so what evaluation changed in an agent must not reach its training,
            # and the agent that is evaluated at the end is the saved one in any case.
            learner = agent or _begin(config, tokenizer)
            _learn(workbench, learner, judge)
            table.add("rl", learner, None if agent is not None else run.checkpoints / "rl")
        summary = _summarise(workbench, judge, table.rows())
    run.write_json("summary.json", summary)
    return summary


def _spec(config: TrainConfig, tokenizer: Tokenizer, checkpoint: Path | None = None) -> AgentSpec:
    return AgentSpec(
        tokenizer=tokenizer,
        action_mode=config.action_mode,
        max_prompt_tokens=config.max_prompt_tokens,
        max_program_tokens=config.max_program_tokens,
        seed=config.seed,
        checkpoint=checkpoint,
    )


def _begin(config: TrainConfig, tokenizer: Tokenizer) -> Agent:
    """Return the agent as training finds it."""
    start = None if config.start_from is None else Path(config.start_from)
    if start is not None and not start.is_dir():
        raise ValueError(f"start_from names {config.start_from}, which is no folder; name a checkpoint's folder")
    return make_agent(config.agent, _spec(config, tokenizer, start), **config.settings)


def _held_out(config: TrainConfig) -> list[Problem]:
    if config.eval_samples < 1 or config.eval_problems < 1:
        raise ValueError(
            f"eval_problems and eval_samples must be positive, not {config.eval_problems} and {config.eval_samples}"
        )
    return list(islice(open_split(config, config.eval_split), config.eval_problems))


class _Table:
    """The rows of the final table. Each is a stage of the run, so a resumed run does not evaluate twice."""

    def __init__(
        self, workbench: Workbench, problems: Sequence[Problem], judge: Remembering, given: Agent | None
    ) -> None:
        self._workbench = workbench
        self._problems = problems
        self._judge = judge
        self._given = given
        self._rows: dict[str, dict[str, Any]] = {}
        self._evaluations: dict[str, Evaluation] = {}

    def add(self, name: str, agent: Agent, checkpoint: Path | None) -> None:
        """Evaluate the agent as `checkpoint` holds it, or as it is where that is None."""

        def run() -> dict[str, Any]:
            evaluation = self._evaluation(name, self._load(agent, checkpoint), self._workbench.config.eval_samples)
            self._evaluations[name] = evaluation
            return self._record(evaluation, evaluation.metrics(_PASS_AT))

        self._rows[name] = self._stage(name, run)

    def add_filtered(self, name: str, agent: Agent, checkpoint: Path | None) -> None:
        """Add `<name>_critic_sampling`: more programs, of which those that pass the statement's examples come first."""

        def run() -> dict[str, Any]:
            config = self._workbench.config
            loaded = self._load(agent, checkpoint)
            evaluation = self._evaluation(f"{name}_critic_sampling", loaded, config.critic_sampling_budget)
            shown = judge_examples(evaluation, self._problems, self._judge)
            metrics = {
                f"pass_at_{k}": [filtered_pass_at_k(results, k) for results in shown]
                for k in _PASS_AT
                if k <= evaluation.samples
            }
            few = [results[: config.eval_samples] for results in shown]
            equal = {
                f"pass_at_{k}": [filtered_pass_at_k(results, k) for results in few]
                for k in _PASS_AT
                if k <= len(few[0])
            }
            record = self._record(evaluation, metrics)
            record["budget"] = evaluation.samples
            # For n@k with other numbers than the table's.
            record["passed_examples"] = {
                problem.id: "".join(str(int(result.examples)) for result in results)
                for problem, results in zip(self._problems, shown, strict=True)
            }
            # The same number of generated programs as in the plain rows, which pay nothing for running examples.
            record["equal_budget"] = {"samples": len(few[0]), **evaluation_row(equal, config.seed)}
            return record

        self._rows[f"{name}_critic_sampling"] = self._stage(f"{name}_critic_sampling", run)

    def add_critic_sampling(self, agent: Agent, checkpoint: Path) -> None:
        """Add `rl_critic_sampling`: the agent decides by the statement's examples what to draw and what to hand in."""

        def run() -> dict[str, Any]:
            config, workbench = self._workbench.config, self._workbench
            loaded = self._load(agent, checkpoint)
            if not isinstance(loaded, SamplesWithExamples):
                raise ValueError(
                    f"agent {config.agent!r} has a checkpoint {_CRITIC_SAMPLING!r} but no generate_with_examples"
                )
            budget = config.critic_sampling_budget
            report = self._reporter(_CRITIC_SAMPLING, len(self._problems) * budget)
            evaluation = evaluate_with_examples(
                loaded,
                self._problems,
                self._judge,
                budget=budget,
                sampling=Sampling(config.temperature, config.top_p, config.seed + 1),
                reward=workbench.reward,
                on_judgement=report,
            )
            workbench.record(f"evaluate_{_CRITIC_SAMPLING}", 0, [one for group in evaluation.sampled for one in group])
            workbench.progress.finish(f"evaluate {_CRITIC_SAMPLING}")
            metrics = {f"pass_at_{k}": handed_in(evaluation, k) for k in _PASS_AT if k <= budget}
            return {**self._record(evaluation, metrics), "budget": budget}

        self._rows[_CRITIC_SAMPLING] = self._stage(_CRITIC_SAMPLING, run)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the rows for the summary, with paired gains over the first and over `ce_continued`."""
        seed = self._workbench.config.seed
        metrics = {name: record["metrics"] for name, record in self._rows.items()}
        first = next(iter(metrics))
        rows = {}
        for name, record in self._rows.items():
            row = {key: value for key, value in record.items() if key not in ("metrics", "passed_examples")}
            row.update(evaluation_row(record["metrics"], seed))
            if name != first:
                row["gain"] = gain_row(record["metrics"], metrics[first], seed)
            if "ce_continued" in metrics and name not in (first, "ce_continued"):
                row["gain_over_ce"] = gain_row(record["metrics"], metrics["ce_continued"], seed)
            rows[name] = row
        return rows

    def _load(self, agent: Agent, checkpoint: Path | None) -> Agent:
        if checkpoint is None:
            return agent
        workbench = self._workbench
        if self._given is not None:
            raise ValueError(
                "an agent object cannot be made again from its checkpoints; name it package.module:factory"
            )
        config = workbench.config
        return make_agent(config.agent, _spec(config, workbench.tokenizer, checkpoint), **config.settings)

    def _evaluation(self, name: str, agent: Agent, samples: int) -> Evaluation:
        workbench, config = self._workbench, self._workbench.config
        report = self._reporter(name, len(self._problems) * (samples + 1))
        evaluation = evaluate(
            agent,
            self._problems,
            self._judge,
            samples=samples,
            temperature=config.temperature,
            top_p=config.top_p,
            # The same in every row: common random numbers.
            seed=config.seed + 1,
            reward=workbench.reward,
            tokenizer=workbench.tokenizer,
            max_prompt_tokens=config.max_prompt_tokens,
            max_program_tokens=config.max_program_tokens,
            action_mode=config.action_mode,
            on_judgement=report,
        )
        workbench.record(f"evaluate_{name}_greedy", 0, evaluation.greedy)
        workbench.record(f"evaluate_{name}", 0, [one for group in evaluation.sampled for one in group])
        workbench.progress.finish(f"evaluate {name}")
        return evaluation

    def _reporter(self, name: str, total: int) -> Callable[[Episode], None]:
        """Return what to call with every episode: it reports progress, and stops where that was asked for."""
        workbench = self._workbench
        seen = 0
        passed = 0

        def report(episode: Episode) -> None:
            nonlocal seen, passed
            seen += 1
            passed += episode.judgement is not None and episode.judgement.passed
            if seen % 100 == 0:
                workbench.progress.advance(f"evaluate {name}", seen, {"pass_rate": passed / seen})
            if workbench.stop_requested:
                raise KeyboardInterrupt

        workbench.progress.start(f"evaluate {name}", total, "programs")
        return report

    def _record(self, evaluation: Evaluation, metrics: Mapping[str, Sequence[float]]) -> dict[str, Any]:
        return {
            "outcomes": evaluation.outcomes,
            "problems": len(evaluation.problems),
            "samples": evaluation.samples,
            "temperature": evaluation.temperature,
            "top_p": evaluation.top_p,
            "metrics": {name: list(values) for name, values in metrics.items()},
        }

    def _stage(self, name: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        folder = self._workbench.run
        stage = f"evaluate_{name}"
        record = folder.stage_state(stage)
        if record is None:
            begin = time.perf_counter()
            record = {**run(), "seconds": 0.0}
            record["seconds"] = time.perf_counter() - begin
            folder.finish_stage(stage, record)
        return record


def _summarise(workbench: Workbench, judge: AnyJudge, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    config, run = workbench.config, workbench.run
    stages = {name: run.stage_state(name) for name in (*workbench.stage_names, *(f"evaluate_{row}" for row in rows))}
    dataset = open_split(config, config.split)
    summary: dict[str, Any] = {
        "env": config.env,
        "dataset": {
            "name": dataset.name,
            "split": config.split,
            "eval_split": config.eval_split,
            "size": dataset.size,
            "skipped": dataset.skipped,
        },
        "seed": config.seed,
        "agent": config.agent,
        "judge": {"isolation": judge.isolation, "comparator": config.comparator, "version": JUDGE_VERSION},
        "seconds": {name: round(state["seconds"], 2) for name, state in stages.items() if state and "seconds" in state},
        "stages": {name: state for name, state in stages.items() if state and not name.startswith("evaluate_")},
        "evaluation": rows,
    }
    # The gains that decide: of reinforcement learning itself, without help at inference.
    for gain in ("gain", "gain_over_ce"):
        if gain in rows.get("rl", {}):
            summary[gain] = rows["rl"][gain]
    return summary


def _learn(workbench: Workbench, agent: Agent, judge: Submits) -> None:
    """The loop for agents that bring none: draw problems, let the agent write programs, hand it the episodes."""
    config, run = workbench.config, workbench.run
    if workbench.finished("rl") is not None:
        return
    clock = workbench.clock("rl", config.rl_seconds, config.rl_steps)
    rng = np.random.default_rng([config.seed, 1])
    dataset = open_split(config, config.split)
    workbench.progress.start("rl", *clock.total)
    while clock.fraction < 1:
        begin = time.perf_counter()
        problems = [dataset.draw(rng) for _ in range(config.problems_per_step)]
        episodes = collect(
            agent,
            problems,
            judge,
            reward=workbench.reward,
            sampling=Sampling(1.0, 1.0, int(rng.integers(2**31))),
            samples=config.samples_per_step,
            tokenizer=workbench.tokenizer,
            max_prompt_tokens=config.max_prompt_tokens,
            max_program_tokens=config.max_program_tokens,
            action_mode=config.action_mode,
        )
        usable = [episode for episode in episodes if episode.judgement is not None]
        figures = dict(agent.learn(usable))
        clock.seconds += time.perf_counter() - begin
        clock.step += 1
        figures["reward"] = float(np.mean([episode.reward for episode in usable])) if usable else float("nan")
        run.log("rl", clock.step, figures)
        workbench.record("rl", clock.step, usable)
        workbench.progress.advance("rl", clock.done, figures)
        if workbench.stop_requested:
            raise KeyboardInterrupt
    workbench.progress.finish("rl")
    agent.save(run.checkpoints / "rl")
    run.finish_stage("rl", {"seconds": clock.seconds, "steps": clock.step})
