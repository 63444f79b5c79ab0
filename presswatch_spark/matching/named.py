"""A document whose words and windows are named, once for all the articles that it is compared with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from presswatch_spark.matching.common_runs import (
    Names,
    Runs,
    Table,
    all_runs,
    common_pairs,
    covering_runs,
    look_up,
    name_words,
    repetitions,
    table_for,
    widen,
)
from presswatch_spark.matching.screen import SECRET
from presswatch_spark.text.words import Words

# Up to this many equal pairs of windows (and a few per word), runs are enumerated; beyond, chosen. Numbers
# stay exact.
PAIRS_ENUMERATED = 1 << 20
PAIRS_PER_WORD = 8


class _Step(NamedTuple):
    """From windows to windows `offset` words longer: the names it starts from, and the table."""

    names: Names
    offset: int
    table: Table


class NamedDocument:
    """Compares a document with articles, by windows of `width` words.

    Naming costs time and memory (some 80 bytes a word) linear in the document; a comparison costs time
    linear in the article and in the number of its windows that are found.
    """

    def __init__(self, words: Words, width: int) -> None:
        self.words = words
        self.width = width
        self._table = table_for(len(words), SECRET)
        self.names = self._named(words, add=True)
        self._steps: list[_Step] = []
        wide, reached = self.names, 1
        while reached < width:
            offset = min(reached, width - reached)
            wider, table = widen(wide, offset, SECRET)
            self._steps.append(_Step(wide, offset, table))
            wide, reached = wider, reached + offset
        self._windows = wide
        self._times, self._following = repetitions(wide)

    def name(self, article: Words) -> Names:
        """Names of an article's words: int32[m]."""
        return self._named(article, add=False)

    def runs(self, article: Names) -> Runs:
        """Common runs of `width` words and more: all maximal ones or, if they are too many, enough.

        Enough are the longest, and so many that every word that lies in any of them on either side lies in
        one. By document position, then article position; of those chosen, the longest comes first.
        """
        windows = article
        for names, offset, table in self._steps:
            windows = look_up(names, offset, table, windows)
        pairs = common_pairs(self._times, windows)
        if pairs > PAIRS_ENUMERATED + PAIRS_PER_WORD * (len(article) + len(self.names)):
            chosen: Runs = covering_runs(self.names, article, self._windows, windows, self.width, SECRET)
            return chosen
        runs: Runs = all_runs(self.names, article, windows, self._following, self.width)
        return runs[np.lexsort((runs[:, 1], runs[:, 0]))]

    def _named(self, text: Words, *, add: bool) -> Names:
        own = self.words
        names: Names = name_words(
            self._table,
            own.hashes, own.folded, own.folded_starts, own.folded_ends,
            text.hashes, text.folded, text.folded_starts, text.folded_ends,
            add,
        )  # fmt: skip
        return names
