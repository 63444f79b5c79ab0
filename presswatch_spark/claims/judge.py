"""Judges rows of `matches`, article by article, into rows of `claims`. Both engines end here.

Rows come sorted by `inputs.ORDER`, with all rows of an article in one table. What the rows say of words goes
to `word_facts`, what they say of pages to `pages`, and the letter is that of `letters`.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.article_words import ArticleReader
from presswatch_spark.claims.distinct import Counts, Marks, alike, values_of, whole
from presswatch_spark.claims.inputs import Knowledge, article_groups
from presswatch_spark.claims.letters import judged as judged_letter
from presswatch_spark.claims.mandates import mandate_of, rights_of
from presswatch_spark.claims.pages import MICROS_A_DAY, NO_TIME, PageFacts, PageReader, day_of
from presswatch_spark.claims.reservations import OwnSites
from presswatch_spark.claims.seals import claim_digests
from presswatch_spark.claims.word_facts import WordFacts, limits_of
from presswatch_spark.corpus.registry import Registry
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.judgement.grading import confidence_reasons, letter_of
from presswatch_spark.rights.declaration import UNKNOWN
from presswatch_spark.tables.declarations import Claim, Match

ROWS_AT_ONCE = 20_000
KEPT = 1 << 16
SEAL = "claim_sha256"
RARITY_UNREAD = "rarity_unread"
"""The reason of a row whose run did not say how rare its words are."""
Columns = dict[str, Any]

AS_IN_MATCHES = (
    "run_id", "row_sha256", "dataset", "release", "document_url", "text_sha256", "captured_at", "article_id",
    "title_id", "publisher_id", "article_published_at", "article_words", "url_match", "grade",
    "copied_words",
)  # fmt: skip
"""Columns of claims that say what the row of `matches` says."""


class StandingRights:
    """Licence, mandate, rights and reservation of one row at a time; keeps the answers it gave last."""

    def __init__(self, knowledge: Knowledge, registry: Registry) -> None:
        self._licences, self._as_of = knowledge.licences, knowledge.as_of
        self._publishers = {publisher.id: publisher for publisher in registry.publishers}
        signals = knowledge.signals
        self._sites = OwnSites(signals, knowledge.pages) if signals is not None and len(signals) else None
        self.mandate = lru_cache(KEPT)(self._mandate)
        self.rights = lru_cache(KEPT)(self._rights)

    @property
    def are_signals_read(self) -> bool:
        """Whether there are declarations of sites to ask; without them no reservation is known."""
        return self._sites is not None

    def licence(self, host: str | None, title_id: str, captured: int) -> str | None:
        """Return the licence that covers a title on a host at a time of capture, in microseconds."""
        if not self._licences.licences:
            return None
        day = None if captured == NO_TIME else day_of(captured).date()
        licence = self._licences.covering(host, title_id, day)
        return licence.id if licence else None

    def reservation(self, url: str | None, at: datetime | None) -> str:
        """Return what the article's own site declared of its URL around a capture."""
        return self._sites.status(url, at) if self._sites else UNKNOWN

    def _mandate(self, publisher_id: str) -> str:
        return mandate_of(self._publishers.get(publisher_id), self._as_of)

    def _rights(
        self, published_day: date | None, captured_day: date | None, publisher_id: str
    ) -> Sequence[str]:
        publisher = self._publishers.get(publisher_id)
        return rights_of(_midnight(published_day), _midnight(captured_day), self._as_of, publisher)


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day)


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
        columns: Columns = {name: whole(rows[name]) for name in AS_IN_MATCHES}
        columns |= {
            "document_host": pages.hosts,
            "document_domain": pages.domains,
            "press_kind": pages.press_kinds,
            "row_reasons": (row_reasons := self._row_reasons(rows)),
            "row_confidence": _row_letters(rows, row_reasons),
            "review": self._reviews(rows),
            "as_of": pa.repeat(self._knowledge.as_of.isoformat(), len(rows)),
        }
        columns |= self._of_rights(rows, pages) | words.columns(config.ownership)
        columns |= self._letters(columns)
        return _sealed(columns)

    def _row_reasons(self, rows: pa.Table) -> pa.Array:
        """Return why each row has its letter; of older runs, what the rules of today say of its columns."""
        given = whole(rows["confidence_reasons"])
        if not given.null_count:
            return given
        reasons: list[Any] = given.to_pylist()
        rules = self._knowledge.config.confidence
        for i in np.flatnonzero(given.is_null()).tolist():
            (row,) = rows.slice(i, 1).to_pylist()
            # The oldest runs did not count how rare words are. That is not to have none.
            unread = row["run_rarity"] is None and row["grade"] != "url_only"
            reasons[i] = [RARITY_UNREAD] if unread else confidence_reasons(Match.from_dict(row), rules)
        return pa.array(reasons, given.type)

    def _reviews(self, rows: pa.Table) -> pa.Array:
        reviews = self._knowledge.reviews
        if not reviews:
            return pa.nulls(len(rows), pa.string())
        return pa.array([reviews.get(row) for row in rows["row_sha256"].to_pylist()], pa.string())

    def _of_rights(self, rows: pa.Table, pages: PageFacts) -> Columns:
        """Return kind, licence, mandate, rights, reservation, and whether credits were looked for."""
        rights, published, captured = self._rights, _days(pages.published), _days(pages.captured)
        licences = self._licences(rows, pages)
        publishers = rows["publisher_id"]
        of_publisher, of_days = alike(publishers), alike(published, captured, publishers)
        days = zip(
            _dates(published[of_days.first]),
            _dates(captured[of_days.first]),
            values_of(publishers, of_days.first),
            strict=True,
        )
        url_only = pc.equal(whole(rows["grade"]), "url_only")
        return {
            "kind": pc.if_else(licences.is_valid(), "licensed", pages.kinds),
            "licence_id": licences,
            "mandate": of_publisher.spread(
                [rights.mandate(each) for each in values_of(publishers, of_publisher.first)], pa.string()
            ),
            "rights": of_days.spread([rights.rights(*each) for each in days], pa.list_(pa.string())),
            "reservation": self._reservations(rows),
            "credits_read": pc.or_(whole(rows["credits_read"]), url_only),
        }

    def _licences(self, rows: pa.Table, pages: PageFacts) -> pa.Array:
        """Return the licences that cover pages; the member's own need none."""
        if not self._knowledge.licences.licences:
            return pa.nulls(len(rows), pa.string())
        own = pc.equal(pages.kinds, "own_page")
        same = alike(pages.sites, rows["title_id"], _days(pages.captured), own)
        asked = zip(
            values_of(pages.sites, same.first),
            values_of(rows["title_id"], same.first),
            pages.captured[same.first].tolist(),
            values_of(own, same.first),
            strict=True,
        )
        found = [None if own else self._rights.licence(site, title, at) for site, title, at, own in asked]
        return same.spread(found, pa.string())

    def _reservations(self, rows: pa.Table) -> pa.Array:
        if not self._rights.are_signals_read:
            return pa.repeat(UNKNOWN, len(rows))
        asked = zip(rows["article_url"].to_pylist(), rows["captured_at"].to_pylist(), strict=True)
        return pa.array([self._rights.reservation(url, at) for url, at in asked], pa.string())

    def _letters(self, columns: Columns) -> Columns:
        """Return letters and reasons, from the columns that decide on them."""
        grades, rules = self._knowledge.config.grade, self._knowledge.config.confidence
        # Rows may differ in words that nobody asks for, so these are not compared.
        asked = pa.array(_ask_for_words(columns))
        compared = {
            name: pc.if_else(asked, columns[name], pa.scalar(None, columns[name].type))
            if name in ABOUT_WORDS
            else columns[name]
            for name in DECISIVE
        }
        same = alike(*compared.values())
        values = (values_of(column, same.first) for column in compared.values())
        found = [
            judged_letter(dict(zip(compared, row, strict=True)), grades, rules)
            for row in zip(*values, strict=True)
        ]
        return {
            "confidence": same.spread([letter for letter, _ in found], pa.string()),
            "reasons": same.spread([reasons for _, reasons in found], pa.list_(pa.string())),
        }


ABOUT_WORDS = (
    "article_words", "beyond_words", "beyond_longest_run", "beyond_rarity", "beyond_shared_words",
    "beyond_ownership",
)  # fmt: skip
"""The columns that `letters.beyond_letter` reads."""
DECISIVE = (
    "row_confidence", "row_reasons", "kind", "url_match", "article_known", "credits_read", "explained_by",
    "article_words", "beyond_words", "beyond_longest_run", "beyond_rarity", "beyond_shared_words",
    "beyond_ownership", "review",
)  # fmt: skip
"""The columns of a claim that its letter and its reasons depend on."""


def articles_in(rows: pa.Table) -> Iterator[tuple[str, int, int]]:
    """Yield each article of sorted rows, with its first row and the one after its last."""
    ids = whole(rows["article_id"]).dictionary_encode(null_encoding="encode")
    numbers, names = ids.indices.to_numpy(), ids.dictionary
    bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    for first, after in pairwise(bounds):
        if first < after and (name := names[int(numbers[first])].as_py()) is not None:
            yield name, first, after


def _row_letters(rows: pa.Table, reasons: pa.Array) -> pa.Array:
    """Return the letter of each row; the oldest runs gave none, so their reasons of today do."""
    given = whole(rows["confidence"])
    if not given.null_count:
        return given
    found = [one or letter_of(why) for one, why in zip(given.to_pylist(), reasons.to_pylist(), strict=True)]
    return pa.array(found, given.type)


def _ask_for_words(columns: Columns) -> Marks:
    """Return whose letter may depend on words beyond: that of explained rows with A or B: bool[n]."""
    explained = pc.greater(pc.list_value_length(columns["explained_by"]), 0)
    certain = pc.is_in(columns["row_confidence"], pa.array(["A", "B"]))
    marks: Marks = pc.and_(explained, certain).to_numpy(zero_copy_only=False)
    return marks


def _sealed(columns: Columns) -> pa.Table:
    """Return columns as a table of claims, each row with its digest."""
    schema = pa.schema([column.remove_metadata().with_nullable(True) for column in Claim.schema])
    names = [name for name in schema.names if name != SEAL]
    found = pa.table({name: columns[name].cast(schema.field(name).type) for name in names})
    # An article may have very many rows, and their canonical forms are long.
    parts = found.to_batches(max_chunksize=ROWS_AT_ONCE)
    digests = [digest for part in parts for digest in claim_digests(dict(zip(names, part, strict=True)))]
    return found.append_column(SEAL, pa.array(digests, pa.string())).select(schema.names).cast(schema)


def _days(micros: Counts) -> Counts:
    """Return the days of moments since 1970; `NO_TIME` where these are not known."""
    return np.where(micros == NO_TIME, NO_TIME, micros // MICROS_A_DAY)


def _dates(days: Counts) -> list[Any]:
    """Return days since 1970 as dates; None where these are not known."""
    known = np.where(days == NO_TIME, np.iinfo(np.int64).min, days).astype("M8[D]")
    found: list[Any] = known.tolist()
    return found
