"""Probes of a web server whose files change: each state with its evidence, and each failure that is none."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.responses import ResponseFacts
from presswatch_spark.legal.removal.rounds import Prober
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.tables.declarations import Target
from tests.world.proofs import each_time
from tests.world.release import QUICK, Release, member_of, probe, probes_of, release, states
from tests.world.servers import Fault, Server


def one(case: RemovalCase, place: int = 3) -> Target:
    """A target that is neither first nor last in its file."""
    found = sorted(case.targets(), key=lambda target: target.record_offset or target.row_index)
    return next(target for target in found[place:] if target.place == "record")


def record_of(crawl: Release, target: Target) -> bytes:
    data = crawl.server.objects[crawl.object_of(target)]
    stored = data[target.record_offset : target.record_offset + target.record_length]
    return gzip.decompress(stored) if stored[:2] == b"\x1f\x8b" else stored


def test_what_nobody_changed_is_present_and_read_with_its_controls(crawl: Release, case: RemovalCase) -> None:
    found = CaseStatus.of(case)
    assert set(found.counts()) == {"present"}
    assert found.claims()[0] == 0
    roles = {probe.role for probe in probes_of(case)}
    assert roles == {"target", "first", "before", "after", "nowhere"}
    assert all(probe.outcome in ("same", "edge", "missing") for probe in probes_of(case))
    assert {probe.outcome for probe in probes_of(case) if probe.role == "nowhere"} == {"missing"}
    assert all("Date:" in probe.headers and probe.etag for probe in probes_of(case) if probe.status == 206)
    assert all(abs(probe.clock_offset) < 5 for probe in probes_of(case))


def test_a_blanked_record_is_removed(crawl: Release, case: RemovalCase) -> None:
    target = one(case)
    record = record_of(crawl, target)
    head, _, _ = record.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b"Content-Length", b"WARC-Block"))]
    empty = b"\r\n".join([*lines, b"Content-Length: 0"]) + b"\r\n\r\n\r\n\r\n"
    crawl.overwrite(target, member_of(empty, target.record_length))
    probe(case, crawl)
    assert states(case)[target.target_sha256].state == "overwritten"
    assert sum(state.removed for state in states(case).values()) == sum(
        each.record_id == target.record_id for each in case.targets()
    )


def test_an_overwritten_range_is_removed_if_both_neighbours_read(crawl: Release, case: RemovalCase) -> None:
    target = one(case)
    crawl.overwrite(target, b"\0" * target.record_length)
    probe(case, crawl)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("overwritten", True)
    after = target.record_offset + target.record_length
    crawl.change(target, lambda data: data[:after] + b"\0" * 64 + data[after + 64 :])
    probe(case, crawl)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("undecided", False)


def test_a_dropped_record_needs_the_whole_file_read(crawl: Release, case: RemovalCase) -> None:
    target = one(case)
    start, length = target.record_offset, target.record_length
    crawl.change(target, lambda data: data[:start] + data[start + length :])
    probe(case, crawl)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("undecided", False)
    assert "--deep" in state.doubt
    probe(case, crawl, deep=True)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("undecided", False)
    assert "--corpus" in state.doubt
    probe(case, crawl, deep=True, words=True)
    found = states(case)
    assert (found[target.target_sha256].state, found[target.target_sha256].removed) == ("dropped", True)
    # All that stood behind it has moved, and is still there.
    behind = [each for each in case.targets() if each.record_offset > start]
    assert behind
    assert {found[each.target_sha256].state for each in behind} == {"present"}


def test_a_cut_file_is_no_removal_however_deep(crawl: Release, case: RemovalCase) -> None:
    target = one(case)
    start, length = target.record_offset, target.record_length
    crawl.change(target, lambda data: (data[:start] + data[start + length :])[:-7])
    probe(case, crawl, deep=True)
    assert not any(state.removed for state in states(case).values())


def test_words_are_counted_again_in_a_changed_text(crawl: Release, case: RemovalCase) -> None:
    target = max(case.targets(), key=lambda each: each.copied_words or 0)
    record = record_of(crawl, target)
    head, _, body = record.partition(b"\r\n\r\n")
    text = body[: -len(b"\r\n\r\n")]
    half = text[: len(text) // 2] + b" " * (len(text) - len(text) // 2)
    crawl.overwrite(target, member_of(head + b"\r\n\r\n" + half + b"\r\n\r\n", target.record_length))
    probe(case, crawl)
    assert states(case)[target.target_sha256].state == "altered"
    probe(case, crawl, words=True)
    state = states(case)[target.target_sha256]
    assert state.state == "altered"
    assert not state.removed
    assert 0 < (state.left or 0) < target.copied_words


def missing(
    crawl: Release, case: RemovalCase, hours: float, monkeypatch: pytest.MonkeyPatch, *, gone: bool = True
) -> Any:
    """The state of a target after its file is missing twice, so many hours apart; `gone`: as a whole, too."""
    target = one(case)
    kept = crawl.server.objects[crawl.object_of(target)]
    if gone:
        del crawl.server.objects[crawl.object_of(target)]
    probe(case, crawl)

    def later(cls: type[ResponseFacts], *answer: Any) -> ResponseFacts:
        found = now(*answer)
        return replace(found, asked_at=found.asked_at + timedelta(hours=hours))

    now = ResponseFacts.of
    monkeypatch.setattr(ResponseFacts, "of", classmethod(later))
    probe(case, crawl)
    crawl.server.objects[crawl.object_of(target)] = kept
    return states(case)[target.target_sha256]


@pytest.mark.parametrize(("hours", "state"), [(23.0, "undecided"), (25.0, "withdrawn")])
def test_a_file_is_withdrawn_if_missing_twice_a_day_apart(
    tmp_path: Path, server: Server, hours: float, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawl = release(tmp_path, server, ("a.warc.wet.gz", "pages.warc.gz"))
    case = crawl.open()
    probe(case, crawl)
    assert missing(crawl, case, hours, monkeypatch).state == state


def test_a_file_that_is_missing_by_ranges_alone_is_not_withdrawn(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawl = release(tmp_path, server, ("a.warc.wet.gz", "pages.warc.gz"))
    case = crawl.open()
    probe(case, crawl)
    server.whole_only = {crawl.object_of(one(case))}
    state = missing(crawl, case, 25.0, monkeypatch, gone=False)
    assert (state.state, state.removed, "some requests" in state.doubt) == ("undecided", False, True)


def test_a_file_that_is_missing_with_all_others_is_not_withdrawn(
    crawl: Release, case: RemovalCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = missing(crawl, case, 25.0, monkeypatch)
    assert (state.state, state.removed) == ("undecided", False)


def test_what_comes_back_alarms_once(crawl: Release, case: RemovalCase) -> None:
    target = one(case)
    kept = crawl.server.objects[crawl.object_of(target)]
    crawl.overwrite(target, b"\0" * target.record_length)
    probe(case, crawl)
    crawl.server.objects[crawl.object_of(target)] = kept
    probe(case, crawl)
    probe(case, crawl)
    found = CaseStatus.of(case)
    back = [alarm for alarm in found.alarms if alarm.kind == "reappeared"]
    places = [each for each in case.targets() if each.record_offset == target.record_offset]
    assert [alarm.round for alarm in back] == [3] * len(places)
    assert found.states[target.target_sha256].state == "reappeared"
    assert [alarm.round for alarm in found.alarms if alarm.kind == "file changed"] == [2, 3]


FAILURES = [
    (Fault(status=403), "restricted"),
    (Fault(status=503), "undecided"),
    (Fault(status=500), "undecided"),
    (Fault(cut_after=10), "undecided"),
    (Fault(reset=True, cut_after=10), "undecided"),
    (Fault(lost=True), "undecided"),
]


@pytest.mark.parametrize(
    ("fault", "state"),
    each_time([FAILURES[0], FAILURES[1], FAILURES[3]], FAILURES),
    ids=["403", "503", "500", "cut", "reset", "lost"],
)  # fmt: skip
def test_a_failure_is_no_removal(crawl: Release, case: RemovalCase, fault: Fault, state: str) -> None:
    crawl.server.always = fault
    probe(case, crawl, **{"storage.refusal_pause": 0.1})
    found = states(case)
    assert not any(each.removed for each in found.values())
    assert {each.state for each in found.values()} <= {state, "undecided", "present"}
    crawl.server.always = Fault()
    probe(case, crawl)
    assert {each.state for each in states(case).values()} == {"present"}


def test_a_site_that_asks_for_less_is_left_alone(crawl: Release, case: RemovalCase) -> None:
    crawl.server.always = Fault(status=429)
    probed = probe(case, crawl, **{"storage.refusal_pause": 0.1})
    assert not any(each.removed for each in states(case).values())
    assert probed.blocked or "limited" in probed.outcomes


def test_a_server_that_answers_for_any_name_proves_nothing(crawl: Release, case: RemovalCase) -> None:
    target = one(case)
    page = b"<!DOCTYPE html><title>Sorry</title><p>This file was removed.</p>"
    crawl.server.objects = Anything({crawl.object_of(target): page}, page)
    probe(case, crawl, deep=True)
    assert {each.state for each in states(case).values()} == {"undecided"}


class Anything(dict[str, bytes]):
    """Objects of a server that has one for every name."""

    def __init__(self, objects: dict[str, bytes], page: bytes) -> None:
        super().__init__(objects)
        self.page = page

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> bytes:
        return self.page


@pytest.mark.parametrize("form", ["c4-train.json.gz", "c4.parquet", "fr_part_5.jsonl.zst"])
def test_rows_of_dumps_are_found_by_their_place_and_their_text(
    tmp_path: Path, server: Server, form: str
) -> None:
    crawl = release(tmp_path, server, (form,))
    case = crawl.open()
    probe(case, crawl)
    assert set(CaseStatus.of(case).counts()) == {"present"}
    asked = len(server.requests)
    probe(case, crawl)
    # The file is not read again: it has the same ETag and size.
    assert len(server.requests) - asked == 2
    assert set(CaseStatus.of(case).counts()) == {"present"}


def test_a_row_that_is_taken_out_of_a_dump_is_dropped(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server, ("c4-train.json.gz",))
    case = crawl.open()
    probe(case, crawl)
    target = one(case)
    lines = gzip.decompress(server.objects[crawl.object_of(target)]).splitlines(keepends=True)
    del lines[target.row_index]
    server.objects[crawl.object_of(target)] = gzip.compress(b"".join(lines))
    probe(case, crawl, words=True)
    found = states(case)
    assert (found[target.target_sha256].state, found[target.target_sha256].removed) == ("dropped", True)
    others = {
        found[each.target_sha256].state for each in case.targets() if each.row_index != target.row_index
    }
    assert others <= {"present"}
    assert "present" in others


def test_controls_stay_the_same_where_a_file_is_asked_for_at_another_mirror(
    crawl: Release, case: RemovalCase
) -> None:
    copies = {path.replace("/crawl/", "/copy/"): data for path, data in crawl.server.objects.items()}
    crawl.server.objects = copies
    elsewhere = Mirror(str(crawl.shards), f"{crawl.server.url}/copy")
    Prober(case, load_scan_config(flags=QUICK), [elsewhere]).probe()
    firsts = [row for row in probes_of(case) if row.role == "first"]
    assert {row.outcome for row in firsts} == {"same"}
    assert {row.round for row in firsts} == {1, 2}
    (record,) = {(row.record_offset, row.record_sha256) for row in firsts}
    end = (record[0] or 0) + (firsts[0].record_length or 0) - 1
    asked = {row.request for row in firsts if row.round == 2}
    assert all("/copy/" in each and each.endswith(f"bytes={record[0]}-{end}") for each in asked)
