"""The trusted process that runs a program's tests: what it does with what the program answers, and what outlives it."""

from __future__ import annotations

import pytest

from coderl_env.judge import Judge, Limits
from coderl_env.outcome import Verdict
from coderl_env.problem import AssertCase, Problem, StdioCase

OK, WRONG = Verdict.ACCEPTED, Verdict.WRONG_ANSWER

TAKE_OVER = """
import sys
frame = sys._getframe()
while frame:
    if "_run_assert" in frame.f_globals:
        frame.f_globals["_run_assert"] = lambda connection, request: {"done": "ok"}
    frame = frame.f_back
"""


@pytest.mark.parametrize(
    "code",
    [
        "exec(f(1))",
        "exec(f(1), {})",
        "eval(compile(f(1), 'a', 'exec'))",
        "exec(f(1).encode())",
        "list(map(exec, [f(1)]))",
        "import builtins\nbuiltins.exec(f(1))",
        "import pickle\npickle.loads(g(1))",
    ],
)
def test_what_a_program_answers_never_reaches_the_next_test(judge: Judge, code: str) -> None:
    """Code that ran in the tests' process could decide all tests to come."""
    program = f"""
import pickle
CODE = {TAKE_OVER!r}
class Loaded:
    def __reduce__(self): return exec, (CODE,)
def f(x): return CODE
def g(x): return pickle.dumps(Loaded())
"""
    judge.judge(program, Problem("p", "", (AssertCase(code),)))
    after = Problem("q", "", (AssertCase("assert h(1) == 6"), AssertCase("assert h(1) == 0")))
    assert [case.verdict for case in judge.judge("def h(x): return 0", after).cases] == [WRONG, OK]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("[one for one in gc.get_objects() if type(one).__name__ == 'Program'][0].unusable = 'nothing'", WRONG),
        ("connection.sendall(struct.pack('!II', 3, 0) + b'xyz'); time.sleep(60)", WRONG),
        ("connection.sendall(struct.pack('!II', 2, 0) + b'{}'); time.sleep(60)", WRONG),
        ("connection.sendall(struct.pack('!II', 2, 4_000_000_000) + bytes(1 << 16)); time.sleep(60)", WRONG),
        ("connection.sendall(struct.pack('!II', 12, 0) + b'{\"done\": [1]}'); time.sleep(60)", WRONG),
        (
            "connection.sendall(struct.pack('!II', 40, 0))\nwhile True: time.sleep(0.2); connection.sendall(b' ')",
            Verdict.TIME_LIMIT,
        ),
        ("os._exit(1)", WRONG),
    ],
)
def test_what_a_test_unpickles_is_no_fault_of_the_judge(said: str, verdict: Verdict) -> None:
    """Code of the program's that runs in the tests' process can decide this program's tests, but harm nothing else."""
    code = (
        "import gc, os, struct, time\n"
        "program = [one for one in gc.get_objects() if type(one).__name__ == 'Program'][0]\n"
        f"connection = program._connection\n{said}"
    )
    program = f"""
import pickle
class Loaded:
    def __reduce__(self): return exec, ({code!r},)
def g(x): return pickle.dumps(Loaded())
"""
    test = AssertCase("import pickle\nassert pickle.loads(g(1)) == 1")
    with Judge(workers=1, limits=Limits(wall_seconds=2.0)) as judge:
        assert judge.judge(program, Problem("p", "", (test,))).cases[0].verdict is verdict
        assert judge.judge("def h(x): return x", Problem("q", "", (AssertCase("assert h(1) == 1"),))).passed


def test_only_a_new_process_is_believed_that_a_test_cannot_run(judge: Judge) -> None:
    code = TAKE_OVER.replace('{"done": "ok"}', '{"done": "broken", "message": "nothing"}')
    program = f"""
import pickle
class Loaded:
    def __reduce__(self): return exec, ({code!r},)
def g(x): return pickle.dumps(Loaded())
def h(x): return x
"""
    tests = (AssertCase("import pickle\npickle.loads(g(1))"), AssertCase("assert h(1) == 1"))
    assert judge.judge(program, Problem("p", "", tests)).cases[1].verdict is OK


def test_a_checker_that_the_output_ends_rejects_it(judge: Judge) -> None:
    checker = "import os\ndef check(stdin, expected, output):\n    return output == expected or os._exit(1)"
    problem = Problem("p", "", (StdioCase("1\n", "1\n"),), checker=checker)
    assert judge.judge("print(2)", problem).cases[0].verdict is WRONG
    assert judge.judge("print(1)", problem).passed


def test_a_process_that_grew_serves_no_other_program() -> None:
    """Memory that the objects of one program's test hold is missing to the next, up to the process's limit."""
    large = "class Large:\n    def __getitem__(self, n):\n        if n < 60: return ['a' * 1_000_000 + chr(0x1F600)]\n"
    large += "        raise IndexError\ndef f(n): return Large()"
    size = AssertCase("import resource\nassert f(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) < 150_000")
    with Judge(workers=1) as judge:
        assert not judge.judge(large, Problem("p", "", (AssertCase("assert list(f(1)) == [0]"),))).passed
        assert judge.judge("def f(n): return n", Problem("q", "", (size,))).passed


def test_a_test_that_the_answer_ends_is_a_failed_one(judge: Judge) -> None:
    problem = Problem("p", "", (AssertCase("import os\nos._exit(f(1))"), AssertCase("assert f(1) == 0")))
    judged = judge.judge("def f(x): return 0", problem)
    assert [case.verdict for case in judged.cases] == [WRONG, OK]
    assert judged.cases[0].error_message == "the test's process ended"


def test_threads_of_a_test_take_turns(judge: Judge) -> None:
    program = "class Counter2:\n    n = 0\n    def add(self): self.n += 1"
    code = """
import threading
c = Counter2()
threads = [threading.Thread(target=lambda: [c.add() for _ in range(20)]) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert c.n == 160
"""
    assert judge.judge(program, Problem("p", "", (AssertCase(code),))).cases[0].verdict is OK


def test_threads_that_a_test_leaves_disturb_no_other(judge: Judge) -> None:
    left = "import threading\ndef ask():\n    while True: f(1)\nthreading.Thread(target=ask, daemon=True).start()\nf(1)"
    problem = Problem("p", "", (AssertCase(left), *[AssertCase(f"assert f({n}) == {n}") for n in range(20)]))
    assert {case.verdict for case in judge.judge("def f(x): return x", problem).cases} == {OK}
