"""The screen never refuses a pair with a common window, and refuses nearly all others."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.matching.verify.verification import DocumentWindows, window_hashes

WORDS = st.lists(st.integers(1, 3), max_size=40)


def hashes(words: list[int]) -> np.ndarray:
    """Well-spread hashes of small numbers."""
    return np.array(words, np.uint64) * np.uint64(0x9E3779B97F4A7C15)


@given(WORDS, WORDS, st.integers(1, 12))
def test_a_pair_passes_exactly_if_it_has_a_common_window(
    document: list[int], article: list[int], width: int
) -> None:
    common = windows(document, width) & windows(article, width)
    screen = DocumentWindows(window_hashes(hashes(document), width))
    assert screen.passes(window_hashes(hashes(article), width)) == bool(common)


def windows(words: list[int], width: int) -> set[tuple[int, ...]]:
    return {tuple(words[i : i + width]) for i in range(len(words) - width + 1)}


def test_texts_shorter_than_a_window_have_none() -> None:
    assert len(window_hashes(hashes([1, 2, 3]), 4)) == 0
    assert not DocumentWindows(window_hashes(hashes([]), 4)).passes(window_hashes(hashes([1, 2, 3, 1]), 4))
