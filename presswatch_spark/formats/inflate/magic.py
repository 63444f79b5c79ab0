"""Finds the magic of gzip members in stored bytes, at memory speed."""

import numpy as np

from presswatch_spark.compiled import entry_njit
from presswatch_spark.model import Bytes, Offsets
from presswatch_spark.text.kernels import U64
from presswatch_spark.text.vectors import equal_bits_64, trailing_zeros

_0, _1, _2, _64, _66 = (U64(n) for n in (0, 1, 2, 64, 66))
_FIRST, _SECOND, _THIRD = (np.uint8(byte) for byte in (0x1F, 0x8B, 0x08))


@entry_njit
def find_magics(data: Bytes, found: Offsets) -> int:
    """Write into `found` where the magic of a gzip member stands in `data`; return how often, room or not."""
    at, end, n = _0, U64(len(data)), 0
    first, second, third = _FIRST, _SECOND, _THIRD
    while at + _66 <= end:
        here = equal_bits_64(data, at, first)
        if here:
            here &= equal_bits_64(data, at + _1, second) & equal_bits_64(data, at + _2, third)
            while here:
                if n < len(found):
                    found[n] = np.int64(at + trailing_zeros(here))
                n += 1
                here &= here - _1
        at += _64
    while at + _2 < end:
        if data[at] == first and data[at + _1] == second and data[at + _2] == third:
            if n < len(found):
                found[n] = np.int64(at)
            n += 1
        at += _1
    return n
