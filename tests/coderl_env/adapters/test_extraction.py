"""Which part of a completion is the program."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coderl_env.adapters.extraction import extract_program

CODE = "n = int(input())\nprint(n)\n"


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        (f"```python\n{CODE}```", CODE),
        (f"Sure:\n\n```python\n{CODE}```\nIt prints n.", CODE),
        (f"```Python3\n{CODE}```", CODE),
        (f"```py\n{CODE}```\n", CODE),
        (f"``` {{.python .numberLines}}\n{CODE}```", CODE),
        (f"```python title=a.py\n{CODE}```", CODE),
        (f"~~~python\n{CODE}~~~", CODE),
        (f"````python\n{CODE}````", CODE),
        (f"```\n{CODE}```", CODE),
        (f"```python\nold()\n```\nBetter:\n```python\n{CODE}```", CODE),
        (f"```python\n{CODE}```\nIts output:\n```\n5\n```", CODE),
        (f"```\nold()\n```\n```\n{CODE}```", CODE),
        (f"```bash\npip install x\n```\n```\n{CODE}```\n```text\n5\n```", CODE),
        (f"```python\n{CODE}", CODE),
        (f"```python\r\n{CODE}```\r\n", CODE),
        ("1. Like this:\n   ```python\n   if x:\n       y()\n   ```", "if x:\n    y()\n"),
        ("```python\nprint('''\n``` inside a line\n''')\n```", "print('''\n``` inside a line\n''')\n"),
        ("````python\nprint('''\n```\n''')\n````", "print('''\n```\n''')\n"),
        ("~~~python\nprint('''\n```\n''')\n~~~", "print('''\n```\n''')\n"),
        (f"<think>```python\nwrong()\n```</think>\n```python\n{CODE}```", CODE),
        (f"<think>perhaps</think>{CODE}", CODE),
        (CODE, CODE),
        ("Use `input()` and ```print``` for it.", "Use `input()` and ```print``` for it."),
        ("", ""),
    ],
)
def test_auto(completion: str, program: str) -> None:
    assert extract_program(completion) == program


@pytest.mark.parametrize(
    ("completion", "program"),
    [(f"```python\n{CODE}```", CODE), (CODE, ""), ("```bash\nls\n```", ""), (f"<think>x</think>```\n{CODE}```", CODE)],
)
def test_fenced_takes_nothing_but_blocks(completion: str, program: str) -> None:
    assert extract_program(completion, "fenced") == program


@given(st.text())
def test_raw_changes_nothing(text: str) -> None:
    assert extract_program(text, "raw") == text


@given(st.text(st.characters(exclude_characters="`\r", exclude_categories=["Cs", "Zl", "Zp", "Cc"])))
def test_what_stands_in_a_block_comes_out(line: str) -> None:
    assert extract_program(f"x\n```python\n{line}\n```\ny") == f"{line}\n"


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "content": CODE}],
        [{"role": "user", "content": "hello"}, {"role": "assistant", "content": CODE}],
        [{"role": "assistant", "content": "old()"}, {"role": "assistant", "content": CODE}],
        [{"role": "assistant", "content": CODE}, {"role": "tool", "content": "5"}],
        [{"role": "assistant", "content": [{"type": "text", "text": CODE}, {"type": "image"}]}],
    ],
)
def test_of_messages_the_last_answer_counts(messages: list[dict[str, Any]]) -> None:
    assert extract_program(messages) == CODE


def test_an_answer_without_text_is_empty() -> None:
    assert extract_program([{"role": "assistant", "content": None, "tool_calls": []}]) == ""


@pytest.mark.parametrize("completion", [None, 3, [], [{"role": "user", "content": "x"}], {"role": "assistant"}])
def test_what_is_no_completion(completion: Any) -> None:
    with pytest.raises(ValueError, match="a completion is text, or messages"):
        extract_program(completion)


def test_an_unknown_style() -> None:
    with pytest.raises(ValueError, match="unknown style of completion 'fence'; did you mean 'fenced'"):
        extract_program("", "fence")
