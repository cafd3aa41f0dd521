"""The vector environment: many episodes at a time, judged concurrently.

Its trajectories are those of as many single environments (`coderl_env.env.ProgramEnv`); what an episode is stands there
and in `coderl_env.env.rules`, and how far each is in `coderl_env.vector.episodes`.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from coderl_env.agent import Task
from coderl_env.datasets import Dataset
from coderl_env.env.arguments import check_choice, check_flag, check_size
from coderl_env.env.judge_lease import Judges
from coderl_env.env.rules import EpisodeOverError, Opening, Rules
from coderl_env.env.window import Observation
from coderl_env.problem import Limits, Problem
from coderl_env.reward import Reward
from coderl_env.tokens import Tokenizer
from coderl_env.vector.episodes import Episodes
from coderl_env.vector.infos import add_masks, gather_infos
from coderl_env.vector.requests import read_env_ids, read_reset, read_texts, read_tokens

__all__ = ["ProgramVectorEnv"]

_Batch = tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]


class ProgramVectorEnv(VectorEnv[Observation, Any, NDArray[Any]]):
    """Many `ProgramEnv` at a time: their bookkeeping is batched, their programs are judged concurrently.

    `gym.make_vec(id, num_envs=N)` makes it for every id of this package. `step` gives what
    `gymnasium.vector.SyncVectorEnv` gives of N single environments with the same settings, seeds and autoreset mode:
    observations, rewards, ends and infos. It waits for the programs that ended in that step.

    `send` and `recv` are its asynchronous halves. `recv` returns up to `batch_size` environments that are ready, with
    their numbers in `info["env_id"]`. An environment whose program is being judged is not ready, and is waited for
    only where all those that were sent an action are being judged.

    `reset(seed=...)` takes an integer (environment i gets `seed + i`) or a list; its options are `problem_id` (one id
    for all, or a list) and `reset_mask` (a boolean array of those to reset).

    Where the judge fails on a program, that episode is `truncated`, its reward is 0, and `info["judge_error"]` says
    what happened; it has no `outcome` and no `judgement`.

    Args:
        num_envs: number of environments.
        autoreset_mode: `NextStep` (the step after the end begins the next episode, whatever the action), `SameStep`
            (the step that ends an episode begins the next; `info` has `final_obs` and `final_info`) or `Disabled`
            (`reset(options={"reset_mask": ...})` begins it).
        batch_size: the most environments that `recv` returns; 0 stands for all.
        max_episode_steps: truncate an episode after as many steps; None never does.
        copy: return new observation arrays; if false, `reset` and `step` return views that the next step writes over.

    The other arguments are those of `coderl_env.env.ProgramEnv`.

    Raises:
        ValueError: an argument is unknown or unusable; the message says which and what is valid.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        dataset: str | Dataset = "apps",
        split: str | None = None,
        data_dir: str | Path | None = None,
        difficulties: Sequence[str] | None = None,
        tests: str = "hidden",
        action_mode: str = "token",
        tokenizer: object = "nano",
        max_prompt_tokens: int = 600,
        max_program_tokens: int = 512,
        reward: str | Reward = "coderl",
        comparator: str = "lines",
        isolation: str = "auto",
        limits: Limits | Mapping[str, Any] | None = None,
        attempts: int = 1,
        action_mask: bool = False,
        copy: bool = True,
        judge: Judges | None = None,
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        batch_size: int = 0,
        max_episode_steps: int | None = None,
    ) -> None:
        check_size("num_envs", num_envs)
        check_choice("render mode", render_mode, (None, "ansi"))
        check_flag("copy", copy)
        if max_episode_steps is not None:
            check_size("max_episode_steps", max_episode_steps)
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or not 0 <= batch_size <= num_envs:
            raise ValueError(f"batch_size must be 0 (all) to num_envs={num_envs}, not {batch_size!r}")
        if attempts != 1:
            raise ValueError(
                f"attempts must be 1 in this vector environment, not {attempts!r}; several attempts are made with "
                f'gym.make_vec(id, num_envs={num_envs}, vectorization_mode="sync", attempts={attempts!r})'
            )
        self.autoreset_mode = _read_autoreset_mode(autoreset_mode)
        self.metadata = {"render_modes": ["ansi"], "render_fps": 4, "autoreset_mode": self.autoreset_mode}
        self.num_envs = num_envs
        self.batch_size = batch_size or num_envs
        self.render_mode = render_mode
        self._rules = rules = Rules(
            dataset=dataset,
            split=split,
            data_dir=data_dir,
            difficulties=difficulties,
            tests=tests,
            action_mode=action_mode,
            tokenizer=tokenizer,
            max_prompt_tokens=max_prompt_tokens,
            max_program_tokens=max_program_tokens,
            reward=reward,
            comparator=comparator,
            isolation=isolation,
            limits=limits,
            attempts=attempts,
            action_mask=action_mask,
            judge=judge,
            workers=None,
        )
        self.single_action_space = rules.action_space()
        self.single_observation_space = rules.observation_space()
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._end_token = rules.tokenizer.eos_id
        self._episodes = Episodes(rules, num_envs, copy, self.autoreset_mode, max_episode_steps)
        self._finalizer = weakref.finalize(self, self._episodes.docket.close)
        # At the interpreter's end, the judge's processes end by themselves.
        self._finalizer.atexit = False
        self._everyone = np.arange(num_envs)
        self._begun = False
        # For as many steps from now, nothing but the end token can end or begin an episode.
        self._quiet_steps = 0
        # Who was sent an action and not received, who of them is ready, and who was received last.
        self._sent = np.zeros(num_envs, dtype=np.bool_)
        self._ready = self._everyone[:0]
        self._received = self._everyone

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the observations, and of the actions in token mode."""
        return self._rules.tokenizer

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of the episodes, with their tests and solutions: for a teacher, not for an agent."""
        return tuple(self._episodes.opening(env_id).problem for env_id in range(self.num_envs))

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What an agent may know of the problems of the episodes."""
        openings = [self._episodes.opening(env_id) for env_id in range(self.num_envs)]
        return tuple(Task.from_problem(opening.problem, opening.info["prompt_text"]) for opening in openings)

    # Gymnasium has plain attributes here.
    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generators that draw the environments' problems."""
        return tuple(self._episodes.generator(env_id) for env_id in range(self.num_envs))

    @property
    def np_random_seed(self) -> tuple[int | None, ...]:  # type: ignore[override]
        """The seeds of the generators."""
        return tuple(self._episodes.seed_of(env_id) for env_id in range(self.num_envs))

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """Start episodes in all environments, or in those of `reset_mask`; return the observations of all.

        A reset of all abandons what was sent and not received, and programs that are being judged.

        Args:
            seed: an integer (environment i gets `seed + i`), a list of integers or Nones, or None.
            options: may hold `problem_id` (an id, or a list of ids or Nones) and `reset_mask`.

        Raises:
            ValueError: an unusable seed, option or problem, or a masked reset of an environment that is not there yet
                or was sent an action that is not received.
        """
        self._check_open()
        request = read_reset(seed, options, self.num_envs)
        chosen = np.zeros(self.num_envs, dtype=np.bool_)
        chosen[request.env_ids] = True
        if request.partial:
            self._check_begun("reset with reset_mask")
            self._check_received(np.flatnonzero(chosen), "reset")
        openings: dict[int, Opening] = {}
        for env_id in request.env_ids:
            seed_of_one = request.seeds[env_id]
            if seed_of_one is not None:
                self._episodes.seed(env_id, seed_of_one)
            openings[env_id] = self._episodes.choose(env_id, request.problem_ids[env_id])
        # From here on, nothing is unusable.
        if not request.partial:
            self._abandon()
        for env_id, opening in openings.items():
            self._episodes.open(env_id, opening)
        self._begun = True
        self._quiet_steps = self._episodes.count_quiet_steps()
        infos = gather_infos(self.num_envs, ((env_id, opening.info) for env_id, opening in openings.items()))
        if self._rules.mask is not None:
            add_masks(infos, self._rules.mask, chosen)
        return self._episodes.windows.observe(), infos

    def step(self, actions: Any) -> _Batch:
        """Play an action in every environment, and wait for the programs that it ends to be judged.

        Args:
            actions: `num_envs` token ids, or as many texts.

        Raises:
            ValueError: actions outside the action mode's kind or range, which change nothing; an environment without a
                running episode; or actions that were sent and not received.
            JudgeError: there is no judge to be had, as where this machine does not offer the isolation asked for. After
                this and any other failure in the middle, all episodes must be reset.
        """
        self._check_begun("step")
        if self._sent.any():
            raise ValueError("step() cannot follow send(): recv() the environments that were sent an action first")
        count = self.num_envs
        if not self._quiet_steps:
            return self._step_with_endings(self._read_actions(actions, self._everyone))
        # The same, where the end token is all that can end an episode: this runs for nearly every token.
        tokens = read_tokens(actions, count)
        if (tokens == self._end_token).any():
            return self._step_with_endings(self._read_actions(actions, self._everyone))
        self._check_range(tokens, self._everyone)
        self._episodes.push(tokens)
        self._quiet_steps -= 1
        infos: dict[str, Any] = {}
        if self._rules.mask is not None:
            add_masks(infos, self._rules.mask, np.ones(count, dtype=np.bool_))
        ends = np.zeros((2, count), dtype=np.bool_)
        return self._episodes.windows.observe(), np.zeros(count), ends[0], ends[1], infos

    def send(self, actions: Any, env_ids: Any = None) -> None:
        """Play actions in some environments, without waiting for anything.

        Args:
            actions: as many token ids or texts as there are `env_ids`.
            env_ids: numbers of the environments; None are those of the last `recv`, or all after `reset`.

        Raises:
            ValueError: as `step`, or an environment that was sent an action and not received.
        """
        self._check_begun("send")
        ids = self._received if env_ids is None else read_env_ids(env_ids, self.num_envs)
        self._check_received(ids, "send to")
        played = self._read_actions(actions, ids)
        self._quiet_steps = 0
        with self._whole():
            self._sent[ids] = True
            self._ready = np.concatenate([self._ready, self._episodes.play(ids, played)])

    def recv(self) -> _Batch:
        """Return up to `batch_size` environments that are ready, in the order of `info["env_id"]`.

        Waits only where all that were sent an action are being judged.

        Raises:
            ValueError: nothing was sent, or judging failed in another way than the judge's own.
        """
        self._check_begun("recv")
        if not self._sent.any():
            raise ValueError("recv() has nothing to return: send() actions first")
        judged: list[int] = []
        with self._whole():
            while (env_id := self._episodes.settle(wait=not (self._ready.size or judged))) is not None:
                judged.append(env_id)
        ready = np.concatenate([self._ready, np.array(judged, dtype=np.int64)])
        ids, self._ready = ready[: self.batch_size], ready[self.batch_size :]
        self._sent[ids] = False
        self._received = ids
        infos = self._episodes.gather(ids)
        infos["env_id"], infos["_env_id"] = ids.copy(), np.ones(len(ids), dtype=np.bool_)
        done = self._episodes
        return done.windows.observe_rows(ids), done.rewards[ids], done.terminated[ids], done.truncated[ids], infos

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which token ids may be played. (environments, vocabulary)

        Raises:
            ValueError: the actions are text.
        """
        return np.tile(self._rules.allowed(), (self.num_envs, 1))

    def render(self) -> tuple[str, ...] | None:
        """Return each episode as text with ANSI colours, or None where `render_mode` is None."""
        if self.render_mode is None:
            gym.logger.warn('render() needs render_mode="ansi", for example gym.make_vec(id, render_mode="ansi")')
            return None
        return tuple(self._episodes.render(env_id) for env_id in range(self.num_envs))

    def close_extras(self) -> None:
        """Give the judge back at once, whatever it is at; a `recv` or `step` that waits for it raises."""
        self._begun = False
        self._finalizer()

    def _step_with_endings(self, actions: Any) -> _Batch:
        played = self._episodes
        with self._whole():
            played.play(self._everyone, actions)
            while played.docket:
                played.settle(wait=True)
        self._quiet_steps = played.count_quiet_steps()
        infos = played.gather(self._everyone)
        ends = played.terminated.copy(), played.truncated.copy()
        return played.windows.observe(), played.rewards.copy(), *ends, infos

    def _read_actions(self, actions: Any, ids: NDArray[np.int64]) -> Any:
        """Return the actions as an array. (ids,) A token id that only begins an episode may be out of range.

        Raises:
            ValueError: an action is unusable, or an episode is over.
        """
        waiting = self._episodes.over[ids]
        if waiting.any() and self.autoreset_mode is AutoresetMode.DISABLED:
            raise EpisodeOverError(
                f"the episodes of environments {ids[waiting].tolist()} are over; "
                'reset(options={"reset_mask": ...}) them before they are played'
            )
        if self._rules.takes_text:
            return read_texts(actions, len(ids), self._rules)
        tokens = read_tokens(actions, len(ids))
        self._check_range(tokens[~waiting], ids[~waiting])
        return tokens

    def _check_range(self, tokens: NDArray[np.integer], ids: NDArray[np.int64]) -> None:
        if tokens.size and (tokens.min() < 0 or tokens.max() >= self._rules.vocabulary_size):
            wrong = int(np.flatnonzero((tokens < 0) | (tokens >= self._rules.vocabulary_size))[0])
            raise ValueError(
                f"action {tokens[wrong]} of environment {ids[wrong]} is out of range; "
                f"token ids are 0 to {self._rules.vocabulary_size - 1}"
            )

    def _check_open(self) -> None:
        if self.closed:
            raise EpisodeOverError("the environment is closed; make a new one")

    def _check_begun(self, what: str) -> None:
        if not self._begun:
            self._check_open()
            raise EpisodeOverError(f"no episode has begun; call reset() before {what}()")

    def _check_received(self, ids: NDArray[np.int64], what: str) -> None:
        sent = ids[self._sent[ids]]
        if sent.size:
            raise ValueError(f"cannot {what} environments {sent.tolist()}: they were sent an action; recv() them first")

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Whatever fails in the middle of a change leaves no half-changed episodes: all must be reset."""
        try:
            yield
        except BaseException:
            self._begun = False
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Forget what was sent and not received, and the programs that are being judged."""
        self._episodes.abandon()
        self._ready = self._everyone[:0]
        self._sent[:] = False
        self._received = self._everyone


def _read_autoreset_mode(mode: str | AutoresetMode) -> AutoresetMode:
    if isinstance(mode, AutoresetMode):
        return mode
    check_choice("autoreset mode", mode, [known.value for known in AutoresetMode])
    return AutoresetMode(mode)
