"""The tokenizer that the package ships: exact for any text, digits apart, short for Synth."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from coderl_env.datasets.synth import LEVELS, SynthDataset


@pytest.fixture(scope="module")
def nano() -> Tokenizer:
    return load()


def load() -> Tokenizer:
    tokenizer = Tokenizer.from_str((resources.files("coderl_env") / "nano_tokenizer.json").read_text(encoding="utf-8"))
    tokenizer.encode_special_tokens = True
    return tokenizer


NANO = load()
PIECES = st.sampled_from(
    ["\n", "\t", "  ", "    ", "é", "😀", "12", "-3", "</s>", "<pad>", "print(", "\r\n", " x % ", "\0"]
)


def test_size_and_special_tokens(nano: Tokenizer) -> None:
    assert 1000 <= nano.get_vocab_size() <= 2000
    assert [nano.token_to_id(token) for token in ("<pad>", "<s>", "</s>", "<unk>")] == [0, 1, 2, 3]
    assert sorted(nano.get_vocab().values()) == list(range(nano.get_vocab_size()))


@given(st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=5))).map("".join)))
def test_any_text_comes_back_exactly(text: str) -> None:
    ids = NANO.encode(text, add_special_tokens=False).ids
    assert NANO.decode(ids, skip_special_tokens=False) == text
    assert not set(ids) & {0, 1, 2, 3}


def test_no_digit_is_merged_with_anything(nano: Tokenizer) -> None:
    with_digits = [token for token in nano.get_vocab() if any(c.isascii() and c.isdigit() for c in token)]
    assert sorted(with_digits) == list("0123456789")


def test_no_token_goes_on_after_the_end_of_a_line_or_clause(nano: Tokenizer) -> None:
    for token, number in nano.get_vocab().items():
        text = nano.decode([number], skip_special_tokens=False)
        assert "\n" not in text.rstrip("\n"), token
        assert ". " not in text, token
        assert ", " not in text, token
        assert len(text) <= 24 or number < 4, token


def test_a_constant_is_the_same_token_in_statement_and_program(nano: Tokenizer) -> None:
    digit = nano.token_to_id("7")
    for text in ("multiples of 7, then", "x % 7 == 0", "x>=7]", "a[:7]", "'7' in", "-7\n", "17", "n7"):
        assert digit in nano.encode(text).ids, text


def test_indentation_does_not_change_a_line(nano: Tokenizer) -> None:
    line = "a = [x for x in a if x % 4 == 0]\n"
    plain = nano.encode(f"n = 1\n{line}").tokens
    indented = nano.encode(f"n = 1\n    {line}").tokens
    assert len(indented) == len(plain) + 1
    assert indented[-len(nano.encode(line).tokens) :] == nano.encode(line).tokens


@pytest.mark.parametrize("level", LEVELS)
def test_synth_is_short(nano: Tokenizer, level: str) -> None:
    dataset = SynthDataset("test", (level,))
    problems = [dataset.get(f"synth/test/{level}/{i}") for i in range(100)]
    prompts = sorted(
        len(nano.encode(f"\nQUESTION:\n{p.statement}\n\nUse Standard Input format\nANSWER:\n").ids) for p in problems
    )
    programs = sorted(len(nano.encode(problem.solutions[0]).ids) for problem in problems)
    assert prompts[95] <= 160
    assert programs[95] <= 64
    assert sum(programs) / len(programs) <= 35


def test_ordinary_python_is_not_spelt_byte_by_byte(nano: Tokenizer) -> None:
    text = "def solve():\n    for i in range(n):\n        result.append(x)\n    return result\n"
    assert len(nano.encode(text).ids) < len(text) / 2


def test_the_file_is_json_as_the_library_writes_it(nano: Tokenizer) -> None:
    text = (resources.files("coderl_env") / "nano_tokenizer.json").read_text(encoding="utf-8")
    assert json.loads(text)["model"]["vocab"] == nano.get_vocab(with_added_tokens=False)
