"""The imports that call-based reference code takes for granted."""

import pytest

from coderl_env.datasets.imports import with_imports


@pytest.mark.parametrize(
    ("code", "added"),
    [
        (
            "class Solution:\n    def f(self, a: List[int]) -> Optional[int]:\n        ",
            "from typing import List, Optional\n\n",
        ),
        ("\ndef f(a):\n    return deque(a)\n", "from collections import deque\n"),
        ("def f(a):\n    return collections.Counter(a)\n", "import collections\n\n"),
        ("def f(a):\n    return math.sqrt(a)\n", "import math\n\n"),
        ("def f(math):\n    return math + 1\n", ""),
        ("from math import gcd\nprint(gcd(4, 6))\n", ""),
        ("from math import *\nprint(gcd(4, List))\n", ""),
        ("import numpy as math\nprint(math)\n", ""),
        ("def gcd(a, b):\n    return gcd(b, a % b) if b else a\n", ""),
        ("print('List')\n", ""),
        ("this is List no Python", ""),
        ("print(unknown)\n", ""),
    ],
)
def test_only_missing_names_are_imported(code: str, added: str) -> None:
    assert with_imports(code) == added + code


def test_the_result_runs() -> None:
    names: dict[str, object] = {}
    exec(with_imports("answer = reduce(lambda a, b: a + b, accumulate([1, 2, 3]))\n"), names)  # our own text
    assert names["answer"] == 10
