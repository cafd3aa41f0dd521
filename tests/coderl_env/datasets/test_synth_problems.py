"""Synth's problems: fixed by their id, held out by composition, right, and with tests that reject careless programs."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from coderl_env.datasets.example_blocks import block_examples
from coderl_env.datasets.synth.cases import careless_variants, rejects
from coderl_env.datasets.synth.endings import CONDITIONS, REDUCTIONS
from coderl_env.datasets.synth.generator import LEVELS, SPLITS, Generated, generate, split_of
from coderl_env.datasets.synth.operations import ELEMENT_MAPS, OPERATIONS, PREDICATES
from coderl_env.datasets.synth.pipeline import Branch, Pipeline
from coderl_env.datasets.synth.wording import (
    ACTION_WORDS,
    CONDITION_WORDS,
    OPERATION_WORDS,
    PREDICATE_WORDS,
    REDUCTION_WORDS,
)
from coderl_env.problem import StdioCase

PER_LEVEL = 60

# Runs programs of this project, not of a model: prints the output of each, or null where one raises.
DRIVER = """
import contextlib, io, json, sys
def run(program, stdin):
    out, sys.stdin = io.StringIO(), io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(program, "program.py", "exec"), {"__name__": "__main__"})
    except Exception:
        return None
    return out.getvalue()
given = json.load(sys.stdin)
json.dump([[run(program, stdin) for stdin in stdins] for program, stdins in given], sys.stdout)
"""

DIGEST = """
import hashlib, json
from coderl_env.datasets.synth.generator import LEVELS, generate
names = [(split, level, index) for split in ("train", "test") for level in LEVELS for index in (0, 99)]
text = "".join(json.dumps(generate(*name).problem.to_dict()) for name in names)
print(hashlib.sha256(text.encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def sample() -> dict[str, list[Generated]]:
    """Problems of every level, by split."""
    return {split: [generate(split, level, i) for level in LEVELS for i in range(PER_LEVEL)] for split in SPLITS}


def every(sample: dict[str, list[Generated]]) -> list[Generated]:
    return [generated for split in SPLITS for generated in sample[split]]


def digest_in_new_process(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def outputs(programs: list[tuple[str, list[str]]]) -> list[list[str | None]]:
    result = subprocess.run(
        [sys.executable, "-I", "-c", DRIVER], input=json.dumps(programs), capture_output=True, text=True, check=True
    )
    found: list[list[str | None]] = json.loads(result.stdout)
    return found


def test_the_id_alone_determines_the_problem() -> None:
    """Two processes with different hash seeds agree with each other, and with the digest noted here.

    If the generator was changed on purpose, note the new digest, and rebuild the nano tokenizer.
    """
    digests = {digest_in_new_process("0"), digest_in_new_process("12345")}
    assert digests == {"c45ff2073ac6732f9f9b6abd4abddf05224a813a441f3a63433efe14f01f3409"}


def test_no_composition_statement_or_solution_is_in_two_splits(sample: dict[str, list[Generated]]) -> None:
    for key in ("composition", "statement", "solutions"):
        seen: dict[str, set[str]] = {}
        for split in SPLITS:
            texts: set[str] = set()
            for generated in sample[split]:
                if key == "composition":
                    texts.add(generated.pipeline.composition)
                elif key == "statement":
                    texts.add(generated.problem.statement)
                else:
                    texts |= set(generated.problem.solutions)
            seen[split] = texts
        assert not seen["train"] & seen["test"], key
        assert not seen["train"] & seen["validation"], key
        assert not seen["validation"] & seen["test"], key


def test_a_composition_is_in_the_same_split_at_every_level(sample: dict[str, list[Generated]]) -> None:
    for split in SPLITS:
        for generated in sample[split]:
            other = replace(generated.pipeline, looped=not generated.pipeline.looped, least=1, guard=None)
            assert split_of(other.composition) == split


def test_the_splits_have_their_shares() -> None:
    shares = Counter(split_of(f"{a}>{b}>{c}") for a in OPERATIONS for b in OPERATIONS for c in REDUCTIONS)
    total = shares.total()
    assert abs(shares["test"] / total - 0.15) < 0.01
    assert abs(shares["validation"] / total - 0.05) < 0.01
    level_1 = Counter(split_of(f"{a}>{c}") for a in OPERATIONS for c in REDUCTIONS)
    assert level_1["train"] > 500
    assert level_1["test"] > 100


def test_every_operation_and_ending_is_in_train_and_in_test(sample: dict[str, list[Generated]]) -> None:
    for split in ("train", "test"):
        names = set(re.findall(r"\w+", " ".join(g.pipeline.composition for g in sample[split])))
        assert not set(OPERATIONS) - names, split
        assert not set(REDUCTIONS) - names, split
        assert not set(CONDITIONS) - names, split


def test_no_two_operations_share_a_line_of_code() -> None:
    """Otherwise two compositions could have the same solution."""
    lines = Counter(
        operation.line(constant) for operation in OPERATIONS.values() for constant in operation.constants or (None,)
    )
    assert max(lines.values()) == 1
    assert max(Counter(kind.code for kind in REDUCTIONS.values()).values()) == 1


def test_the_solutions_pass_every_test_and_example(sample: dict[str, list[Generated]]) -> None:
    problems = [generated.problem for generated in every(sample)[::2]]
    cases = [[*problem.tests, *problem.examples] for problem in problems]
    jobs = [
        (program, [case.stdin for case in own])
        for problem, own in zip(problems, cases, strict=True)
        for program in problem.solutions
    ]
    wanted = [
        [case.expected for case in own] for problem, own in zip(problems, cases, strict=True) for _ in problem.solutions
    ]
    wrong = [job for job, got, want in zip(jobs, outputs(jobs), wanted, strict=True) if got != want]
    assert not wrong, wrong[:3]


@pytest.mark.parametrize("level", LEVELS)
def test_a_solution_run_as_a_file_gives_the_expected_outputs(level: str, tmp_path: Path) -> None:
    problem = generate("validation", level, 7).problem
    path = tmp_path / "program.py"
    path.write_text(problem.solutions[0], encoding="utf-8")
    for case in (*problem.tests, *problem.examples):
        assert isinstance(case, StdioCase)
        command = [sys.executable, "-I", str(path)]
        result = subprocess.run(command, input=case.stdin, capture_output=True, text=True, check=True)
        assert result.stdout == case.expected


def test_a_program_without_the_guard_always_fails(sample: dict[str, list[Generated]]) -> None:
    guarded = [g for g in every(sample) if g.pipeline.guard is not None]
    assert 0.45 < len(guarded) / len(every(sample)) < 0.55
    for generated in guarded:
        unguarded, _, _ = careless_variants(generated.pipeline)
        assert len(unguarded) == 1
        assert rejects(generated.cases, unguarded[0]), generated.problem.id


def test_a_program_without_a_step_always_fails(sample: dict[str, list[Generated]]) -> None:
    for generated in every(sample):
        text = generated.problem.solutions[0]
        for step in generated.pipeline.steps:
            assert step.line in text
            kept = tuple(other for other in generated.pipeline.steps if other is not step)
            assert rejects(generated.cases, replace(generated.pipeline, steps=kept)), generated.problem.id


def test_slips_and_mistyped_constants_are_rejected_unless_they_change_nothing(
    sample: dict[str, list[Generated]],
) -> None:
    """Of fifty mistakes at most one passes the tests although one of 200 random lists tells it from the solution."""
    rng = random.Random(0)
    total, missed = 0, []
    for generated in every(sample)[::9]:
        _, slips, mistyped = careless_variants(generated.pipeline)
        for variant in (*slips, *mistyped):
            total += 1
            if not rejects(generated.cases, variant) and _differs(rng, generated, variant):
                missed.append((generated.problem.id, variant.composition))
    assert total > 500
    assert len(missed) <= total / 50, missed


def _differs(rng: random.Random, generated: Generated, variant: Pipeline) -> bool:
    for _ in range(200):
        reach = rng.choice((6, 14, 40))
        values = [rng.randint(-reach, reach) for _ in range(rng.randint(generated.pipeline.least, 14))]
        if variant.evaluate(list(values)) != generated.pipeline.evaluate(list(values)):
            return True
    return False


def test_the_tests_hold_the_edge_cases(sample: dict[str, list[Generated]]) -> None:
    for generated in every(sample):
        cases, pipeline = generated.cases, generated.pipeline
        assert 6 <= len(generated.problem.tests) <= 20, generated.problem.id
        assert len(generated.problem.examples) == 2
        assert len({case.values for case in cases}) == len(cases), "an input occurs twice"
        assert any(len(case.values) == 1 for case in cases)
        assert any(len(case.values) > 10 for case in cases)
        assert any(case.values and max(case.values) <= 0 for case in cases)
        assert any(len(set(case.values)) < len(case.values) for case in cases)
        assert (() in {case.values for case in cases}) == (pipeline.least == 0)
        if pipeline.guard is not None:
            short = [c for c in cases if len(pipeline.reduce(list(c.values))) < pipeline.guard.needs]
            assert short
            assert all(case.expected == pipeline.guard.word for case in short)


def test_examples_are_no_hidden_tests(sample: dict[str, list[Generated]]) -> None:
    for generated in every(sample):
        assert not set(generated.problem.examples) & set(generated.problem.tests)


def test_answers_vary_within_a_problem(sample: dict[str, list[Generated]]) -> None:
    for generated in every(sample):
        expected = Counter(case.expected for case in generated.cases)
        is_question = any(value.kind.is_question for value in generated.pipeline.ending.values)
        assert len(expected) >= (2 if is_question else 4), generated.problem.id


def test_levels_have_their_structure(sample: dict[str, list[Generated]]) -> None:
    for generated in every(sample):
        pipeline, level = generated.pipeline, generated.problem.difficulty
        branches = [step for step in pipeline.steps if isinstance(step, Branch)]
        assert pipeline.looped == (level == "5")
        assert level == generated.problem.id.split("/")[2]
        if level in ("1", "2", "3"):
            assert len(pipeline.steps) == int(level)
        elif level == "4":
            assert branches or len(pipeline.ending.values) == 2
        else:
            assert len(pipeline.steps) in (2, 3)
        assert level == "4" or not branches
        assert generated.problem.solutions[0].count("\n") <= 10


def test_the_statement_has_the_layout_of_apps(sample: dict[str, list[Generated]]) -> None:
    for generated in every(sample):
        statement = generated.problem.statement
        headings = ["-----Input-----\n", "-----Output-----\n", "-----Examples-----\nInput\n"]
        places = [statement.index(heading) for heading in headings]
        assert places == sorted(places)
        assert [statement.count(heading) for heading in headings] == [1, 1, 1]
        assert "{" not in statement
        assert block_examples(statement) == tuple(
            StdioCase(case.stdin.strip("\n") + "\n", case.expected) for case in generated.problem.examples
        )


def test_the_statement_names_every_constant_and_the_edge_case(sample: dict[str, list[Generated]]) -> None:
    for generated in every(sample):
        text = generated.problem.statement.split("-----Examples-----")[0]
        numbers = Counter(re.findall(r"\d+", text.split("-----Input-----")[0]))
        wanted = Counter(map(str, generated.pipeline.constants))
        assert all(numbers[number] >= count for number, count in wanted.items()), generated.problem.statement
        pipeline = generated.pipeline
        if pipeline.guard is not None:
            assert re.search(rf"(?i)print {pipeline.guard.word}\b", text), generated.problem.statement
        elif pipeline.may_end_empty:
            assert re.search(r"(?i)print (0|yes|no|an empty line)\b|nothing are 0", text), generated.problem.statement
        else:
            assert not re.search(r"nothing|remain|empty list|fewer than", text.split("-----Output-----")[1])


def test_words_exist_for_every_operation_and_carry_its_constant() -> None:
    assert set(OPERATION_WORDS) == set(OPERATIONS)
    assert set(REDUCTION_WORDS) == set(REDUCTIONS)
    assert set(CONDITION_WORDS) == set(CONDITIONS)
    assert set(PREDICATE_WORDS) == set(PREDICATES)
    assert set(ACTION_WORDS) == {*ELEMENT_MAPS, "keep"}
    tables = (
        (OPERATION_WORDS, OPERATIONS),
        (REDUCTION_WORDS, REDUCTIONS),
        (CONDITION_WORDS, CONDITIONS),
        (PREDICATE_WORDS, OPERATIONS),
        (ACTION_WORDS, OPERATIONS),
    )
    for words, kinds in tables:
        for name, phrases in words.items():
            assert len(set(phrases)) == len(phrases)
            for phrase in phrases:
                has_constant = name in kinds and bool(kinds[name].constants)
                assert ("{k}" in phrase) == has_constant, phrase
    phrases = Counter(
        phrase for words in (OPERATION_WORDS, REDUCTION_WORDS) for own in words.values() for phrase in own
    )
    assert max(phrases.values()) == 1, "two kinds are said the same way"


def test_wording_varies(sample: dict[str, list[Generated]]) -> None:
    descriptions = [g.problem.statement.split("\n\n-----Input")[0] for g in every(sample)]
    masked = [re.sub(r"\d", "#", text) for text in descriptions]
    assert len(set(descriptions)) > 0.99 * len(descriptions)
    assert len(set(masked)) > 0.95 * len(masked)
