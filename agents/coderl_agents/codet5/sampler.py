"""Drawing programs from a model: batched decoding with a key-value cache.

A prompt is read once, however many programs are drawn for it. Prompts are taken in order of length, so that little
is spent on padding. Programs that have ended leave the batch. Draws depend on the seed alone: the same calls on the
same machine give the same programs.

What `Drawn.log_probs` mean: log-probabilities at temperature 1 and without nucleus, under the model restricted to the
tokens that may be played (no special token but the end token). They are those of the policy that is trained, not of
the sharpened distribution that the tokens were drawn from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

__all__ = [
    "Decodes",
    "DecodingCache",
    "Drawn",
    "Request",
    "allowed_tokens",
    "choose",
    "draw",
    "pad_prompts",
    "round_up",
]

# Few different shapes: the kernels for each are made when it first occurs, and kept.
_PROMPT_MULTIPLE = 8

# Rows are packed together when so large a share of the batch has ended; packing copies the cache.
_REPACK_SHARE = 0.75


class DecodingCache(Protocol):
    """What a network keeps of a grid of prompts x programs between two steps; see `codet5.network.Cache`."""

    programs: int

    def repack(self, prompts: Tensor, rows: Tensor, programs: int) -> None:
        """Keep only `prompts` (kept,) and, in their new order, `rows` (kept * programs,) of the old grid."""
        ...


class Decodes(Protocol):
    """A forward pass that programs are drawn with: `codet5.network.Network`, or one for another architecture.

    Attributes:
        model: the module whose weights are used.
        start_id: first input of every program.
    """

    model: nn.Module
    start_id: int

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        ...

    def encode(self, ids: Tensor, mask: Tensor) -> Any:
        """Read prompts, (prompts, tokens) with a mask that is true for tokens."""
        ...

    def decode(self, memory: Any, ids: Tensor) -> Tensor:
        """Return the states (prompts, programs, tokens, d_model) of whole programs."""
        ...

    def states_after(self, memory: Any, tokens: Tensor) -> Tensor:
        """Return the states (prompts, programs, tokens, d_model) that have seen each of `tokens`, and those before."""
        ...

    def logits(self, states: Tensor) -> Tensor:
        """Return float32 logits (..., vocabulary) of states (..., d_model)."""
        ...

    def cached_numbers(self, capacity: int) -> int:
        """Return how many numbers the cache of one program of `capacity` tokens holds."""
        ...

    def drawing(self) -> AbstractContextManager[None]:
        """Return a context in which the weights stay as they are, so that what is made of them can be kept."""
        ...

    def start(self, memory: Any, programs: int, capacity: int) -> DecodingCache:
        """Return an empty cache for `programs` programs of up to `capacity` tokens for each prompt."""
        ...

    def step(self, cache: Any, ids: Tensor) -> Tensor:
        """Feed one more token of every program, (rows,), and return float32 logits (rows, vocabulary)."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What to continue.

    Attributes:
        prompt: token ids of the prompt.
        prefix: token ids that the program must begin with.
    """

    prompt: tuple[int, ...]
    prefix: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A program as drawn.

    Attributes:
        token_ids: tokens after the forced prefix, the end token included where it was drawn.
        log_probs: one for each token, see the module's docstring.
    """

    token_ids: tuple[int, ...]
    log_probs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Settings:
    """The arguments of `draw` that every batch needs."""

    allowed: Tensor
    end_id: int
    max_tokens: int
    temperature: float
    top_p: float
    generator: torch.Generator


def allowed_tokens(vocabulary: int, model_vocabulary: int, special_ids: frozenset[int], end_id: int) -> Tensor:
    """Return which tokens may be played, (model_vocabulary,), true for those that may.

    Args:
        vocabulary: number of ids that the tokenizer has.
        model_vocabulary: number of ids that the model has, often padded to more.
        special_ids: ids that may not be played, whatever they are.
        end_id: the end token, which may.
    """
    allowed = torch.zeros(model_vocabulary, dtype=torch.bool)
    allowed[:vocabulary] = True
    allowed[[token for token in special_ids if token < model_vocabulary]] = False
    allowed[end_id] = True
    return allowed


def round_up(number: int, multiple: int) -> int:
    """Return the least multiple of `multiple` that is at least `number` and not 0."""
    return max(multiple, -(-number // multiple) * multiple)


def pad_prompts(prompts: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return token ids (prompts, tokens) padded on the right, and the mask that is true for tokens."""
    width = round_up(max(len(prompt) for prompt in prompts), _PROMPT_MULTIPLE)
    ids = torch.full((len(prompts), width), pad_id, dtype=torch.long)
    mask = torch.zeros((len(prompts), width), dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = torch.tensor(prompt, dtype=torch.long)
        mask[row, : len(prompt)] = True
    return ids.to(device), mask.to(device)


def draw(
    network: Decodes,
    requests: Sequence[Request],
    programs: int,
    *,
    allowed: Tensor,
    end_id: int,
    pad_id: int,
    max_tokens: int,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
    max_rows: int = 512,
) -> list[list[Drawn]]:
    """Draw `programs` programs for each request.

    Args:
        network: the model's forward pass; dropout is off while drawing.
        requests: prompts with their forced prefixes.
        programs: programs per request.
        allowed: (model vocabulary,), true for tokens that may be played.
        end_id: token that ends a program.
        pad_id: token that fills unused places.
        max_tokens: program window, the forced prefix included; a program that fills it ends there.
        temperature: 0 is greedy.
        top_p: nucleus.
        seed: seed of the draws.
        max_rows: programs decoded at the same time, at most.

    Returns:
        One list of programs per request, in the order of the requests.
    """
    generator = torch.Generator(device=network.device).manual_seed(seed)
    settings = _Settings(allowed.to(network.device), end_id, max_tokens, temperature, top_p, generator)
    drawn: list[list[Drawn]] = [[] for _ in requests]
    training = network.model.training
    network.model.eval()
    try:
        with torch.inference_mode(), network.drawing():
            for chosen, count in _batches(requests, programs, max_rows):
                batch = [requests[index] for index in chosen]
                ids, mask = pad_prompts([request.prompt for request in batch], pad_id, network.device)
                grid = _Grid(network, network.encode(ids, mask), [request.prefix for request in batch], count, settings)
                for index, found in zip(chosen, grid.run(), strict=True):
                    drawn[index].extend(found)
    finally:
        network.model.train(training)
    return drawn


def choose(
    logits: Tensor, allowed: Tensor, uniform: Tensor | None, temperature: float, top_p: float
) -> tuple[Tensor, Tensor]:
    """Return the tokens chosen and their log-probabilities, (rows,) each.

    Args:
        logits: (rows, vocabulary), float32; changed in place.
        allowed: (vocabulary,), true for tokens that may be played.
        uniform: (rows,) draws in [0, 1), or None for greedy.
        temperature: of the draws.
        top_p: nucleus of the draws.
    """
    logits.masked_fill_(~allowed, float("-inf"))
    norm = logits.logsumexp(-1)
    if uniform is None:
        tokens = logits.argmax(-1)
    else:
        probabilities = (logits / temperature).softmax(-1)
        if top_p < 1:
            probabilities = _nucleus(probabilities, top_p)
        cumulative = probabilities.cumsum(-1)
        # Scaling by the last sum keeps the point inside what rounding left of the distribution.
        point = uniform[:, None] * cumulative[:, -1:]
        tokens = torch.searchsorted(cumulative, point, right=True).squeeze(1).clamp(max=logits.shape[1] - 1)
    return tokens, logits.gather(1, tokens[:, None]).squeeze(1) - norm


def _nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Return `probabilities` (rows, vocabulary) with 0 outside of the smallest set that reaches `top_p`."""
    ordered, order = probabilities.sort(-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    return torch.zeros_like(probabilities).scatter(1, order, ordered.masked_fill(before >= top_p, 0.0))


def _batches(requests: Sequence[Request], programs: int, max_rows: int) -> Iterator[tuple[list[int], int]]:
    """Yield the indices of requests to decode together, and how many programs of each, in order of length."""
    order = sorted(range(len(requests)), key=lambda index: (len(requests[index].prompt), index))
    count = min(programs, max_rows)
    width = max(1, max_rows // max(count, 1))
    for first in range(0, len(order), width):
        for done in range(0, programs, max(count, 1)):
            yield order[first : first + width], min(count, programs - done)


class _Grid:
    """A batch of prompts x programs that is being decoded.

    Rows are the programs of the first prompt, then those of the second, and so on. `row_of` names the program that a
    row decodes; rows that only fill the grid up are not alive.
    """

    def __init__(
        self, network: Decodes, memory: Any, prefixes: list[tuple[int, ...]], programs: int, settings: _Settings
    ) -> None:
        self.network = network
        self.settings = settings
        self.programs = programs
        device = network.device
        prompts = len(prefixes)
        rows = prompts * programs
        window = settings.max_tokens
        self.prefixes = prefixes
        lengths = torch.tensor([min(len(prefix), window) for prefix in prefixes])
        self.longest_prefix = int(lengths.max())
        self.prefix_length = lengths.repeat_interleave(programs).to(device)  # (rows,)
        self.forced = torch.zeros((rows, self.longest_prefix), dtype=torch.long, device=device)
        for prompt, prefix in enumerate(prefixes):
            cut = torch.tensor(prefix[:window], dtype=torch.long, device=device)
            self.forced[prompt * programs : (prompt + 1) * programs, : len(cut)] = cut
        self.tokens = torch.zeros((rows, window), dtype=torch.long, device=device)
        self.log_probs = torch.zeros((rows, window), device=device)
        self.length = torch.full((rows,), window, dtype=torch.long, device=device)
        self.row_of = torch.arange(rows, device=device)
        self.alive = torch.ones(rows, dtype=torch.bool, device=device)
        self.cache: DecodingCache = network.start(memory, programs, window)

    def run(self) -> list[list[Drawn]]:
        settings = self.settings
        rows = self.row_of.numel()
        last = torch.full((rows,), self.network.start_id, dtype=torch.long, device=self.network.device)
        for position in range(settings.max_tokens):
            logits = self.network.step(self.cache, last)
            uniform = None
            if settings.temperature > 0:
                uniform = torch.rand(logits.shape[0], generator=settings.generator, device=logits.device)
            last, log_prob = choose(logits, settings.allowed, uniform, settings.temperature, settings.top_p)
            ended = last == settings.end_id
            if position < self.longest_prefix:
                forced = position < self.prefix_length[self.row_of]
                last = torch.where(forced, self.forced[self.row_of, position], last)
                ended &= ~forced
            live = self.row_of[self.alive]
            self.tokens[live, position] = last[self.alive]
            self.log_probs[live, position] = log_prob[self.alive]
            finished = ended & self.alive
            self.length[self.row_of[finished]] = position + 1
            self.alive &= ~ended
            if not bool(self.alive.any()):
                break
            last = self._repack(last)
        return self._collect()

    def _repack(self, last: Tensor) -> Tensor:
        """Let ended rows leave, where that makes the batch clearly smaller; return the last tokens of what stays."""
        grid = self.alive.view(-1, self.cache.programs)
        alive_counts = grid.sum(1)
        prompts = alive_counts.nonzero().squeeze(1)
        widest = int(alive_counts.max())
        if prompts.numel() * widest > _REPACK_SHARE * self.alive.numel():
            return last
        # Of every prompt that stays: rows that are alive first, then ended ones to fill the grid.
        order = grid[prompts].int().sort(dim=1, descending=True, stable=True).indices[:, :widest]
        rows = (prompts[:, None] * self.cache.programs + order).reshape(-1)
        self.cache.repack(prompts, rows, widest)
        self.row_of = self.row_of[rows]
        self.alive = self.alive[rows]
        return last[rows]

    def _collect(self) -> list[list[Drawn]]:
        tokens, log_probs = self.tokens.tolist(), self.log_probs.tolist()
        starts, ends = self.prefix_length.tolist(), self.length.tolist()
        drawn = [
            Drawn(tuple(tokens[row][starts[row] : ends[row]]), tuple(log_probs[row][starts[row] : ends[row]]))
            for row in range(len(tokens))
        ]
        return [drawn[first : first + self.programs] for first in range(0, len(drawn), self.programs)]
