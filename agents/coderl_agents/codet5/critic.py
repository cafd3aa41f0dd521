"""The critic: predicts a program's outcome, and with it weighs the actor's tokens (Le et al. 2022, section 3.3.3).

A model of the actor's family reads prompt and program: an encoder-decoder the prompt with its encoder and the program
with its decoder, a decoder-only model both as one sequence. The maximum of the states over the program's tokens, a
linear layer and a softmax give the outcomes' probabilities; the same linear layer on a single state gives the value of
that token.

The defaults are the paper's; what the official code does instead is a choice for each of five points (`CODE`):

1. `pooling`: `states` pools decoder states and applies the head to the result; `logits` applies the head everywhere and
   pools its outputs.
2. `padding`: `masked` pools over the program's own tokens. `read` pools over the whole window, padding included: there
   the official critic takes most of its decisions. The prompt's padding is masked in either case.
3. `reads`: with `token` the state of a token has seen that token, as the paper's notation says; with `prefix` only what
   stands before it, so that the value does not depend on the token itself.
4. `head`: one `linear` layer, or `mlp`, two with 128 hidden features between them.
5. `labels`: `outcomes`, the four; or `binary`, passed or not, the paper's second critic for sampling (section 3.3.4).

Not here: how it is trained (`train_critic`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from coderl_agents.codet5.losses import pool_states
from coderl_agents.codet5.sampler import Decodes
from coderl_env.naming import unknown_name
from coderl_env.outcome import Outcome

__all__ = ["CODE", "HEADS", "LABELS", "PADDINGS", "POOLINGS", "READS", "Critic", "CriticForm"]

POOLINGS = ("states", "logits")
PADDINGS = ("masked", "read")
READS = ("token", "prefix")
HEADS = ("linear", "mlp")
LABELS = ("outcomes", "binary")

_HIDDEN = 128  # of the official code's head
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "pooling": POOLINGS,
    "padding": PADDINGS,
    "reads": READS,
    "head": HEADS,
    "labels": LABELS,
}


@dataclass(frozen=True, slots=True)
class CriticForm:
    """What kind of critic: see the module's docstring for the choices.

    Raises:
        ValueError: an unknown choice.
    """

    pooling: str = "states"
    padding: str = "masked"
    reads: str = "token"
    head: str = "linear"
    labels: str = "outcomes"

    def __post_init__(self) -> None:
        for name, valid in _CHOICES.items():
            if getattr(self, name) not in valid:
                raise ValueError(unknown_name(f"critic {name}", getattr(self, name), valid))


# The critic as the official code has it (salesforce/CodeRL, modeling_t5.py).
CODE = CriticForm(pooling="logits", padding="read", reads="prefix", head="mlp")


class Critic(nn.Module):
    """Outcome classifier over prompts and programs.

    Args:
        network: the forward pass of the transformer, which is trained.
        form: what kind of critic.
        window: tokens of the longest program; with `padding="read"` every program is as long.
        pad_id: token that pads.

    Attributes:
        classes: number of labels.
    """

    def __init__(
        self,
        network: Decodes,
        form: CriticForm | None = None,
        *,
        window: int = 0,
        pad_id: int = 0,
    ) -> None:
        super().__init__()
        self.form = form or CriticForm()
        self.network = network
        self.backbone: Any = network.model
        self.classes = len(Outcome) if self.form.labels == "outcomes" else 2
        width = self.backbone.get_output_embeddings().weight.shape[1]
        self.head = _head(width, self.classes, self.form.head)
        self.window = window
        self.pad_id = pad_id

    def labels(self, outcomes: Tensor) -> Tensor:
        """Return the labels (programs,) of outcomes (programs,), `Outcome.index` of each."""
        if self.form.labels == "outcomes":
            return outcomes
        return (outcomes == Outcome.PASSED.index).long()

    def forward(self, memory: Any, inputs: Tensor, labels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of the outcomes: of whole programs, and at every token. The last class is PASSED.

        Args:
            memory: prompts encoded by `self.network`.
            inputs: (prompts, programs, tokens) start token, then the program's tokens, each one place late.
            labels: (prompts, programs, tokens) the program's tokens; negative for those it was forced to begin with.
            mask: (prompts, programs, tokens), true for tokens; every program has at least one.

        Returns:
            (prompts * programs, classes) and (prompts * programs, tokens, classes).
        """
        pad_id, sees_token = self.pad_id, self.form.reads == "token"
        # What a program was forced to begin with has no label, and is read all the same.
        read = torch.where(labels < 0, F.pad(inputs[..., 1:], (0, 1), value=pad_id), labels) if sees_token else inputs
        tokens = read.shape[-1]
        pooled = mask.flatten(0, 1)
        if self.form.padding == "read":
            # All programs are as long as the window, so that what a program is worth does not rest on its batch.
            missing = max(0, self.window - tokens)
            read, pooled = F.pad(read, (0, missing), value=pad_id), torch.ones_like(F.pad(pooled, (0, missing)))
        decode = self.network.states_after if sees_token else self.network.decode
        states = decode(memory, read).flatten(0, 1).float()
        token_logits = self.head(states)  # (programs, tokens, classes)
        if self.form.pooling == "logits":
            return pool_states(token_logits, pooled), token_logits[:, :tokens]
        return self.head(pool_states(states, pooled)), token_logits[:, :tokens]


def _head(features: int, classes: int, kind: str) -> nn.Module:
    last = nn.Linear(features if kind == "linear" else _HIDDEN, classes)
    with torch.no_grad():
        # Not knowing anything, it begins by finding all outcomes equally likely.
        last.weight.zero_()
        last.bias.zero_()
    return last if kind == "linear" else nn.Sequential(nn.Linear(features, _HIDDEN), nn.ReLU(), last)
