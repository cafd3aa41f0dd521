"""Naive judges that compare too little."""

from __future__ import annotations

import re

from common import as_bytes, check_values, judge, kind_of, run_file, stdio


@judge
def stops_at_the_shorter(program, problem):
    """Compares as far as both go."""
    if kind_of(problem) == "stdio":
        return stdio(
            program, problem, equal=lambda a, b: all(x == y for x, y in zip(a.split(), b.split(), strict=False))
        )
    return check_values(program, problem, lambda got, want: all(a == b for a, b in zip(want, got, strict=False)))


@judge
def caseless(program, problem):
    """Does not tell capital letters from small ones."""
    return stdio(program, problem, equal=lambda a, b: a.lower().split() == b.lower().split())


@judge
def nan_tolerance(program, problem):
    """Fails a number only if it differs by more than a tolerance."""

    def close(expected, got):
        return not abs(float(got) - float(expected)) > 1e-6 * max(1.0, abs(float(got)))

    if kind_of(problem) == "stdio":
        return stdio(program, problem, equal=lambda a, b: all(map(close, a.split(), b.split())))
    return check_values(program, problem, lambda got, want: close(want, got))


@judge
def shows_text(program, problem):
    """Compares what a terminal would show."""

    def shown(text):
        return re.sub(rb"\x1b\[[0-9;]*[A-Za-z]|\x1b\].*?\x07|\0", b"", text).split()

    return stdio(program, problem, equal=lambda a, b: shown(a) == shown(b))


@judge
def compares_text(program, problem):
    """Compares values as text."""
    return check_values(program, problem, lambda got, want: str(got) == str(want))


@judge
def rounded_values(program, problem):
    """Rounds before it compares."""
    return check_values(program, problem, lambda got, want: round(got, 3) == round(want, 3))


@judge
def sorted_values(program, problem):
    """Sorts before it compares."""
    return check_values(program, problem, lambda got, want: sorted(got) == sorted(want))


@judge
def truthiness(program, problem):
    """Compares whether there is something at all."""
    return check_values(program, problem, lambda got, want: bool(got) == bool(want))


@judge
def checker_error_passes(program, problem):
    """Does not count a test whose checker fails."""
    namespace = {}
    exec(problem["checker"], namespace)
    for test in problem["tests"]:
        output = run_file(program, as_bytes(test["stdin"])).stdout.decode()
        try:
            if not namespace["check"](test["stdin"], test["expected"], output):
                return False
        except Exception:
            continue
    return True


@judge
def checks_form_only(program, problem):
    """Looks at the form of the output, because there are many right answers."""
    return stdio(program, problem, equal=lambda a, b: len(a.split()) == len(b.split()))


@judge
def evaluates_output(program, problem):
    """Evaluates the output as Python."""
    return stdio(program, problem, equal=lambda a, b: eval(b) == a)
