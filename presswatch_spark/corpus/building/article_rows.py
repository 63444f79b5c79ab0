"""Article files as rows: JSONL, CSV and Parquet, told apart by content; gzip and zstd are inflated.

A row that does not parse is handed out as `Unreadable`, and so is a value that Python cannot hold. A file
that cannot be read to its end is an error, never a shorter file: a corpus that misses articles would make
every later "not found" wrong.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from presswatch_spark.corpus.building.article_columns import Columns, Row, Unreadable, holds
from presswatch_spark.corpus.building.parquet_articles import parquet_rows
from presswatch_spark.errors import CorruptError, InputError
from presswatch_spark.formats.inflate.inflated import inflated
from presswatch_spark.formats.inflate.lines import placed_lines
from presswatch_spark.formats.table.footer import MAGIC
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.objects import (
    ObjectInfo,
    StorageOptions,
    open_stream,
    printable,
    read_range,
)

MAX_ROW_BYTES = 64 << 20
_HEAD_BYTES = 64 << 10
_MAY_END_A_KEY = re.compile(rb'"[ \t\r\n]*:')


def article_rows(info: ObjectInfo, columns: Columns, options: StorageOptions) -> Iterator[tuple[int, Row]]:
    """Yield every row with its index from 0: line of JSONL, record of CSV after the header, row of Parquet.

    Raises:
        InputError: the file is empty, is of no known format, or lacks required columns.
        CorruptError, StorageError: the file cannot be read to its end.
    """
    where = printable(info.uri)
    if read_range(info.uri, 0, len(MAGIC), options) == MAGIC:
        yield from parquet_rows(info, columns, options)
        return
    report = ReadReport()
    with open_stream(info, options) as stream:
        chunks = iter(inflated(stream, report))
        head = b""
        while len(head) < _HEAD_BYTES and (chunk := next(chunks, None)) is not None:
            head += bytes(chunk)
        rows = _rows_of(head, itertools.chain([head], chunks), columns, report, where)
        yield from rows
    _require_whole(report, where)


def _rows_of(
    head: bytes, chunks: Iterator[bytes], columns: Columns, report: ReadReport, where: str
) -> Iterator[tuple[int, Row]]:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not start:
        _require_whole(report, where)
        raise InputError("the file is empty", where=where)
    if start.startswith(b"["):
        raise InputError(
            "this is a JSON array, not JSONL",
            where=where,
            remedy="write one JSON object a line, e.g. with jq -c '.[]'",
        )
    bare_name = where.lower().removesuffix(".gz").removesuffix(".zst")
    if start.startswith(b"{") or bare_name.endswith((".jsonl", ".ndjson", ".json")):
        return _json_rows(chunks, columns, where)
    if b"\0" in head:
        raise InputError(
            "this is neither JSONL, CSV nor Parquet", where=where, remedy="name article files only"
        )
    return _csv_rows(chunks, columns, report, where, _delimiter(start, columns))


def _require_whole(report: ReadReport, where: str) -> None:
    if report.defects_total:
        raise CorruptError(
            f"the article file cannot be read to its end: {'; '.join(map(str, report.defects))}",
            where=where,
            remedy="fetch or export the file again",
        )


def _json_rows(chunks: Iterator[bytes], columns: Columns, where: str) -> Iterator[tuple[int, Row]]:
    wanted = {columns.names[ours] for ours in columns.required}
    unseen, seen = set(wanted), set[str]()
    for index, _, line in placed_lines(chunks, MAX_ROW_BYTES):
        if line is None:
            yield index, Unreadable(f"longer than {MAX_ROW_BYTES:,} bytes")
            continue
        content = bytes(line).removeprefix(codecs.BOM_UTF8) if index == 0 else bytes(line)
        if not content.strip():
            continue
        row = _parse_json(content, columns)
        if isinstance(row, dict) and unseen:
            seen |= row.keys()
            unseen = {name for name in unseen if not holds(row, name)}
        yield index, row if isinstance(row, Unreadable) else columns.take(row)
    if seen:
        columns.check(sorted(seen), where, wanted - unseen)


def _parse_json(line: bytes, columns: Columns) -> dict[str, Any] | Unreadable:
    """Parse a line: orjson, then `json`, which also takes lone surrogates; a key given twice is refused."""
    try:
        value = orjson.loads(line)
        if _may_repeat_a_key(line, value, columns):
            value = json.loads(line, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError):
        try:
            value = json.loads(line, object_pairs_hook=_no_repeats)
        except (ValueError, RecursionError) as error:
            return Unreadable(_no_json(error))
    return value if isinstance(value, dict) else Unreadable(f"a JSON {type(value).__name__}, not an object")


def _may_repeat_a_key(line: bytes, value: Any, columns: Columns) -> bool:
    """Whether a line may give one of the columns twice; `value` is what orjson made of it."""
    keys = len(value) if isinstance(value, dict) else 0
    # As many keys as the line can have: all are different.
    if len(_MAY_END_A_KEY.findall(line)) == keys:
        return False
    return any(line.count(b'"%s"' % name.encode()) > 1 for name in columns.names.values())


def _no_json(error: ValueError | RecursionError) -> str:
    """Why `json` refuses a line."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} of the line is not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} at character {error.pos}"
    if isinstance(error, _RepeatedKeyError):
        return str(error)
    if isinstance(error, RecursionError):
        return "JSON nested too deeply"
    # All that is left: Python takes whole numbers up to `sys.get_int_max_str_digits()`.
    return "a number with more digits than Python takes"


class _RepeatedKeyError(ValueError):
    """A JSON object gives a key twice."""


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _RepeatedKeyError("a key of the JSON object is given twice")
    return fields


def _delimiter(head: bytes, columns: Columns) -> str:
    """Of comma, semicolon and tab, the one that splits the header into most of the columns looked for."""
    header = head.decode("utf-8", "replace").splitlines()[:1]
    wanted = set(columns.names.values())
    found = {mark: len(wanted & set(next(csv.reader(header, delimiter=mark), []))) for mark in ",;\t"}
    return max(found, key=lambda mark: found[mark])


def _csv_rows(
    chunks: Iterator[bytes], columns: Columns, report: ReadReport, where: str, delimiter: str
) -> Iterator[tuple[int, Row]]:
    # Some articles are longer than the module's limit of 131,072 characters a field; it has no other switch.
    csv.field_size_limit(MAX_ROW_BYTES)
    text = io.TextIOWrapper(
        io.BufferedReader(_ChunkFile(chunks)), "utf-8-sig", errors="surrogateescape", newline=""
    )
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        columns.check(header, where)
        for index, fields in enumerate(reader):
            if fields:
                yield index, _csv_row(fields, header, columns)
    except csv.Error as error:
        _require_whole(report, where)
        raise CorruptError(
            f"this is not valid CSV: {error}",
            where=f"{where}:{reader.line_num}",
            remedy="quote fields that hold quotes or line ends, and double quotes within",
        ) from error


def _csv_row(fields: Sequence[str], header: Sequence[str], columns: Columns) -> Row:
    if len(fields) != len(header):
        return Unreadable(f"{len(fields)} fields where the header has {len(header)}")
    row = {name: value or None for name, value in zip(header, fields, strict=True)}
    for name in columns.names.values():
        try:
            (row.get(name) or "").encode()
        except UnicodeEncodeError:
            return Unreadable(f"column `{name}` is not UTF-8 (save the file as UTF-8)")
    return columns.take(row)


class _ChunkFile(io.RawIOBase):
    """A file over chunks of bytes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
