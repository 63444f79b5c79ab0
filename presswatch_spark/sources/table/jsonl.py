"""JSON Lines: one object a line. What any parser can read is read; the rest is a defect with its line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any

import orjson

from presswatch_spark.errors import CorruptError
from presswatch_spark.sources.base import DocumentBatch, Locator, ReadOptions, ReadReport
from presswatch_spark.sources.inflate.lines import lines
from presswatch_spark.sources.table.batches import BatchBuilder
from presswatch_spark.sources.table.columns import ROLES, Columns, first, has_any, pruned, tree_of
from presswatch_spark.sources.table.locators import LOCATOR_ROLES, locator_of
from presswatch_spark.sources.table.values import as_languages

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_INTEGER = 4000


class TooDeepError(ValueError):
    """JSON nested deeper than the parsers go: orjson 1,024 levels, the standard library that or more."""


def parse(line: bytes) -> Any:
    """Parse a line; of equal keys the last counts. `ValueError` if it is no JSON, `TooDeepError` if too deep.

    Lone surrogates, NaN, huge integers and invalid UTF-8 (read as U+FFFD), which orjson refuses, are
    accepted.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            return json.loads(line.decode("utf-8", "replace"), parse_int=_integer)
        except RecursionError as error:
            raise TooDeepError("nested too deeply") from error


def repeats_a_name(line: bytes) -> bool:
    """Whether an object in a line of JSON has two fields of one name: damage makes such, writers do not."""

    def seen(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) < len(pairs):
            raise _RepeatedError

    try:
        json.loads(line.decode("utf-8", "replace"), parse_int=float, object_pairs_hook=seen)
    except _RepeatedError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


class _RepeatedError(Exception):
    pass


def encoded(text: str) -> bytes:
    """UTF-8 of a string; a lone surrogate becomes the three bytes that no valid UTF-8 holds."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def read_jsonl(
    chunks: Iterable[bytes],
    columns: Columns,
    options: ReadOptions,
    report: ReadReport,
    where: str,
    text_is_sure: bool = False,
) -> Iterator[DocumentBatch]:
    """Yield batches of the rows in inflated `chunks`.

    A row without text, or gated by language, is skipped; a line that is no object, or whose text is no
    string, is a defect. `CorruptError` if rows were read and none has a column for text.
    """
    reading = _Rows(columns, options, report, text_is_sure)
    for index, line in _chosen(lines(chunks, report, options.max_document_bytes), options.rows):
        if index == 0:
            line = line.removeprefix(BYTE_ORDER_MARK)
        if line and not line.isspace():
            reading.add(index, line)
            if reading.builder.is_full(options.batch_bytes):
                yield reading.builder.take()
    if len(reading.builder):
        yield reading.builder.take()
    if options.rows is None:
        reading.check(where)


def _chosen(
    numbered: Iterator[tuple[int, bytes]], rows: frozenset[int] | None
) -> Iterator[tuple[int, bytes]]:
    """The lines with these numbers, read no further than the last of them; all for None."""
    if rows is None:
        return numbered
    last = max(rows, default=-1)
    return (line for line in takewhile(lambda line: line[0] <= last, numbered) if line[0] in rows)


class _Rows:
    """The rows of one shard on their way into batches."""

    def __init__(
        self, columns: Columns, options: ReadOptions, report: ReadReport, text_is_sure: bool
    ) -> None:
        self._text_is_sure = text_is_sure
        self._paths = {role: columns.paths(role) for role in ROLES}
        self._needed = tree_of(path for role in LOCATOR_ROLES for path in self._paths[role])
        self._gate = {code.lower() for code in options.languages}
        self._report = report
        self._rows = 0
        self._rows_with_column = 0
        self._keys: list[str] = []
        self._shape = (0, 0)
        self.builder: BatchBuilder[tuple[int, dict[str, Any]]] = BatchBuilder(report, self._locate)

    def add(self, index: int, line: bytes) -> None:
        """Parse a line and keep its document, if it has one."""
        try:
            row = parse(line)
        except TooDeepError:
            self._report.add_defect("line is nested too deeply to be read", index, "line")
            return
        except ValueError:
            row = None
        if not isinstance(row, dict):
            self._report.add_defect("line is no JSON object, not read", index, "line")
            return
        if self._is_fused(line, row):
            self._report.add_defect("line has two fields of one name, not read", index, "line")
            return
        self._rows += 1
        text = first(row, self._paths["text"])
        if isinstance(text, str) and text and not self._gated(row):
            # A batch must not hold the rest of the row, which may be a page's HTML.
            place = (index, pruned(row, self._needed))
            self.builder.add(encoded(text), self._url(index, row), place, len(line))
        elif text is None and self._text_is_sure and not has_any(row, self._paths["text"]):
            self._report.add_defect("row has no column of text, as all of the dataset have", index, "line")
        elif text is None or isinstance(text, str):
            self._report.add_skipped("language" if text else "no text")
        else:
            self._report.add_defect(f"text is a {_kind(text)}, not a string; not read", index, "line")
        if text is not None or has_any(row, self._paths["text"]):
            self._rows_with_column += 1
        elif not self._keys:
            self._keys = sorted(map(str, row))[:20]

    def _is_fused(self, line: bytes, row: dict[str, Any]) -> bool:
        """Whether parts of two rows may stand in one: an object has two texts, or two URLs.

        Lines with as many fields and quotes as one that was looked at are not looked at: that takes longer.
        """
        quotes = line.count(b'"')
        if (quotes, len(row)) == self._shape:
            return False
        shape = (quotes - line.count(b'\\"'), len(row))
        if shape == self._shape:
            return False
        names = {path[-1] for role in ("text", "url") for path in self._paths[role] if has_any(row, (path,))}
        if any(line.count(f'"{name}"'.encode()) > 1 for name in names) and repeats_a_name(line):
            return True
        self._shape = shape
        return False

    def check(self, where: str) -> None:
        """Refuse what must not look like a shard without copies: no rows, or none with a column for text."""
        if not self._rows and not self._report.defects_total:
            self._report.add_defect("the shard is empty", 0)
        if self._rows and not self._rows_with_column:
            wanted = ", ".join(".".join(path) for path in self._paths["text"])
            raise CorruptError(
                f"no row has a text column ({wanted}); there are: {', '.join(self._keys)}",
                where=where,
                remedy="choose another --format or map the columns",
            )

    def _gated(self, row: dict[str, Any]) -> bool:
        if not self._gate:
            return False
        languages = as_languages(first(row, self._paths["languages"]))
        return bool(languages) and self._gate.isdisjoint(code.lower() for code in languages)

    def _url(self, index: int, row: dict[str, Any]) -> bytes:
        url = first(row, self._paths["url"])
        if url is not None and not isinstance(url, str):
            self._report.add_defect(f"URL is a {_kind(url)}, not a string; read without URL", index, "line")
        return encoded(url) if isinstance(url, str) else b""

    def _locate(self, place: tuple[int, dict[str, Any]]) -> Locator:
        index, row = place
        return locator_of(lambda role: first(row, self._paths[role]), row_index=index)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONGEST_INTEGER else float(digits)


def _kind(value: object) -> str:
    """Name a JSON value's type as JSON does."""
    names = {bool: "boolean", int: "number", float: "number", list: "list", dict: "object"}
    return names.get(type(value), "value")
