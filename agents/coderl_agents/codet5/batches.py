"""From token sequences to tensors: batches of prompts with programs, and the order of going through a corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from coderl_agents.codet5.losses import IGNORED
from coderl_agents.codet5.sampler import pad_prompts, round_up
from coderl_env.agent import Task
from coderl_env.prompt import encode_prompt
from coderl_env.starter import continue_starter
from coderl_env.tokens import Tokenizer

__all__ = ["Batch", "Example", "collate", "encode_example", "epoch_batches"]

_PROGRAM_MULTIPLE = 4  # as the sampler's for prompts

# Batches of similar length come from sorting so many batches' worth of examples.
_SORTED_BATCHES = 16


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt with one program.

    Attributes:
        prompt: token ids of the prompt.
        prefix: token ids that the program is forced to begin with; they are no targets.
        target: token ids after it, the end token included unless the window was full.
    """

    prompt: tuple[int, ...]
    prefix: tuple[int, ...]
    target: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Prompts x programs x tokens.

    Attributes:
        ids: (prompts, prompt tokens).
        prompt_mask: (prompts, prompt tokens), true for tokens.
        inputs: (prompts, programs, tokens) decoder inputs: start token, prefix, target, each one place late.
        labels: (prompts, programs, tokens) targets, `IGNORED` for prefix and padding.
    """

    ids: Tensor
    prompt_mask: Tensor
    inputs: Tensor
    labels: Tensor


def encode_example(task: Task, program: str, tokenizer: Tokenizer, max_prompt: int, max_program: int) -> Example:
    """Return `program` as what should be written for `task`, cut where the program window ends."""
    prompt = encode_prompt(task, tokenizer, max_prompt).token_ids
    prefix: tuple[int, ...] = ()
    if task.starter_code:
        prefix = tuple(tokenizer.encode(task.starter_code))[:max_program]
        program = continue_starter(task.starter_code, program)
    target = (*tokenizer.encode(program), tokenizer.eos_id)[: max_program - len(prefix)]
    return Example(prompt, prefix, tuple(target))


def collate(groups: Sequence[Sequence[Example]], pad_id: int, start_id: int, device: torch.device) -> Batch:
    """Return the batch of `groups`, one per prompt; all examples of a group have the same prompt.

    Smaller groups are filled up with programs that have no label.
    """
    programs = max(len(group) for group in groups)
    ids, prompt_mask = pad_prompts([group[0].prompt for group in groups], pad_id, device)
    rows = [
        group[index] if index < len(group) else Example(group[0].prompt, (), ())
        for group in groups
        for index in range(programs)
    ]
    width = round_up(max(len(row.prefix) + len(row.target) for row in rows), _PROGRAM_MULTIPLE)
    inputs = np.full((len(rows), width), pad_id, np.int64)
    labels = np.full((len(rows), width), IGNORED, np.int64)
    inputs[:, 0] = start_id
    for index, row in enumerate(rows):
        tokens = (*row.prefix, *row.target)
        inputs[index, 1 : len(tokens)] = tokens[:-1]
        labels[index, len(row.prefix) : len(tokens)] = row.target
    shape = (len(groups), programs, width)
    return Batch(
        ids,
        prompt_mask,
        torch.from_numpy(inputs).to(device).view(shape),
        torch.from_numpy(labels).to(device).view(shape),
    )


def epoch_batches(lengths: Sequence[int], size: int, seed: Sequence[int]) -> Iterator[list[int]]:
    """Yield the indices of one epoch's batches, random but of similar length within a batch.

    Args:
        lengths: length of every example.
        size: examples per batch; the last batch may be smaller.
        seed: equal seeds give equal batches.
    """
    rng = np.random.default_rng(list(seed))
    order = rng.permutation(len(lengths))
    span = size * _SORTED_BATCHES
    for first in range(0, len(order), span):
        chunk = sorted(order[first : first + span].tolist(), key=lambda index: lengths[index])
        batches = [chunk[place : place + size] for place in range(0, len(chunk), size)]
        for place in rng.permutation(len(batches)).tolist():
            yield batches[place]
