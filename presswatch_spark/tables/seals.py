"""Seals files, and compares published files with their rows, so that a changed bit is noticed at reading.

A sealed JSON object ends with `"sha256"`, the digest of all bytes before. A sealed Parquet file has the
digest in its footer; the digest is calculated with zeros in its place. Files of published runs are compared
with the run's row before their rows are read: on disk by SHA-256; on S3 by the ETag at publication, and by
SHA-256 only if the ETag differs. For older runs only the number of rows is known.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.terminal import counted, utc
from presswatch_spark.storage import objects
from presswatch_spark.storage.arrow_files import ARROW_ERRORS, file_system
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.streams import sha256_of
from presswatch_spark.tables.row_types import UTC_MICROS

KEY, DIGITS = "presswatch.sha256", 64
_JSON_HEAD, _JSON_TAIL = b', "sha256": "', b'"}'
# The key in the footer, then Thrift's header of the next field: type binary (0x18), 64 bytes (0x40).
_PLACE = KEY.encode() + b"\x18\x40"
_ZEROS = b"0" * DIGITS

UNREADABLE = (ValueError, LookupError, TypeError, RecursionError, *ARROW_ERRORS)
Row = Mapping[str, Any]
CACHE_ENTRIES = 4096
NAIVE_MICROS = pa.timestamp("us")
ROW_COUNT_COLUMNS = {
    "matches": "matches",
    "rights_signals": "signals",
    "scan_log": "shards_planned",
    "candidates": "candidates",
    "sealed_scan_log": "shards_planned",
    "captures": "captures",
    "census_log": "shards_planned",
}
"""By table, the column of the row that publishes a run which contains the run's number of rows there."""
RESTORE = (
    "restore it from a copy, or scan again into another folder; other runs here can be read by their ids"
)


def sealed_json(facts: Mapping[str, Any]) -> bytes:
    """Return facts, at least one, as a JSON object with its seal."""
    data = json.dumps(facts).encode()
    return data[:-1] + _JSON_HEAD + hashlib.sha256(data).hexdigest().encode() + _JSON_TAIL


def unsealed_json(data: bytes) -> Mapping[str, Any]:
    """Return the facts of `sealed_json`; `ValueError` if any bit has changed."""
    begin = len(data) - len(_JSON_HEAD) - DIGITS - len(_JSON_TAIL)
    facts = data[: max(0, begin)] + b"}"
    seal = _JSON_HEAD + hashlib.sha256(facts).hexdigest().encode() + _JSON_TAIL
    if begin < 0 or data[begin:] != seal:
        raise ValueError("the seal does not fit")
    found: Mapping[str, Any] = parse_json(facts)
    return found


def sealed_parquet(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> bytes:
    """Return rows, with the metadata of `schema`, as a sealed Parquet file."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        if batches:
            writer.write_table(pa.Table.from_batches(batches).replace_schema_metadata(schema.metadata))
        writer.add_key_value_metadata({KEY: _ZEROS.decode()})
    data = bytearray(sink.getvalue())
    place = _place_in(data)
    if place is None:
        raise ValueError("the file has no place for its seal")
    data[place : place + DIGITS] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


def opened_sealed(data: bytes, *, since: str | None = None) -> pq.ParquetFile:
    """Open a sealed Parquet file, to be read without threads.

    Files without the column `since` need no seal. Raises `ValueError` if a bit has changed, and
    `ArrowException`.
    """
    place = _place_in(data)
    if place is not None:
        view = memoryview(data)
        digest = hashlib.sha256(view[:place])
        digest.update(_ZEROS)
        digest.update(view[place + DIGITS :])
        if data[place : place + DIGITS] != digest.hexdigest().encode():
            raise ValueError("the seal does not fit")
    file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    if place is None and (since is None or since in file.schema_arrow.names):
        raise ValueError("there is no seal")
    return file


def _place_in(data: bytes | bytearray) -> int | None:
    # Take the last occurrence: those in rows come before the footer.
    found = data.rfind(_PLACE)
    place = found + len(_PLACE)
    return place if found >= 0 and place + DIGITS <= len(data) else None


class DamagedTablesError(OutputError):
    """The files of a run are not those that were published."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a table as it was written: its name where it was staged, rows, bytes, and SHA-256 (hex)."""

    name: str
    rows: int
    bytes: int
    sha256: str


@lru_cache(CACHE_ENTRIES)
def row_of(info: objects.ObjectInfo, run_id: str, storage: objects.StorageOptions) -> Row:
    """Read the row that publishes a run, in columns of the file; `DamagedTablesError` if it has changed."""
    try:
        with opened_sealed(objects.read_object(info.uri, storage)[0], since="files") as file:
            table = file.read(use_threads=False)
        # Arrow loads pandas to give a moment its zone, which takes 0.2 s.
        naive = [(each.name, NAIVE_MICROS if each.type == UTC_MICROS else each.type) for each in table.schema]
        (values,) = table.cast(pa.schema(naive)).to_pylist()
        row = {name: utc(each) if isinstance(each, datetime) else each for name, each in values.items()}
        if row["run_id"] != run_id:
            raise ValueError
    except objects.MissingError:
        raise
    except UNREADABLE as error:
        raise DamagedTablesError(
            f"the row that publishes run {run_id} is damaged, so nothing about that run is certain",
            where=objects.shown_uri(info.uri),
            remedy=RESTORE,
        ) from error
    return row


def check_files(
    folder: Folder,
    table: str,
    runs: Iterable[tuple[Row, Mapping[str, objects.ObjectInfo]]],
    *,
    read: bool = True,
) -> None:
    """Compare files of runs with their rows; unless `read`, no file is read. Raises `DamagedTablesError`."""
    to_read = list[tuple[Row, objects.ObjectInfo, Row]]()
    for row, there in runs:
        if row.get("files") is None:
            _check_rows(folder, table, row, there)
            continue
        listed = {file["name"]: file for file in row["files"] if file["table"] == table}
        for name in sorted(listed.keys() | there.keys()):
            if name not in there:
                raise differs(row, table, folder.at(name), f"{_described(listed[name])}, and it is missing")
            if name not in listed:
                raise differs(row, table, folder.at(name), "no such file, and there is one")
            info, file = there[name], listed[name]
            if info.size != file["bytes"]:
                other = f"{_described(file)}, and it has {info.size or 0:,} bytes"
                raise differs(row, table, folder.at(name), other)
            if folder.is_local or file["etag"] is None or info.etag != file["etag"]:
                to_read.append((row, info, file))
    if read:
        with ThreadPoolExecutor(4, "sha256") as pool:
            digests = pool.map(lambda each: _sha256(each[1], folder.storage), to_read)
            for (row, info, file), digest in zip(to_read, digests, strict=True):
                if digest != file["sha256"]:
                    other = f"{_described(file)}, and its bytes have changed: their SHA-256 is {digest}"
                    raise differs(row, table, info.uri, other)


@lru_cache(CACHE_ENTRIES)
def _sha256(info: objects.ObjectInfo, storage: objects.StorageOptions) -> str:
    # Cached by `info`, whose size and time change if the file is written again.
    return sha256_of(objects.ObjectInfo(info.uri), storage)


def _check_rows(folder: Folder, table: str, row: Row, there: Mapping[str, objects.ObjectInfo]) -> None:
    expected = row.get(ROW_COUNT_COLUMNS.get(table, ""))
    if expected is None:
        return
    system, rows = file_system(folder.uri, folder.storage), 0
    for info in there.values():
        try:
            rows += pq.read_metadata(info.uri, filesystem=system).num_rows
        except UNREADABLE as error:
            raise differs(row, table, info.uri, "a file that can be read, and this one cannot") from error
    if rows != expected:
        other = f"{counted(expected, 'row')}, and there are {rows:,} in {counted(len(there), 'file')}"
        raise differs(row, table, folder.uri, other)


def _described(file: Row) -> str:
    return f"a file of {counted(file['rows'], 'row')} and {counted(file['bytes'], 'byte')}"


def differs(row: Row, table: str, where: str, what: str) -> DamagedTablesError:
    """Return the error of a table that differs from its run's row."""
    return DamagedTablesError(
        f"table {table} of run {row['run_id']} is not as it was published: the run's row states {what}",
        where=objects.shown_uri(where),
        remedy=RESTORE,
    )
