"""The environment: writing a program is an episode, and its unit tests are the reward.

Not here: prompts (`coderl_env.prompt`), problems (`coderl_env.env.serving`), judging (`coderl_env.judge`), registration
(`coderl_env.registration`).
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from coderl_env.agent import Task
from coderl_env.datasets import Dataset
from coderl_env.env.arguments import check_choice, check_flag, read_token
from coderl_env.env.judge_lease import Judges
from coderl_env.env.render import render_episode
from coderl_env.env.rules import EpisodeOverError, Opening, Rules, ending_info
from coderl_env.env.serving import choose_tests
from coderl_env.env.window import Observation, Window
from coderl_env.outcome import Judgement
from coderl_env.problem import Limits, Problem
from coderl_env.reward import Reward
from coderl_env.tokens import Tokenizer

__all__ = ["ProgramEnv"]

# Bound here, because every token step looks them up.
_index = operator.index
_INT64 = np.int64


class ProgramEnv(gym.Env[Observation, Any]):
    r"""An environment in which writing a program is an episode.

    ## Description
    The agent reads a programming problem and writes a Python program: token by token, line by line, or at once. When
    the program ends, a judge runs the problem's unit tests on it in a sandbox, and the outcome is the reward (CodeRL,
    section 3.1). The problems come from a data set; every id of this class has its own.

    | id | problems |
    |---|---|
    | `CodeRL-APPS-v0` | APPS; without arguments a sample in its format that ships with the package |
    | `CodeRL-MBPP-v0` | MBPP; likewise |
    | `CodeRL-HumanEval-v0` | HumanEval; likewise |
    | `CodeRL-Synth-v0` | generated without end, in five levels |

    ## Action Space
    | `action_mode` | space | an action is |
    |---|---|---|
    | `token` (default) | `Discrete(len(tokenizer))` | a token id; the tokenizer's end token ends the program |
    | `line` | `Text` | a line, its newline added if missing; `"\n"` is a blank line, `""` ends the program |
    | `program` | `Text` | the whole program |

    The `Text` spaces hold printable ASCII up to a length, but `step` accepts any `str`. A line action may hold newlines
    and then stands for several lines. Special tokens other than the end token are masked out (`action_masks()`); played
    all the same, they take a place in the window and stand for no text.

    Starter code is a forced prefix: in token and line mode the program begins with it. In program mode it is put in
    front of the action, unless the action begins with it or defines the unfinished function of the starter code itself
    (`coderl_env.starter.join_starter`).

    ## Observation Space
    A `Dict` of int32 `Box` spaces, the same in every mode, filled up with the tokenizer's pad id:

    | key | shape | content |
    |---|---|---|
    | `prompt` | `(max_prompt_tokens,)` | token ids of the problem, its format and `ANSWER:` |
    | `prompt_length` | `(1,)` | how many of them count |
    | `program` | `(max_program_tokens,)` | token ids of the program so far, with the starter code |
    | `program_length` | `(1,)` | how many of them count |

    The program has no begin token and no end token.
    Where the prompt is too long, the end of the question is cut, never what follows it.

    ## Starting State
    A problem drawn from the data set by the environment's generator, with an empty program or its starter code.
    `reset(seed=...)` makes the draws repeatable; `reset(options={"problem_id": ...})` chooses the problem.

    ## Rewards
    0 until the program ends, then what `reward` makes of the judgement:

    | `reward` | compile error | runtime error | failed test | passed |
    |---|---|---|---|---|
    | `coderl` (default) | -1 | -0.6 | -0.3 | 1 |
    | `binary` | 0 | 0 | 0 | 1 |
    | `pass_fraction` | 0 | share of tests passed | share of tests passed | 1 |
    | `rltf` | -1 | -0.6 | -0.3 + 1.3 x share of tests passed | 1 |

    or a function of the `Judgement`. The same problem and program give the same reward in every mode.

    ## Episode End
    The episode is `terminated` when the program ends: by the end token, the empty line, the program action, or a full
    window of `max_program_tokens` tokens, where longer text is cut. It is never `truncated`; that is left to
    `TimeLimit`. A judge that fails raises `JudgeError`: no reward is made up, and the episode is over.

    ## Information
    At reset: `problem_id`, `dataset`, `split`, `dataset_size` (-1 where it is endless), `prompt_text` (the whole
    prompt), `prompt_truncated` (whether the observation holds less of it). Between: nothing. At the end, all of that
    and `program_text` (what was judged), `outcome`, `judgement` (`Judgement.to_dict(timing=False)`), `window_full`.
    With `action_mask=True`, each also has `action_mask`, an int8 array.

    ## Arguments
    All by keyword, and JSON values except where objects are named, so that `env.spec.to_json()` works.

    ```python
    import gymnasium as gym
    import coderl_env

    env = gym.make("CodeRL-APPS-v0", split="sample", action_mode="program")
    observation, info = env.reset(seed=1)
    observation, reward, terminated, truncated, info = env.step("print(input())")
    ```

    Args:
        dataset: name of a data set, or a `Dataset` object; set by the id.
        split: part of the data set; None is the data set's own default.
        data_dir: folder of the data, where it does not ship with the package.
        difficulties: serve only these difficulties or levels; None serves all.
        tests: what decides: `hidden`, `examples` or `all`.
        action_mode: `token`, `line` or `program`.
        tokenizer: `nano`, a folder, a Hub name, or an object; see `coderl_env.tokens.load_tokenizer`.
        max_prompt_tokens: size of the prompt's window, in tokens.
        max_program_tokens: size of the program's window, in tokens.
        reward: name of a reward, or a function `Judgement -> float`.
        comparator: how the judge compares outputs.
        isolation: the judge's isolation tier.
        limits: limits of a program as an object with the fields of `Limits`, or a `Limits`; None is the default.
        attempts: programs per episode. More than 1 are made by id, as in `gym.make("CodeRL-APPS-v0", attempts=3)`, or
            by wrapping in `coderl_env.wrappers.Repair`; this class itself takes only 1.
        action_mask: put the mask into `info`; token mode only.
        copy: return new observation arrays; if false, the arrays of the last observation are written over.
        judge: a judge object to use, and to leave open; excludes `comparator`, `isolation` and `limits`.
        render_mode: `ansi` or None.

    Raises:
        ValueError: an argument is unknown or unusable; the message says which and what is valid.

    ## References
    Le, Wang, Gotmare, Savarese, Hoi: CodeRL: Mastering Code Generation through Pretrained Models and Deep Reinforcement
    Learning. NeurIPS 2022. arXiv 2207.01780.

    ## Version History
    * v0: initial version
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012 - Gymnasium's own form

    def __init__(
        self,
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
    ) -> None:
        check_choice("render mode", render_mode, (None, *self.metadata["render_modes"]))
        check_flag("copy", copy)
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
            workers=1,  # it waits for each judgement
        )
        self.action_space: spaces.Space[Any] = rules.action_space()
        self.observation_space: spaces.Space[Any] = rules.observation_space()
        self._closed = False
        self._finalizer = weakref.finalize(self, rules.lease.release)
        # Bound here, because every token step looks them up.
        self._takes_text = rules.takes_text
        self._vocabulary_size = rules.vocabulary_size
        self._end_token = rules.tokenizer.eos_id
        self._mask = rules.mask
        self._window = Window(max_prompt_tokens, max_program_tokens, rules.tokenizer.pad_id, copy)
        self._running = False
        self._opening: Opening | None = None
        self._text = ""
        self._judgement: Judgement | None = None
        self._last_reward = 0.0
        self._screen: Callable[[str], bool] | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the observations, and of the actions in token mode."""
        return self._rules.tokenizer

    @property
    def problem(self) -> Problem:
        """The problem of the episode, with its tests and solutions: for a teacher, not for an agent."""
        return self._begun().problem

    @property
    def token_ids(self) -> list[int]:
        """The token ids of the program so far, as the observation shows them."""
        return self._window.program

    @property
    def task(self) -> Task:
        """What an agent may know of the problem of the episode."""
        return Task.from_problem(self.problem, self._begun().info["prompt_text"])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: seeds the draws from here on.
            options: may hold `problem_id`, the id of the problem to serve; otherwise one is drawn.

        Raises:
            ValueError: an unknown option or problem id, or a problem whose starter code does not fit the windows.
        """
        super().reset(seed=seed)
        self._check_open()
        self._running = False
        self._screen = None
        options = options or {}
        for name in options:
            check_choice("reset option", name, ("problem_id",))
        return self._begin(self._rules.open(self._rules.choose(options.get("problem_id"), self.np_random)))

    def begin_attempt(self, program: str, feedback: str) -> tuple[Observation, dict[str, Any]]:
        """Start another program for the same problem, as `coderl_env.wrappers.Repair` does.

        Args:
            program: the program written before; it stands in the prompt.
            feedback: what is known of it; likewise.

        Raises:
            ValueError: there is no problem yet.
        """
        self._check_open()
        return self._begin(self._rules.reopen(self._begun(), program, feedback))

    def judge_examples(self, program: str) -> Judgement | None:
        """Judge `program` on the examples of the problem's statement; None where there are none.

        Raises:
            ValueError: there is no problem yet.
            JudgeError: judging failed.
        """
        self._check_open()
        problem = choose_tests(self.problem, "examples")
        return self._rules.lease.judge(program, problem) if problem.tests else None

    def screen_programs(self, screen: Callable[[str], bool]) -> None:
        """Let `screen` say, until the next reset, which programs are not judged when they end.

        `coderl_env.wrappers.Repair` leaves those unjudged that another attempt follows: the step that ends one returns
        no outcome and the reward 0.

        Args:
            screen: gets a program, and says whether to leave it unjudged.
        """
        self._screen = screen

    def judge_program(self) -> tuple[float, dict[str, Any]]:
        """Judge the program on the tests that decide; return its reward, and what `info` says at the end.

        Raises:
            ValueError: there is no problem yet.
            JudgeError: judging failed.
        """
        self._check_open()
        opening, text = self._begun(), self._program_text()
        judgement = self._rules.lease.judge(text, opening.problem)
        reward = self._rules.score(judgement)
        self._judgement, self._last_reward = judgement, reward
        return reward, {**ending_info(opening, text, judgement, self._window.full), **self._mask_info()}

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Play a token id, a line or a program, whichever `action_mode` says.

        Raises:
            ValueError: an action outside the action mode's kind or range, or no running episode.
            JudgeError: judging failed; the episode is over, and there is no reward.
        """
        if self._takes_text:
            return self._step_text(action)
        if not self._running:
            raise self._not_running()
        kind = action.__class__
        # The two kinds that come in practice skip a call.
        token = action if kind is int else _index(action) if kind is _INT64 else read_token(action)
        if not 0 <= token < self._vocabulary_size:
            raise ValueError(f"action {token} is out of range; token ids are 0 to {self._vocabulary_size - 1}")
        if token == self._end_token:
            return self._finish()
        observation = self._window.push(token)
        if observation is None:
            return self._finish()
        return observation, 0.0, False, False, {} if self._mask is None else self._mask_info()

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which token ids may be played: all that stand for text, and the end token. (vocabulary,)

        Raises:
            ValueError: the actions are text.
        """
        return self._rules.allowed()

    def render(self) -> str | None:
        """Return the episode as text with ANSI colours, or None where `render_mode` is None."""
        if self.render_mode is None:
            gym.logger.warn('render() needs render_mode="ansi", for example gym.make(id, render_mode="ansi")')
            return None
        return render_episode(
            self.problem,
            self._program_text(),
            len(self.token_ids),
            self._rules.program_size,
            self._judgement,
            self._last_reward,
        )

    def close(self) -> None:
        """Give the judge back. A closed environment cannot be used again; closing it again is legal."""
        self._closed = True
        self._running = False
        self._finalizer()

    def _begin(self, opening: Opening) -> tuple[Observation, dict[str, Any]]:
        self._opening, self._text = opening, opening.problem.starter_code
        self._judgement, self._last_reward = None, 0.0
        self._window.write_prompt(opening.prompt_ids)
        self._window.write_program(opening.starter_ids)
        self._running = True
        return self._window.observe(), {**opening.info, **self._mask_info()}

    def _step_text(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        if not self._running:
            raise self._not_running()
        rules, opening = self._rules, self._begun()
        text = rules.extend(opening, self._text, rules.check_text(action))
        if text is None:
            return self._finish()
        spelling = rules.spell(opening, text)
        self._text = spelling.text
        self._window.write_program(spelling.token_ids)
        return self._finish() if rules.ends(spelling) else (self._window.observe(), 0.0, False, False, {})

    def _program_text(self) -> str:
        return self._text if self._takes_text else self._rules.read(self._begun(), self.token_ids)

    def _finish(self) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """End the episode: judge the program, unless another attempt is to follow."""
        self._running = False
        if self._screen is not None and self._screen(self._program_text()):
            reward, info = 0.0, {**self._begun().info, "program_text": self._program_text(), **self._mask_info()}
        else:
            reward, info = self.judge_program()
        return self._window.observe(), reward, True, False, info

    def _begun(self) -> Opening:
        if self._opening is None:
            raise EpisodeOverError("there is no problem yet; call reset() first")
        return self._opening

    def _mask_info(self) -> dict[str, Any]:
        return {} if self._mask is None else {"action_mask": self._mask.copy()}

    def _not_running(self) -> EpisodeOverError:
        self._check_open()
        when = "no episode has begun" if self._opening is None else "the episode is over"
        return EpisodeOverError(f"{when}; call reset() before step()")

    def _check_open(self) -> None:
        if self._closed:
            raise EpisodeOverError("the environment is closed; make a new one")
