"""`presswatch compare` on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.commands.compare import MEANING
from presswatch_spark.query.changes.states import STATES
from tests.world.french import words as french_words
from tests.world.histories import AFTER, BEFORE, altered_release, copy, run, shard


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The command over a release that was altered in every way."""
    altered_release(tmp_path / "tables")
    return [
        "compare",
        str(tmp_path / "tables"),
        "--before",
        BEFORE,
        "--after",
        "latest",
        "--out",
        str(tmp_path / "o"),
    ]


def test_it_prints_states_and_doubts_and_where_the_table_is(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(words) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "2 moved found again at another URL, in the very same text" in lines
    assert "6 unknown not found after, but it may be there" in lines
    assert "24 pairs of an article and a document, by DuckDB" in lines
    assert f"2 unknown the after run did not read {shard(7)} to its end" in lines
    assert any(line.startswith("and 2 pairs in doubt for 2 other reasons") for line in lines)
    assert "what is new, and in doubt, may have been there before" in lines
    assert lines[-1] == f"written to {tmp_path}/o/changes"


def test_it_speaks_french(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.csv"
    assert cli.run([*words, "--lang", "fr", "--export", str(path)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "paires état sens"
    assert "2 déplacé retrouvé à une autre adresse, dans le même texte" in lines
    assert "24 paires d'un article et d'un document, par DuckDB" in lines
    assert "et 2 paires en doute pour 2 autres motifs : voir la colonne doubt" in lines
    assert lines[-1] == f"24 lignes dans {path}"
    # A spreadsheet in French parts its cells by semicolons. What stands in them is in no language.
    assert path.read_text("utf-8-sig").splitlines()[0].startswith("before_run_id;after_run_id;state;doubt;")


def test_every_state_has_its_meaning_in_both_languages() -> None:
    assert set(MEANING) == set(STATES)
    assert set(MEANING) <= french_words("column")


def test_it_needs_no_java(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    assert cli.run(words) == 0


def test_rows_are_exported_and_a_bad_ending_is_refused_before_any_work(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*words, "--export", str(tmp_path / "rows.doc")]) == 1
    assert not (tmp_path / "o").exists()
    assert cli.run([*words, "--export", str(tmp_path / "rows.jsonl")]) == 0
    assert f"24 rows in {tmp_path}/rows.jsonl" in capsys.readouterr().out
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {row["state"] for row in rows} >= {"gone", "moved", "unknown"}


def test_sql_and_forget_know_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = str(tmp_path / "tables")
    run(tmp_path / "tables", BEFORE, [copy("a", "https://x.example/1"), copy("b", "https://x.example/1")])
    run(tmp_path / "tables", AFTER, [])
    assert cli.run(["compare", tables, "--before", BEFORE, "--after", AFTER, "--out", tables]) == 0
    query = "select article_id, state, copied_words_before as words from changes order by 1"
    capsys.readouterr()
    assert cli.run(["sql", tables, query, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found == [{"article_id": name, "state": "gone", "words": 20} for name in "ab"]
    assert cli.run(["forget", "--article", "a", tables]) == 0
    capsys.readouterr()
    assert cli.run(["sql", tables, query, "--json"]) == 0
    assert [json.loads(line)["article_id"] for line in capsys.readouterr().out.splitlines()] == ["b"]
