"""JSON Lines: one object a line. What any parser can read is read; the rest is a defect with its line.

Where no checksum covers the bytes (`ReadReport.unchecked`), damage may have made one row of two, or two of
one. So a row without a field that nearly all have, a row that is no UTF-8, and rows beside such a one or a
line that is no row, are read without URL: nothing proves that text and URL belong together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import orjson

from presswatch_spark.sources.base import DocumentBatch, Locator, ReadOptions, ReadReport
from presswatch_spark.sources.inflate.lines import placed_lines
from presswatch_spark.sources.table.batches import BatchBuilder
from presswatch_spark.sources.table.beside import Beside, Ending
from presswatch_spark.sources.table.columns import (
    BROKEN,
    ROLES,
    Columns,
    MissingColumnError,
    dotted_keys,
    first,
    has_any,
    listed,
    pruned,
    tree_of,
)
from presswatch_spark.sources.table.json_strings import BROKEN_TEXT, BROKEN_URL, leading_on, unfold
from presswatch_spark.sources.table.json_text import (
    BYTE_ORDER_MARK,
    TooDeepError,
    encoded,
    is_utf8,
    parse_leniently,
    repeats_a_name,
)
from presswatch_spark.sources.table.locators import LOCATOR_ROLES, locator_of
from presswatch_spark.sources.table.steady import SteadyFields
from presswatch_spark.sources.table.values import as_languages, kind

NAMES_KEPT, LONGEST_NAME = 200, 256
# To look for more names takes longer than to parse the line once more.
NAMES_COUNTED = 20

NO_UTF8 = "line is no valid UTF-8; read without URL"
NO_UTF8_NOTE = "lines that are no valid UTF-8: what is none was read as U+FFFD"
NO_URL_NOTE = "rows beside others with more fields were read without URL, since no checksum covers them"


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
    string, is a defect. `MissingColumnError` if rows were read and none has a column for text, or one that
    the user mapped; then what was yielded does not count.
    """
    reading = _Rows(columns, options, report, text_is_sure)
    ending = Ending(chunks)
    rows, last = options.rows, max(options.rows or (), default=-1)
    for index, _, line in placed_lines(ending, options.max_document_bytes):
        if rows is not None:
            if index > last and reading.is_settled(last):
                break
            if index not in rows and not report.unchecked:
                continue
        if line is None:
            reading.add_too_long(index)
            continue
        if index == 0:
            line = line.removeprefix(BYTE_ORDER_MARK)
        if line and not line.isspace():
            reading.add(index, line)
            if reading.builder.is_full(options.batch_bytes):
                yield reading.builder.take()
    reading.finish(ending.was_cut)
    if len(reading.builder):
        yield reading.builder.take()
    if rows is None:
        reading.check(where)


Place = tuple[int, dict[str, Any], bool]
"""The index of a row, what locates it, and whether it is in doubt."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A document of a row, as `BatchBuilder.add` takes it."""

    text: bytes
    url: bytes
    place: Place
    read_bytes: int


class _Rows:
    """The rows of one shard on their way into batches."""

    def __init__(
        self, columns: Columns, options: ReadOptions, report: ReadReport, text_is_sure: bool
    ) -> None:
        self._text_is_sure = text_is_sure
        self._paths = {role: columns.paths(role) for role in ROLES}
        self._needed = tree_of(path for role in LOCATOR_ROLES for path in self._paths[role])
        self._strings = leading_on(path for paths in self._paths.values() for path in paths)
        self._sought = {role: self._paths[role] for role in options.columns} | {"text": self._paths["text"]}
        self._mapping = options.columns
        self._gate = {code.lower() for code in options.languages}
        self._asked = options.rows
        self._longest = options.max_document_bytes
        self._own_report = self._report = report
        self._rows = 0
        self._names: set[str] = set()
        self._shape = (0, 0)
        self._steady = SteadyFields(tree_of(path for paths in self._paths.values() for path in paths))
        self._beside: Beside[_Found] = Beside()
        self._broken = 0
        self._ends_broken = self._withheld = False
        self.builder: BatchBuilder[Place] = BatchBuilder(report, self._locate)

    def add(self, index: int, line: bytes) -> None:
        """Parse a line and keep its document, if it has one."""
        # Of lines that are read for their neighbours only, nothing is told.
        is_asked = self._asked is None or index in self._asked
        self._report = self._own_report if is_asked else ReadReport()
        row, is_broken = self._parsed(index, line)
        found = None if row is None else self._document(index, row, line)
        if self._own_report.unchecked:
            is_odd = is_broken
            if row is not None:
                # A row without a text that is sure was told.
                is_odd |= self._lacks_text(row) or self._steady.add(index, row)
                if self._steady.first_is_odd:
                    self._beside.doubt_held()
            self._ends_broken = is_broken
            self._broken += is_broken
            self._settle(self._beside.add(index, found if is_asked else None, is_odd))
        elif found:
            self._keep(found)

    def add_too_long(self, index: int) -> None:
        """Take a line that is longer than allowed, and was not read."""
        what = f"line longer than {self._longest:,} bytes, not read"
        self._own_report.add_defect(what, index, "line")
        self._settle(self._beside.add(index, None, True))

    def is_settled(self, index: int) -> bool:
        """Whether all is known of the lines up to one with a higher index than `index`."""
        return not self._own_report.unchecked or self._beside.settled >= index

    def finish(self, was_cut: bool) -> None:
        """Take the lines that were held. `was_cut`: the last line has no end."""
        self._settle(self._beside.rest(was_cut))
        # Damage to what is packed reaches far: what it made of one line, it may have made of many.
        if self._own_report.unchecked == "zstd" and self._broken > (was_cut and self._ends_broken):
            self._own_report.unverified = True

    def _settle(self, lines: Iterable[tuple[_Found | None, bool]]) -> None:
        """Keep the documents of lines whose neighbours are known; those in doubt without URL."""
        for found, in_doubt in lines:
            if found and in_doubt:
                self._withheld |= bool(found.url)
                index, values, _ = found.place
                found = replace(found, url=b"", place=(index, values, True))
            if found:
                self._keep(found)

    def _keep(self, found: _Found) -> None:
        self.builder.add(found.text, found.url, found.place, found.read_bytes)

    def _parsed(self, index: int, line: bytes) -> tuple[dict[str, Any] | None, bool]:
        """The row of a line, if it is one, and whether damage may have made it what it is."""
        row, is_odd = None, False
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            try:
                row = parse_leniently(line)
            except TooDeepError:
                self._report.add_defect("line is nested too deeply to be read", index, "line")
                return None, True
            except ValueError:
                row = None
            is_odd = self._is_no_utf8(index, line) if isinstance(row, dict) else True
        if not isinstance(row, dict):
            self._report.add_defect("line is no JSON object, not read", index, "line")
            return None, True
        if self._is_fused(line, row):
            self._report.add_defect("line has two fields of one name, not read", index, "line")
            return None, True
        return row, is_odd

    def _is_no_utf8(self, index: int, line: bytes) -> bool:
        """Whether a line is no UTF-8, and no checksum says that it was written so."""
        if is_utf8(line):
            return False
        if self._own_report.unchecked:
            self._report.add_defect(NO_UTF8, index, "line")
        else:
            self._report.add_note(NO_UTF8_NOTE)
        return bool(self._own_report.unchecked)

    def _document(self, index: int, row: dict[str, Any], line: bytes) -> _Found | None:
        """The document of a row, if it has one that is asked for."""
        self._rows += 1
        unfold(row, self._strings)
        if self._sought:
            self._look(row)
        text = first(row, self._paths["text"])
        if isinstance(text, str) and text and not self._gated(row):
            # A batch must not hold the rest of the row, which may be a page's HTML.
            place = (index, pruned(row, self._needed), False)
            return _Found(encoded(text), self._url(index, row), place, len(line))
        if text is None and self._lacks_text(row):
            self._report.add_defect("row has no column of text, as all of the dataset have", index, "line")
        elif text is None or isinstance(text, str):
            self._report.add_skipped("language" if text else "no text")
        else:
            what = BROKEN_TEXT if text is BROKEN else f"text is a {kind(text)}, not a string; not read"
            self._report.add_defect(what, index, "line")
        return None

    def _lacks_text(self, row: dict[str, Any]) -> bool:
        """Whether a row has no column of text, where all have one."""
        return self._text_is_sure and not has_any(row, self._paths["text"])

    def _is_fused(self, line: bytes, row: dict[str, Any]) -> bool:
        """Whether parts of two rows may stand in one: an object has two texts, or two URLs.

        Where no checksum covers a line, two of any field. Lines with as many fields and quotes as one that
        was looked at are not looked at: that takes longer.
        """
        quotes = line.count(b'"')
        if (quotes, len(row)) == self._shape:
            return False
        shape = (quotes - line.count(b'\\"'), len(row))
        if shape == self._shape:
            return False
        if self._own_report.unchecked:
            names = _names(row)
        else:
            names = {
                path[-1] for role in ("text", "url") for path in self._paths[role] if has_any(row, (path,))
            }
        may_be = len(names) > NAMES_COUNTED or any(line.count(encoded(f'"{name}"')) > 1 for name in names)
        if may_be and repeats_a_name(line):
            return True
        self._shape = shape
        return False

    def check(self, where: str) -> None:
        """Refuse what must not look like a shard without copies: no rows, or none with a column for text.

        Name the rows that may be made of parts of two.
        """
        if not self._rows and not self._report.defects_total:
            self._report.add_defect("the shard is empty", 0)
        if self._rows and self._sought:
            self._refuse(where)
        for lack in self._steady.lacks():
            rows = f"{lack.rows:,} row{'s' * (lack.rows > 1)}"
            what = f"{rows} without the field {'.'.join(lack.field)}, which nearly all have; read without URL"
            self._report.add_defect(f"{what}; the first", lack.first, "line")
        if self._withheld and not self._report.defects_total:
            self._report.add_note(NO_URL_NOTE)

    def _refuse(self, where: str) -> None:
        if missing := {role: name for role, name in self._mapping.items() if role in self._sought}:
            raise MissingColumnError.of(missing, self._names, where)
        wanted = ", ".join(".".join(path) for path in self._paths["text"])
        raise MissingColumnError(
            f"no row has a text column ({wanted}); there are: {listed(self._names)}",
            where=where,
            remedy="choose another --format or map the columns",
        )

    def _look(self, row: dict[str, Any]) -> None:
        """Strike off the columns that the row has; while some are not found, note what there is."""
        self._sought = {role: paths for role, paths in self._sought.items() if not has_any(row, paths)}
        if self._sought and len(self._names) < NAMES_KEPT:
            self._names.update(name[:LONGEST_NAME] for name in islice(dotted_keys(row), NAMES_KEPT))

    def _gated(self, row: dict[str, Any]) -> bool:
        if not self._gate:
            return False
        languages = as_languages(first(row, self._paths["languages"]))
        return bool(languages) and self._gate.isdisjoint(code.lower() for code in languages)

    def _url(self, index: int, row: dict[str, Any]) -> bytes:
        url = first(row, self._paths["url"])
        if url is BROKEN:
            self._report.add_note(BROKEN_URL)
        elif url is not None and not isinstance(url, str):
            self._report.add_defect(f"URL is a {kind(url)}, not a string; read without URL", index, "line")
        return encoded(url) if isinstance(url, str) else b""

    def _locate(self, place: Place) -> Locator:
        index, row, in_doubt = place
        return locator_of(
            lambda role: first(row, self._paths[role]),
            self._own_report,
            row_index=index,
            damage="row" if in_doubt else None,
        )


def _names(row: dict[str, Any]) -> set[str]:
    """Names of a row's fields, and of those one level below."""
    below = (value for value in row.values() if isinstance(value, dict))
    return {*row, *chain.from_iterable(below)}
