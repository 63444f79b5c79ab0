"""HTML character references: their names, in tables for a kernel, and their decoding.

HTML Standard, 13.2.5.72 to 13.2.5.80; the names of 13.5 as the standard library has them.
"""

from functools import lru_cache
from html.entities import html5
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import lean_njit, uncounted_njit
from presswatch_spark.html.styles import fnv
from presswatch_spark.text.kernels import U64, Bytes

LONGEST_NAME = max(len(name.removesuffix(";")) for name in html5)
LONGEST_LEGACY = max(len(name) for name in html5 if not name.endswith(";"))

_SLOTS = 1 << 13
_OFFSET, _PRIME = 0xCBF29CE484222325, 0x100000001B3
_FNV_OFFSET, _FNV_PRIME = U64(_OFFSET), U64(_PRIME)

_0, _1, _2, _3, _6, _8, _12, _18 = (U64(n) for n in (0, 1, 2, 3, 6, 8, 12, 18))
_AMP, _HASH, _SEMICOLON = (np.uint8(ord(c)) for c in "&#;")
_LOWER = np.uint8(0x20)
_LEGACY, _LONGEST = U64(LONGEST_LEGACY), U64(LONGEST_NAME)


class EntityTable(NamedTuple):
    """Names and their characters, by the FNV-1a hash of the name, in open addressing.

    `keys` uint64 (8192,): 0 marks a free slot; a name that needs its semicolon is hashed with it. `values`
    uint64 (8192,): up to seven UTF-8 bytes, first lowest, and their number in the top byte. `windows` uint16
    (32,): the characters of the numbers 0x80 to 0x9F.
    """

    keys: npt.NDArray[U64]
    values: npt.NDArray[U64]
    windows: npt.NDArray[np.uint16]


@lru_cache(maxsize=1)
def load_entities() -> EntityTable:
    """Make the table."""
    keys, values = np.zeros(_SLOTS, U64), np.zeros(_SLOTS, U64)
    for name, text in html5.items():
        code, key = text.encode(), fnv(name.encode())
        slot = key % _SLOTS
        while keys[slot]:
            slot = (slot + 1) % _SLOTS
        keys[slot] = key
        values[slot] = len(code) << 56 | int.from_bytes(code, "little")
    windows = [ord(_windows(code)) for code in range(0x80, 0xA0)]
    return EntityTable(keys, values, np.array(windows, np.uint16))


def _windows(code: int) -> str:
    """Decode a byte of windows-1252; its five unused ones are the control characters of their number."""
    try:
        return bytes([code]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(code)


@lean_njit
def _is_name(byte: np.uint8) -> Any:
    return np.uint8(97) <= (byte | _LOWER) <= np.uint8(122) or np.uint8(48) <= byte <= np.uint8(57)


@uncounted_njit
def _put_code(out: Bytes, k: U64, code: U64) -> U64:
    if code < U64(0x80):
        out[k] = np.uint8(code)
        return k + _1
    if code < U64(0x800):
        out[k] = np.uint8(U64(0xC0) | code >> _6)
        out[k + _1] = np.uint8(U64(0x80) | code & U64(0x3F))
        return k + _2
    if code < U64(0x10000):
        out[k] = np.uint8(U64(0xE0) | code >> _12)
        out[k + _1] = np.uint8(U64(0x80) | code >> _6 & U64(0x3F))
        out[k + _2] = np.uint8(U64(0x80) | code & U64(0x3F))
        return k + _3
    out[k] = np.uint8(U64(0xF0) | code >> _18)
    out[k + _1] = np.uint8(U64(0x80) | code >> _12 & U64(0x3F))
    out[k + _2] = np.uint8(U64(0x80) | code >> _6 & U64(0x3F))
    out[k + _3] = np.uint8(U64(0x80) | code & U64(0x3F))
    return k + U64(4)


@uncounted_njit
def _number(
    entities: EntityTable, data: Bytes, i: U64, end: U64, out: Bytes, k: np.uint64
) -> tuple[U64, U64]:
    """Decode the numeric reference that begins at i, or copy the ampersand if there is none."""
    p, base = i + _2, U64(10)
    if p < end and (data[p] | _LOWER) == np.uint8(120):
        p, base = p + _1, U64(16)
    digits, code = p, _0
    while p < end:
        byte = data[p]
        if np.uint8(48) <= byte <= np.uint8(57):
            digit = U64(byte - np.uint8(48))
        elif base == U64(16) and np.uint8(97) <= (byte | _LOWER) <= np.uint8(102):
            digit = U64((byte | _LOWER) - np.uint8(87))
        else:
            break
        code = min(code * base + digit, U64(0x110000))
        p += _1
    if p == digits:
        out[k] = _AMP
        return i + _1, k + _1
    if p < end and data[p] == _SEMICOLON:
        p += _1
    if U64(0x80) <= code < U64(0xA0):
        code = U64(entities.windows[code - U64(0x80)])
    elif code == _0 or code >= U64(0x110000) or U64(0xD800) <= code < U64(0xE000):
        code = U64(0xFFFD)
    return p, _put_code(out, k, code)


@lean_njit
def _value_of(entities: EntityTable, key: U64) -> Any:
    slot = key & U64(len(entities.keys) - 1)
    while entities.keys[slot] != _0:
        if entities.keys[slot] == key:
            return entities.values[slot]
        slot = (slot + _1) & U64(len(entities.keys) - 1)
    return _0


@uncounted_njit
def reference(entities: EntityTable, data: Bytes, i: U64, end: U64, out: Bytes, k: np.uint64) -> Any:
    """Decode the reference that begins at i, or copy the ampersand. Returns the next place, and k."""
    if i + _1 < end and data[i + _1] == _HASH:
        return _number(entities, data, i, end, out, k)
    p, key, value, after = i + _1, _FNV_OFFSET, _0, i + _1
    while p < end and p - i <= _LONGEST and _is_name(data[p]):
        key = (key ^ U64(data[p])) * _FNV_PRIME
        p += _1
        if p - i - _1 <= _LEGACY:
            legacy = _value_of(entities, key)
            if legacy != _0:
                value, after = legacy, p
    if p < end and data[p] == _SEMICOLON:
        named = _value_of(entities, (key ^ U64(_SEMICOLON)) * _FNV_PRIME)
        if named != _0:
            value, after = named, p + _1
    if value == _0:
        out[k] = _AMP
        return i + _1, k + _1
    for _ in range(value >> U64(56)):
        out[k] = np.uint8(value)
        value >>= _8
        k += _1
    return after, k
