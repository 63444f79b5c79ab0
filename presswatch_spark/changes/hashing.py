"""SHA-256 of many short texts at once, in less than half of the time that DuckDB takes.

A digest is a long chain of steps, but those of different texts do not wait for each other. So `LANES` texts
go through each step side by side (multi-buffer hashing: Gueron and Krasnov 2012, "Simultaneous hashing of
multiple messages"). The steps are those of FIPS 180-4.
"""

from math import isqrt

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.compiled import cached_njit, lean_njit
from presswatch_spark.model import Bytes, Offsets
from presswatch_spark.text.kernels import plain

LANES = 16
"""Texts that are hashed side by side: numbers of 32 bits in two registers of AVX2, or one of AVX-512."""

Words = npt.NDArray[np.uint32]
_BLOCK, _WORDS, _ROUNDS, _STATE = 64, 16, 64, 8
_DIGITS = 64
_ENDING = 9
"""Bytes of padding at least: one bit, and the length in bits as 64 of them."""


def _fraction_of_roots(power: int, count: int) -> list[int]:
    """Return 32 bits after the point of the square or cube roots of the first primes."""
    primes = [n for n in range(2, 312) if all(n % k for k in range(2, isqrt(n) + 1))]
    return [_root(prime << 32 * power, power) & 0xFFFFFFFF for prime in primes[:count]]


def _root(value: int, power: int) -> int:
    """Return the whole part of a root."""
    low, high = 0, 1 << 64
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**power <= value else (low, middle)
    return low


_FIRST_STATE = np.array(_fraction_of_roots(2, _STATE), np.uint32)
_CONSTANTS = np.array(_fraction_of_roots(3, _ROUNDS), np.uint32)
_HEXADECIMAL = np.frombuffer(b"0123456789abcdef", np.uint8)


def sha256_digits(texts: pa.Array) -> pa.Array:
    """Return the SHA-256 of each string, none of them null, as 64 hexadecimal digits."""
    whole = texts.cast(pa.large_string())
    _, bounds, data = whole.buffers()
    count = len(whole)
    if not count:
        return pa.array([], pa.string())
    offsets = np.frombuffer(bounds, np.int64)[whole.offset : whole.offset + count + 1]
    text = np.frombuffer(data, np.uint8) if data and len(data) else np.zeros(1, np.uint8)
    digits = np.empty(count * _DIGITS, np.uint8)
    # Texts of one length end together, and no lane goes on for another one.
    longest = int(np.diff(offsets).max(initial=0))
    padded = np.zeros((LANES, (longest + _ENDING + _BLOCK - 1) // _BLOCK * _BLOCK), np.uint8)
    blocks, state = np.zeros(LANES, np.int64), np.zeros(2 * _STATE * LANES, np.uint32)
    words = np.zeros(_ROUNDS * LANES, np.uint32)
    _hash_all(plain(text), plain(offsets), padded, padded.view(np.uint32), blocks, state, words, digits)
    places = np.arange(0, (count + 1) * _DIGITS, _DIGITS, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(places), pa.py_buffer(digits))


@cached_njit
def _hash_all(
    text: Bytes,
    offsets: Offsets,
    padded: Bytes,
    padded_words: Words,
    blocks: Offsets,
    state: Words,
    words: Words,
    digits: Bytes,
) -> None:
    """Write the digits of all texts, `LANES` at once.

    `padded`: a row for each lane, as long as the longest text with its padding. `padded_words`: the same
    bytes. `state` has two halves: eight numbers of each lane, and the eight before the block.
    """
    count = len(offsets) - 1
    for first in range(0, count, LANES):
        lanes = min(LANES, count - first)
        most = 0
        for lane in range(lanes):
            blocks[lane] = _pad(text, offsets[first + lane], offsets[first + lane + 1], padded[lane])
            most = max(most, blocks[lane])
        for k in range(_STATE):
            for lane in range(LANES):
                state[k * LANES + lane] = _FIRST_STATE[k]
        for block in range(most):
            _compress(padded_words, block * _WORDS, state, words)
            for lane in range(lanes):
                if block + 1 == blocks[lane]:
                    _write_digits(state, lane, digits, (first + lane) * _DIGITS)


@lean_njit
def _pad(text: Bytes, start: int, end: int, row: Bytes) -> int:
    """Copy a text into a row, with its padding; return how many blocks it has there."""
    length = end - start
    blocks = (length + _ENDING + _BLOCK - 1) // _BLOCK
    for k in range(length):
        row[k] = text[start + k]
    row[length] = 0x80
    for k in range(length + 1, blocks * _BLOCK - 8):
        row[k] = 0
    for k in range(8):
        row[blocks * _BLOCK - 1 - k] = ((8 * length) >> (8 * k)) & 0xFF
    return blocks


@lean_njit
def _write_digits(state: Words, lane: int, digits: Bytes, at: int) -> None:
    for k in range(_STATE):
        value = state[k * LANES + lane]
        for digit in range(8):
            digits[at + 8 * k + digit] = _HEXADECIMAL[(value >> np.uint32(28 - 4 * digit)) & np.uint32(15)]


@lean_njit
def _rotated(value: np.uint32, bits: int) -> np.uint32:
    return np.uint32(np.uint32(value >> np.uint32(bits)) | np.uint32(value << np.uint32(32 - bits)))


@lean_njit
def _compress(padded_words: Words, at: int, state: Words, words: Words) -> None:
    """Take one block of each lane, whose words begin at `at`, into the state."""
    for lane in range(LANES):
        for t in range(_WORDS):
            # The bytes of a word stand with the greatest first.
            v = padded_words[lane, at + t]
            words[t * LANES + lane] = np.uint32(
                np.uint32(v >> np.uint32(24))
                | np.uint32(np.uint32(v >> np.uint32(8)) & np.uint32(0xFF00))
                | np.uint32(np.uint32(v << np.uint32(8)) & np.uint32(0xFF0000))
                | np.uint32(v << np.uint32(24))
            )
    for t in range(_WORDS, _ROUNDS):
        for lane in range(LANES):
            i = t * LANES + lane
            early, late = words[i - 15 * LANES], words[i - 2 * LANES]
            sigma_0 = _rotated(early, 7) ^ _rotated(early, 18) ^ np.uint32(early >> np.uint32(3))
            sigma_1 = _rotated(late, 17) ^ _rotated(late, 19) ^ np.uint32(late >> np.uint32(10))
            words[i] = np.uint32(
                np.uint32(words[i - 16 * LANES] + sigma_0) + np.uint32(words[i - 7 * LANES] + sigma_1)
            )
    for k in range(_STATE * LANES):
        state[_STATE * LANES + k] = state[k]
    for t in range(0, _ROUNDS, 4):
        _four_rounds(t, state, words)
    for k in range(_STATE * LANES):
        state[k] = np.uint32(state[k] + state[_STATE * LANES + k])


@lean_njit
def _four_rounds(t: int, state: Words, words: Words) -> None:
    """Do rounds `t` to `t + 3` of all lanes; after four, the names have changed places halfway."""
    k0, k1, k2, k3 = _CONSTANTS[t], _CONSTANTS[t + 1], _CONSTANTS[t + 2], _CONSTANTS[t + 3]
    for lane in range(LANES):
        a, b, c, d = state[lane], state[LANES + lane], state[2 * LANES + lane], state[3 * LANES + lane]
        e, f = state[4 * LANES + lane], state[5 * LANES + lane]
        g, h = state[6 * LANES + lane], state[7 * LANES + lane]
        i = t * LANES + lane
        d, h = _round(a, b, c, d, e, f, g, h, np.uint32(k0 + words[i]))
        c, g = _round(h, a, b, c, d, e, f, g, np.uint32(k1 + words[i + LANES]))
        b, f = _round(g, h, a, b, c, d, e, f, np.uint32(k2 + words[i + 2 * LANES]))
        a, e = _round(f, g, h, a, b, c, d, e, np.uint32(k3 + words[i + 3 * LANES]))
        state[lane], state[LANES + lane], state[2 * LANES + lane], state[3 * LANES + lane] = e, f, g, h
        state[4 * LANES + lane], state[5 * LANES + lane] = a, b
        state[6 * LANES + lane], state[7 * LANES + lane] = c, d


@lean_njit
def _round(
    a: np.uint32,
    b: np.uint32,
    c: np.uint32,
    d: np.uint32,
    e: np.uint32,
    f: np.uint32,
    g: np.uint32,
    h: np.uint32,
    word: np.uint32,
) -> tuple[np.uint32, np.uint32]:
    """Return what takes the places of d and h."""
    sum_1 = _rotated(e, 6) ^ _rotated(e, 11) ^ _rotated(e, 25)
    choice = np.uint32(np.uint32(e & f) ^ np.uint32(np.uint32(~e) & g))
    first = np.uint32(np.uint32(h + sum_1) + np.uint32(choice + word))
    sum_0 = _rotated(a, 2) ^ _rotated(a, 13) ^ _rotated(a, 22)
    majority = np.uint32(np.uint32(a & b) ^ np.uint32(a & c) ^ np.uint32(b & c))
    return np.uint32(d + first), np.uint32(first + np.uint32(sum_0 + majority))
