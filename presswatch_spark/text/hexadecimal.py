"""Bytes as hexadecimal digits and back, by kernels: without the GIL, in a tenth of the time of `binascii`.

LLVM takes many bytes at once, as nothing branches and every value is one byte: numba makes 64 bits of sums.
"""

import numpy as np

from presswatch_spark.compiled import entry_njit, lean_njit
from presswatch_spark.model import Bytes

_ZERO, _A = np.uint8(ord("0")), np.uint8(ord("a"))
_LAST_LETTER = np.uint8(ord("f") - ord("a"))
_TEN, _NONE = np.uint8(10), np.uint8(16)
_FOUR, _LOW = np.uint8(4), np.uint8(15)
_TO_LETTER = np.uint8(_A - _ZERO - _TEN)
"""What a letter has more than a digit of its value would have."""


@entry_njit
def write_digits(raw: Bytes, digits: Bytes) -> None:
    """Write the two digits of each byte of `raw`, small letters, into `digits`, which is twice as long."""
    for i in range(len(raw)):
        digits[2 * i] = _digit(raw[i] >> _FOUR)
        digits[2 * i + 1] = _digit(raw[i] & _LOW)


@entry_njit
def read_digits(digits: Bytes, raw: Bytes) -> bool:
    """Write the bytes that `digits` stand for into `raw`; return whether all are digits or small letters."""
    seen = np.uint8(0)
    for i in range(len(raw)):
        high, low = _value(digits[2 * i]), _value(digits[2 * i + 1])
        raw[i] = np.uint8(high << _FOUR) | low
        seen = np.uint8(seen | high | low)
    return bool(seen < _NONE)


@lean_njit
def _digit(value: np.uint8) -> np.uint8:
    return value + _ZERO + _TO_LETTER * np.uint8(value >= _TEN)


@lean_njit
def _value(digit: np.uint8) -> np.uint8:
    """Return the value of a digit; of another byte, `_NONE`."""
    number, letter = np.uint8(digit - _ZERO), np.uint8(digit - _A)
    of_letter = np.uint8(letter + _TEN) if letter <= _LAST_LETTER else _NONE
    return number if number < _TEN else of_letter
