"""Removes the rows of a member or of an article from published tables, and leaves a tombstone.

It is done in three steps, so that a removal that is killed is finished by the next one:

1. Files without these rows are written beside the tables, and a plan that says what takes whose place.
2. The plan is carried out: each file is moved over the one before, then each run's row is written anew. Until
   its row is there, a run that loses rows cannot be read: the command says that its files are others.
3. The tombstone is published, and the plan removed.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from presswatch_spark.errors import InputError, OutputError
from presswatch_spark.judgement.urls import page_url
from presswatch_spark.runs.unfinished import remove_leftovers, unfinished_runs
from presswatch_spark.storage.arrow_files import file_system
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks import Lock, locked
from presswatch_spark.storage.objects import MissingError, StorageOptions, stat
from presswatch_spark.tables.declarations import DIGESTS, PUBLISHED_BY, SCHEMAS
from presswatch_spark.tables.derived import LEASE_SECONDS
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.published_files import COUNTED, Written
from presswatch_spark.tables.seals import sealed_json, unsealed_json
from presswatch_spark.tables.sorted_files import GROUP_ROWS, SortedFiles
from presswatch_spark.tables.store import RUNS_FOLDER, TableStore, run_of
from presswatch_spark.terminal import counted
from presswatch_spark.version import __version__

KINDS = ("publisher", "article")
FOLDER, PLAN, LOCK = "forget", "plan.json", "forget.lock"
DIGESTED = dict.fromkeys(("claims", "claims_before"), "claim_sha256") | {"changes": "change_sha256"}
"""The column of rows' digests, where it is not `row_sha256`."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be forgotten: a `kind` of `KINDS`, and its id."""

    kind: str
    id: str

    @property
    def sha256(self) -> str:
        """Return the SHA-256 (hex) of the id."""
        return hashlib.sha256(self.id.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Removal:
    """What was done: a row of `tombstones`. `resumed`: it had been begun before, and was killed.

    `leftovers`: URIs of unpublished files of killed commands, which were removed first.
    """

    row: Mapping[str, Any]
    resumed: bool
    leftovers: Sequence[str] = ()

    @property
    def rows(self) -> int:
        """Count the rows that were removed."""
        return sum(each["rows_before"] - each["rows_after"] for each in self.row["removed"])


def forget(
    tables: str, subject: Subject, storage: StorageOptions | None = None, operator: str | None = None
) -> Removal:
    """Remove all rows of a publisher or an article from the tables, and publish a tombstone.

    If a removal was begun here and killed, that one is finished first, and is what is returned.

    Args:
        operator: who asked for it; written into the tombstone.

    Raises:
        InputError: no row names the subject.
        OutputError: there are no tables, runs are unfinished here, or another command writes or removes rows.
    """
    store = TableStore.open(tables, storage)
    beside = store.root / RUNS_FOLDER
    with locked(beside, LOCK, LEASE_SECONDS) as lock:
        folder = beside / FOLDER
        if begun := _plan_in(folder):
            return Removal(_carry_out(store, folder, begun, lock), resumed=True)
        leftovers = remove_leftovers(store, strict=True)
        _require_finished(store)
        plan = _planned(store, folder, subject, operator)
        lock.confirm()
        folder.write(PLAN, sealed_json(plan))
        return Removal(_carry_out(store, folder, plan, lock), resumed=False, leftovers=leftovers)


def _require_finished(store: TableStore) -> None:
    unfinished = list(unfinished_runs(store))
    if unfinished:
        raise OutputError(
            f"{counted(len(unfinished), 'run')} here {'is' if len(unfinished) == 1 else 'are'} not finished,"
            " and may hold such rows",
            where=str(store.root),
            remedy="finish or drop them first: `presswatch runs` says how",
        )


def _planned(store: TableStore, folder: Folder, subject: Subject, operator: str | None) -> Mapping[str, Any]:
    """Write the files that take the place of others, and return what is to be done.

    Raises:
        InputError: no row names the subject.
    """
    folder.remove()
    wanted = _ForgottenRows(subject, _own_pages(store, subject))
    changes = [
        change
        for table, by in PUBLISHED_BY.items()
        if table != by and wanted.names(table)
        for run_id in store.published(by)
        if (change := _change(store, folder, table, run_id, wanted))
    ]
    if not changes:
        raise InputError(
            f"no row of these tables names the {subject.kind} {subject.id}",
            where=str(store.root),
            remedy="give the id that the members' file or the articles have",
        )
    facts = ("run_id", "table", "rows_before", "rows_after", "digest_before", "digest_after")
    tombstone = {
        "run_id": f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{FOLDER}",
        "subject": subject.kind,
        "subject_sha256": subject.sha256,
        "removed": [{name: change[name] for name in facts} for change in changes],
        "operator": operator,
        "tool_version": __version__,
    }
    return {"changes": changes, "tombstone": tombstone}


@dataclass(frozen=True, slots=True)
class _ForgottenRows:
    """Which rows are of a subject. `own_pages`: normal forms of an article's own URLs."""

    subject: Subject
    own_pages: frozenset[str]

    def names(self, table: str) -> str | None:
        """Return the column by which rows of a table are of the subject; None if none is."""
        names = SCHEMAS[table].names
        if f"{self.subject.kind}_id" in names:
            return f"{self.subject.kind}_id"
        # What a page declares about itself is found by its URL.
        return "document_url" if self.own_pages and "document_url" in names else None

    def marks(self, table: str, values: pa.Array) -> pa.Array:
        """Return for values of that column whether the row is of the subject: bool."""
        if self.names(table) != "document_url":
            return pc.fill_null(pc.equal(values, self.subject.id), False)
        pages = map(page_url, values.to_pylist())
        return pa.array([page is not None and page.text in self.own_pages for page in pages], pa.bool_())


def _own_pages(store: TableStore, subject: Subject) -> frozenset[str]:
    """Return the normal forms of the URLs of an article, as its corpus and rows of `matches` give them."""
    if subject.kind != "article":
        return frozenset()
    articles = store.open_table("corpus_articles").to_table(
        columns=["url", "alternate_urls"], filter=pc.field("article_id") == subject.id
    )
    given = [*articles["url"].to_pylist(), *chain.from_iterable(articles["alternate_urls"].to_pylist())]
    rows = store.open_table("matches").to_table(
        columns=["article_url", "document_url", "url_match"],
        filter=pc.field("article_id") == subject.id,
    )
    there = rows.filter(pc.equal(rows["url_match"], "article"))["document_url"].to_pylist()
    pages = map(page_url, {*given, *rows["article_url"].to_pylist(), *there} - {None})
    return frozenset(page.text for page in pages if page)


def _change(
    store: TableStore, folder: Folder, table: str, run_id: str, wanted: _ForgottenRows
) -> dict[str, Any] | None:
    """Write those files of a table of a run anew that hold rows of the subject; None if none does."""
    files = {uri: _columns_of(store, uri) for uri in store.files(table, run_id)}
    lost = {uri: _count(store, table, uri, wanted) for uri in files}
    if not any(lost.values()):
        return None
    by = PUBLISHED_BY[table]
    (row,) = store.read(by, run_id).to_pylist()
    staged = {uri: _rewritten(store, folder, table, uri, files[uri], wanted) for uri in files if lost[uri]}
    before = sum(rows for _, rows in files.values())
    # A run's digest is about one of its tables, and a derived table's about itself.
    digest = "table_digest" if by == "derivations" else DIGESTS.get(table, "")
    digested = DIGESTED.get(table, "row_sha256")
    left = [folder.at(staged[uri].name) if uri in staged else uri for uri in files]
    after = _digest(store, table, left, digested) if row.get(digest) is not None else None
    return {
        "by": by,
        "table": table,
        "run_id": run_id,
        "rows_before": before,
        "rows_after": before - sum(lost.values()),
        "digest": digest,
        "digest_before": row.get(digest),
        "digest_after": after,
        "files": [{"place": uri.rpartition("/")[2], **asdict(file)} for uri, file in staged.items()],
    }


def _columns_of(store: TableStore, uri: str) -> tuple[tuple[str, ...], int]:
    """Return the columns and the number of rows of a file; older versions wrote fewer columns."""
    metadata = pq.read_metadata(uri, filesystem=file_system(uri, store.root.storage))
    return tuple(metadata.schema.to_arrow_schema().names), metadata.num_rows


def _count(store: TableStore, table: str, uri: str, wanted: _ForgottenRows) -> int:
    column = wanted.names(table)
    batches = store.dataset([uri], SCHEMAS[table]).to_batches(columns=[column])
    return sum(int(pc.sum(wanted.marks(table, batch[column])).as_py() or 0) for batch in batches)


def _rewritten(
    store: TableStore,
    folder: Folder,
    table: str,
    uri: str,
    columns: tuple[tuple[str, ...], int],
    wanted: _ForgottenRows,
) -> Written:
    """Write a file of a table anew, without the subject's rows and with the columns that it had."""
    names = tuple(column.name for column in SCHEMAS[table] if column.name in columns[0])
    schema = pa.schema([SCHEMAS[table].field(name) for name in names])
    mark = wanted.names(table)
    kept = (
        batch.filter(pc.invert(wanted.marks(table, batch[mark])))
        for batch in store.dataset([uri], schema).to_batches(batch_size=GROUP_ROWS)
    )
    files = SortedFiles(table, run_of(uri.rpartition("/")[2]), folder, names)
    return files.write_all(batch for batch in kept if len(batch))


def _digest(store: TableStore, table: str, files: Sequence[str], digested: str) -> str:
    rows = store.dataset(files, SCHEMAS[table]).to_table(columns=[digested])
    return table_digest(rows[digested].to_pylist())


def _plan_in(folder: Folder) -> Mapping[str, Any] | None:
    try:
        return unsealed_json(folder.read(PLAN)[0])
    except MissingError:
        return None
    except ValueError as error:
        raise OutputError(
            "the plan of a removal that was begun is damaged",
            where=str(folder),
            remedy="restore the tables from a copy, and remove this folder",
        ) from error


def _carry_out(store: TableStore, folder: Folder, plan: Mapping[str, Any], lock: Lock) -> Mapping[str, Any]:
    """Put the files into their places, write the runs' rows anew, and publish the tombstone; return it.

    Every step can be done twice.
    """
    by_run: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for change in plan["changes"]:
        lock.confirm()
        table = store.root / change["table"]
        for file in change["files"]:
            # What is missing was moved before the removal was killed.
            with suppress(MissingError, FileNotFoundError):
                table.take(folder.at(file["name"]), file["place"])
        by_run[change["by"], change["run_id"]].append(change)
    for (by, run_id), changes in by_run.items():
        lock.confirm()
        _write_row(store, by, run_id, changes)
        for change in changes:
            store.files(change["table"], run_id)
    row = {**plan["tombstone"], "files": [], "finished_at": datetime.now(UTC)}
    if row["run_id"] not in store.published("tombstones"):
        store.publish("tombstones", row)
    folder.remove()
    return row


def _write_row(store: TableStore, by: str, run_id: str, changes: Sequence[Mapping[str, Any]]) -> None:
    """Write the row of a run anew, with what it now has of each table."""
    (row,) = store.read(by, run_id).to_pylist()
    for change in changes:
        counts = COUNTED.get(change["table"], "rows")
        if counts in row:
            row[counts] = change["rows_after"]
        if change["digest_after"] is not None:
            row[change["digest"]] = change["digest_after"]
        table, places = store.root / change["table"], {file["place"]: file for file in change["files"]}
        for file in row["files"] or ():
            if file["table"] == change["table"] and (written := places.get(file["name"])):
                etag = None if table.is_local else stat(table.at(file["name"]), table.storage).etag
                file.update({name: written[name] for name in ("rows", "bytes", "sha256")} | {"etag": etag})
    store.replace(by, row)
