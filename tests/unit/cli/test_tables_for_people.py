"""Tables on a terminal: nothing wider, nothing lost that tells rows apart, and the total at the end."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.commands.tables import estimate_lines, query_lines
from presswatch_spark.cli.replies import ENGLISH, Language, shown_lines
from presswatch_spark.core.terminal import columns_of, shortened, table_lines, wrapped_at
from presswatch_spark.scanning.sampling.extrapolation import Estimated, SampleEstimate
from presswatch_spark.tables.declarations import PublishedCensus
from presswatch_spark.tables.store import TableStore
from tests.world.tables import match, publish, publish_row, row_of, write

HOST = "https://www.un-journal.example/"
URL = f"{HOST}{'rubrique/' * 12}proces-des-faux-paysages-de-valmondois.html"
WIDE = f"https://例え.example/{'日本語/' * 30}終わり"
FRENCH = Language("fr")
RUNS = ("20240602T080000Z-abcdef", "20240702T080000Z-012345")


@pytest.fixture
def tables(tmp_path: Path) -> str:
    """Two runs, 3,000 documents, a census."""
    rows = [
        match(
            "a1",
            URL,
            grade="full_copy",
            confidence="A",
            article_coverage=0.998,
            captured_at=datetime(2024, 5, 17, 23, 59, tzinfo=UTC),
            document_host="www.un-journal.example",
            headline="Le procès des faux paysages",
            copied_words=1710,
            confidence_reasons=["sole_full_copy", "goes_beyond"],
        ),
        match(
            "a2", WIDE, confidence="C", copied_words=12, title_id="le-quotidien-de-la-lisiere-et-des-vallees"
        ),
        match("a1", None, confidence="C", row_index=7, shard_uri="s3://b/part-00007.json.gz", own_site=True),
    ]
    rows = [row | {"row_sha256": f"{number:x}" * 64} for number, row in enumerate(rows, 10)]
    for run_id, digest in zip(RUNS, ("ab", "cd"), strict=True):
        facts: dict[str, Any] = {
            "shards_planned": 100_000,
            "shards_complete": 99_998,
            "documents": 2_140_000_000,
        }
        facts |= {"release": "CC-MAIN-2024-22", "matches": 123_456, "table_digest": digest * 32}
        publish(tmp_path, run_id, rows if run_id == RUNS[0] else rows[:1], **facts)
    census = row_of(PublishedCensus, run_id="20240802T080000Z-777777", release="CC-MAIN-2024-22", captures=62)
    write(TableStore.open(str(tmp_path)), "censuses", census["run_id"], [census], PublishedCensus.schema)
    return str(tmp_path)


def shown(
    arguments: list[str], width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """What a command prints on a terminal of that width; no line is wider."""
    monkeypatch.setenv("COLUMNS", str(width))
    assert cli.run(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if columns_of(line) > width] == []
    return lines


@pytest.mark.parametrize("width", [80, 100, 120, 140])
def test_what_tells_runs_apart_is_whole_and_their_number_stands_at_the_end(
    width: int, tables: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = shown(["runs", tables], width, capsys, monkeypatch)
    for run_id, digest in zip(RUNS, ("ab", "cd"), strict=True):
        (line,) = (line for line in lines if line.startswith(run_id))
        assert {"wet", "CC-MAIN-2024-22", "123,456"} <= set(line.split())
        assert digest * 4 in line
    told = " ".join(lines)
    assert "99,998 of" in told
    assert "100,000" in told
    assert lines[-1] == "2 runs, 1 census"
    left_out = f"not shown in {width} columns: documents, finished_at (--json has all)"
    assert (left_out in lines) == (width < 120)


def test_matches_open_with_their_totals_and_a_row_has_two_lines_on_a_narrow_terminal(
    tables: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = shown(["matches", tables, "--run", RUNS[0]], 80, capsys, monkeypatch)
    assert lines[:8] == [
        "3 rows (1 A, 2 C): 2 articles at 2 known addresses, in 3 records on 1 known host",
        "rows by site: own site 1, elsewhere 2, unknown 0",
        "the host is not known of 2 rows",
        "row           letter  words  captured    where      publisher",
        "  host                    headline                     reason",
        "aaaaaaaaaaaa  A       1,710  2024-05-17  elsewhere  p",
        "  www.un-journal.example  Le procès des faux paysages  whole article, or nearly",
        "cccccccccccc  C          20  unknown     own site   p",
    ]
    assert lines[8].split("  ")[1] == "unknown"
    assert lines[8].endswith("unknown")


def test_on_a_wide_terminal_a_row_of_matches_is_one_line(
    tables: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = shown(["matches", tables], 140, capsys, monkeypatch)
    assert lines[0] == "4 rows (2 A, 2 C): 2 articles at 2 known addresses, in 3 records on 1 known host"
    assert f"found by 2 runs: {', '.join(RUNS)}" in lines
    rows = [line for line in lines if line.split()[0] in {letter * 12 for letter in "abc"}]
    assert len(rows) == 4
    assert [row.split()[1] for row in rows] == ["A", "A", "C", "C"]
    assert all("Le procès des faux" in row for row in rows[:2])


def test_the_row_that_is_shown_is_what_fetch_asks_for(
    tables: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = shown(["matches", tables, "--run", RUNS[0]], 80, capsys, monkeypatch)[5].split()[0]
    assert cli.run(["fetch", tables, "--row", row]) == 1
    # It is found, and its document, which is nowhere, is not.
    assert "no row has a row_sha256" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("share", "shown"), [(1.0, "100%"), (0.998, "99%"), (0.29, "29%"), (0.002, "less than 1%"), (0.0, "0%")]
)
def test_only_the_whole_is_100_percent(share: float, shown: str) -> None:
    assert ENGLISH.share(share) == shown
    assert FRENCH.share(share) == shown.replace("less than", "moins de").replace("%", " %")


@pytest.mark.parametrize("own_site", [True, False])
def test_where_a_document_is_stands_in_words(
    own_site: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, "r", [match("a", URL, own_site=own_site, row_sha256="e" * 64)])
    words = {True: "own site", False: "elsewhere"}[own_site]
    assert words in shown(["matches", str(tmp_path)], 80, capsys, monkeypatch)[-2]


@pytest.mark.parametrize("width", [80, 140])
def test_what_is_not_known_is_said_to_be_unknown(
    width: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, "r", [match("a", None, own_site=None, row_index=3, confidence="", row_sha256="e" * 64)])
    lines = shown(["matches", str(tmp_path)], width, capsys, monkeypatch)
    assert "rows by site: own site 0, elsewhere 0, unknown 1" in lines
    row = " ".join(lines[-2:] if width == 80 else lines[-1:])
    # Letter, date, site, host and reason; the article has no headline, and is named by its id.
    assert row.split().count("unknown") == 5
    assert "article a" in row
    assert "elsewhere" not in row


def test_tables_of_a_version_without_letters_and_digests_are_shown_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, "r", [match("a", URL)])
    (file,) = (tmp_path / "matches").iterdir()
    older = pq.read_table(file).drop_columns(["row_sha256", "confidence", "document_words"])
    pq.write_table(older, file)
    store = TableStore.open(str(tmp_path))
    publish_row(store, "runs", store.rows()[0])
    for width in (80, 140):
        lines = shown(["matches", str(tmp_path)], width, capsys, monkeypatch)
        assert lines[0] == "1 row: 1 article at 1 known address, in 1 record on 0 known hosts"


def test_what_is_piped_is_never_cut_and_holds_rows_alone(
    tables: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert cli.run(["matches", tables]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 5
    assert URL in said.out
    assert "…" not in said.out
    assert (
        said.err.splitlines()[0]
        == "4 rows (2 A, 2 C): 2 articles at 2 known addresses, in 3 records on 1 known host"
    )


MEASURES = ("documents", "matches", "documents with matches, own sites", "articles, confidence A or B")
PUBLISHERS = (None, "editions-du-quai-et-de-la-mer", "societe-nouvelle-de-la-presse-des-vallees-et-plateaux")


@pytest.mark.parametrize("width", [80, 140])
def test_the_labels_of_an_estimate_are_whole(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    measures = [
        Estimated(name, of, 1_234.0, 2_140_000_000.0, 1_999_999_999.0, 2_300_000_000.0, 90, 100)
        for name, of in itertools.product(MEASURES, PUBLISHERS)
    ]
    found = SampleEstimate("r", 0, 100_000, 90, 1_000, 0, tuple(measures))
    lines = list(shown_lines(estimate_lines(found, found.measures), ENGLISH))[1:]
    assert max(map(columns_of, lines)) <= width
    assert "…" not in "".join(lines)
    labels = " ".join(line[: lines[0].index("  seen")].strip() for line in lines)
    for publisher in PUBLISHERS[1:]:
        assert str(publisher) in labels.replace(" ", "")
    assert labels.count("documents with matches, own sites") == 3
    assert sum("2,140,000,000" in line for line in lines) == 12


def test_an_answer_of_sql_that_no_table_could_hold_is_printed_in_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    few = list(query_lines(["title_id", "url"], [("t", URL)]))
    assert len(few) == 2
    assert few[1].endswith("-faux-paysages-de-valmondois.html")
    many = list(query_lines([f"column_{i}" for i in range(30)], [tuple("x" * 20 for _ in range(30))]))
    assert len(many) == 30
    assert many[0] == f"column_0   {'x' * 20}"


@pytest.mark.parametrize("width", range(12, 120))
def test_a_shortened_url_is_as_wide_as_asked_for_at_most(width: int) -> None:
    for url in (URL, WIDE, "https://x.example/a", f"{HOST}{'x' * 300}", "s3://bucket/" + "é/" * 200):
        short = shortened(url, width)
        assert columns_of(short) <= width
        assert (short == url) == (columns_of(url) <= width)
        if short != url:
            assert "…" in short
            assert url.startswith(short.split("…")[0])
            assert url.endswith(short.split("…")[1])


def test_a_shortened_url_keeps_its_host_and_its_last_part() -> None:
    assert shortened(URL, 80) == f"{HOST}…/proces-des-faux-paysages-de-valmondois.html"


def test_numbers_are_never_cut() -> None:
    rows = [("x" * 90, 123_456_789_012), ("y", 7)]
    lines = list(table_lines(("name", "words"), rows, 30))
    assert lines[1].endswith("  123456789012")
    assert columns_of(lines[1]) == 30


def test_text_is_wrapped_at_spaces_and_nothing_of_it_is_lost() -> None:
    text = "les journaux de la lisière 日本語日本語日本語 et unmottropesttroplongpourlaligne"
    for width in range(4, 40):
        lines = wrapped_at(text, width)
        assert max(map(columns_of, lines)) <= width
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert wrapped_at("a bb ccc", 4) == ["a bb", "ccc"]


def test_json_is_as_complete_on_a_narrow_terminal(
    tables: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [json.loads(line) for line in shown_json(["matches", tables, "--json"], capsys, monkeypatch)]
    assert len(rows) == 4
    assert rows[0]["document_url"] == URL


def shown_json(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.run(arguments) == 0
    return capsys.readouterr().out.splitlines()


def test_a_run_of_several_datasets_has_no_empty_cells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(
        tmp_path, RUNS[0], [], dataset=None, release=None, finished_at=datetime(2024, 6, 2, 9, tzinfo=UTC)
    )
    for language, words in (
        ("en", ["several", "none or several"]),
        ("fr", ["plusieurs", "variable"]),
    ):
        lines = shown(["runs", "--lang", language, str(tmp_path)], 140, capsys, monkeypatch)
        (row,) = (line for line in lines if line.startswith(RUNS[0]))
        assert all(word in row for word in words), row
