"""Audit: rows drawn from the tables, or found by their digest, are compared with their shards.

With a corpus, the matcher that made the rows also computes their words and figures again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache, partial
from random import Random
from typing import Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from presswatch_spark.core.errors import CorruptError, InputError, OutputError
from presswatch_spark.core.locators import embedded
from presswatch_spark.core.scan_values import DAMAGES, DocumentBatch
from presswatch_spark.core.settings.config import MATCH_SECTIONS, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.grading import grade, judged
from presswatch_spark.matching.judgement.match_rows import Origin
from presswatch_spark.matching.reservations.signals import signals_of
from presswatch_spark.matching.sieve import Candidates
from presswatch_spark.matching.verify.verification import Joined, readings_of_pair
from presswatch_spark.query.pointers.fetched_records import (
    Cause,
    Failure,
    Outcome,
    Record,
    records_at,
    shards_ahead,
)
from presswatch_spark.query.pointers.pointer import Mirror, Pointer, mirrored, pointer_of
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.source import ReadOptions, every_url
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.scanning.shard.matcher import Matcher
from presswatch_spark.storage.arrow_files import ARROW_ERRORS, file_system
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables import digests
from presswatch_spark.tables.declarations import Match, MemberCapture, RightsSignal, Span
from presswatch_spark.tables.row_types import TableRow
from presswatch_spark.tables.store import TableStore, chosen_runs


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A row, its pointer, and the failure of its check or None. `record`: the document compared with it."""

    row: Match
    pointer: Pointer
    failure: Failure | None
    record: Record | None = None


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run, as `runs.config` has them, and the digest of its corpus.

    `where`: their place. `reading` and `rules` raise `OutputError` if they cannot be read.
    """

    run_id: str
    config: Any
    corpus_digest: str | None
    where: str

    @cached_property
    def reading(self) -> dict[str, Any]:
        """Return the settings for reading shards, as fields of `ReadOptions`."""
        with settings_read(self.run_id, self.where):
            read = self.config["read"]
            return {
                "columns": dict(read["columns"]),
                "max_document_bytes": int(read["max_document_bytes"]),
                # Earlier versions read no embedded text.
                "embedded_text": bool(read.get("embedded_text", False)),
            }

    @cached_property
    def rules(self) -> ScanConfig:
        """Return the rules by which the run made its rows; other settings are the usual ones."""
        with settings_read(self.run_id, self.where):
            kinds = get_type_hints(ScanConfig)
            return ScanConfig(**{name: kinds[name](**self.config[name]) for name in MATCH_SECTIONS})


@contextmanager
def settings_read(run_id: str, where: str) -> Iterator[None]:
    """Convert errors of reading a run's settings into an `OutputError`."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise OutputError(
            f"the settings of run {run_id} cannot be read",
            where=where,
            remedy="restore them from a copy, or use the version that made them",
        ) from error


def settings_of(store: TableStore, run_id: str) -> RunSettings:
    """Return the settings of a published run; raises as they do."""
    with settings_read(run_id, where := str(store.root)):
        (run,) = store.read("runs", run_id).to_pylist()
        return RunSettings(run_id, json.loads(run["config"]), run["corpus_digest"], where)


@dataclass(slots=True)
class Audit:
    """Checks rows against their shards; with texts of articles (`article_of`), also their words.

    `settings_of` returns the settings of a run. `mirrors`: present places of shards. `figures`: also
    recomputes the columns of each row, if given.
    """

    settings_of: Callable[[str], RunSettings]
    storage: StorageOptions = field(default_factory=StorageOptions)
    mirrors: Sequence[Mirror] = ()
    article_of: ArticleTexts | None = None
    figures: RowRecomputation | None = None

    def __post_init__(self) -> None:
        self.settings_of = lru_cache(self.settings_of)

    def verdicts(self, rows: Iterable[Match]) -> Iterator[RowCheck]:
        """Check rows, shard by shard; `OutputError` if the settings of a run cannot be read."""
        shards: dict[tuple[str, str, str, str | None], dict[Pointer, list[Match]]] = {}
        for row in rows:
            pointer = pointer_of(row, mirrored(row.shard_uri or "", self.mirrors))
            if failure := edited(row):
                # An edited row may point to a place that never existed.
                yield RowCheck(row, pointer, failure)
                continue
            # Rows of a shard may name many releases: group by release only if the format's reading needs it.
            format = known_formats.find(row.dataset)
            release = row.release if format and format.by_release else None
            key = (pointer.uri, row.dataset, row.run_id, release)
            shards.setdefault(key, {}).setdefault(pointer, []).append(row)
        # Give the release, which selects errata: the record that names it is outside of the range.
        work = [
            (list(pointers), replace(self.options_of(run_id), release=release))
            for (_, _, run_id, release), pointers in shards.items()
        ]
        for pointers, outcomes in zip(shards.values(), shards_ahead(work), strict=True):
            for pointer, outcome in outcomes:
                for row in pointers[pointer]:
                    yield self._verdict(row, pointer, outcome)

    def _verdict(self, row: Match, pointer: Pointer, outcome: Outcome) -> RowCheck:
        if isinstance(outcome, Failure):
            # If the row notes damage of its record, that explains the failure.
            return RowCheck(row, pointer, damaged(row) or outcome)
        failure = difference(row, outcome) or damaged(row, outcome.facts)
        if failure is None and self.article_of is not None:
            failure = other_words(row, outcome.text, self.article_of)
        if failure is None and self.figures is not None:
            failure = self.figures.difference(row, outcome.batch, self.settings_of(row.run_id))
        # Drop the batch, which keeps the buffers of all its documents alive.
        return RowCheck(row, pointer, failure, replace(outcome, batch=None))

    def options_of(self, run_id: str) -> ReadOptions:
        """Return the settings with which the run read its shards, without gates: its rows passed them."""
        return ReadOptions(**self.settings_of(run_id).reading, pdf=True, storage=self.storage)

    def declaration(self, row: RightsSignal) -> tuple[Pointer, Record | None, Failure | None]:
        """Read the response of a declaration again; return its pointer, its record, and the row's failure."""
        uri = mirrored(row.shard_uri, self.mirrors)
        pointer = Pointer(uri, row.record_offset, row.record_length, row.record_encoding)
        if failure := edited(row):
            # An edited row may point to a place that never existed.
            return pointer, None, failure
        options = replace(self.options_of(row.run_id), wants=every_url)
        ((_, outcome),) = records_at([pointer], options)
        if isinstance(outcome, Failure):
            return pointer, None, outcome
        return pointer, outcome, other_declaration(row, outcome)


# --- comparison of a record with its row

ArticleTexts = Callable[[str], bytes | None]
"""Returns the text of an article by its id, in UTF-8; None if the source, such as a corpus, lacks it."""

# `release` is left out: it may come from the shard's first record, which the range does not contain.
COMPARED: Mapping[str, Cause] = {
    "document_url": Cause.OTHER_URI,
    "record_id": Cause.OTHER_RECORD,
    "payload_digest": Cause.OTHER_DIGEST,
    "payload_digest_computed": Cause.OTHER_PAYLOAD,
    "text_extraction": Cause.OTHER_EXTRACTION,
    "text_sha256": Cause.OTHER_TEXT,
    # A range that is not exactly the record would give a third party other bytes.
    **dict.fromkeys((
        "dataset", "captured_at", "http_status", "languages", "record_offset", "record_length",
        "record_encoding", "row_index", "charset", "document_host", "document_domain", "page_publisher",
        "page_publisher_source", "page_author", "page_published_at", "page_based_on", "page_canonical_url",
        "upstream_uri", "upstream_offset",
    ), Cause.OTHER_FACTS),
}  # fmt: skip
SPAN = ("document_start", "document_end", "article_start", "article_end", "words")
COMPARED_OF_RESPONSE = frozenset((
    "record_id", "captured_at", "http_status", "record_offset", "record_length", "record_encoding",
))  # fmt: skip
"""The columns of `rights_signals` that are compared."""


def edited(row: TableRow) -> Failure | None:
    """Return a failure if the row is not as the scan wrote it, else None."""
    columns = row.as_dict()
    try:
        same = digests.row_digest(columns) == columns["row_sha256"]
    except (TypeError, ValueError):  # a value that no row can have
        same = False
    return None if same else Failure(Cause.ROW_EDITED)


def difference(row: Match, record: Record) -> Failure | None:
    """Return the first difference between a document and its row."""
    format = known_formats.find(row.dataset)
    # The range does not contain facts that the format takes from other records.
    elsewhere = format.facts_elsewhere if format else frozenset[str]()
    if failure := _first_other(row, record, COMPARED.keys() - elsewhere):
        return failure
    # Only the places of the copied words show whether they are hidden.
    is_other = embedded(row.text_source) != embedded(record.facts.text_source)
    return Failure(Cause.OTHER_FACTS, "`text_source` differs") if is_other else None


def _first_other(row: Match | RightsSignal, record: Record, names: Collection[str]) -> Failure | None:
    # Rows of earlier versions lack later columns.
    columns = row.as_dict()
    for column, cause in COMPARED.items():
        if column in names and column in columns and columns[column] != getattr(record.facts, column):
            return Failure(cause, f"`{column}` differs")
    return None


def damaged(row: Match, facts: Match | None = None) -> Failure | None:
    """Return a failure if the row, or the facts read now, name damage of the record; else None."""
    damage = row.record_damage or (facts and facts.record_damage)
    return Failure(Cause.DAMAGED, f"`{damage}`: {DAMAGES.get(damage, 'unknown')}") if damage else None


def other_words(row: Match, text: bytes, article_of: ArticleTexts) -> Failure | None:
    """Return the failure of a row with another article or with different words; None if all agree."""
    if row.article_id is None:
        return None
    body = article_of(row.article_id)
    if body is None:
        return Failure(Cause.OTHER_ARTICLE, "the corpus has no article of this id")
    if hashlib.sha256(body).hexdigest() != row.article_sha256:
        return Failure(Cause.OTHER_ARTICLE, "the corpus has another text of the article")
    document, article = text.decode("utf-8", "replace"), body.decode("utf-8", "replace")
    spans: Iterable[Span | None] = row.spans or ()
    if row.longest_run_words and not spans:
        return Failure(Cause.OTHER_WORDS, "the row has no span")
    for number, span in enumerate(spans):
        if span is None or None in (span.get(name) for name in SPAN):
            return Failure(Cause.OTHER_WORDS, f"span {number} has no bounds")
        sides = (
            document[span["document_start"] : span["document_end"]],
            article[span["article_start"] : span["article_end"]],
        )
        copied, original = readings_of_pair(
            *(Joined(words_of(side.encode("utf-8", "replace"))) for side in sides)
        )
        if copied.words.packed != original.words.packed:
            return Failure(Cause.OTHER_WORDS, f"span {number} is not the same on both sides")
        count = len(copied.words)
        if count != span["words"]:
            return Failure(Cause.OTHER_WORDS, f"span {number} has {count} words, not {span['words']}")
    return None


def other_declaration(row: RightsSignal, record: Record) -> Failure | None:
    """Return the first difference between a response, read again, and its row of `rights_signals`."""
    capture = record.capture
    if capture is None:
        return Failure(Cause.UNREADABLE, "there is no response")
    if digests.storable(capture.url) != row.document_url:
        return Failure(Cause.OTHER_URI, "`document_url` differs")
    if failure := _first_other(row, record, COMPARED_OF_RESPONSE):
        return failure
    if row.content_sha256 not in (None, hashlib.sha256(capture.body).hexdigest()):
        return Failure(Cause.OTHER_PAYLOAD, "`content_sha256` differs")
    signals = list(signals_of(capture))
    if any(all(getattr(row, name) == value for name, value in asdict(each).items()) for each in signals):
        return None
    read_by = {each.parser for each in signals if each.signal == row.signal}
    return Failure(Cause.OTHER_SIGNAL, "" if row.parser in read_by else f"the row was made by {row.parser}")


# --- rows of the tables

POINTING: Mapping[str, type[Match | RightsSignal | MemberCapture]] = {
    "matches": Match,
    "rights_signals": RightsSignal,
    "captures": MemberCapture,
}
"""Tables whose rows have pointers to records."""
USED = {
    "matches": (
        "run_id", "dataset", "document_url", "article_id", "article_sha256", "longest_run_words", "spans",
        "shard_uri", "record_id", "record_offset", "record_length", "record_encoding", "row_index",
        "payload_digest", "text_sha256", "captured_at", "http_status", "languages", "row_sha256",
    ),
    "rights_signals": (
        "run_id", "document_url", "signal", "source", "value", "verdict", "agent", "path", "content_sha256",
        "shard_uri", "record_id", "record_offset", "record_length", "record_encoding", "captured_at",
        "http_status", "row_sha256",
    ),
    "captures": MemberCapture.columns,
}  # fmt: skip


def drawn_rows(store: TableStore, run_id: str | None, count: int, seed: int) -> tuple[list[Match], int]:
    """Draw `count` rows of a published run (`latest`: the newest) or of all runs; also return their number.

    `InputError` if no such run is published, `CorruptError` if a file of the table cannot be read.
    """
    if not store.published():
        raise InputError("no run is published here", where=str(store.root), remedy="scan first")
    # Do not check the files: the audit itself finds changed rows.
    files = store.files("matches", *chosen_runs(store, run_id), check=False)
    # In the order of runs, so that a seed draws the same rows from merged files.
    parts = sorted((run, file) for file, runs in files.items() for run in runs)
    sizes = list[int]()
    for run, file in parts:
        with _opened(store, file, "matches", [run]) as opened:
            groups = (group for fragment in opened.get_fragments() for group in fragment.row_groups)
            sizes.append(sum(group.num_rows for group in groups))
    total = sum(sizes)
    drawn = sorted(Random(seed).sample(range(total), min(count, total)))
    rows, first = list[Match](), 0
    for (run, file), size in zip(parts, sizes, strict=True):
        places = [place - first for place in drawn if first <= place < first + size]
        first += size
        if places:
            with _opened(store, file, "matches", [run]) as opened:
                rows += map(Match.from_dict, opened.take(places).to_pylist())
    return rows, total


def damage_of(store: TableStore, run_id: str | None) -> Iterator[OutputError]:
    """Read all tables of a published run, or of all runs, and yield the errors in them."""
    for each in chosen_runs(store, run_id):
        try:
            store.check(each)
        except OutputError as error:
            yield error


def row_by_digest(store: TableStore, prefix: str) -> Match | RightsSignal | MemberCapture:
    """Find the row whose `row_sha256` begins with `prefix`; if several runs have it, that of the newest.

    `InputError` if there is no such row or several, `CorruptError` if a file of a table cannot be read.
    """
    wanted = digest_prefix(prefix)
    by_digest = dict[str, Match | RightsSignal | MemberCapture]()
    for table, kind in POINTING.items():
        rows = _rows_with(store, table, "row_sha256", partial(pc.starts_with, pattern=wanted))
        by_digest |= {row["row_sha256"]: kind.from_dict(row) for row in rows}
    if len(by_digest) != 1:
        how_many = f"{len(by_digest):,} rows have" if by_digest else "no row has"
        raise InputError(
            f"{how_many} a row_sha256 that begins with {wanted}",
            where=str(store.root),
            remedy="pass more of its digits" if by_digest else "`presswatch matches --json` lists them",
        )
    return by_digest.popitem()[1]


def digest_prefix(text: str) -> str:
    """Return the first digits of a `row_sha256` in lower case; `InputError` if they are not hexadecimal."""
    digits = text.lower()
    if not 0 < len(digits) <= 64 or set(digits) - set("0123456789abcdef"):
        remedy = "pass the first digits of a row's row_sha256"
        raise InputError(f"{text!r} is not the start of a SHA-256", remedy=remedy)
    return digits


def table_of(row: Match | RightsSignal | MemberCapture) -> str:
    """Return the name of a row's table."""
    return next(table for table, kind in POINTING.items() if isinstance(row, kind))


def rows_with(store: TableStore, column: str, values: Collection[str]) -> Iterator[Match]:
    """Yield the rows of `matches` with these values, of all runs; `CorruptError` if a file is damaged."""
    is_wanted = partial(pc.is_in, value_set=pa.array(sorted(values), pa.string()))
    yield from map(Match.from_dict, _rows_with(store, "matches", column, is_wanted))


def _rows_with(
    store: TableStore, table: str, column: str, is_wanted: Callable[[pa.Array], pa.Array]
) -> Iterator[dict[str, Any]]:
    for file, runs in store.files(table).items():
        with _opened(store, file, table, runs) as opened:
            places = pc.indices_nonzero(is_wanted(opened.to_table(columns=[column])[column]))
            yield from opened.take(places).to_pylist() if len(places) else ()


@contextmanager
def _opened(store: TableStore, path: str, table: str, runs: Sequence[str]) -> Iterator[Any]:
    """Open a file with its own columns only: digests of rows of an earlier version cover no later columns."""
    try:
        names = set(pq.read_schema(path, filesystem=file_system(path, store.root.storage)).names)
        if lost := [name for name in USED[table] if name not in names]:
            raise CorruptError(f"the file of the table lacks the column {', '.join(lost)}", where=path)
        schema = pa.schema([column for column in POINTING[table].schema if column.name in names])
        yield store.open_files({path: runs}, schema)
    except ARROW_ERRORS as error:
        raise CorruptError(
            "the file of the table cannot be read", where=path, remedy="restore it, or scan again"
        ) from error


# --- figures, computed again

NOT_RECOMPUTED = frozenset((
    "run_id", "release", "product", "product_revision", "shard_uri", "record_damage", "row_sha256",
))  # fmt: skip
"""Columns that neither record nor corpus determines; `docs/reference/pointers.md` lists them with reasons."""

JUDGEMENTS = frozenset(("confidence", "confidence_reasons"))
"""Columns that are not compared for rows of earlier versions, which had fewer reasons."""
OF_THE_PAIR = frozenset((
    "grade", "longest_run_words", "copied_words", "article_coverage", "document_coverage", "minhash_jaccard",
    "in_main_content", "spans", "article_words", "document_words", "unbroken_words", "passage_kind",
))  # fmt: skip
"""Columns that depend only on the two texts and the settings, not on other articles of the corpus."""


class RowRecomputation:
    """Computes rows again by the rules of their run; without a corpus, only columns that follow from others.

    If the corpus is not the one that the rows were made with, only `OF_THE_PAIR` is compared.
    """

    def __init__(self, corpus: Corpus | None) -> None:
        self._corpus = corpus
        self._matcher = lru_cache(Matcher)
        self.other_corpus_runs = set[str]()
        """Runs that were made with a different corpus."""

    def difference(self, row: Match, batch: DocumentBatch | None, run: RunSettings) -> Failure | None:
        """Return a failure that names the columns in which a row differs from its recomputation, or None.

        `batch`: a batch of the row's page only; None if it could not be read as a document.
        """
        if self._corpus is None or batch is None:
            return _other(_unlike_itself(row, run.rules))
        if run.corpus_digest == self._corpus.manifest.digest:
            computed = _computed(row, batch, self._matcher(self._corpus, run.rules))
            return _other(_unlike(row, computed)) if computed else NO_ROW
        self.other_corpus_runs.add(row.run_id)
        others = _unlike_itself(row, run.rules)
        if row.article_id is not None and row.longest_run_words:
            # Compare the document with the row's article only.
            ordinal = self._corpus.ordinal_of(row.article_id)
            articles = np.array([] if ordinal is None else [ordinal], np.uint32)
            count = len(batch) * len(articles)
            pair = Candidates(np.arange(count, dtype=np.int32), np.repeat(articles, count), 0)
            computed = _computed(row, batch, self._matcher(self._corpus, run.rules), pair)
            if computed is None:
                return NO_ROW
            others += [name for name in _unlike(row, computed) if name in OF_THE_PAIR and name not in others]
        return _other(others)


def _computed(
    row: Match, batch: DocumentBatch, matcher: Matcher, candidates: Candidates | None = None
) -> dict[str, Any] | None:
    """Return the row that a scan would make for the same document and article (or title), or None.

    `candidates`: the articles to compare with; None: those that the sieve finds.
    """
    # Columns that come from `origin` are not compared.
    origin = Origin(row.dataset, row.release, row.shard_uri)
    rows = matcher.rows(batch, candidates or matcher.candidates_of_all_hashes(batch), origin)
    source = embedded(row.text_source)
    of_source = [each for each in rows if embedded(each.text_source) == source]
    alike = [each for each in of_source if each.article_id == row.article_id]
    own = [each for each in alike if each.title_id == row.title_id]
    # If the title differs, take the row of the same article: its title is then one of the differences.
    found = own or (alike if row.article_id is not None else [])
    return found[0].as_dict() if found else None


def _unlike_itself(row: Match, rules: ScanConfig) -> list[str]:
    """Return the columns that contradict other columns of the row; none for rows of earlier versions."""
    if _is_older(row):
        return []
    try:
        coverage = row.article_coverage if row.longest_run_words else None
        graded = "url_only" if coverage is None else grade(row.copied_words, coverage, rules.grade)
        letter, reasons = judged(row.with_columns(grade=graded), rules.confidence)
        return _unlike(row, {"grade": graded, "confidence": letter, "confidence_reasons": reasons})
    except (TypeError, AttributeError):  # a figure is null or of another type
        return ["confidence"]


def _is_older(row: Match) -> bool:
    # Rows of earlier versions lack columns that today's rules for letters may read.
    return (
        not {*Match.columns} - digests.NOT_DIGESTED - digests.DIGESTED_IF_KNOWN.keys() <= row.as_dict().keys()
    )


def _unlike(row: Match, computed: Mapping[str, Any]) -> list[str]:
    format = known_formats.find(row.dataset)
    left_out = NOT_RECOMPUTED | (format.facts_elsewhere if format else frozenset())
    if _is_older(row):
        left_out |= JUDGEMENTS
    columns = row.as_dict()
    names = [name for name in columns if name in computed and name not in left_out]
    return [name for name in names if _form(columns[name]) != _form(computed[name])]


def _form(value: object) -> str | None:
    try:
        return digests.canonical_form({"": value})
    except (TypeError, ValueError):  # a value that no valid row contains
        return None


def _other(columns: Collection[str]) -> Failure | None:
    if not columns:
        return None
    names = ", ".join(f"`{name}`" for name in columns)
    return Failure(Cause.OTHER_FIGURES, f"{names} {'differs' if len(columns) == 1 else 'differ'}")


NO_ROW = Failure(Cause.OTHER_FIGURES, "the document yields no row for this article or title")
