"""Shingles: which positions are indexed, and that a hash stands for eight words in order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.reading.text.words import (
    SHINGLE_WORDS,
    STRIDE,
    indexed_positions,
    shingle_hashes,
    words_of,
)
from tests.world.proofs import each_time

GUARANTEED_WORDS = SHINGLE_WORDS + STRIDE - 1


def hashes_of(text: str) -> list[int]:
    return shingle_hashes(words_of(text.encode()).hashes).tolist()


@pytest.mark.parametrize(
    ("n_words", "positions"),
    [(0, []), (7, []), (8, [0]), (9, [0, 1]), (12, [0, 4]), (13, [0, 4, 5]), (21, [0, 4, 8, 12, 13])],
)
def test_every_fourth_shingle_and_the_last_are_indexed(n_words: int, positions: list[int]) -> None:
    assert indexed_positions(n_words).tolist() == positions


@given(st.integers(GUARANTEED_WORDS, 200), st.data())
def test_every_run_of_eleven_words_holds_an_indexed_shingle(n_words: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, n_words - GUARANTEED_WORDS))
    positions = indexed_positions(n_words)
    assert np.any((start <= positions) & (positions + SHINGLE_WORDS <= start + GUARANTEED_WORDS))


@given(st.lists(st.sampled_from("abc"), max_size=60))
def test_shingles_share_a_hash_exactly_when_they_share_their_words(parts: list[str]) -> None:
    windows = [tuple(parts[i : i + SHINGLE_WORDS]) for i in range(len(parts) - SHINGLE_WORDS + 1)]
    hashes = hashes_of(" ".join(parts))
    assert len(hashes) == len(windows)
    assert len(set(zip(windows, hashes, strict=True))) == len(set(windows)) == len(set(hashes))


@given(st.permutations("abcdefgh"))
def test_the_order_of_words_counts(parts: list[str]) -> None:
    assert (hashes_of(" ".join(parts)) == hashes_of("a b c d e f g h")) == (parts == list("abcdefgh"))


TEXTS = ["{} b c d e f g h", "a b c d e f g {}", "{0} {0} {0} {0} {0} {0} {0} {0}"]


@pytest.mark.parametrize("bits", [slice(0, 16), slice(16, 32), slice(32, 48), slice(48, 64)])
@pytest.mark.parametrize("text", each_time(TEXTS[:1], TEXTS))
def test_any_sixteen_bits_of_a_hash_are_spread_evenly(text: str, bits: slice) -> None:
    hashes = np.array([hashes_of(text.format(n))[0] for n in range(1 << 14)], np.uint64)
    values = (hashes >> np.uint64(bits.start)) & np.uint64(0xFFFF)
    distinct = len(np.unique(values))
    assert abs(distinct - 65536 * (1 - np.exp(-0.25))) < 400


def test_the_word_hashes_given_are_left_as_they_are() -> None:
    hashes = words_of(b"a b c d e f g h i").hashes
    before = hashes.tolist()
    shingle_hashes(hashes)
    assert hashes.tolist() == before


def test_hashes_never_change_while_the_fold_version_stands() -> None:
    hashes = hashes_of("Le président de la République a dit non hier soir")
    assert [f"{h:016x}" for h in hashes] == ["686579a00dfd619f", "70eaa876f906bbe9", "5aa49bb99b8923f6"]
