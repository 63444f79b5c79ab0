"""The words of an article, as claims judge them: places, rarity, known texts, and other honest sources."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.other_sources import COLUMNS, NOWHERE, SOURCES, Limits, Spans, explained
from presswatch_spark.claims.page_facts import NO_TIME, PageFacts
from presswatch_spark.claims.row_groups import as_array
from presswatch_spark.core.settings.config import OwnershipRules
from presswatch_spark.corpus.building.known_texts import shingles_of
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.rarity import RarityMeter, WordRarity, ownership_of
from presswatch_spark.reading.text.word_kernels import Hashes
from presswatch_spark.reading.text.words import SHINGLE_WORDS, are_among, shingle_hashes, words_of
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.shards import plan

Places = npt.NDArray[np.int64]
NAMES = {
    "explained_words": "explained",
    "beyond_words": "beyond",
    "beyond_longest_run": "longest_run",
    "beyond_rarity": "rarity",
    "beyond_shared_words": "shared",
    "witness_domains": "witnesses",
}
"""Columns of claims, and their names in `explained`; null if the article is unknown."""
_SOURCE_SETS = pa.array(
    [[name for k, name in enumerate(SOURCES) if bits >> k & 1] for bits in range(1 << len(SOURCES))],
    pa.list_(pa.string()),
)


@dataclass(frozen=True, slots=True, eq=False)
class KnownTexts:
    """The shingles of all known texts: `hashes` uint64[k], sorted and distinct; the number of `texts`."""

    hashes: Hashes
    texts: int = 0

    @classmethod
    def load(cls, paths: Sequence[str], storage: StorageOptions | None = None) -> Self:
        """Read known texts from files, folders, globs or addresses; raises `InputError`, `CorruptError`."""
        options = storage or StorageOptions()
        return cls(*shingles_of(plan(paths, options, texts=True).shards if paths else (), options))

    def marks(self, word_hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Return whether each word is in an 8-word shingle of a known text: bool[n].

        `word_hashes`: uint64[n], in the order of the words.
        """
        marks = np.zeros(len(word_hashes), np.bool_)
        shingles = shingle_hashes(word_hashes)
        if not len(self.hashes) or not len(shingles):
            return marks
        known = are_among(shingles, self.hashes)
        for offset in range(SHINGLE_WORDS):
            marks[offset : offset + len(known)] |= known
        return marks

    @property
    def digest(self) -> str | None:
        """Return the SHA-256 (hex) of the shingles; None if there are none."""
        return hashlib.sha256(self.hashes.tobytes()).hexdigest() if len(self.hashes) else None


@dataclass(frozen=True, slots=True)
class ArticleWords:
    """The n words of an article in a corpus.

    `sha256` (hex): of its text. `starts` and `ends` int64[n]: the characters of each word. `known` bool[n]:
    whether a known text has the word.
    """

    sha256: str
    starts: Places
    ends: Places
    rarity: WordRarity
    known: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts)


def words_of_article(
    corpus: Corpus, article_id: str, known: KnownTexts, rarity_meter: RarityMeter
) -> ArticleWords | None:
    """Return the words of an article; None if the corpus has no article of that id."""
    ordinal = corpus.ordinal_of(article_id)
    if ordinal is None:
        return None
    body = corpus.body(ordinal)
    words = words_of(body)
    every = np.arange(len(words))
    starts, ends = map(np.ascontiguousarray, words.characters(every, every).T)
    return ArticleWords(
        hashlib.sha256(body).hexdigest(),
        starts,
        ends,
        rarity_meter.rarity(ordinal, words.hashes),
        known.marks(words.hashes),
    )


class WordFacts:
    """The words of n sorted rows of `make.INPUT`, judged article by article by `judge`."""

    def __init__(self, rows: pa.Table, pages: PageFacts) -> None:
        self._rows, self._pages = rows, pages
        starts, ends = (as_array(rows[name]) for name in ("starts", "ends"))
        lengths = pc.fill_null(pc.list_value_length(starts), 0).to_numpy(zero_copy_only=False)
        self._bounds = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self._starts, self._ends = starts.flatten().to_numpy(), ends.flatten().to_numpy()
        texts = as_array(rows["article_sha256"]).dictionary_encode(null_encoding="encode")
        self._texts = texts.indices.to_numpy()
        self._text_numbers = {text: number for number, text in enumerate(texts.dictionary.to_pylist())}
        self._numbers = np.zeros((len(rows), len(COLUMNS)), np.int64)
        self._known, self._agency = np.ones(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
        self._first_captures = np.full(len(rows), -1, np.int64)

    def judge(self, article: ArticleWords | None, first: int, after: int, limits: Limits) -> None:
        """Judge the rows from `first` up to `after`, all rows of one article; None if the corpus lacks it.

        If the scan compared a row with another text of the article, the words of this text do not judge it.
        """
        copies = self._bounds[first + 1 : after + 1] > self._bounds[first:after]
        captured = self._pages.captured[first:after]
        dated = np.flatnonzero(copies & (captured != NO_TIME))
        if len(dated):
            # The earliest row with words of the article; among equal ones, the first in order.
            self._first_captures[first:after] = first + dated[np.argmin(captured[dated])]
        text = self._text_numbers.get(article.sha256 if article else None, NOWHERE)
        self._known[first:after] = self._texts[first:after] == text
        rows = np.flatnonzero(self._known[first:after]) + first
        if article is None or not len(rows):
            return
        # All spans of these rows, row after row: those of row k are numbers bounds[k] to bounds[k + 1].
        lengths = self._bounds[rows + 1] - self._bounds[rows]
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        spans = np.repeat(self._bounds[rows] - bounds[:-1], lengths) + np.arange(bounds[-1])
        # The words of the article in each span: from `firsts` up to `afters`.
        firsts = np.searchsorted(article.ends, self._starts[spans], "right")
        afters = np.maximum(firsts, np.searchsorted(article.starts, self._ends[spans], "left"))
        # Domains of the article, numbered from 0; pages without one keep `NOWHERE`.
        distinct, domains = np.unique(self._pages.domain_numbers[rows], return_inverse=True)
        domains -= int(len(distinct) > 0 and distinct[0] < 0)
        copied, facts = Spans(bounds, firsts, afters), self._pages.fact_bits[rows]
        self._numbers[rows] = explained(copied, domains, facts, article.known, article.rarity.sums, limits)
        self._agency[rows] = article.rarity.agency

    def columns(self, rules: OwnershipRules) -> dict[str, Any]:
        """Return the columns of claims about words."""
        numbers = dict(zip(COLUMNS, self._numbers.T, strict=True))
        found: dict[str, Any] = {
            name: pa.array(numbers[source].astype(np.int32), mask=~self._known)
            for name, source in NAMES.items()
        }
        counts = (numbers[name].tolist() for name in ("beyond", "shared", "wide"))
        ownerships = [
            ownership_of(agency, beyond, shared, wide, rules) if beyond else None
            for agency, beyond, shared, wide in zip(self._agency.tolist(), *counts, strict=True)
        ]
        captures = pa.array(self._first_captures, mask=self._first_captures < 0)
        return found | {
            "article_known": pa.array(self._known),
            "explained_by": _SOURCE_SETS.take(pa.array(numbers["sources"])),
            "beyond_ownership": pa.array(ownerships, pa.string()),
            "first_capture_at": as_array(self._rows["captured_at"]).take(captures),
            "first_capture_row": as_array(self._rows["row_sha256"]).take(captures),
        }
