"""The one renderer of replies: for people, as JSON, and into a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from presswatch_spark.cli.replies import (
    INCOMPLETE,
    Language,
    Reply,
    ReplyForm,
    ReplyRows,
    Table,
    command,
    schema_of,
    send,
)


@dataclass
class Answered:
    """A command with a table, rows, totals and a warning; `forms` are those that it was given."""

    exit_code: int = 0
    json: str | None = "As JSON."
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
                rows=ReplyRows(rows, schema_of(host=str, matches=int)),
                totals=["1,207 matches"],
                warnings=["one\x1b[2J shard is missing"],
                exit_code=lambda: self.exit_code,
            )

        return asked


def outcome(answered: Answered, *arguments: str) -> tuple[int, list[str], list[str]]:
    done = CliRunner().invoke(answered.command(), arguments)
    return done.exit_code, done.stdout.splitlines(), done.stderr.splitlines()


def test_stdout_has_only_lines_and_tables_where_it_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    code, out, err = outcome(Answered())
    assert code == 0
    assert out == [
        "found:",
        "host           matches",
        "a.example        1,200",
        "b\ufffd[2J.example        7",
    ]
    assert err == ["2 hosts", "1,207 matches", "one\ufffd[2J shard is missing"]


def test_a_terminal_shows_heading_and_totals_around_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, err = outcome(Answered(), "--lang", "fr")
    assert out[:3] == ["2 hosts", "found:", "site           résultats"]
    assert out[3].startswith("a.example ")
    assert out[3].endswith(" 1\u202f200")
    assert out[-1] == "1,207 matches"
    assert err == ["one\ufffd[2J shard is missing"]


def test_json_is_a_line_for_each_row_and_nothing_else() -> None:
    answered = Answered(exit_code=INCOMPLETE)
    code, out, err = outcome(answered, "--json")
    assert code == INCOMPLETE
    assert out == ['{"host": "a.example", "matches": 1200}', '{"host": "b\\u001b[2J.example", "matches": 7}']
    assert err == ["one\ufffd[2J shard is missing"]
    assert not answered.forms[0].is_for_people


@pytest.mark.parametrize(("json", "lines"), [("As JSON.", 0), (None, 6)])
def test_a_file_has_the_rows_and_lines_stay_where_no_json_could_replace_them(
    json: str | None, lines: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "rows.csv"
    code, out, _ = outcome(Answered(json=json), "--export", str(path))
    assert code == 0
    assert len(out) == lines + 1
    assert out[-1] == f"2 rows in {path}"
    assert path.read_text("utf-8-sig").splitlines()[:2] == ["host,matches", "a.example,1200"]


def test_a_file_that_is_there_is_refused_before_the_command_runs(tmp_path: Path) -> None:
    path, answered = tmp_path / "rows.csv", Answered()
    path.write_text("mine")
    done = CliRunner().invoke(answered.command(), ["--export", str(path)])
    assert "there is such a file already" in str(done.exception)
    assert answered.forms == []
    assert path.read_text() == "mine"


@pytest.mark.parametrize("code", [0, INCOMPLETE])
def test_the_exit_code_survives_a_reader_that_has_gone(code: int) -> None:
    def lines() -> Iterator[str]:
        raise BrokenPipeError
        yield ""

    expected = click.exceptions.Exit if code else BrokenPipeError
    with pytest.raises(expected) as ended:
        send(Reply(lines(), exit_code=code), ReplyForm(Language()))
    assert getattr(ended.value, "exit_code", 0) == code
