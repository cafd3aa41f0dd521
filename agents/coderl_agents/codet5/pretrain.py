"""Makes the nano checkpoint that ships with the package: long supervised training on endless demonstrations.

What `coderl train` cannot do in minutes is done here once: cross-entropy on demonstrations of Synth's train
compositions. New demonstrations are drawn all the time, by a process of its own, and join a growing pool; steps draw
from all of the pool, so that training never waits and little is learned by heart. The corpus is as noisy as the one of
the warm start (`coderl_env.datasets.synth.demonstrations` says how and why). No held-out composition, no test outcome
and no reinforcement learning goes in.

Run it as `python -m coderl_agents.codet5.pretrain --out FOLDER --minutes 60`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from coderl_agents.codet5.batches import Example, collate, encode_example, epoch_batches
from coderl_agents.codet5.losses import cross_entropy
from coderl_agents.codet5.model import build_model, save_model
from coderl_agents.codet5.network import Network
from coderl_agents.codet5.optimizers import make_optimizers
from coderl_env.agent import Task
from coderl_env.datasets.synth import LEVELS, demonstrations
from coderl_env.datasets.synth.demonstrations import DEFAULT_CARELESS
from coderl_env.prompt import build_prompt
from coderl_env.tokens import load_tokenizer

__all__ = ["main"]

_CHUNK = 4096
_WARMUP_STEPS = 100
_SAVE_SECONDS = 120.0


def encoded_chunk(seed: int, levels: Sequence[str], careless: float, windows: tuple[int, int]) -> list[Example]:
    """Return a chunk of demonstrations, encoded with the nano tokenizer."""
    tokenizer = load_tokenizer("nano")
    return [
        encode_example(Task.from_problem(item.problem, build_prompt(item.problem)), item.program, tokenizer, *windows)
        for item in demonstrations(_CHUNK, seed, levels, careless)
    ]


def rate_factor(step: int, spent: float, cooldown: float) -> float:
    """Return the factor on the learning rate: a short rise, a plateau, a linear fall over the last share `cooldown`."""
    return min(1.0, (step + 1) / _WARMUP_STEPS, max(0.0, (1.0 - spent) / cooldown))


def main(argv: Sequence[str] | None = None) -> int:
    """Train, write the checkpoint folder with its log, and return the exit status."""
    options = _parse(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    tokenizer = load_tokenizer("nano")
    model = build_model("fresh:nano", tokenizer, options.seed)
    network = Network(model, torch.bfloat16 if options.bfloat16 else torch.float32)
    optimizers = make_optimizers(
        model, "muon", learning_rate=options.rate, matrix_rate=options.matrix_rate, weight_decay=0.01
    )
    windows = (options.max_prompt_tokens, options.max_program_tokens)
    started = saved = time.monotonic()
    step = 0
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as drawer:

        def request(number: int) -> Future[list[Example]]:
            # Seeds far from those of a run's own demonstrations.
            return drawer.submit(encoded_chunk, 1_000_000_007 + number, options.levels, options.careless, windows)

        pool: list[Example] = []
        rng = np.random.default_rng(options.seed)
        number = 0
        spent = 0.0
        pending = request(number)
        while spent < 1.0:
            if not pool or pending.done():
                pool += pending.result()
                number += 1
                pending = request(number)
            chosen = [pool[index] for index in rng.choice(len(pool), min(len(pool), _CHUNK), replace=False)]
            losses = []
            seed = [options.seed, step]
            for batch_indices in epoch_batches([len(item.prompt) for item in chosen], options.batch, seed):
                spent = (time.monotonic() - started) / (60 * options.minutes)
                if spent >= 1.0:
                    break
                batch = collate([[chosen[index]] for index in batch_indices], tokenizer.pad_id, 0, torch.device("cpu"))
                logits = network.logits(network.decode(network.encode(batch.ids, batch.prompt_mask), batch.inputs))
                loss = cross_entropy(logits, batch.labels)
                loss.backward()
                norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0))
                if norm < float("inf"):
                    optimizers.step(rate_factor(step, spent, options.cooldown))
                else:
                    optimizers.discard()
                losses.append(float(loss.detach()))
                step += 1
            _log(options.out, step, len(pool), time.monotonic() - started, sum(losses) / max(len(losses), 1))
            if time.monotonic() - saved > _SAVE_SECONDS:
                saved = time.monotonic()
                save_model(model, options.out / "checkpoint", _card(options, step, len(pool)))
        pending.cancel()
    save_model(model, options.out / "checkpoint", _card(options, step, len(pool)))
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="pretrain", description="Make the nano checkpoint.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint and its log")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=list(LEVELS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.5e-2)
    parser.add_argument("--matrix-rate", type=float, default=0.03)
    parser.add_argument("--cooldown", type=float, default=0.8)
    parser.add_argument("--careless", type=float, default=DEFAULT_CARELESS)
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--max-prompt-tokens", type=int, default=256)
    parser.add_argument("--max-program-tokens", type=int, default=128)
    return parser.parse_args(argv)


def _card(options: argparse.Namespace, step: int, seen: int) -> dict[str, object]:
    values = {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
    del values["out"]
    return {"made_by": "coderl_agents.codet5.pretrain", **values, "steps": step, "demonstrations": seen}


def _log(folder: Path, step: int, seen: int, seconds: float, loss: float) -> None:
    line = json.dumps({"step": step, "demonstrations": seen, "seconds": round(seconds, 1), "loss": round(loss, 4)})
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
