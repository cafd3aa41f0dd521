"""Critic sampling: programs drawn in rounds, each of which knows what the examples and the critic said of the last.

The paper's section 3.3.4 and algorithm 1, whose code was never released. For each problem:

1. The actor draws programs, which run on the examples of the statement; hidden tests are never used.
2. In each further round, a problem with programs that pass the examples is **refined**: the critic cuts each of those
   programs where it was most promising (`cut_seed`), and the actor goes on from there. A problem without any is
   **repaired**: the critic picks the most promising failed programs, and the repair model (`repair`), which knows their
   outcomes and errors, writes them anew.
3. All programs are handed in, best first: distinct ones before repetitions, those that pass the examples before those
   that do not, and among these in the order of the critic's probability of PASSED.

What the paper leaves open, decided here:

1. A budget counts every program that is generated, whatever becomes of it. The paper compares by the number of
   refined programs alone.
2. The first draws are kept and may be handed in.
3. A cut is the place of the maximum, not a draw. It never lies behind the last token, where nothing could follow.
4. A problem without examples has nothing to filter by: all of its programs count as passing them.
5. What is switched off is done by plain draws of the actor, so that each part can be shown alone at equal budgets.

The actor may be of any architecture that `sampler.draw` knows; the critic reads its programs as tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from coderl_agents.codet5.batches import Example
from coderl_agents.codet5.experience import Group, Row
from coderl_agents.codet5.repair import feedback_of
from coderl_agents.codet5.sampler import Request
from coderl_agents.codet5.train_critic import Prediction
from coderl_env.agent import Examine, Program, Sampling, Task
from coderl_env.outcome import Judgement, Outcome

__all__ = ["SOURCES", "Candidate", "Plan", "Scores", "Writes", "critic_sampling", "cut_seed"]

SOURCES = ("actor", "refine", "repair")
_ROUND_SEEDS = 7_919  # between the draws of two rounds


class Scores(Protocol):
    """A critic: `train_critic.CriticTrainer`."""

    def predictions(self, groups: Sequence[Group]) -> list[Prediction]:
        """Return what the critic says of each program in order."""
        ...


class Writes(Protocol):
    """What draws programs: `writer.Writer`."""

    def request(self, task: Task) -> Request:
        """Return the prompt and forced prefix of `task` as tokens."""
        ...

    def repair_request(self, task: Task, program: str, feedback: str) -> Request:
        """Return the prompt of another attempt at `task` after `program`, with the forced prefix of `task`."""
        ...

    def continue_programs(
        self, tasks: Sequence[Task], requests: Sequence[Request], samples: int, sampling: Sampling
    ) -> list[list[Program]]:
        """Return `samples` programs for each request."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How a budget is spent.

    Attributes:
        budget: programs generated for each problem, in all rounds together.
        first: share of them that is drawn before anything is known.
        rounds: rounds after that, which share the rest.
        refine: whether programs that pass the examples are refined.
        repair: whether problems without such programs are repaired.
        candidates: failed programs that a round repairs, the paper's M.

    Raises:
        ValueError: a number out of range.
    """

    budget: int
    first: float = 0.5
    rounds: int = 1
    refine: bool = True
    repair: bool = True
    candidates: int = 1

    def __post_init__(self) -> None:
        if self.budget < 1 or self.rounds < 0 or self.candidates < 1:
            raise ValueError(
                "budget and candidates must be positive and rounds not negative, not "
                f"{self.budget}, {self.candidates} and {self.rounds}"
            )
        if not 0 < self.first <= 1:
            raise ValueError(f"first must be above 0 and at most 1, not {self.first!r}")

    @property
    def shares(self) -> list[int]:
        """Programs of each round, the first draws included; they add up to the budget.

        >>> Plan(10, first=0.4, rounds=2).shares
        [4, 3, 3]
        """
        if self.rounds == 0:
            return [self.budget]
        first = min(self.budget, max(1, round(self.budget * self.first)))
        left = self.budget - first
        return [first, *((left + place) // self.rounds for place in range(self.rounds - 1, -1, -1))]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A generated program.

    Attributes:
        program: as drawn; `token_ids` are all tokens after the starter code, a seed's included.
        source: one of `SOURCES`.
        shown: what the judge said of it on the examples, or None where there are none.
        prediction: what the critic said.
    """

    program: Program
    source: str
    shown: Judgement | None
    prediction: Prediction

    @property
    def is_promising(self) -> bool:
        """Whether nothing speaks against it: it passes the examples, or there are none."""
        return self.shown is None or self.shown.passed

    @property
    def score(self) -> float:
        """The critic's probability of PASSED."""
        return self.prediction.probabilities[-1]


@dataclass(frozen=True, slots=True)
class _Order:
    """What to draw for one problem: a request and the number of programs."""

    place: int
    request: Request
    count: int
    source: str


def critic_sampling(
    tasks: Sequence[Task],
    actor: Writes,
    critic: Scores,
    repairer: Writes | None,
    examine: Examine,
    sampling: Sampling,
    plan: Plan,
) -> list[list[Candidate]]:
    """Return `plan.budget` programs for each task, those that should be handed in first at the front.

    Args:
        tasks: the problems.
        actor: draws programs.
        critic: scores them.
        repairer: draws repaired programs; None where there is no repair model, and the actor draws instead.
        examine: runs programs on the examples of their tasks.
        sampling: how programs are drawn.
        plan: how the budget is spent.
    """
    found: list[list[Candidate]] = [[] for _ in tasks]
    for number, share in enumerate(plan.shares):
        orders = [
            order
            for place in range(len(tasks))
            for order in _orders(place, tasks[place], found[place], share, actor, repairer, plan)
        ]
        drawn_with = replace(sampling, seed=sampling.seed + _ROUND_SEEDS * number)
        drawn = _draw(tasks, orders, actor, repairer, drawn_with)
        for place, candidates in _judge(tasks, drawn, actor, critic, examine).items():
            found[place] += candidates
    return [_ranked(candidates) for candidates in found]


def cut_seed(passed: Sequence[float]) -> int:
    """Return how many tokens of a promising program are kept as the seed of others.

    The cut lies where the critic's probability of PASSED is greatest; if it falls below one half at an earlier token,
    it lies before that token (section 3.3.4).

    Args:
        passed: probability of PASSED after each token.

    >>> cut_seed([0.6, 0.9, 0.7, 0.8])
    2
    >>> cut_seed([0.6, 0.4, 0.9, 0.8])
    1
    """
    inner = list(passed[:-1])
    if not inner:
        return 0
    best = max(range(len(inner)), key=inner.__getitem__)
    doubtful = next((place for place in range(best) if inner[place] < 0.5), None)
    return best + 1 if doubtful is None else doubtful


def _orders(
    place: int,
    task: Task,
    known: Sequence[Candidate],
    share: int,
    actor: Writes,
    repairer: Writes | None,
    plan: Plan,
) -> list[_Order]:
    """Return what to draw for one problem in a round, given what is known of it."""
    plain = actor.request(task)
    promising = [candidate for candidate in _ranked(known) if candidate.is_promising]
    if known and promising and plan.refine:
        seeds = _distinct(
            plain.prefix + candidate.program.token_ids[: cut_seed(candidate.prediction.passed)]
            for candidate in promising[:share]
        )
        requests = [Request(plain.prompt, seed) for seed in seeds]
        return [_Order(place, request, count, "refine") for request, count in _split(requests, share)]
    if known and not promising and plan.repair and repairer is not None:
        failed = list({candidate.program.text: candidate for candidate in _ranked(known)}.values())
        requests = [
            repairer.repair_request(task, candidate.program.text, feedback_of(candidate.shown))
            for candidate in failed[: min(plan.candidates, share)]
            if candidate.shown is not None
        ]
        return [_Order(place, request, count, "repair") for request, count in _split(requests, share)]
    return [_Order(place, plain, share, "actor")] if share else []


def _draw(
    tasks: Sequence[Task], orders: Sequence[_Order], actor: Writes, repairer: Writes | None, sampling: Sampling
) -> list[tuple[int, str, Program]]:
    """Return place, source and program of everything that was ordered."""
    batches: dict[tuple[bool, int], list[_Order]] = {}
    for order in orders:
        batches.setdefault((order.source == "repair", order.count), []).append(order)
    drawn = []
    for (is_repair, count), batch in sorted(batches.items(), key=lambda item: item[0]):
        writer = repairer if is_repair and repairer is not None else actor
        wanted = [tasks[order.place] for order in batch]
        programs = writer.continue_programs(wanted, [order.request for order in batch], count, sampling)
        for order, group in zip(batch, programs, strict=True):
            drawn += [(order.place, order.source, program) for program in group]
    return drawn


def _judge(
    tasks: Sequence[Task],
    drawn: Sequence[tuple[int, str, Program]],
    actor: Writes,
    critic: Scores,
    examine: Examine,
) -> Mapping[int, list[Candidate]]:
    """Return the programs of each place with what the examples and the critic say of them."""
    if not drawn:
        return {}
    shown = examine([(tasks[place], program.text) for place, _, program in drawn])
    by_place: dict[int, list[int]] = {}
    for number, (place, _, _) in enumerate(drawn):
        by_place.setdefault(place, []).append(number)
    groups = [
        _group(tasks[place], [drawn[number][2] for number in numbers], actor) for place, numbers in by_place.items()
    ]
    predictions = iter(critic.predictions(groups))
    return {
        place: [Candidate(drawn[number][2], drawn[number][1], shown[number], next(predictions)) for number in numbers]
        for place, numbers in by_place.items()
    }


def _group(task: Task, programs: Sequence[Program], actor: Writes) -> Group:
    request = actor.request(task)
    # The critic does not read the outcome; these are not judged yet.
    rows = [
        Row(Example(request.prompt, request.prefix, program.token_ids), (), 1, Outcome.FAILED_TEST, 0.0)
        for program in programs
    ]
    return Group(task, tuple(rows), None)


def _ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates in the order in which they should be handed in."""
    best = sorted(candidates, key=lambda candidate: (not candidate.is_promising, -candidate.score))
    seen: set[str] = set()
    first, repeated = [], []
    for candidate in best:
        (repeated if candidate.program.text in seen else first).append(candidate)
        seen.add(candidate.program.text)
    return first + repeated


def _distinct(seeds: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return list(dict.fromkeys(seeds))


def _split(requests: Sequence[Request], share: int) -> list[tuple[Request, int]]:
    """Spread `share` programs over the requests, the first of which get one more where it does not come out even."""
    if not requests:
        return []
    each, more = divmod(share, len(requests))
    return [(request, each + (place < more)) for place, request in enumerate(requests) if each + (place < more)]
