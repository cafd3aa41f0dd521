"""The CodeT5 agent: writes programs with a T5-family model, and trains it as CodeRL does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from coderl_agents.codet5.model import build_model, check_architecture, load_model, model_kind, save_model
from coderl_agents.codet5.network import Memory, Network
from coderl_agents.codet5.sampler import Request, allowed_tokens, choose, draw, pad_prompts
from coderl_agents.codet5.settings import Settings
from coderl_env.agent import Action, Decision, Episode, Program, Sampling, Task
from coderl_env.prompt import encode_prompt
from coderl_env.registry import AgentSpec
from coderl_env.rollout import program_text

if TYPE_CHECKING:
    from coderl_agents.codet5.supervised import Corpus
    from coderl_env.experiment.workbench import Workbench

__all__ = ["CodeT5Agent", "make"]

_DEFAULT_MODEL = "nano"
# Cached keys and values may take so much memory while decoding.
_CACHE_BYTES = 2 * 1024**3


def make(spec: AgentSpec, **settings: Any) -> CodeT5Agent:
    """Return the agent, with fresh weights, those of `settings["model"]`, or those of `spec.checkpoint`.

    Args:
        spec: what the environment asks for; a tokenizer is needed.
        settings: fields of `coderl_agents.codet5.settings.Settings`.

    Raises:
        ValueError: an unknown setting, no tokenizer, or a checkpoint of another architecture or vocabulary.
    """
    chosen = Settings.from_dict(settings)
    chosen = chosen.for_model(model_kind(chosen.model or _DEFAULT_MODEL))
    if spec.tokenizer is None:
        raise ValueError("agent codet5 needs the environment's tokenizer; its actions are tokens")
    if spec.checkpoint is None:
        model = build_model(chosen.model or _DEFAULT_MODEL, spec.tokenizer, spec.seed)
    else:
        model = load_model(spec.checkpoint, spec.tokenizer)
        if chosen.model is not None and chosen.model != str(spec.checkpoint):
            wanted = build_model(chosen.model, spec.tokenizer, spec.seed).config
            check_architecture(model.config, wanted, str(spec.checkpoint))
    return CodeT5Agent(spec, chosen, model)


class CodeT5Agent:
    """See the module's docstring. Implements `Agent`, `Generates` and `Trains`.

    Attributes:
        spec: what the environment asks for.
        settings: how to train.
        model: the actor.
        network: its forward pass in float32, for decoding.
        allowed: (model vocabulary,), true for tokens that may be played.
        corpus: the demonstrations of a training run, once a stage has asked for them.
    """

    def __init__(self, spec: AgentSpec, settings: Settings, model: Any) -> None:
        assert spec.tokenizer is not None
        self.spec = spec
        self.settings = settings
        self.tokenizer = spec.tokenizer
        self.model = model
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model.to(device)
        self.network = Network(self.model)
        self.allowed = allowed_tokens(
            len(self.tokenizer), self.model.config.vocab_size, self.tokenizer.special_ids, self.tokenizer.eos_id
        )
        self.corpus: Corpus | None = None
        self._generator = torch.Generator()
        self._sampling = Sampling()
        self._encoded: dict[bytes, Memory] = {}

    def begin(self, tasks: list[Task], sampling: Sampling) -> None:
        """Start stepping: seed the draws and forget the prompts of earlier episodes."""
        self._sampling = sampling
        self._generator = torch.Generator().manual_seed(sampling.seed)
        self._encoded.clear()

    @torch.inference_mode()
    def act(self, observations: Sequence[Any], infos: Sequence[Mapping[str, Any]]) -> list[Action]:
        """Return the next token of every episode.

        Each call reads the whole program so far, so episodes may come in any order; `generate` is much faster.
        """
        self.model.eval()
        actions: list[Action] = []
        for observation in observations:
            program = observation["program"][: int(observation["program_length"][0])]
            inputs = torch.tensor([[[self.network.start_id, *program.tolist()]]], device=self.network.device)
            states = self.network.decode(self._memory(observation), inputs)[:, 0, -1]
            uniform = None
            if self._sampling.temperature > 0:
                uniform = torch.rand(1, generator=self._generator)
            token, log_prob = choose(
                self.network.logits(states),
                self.allowed.to(self.network.device),
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
        requests = [self.request(task) for task in tasks]
        drawn = draw(
            self.network,
            requests,
            samples,
            allowed=self.allowed,
            end_id=self.tokenizer.eos_id,
            pad_id=self.tokenizer.pad_id,
            max_tokens=self.spec.max_program_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            max_rows=self._max_rows(),
        )
        return [
            [
                Program(
                    program_text(self.tokenizer, task.starter_code, request.prefix, program.token_ids),
                    program.token_ids,
                    program.log_probs,
                )
                for program in group
            ]
            for task, request, group in zip(tasks, requests, drawn, strict=True)
        ]

    def request(self, task: Task) -> Request:
        """Return the prompt and forced prefix of `task` as tokens."""
        prompt = encode_prompt(task, self.tokenizer, self.spec.max_prompt_tokens).token_ids
        return Request(prompt, tuple(self.tokenizer.encode(task.starter_code)) if task.starter_code else ())

    def learn(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Do nothing: this agent trains itself (`train`), from batches whose prompts and demonstrations it knows."""
        return {}

    def save(self, path: Path) -> None:
        """Write the actor to the folder `path`, whole or not at all."""
        card = {
            "agent": "codet5",
            "tokenizer": self.tokenizer.name,
            "max_prompt_tokens": self.spec.max_prompt_tokens,
            "max_program_tokens": self.spec.max_program_tokens,
        }
        save_model(self.model, Path(path), card)

    def train(self, workbench: Workbench) -> dict[str, Path]:
        """Run the stages of the settings and return a checkpoint for each row of the final table."""
        from coderl_agents.codet5.stages import run_stages

        return run_stages(self, workbench)

    def _memory(self, observation: Mapping[str, Any]) -> Memory:
        prompt = observation["prompt"][: int(observation["prompt_length"][0])]
        key = prompt.tobytes()
        if key not in self._encoded:
            self._encoded[key] = self.network.encode(
                *pad_prompts([prompt.tolist()], self.tokenizer.pad_id, self.network.device)
            )
        return self._encoded[key]

    def _max_rows(self) -> int:
        config = self.model.config
        numbers = 2 * config.num_decoder_layers * config.num_heads * config.d_kv * self.spec.max_program_tokens
        return max(1, min(self.settings.max_rows, _CACHE_BYTES // (4 * numbers)))
