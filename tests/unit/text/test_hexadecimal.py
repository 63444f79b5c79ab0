"""Digits that kernels write and read are those of Python."""

from __future__ import annotations

import numpy as np
import pytest

from presswatch_spark.text.hexadecimal import read_digits, write_digits
from presswatch_spark.text.kernels import plain


def read(digits: bytes) -> bytes | None:
    """Return the bytes that digits stand for; None if one is none."""
    raw = np.zeros(len(digits) // 2, np.uint8)
    return raw.tobytes() if read_digits(plain(np.frombuffer(digits, np.uint8)), raw) else None


def test_every_byte_has_the_digits_that_python_gives_and_comes_back() -> None:
    raw = bytes(range(256)) * 3
    digits = np.zeros(2 * len(raw), np.uint8)
    write_digits(plain(np.frombuffer(raw, np.uint8)), digits)
    assert digits.tobytes() == raw.hex().encode()
    assert read(digits.tobytes()) == raw


@pytest.mark.parametrize("place", [0, 1, 62, 63, 64, 129])
@pytest.mark.parametrize("beside", [b"0", b"0123456789abcdef"])
def test_every_byte_that_is_no_digit_or_small_letter_is_noticed_anywhere(place: int, beside: bytes) -> None:
    others = set(range(256)) - set(b"0123456789abcdef")
    for other in others:
        digits = bytearray(beside * (144 // len(beside)))
        digits[place] = other
        assert read(bytes(digits)) is None, other


def test_nothing_has_no_digits() -> None:
    assert read(b"") == b""
