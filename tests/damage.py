"""Damaged twins of a file: what bad disks, transfers and tools do to bytes, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

INSERTED_BYTES = 100
LONGEST_DELETION = 400


def damages(data: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` damaged copies of `data`, each with words that say what was done and where.

    In turns: one flipped bit; one deletion of 1 byte or of up to `LONGEST_DELETION`; one insertion of
    `INSERTED_BYTES`, of noise or of bytes copied from elsewhere in `data`.
    """
    draw = random.Random(seed)
    for number in range(count):
        yield (_flipped, _shortened, _lengthened)[number % 3](data, draw)


def every_flip(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every copy of `data` with one flipped bit, in the order of the bits."""
    for bit in range(8 * len(data)):
        yield _flip(data, bit)


def _flipped(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    return _flip(data, draw.randrange(8 * len(data)))


def _flip(data: bytes, bit: int) -> tuple[str, bytes]:
    place, mask = bit // 8, 1 << bit % 8
    damaged = data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
    return f"bit {bit % 8} of byte {place} flipped", damaged


def _shortened(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    size = draw.choice((1, draw.randint(2, LONGEST_DELETION)))
    place = draw.randrange(len(data))
    return f"{size} bytes deleted at byte {place}", data[:place] + data[place + size :]


def _lengthened(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    place, source = draw.randrange(len(data) + 1), draw.randrange(len(data))
    copied = draw.random() < 0.5 and len(data) >= source + INSERTED_BYTES
    more = data[source : source + INSERTED_BYTES] if copied else draw.randbytes(INSERTED_BYTES)
    what = (
        f"bytes {source} to {source + INSERTED_BYTES} copied"
        if copied
        else f"{INSERTED_BYTES} bytes of noise"
    )
    return f"{what} in at byte {place}", data[:place] + more + data[place:]
