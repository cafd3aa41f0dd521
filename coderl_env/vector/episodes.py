"""The episodes of a vector: how far each is, when they end, and when the next begin.

Not here: what is asked of the vector and what it answers (`coderl_env.vector.program_vector_env`), and what an episode
is (`coderl_env.env.rules`).
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from coderl_env.env.render import render_episode
from coderl_env.env.rules import EpisodeOverError, Opening, Rules, ending_info
from coderl_env.judge import JudgeError
from coderl_env.outcome import Judgement
from coderl_env.vector.docket import Docket
from coderl_env.vector.infos import add_masks, gather_infos
from coderl_env.vector.openings import Openings
from coderl_env.vector.windows import Windows

__all__ = ["Episodes"]


class Episodes:
    """The episodes of a vector, one for each of its environments.

    Args:
        rules: what all episodes have in common.
        count: number of environments.
        copy: whether `windows.observe` returns new arrays.
        autoreset_mode: when the next episode begins.
        max_steps: after how many steps an episode is truncated; None is never.

    Attributes:
        windows: the observations.
        docket: the programs that are being judged.
        over: whose episode is over, and the next not begun. (environments,)
        rewards: what the last action of each environment was worth. (environments,)
        terminated: whether it ended the program. (environments,)
        truncated: whether it was the last for another reason. (environments,)
    """

    def __init__(
        self, rules: Rules, count: int, copy: bool, autoreset_mode: AutoresetMode, max_steps: int | None
    ) -> None:
        self.windows = Windows(count, rules.prompt_size, rules.program_size, rules.tokenizer.pad_id, copy)
        self.docket = Docket(rules.lease)
        self.over = np.zeros(count, dtype=np.bool_)
        self.rewards = np.zeros(count)
        self.terminated = np.zeros(count, dtype=np.bool_)
        self.truncated = np.zeros(count, dtype=np.bool_)
        self._rules = rules
        self._resets_at_once = autoreset_mode is AutoresetMode.SAME_STEP
        self._max_steps = max_steps
        self._end_token = rules.tokenizer.eos_id
        self._known_openings = Openings(rules)
        self._generators: list[np.random.Generator | None] = [None] * count
        self._seeds: list[int | None] = [None] * count
        self._openings: list[Opening | None] = [None] * count
        self._texts = [""] * count
        self._judgements: list[Judgement | None] = [None] * count
        self._elapsed = np.zeros(count, dtype=np.int64)
        # What `info` is to say of those whose episode ended or began.
        self._infos: dict[int, dict[str, Any]] = {}

    def play(self, ids: NDArray[np.int64], actions: Any) -> NDArray[np.int64]:
        """Play one action in each environment of `ids`; the programs that end go to the judge.

        Returns:
            The environments that have no program to be judged, in the order of `ids`.
        """
        self.rewards[ids] = 0.0
        self.terminated[ids] = False
        self.truncated[ids] = False
        waiting = self.over[ids]
        for env_id in ids[waiting].tolist():
            self.open(env_id, self.choose(env_id))
            self._infos[env_id] = dict(self.opening(env_id).info)
        playing = ids[~waiting]
        self._elapsed[playing] += 1
        if self._max_steps is not None:
            self.truncated[playing] = self._elapsed[playing] >= self._max_steps
        write = self._write_texts if self._rules.takes_text else self._write_tokens
        ended = write(playing, actions[~waiting])
        for env_id in playing[ended].tolist():
            self.docket.submit(env_id, self._program_text(env_id), self.opening(env_id).problem)
        for env_id in playing[self.truncated[playing] & ~ended].tolist():
            self._end(env_id, {})
        judged = np.zeros(len(ids), dtype=np.bool_)
        judged[~waiting] = ended
        return ids[~judged]

    def _write_tokens(self, ids: NDArray[np.int64], tokens: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Add tokens to programs; return which of them end. (ids,), (ids,) -> (ids,)"""
        ended: NDArray[np.bool_] = tokens == self._end_token
        self.windows.push_rows(ids[~ended], tokens[~ended])
        ended |= self.windows.rooms[ids] == 0
        return ended

    def _write_texts(self, ids: NDArray[np.int64], texts: NDArray[np.object_]) -> NDArray[np.bool_]:
        """Play text actions; return which programs they end. (ids,), (ids,) -> (ids,)"""
        ended = np.ones(len(ids), dtype=np.bool_)
        for number, (env_id, action) in enumerate(zip(ids.tolist(), texts.tolist(), strict=True)):
            opening = self.opening(env_id)
            text = self._rules.extend(opening, self._texts[env_id], action)
            if text is not None:
                spelling = self._rules.spell(opening, text)
                self._texts[env_id] = spelling.text
                self.windows.write_program(env_id, spelling.token_ids)
                ended[number] = self._rules.ends(spelling)
        return ended

    def push(self, tokens: NDArray[np.integer]) -> None:
        """Add a token to every program, where that ends none. (environments,)"""
        self.windows.push(tokens)
        self._elapsed += 1

    def settle(self, wait: bool) -> int | None:
        """End an episode whose program has been judged; return its environment, or None where there is none.

        Args:
            wait: whether to wait for one.

        Raises:
            ValueError: the problem could not be judged, or the reward is unusable.
            EpisodeOverError: the vector was closed while this waited.
        """
        judged = self.docket.take(wait)
        if judged is None:
            return None
        self._settle(*judged)
        return judged[0]

    def _settle(self, env_id: int, future: Future[Judgement]) -> None:
        opening, text = self.opening(env_id), self._program_text(env_id)
        full = self.windows.full(env_id)
        try:
            judgement = future.result()
        except JudgeError as error:
            self.truncated[env_id] = True
            info = {**opening.info, "program_text": text, "window_full": full, "judge_error": str(error)}
        else:
            self.rewards[env_id] = self._rules.score(judgement)
            self.terminated[env_id] = True
            self._judgements[env_id] = judgement
            info = ending_info(opening, text, judgement, full)
        self._end(env_id, info)

    def _end(self, env_id: int, info: dict[str, Any]) -> None:
        """End an episode; in the same step, where that is the mode, begin the next."""
        self.over[env_id] = True
        if self._resets_at_once:
            final_info = info if self._rules.mask is None else {**info, "action_mask": self._rules.mask}
            final = {"final_obs": self.windows.observe_row(env_id), "final_info": final_info}
            self.open(env_id, self.choose(env_id))
            info = {**final, **self.opening(env_id).info}
        self._infos[env_id] = info

    def choose(self, env_id: int, problem_id: str | None = None) -> Opening:
        """Return an opening with the problem of that id, or with one that the environment's generator draws."""
        return self._known_openings.open(self._rules.choose(problem_id, self.generator(env_id)))

    def open(self, env_id: int, opening: Opening) -> None:
        """Begin an episode."""
        self._openings[env_id] = opening
        self._texts[env_id] = opening.problem.starter_code
        self._judgements[env_id] = None
        self.windows.write_prompt(env_id, opening.prompt_ids)
        self.windows.write_program(env_id, opening.starter_ids)
        self._elapsed[env_id] = 0
        self.over[env_id] = False

    def count_quiet_steps(self) -> int:
        """Return for how many steps from now nothing but the end token can end or begin an episode."""
        if self._rules.takes_text or self.over.any():
            return 0
        steps = int(self.windows.rooms.min())
        if self._max_steps is not None:
            steps = min(steps, self._max_steps - int(self._elapsed.max()))
        return steps - 1

    def gather(self, ids: NDArray[np.int64]) -> dict[str, Any]:
        """Return the infos of `ids`, one row each, and forget them."""
        infos: dict[str, Any] = {}
        if self._infos:
            said = [(row, self._infos.pop(env_id)) for row, env_id in enumerate(ids.tolist()) if env_id in self._infos]
            infos = gather_infos(len(ids), said)
        if self._rules.mask is not None:
            add_masks(infos, self._rules.mask, np.ones(len(ids), dtype=np.bool_))
        return infos

    def abandon(self) -> None:
        """Forget the programs that are being judged, and what `info` was to say."""
        self.docket.abandon()
        self._infos.clear()

    def seed(self, env_id: int, seed: int) -> None:
        """Make the draws of an environment repeatable."""
        self._generators[env_id], self._seeds[env_id] = seeding.np_random(seed)

    def seed_of(self, env_id: int) -> int | None:
        """Return the seed of an environment's generator."""
        self.generator(env_id)
        return self._seeds[env_id]

    def generator(self, env_id: int) -> np.random.Generator:
        """Return the generator that draws an environment's problems."""
        generator = self._generators[env_id]
        if generator is None:
            generator, self._seeds[env_id] = seeding.np_random()
            self._generators[env_id] = generator
        return generator

    def opening(self, env_id: int) -> Opening:
        """Return how the episode of an environment began."""
        opening = self._openings[env_id]
        if opening is None:
            raise EpisodeOverError("there is no problem yet; call reset() first")
        return opening

    def _program_text(self, env_id: int) -> str:
        if self._rules.takes_text:
            return self._texts[env_id]
        return self._rules.read(self.opening(env_id), self.windows.program(env_id))

    def render(self, env_id: int) -> str:
        """Return the episode of an environment as text with ANSI colours."""
        return render_episode(
            self.opening(env_id).problem,
            self._program_text(env_id),
            len(self.windows.program(env_id)),
            self._rules.program_size,
            self._judgements[env_id],
            float(self.rewards[env_id]),
        )
