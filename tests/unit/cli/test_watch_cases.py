"""`presswatch watch --case`: cases are probed when they are due, and never in the way of scans."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.legal.removal.status import CaseStatus
from tests.world.commands import Outcome, outcome
from tests.world.release import Release, release
from tests.world.servers import Fault, Server, web
from tests.world.tables import match, publish

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


OFTEN = 0.0000001


def watch(crawl: Release, *cases: Any, every: float = 24, more: tuple[str, ...] = ()) -> Outcome:
    named = [word for case in cases for word in ("--case", case)]
    options = ["--case-every", every, "--case-mirror", crawl.mirror_option, *more]
    scan = ["--format", "wet", "--base", crawl.folder, "--corpus", crawl.corpus, "--out", crawl.tables]
    return outcome("watch --only-newest --list", crawl.folder, *named, *options, "--", *scan)


def test_a_case_is_probed_when_it_is_due_and_not_before(crawl: Release) -> None:
    case = crawl.open()
    for said in ("round 1: ", "not due"):
        done = watch(crawl, case.folder)
        assert (done.code, len(case.rounds())) == (0, 1)
        assert f"{case.folder}: {said}" in done.out
        assert f"{CRAWL}: not published yet" in done.out
    assert watch(crawl, case.folder, every=OFTEN).code == 0
    assert len(case.rounds()) == 2
    done = watch(crawl, case.folder, every=OFTEN, more=("--dry-run",))
    assert (done.code, "would be probed" in done.out, len(case.rounds())) == (0, True, 2)


@pytest.mark.parametrize("of_article", [True, False], ids=["an article", "a page of the site"])
def test_captures_of_a_page_in_a_run_that_is_published_are_found(crawl: Release, of_article: bool) -> None:
    case = crawl.open(noticed_at=datetime(2026, 11, 1, tzinfo=UTC).date())
    assert watch(crawl, case.folder).code == 0
    target = next(each for each in case.targets() if (each.article_id is not None) == of_article)
    row = match(
        target.article_id, target.document_url, row_sha256="f" * 64, title_id=target.title_id,
        captured_at=datetime(2026, 11, 2, tzinfo=UTC), shard_uri="s3://later/a.warc.gz", text_sha256="e" * 64,
    )  # fmt: skip
    later = datetime.now(UTC) + timedelta(hours=1)
    publish(crawl.tables, "20991128T000000Z-abcdef", [row], finished_at=later)
    done = watch(crawl, case.folder, every=OFTEN)
    assert (done.code, "alarm: recaptured" in done.out) == (3, True)
    assert CaseStatus.of(case).states[target.target_sha256].state == "recaptured"


def test_an_alarm_is_partial_and_reported_once(crawl: Release) -> None:
    case = crawl.open()
    target = sorted(case.targets(), key=lambda each: each.record_offset)[3]
    kept = crawl.server.objects[crawl.object_of(target)]
    codes = [watch(crawl, case.folder, every=OFTEN).code]
    crawl.overwrite(target, b"\0" * target.record_length)
    codes.append(watch(crawl, case.folder, every=OFTEN).code)
    crawl.server.objects[crawl.object_of(target)] = kept
    codes += [watch(crawl, case.folder, every=OFTEN).code for _ in range(2)]
    assert (codes, len(case.rounds())) == ([0, 3, 3, 0], 4)


def test_a_case_that_fails_stops_neither_scans_nor_other_cases(crawl: Release, tmp_path: Path) -> None:
    case, broken = crawl.open(), crawl.open("broken")
    (target,) = Path(broken.folder.uri).glob("targets/*")
    target.write_bytes(target.read_bytes()[:-1])
    done = watch(crawl, tmp_path / "none", broken.folder, case.folder)
    assert (done.code, len(case.rounds())) == (1, 1)
    assert f"{tmp_path / 'none'}: could not be probed" in done.err
    assert f"{broken.folder}: could not be probed" in done.err
    assert f"{CRAWL}: not published yet" in done.out


def test_a_round_that_a_site_stopped_is_resumed_at_the_next_look(crawl: Release) -> None:
    case = crawl.open()
    crawl.server.always = Fault(status=429)
    assert watch(crawl, case.folder).code == 3
    crawl.server.always = Fault()
    assert watch(crawl, case.folder).code == 0
    assert len(case.rounds()) == 1
    assert {state.state for state in CaseStatus.of(case).states.values()} == {"present"}


def test_a_case_that_another_process_probes_is_left_to_it(crawl: Release) -> None:
    case = crawl.open()
    with case.held():
        done = watch(crawl, case.folder)
    assert (done.code, "another process is probing it" in done.out, case.rounds()) == (0, True, [])


def test_an_index_that_answers_nothing_is_reported_and_partial(crawl: Release) -> None:
    case, index = crawl.open(), f"{crawl.server.url}/none-index"
    done = watch(crawl, case.folder, more=("--case-index", index))
    assert done.code == 3
    assert f"{case.folder}: index: {index}: of " in done.out
    assert ", none was answered: " in done.out
    assert "status 404; its answers" in done.out
