"""The export of rows to files: CSV and XLSX for people, JSONL and Parquet for programs.

A text that begins like a formula gets an apostrophe before it in CSV, and the type of a text cell in XLSX.
"""

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.core.errors import ConfigError, InputError, OutputError
from presswatch_spark.core.terminal import json_line, json_text, plain, utc
from presswatch_spark.query.sql import require_apart
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.storage.objects import StorageOptions

Row = Sequence[object]
Writer = Callable[[Path, pa.Schema, Iterable[Row], str], None]

CHUNK_ROWS = 10_000
FORMULA = re.compile(r"[\s\x00-\x1f]*[=+\-@＝＋－＠]")
"""The beginning of a text that a spreadsheet may take for a formula."""
NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML may not contain, and that end a text early in a spreadsheet."""
DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Controls of the direction of writing: with them, a cell can show other words than it contains."""

SHEET_ROWS, SHEET_COLUMNS, CELL_CHARACTERS = 1_048_576, 16_384, 32_767
"""Limits of a sheet and a cell; a sign beyond U+FFFF, such as an emoji, counts as two characters."""
# Spreadsheets disagree on the days before this one, and have none before 1900.
FIRST_DAY = date(1900, 3, 1)
# Columns of a sheet are as wide as the texts of its first rows, within these limits.
WIDTHS, MEASURED_ROWS = range(8, 60), 200


def export(
    path: str, schema: pa.Schema, rows: Iterable[Row], storage: StorageOptions, lang: str = "en"
) -> int:
    """Write rows to a new file in the format of its name's ending; return the number of rows.

    `lang`: `fr` for CSV as French spreadsheets read it. Raises `ConfigError` for a format that is unknown or
    cannot hold a column, `InputError` if a sheet cannot hold so much, and `OutputError`.
    """
    writer = writer_of(path)
    if writer in (_jsonl, _parquet):
        require_apart(schema.names)
    folder, name = require_new(path, storage)
    count = 0

    def counted() -> Iterator[Row]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    with disk_errors(path), folder.new_file(name, private=True) as draft:
        writer(draft, schema, counted(), lang)
    return count


def require_new(path: str, storage: StorageOptions) -> tuple[Folder, str]:
    """Return the folder and the name of a file; raises `OutputError` if the file exists."""
    parent, _, name = path.rpartition("/")
    folder = Folder.of(parent or ("/" if path.startswith("/") else "."), storage)
    if name in folder.entries():
        raise OutputError("the file already exists", where=path, remedy="choose another name")
    return folder, name


def writer_of(path: str) -> Writer:
    """Return the writer for the ending of a file's name; raises `ConfigError` as `export`."""
    _, dot, ending = path.rpartition(".")
    writer = WRITERS.get(ending.lower()) if dot else None
    if writer is None:
        raise ConfigError(
            f"no format matches the ending of {path.rpartition('/')[2]}",
            where="--export",
            remedy=f"choose a name that ends in {', '.join(f'.{each}' for each in WRITERS)}",
        )
    if writer is _xlsx:
        _xlsxwriter()
    return writer


def _csv(path: Path, schema: pa.Schema, rows: Iterable[Row], lang: str) -> None:
    # A spreadsheet reads a file as UTF-8 only if it starts with a byte order mark.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";" if lang == "fr" else ",")
        # With `pivot`, texts of web pages become names of columns.
        for row in chain([schema.names], rows):
            writer.writerow([_csv_cell(value, lang) for value in row])


def _csv_cell(value: object, lang: str) -> object:
    match value:
        case None:
            return ""
        case bool():
            return (("FAUX", "VRAI") if lang == "fr" else ("FALSE", "TRUE"))[value]
        case float() | Decimal():
            number = str(value) if math.isfinite(value) else ""
            return number.replace(".", ",") if lang == "fr" else number
        case int():
            return value
        case datetime():
            return _moment(value)
        case date():
            return value.isoformat()
    text = _text(value)
    return f"'{text}" if FORMULA.match(text) else text


def _text(value: object) -> str:
    # Lists and structs become JSON, and bytes hex; characters that no cell may contain are removed.
    match value:
        case list() | tuple() | Mapping():
            value = json_text(plain(value))
        case bytes():
            value = value.hex()
        case datetime():
            value = _moment(value)
    return DIRECTIONS.sub(lambda found: f"\\u{ord(found[0]):04x}", NO_TEXT.sub("\ufffd", str(value)))


def _moment(value: datetime) -> str:
    # `replace(microsecond=0)` would keep the nanoseconds of a pandas timestamp (TIMESTAMP_NS).
    return utc(value).replace(tzinfo=None).isoformat(" ", timespec="seconds")


def _xlsxwriter() -> Any:
    try:
        import xlsxwriter  # type: ignore[import-untyped]
    except ImportError as error:
        raise ConfigError(
            "xlsxwriter is not installed",
            where="--export",
            remedy="pip install 'xlsxwriter>=3.2', or export to .csv",
        ) from error
    return xlsxwriter


def _xlsx(path: Path, schema: pa.Schema, rows: Iterable[Row], lang: str) -> None:
    names = _names_in_cells(schema.names)
    count, widths = 0, [len(name) for name in names]
    with _workbook(path) as book:
        # A fixed time: with the time of writing, the same rows would give other bytes each time.
        book.set_properties({"created": datetime(1980, 1, 1)})
        sheet = book.add_worksheet("presswatch")
        head = book.add_format({"bold": True})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for column, name in enumerate(names):
            sheet.write_string(0, column, name, head)
        for count, row in enumerate(rows, 1):
            if count == SHEET_ROWS:
                raise InputError(
                    f"a sheet can have {SHEET_ROWS - 1:,} rows, and there are more",
                    where="--export",
                    remedy="add a limit, or export to .csv or .parquet",
                )
            for column, value in enumerate(row):
                match value:
                    case None:
                        continue
                    case bool():
                        sheet.write_boolean(count, column, value)
                    case datetime() if (at := utc(value)).date() >= FIRST_DAY:
                        # A sheet rounds parts of a second, even up to the next day.
                        at = at.replace(microsecond=0, tzinfo=None)
                        sheet.write_datetime(count, column, at, moment)
                    case date() if not isinstance(value, datetime) and value >= FIRST_DAY:
                        sheet.write_datetime(count, column, value, day)
                    # A cell does not hold greater numbers exactly.
                    case int() if abs(value) <= 1 << 53:
                        sheet.write_number(count, column, value)
                    case float() | Decimal():
                        if math.isfinite(value):
                            sheet.write_number(count, column, value)
                    case _:
                        text = _in_a_cell(_text(value), f"{names[column]} of row {count:,}")
                        sheet.write_string(count, column, text)
                        if count <= MEASURED_ROWS:
                            widths[column] = max(widths[column], len(text))
        for column, width in enumerate(widths):
            sheet.set_column(column, column, min(max(width + 2, WIDTHS.start), WIDTHS.stop))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, count, max(0, len(schema.names) - 1))


def _names_in_cells(names: Sequence[str]) -> list[str]:
    if len(names) > SHEET_COLUMNS:
        raise InputError(
            f"a sheet can have {SHEET_COLUMNS:,} columns, and there are {len(names):,}",
            where="--export",
            remedy="select fewer, or export to .csv or .parquet",
        )
    return [_in_a_cell(_text(name), f"the name of column {n:,}") for n, name in enumerate(names, 1)]


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    xlsxwriter = _xlsxwriter()
    options = {"constant_memory": True, "strings_to_urls": False, "strings_to_formulas": False}
    with scratch_folder() as parts:
        try:
            with xlsxwriter.Workbook(path, {**options, "use_zip64": True, "tmpdir": str(parts)}) as book:
                yield book
        except xlsxwriter.exceptions.FileCreateError as error:
            raise error.args[0] from error


def _in_a_cell(text: str, what: str) -> str:
    length = len(text) + sum(sign > "\uffff" for sign in text) if len(text) * 2 > CELL_CHARACTERS else 0
    if length > CELL_CHARACTERS:
        raise InputError(
            f"a cell can have {CELL_CHARACTERS:,} characters, and {what} has {length:,}",
            where="--export",
            remedy="leave that column out, or export to .csv",
        )
    return text


def _jsonl(path: Path, schema: pa.Schema, rows: Iterable[Row], lang: str) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json_line(dict(zip(schema.names, row, strict=True))) + "\n")


def _parquet(path: Path, schema: pa.Schema, rows: Iterable[Row], lang: str) -> None:
    rows = iter(rows)
    try:
        with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
            while chunk := list(islice(rows, CHUNK_ROWS)):
                columns = zip(zip(*chunk, strict=True), schema.types, strict=True)
                writer.write_table(pa.Table.from_arrays([pa.array(*each) for each in columns], schema=schema))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        # A type that Parquet does not have, or a value too large for it, such as a HUGEINT of 39 digits.
        raise ConfigError(
            f"Parquet cannot store a column: {error}", where="--export", remedy="cast it to text in the query"
        ) from error


WRITERS: Mapping[str, Writer] = {"csv": _csv, "xlsx": _xlsx, "jsonl": _jsonl, "parquet": _parquet}
