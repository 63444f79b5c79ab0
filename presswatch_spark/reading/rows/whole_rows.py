"""Reads rows of article files as Python's values: JSONL, CSV and Parquet, by content, compressed or not.

A corpus that lacks articles would make every later "not found" wrong. So articles are read more strictly than
shards: a file that cannot be read to its end is an error, and a damaged row is `Unreadable`.
"""

import codecs
import csv
import itertools
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from presswatch_spark.core.errors import CorruptError, InputError, PresswatchError, first_line
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading.inflate import inflated, placed_lines
from presswatch_spark.reading.rows.lenient_json import BYTE_ORDER_MARK
from presswatch_spark.reading.rows.parquet import (
    DECODED_BYTES,
    GroupReader,
    dotted_names,
    drawn_bounded,
    open_parquet,
)
from presswatch_spark.reading.rows.parquet_footer import is_parquet
from presswatch_spark.reading.rows.row_values import DAMAGE_ERRORS, is_text_type, lost_blocks, text_column
from presswatch_spark.storage.objects import (
    ObjectInfo,
    StorageOptions,
    open_stream,
    random_access,
    shown_uri,
)

MAX_ROW_BYTES = 64 << 20
_HEAD_BYTES = 64 << 10
_BATCH_ROWS, _BATCH_BYTES = 1024, 16 << 20
_ABSENT = object()
_LINE_END = re.compile(r"\r\n?|\n")

# Errors for values that Python cannot represent: dates out of range, invalid UTF-8, unknown time zones.
_NO_VALUE = (ArithmeticError, LookupError, ValueError, TypeError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row, or a value of one, that cannot be read; `detail`: the reason, without its text."""

    detail: str


Row = Mapping[str, Any] | Unreadable


@dataclass(frozen=True, slots=True)
class NamedColumns:
    """Names of columns: `names` maps ours to the file's; a dot in these leads to a nested field.

    `required`: columns (our names) that every file must have.
    """

    names: Mapping[str, str]
    required: frozenset[str]

    def take(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row's values under our names; None where it has none."""
        return {ours: _at(row, theirs, None) for ours, theirs in self.names.items()}

    def check(self, present: Sequence[str], where: str, fields: Collection[str] = ()) -> None:
        """Raise `InputError` unless every required column is among the file's, and none is there twice.

        `present`: the file's columns; `fields`: dotted names of their content.
        """
        there = {*present, *fields}
        missing = [f"`{name}`" for ours in sorted(self.required) if (name := self.names[ours]) not in there]
        if missing:
            raise InputError(
                f"there is no column {', '.join(missing)};"
                f" the columns are {', '.join(sorted(present)) or 'none'}",
                where=where,
                remedy="map names with --columns ours=theirs",
            )
        top = [theirs if theirs in present else theirs.partition(".")[0] for theirs in self.names.values()]
        repeated = [name for name in top if present.count(name) > 1]
        if repeated:
            raise InputError(
                f"column `{min(repeated)}` appears twice", where=where, remedy="rename one of them"
            )


def _at(row: Mapping[str, Any], name: str, absent: Any) -> Any:
    if name in row or "." not in name:
        return row.get(name, absent)
    first, _, inner = name.partition(".")
    nested = row.get(first)
    if isinstance(nested, Unreadable):
        return nested
    return _at(nested, inner, absent) if isinstance(nested, Mapping) else absent


def whole_rows(
    info: ObjectInfo, columns: NamedColumns, options: StorageOptions, encoding: str = "utf-8"
) -> Iterator[tuple[int, Row]]:
    """Yield every row with its index from 0: line of JSONL, record of CSV after the header, row of Parquet.

    `encoding`: Python's name of the encoding of JSONL and CSV. `InputError`: the file is empty, is of no
    known format, or lacks required columns. `CorruptError`, `StorageError`: it cannot be read to its end.
    """
    where = shown_uri(info.uri)
    if is_parquet(info.uri, options):
        yield from _parquet_rows(info, columns, options)
        return
    report = ReadReport()
    with open_stream(info, options) as stream:
        chunks = iter(_in_utf8(inflated(stream, report), encoding, where))
        head = b""
        while len(head) < _HEAD_BYTES and (chunk := next(chunks, None)) is not None:
            head += bytes(chunk)
        yield from _rows_of(head, itertools.chain([head], chunks), columns, report, where)
    require_whole(report, where)


def _in_utf8(chunks: Iterable[bytes], encoding: str, where: str) -> Iterator[bytes]:
    if codecs.lookup(encoding).name == "utf-8":
        yield from map(bytes, chunks)
        return
    decoder, done = codecs.getincrementaldecoder(encoding)(), 0
    try:
        for chunk in chunks:
            yield decoder.decode(bytes(chunk)).encode("utf-8", "surrogatepass")
            done += len(chunk)
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeError as error:
        place = done + getattr(error, "start", 0)
        raise CorruptError(
            f"the file is not in {encoding}: the bytes at about {place:,} are not text",
            where=where,
            remedy="pass its encoding, such as --encoding utf-8 or windows-1252",
        ) from error


def _rows_of(
    head: bytes, chunks: Iterator[bytes], columns: NamedColumns, report: ReadReport, where: str
) -> Iterator[tuple[int, Row]]:
    start = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if not start:
        require_whole(report, where)
        raise InputError("the file is empty", where=where, remedy="pass files with rows")
    if start.startswith(b"["):
        raise InputError(
            "this is a JSON array, not JSONL",
            where=where,
            remedy="write one JSON object per line, for example with jq -c '.[]'",
        )
    bare_name = where.lower().removesuffix(".gz").removesuffix(".zst")
    if start.startswith(b"{") or bare_name.endswith((".jsonl", ".ndjson", ".json")):
        return _json_rows(chunks, columns, where)
    if b"\0" in head:
        raise InputError(
            "the file is neither JSONL, CSV nor Parquet", where=where, remedy="pass only files of articles"
        )
    # Choose the delimiter that splits the header into most of the wanted columns.
    header, wanted = start.decode("utf-8", "replace").splitlines()[:1], set(columns.names.values())
    fits = {mark: len(wanted & set(next(csv.reader(header, delimiter=mark), []))) for mark in ",;\t"}
    return _csv_rows(chunks, columns, report, where, max(fits, key=lambda mark: fits[mark]))


def require_whole(
    report: ReadReport,
    where: str,
    what: str = "the article file",
    remedy: str = "download or export the file again",
) -> None:
    """Raise `CorruptError` if a file could not be read to its end; `what`: its name in the message."""
    if report.defects_total:
        defects = "; ".join(map(str, report.defects))
        raise CorruptError(f"{what} cannot be read to its end: {defects}", where=where, remedy=remedy)


def _json_rows(chunks: Iterator[bytes], columns: NamedColumns, where: str) -> Iterator[tuple[int, Row]]:
    wanted = {columns.names[ours] for ours in columns.required}
    unseen, seen = set(wanted), set[str]()
    for index, _, line in placed_lines(chunks, MAX_ROW_BYTES):
        if line is None:
            yield index, Unreadable(f"longer than {MAX_ROW_BYTES:,} bytes")
            continue
        content = line.removeprefix(BYTE_ORDER_MARK) if index == 0 else line
        if not content.strip():
            continue
        row = _parse_json(content)
        if isinstance(row, dict) and unseen:
            seen |= row.keys()
            unseen = {name for name in unseen if _at(row, name, _ABSENT) is _ABSENT}
        yield index, row if isinstance(row, Unreadable) else columns.take(row)
    if seen:
        columns.check(sorted(seen), where, wanted - unseen)


def _parse_json(line: bytes) -> dict[str, Any] | Unreadable:
    """Parse a line strictly: unlike with `columns.parse`, bytes must be UTF-8. Lone surrogates pass."""
    try:
        try:
            value = orjson.loads(line)
        except ValueError:
            value = json.loads(line)
    except UnicodeDecodeError as error:
        return Unreadable(f"byte {error.start} of the line is not UTF-8")
    except json.JSONDecodeError as error:
        return Unreadable(f"not JSON: {error.msg} at character {error.pos}")
    except RecursionError:
        return Unreadable("JSON nested too deeply")
    except ValueError:
        # Whole numbers beyond `sys.get_int_max_str_digits()`.
        return Unreadable("a number with more digits than Python reads")
    return value if isinstance(value, dict) else Unreadable(f"a JSON {type(value).__name__}, not an object")


def _csv_rows(
    chunks: Iterator[bytes], columns: NamedColumns, report: ReadReport, where: str, delimiter: str
) -> Iterator[tuple[int, Row]]:
    # Some articles are longer than the module's limit of 131,072 characters a field.
    csv.field_size_limit(MAX_ROW_BYTES)
    reader = csv.reader(_text_lines(chunks), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        columns.check(header, where)
        for index, fields in enumerate(reader):
            if fields:
                yield index, _csv_row(fields, header, columns)
    except csv.Error as error:
        require_whole(report, where)
        raise CorruptError(
            f"this is not valid CSV: {error}",
            where=f"{where}:{reader.line_num}",
            remedy="quote fields that contain quotes or line ends, and double the quotes in them",
        ) from error


def _csv_row(fields: Sequence[str], header: Sequence[str], columns: NamedColumns) -> Row:
    if len(fields) != len(header):
        return Unreadable(f"{len(fields)} fields where the header has {len(header)}")
    row = {name: value or None for name, value in zip(header, fields, strict=True)}
    for name in columns.names.values():
        try:
            (row.get(name) or "").encode()
        except UnicodeEncodeError:
            return Unreadable(
                f"column `{name}` is not UTF-8 (pass the file's encoding, such as --encoding windows-1252)"
            )
    return columns.take(row)


def _text_lines(chunks: Iterator[bytes]) -> Iterator[str]:
    # Yield lines as the csv module needs them: with their line ends, which may also be CR.
    rest = ""
    for text in codecs.iterdecode(chunks, "utf-8-sig", "surrogateescape"):
        rest, at = rest + text, 0
        for end in _LINE_END.finditer(rest):
            # A CR at the end may be half of a CRLF.
            if end.end() == len(rest):
                break
            yield rest[at : end.end()]
            at = end.end()
        rest = rest[at:]
    if rest:
        yield rest


def _parquet_rows(
    info: ObjectInfo, columns: NamedColumns, options: StorageOptions
) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a Parquet file. A value that Python cannot represent is an error of its row only."""
    where = shown_uri(info.uri)
    try:
        with random_access(info, options) as file:
            parquet = open_parquet(file, where)
            there = parquet.schema.names
            for finding, offset in parquet.footer.complaints:
                raise CorruptError(f"{finding} at byte {offset:,}", where=where, remedy="export it again")
            columns.check(there, where, dotted_names(parquet.schema))
            theirs = columns.names.values()
            wanted = {*theirs, *(name.partition(".")[0] for name in theirs)}
            present = [name for name in there if name in wanted]
            index = 0
            for group in range(len(parquet.footer.groups)):
                reader = GroupReader(parquet, group, present)
                batches = reader.batches(min(_BATCH_ROWS, reader.rows_for(_BATCH_BYTES)))
                # Decode, and convert to Python's values, one batch at a time.
                rows = drawn_bounded(map(_batch_rows, batches), DECODED_BYTES)
                for row in itertools.chain.from_iterable(rows):
                    yield index, columns.take(row)
                    index += 1
    except (MemoryError, *DAMAGE_ERRORS) as error:
        if isinstance(error, PresswatchError):
            raise
        reason = first_line(error)
        if isinstance(error, MemoryError):
            reason = f"a few of its rows take more than {DECODED_BYTES >> 20:,} MiB of memory"
        raise CorruptError(
            f"the Parquet file cannot be read: {reason}", where=where, remedy="export it again"
        ) from error


def _batch_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    for column in batch.columns:
        if is_text_type(column.type):
            for _, size in lost_blocks(text_column(column, "")):
                raise ValueError(f"{size:,} zero bytes in a row: a block of the file was lost")
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except _NO_VALUE:
        fields = list(zip(batch.schema.names, batch.columns, strict=True))
        rows = [{name: _value(name, column[i]) for name, column in fields} for i in range(len(batch))]
    return rows


def _value(name: str, value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except _NO_VALUE:
        return Unreadable(f"`{name}` contains a {value.type} that cannot be read")
