"""Copies of a publisher's or an article's rows outside the tables: exports, cases, bags, notices, caches.

`forget` does not change these: a sealed bag, a sent notice and an append-only case are evidence, and an
export is its reader's own file. It lists them, so that a person can decide.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from presswatch_spark.corpus.layout import MANIFEST
from presswatch_spark.processes import user_caches
from presswatch_spark.storage.arrow_files import ARROW_ERRORS
from presswatch_spark.storage.drafts import MARK
from presswatch_spark.tables.store import MARKER

# Files that mark a folder of ours, with the name of its kind.
KINDS = {
    MARKER: "tables",
    "_presswatch_case.json": "removal case",
    "bagit.txt": "evidence bag",
    "SHA256SUMS": "notice",
    "campaign.json": "campaign",
    MANIFEST: "corpus",
    MARK: "abandoned draft",
}
PARQUET, ZIPPED = frozenset((".parquet",)), frozenset((".xlsx", ".docx"))
PLAIN = frozenset((".csv", ".json", ".jsonl", ".html", ".txt", ".yaml", ".yml", ".md", ".arrow"))
READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class CopiesFound:
    """A file or a folder of ours that names the subject: its kind, and how many of its files do."""

    path: Path
    kind: str
    files: int

    def __str__(self) -> str:
        files = "" if self.kind == "file" else f", {self.files:,} file{'s' if self.files != 1 else ''}"
        return f"{self.path} ({self.kind}{files})"


def copies_near(tables: Path | None, ids: Sequence[str], also: Sequence[Path] = ()) -> list[CopiesFound]:
    """Return what names any of the ids beside a folder of tables, in this user's caches, and below `also`.

    Beside the tables, folders of ours and single files of exports are searched; below `also`, everything.
    Text within PDF files is not searched: those of bags and notices are covered by the files beside them.

    Args:
        tables: the folder on this disk; None for tables on S3.
        ids: ids of a publisher or of articles, as rows contain them.
    """
    wanted = re.compile("|".join(rf"(?<![\w-]){re.escape(each)}(?![\w-])" for each in ids).encode())
    found = Counter[tuple[Path, str]]()
    for root, kind in _searched(tables, also):
        for path in _files_of(root):
            if _names(path, wanted, frozenset(ids)):
                found[root, kind] += 1
    return [CopiesFound(root, kind, files) for (root, kind), files in sorted(found.items())]


def _searched(tables: Path | None, also: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield files and folders to search, each with its kind."""
    beside = list[Path]()
    if tables is not None and tables.is_dir():
        own = tables.resolve()
        beside = [path for folder in (own.parent, own) for path in folder.iterdir() if path.resolve() != own]
    caches = [path for cache in user_caches() if cache.is_dir() for path in cache.iterdir()]
    for path in sorted({*beside, *caches}):
        if path.is_file() and path not in caches and not path.is_symlink():
            yield path, "file"
        elif kind := _kind_of(path):
            yield path, kind
        elif path in caches and path.is_dir():
            yield path, "cache"
    for path in also:
        yield path, _kind_of(path) or ("folder" if path.is_dir() else "file")


def _kind_of(folder: Path) -> str | None:
    if not folder.is_dir() or folder.is_symlink():
        return None
    return next((kind for name, kind in KINDS.items() if (folder / name).is_file()), None)


def _files_of(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    elif root.is_dir():
        yield from sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def _names(path: Path, wanted: re.Pattern[bytes], ids: frozenset[str]) -> bool:
    """Return whether a file contains one of the ids; of a file that cannot be read, that it may."""
    try:
        if path.suffix in PARQUET:
            return _in_parquet(path, ids)
        if path.suffix in ZIPPED:
            with zipfile.ZipFile(path) as archive:
                return any(wanted.search(archive.read(name)) for name in archive.namelist())
        return path.suffix in PLAIN and _in_bytes(path, wanted)
    except (OSError, zipfile.BadZipFile, *ARROW_ERRORS):
        return True


def _in_parquet(path: Path, ids: frozenset[str]) -> bool:
    rows = ds.dataset(str(path), format="parquet")
    columns = [name for name in ("publisher_id", "article_id") if name in rows.schema.names]
    if not columns:
        return False
    chosen = pc.field(columns[0]).isin(pa.array(sorted(ids)))
    for name in columns[1:]:
        chosen = chosen | pc.field(name).isin(pa.array(sorted(ids)))
    return bool(rows.count_rows(filter=chosen))


def _in_bytes(path: Path, wanted: re.Pattern[bytes]) -> bool:
    kept = b""
    with path.open("rb") as file:
        while data := file.read(READ_BYTES):
            if wanted.search(kept + data):
                return True
            # An id may lie across two reads.
            kept = (kept + data)[-4096:]
    return False
