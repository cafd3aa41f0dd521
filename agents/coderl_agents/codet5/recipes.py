"""Named configurations: the paper's recipe, the official code's, and the ablations of the paper's tables 2 and 3.

`recipe` is a setting like any other (`coderl train --set recipe=no_critic`); settings given beside it win. Names are
those of the rows of the paper (Le et al. 2022, section 4.4; the tables' numbers are those of arXiv 2207.01780 v3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["RECIPES"]

# Online, every sample used once, the policy gradient itself: what the paper's equations say, without its stored files.
_EQUATIONS: Mapping[str, Any] = {
    "baseline": "greedy",
    "weighting": "critic",
    "critic_token_weight": 0.0,
    "critic_refresh": False,
    "rl_epochs": 1,
    "rl_minibatches": 1,
    "clip_low": -1.0,
    "reduction": "programs",
    "ce_weight": 1.0,
    "rl_temperature": 0.6,
    "rl_top_p": 0.95,
}

# With cross-entropy on demonstrations beside it, as in the paper.
_BOTH_LOSSES: Mapping[str, Any] = {"ce_weight": 0.1}

RECIPES: Mapping[str, Mapping[str, Any]] = {
    # Section 3.3: samples of the warm-started actor only, a critic that stays as it was trained, both losses alike.
    "paper": {**_EQUATIONS, "rl_source": "warm_start"},
    "paper_online": _EQUATIONS,
    # What the official code does instead: a mean over tokens, and its own critic (`critic.CODE`).
    "code": {
        **_EQUATIONS,
        "rl_source": "warm_start",
        "reduction": "tokens",
        "critic_pooling": "logits",
        "critic_padding": "read",
        "critic_reads": "prefix",
        "critic_head": "mlp",
    },
    # Table 2, A to D: which return, which weight of a token.
    "no_critic": {**_BOTH_LOSSES, "baseline": "greedy", "weighting": "uniform"},
    "no_baseline": {**_BOTH_LOSSES, "baseline": "none", "weighting": "critic"},
    "linear_decay": {**_BOTH_LOSSES, "baseline": "greedy", "weighting": "decay"},
    "learned": {**_BOTH_LOSSES, "baseline": "greedy", "weighting": "critic"},
    # Table 3: which losses.
    "warm_start_only": {"stages": ("warm_start",)},
    "ce_only": {"stages": ("warm_start", "ce_continued")},
    "ce_with_positives": {**_BOTH_LOSSES, "baseline": "positives", "weighting": "uniform", "clip_low": -1.0},
    "rl_only": {"baseline": "greedy", "weighting": "critic", "ce_weight": 0.0},
    "ce_and_rl": {**_BOTH_LOSSES, "baseline": "greedy", "weighting": "critic"},
    # Without a critic: each program against the others of its problem.
    "group": {"baseline": "group", "weighting": "uniform", "ce_weight": 0.0},
    "group_critic": {"baseline": "group", "weighting": "critic", "ce_weight": 0.0},
    "group_and_ce": {**_BOTH_LOSSES, "baseline": "group", "weighting": "uniform"},
}
