"""The reservation in force when each page of a member's own site was captured, out of published tables."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.formats.http.message import site_file
from presswatch_spark.formats.registry import FORMATS
from presswatch_spark.rights.declaration import AGENTS
from presswatch_spark.rights.declared import Declared
from presswatch_spark.rights.relation import Declaration, InForce, in_force, second
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import DeclaredSignal, Reservation, RightsSignal
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.reading import chosen_runs
from presswatch_spark.tables.row_types import struct_of
from presswatch_spark.tables.store import TableStore

# Formats whose rows say when a page itself was captured; those of them that have its response.
RESPONSES = tuple(format.name for format in FORMATS if format.responses)
DATASETS = tuple(format.name for format in FORMATS if format.read_part)
CAPTURES_KEPT = 10_000
BATCH_ROWS = 10_000
# Headers come with a status: a `resource` record has neither, and what they would declare is not known.
_ANSWERED = pc.is_valid(pc.field("http_status"))
DECISIVE = (pc.field("scope") != "page") | pc.is_valid(pc.field("verdict"))
"""Rows of `rights_signals` that may decide something."""
_OF_RUNS = ["dataset", "records_planned", "shards_planned", "shards_complete"]
OWN_RESPONSES = pc.field("own_site") & pc.field("dataset").isin(RESPONSES) & _ANSWERED
"""Rows of `matches` of members' own pages whose responses were scanned, with headers and metas."""
_OF_MATCH = ("run_id", "publisher_id", "title_id", "article_id", "document_url", "captured_at")
_COLUMNS = (*_OF_MATCH, "dataset", "http_status", "row_sha256")


@dataclass(frozen=True, slots=True)
class Reservations:
    """Rows of `reservations` for the matches of a run, or of all runs for None.

    `signals`: other folders of tables whose signals count as well. `storage`: how to reach those on S3.
    """

    tables: str
    signals: Sequence[str] = ()
    run_id: str | None = None
    storage: StorageOptions | None = None

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each match on its publisher's own site and each agent, in the order of `matches`.

        The files that declare for a site are documents of WARC too, but no pages: they have no rows.

        Raises:
            InputError: no such run is published.
            OutputError: one of the folders holds no tables.
        """
        stores = [TableStore.open(tables, self.storage) for tables in (self.tables, *self.signals)]
        store = stores[0]
        runs = chosen_runs(store, self.run_id)
        own = pc.field("own_site") & pc.field("dataset").isin(DATASETS)
        declared = Declared(signal_rows(stores))
        pages = cache(lambda: pages_read(stores))
        standing = lru_cache(CAPTURES_KEPT)(
            lambda url, at, read: [
                in_force(at, declared.about(url, at, agent), read and declared.has_robots(url))
                for agent in AGENTS
            ]
        )
        unknown = [InForce("unknown")] * len(AGENTS)
        for match in _streamed(store, "matches", own, _COLUMNS, *runs):
            url, at = match["document_url"], match["captured_at"]
            if url and site_file(url):
                continue
            # From the response itself, headers and page.
            read = match["dataset"] in RESPONSES and match["http_status"] is not None
            read = read or bool(url and at and page_key(url, at) in pages())
            for agent, found in zip(AGENTS, standing(url, at, read) if url and at else unknown, strict=True):
                yield _row(match, agent, found, read)

    def write(self, out: str) -> tuple[Folder, Counter[tuple[str, str]]]:
        """Write the table into the folder of tables `out`; return where, and rows by agent and status.

        Raises:
            InputError: no such run is published.
            OutputError: there is one already, or it cannot be written.
        """
        rows, counts = self.rows(), Counter[tuple[str, str]]()

        def batches() -> Iterator[pa.RecordBatch]:
            while batch := list(islice(rows, BATCH_ROWS)):
                counts.update((row["agent"], row["status"]) for row in batch)
                yield pa.RecordBatch.from_pylist(batch, Reservation.schema.remove_metadata())

        runs = chosen_runs(TableStore.open(self.tables, self.storage), self.run_id)
        written = publish_derived(
            out, "reservations", runs, lambda files: [files.write_all(batches())], self.storage
        )
        return written.root / "reservations", counts

    def shards_unread(self) -> tuple[int, int]:
        """Count shards of responses that were not read whole, and all. Some may have held declarations."""
        unread = planned = 0
        for tables in (self.tables, *self.signals):
            store = TableStore.open(tables, self.storage)
            runs = store.read("runs", columns=_OF_RUNS)
            for run in runs.to_pylist():
                is_whole = run["records_planned"] is None
                if is_whole and (run["dataset"] is None or run["dataset"] in RESPONSES):
                    planned += run["shards_planned"]
                    unread += run["shards_planned"] - run["shards_complete"]
        return unread, planned


def pages_read(stores: Iterable[TableStore]) -> set[int]:
    """Return the keys (`page_key`) of pages whose own responses were scanned, so far as the tables show."""
    tables = (
        ("rights_signals", (pc.field("source") != "file") & _ANSWERED),
        ("matches", OWN_RESPONSES),
    )
    keys = set[int]()
    for store in stores:
        for table, wanted in tables:
            rows = _streamed(store, table, wanted, ("document_url", "captured_at"))
            keys.update(page_key(*row.values()) for row in rows if None not in row.values())
    return keys


def page_key(url: str, at: datetime) -> int:
    """Make 64 bits of a page's capture: the names of all pages that were read would not fit into memory."""
    return hash((url, second(at)))


def signal_rows(stores: Iterable[TableStore]) -> Iterator[dict[str, Any]]:
    """Yield the rows of `rights_signals` that may decide something, of all published runs."""
    for store in stores:
        yield from _streamed(store, "rights_signals", DECISIVE, RightsSignal.schema.names)


def _streamed(
    store: TableStore, table: str, wanted: Any, columns: Sequence[str], *runs: str
) -> Iterator[dict[str, Any]]:
    # It loads pandas, as the tables do once they are opened.
    from presswatch_spark.tables.bounded import bounded_batches

    for batch in bounded_batches(store.open_table(table, *runs), columns, wanted, BATCH_ROWS):
        yield from batch.to_pylist()


def _row(match: Mapping[str, Any], agent: str, found: InForce, page_read: bool) -> dict[str, Any]:
    facts = {name: match[name] for name in _OF_MATCH}
    return facts | {
        "match_sha256": match["row_sha256"],
        "agent": agent,
        "status": found.status,
        "page_read": page_read,
        "before_at": found.before and found.before.at,
        "after_at": found.after and found.after.at,
        "before": _declaration(found.before),
        "after": _declaration(found.after),
    }


def _declaration(declaration: Declaration | None) -> dict[str, Any] | None:
    """A declaration as a struct: its row, with the verdict about the page in the place of its own."""
    if declaration is None:
        return None
    row = declaration.row or {}
    return {field.name: row.get(field.name) for field in struct_of(DeclaredSignal)} | {
        "verdict": declaration.verdict
    }
