"""The critic: predicts a program's outcome, and with it weighs the actor's tokens (Le et al. 2022, section 3.3.3).

A T5 of the same family reads the prompt with its encoder and the program with its decoder. The maximum of the decoder
states over the program, a linear layer and a softmax give the outcomes' probabilities; the same linear layer on a
single state gives the value of that token.

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

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn
from transformers import T5ForConditionalGeneration

from coderl_agents.codet5.losses import pool_states
from coderl_agents.codet5.network import Memory, Network
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
        backbone: the transformer; it is trained.
        form: what kind of critic.
        window: tokens of the longest program; with `padding="read"` every program is as long.
        compute_dtype: data type of matrix products.

    Attributes:
        classes: number of labels.
    """

    def __init__(
        self,
        backbone: T5ForConditionalGeneration,
        form: CriticForm | None = None,
        *,
        window: int = 0,
        compute_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.form = form or CriticForm()
        self.backbone = backbone
        self.classes = len(Outcome) if self.form.labels == "outcomes" else 2
        self.head = _head(backbone.config.d_model, self.classes, self.form.head)
        self.window = window
        self.network = Network(backbone, compute_dtype)

    def labels(self, outcomes: Tensor) -> Tensor:
        """Return the labels (programs,) of outcomes (programs,), `Outcome.index` of each."""
        if self.form.labels == "outcomes":
            return outcomes
        return (outcomes == Outcome.PASSED.index).long()

    def forward(self, memory: Memory, inputs: Tensor, labels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of the outcomes: of whole programs, and at every token. The last class is PASSED.

        Args:
            memory: prompts encoded by `self.network`.
            inputs: (prompts, programs, tokens) decoder inputs, shifted right.
            labels: (prompts, programs, tokens) the program's tokens.
            mask: (prompts, programs, tokens), true for tokens; every program has at least one.

        Returns:
            (prompts * programs, classes) and (prompts * programs, tokens, classes).
        """
        pad_id = self.backbone.config.pad_token_id or 0
        read = inputs if self.form.reads == "prefix" else labels.masked_fill(labels < 0, pad_id)
        tokens = read.shape[-1]
        pooled = mask.flatten(0, 1)
        if self.form.padding == "read":
            # All programs are as long as the window, so that what a program is worth does not rest on its batch.
            missing = max(0, self.window - tokens)
            read, pooled = F.pad(read, (0, missing), value=pad_id), torch.ones_like(F.pad(pooled, (0, missing)))
        states = self.network.decode(memory, read).flatten(0, 1).float()
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
