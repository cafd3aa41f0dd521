"""The forward pass of any transformers model, decoder-only or encoder-decoder, in the form that the sampler asks for.

`coderl_agents.codet5.sampler.Decodes` describes that form: prompts are read once, programs are a grid of prompts x
programs x tokens, and the state at place t has seen the prompt and the program's tokens before t. T5 models without
adapters have a faster pass of their own, `coderl_agents.codet5.network.Network`; `network_for` chooses.

In a decoder-only model the prompt and the program are one sequence. Prompts are padded on the right, and programs
follow the padding with the positions that they would have without it, so padding changes nothing. The start token of a
program, which such models do not have, is never fed: the prompt's last state takes its place.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn
from transformers import EncoderDecoderCache, PreTrainedModel, T5ForConditionalGeneration

from coderl_agents.codet5.network import Network
from coderl_agents.codet5.sampler import Decodes
from coderl_agents.policy_gradient.adapters import has_adapters
from coderl_agents.policy_gradient.cache import GrowingCache

__all__ = ["TransformersNetwork", "check_head", "network_for"]


def network_for(model: PreTrainedModel, compute_dtype: torch.dtype = torch.float32) -> Decodes:
    """Return the fastest forward pass that there is for `model`."""
    # The lean pass reads weights directly, and would pass by what adapters add to them.
    if isinstance(model, T5ForConditionalGeneration) and not has_adapters(model):
        return Network(model, compute_dtype)
    return TransformersNetwork(model, compute_dtype)


@dataclass(frozen=True, slots=True)
class _Read:
    """Prompts as read.

    Attributes:
        ids: (prompts, prompt tokens).
        mask: (prompts, prompt tokens), true for tokens.
        states: the encoder's output, (prompts, prompt tokens, d_model); None without an encoder.
    """

    ids: Tensor
    mask: Tensor
    states: Tensor | None

    def spread(self, programs: int) -> _Read:
        """Return every prompt `programs` times."""
        states = None if self.states is None else self.states.repeat_interleave(programs, 0)
        return _Read(self.ids.repeat_interleave(programs, 0), self.mask.repeat_interleave(programs, 0), states)


@dataclass(slots=True)
class _Cache:
    """What decoding has computed so far; `read` has one row for each program.

    Attributes:
        read: the prompts, once for each program.
        past: keys and values as transformers keeps them.
        programs: programs per prompt.
        first: states that precede the first token, (rows, d_model); None where the start token gives them.
        length: tokens decoded.
    """

    read: _Read
    past: Any
    programs: int
    first: Tensor | None
    length: int = 0

    def repack(self, prompts: Tensor, rows: Tensor, programs: int) -> None:
        """Keep `rows` (kept,) only, in their new order."""
        self.past.batch_select_indices(rows)
        read = self.read
        states = None if read.states is None else read.states.index_select(0, rows)
        self.read = _Read(read.ids.index_select(0, rows), read.mask.index_select(0, rows), states)
        self.programs = programs


class TransformersNetwork:
    """See the module's docstring. Implements `Decodes`; holds no weights of its own.

    Args:
        model: the model; gradients flow to its weights.
        compute_dtype: data type of matrix products, float32 or bfloat16 (autocast).
    """

    def __init__(self, model: PreTrainedModel, compute_dtype: torch.dtype = torch.float32) -> None:
        config = model.config
        self.model = model
        self.compute_dtype = compute_dtype
        self.is_encoder_decoder = bool(config.is_encoder_decoder)
        start = getattr(config, "decoder_start_token_id", None)
        # Without an encoder it is never fed.
        self.start_id = int(start or 0)
        scaled = self.is_encoder_decoder and getattr(config, "scale_decoder_outputs", False)
        self._output_scale = config.d_model**-0.5 if scaled else 1.0
        # Whether the linear layers convert by themselves, as they do while programs are drawn.
        self._converts = False

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.get_input_embeddings().weight.device

    def encode(self, ids: Tensor, mask: Tensor) -> _Read:
        """Read prompts: (prompts, tokens) token ids, and a mask that is true for tokens."""
        if not self.is_encoder_decoder:
            return _Read(ids, mask, None)
        with self._autocast():
            states = self.model.get_encoder()(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return _Read(ids, mask, states)

    def decode(self, memory: _Read, ids: Tensor) -> Tensor:
        """Return states (prompts, programs, tokens, d_model) of programs with their start token."""
        prompts, programs, tokens = ids.shape
        rows = memory.spread(programs)
        flat = ids.reshape(prompts * programs, tokens)
        if self.is_encoder_decoder:
            states = self._decoder(flat, rows, None)
        else:
            width = rows.ids.shape[1]
            sequence = torch.cat([rows.ids, flat[:, 1:]], 1)
            mask = torch.cat([rows.mask, torch.ones_like(flat[:, 1:], dtype=torch.bool)], 1)
            found = self._causal(sequence, mask, _positions(mask), None)
            last = _last_state(found, rows.mask)
            states = torch.cat([last[:, None], found[:, width:]], 1)
        return states.reshape(prompts, programs, tokens, -1)

    def states_after(self, memory: _Read, tokens: Tensor) -> Tensor:
        """Return the states (prompts, programs, tokens, d_model) after each of `tokens`; no start token is read."""
        if self.is_encoder_decoder:
            return self.decode(memory, tokens)
        # The prompt's last state comes before the first token.
        return self.decode(memory, F.pad(tokens, (1, 0)))[:, :, 1:]

    def logits(self, states: Tensor) -> Tensor:
        """Return float32 logits (..., vocabulary) of states (..., d_model)."""
        with self._autocast():
            logits: Tensor = self.model.get_output_embeddings()(states * self._output_scale)
        return logits.float()

    def cached_numbers(self, capacity: int) -> int:
        """Return how many numbers the cache of one program of `capacity` tokens holds, its prompt left out."""
        config = self.model.config
        layers = getattr(config, "num_decoder_layers", None) or config.num_hidden_layers
        return 2 * int(layers) * int(config.hidden_size) * capacity

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """Convert the weights of linear layers once, and nothing else.

        On a processor autocast would convert them again for every token, and the whole cache, which costs more than the
        products themselves; and attention of one token is faster in float32.
        """
        if self.compute_dtype == torch.float32 or self.device.type != "cpu":
            yield
            return
        layers = [part for part in self.model.modules() if type(part) is nn.Linear and "forward" not in vars(part)]
        self._converts = True
        try:
            for layer in layers:
                # Not a method of the class, for the checker.
                layer.forward = functools.partial(_multiply, *_converted(layer, self.compute_dtype))  # type: ignore[method-assign]
            yield
        finally:
            self._converts = False
            for layer in layers:
                vars(layer).pop("forward", None)

    @torch.inference_mode()
    def start(self, memory: _Read, programs: int, capacity: int) -> _Cache:
        """Return the cache of `programs` programs for each prompt; `capacity` is not needed, it grows."""
        rows = memory.spread(programs)
        if self.is_encoder_decoder:
            return _Cache(rows, EncoderDecoderCache(GrowingCache(), GrowingCache()), programs, None)
        past = GrowingCache()
        found = self._causal(memory.ids, memory.mask, _positions(memory.mask), past)
        past.batch_repeat_interleave(programs)
        return _Cache(rows, past, programs, _last_state(found, memory.mask).repeat_interleave(programs, 0))

    @torch.inference_mode()
    def step(self, cache: _Cache, ids: Tensor) -> Tensor:
        """Feed one more token of every program, (rows,), and return float32 logits (rows, vocabulary)."""
        cache.length += 1
        if self.is_encoder_decoder:
            return self.logits(self._decoder(ids[:, None], cache.read, cache.past)[:, -1])
        if cache.first is not None:
            states, cache.first = cache.first, None
            return self.logits(states)
        played = cache.length - 1
        read = cache.read
        mask = torch.cat([read.mask, read.mask.new_ones((ids.numel(), played))], 1)
        positions = read.mask.sum(1, keepdim=True) + played - 1
        return self.logits(self._causal(ids[:, None], mask, positions, cache.past)[:, -1])

    def _decoder(self, ids: Tensor, read: _Read, past: Any) -> Tensor:
        with self._autocast():
            states: Tensor = (
                self.model.get_decoder()(
                    input_ids=ids,
                    encoder_hidden_states=read.states,
                    encoder_attention_mask=read.mask.long(),
                    past_key_values=past,
                    use_cache=past is not None,
                )
            ).last_hidden_state
        return states

    def _causal(self, ids: Tensor, mask: Tensor, positions: Tensor, past: Any) -> Tensor:
        with self._autocast():
            states: Tensor = self.model.base_model(
                input_ids=ids,
                attention_mask=mask.long(),
                position_ids=positions,
                past_key_values=past,
                use_cache=past is not None,
            ).last_hidden_state
        return states

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.compute_dtype == torch.float32 or self._converts:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.compute_dtype)


def _converted(layer: nn.Linear, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
    """Return weight and bias of a layer."""
    return layer.weight.detach().to(dtype), None if layer.bias is None else layer.bias.detach().to(dtype)


def _multiply(weight: Tensor, bias: Tensor | None, states: Tensor) -> Tensor:
    """Do what a linear layer does, in the data type of its converted weight; return float32."""
    return F.linear(states.to(weight.dtype), weight, bias).float()


@torch.inference_mode()
def check_head(model: PreTrainedModel, name: str) -> None:
    """Check that the model's logits are those that this module computes from its last states.

    Raises:
        ValueError: they are not, as with models that scale or cap their logits.
    """
    network = TransformersNetwork(model)
    ids = torch.tensor([[1, 2, 1]], device=network.device)
    mask = torch.ones_like(ids, dtype=torch.bool)
    training = model.training
    model.eval()
    if network.is_encoder_decoder:
        inputs = torch.tensor([[network.start_id, 1]], device=network.device)
        expected = model(input_ids=ids, attention_mask=mask.long(), decoder_input_ids=inputs).logits
        found = network.logits(network.decode(network.encode(ids, mask), inputs[:, None]))[:, 0]
    else:
        expected = model(input_ids=ids, attention_mask=mask.long()).logits[:, -1:]
        found = network.logits(network.decode(network.encode(ids, mask), ids[:, None, :1]))[:, 0]
    model.train(training)
    if not torch.allclose(expected.float(), found, atol=1e-3, rtol=1e-3):
        raise ValueError(
            f"the model {name!r} ({type(model).__name__}) changes its logits behind the output layer, which this agent "
            "does not do; use a model without logit scaling or capping"
        )


def _positions(mask: Tensor) -> Tensor:
    """Return the position of every token, (rows, tokens), padding not counted."""
    return (mask.long().cumsum(1) - 1).clamp(min=0)


def _last_state(states: Tensor, mask: Tensor) -> Tensor:
    """Return the state (rows, d_model) of each prompt's last token."""
    last = mask.long().sum(1) - 1
    return states[torch.arange(len(last), device=states.device), last]
