"""numpy's arrays and numbers as bytes or plain Python; numpy itself is not imported for it.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["Array", "array_of", "from_numpy", "is_numpy"]


class Array:
    """An array of numpy's, or one of its numbers.

    Attributes:
        dtype: of its elements, as numpy writes it.
        shape: its shape, or None for a number.
        data: the elements' bytes.
    """

    __slots__ = ("data", "dtype", "shape")

    def __init__(self, dtype: str, shape: tuple[int, ...] | None, data: bytes) -> None:
        self.dtype = dtype
        self.shape = shape
        self.data = data


def is_numpy(kind: type) -> bool:
    """Whether this is a class of numpy's scalars or arrays; numpy is not imported for it."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, (numpy.ndarray, numpy.generic))


# Kinds of numpy's elements that are nothing but their bytes.
_PLAIN_ELEMENTS = frozenset("biufcSUmM")


def array_of(value: Any) -> Any:
    """Return numpy's array or number as its bytes; plain data where they say too little."""
    numpy = sys.modules["numpy"]
    plain = type(value) is numpy.ndarray or isinstance(value, numpy.generic)
    if not plain or value.dtype.kind not in _PLAIN_ELEMENTS:
        return from_numpy(value)
    return Array(value.dtype.str, tuple(value.shape) if type(value) is numpy.ndarray else None, value.tobytes())


def from_numpy(value: Any) -> Any:
    """Return numpy's scalar or array as plain Python, anything else, and what has no such form, as it is."""
    kind = type(value)
    if not is_numpy(kind):
        return value
    numpy = sys.modules["numpy"]
    if issubclass(kind, numpy.ndarray):
        return numpy.ndarray.tolist(value)
    plain = numpy.generic.item(value)
    # Python has no numbers of extended precision, so numpy returns its own.
    if isinstance(plain, numpy.longdouble):
        return float(plain)
    if isinstance(plain, numpy.clongdouble):
        return complex(plain)
    return value if is_numpy(type(plain)) else plain
