"""What is known of the copied words of rows, gathered article by article."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.article_words import ArticleWords
from presswatch_spark.claims.distinct import Counts, whole
from presswatch_spark.claims.explained import COLUMNS, NOWHERE, SOURCES, Limits, explained
from presswatch_spark.claims.pages import NO_TIME, PageFacts
from presswatch_spark.judgement.rarity import ownership_of
from presswatch_spark.settings.config import OwnershipRules, ScanConfig

NAMES = {
    "explained_words": "explained",
    "beyond_words": "beyond",
    "beyond_longest_run": "longest_run",
    "beyond_rarity": "rarity",
    "beyond_shared_words": "shared",
    "witness_domains": "witnesses",
}
"""Columns of claims, and what `explained` calls them; null where the article is not known."""

_SOURCE_SETS = pa.array(
    [[name for k, name in enumerate(SOURCES) if bits >> k & 1] for bits in range(1 << len(SOURCES))],
    pa.list_(pa.string()),
)
"""The names of sources, by their bits."""


def limits_of(config: ScanConfig) -> Limits:
    """Return the settings that decide about words."""
    claims = config.claims
    return Limits(claims.passage_words, claims.rest_share, claims.holder_share, config.grade.min_run_words)


class WordFacts:
    """The words of n sorted rows of `inputs.INPUT`, which `judge` is told of article by article."""

    def __init__(self, rows: pa.Table, pages: PageFacts) -> None:
        self._rows, self._pages = rows, pages
        starts, ends = (whole(rows[name]) for name in ("starts", "ends"))
        lengths = pc.fill_null(pc.list_value_length(starts), 0).to_numpy(zero_copy_only=False)
        self._bounds = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self._starts, self._ends = starts.flatten().to_numpy(), ends.flatten().to_numpy()
        texts = whole(rows["article_sha256"]).dictionary_encode(null_encoding="encode")
        self._texts = texts.indices.to_numpy()
        self._text_numbers = {text: number for number, text in enumerate(texts.dictionary.to_pylist())}
        self._numbers = np.zeros((len(rows), len(COLUMNS)), np.int64)
        self._known, self._agency = np.ones(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
        self._first_captures = np.full(len(rows), -1, np.int64)

    def judge(self, article: ArticleWords | None, first: int, after: int, limits: Limits) -> None:
        """Judge the rows from `first` up to `after`, which are all rows of one article.

        A row that was compared with another text of the article says nothing of the words of this one.

        Args:
            article: None if the corpus does not have it.
        """
        self._find_first_capture(first, after)
        text = self._text_numbers.get(article.sha256 if article else None, NOWHERE)
        self._known[first:after] = self._texts[first:after] == text
        rows = np.flatnonzero(self._known[first:after]) + first
        if article is None or not len(rows):
            return
        lengths = self._bounds[rows + 1] - self._bounds[rows]
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        spans = np.repeat(self._bounds[rows] - bounds[:-1], lengths) + np.arange(bounds[-1])
        firsts, afters = article.words_at(self._starts[spans], self._ends[spans])
        self._numbers[rows] = explained(
            len(article), bounds, firsts, afters, _from_zero(self._pages.numbers[rows]),
            self._pages.facts[rows], article.known, article.standing.sums, limits,
        )  # fmt: skip
        self._agency[rows] = article.standing.agency

    def _find_first_capture(self, first: int, after: int) -> None:
        """Find the earliest row with words of the article; of equal ones, the first in order."""
        copies = self._bounds[first + 1 : after + 1] > self._bounds[first:after]
        captured = self._pages.captured[first:after]
        rows = np.flatnonzero(copies & (captured != NO_TIME))
        if len(rows):
            self._first_captures[first:after] = first + rows[np.argmin(captured[rows])]

    def columns(self, rules: OwnershipRules) -> dict[str, Any]:
        """Return the columns of claims that are about words."""
        unknown = ~self._known
        found: dict[str, Any] = {
            name: pa.array(self._numbers[:, COLUMNS.index(source)].astype(np.int32), mask=unknown)
            for name, source in NAMES.items()
        }
        sources = self._numbers[:, COLUMNS.index("sources")]
        captures = pa.array(self._first_captures, mask=self._first_captures < 0)
        return found | {
            "article_known": pa.array(self._known),
            "explained_by": _SOURCE_SETS.take(pa.array(sources)),
            "beyond_ownership": self._ownerships(rules),
            "first_capture_at": whole(self._rows["captured_at"]).take(captures),
            "first_capture_row": whole(self._rows["row_sha256"]).take(captures),
        }

    def _ownerships(self, rules: OwnershipRules) -> pa.Array:
        beyond, shared, wide = (
            self._numbers[:, COLUMNS.index(name)].tolist() for name in ("beyond", "shared", "wide")
        )
        found = [
            ownership_of(agency, beyond[i], shared[i], wide[i], rules) if beyond[i] else None
            for i, agency in enumerate(self._agency.tolist())
        ]
        return pa.array(found, pa.string())


def _from_zero(numbers: Counts) -> Counts:
    """Number the domains of an article from 0; pages without one keep `NOWHERE`."""
    found, dense = np.unique(numbers, return_inverse=True)
    from_zero: Counts = dense - int(len(found) > 0 and found[0] < 0)
    return from_zero
