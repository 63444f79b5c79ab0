"""The join: matches on members' own sites with what was declared around their capture."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest

from presswatch_spark.cli.main import run
from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.model import Capture
from presswatch_spark.query.reservations import Reservations
from presswatch_spark.tables.declarations import Reservation, RightsSignal
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.unit.matching.rights.test_rights_relation import rows as signal_rows
from tests.world.captures import NOON, PAGE, capture, robots
from tests.world.tables import flip_a_bit, match, publish
from tests.world.tables import write as write_table

EARLIER, LATER = NOON - timedelta(days=1), NOON + timedelta(days=1)
FORBIDS = "User-agent: CCBot\nDisallow: /"


def own(article_id: str | None, **values: Any) -> dict[str, Any]:
    """A match on the publisher's own site."""
    standard = {"own_site": True, "dataset": "warc", "captured_at": NOON, "http_status": 200}
    return match(article_id, PAGE, row_sha256=article_id or "site", **standard) | values


def tables(
    folder: Path, matches: list[dict[str, Any]], *declared: dict[str, Any], run_id: str = "r1"
) -> Path:
    """A published run with these matches and signals."""
    publish(folder, run_id, matches)
    if declared:
        signals = [row | {"run_id": run_id} for row in declared]
        write_table(TableStore.open(str(folder)), "rights_signals", run_id, signals, RightsSignal.schema)
    return folder


def statuses(folder: Path, *signals: Path) -> list[tuple[Any, str, str]]:
    found = Reservations(str(folder), [str(each) for each in signals]).rows()
    return [(row["article_id"], row["agent"], row["status"]) for row in found]


def test_each_match_on_the_own_site_has_a_row_for_each_agent(tmp_path: Path) -> None:
    elsewhere = match("b", "https://ailleurs.example/", dataset="wet", captured_at=NOON)
    folder = tables(
        tmp_path, [own("a"), elsewhere, own("c", dataset="c4")], *signal_rows(robots(FORBIDS, at=EARLIER))
    )
    assert statuses(folder) == [
        ("a", "CCBot", "before"),
        ("a", "GPTBot", "none"),
        ("a", "Google-Extended", "none"),
        ("a", "*", "none"),
    ]


LETS_IN = robots("User-agent: *\nAllow: /", at=EARLIER)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (None, "unknown"),
        (capture('<link rel="canonical" href="/une/1">'), "none"),
        (capture("<p>", PAGE, ("X-Robots-Tag", "noai")), "both"),
        (capture('<link rel="canonical" href="/une/1">', at=LATER), "unknown"),
        (robots("User-agent: *\nAllow: /admin/"), "unknown"),
    ],
)
def test_of_wet_nothing_is_known_to_be_reserved_by_none_until_the_page_itself_was_read(
    tmp_path: Path, response: Capture | None, expected: str
) -> None:
    declared = [LETS_IN] if response is None else [LETS_IN, response]
    folder = tables(tmp_path, [own("a", dataset="wet")], *signal_rows(*declared))
    (row, *_) = Reservations(str(folder)).rows()
    assert row["status"] == expected
    assert row["page_read"] == (expected != "unknown")


def test_a_page_that_declares_nothing_was_read_if_it_was_found_in_warc(tmp_path: Path) -> None:
    folder = tables(tmp_path / "text", [own("a", dataset="wet")], *signal_rows(LETS_IN))
    tables(tmp_path / "pages", [own("a", row_sha256="b")])
    assert statuses(folder)[0] == ("a", "CCBot", "unknown")
    assert statuses(folder, tmp_path / "pages")[0] == ("a", "CCBot", "none")


def test_of_a_page_without_a_response_around_it_the_headers_are_not_known(tmp_path: Path) -> None:
    page = capture('<link rel="canonical" href="/une/1">', status=None)
    folder = tables(tmp_path, [own("a", http_status=None)], *signal_rows(LETS_IN, page))
    (row, *_) = Reservations(str(folder)).rows()
    assert (row["status"], row["page_read"]) == ("unknown", False)
    told = capture('<meta name="robots" content="noai">', status=None)
    assert (
        statuses(tables(tmp_path / "meta", [own("a", http_status=None)], *signal_rows(told)))[0][2] == "both"
    )


@pytest.mark.parametrize(
    "response",
    [
        capture("<p>", cut=True),
        capture("".join(f'<meta name="copyright" content="{n}">' for n in range(300))),
        robots("User-agent: *\nAllow: /\n" + "".join(f"Content-Signal: {n}\n" for n in range(300))),
    ],
)
def test_what_was_left_out_may_reserve(tmp_path: Path, response: Capture) -> None:
    declared = [response] if "robots" in response.url else [LETS_IN, response]
    assert statuses(tables(tmp_path, [own("a")], *signal_rows(*declared)))[0] == ("a", "CCBot", "unknown")


def test_a_page_that_allows_mining_is_not_none_before_robots_txt_of_its_site_was_read(tmp_path: Path) -> None:
    allowing = capture("<p>", PAGE, ("TDM-Reservation", "0"))
    alone = tables(tmp_path / "alone", [own("a")], *signal_rows(allowing))
    assert statuses(alone)[0] == ("a", "CCBot", "unknown")
    assert statuses(alone, tables(tmp_path / "robots", [], *signal_rows(LETS_IN)))[0] == (
        "a",
        "CCBot",
        "none",
    )


def test_declarations_come_from_other_runs_and_folders_too(tmp_path: Path) -> None:
    folder = tables(tmp_path / "pages", [own("a")])
    tables(folder, [], *signal_rows(robots(FORBIDS, at=EARLIER)), run_id="r2")
    other = tables(tmp_path / "robots", [], *signal_rows(robots(FORBIDS, at=LATER, record_id="<2>")))
    assert statuses(folder)[0] == ("a", "CCBot", "before")
    assert statuses(folder, other)[0] == ("a", "CCBot", "both")
    assert statuses(folder, other, other) == statuses(folder, other)


def test_a_run_that_is_not_published_declares_nothing(tmp_path: Path) -> None:
    folder = tables(tmp_path, [own("a")])
    rows = [row | {"run_id": "r9"} for row in signal_rows(robots(FORBIDS))]
    write_table(TableStore.open(str(folder)), "rights_signals", "r9", rows, RightsSignal.schema)
    assert {status for _, _, status in statuses(folder)} == {"unknown"}


@pytest.mark.parametrize("values", [{"captured_at": None}, {"document_url": None}, {"document_url": "x"}])
def test_without_time_or_place_nothing_is_known(tmp_path: Path, values: dict[str, Any]) -> None:
    folder = tables(tmp_path, [own("a", **values)], *signal_rows(robots(FORBIDS)))
    assert {status for _, _, status in statuses(folder)} == {"unknown"}


def test_the_declaring_files_themselves_are_no_pages(tmp_path: Path) -> None:
    site = own(None, document_url="https://www.courrier.example/robots.txt", grade="url_only")
    assert statuses(tables(tmp_path, [site], *signal_rows(robots(FORBIDS)))) == []


def test_a_row_shows_the_declarations_and_their_pointers(tmp_path: Path) -> None:
    declared = signal_rows(robots(FORBIDS, at=EARLIER), robots("", at=LATER, status=503, record_id="<2>"))
    folder = tables(tmp_path / "tables", [own("a")], *declared)
    where, counts = Reservations(str(folder)).write(str(tmp_path / "out"))
    assert pq.read_table(str(where)).schema.names == Reservation.schema.names
    store = TableStore.open(str(tmp_path / "out"))
    table = store.read("reservations")
    assert table.schema.equals(Reservation.schema)
    row = table.to_pylist()[0]
    assert (row["run_id"], row["match_sha256"], row["before_at"], row["after_at"]) == (
        "r1",
        "a",
        EARLIER,
        LATER,
    )
    assert {
        name: row["before"][name] for name in ("verdict", "record_offset", "row_sha256", "content_sha256")
    } == {
        "verdict": "reserved",
        "record_offset": 7,
        "row_sha256": declared[0]["row_sha256"],
        "content_sha256": declared[0]["content_sha256"],
    }
    assert (row["after"]["verdict"], row["after"]["note"]) == ("unknown", "HTTP 503: unreachable")
    assert counts["CCBot", "before"] == 1
    (made,) = store.read("derivations").to_pylist()
    assert (made["table"], made["made_of"], made["rows"]) == ("reservations", ["r1"], len(table))
    assert [file["table"] for file in made["files"]] == ["reservations"]
    assert not list((tmp_path / "out" / "_runs").iterdir())
    with pytest.raises(OutputError, match="there is a table reservations already"):
        Reservations(str(folder)).write(str(tmp_path / "out"))


def test_a_table_whose_making_was_cut_short_is_not_there_and_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Reservations(str(tables(tmp_path / "tables", [own("a")])))
    out = str(tmp_path / "out")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("adopt", "publish"):
        with monkeypatch.context() as patched:
            patched.setattr(TableStore, step, killed)
            with pytest.raises(KeyboardInterrupt):
                found.write(out)
        assert len(TableStore.open(out).read("reservations")) == 0
    found.write(out)
    assert len(TableStore.open(out).read("reservations")) == 4


def test_a_derived_table_with_a_flipped_bit_is_read_by_nobody(tmp_path: Path) -> None:
    where, _ = Reservations(str(tables(tmp_path / "tables", [own("a")]))).write(str(tmp_path / "out"))
    (path,) = where.path.iterdir()
    flip_a_bit(path, Random(1))
    with pytest.raises(DamagedTablesError, match=r"table reservations of run .* its bytes have changed"):
        TableStore.open(str(tmp_path / "out")).read("reservations")


def test_a_web_site_is_no_place_for_tables_and_no_folder_of_that_name_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = "https://site.example/out"
    monkeypatch.chdir(tmp_path)
    folder = str(tables(tmp_path / "tables", []))
    for command in (["rights", folder], ["compare", "--before", "r1", "--after", "latest", folder]):
        assert run([*command, "--out", out]) == 1
        assert capsys.readouterr().err.startswith(f"error: {out}: tables cannot be written to https://")
    assert [path.name for path in tmp_path.iterdir()] == ["tables"]


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run r7 is published"):
        list(Reservations(str(tables(tmp_path, [])), run_id="r7").rows())


def test_the_command_counts_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tables(tmp_path / "tables", [own("a"), own("b")], *signal_rows(robots(FORBIDS, at=EARLIER))))
    assert run(["rights", folder]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["agent", "matches", "reserved", "meaning"]
    assert lines[1].split(maxsplit=3) == [
        "CCBot",
        "2",
        "before",
        "reserved before it; after it nothing is known",
    ]
    assert lines[-1] == "2 matches on publishers' own sites, each for 4 agents"
    assert run(["rights", folder, "--json", "--run", "latest"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 8
    assert (rows[0]["before_at"], rows[0]["before"]["signal"]) == ("2024-05-17T12:00:00Z", "robots_txt")
    assert run(["rights", folder, "--out", str(tmp_path / "out")]) == 0
    assert len(pq.read_table(tmp_path / "out" / "reservations")) == 8
    assert run(["rights", folder, "--out", "x", "--json"]) == 2
    assert run(["rights", str(tmp_path)]) == 1


def test_the_command_says_that_declarations_may_stand_in_shards_that_were_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages, other = tables(tmp_path / "pages", [own("a")]), tmp_path / "robots"
    publish(other, "r1", [], dataset="warc", shards_planned=5, shards_complete=3)
    publish(other, "r2", [], dataset="wet", shards_complete=1)
    for words in ([], ["--json"], ["--out", str(tmp_path / "out")]):
        assert run(["rights", str(pages), "--signals", str(other), *words]) == 0
        assert capsys.readouterr().err.startswith("incomplete: 2 of 5 shards of responses were not")
    assert run(["rights", str(pages)]) == 0
    assert capsys.readouterr().err == ""


def test_the_command_says_when_there_is_nothing_to_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rights", str(tables(tmp_path, []))]) == 0
    assert "no match on a publisher's own site" in capsys.readouterr().out
