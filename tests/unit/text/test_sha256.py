"""Digests that the kernel makes of many texts are those of `hashlib`."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.text.kernels import plain
from presswatch_spark.text.sha256 import BLOCK, DIGEST, LANES, write_digests


def digests(texts: list[bytes], before: bytes = b"") -> list[bytes]:
    """Return the digests of texts that lie behind each other, and behind some bytes of others."""
    data = np.frombuffer(before + b"".join(texts), np.uint8)
    bounds = np.cumsum([len(before), *map(len, texts)]).astype(np.int32)
    found = np.zeros(len(texts) * DIGEST, np.uint8)
    write_digests(plain(data), plain(bounds), found)
    return [found[k * DIGEST : (k + 1) * DIGEST].tobytes() for k in range(len(texts))]


def test_texts_of_every_length_around_the_ends_of_blocks_have_their_digests() -> None:
    lengths = list(range(3 * BLOCK + 2))
    texts = [Random(length).randbytes(length) for length in lengths]
    expected = [sha256(text).digest() for text in texts]
    assert digests(texts) == expected
    # Long and short ones side by side.
    order = Random(0).sample(lengths, len(lengths))
    assert digests([texts[k] for k in order], before=b"\xff" * 7) == [expected[k] for k in order]


@pytest.mark.parametrize("count", [0, 1, LANES - 1, LANES, LANES + 1])
def test_lanes_that_are_left_over_write_nothing(count: int) -> None:
    texts = [b"article %d" % k for k in range(count)]
    assert digests(texts) == [sha256(text).digest() for text in texts]


@given(st.lists(st.binary(max_size=300), max_size=80))
def test_whatever_the_texts_are(texts: list[bytes]) -> None:
    assert digests(texts) == [sha256(text).digest() for text in texts]
