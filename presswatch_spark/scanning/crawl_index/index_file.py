"""Reads files of Common Crawl's indexes, and yields rows on wanted hosts.

A file of the columnar index (Parquet) is read by range: its footer, then the hosts of those row groups whose
statistics of SURT keys do not exclude wanted hosts, then the rows on wanted hosts. A shard of the older index
(CDXJ) has the same keys, but no statistics: it is read to its end.

Columns have flat names, or names with dots in the nested schema. Old releases lack columns (`content_charset`
and `content_languages` before CC-MAIN-2018-39); `crawl` and `subset` are in the path of a file
(`crawl=…/subset=…/`), as Hive partitions do, or in its columns.

    fr,journal)/une 20240716153155 {"url": "https://www.journal.fr/une", "mime": "text/html", …}
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.core.errors import CorruptError, PresswatchError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading.inflate import inflated, lines
from presswatch_spark.reading.rows.columns import readable_part
from presswatch_spark.reading.rows.lenient_json import parse
from presswatch_spark.reading.rows.parquet import GroupReader, OpenedParquet, dotted_names, open_parquet
from presswatch_spark.reading.rows.parquet_footer import BYTE_ARRAY, Chunk
from presswatch_spark.reading.rows.parquet_pages import CheckedFile
from presswatch_spark.reading.rows.row_values import DAMAGE_ERRORS, column_at
from presswatch_spark.scanning.crawl_index.wanted import Wanted
from presswatch_spark.scanning.releases.release import partitions
from presswatch_spark.storage.objects import (
    ObjectInfo,
    StorageOptions,
    open_stream,
    random_access,
    shown_uri,
)

IndexRow = dict[str, object]
Places = npt.NDArray[np.int64]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "key": ("url_surtkey", "url.surtkey"),
    "host": ("url_host_name", "url.host.name"),
    # In the nested schema, `url` is a struct.
    "url": ("url.url", "url"),
    "captured_at": ("fetch_time", "fetch.time"),
    "http_status": ("fetch_status", "fetch.status"),
    "payload_digest": ("content_digest", "content.digest"),
    "mime_declared": ("content_mime_type", "content.mime_type"),
    "mime_detected": ("content_mime_detected", "content.mime_detected"),
    "charset": ("content_charset", "content.charset"),
    "languages": ("content_languages", "content.languages"),
    "truncated": ("content_truncated", "content.truncated"),
    "warc_filename": ("warc_filename", "warc.filename"),
    "record_offset": ("warc_record_offset", "warc.record_offset"),
    "record_length": ("warc_record_length", "warc.record_length"),
    "release": ("crawl",),
    "subset": ("subset",),
}
"""Each column's name here, and the names to try, in order, in an index."""
SEARCHED = ("key", "host")
"""Columns that only narrow the search."""
BATCH_ROWS = 1 << 14
TEXT_KINDS = frozenset(
    ("string", "large_string", "string_view", "binary", "large_binary", "binary_view", "fixed_size_binary")
)
CDXJ_FIELDS = {
    "url": "url",
    "http_status": "status",
    "payload_digest": "digest",
    "mime_declared": "mime",
    "mime_detected": "mime-detected",
    "charset": "charset",
    "languages": "languages",
    "truncated": "truncated",
    "warc_filename": "filename",
    "record_offset": "offset",
    "record_length": "length",
}
"""Each column's name here, and its name in CDXJ."""
MAX_LINE_BYTES = 1 << 20
# CDXJ files of OpenWayback begin with one or more header lines such as `!OpenWayback-CDXJ 1.0`.
_ABOUT = b"!"
_CDXJ_NAME = re.compile(r"(?:^|/)cdx-[^/]*\.gz$|\.cdxj(?:\.gz)?$")


@dataclass(slots=True)
class IndexReport(ReadReport):
    """Progress of reading an index file.

    `row_groups_read`: row groups whose hosts were read. `row_groups_done`: row groups that were read as far
    as necessary, or excluded by statistics. `missing`: columns that the file lacks.
    """

    rows: int = 0
    row_groups: int = 0
    row_groups_read: int = 0
    row_groups_done: int = 0
    missing: tuple[str, ...] = ()


def read_index(
    info: ObjectInfo, wanted: Wanted, storage: StorageOptions, report: IndexReport
) -> Iterator[tuple[int, IndexRow]]:
    """Yield the rows on wanted hosts, each with its index in the file, as values by our names of the columns.

    Rows lack the columns that the file lacks. A row group that cannot be read is a defect, and yields no
    rows. `CorruptError`: the footer is unreadable or lacks URLs. `StorageError`: the object is out of reach.
    """
    # Without read-ahead, each read of pyarrow is one request; with `pre_buffer` it merges near ranges.
    with CheckedFile(random_access(info, storage, read_ahead=0)) as file:
        try:
            # Spark wrote the times of Common Crawl's index as INT96. As nanoseconds, they would end in 2262.
            parquet = open_parquet(
                cast(BinaryIO, file), shown_uri(info.uri), pre_buffer=True, coerce_int96_timestamp_unit="us"
            )
            for finding, offset in parquet.footer.complaints:
                report.add_defect(finding, offset)
            report.rows, report.row_groups = parquet.footer.rows, len(parquet.footer.groups)
            yield from _IndexFile(parquet, _columns(parquet, info.uri, report), wanted, report).rows()
        finally:
            report.bytes_read = file.bytes_read


def _columns(parquet: OpenedParquet, uri: str, report: IndexReport) -> dict[str, str]:
    schema = parquet.schema
    available = dotted_names(schema)
    found = ((ours, [name for name in names if name in available]) for ours, names in COLUMNS.items())
    chosen = {ours: names[0] for ours, names in found if names}
    sample = pa.RecordBatch.from_pylist([], schema)
    # Ignore columns of other types than text, so that they exclude no row.
    for ours in {"host", "url", "captured_at"} & chosen.keys():
        kind = column_at(sample, chosen[ours]).type
        # Ignore numbers as times, too: their unit and epoch are unknown.
        if not (_is_text(kind) or (ours == "captured_at" and pa.types.is_timestamp(kind))):
            del chosen[ours]
    if "url" not in chosen:
        raise CorruptError(
            "this is not a columnar index: it has no text column `url`",
            where=shown_uri(uri),
            remedy="pass the files below cc-index/table/cc-main/warc/",
        )
    given = {*chosen, *partitions(shown_uri(uri)), *SEARCHED}
    report.missing = tuple(names[0] for ours, names in COLUMNS.items() if ours not in given)
    return chosen


@dataclass(frozen=True, slots=True)
class _IndexFile:
    parquet: OpenedParquet
    columns: Mapping[str, str]
    wanted: Wanted
    report: IndexReport

    def rows(self) -> Iterator[tuple[int, IndexRow]]:
        first, key = 0, self.columns.get("key")
        for group, described in enumerate(self.parquet.footer.groups):
            keys = next((each for each in described.chunks if each.leaf.path == key), None)
            bounds = keys and _bounds(keys)
            if not bounds or self.wanted.in_keys(*bounds):
                self.report.row_groups_read += 1
                for place, row in self._rows_of(group):
                    yield first + place, row
            else:
                self.report.row_groups_done += 1
            first += described.rows

    def _rows_of(self, group: int) -> Iterator[tuple[int, IndexRow]]:
        """Yield all rows of a row group on wanted hosts; if one cannot be read, none, and add a defect."""
        name = self.columns.get("host")
        try:
            if name is None:
                places = np.arange(self.parquet.footer.groups[group].rows)
            else:
                found = [np.empty(0, np.int64)]
                for first, batch in self._batches(group, [name]):
                    hosts = column_at(batch, name).dictionary_encode()
                    known = [self.wanted.is_host(host) for host in _values(hosts.dictionary)]
                    # Null hosts (the last index) are wanted: their URLs decide.
                    wanted = np.array([*known, True])[hosts.indices.fill_null(len(known)).to_numpy()]
                    found.append(first + np.flatnonzero(wanted))
                places = np.concatenate(found)
            batches = list(self._columns_at(group, places)) if len(places) else []
        except DAMAGE_ERRORS as error:
            failure = self.parquet.file.failure
            if isinstance(failure, PresswatchError):
                raise failure from error
            self.report.add_defect(f"row group cannot be read ({type(error).__name__})", group, "row group")
            return
        self.report.row_groups_done += 1
        for taken, columns in batches:
            values = {ours: _values(column) for ours, column in columns.items()}
            for i, place in enumerate(taken.tolist()):
                yield place, {ours: column[i] for ours, column in values.items()}

    def _columns_at(self, group: int, places: Places) -> Iterator[tuple[Places, dict[str, pa.Array]]]:
        names = {ours: name for ours, name in self.columns.items() if ours not in SEARCHED}
        for first, batch in self._batches(group, sorted(names.values())):
            begin, end = np.searchsorted(places, (first, first + len(batch)))
            if begin < end:
                taken = places[begin:end]
                at = pa.array(taken - first)
                columns = dict[str, pa.Array]()
                for ours, name in names.items():
                    column = column_at(batch, name)
                    if pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
                        # Arrow's `take` does not support views.
                        column = column.cast(pa.large_binary())
                    columns[ours] = column.take(at)
                yield taken, columns

    def _batches(self, group: int, names: list[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        first = 0
        for batch in GroupReader(self.parquet, group, names).batches(BATCH_ROWS):
            yield first, batch
            first += len(batch)


def _bounds(chunk: Chunk) -> tuple[str, str] | None:
    """Return least and greatest value of a column of a row group; None if rows may be outside of them."""
    if chunk.nulls != 0 or chunk.least is None or chunk.greatest is None or chunk.leaf.kind != BYTE_ARRAY:
        return None
    try:
        return chunk.least.decode(), chunk.greatest.decode()
    except UnicodeDecodeError:
        return None


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return str(kind).partition("[")[0] in TEXT_KINDS


def _values(column: pa.Array) -> list[Any]:
    """Return the values of a column in Python: U+FFFD for invalid UTF-8, None for values beyond its types."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_text(column.type):
        return [
            None if value is None else value.decode("utf-8", "replace")
            for value in column.cast(pa.large_binary()).to_pylist()
        ]
    try:
        values = list(column.to_pylist())
    except DAMAGE_ERRORS:
        values = [_value(each) for each in column]
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        # Some tools, such as pandas, write an integer column with missing values as floats.
        return [int(value) if value is not None and value % 1 == 0 else value for value in values]
    return values


def _value(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except DAMAGE_ERRORS:
        return None


def is_cdxj(uri: str) -> bool:
    """Return whether a name is that of a CDXJ shard: `cdx-00000.gz`, `*.cdxj`, `*.cdxj.gz`."""
    return _CDXJ_NAME.search(uri) is not None


def read_cdxj(
    info: ObjectInfo, wanted: Wanted, storage: StorageOptions, report: IndexReport
) -> Iterator[tuple[int, IndexRow]]:
    """Yield the rows of a CDXJ file like `read_index`; the index of a row is that of its line.

    The file counts as one row group; an unreadable line is a defect. Raises `StorageError`.
    """
    report.row_groups = report.row_groups_read = 1
    with open_stream(info, storage) as stream:
        try:
            for place, line in lines(inflated(stream, report), report, MAX_LINE_BYTES):
                if not report.rows and line.startswith(_ABOUT):
                    continue
                report.rows, report.row_groups_done = report.rows + 1, 1
                row = row_of_line(line, wanted)
                if row is None:
                    report.add_defect("line is not that of an index", place, "line")
                elif row:
                    yield place, row
        finally:
            report.bytes_read = stream.position
    if not report.rows and not report.defects_total:
        report.add_defect("the file has no line")


def row_of_line(line: bytes, wanted: Wanted) -> IndexRow | None:
    """Return the values of a line by our names; empty if it is not wanted, None if it cannot be read."""
    head, brace, rest = line.decode("utf-8", "replace").partition(" {")
    # A key may contain spaces, like its URL: the time follows the last one.
    key, _, time = head.rpartition(" ")
    if not (key and brace):
        return None
    if not wanted.in_keys(key, key):
        return {}
    try:
        fields = parse(f"{{{rest}".encode())
    except ValueError:
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("url"), str):
        return None
    return {"captured_at": time} | {ours: _storable(fields.get(name)) for ours, name in CDXJ_FIELDS.items()}


def _storable(value: object) -> object:
    value = readable_part(value)
    if isinstance(value, tuple):
        return tuple(map(_storable, value))
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
