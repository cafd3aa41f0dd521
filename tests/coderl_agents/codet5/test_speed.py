"""The measurement of speed: it runs, both sides count the same tokens, and the ratio is what it says."""

from __future__ import annotations

import json

import pytest

import coderl_agents.codet5.model as model_module
from coderl_agents.codet5 import speed
from coderl_agents.codet5.batches import Example

TINY = {"d_model": 16, "d_kv": 8, "num_heads": 2, "d_ff": 24, "num_layers": 1, "dropout_rate": 0.0}


@pytest.mark.slow
def test_both_sides_are_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(model_module.FRESH, "tiny", TINY)
    options = ["--model", "fresh:tiny", "--rounds", "1", "--problems", "2", "--samples", "2", "--examples", "8"]
    assert speed.main(options) == 0
    found = json.loads(capsys.readouterr().out)
    for part, other in (("generation", "generate"), ("training", "Trainer")):
        assert found[part]["ratio"] == pytest.approx(found[part]["ours"] / found[part][other])


def test_a_plain_batch_is_padded_and_its_padding_is_no_label() -> None:
    batch = speed._plain_batch([Example((5, 6), (), (7, 2)), Example((8,), (), (2,))], 0)
    assert batch["input_ids"].shape == batch["attention_mask"].shape
    assert batch["labels"][1, :2].tolist() == [2, -100]
    assert batch["attention_mask"].sum(1).tolist() == [2, 1]
