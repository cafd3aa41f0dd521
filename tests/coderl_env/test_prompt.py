"""The prompt's exact text, and what is cut from it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coderl_env.agent import Task
from coderl_env.problem import CallCase, Problem, StdioCase
from coderl_env.prompt import build_prompt, check_prompt_room, encode_prompt
from coderl_env.tokens import load_tokenizer

STDIN = Problem("p/stdin", "Print the sum.\n\n-----Input-----\nTwo integers.", (StdioCase("1 2\n", "3\n"),))
CALL = Problem("p/call", "Double it.", (CallCase((1,), 2),), starter_code="def f(n):\n\t", entry_point="f")
COMPLETE = Problem("p/complete", "def f(n):\n    '''Double it.'''\n", (CallCase((1,), 2),), entry_point="f")
COMPLETE = replace(COMPLETE, starter_code=COMPLETE.statement)


@pytest.mark.parametrize(
    ("problem", "prompt"),
    [
        (STDIN, f"\nQUESTION:\n{STDIN.statement}\nUse Standard Input format\nANSWER:\n"),
        (CALL, "\nQUESTION:\nDouble it.\ndef f(n):\n\t\nUse Call-Based format\nANSWER:\n"),
        (COMPLETE, f"\nQUESTION:\n{COMPLETE.statement}\nUse Call-Based format\nANSWER:\n"),
    ],
    ids=lambda value: value.id if isinstance(value, Problem) else "",
)
def test_the_layout(problem: Problem, prompt: str) -> None:
    assert build_prompt(problem) == prompt


@pytest.mark.parametrize("problem", [STDIN, CALL, COMPLETE], ids=lambda problem: problem.id)
def test_a_prompt_that_fits_is_encoded_as_it_is(problem: Problem) -> None:
    tokenizer = load_tokenizer("nano")
    encoded = encode_prompt(problem, tokenizer, 200)
    assert encoded.text == build_prompt(problem)
    assert list(encoded.token_ids) == tokenizer.encode(encoded.text)
    assert not encoded.truncated


@given(words=st.integers(1, 400), size=st.integers(20, 90), problem=st.sampled_from([STDIN, CALL]))
def test_only_the_question_is_cut(words: int, size: int, problem: Problem) -> None:
    tokenizer = load_tokenizer("nano")
    problem = replace(problem, statement="".join(f"word{number} " for number in range(words)))
    whole = build_prompt(problem)
    ending = whole.removeprefix(f"\nQUESTION:\n{problem.statement}")
    encoded = encode_prompt(problem, tokenizer, size)
    shown = tokenizer.decode(encoded.token_ids)
    assert encoded.text == whole
    assert encoded.truncated == (len(tokenizer.encode(whole)) > size)
    assert shown.endswith(ending)
    assert whole.startswith(shown.removesuffix(ending))
    assert len(encoded.token_ids) == (size if encoded.truncated else len(tokenizer.encode(whole)))


def test_a_question_that_is_its_own_starter_code_may_be_cut() -> None:
    tokenizer = load_tokenizer("nano")
    shown = tokenizer.decode(encode_prompt(COMPLETE, tokenizer, 16).token_ids)
    assert shown.startswith("\nQUESTION:\ndef f(")
    assert shown.endswith("\nUse Call-Based format\nANSWER:\n")


@pytest.mark.parametrize("problem", [STDIN, CALL, COMPLETE], ids=lambda problem: problem.id)
@pytest.mark.parametrize("size", [20, 24, 500])
def test_a_task_is_encoded_as_its_problem(problem: Problem, size: int) -> None:
    tokenizer = load_tokenizer("nano")
    task = Task.from_problem(problem, build_prompt(problem))
    assert encode_prompt(task, tokenizer, size) == encode_prompt(problem, tokenizer, size)


def test_a_window_without_room_for_the_question_says_what_is_needed() -> None:
    tokenizer = load_tokenizer("nano")
    ending = len(tokenizer.encode("\ndef f(n):\n\t\nUse Call-Based format\nANSWER:\n"))
    long = replace(CALL, statement="Double it. " * 100)
    message = (
        f"problem 'p/call' does not fit: .* takes {ending} tokens, .* is {ending}; raise it to at least {ending + 1}"
    )
    for check in (encode_prompt, check_prompt_room):
        with pytest.raises(ValueError, match=message):
            check(long, tokenizer, ending)
        check(long, tokenizer, ending + 1)


def test_a_statement_of_megabytes_takes_no_time() -> None:
    tokenizer = load_tokenizer("nano")
    problem = replace(STDIN, statement="a rather long statement, " * 200_000)
    start = time.process_time()
    assert encode_prompt(problem, tokenizer, 600).truncated
    # Encoding all of it takes seconds.
    assert time.process_time() - start < 0.5
