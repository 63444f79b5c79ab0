"""The layout of a corpus folder, and its files of arrays (`.npy`) and tables (Arrow).

    manifest.json              counts, parameters, size and SHA-256 of the other files, a digest; written last
    members.yaml               the registry, as given
    articles/part-00000.arrow  articles in the order of ids, `ARTICLES_PER_PART` a file (Arrow IPC, mapped)
    signatures.npy             uint32[articles, permutations]: MinHash signatures
    clusters.npy               int32[articles]: ordinal of the cluster's smallest article id, -1 if in none
    titles.npy                 uint32[articles]: place of the title's id among all ids, in order
    publishers.npy             uint32[articles]: place of the publisher's id among all ids, in order
    agency.npy                 bool[articles]: whether it, or one of its cluster, credits or names an agency
    vocabulary/                uint64 hashes[v] of all words, sorted; uint8 bits[v]: their information
    background/                uint64 hashes[b] of shingles in the background, sorted; uint16 domains[b]:
                               how many have it, 65,535 if a known text has it
    index/                     the shingle index: hashes, articles, filter, directory
    sites/                     titles' sites, and hashes of the articles' normalised URLs with ordinals
    refused.parquet            every row that was not taken, with its reason
    suppressed.parquet         shingles left out of the index for being too common

An article's *ordinal* is its place in the order of article ids (by code points), from 0.

Files may be larger than memory: they are written in pieces, and read as memory maps. They are never written
through a map: a full disk would kill the process instead of raising an error.
"""

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.storage.disk import refused
from presswatch_spark.tables.row_types import UTC_MICROS

FORMAT_VERSION = 4

MANIFEST = "manifest.json"
MEMBERS = "members.yaml"
ARTICLES_FOLDER = "articles"
SIGNATURES = "signatures.npy"
CLUSTERS = "clusters.npy"
TITLES = "titles.npy"
PUBLISHERS = "publishers.npy"
AGENCY = "agency.npy"
VOCABULARY_FOLDER = "vocabulary"
BACKGROUND_FOLDER = "background"
HASHES, BITS, DOMAINS = "hashes.npy", "bits.npy", "domains.npy"
INDEX_FOLDER = "index"
SITES_FOLDER = "sites"
REFUSED_TABLE = "refused.parquet"
SUPPRESSED_TABLE = "suppressed.parquet"

ALONE = -1
"""The cluster of an article that shares its text with no other."""

ARTICLES_PER_PART = 16_384
ARTICLES_PER_BATCH = 1_024

ARTICLES = pa.schema(
    [
        pa.field("article_id", pa.string(), False),
        pa.field("title_id", pa.string(), False),
        pa.field("url", pa.string()),
        pa.field("headline", pa.string()),
        pa.field("body", pa.large_string(), False),
        pa.field("published_at", UTC_MICROS),
        pa.field("modified_at", UTC_MICROS),
        pa.field("language", pa.string()),
        pa.field("authors", pa.list_(pa.string()), False),
        pa.field("agency_credit", pa.string()),
        pa.field("alternate_urls", pa.list_(pa.string()), False),
        pa.field("words", pa.int32(), False),
        pa.field("is_excerpt", pa.bool_(), False),
        pa.field("body_format", pa.string(), False),
        pa.field("body_repaired", pa.bool_(), False),
        pa.field("url_on_title", pa.bool_()),
    ]
)


def part_name(part: int) -> str:
    """Return the file of a part of the articles, under the corpus folder."""
    return f"{ARTICLES_FOLDER}/part-{part:05d}.arrow"


# --- files of arrays and tables

Array = npt.NDArray[Any]


def save(path: Path, array: Array) -> None:
    """Write one array."""
    with path.open("wb") as file:
        _write_header(file, array.dtype, array.shape)
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def read_rows(path: Path, first_row: int, rows: Array) -> None:
    """Fill contiguous `rows` from a flat array, from `first_row` on, in a sixth of the time of a map."""
    with path.open("rb") as file:
        _skip_header(file)
        file.seek(first_row * rows.itemsize, 1)
        if file.readinto(rows.view(np.uint8).data) != rows.nbytes:
            raise OSError(errno.EIO, "the file ends early", str(path))


def join(path: Path, pieces: Sequence[Path]) -> None:
    """Join the rows of `pieces`, which are of one type, into one array; remove each piece once copied."""
    total, first = sum(len(load(piece)) for piece in pieces), load(pieces[0])
    with path.open("wb") as file:
        _write_header(file, first.dtype, (total, *first.shape[1:]))
        for piece in pieces:
            with piece.open("rb") as source:
                _skip_header(source)
                shutil.copyfileobj(source, file, 1 << 20)
            piece.unlink()


def load(path: Path) -> Array:
    """Map an array, read-only."""
    # As a plain array: a slice of numpy's class for mapped arrays would cost a microsecond more.
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def write_arrow(path: Path, table: pa.Table) -> None:
    """Write an Arrow IPC file, uncompressed: row i is in batch i // `ARTICLES_PER_BATCH`."""
    with path.open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        for batch in table.combine_chunks().to_batches(ARTICLES_PER_BATCH):
            writer.write_batch(batch)


def read_arrow(path: str | Path) -> pa.Table:
    """Map an Arrow IPC file: columns are views of it."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


@contextmanager
def writing(place: str | Path) -> Iterator[None]:
    """Turn a failure to write below `place` into an `OutputError`."""
    try:
        yield
    except OSError as error:
        # If a copy or a move failed, the second name is its destination.
        where = error.filename2 or error.filename or place
        raise refused(where, error) from error


def _write_header(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, fields)


def _skip_header(file: BinaryIO) -> None:
    # Format 1.0: six bytes of magic, two of version, then the length of the rest of the header in two.
    file.seek(8)
    file.seek(int.from_bytes(file.read(2), "little"), 1)
