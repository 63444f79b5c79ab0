"""Commands that read a run whose files are gone, replaced, or damaged: none reads on as if it were whole."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.tables.declarations import SCHEMAS, TABLES
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.world.commands import outcome
from tests.world.proofs import each_time
from tests.world.tables import flip_a_bit, match, publish, row_of, write

RUN, OTHER = "20240601T080000Z-aaaaaa", "20240602T080000Z-bbbbbb"
CENSUS = "20240603T080000Z-cccccc"


def digest(name: str) -> str:
    return name.ljust(64, "0")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = tmp_path_factory.mktemp("whole") / "tables"
    for run_id in (RUN, OTHER):
        rows = [match(name, f"https://a.example/{name}", row_sha256=digest(name)) for name in ("a1", "a2")]
        publish(tables, run_id, rows)
        store = TableStore.open(str(tables))
        for name in ("scan_log", "rights_signals", "metrics"):
            write(store, name, run_id, [row_of(TABLES[name], run_id=run_id)], SCHEMAS[name])
    for name in ("censuses", "captures", "census_log"):
        write(store, name, CENSUS, [row_of(TABLES[name], run_id=CENSUS)], SCHEMAS[name])
    return tables


@pytest.fixture
def tables(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "tables")


def file_of(tables: Path, table: str, run_id: str = RUN) -> Path:
    return tables / table / f"{run_id}-00000.parquet"


def ends(command: str, *arguments: object, code: int | tuple[int, ...] = 0, says: str = "") -> str:
    """Assert how a command ends, and the pattern of what it says; what it printed."""
    done = outcome(command, *arguments)
    assert done.code in (code if isinstance(code, tuple) else (code,))
    assert re.search(says, done.err)
    assert "Traceback" not in done.err
    return done.out


COMMANDS = {
    "matches": ["matches", "TABLES"],
    "matches --json": ["matches", "TABLES", "--json", "--run", RUN],
    "verify-rows": ["verify-rows", "TABLES"],
    "rights": ["rights", "TABLES", "--out", "OUT"],
    "estimate": ["estimate", "TABLES", "--run", RUN],
    "fetch": ["fetch", "TABLES", "--row", digest("a1")],
}
CHANGES: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "replaced": lambda path: shutil.copy(path.with_name(path.name.replace(RUN, OTHER)), path),
    "flipped": lambda path: flip_a_bit(path, Random(7)),
}


@pytest.mark.parametrize("change", each_time(["gone", "flipped"], CHANGES))
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_which_table_of_which_run_is_not_as_it_was(
    tables: Path, tmp_path: Path, command: str, change: str
) -> None:
    CHANGES[change](file_of(tables, "matches"))
    arguments = [
        argument.replace("TABLES", str(tables)).replace("OUT", str(tmp_path / "out"))
        for argument in COMMANDS[command]
    ]
    # These rows point nowhere: those that can be read do not verify.
    code = (1, 3) if command == "verify-rows" else (1,)
    message = f"table matches of run {RUN} is not as it was published: .*2 rows"
    out = ends("", *arguments, code=code, says=message)
    assert command == "verify-rows" or out == ""
    assert "all there are" not in out


def test_what_is_damaged_does_not_hide_what_is_not(tables: Path) -> None:
    file_of(tables, "matches").unlink()
    assert "a2" in ends("matches", tables, "--run", OTHER)
    lines = ends("runs", tables, code=1, says=f"run {RUN} is not.* it is missing").splitlines()
    assert [line.split()[0] for line in lines if line.startswith("2024")] == [RUN, OTHER, CENSUS]


@pytest.mark.parametrize("table", ["matches", "rights_signals", "scan_log", "metrics"])
def test_verify_rows_reads_all_tables_of_a_run(tables: Path, table: str) -> None:
    flip_a_bit(file_of(tables, table), Random(table))
    message = f"table {table} of run {RUN} is not as it was published"
    ends("verify-rows", tables, "--run", RUN, code=(1, 3), says=message)


@pytest.mark.parametrize("by", ["runs", "censuses"])
def test_a_run_whose_own_row_is_damaged_is_named_and_hides_no_other(tables: Path, by: str) -> None:
    run_id = RUN if by == "runs" else CENSUS
    flip_a_bit(file_of(tables, by, run_id), Random(by))
    message = f"the row that publishes run {run_id} is damaged"
    lines = ends("runs", tables, code=1, says=message).splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("2024")]
    assert listed == [each for each in (RUN, OTHER, CENSUS) if each != run_id]
    if by == "runs":
        assert ends("matches", tables, code=1, says=message) == ""
        assert ends("matches", tables, "--run", OTHER)


@pytest.mark.parametrize("table", ["captures", "census_log", "censuses"])
def test_any_flipped_bit_of_a_census_is_noticed(tables: Path, table: str) -> None:
    path, random, store = file_of(tables, table, CENSUS), Random(table), TableStore.open(str(tables))
    data = path.read_bytes()
    for _ in range(20):
        flip_a_bit(path, random)
        with pytest.raises(DamagedTablesError):
            store.read(table)
        path.write_bytes(data)


def older(tables: Path) -> None:
    """Make a run of one that a version published which named no files."""
    path = file_of(tables, "runs")
    (row,) = pq.ParquetFile(path).read().to_pylist()
    row = {**row, "matches": 2, "signals": None, "shards_planned": 1}
    del row["files"]
    schema = pa.schema([column for column in SCHEMAS["runs"] if column.name != "files"])
    pq.write_table(pa.Table.from_pylist([row], schema), path)


def test_rows_of_an_older_run_are_counted_and_have_a_digest(tables: Path) -> None:
    older(tables)
    assert "a1" in ends("matches", tables, "--run", RUN)
    assert ends("runs", tables)
    path = file_of(tables, "matches")
    rows = pq.ParquetFile(path).read()
    digests = pa.array([digest("b")] * len(rows))
    pq.write_table(rows.set_column(rows.column_names.index("row_sha256"), "row_sha256", digests), path)
    message = f"table matches of run {RUN} is not as it was published: the run's row states digest"
    ends("verify-rows", tables, "--run", RUN, code=(1, 3), says=message)
    path.unlink()
    missing = "2 rows, and there are 0 in 0 files"
    assert ends("matches", tables, "--run", RUN, code=1, says=missing) == ""
    assert ends("runs", tables, code=1, says=missing)


def test_files_that_no_run_publishes_are_ignored_and_mentioned(tables: Path) -> None:
    left = "20240604T080000Z-dddddd"
    shutil.copy(file_of(tables, "matches"), file_of(tables, "matches", left))
    assert left not in ends("matches", tables)
    assert ends("runs", tables, says=f"the tables contain files of {left} that no row publishes")
