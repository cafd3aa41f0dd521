"""Critic sampling: budgets, seeds, who is refined and who repaired, the order, and that only examples are used."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

import coderl_agents.codet5.model as t5_models
from coderl_agents.codet5 import make as make_codet5
from coderl_agents.codet5.critic_sampling import Candidate, Plan, critic_sampling, cut_seed
from coderl_agents.codet5.experience import Group
from coderl_agents.codet5.sampler import Request
from coderl_agents.codet5.train_critic import CriticTrainer, Prediction
from coderl_agents.policy_gradient import models
from coderl_agents.policy_gradient.agent import make as make_policy
from coderl_env.agent import Program, Sampling, Task
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import StdioCase
from coderl_env.registry import AgentSpec
from coderl_env.tokens import load_tokenizer

TINY_T5 = {"d_model": 16, "d_kv": 8, "num_heads": 2, "d_ff": 24, "num_layers": 1, "dropout_rate": 0.0}
TINY_CAUSAL = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 512,
}
GOOD, BAD = 1, 2
EXAMPLE = StdioCase("1\n", "1\n")
TASKS = [Task("solved", "s", (EXAMPLE,)), Task("unsolved", "u", (EXAMPLE,)), Task("silent", "x")]
SAMPLING = Sampling(0.6, 1.0, 3)


class Writer:
    """Writes programs of three tokens; the last tells them apart. Those for `solved` are good."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[tuple[str, Request, int]] = []
        self.numbers = count(100)

    def request(self, task: Task) -> Request:
        return Request((ord(task.prompt),), (9,))

    def repair_request(self, task: Task, program: str, feedback: str) -> Request:
        return Request((ord(task.prompt), *map(ord, f"{program} {feedback}")), (9,))

    def continue_programs(
        self, tasks: Sequence[Task], requests: Sequence[Request], samples: int, sampling: Sampling
    ) -> list[list[Program]]:
        written = []
        for task, request in zip(tasks, requests, strict=True):
            self.asked.append((task.id, request, samples))
            kind = GOOD if task.id == "solved" else BAD
            token_ids = [(*request.prefix[1:], kind, 0, next(self.numbers))[:3] for _ in range(samples)]
            written.append([Program(f"{self.name} {ids}", ids) for ids in token_ids])
        return written


class Critic:
    """Believes most in the last place before the end, and in later programs more."""

    def predictions(self, groups: Sequence[Group]) -> list[Prediction]:
        found = []
        for group in groups:
            for row in group.rows:
                assert row.example.prefix == (9,)
                score = row.example.target[-1] / 1000
                found.append(Prediction((1 - score, score), (0.6, 0.8, 0.7)))
        return found


def examine(programs: Sequence[tuple[Task, str]]) -> list[Judgement | None]:
    return [judgement(task.id == "solved") if task.examples else None for task, _ in programs]


def judgement(passed: bool) -> Judgement:
    case = CaseResult(Verdict.ACCEPTED) if passed else CaseResult(Verdict.EXCEPTION, error_type="IndexError")
    return Judgement(Outcome.PASSED if passed else Outcome.RUNTIME_ERROR, (case,), "none", "lines", "1")


def sampled(plan: Plan, repairer: Writer | None = None) -> tuple[list[list[Candidate]], Writer]:
    actor = Writer("actor")
    return critic_sampling(TASKS, actor, Critic(), repairer, examine, SAMPLING, plan), actor


def sources(candidates: Sequence[Candidate]) -> list[str]:
    return sorted(candidate.source for candidate in candidates)


@pytest.mark.parametrize("refine", [True, False])
@pytest.mark.parametrize("repair", [True, False])
@pytest.mark.parametrize(("budget", "rounds"), [(1, 1), (2, 3), (7, 1), (10, 2)])
def test_the_budget_is_met_exactly(refine: bool, repair: bool, budget: int, rounds: int) -> None:
    plan = Plan(budget, first=0.4, rounds=rounds, refine=refine, repair=repair, candidates=2)
    repairer = Writer("repairer")
    found, actor = sampled(plan, repairer)
    assert [len(group) for group in found] == [budget] * 3
    assert sum(number for _, _, number in actor.asked + repairer.asked) == 3 * budget
    assert sum(plan.shares) == budget


def test_each_part_can_be_shown_alone() -> None:
    half = ["actor"] * 3
    for refine, repair, solved, unsolved in (
        (True, True, "refine", "repair"),
        (True, False, "refine", "actor"),
        (False, True, "actor", "repair"),
        (False, False, "actor", "actor"),
    ):
        found, _ = sampled(Plan(6, refine=refine, repair=repair), Writer("repairer"))
        assert sources(found[0]) == sorted([*half, *[solved] * 3])
        assert sources(found[1]) == sorted([*half, *[unsolved] * 3])
        # Without examples every program counts as passing them.
        assert sources(found[2]) == sources(found[0])
    assert sources(sampled(Plan(6))[0][1]) == ["actor"] * 6  # no repair model


def test_refining_goes_on_from_what_the_critic_left_of_the_passing_programs() -> None:
    found, actor = sampled(Plan(4, repair=False))
    refined = [
        (request, number) for name, request, number in actor.asked if name == "solved" and request.prefix != (9,)
    ]
    # The starter code and the two tokens up to the maximum; equal seeds are one.
    assert refined == [(Request((ord("s"),), (9, GOOD, 0)), 2)]
    for candidate in found[0]:
        assert len(candidate.program.token_ids) == 3


def test_repairing_reads_outcome_and_error_of_the_most_promising_failure() -> None:
    repairer = Writer("repairer")
    sampled(Plan(6, candidates=2), repairer)
    asked = sorted(repairer.asked, key=lambda entry: -entry[2])
    assert [(name, number) for name, _, number in asked] == [("unsolved", 2), ("unsolved", 1)]
    told = "".join(map(chr, asked[0][1].prompt[1:]))
    # The failure that the critic likes best, of those that were drawn for the problem.
    assert told == f"actor {(BAD, 0, 105)} runtime_error IndexError"


def test_the_order_is_distinct_then_shown_then_the_critics() -> None:
    class Repeating(Writer):
        def continue_programs(self, tasks, requests, samples, sampling):  # type: ignore[no-untyped-def]
            groups = super().continue_programs(tasks, requests, samples, sampling)
            return [[group[0], *group[:-1]] for group in groups]

    found = critic_sampling(TASKS[:1], Repeating("actor"), Critic(), None, examine, SAMPLING, Plan(4, rounds=0))
    assert [candidate.program.token_ids[-1] for candidate in found[0]] == [102, 101, 100, 100]

    def some(programs: Sequence[tuple[Task, str]]) -> list[Judgement | None]:
        return [judgement(text.endswith("101)")) for _, text in programs]

    found = critic_sampling(TASKS[:1], Writer("actor"), Critic(), None, some, SAMPLING, Plan(3, rounds=0))
    assert [candidate.program.token_ids[-1] for candidate in found[0]] == [101, 102, 100]


def test_a_seed_ends_at_the_maximum_or_before_the_first_doubt() -> None:
    assert cut_seed([0.6, 0.9, 0.7, 0.95]) == 2  # nothing could follow the last token
    assert cut_seed([0.4, 0.9, 0.7]) == 0
    assert cut_seed([0.3, 0.2, 0.1]) == 1  # the maximum is the first token; no earlier one is doubtful
    assert cut_seed([0.9]) == 0
    assert cut_seed([]) == 0


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"first": 0.0}, {"rounds": -1}, {"candidates": 0}])
def test_plans_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Plan(**({"budget": 4} | wrong))


@pytest.mark.parametrize("model", ["fresh:tiny", "fresh:tiny-causal"])
def test_real_networks_of_both_architectures_go_on_from_seeds(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(t5_models.FRESH, "tiny", TINY_T5)
    monkeypatch.setitem(models.CAUSAL, "tiny-causal", TINY_CAUSAL)
    spec = AgentSpec(load_tokenizer("nano"), max_program_tokens=16)
    writer = make_policy("grpo", spec, model=model).writer
    critic = CriticTrainer(make_codet5(spec, model="fresh:tiny", precision="float32"))
    started = Task("started", "\nQUESTION:\nOne.\nANSWER:\n", (EXAMPLE,), starter_code="def f():\n    ")
    tasks = [Task("solved", "\nQUESTION:\nTwo.\nANSWER:\n", (EXAMPLE,)), started]
    found = critic_sampling(tasks, writer, critic, writer, examine, SAMPLING, Plan(6))
    assert [sources(group) for group in found] == [["actor"] * 3 + ["refine"] * 3, ["actor"] * 3 + ["repair"] * 3]
    first = [candidate for candidate in found[0] if candidate.source == "actor"]
    seeds = {one.program.token_ids[: cut_seed(one.prediction.passed)] for one in first}
    for candidate in found[0]:
        if candidate.source == "refine":
            assert any(candidate.program.token_ids[: len(seed)] == seed for seed in seeds)
        assert candidate.program.text == spec.tokenizer.decode(list(candidate.program.token_ids))
    for candidate in found[1]:
        assert candidate.program.text.startswith(started.starter_code)
        assert len(candidate.prediction.passed) == len(candidate.program.token_ids)
