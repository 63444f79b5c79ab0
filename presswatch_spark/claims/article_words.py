"""The words of an article as claims need them: where they stand, how rare they are, which are known."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from presswatch_spark.claims.known_texts import KnownTexts
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.judgement.rarity import Neighbours, WordRarity
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.text.words import words_of

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ArticleWords:
    """The n words of an article, as a corpus has it.

    `sha256` (hex) of its text. `starts` and `ends` int64[n]: characters of the text, from a word's first to
    the end of its last. `known` bool[n]: words that stand in a known text.
    """

    sha256: str
    starts: Places
    ends: Places
    standing: WordRarity
    known: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts)

    def words_at(self, starts: Places, ends: Places) -> tuple[Places, Places]:
        """Return the words that ranges of characters cover: the first, and the one after the last."""
        firsts = np.searchsorted(self.ends, starts, "right")
        afters = np.searchsorted(self.starts, ends, "left")
        return firsts, np.maximum(firsts, afters)


class ArticleReader:
    """Reads articles of a corpus, with how their words stand among all texts."""

    def __init__(self, corpus: Corpus, known: KnownTexts, config: ScanConfig) -> None:
        self._corpus, self._known = corpus, known
        rules = config.rarity, config.ownership
        self._neighbours = Neighbours(corpus.index, corpus.surroundings, *rules)

    def read(self, article_id: str) -> ArticleWords | None:
        """Return the words of an article; None if the corpus has no article of that id."""
        ordinal = self._corpus.ordinal_of(article_id)
        if ordinal is None:
            return None
        body = self._corpus.body(ordinal)
        words = words_of(body)
        every = np.arange(len(words))
        places = words.characters(every, every)
        return ArticleWords(
            hashlib.sha256(body).hexdigest(),
            np.ascontiguousarray(places[:, 0]),
            np.ascontiguousarray(places[:, 1]),
            self._neighbours.standing(ordinal, words.hashes),
            self._known.marks(words.hashes),
        )
