"""A document whose words and windows are named, once for all the articles that it is compared with.

A comparison takes microseconds, so Python's share in it counts: naming is one call of a kernel, and so are
the runs of an article.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from presswatch_spark.compiled import cached_njit
from presswatch_spark.text.words import Words
from presswatch_spark.verify.common_runs import Runs, all_runs, common_pairs, covering_runs, in_order_of
from presswatch_spark.verify.names import (
    Bytes,
    Edges,
    Hashes,
    Names,
    look_up_windows,
    name_windows,
    name_words,
    repetitions,
    table_for,
    table_of,
)
from presswatch_spark.verify.screen import SECRET

# Up to this many equal pairs of windows (and a few per word), runs are enumerated; beyond, chosen. Numbers
# stay exact.
PAIRS_ENUMERATED = 1 << 16
PAIRS_PER_WORD = 2


class Naming(NamedTuple):
    """The names of a document of n words, and where they are looked up.

    `words` int32[n], `windows` int32[max(0, n - width + 1)]; the slots are those of their tables.
    `times` and `following`: see `repetitions`.
    """

    words: Names
    word_slots: Names
    windows: Names
    window_slots: Names
    times: Names
    following: Names


class NamedDocument:
    """Compares a document with articles, by windows of `width` words.

    Naming costs time and memory (some 50 bytes a word) linear in the document; a comparison costs time
    linear in the article and in the number of its windows that are found.
    """

    def __init__(self, words: Words, width: int) -> None:
        self.words = words
        self.width = width
        self.naming = Naming(*_name_document(*_keys(words), width, SECRET))

    def runs(self, article: Words) -> tuple[Names, Runs]:
        """Names of an article's words, int32[m], and common runs of `width` words and more.

        These are all maximal ones or, if they are too many, enough: the longest, and so many that every word
        that lies in any of them on either side lies in one. By document position, then article position; of
        those chosen, the longest comes first.
        """
        names, runs = _runs(
            self.naming, *_keys(self.words), *_keys(article), self.width, SECRET,
            PAIRS_ENUMERATED, PAIRS_PER_WORD,
        )  # fmt: skip
        return names, runs


def _keys(words: Words) -> tuple[Hashes, Bytes, Edges, Edges]:
    return words.hashes, words.folded, words.folded_starts, words.folded_ends


@cached_njit
def _name_document(
    hashes: Hashes, folded: Bytes, starts: Edges, ends: Edges, width: int, factor: np.uint64
) -> tuple[Names, Names, Names, Names, Names, Names]:
    """The fields of `Naming`, as a plain tuple: numba unpickles the class of any other on each return."""
    table = table_for(len(hashes), factor)
    words = name_words(table, hashes, folded, starts, ends, hashes, folded, starts, ends, True)
    windows, window_slots = name_windows(words, width, factor)
    times, following = repetitions(windows)
    return words, table.slots, windows, window_slots, times, following


@cached_njit
def _runs(
    naming: Naming,
    hashes: Hashes,
    folded: Bytes,
    starts: Edges,
    ends: Edges,
    article_hashes: Hashes,
    article_folded: Bytes,
    article_starts: Edges,
    article_ends: Edges,
    width: int,
    factor: np.uint64,
    pairs_enumerated: int,
    pairs_per_word: int,
) -> tuple[Names, Runs]:
    table = table_of(naming.word_slots, factor)
    names = name_words(
        table, hashes, folded, starts, ends,
        article_hashes, article_folded, article_starts, article_ends, False,
    )  # fmt: skip
    windows = look_up_windows(naming.words, naming.window_slots, names, width, factor)
    pairs = common_pairs(naming.times, windows)
    if pairs > pairs_enumerated + pairs_per_word * (len(names) + len(naming.words)):
        chosen: Runs = covering_runs(naming.words, names, naming.windows, windows, width, factor)
        return names, chosen
    runs: Runs = all_runs(naming.words, names, windows, naming.following, width)
    # Found in the order of the article; the sort by document keeps it among equals.
    return names, runs[in_order_of(runs, 0, 1)]
