"""Later captures and other files: what runs have of a page after the notice is not removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Target
from tests.world.proofs import each_time
from tests.world.release import Release, probes_of
from tests.world.tables import match, publish

NOTICE, LATER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
SHA = "f" * 64


@pytest.fixture
def case(crawl: Release, tmp_path: Path) -> RemovalCase:
    """A case of a notice that was given before it was opened."""
    out, tables = str(tmp_path / "case"), str(crawl.tables)
    opened = ["removal", "open", "--noticed-at", "2026-11-01", "--confidence", "A", "--out", out, tables]
    assert cli.run(opened) == 0
    return RemovalCase.open(out, StorageOptions())


def probe(case: RemovalCase, crawl: Release) -> int:
    mirror = crawl.mirror_option
    return cli.run(["removal", "probe", "--tables", str(crawl.tables), "--mirror", mirror, case.folder.uri])


def capture(crawl: Release, target: Target, **other: Any) -> None:
    """Publish a run with a later row of a target's article, at another spelling of its URL."""
    row = match(target.article_id, target.document_url.replace("https://", "http://"), row_sha256=SHA)
    row |= {"captured_at": LATER, "shard_uri": "s3://later/a.warc.gz", "text_sha256": "e" * 64} | other
    finished_at = row.pop("finished_at", datetime.now(UTC) + timedelta(hours=1))
    publish(crawl.tables, "20991128T000000Z-abcdef", [row], finished_at=finished_at)


def test_a_page_that_was_captured_again_is_not_removed_and_alarms_once(
    crawl: Release, case: RemovalCase
) -> None:
    assert case.about["noticed_at"] == "2026-11-01"
    assert probe(case, crawl) == 0
    target = min(case.targets(), key=lambda each: each.record_offset)
    start, length = target.record_offset, target.record_length
    crawl.change(target, lambda data: data[:start] + b"\0" * length + data[start + length :])
    capture(crawl, target)
    assert probe(case, crawl) == 3
    found = CaseStatus.of(case)
    state = found.states[target.target_sha256]
    assert (state.state, state.removed, "overwritten" in state.doubt) == ("recaptured", False, True)
    (shown,) = (row for row in probes_of(case) if row.number == state.probes[0])
    assert (shown.request, shown.document_url[:7]) == (f"READ matches {SHA}", "http://")
    assert "20991128T000000Z-abcdef" in str(shown.detail)
    assert probe(case, crawl) == 0
    again = CaseStatus.of(case)
    assert again.states[target.target_sha256].state == "recaptured"
    assert {alarm.round for alarm in again.alarms if alarm.kind == "recaptured"} == {2}
    assert len([row for row in probes_of(case) if row.role == "recapture"]) == len(
        {alarm.about for alarm in again.alarms if alarm.kind == "recaptured"}
    )


@pytest.mark.parametrize(
    "other",
    [
        {"captured_at": NOTICE},
        {"captured_at": None},
        {"article_id": "another"},
        {"document_url": "https://elsewhere.example/"},
        {"finished_at": datetime(2026, 11, 2, tzinfo=UTC)},
    ],
    ids=["the day of the notice", "no time", "article", "page", "run of before"],
)
def test_what_is_no_later_capture_of_the_page_shows_nothing(
    crawl: Release, case: RemovalCase, other: dict[str, Any]
) -> None:
    capture(crawl, case.targets()[0], **other)
    assert probe(case, crawl) == 0
    assert {state.state for state in CaseStatus.of(case).states.values()} == {"present"}


def moved(target: Target, **other: Any) -> dict[str, Any]:
    """The facts of a target's row in another file of its release."""
    names = ("dataset", "release", "captured_at", "text_sha256")
    return (
        {name: getattr(target, name) for name in names}
        | {"shard_uri": "s3://release/another.warc.wet.gz"}
        | other
    )


def test_a_record_that_was_moved_to_another_file_of_its_release_is_not_removed(
    crawl: Release, case: RemovalCase
) -> None:
    assert probe(case, crawl) == 0
    target = min(case.targets(), key=lambda each: each.record_offset)
    start, length = target.record_offset, target.record_length
    crawl.change(target, lambda data: data[:start] + b"\0" * length + data[start + length :])
    assert probe(case, crawl) == 3
    assert CaseStatus.of(case).states[target.target_sha256].removed
    capture(crawl, target, **moved(target))
    assert probe(case, crawl) == 3
    found = CaseStatus.of(case)
    state = found.states[target.target_sha256]
    assert (state.state, state.removed, "overwritten" in state.doubt) == ("present", False, True)
    (shown,) = (row for row in probes_of(case) if row.number == state.probes[0])
    assert (shown.outcome, shown.answered_by) == ("elsewhere", "s3://release/another.warc.wet.gz")
    told = [alarm for alarm in found.alarms if alarm.kind == "reappeared"]
    assert [(alarm.round, alarm.about) for alarm in told] == [(3, target.target_sha256)]
    assert probe(case, crawl) == 0
    assert CaseStatus.of(case).states[target.target_sha256].state == "present"


OTHERS: list[dict[str, Any]] = [
    {"shard_uri": ""},
    {"release": "CC-MAIN-1999-01"},
    {"dataset": "c4"},
    {"captured_at": datetime(2001, 1, 1, tzinfo=UTC)},
    {"captured_at": None},
]


@pytest.mark.parametrize(
    "other",
    each_time(OTHERS[::3], OTHERS),
    ids=["a mirror", "release", "dataset", "capture", "no time"],
)
def test_what_is_not_the_same_capture_in_another_file_moves_nothing(
    crawl: Release, case: RemovalCase, other: dict[str, Any]
) -> None:
    assert probe(case, crawl) == 0
    target = min(case.targets(), key=lambda each: each.record_offset)
    start, length = target.record_offset, target.record_length
    crawl.change(target, lambda data: data[:start] + b"\0" * length + data[start + length :])
    if "shard_uri" in other:
        other = {"shard_uri": f"s3://mirror/{target.shard_uri.rpartition('/')[2]}"}
    capture(crawl, target, **moved(target, **other))
    assert probe(case, crawl) == 3
    assert CaseStatus.of(case).states[target.target_sha256].removed
