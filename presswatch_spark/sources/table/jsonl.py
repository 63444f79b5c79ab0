"""JSON Lines: one object a line. What any parser can read is read; the rest is a defect with its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from presswatch_spark.sources.base import DocumentBatch, Locator, ReadOptions, ReadReport
from presswatch_spark.sources.inflate.lines import lines
from presswatch_spark.sources.table.batches import BatchBuilder
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
    parse,
    repeats_a_name,
)
from presswatch_spark.sources.table.locators import LOCATOR_ROLES, locator_of
from presswatch_spark.sources.table.values import as_languages, kind

NAMES_KEPT, LONGEST_NAME = 200, 256


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
    the user mapped; then what was yielded does not count. Of chosen rows nothing is yielded before some row
    is known to have what the user mapped; to find one, others are looked at.
    """
    reading = _Rows(columns, options, report, text_is_sure)
    numbered = lines(chunks, report, options.max_document_bytes)
    wanted, last = options.rows, max(options.rows or (), default=-1)
    for index, line in numbered:
        if wanted is not None and index > last and not reading.seeks_mapped:
            break
        if index == 0:
            line = line.removeprefix(BYTE_ORDER_MARK)
        if not line or line.isspace():
            continue
        if wanted is None or index in wanted:
            reading.add(index, line)
        elif reading.seeks_mapped:
            reading.look(line)
        held_back = wanted is not None and reading.seeks_mapped
        if reading.builder.is_full(options.batch_bytes) and not held_back:
            yield reading.builder.take()
    if wanted is not None and reading.seeks_mapped:
        reading.check(where)
    if len(reading.builder):
        yield reading.builder.take()
    if wanted is None:
        reading.check(where)


class _Rows:
    """The rows of one shard on their way into batches."""

    def __init__(
        self, columns: Columns, options: ReadOptions, report: ReadReport, text_is_sure: bool
    ) -> None:
        self._text_is_sure = text_is_sure
        self._paths = {role: columns.paths(role) for role in ROLES}
        self._needed = tree_of(path for role in LOCATOR_ROLES for path in self._paths[role])
        self._strings = leading_on(path for paths in self._paths.values() for path in paths)
        self._mapping = options.columns
        self._sought = {role: self._paths[role] for role in options.columns}
        if options.rows is None:
            self._sought["text"] = self._paths["text"]
        self._gate = {code.lower() for code in options.languages}
        self._report = report
        self._rows = 0
        self._names: set[str] = set()
        self._shape = (0, 0)
        self.builder: BatchBuilder[tuple[int, dict[str, Any]]] = BatchBuilder(report, self._locate)

    @property
    def seeks_mapped(self) -> bool:
        """Whether no row so far has a column that the user mapped."""
        return bool(self._mapping) and bool(self._sought.keys() & self._mapping.keys())

    def look(self, line: bytes) -> None:
        """See which columns a row has that nobody asked for."""
        try:
            row = parse(line)
        except (TooDeepError, ValueError):
            return
        if isinstance(row, dict):
            self._rows += 1
            unfold(row, self._strings)
            self._look(row)

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
        unfold(row, self._strings)
        if self._sought:
            self._look(row)
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
            what = BROKEN_TEXT if text is BROKEN else f"text is a {kind(text)}, not a string; not read"
            self._report.add_defect(what, index, "line")

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
        if not (self._rows and self._sought):
            return
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

    def _locate(self, place: tuple[int, dict[str, Any]]) -> Locator:
        index, row = place
        return locator_of(lambda role: first(row, self._paths[role]), self._report, row_index=index)
