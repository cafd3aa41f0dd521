"""The hardware that figures were measured on, as far as it can be told without further packages; never its name."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["describe_hardware"]

_GIB = 1024**3


def describe_hardware() -> dict[str, Any]:
    """Return processor, number of usable processors, memory in GiB and accelerators, as JSON values."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _value_of(Path("/proc/cpuinfo"), "model name") or platform.processor() or "unknown",
        "processors": usable,
        "memory_gib": _memory_gib(),
        "accelerators": list(_accelerators()),
    }


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _accelerators() -> Iterator[str]:
    # The driver's own files: asking torch would load it.
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        yield _value_of(file, "Model") or "unknown"


def _value_of(file: Path, key: str) -> str | None:
    """Return the value of the first line `key : value` in a file, or None."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and name.strip() == key:
            return value.strip()
    return None
