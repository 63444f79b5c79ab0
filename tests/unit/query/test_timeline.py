"""The timeline of a title: when captures first and last showed each declaration."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from presswatch_spark.query.reservations import timeline
from presswatch_spark.tables.store import TableStore
from tests.world import rights
from tests.world.commands import outcome, presswatch
from tests.world.golden import assert_golden, transcript

OPEN = "User-agent: *\nDisallow: /admin"
CLOSED = f"User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n{OPEN}\nContent-Signal: ai-train=no"
NO_AI = '<meta name="robots" content="noai">'


def day(number: int) -> datetime:
    return rights.NOON + timedelta(days=number)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    declared = rights.signal_rows(
        *(rights.robots(OPEN, at=day(n), record_id=f"<r{n}>") for n in (-700, -600)),
        *(rights.robots(CLOSED, at=day(n), record_id=f"<r{n}>") for n in (-30, 0)),
        rights.robots("", status=503, at=day(60), record_id="<r60>"),
        rights.robots(CLOSED, at=day(90), record_id="<r90>"),
        rights.capture("", rights.TDMREP, status=404, at=day(-400), record_id="<t1>"),
        rights.capture(
            '[{"location":"/","tdm-reservation":1}]', rights.TDMREP, at=day(-10), record_id="<t2>"
        ),
        rights.capture(NO_AI, at=day(-20), record_id="<p1>"),
        rights.capture("<p>", at=day(0), record_id="<p2>"),
        rights.capture(NO_AI, f"{rights.PAGE}2", ("TDM-Reservation", "1"), at=day(20), record_id="<p3>"),
    )
    folder = tmp_path_factory.mktemp("timeline")
    # The second run scanned the same captures again.
    rights.tables_with_signals(folder, [rights.own("a")], *declared)
    return rights.tables_with_signals(folder, [], *declared, run_id="r2")


def test_a_period_ends_where_another_declaration_was_captured(tables: Path) -> None:
    found = timeline(TableStore.open(str(tables)), "courrier").to_pylist()
    of_gptbot = [each for each in found if each["signal"] == "robots_txt" and "GPTBot" in each["agents"]]
    period = ("verdict", "first_at", "last_at", "captures")
    assert [tuple(each[name] for name in period) for each in of_gptbot] == [
        ("allowed", day(-700), day(-600), 2),
        ("reserved", day(-30), day(0), 2),
        ("unknown", day(60), day(60), 1),
        ("reserved", day(90), day(90), 1),
    ]
    # The file was captured without the line in between.
    signals = [each["captures"] for each in found if each["signal"] == "content_signal"]
    assert signals == [2, 1]
    # A page that declares nothing ends no period of the others.
    (meta,) = (each for each in found if each["source"] == "meta")
    assert tuple(meta[name] for name in period) == ("reserved", day(-20), day(20), 2)
    tdmrep = [each for each in found if (each["signal"], each["source"]) == ("tdm_reservation", "file")]
    assert [(each["verdict"], each["note"]) for each in tdmrep] == [
        (None, "HTTP 404: no such file"),
        ("reserved", None),
    ]


def test_declarations_of_a_shared_host_count_for_each_of_its_titles(tmp_path: Path) -> None:
    shared = [row | {"title_id": None} for row in rights.signal_rows(rights.robots(CLOSED))]
    own_page = rights.signal_rows(rights.capture(NO_AI))
    other = [
        row | {"title_id": "other", "host": "b.example"}
        for row in rights.signal_rows(rights.capture(NO_AI, at=day(1)))
    ]
    folder = rights.tables_with_signals(tmp_path, [], *shared, *own_page, *other)
    found = timeline(TableStore.open(str(folder)), "courrier").to_pylist()
    assert {each["signal"] for each in found} == {"robots_txt", "content_signal", "meta_robots"}
    assert {each["origin"] for each in found} == {rights.SITE}
    undeclared = rights.tables_with_signals(tmp_path / "none", [rights.own("a", title_id="courrier")])
    chart = tmp_path / "none.svg"
    done = outcome("reservations timeline --title courrier", "--chart", chart, undeclared)
    assert (done.code, done.out, chart.exists()) == (0, "no declaration of this title was captured\n", False)
    done = outcome("reservations timeline --title", "courier", folder)
    assert done.code == 1
    assert "nearest: courrier" in done.err


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_a_person_reads_the_periods_as_a_table_and_a_chart(tables: Path, tmp_path: Path, lang: str) -> None:
    words = ("reservations", "timeline", "--title", "courrier", str(tables))
    shown = transcript(words, lang=lang).replace(str(tables), "tables")
    assert_golden(f"timeline.{lang}.txt", shown)
    chart = tmp_path / "timeline.svg"
    presswatch(*words, "--lang", lang, "--chart", chart)
    svg = chart.read_text("utf-8")
    expected = {
        "en": ("reserved", "CCBot, GPTBot", "Apr 2023"),
        "fr": ("opposition", "CCBot, GPTBot", "avr. 2023"),
    }
    assert all(f">{text}</text>" in svg or f">{text}</tspan>" in svg for text in expected[lang]), svg
    assert "was" not in outcome(" ".join(words), "--chart", chart).out
    assert outcome("", *words, "--chart", chart).code == 1, "a file is never overwritten"


def test_programs_get_the_agents_with_their_lines(tables: Path, tmp_path: Path) -> None:
    printed = presswatch("reservations", "timeline", "--title", "courrier", "--json", tables)
    rows = [json.loads(line) for line in printed.splitlines()]
    of_any = [row for row in rows if row["signal"] == "robots_txt" and "*" in row["agents"]]
    assert of_any[0]["value"] == "disallow: /admin"
    presswatch("reservations", "timeline", "--title", "courrier", "--export", tmp_path / "t.csv", tables)
    assert len((tmp_path / "t.csv").read_text("utf-8").splitlines()) > len(rows)
