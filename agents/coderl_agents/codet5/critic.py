"""The critic: predicts a program's outcome, and with it weighs the actor's tokens (Le et al. 2022, section 3.3.3).

A T5 of the same family reads the prompt with its encoder and the program with its decoder. The maximum of the decoder
states over the program, a linear layer and a softmax give the four outcomes' probabilities; the same linear layer on a
single state gives the value of that token.

Deviations from the paper, and what the official code does:

1. Padding never takes part in the maximum. The official code takes it over all 512 places; `pooling="logits"` is
   its order (head first, maximum of logits after), still without padding.
2. `reads="token"` (default): the state of a token has seen that token, as the paper's notation says. `reads="prefix"`:
   it has seen only what stands before, as in the official code, so that the value does not depend on the token itself.
3. The critic of a fresh `nano` actor starts from the warm-started actor's weights: there is no pretrained
   smaller model of that family, and its encoder can already read problems.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import T5ForConditionalGeneration

from coderl_agents.codet5.losses import pool_states
from coderl_agents.codet5.network import Memory, Network
from coderl_env.naming import unknown_name
from coderl_env.outcome import Outcome

__all__ = ["POOLINGS", "READS", "Critic"]

POOLINGS = ("states", "logits")
READS = ("token", "prefix")


class Critic(nn.Module):
    """Outcome classifier over prompts and programs.

    Args:
        backbone: the transformer; it is trained.
        pooling: `states` pools decoder states, `logits` the head's outputs.
        reads: `token` or `prefix`, see the module's docstring.
        compute_dtype: data type of matrix products.
    """

    def __init__(
        self,
        backbone: T5ForConditionalGeneration,
        *,
        pooling: str = "states",
        reads: str = "token",
        compute_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(unknown_name("critic pooling", pooling, POOLINGS))
        if reads not in READS:
            raise ValueError(unknown_name("critic reading", reads, READS))
        self.backbone = backbone
        self.head = nn.Linear(backbone.config.d_model, len(Outcome))
        with torch.no_grad():
            # Not knowing anything, it begins by finding all outcomes equally likely.
            self.head.weight.zero_()
            self.head.bias.zero_()
        self.pooling = pooling
        self.reads = reads
        self.network = Network(backbone, compute_dtype)

    def forward(self, memory: Memory, inputs: Tensor, labels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of the outcomes: of whole programs, and at every token.

        Args:
            memory: prompts encoded by `self.network`.
            inputs: (prompts, programs, tokens) decoder inputs, shifted right.
            labels: (prompts, programs, tokens) the program's tokens.
            mask: (prompts, programs, tokens), true for tokens.

        Returns:
            (prompts * programs, 4) and (prompts * programs, tokens, 4).
        """
        read = inputs if self.reads == "prefix" else labels.clamp(min=0)
        states = self.network.decode(memory, read).flatten(0, 1).float()
        token_logits = self.head(states)  # (programs, tokens, 4)
        flat = mask.flatten(0, 1)
        if self.pooling == "logits":
            return pool_states(token_logits, flat), token_logits
        return self.head(pool_states(states, flat)), token_logits
