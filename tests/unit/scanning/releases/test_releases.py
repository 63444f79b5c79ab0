"""Which releases there are: asked, cached, shipped; and what is said when a list cannot be had."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import CorruptError, PresswatchError
from presswatch_spark.scanning.releases.crawls import (
    ATTEMPTS,
    Listing,
    at_hand,
    current,
    from_collinfo,
    list_uri,
    shipped,
)
from presswatch_spark.scanning.releases.release import kinds_of
from presswatch_spark.storage.objects import StorageOptions
from scripts.crawls import refresh
from tests.world.commands import outcome, presswatch
from tests.world.servers import Fault, Server, web

QUICK = StorageOptions(backoff_base=0.001, read_timeout=2.0)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
NEWEST = {"id": "CC-MAIN-2026-21", "from": "2026-05-01T10:00:00", "to": "2026-05-14T11:00:00"}
OLDER = {"id": "CC-MAIN-2024-22", "from": "2024-05-17T23:00:00", "to": "2024-05-31T00:00:00"}
OLDEST = {"id": "CC-MAIN-2008-2009", "from": "2008-05-09T05:37:12", "to": "2009-01-09T20:58:29"}


def collinfo(*entries: Any) -> bytes:
    return json.dumps(entries or [OLDER, OLDEST, NEWEST]).encode()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own; nothing beyond this machine is asked."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    return tmp_path / "cache"


@pytest.fixture
def site() -> Iterator[Server]:
    with web(objects={"/collinfo.json": collinfo()}) as server:
        yield server


def ask(server: Server, now: datetime = NOON, *, again: bool = False) -> Listing:
    return current(list_uri(server.url), QUICK, now, again=again)


def names(known: Listing) -> list[str]:
    return [crawl.name for crawl in known.crawls]


class TestWhatAReleaseHas:
    @pytest.mark.parametrize(
        ("name", "has"),
        [
            ("CC-MAIN-2025-33", "warc wet wat robotstxt index"),
            ("CC-MAIN-2016-36", "warc wet wat robotstxt index"),
            ("CC-MAIN-2016-30", "warc wet wat index"),
            ("CC-MAIN-2013-20", "warc wet wat index"),
            ("CC-MAIN-2012", "arc"),
            ("CC-MAIN-2009-2010", "arc"),
            ("CC-MAIN-2008-2009", "arc"),
            ("CC-NEWS", "warc"),
            ("CC-NEWS-2025-08", "warc"),
            ("CC-NEWS-2025-13", ""),
            ("CC-MAIN-2025-33/../../etc", ""),
            ("CC-MAIN-٢٠٢٥-33", ""),
            ("CC-MAIN-2025-33\n", ""),
        ],
    )
    def test_follows_from_its_name(self, name: str, has: str) -> None:
        assert kinds_of(name) == tuple(has.split())

    @pytest.mark.real_data
    def test_every_crawl_of_the_real_list_has_something(self, real_data: Path) -> None:
        real = json.loads((real_data / "common_crawl" / "index" / "collinfo.json").read_bytes())
        arc = [entry["id"] for entry in real if kinds_of(entry["id"]) == ("arc",)]
        assert arc == [entry["id"] for entry in real if "ARC" in entry["name"]]
        assert all("wet" in kinds_of(entry["id"]) for entry in real if entry["id"] not in arc)


class TestListOfCrawls:
    def test_is_told_newest_first_whatever_its_order(self) -> None:
        listing = from_collinfo(collinfo(), "x")
        assert [crawl.name for crawl in listing.crawls] == [NEWEST["id"], OLDER["id"], OLDEST["id"]]
        assert listing.crawls[0].first == datetime(2026, 5, 1, 10, tzinfo=UTC)
        assert listing.noted == datetime(2026, 5, 14, 11, tzinfo=UTC)
        assert from_collinfo(listing.to_json(), "x") == listing

    @pytest.mark.parametrize(
        "data",
        [b"<html>", b"", b"[" * 200_000, b"{}", b"[]", b'[1, null, {"id": 3}]', collinfo(*[NEWEST] * 10_001)],
        ids=len,
    )
    def test_anything_else_is_refused_in_one_line(self, data: bytes) -> None:
        with pytest.raises(CorruptError, match=r"^the-place: this is not a list of crawls") as raised:
            from_collinfo(data, "the-place")
        assert "\n" not in str(raised.value)

    def test_entries_that_could_lead_elsewhere_are_left_out(self) -> None:
        evil = [{"id": f"CC-MAIN-2025-33{rest}"} for rest in ("/../x", "\x1b[2J", "\n", "\t-\t-")]
        assert len(from_collinfo(collinfo(*evil, NEWEST), "x").crawls) == 1

    @pytest.mark.parametrize("time", [None, 7, "", "yesterday", "0001-01-01T00:00:00+23:59", [], "9" * 5000])
    def test_a_time_that_cannot_be_read_is_unknown(self, time: Any) -> None:
        listing = from_collinfo(collinfo({"id": "CC-MAIN-2024-22", "from": time}), "x")
        assert (listing.crawls[0].first, listing.crawls[0].last) == (None, None)
        assert from_collinfo(listing.to_json(), "x").crawls == listing.crawls


class TestAsking:
    def test_once_a_day_is_enough_or_whenever_the_user_wants(self, site: Server) -> None:
        assert names(ask(site))[0] == NEWEST["id"]
        site.objects["/collinfo.json"] = collinfo(OLDER)
        later = ask(site, NOON + timedelta(hours=23))
        assert (names(later)[0], later.trouble) == (NEWEST["id"], None)
        assert "from the cache" in later.origin
        assert len(site.gets()) == 1
        assert names(ask(site, NOON + DAY)) == [OLDER["id"]]
        assert len(site.gets()) == 2
        site.objects["/collinfo.json"] = collinfo(NEWEST)
        assert names(ask(site, NOON + DAY, again=True)) == [NEWEST["id"]]

    def test_without_an_answer_the_last_one_serves_and_that_is_said(self, site: Server) -> None:
        ask(site)
        site.always = Fault(status=503)
        known = ask(site, NOON + 9 * DAY)
        assert names(known)[0] == NEWEST["id"]
        assert "as of 2026-06-01" in known.origin
        assert "answered 503" in str(known.trouble)

    @pytest.mark.parametrize("fault", [Fault(status=404), Fault(status=403), Fault(cut_after=30)], ids=str)
    def test_without_any_the_list_that_came_along_serves(self, site: Server, fault: Fault) -> None:
        site.always = fault
        known = ask(site)
        assert known == shipped()
        assert "came with this version" in known.origin
        assert known.trouble

    @pytest.mark.parametrize("answer", [b"<html>log in</html>", b"[]", b"x" * (5 << 20)], ids=len)
    def test_an_answer_that_is_no_list_is_no_list(self, site: Server, answer: bytes, cache: Path) -> None:
        site.objects["/collinfo.json"] = answer
        known = ask(site)
        assert known == shipped()
        assert "log in" not in str(known.trouble)
        assert not list(cache.rglob("*.json"))

    def test_nobody_waits_for_long(self, site: Server) -> None:
        patient = StorageOptions(max_attempts=60, backoff_base=0.0001, refusal_pause=3600, longest_wait=3600)
        for fault in (Fault(status=503), Fault(status=429, retry_after="3600")):
            site.always = fault
            assert current(list_uri(site.url), patient, NOON) == shipped()
        assert len(site.requests) == ATTEMPTS + 1

    @pytest.mark.parametrize("copy", ["from the future", "damaged", "in a folder of all"])
    def test_a_copy_that_cannot_be_trusted_is_asked_for_again(
        self, site: Server, cache: Path, copy: str
    ) -> None:
        ask(site, NOON + timedelta(days=900) if copy == "from the future" else NOON)
        (path,) = cache.rglob("*.json")
        if copy == "damaged":
            path.write_text(path.read_text()[:70])
        if copy == "in a folder of all":
            path.parent.chmod(0o777)
        assert names(ask(site))[0] == NEWEST["id"]
        assert len(site.gets()) == 2

    def test_each_address_has_a_copy_of_its_own(self, site: Server) -> None:
        ask(site)
        assert names(at_hand(list_uri(site.url)))[0] == NEWEST["id"]
        assert at_hand("https://elsewhere.example/collinfo.json") == shipped()

    def test_a_file_of_this_machine_is_there_or_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "collinfo.json").write_bytes(collinfo(OLDER))
        for base in (tmp_path, tmp_path / "collinfo.json", tmp_path.as_uri()):
            assert names(current(list_uri(str(base)), QUICK, NOON)) == [OLDER["id"]]
        with pytest.raises(PresswatchError, match="no such file"):
            current(list_uri(str(tmp_path / "absent")), QUICK, NOON)


class TestListThatCameAlong:
    @pytest.mark.real_data
    def test_is_the_real_one(self, real_data: Path) -> None:
        file = real_data / "common_crawl" / "index" / "collinfo.json"
        real = {
            entry["id"]: (entry["from"], entry["to"])
            for entry in json.loads(file.read_text(encoding="utf-8"))
        }
        told = {
            crawl.name: (f"{crawl.first:%Y-%m-%dT%H:%M:%S}", f"{crawl.last:%Y-%m-%dT%H:%M:%S}")
            for crawl in shipped().crawls
            if crawl.first and crawl.last
        }
        assert len(real) == 115
        assert {name: told[name] for name in real} == real

    def test_goes_on_to_the_newest_crawl_that_public_sources_name(self) -> None:
        listing = shipped()
        assert len(listing.crawls) == 128
        assert [crawl.name for crawl in listing.crawls[:2]] == ["CC-MAIN-2026-39", "CC-MAIN-2026-34"]
        times = [crawl.first for crawl in listing.crawls[1:]]
        assert None not in times
        assert times == sorted(times, reverse=True)
        assert f"{listing.noted:%Y-%m-%d}" == "2026-09-29"

    def test_is_written_again_by_the_maintenance_command(self, tmp_path: Path) -> None:
        (tmp_path / "collinfo.json").write_bytes(collinfo())
        refresh(str(tmp_path / "collinfo.json"), tmp_path / "crawls.json")
        first = (tmp_path / "crawls.json").read_bytes()
        assert from_collinfo(first, "x").crawls[0].name == NEWEST["id"]
        refresh(str(tmp_path), tmp_path / "crawls.json")
        assert (tmp_path / "crawls.json").read_bytes() == first

    def test_is_left_alone_if_there_is_no_new_one(self, tmp_path: Path) -> None:
        (tmp_path / "collinfo.json").write_bytes(b"<html>")
        with pytest.raises(PresswatchError):
            refresh(str(tmp_path), tmp_path / "crawls.json")
        assert not (tmp_path / "crawls.json").exists()


class TestCommand:
    def test_prints_a_table_or_lines_of_json_with_their_source(self, site: Server) -> None:
        where = {"PRESSWATCH_DATASETS__COMMON_CRAWL__INDEX": f"{site.url}/collinfo.json"}
        said = outcome("releases", **where)
        assert said.code == 0
        header, first, *_, oldest, news = said.out.splitlines()
        assert header.split()[:6] == ["release", "first", "last", "WARC", "WET", "WAT"]
        assert first.split()[:3] == ["CC-MAIN-2026-21", "2026-05-01", "2026-05-14"]
        assert (first.count("✓"), oldest.count("✓"), news.count("✓")) == (5, 1, 1)
        assert oldest.index("✓") == header.index("ARC", header.index("index"))
        assert news.startswith("CC-NEWS ")
        assert "3 crawls, from http://127.0.0.1" in said.err
        assert "note" not in said.err
        rows = [
            json.loads(line) for line in presswatch("releases", "--json", "--base", site.url).splitlines()
        ]
        assert rows[0] == {
            "release": "CC-MAIN-2026-21",
            "first_capture": "2026-05-01T10:00:00Z",
            "last_capture": "2026-05-14T11:00:00Z",
            "has": ["warc", "wet", "wat", "robotstxt", "index"],
        }
        assert [row["release"] for row in rows[-2:]] == ["CC-MAIN-2008-2009", "CC-NEWS"]

    def test_shows_an_older_list_with_exit_0_and_says_so(self) -> None:
        said = outcome("releases", "--base", "http://127.0.0.1:1/")
        assert said.code == 0
        assert len(said.out.splitlines()) == 1 + len(shipped().crawls) + 1
        assert "came with this version, as of 2026-09-29" in said.err
        assert "note: a newer list is not available: http://127.0.0.1:1/collinfo.json: " in said.err

    def test_fails_on_a_missing_file(self, tmp_path: Path) -> None:
        said = outcome("releases", "--base", tmp_path / "absent.json")
        told = f"error: {tmp_path}/absent.json: there is no such file or folder (check the path)\n"
        assert (said.code, said.err) == (1, told)
