"""A programming problem and its unit tests, as frozen data.

Not here: where problems come from (`coderl_env.datasets`) and how programs are judged (`coderl_env.judge`). Standard
library only, because the judge builds on this module.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["AssertCase", "CallCase", "Limits", "Problem", "StdioCase", "TestCase"]

_PYTHON_TAG = "__python__"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use. Per test, except `program_cpu_seconds`.

    Attributes:
        cpu_seconds: processor time of one test, in seconds.
        wall_seconds: elapsed time of one test, in seconds; generous, because it also passes while others run.
        program_cpu_seconds: processor time of all tests of one program together, in seconds.
        memory_bytes: resident memory of the program, beyond what the bare interpreter holds.
        output_bytes: standard output, and each file written, of one test; also the encoded result of one call.

    Raises:
        ValueError: a limit is not a positive finite number.
    """

    cpu_seconds: float = 2.0
    wall_seconds: float = 10.0
    program_cpu_seconds: float = 8.0
    memory_bytes: int = 512 * 1024 * 1024
    output_bytes: int = 1024 * 1024

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = field.name.endswith("_bytes")
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                kind = "an integer" if whole else "a number"
                raise ValueError(f"limit {field.name!r} must be {kind}, not {value!r}")
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"limit {field.name!r} must be positive and finite, not {value!r}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Limits:
        """Build limits from a mapping; names that are left out keep their defaults.

        Raises:
            ValueError: an unknown name or an unusable value.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(f"unknown limit {name!r}; valid are {', '.join(known)}")
        return cls(**values)


@dataclass(frozen=True, slots=True)
class StdioCase:
    """Run the program with `stdin` as its standard input; its standard output must match `expected`."""

    stdin: str
    expected: str

    def __post_init__(self) -> None:
        for name in ("stdin", "expected"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise ValueError(f"a StdioCase's {name} must be a string, not {type(value).__name__} {_short(value)}")


@dataclass(frozen=True, slots=True)
class CallCase:
    """Call the problem's entry point with `args`; what it returns must equal `expected`.

    Both are plain values: None, bool, int, float, complex, str, bytes, list, tuple, set, dict.
    """

    args: tuple[Any, ...]
    expected: Any

    def __post_init__(self) -> None:
        if not isinstance(self.args, (list, tuple)):
            kind = type(self.args).__name__
            raise ValueError(f"a CallCase's args must be a list of arguments, not {kind} {_short(self.args)}")
        object.__setattr__(self, "args", tuple(self.args))


@dataclass(frozen=True, slots=True)
class AssertCase:
    """Run `code`, which asserts something of what the program defines (the style of MBPP and HumanEval)."""

    code: str

    def __post_init__(self) -> None:
        if not isinstance(self.code, str):
            raise ValueError(f"an AssertCase's code must be a string, not {type(self.code).__name__}")


TestCase = StdioCase | CallCase | AssertCase
_KINDS: dict[str, type[StdioCase] | type[CallCase] | type[AssertCase]] = {
    "stdio": StdioCase,
    "call": CallCase,
    "assert": AssertCase,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One programming problem.

    Attributes:
        id: unique name, such as `apps/train/0001`.
        statement: the text the agent reads.
        tests: the hidden tests that decide the outcome. A problem without any is never served.
        examples: the public tests found in the statement.
        starter_code: text that every program must begin with, or empty.
        entry_point: the function that calls and asserts use; a dotted name such as `Solution().solve` is allowed.
        solutions: reference programs.
        difficulty: `introductory`, `interview`, `competition`, a level, or None.
        source: where the problem comes from.
        checker: source text of a special checker, or None. It defines
            `check(stdin: str, expected: str, output: str) -> bool` and decides instead of the comparator.
        comparator: name of the comparison rule of this problem, or None for the judge's own.
        limits: limits of this problem, or None for the judge's own.

    Raises:
        ValueError: a field has the wrong type, or tests of different kinds are mixed.
    """

    id: str
    statement: str
    tests: tuple[TestCase, ...]
    examples: tuple[TestCase, ...] = ()
    starter_code: str = ""
    entry_point: str | None = None
    solutions: tuple[str, ...] = ()
    difficulty: str | None = None
    source: str = ""
    checker: str | None = None
    comparator: str | None = None
    limits: Limits | None = None

    def __post_init__(self) -> None:
        for name in ("id", "statement", "starter_code", "source"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"problem {self.id!r}: {name} must be a string, not {_short(getattr(self, name))}")
        for name in ("entry_point", "difficulty", "checker", "comparator"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ValueError(f"problem {self.id!r}: {name} must be a string or None, not {_short(value)}")
        for name in ("tests", "examples", "solutions"):
            value = getattr(self, name)
            if not isinstance(value, (list, tuple)):
                raise ValueError(f"problem {self.id!r}: {name} must be a list, not {_short(value)}")
            object.__setattr__(self, name, tuple(value))
        for solution in self.solutions:
            if not isinstance(solution, str):
                raise ValueError(f"problem {self.id!r}: a solution must be a string, not {_short(solution)}")
        if isinstance(self.limits, Mapping):
            object.__setattr__(self, "limits", Limits.from_dict(self.limits))
        if self.limits is not None and not isinstance(self.limits, Limits):
            raise ValueError(f"problem {self.id!r}: limits must be a Limits or None, not {_short(self.limits)}")
        for name in ("tests", "examples"):
            self._check_cases(name)

    def _check_cases(self, name: str) -> None:
        cases = getattr(self, name)
        for case in cases:
            if not isinstance(case, (StdioCase, CallCase, AssertCase)):
                raise ValueError(
                    f"problem {self.id!r}: {name} must hold StdioCase, CallCase or AssertCase, not {_short(case)}"
                )
        kinds = sorted({type(case).__name__ for case in cases})
        if len(kinds) > 1:
            raise ValueError(f"problem {self.id!r}: {name} mix {' and '.join(kinds)}; a problem has one kind")
        if kinds == ["CallCase"] and not self.entry_point:
            raise ValueError(f"problem {self.id!r}: {name} are calls, but entry_point is missing")

    def to_dict(self) -> dict[str, Any]:
        """Return the problem as JSON values; `from_dict` turns them back into an equal problem."""
        return {
            "id": self.id,
            "statement": self.statement,
            "tests": [_case_to_dict(case) for case in self.tests],
            "examples": [_case_to_dict(case) for case in self.examples],
            "starter_code": self.starter_code,
            "entry_point": self.entry_point,
            "solutions": list(self.solutions),
            "difficulty": self.difficulty,
            "source": self.source,
            "checker": self.checker,
            "comparator": self.comparator,
            "limits": None if self.limits is None else asdict(self.limits),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Problem:
        """Build a problem from what `to_dict` returned.

        Raises:
            ValueError: a field is missing, unknown or of the wrong type.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(f"unknown problem field {name!r}; valid are {', '.join(known)}")
        for name in ("id", "statement", "tests"):
            if name not in values:
                raise ValueError(f"problem {values.get('id', '?')!r} has no field {name!r}")
        arguments = dict(values)
        for name in ("tests", "examples"):
            cases = arguments.get(name, ())
            if not isinstance(cases, (list, tuple)):
                raise ValueError(f"problem {values['id']!r}: {name} must be a list, not {_short(cases)}")
            arguments[name] = tuple(_case_from_dict(case, str(values["id"])) for case in cases)
        return cls(**arguments)


def _case_to_dict(case: TestCase) -> dict[str, Any]:
    if isinstance(case, StdioCase):
        return {"type": "stdio", "stdin": case.stdin, "expected": case.expected}
    if isinstance(case, CallCase):
        return {"type": "call", "args": _to_json(list(case.args)), "expected": _to_json(case.expected)}
    return {"type": "assert", "code": case.code}


def _case_from_dict(values: Any, problem_id: str) -> TestCase:
    if not isinstance(values, Mapping) or values.get("type") not in _KINDS:
        raise ValueError(
            f'problem {problem_id!r}: a test must be an object with "type" one of {", ".join(_KINDS)}, '
            f"not {_short(values)}"
        )
    arguments = {name: value for name, value in values.items() if name != "type"}
    kind = _KINDS[values["type"]]
    expected_names = {field.name for field in fields(kind)}
    if set(arguments) != expected_names:
        raise ValueError(
            f"problem {problem_id!r}: a {values['type']} test has the fields {sorted(expected_names)}, "
            f"not {sorted(arguments)}"
        )
    if kind is CallCase:
        arguments = {name: _from_json(value) for name, value in arguments.items()}
    try:
        return kind(**arguments)
    except ValueError as error:
        raise ValueError(f"problem {problem_id!r}: {error}") from None


def _to_json(value: Any) -> Any:
    """Return `value` itself where JSON keeps it, otherwise its Python literal under a tag."""
    if _is_json(value):
        return value
    literal = repr(value)
    if ast.literal_eval(literal) != value:
        raise ValueError(f"a call's value cannot be written as a Python literal: {_short(value)}")
    return {_PYTHON_TAG: literal}


def _from_json(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {_PYTHON_TAG}:
        return ast.literal_eval(value[_PYTHON_TAG])
    return value


def _is_json(value: Any) -> bool:
    if value is None or type(value) in (bool, int, float, str):
        return True
    if type(value) is list:
        return all(map(_is_json, value))
    if type(value) is dict:
        return _PYTHON_TAG not in value and all(type(key) is str and _is_json(item) for key, item in value.items())
    return False


def _short(value: Any) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        try:
            text = repr(value)
        except ValueError:  # an integer beyond the interpreter's digit limit
            text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
