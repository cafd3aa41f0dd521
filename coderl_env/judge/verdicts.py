"""From the record of a run to a verdict: the process first, and only then what it produced."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from coderl_env.outcome import CaseResult, Verdict

__all__ = ["OUTPUT_CHARACTERS", "classify", "excerpt", "excerpt_value", "readable", "result"]

OUTPUT_CHARACTERS = 1000

_BY_REASON = {
    "cpu": Verdict.TIME_LIMIT,
    "wall": Verdict.TIME_LIMIT,
    "memory": Verdict.MEMORY_LIMIT,
    "output": Verdict.OUTPUT_LIMIT,
    "files": Verdict.OUTPUT_LIMIT,
    "threads": Verdict.FORBIDDEN,
    "answer": Verdict.FORBIDDEN,
}
_MESSAGES = {
    "cpu": "used too much processor time",
    "wall": "took too long",
    "memory": "used too much memory",
    "output": "wrote too much",
    "files": "left too many or too large files",
    "threads": "started too many threads",
    "answer": "wrote to the judge's channel",
}
_BY_SIGNAL: dict[int, Verdict] = {
    signal.SIGXCPU: Verdict.TIME_LIMIT,
    signal.SIGXFSZ: Verdict.OUTPUT_LIMIT,
    signal.SIGSYS: Verdict.FORBIDDEN,
}
# In the strict tier what lies outside is read-only, before anybody asks who may write, and the directory is small.
_BY_NUMBER = {
    f"[Errno {errno.EROFS}]": Verdict.FORBIDDEN,
    f"[Errno {errno.ENOSPC}]": Verdict.OUTPUT_LIMIT,
    f"[Errno {errno.EFBIG}]": Verdict.OUTPUT_LIMIT,
    f"[Errno {errno.ENOMEM}]": Verdict.MEMORY_LIMIT,
}
_BY_ERROR = {"MemoryError": Verdict.MEMORY_LIMIT, "PermissionError": Verdict.FORBIDDEN}


def classify(answer: dict[str, Any]) -> CaseResult | None:
    """Return the result that the record alone decides, or None where the program ended well and output decides.

    A non-zero exit status is EXCEPTION, whatever was printed.
    """
    cpu = float(answer.get("cpu", 0.0))
    if answer.get("not_run"):
        return CaseResult(Verdict.NOT_RUN)
    if answer.get("reason"):
        reason = answer["reason"]
        return CaseResult(_BY_REASON[reason], error_message=_MESSAGES[reason], cpu_seconds=cpu)
    error = answer.get("error")
    if "status" not in answer:
        return None if error is None else _from_error(error, cpu)
    code = os.waitstatus_to_exitcode(answer["status"])
    if code < 0:
        verdict = _BY_SIGNAL.get(-code, Verdict.EXCEPTION)
        return CaseResult(verdict, error_type=_signal_name(-code), error_message="killed by a signal", cpu_seconds=cpu)
    # A process that should have answered a call is not done by ending well.
    if code == 0 and not answer.get("ended"):
        return None
    if error is not None:
        return _from_error(error, cpu)
    return CaseResult(
        Verdict.EXCEPTION, error_type="SystemExit", error_message=f"ended with exit status {code}", cpu_seconds=cpu
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # most real-time signals have no name


def _from_error(error: dict[str, Any], cpu: float) -> CaseResult:
    kind = str(error["type"])
    verdict = _BY_ERROR.get(kind, Verdict.EXCEPTION)
    if kind == "OSError":
        verdict = _BY_NUMBER.get(str(error["message"]).partition("]")[0] + "]", verdict)
    return CaseResult(
        verdict,
        error_type=readable(kind),
        error_line=error["line"] if isinstance(error["line"], int) else None,
        error_message=readable(str(error["message"])),
        cpu_seconds=cpu,
    )


def result(accepted: bool, output: str, answer: dict[str, Any]) -> CaseResult:
    """Return the result of a comparison."""
    verdict = Verdict.ACCEPTED if accepted else Verdict.WRONG_ANSWER
    return CaseResult(verdict, output=output, cpu_seconds=float(answer.get("cpu", 0.0)))


def readable(text: str) -> str:
    """Return the beginning of a text, with escapes for lone surrogates, so that it can be stored and tokenized."""
    return text[:OUTPUT_CHARACTERS].encode("utf-8", "backslashreplace").decode()[:OUTPUT_CHARACTERS]


def excerpt(output: bytes) -> str:
    """Return the beginning of an output as text."""
    return output[: 4 * OUTPUT_CHARACTERS].decode("utf-8", "replace")[:OUTPUT_CHARACTERS]


def excerpt_value(data: Any) -> str:
    """Return the beginning of a tagged value as Python would write it.

    It is written from the tags, never rebuilt: a program could choose the keys of a dict so that building it takes
    minutes. Nor is more of it written, or more deeply, than is shown.
    """
    written = ""
    for part in _parts(data, _SHOWN_DEPTH):
        written += part
        if len(written) >= OUTPUT_CHARACTERS:
            break
    return readable(written)


_SHOWN_DEPTH = 20
# Python 3.12 writes it as it writes a dict.
_ORDERED_AS_DICT = sys.version_info >= (3, 12)
_BRACKETS = {"t": ("(", ")"), "s": ("{", "}"), "z": ("{", "}")}


def _parts(data: Any, depth: int) -> Iterator[str]:
    if type(data) is list:
        yield from _row("[", data, "]", depth)
    elif type(data) is not dict:
        yield repr(data[:OUTPUT_CHARACTERS] if type(data) is str else data)
    else:
        [(tag, content)] = data.items()
        if tag in _BRACKETS:
            opening, closing = _BRACKETS[tag]
            yield from _row(opening, content, closing, depth)
        elif tag == "d":
            yield from _pairs(content, depth)
        elif tag == "v":
            yield from _parts(content[2], depth)
        elif tag in _COLLECTIONS:
            yield from _COLLECTIONS[tag](content, depth)
        else:
            yield f"<{content[1]} object>" if tag == "h" else str(content)


def _row(opening: str, items: list[Any], closing: str, depth: int) -> Iterator[str]:
    yield opening
    if depth <= 0 and items:
        yield "..."
    else:
        for number, item in enumerate(items):
            yield ", " if number else ""
            yield from _parts(item, depth - 1)
    yield closing


def _pairs(pairs: list[Any], depth: int) -> Iterator[str]:
    yield "{"
    if depth <= 0 and pairs:
        yield "..."
    else:
        for number, (key, item) in enumerate(pairs):
            yield ", " if number else ""
            yield from _parts(key, depth - 1)
            yield ": "
            yield from _parts(item, depth - 1)
    yield "}"


def _counter_parts(pairs: list[Any], depth: int) -> Iterator[str]:
    if all(type(count) in (int, float) for _, count in pairs):
        pairs = sorted(pairs, key=lambda pair: -pair[1])
    yield "Counter("
    yield from _pairs(pairs, depth) if pairs else ()
    yield ")"


def _ordered_parts(pairs: list[Any], depth: int) -> Iterator[str]:
    yield "OrderedDict("
    if pairs and _ORDERED_AS_DICT:
        yield from _pairs(pairs, depth)
    elif pairs:
        yield from _row("[", [{"t": pair} for pair in pairs], "]", depth)
    yield ")"


def _defaults_parts(content: list[Any], depth: int) -> Iterator[str]:
    factory, pairs = content
    yield "defaultdict("
    yield from (f"<class {factory!r}>",) if type(factory) is str else _parts(factory, 0)
    yield ", "
    yield from _pairs(pairs, depth)
    yield ")"


def _view_parts(content: list[Any], depth: int) -> Iterator[str]:
    yield from _row(f"{content[0]}([", content[1], "])", depth)


def _deque_parts(content: list[Any], depth: int) -> Iterator[str]:
    items, most = content
    yield from _row("deque([", items, "]", depth)
    yield ")" if most is None else f", maxlen={most})"


def _range_parts(content: list[str], depth: int) -> Iterator[str]:
    start, stop, step = (int(number, 16) for number in content)
    yield repr(range(start, stop, step))


_COLLECTIONS: dict[str, Callable[[Any, int], Iterator[str]]] = {
    "C": _counter_parts,
    "O": _ordered_parts,
    "e": _defaults_parts,
    "q": _deque_parts,
    "r": _range_parts,
    "w": _view_parts,
}
