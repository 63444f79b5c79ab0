"""SHA-256 of many texts side by side: as Python's own, for all lengths, in all company."""

from __future__ import annotations

import hashlib
import random

import pyarrow as pa
import pytest

from presswatch_spark.changes.hashing import LANES, sha256_digits


def _expected(texts: list[str]) -> list[str]:
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def test_texts_of_all_lengths_around_the_ends_of_blocks_have_their_digests() -> None:
    texts = ["x" * length for length in range(3 * 64 + 20)]
    assert sha256_digits(pa.array(texts)).to_pylist() == _expected(texts)


def test_texts_of_unlike_lengths_do_not_disturb_each_other() -> None:
    draw = random.Random(29)
    texts = ["é\n" * draw.choice((0, 1, 20, 60, 700)) + "ab" * draw.randrange(90) for _ in range(500)]
    assert sha256_digits(pa.array(texts)).to_pylist() == _expected(texts)


@pytest.mark.parametrize("count", [0, 1, LANES - 1, LANES, LANES + 1])
def test_any_number_of_texts_is_hashed(count: int) -> None:
    texts = [f"text {k}" for k in range(count)]
    assert sha256_digits(pa.array(texts, pa.string())).to_pylist() == _expected(texts)


def test_a_part_of_an_array_is_hashed() -> None:
    texts = [f"text {k}" * k for k in range(60)]
    assert sha256_digits(pa.array(texts)[7:50]).to_pylist() == _expected(texts[7:50])
