"""Exports: what is opened again is what the rows said, and nothing of it runs."""

import csv
import gc
import json
import resource
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import ConfigError, InputError, OutputError
from presswatch_spark.query import exports
from presswatch_spark.query.exports import export
from presswatch_spark.storage.objects import StorageOptions
from tests.world.commands import outcome, presswatch
from tests.world.histories import sha
from tests.world.proofs import cases
from tests.world.tables import match, publish

STORAGE = StorageOptions()
MOMENT = datetime(2024, 12, 14, 1, 58, 10, tzinfo=UTC)
TYPES = {
    "headline": pa.string(), "words": pa.int64(), "share": pa.float64(), "own": pa.bool_(),
    "at": pa.timestamp("us", "UTC"), "day": pa.date32(), "total": pa.decimal128(38, 0),
    "reasons": pa.list_(pa.string()),
}  # fmt: skip
SCHEMA = pa.schema(TYPES.items())
ROW = ("Été à Montréal ; « l'œuvre »", 23, 0.5, False, MOMENT, date(2024, 1, 2), Decimal(7), ["a", "b"])
EMPTY = (None,) * len(SCHEMA)
WIDE = pa.schema([(f"c{number}", pa.int64()) for number in range(16_385)])
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def written(folder: Path, name: str, *rows: tuple[object, ...], lang: str = "en") -> Path:
    path = folder / name
    assert export(str(path), SCHEMA, rows, STORAGE, lang) == len(rows)
    return path


def csv_rows(path: Path, delimiter: str) -> list[list[str]]:
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def sheet_rows(path: Path) -> list[dict[str, tuple[str, str | None]]]:
    """The cells of a workbook's sheet, row by row: by column their type and value."""
    with zipfile.ZipFile(path) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        assert not any("external" in name.lower() or "drawing" in name for name in book.namelist())
    assert sheet.find(f".//{SHEET}f") is None
    return [dict(cells(row)) for row in sheet.iter(f"{SHEET}row")]


def cells(row: ElementTree.Element) -> Iterator[tuple[str, tuple[str, str | None]]]:
    for cell in row.iter(f"{SHEET}c"):
        value = cell.find(f"{SHEET}v")
        text = "".join(part.text or "" for part in cell.iter(f"{SHEET}t"))
        place = "".join(filter(str.isalpha, cell.attrib["r"]))
        yield place, (cell.attrib.get("t", "n"), value.text if value is not None else text)


def one(column: int, value: object) -> tuple[object, ...]:
    return (*EMPTY[:column], value, *EMPTY[column + 1 :])


class TestCsv:
    def test_in_english_and_in_french_as_spreadsheets_read_it(self, tmp_path: Path) -> None:
        names, row, empty = csv_rows(written(tmp_path, "rows.csv", ROW, EMPTY), ",")
        assert names == SCHEMA.names
        assert row == [
            ROW[0], "23", "0.5", "FALSE", "2024-12-14 01:58:10", "2024-01-02", "7", '["a", "b"]',
        ]  # fmt: skip
        assert empty == [""] * len(SCHEMA)
        _, row = csv_rows(written(tmp_path, "lignes.csv", ROW, lang="fr"), ";")
        assert row[:4] == [ROW[0], "23", "0,5", "FAUX"]

    def test_what_begins_like_a_formula_is_a_text_and_what_ends_a_text_early_is_replaced(
        self, tmp_path: Path
    ) -> None:
        formulas = ["=cmd()", "+1+1", "-2+3", "@SUM(A1)", "=HYPERLINK(1)", "＝1"]
        formulas += [f"{blank}=1" for blank in "\t\r \n"]
        values = [*(one(0, text) for text in formulas), one(0, "a\x00=1\ud800"), one(0, b"\x00\xff")]
        _, *rows = csv_rows(written(tmp_path, "rows.csv", *values), ",")
        assert [row[0] for row in rows] == [*(f"'{text}" for text in formulas), "a\ufffd=1\ufffd", "00ff"]

    @pytest.mark.parametrize(
        ("column", "value", "cell"),
        [
            (1, -5, "-5"),
            (2, -0.5, "-0.5"),
            (2, float("inf"), ""),
            (2, float("nan"), ""),
            (4, datetime(987, 7, 3, 12, tzinfo=UTC), "0987-07-03 12:00:00"),
        ],
    )
    def test_numbers_and_years_stay_such(self, tmp_path: Path, column: int, value: object, cell: str) -> None:
        _, row = csv_rows(written(tmp_path, "rows.csv", one(column, value)), ",")
        assert row[column] == cell


class TestDirections:
    """Controls of the direction of writing, which make a cell show other words than it holds."""

    @cases("sign", "\u202e\u202a\u2066\u2069\u200f\u061c")
    @cases("ending", ["csv", "xlsx"])
    def test_no_cell_has_one(self, tmp_path: Path, sign: str, ending: str) -> None:
        path = written(tmp_path, f"x.{ending}", one(0, f"{sign}=cod.exe"))
        data = path.read_bytes()
        if ending == "xlsx":
            data = b"".join(zipfile.ZipFile(path).read(name) for name in zipfile.ZipFile(path).namelist())
        assert sign.encode() not in data
        assert f"\\u{ord(sign):04x}=cod.exe".encode() in data


class TestXlsx:
    def test_no_moment_of_writing_is_in_it(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(written(tmp_path, "rows.xlsx", ROW)) as book:
            assert {part.date_time[0] for part in book.infolist()} == {1980}
            assert book.read("docProps/core.xml").count(b"1980-01-01T00:00:00Z") == 2

    def test_numbers_dates_and_texts_are_such(self, tmp_path: Path) -> None:
        names, row, *empty = sheet_rows(written(tmp_path, "rows.xlsx", ROW, EMPTY))
        assert [value for _, value in names.values()] == SCHEMA.names
        kinds = [kind for kind, _ in row.values()]
        assert kinds == ["inlineStr", "n", "n", "b", "n", "n", "n", "inlineStr"]
        assert row["A"][1] == ROW[0]
        assert (row["B"][1], row["C"][1], row["D"][1], row["G"][1]) == ("23", "0.5", "0", "7")
        # Days since 1899-12-30.
        assert float(row["E"][1] or "") == pytest.approx(45640.0820602)
        assert row["F"][1] == "45293"
        assert empty in ([], [{}])

    def test_no_text_is_a_formula_or_a_link(self, tmp_path: Path) -> None:
        texts = ("=cmd()", "{=1}", "https://x.example/", "mailto:a@x.example", "internal:Sheet1!A1")
        found = sheet_rows(written(tmp_path, "rows.xlsx", *(one(0, text) for text in texts)))
        assert [row["A"] for row in found[1:]] == [("inlineStr", text) for text in texts]

    def test_numbers_that_a_sheet_would_round_are_texts_and_what_is_none_is_empty(
        self, tmp_path: Path
    ) -> None:
        values = (one(1, 2**60), one(2, float("nan")))
        _, *rows = sheet_rows(written(tmp_path, "rows.xlsx", *values))
        assert rows in ([{"B": ("inlineStr", str(2**60))}], [{"B": ("inlineStr", str(2**60))}, {}])

    @pytest.mark.parametrize("day", [date(1850, 1, 2), date(1900, 1, 1), date(1900, 2, 28)])
    def test_days_on_which_spreadsheets_differ_are_texts(self, tmp_path: Path, day: date) -> None:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        _, row = sheet_rows(written(tmp_path, "rows.xlsx", (*EMPTY[:4], noon, day, *EMPTY[6:])))
        assert row == {"E": ("inlineStr", f"{day} 12:00:00"), "F": ("inlineStr", str(day))}
        # The last moment of a day is not the next one.
        moment = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        _, row = sheet_rows(written(tmp_path, "last.xlsx", one(4, moment)))
        assert 2_958_465 < float(row["E"][1] or "") < 2_958_466

    def test_a_name_of_a_column_is_a_text_that_a_cell_holds(self, tmp_path: Path) -> None:
        schema = pa.schema([("a\x01b", pa.int64()), ("=1", pa.int64())])
        export(str(tmp_path / "x.xlsx"), schema, [(1, 2)], STORAGE)
        assert [value for _, value in sheet_rows(tmp_path / "x.xlsx")[0].values()] == ["a\ufffdb", "=1"]

    @pytest.mark.parametrize(
        ("schema", "rows", "message"),
        [
            (WIDE, [(1,) * 16_385], "a sheet can have 16,384 columns, and there are 16,385"),
            (pa.schema([("x" * 32_768, pa.int64())]), [], "the name of column 1 has 32,768"),
            (SCHEMA, [EMPTY, one(0, "x" * 32_768)], "headline of row 2 has 32,768"),
            # A sign beyond the first plane counts twice, as spreadsheets count.
            (SCHEMA, [one(0, "👩" * 16_383), one(0, "👩" * 16_384)], "headline of row 2 has 32,768"),
            (SCHEMA, [EMPTY] * 3, "a sheet can have 2 rows"),
        ],
    )
    def test_more_than_a_sheet_holds_is_refused_with_its_place(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        schema: pa.Schema,
        rows: list[Any],
        message: str,
    ) -> None:
        monkeypatch.setattr(exports, "SHEET_ROWS", 3)
        with pytest.raises(InputError, match=message):
            export(str(tmp_path / "x.xlsx"), schema, rows, STORAGE)
        assert list(tmp_path.iterdir()) == []
        written(tmp_path, "two.xlsx", EMPTY, EMPTY)


@pytest.mark.parametrize("name", ["rows.csv", "rows.xlsx", "rows.jsonl", "rows.parquet"])
@pytest.mark.full
def test_a_file_that_finds_no_room_is_an_error_in_a_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    rows = [(f"{sha(number)}{sha(-number)}", number, *EMPTY[2:]) for number in range(3_000)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match=f"{name}: the output cannot be written: .*File too large"):
            export(str(tmp_path / name), SCHEMA, rows, STORAGE)
        # What is collected while there is still no room must not print a traceback.
        with pytest.MonkeyPatch.context() as patch:
            ignored = list[object]()
            patch.setattr(sys, "unraisablehook", ignored.append)
            gc.collect()
        assert ignored == []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_parquet_has_the_types_of_the_rows_and_jsonl_is_what_json_prints(tmp_path: Path) -> None:
    (line,) = written(tmp_path, "rows.jsonl", ROW).read_text("utf-8").splitlines()
    assert json.loads(line)["at"] == "2024-12-14T01:58:10Z"
    table = pq.read_table(written(tmp_path, "rows.parquet", ROW, EMPTY))
    assert table.schema == SCHEMA
    assert [tuple(row.values()) for row in table.to_pylist()] == [ROW, EMPTY]


@pytest.mark.parametrize("name", ["rows.ods", "rows", ".csv.d"])
def test_another_ending_is_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"\.csv, \.xlsx, \.jsonl, \.parquet"):
        export(str(tmp_path / name), SCHEMA, [], STORAGE)


@pytest.mark.parametrize("name", ["rows.csv", "rows.xlsx", "rows.jsonl", "rows.parquet"])
def test_no_file_is_written_over_and_none_is_left_half(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="the file already exists"):
        export(str(path), SCHEMA, [ROW], STORAGE)
    assert path.read_bytes() == before

    def broken() -> Iterator[Any]:
        yield ROW
        raise OutputError("no more")

    with pytest.raises(OutputError, match="no more"):
        export(str(tmp_path / f"other-{name}"), SCHEMA, broken(), STORAGE)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_sum_of_whole_numbers_is_one_in_parquet(tmp_path: Path) -> None:
    publish(tmp_path / "tables", "r1", [match(name, None, row_sha256=name) for name in ("a", "b")])
    query = "select article_id, sum(copied_words) as n from matches group by 1 order by 1"
    path = tmp_path / "n.parquet"
    assert presswatch("sql", tmp_path / "tables", query, "--export", path) == f"2 rows in {path}\n"
    assert pq.read_table(path).to_pylist() == [{"article_id": name, "n": 20} for name in ("a", "b")]


def test_a_number_too_large_for_parquet_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    publish(tmp_path / "tables", "r1", [match("a", None, row_sha256="a")])
    query, path = f"select {2**127 - 1}::hugeint as n", tmp_path / "n.parquet"
    done = outcome("", "sql", tmp_path / "tables", query, "--export", path)
    assert done.code == 1
    assert "Parquet cannot store a column" in done.err
    assert not path.exists()


def test_a_moment_in_nanoseconds_is_cut_to_seconds(tmp_path: Path) -> None:
    publish(tmp_path / "tables", "r1", [match("a", None, row_sha256="a")])
    query, path = "select timestamp_ns '2024-12-14 01:58:10.123456789' as at", tmp_path / "n.csv"
    presswatch("sql", tmp_path / "tables", query, "--export", path)
    assert path.read_text("utf-8-sig").splitlines() == ["at", "2024-12-14 01:58:10"]
