"""Servers and files that lie, break off or were written anew: none of it may look like a removal."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.removal import targets_in
from presswatch_spark.cli import main as cli
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.removal.case import Chain, RemovalCase
from presswatch_spark.legal.removal.rounds import Prober
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.storage.objects import StorageOptions, ask
from presswatch_spark.tables.declarations import Target
from tests.world.arc import HEAD, arc_record, packed_arc
from tests.world.proofs import each_time
from tests.world.release import QUICK, Release, new_case, probe, probes_of, release, states
from tests.world.servers import Fault, Reply, Server, web

OTHER = ("ETag", '"other"')
FUTURE = ("Last-Modified", "Fri, 27 Nov 2099 09:00:00 GMT")
ID = b"<urn:uuid:ffffffff-0000-4000-8000-000000000000>"
ONCE = {"storage.max_attempts": 1, "storage.refusal_pause": 0.1}


def ordered(case: RemovalCase) -> list[Target]:
    """Targets by their place in the file, one for each record."""
    by_place = {target.record_offset or target.row_index: target for target in case.targets()}
    return [by_place[place] for place in sorted(by_place)]


def placed(crawl: Release, case: RemovalCase, place: int) -> Target:
    """The target at a place; the last one, -1, is made the last record of its file."""
    target = ordered(case)[place]
    if place == -1:
        end = target.record_offset + target.record_length
        crawl.change(target, lambda data: data[:end])
    return target


def removed(case: RemovalCase) -> list[str]:
    return [state.state for state in states(case).values() if state.removed]


def zeroed(data: bytes, target: Target) -> bytes:
    start, length = target.record_offset, target.record_length
    return data[:start] + b"\0" * length + data[start + length :]


def without(data: bytes, target: Target) -> bytes:
    start, length = target.record_offset, target.record_length
    return data[:start] + data[start + length :]


@pytest.mark.parametrize("there", ["nothing", "a page", "the file"])
def test_a_redirect_to_another_host_removes_nothing(crawl: Release, case: RemovalCase, there: str) -> None:
    target = ordered(case)[3]
    path = crawl.object_of(target)
    page = b"<!DOCTYPE html><p>gone</p>" * 40_000
    with web(
        objects={"a page": {path: page}, "the file": {path: crawl.server.objects[path]}}.get(there, {})
    ) as other:
        crawl.server.redirects[path] = f"{other.url}{path}"
        probe(case, crawl, deep=True)
        answered = {row.answered_by for row in probes_of(case) if row.round == 2 and row.role == "target"}
        assert answered == {f"{other.url}{path}"}
    assert not removed(case)
    if there == "the file":
        assert {state.state for state in states(case).values()} == {"present"}


FAULTS = {
    "start": Fault(range_off=7),
    "short": Fault(change=lambda body: body[: len(body) // 2]),
    "long": Fault(change=lambda body: body + b"\0" * 1000),
    "zeros": Fault(change=lambda body: b"\0" * len(body)),
    "new ETag": Fault(change=lambda body: b"\0" * len(body), headers=(("ETag", '"other"'),)),
    "200 short": Fault(whole=True, change=lambda body: body[:100]),
    "200 zeros": Fault(whole=True, change=lambda body: b"\0" * len(body)),
    "no range": Fault(headers=(("Content-Range", "bytes"),)),
    "no size": Fault(headers=(("Content-Range", "bytes 0-9/*"),)),
    "other bytes": Fault(change=lambda body: body[::-1], headers=(("ETag", '"other"'),)),
    "a page": Fault(
        change=lambda body: (b"<p>It was removed</p>" * len(body))[: len(body)], headers=(OTHER,)
    ),
    "packed": Fault(change=gzip.compress, headers=(("Content-Encoding", "gzip"), OTHER)),
    "packed in name": Fault(headers=(("Content-Encoding", "gzip"), OTHER)),
    "future": Fault(change=lambda body: b"\0" * len(body), headers=(FUTURE, OTHER)),
}
SOME_FAULTS = [FAULTS[name] for name in ("new ETag", "a page")]


@pytest.mark.parametrize("fault", each_time(SOME_FAULTS, FAULTS.values()), ids=FAULTS)
def test_a_proxy_that_alters_answers_removes_nothing(crawl: Release, case: RemovalCase, fault: Fault) -> None:
    crawl.server.always = fault
    probe(case, crawl, deep=True, **ONCE)
    assert not removed(case)
    crawl.server.always = Fault()
    probe(case, crawl)
    assert {state.state for state in states(case).values()} == {"present"}


def test_a_proxy_that_sends_the_whole_file_for_a_part_is_read(crawl: Release, case: RemovalCase) -> None:
    crawl.server.always = Fault(whole=True)
    probe(case, crawl)
    assert {state.state for state in states(case).values()} == {"present"}


def test_zeros_in_the_version_that_was_read_are_no_removal(crawl: Release, case: RemovalCase) -> None:
    target = ordered(case)[3]
    etag = next(row.etag for row in probes_of(case) if row.etag)
    crawl.change(target, lambda data: zeroed(data, target))
    crawl.server.always = Fault(headers=(("ETag", f'"{etag.strip(chr(34))}"'),))
    probe(case, crawl)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("undecided", False)
    assert "the one in which it was read" in state.doubt
    crawl.server.always = Fault()
    probe(case, crawl)
    assert states(case)[target.target_sha256].state == "overwritten"


def test_a_weak_etag_makes_no_other_version(crawl: Release, case: RemovalCase) -> None:
    target = ordered(case)[3]
    etag = next(row.etag for row in probes_of(case) if row.etag)
    crawl.change(target, lambda data: zeroed(data, target))
    crawl.server.always = Fault(headers=(("ETag", f"W/{etag}"),))
    probed = probe(case, crawl)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("undecided", False)
    assert not [alarm for alarm in probed.alarms if alarm.kind == "file changed"]


@pytest.mark.parametrize(
    "leads",
    ["file:///etc/passwd", "http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/", "http://127.1/"],
)
def test_a_redirect_into_this_machine_is_not_followed(crawl: Release, case: RemovalCase, leads: str) -> None:
    crawl.server.redirects[crawl.object_of(ordered(case)[3])] = leads
    probe(case, crawl, deep=True, **ONCE)
    rows = [row for row in probes_of(case) if row.round == 2 and row.role == "target"]
    assert {(row.outcome, row.answered_by) for row in rows} == {("failed", None)}
    said = "redirects to no web site" if leads.startswith("file") else "an address of this machine"
    assert all(said in row.detail for row in rows)
    assert not removed(case)


@pytest.mark.parametrize("leads", ["itself", "a circle", "nowhere"])
def test_redirects_without_end_remove_nothing(crawl: Release, case: RemovalCase, leads: str) -> None:
    path = crawl.object_of(ordered(case)[3])
    there = {"itself": path, "a circle": "/other", "nowhere": "ftp://a.example/x"}[leads]
    crawl.server.redirects |= {path: there, "/other": path}
    for _ in range(2):
        probe(case, crawl, deep=True, **ONCE)
        assert {(state.state, state.removed) for state in states(case).values()} == {("undecided", False)}


class Counting(Server):
    """Gives each answer another ETag."""

    def fault_for(self, method: str, path: str) -> Fault:
        return Fault(headers=(("ETag", f'"{len(self.requests)}"'),))


@pytest.mark.parametrize(
    ("form", "dated"),
    # A file of rows is asked for once in a round: without a date, another ETag is another file.
    [("a.warc.wet.gz", True), ("a.warc.wet.gz", False), ("c4-train.json.gz", True)],
)
def test_an_etag_that_always_changes_alarms_nobody(tmp_path: Path, form: str, dated: bool) -> None:
    with web() as server:
        server.__class__ = Counting
        crawl = release(tmp_path, server, (form,))
        case = crawl.open()
        if dated:
            server.modified[f"/crawl/{form}"] = "Fri, 27 Nov 2026 09:00:00 GMT"
        for _ in range(3):
            probe(case, crawl)
        assert not CaseStatus.of(case).alarms
        assert {state.state for state in states(case).values()} == {"present"}


@pytest.mark.parametrize("knows", ["no etags", "no ranges", "no ranges, no lengths", "nothing but the end"])
@pytest.mark.parametrize("form", each_time(["a.warc.wet.gz"], ["a.warc.wet.gz", "c4-train.json.gz"]))
def test_a_server_that_knows_little_is_read_all_the_same(
    tmp_path: Path, server: Server, knows: str, form: str
) -> None:
    server.etags = knows == "no ranges, no lengths"
    server.ranges = knows == "no etags"
    server.lengths = "lengths" not in knows and "end" not in knows
    server.chunks = "end" not in knows
    crawl = release(tmp_path, server, (form,))
    case = crawl.open()
    probe(case, crawl)
    found = {state.state for state in states(case).values()}
    # Where a body just ends, nobody can tell the end of the file from a connection that was cut.
    assert found <= ({"present", "undecided"} if "end" in knows else {"present"})
    crawl.server.objects.clear()
    probe(case, crawl, deep=True)
    assert not removed(case)


def test_a_clock_that_is_off_is_kept_and_said(
    crawl: Release, case: RemovalCase, capsys: pytest.CaptureFixture[str]
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    crawl.server.always = Fault(headers=(("Date", date),))
    mirror = crawl.mirror_option
    assert cli.run(["removal", "probe", "--mirror", mirror, case.folder.uri]) == 0
    assert "clock and a server's differ by" in capsys.readouterr().out
    assert any((row.clock_offset or 0) > 7000 for row in probes_of(case))


def test_a_probe_reports_a_lost_head_and_a_clock_that_was_set_back(
    crawl: Release, case: RemovalCase, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = Chain.of(case, probes_of(case))
    later = datetime.now(UTC) + timedelta(days=1)
    chain.begin(2, deep=False)
    chain.append(
        2, [replace(row, round=2, asked_at=later) for row in probes_of(case) if row.role == "target"]
    )
    assert cli.run(["removal", "probe", "--mirror", crawl.mirror_option, case.folder.uri]) == 3
    told = capsys.readouterr().err
    assert "alarm: head missing: round 2" in told
    assert "alarm: clock set back: round 3: its first probe is of" in told
    assert cli.run(["removal", "status", case.folder.uri]) == 0
    told = capsys.readouterr().out
    assert "alarm of round 3: head missing: round 2" in told
    assert "alarm of round 3: clock set back: round 3" in told
    assert cli.run(["removal", "status", "--lang", "fr", case.folder.uri]) == 0
    assert "alerte du tour 3 : horloge reculée" in capsys.readouterr().out


def test_an_answer_that_drips_is_a_failure(crawl: Release, case: RemovalCase) -> None:
    crawl.server.always = Fault(drips=True)
    slow = {"storage.read_timeout": 0.2, "storage.lowest_rate": 1_000_000_000, "storage.connect_timeout": 0.2}
    probed = probe(case, crawl, **(ONCE | slow))
    assert set(probed.outcomes) == {"failed"}
    assert {state.state for state in states(case).values()} == {"undecided"}


@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_without_end_is_read_no_further_than_asked(server: Server, status: int) -> None:
    server.queries["/endless"] = Reply(status, {}, b"x" * (8 << 20))
    answer = ask(f"{server.url}/endless", 1_000_000, 1_000_100, StorageOptions())
    assert (answer.status, len(answer.body)) == (status, 100)


def test_headers_cannot_steer_a_terminal_nor_fill_a_table(
    crawl: Release, case: RemovalCase, capsys: pytest.CaptureFixture[str]
) -> None:
    huge = tuple((f"X-{number}", "\x1b[2J" + "y" * 2_000) for number in range(60))
    crawl.server.always = Fault(headers=(("ETag", '"\x1b[31mred\x07"'), *huge))
    mirror = crawl.mirror_option
    assert cli.run(["removal", "probe", "--mirror", mirror, case.folder.uri]) == 3
    said = capsys.readouterr()
    assert "file changed" in said.err
    assert all(c.isprintable() or c == "\n" for c in said.out + said.err)
    kept = [row.headers for row in probes_of(case) if row.headers and row.round == 2]
    assert all(len(text) < 17_000 and "\x1b" not in text for text in kept)
    assert "SHA-256" in kept[0]


def test_a_folded_header_feigns_no_other(crawl: Release, case: RemovalCase) -> None:
    crawl.server.always = Fault(headers=(("X-Note", "one\r\n ETag: feigned"),))
    probe(case, crawl)
    for row in probes_of(case):
        lines = (row.headers or "").splitlines()
        assert not any(line.strip().startswith("ETag: feigned") for line in lines)


def test_a_pointer_that_never_held_is_undecided(crawl: Release) -> None:
    case = crawl.open()
    target = ordered(case)[3]
    crawl.change(target, lambda data: zeroed(data, target))
    for _ in range(2):
        probe(case, crawl)
    state = states(case)[target.target_sha256]
    assert (state.state, "ever read it" in state.doubt) == ("undecided", True)


def repacked(data: bytes, form: str) -> bytes:
    """The same records in members of another size."""
    records = [record for record in re.split(rb"(?=WARC/1\.0\r\n)", gzip.decompress(data)) if record]
    assert form.endswith(".gz")
    return b"".join(gzip.compress(record, 1) for record in records)


@pytest.mark.parametrize("form", each_time(["pages.warc.gz"], ["a.warc.wet.gz", "pages.warc.gz"]))
def test_a_file_that_was_packed_anew_has_moved_all_and_lost_none(
    tmp_path: Path, server: Server, form: str
) -> None:
    crawl = release(tmp_path, server, (form,))
    case = crawl.open()
    probe(case, crawl)
    target = ordered(case)[3]
    crawl.change(target, lambda data: repacked(data, form))
    probe(case, crawl)
    assert not removed(case)
    probe(case, crawl, deep=True)
    assert {state.state for state in states(case).values()} == {"present"}
    name = target.document_url.encode()
    kept = [
        record
        for record in re.split(
            rb"(?=WARC/1\.0\r\n)", gzip.decompress(crawl.server.objects[crawl.object_of(target)])
        )
        if record and name not in record
    ]
    crawl.server.objects[crawl.object_of(target)] = b"".join(gzip.compress(record, 1) for record in kept)
    probe(case, crawl, deep=True, words=True)
    assert states(case)[target.target_sha256].state == "dropped"


def test_records_that_changed_places_have_moved(crawl: Release, case: RemovalCase) -> None:
    one, two = ordered(case)[2:4]
    data = crawl.server.objects[crawl.object_of(one)]
    ranges = [(each.record_offset, each.record_offset + each.record_length) for each in (one, two)]
    (a, b), (c, d) = ranges
    crawl.server.objects[crawl.object_of(one)] = data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]
    probe(case, crawl, deep=True)
    found = states(case)
    assert {found[each.target_sha256].state for each in (one, two)} == {"present"}


def test_the_same_text_under_another_url_is_no_removal(crawl: Release, case: RemovalCase) -> None:
    target = ordered(case)[3]
    url = target.document_url.encode()
    record_id = target.record_id.encode()

    def renamed(data: bytes) -> bytes:
        records = [record for record in re.split(rb"(?=WARC/1\.0\r\n)", gzip.decompress(data)) if record]
        return b"".join(
            gzip.compress(record.replace(url, url[::-1]).replace(record_id, ID)) for record in records
        )

    crawl.change(target, renamed)
    probe(case, crawl, deep=True)
    assert states(case)[target.target_sha256].state == "present"


FORMS = (
    "a.warc.wet.gz", "plain.warc.wet", "pages.warc.gz", "plain.warc", "single.warc.wet.gz",
    "fr_part_1.txt.gz", "fr_part_3.txt", "fr_part_4.jsonl.gz", "c4.parquet", "oscar.parquet",
)  # fmt: skip


SOME_FORMS = ("single.warc.wet.gz", "c4.parquet")


@pytest.mark.parametrize("form", each_time(SOME_FORMS, FORMS))
def test_every_form_is_read_and_read_again(tmp_path: Path, server: Server, form: str) -> None:
    crawl = release(tmp_path, server, (form,))
    case = crawl.open()
    for _ in range(2):
        probe(case, crawl)
        found = CaseStatus.of(case)
        assert set(found.counts()) == {"present"}
        assert not found.alarms
    first = [row.outcome for row in probes_of(case) if row.role == "first"]
    assert set(first) <= {"same"}
    assert first


def test_a_document_taken_out_of_a_packed_file_is_dropped(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server, ("single.warc.wet.gz",))
    case = crawl.open()
    probe(case, crawl)
    target = ordered(case)[3]
    start, end = target.record_offset, target.record_offset + target.record_length

    def cut_out(data: bytes) -> bytes:
        text = gzip.decompress(data)
        return gzip.compress(text[:start] + text[end:])

    crawl.change(target, cut_out)
    probe(case, crawl, words=True)
    found = states(case)
    assert found[target.target_sha256].state == "dropped"
    assert {state.state for state in found.values() if not state.removed} == {"present"}


CUTS: dict[str, Callable[[bytes, Target], bytes]] = {
    "before it": lambda data, target: data[: target.record_offset],
    "in it": lambda data, target: data[: target.record_offset + target.record_length // 2],
    "just short": lambda data, target: data[: target.record_offset + target.record_length - 1],
}


@pytest.mark.parametrize("place", each_time([-1], [0, 3, -1]), ids=["first", "within", "last"])
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("form", each_time(["a.warc.wet.gz"], ["a.warc.wet.gz", "plain.warc.wet"]))
def test_a_cut_file_removes_nothing(
    tmp_path: Path, server: Server, form: str, cut: Callable[[bytes, Target], bytes], place: int
) -> None:
    crawl = release(tmp_path, server, (form,))
    case = crawl.open()
    target = placed(crawl, case, place)
    probe(case, crawl)
    crawl.change(target, lambda data: cut(data, target))
    for deep in (False, True):
        probe(case, crawl, deep=deep)
        assert not removed(case)


@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
def test_a_record_at_the_edge_of_its_file_is_overwritten(crawl: Release, place: int) -> None:
    case = crawl.open()
    target = placed(crawl, case, place)
    probe(case, crawl)
    crawl.change(target, lambda data: zeroed(data, target))
    probe(case, crawl)
    assert states(case)[target.target_sha256].state == "overwritten"


def test_another_file_under_the_name_is_no_removal(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server)
    case = crawl.open()
    probe(case, crawl)
    strange = b"".join(
        b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: https://elsewhere.example/%d\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-%012d>\r\nContent-Type: text/plain\r\n"
        b"Content-Length: 12\r\n\r\nAnother %04d\r\n\r\n" % (number, number, number)
        for number in range(2_000)
    )
    target = ordered(case)[0]
    crawl.server.objects[crawl.object_of(target)] = b"".join(
        gzip.compress(b"WARC/1.0" + record) for record in strange.split(b"WARC/1.0")[1:]
    )
    probe(case, crawl, deep=True)
    assert not removed(case)


def test_targets_that_share_a_record_share_its_fate(crawl: Release, case: RemovalCase) -> None:
    places = [target.record_offset for target in case.targets()]
    shared = next(place for place in places if places.count(place) > 1)
    target = next(each for each in case.targets() if each.record_offset == shared)
    crawl.change(target, lambda data: zeroed(data, target))
    probe(case, crawl)
    found = states(case)
    assert {found[each.target_sha256].state for each in case.targets() if each.record_offset == shared} == {
        "overwritten"
    }


@pytest.mark.parametrize("form", ["a.warc.wet.gz", "c4-train.json.gz"])
def test_many_targets_of_a_file_share_its_controls(
    tmp_path: Path, server: Server, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presswatch_spark.legal.removal.rounds.TARGETS_A_BATCH", 4)
    crawl = release(tmp_path, server, (form,))
    case = crawl.open()
    noticed = {target.text_sha256 for target in case.targets()} | {
        target.document_url for target in case.targets()
    }
    for _ in range(2):
        probe(case, crawl)
        found = CaseStatus.of(case)
        assert set(found.counts()) == {"present"}
        assert not found.alarms
    firsts = [row for row in probes_of(case) if row.role == "first"]
    assert len({row.batch for row in firsts}) > 1
    assert not any({row.text_sha256, row.document_url} & noticed for row in firsts)


def test_a_release_that_is_gone_as_a_whole_is_undecided(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server, ("a.warc.wet.gz", "pages.warc.gz"))
    case = crawl.open()
    probe(case, crawl)
    crawl.server.objects.clear()
    probe(case, crawl, deep=True)
    assert {state.state for state in states(case).values()} == {"undecided"}
    assert all("no other file" in state.doubt for state in states(case).values())


def test_rows_that_are_cut_off_at_the_end_of_a_line_are_not_removed(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server, ("c4-train.json.gz",))
    case = crawl.open()
    probe(case, crawl)
    target = ordered(case)[3]

    def cut(data: bytes) -> bytes:
        return gzip.compress(b"".join(gzip.decompress(data).splitlines(keepends=True)[: target.row_index]))

    crawl.change(target, cut)
    probe(case, crawl, deep=True)
    assert not removed(case)


@pytest.mark.parametrize(
    ("packing", "state"), [("record", "overwritten"), ("single", "dropped"), ("plain", "undecided")]
)
def test_records_of_arc_are_followed(tmp_path: Path, server: Server, packing: str, state: str) -> None:
    words = ["le", "vent", "se", "lève", "et", "la", "mer", "monte", "vers", "les", "maisons", "du", "port"]
    pages = [" ".join(words[i % 12 :] + words[: i % 12] + [f"n{i}"] * 9) for i in range(8)]
    records = [
        arc_record(HEAD + f"<html><body><p>{page}</p></body></html>".encode(), f"http://exemple.fr/{i}")
        for i, page in enumerate(pages)
    ]
    path = tmp_path / ("a.arc" if packing == "plain" else "a.arc.gz")
    path.write_bytes(packed_arc(packing, records))
    targets = list(targets_in(path, "arc"))
    case = new_case(str(tmp_path / "case"), targets, {"reading": {}})
    server.objects[f"/crawl/{path.name}"] = path.read_bytes()
    mirror = Mirror(str(tmp_path), f"{server.url}/crawl")

    def again() -> dict[str, Any]:
        Prober(case, load_scan_config(flags=QUICK), [mirror]).probe()
        return states(case)

    assert {found.state for found in again().values()} == {"present"}
    target = ordered(case)[1]
    start, end = target.record_offset, target.record_offset + target.record_length
    data = path.read_bytes()
    if packing == "single":
        text = gzip.decompress(data)
        data = gzip.compress(text[:start] + text[end:])
    else:
        data = zeroed(data, target)
    server.objects[f"/crawl/{path.name}"] = data
    found = again()[target.target_sha256]
    assert (found.state, found.removed) == (state, state != "undecided")
