"""Check functions taken apart into single asserts."""

import pytest

from coderl_env.datasets.asserts import split_check


def test_plain_asserts_become_tests_of_their_own() -> None:
    test = (
        "METADATA = {'author': 'x'}\n\ndef check(candidate):\n    'doc'\n"
        "    assert candidate(1) == 2, 'one'\n    assert True\n    assert candidate(candidate(2)) == 4\n"
    )
    assert [case.code for case in split_check(test, "Solution().f")] == [
        "assert Solution().f(1) == 2, 'one'\n",
        "assert Solution().f(Solution().f(2)) == 4\n",
    ]


@pytest.mark.parametrize(
    "body",
    [
        "    for n in range(3):\n        assert candidate(n) == n\n",
        "    data = [1]\n    assert candidate(data) == 1\n    assert data == []\n",
        "    import math\n    assert candidate(4) == math.sqrt(16)\n",
    ],
)
def test_bodies_that_do_more_than_assert_stay_whole(body: str) -> None:
    test = f"def check(candidate):\n{body}"
    assert [case.code for case in split_check(test, "f")] == [f"{test}\ncheck(f)\n"]


def test_helpers_beside_check_keep_it_whole() -> None:
    (case,) = split_check(
        "def near(a, b):\n    return abs(a - b) < 1\n\ndef check(c):\n    assert near(c(1), 1)\n", "f"
    )
    assert case.code.startswith("def near")
    assert case.code.endswith("\n\ncheck(f)\n")


@pytest.mark.parametrize("test", ["assert f(1) == 1\n", "def check(a, b):\n    pass\n", "def check(:\n"])
def test_what_is_no_check_is_refused(test: str) -> None:
    with pytest.raises(ValueError, match=r"check\(candidate\)|is not Python"):
        split_check(test, "f")
