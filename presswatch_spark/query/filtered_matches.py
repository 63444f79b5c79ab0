"""Rows of `matches` by filter, strongest first or in stored order; checks of names in filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.core.errors import InputError
from presswatch_spark.core.terminal import nearest, printable
from presswatch_spark.query.sql import QueryResult, answer_of, engine_of, literal
from presswatch_spark.query.views import RECORD, was_read_again
from presswatch_spark.tables.column_values import CONFIDENCES
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.sorted_files import ORDERS as STORED
from presswatch_spark.tables.store import TableStore, bounded_batches, chosen_runs

if TYPE_CHECKING:
    from presswatch_spark.corpus.store import Corpus

# Tables whose rows name titles, publishers or articles.
NAMING = ("matches", "captures", "rights_signals", "runs")
COLUMNS = {
    "title": "title_id", "publisher": "publisher_id", "article": "article_id",
    "host": "document_host", "release": "release", "dataset": "dataset",
}  # fmt: skip
"""Columns that a filter compares with a name, by the kind of the name in messages."""
ALL_RUNS = "all"
"""The name of all runs, with superseded rows; without a name, rows are current."""
SITES = {"own_site": "own_site", "elsewhere": "not own_site", "unknown_site": "own_site is null"}
_WEIGHT = (
    "{letter} nulls last, copied_words desc, longest_run_words desc, article_coverage desc nulls last,"
    " row_sha256, run_id, shard_uri, record_offset nulls first, row_index nulls first"
)
ORDERS: Mapping[str, str] = {
    "weight": _WEIGHT,
    "date": f"captured_at nulls last, {_WEIGHT}",
    "host": f"document_host nulls last, {_WEIGHT}",
    "title": f"title_id, {_WEIGHT}",
    "shard": ", ".join(f"{name} nulls first" for name in ("run_id", *STORED["matches"])),
}
"""Total orders of rows, so that results are reproducible. `shard`: as they are stored."""


def require_known(store: TableStore, wanted: MatchFilter, corpus: Corpus | None = None) -> None:
    """Raise `InputError`, with the nearest names, for names that neither rows nor the corpus contain."""
    for kind, name in wanted.names().items():
        column = COLUMNS[kind]
        if any(map(len, _batches_naming(store, column, pc.field(column) == name))):
            continue
        batches = _batches_naming(store, column)
        known = {each: each for batch in batches for each in batch[column].unique().drop_null().to_pylist()}
        if kind in ("host", "release", "dataset"):
            what = f"no row of these tables has the {kind} {name}"
            remedy = "write the host as the rows do; older runs recorded no hosts" if kind == "host" else ""
        elif corpus is None:
            what = f"no row of these tables mentions the {kind} {name}"
            remedy = "pass its id; with --corpus DIR, everything in the corpus is known, found or not"
        else:
            if kind != "article":
                registry = corpus.registry
                members = registry.titles.values() if kind == "title" else registry.publishers
                known |= {each: member.id for member in members for each in (member.name, member.id)}
            if name in known.values() or (kind == "article" and corpus.ordinal_of(name) is not None):
                continue
            what = f"neither the tables nor the corpus contain the {kind} {name}"
            remedy = "pass the id that the members file or the articles contain"
        near = dict.fromkeys(known[each] for each in nearest(name, known, 3))
        nearest_names = f"; nearest: {', '.join(near)}" if near else ""
        raise InputError(printable(f"{what}{nearest_names}"), where=str(store.root), remedy=remedy)


def _batches_naming(store: TableStore, column: str, wanted: Any = None) -> Iterator[pa.RecordBatch]:
    for table in NAMING:
        if column in SCHEMAS[table].names:
            # Do not verify the files here: reading their rows does so later.
            rows = store.open_files(store.files(table, read=False), SCHEMAS[table])
            yield from bounded_batches(rows, [column], wanted)


@dataclass(frozen=True, slots=True)
class MatchFilter:
    """A filter of rows; None, empty and False exclude none. Null in a filtered column excludes a row.

    `own_site`, `elsewhere` and `unknown_site` add up. `since`: captured at this time or later.
    """

    title_id: str | None = None
    publisher_id: str | None = None
    article_id: str | None = None
    grades: tuple[str, ...] = ()
    confidences: tuple[str, ...] = ()
    own_site: bool = False
    elsewhere: bool = False
    unknown_site: bool = False
    dataset: str | None = None
    release: str | None = None
    document_host: str | None = None
    since: datetime | None = None

    def names(self) -> dict[str, str]:
        """Return the names that rows must have, by the keys of `COLUMNS`."""
        names = {kind: getattr(self, column) for kind, column in COLUMNS.items()}
        return {kind: name for kind, name in names.items() if name is not None}

    def condition(self, letter: str) -> str:
        """Return the filter in SQL, over rows whose letter is the column `letter`."""
        terms = [f"{COLUMNS[kind]} = {literal(name)}" for kind, name in self.names().items()]
        for name, values in (("grade", self.grades), (letter, self.confidences)):
            if values:
                terms.append(f"{name} in ({', '.join(map(literal, values))})")
        if self.since:
            terms.append(f"captured_at >= cast('{self.since:%Y-%m-%dT%H:%M:%S}Z' as timestamp)")
        if asked := [term for name, term in SITES.items() if getattr(self, name)]:
            terms.append(f"({' or '.join(asked)})")
        return " and ".join(terms) or "true"


@dataclass(frozen=True, slots=True)
class MatchTotals:
    """The numbers of rows: all, by letter, and by site of their documents; and of what the rows name.

    `documents`: records. `addresses`: known URLs of pages. `without_host`: rows whose host is unknown.
    """

    rows: int
    letters: Mapping[str, int]
    own_site: int
    elsewhere: int
    unknown_site: int
    documents: int
    addresses: int
    articles: int
    hosts: int
    without_host: int


@dataclass(frozen=True, slots=True)
class Matches:
    """The rows of published runs that a filter selects, each with its letter.

    `judged`: claims are published in the same tables; then the letter is that of the row's claim.
    `superseding`: shards were read again, and superseded rows are left out.
    """

    store: TableStore
    wanted: MatchFilter
    runs: Sequence[str]
    engine: str
    judged: bool
    superseding: bool = False

    @classmethod
    def of(cls, store: TableStore, run_id: str | None, wanted: MatchFilter, engine: str = "auto") -> Self:
        """Select rows of a published run (`latest`: the newest), of `all`, or by default the current ones.

        Raises as `chosen_runs`.
        """
        runs = chosen_runs(store, None if run_id == ALL_RUNS else run_id)
        superseding = run_id is None and was_read_again(store, tuple(runs))
        return cls(store, wanted, runs, engine_of(store, engine), bool(store.made("claims")), superseding)

    def rows(self, columns: Sequence[str], order: str = "weight", limit: int | None = None) -> QueryResult:
        """Return columns of at most `limit` rows, in one of `ORDERS`; `letter` is a column, too."""
        letter = "letter" if self.judged else "confidence as letter"
        query = self._query(", ".join(letter if name == "letter" else name for name in columns), self.wanted)
        # DuckDB returns the rows of a single table in stored order.
        if order != "shard" or self._source != "matches" or self.engine != "duckdb":
            query += f" order by {ORDERS[order].format(letter=self._letter)}"
        return self._answer(query if limit is None else f"{query} limit {limit}")

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows, with all columns or some, as an Arrow table in stored order; raises as `rows`."""
        from presswatch_spark.query import duckdb_engine

        declared = SCHEMAS["matches"]
        schema = pa.schema([declared.field(name) for name in columns or declared.names])
        query = replace(self, judged=False)._query(", ".join(schema.names), self.wanted)
        if self.superseding:
            query += f" order by {ORDERS['shard']}"
        return duckdb_engine.table(self.store, query, self.runs).cast(schema)

    def totals(self) -> MatchTotals:
        """Count the rows and the things that they name; raises as `rows`."""
        # Use md5: DuckDB's own 64-bit hash had 60 collisions among 2,000 such texts.
        things = {
            "documents": f"md5({RECORD})",
            "addresses": "document_url",
            "articles": "article_id",
            "hosts": "document_host",
        }
        conditions = SITES | {"without_host": "document_host is null"}
        conditions |= {letter: f"{self._letter} = '{letter}'" for letter in CONFIDENCES}
        counts = {"rows": "count(*)"}
        counts |= {name: f"count(distinct {each})" for name, each in things.items()}
        counts |= {name: f"count(case when {each} then 1 end)" for name, each in conditions.items()}
        row = next(self._answer(self._query(", ".join(counts.values()), self.wanted)).rows)
        numbers: dict[str, Any] = dict(zip(counts, row, strict=True))
        letters = {letter: numbers.pop(letter) for letter in CONFIDENCES}
        return MatchTotals(**numbers, letters={letter: count for letter, count in letters.items() if count})

    def left_out(self) -> dict[str, int]:
        """Count rows that are excluded because a filtered column is null, by column."""
        found = dict[str, int]()
        columns = {"since": "captured_at", "document_host": "document_host", "release": "release"}
        for asked, column in columns.items():
            if getattr(self.wanted, asked) is not None:
                changed: dict[str, Any] = {asked: None}
                others = replace(self.wanted, **changed)
                (count,) = next(self._answer(f"{self._query('count(*)', others)} and {column} is null").rows)
                found |= {column: int(str(count))} if count else {}
        return found

    def reasons(self, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[Any, ...], Any]:
        """Return the codes of reasons of rows' claims, by run and `row_sha256`."""
        if not self.judged or not rows:
            return {}
        digests = ", ".join(literal(row["row_sha256"]) for row in rows)
        query = f"select run_id, row_sha256, reasons from claims where row_sha256 in ({digests})"
        return {tuple(key): reasons for *key, reasons in self._answer(query).rows}

    @property
    def _source(self) -> str:
        if self.superseding:
            return "sightings"
        return "all_sightings" if self.judged else "matches"

    @property
    def _letter(self) -> str:
        return "letter" if self.judged else "confidence"

    def _query(self, columns: str, wanted: MatchFilter) -> str:
        return f"select {columns} from {self._source} where {wanted.condition(self._letter)}"

    def _answer(self, query: str) -> QueryResult:
        return answer_of(self.store, query, self.engine, self.runs)
