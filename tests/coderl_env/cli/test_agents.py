"""`coderl agents list`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def test_the_bundled_agents_are_listed(coderl: Callable[..., Any]) -> None:
    entries = {entry["name"]: entry for entry in json.loads(coderl("agents", "list", "--json").out)}
    assert entries["codet5"] == {
        "name": "codet5",
        "target": "coderl_agents.codet5:make",
        "distribution": "coderl-env",
    }
    assert "coderl_agents.codet5:make" in coderl("agents", "list").out
