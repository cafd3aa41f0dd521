"""Demonstrations: over train problems only, careless at the stated share, and labelled truly."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter

import pytest

from coderl_env.datasets.synth import LEVELS, Demonstration, SynthDataset, demonstrations
from coderl_env.datasets.synth.cases import careless_variants
from coderl_env.datasets.synth.demonstrations import DEFAULT_CARELESS, _mistaken
from coderl_env.datasets.synth.draw import Draw
from coderl_env.datasets.synth.generator import generate, split_of
from coderl_env.datasets.synth.pipeline import program_text

COUNT = 1000

# Runs programs of this project, not of a model: prints for each whether all its tests pass.
DRIVER = """
import contextlib, io, json, sys
def passes(program, stdin, expected):
    out, sys.stdin = io.StringIO(), io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(program, "program.py", "exec"), {"__name__": "__main__"})
    except Exception:
        return False
    return out.getvalue() == expected
given = json.load(sys.stdin)
json.dump([all(passes(program, *case) for case in cases) for program, cases in given], sys.stdout)
"""


@pytest.fixture(scope="module")
def corpus() -> list[Demonstration]:
    return demonstrations(COUNT, seed=5)


def passed(corpus: list[Demonstration]) -> list[bool]:
    jobs = [(d.program, [(case.stdin, case.expected) for case in d.problem.tests]) for d in corpus]
    result = subprocess.run(
        [sys.executable, "-I", "-c", DRIVER], input=json.dumps(jobs), capture_output=True, text=True, check=True
    )
    found: list[bool] = json.loads(result.stdout)
    return found


def test_the_label_says_whether_the_hidden_tests_pass(corpus: list[Demonstration]) -> None:
    wrong = [d for d, ok in zip(corpus, passed(corpus), strict=True) if ok != d.careful]
    assert not wrong, wrong[0].program


def test_the_share_of_careless_programs_is_the_stated_one(corpus: list[Demonstration]) -> None:
    assert abs(sum(not d.careful for d in corpus) / COUNT - DEFAULT_CARELESS) < 0.04


@pytest.mark.parametrize("share", [0.1, 0.7, 1.0])
def test_other_shares_are_met_too(share: float) -> None:
    found = demonstrations(400, seed=1, careless=share)
    assert abs(sum(not d.careful for d in found) / 400 - share) < 0.07


def test_a_clean_corpus_holds_reference_solutions_only() -> None:
    for demonstration in demonstrations(200, seed=2, careless=0.0):
        assert demonstration.careful
        assert demonstration.program == demonstration.problem.solutions[0]


def test_most_mistakes_are_a_missing_guard(corpus: list[Demonstration]) -> None:
    needing = [d for d in corpus if len(d.problem.solutions) == 2 or "if not a:" in d.problem.solutions[0]]
    careless = [d for d in needing if not d.careful]
    shorter = [d for d in careless if len(d.program) < len(d.problem.solutions[0]) - 3]
    assert len(shorter) > 0.7 * len(careless)
    assert 0.5 < len(shorter) / len(needing) < 0.75


def test_few_mistakes_are_slips_of_syntax(corpus: list[Demonstration]) -> None:
    def compiles(program: str) -> bool:
        try:
            ast.parse(program)
        except SyntaxError:
            return False
        return True

    broken = [d for d in corpus if not compiles(d.program)]
    assert not any(d.careful for d in broken)
    assert 0.005 < len(broken) / COUNT < 0.06


def test_demonstrations_are_over_train_problems_of_all_levels(corpus: list[Demonstration]) -> None:
    train = SynthDataset("train")
    assert Counter(d.problem.difficulty for d in corpus) == dict.fromkeys(LEVELS, COUNT // len(LEVELS))
    assert all(d.problem == train.get(d.problem.id) for d in corpus[:50])
    assert {d.problem.difficulty for d in demonstrations(6, seed=0, levels=("2", "5"))} == {"2", "5"}


def test_a_mistake_never_gives_the_solution_of_a_held_out_composition() -> None:
    """As > for >= would, where the composition with >= is a test problem's."""
    tempting = 0
    for index in range(300):
        generated = generate("train", "2", index)
        _, slips, _ = careless_variants(generated.pipeline)
        held_out = {program_text(slip) for slip in slips if split_of(slip.composition) != "train"}
        tempting += bool(held_out)
        assert not held_out & {_mistaken(Draw(f"{index} {attempt}"), generated) for attempt in range(5)}
    assert tempting > 50


def test_the_same_seed_gives_the_same_corpus_and_a_longer_one_begins_with_it(corpus: list[Demonstration]) -> None:
    assert demonstrations(20, seed=5) == corpus[:20]
    assert demonstrations(20, seed=6) != corpus[:20]
    assert demonstrations(0, seed=5) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": -1}, "count must be 0 or more, not -1"),
        ({"careless": 1.5}, "between 0 and 1, not 1.5"),
        ({"levels": ("1", "7")}, "unknown Synth level '7'"),
        ({"levels": ()}, "no levels"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        demonstrations(**{"count": 1, "seed": 0, **settings})  # type: ignore[arg-type]
