"""Tokens per second of generation and training, against plain `transformers.generate` and `Trainer` on the same model.

`python -m coderl_agents.codet5.speed` prints one JSON object. Both sides get the same weights, prompts, programs and
thread count, take turns, and the best of some rounds counts, since other load only ever slows one down. Counted are
tokens of programs (generation) and of prompts and programs (training), never padding.

Here and not among the benchmarks, which know agents by name only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from coderl_agents.codet5.agent import CodeT5Agent, make
from coderl_agents.codet5.batches import Example
from coderl_agents.codet5.losses import IGNORED
from coderl_agents.codet5.model import no_bars
from coderl_agents.codet5.optimizers import clipped_norm, make_optimizers
from coderl_agents.codet5.sampler import pad_prompts
from coderl_agents.codet5.supervised import supervised_step, training_network
from coderl_agents.learning_settings import PRECISIONS
from coderl_env.agent import Sampling, Task
from coderl_env.datasets.synth import demonstrations
from coderl_env.registry import AgentSpec
from coderl_env.rollout import make_task
from coderl_env.tokens import load_tokenizer

__all__ = ["main", "measure_generation", "measure_training"]

_BATCH = 64


def measure_generation(agent: CodeT5Agent, tasks: list[Task], samples: int, rounds: int) -> dict[str, float]:
    """Return tokens per second of drawing `samples` programs for each of `tasks` at temperature 1."""
    end = agent.tokenizer.eos_id
    model = agent.model.eval()

    def ours(number: int) -> int:
        programs = agent.generate(tasks, samples, Sampling(1.0, 1.0, number))
        return sum(len(program.token_ids) for group in programs for program in group)

    def plain(number: int) -> int:
        torch.manual_seed(number)
        ids, mask = pad_prompts([agent.request(task).prompt for task in tasks], agent.tokenizer.pad_id, model.device)
        with torch.inference_mode():
            written = model.generate(
                input_ids=ids,
                attention_mask=mask,
                do_sample=True,
                top_k=0,
                num_return_sequences=samples,
                max_new_tokens=agent.spec.max_program_tokens,
            )
        rows = written[:, 1:].tolist()
        return sum(row.index(end) + 1 if end in row else len(row) for row in rows)

    return _compared(ours, plain, rounds, "generate")


def measure_training(agent: CodeT5Agent, examples: Sequence[Example], rounds: int) -> dict[str, float]:
    """Return tokens per second of one pass of cross-entropy over `examples` in batches of 64, forward to optimiser."""
    tokens = sum(len(example.prompt) + len(example.target) for example in examples)
    network = training_network(agent)
    optimizers = make_optimizers(agent.model, "adamw", learning_rate=1e-4, matrix_rate=0.0, weight_decay=0.0)

    def ours(number: int) -> int:
        del number
        agent.model.train()
        for first in range(0, len(examples), _BATCH):
            supervised_step(agent, network, examples[first : first + _BATCH])
            if clipped_norm(agent.model, 1.0) is not None:
                optimizers.step()
        return tokens

    def plain(number: int) -> int:
        del number
        _train_plainly(agent, examples)
        return tokens

    return _compared(ours, plain, rounds, "Trainer")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure both and print them."""
    options = _parse(argv)
    torch.set_num_threads(options.threads)
    tokenizer = load_tokenizer("nano")
    agent = make(AgentSpec(tokenizer), model=options.model, precision=options.precision)
    lessons = demonstrations(options.examples, 0, ("1", "2"))
    tasks = [make_task(lesson.problem) for lesson in lessons[: options.problems]]
    examples = [agent.encode(make_task(lesson.problem), lesson.program) for lesson in lessons]
    found: dict[str, Any] = {
        "model": options.model,
        "precision": options.precision,
        "threads": options.threads,
        "generation": measure_generation(agent, tasks, options.samples, options.rounds),
        "training": measure_training(agent, examples, options.rounds),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0


def _compared(ours: Callable[[int], int], plain: Callable[[int], int], rounds: int, name: str) -> dict[str, float]:
    rates: dict[str, list[float]] = {"ours": [], name: []}
    for number in range(rounds):
        for side, run in (("ours", ours), (name, plain)):
            # Processor time of all threads: wall time would measure the neighbours.
            begin = time.process_time()
            tokens = run(number)
            rates[side].append(tokens / (time.process_time() - begin))
    best = {side: max(values) for side, values in rates.items()}
    return {**best, "ratio": best["ours"] / best[name]}


def _train_plainly(agent: CodeT5Agent, examples: Sequence[Example]) -> None:
    from transformers import PrinterCallback, Trainer, TrainingArguments

    with tempfile.TemporaryDirectory() as folder, no_bars():
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=_BATCH,
            num_train_epochs=1,
            learning_rate=1e-4,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            use_cpu=agent.network.device.type == "cpu",
        )
        data: Any = list(examples)
        collator: Any = lambda batch: _plain_batch(batch, agent.tokenizer.pad_id)  # noqa: E731 - Trainer wants a name
        trainer = Trainer(model=agent.model, args=arguments, train_dataset=data, data_collator=collator)
        trainer.remove_callback(PrinterCallback)
        trainer.train()


def _plain_batch(examples: Sequence[Example], pad_id: int) -> dict[str, torch.Tensor]:
    """Return what `Trainer` feeds to the model: everything padded to the longest of the batch."""
    ids, mask = pad_prompts([example.prompt for example in examples], pad_id, torch.device("cpu"))
    labels, real = pad_prompts([example.target for example in examples], pad_id, torch.device("cpu"))
    return {"input_ids": ids, "attention_mask": mask, "labels": labels.masked_fill(~real, IGNORED)}


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="speed", description="Measure generation and training.")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="of our side in training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--problems", type=int, default=16)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--examples", type=int, default=512)
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
