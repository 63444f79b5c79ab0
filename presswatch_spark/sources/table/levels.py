"""Small numbers of a Parquet page: levels, which say whether a value is there, and places in a dictionary.

They are written as runs of one number, and as numbers packed into bits. (Format: Apache Parquet, "RLE /
Bit-Packing Hybrid".)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


class LevelsError(ValueError):
    """The bytes hold no such numbers, or those of another number of values."""


def numbers_of(data: memoryview, width: int, count: int) -> tuple[Numbers, int]:
    """`count` numbers of `width` bits, and how many bytes of `data` they take."""
    if width > 32:
        raise LevelsError("the numbers of a page are too long")
    found, at, seen = [np.zeros(0, np.int64)], 0, 0
    weights = np.int64(1) << np.arange(width)
    while seen < count:
        head, at = _varint(data, at)
        size = width * (head >> 1) if head & 1 else (width + 7) // 8
        run = data[at : at + size]
        at += size
        if head < 2 or len(run) < size:
            raise LevelsError("the levels of a page end too early")
        wanted = min(count - seen, (8 if head & 1 else 1) * (head >> 1))
        if head & 1 and width:
            bits = np.unpackbits(np.frombuffer(run, np.uint8), bitorder="little")
            found.append(bits.reshape(-1, width)[:wanted] @ weights)
        else:
            if not head & 1 and head >> 1 > wanted:
                raise LevelsError("a page has more levels than values")
            found.append(np.full(wanted, int.from_bytes(run, "little"), np.int64))
        seen += wanted
    return np.concatenate(found), at


def nulls_of(data: memoryview, highest: int, values: int) -> int:
    """How many of so many levels are below the `highest`, which stands for a value that is there."""
    levels, end = numbers_of(data, highest.bit_length(), values)
    if end != len(data) or (levels > highest).any():
        raise LevelsError("a page has other levels than values")
    return int(np.count_nonzero(levels < highest))


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise LevelsError("the levels of a page end too early")
