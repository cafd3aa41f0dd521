"""A lean forward pass over the weights of a `T5ForConditionalGeneration`, for training and for decoding.

It computes what transformers' own forward computes (the tests compare them) and differs in how:

1. Several programs of one prompt share the prompt's encoder states and cross-attention keys and values; nothing is
   copied per program. A batch is therefore a grid: prompts x programs x tokens.
2. Query, key and value are one product, and so are the keys and values of cross-attention.
3. A decoding step writes into a cache allocated once, and does nothing but tensor operations.
4. Matrix products may run in bfloat16 while weights, residual stream and softmax statistics stay in float32.

Not here: drawing tokens (`sampler`) and losses (`losses`).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn
from transformers import T5ForConditionalGeneration
from transformers.activations import ACT2FN

__all__ = ["Cache", "Memory", "Network", "best_compute_dtype", "compute_dtype_of"]

_MASKED = -1e9  # added to attention scores; finite, so that a row without any key gives no NaN


@dataclass(frozen=True, slots=True)
class Memory:
    """Encoded prompts.

    Attributes:
        states: encoder output, (prompts, prompt tokens, d_model).
        bias: added to cross-attention scores, (prompts, 1, 1, prompt tokens): 0 for tokens, very negative for padding.
    """

    states: Tensor
    bias: Tensor


@dataclass(slots=True)
class Cache:
    """What decoding has computed so far, for a grid of prompts x programs.

    Attributes:
        self_keys: per layer, (prompts * programs, heads, capacity, d_kv).
        self_values: likewise.
        cross_keys: per layer, (prompts, heads, d_kv, prompt tokens).
        cross_values: per layer, (prompts, heads, prompt tokens, d_kv).
        cross_bias: as `Memory.bias`.
        position_bias: relative position bias of every query position, (heads, capacity, capacity).
        programs: programs per prompt.
        length: tokens decoded.
    """

    self_keys: list[Tensor]
    self_values: list[Tensor]
    cross_keys: list[Tensor]
    cross_values: list[Tensor]
    cross_bias: Tensor
    position_bias: Tensor
    programs: int
    length: int = 0

    def repack(self, prompts: Tensor, rows: Tensor, programs: int) -> None:
        """Keep only `prompts` (kept,) and, in their new order, `rows` (kept * programs,) of the old grid."""
        used = self.length
        for tensors in (self.self_keys, self.self_values):
            for layer, old in enumerate(tensors):
                new = old.new_empty((rows.numel(), *old.shape[1:]))
                new[:, :, :used] = old[:, :, :used].index_select(0, rows)
                tensors[layer] = new
        for tensors in (self.cross_keys, self.cross_values):
            for layer, old in enumerate(tensors):
                tensors[layer] = old.index_select(0, prompts)
        self.cross_bias = self.cross_bias.index_select(0, prompts)
        self.programs = programs


def compute_dtype_of(precision: str, device: torch.device) -> torch.dtype:
    """Return the data type that a setting names; `auto` is what the device is fast in."""
    return best_compute_dtype(device) if precision == "auto" else getattr(torch, precision)


def best_compute_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the device multiplies bfloat16 matrices in hardware, otherwise float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu":
        capable = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        return torch.bfloat16 if capable is not None and capable() else torch.float32
    return torch.float32


class Network:
    """The forward pass of `model`. Holds no weights of its own.

    Args:
        model: the model; its weights are used where they are, and gradients flow to them.
        compute_dtype: data type of matrix products, float32 or bfloat16.
    """

    def __init__(self, model: T5ForConditionalGeneration, compute_dtype: torch.dtype = torch.float32) -> None:
        config = model.config
        self.model = model
        self.compute_dtype = compute_dtype
        self.heads = config.num_heads
        self.d_kv = config.d_kv
        self.activation = ACT2FN[config.dense_act_fn]
        self.gated = config.is_gated_act
        self.dropout_rate = config.dropout_rate
        self.start_id = config.decoder_start_token_id
        # transformers 4 has no such field; there, tied embeddings meant scaled outputs.
        scaled = getattr(config, "scale_decoder_outputs", config.tie_word_embeddings)
        self.output_scale = config.d_model**-0.5 if scaled else 1.0
        # While programs are drawn: weights as products take them, by what they are made of.
        self._kept: dict[Hashable, Tensor] | None = None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.shared.weight.device

    def encode(self, ids: Tensor, mask: Tensor) -> Memory:
        """Encode prompts.

        Args:
            ids: (prompts, tokens) token ids.
            mask: (prompts, tokens), true for tokens, false for padding.
        """
        _check_rank("ids", ids, 2)
        stack = self.model.encoder
        padding = torch.zeros(mask.shape, dtype=torch.float32, device=ids.device).masked_fill(~mask, _MASKED)
        padding = padding[:, None, None, :]  # (prompts, 1, 1, tokens)
        positions = torch.arange(ids.shape[1], device=ids.device)
        bias = self._position_bias(stack, positions, positions)[None] + padding  # (prompts, heads, tokens, tokens)
        bias = bias.to(self.compute_dtype)
        states = self._drop(F.embedding(ids, self.model.shared.weight))
        for block in stack.block:
            states = self._self_attention(block.layer[0], states, bias)
            states = self._feed_forward(block.layer[-1], states)
        return Memory(self._drop(self._norm(stack.final_layer_norm, states)), padding)

    def decode(self, memory: Memory, ids: Tensor) -> Tensor:
        """Return decoder states of whole programs.

        Args:
            memory: encoded prompts.
            ids: (prompts, programs, tokens) decoder inputs: the start token, then the program without its last token.

        Returns:
            (prompts, programs, tokens, d_model); the state at t has seen the inputs 0 to t.
        """
        _check_rank("ids", ids, 3)
        prompts, programs, tokens = ids.shape
        stack = self.model.decoder
        positions = torch.arange(tokens, device=ids.device)
        bias = self._position_bias(stack, positions, positions)
        bias = bias.masked_fill(positions[None, :] > positions[:, None], _MASKED)  # (heads, tokens, tokens)
        bias = bias[None].to(self.compute_dtype)
        states = self._drop(F.embedding(ids.reshape(prompts * programs, tokens), self.model.shared.weight))
        memory_states = memory.states.to(self.compute_dtype)
        cross_bias = memory.bias.to(self.compute_dtype)
        for block in stack.block:
            states = self._self_attention(block.layer[0], states, bias)
            states = self._cross_attention(block.layer[1], states, memory_states, cross_bias)
            states = self._feed_forward(block.layer[-1], states)
        states = self._drop(self._norm(stack.final_layer_norm, states))
        return states.view(prompts, programs, tokens, -1)

    def states_after(self, memory: Memory, tokens: Tensor) -> Tensor:
        """Return the states (prompts, programs, tokens, d_model) after each of `tokens`; no start token is read."""
        return self.decode(memory, tokens)

    def logits(self, states: Tensor) -> Tensor:
        """Return float32 logits (..., vocabulary) of decoder states (..., d_model)."""
        return self._linear(states * self.output_scale, self.model.lm_head.weight).float()

    def cached_numbers(self, capacity: int) -> int:
        """Return how many numbers the cache of one program of `capacity` tokens holds."""
        return 2 * len(self.model.decoder.block) * self.heads * self.d_kv * capacity

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """Keep the weights in the form in which products take them, which is otherwise made for every token."""
        self._kept = {}
        try:
            yield
        finally:
            self._kept = None

    @torch.inference_mode()
    def start(self, memory: Memory, programs: int, capacity: int) -> Cache:
        """Return an empty cache for `programs` programs of up to `capacity` tokens for each prompt of `memory`."""
        prompts = memory.states.shape[0]
        stack = self.model.decoder
        shape = (prompts * programs, self.heads, capacity, self.d_kv)
        cross_keys, cross_values = [], []
        states = memory.states.to(self.compute_dtype)
        for block in stack.block:
            keys, values = self._cross_keys_values(block.layer[1], states)
            cross_keys.append(keys.transpose(2, 3).contiguous())
            cross_values.append(values.contiguous())
        positions = torch.arange(capacity, device=self.device)
        return Cache(
            self_keys=[states.new_empty(shape) for _ in stack.block],
            self_values=[states.new_empty(shape) for _ in stack.block],
            cross_keys=cross_keys,
            cross_values=cross_values,
            cross_bias=memory.bias.to(self.compute_dtype),
            position_bias=self._position_bias(stack, positions, positions).to(self.compute_dtype),
            programs=programs,
        )

    @torch.inference_mode()
    def step(self, cache: Cache, ids: Tensor) -> Tensor:
        """Feed one more token of every program, (rows,), and return float32 logits (rows, vocabulary)."""
        rows = ids.numel()
        at = cache.length
        states = F.embedding(ids, self.model.shared.weight)  # (rows, d_model)
        bias = cache.position_bias[:, at, None, : at + 1]  # (heads, 1, keys)
        for layer, block in enumerate(self.model.decoder.block):
            sublayer = block.layer[0]
            mixed = self._linear(self._norm(sublayer.layer_norm, states), self._fused(sublayer.SelfAttention, "qkv"))
            query, key, value = mixed.view(rows, 3, self.heads, self.d_kv).unbind(1)  # (rows, heads, d_kv) each
            keys, values = cache.self_keys[layer], cache.self_values[layer]
            keys[:, :, at] = key
            values[:, :, at] = value
            scores = torch.matmul(query.unsqueeze(2), keys[:, :, : at + 1].transpose(2, 3)) + bias
            mixed = torch.matmul(scores.softmax(-1), values[:, :, : at + 1]).reshape(rows, -1)
            states = states + self._linear(mixed, sublayer.SelfAttention.o.weight)

            sublayer = block.layer[1]
            query = self._linear(self._norm(sublayer.layer_norm, states), sublayer.EncDecAttention.q.weight)
            # (prompts, heads, programs, d_kv): the programs of a prompt are queries of one attention
            query = query.view(-1, cache.programs, self.heads, self.d_kv).transpose(1, 2)
            scores = torch.matmul(query, cache.cross_keys[layer]) + cache.cross_bias
            mixed = torch.matmul(scores.softmax(-1), cache.cross_values[layer]).transpose(1, 2).reshape(rows, -1)
            states = states + self._linear(mixed, sublayer.EncDecAttention.o.weight)
            states = self._feed_forward(block.layer[-1], states)
        cache.length += 1
        return self.logits(self._norm(self.model.decoder.final_layer_norm, states))

    def _self_attention(self, sublayer: nn.Module, states: Tensor, bias: Tensor) -> Tensor:
        batch, tokens, _ = states.shape
        mixed = self._linear(self._norm(sublayer.layer_norm, states), self._fused(sublayer.SelfAttention, "qkv"))
        query, key, value = mixed.view(batch, tokens, 3, self.heads, self.d_kv).permute(2, 0, 3, 1, 4).unbind(0)
        attended = self._attend(query, key, value, bias).transpose(1, 2).reshape(batch, tokens, -1)
        return states + self._drop(self._linear(attended, sublayer.SelfAttention.o.weight))

    def _cross_attention(self, sublayer: nn.Module, states: Tensor, memory: Tensor, bias: Tensor) -> Tensor:
        batch, tokens, _ = states.shape
        prompts = memory.shape[0]
        key, value = self._cross_keys_values(sublayer, memory)
        query = self._linear(self._norm(sublayer.layer_norm, states), sublayer.EncDecAttention.q.weight)
        # (prompts, heads, programs * tokens, d_kv)
        query = query.view(prompts, -1, self.heads, self.d_kv).transpose(1, 2)
        attended = self._attend(query, key, value, bias).transpose(1, 2).reshape(batch, tokens, -1)
        return states + self._drop(self._linear(attended, sublayer.EncDecAttention.o.weight))

    def _cross_keys_values(self, sublayer: nn.Module, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values, (prompts, heads, prompt tokens, d_kv) each."""
        prompts, tokens, _ = memory.shape
        mixed = self._linear(memory, self._fused(sublayer.EncDecAttention, "kv"))
        key, value = mixed.view(prompts, tokens, 2, self.heads, self.d_kv).permute(2, 0, 3, 1, 4).unbind(0)
        return key, value

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        # T5 does not scale its scores. In place: the product's own value is not needed for its gradient.
        scores = torch.matmul(query, key.transpose(2, 3)).add_(bias)
        return torch.matmul(self._drop(scores.softmax(-1)), value)

    def _feed_forward(self, sublayer: nn.Module, states: Tensor) -> Tensor:
        dense = sublayer.DenseReluDense
        inputs = self._norm(sublayer.layer_norm, states)
        if self.gated:
            hidden = self.activation(self._linear(inputs, dense.wi_0.weight)) * self._linear(inputs, dense.wi_1.weight)
        else:
            hidden = self.activation(self._linear(inputs, dense.wi.weight))
        return states + self._drop(self._linear(self._drop(hidden), dense.wo.weight))

    def _position_bias(self, stack: nn.Module, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the learned bias (heads, queries, keys) of relative positions; the first layer's serves all layers."""
        attention = stack.block[0].layer[0].SelfAttention
        bucket = _relative_buckets(
            keys[None, :] - queries[:, None],
            bidirectional=not stack.is_decoder,
            buckets=attention.relative_attention_num_buckets,
            max_distance=attention.relative_attention_max_distance,
        )
        return F.embedding(bucket, attention.relative_attention_bias.weight).permute(2, 0, 1)

    def _fused(self, attention: nn.Module, parts: str) -> Tensor:
        def make() -> Tensor:
            return torch.cat([getattr(attention, part).weight for part in parts]).to(self.compute_dtype)

        return self._keep((id(attention), parts), make)

    def _linear(self, states: Tensor, weight: Tensor) -> Tensor:
        weight = self._keep(id(weight), lambda: weight.to(self.compute_dtype))
        return F.linear(states.to(self.compute_dtype), weight)

    def _keep(self, key: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """Return what `make` returns, while programs are drawn that of the first time."""
        if self._kept is None:
            return make()
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def _norm(self, norm: nn.Module, states: Tensor) -> Tensor:
        return F.rms_norm(states, (states.shape[-1],), norm.weight, norm.variance_epsilon)

    def _drop(self, states: Tensor) -> Tensor:
        if not self.model.training or self.dropout_rate == 0:
            return states
        return F.dropout(states, self.dropout_rate)


def _relative_buckets(distance: Tensor, *, bidirectional: bool, buckets: int, max_distance: int) -> Tensor:
    """Return T5's bucket numbers of key position minus query position (Raffel et al. 2020, section 2.1).

    Half of the buckets hold one distance each, the others logarithmically growing ranges up to `max_distance`.
    """
    offset = torch.zeros_like(distance)
    if bidirectional:
        buckets //= 2
        offset = (distance > 0).long() * buckets
        distance = distance.abs()
    else:
        distance = (-distance).clamp(min=0)
    exact = buckets // 2
    growth = torch.log(distance.float().clamp(min=1) / exact) / math.log(max_distance / exact)
    far = (exact + (growth * (buckets - exact)).long()).clamp(max=buckets - 1)
    return offset + torch.where(distance < exact, distance, far)


def _check_rank(name: str, tensor: Tensor, rank: int) -> None:
    if tensor.ndim != rank:
        raise ValueError(f"{name} must have {rank} dimensions, not shape {tuple(tensor.shape)}")
