"""Removes the rows of a member or of an article from published tables, and leaves a tombstone.

A removal has three steps. If the command is killed, the next call finishes the removal:

1. Files without these rows are written beside the tables, with a plan: which file replaces which.
2. The plan is carried out: each new file replaces its old one, then each run's row is replaced. In between,
   the run cannot be read: commands report that its files are not the published ones.
3. The tombstone is published, and the plan is deleted.

`copies_near` lists copies outside of the tables (exports, cases, bags, notices, caches). They stay as they
are: a sealed bag, a sent notice and an append-only case are evidence, and an export belongs to its user.
"""

import hashlib
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import reduce
from itertools import chain
from mmap import ACCESS_READ, mmap
from operator import or_
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.processes import user_caches
from presswatch_spark.core.terminal import counted
from presswatch_spark.core.version import __version__
from presswatch_spark.corpus.layout import MANIFEST
from presswatch_spark.matching.judgement.urls import page_url
from presswatch_spark.scanning.runs.unfinished import remove_leftovers, unfinished_runs
from presswatch_spark.storage.arrow_files import ARROW_ERRORS, file_system, opened_parquet
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.drafts import MARK
from presswatch_spark.storage.locks import Lock, locked
from presswatch_spark.storage.objects import MissingError, StorageOptions, stat
from presswatch_spark.tables.declarations import DIGESTS, PUBLISHED_BY, SCHEMAS
from presswatch_spark.tables.derived import LEASE_SECONDS
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.seals import COUNTED, Written, sealed_json, unsealed_json
from presswatch_spark.tables.sorted_files import GROUP_ROWS, SortedFiles
from presswatch_spark.tables.store import MARKER, RUNS_FOLDER, TableStore

# Kinds of folders that this project writes, by the file that marks each.
MARKED_FOLDERS = {
    MARKER: "tables",
    "_presswatch_case.json": "removal case",
    "bagit.txt": "evidence bag",
    "SHA256SUMS": "notice",
    "campaign.json": "campaign",
    MANIFEST: "corpus",
    MARK: "abandoned draft",
}
PLAIN = (".csv", ".json", ".jsonl", ".html", ".txt", ".yaml", ".yml", ".md", ".arrow")
FOLDER, PLAN, LOCK = "forget", "plan.json", "forget.lock"
DIGESTED = dict.fromkeys(("claims", "claims_before"), "claim_sha256") | {"changes": "change_sha256"}
"""Tables whose column of row digests is not `row_sha256`."""


def copies_near(tables: Path | None, ids: Sequence[str], also: Sequence[Path] = ()) -> Iterator[str]:
    """Yield files and folders that contain any of the ids: near the tables, in user caches, and below `also`.

    `tables`: a local folder; None on S3. In it and beside it, single files and marked folders of this project
    are searched; below `also`, everything. PDF files are skipped: files beside them have the same text.
    """
    wanted = re.compile("|".join(rf"(?<![\w-]){re.escape(each)}(?![\w-])" for each in ids).encode())
    beside = list[Path]()
    if tables is not None and tables.is_dir():
        own = tables.resolve()
        beside = [path for folder in (own.parent, own) for path in folder.iterdir() if path.resolve() != own]
    caches = [path for cache in user_caches() if cache.is_dir() for path in cache.iterdir()]
    for root in sorted({*beside, *caches, *also}):
        kind = "file"
        if root.is_dir():
            # A folder without a kind is none of presswatch, and is not searched.
            marks = () if root.is_symlink() else MARKED_FOLDERS.items()
            other = "folder" if root in also else "cache" if root in caches else ""
            kind = next((kind for name, kind in marks if (root / name).is_file()), other)
        elif root in caches and root not in also:
            continue
        paths = (path for path in (root, *root.rglob("*")) if not path.is_symlink() and path.is_file())
        if kind and (files := sum(_contains_id(path, wanted, ids) for path in paths)):
            yield f"{root} ({kind})" if kind == "file" else f"{root} ({kind}, {counted(files, 'file')})"


def _contains_id(path: Path, wanted: re.Pattern[bytes], ids: Sequence[str]) -> bool:
    """Return whether a file contains one of the ids; True for a file that cannot be read."""
    try:
        if path.suffix == ".parquet":
            rows = ds.dataset(str(path), format="parquet")
            columns = [name for name in ("publisher_id", "article_id") if name in rows.schema.names]
            chosen = [pc.field(name).isin(pa.array(ids)) for name in columns]
            return bool(columns and rows.count_rows(filter=reduce(or_, chosen)))
        if path.suffix in (".xlsx", ".docx"):
            with zipfile.ZipFile(path) as archive:
                return any(wanted.search(archive.read(name)) for name in archive.namelist())
        if path.suffix not in PLAIN or not path.stat().st_size:
            return False
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return wanted.search(data) is not None
    except (OSError, zipfile.BadZipFile, *ARROW_ERRORS):
        return True


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a removal: its kind (`publisher` or `article`), and its id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Removal:
    """A finished removal: its row of `tombstones`. `resumed`: it was begun by a call that was killed.

    `leftovers`: URIs of unpublished files of killed commands, which were deleted first.
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

    The tombstone names the `operator`. If an earlier removal here was killed, finish and return that one
    instead. Raises `InputError` if no row names the subject, and `OutputError` if another command is running.
    """
    store = TableStore.open(tables, storage)
    beside = store.root / RUNS_FOLDER
    with locked(beside, LOCK, LEASE_SECONDS) as lock:
        folder = beside / FOLDER
        try:
            begun = unsealed_json(folder.read(PLAN)[0])
        except MissingError:
            pass
        except ValueError as error:
            raise OutputError(
                "the plan of an unfinished removal is damaged",
                where=str(folder),
                remedy="restore the tables from a copy, and delete this folder",
            ) from error
        else:
            return Removal(_carry_out(store, folder, begun, lock), resumed=True)
        leftovers = remove_leftovers(store, strict=True)
        if unfinished := list(unfinished_runs(store)):
            are = "is" if len(unfinished) == 1 else "are"
            raise OutputError(
                f"{counted(len(unfinished), 'run')} here {are} not finished, and may contain such rows",
                where=str(store.root),
                remedy="finish or drop them first: `presswatch runs` shows how",
            )
        plan = _planned(store, folder, subject, operator)
        lock.confirm()
        folder.write(PLAN, sealed_json(plan))
        return Removal(_carry_out(store, folder, plan, lock), resumed=False, leftovers=leftovers)


def _planned(store: TableStore, folder: Folder, subject: Subject, operator: str | None) -> Mapping[str, Any]:
    folder.remove()
    own_pages = frozenset[str]()
    if subject.kind == "article":
        articles, rows = (
            store.open_table(table).to_table(columns=columns, filter=pc.field("article_id") == subject.id)
            for table, columns in (
                ("corpus_articles", ["url", "alternate_urls"]),
                ("matches", ["article_url", "document_url", "url_match"]),
            )
        )
        urls = {*articles["url"].to_pylist(), *chain.from_iterable(articles["alternate_urls"].to_pylist())}
        there = rows.filter(pc.equal(rows["url_match"], "article"))["document_url"]
        urls |= {*rows["article_url"].to_pylist(), *there.to_pylist()}
        own_pages = frozenset(page.text for page in map(page_url, urls - {None}) if page)
    wanted = _ForgottenRows(subject, own_pages)
    changes = [
        change
        for table, by in PUBLISHED_BY.items()
        if table != by and wanted.id_column(table)
        for run_id in store.published(by)
        if (change := _change(store, folder, table, run_id, wanted))
    ]
    if not changes:
        raise InputError(
            f"no row of these tables mentions the {subject.kind} {subject.id}",
            where=str(store.root),
            remedy="pass the id that the members file or the articles contain",
        )
    facts = ("run_id", "table", "rows_before", "rows_after", "digest_before", "digest_after")
    tombstone = {
        "run_id": f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{FOLDER}",
        "subject": subject.kind,
        "subject_sha256": hashlib.sha256(subject.id.encode()).hexdigest(),
        "removed": [{name: change[name] for name in facts} for change in changes],
        "operator": operator,
        "tool_version": __version__,
    }
    return {"changes": changes, "tombstone": tombstone}


@dataclass(frozen=True, slots=True)
class _ForgottenRows:
    """The rows of a subject. `own_pages`: normal forms of an article's own URLs."""

    subject: Subject
    own_pages: frozenset[str]

    def id_column(self, table: str) -> str | None:
        """Return the column that names the subject in rows of a table; None if there is no such column."""
        names = SCHEMAS[table].names
        if f"{self.subject.kind}_id" in names:
            return f"{self.subject.kind}_id"
        # Declarations that a page makes about itself name only its URL.
        return "document_url" if self.own_pages and "document_url" in names else None

    def marks(self, table: str, values: pa.Array) -> pa.Array:
        """Return for each value of `id_column` whether its row belongs to the subject: bool[n]."""
        if self.id_column(table) != "document_url":
            return pc.fill_null(pc.equal(values, self.subject.id), False)
        pages = map(page_url, values.to_pylist())
        return pa.array([page is not None and page.text in self.own_pages for page in pages], pa.bool_())


def _change(
    store: TableStore, folder: Folder, table: str, run_id: str, wanted: _ForgottenRows
) -> dict[str, Any] | None:
    """Rewrite those files of a run that contain rows of the subject; return None if no file does."""
    files, removed, column = dict[str, pq.FileMetaData](), dict[str, int](), wanted.id_column(table)
    for uri in store.files(table, run_id):
        files[uri] = pq.read_metadata(uri, filesystem=file_system(uri, store.root.storage))
        batches = opened_parquet(store.root, [uri], SCHEMAS[table]).to_batches(columns=[column])
        removed[uri] = sum(int(pc.sum(wanted.marks(table, batch[column])).as_py() or 0) for batch in batches)
    if not any(removed.values()):
        return None
    by = PUBLISHED_BY[table]
    (row,) = store.read(by, run_id).to_pylist()
    staged = dict[str, Written]()
    for uri in filter(removed.get, files):
        # Keep the columns of the old file: older versions wrote fewer.
        there = set(files[uri].schema.to_arrow_schema().names)
        names = tuple(name for name in SCHEMAS[table].names if name in there)
        schema = pa.schema([SCHEMAS[table].field(name) for name in names])
        rows = opened_parquet(store.root, [uri], schema).to_batches(batch_size=GROUP_ROWS)
        kept = (batch.filter(pc.invert(wanted.marks(table, batch[column]))) for batch in rows)
        rewriting = SortedFiles(table, run_id, folder, names)
        staged[uri] = rewriting.write_all(batch for batch in kept if len(batch))
    before = sum(metadata.num_rows for metadata in files.values())
    # The row of a run has a digest for some of its tables; a row of `derivations` has one, of its table.
    digest = "table_digest" if by == "derivations" else DIGESTS.get(table, "")
    digested, after = DIGESTED.get(table, "row_sha256"), None
    if row.get(digest) is not None:
        left = [folder.at(staged[uri].name) if uri in staged else uri for uri in files]
        rows = opened_parquet(store.root, left, SCHEMAS[table]).to_table(columns=[digested])
        after = table_digest(rows[digested].to_pylist())
    return {
        "by": by,
        "table": table,
        "run_id": run_id,
        "rows_before": before,
        "rows_after": before - sum(removed.values()),
        "digest": digest,
        "digest_before": row.get(digest),
        "digest_after": after,
        "files": [{"place": uri.rpartition("/")[2], **asdict(file)} for uri, file in staged.items()],
    }


def _carry_out(store: TableStore, folder: Folder, plan: Mapping[str, Any], lock: Lock) -> Mapping[str, Any]:
    """Move files into place, replace rows of runs, publish the tombstone. Every step is idempotent."""
    by_run: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for change in plan["changes"]:
        lock.confirm()
        table = store.root / change["table"]
        for file in change["files"]:
            # A missing file was moved before the removal was killed.
            with suppress(MissingError, FileNotFoundError):
                table.take(folder.at(file["name"]), file["place"])
        by_run[change["by"], change["run_id"]].append(change)
    for (by, run_id), changes in by_run.items():
        lock.confirm()
        _replace_row(store, by, run_id, changes)
        for change in changes:
            store.files(change["table"], run_id)
    tombstone = {**plan["tombstone"], "files": [], "finished_at": datetime.now(UTC)}
    if tombstone["run_id"] not in store.published("tombstones"):
        store.publish("tombstones", tombstone)
    folder.remove()
    return tombstone


def _replace_row(store: TableStore, by: str, run_id: str, changes: Sequence[Mapping[str, Any]]) -> None:
    (row,) = store.read(by, run_id).to_pylist()
    for change in changes:
        table, places = store.root / change["table"], {file["place"]: file for file in change["files"]}
        counts = COUNTED.get(change["table"], "rows")
        if counts in row:
            row[counts] = change["rows_after"]
        if change["digest_after"] is not None:
            row[change["digest"]] = change["digest_after"]
        for file in row["files"] or ():
            if file["table"] == change["table"] and (written := places.get(file["name"])):
                etag = None if table.is_local else stat(table.at(file["name"]), table.storage).etag
                file.update({name: written[name] for name in ("rows", "bytes", "sha256")}, etag=etag)
    store.replace(by, row)
