"""The budget of a cell: how far its stages go, in steps, in sampled programs, or in seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coderl_env.experiment.training import TrainConfig
from coderl_env.naming import unknown_name

__all__ = ["STAGES", "UNITS", "Budget"]

UNITS = ("steps", "samples", "seconds")
STAGES = ("warm_start", "critic", "rl", "critic_sampling")
_DRAWING = STAGES[1:]  # the stages that sample programs


@dataclass(frozen=True, slots=True)
class Budget:
    """See the module's docstring.

    Attributes:
        unit: one of `UNITS`.
        amounts: stage to amount. With `steps` and `samples` no stage has a limit in seconds, so that a run is the same
            on a slow machine.
    """

    unit: str
    amounts: Mapping[str, float]

    @classmethod
    def from_dict(cls, values: Any) -> Budget:
        """Read `{unit: amount}` or `{unit: {stage: amount}}`; a bare amount is that of reinforcement learning.

        Raises:
            ValueError: not exactly one unit, an unknown stage, or an amount that is not positive.
        """
        if not isinstance(values, Mapping) or len(values) != 1:
            raise ValueError(f"a budget has exactly one of {', '.join(UNITS)}, not {values!r}")
        ((unit, given),) = values.items()
        if unit not in UNITS:
            raise ValueError(unknown_name("unit of a budget", unit, UNITS))
        stages = _DRAWING if unit == "samples" else STAGES
        amounts = dict(given) if isinstance(given, Mapping) else {"rl": given}
        for stage, amount in amounts.items():
            if stage not in stages:
                raise ValueError(unknown_name(f"stage of a budget in {unit}", stage, stages))
            whole = unit == "seconds" or isinstance(amount, int)
            if not isinstance(amount, (int, float)) or isinstance(amount, bool) or amount <= 0 or not whole:
                raise ValueError(f"the budget of {stage} in {unit} must be a positive number, not {amount!r}")
        return cls(unit, amounts)

    def fields(self, config: TrainConfig) -> dict[str, Any]:
        """Return the fields of `TrainConfig` that this budget sets in a cell otherwise configured as `config`."""
        if self.unit == "seconds":
            return {f"{stage}_seconds": float(amount) for stage, amount in self.amounts.items()}
        size = config.problems_per_step * config.samples_per_step if self.unit == "samples" else 1
        steps = {f"{stage}_steps": math.ceil(amount / size) for stage, amount in self.amounts.items()}
        return {f"{stage}_seconds": None for stage in STAGES} | steps
