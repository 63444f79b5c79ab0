"""What a member's site declared when its own pages, and copies of its articles, were captured."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.scan_values import Capture
from presswatch_spark.matching.reservations.in_force import Declarations
from presswatch_spark.query.reservations import (
    AGENT,
    Moment,
    OwnSites,
    Reservations,
    declarations_in_force,
    pages_read,
)
from presswatch_spark.tables.declarations import Match, Reservation, RightsSignal
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.world.commands import outcome, presswatch
from tests.world.golden import assert_golden
from tests.world.processes import raising
from tests.world.proofs import cases, each_time
from tests.world.rights import NOON, PAGE, SITE, capture, own, robots, signal_rows, write_signals
from tests.world.rights import tables_with_signals as tables
from tests.world.tables import flip_a_bit, match, publish

EARLIER, LATER = NOON - timedelta(days=1), NOON + timedelta(days=1)
FORBIDS, ALLOWS = "User-agent: CCBot\nDisallow: /", "User-agent: *\nAllow: /"
LETS_IN = robots(ALLOWS, at=EARLIER)
RSL = capture(
    '<rsl xmlns="https://rslstandard.org/rsl"><content url="/une/*"><license>'
    '<prohibits type="usage">ai-train</prohibits></license></content></rsl>',
    f"{SITE}/rsl.xml",
    media_type="application/rsl+xml",
    at=EARLIER,
    record_id="<rsl>",
)
NO_AI = ("X-Robots-Tag", "noai")
NO_AI_INSIDE = '<meta name="robots" content="noai">'
CANONICAL = '<link rel="canonical" href="/une/1">'


def statuses(folder: Path, *signals: Path) -> list[tuple[Any, str, str]]:
    found = Reservations(str(folder), [str(each) for each in signals]).rows()
    return [(row["article_id"], row["agent"], row["status"]) for row in found]


def for_ccbot(folder: Path, values: dict[str, Any], *declared: Capture) -> tuple[str, bool]:
    """Status and `page_read` of the member's page, for CCBot, by what captures declare."""
    row = next(Reservations(str(tables(folder, [own("a", **values)], *signal_rows(*declared)))).rows())
    assert row["agent"] == "CCBot"
    return row["status"], row["page_read"]


def test_each_match_on_the_own_site_has_a_row_for_each_agent(tmp_path: Path) -> None:
    elsewhere = match("b", "https://ailleurs.example/", dataset="wet", captured_at=NOON)
    site = own(None, document_url=f"{SITE}/robots.txt", grade="url_only")
    declared = signal_rows(robots(FORBIDS, at=EARLIER))
    folder = tables(tmp_path, [own("a"), elsewhere, own("c", dataset="c4"), site], *declared)
    expected = {"CCBot": "before", "GPTBot": "none", "Google-Extended": "none", "*": "none"}
    assert statuses(folder) == [("a", agent, status) for agent, status in expected.items()]


MANY = "".join(f'<meta name="copyright" content="{n}">' for n in range(300))


@cases(
    ("values", "captures", "expected"),
    [
        # Of WET nothing is known to be reserved by none until the page itself was read.
        ({"dataset": "wet"}, [LETS_IN], ("unknown", False)),
        ({"dataset": "wet"}, [LETS_IN, capture(CANONICAL)], ("none", True)),
        ({"dataset": "wet"}, [LETS_IN, capture("<p>", PAGE, NO_AI)], ("both", True)),
        ({"dataset": "wet"}, [LETS_IN, capture(CANONICAL, at=LATER)], ("unknown", False)),
        ({"dataset": "wet"}, [LETS_IN, robots("User-agent: *\nAllow: /admin/")], ("unknown", False)),
        # Without a response around it, the headers of a page are not known.
        ({"http_status": None}, [LETS_IN, capture(CANONICAL, status=None)], ("unknown", False)),
        ({"http_status": None}, [capture(NO_AI_INSIDE, status=None)], ("both", False)),
        # What was left out may reserve.
        ({}, [LETS_IN, capture("<p>", cut=True)], ("unknown", True)),
        ({}, [LETS_IN, capture(MANY)], ("unknown", True)),
        ({}, [robots(ALLOWS + "".join(f"\nContent-Signal: {n}" for n in range(300)))], ("unknown", True)),
        # A page that allows mining is not `none` before robots.txt of its site was read.
        ({}, [capture("<p>", PAGE, ("TDM-Reservation", "0"))], ("unknown", True)),
        ({}, [capture("<p>", PAGE, ("TDM-Reservation", "0")), LETS_IN], ("none", True)),
        # Without time or place nothing is known.
        ({"captured_at": None}, [robots(FORBIDS)], ("unknown", True)),
        ({"document_url": None}, [robots(FORBIDS)], ("unknown", True)),
        ({"document_url": "x"}, [robots(FORBIDS)], ("unknown", True)),
    ],
)
def test_a_page_is_reserved_by_what_was_read_around_its_capture(
    tmp_path: Path, values: dict[str, Any], captures: list[Capture], expected: tuple[str, bool]
) -> None:
    assert for_ccbot(tmp_path, values, *captures) == expected


def test_a_page_that_declares_nothing_was_read_if_it_was_found_in_warc(tmp_path: Path) -> None:
    folder = tables(tmp_path / "text", [own("a", dataset="wet")], *signal_rows(LETS_IN))
    tables(tmp_path / "pages", [own("a", row_sha256="b")])
    assert statuses(folder)[0] == ("a", "CCBot", "unknown")
    assert statuses(folder, tmp_path / "pages")[0] == ("a", "CCBot", "none")


def test_declarations_come_from_other_published_runs_and_folders_too(tmp_path: Path) -> None:
    folder = tables(tmp_path / "pages", [own("a")])
    write_signals(folder, signal_rows(robots(FORBIDS)), "r9")
    assert {status for _, _, status in statuses(folder)} == {"unknown"}, "no row publishes r9"
    tables(folder, [], *signal_rows(robots(FORBIDS, at=EARLIER)), run_id="r2")
    other = tables(tmp_path / "robots", [], *signal_rows(robots(FORBIDS, at=LATER, record_id="<2>")))
    assert statuses(folder)[0] == ("a", "CCBot", "before")
    assert statuses(folder, other)[0] == ("a", "CCBot", "both")
    assert statuses(folder, other, other) == statuses(folder, other)
    with pytest.raises(InputError, match="run r7 is not published"):
        list(Reservations(str(folder), run_id="r7").rows())


def test_a_row_shows_the_declarations_and_their_pointers(tmp_path: Path) -> None:
    declared = signal_rows(robots(FORBIDS, at=EARLIER), robots("", at=LATER, status=503, record_id="<2>"))
    folder, out = tables(tmp_path / "tables", [own("a")], *declared), str(tmp_path / "out")
    where, counts = Reservations(str(folder)).write(out)
    assert pq.read_table(str(where)).schema.names == Reservation.schema.names
    store = TableStore.open(out)
    table = store.read("reservations")
    assert table.schema.equals(Reservation.schema)
    row = table.to_pylist()[0]
    columns = ("run_id", "match_sha256", "before_at", "after_at")
    assert [row[name] for name in columns] == ["r1", "a", EARLIER, LATER]
    names = ("verdict", "record_offset", "row_sha256", "content_sha256")
    shown = {name: row["before"][name] for name in names}
    assert shown == {"verdict": "reserved", "record_offset": 7} | {n: declared[0][n] for n in names[2:]}
    assert (row["after"]["verdict"], row["after"]["note"]) == ("unknown", "HTTP 503: unreachable")
    assert counts["CCBot", "before"] == counts["CCBot", "train", "reserved"] == 1
    assert [(row["train"], row["search"], row["tdm"]) for row in table.to_pylist()] == [
        ("reserved", None, "reserved"),
        ("unknown", None, None),
        ("unknown", None, "unknown"),
        ("unknown", "unknown", "unknown"),
    ]
    (made,) = store.read("derivations").to_pylist()
    assert (made["table"], made["made_of"], made["rows"]) == ("reservations", ["r1"], len(table))
    assert [file["table"] for file in made["files"]] == ["reservations"]
    assert not list((tmp_path / "out" / "_runs").iterdir())
    with pytest.raises(OutputError, match="the table reservations already exists"):
        Reservations(str(folder)).write(out)
    (path,) = where.path.iterdir()
    flip_a_bit(path, Random(1))
    with pytest.raises(DamagedTablesError, match=r"table reservations of run .* its bytes have changed"):
        TableStore.open(out).read("reservations")


def test_verdicts_rest_on_declarations_that_are_not_about_training(tmp_path: Path) -> None:
    headers = ("TDM-Reservation", "1"), ("TDM-Policy", "/p.json"), ("X-Robots-Tag", "noindex")
    offer = '{"permission": [{"action": "tdm:mine"}]}'
    policy = capture(offer, f"{SITE}/p.json", media_type="application/json", record_id="<2>")
    folder = tables(tmp_path, [own("a")], *signal_rows(capture("<p>", PAGE, *headers), policy))
    row = next(Reservations(str(folder)).rows())
    assert (row["train"], row["search"], row["tdm"]) == ("conflicting", "reserved", "conflicting")
    assert (row["status"], row["before"]["signal"]) == ("both", "tdm_reservation")


def test_a_table_whose_making_was_cut_short_is_not_there_and_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Reservations(str(tables(tmp_path / "tables", [own("a")])))
    out = str(tmp_path / "out")

    for step in ("adopt", "publish"):
        with monkeypatch.context() as patched:
            patched.setattr(TableStore, step, raising(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                found.write(out)
        assert len(TableStore.open(out).read("reservations")) == 0
    found.write(out)
    assert len(TableStore.open(out).read("reservations")) == 4


class TestCommand:
    def test_a_web_site_is_no_place_for_tables_and_no_folder_of_that_name_is_made(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = "https://site.example/out"
        monkeypatch.chdir(tmp_path)
        folder = str(tables(tmp_path / "tables", []))
        for command in (["rights", folder], ["compare", "--before", "r1", "--after", "latest", folder]):
            said = outcome("", *command, "--out", out)
            assert said.code == 1
            assert said.err.startswith(f"error: {out}: tables cannot be written to https://")
        assert [path.name for path in tmp_path.iterdir()] == ["tables"]

    def test_it_counts_prints_and_writes(self, tmp_path: Path) -> None:
        declared = signal_rows(robots(FORBIDS, at=EARLIER))
        folder = str(tables(tmp_path / "tables", [own("a"), own("b")], *declared))
        for language in ("en", "fr"):
            assert_golden(f"rights.{language}.txt", presswatch("rights", folder, "--lang", language))
        printed = presswatch("rights", folder, "--json", "--run", "latest")
        rows = [json.loads(line) for line in printed.splitlines()]
        assert len(rows) == 8
        assert (rows[0]["before_at"], rows[0]["before"]["signal"]) == ("2024-05-17T12:00:00Z", "robots_txt")
        presswatch("rights", folder, "--out", tmp_path / "out")
        assert len(pq.read_table(tmp_path / "out" / "reservations")) == 8
        assert outcome("rights", folder, "--out", "x", "--json").code == 2
        assert outcome("rights", tmp_path).code == 1
        said = presswatch("rights", tables(tmp_path / "none", []))
        assert "no match on a publisher's own site" in said

    def test_it_says_that_declarations_may_be_in_shards_that_were_not_read(self, tmp_path: Path) -> None:
        pages, other = tables(tmp_path / "pages", [own("a")]), tmp_path / "robots"
        publish(other, "r1", [], dataset="warc", shards_planned=5, shards_complete=3)
        publish(other, "r2", [], dataset="wet", shards_complete=1)
        for words in ([], ["--json"], ["--out", str(tmp_path / "out")]):
            said = outcome("rights", pages, "--signals", other, *words)
            assert said.code == 0
            assert said.err.startswith("incomplete: 2 of 5 shards of responses were not")
        assert outcome("rights", pages).err == ""


def signals(*captures: Capture) -> pa.Table:
    rows = [row | {"run_id": "r1"} for row in signal_rows(*captures)]
    return pa.Table.from_pylist(rows, RightsSignal.schema)


def for_page(
    signals: pa.Table, asked: Iterable[tuple[str | None, datetime | None]], pages: Iterable[Moment] = ()
) -> list[str]:
    """Reservations of a member's articles at moments of copies."""
    sites = OwnSites(signals, pages)
    return [sites.status(url, at) for url, at in asked]


class TestAroundACopy:
    @cases(
        ("captures", "read", "expected"),
        [
            ([], (), "unknown"),
            ([robots(FORBIDS, at=EARLIER)], (), "before"),
            ([robots(FORBIDS, at=LATER)], (), "after"),
            ([robots(FORBIDS, at=EARLIER), robots(FORBIDS, at=LATER)], (), "both"),
            ([robots(FORBIDS, at=EARLIER), robots(ALLOWS, at=LATER)], (), "conflicting"),
            # Of the page itself nothing is known.
            ([LETS_IN, robots(ALLOWS, at=LATER)], (), "unknown"),
            ([LETS_IN, robots(ALLOWS, at=LATER)], (EARLIER,), "none"),
            ([capture("<p>", PAGE, NO_AI, at=EARLIER)], (), "before"),
            ([capture("<p>", PAGE, NO_AI, at=EARLIER), capture("<p>", PAGE, NO_AI, at=LATER)], (), "both"),
            # A later capture of the page that declares nothing takes the reservation back.
            ([capture("<p>", PAGE, NO_AI, at=EARLIER)], (LATER,), "conflicting"),
            ([capture("<p>", PAGE, NO_AI, at=EARLIER - timedelta(days=9))], (EARLIER,), "unknown"),
            ([capture("<p>", PAGE, NO_AI, at=EARLIER), robots(ALLOWS, at=LATER)], (), "before"),
            ([RSL], (), "before"),
            ([RSL, LETS_IN], (), "before"),
        ],
    )
    def test_the_last_declaration_before_it_and_the_first_after_it_decide(
        self, captures: list[Capture], read: tuple[datetime, ...], expected: str
    ) -> None:
        pages = [(PAGE, moment) for moment in read]
        assert for_page(signals(*captures), [(PAGE, NOON)], pages) == [expected]

    def test_nothing_was_in_force_in_a_year_that_no_crawler_was_there(self) -> None:
        declared = signals(robots(FORBIDS, at=EARLIER), robots(FORBIDS, at=LATER))
        asked = [(PAGE, NOON.replace(year=year)) for year in (1970, 2106)]
        assert for_page(declared, asked) == ["unknown", "unknown"]

    def test_the_articles_own_url_is_asked_in_whatever_form(self) -> None:
        declared = signals(capture("<p>", PAGE, NO_AI, at=EARLIER))
        elsewhere = PAGE.replace("https://", "https://ailleurs.")
        asked = [(f"{PAGE}?utm_source=x#top", NOON), (elsewhere, NOON), (None, NOON), (PAGE, None)]
        assert for_page(declared, asked) == ["before", "unknown", "unknown", "unknown"]

    def test_captures_of_one_second_are_not_told_apart(self) -> None:
        declared = signals(robots(FORBIDS, at=NOON.replace(microsecond=400_000)))
        at = [NOON + timedelta(seconds=seconds) for seconds in (0.5, 0.3, 1.5)]
        assert for_page(declared, [(PAGE, moment) for moment in at]) == ["both", "both", "before"]

    @pytest.mark.slow
    @pytest.mark.parametrize("cases", each_time([8], [8, 60]))
    def test_for_the_members_own_pages_it_is_what_the_table_reservations_has(
        self, tmp_path: Path, cases: int
    ) -> None:
        rng = Random(7)
        for case in range(cases):
            folder = tmp_path / str(case)
            captures = [
                rng.choice((robots(FORBIDS, at=at), robots(ALLOWS, at=at)))
                for at in (EARLIER, LATER)
                if rng.random() < 0.7
            ]
            if rng.random() < 0.5:
                captures.append(capture("<p>", PAGE, NO_AI))
            page = own("a", dataset=rng.choice(("warc", "wet")))
            tables(folder, [page], *signal_rows(*captures))
            row = next(Reservations(str(folder)).rows())
            read = list(pages_read(TableStore.open(str(folder))))
            assert row["agent"] == AGENT
            assert for_page(signals(*captures), [(PAGE, NOON)], read) == [row["status"]], case

    @pytest.mark.parametrize(
        ("declared", "titles_share_the_host", "quoted"),
        [
            ([capture("<p>", PAGE, NO_AI, at=EARLIER)], False, ("x_robots_tag", None)),
            ([robots(FORBIDS, at=EARLIER), robots(FORBIDS, at=LATER)], True, ("robots_txt", "robots_txt")),
            (
                [capture(NO_AI_INSIDE, PAGE, at=EARLIER), robots(ALLOWS, at=LATER)],
                False,
                ("meta_robots", "robots_txt"),
            ),
            ([robots(ALLOWS, at=EARLIER)], False, ("robots_txt", None)),
            ([RSL, robots(ALLOWS, at=EARLIER)], False, ("rsl", None)),
        ],
        ids=["header of the page", "robots.txt of two titles", "meta of the page", "no reservation", "RSL"],
    )
    def test_the_declarations_that_documents_quote_are_those_that_the_claim_counts(
        self,
        tmp_path: Path,
        declared: list[Capture],
        titles_share_the_host: bool,
        quoted: tuple[str | None, ...],
    ) -> None:
        signals_there = signal_rows(*declared)
        if titles_share_the_host:
            signals_there = [row | {"title_id": None, "publisher_id": None} for row in signals_there]
        copy = {"document_url": "https://ailleurs.example/", "article_url": PAGE, "own_site": False}
        copy |= {"title_id": "courrier", "publisher_id": "rives"}
        store = TableStore.open(str(tables(tmp_path, [own("a", **copy)], *signals_there)))
        (row,) = Match.from_batches(store.read("matches"))
        found = declarations_in_force(store, {"a": row})["a"]
        sides = [side.row.signal if side and side.row else None for side in (found.before, found.after)]
        assert tuple(sides) == quoted
        judged = OwnSites(store.read("rights_signals"), pages_read(store))
        assert found.status == judged.status(row.article_url, row.captured_at)

    def test_a_page_is_asked_once_between_two_declarations(self, monkeypatch: pytest.MonkeyPatch) -> None:
        days = [EARLIER + timedelta(days=day) for day in range(-300, 0, 30)]
        sites = OwnSites(signals(*(robots(FORBIDS, at=day) for day in days)))
        asked, for_page = list[str](), Declarations.for_page

        def noted(self: Declarations, url: str, *rest: Any) -> Any:
            asked.append(url)
            return for_page(self, url, *rest)

        monkeypatch.setattr(Declarations, "for_page", noted)
        for k in range(5_000):
            sites.status(f"{PAGE}{k % 10}", EARLIER - timedelta(minutes=40 * k))
        assert len(asked) <= 2 * len(days) + 1

    @pytest.mark.slow
    @pytest.mark.parametrize("cases", each_time([6], [6, 20]))
    def test_pages_that_share_answers_are_told_as_if_each_were_asked_alone(self, cases: int) -> None:
        rng = Random(11)
        rules = ("Disallow: /a", "Disallow: /", "Allow: /", "Disallow: /a\nAllow: /a/x", "Disallow: /*?")
        paths = ("/a/1", "/b/1", "/a/x/2", "/b?c=1", "/a/3", "/b/4")
        for case in range(cases):
            files = (
                robots(
                    f"User-agent: CCBot\n{rng.choice(rules)}",
                    at=EARLIER + timedelta(days=day),
                    record_id=f"<{day}>",
                )
                for day in rng.sample(range(60), 9)
            )
            declared = signals(*files)
            asked = [
                (f"{SITE}{rng.choice(paths)}", EARLIER + timedelta(hours=rng.randrange(60 * 24)))
                for _ in range(60)
            ]
            together = for_page(declared, asked)
            assert together == [for_page(declared, [each])[0] for each in asked], case
            assert len(set(together)) > 1
