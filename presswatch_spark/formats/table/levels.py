"""Small numbers of a Parquet page: levels, which say whether a value is there, and places in a dictionary.

They are written as runs of one number, and as numbers packed into bits. (Format: Apache Parquet, "RLE /
Bit-Packing Hybrid".)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.unsignedinteger[Any]]


class LevelsError(ValueError):
    """The bytes hold no such numbers, or those of another number of values."""


def numbers_of(data: memoryview, width: int, count: int) -> tuple[Numbers, int]:
    """`count` numbers of `width` bits, and how many bytes of `data` they take."""
    if width > 32:
        raise LevelsError("the numbers of a page are too long")
    found, packed, at, seen = list[Numbers](), list[memoryview](), 0, 0
    while seen < count:
        head, at = varint(data, at)
        is_packed = bool(head & 1 and width)
        size = width * (head >> 1) if is_packed else 0 if head & 1 else (width + 7) // 8
        run = data[at : at + size]
        at += size
        if head < 2 or len(run) < size:
            raise LevelsError("the levels of a page end too early")
        repeated = (8 if head & 1 else 1) * (head >> 1)
        if is_packed:
            # Eight numbers fill whole bytes: packed runs that follow each other are unpacked at once.
            packed.append(run)
        else:
            if not head & 1 and repeated > count - seen:
                raise LevelsError("a page has more levels than values")
            found.append(unpacked(packed, width))
            found.append(np.full(min(repeated, count - seen), int.from_bytes(run, "little"), np.uint32))
            packed = []
        seen += repeated
    return np.concatenate([*found, unpacked(packed, width)])[:count], at


def unpacked(runs: list[memoryview], width: int) -> Numbers:
    """The numbers of runs that follow each other, packed into `width` bits each, 1 to 32."""
    if not runs:
        return np.zeros(0, np.uint8)
    data = np.frombuffer(runs[0] if len(runs) == 1 else b"".join(runs), np.uint8)
    bits = np.unpackbits(data, bitorder="little").reshape(-1, width)
    kind = np.dtype(np.uint8 if width <= 8 else np.uint16 if width <= 16 else np.uint32)
    wide = np.zeros((len(bits), 8 * kind.itemsize), np.uint8)
    wide[:, :width] = bits
    return np.packbits(wide, bitorder="little").view(kind.newbyteorder("<"))


def nulls_of(data: memoryview, highest: int, values: int) -> int:
    """How many of so many levels are below the `highest`, which stands for a value that is there."""
    if values and len(data) < 8:
        head, at = varint(data, 0)
        # Most pages have no null: one run of the highest level.
        if head == values << 1 and data[at:] == bytes([highest]):
            return 0
    levels, end = numbers_of(data, highest.bit_length(), values)
    if end != len(data) or (levels > highest).any():
        raise LevelsError("a page has other levels than values")
    return int(np.count_nonzero(levels < highest))


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at byte `at`, seven bits a byte, and where it ends."""
    value = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise LevelsError("the levels of a page end too early")
