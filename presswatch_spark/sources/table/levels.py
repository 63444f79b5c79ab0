"""Definition levels of a Parquet page: for each value a number that says whether it is there.

They are written as runs of one level, and as levels packed into bits. (Format: Apache Parquet, "RLE /
Bit-Packing Hybrid".)
"""

from __future__ import annotations

import numpy as np


class LevelsError(ValueError):
    """The bytes are no levels, or those of another number of values."""


def nulls_of(data: memoryview, highest: int, values: int) -> int:
    """How many of so many levels are below the `highest`, which stands for a value that is there."""
    width = highest.bit_length()
    at = seen = there = 0
    while seen < values:
        head, at = _varint(data, at)
        size = width * (head >> 1) if head & 1 else (width + 7) // 8
        run = data[at : at + size]
        at += size
        if head < 2 or len(run) < size:
            raise LevelsError("the levels of a page end too early")
        left = values - seen
        if head & 1:
            bits = np.unpackbits(np.frombuffer(run, np.uint8), bitorder="little")
            levels = bits.reshape(-1, width)[:left] @ (1 << np.arange(width))
            there += int(np.count_nonzero(levels == highest))
            seen += min(left, 8 * (head >> 1))
        else:
            if head >> 1 > left:
                raise LevelsError("a page has more levels than values")
            there += (head >> 1) * (int.from_bytes(run, "little") == highest)
            seen += head >> 1
    if at != len(data):
        raise LevelsError("a page has more levels than values")
    return values - there


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise LevelsError("the levels of a page end too early")
