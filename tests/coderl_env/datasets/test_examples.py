"""Examples read out of statements."""

import pytest

from coderl_env.datasets.examples import extract_doctests, extract_examples
from coderl_env.problem import AssertCase, CallCase, StdioCase

APPS = """Add two numbers.

-----Input-----

Two numbers.

-----Output-----

Their sum.

-----Examples-----
Input
1 2

Output
3

Input
Big 5
6

Output
Eleven
"""

KATTIS = """Add.

-----Examples-----
Sample Input 1:
1 2
Sample Output 1:
3

Sample Input 2:
Big 5
6
Sample Output 2:
Eleven
"""

CODE_CONTESTS = """Add.

Input

Two numbers.

Output

Sum.

Examples

Input


1 2


Output


3

Note

Text.
"""

MARKDOWN = """Add.

## Examples

### Example 1

**Input:**

```
1 2
```

**Output:**

```
3
```

## Testing

Run it.
"""

TWO = (StdioCase("1 2\n", "3\n"), StdioCase("Big 5\n6\n", "Eleven\n"))
ONE = TWO[:1]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (APPS, TWO),
        (APPS + "\n\n-----Note-----\n\nInput is never empty.\n", TWO),
        (APPS + "\nNote\n\nIn the first example 1 and 2 are added.\n", TWO),
        ("Add.\n\n-----Sample Input-----\n1 2\n\n-----Sample Output-----\n3\n\n-----Explanation-----\nAdded.\n", ONE),
        ("Add.\n\n-----Example-----\nInput:\n1 2\nOutput:\n3\n\n-----Constraints-----\n - 1 <= N\n", ONE),
        (KATTIS, TWO),
        (CODE_CONTESTS, ONE),
        (MARKDOWN, ONE),
        ("Add.\n\n-----Example-----\nInput: 1 2\nOutput: 3\n", ONE),
        ("Add.\n\n-----Examples-----\nInput\n1 2\n\nOutput\n3\n\nInput\n1 2\n\nOutput\n4\n", ONE),
    ],
)
def test_blocks_are_read(statement: str, expected: tuple[StdioCase, ...]) -> None:
    assert extract_examples(statement, None) == expected


@pytest.mark.parametrize(
    "statement",
    [
        "Just text with Input and Output in it.",
        "-----Input-----\nTwo numbers.\n\n-----Output-----\nTheir sum.\n",
        "-----Examples-----\nInput\n1 2\n\nInput\n3 4\n\nOutput\n7\n",
        "-----Examples-----\nInput\n1 2\n\nOutput\n\n",
        "-----Examples-----\nInput\nk = 3, n = 7\n\nOutput\n[[1,2,4]]\n",
        "-----Examples-----\nInput\n1 2\n\nOutput\n&lt;\n",
        "-----Examples-----\nInput\n1 2\n\nOutput\n3\n\nThe two numbers of the first line are added up here.\n",
        "",
    ],
)
def test_nothing_is_invented(statement: str) -> None:
    assert extract_examples(statement, None) == ()


@pytest.mark.parametrize(
    "line",
    [
        "add(1, [2, 'x']) == {'a': 3}",
        "add(1, [2, 'x']) -> {'a': 3}",
        "add(1, [2, 'x']) --> {'a': 3}.",
        "add(1,[2,\"x\"]) => {'a': 3}  # a comment",
        "`add(1, [2, 'x']) ==> {'a': 3}`",
        "add(1, [2, 'x']) // returns {'a': 3}",
        "add(1, [2, 'x']) # => {'a': 3}",
        "add(1, [2, 'x']) returns {'a': 3}",
        "add(1, [2, 'x']) should return {'a': 3}",
        "add(1, [2, 'x']) = {'a': 3};",
        "assert add(1, [2, 'x']) == {'a': 3}",
        ">>> add(1, [2, 'x'])\n{'a': 3}",
        ">>> add(1, [2, 'x']) == {'a': 3}",
        'Example 1:\nInput: n = 1, items = [2,"x"]\nOutput: {"a": 3}\nExplanation: so.',
        'Example 1:\nInput: items = [2,"x"], n = 1\nOutput:\n{"a": 3}\n\nExample 2:',
        '**Input:** 1, [2, "x"]\n**Output:** {"a": 3}\n',
        "For n = 1, items = [2, 'x'] the output should be {'a': 3}",
    ],
)
def test_calls_are_read(line: str) -> None:
    statement = f"Add things up.\n\n{line}\n\nMore text."
    assert extract_examples(statement, "add", "def add(n, items):\n\t") == (CallCase((1, [2, "x"]), {"a": 3}),)


def test_a_full_stop_is_no_part_of_a_number() -> None:
    (case,) = extract_examples("So add(2, 3) == 5.", "add")
    assert isinstance(case, CallCase)
    assert repr(case.expected) == "5"


def test_json_words_and_joined_names_are_read() -> None:
    statement = "isOdd(true) => false\nis_odd(null) == 'true'\n"
    assert extract_examples(statement, "is_odd") == (CallCase((True,), False), CallCase((None,), "true"))


@pytest.mark.parametrize(
    "statement",
    [
        "add(1, 2) == one",
        "add(a, b) == 3",
        "add(1, 2) == 1, 2",
        "add(1, 2) == (3)",
        "add(1, 2) == 3 because 1 + 2 is 3",
        "add(1, 2) is nice",
        "add(1, 2, 3) == 6",
        "add(1, 2) == 3\nadd(1, 2) == 4",
        "myadd(1, 2) == 3",
        "add(1, __import__('os').getpid()) == 3",
        "Input: n = 1, m = x\nOutput: 3\n",
        "Input: items = 1, other = 2, n = 3\nOutput: 3\n",
        "Input: other = 1, n = 2\nOutput: 3\n",
        "add(1, 2) == [1]\nadd(2, 3) == 5",
        "add((((((1, 2) == 3",
    ],
)
def test_no_call_is_invented(statement: str) -> None:
    assert extract_examples(statement, "add", "def add(n, items):\n\t") == ()


def test_deep_and_long_statements_are_survived() -> None:
    statement = "add(" + "[" * 5000 + "]" * 5000 + ", 1) == 2\n" + "Input: " + "1, " * 20000 + "\n" * 2000
    assert extract_examples(statement, "add") == ()
    assert extract_examples("-----Examples-----\nInput\n" + "1 2 3\n\n" * 20000, None) == ()


def test_doctests_become_asserts() -> None:
    prompt = (
        'def add(n, items):\n    """Add.\n\n    >>> add(1, [2.5])\n    [3.5]\n    >>> add(0, [])\n    []\n    """\n'
    )
    assert extract_doctests(prompt, "add") == (
        AssertCase("assert add(1, [2.5]) == [3.5]\n"),
        AssertCase("assert add(0, []) == []\n"),
    )
