"""MaskablePPO learns to write a program, token by token.

One problem, read from a file as any data set of your own would be, and a vocabulary of five tokens, so that seconds on
a laptop are enough. Run it with `python examples/sb3_maskable_ppo.py`.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from coderl_env import Judge
from coderl_env.adapters.stable_baselines3 import make_env

VOCABULARY = ("<pad>", "</s>", "print(", "input()", ")")
PROBLEM = {
    "task_id": "tutorial/echo",
    "prompt": "Print what you read.",
    "fn_name": None,
    "inputs": ["7\n", "abc\n"],
    "outputs": ["7\n", "abc\n"],
}


@dataclass(frozen=True, slots=True)
class Progress:
    """Mean reward of an episode before and after training, and the program written greedily in the end."""

    before: float
    after: float
    program: str


def make_tokenizer() -> Tokenizer:
    """Return a tokenizer that knows the tokens of `VOCABULARY` and nothing else."""
    vocabulary = {token: number for number, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"print\(|input\(\)|\)|[^()]+"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def make_problem_env(folder: Path, judge: Judge) -> gym.Env:
    """Return the environment of the one problem."""
    file = folder / "problem.jsonl"
    file.write_text(json.dumps(PROBLEM) + "\n")
    return make_env(
        "CodeRL-APPS-v0",
        one_hot=True,
        split="train",
        data_dir=file,
        tokenizer=make_tokenizer(),
        max_prompt_tokens=64,
        max_program_tokens=4,
        reward="binary",
        judge=judge,
    )


def train(timesteps: int = 4_000, seed: int = 0) -> Progress:
    """Train for so many tokens, and return what became better."""
    torch.set_num_threads(1)  # with a network this small, more threads only wait for each other
    with tempfile.TemporaryDirectory() as name, Judge(workers=1, cache=Path(name) / "verdicts.sqlite") as judge:
        env = Monitor(make_problem_env(Path(name), judge))
        model = MaskablePPO(
            "MultiInputPolicy", env, n_steps=256, batch_size=64, learning_rate=1e-3, gamma=1.0, seed=seed, device="cpu"
        )
        before, _ = evaluate_policy(model, env, n_eval_episodes=50, deterministic=False)
        model.learn(timesteps)
        after, _ = evaluate_policy(model, env, n_eval_episodes=50, deterministic=False)
        return Progress(float(before), float(after), write_program(model, env))


def write_program(model: MaskablePPO, env: gym.Env) -> str:
    """Return the program that the model writes when it always plays the likeliest token."""
    observation, _ = env.reset()
    while True:
        masks = env.get_wrapper_attr("action_masks")()
        action, _ = model.predict(observation, action_masks=masks, deterministic=True)
        observation, _, terminated, _, info = env.step(action)
        if terminated:
            return str(info["program_text"])


if __name__ == "__main__":
    print(train())
