"""Removes the rows of a member or of an article from published tables, and leaves a tombstone.

Files without these rows replace the old ones, then the rows of their runs (`tables.rewriting`). In between,
these runs cannot be read: commands report that files are not the published ones. If the command is killed,
the next call finishes the removal.

`copies_near` lists copies outside of the tables (exports, cases, bags, notices, caches). They stay as they
are: a sealed bag, a sent notice and an append-only case are evidence, and an export belongs to its user.
"""

import hashlib
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, reduce
from itertools import chain
from mmap import ACCESS_READ, mmap
from operator import or_
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.processes import user_caches
from presswatch_spark.core.terminal import counted
from presswatch_spark.core.version import __version__
from presswatch_spark.corpus.layout import MANIFEST
from presswatch_spark.matching.judgement.urls import page_url
from presswatch_spark.scanning.runs.unfinished import remove_leftovers, unfinished_runs
from presswatch_spark.storage.arrow_files import ARROW_ERRORS
from presswatch_spark.storage.drafts import MARK
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.shards import OWN_FOLDERS
from presswatch_spark.tables.declarations import DIGESTS, PUBLISHED_BY, SCHEMAS
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.rewriting import Plan, Rewriting, rewriting
from presswatch_spark.tables.store import RunsByFile, TableStore, bounded_batches

MARKED_FOLDERS = OWN_FOLDERS | {
    # Also without their seal or index: damaged copies contain ids, too.
    "bagit.txt": "evidence bag",
    MANIFEST: "corpus",
    "SHA256SUMS": "notice",
    "campaign.json": "campaign",
    MARK: "abandoned draft",
}
PLAIN = (".csv", ".json", ".jsonl", ".html", ".txt", ".yaml", ".yml", ".md", ".arrow")
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
    with rewriting(store) as (work, finished):
        if finished and finished["tombstone"]:
            return Removal(finished["tombstone"], resumed=True)
        leftovers = remove_leftovers(store, strict=True)
        if unfinished := list(unfinished_runs(store)):
            are = "is" if len(unfinished) == 1 else "are"
            raise OutputError(
                f"{counted(len(unfinished), 'run')} here {are} not finished, and may contain such rows",
                where=str(store.root),
                remedy="finish or drop them first: `presswatch runs` shows how",
            )
        plan = _planned(work, subject, operator)
        work.carry_out(plan)
        return Removal(plan["tombstone"], resumed=False, leftovers=leftovers)


def _planned(work: Rewriting, subject: Subject, operator: str | None) -> Plan:
    store, wanted = work.store, _ForgottenRows(subject, _own_pages(work.store, subject))
    new_files, changes = list[Mapping[str, Any]](), list[Mapping[str, Any]]()
    for table, by in PUBLISHED_BY.items():
        if table == by or not wanted.id_column(table) or not (runs := store.published(by)):
            continue
        files, rewritten = store.files(table, *runs), set[str]()
        for row in store.read(by).to_pylist():
            change, changed = _change(store, table, row, files, wanted)
            if changed:
                changes.append(change)
                rewritten |= changed
        for uri in sorted(rewritten):
            name = uri.rpartition("/")[2]
            new_files.append(work.new_file(table, {uri: files[uri]}, name, partial(wanted.others, table)))
    if not changes:
        raise InputError(
            f"no row of these tables mentions the {subject.kind} {subject.id}",
            where=str(store.root),
            remedy="pass the id that the members file or the articles contain",
        )
    tombstone = {
        "run_id": f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-forget",
        "subject": subject.kind,
        "subject_sha256": hashlib.sha256(subject.id.encode()).hexdigest(),
        "removed": changes,
        "operator": operator,
        "tool_version": __version__,
    }
    return {"files": new_files, "tombstone": tombstone}


def _own_pages(store: TableStore, subject: Subject) -> frozenset[str]:
    """Return normal forms of an article's own URLs; none for a publisher."""
    if subject.kind != "article":
        return frozenset()
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
    return frozenset(page.text for page in map(page_url, urls - {None}) if page)


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

    def others(self, table: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch that do not belong to the subject; it has `id_column`."""
        column = self.id_column(table)
        if column != "document_url":
            return batch.filter(pc.invert(pc.fill_null(pc.equal(batch[column], self.subject.id), False)))
        pages = map(page_url, batch[column].to_pylist())
        is_other = [page is None or page.text not in self.own_pages for page in pages]
        return batch.filter(pa.array(is_other, pa.bool_()))


def _change(
    store: TableStore, table: str, row: Mapping[str, Any], files: RunsByFile, wanted: _ForgottenRows
) -> tuple[Mapping[str, Any], set[str]]:
    """Return what a removal changes in a table of the run of `row`, and which of `files` change."""
    run_id, column, digested = row["run_id"], wanted.id_column(table) or "", DIGESTED.get(table, "row_sha256")
    digest_before = row.get(DIGESTS.get(table, ""))
    before, after, left, changed = 0, 0, list[str](), set[str]()
    for uri in (uri for uri, runs in files.items() if run_id in runs):
        opened = store.open_files({uri: [run_id]}, SCHEMAS[table])
        for batch in bounded_batches(opened, [column, digested] if digest_before else [column]):
            others = wanted.others(table, batch)
            before += len(batch)
            after += len(others)
            if len(others) < len(batch):
                changed.add(uri)
            if digest_before:
                left += others[digested].to_pylist()
    facts = {
        "run_id": run_id,
        "table": table,
        "rows_before": before,
        "rows_after": after,
        "digest_before": digest_before,
        "digest_after": table_digest(left) if digest_before else None,
    }
    return facts, changed
