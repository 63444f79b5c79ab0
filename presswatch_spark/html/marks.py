"""The places where a page may change from text to markup and back, found for many bytes at once.

A parser that looks for its next byte from where it stands waits for every look. Here all bytes that can end
text, a tag or a value are listed first, 64 bytes at a time (as simdjson does: Langdale and Lemire, 2019). The
parser then walks along the list.
"""

from typing import Any

import numpy as np

from presswatch_spark.compiled import lean_njit, uncounted_njit
from presswatch_spark.text.kernels import U64, Bytes, Hashes
from presswatch_spark.text.vectors import (
    break_bits_64,
    count_ones,
    equal_bits_64,
    gap_bits_64,
    markup_bits_64,
    trailing_zeros,
)

CHUNK_BYTES = 1 << 12
PLACES = CHUNK_BYTES + 72
"""The numbers that `next_marks` needs room for."""

_0, _1, _2, _8, _63, _64, _65 = (U64(n) for n in (0, 1, 2, 8, 63, 64, 65))
_CHUNK = U64(CHUNK_BYTES)
_NUL, _QUOTE, _AMP, _APOSTROPHE, _LT, _EQUALS, _GT = (np.uint8(ord(c)) for c in "\0\"&'<=>")


@uncounted_njit
def next_marks(data: Bytes, i: np.uint64, end: np.uint64, places: Hashes) -> tuple[np.uint64, np.uint64]:
    """List the places of `<`, `>`, quotes, `&` and NUL from i on: some of them, and `end` after the last.

    Returns how many are listed, and the place up to which all are.
    """
    n = _0
    while n == _0:
        stop = min(i + _CHUNK, end)
        while i < stop and i + _64 <= end:
            marks = markup_bits_64(data, i)
            k = n
            n += count_ones(marks)
            while marks != _0:
                for j in range(_8):
                    places[k + j] = i + trailing_zeros(marks)
                    marks &= marks - _1
                k += _8
            i += _64
        if i + _64 > end:
            while i < end:
                byte = data[i]
                if byte in (_NUL, _QUOTE, _AMP, _APOSTROPHE, _LT, _GT):
                    places[n] = i
                    n += _1
                i += _1
            places[n] = end
            n += _1
    return n, i


@lean_njit
def opens_value(data: Bytes, i: np.uint64, quote: np.uint64) -> Any:
    """Whether the quote surely opens the value of an attribute; if not, the tokenizer decides.

    i lies between two attributes, with neither quote nor `>` up to the quote. The quote opens a value if a
    name of up to 62 bytes and a `=` stand right before it, behind a blank or at i.
    """
    if quote < _65 or quote < i + _2 or data[quote - _1] != _EQUALS:
        return False
    base = quote - _65
    breaks, gaps = break_bits_64(data, base), gap_bits_64(data, base)
    signs = equal_bits_64(data, base, _EQUALS)
    if i > base:
        within = ~_0 << (i - base)
        breaks &= within
        gaps &= within
        signs &= within
        if breaks == _0:
            return True
    # Where blanks behind a `=` end: a carry goes through them. A value follows there, and no name.
    values = ((signs << _1 & gaps) + gaps) & ~gaps
    return gaps > (breaks & ~gaps) and breaks >> _63 == _0 and values <= breaks
