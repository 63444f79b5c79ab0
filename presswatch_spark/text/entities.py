"""HTML character references (HTML Standard, 13.5, as the standard library has it), in tables for a kernel."""

from __future__ import annotations

from functools import lru_cache
from html.entities import html5
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LONGEST_NAME = max(len(name.removesuffix(";")) for name in html5)
LONGEST_LEGACY = max(len(name) for name in html5 if not name.endswith(";"))

_SLOTS = 1 << 13
_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3
_WORD = (1 << 64) - 1


class EntityTable(NamedTuple):
    """Names and what they stand for, by the FNV-1a hash of the name.

    Open addressing: `keys` uint64 (8192,), 0 where a slot is free, of names with their semicolon as far as
    they are only known with it; `values` uint64 (8192,): up to seven UTF-8 bytes, first lowest, and their
    number in the top byte. `windows` uint16 (32,): what the numbers 0x80 to 0x9F stand for.
    """

    keys: npt.NDArray[np.uint64]
    values: npt.NDArray[np.uint64]
    windows: npt.NDArray[np.uint16]


@lru_cache(maxsize=1)
def load_entities() -> EntityTable:
    """The table, read-only."""
    keys, values = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.uint64)
    for name, text in html5.items():
        code, key = text.encode(), fnv(name.encode())
        slot = key % _SLOTS
        while keys[slot]:
            slot = (slot + 1) % _SLOTS
        keys[slot] = key
        values[slot] = len(code) << 56 | int.from_bytes(code, "little")
    windows = [ord(_windows(code)) for code in range(0x80, 0xA0)]
    return EntityTable(keys, values, np.array(windows, np.uint16))


def fnv(name: bytes) -> int:
    """FNV-1a, 64 bits (Fowler, Noll, Vo)."""
    value = _FNV_OFFSET
    for byte in name:
        value = (value ^ byte) * _FNV_PRIME & _WORD
    return value


def _windows(code: int) -> str:
    """What a byte is in windows-1252; its five unused ones are the control characters of their number."""
    try:
        return bytes([code]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(code)
