"""Small numbers of a Parquet page: levels, places in a dictionary, and lengths of texts.

Levels say whether a value is there; they and places are written as runs of one number, and as numbers packed
into bits. Lengths stand before all texts of a page, as differences from one to the next. pyarrow cuts the
texts there, and leaves what is over, so one damaged length moves all texts after it. (Format: Apache Parquet,
"RLE / Bit-Packing Hybrid", "Delta encoding", "Delta-length byte array", "Delta Strings".)
"""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.unsignedinteger[Any]]

Lengths = npt.NDArray[np.int64]
_MOST_BITS = 32
# Numbers in a block: DuckDB's are of 2,048, also where there is nothing to count, which takes five bytes.
_LARGEST_BLOCK = 1 << 16
# fastparquet writes them after the last text of a page.
_PADDING = bytes(8)


class LevelsError(ValueError):
    """The bytes hold no such numbers, or not so many."""


def numbers_of(data: memoryview, width: int, count: int) -> tuple[Numbers, int]:
    """Return `count` numbers of `width` bits, and how many bytes of `data` they take."""
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
    """Return the numbers of runs that follow each other, packed into `width` bits each, 1 to 32."""
    if not runs:
        return np.zeros(0, np.uint8)
    data = np.frombuffer(runs[0] if len(runs) == 1 else b"".join(runs), np.uint8)
    bits = np.unpackbits(data, bitorder="little").reshape(-1, width)
    kind = np.dtype(np.uint8 if width <= 8 else np.uint16 if width <= 16 else np.uint32)
    wide = np.zeros((len(bits), 8 * kind.itemsize), np.uint8)
    wide[:, :width] = bits
    return np.packbits(wide, bitorder="little").view(kind.newbyteorder("<"))


def nulls_of(data: memoryview, highest: int, values: int) -> int:
    """Return how many of so many levels are below the `highest`, which stands for a value that is there."""
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
    """Return the number at byte `at`, seven bits a byte, and where it ends."""
    value = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise LevelsError("the levels of a page end too early")


def check_lengths(data: memoryview, values: int, *, with_prefixes: bool) -> None:
    """Check that so many texts fill `data` to its last byte; `LevelsError` if they do not.

    With prefixes: before the lengths stand those of what each text shares with the text before it.
    """
    prefixes, at = _differences(data, 0) if with_prefixes else (np.zeros(values, np.int64), 0)
    lengths, at = _differences(data, at)
    is_counted = len(lengths) == len(prefixes) == values
    if not is_counted or (lengths < 0).any() or at + int(lengths.sum()) != len(data):
        raise LevelsError("the texts of a page have other lengths than its bytes")
    before = np.concatenate([np.zeros(1, np.int64), prefixes + lengths])[:values]
    if (prefixes < 0).any() or (prefixes > before).any():
        raise LevelsError("a text of a page begins with more than the text before it")


def check_plain(data: memoryview, values: int) -> None:
    """Check that so many texts, each after its length in four bytes, fill `data` to its last byte.

    A zeroed block reads as texts of length zero: what remains of the page is then never read.
    """
    length_at, at, end = struct.Struct("<I").unpack_from, 0, len(data) - 4
    for _ in range(values):
        if at > end:
            raise LevelsError("the texts of a page need more bytes than it has")
        at += 4 + length_at(data, at)[0]
    if at != len(data) and bytes(data[at:]) != _PADDING:
        raise LevelsError("the texts of a page have other lengths than its bytes")


def _differences(data: memoryview, at: int) -> tuple[Lengths, int]:
    """Return the numbers that begin at byte `at`, and where they end."""
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
