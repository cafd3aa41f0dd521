"""Which tests may share a process with those of another program."""

from __future__ import annotations

import pytest

from coderl_env.judge.traces import leaves_no_trace


@pytest.mark.parametrize(
    "code",
    [
        "assert f([1, 2]) == [2, 1]",
        "import math\nfrom collections import Counter\nassert math.isclose(f(1), 2) and Counter(f(2)) == Counter([1])",
        "def check(candidate):\n    for n in range(3):\n        assert candidate(n) == n\ncheck(f)",
        "class Node:\n    def __init__(self, value):\n        self_value = value\nassert f(Node(1))",
        "try:\n    f(1)\nexcept ValueError as error:\n    assert str(error) == 'no'",
        "import numpy as np\nassert np.allclose(f([1.0]), [1.0])",
        "def f(x: int) -> int:\n    ",
        "",
    ],
)
def test_ordinary_tests_leave_none(code: str) -> None:
    assert leaves_no_trace(code)


@pytest.mark.parametrize(
    "code",
    [
        "assert eval(f(1)) == 2",
        "exec(f(1))",
        "import pickle\npickle.loads(f(1))",
        "import timeit\ntimeit.timeit(f(1))",
        "from os import path",
        "import math\nmath.sqrt = f",
        "del f.x",
        "assert os.getcwd() == f(1)",
        "assert f.__globals__",
        "assert __builtins__",
        "setattr(f, 'x', 1)",
        "import numpy as np\nnp.load(f(1), allow_pickle=True)",
        "import numpy as np\nnp.random.seed(0)",
        "from numpy import random",
        "import collections as c\nc.abc.Mapping.register(list)",
        "import operator\noperator.methodcaller(f(1))",
        "class A(metaclass=f): pass",
        "async def g(): await f(1)",
        "from . import x",
        "f(",
    ],
)
def test_what_may_leave_one_does_not_share(code: str) -> None:
    assert not leaves_no_trace(code)
