"""`presswatch watch --case`: cases are probed when they are due, and never in the way of scans."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.storage.objects import StorageOptions
from tests.world.release import Release, release
from tests.world.servers import Fault, Server, web
from tests.world.tables import match, publish

LOCAL = StorageOptions()
CRAWL = "CC-MAIN-2026-21"


@pytest.fixture
def server() -> Iterator[Server]:
    with web() as running:
        yield running


@pytest.fixture
def crawl(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release that was scanned, and a list of crawls of which the newest is not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PRESSWATCH_STORAGE__BACKOFF_BASE", "0.01")
    monkeypatch.setenv("PRESSWATCH_STORAGE__REFUSAL_PAUSE", "0.1")
    end = datetime.now(UTC) - timedelta(days=10)
    crawls = [{"id": CRAWL, "from": (end - timedelta(days=14)).isoformat(), "to": end.isoformat()}]
    (tmp_path / "collinfo.json").write_text(json.dumps(crawls))
    return release(tmp_path, server)


def watch(crawl: Release, *cases: Any, every: float = 24, more: tuple[str, ...] = ()) -> int:
    named = [word for case in cases for word in ("--case", str(case))]
    mirror = crawl.mirror_option
    options = ["--case-every", str(every), "--case-mirror", mirror, *more]
    scan = ["--format", "wet", "--base", str(crawl.folder), "--corpus", str(crawl.corpus)]
    where = ["--only-newest", "--list", str(crawl.folder)]
    return cli.run(["watch", *where, *named, *options, "--", *scan, "--out", str(crawl.tables)])


def rounds(case: RemovalCase) -> int:
    return len(case.rounds())


def test_a_case_is_probed_when_it_is_due_and_not_before(
    crawl: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    case = crawl.open()
    for number in (1, 1):
        assert watch(crawl, case.folder) == 0
        assert rounds(case) == number
    said = capsys.readouterr().out
    assert f"{case.folder}: round 1: " in said
    assert f"{case.folder}: not due" in said
    assert said.count(f"{CRAWL}: not published yet") == 2
    assert watch(crawl, case.folder, every=0.0000001) == 0
    assert rounds(case) == 2


@pytest.mark.parametrize("of_article", [True, False], ids=["an article", "a page of the site"])
def test_captures_of_a_page_in_a_run_that_is_published_are_found(
    crawl: Release, capsys: pytest.CaptureFixture[str], of_article: bool
) -> None:
    case = crawl.open(noticed_at=datetime(2026, 11, 1, tzinfo=UTC).date())
    assert watch(crawl, case.folder) == 0
    target = next(each for each in case.targets() if (each.article_id is not None) == of_article)
    row = match(target.article_id, target.document_url, row_sha256="f" * 64)
    row |= {"title_id": target.title_id}
    row |= {"captured_at": datetime(2026, 11, 2, tzinfo=UTC), "shard_uri": "s3://later/a.warc.gz"}
    row |= {"text_sha256": "e" * 64}
    later = datetime.now(UTC) + timedelta(hours=1)
    publish(crawl.tables, "20991128T000000Z-abcdef", [row], finished_at=later)
    assert watch(crawl, case.folder, every=0.0000001) == 3
    assert "alarm: recaptured" in capsys.readouterr().out
    assert CaseStatus.of(case).states[target.target_sha256].state == "recaptured"


def test_what_alarms_is_partial_and_told_once(crawl: Release) -> None:
    case = crawl.open()
    target = sorted(case.targets(), key=lambda each: each.record_offset)[3]
    kept = crawl.server.objects[crawl.object_of(target)]
    often = 0.0000001
    assert watch(crawl, case.folder, every=often) == 0
    crawl.overwrite(target, b"\0" * target.record_length)
    assert watch(crawl, case.folder, every=often) == 3
    crawl.server.objects[crawl.object_of(target)] = kept
    assert watch(crawl, case.folder, every=often) == 3
    assert watch(crawl, case.folder, every=often) == 0
    assert rounds(case) == 4


def test_a_case_that_fails_stops_neither_scans_nor_other_cases(
    crawl: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case, broken = crawl.open(), crawl.open("broken")
    (target,) = Path(broken.folder.uri).glob("targets/*")
    target.write_bytes(target.read_bytes()[:-1])
    assert watch(crawl, tmp_path / "none", broken.folder, case.folder) == 1
    said = capsys.readouterr()
    assert f"{tmp_path / 'none'}: could not be probed" in said.err
    assert f"{broken.folder}: could not be probed" in said.err
    assert f"{CRAWL}: not published yet" in said.out
    assert rounds(case) == 1


def test_a_round_that_a_site_stopped_goes_on_at_the_next_look(crawl: Release) -> None:
    case = crawl.open()
    crawl.server.always = Fault(status=429)
    assert watch(crawl, case.folder) == 3
    crawl.server.always = Fault()
    assert watch(crawl, case.folder) == 0
    assert rounds(case) == 1
    assert {state.state for state in CaseStatus.of(case).states.values()} == {"present"}


def test_a_case_that_another_process_probes_is_left_to_it(
    crawl: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    case = crawl.open()
    with case.held():
        assert watch(crawl, case.folder) == 0
    assert "another process is probing it" in capsys.readouterr().out
    assert not case.rounds()


def test_a_dry_run_probes_nothing(crawl: Release, capsys: pytest.CaptureFixture[str]) -> None:
    case = crawl.open()
    assert watch(crawl, case.folder, more=("--dry-run",)) == 0
    assert "would be probed" in capsys.readouterr().out
    assert not case.rounds()


def test_an_index_that_answers_nothing_is_said_and_partial(
    crawl: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    case, index = crawl.open(), f"{crawl.server.url}/none-index"
    assert watch(crawl, case.folder, more=("--case-index", index)) == 3
    said = capsys.readouterr().out
    assert f"{case.folder}: index: {index}: asked for " in said
    assert "it answered none: " in said
    assert "status 404; what it would say" in said
