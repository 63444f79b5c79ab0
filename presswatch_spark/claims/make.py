"""Makes and publishes the table `claims` of all published runs, by DuckDB or Spark; and counts claims.

DuckDB sorts all rows on this machine, in memory and then on disk; it gets batches of our own reader, which
compares checksums. Spark brings the rows of an article into one task. `Judge` takes all rows of an article
at once: `article_words` finds facts of words, `page_facts` facts of pages, and `confidence` gives the letter.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.article_words import KnownTexts, WordFacts, words_of_article
from presswatch_spark.claims.confidence import KINDS, letter_and_reasons
from presswatch_spark.claims.licences import Licences, PressList
from presswatch_spark.claims.other_sources import Limits
from presswatch_spark.claims.page_facts import MICROS_A_DAY, NO_TIME, PageFacts, PageReader
from presswatch_spark.claims.reviews import digest_of_reviews, load_reviews
from presswatch_spark.claims.rights_and_mandates import mandate_of, rights_of
from presswatch_spark.claims.row_groups import Counts, as_array, group_rows, values_of
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.spark.session import session, spark_schema
from presswatch_spark.core.spark.worker import task
from presswatch_spark.core.translation import Sentence
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.grading import confidence_reasons, letter_of
from presswatch_spark.matching.judgement.rarity import RarityMeter
from presswatch_spark.matching.reservations.verdicts import UNKNOWN
from presswatch_spark.query.duckdb_engine import BATCH_ROWS, duckdb_session, no_room, unreadable
from presswatch_spark.query.reservations import DECISIVE, TO_AGENTS, Moment, OwnSites, pages_read
from presswatch_spark.query.sql import answers_of, chosen_engine
from presswatch_spark.storage.disk import Folder
from presswatch_spark.tables.column_values import CONFIDENCES
from presswatch_spark.tables.declarations import Claim, Match
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.digests import digest_of_packed, packed
from presswatch_spark.tables.seals import Written
from presswatch_spark.tables.sorted_files import SortedFiles, tasks_for, written_by_spark, written_columns
from presswatch_spark.tables.store import TableStore, column_batches

ORDER = ("article_id", "row_sha256", "run_id")
"""The order in which rows are sorted for judgement; rows without an article come first."""

_PLAIN = (
    "run_id", "row_sha256", "dataset", "release", "document_url", "document_host", "document_domain",
    "text_sha256", "captured_at", "article_id", "title_id", "publisher_id", "article_url",
    "article_published_at", "article_time_zone", "article_words", "article_sha256", "url_match", "grade",
    "copied_words", "longest_run_words", "confidence", "confidence_reasons", "own_site", "site_title_id",
    "credits_others", "run_rarity", "shared_words", "ownership", "record_damage", "in_main_content",
    "text_source",
)  # fmt: skip
USED = pa.schema(
    Match.schema.field(name).remove_metadata().with_nullable(True)
    for name in (*_PLAIN, "spans", "document_credits")
)
INPUT = (
    *_PLAIN,
    "document_credits is not null as credits_read",
    "list_transform(spans, lambda span: span.article_start) as starts",
    "list_transform(spans, lambda span: span.article_end) as ends",
)
"""What DuckDB sorts and the judge reads. `starts`, `ends`: characters of the article that spans cover."""

ROWS_AT_ONCE = 20_000
SEAL = "claim_sha256"
Columns = dict[str, Any]
ABOUT_WORDS = (
    "article_words", "beyond_words", "beyond_longest_run", "beyond_rarity", "beyond_shared_words",
    "beyond_ownership",
)  # fmt: skip
"""The columns that `confidence.beyond_letter` reads. `beyond` means: in no other source of the words."""
OF_LETTER = (
    "row_confidence", "row_reasons", "kind", "url_match", "article_known", "credits_read", "explained_by",
    "review", "text_source", *ABOUT_WORDS,
)  # fmt: skip
"""The columns of a claim that its letter and its reasons depend on."""
THINGS: Mapping[str, str] = {
    "addresses": "document_url",
    "pages": "page",
    "captures": "capture",
    "claims": "claim",
    "articles": "article_id",
    "texts": "text_sha256",
    "hosts": "document_host",
}
"""Things to count, each with its key in the view `claimed`, null for none. Claims name no WARC records."""
NOT_DIGESTED = frozenset(("run_id", SEAL))
"""Columns outside of a claim's digest: another run over the same bytes must give the same digest."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The inputs of judgement other than the rows; every process of an engine gets a copy.

    `corpus`: a folder or URI, with its `digest`. `reviews`: verdicts by `row_sha256`. `signals`: rows of
    `rights_signals`; `pages`: captures of members' own pages that were read. `as_of`: the day of judgement.
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


def article_groups(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Yield sorted rows as tables of at least about `rows` rows; the rows of an article stay together."""
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
    """Judges tables of rows. A process needs one only: it keeps the corpus open."""

    def __init__(self, knowledge: Knowledge) -> None:
        config, signals = knowledge.config, knowledge.signals
        corpus = Corpus.same(knowledge.corpus, knowledge.digest, config.storage)
        self._knowledge, self._members, self._corpus = knowledge, corpus.registry.by_id, corpus
        self._rarity_meter = RarityMeter(corpus.index, corpus.surroundings, config.rarity, config.ownership)
        self._pages = PageReader(corpus.registry, corpus.sites, knowledge.press, config.claims.early_days)
        # Without declarations of sites, every reservation is unknown.
        self._sites = OwnSites(signals, knowledge.pages) if signals is not None and len(signals) else None

    def claims(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the claims of sorted rows of `INPUT`, in their order."""
        for rows in article_groups(batches, ROWS_AT_ONCE):
            yield from self.judged(rows.combine_chunks()).to_batches()

    def judged(self, rows: pa.Table) -> pa.Table:
        """Return the claims of sorted rows of `INPUT`, which must contain all rows of each article."""
        config, reviews = self._knowledge.config, self._knowledge.reviews
        pages = self._pages.read(rows)
        words, rules = WordFacts(rows, pages), config.claims
        shares = rules.rest_share, rules.holder_share
        limits = Limits(rules.passage_words, *shares, config.grade.min_run_words)
        ids = as_array(rows["article_id"]).dictionary_encode(null_encoding="encode")
        numbers = ids.indices.to_numpy()
        for first, after in pairwise([0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(rows)]):
            if first < after and (name := ids.dictionary[int(numbers[first])].as_py()) is not None:
                article = words_of_article(self._corpus, name, self._knowledge.known, self._rarity_meter)
                words.judge(article, first, after, limits)
        row_reasons, row_letters = self._row_reasons(rows), as_array(rows["confidence"])
        if row_letters.null_count:
            # Runs of the oldest versions have no letters.
            given = zip(row_letters.to_pylist(), row_reasons.to_pylist(), strict=True)
            row_letters = pa.array([letter or letter_of(why) for letter, why in given], row_letters.type)
        # Columns with the name of one of `matches` are as there, except those that follow.
        columns: Columns = {name: as_array(rows[name]) for name in Claim.columns if name in _PLAIN}
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
        # Work in parts: an article may have very many rows, and the canonical forms for digests are long.
        parts = claims.to_batches(max_chunksize=ROWS_AT_ONCE)
        digests = [digest for part in parts for digest in claim_digests(dict(zip(names, part, strict=True)))]
        return claims.append_column(SEAL, pa.array(digests, pa.string())).select(schema.names).cast(schema)

    def _row_reasons(self, rows: pa.Table) -> pa.Array:
        # Runs of the oldest versions have no reasons: derive them by today's rules.
        given = as_array(rows["confidence_reasons"])
        if not given.null_count:
            return given
        reasons: list[Any] = given.to_pylist()
        rules = self._knowledge.config.confidence
        for i in np.flatnonzero(given.is_null()).tolist():
            (row,) = rows.slice(i, 1).to_pylist()
            # The oldest versions did not measure rarity: null means unknown there, not absent.
            unread = row["run_rarity"] is None and row["grade"] != "url_only"
            reasons[i] = ["rarity_unread"] if unread else confidence_reasons(Match.from_dict(row), rules)
        return pa.array(reasons, given.type)

    def _of_rights(self, rows: pa.Table, pages: PageFacts) -> Columns:
        as_of, published, captured = self._knowledge.as_of, _days(pages.published), _days(pages.captured)
        publishers, licences = rows["publisher_id"], pa.nulls(len(rows), pa.string())
        if self._knowledge.licences.licences:
            # A member's own page needs no licence.
            own = pc.equal(pages.kinds, "own_page")
            same = group_rows(pages.sites, rows["title_id"], captured, own)
            columns = (values_of(column, same.first) for column in (pages.sites, rows["title_id"], own))
            covered = [
                None if is_own else self._knowledge.licences.covering(site, title, day)
                for site, title, is_own, day in zip(*columns, _dates(captured[same.first]), strict=True)
            ]
            licences = same.expand([licence and licence.id for licence in covered], pa.string())
        of_publisher, of_days = group_rows(publishers), group_rows(published, captured, publishers)
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
        url_only = pc.equal(as_array(rows["grade"]), "url_only")
        return {
            "kind": pc.if_else(licences.is_valid(), "licensed", pages.kinds),
            "licence_id": licences,
            "mandate": of_publisher.expand(mandates, pa.string()),
            "rights": of_days.expand(rights, pa.list_(pa.string())),
            "reservation": reservations,
            "credits_read": pc.or_(as_array(rows["credits_read"]), url_only),
        }

    def _letters(self, columns: Columns) -> Columns:
        grades, rules = self._knowledge.config.grade, self._knowledge.config.confidence
        # Each distinct combination of values is judged once. The words beyond other sources affect the letter
        # only if a row of letter A or B is explained; elsewhere, nulls let more rows share a judgement.
        explained = pc.greater(pc.list_value_length(columns["explained_by"]), 0)
        by_words = pc.and_(explained, pc.is_in(columns["row_confidence"], pa.array(["A", "B"])))
        compared = {
            name: pc.if_else(by_words, columns[name], pa.scalar(None, columns[name].type))
            if name in ABOUT_WORDS
            else columns[name]
            for name in OF_LETTER
        }
        same = group_rows(*compared.values())
        values = (values_of(column, same.first) for column in compared.values())
        found = [
            letter_and_reasons(dict(zip(compared, row, strict=True)), grades, rules)
            for row in zip(*values, strict=True)
        ]
        return {
            "confidence": same.expand([letter for letter, _ in found], pa.string()),
            "reasons": same.expand([reasons for _, reasons in found], pa.list_(pa.string())),
        }


def _days(micros: Counts) -> Counts:
    return np.where(micros == NO_TIME, NO_TIME, micros // MICROS_A_DAY)


def _dates(days: Counts, unit: str = "D") -> list[Any]:
    # Convert days since 1970 into dates, or into datetimes for the unit `us`; unknown days become None.
    known = np.where(days == NO_TIME, np.iinfo(np.int64).min, days).astype("M8[D]")
    found: list[Any] = known.astype(f"M8[{unit}]").tolist()
    return found


def claim_digests(columns: Mapping[str, Any]) -> list[str]:
    """Return the SHA-256 (hex) of each row's canonical form, equal to `row_digest`; no column has floats."""
    names = sorted(set(columns) - NOT_DIGESTED)
    keys = [(b"," if place else b"{") + orjson.dumps(name) + b":" for place, name in enumerate(names)]
    texts = [_texts(key, as_array(columns[name])) for key, name in zip(keys, names, strict=True)]
    rows = pc.binary_join_element_wise(*texts, b"}", b"")
    return [hashlib.sha256(row).hexdigest() for row in rows.to_pylist()]


def _texts(key: bytes, column: pa.Array) -> pa.Array:
    if pa.types.is_list(column.type):
        same = group_rows(column)
        values, places = column.take(pa.array(same.first)), pa.array(same.group_of)
    else:
        distinct = column.dictionary_encode(null_encoding="encode")
        values, places = distinct.dictionary, distinct.indices
    if pa.types.is_timestamp(values.type):
        values = pc.strftime(values.cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%SZ")
    return pa.array([key + orjson.dumps(value) for value in values.to_pylist()], pa.binary()).take(places)


def sorted_rows(
    store: TableStore, runs: Sequence[str], memory: str, cores: int | None
) -> Iterator[pa.RecordBatch]:
    """Yield all rows of published runs, as `INPUT`, in `ORDER`, sorted by DuckDB.

    Rows beyond `memory`, such as `2GB`, are sorted on disk. Raises `ConfigError` if `memory` is no size, and
    `OutputError` if the disk is full, or rows cannot be read.
    """
    if not runs:
        return
    import duckdb

    causes = list[PresswatchError]()

    def read() -> Iterator[pa.RecordBatch]:
        # DuckDB replaces an error of this iterator by its own: keep the cause.
        try:
            yield from column_batches(store, "matches", runs, USED.names, batch_rows=BATCH_ROWS)
        except (PresswatchError, pa.ArrowException, OSError) as error:
            causes.append(error if isinstance(error, PresswatchError) else unreadable(store, error))
            raise

    with duckdb_session(memory, cores) as connection:
        try:
            connection.register("rows", pa.RecordBatchReader.from_batches(USED, read()))
            query = f"select {', '.join(INPUT)} from rows order by {', '.join(ORDER)}"
            yield from connection.sql(query).to_arrow_reader(BATCH_ROWS)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise next(iter(causes), no_room("sort the rows", error, memory)) from error


def _write_by_spark(
    store: TableStore, runs: Sequence[str], knowledge: Knowledge, files: SortedFiles, rows: int
) -> Sequence[Written]:
    from pyspark.sql import functions as f

    from presswatch_spark.core.spark.errors import spark_errors

    config = knowledge.config.run
    spark = session("presswatch claims", master=config.master, cores=config.cores)
    with spark_errors(files.folder.uri):
        matches = store.frame(spark, "matches", *runs, columns=USED.names)
        # Spark reads a field of all elements of a list as a field of the list.
        places = (f.col(f"spans.article_{name}").alias(f"{name}s") for name in ("start", "end"))
        chosen = matches.select(*_PLAIN, f.isnotnull("document_credits").alias("credits_read"), *places)
        # Rows without an article are judged one by one: spread them over the tasks by their digest.
        meeting = f.coalesce(f.col("article_id"), f.col("row_sha256"))
        tasks = tasks_for(rows, spark)
        dealt = chosen.repartition(tasks, meeting).sortWithinPartitions(*ORDER)
        claims = dealt.mapInArrow(partial(_judged, knowledge), spark_schema(Claim.schema))
        return written_by_spark(claims, files)


def _judged(knowledge: Knowledge, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with task():
        yield from Judge(knowledge).claims(batches)


@dataclass(frozen=True, slots=True)
class ClaimCounts:
    """The numbers of rows and of each of `THINGS`, in cells by kind and letter; empty cells are absent.

    A page with several rows counts once, in the cell of its strongest row (best letter, then first of
    `KINDS`). The same holds for the other things. Therefore each thing's numbers add up to its total.
    """

    cells: Mapping[tuple[str, str], Mapping[str, int]]

    def total(self, thing: str, kinds: Iterable[str] = KINDS, letters: str = "ABCD") -> int:
        """Return the number of rows, or of a thing, in the cells of some kinds and letters."""
        wanted = {(kind, letter) for kind in kinds for letter in letters}
        return sum(numbers[thing] for cell, numbers in self.cells.items() if cell in wanted)


def counts_of(store: TableStore, engine: str = "duckdb") -> ClaimCounts:
    """Count the published claims in a folder, by `duckdb` or `spark`; raises as `answer_of`."""
    kinds = " ".join(f"when '{kind}' then '{number}'" for number, kind in enumerate(KINDS))
    strength = f"concat(confidence, case kind {kinds} end)"
    queries = [f"select {strength}, count(*) from claimed group by 1"]
    queries += [
        f"select strength, count(*) from (select {key}, min({strength}) as strength from claimed"
        f" where {key} is not null group by {key}) as strongest group by strength"
        for key in THINGS.values()
    ]
    numbers = {
        name: Counter({(KINDS[int(str(of)[1:])], str(of)[0]): int(str(count)) for of, count in answer.rows})
        for name, answer in zip(("rows", *THINGS), answers_of(store, queries, engine), strict=True)
    }
    cells = ((kind, letter) for kind in KINDS for letter in CONFIDENCES if numbers["rows"][kind, letter])
    return ClaimCounts({cell: {name: numbers[name][cell] for name in numbers} for cell in cells})


@dataclass(frozen=True, slots=True)
class KnowledgePaths:
    """Paths, on disk or S3, from which `Knowledge` is read. `as_of`: the day of judgement; None: today."""

    corpus: str
    licences: str | None = None
    press: str | None = None
    reviews: Sequence[str] = ()
    known: Sequence[str] = ()
    as_of: date | None = None


@dataclass(frozen=True)
class ClaimsSummary:
    """A published table `claims` in a folder of tables: its digest, and the engine that made it."""

    store: TableStore
    table_digest: str
    engine: str

    @property
    def folder(self) -> Folder:
        """Return the folder of the table."""
        return self.store.root / "claims"

    @property
    def rows(self) -> int:
        """Return the number of claims about current rows."""
        return self.counts.total("rows")

    @cached_property
    def counts(self) -> ClaimCounts:
        """Return the counts of these claims, queried when they are first read; raises as `answer_of`."""
        return counts_of(self.store, self.engine)


def make_claims(
    store: TableStore, knowledge: Knowledge, out: str, *, engine: str = "auto", memory: str = "2GB"
) -> ClaimsSummary:
    """Judge all rows of all published runs of a store, and write the table `claims` to `out`.

    Claims that are in `out` already move to its table `claims_before`. `engine`: one of `sql.ENGINES`.
    Raises `OutputError` if `out` contains something else, or cannot be written.
    """
    config, runs = knowledge.config, store.published()
    rows = sum(row["matches"] for row in store.rows() if row["run_id"] in runs)
    chosen = chosen_engine(engine, rows)
    about: dict[str, object] = {}

    def write(files: SortedFiles) -> Sequence[Written]:
        if chosen == "spark":
            written: Sequence[Written] = _write_by_spark(store, runs, knowledge, files, rows)
        else:
            rows_in_order = sorted_rows(store, runs, memory, config.run.cores)
            written = [files.write_all(Judge(knowledge).claims(rows_in_order))]
        claims = written_columns(files, written, ["claim_sha256"])
        about["table_digest"] = digest_of_packed(packed(claim["claim_sha256"]) for claim in claims)
        sections = ("grade", "rarity", "ownership", "confidence", "claims")
        inputs = {
            "as_of": knowledge.as_of.isoformat(),
            "corpus_digest": knowledge.digest,
            "press_digest": knowledge.press.digest,
            "licences_digest": knowledge.licences.digest,
            "known_digest": knowledge.known.digest,
            "reviews": len(knowledge.reviews),
            "reviews_digest": digest_of_reviews(knowledge.reviews),
            "settings": {name: asdict(getattr(config, name)) for name in sections},
        }
        about["inputs"] = json.dumps(inputs, sort_keys=True)
        return written

    published = publish_derived(out, "claims", runs, write, config.storage, about)
    return ClaimsSummary(published, str(about["table_digest"]), chosen)


def read_knowledge(
    store: TableStore,
    sources: KnowledgePaths,
    config: ScanConfig,
    tell: Callable[[Sentence], None] = lambda news: None,
) -> Knowledge:
    """Read the knowledge for judging the rows of a store.

    `tell` gets a message for each file of reviews with a cut last line. Raises `ConfigError`, `CorpusError`.
    """
    storage, corpus = config.storage, Corpus.open(sources.corpus, storage=config.storage)
    signals = store.open_table("rights_signals").to_table(filter=DECISIVE & TO_AGENTS)
    return Knowledge(
        corpus=sources.corpus,
        digest=corpus.manifest.digest,
        config=config,
        press=PressList.load(sources.press, storage),
        as_of=sources.as_of or datetime.now(UTC).date(),
        licences=Licences.load(sources.licences, corpus.registry.titles.keys(), storage),
        known=KnownTexts.load(sources.known, storage),
        reviews=load_reviews(sources.reviews, storage, tell),
        signals=signals,
        pages=tuple(pages_read(store)) if len(signals) else (),
    )
