"""What the judge raises: never for a program's faults, always for the caller's or its own.

ValueError            an unusable problem, limit or setting
JudgeError            the judge could not do its work, after retries
+-- IsolationError    this machine does not offer the isolation that was asked for
"""

from __future__ import annotations

__all__ = ["IsolationError", "JudgeError"]


class JudgeError(RuntimeError):
    """The judge failed; nothing is known of the program, so no reward may be made of it."""


class IsolationError(JudgeError):
    """This machine does not offer the isolation that was asked for."""
