"""Rows of `matches` by filter: the strongest first, or as they are stored; and names that users filter by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.errors import InputError
from presswatch_spark.judgement.grading import CONFIDENCES
from presswatch_spark.queries.sql import QueryResult, answer_of, engine_of, literal
from presswatch_spark.queries.views import RECORD
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.row_types import UTC_MICROS
from presswatch_spark.tables.sorted_files import ORDERS as STORED
from presswatch_spark.tables.store import TableStore, chosen_runs
from presswatch_spark.terminal import did_you_mean, nearest, printable

if TYPE_CHECKING:
    from presswatch_spark.corpus.store import Corpus

# Tables whose rows name titles, publishers or articles.
NAMING = ("matches", "captures", "rights_signals", "runs")
COLUMNS = {"host": "document_host", "release": "release", "dataset": "dataset"}
"""Columns of what has no id."""
NEAREST = 3


BATCH_ROWS = 10_000
EQUAL = ("title_id", "publisher_id", "article_id", "dataset", "release", "document_host")
"""Columns that a filter may ask for one value of."""
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
"""In what order rows can be had: each is the same every time. `shard` is how they are stored."""
MAY_BE_UNKNOWN = ("captured_at", "document_host", "release")
"""Columns of a filter that may be null: then nobody knows whether the row is wanted."""


def require_known(store: TableStore, wanted: Mapping[str, str | None], corpus: Corpus | None = None) -> None:
    """Refuse ids of titles, publishers or articles that neither rows nor the corpus know.

    So it does with hosts, datasets and releases, of which a corpus knows nothing.

    An id that no row names may yet be in the corpus of a scan that found no copy of it. Without a corpus, the
    message says only that no row names it.

    Args:
        wanted: ids by `title`, `publisher` and `article`, and names by the keys of `COLUMNS`; None asks for
            nothing.

    Raises:
        InputError: with the nearest that are known.
    """
    # It loads pandas, as the tables do once they are opened.
    from presswatch_spark.tables.bounded import bounded_batches

    for kind, name in wanted.items():
        column = COLUMNS.get(kind, f"{kind}_id")
        if name is None or any(
            len(batch)
            for rows in _rows_with(store, column)
            for batch in bounded_batches(rows, [column], pc.field(column) == name)
        ):
            continue
        batches = (batch for rows in _rows_with(store, column) for batch in bounded_batches(rows, [column]))
        known = {each: each for batch in batches for each in batch[column].unique().drop_null().to_pylist()}
        if kind in COLUMNS:
            what = f"no row of these tables has the {kind} {name}"
            remedy = "give it as the rows do; of older runs, hosts are not known" if kind == "host" else ""
        elif corpus is None:
            what = f"no row of these tables names the {kind} {name}"
            remedy = "give the id; with --corpus DIR, whatever the corpus holds is known, found or not"
        else:
            if kind != "article":
                registry = corpus.registry
                members = registry.titles.values() if kind == "title" else registry.publishers
                known |= {each: member.id for member in members for each in (member.name, member.id)}
            if name in known.values() or (kind == "article" and corpus.ordinal_of(name) is not None):
                continue
            what = f"neither the tables nor the corpus know the {kind} {name}"
            remedy = "give the id that the members' file or the articles have"
        near = dict.fromkeys(known[each] for each in nearest(name, known, NEAREST))
        nearest_names = f"; nearest: {', '.join(near)}" if near else ""
        raise InputError(printable(f"{what}{nearest_names}"), where=str(store.root), remedy=remedy)


def require_each(kind: str, names: Iterable[str], known: Iterable[str], where: str = "") -> None:
    """Refuse names of a `kind` (`grade`, `column`, …) that are not among those `known`: no row has them.

    Args:
        where: what is asked, such as a table.

    Raises:
        InputError: with those that are.
    """
    there = tuple(known)
    for name in names:
        if name not in there:
            what = f"there is no {kind} {name}{did_you_mean(name, there)}"
            raise InputError(printable(what), where=where, remedy=f"there are: {', '.join(there)}")


def _rows_with(store: TableStore, column: str) -> Iterator[Any]:
    for table in NAMING:
        if column in SCHEMAS[table].names:
            # Names alone are looked for: what is read later is held against what was published.
            yield store.dataset(store.files(table, read=False), SCHEMAS[table])


@dataclass(frozen=True, slots=True)
class MatchFilter:
    """Which rows are wanted; None, empty and False ask for nothing in particular.

    `own_site`, `elsewhere` and `unknown_site` ask for documents on the publisher's own sites, on others, and
    where nobody knows. They add up. `since` asks for documents that were captured then or later; a row whose
    capture has no date is left out, as is one without a host where `document_host` is given.
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

    def expression(self) -> Any:
        """Return the filter as an Arrow expression, or None for all rows."""
        terms = [pc.field(name) == value for name, value in self._equal()]
        if self.grades:
            terms.append(pc.field("grade").isin(self.grades))
        if self.confidences:
            terms.append(pc.field("confidence").isin(self.confidences))
        if self.since:
            terms.append(pc.field("captured_at") >= pa.scalar(self.since, UTC_MICROS))
        known, own = pc.is_valid(pc.field("own_site")), pc.field("own_site")
        # False, never null, where they do not hold.
        sites = {"own_site": known & own, "elsewhere": known & ~own, "unknown_site": ~known}
        if asked := [term for name, term in sites.items() if getattr(self, name)]:
            terms.append(reduce(or_, asked))
        return reduce(and_, terms) if terms else None

    def condition(self, letter: str) -> str:
        """Return the filter in SQL, over rows whose letter is the column `letter`."""
        terms = [f"{name} = {literal(value)}" for name, value in self._equal()]
        for name, values in (("grade", self.grades), (letter, self.confidences)):
            if values:
                terms.append(f"{name} in ({', '.join(map(literal, values))})")
        if self.since:
            terms.append(f"captured_at >= cast('{self.since:%Y-%m-%dT%H:%M:%S}Z' as timestamp)")
        if asked := [term for name, term in SITES.items() if getattr(self, name)]:
            terms.append(f"({' or '.join(asked)})")
        return " and ".join(terms) or "true"

    def columns(self) -> set[str]:
        """Return the columns of `matches` that the filter looks at."""
        asked: dict[str, Any] = {
            "grade": self.grades,
            "confidence": self.confidences,
            "captured_at": self.since,
        }
        asked["own_site"] = self.own_site or self.elsewhere or self.unknown_site
        return {name for name, _ in self._equal()} | {name for name, value in asked.items() if value}

    def without(self, column: str) -> Self:
        """Return the filter without what it asks of `captured_at` or of a column of `EQUAL`."""
        changed: dict[str, Any] = {"since" if column == "captured_at" else column: None}
        return replace(self, **changed)

    def _equal(self) -> Iterator[tuple[str, str]]:
        return ((name, value) for name in EQUAL if (value := getattr(self, name)) is not None)


@dataclass(frozen=True, slots=True)
class MatchTotals:
    """How many rows there are: all, by letter, and by where their documents stand; and what they name.

    `documents` are records; `addresses` known URLs of their pages. `without_host`: rows whose host is not
    known; `hosts` counts those of the others.
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

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """Return the totals of the one row that `totals_query` gives."""
        names = [each.name for each in fields(cls) if each.name != "letters"]
        counts: dict[str, Any] = dict(zip(names, (number or 0 for number in row), strict=False))
        by_letter = zip(CONFIDENCES, row[len(names) :], strict=True)
        return cls(**counts, letters={letter: count for letter, count in by_letter if count})


def totals_query(source: str, letter: str, condition: str) -> str:
    """Return a query for the totals of rows of `source`, whose letter is the column `letter`."""

    def rows_where(what: str) -> str:
        return f"sum(case when {what} then 1 else 0 end)"

    # Of 2,000 such texts, DuckDB's own hash of 64 bits gives 60 the number of another one.
    document = f"md5({RECORD})"
    counts = [
        "count(*)",
        rows_where("own_site"),
        rows_where("not own_site"),
        rows_where("own_site is null"),
        f"count(distinct {document})",
        "count(distinct document_url)",
        "count(distinct article_id)",
        "count(distinct document_host)",
        rows_where("document_host is null"),
        *(rows_where(f"{letter} = '{each}'") for each in CONFIDENCES),
    ]
    return f"select {', '.join(counts)} from {source} where {condition}"


@dataclass(frozen=True, slots=True)
class Matches:
    """The rows of published runs that a filter lets through, each with its letter.

    The letter is that of the row, or of its claim if `judged`: if claims are published in the same tables.
    """

    store: TableStore
    wanted: MatchFilter
    runs: Sequence[str]
    engine: str
    judged: bool

    @classmethod
    def of(cls, store: TableStore, run_id: str | None, wanted: MatchFilter, engine: str = "auto") -> Self:
        """Return the rows of one published run (`latest`: the newest), or of all, oldest first.

        Raises:
            InputError: no such run is published.
        """
        runs = chosen_runs(store, run_id)
        return cls(store, wanted, runs, engine_of(store, engine), bool(store.made("claims")))

    def rows(self, columns: Sequence[str], order: str = "weight", limit: int | None = None) -> QueryResult:
        """Return columns of at most `limit` rows, in one of `ORDERS`; `letter` is a column, too.

        Raises:
            OutputError: a table is not as it was published, or there is no room to sort.
        """
        letter = "letter" if self.judged else "confidence as letter"
        query = self._query(", ".join(letter if name == "letter" else name for name in columns), self.wanted)
        # DuckDB gives the rows of one table as they are stored.
        if order != "shard" or self.judged or self.engine != "duckdb":
            query += f" order by {ORDERS[order].format(letter=self._letter)}"
        return self._answer(query if limit is None else f"{query} limit {limit}")

    def totals(self) -> MatchTotals:
        """Count the rows and what they name; raises as `rows`."""
        query = totals_query(self._source, self._letter, self.wanted.condition(self._letter))
        return MatchTotals.of(next(self._answer(query).rows))

    def left_out(self) -> dict[str, int]:
        """Count rows that are left out since a column that is asked for is null, by that column.

        Nobody knows whether such a row is wanted.
        """
        asked = [name for name in MAY_BE_UNKNOWN if name in self.wanted.columns()]
        queries = {
            name: f"{self._query('count(*)', self.wanted.without(name))} and {name} is null" for name in asked
        }
        counts = {name: int(next(self._answer(query).rows)[0]) for name, query in queries.items()}  # type: ignore[call-overload]
        return {name: count for name, count in counts.items() if count}

    def reasons(self, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[Any, ...], Any]:
        """Return the codes of reasons of claims for some rows, by run and `row_sha256`."""
        if not self.judged or not rows:
            return {}
        digests = ", ".join(literal(row["row_sha256"]) for row in rows)
        query = f"select run_id, row_sha256, reasons from claims where row_sha256 in ({digests})"
        return {tuple(key): reasons for *key, reasons in self._answer(query).rows}

    @property
    def _source(self) -> str:
        return "sightings" if self.judged else "matches"

    @property
    def _letter(self) -> str:
        return "letter" if self.judged else "confidence"

    def _query(self, columns: str, wanted: MatchFilter) -> str:
        return f"select {columns} from {self._source} where {wanted.condition(self._letter)}"

    def _answer(self, query: str) -> QueryResult:
        return answer_of(self.store, query, self.engine, self.runs)


def match_table(
    store: TableStore, run_id: str | None, wanted: MatchFilter, columns: list[str] | None = None
) -> pa.Table:
    """Return the rows of one published run (`latest`: the newest), or of all, oldest first.

    Raises:
        InputError: no such run is published.
    """
    rows = store.open_table("matches", *chosen_runs(store, run_id))
    return rows.to_table(columns=columns, filter=wanted.expression())
