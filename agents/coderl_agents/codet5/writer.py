"""Writing programs with a network: stepping through an environment's observations, and drawing whole batches.

Shared by all bundled agents that play tokens. Not here: training, and where the weights come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from coderl_agents.codet5.sampler import Decodes, Drawn, Request, allowed_tokens, choose, draw, pad_prompts
from coderl_env.agent import Action, Decision, Program, Sampling, Task
from coderl_env.prompt import encode_prompt, encode_repair_prompt
from coderl_env.registry import AgentSpec
from coderl_env.rollout import program_text

__all__ = ["Writer"]

# Cached keys and values may take so much memory while decoding.
_CACHE_BYTES = 2 * 1024**3


class Writer:
    """Plays the tokens that `network` prefers or draws.

    Args:
        spec: what the environment asks for, its tokenizer included.
        network: the forward pass, in float32.
        model_vocabulary: number of ids that the model has.
        max_rows: programs decoded at the same time, at most.

    Attributes:
        allowed: (model vocabulary,), true for tokens that may be played.
    """

    def __init__(self, spec: AgentSpec, network: Decodes, model_vocabulary: int, max_rows: int) -> None:
        assert spec.tokenizer is not None
        self.spec = spec
        self.network = network
        self.tokenizer = spec.tokenizer
        self.allowed: Tensor = allowed_tokens(
            len(self.tokenizer), model_vocabulary, self.tokenizer.special_ids, self.tokenizer.eos_id
        )
        self._max_rows = max_rows
        self._generator = torch.Generator()
        self._sampling = Sampling()
        self._encoded: dict[bytes, Any] = {}

    def begin(self, sampling: Sampling) -> None:
        """Start stepping: seed the draws and forget the prompts of earlier episodes."""
        self._sampling = sampling
        self._generator = torch.Generator().manual_seed(sampling.seed)
        self._encoded.clear()

    @torch.inference_mode()
    def act(self, observations: Sequence[Any]) -> list[Action]:
        """Return the next token of every episode.

        Each call reads the whole program so far, so episodes may come in any order; `generate` is much faster.
        """
        network = self.network
        network.model.eval()
        actions: list[Action] = []
        for observation in observations:
            program = observation["program"][: int(observation["program_length"][0])]
            inputs = torch.tensor([[[network.start_id, *program.tolist()]]], device=network.device)
            states = network.decode(self._memory(observation), inputs)[:, 0, -1]
            uniform = None
            if self._sampling.temperature > 0:
                uniform = torch.rand(1, generator=self._generator).to(network.device)
            token, log_prob = choose(
                network.logits(states),
                self.allowed.to(network.device),
                uniform,
                self._sampling.temperature,
                self._sampling.top_p,
            )
            actions.append(Decision(int(token), float(log_prob)))
        return actions

    def generate(self, tasks: list[Task], samples: int, sampling: Sampling) -> list[list[Program]]:
        """Return `samples` programs for each task."""
        if sampling.temperature == 0 and samples > 1:
            # Greedy programs are all the same.
            return [group * samples for group in self.generate(tasks, 1, sampling)]
        return self.continue_programs(tasks, [self.request(task) for task in tasks], samples, sampling)

    def continue_programs(
        self, tasks: Sequence[Task], requests: Sequence[Request], samples: int, sampling: Sampling
    ) -> list[list[Program]]:
        """Return `samples` programs for each request.

        Args:
            tasks: the problem of each request.
            requests: prompts with forced prefixes, which begin with the starter code and may hold a part of a program.
            samples: programs for each.
            sampling: how they are drawn.

        Returns:
            Whole programs: their tokens are all that follow the starter code. Those that go on with a part of a program
            have no log-probabilities.
        """
        window = self.spec.max_program_tokens
        drawn = draw(
            self.network,
            requests,
            samples,
            allowed=self.allowed,
            end_id=self.tokenizer.eos_id,
            pad_id=self.tokenizer.pad_id,
            max_tokens=window,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            max_rows=max(1, min(self._max_rows, _CACHE_BYTES // (4 * self.network.cached_numbers(window)))),
        )
        return [
            [self._program(task, request, one) for one in group]
            for task, request, group in zip(tasks, requests, drawn, strict=True)
        ]

    def _program(self, task: Task, request: Request, drawn: Drawn) -> Program:
        starter = self._starter(task)
        seed = request.prefix[len(starter) :]
        token_ids = seed + drawn.token_ids
        text = program_text(self.tokenizer, task.starter_code, starter, token_ids)
        return Program(text, token_ids, () if seed else drawn.log_probs)

    def request(self, task: Task) -> Request:
        """Return the prompt and forced prefix of `task` as tokens."""
        prompt = encode_prompt(task, self.tokenizer, self.spec.max_prompt_tokens).token_ids
        return Request(prompt, self._starter(task))

    def repair_request(self, task: Task, program: str, feedback: str) -> Request:
        """Return the prompt of another attempt after `program`, and the forced prefix of `task`, as tokens."""
        prompt = encode_repair_prompt(task, program, feedback, self.tokenizer, self.spec.max_prompt_tokens).token_ids
        return Request(prompt, self._starter(task))

    def _starter(self, task: Task) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(task.starter_code)) if task.starter_code else ()

    def _memory(self, observation: Mapping[str, Any]) -> Any:
        prompt = observation["prompt"][: int(observation["prompt_length"][0])]
        key = prompt.tobytes()
        if key not in self._encoded:
            self._encoded[key] = self.network.encode(
                *pad_prompts([prompt.tolist()], self.tokenizer.pad_id, self.network.device)
            )
        return self._encoded[key]
