"""Lengths of texts that stand before all texts of a Parquet page, as differences from one to the next.

pyarrow cuts the texts at these lengths, and leaves what is over. So one damaged length moves all texts
after it. (Format: Apache Parquet, "Delta encoding", "Delta-length byte array", "Delta Strings".)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from presswatch_spark.formats.table.levels import LevelsError, unpacked, varint

Lengths = npt.NDArray[np.int64]
_MOST_BITS = 32
# Numbers in a block: DuckDB's are of 2,048, also where there is nothing to count, which takes five bytes.
_LARGEST_BLOCK = 1 << 16


def check_lengths(data: memoryview, values: int, *, with_prefixes: bool) -> None:
    """Check that so many texts fill `data` to its last byte; `LevelsError` if they do not.

    With prefixes: before the lengths it is said how much of the text before each text begins with.
    """
    prefixes, at = _differences(data, 0) if with_prefixes else (np.zeros(values, np.int64), 0)
    lengths, at = _differences(data, at)
    is_counted = len(lengths) == len(prefixes) == values
    if not is_counted or (lengths < 0).any() or at + int(lengths.sum()) != len(data):
        raise LevelsError("the texts of a page have other lengths than its bytes")
    before = np.concatenate([np.zeros(1, np.int64), prefixes + lengths])[:values]
    if (prefixes < 0).any() or (prefixes > before).any():
        raise LevelsError("a text of a page begins with more than the text before it")


def _differences(data: memoryview, at: int) -> tuple[Lengths, int]:
    """Numbers that begin at byte `at`, and where they end."""
    block, at = varint(data, at)
    parts, at = varint(data, at)
    count, at = varint(data, at)
    first, at = _zigzag(data, at)
    if not parts or block % (8 * parts) or not 0 < block <= _LARGEST_BLOCK or count > len(data) * 256:
        raise LevelsError("the lengths of a page are not laid out as lengths are")
    found, left, size = [np.array([first], np.int64)], count - 1, block // parts
    while left > 0:
        least, at = _zigzag(data, at)
        widths, at = bytes(data[at : at + parts]), at + parts
        for width in widths:
            # Parts that no number needs are not there.
            if left <= 0:
                break
            run = data[at : at + size * width // 8]
            if width > _MOST_BITS or len(run) < size * width // 8:
                raise LevelsError("the lengths of a page end too early")
            at += len(run)
            numbers = unpacked([run], width).astype(np.int64) if width else np.zeros(size, np.int64)
            found.append(numbers[:left] + least)
            left -= size
        if len(widths) < parts:
            raise LevelsError("the lengths of a page end too early")
    return np.cumsum(np.concatenate(found))[:count], at


def _zigzag(data: memoryview, at: int) -> tuple[int, int]:
    value, at = varint(data, at)
    return value >> 1 ^ -(value & 1), at
