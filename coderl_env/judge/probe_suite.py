"""The judge's probe suite: cheats and attacks that must not get through, and honest idioms that must pass.

The probes are data, one folder each in `probes/`: `probe.json` says what is tried and what must come out, `program.py`
is the program, untrusted like any other, and never imported. The tests show for each that it is not idle: the judge
with a guard removed, or a naive judge, is fooled by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coderl_env.judge.canaries import KINDS, Canaries
from coderl_env.judge.errors import JudgeError
from coderl_env.judge.judge import Judge
from coderl_env.outcome import Judgement, Outcome, Verdict
from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

__all__ = ["CATEGORIES", "Probe", "ProbeResult", "load_probes", "run_probes"]

CATEGORIES = ("cheat", "attack", "honest")
_FOLDER = Path(__file__).resolve().parent / "probes"
_FIELDS = frozenset({"category", "tries", "incidents", "problem", "outcomes", "verdict", "control", "canaries"})
_FORMS = {StdioCase: "stdio", CallCase: "call", AssertCase: "assert"}
# Programs under way at a time: each may have a process and sockets as canaries.
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Probe:
    """One program that the judge must see through, or must not trip over.

    Attributes:
        name: name of its folder; says what is tried.
        category: `cheat` (wants to pass undeserved), `attack` (wants to harm) or `honest` (deserves to pass).
        tries: what it tries, in one sentence.
        incidents: numbers of the incidents that it stands for, as listed in docs/judge.md.
        problem: the problem; texts may hold placeholders of `Canaries`.
        program: source text, with placeholders.
        outcomes: the outcomes that are right.
        verdict: verdict of the first test that is not accepted, where only one is right.
        control: name of the weakened judge, in the tests, that this probe fools.
        canaries: what it might harm, as in `canaries.KINDS`.
    """

    name: str
    category: str
    tries: str
    incidents: tuple[int, ...]
    problem: Problem
    program: str
    outcomes: frozenset[Outcome]
    verdict: Verdict | None
    control: str
    canaries: tuple[str, ...] = ()

    def armed(self, canaries: Canaries) -> tuple[str, Problem]:
        """Return program and problem with the placeholders filled in."""
        return canaries.fill(self.program), Problem.from_dict(canaries.fill(self.problem.to_dict()))


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What became of a probe.

    Attributes:
        name: the probe.
        category: its category.
        form: of its tests: `stdio`, `call` or `assert`.
        held: whether the judge did what it must.
        detail: outcome, deciding verdict and harm, in words.
    """

    name: str
    category: str
    form: str
    held: bool
    detail: str


def load_probes() -> tuple[Probe, ...]:
    """Return the probes that this package ships, by name."""
    return tuple(_load(folder) for folder in sorted(_FOLDER.iterdir()) if (folder / "probe.json").is_file())


def run_probes(judge: Judge, probes: Iterable[Probe] | None = None) -> Iterator[ProbeResult]:
    """Run probes, by default all, as many at a time as the judge has workers, and yield their results in order."""
    waiting = list(load_probes() if probes is None else probes)
    while waiting:
        batch, waiting = waiting[:_BATCH], waiting[_BATCH:]
        with ExitStack() as stack:
            running = []
            for probe in batch:
                canaries = stack.enter_context(Canaries(probe.canaries))
                running.append((probe, canaries, judge.submit(*probe.armed(canaries))))
            # Harm may come a little after the verdict, so it is looked for when the whole batch is done.
            wait([future for _, _, future in running])
            for probe, canaries, future in running:
                yield _result(probe, canaries, future)


def _result(probe: Probe, canaries: Canaries, future: Future[Judgement]) -> ProbeResult:
    try:
        judgement = future.result()
    except (JudgeError, ValueError) as error:
        # A program must never keep the judge from answering.
        return _finding(probe, False, f"no judgement: {error}")
    decisive = _decisive(judgement)
    words = [judgement.outcome.value]
    if decisive is not None:
        words.append(decisive.value)
    harm = canaries.harm()
    right = judgement.outcome in probe.outcomes and probe.verdict in (None, decisive)
    return _finding(probe, right and not harm, ", ".join((*words, *harm)).replace("_", " "))


def _finding(probe: Probe, held: bool, detail: str) -> ProbeResult:
    return ProbeResult(probe.name, probe.category, _FORMS[type(probe.problem.tests[0])], held, detail)


def _decisive(judgement: Judgement) -> Verdict | None:
    """Return the first verdict that is not ACCEPTED, or None."""
    return next((case.verdict for case in judgement.cases if case.verdict is not Verdict.ACCEPTED), None)


def _load(folder: Path) -> Probe:
    values = json.loads((folder / "probe.json").read_text(encoding="utf-8"))
    _check(folder.name, values)
    return Probe(
        name=folder.name,
        category=values["category"],
        tries=values["tries"],
        incidents=tuple(values["incidents"]),
        problem=Problem.from_dict(values["problem"]),
        # Not read as text: that would change the line ends of a program that has its own.
        program=(folder / "program.py").read_bytes().decode(),
        outcomes=frozenset(Outcome(name) for name in values["outcomes"]),
        verdict=None if values["verdict"] is None else Verdict(values["verdict"]),
        control=values["control"],
        canaries=tuple(values["canaries"]),
    )


def _check(name: str, values: Mapping[str, Any]) -> None:
    if set(values) != _FIELDS:
        raise ValueError(f"probe {name!r} must have the fields {sorted(_FIELDS)}, not {sorted(values)}")
    if values["category"] not in CATEGORIES:
        raise ValueError(f"probe {name!r}: unknown category {values['category']!r}; valid are {', '.join(CATEGORIES)}")
    for kind in values["canaries"]:
        if kind not in KINDS:
            raise ValueError(f"probe {name!r}: unknown canary {kind!r}; valid are {', '.join(KINDS)}")
