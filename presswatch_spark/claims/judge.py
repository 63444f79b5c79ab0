"""Judges rows of `matches`, article by article, into rows of `claims`. Both engines end here.

Rows come sorted by `inputs.ORDER`, with all rows of an article in one table. What the rows say of words goes
to `word_facts`, what they say of pages to `pages`, and the letter is that of `letters`.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from presswatch_spark.claims.article_words import ArticleReader
from presswatch_spark.claims.inputs import Knowledge, article_groups
from presswatch_spark.claims.letters import judged as judged_letter
from presswatch_spark.claims.pages import NO_TIME, Counts, PageReader, Pages
from presswatch_spark.claims.seals import claim_digests
from presswatch_spark.claims.standing_rights import StandingRights
from presswatch_spark.claims.word_facts import WordFacts, limits_of
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.judgement.grading import confidence_reasons, letter_of
from presswatch_spark.tables.schemas.claim_tables import CLAIMS

ROWS_AT_ONCE = 20_000
RARITY_UNREAD = "rarity_unread"
"""The reason of a row whose run did not say how rare its words are."""
Columns = dict[str, Any]

AS_IN_MATCHES = (
    "run_id", "row_sha256", "dataset", "release", "document_url", "text_sha256", "captured_at", "article_id",
    "title_id", "publisher_id", "article_published_at", "article_words", "url_match", "grade",
    "copied_words",
)  # fmt: skip
"""Columns of claims that say what the row of `matches` says."""


class Judge:
    """Judges tables of rows; one a process, since it holds the corpus open."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    @cached_property
    def _corpus(self) -> Corpus:
        return Corpus.same(self._knowledge.corpus, self._knowledge.digest, self._knowledge.storage)

    @cached_property
    def _articles(self) -> ArticleReader:
        return ArticleReader(self._corpus, self._knowledge.known, self._knowledge.config)

    @cached_property
    def _pages(self) -> PageReader:
        early_days = self._knowledge.config.claims.early_days
        return PageReader(self._corpus.registry, self._corpus.sites, self._knowledge.press, early_days)

    @cached_property
    def _rights(self) -> StandingRights:
        return StandingRights(self._knowledge, self._corpus.registry)

    def claims(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the claims of sorted rows of `inputs.INPUT`, in their order."""
        for rows in article_groups(batches, ROWS_AT_ONCE):
            yield from self.judged(rows.combine_chunks()).to_batches()

    def judged(self, rows: pa.Table) -> pa.Table:
        """Return the claims of sorted rows of `inputs.INPUT`; all rows of an article must be there."""
        config = self._knowledge.config
        pages = self._pages.read(rows)
        words, limits = WordFacts(rows, pages), limits_of(config)
        for article_id, first, after in articles_in(rows):
            words.judge(self._articles.read(article_id), first, after, limits)
        columns: Columns = {name: rows[name] for name in AS_IN_MATCHES}
        columns |= {
            "document_host": pages.hosts,
            "document_domain": pages.domains,
            "press_kind": pages.press_kinds,
            "row_reasons": (row_reasons := self._row_reasons(rows)),
            "row_confidence": _row_letters(rows, row_reasons),
            "review": [self._knowledge.reviews.get(row) for row in rows["row_sha256"].to_pylist()],
            "as_of": [self._knowledge.as_of.isoformat()] * len(rows),
        }
        columns |= self._of_rights(rows, pages) | words.columns(config.ownership)
        columns |= self._letters(columns)
        return _sealed(columns)

    def _row_reasons(self, rows: pa.Table) -> list[list[str]]:
        """Return why each row has its letter; of older runs, what the rules of today say of its columns."""
        given: list[Any] = rows["confidence_reasons"].to_pylist()
        rules = self._knowledge.config.confidence
        for i, reasons in enumerate(given):
            if reasons is None:
                (row,) = rows.slice(i, 1).to_pylist()
                # The oldest runs did not count how rare words are. That is not to have none.
                unread = row["run_rarity"] is None and row["grade"] != "url_only"
                given[i] = [RARITY_UNREAD] if unread else confidence_reasons(row, rules)
        return given

    def _of_rights(self, rows: pa.Table, pages: Pages) -> Columns:
        """Return kind, licence, mandate, rights, reservation, and whether credits were looked for."""
        rights, n = self._rights, range(len(rows))
        sites, titles = pages.sites, rows["title_id"].to_pylist()
        # The member's own pages need no licence.
        licences = [
            None if kind == "own_page" else rights.licence(sites[i], titles[i], int(pages.captured[i]))
            for i, kind in enumerate(pages.kinds)
        ]
        published, captured = _days(pages.published), _days(pages.captured)
        publishers = rows["publisher_id"].to_pylist()
        urls, times = rows["article_url"].to_pylist(), rows["captured_at"].to_pylist()
        read, grades = rows["credits_read"].to_pylist(), rows["grade"].to_pylist()
        return {
            "kind": ["licensed" if licences[i] else pages.kinds[i] for i in n],
            "licence_id": licences,
            "mandate": [rights.mandate(publishers[i], published[i]) for i in n],
            "rights": [rights.rights(published[i], captured[i]) for i in n],
            "reservation": [rights.reservation(urls[i], times[i]) for i in n],
            "credits_read": [read[i] or grades[i] == "url_only" for i in n],
        }

    def _letters(self, columns: Columns) -> Columns:
        """Return letters and reasons, from the columns that decide on them."""
        grades, rules = self._knowledge.config.grade, self._knowledge.config.confidence
        values = (_listed(columns[name]) for name in DECISIVE)
        found = [
            judged_letter(dict(zip(DECISIVE, row, strict=True)), grades, rules)
            for row in zip(*values, strict=True)
        ]
        letters, reasons = zip(*found, strict=True) if found else ((), ())
        return {"confidence": letters, "reasons": reasons}


DECISIVE = (
    "row_confidence", "row_reasons", "kind", "url_match", "article_known", "credits_read", "explained_by",
    "article_words", "beyond_words", "beyond_longest_run", "beyond_rarity", "beyond_shared_words",
    "beyond_ownership", "review",
)  # fmt: skip
"""The columns of a claim that its letter and its reasons depend on."""


def articles_in(rows: pa.Table) -> Iterator[tuple[str, int, int]]:
    """Yield each article of sorted rows, with its first row and the one after its last."""
    ids = rows["article_id"].to_pylist()
    first = 0
    for i in range(1, len(ids) + 1):
        if i == len(ids) or ids[i] != ids[first]:
            if ids[first] is not None:
                yield ids[first], first, i
            first = i


def _row_letters(rows: pa.Table, reasons: Sequence[Sequence[str]]) -> list[str]:
    """Return the letter of each row; the oldest runs gave none, so their reasons of today do."""
    return [
        given or letter_of(why) for given, why in zip(rows["confidence"].to_pylist(), reasons, strict=True)
    ]


def _sealed(columns: Columns) -> pa.Table:
    """Return columns as a table of claims, each row with its digest."""
    schema = pa.schema([column.remove_metadata().with_nullable(True) for column in CLAIMS])
    whole = columns | {"claim_sha256": claim_digests(columns)}
    arrays = [_array(whole[column.name], column.type) for column in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Any, kind: pa.DataType) -> Any:
    return values.cast(kind) if isinstance(values, pa.ChunkedArray) else pa.array(values, kind)


def _listed(values: Any) -> Sequence[Any]:
    listed: Sequence[Any] = values.to_pylist() if isinstance(values, pa.ChunkedArray | pa.Array) else values
    return listed


def _days(micros: Counts) -> list[Any]:
    """Return the days of moments; None where these are not known."""
    days = np.where(micros == NO_TIME, np.datetime64("NaT"), micros.astype("M8[us]")).astype("M8[D]")
    found: list[Any] = days.tolist()
    return found
