"""Batches: labels, masks, forced prefixes, windows, and the order of a corpus."""

from __future__ import annotations

import pytest
import torch

from coderl_agents.codet5.batches import Example, collate, encode_example, epoch_batches
from coderl_env.agent import Task
from coderl_env.tokens import load_tokenizer

CPU = torch.device("cpu")
STARTER = "def f(x):\n"


def test_collate_shifts_masks_and_fills_up() -> None:
    first = Example((5, 6, 7), (8,), (9, 2))
    second = Example((5, 6, 7), (8,), (10, 11, 2))
    third = Example((4,), (), (2,))
    batch = collate([[first, second], [third]], 0, 1, CPU)
    assert batch.ids.tolist() == [[5, 6, 7, *[0] * 5], [4, *[0] * 7]]
    assert batch.prompt_mask.tolist() == [[*[True] * 3, *[False] * 5], [True, *[False] * 7]]
    assert batch.inputs.tolist() == [[[1, 8, 9, 0], [1, 8, 10, 11]], [[1, 0, 0, 0], [1, 0, 0, 0]]]
    ignored = -100
    assert batch.labels.tolist() == [
        [[ignored, 9, 2, ignored], [ignored, 10, 11, 2]],
        [[2, ignored, ignored, ignored], [ignored] * 4],
    ]


def test_an_example_is_what_follows_the_starter_code() -> None:
    tokenizer = load_tokenizer("nano")
    task = Task("t", "\nQUESTION:\nx\nUse Call-Based format\nANSWER:\n", (), STARTER, "f")
    example = encode_example(task, STARTER + "    return x\n", tokenizer, 100, 100)
    assert tokenizer.decode(example.prefix) == STARTER
    assert tokenizer.decode(example.target) == "    return x\n"
    assert example.target[-1] == tokenizer.eos_id
    assert tokenizer.decode(example.prompt) == task.prompt


def test_a_program_longer_than_the_window_has_no_end_token() -> None:
    tokenizer = load_tokenizer("nano")
    task = Task("t", "\nQUESTION:\nx\nUse Standard Input format\nANSWER:\n")
    example = encode_example(task, "print(1)\n" * 50, tokenizer, 100, 10)
    assert len(example.target) == 10
    assert tokenizer.eos_id not in example.target


@pytest.mark.parametrize("size", [1, 4, 7])
def test_an_epoch_visits_every_example_once(size: int) -> None:
    lengths = [(7 * index) % 31 for index in range(100)]
    batches = list(epoch_batches(lengths, size, [0, 1]))
    assert sorted(index for batch in batches for index in batch) == list(range(100))
    assert all(len(batch) <= size for batch in batches)
    assert batches == list(epoch_batches(lengths, size, [0, 1]))
    assert batches != list(epoch_batches(lengths, size, [0, 2]))


def test_batches_hold_examples_of_similar_length() -> None:
    lengths = list(range(320))
    widths = [max(batch) - min(batch) for batch in epoch_batches(lengths, 20, [0])]
    assert max(widths) < 40
