"""`presswatch matches`: totals, what is asked for, and what nobody knows."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.core.translation import LANGUAGES, Translator
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.reasons import REASONS
from tests.world.tables import match, publish

RUNS = ("20240602T080000Z-abcdef", "20240702T080000Z-012345")
MAY = datetime(2024, 5, 17, tzinfo=UTC)


@pytest.fixture
def tables(tmp_path: Path) -> str:
    """A run of four rows, and a newer one of another release with one."""
    rows = [
        match("a1", "https://x.example/1", confidence="B", document_host="x.example", captured_at=MAY),
        match("a2", "https://y.example/2", confidence="A", document_host="y.example"),
        match("a3", None, confidence="C", own_site=None, row_index=4),
        match("a4", "https://y.example/4", confidence="A", document_host="y.example", copied_words=1234),
    ]
    facts = {"release": "R1", "dataset": "wet"}
    rows = [row | facts | {"row_sha256": digit * 64} for digit, row in zip("abcd", rows, strict=True)]
    publish(tmp_path, RUNS[0], rows)
    newer = match("a5", "https://x.example/5", confidence="D", document_host="x.example", row_sha256="e" * 64)
    publish(tmp_path, RUNS[1], [newer | {"release": "R2", "dataset": "c4"}])
    return str(tmp_path)


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert cli.run(arguments) == 0
    return capsys.readouterr().out.splitlines()


def test_count_prints_the_totals_alone_and_on_standard_output(
    tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(["matches", tables, "--count"], capsys) == [
        "5 rows (2 A, 1 B, 1 C, 1 D): 5 articles at 4 known addresses, in 5 records on 2 known hosts",
        "rows by site: own site 0, elsewhere 4, unknown 1",
        "the host is not known of 1 row",
        f"found by 2 runs: {RUNS[0]}, {RUNS[1]}",
    ]
    (line,) = said(["matches", tables, "--count", "--json", "--confidence", "A"], capsys)
    assert json.loads(line) == {
        "rows": 2, "letters": {"A": 2}, "own_site": 0, "elsewhere": 2, "unknown_site": 0, "documents": 2,
        "records": 2, "addresses": 2, "articles": 2, "hosts": 1, "without_host": 0, "left_out": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "articles"),
    [
        ([], ["a1", "a2", "a3", "a4", "a5"]),
        (["--host", "y.example"], ["a2", "a4"]),
        (["--release", "R2"], ["a5"]),
        (["--dataset", "wet", "--confidence", "B"], ["a1"]),
        (["--since", "2024-05-17"], ["a1"]),
        (["--since", "2024-05-18"], []),
        (["--order", "weight"], ["a4", "a2", "a1", "a3", "a5"]),
        (["--order", "weight", "--limit", "2"], ["a4", "a2"]),
        (["--order", "host", "--elsewhere"], ["a1", "a5", "a4", "a2"]),
        (["--order", "date", "--limit", "1"], ["a1"]),
    ],
)
def test_rows_are_those_asked_for_in_the_order_asked_for(
    filters: list[str], articles: list[str], tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in said(["matches", tables, "--json", *filters], capsys)]
    assert [row["article_id"] for row in rows] == articles
    assert all(list(row) == Match.schema.names for row in rows)


def test_undated_rows_are_left_out_by_since_and_it_is_said_how_many(
    tables: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = said(["matches", tables, "--since", "2024-05-17", "--dataset", "wet"], capsys)
    assert lines[0].startswith("1 row (1 B)")
    assert "left out, as nobody knows whether they are wanted: 3 rows without a date of capture" in lines
    lines = said(["matches", tables, "--host", "x.example", "--count"], capsys)
    assert "left out, as nobody knows whether they are wanted: 1 row without a known host" in lines


@pytest.mark.parametrize(
    ("option", "name", "meant"),
    [("host", "y.exmaple", "y.example"), ("release", "R11", "R1"), ("dataset", "wets", "wet")],
)
@pytest.mark.parametrize("form", [[], ["--count"], ["--json"]])
def test_a_host_release_or_dataset_that_no_row_has_is_refused_with_the_nearest(
    form: list[str], option: str, name: str, meant: str, tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["matches", tables, f"--{option}", name, *form]) == 1
    refused = capsys.readouterr()
    assert refused.out == ""
    assert f"no row of these tables has the {option} {name}; nearest: {meant}" in refused.err


def test_in_french_words_numbers_and_dates_are_french(
    tables: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = said(["matches", tables, "--lang", "fr", "--run", RUNS[0], "--limit", "3"], capsys)
    assert lines[:6] == [
        "4 lignes (2 A, 1 B, 1 C) : 4 articles à 3 adresses connues, dans 4 enregistrements sur 2 sites"
        " connus",
        "lignes par lieu : site propre 0, ailleurs 3, inconnu 1",
        "le site n'est pas connu pour 1 ligne",
        "affiché : 3 lignes, par force ; pour en voir plus : --limit, --export",
        "ligne         lettre   mots  enregistré  où        éditeur",
        "  site       titre       motif",
    ]
    assert "1\u202f234" in lines[6]
    assert lines[10].startswith("aaaaaaaaaaaa  B          20  17/05/2024  ailleurs  p")
    assert said(["matches", tables, "--lang", "fr", "--count", "--article", "a5"], capsys)[0] == (
        "1 ligne (1 D) : 1 article à 1 adresse connue, dans 1 enregistrement sur 1 site connu"
    )


def test_an_export_in_french_is_the_same_rows(
    tables: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "copies.csv"
    lines = said(["matches", tables, "--lang", "fr", "--since", "2024-05-01", "--export", str(path)], capsys)
    assert lines == [f"1 ligne dans {path}"]
    with path.open(encoding="utf-8-sig", newline="") as file:
        names, row = csv.reader(file, delimiter=";")
    assert names == Match.schema.names
    assert row[names.index("article_id")] == "a1"


def test_every_reason_has_a_few_words_that_fit_beside_a_headline() -> None:
    for language in LANGUAGES:
        labels = [Translator(language)(reason.label) for reason in REASONS.values()]
        assert all(0 < len(label) <= 28 for label in labels)
