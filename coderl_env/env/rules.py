"""The rules of an environment: what all its episodes have in common, be it one environment or a vector of them.

They say how an episode begins, what text and tokens stand for, and what a judgement is worth. They keep nothing of an
episode: that is with the environment.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from coderl_env.datasets import Dataset
from coderl_env.env.arguments import check_choice, check_flag, check_size
from coderl_env.env.judge_lease import Judges, lease_judge
from coderl_env.env.serving import open_source
from coderl_env.outcome import Judgement
from coderl_env.problem import Limits, Problem
from coderl_env.prompt import check_prompt_room, encode_prompt, encode_repair_prompt
from coderl_env.reward import Reward, needs_all_tests, resolve_reward
from coderl_env.starter import join_starter, program_text
from coderl_env.tokens import encode_at_most, load_tokenizer

__all__ = ["ACTION_MODES", "EpisodeOverError", "Opening", "Rules", "Spelling", "ending_info"]

ACTION_MODES = ("token", "line", "program")

# Longest text of the text spaces, in characters for each token of the window; `step` takes longer texts too.
_CHARACTERS_PER_TOKEN = 4


class EpisodeOverError(ResetNeeded, ValueError):
    """A step without a running episode: before the first reset, or after the end."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How an episode begins.

    Attributes:
        problem: the problem, with the tests that decide.
        prompt_ids: token ids of the prompt; they fit the prompt's window.
        starter_ids: token ids of the starter code; they leave room in the program's window.
        info: what `info` says at reset; to be copied, not given out.
    """

    problem: Problem
    prompt_ids: tuple[int, ...]
    starter_ids: tuple[int, ...]
    info: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Spelling:
    """A program's text, cut where the window ends, and its token ids."""

    text: str
    token_ids: list[int]


class Rules:
    """What all episodes of an environment have in common.

    Args:
        workers: programs that are judged at a time; None is one per processor.

    The other arguments are those of `coderl_env.env.ProgramEnv`.

    Raises:
        ValueError: an argument is unknown or unusable; the message says which and what is valid.
    """

    def __init__(
        self,
        *,
        dataset: str | Dataset,
        split: str | None,
        data_dir: str | Path | None,
        difficulties: Sequence[str] | None,
        tests: str,
        action_mode: str,
        tokenizer: object,
        max_prompt_tokens: int,
        max_program_tokens: int,
        reward: str | Reward,
        comparator: str,
        isolation: str,
        limits: Limits | Mapping[str, Any] | None,
        attempts: int,
        action_mask: bool,
        judge: Judges | None,
        workers: int | None,
    ) -> None:
        check_choice("action mode", action_mode, ACTION_MODES)
        check_size("max_prompt_tokens", max_prompt_tokens)
        check_size("max_program_tokens", max_program_tokens)
        check_flag("action_mask", action_mask)
        if isinstance(attempts, bool) or attempts != 1:
            raise ValueError(
                f"attempts must be 1, not {attempts!r}: wrap the environment in coderl_env.wrappers.Repair, "
                "or make it by its id with gym.make"
            )
        if action_mask and action_mode != "token":
            raise ValueError(f"action_mask needs action_mode='token', not {action_mode!r}: text has no mask")
        self.mode = action_mode
        self.takes_text = action_mode != "token"
        self._reward = resolve_reward(reward)
        self.tokenizer = load_tokenizer(tokenizer)
        self.vocabulary_size = len(self.tokenizer)
        if getattr(judge, "stop", None) == "first_failure" and needs_all_tests(self._reward):
            raise ValueError(
                f"reward {reward!r} reads the share of tests passed, and a judge with stop='first_failure' does not "
                "run them all; give it stop='first_limit'"
            )
        self.lease = lease_judge(judge, comparator, isolation, limits, workers)
        self.source = open_source(dataset, split, data_dir, difficulties, tests)
        self.prompt_size = max_prompt_tokens
        self.program_size = max_program_tokens
        self._check_rooms()
        self._allowed = np.ones(self.vocabulary_size, dtype=np.bool_)
        self._allowed[list(self.tokenizer.special_ids - {self.tokenizer.eos_id})] = False
        self.mask = self._allowed.astype(np.int8) if action_mask else None

    def action_space(self) -> spaces.Space[Any]:
        """Return the space of the actions: token ids or text."""
        if not self.takes_text:
            return spaces.Discrete(self.vocabulary_size)
        shortest = 0 if self.mode == "line" else 1
        return spaces.Text(_CHARACTERS_PER_TOKEN * self.program_size, min_length=shortest, charset=string.printable)

    def observation_space(self) -> spaces.Dict:
        """Return the space of the observations."""
        highest = self.vocabulary_size - 1
        return spaces.Dict(
            {
                "prompt": spaces.Box(0, highest, (self.prompt_size,), np.int32),
                "prompt_length": spaces.Box(0, self.prompt_size, (1,), np.int32),
                "program": spaces.Box(0, highest, (self.program_size,), np.int32),
                "program_length": spaces.Box(0, self.program_size, (1,), np.int32),
            }
        )

    def allowed(self) -> NDArray[np.bool_]:
        """Return which token ids may be played: all that stand for text, and the end token. (vocabulary,)

        Raises:
            ValueError: the actions are text.
        """
        if self.takes_text:
            raise ValueError(f"action_masks() needs action_mode='token', not {self.mode!r}: text has no mask")
        return self._allowed.copy()

    def choose(self, problem_id: object, rng: np.random.Generator) -> Problem:
        """Return the problem with that id, or one that `rng` draws where it is None.

        Raises:
            ValueError: no problem that is served has that id.
        """
        # Not a string: an unknown id, and refused as such.
        return self.source.draw(rng) if problem_id is None else self.source.get(problem_id)  # type: ignore[arg-type]

    def open(self, problem: Problem) -> Opening:
        """Return how an episode on `problem` begins.

        Raises:
            ValueError: the problem does not fit the windows.
        """
        starter_ids = self._encode_starter(problem)
        prompt = encode_prompt(problem, self.tokenizer, self.prompt_size)
        info = {
            "problem_id": problem.id,
            "dataset": self.source.name,
            "split": self.source.split,
            "dataset_size": self.source.size,
            "prompt_text": prompt.text,
            "prompt_truncated": prompt.truncated,
        }
        return Opening(problem, prompt.token_ids, tuple(starter_ids), info)

    def reopen(self, opening: Opening, program: str, feedback: str) -> Opening:
        """Return how another program for the same problem begins: the last one and its feedback are in the prompt."""
        prompt = encode_repair_prompt(opening.problem, program, feedback, self.tokenizer, self.prompt_size)
        info = {**opening.info, "prompt_text": prompt.text, "prompt_truncated": prompt.truncated}
        return replace(opening, prompt_ids=prompt.token_ids, info=info)

    def check_text(self, action: object) -> str:
        """Return `action`, which must be text."""
        if not isinstance(action, str):
            raise ValueError(f"an action is text in {self.mode} mode, not {type(action).__name__} {action!r:.60}")
        return action

    def extend(self, opening: Opening, text: str, action: str) -> str | None:
        """Return the program that a text action makes of `text`, or None where it only ends the program."""
        if self.mode == "program":
            return join_starter(opening.problem.starter_code, action)
        if not action:
            return None
        return text + (action if action.endswith("\n") else action + "\n")

    def spell(self, opening: Opening, text: str) -> Spelling:
        """Return `text` as a program, cut where the window ends."""
        starter = opening.problem.starter_code
        prefixed = text.startswith(starter)
        # The prefix keeps its own tokens, as in token mode.
        prefix_ids, rest = (opening.starter_ids, text[len(starter) :]) if prefixed else ((), text)
        rest_ids, cut = encode_at_most(self.tokenizer, rest, self.program_size - len(prefix_ids))
        token_ids = [*prefix_ids, *rest_ids]
        if cut:
            text = self.read(opening, token_ids) if prefixed else self.tokenizer.decode(token_ids)
        return Spelling(text, token_ids)

    def ends(self, spelling: Spelling) -> bool:
        """Whether a program ends with the text action that made it."""
        return self.mode == "program" or len(spelling.token_ids) == self.program_size

    def read(self, opening: Opening, token_ids: list[int]) -> str:
        """Return the text of a program that begins with the starter code's tokens."""
        played = token_ids[len(opening.starter_ids) :]
        return program_text(self.tokenizer, opening.problem.starter_code, opening.starter_ids, played)

    def score(self, judgement: Judgement) -> float:
        """Return the reward of a judgement.

        Raises:
            ValueError: it is not a finite number.
        """
        reward = float(self._reward(judgement))
        if not math.isfinite(reward):
            raise ValueError(f"the reward of outcome {judgement.outcome.value!r} must be a finite number, not {reward}")
        return reward

    def _check_rooms(self) -> None:
        """Raise now for a problem that does not fit the windows, and not in the middle of a training run."""
        for number, problem in enumerate(self.source.problems):
            if number == 0 or problem.starter_code:
                self._encode_starter(problem)
                check_prompt_room(problem, self.tokenizer, self.prompt_size)

    def _encode_starter(self, problem: Problem) -> list[int]:
        """Return the token ids of the starter code, which must leave room for a program."""
        starter_ids = self.tokenizer.encode(problem.starter_code) if problem.starter_code else []
        if len(starter_ids) >= self.program_size:
            raise ValueError(
                f"problem {problem.id!r} leaves no room for a program: its starter code takes {len(starter_ids)} "
                f"tokens, and max_program_tokens is {self.program_size}; raise it to at least {len(starter_ids) + 1}"
            )
        return starter_ids


def ending_info(opening: Opening, text: str, judgement: Judgement, window_full: bool) -> dict[str, Any]:
    """Return what `info` says at the end of an episode whose program is judged, but for the mask."""
    return {
        **opening.info,
        "program_text": text,
        "outcome": judgement.outcome.value,
        "judgement": judgement.to_dict(timing=False),
        "window_full": window_full,
    }
