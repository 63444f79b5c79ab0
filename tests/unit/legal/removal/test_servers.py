"""Servers in order, and those that lie, break off or refuse: no answer may look like a removal."""

import gzip
import ssl
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.removal import server_answers
from presswatch_spark.legal.removal.case import Chain, RemovalCase
from presswatch_spark.legal.removal.probe_rounds import Prober
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.storage.objects import StorageOptions, ask
from presswatch_spark.tables.declarations import Probe
from tests.world.commands import Outcome, outcome, presswatch
from tests.world.proofs import each_time
from tests.world.release import (
    QUICK,
    Release,
    longest,
    ordered,
    probe,
    probes_of,
    read_once,
    release,
    states,
    zeroed,
)
from tests.world.servers import Fault, Reply, Server, web

OTHER = ("ETag", '"other"')
FUTURE = ("Last-Modified", "Fri, 27 Nov 2099 09:00:00 GMT")
ONCE = {"storage.max_attempts": 1, "storage.refusal_pause": 0.1}
SLOW = {"storage.read_timeout": 0.2, "storage.lowest_rate": 1_000_000_000, "storage.connect_timeout": 0.2}


def state_names(case: RemovalCase) -> set[str]:
    return {state.state for state in states(case).values()}


def test_what_nobody_changed_is_present_and_read_with_its_controls(crawl: Release, case: RemovalCase) -> None:
    found = CaseStatus.of(case)
    assert (set(found.counts()), found.claims()[0]) == ({"present"}, 0)
    probes = probes_of(case)
    assert {probe.role for probe in probes} == {"target", "first", "before", "after", "nowhere"}
    assert {probe.outcome for probe in probes if probe.role != "nowhere"} <= {"same", "edge"}
    assert {probe.outcome for probe in probes if probe.role == "nowhere"} == {"missing"}
    assert all("Date:" in probe.headers and probe.etag for probe in probes if probe.status == 206)
    assert all(abs(probe.clock_offset) < 5 for probe in probes)


FORMS = (
    "a.warc.wet.gz", "plain.warc.wet", "pages.warc.gz", "plain.warc", "single.warc.wet.gz",
    "fr_part_1.txt.gz", "fr_part_3.txt", "fr_part_4.jsonl.gz", "fr_part_5.jsonl.zst",
    "c4-train.json.gz", "c4.parquet", "oscar.parquet",
)  # fmt: skip
SOME_FORMS = ("single.warc.wet.gz", "c4-train.json.gz", "c4.parquet", "fr_part_5.jsonl.zst")


@pytest.mark.parametrize("form", each_time(SOME_FORMS, FORMS))
def test_a_file_of_every_form_is_read_and_one_of_rows_not_again_while_its_etag_is_the_same(
    tmp_path: Path, server: Server, form: str
) -> None:
    crawl = release(tmp_path, server, (form,))
    case = crawl.open()
    for _ in range(2):
        asked = len(server.requests)
        probe(case, crawl)
        found = CaseStatus.of(case)
        assert (set(found.counts()), found.alarms) == ({"present"}, [])
    assert {row.outcome for row in probes_of(case) if row.role == "first"} == {"same"}
    if form not in ("a.warc.wet.gz", "plain.warc.wet", "pages.warc.gz", "plain.warc"):
        assert len(server.requests) - asked == 2


def test_controls_stay_the_same_where_a_file_is_asked_for_at_another_mirror(
    crawl: Release, case: RemovalCase
) -> None:
    objects = crawl.server.objects
    crawl.server.objects = {path.replace("/crawl/", "/copy/"): data for path, data in objects.items()}
    elsewhere = Mirror(str(crawl.shards), f"{crawl.server.url}/copy")
    Prober(case, load_scan_config(flags=QUICK), [elsewhere]).probe()
    firsts = [row for row in probes_of(case) if row.role == "first"]
    assert {(row.round, row.outcome) for row in firsts} == {(1, "same"), (2, "same")}
    ((start, length, _),) = {(row.record_offset, row.record_length, row.record_sha256) for row in firsts}
    (request,) = {row.request for row in firsts if row.round == 2}
    assert "/copy/" in request
    assert request.endswith(f"bytes={start}-{start + length - 1}")


# Answers that are none.

PAGE = b"<p>It was removed</p>"
ZEROS = {"change": lambda body: b"\0" * len(body)}
FAULTS: dict[str, Fault] = {
    "403": Fault(status=403),
    "429": Fault(status=429),
    "500": Fault(status=500),
    "503": Fault(status=503),
    "cut": Fault(cut_after=10),
    "reset": Fault(reset=True, cut_after=10),
    "lost": Fault(lost=True),
    "drips": Fault(drips=True),
    "the whole file": Fault(whole=True),
    "start": Fault(range_off=7),
    "short": Fault(change=lambda body: body[: len(body) // 2]),
    "long": Fault(change=lambda body: body + b"\0" * 1000),
    "zeros": Fault(**ZEROS),
    "zeros, new ETag": Fault(**ZEROS, headers=(OTHER,)),
    "zeros, future": Fault(**ZEROS, headers=(FUTURE, OTHER)),
    "200 short": Fault(whole=True, change=lambda body: body[:100]),
    "200 zeros": Fault(whole=True, **ZEROS),
    "no range": Fault(headers=(("Content-Range", "bytes"),)),
    "no size": Fault(headers=(("Content-Range", "bytes 0-9/*"),)),
    "other bytes": Fault(change=lambda body: body[::-1], headers=(OTHER,)),
    "a page": Fault(change=lambda body: (PAGE * len(body))[: len(body)], headers=(OTHER,)),
    "packed": Fault(change=gzip.compress, headers=(("Content-Encoding", "gzip"), OTHER)),
    "packed in name": Fault(headers=(("Content-Encoding", "gzip"), OTHER)),
}
SOME_FAULTS = ("403", "429", "503", "cut", "drips", "the whole file", "zeros, new ETag", "a page")
READABLE = ("429", "the whole file", "long", "no range", "no size", "packed in name")
"""Of the first, nothing is asked; the others have the bytes of the file."""
STATES_UNDER = {"403": "restricted"} | dict.fromkeys(READABLE, "present")


@pytest.mark.parametrize("name", each_time(SOME_FAULTS, FAULTS))
def test_a_server_in_trouble_or_a_proxy_that_alters_answers_removes_nothing(
    crawl: Release, case: RemovalCase, name: str
) -> None:
    crawl.server.always = fault = FAULTS[name]
    probed = probe(case, crawl, deep=name in list(FAULTS)[9:], **ONCE, **(SLOW if fault.drips else {}))
    found = states(case).values()
    assert not any(state.removed for state in found)
    assert {state.state for state in found} == {STATES_UNDER.get(name, "undecided")}
    assert fault.status != 429 or probed.blocked
    assert not fault.drips or set(probed.outcomes) == {"failed"}
    crawl.server.always = Fault()
    probe(case, crawl)
    assert state_names(case) == {"present"}


class Anything(dict[str, bytes]):
    """Objects of a server that has one for every name."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> bytes:
        return b"<!DOCTYPE html><title>Sorry</title><p>This file was removed.</p>"


def test_a_server_that_answers_for_any_name_proves_nothing(crawl: Release, case: RemovalCase) -> None:
    crawl.server.objects = Anything()
    probe(case, crawl, deep=True)
    assert state_names(case) == {"undecided"}


def test_a_release_that_is_gone_as_a_whole_is_undecided(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server, ("a.warc.wet.gz", "pages.warc.gz"))
    case = read_once(crawl)
    crawl.server.objects.clear()
    probe(case, crawl, deep=True)
    assert state_names(case) == {"undecided"}
    assert all("no other file" in state.doubt for state in states(case).values())


@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_without_end_is_read_no_further_than_asked(server: Server, status: int) -> None:
    server.queries["/endless"] = Reply(status, {}, b"x" * (8 << 20))
    answer = ask(f"{server.url}/endless", 1_000_000, 1_000_100, StorageOptions())
    assert (answer.status, len(answer.body)) == (status, 100)


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
    # Where a body just ends, nobody can tell the end of the file from a connection that was cut.
    assert state_names(case) <= ({"present", "undecided"} if "end" in knows else {"present"})
    crawl.server.objects.clear()
    probe(case, crawl, deep=True)
    assert not any(state.removed for state in states(case).values())


# Versions of a file.


@pytest.mark.parametrize("pattern", ["{}", "W/{}"], ids=["the same", "a weak one"])
def test_zeros_in_the_version_that_was_read_are_no_removal(
    crawl: Release, case: RemovalCase, pattern: str
) -> None:
    target = longest(case)
    etag = next(row.etag for row in probes_of(case) if row.etag)
    crawl.change(target, lambda data: zeroed(data, target))
    crawl.server.always = Fault(headers=(("ETag", pattern.format(etag)),))
    probed = probe(case, crawl)
    state = states(case)[target.target_sha256]
    assert (state.state, "has not changed since it was read" in state.doubt) == ("undecided", True)
    assert not [alarm for alarm in probed.alarms if alarm.kind == "file changed"]
    crawl.server.always = Fault()
    probe(case, crawl)
    assert states(case)[target.target_sha256].state == "overwritten"


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
        assert state_names(case) == {"present"}


@pytest.mark.parametrize(
    ("forms", "hours", "lost", "state"),
    [
        ("a.warc.wet.gz pages.warc.gz", 23.0, "the file", "undecided: missing once"),
        ("a.warc.wet.gz pages.warc.gz", 25.0, "the file", "withdrawn"),
        ("a.warc.wet.gz pages.warc.gz", 25.0, "its ranges", "undecided: some requests"),
        ("a.warc.wet.gz", 25.0, "the file", "undecided: no other file"),
    ],
)
def test_a_file_is_withdrawn_if_missing_twice_a_day_apart_beside_another(
    tmp_path: Path, server: Server, forms: str, hours: float, lost: str, state: str, monkeypatch: Any
) -> None:
    crawl = release(tmp_path, server, forms.split())
    case = read_once(crawl)
    target = next(each for each in case.targets() if each.shard_uri.endswith(forms.split()[0]))
    if lost == "the file":
        del server.objects[crawl.object_of(target)]
    else:
        server.whole_only = {crawl.object_of(target)}
    probe(case, crawl)
    now = server_answers.response_facts

    def later(*answer: Any) -> Probe:
        found = now(*answer)
        return found.with_columns(asked_at=found.asked_at + timedelta(hours=hours))

    monkeypatch.setattr(server_answers, "response_facts", later)
    probe(case, crawl)
    found, (wanted, _, doubt) = states(case)[target.target_sha256], state.partition(": ")
    assert (found.state, found.removed, doubt in found.doubt) == (wanted, wanted == "withdrawn", True)


# Redirects.


@pytest.mark.parametrize("there", ["nothing", "a page", "the file"])
def test_a_redirect_to_another_host_removes_nothing(crawl: Release, case: RemovalCase, there: str) -> None:
    path = crawl.object_of(longest(case))
    page = b"<!DOCTYPE html><p>gone</p>" * 40_000
    objects = {"a page": {path: page}, "the file": {path: crawl.server.objects[path]}}
    with web(objects=objects.get(there, {})) as other:
        crawl.server.redirects[path] = f"{other.url}{path}"
        probe(case, crawl, deep=True)
        answered = {row.answered_by for row in probes_of(case) if row.round == 2 and row.role == "target"}
        assert answered == {f"{other.url}{path}"}
    assert state_names(case) == ({"present"} if there == "the file" else {"undecided"})


@pytest.mark.parametrize(
    ("leads", "told"),
    [
        ("file:///etc/passwd", "redirects outside the web"),
        ("ftp://a.example/x", "redirects outside the web"),
        ("http://169.254.169.254/latest/meta-data/", "an address of this machine"),
        ("http://[fe80::1]/", "an address of this machine"),
        ("http://127.1/", "an address of this machine"),
        ("itself", ""),
        ("/other", ""),
    ],
)
def test_a_redirect_into_this_machine_or_without_end_is_not_followed_and_removes_nothing(
    crawl: Release, case: RemovalCase, leads: str, told: str
) -> None:
    path = crawl.object_of(longest(case))
    crawl.server.redirects |= {path: path if leads == "itself" else leads, "/other": path}
    for _ in range(2):
        probe(case, crawl, deep=True, **ONCE)
        assert {(state.state, state.removed) for state in states(case).values()} == {("undecided", False)}
    rows = [row for row in probes_of(case) if row.round > 1 and row.role == "target"]
    assert {row.outcome for row in rows} == {"failed" if told else "strange"}
    if told:
        assert {row.answered_by for row in rows} == {None}
        assert all(told in row.detail for row in rows)


# What a person is told.


def command(crawl: Release, case: RemovalCase) -> Outcome:
    return outcome("removal probe", "--mirror", crawl.mirror_option, case.folder.uri)


def test_a_clock_that_is_off_is_kept_and_said(crawl: Release, case: RemovalCase) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    crawl.server.always = Fault(headers=(("Date", date),))
    told = command(crawl, case)
    assert (told.code, "off that of a server: set it" in told.out) == (0, True)
    assert any((row.clock_offset or 0) > 7000 for row in probes_of(case))


def test_a_probe_reports_a_lost_head_and_a_clock_that_was_set_back(crawl: Release, case: RemovalCase) -> None:
    chain = Chain.of(case, probes_of(case))
    later = datetime.now(UTC) + timedelta(days=1)
    chain.begin(2, deep=False)
    targets = [row for row in probes_of(case) if row.role == "target"]
    chain.append(2, [replace(row, round=2, asked_at=later) for row in targets])
    told = command(crawl, case)
    assert (told.code, "alarm: head missing: round 2" in told.err) == (3, True)
    assert "alarm: clock set back: round 3: its first probe is of" in told.err
    for language, alarm, *expected in (
        ("en", "alarm of round 3: ", "head missing: round 2", "clock set back: round 3"),
        ("fr", "alerte du tour 3 : ", "fin de chaîne manquante : tour 2", "horloge reculée : tour 3"),
    ):
        status = presswatch("removal", "status", "--lang", language, case.folder.uri)
        assert all(f"{alarm}{each}" in status for each in expected)


def test_headers_cannot_steer_a_terminal_nor_fill_a_table_nor_feign_another_one(
    crawl: Release, case: RemovalCase
) -> None:
    huge = tuple((f"X-{number}", "\x1b[2J" + "y" * 2_000) for number in range(60))
    folded = ("X-Note", "one\r\n ETag: feigned")
    crawl.server.always = Fault(headers=(("ETag", '"\x1b[31mred\x07"'), folded, *huge))
    told = command(crawl, case)
    assert (told.code, "file changed" in told.err) == (3, True)
    assert all(c.isprintable() or c == "\n" for c in told.out + told.err)
    kept = [row.headers for row in probes_of(case) if row.headers and row.round == 2]
    assert all(len(text) < 17_000 and "\x1b" not in text for text in kept)
    assert "SHA-256" in kept[0]
    assert not any(line.strip().startswith("ETag: feigned") for text in kept for line in text.splitlines())


def test_places_on_https_are_followed_and_a_certificate_that_nobody_trusts_removes_nothing(
    tmp_path: Path,
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trust = {"storage.ca_bundle": str(tmp_path / "ca.pem")}
    with web(context) as server:
        assert server.url.startswith("https://")
        crawl = release(tmp_path, server)
        case = crawl.open()
        probe(case, crawl)
        assert {(state.state, state.removed) for state in states(case).values()} == {("undecided", False)}
        probe(case, crawl, **trust)
        assert state_names(case) == {"present"}
        target = ordered(case)[0]
        crawl.change(target, lambda data: zeroed(data, target))
        probe(case, crawl, **trust)
        found: Mapping[str, str] = {key: state.state for key, state in states(case).items()}
        assert found == {
            each.target_sha256: "overwritten" if each.record_offset == target.record_offset else "present"
            for each in case.targets()
        }
        asked = {row.file_uri.partition("://")[0] for row in probes_of(case) if row.round == 3}
        assert asked == {"https"}
