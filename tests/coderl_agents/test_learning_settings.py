"""Settings that agents share: what they accept, and what they say of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from coderl_agents.codet5.settings import Settings as CodeT5Settings
from coderl_agents.learning_settings import LearningSettings
from coderl_agents.policy_gradient.settings import Settings as PolicySettings

AGENTS: list[Any] = [CodeT5Settings, PolicySettings]


@pytest.mark.parametrize("settings", AGENTS)
@pytest.mark.parametrize("stages", ["warm_start, rl", "warm_start,rl", ["warm_start", "rl"], ("warm_start", "rl")])
def test_stages_are_a_list_or_a_text_with_commas(settings: Any, stages: Any) -> None:
    assert settings(stages=stages).stages == ("warm_start", "rl")
    assert settings(stages="rl").stages == ("rl",)


@pytest.mark.parametrize("settings", AGENTS)
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"stages": "warm_strat"}, "unknown stage 'warm_strat'; did you mean 'warm_start'"),
        ({"optimizer": "adam"}, "unknown value of optimizer 'adam'; did you mean 'adamw'"),
        ({"precision": "bf16"}, "unknown value of precision 'bf16'"),
        ({"sampling_precision": "half"}, "unknown value of sampling_precision 'half'"),
        ({"reduction": "token"}, "unknown value of reduction 'token'; did you mean 'tokens'"),
        ({"batch_size": 0}, "batch_size must be positive, not 0"),
        ({"max_rows": -1}, "max_rows must be positive, not -1"),
        ({"rl_epochs": 0}, "rl_epochs must be positive, not 0"),
        ({"cooldown": 1.5}, "cooldown must lie between 0 and 1, not 1.5"),
        ({"rl_cooldown": -0.1}, "rl_cooldown must lie between 0 and 1, not -0.1"),
    ],
)
def test_what_cannot_be_is_one_sentence(settings: Any, values: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        settings(**values)


@pytest.mark.parametrize("settings", AGENTS)
def test_agents_have_all_shared_settings(settings: Any) -> None:
    shared = set(LearningSettings.__dataclass_fields__)
    assert shared < set(settings.__dataclass_fields__)
    assert set(settings().stages) > {"warm_start", "rl"}
