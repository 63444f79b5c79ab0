"""Judges rows of `matches`, article by article, into rows of `claims`, for both engines.

Rows come sorted by `ORDER`, with all rows of an article in one table. `words` finds the facts of their words,
`pages` those of their pages, and `letters` the letter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.columns import Counts, alike, claim_digests, values_of, whole
from presswatch_spark.claims.letters import judged as judged_letter
from presswatch_spark.claims.mandates import mandate_of, rights_of
from presswatch_spark.claims.pages import MICROS_A_DAY, NO_TIME, PageFacts, PageReader
from presswatch_spark.claims.permissions import Licences, PressList
from presswatch_spark.claims.words import ArticleReader, KnownTexts, WordFacts, limits_of
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.judgement.grading import confidence_reasons, letter_of
from presswatch_spark.queries.reservations import Moment, OwnSites
from presswatch_spark.rights.declaration import UNKNOWN
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.tables.declarations import Claim, Match

ORDER = ("article_id", "row_sha256", "run_id")
"""The order in which rows come; rows without article first."""

_PLAIN = (
    "run_id", "row_sha256", "dataset", "release", "document_url", "document_host", "document_domain",
    "text_sha256", "captured_at", "article_id", "title_id", "publisher_id", "article_url",
    "article_published_at", "article_time_zone", "article_words", "article_sha256", "url_match", "grade",
    "copied_words",
    "longest_run_words", "confidence", "confidence_reasons", "own_site", "site_title_id", "credits_others",
    "run_rarity", "shared_words", "ownership", "record_damage", "in_main_content",
)  # fmt: skip
USED = (*_PLAIN, "spans", "document_credits")
"""Columns of `matches` that are read."""

_INT64S = pa.list_(pa.int64())
INPUT = pa.schema(
    [Match.schema.field(name).remove_metadata().with_nullable(True) for name in _PLAIN]
    + [pa.field("credits_read", pa.bool_()), pa.field("starts", _INT64S), pa.field("ends", _INT64S)]
)
"""Rows as they are sorted and judged: spans as characters of the article; whether credits were looked for."""

ROWS_AT_ONCE = 20_000
SEAL = "claim_sha256"
Columns = dict[str, Any]
AS_IN_MATCHES = (
    "run_id", "row_sha256", "dataset", "release", "document_url", "text_sha256", "captured_at", "article_id",
    "title_id", "publisher_id", "article_published_at", "article_words", "url_match", "grade",
    "copied_words",
)  # fmt: skip
"""Columns of claims that repeat the row of `matches`."""
ABOUT_WORDS = (
    "article_words", "beyond_words", "beyond_longest_run", "beyond_rarity", "beyond_shared_words",
    "beyond_ownership",
)  # fmt: skip
"""The columns that `letters.beyond_letter` reads."""
DECISIVE = (
    "row_confidence", "row_reasons", "kind", "url_match", "article_known", "credits_read", "explained_by",
    "review", *ABOUT_WORDS,
)  # fmt: skip
"""The columns of a claim that its letter and its reasons depend on."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Knowledge beside the rows, as every process of an engine gets it.

    `corpus`: a folder or URI, with its `digest`. `reviews`: verdicts by `row_sha256`. `signals`: rows of
    `rights_signals`; `pages`: the captures of own pages that were read. `as_of`: the day of judgement.
    """

    corpus: str
    digest: str
    config: ScanConfig
    press: PressList
    as_of: date
    licences: Licences = field(default_factory=Licences)
    known: KnownTexts = field(default_factory=lambda: KnownTexts.load(()))
    reviews: Mapping[str, str] = field(default_factory=dict)
    signals: pa.Table | None = None
    pages: Sequence[Moment] = ()


def input_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Turn batches of `USED` columns into batches of `INPUT`."""
    for batch in batches:
        spans = batch["spans"]
        lengths = pc.fill_null(pc.list_value_length(spans), 0)
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
        values = spans.flatten()
        starts, ends = (
            pa.ListArray.from_arrays(offsets, pc.struct_field(values, name))
            for name in ("article_start", "article_end")
        )
        columns = [batch[name].cast(INPUT.field(name).type) for name in _PLAIN]
        credits_read = pc.is_valid(batch["document_credits"])
        yield pa.RecordBatch.from_arrays([*columns, credits_read, starts, ends], schema=INPUT)


def article_groups(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Yield sorted rows as tables of about so many rows or more: the rows of an article stay together.

    Rows without article may be parted anywhere.
    """
    waiting, count = list[pa.RecordBatch](), 0
    for batch in batches:
        if not len(batch):
            continue
        waiting.append(batch)
        count += len(batch)
        if count < rows:
            continue
        table = pa.Table.from_batches(waiting)
        ids = table["article_id"]
        last = ids[len(ids) - 1]
        begin = int(pc.index(ids, last).as_py()) if last.is_valid else len(table)
        if begin:
            yield table.slice(0, begin)
            rest = table.slice(begin)
            waiting, count = rest.combine_chunks().to_batches() if len(rest) else [], len(rest)
    if waiting:
        yield pa.Table.from_batches(waiting)


class Judge:
    """Judges tables of rows; one a process, since it holds the corpus open."""

    def __init__(self, knowledge: Knowledge) -> None:
        config, signals = knowledge.config, knowledge.signals
        corpus = Corpus.same(knowledge.corpus, knowledge.digest, config.storage)
        self._knowledge, self._members = knowledge, corpus.registry.by_id
        self._articles = ArticleReader(corpus, knowledge.known, config)
        self._pages = PageReader(corpus.registry, corpus.sites, knowledge.press, config.claims.early_days)
        # Without declarations of sites no reservation is known.
        self._sites = OwnSites(signals, knowledge.pages) if signals is not None and len(signals) else None

    def claims(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the claims of sorted rows of `judge.INPUT`, in their order."""
        for rows in article_groups(batches, ROWS_AT_ONCE):
            yield from self.judged(rows.combine_chunks()).to_batches()

    def judged(self, rows: pa.Table) -> pa.Table:
        """Return the claims of sorted rows of `judge.INPUT`; all rows of an article must be there."""
        config, reviews = self._knowledge.config, self._knowledge.reviews
        pages = self._pages.read(rows)
        words, limits = WordFacts(rows, pages), limits_of(config)
        for article_id, first, after in _articles_in(rows):
            words.judge(self._articles.read(article_id), first, after, limits)
        row_reasons, row_letters = self._row_reasons(rows), whole(rows["confidence"])
        if row_letters.null_count:
            # The oldest runs gave no letters.
            given = zip(row_letters.to_pylist(), row_reasons.to_pylist(), strict=True)
            row_letters = pa.array([letter or letter_of(why) for letter, why in given], row_letters.type)
        columns: Columns = {name: whole(rows[name]) for name in AS_IN_MATCHES}
        columns |= {
            "document_host": pages.hosts,
            "document_domain": pages.domains,
            "press_kind": pages.press_kinds,
            "row_reasons": row_reasons,
            "row_confidence": row_letters,
            "review": pa.nulls(len(rows), pa.string()),
            "as_of": pa.repeat(self._knowledge.as_of.isoformat(), len(rows)),
        }
        if reviews:
            found = [reviews.get(row) for row in rows["row_sha256"].to_pylist()]
            columns["review"] = pa.array(found, pa.string())
        columns |= self._of_rights(rows, pages) | words.columns(config.ownership)
        columns |= self._letters(columns)

        schema = pa.schema([column.remove_metadata().with_nullable(True) for column in Claim.schema])
        names = [name for name in schema.names if name != SEAL]
        claims = pa.table({name: columns[name].cast(schema.field(name).type) for name in names})
        # An article may have very many rows, and their canonical forms are long.
        parts = claims.to_batches(max_chunksize=ROWS_AT_ONCE)
        digests = [digest for part in parts for digest in claim_digests(dict(zip(names, part, strict=True)))]
        return claims.append_column(SEAL, pa.array(digests, pa.string())).select(schema.names).cast(schema)

    def _row_reasons(self, rows: pa.Table) -> pa.Array:
        # The oldest runs noted no reasons: the rules of today give them.
        given = whole(rows["confidence_reasons"])
        if not given.null_count:
            return given
        reasons: list[Any] = given.to_pylist()
        rules = self._knowledge.config.confidence
        for i in np.flatnonzero(given.is_null()).tolist():
            (row,) = rows.slice(i, 1).to_pylist()
            # The oldest runs did not count how rare words are. That is not to have none.
            unread = row["run_rarity"] is None and row["grade"] != "url_only"
            reasons[i] = ["rarity_unread"] if unread else confidence_reasons(Match.from_dict(row), rules)
        return pa.array(reasons, given.type)

    def _of_rights(self, rows: pa.Table, pages: PageFacts) -> Columns:
        as_of, published, captured = self._knowledge.as_of, _days(pages.published), _days(pages.captured)
        licences, publishers = self._licences(rows, pages, captured), rows["publisher_id"]
        of_publisher, of_days = alike(publishers), alike(published, captured, publishers)
        mandates = [
            mandate_of(self._members.get(each), as_of) for each in values_of(publishers, of_publisher.first)
        ]
        rights = [
            rights_of(first, seen, as_of, self._members.get(publisher))
            for first, seen, publisher in zip(
                _dates(published[of_days.first], "us"),
                _dates(captured[of_days.first], "us"),
                values_of(publishers, of_days.first),
                strict=True,
            )
        ]
        reservations = pa.repeat(UNKNOWN, len(rows))
        if sites := self._sites:
            asked = zip(rows["article_url"].to_pylist(), rows["captured_at"].to_pylist(), strict=True)
            reservations = pa.array([sites.status(url, at) for url, at in asked], pa.string())
        url_only = pc.equal(whole(rows["grade"]), "url_only")
        return {
            "kind": pc.if_else(licences.is_valid(), "licensed", pages.kinds),
            "licence_id": licences,
            "mandate": of_publisher.spread(mandates, pa.string()),
            "rights": of_days.spread(rights, pa.list_(pa.string())),
            "reservation": reservations,
            "credits_read": pc.or_(whole(rows["credits_read"]), url_only),
        }

    def _licences(self, rows: pa.Table, pages: PageFacts, captured: Counts) -> pa.Array:
        licences = self._knowledge.licences
        if not licences.licences:
            return pa.nulls(len(rows), pa.string())
        own = pc.equal(pages.kinds, "own_page")
        same = alike(pages.sites, rows["title_id"], captured, own)
        asked = zip(
            values_of(pages.sites, same.first),
            values_of(rows["title_id"], same.first),
            _dates(captured[same.first]),
            values_of(own, same.first),
            strict=True,
        )
        found = [None if own else licences.covering(site, title, day) for site, title, day, own in asked]
        return same.spread([licence and licence.id for licence in found], pa.string())

    def _letters(self, columns: Columns) -> Columns:
        grades, rules = self._knowledge.config.grade, self._knowledge.config.confidence
        # Only letters A and B of explained rows depend on words beyond; others are not compared by them.
        explained = pc.greater(pc.list_value_length(columns["explained_by"]), 0)
        asked = pc.and_(explained, pc.is_in(columns["row_confidence"], pa.array(["A", "B"])))
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


def _articles_in(rows: pa.Table) -> Iterator[tuple[str, int, int]]:
    ids = whole(rows["article_id"]).dictionary_encode(null_encoding="encode")
    numbers, names = ids.indices.to_numpy(), ids.dictionary
    bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    for first, after in pairwise(bounds):
        if first < after and (name := names[int(numbers[first])].as_py()) is not None:
            yield name, first, after


def _days(micros: Counts) -> Counts:
    return np.where(micros == NO_TIME, NO_TIME, micros // MICROS_A_DAY)


def _dates(days: Counts, unit: str = "D") -> list[Any]:
    # Days since 1970 as dates, or as datetimes with the unit `us`; None where they are not known.
    known = np.where(days == NO_TIME, np.iinfo(np.int64).min, days).astype("M8[D]")
    found: list[Any] = known.astype(f"M8[{unit}]").tolist()
    return found
