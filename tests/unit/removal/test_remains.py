"""Hosts that break a record and leave its text: nothing is removed that a reader can still read."""

from __future__ import annotations

import gzip
import html
import random
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from presswatch_spark.removal import responses
from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.removal.responses import end_of_record, text_beside, text_in
from presswatch_spark.tables.declarations import Target
from tests.proofs import each_time
from tests.removal import Release, member_of, probe, release, states
from tests.servers import Server
from tests.unit.removal.test_hostile import ordered, zeroed
from tests.unit.removal.test_passages import longest
from tests.unit.removal.test_probe import record_of

TEXT = "Le vent se lève et la mer monte vers les maisons basses du vieux port breton. ".encode() * 3


def header(length: int, kind: bytes = b"conversion", more: bytes = b"") -> bytes:
    return (
        b"WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: https://a.example/x\r\n%s"
        b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % (kind, more, length)
    )


def packed(data: bytes, comment: bytes = b"", level: int = 6) -> bytes:
    deflated = zlib.compressobj(level, zlib.DEFLATED, -15)
    body = deflated.compress(data) + deflated.flush()
    tail = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    head = b"\x1f\x8b\x08" + (b"\x10" if comment else b"\0") + b"\0\0\0\0\0\xff"
    return head + (comment + b"\0" if comment else b"") + body + tail


RECORD = header(len(TEXT)) + TEXT + b"\r\n\r\n"
NOISE = random.Random(20261127).randbytes(4_000)


@pytest.mark.parametrize(
    "stored",
    [
        packed(RECORD)[:-8] + b"\0" * 8,
        packed(RECORD)[:-20],
        b"\0\0\0" + packed(RECORD)[3:],
        NOISE[:99] + packed(RECORD) + NOISE[:99],
        RECORD.replace(b"WARC/1.0", b"XXXX/1.0"),
        NOISE[:99] + TEXT + NOISE[:99],
        packed(RECORD, level=0)[5:],
        NOISE[:99] + TEXT.decode().encode("latin-1") + NOISE[:99],
        NOISE[:99] + TEXT.decode().encode("utf-16-le") + NOISE[:99],
        NOISE[:99] + TEXT.decode().encode("utf-16-be") + NOISE[:99],
    ],
    ids=[
        "checksum",
        "cut",
        "magic",
        "within noise",
        "plain",
        "plain within noise",
        "stored",
        "latin-1",
        "utf-16-le",
        "utf-16-be",
    ],
)
def test_text_is_found_in_what_is_no_record(stored: bytes) -> None:
    assert b"la mer monte vers les maisons" in text_in(stored)


@pytest.mark.parametrize(
    "stored",
    [
        NOISE,
        b"\0" * 4_000,
        b"X" * 4_000,
        b"removed by request " * 200,
        packed(NOISE),
        b"",
        packed(RECORD)[:60],
    ],
    ids=[
        "noise",
        "zeros",
        "filler",
        "a notice",
        "packed noise",
        "nothing",
        "a piece of a header",
    ],
)
def test_what_is_no_text_is_none(stored: bytes) -> None:
    assert not text_in(stored)


HTTP = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 02 Dec 2024 09:00:00 GMT\r\nServer: nginx\r\n"
    b"Content-Type: text/html\r\nCache-Control: no-cache, private\r\nX-Frame-Options: SAMEORIGIN\r\n\r\n"
)
EMPTY = header(0) + b"\r\n\r\n"


@pytest.mark.parametrize(
    "stored",
    [
        packed(EMPTY + TEXT),
        packed(EMPTY) + packed(TEXT),
        packed(EMPTY) + packed(RECORD)[:-8] + b"\0" * 8,
        packed(EMPTY) + TEXT,
        packed(EMPTY, comment=TEXT),
        packed(header(0, more=b"X-Text: " + TEXT * 20 + b"\r\n") + b"\r\n\r\n"),
        EMPTY + TEXT,
    ],
    ids=["behind it", "another member", "a broken one", "plain", "comment", "a header", "not packed"],
)  # fmt: skip
def test_text_beside_an_empty_record_is_found(stored: bytes) -> None:
    assert b"la mer monte vers les maisons" in text_beside(stored, end_of_record(stored, 0) or 0)


@pytest.mark.parametrize(
    "stored",
    [
        packed(EMPTY),
        packed(EMPTY) + b"\0" * 500,
        packed(EMPTY, comment=b"-" * 500),
        EMPTY,
        packed(EMPTY) + NOISE,
        packed(header(len(HTTP), b"response") + HTTP + b"\r\n\r\n"),
    ],
    ids=["alone", "zeros", "filler", "not packed", "noise", "a response"],
)
def test_an_empty_record_has_no_text(stored: bytes) -> None:
    assert not text_beside(stored, end_of_record(stored, 0) or 0)


def test_bombs_are_not_inflated_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "INFLATED_MOST", 1 << 20)
    text = b"Une phrase de plus de huit mots qui se lit encore derriere beaucoup d'octets nuls."

    def behind(zeros: int) -> bytes:
        return gzip.compress(b"\0" * zeros + text, 9)[:-8] + b"\0" * 8

    assert text[:60] in text_in(behind(1 << 10))
    assert not text_in(behind(4 << 20))


def broken(stored: bytes) -> bytes:
    return stored[:-6] + bytes([stored[-6] ^ 1]) + stored[-5:]


def no_magic(stored: bytes) -> bytes:
    return b"\0" + stored[1:]


def of_another_kind(stored: bytes) -> bytes:
    head, _, body = gzip.decompress(stored).partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b"WARC-Block", b"WARC-Refers"))]
    record = b"\r\n".join(lines).replace(b": conversion", b": metadata") + b"\r\n\r\n" + body
    return member_of(record, len(stored))


def empty_with_text(stored: bytes) -> bytes:
    record = gzip.decompress(stored)
    head, _, body = record.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b"Content-Length", b"WARC-Block"))]
    empty = b"\r\n".join([*lines, b"Content-Length: 0"]) + b"\r\n\r\n"
    return member_of(empty + b"\r\n\r\n" + body[: len(body) * 2 // 3], len(stored))


@pytest.mark.parametrize("deep", each_time([True], [False, True]), ids=["shallow", "deep"])
@pytest.mark.parametrize(
    "change",
    each_time([broken, empty_with_text], [broken, no_magic, of_another_kind, empty_with_text]),
)
def test_a_record_that_only_looks_gone_is_not_removed(
    crawl: Release, case: RemovalCase, change: Callable[[bytes], bytes], deep: bool
) -> None:
    target = max(ordered(case)[2:-2], key=lambda each: each.copied_words or 0)
    start, end = target.record_offset, target.record_offset + target.record_length
    crawl.change(target, lambda data: data[:start] + change(data[start:end]) + data[end:])
    for words, expected in ((False, {"undecided"}), (True, {"altered"})):
        probe(case, crawl, deep=deep, words=words)
        state = states(case)[target.target_sha256]
        assert (state.state in expected, state.removed) == (True, False), state


def test_a_response_without_a_body_is_blanked(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server, ("pages.warc.gz",))
    case = crawl.open()
    probe(case, crawl)
    target = ordered(case)[3]
    head, _, block = record_of(crawl, target).partition(b"\r\n\r\n")
    http = block.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    skipped = (b"Content-Length", b"WARC-Block", b"WARC-Payload")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(skipped)]
    empty = b"\r\n".join([*lines, b"Content-Length: %d" % len(http)]) + b"\r\n\r\n" + http + b"\r\n\r\n"
    crawl.overwrite(target, member_of(empty, target.record_length))
    probe(case, crawl)
    assert states(case)[target.target_sha256].state == "overwritten"


def test_a_plain_record_with_a_broken_header_is_not_removed(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server, ("plain.warc.wet",))
    case = crawl.open()
    probe(case, crawl)
    target = ordered(case)[3]
    start = target.record_offset
    crawl.change(target, lambda data: data[:start] + b"X" * 8 + data[start + 8 :])
    for deep, words in ((False, False), (True, False), (False, True)):
        probe(case, crawl, deep=deep, words=words)
        assert not states(case)[target.target_sha256].removed


def test_noise_over_a_record_is_an_overwriting(crawl: Release, case: RemovalCase) -> None:
    target = ordered(case)[3]
    crawl.overwrite(target, NOISE[: target.record_length])
    for deep in (False, True):
        probe(case, crawl, deep=deep)
        assert states(case)[target.target_sha256].state == "overwritten"


def test_a_notice_over_a_record_is_no_removal(crawl: Release, case: RemovalCase) -> None:
    target = ordered(case)[3]
    notice = (
        b"This page was taken out of the archive at the wish of its publisher, on the first of November. "
    )
    crawl.overwrite(target, (notice * 99)[: target.record_length])
    for words in (False, True):
        probe(case, crawl, words=words)
        state = states(case)[target.target_sha256]
        assert (state.state, "still give text" in state.doubt) == ("undecided", True)


def test_a_short_text_in_the_place_of_the_old_one_is_no_removal(crawl: Release, case: RemovalCase) -> None:
    target = longest(case)
    crawl.overwrite(target, rewritten(crawl, target, lambda text: b"no").ljust(target.record_length, b"\0"))
    for deep in (False, True):
        probe(case, crawl, deep=deep, words=True)
        state = states(case)[target.target_sha256]
        assert (state.state, state.removed, state.left) == ("altered", False, 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: html.escape(text.decode().encode("ascii", "xmlcharrefreplace").decode()).encode(),
        lambda text: " ".join(text.decode()).encode(),
        lambda text: b" ".join(reversed(text.split())),
    ],
    ids=["escaped", "letters apart", "reversed"],
)
def test_a_text_in_another_writing_at_its_place_is_no_removal(
    crawl: Release, case: RemovalCase, change: Callable[[bytes], bytes]
) -> None:
    target = longest(case)
    start, end = target.record_offset, target.record_offset + target.record_length
    again = rewritten(crawl, target, change)
    crawl.change(target, lambda data: data[:start] + again + data[end:])
    probe(case, crawl, deep=True, words=True)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("altered", False), state


def rewritten(crawl: Release, target: Target, change: Callable[[bytes], bytes]) -> bytes:
    """The record of a target as a member of its own, with another text."""
    head, _, body = record_of(crawl, target).partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b"Content-Length", b"WARC-Block"))]
    text = change(body.rstrip(b"\r\n"))
    record = b"\r\n".join([*lines, b"Content-Length: %d" % len(text)]) + b"\r\n\r\n" + text + b"\r\n\r\n"
    return gzip.compress(record, 9)


def test_a_text_put_behind_the_file_is_no_removal(crawl: Release, case: RemovalCase) -> None:
    target = ordered(case)[3]
    start, end = target.record_offset, target.record_offset + target.record_length
    crawl.change(target, lambda data: zeroed(data, target) + data[start:end])
    probe(case, crawl)
    state = states(case)[target.target_sha256]
    assert (state.state, "longer than before" in state.doubt) == ("undecided", True)
    probe(case, crawl, deep=True)
    assert states(case)[target.target_sha256].state == "present"


def test_a_page_under_another_spelling_of_its_url_is_found(crawl: Release, case: RemovalCase) -> None:
    target = ordered(case)[3]
    start, end = target.record_offset, target.record_offset + target.record_length
    record = record_of(crawl, target).replace(target.record_id.encode(), b"<urn:uuid:" + b"f" * 36 + b">")
    head, _, body = record.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"WARC-Block")]
    text = body[::-1].replace(b"e", b"3", 1)[::-1]
    other = b"\r\n".join(lines).replace(b"https://", b"http://") + b"\r\n\r\n" + text
    again = gzip.compress(other)
    crawl.change(target, lambda data: data[:start] + data[end:] + again)
    probe(case, crawl, deep=True, words=True)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("altered", False)


class TestGaps:
    """Deep readings go around what is damaged, and say what they did not read."""

    def test_looking_harder_makes_no_state_worse(self, crawl: Release, case: RemovalCase) -> None:
        target = ordered(case)[3]
        crawl.change(target, lambda data: zeroed(data, target))
        for deep in (False, True):
            probe(case, crawl, deep=deep, words=deep)
            assert states(case)[target.target_sha256].state == "overwritten"

    def test_records_of_zeros_side_by_side_are_undecided(self, crawl: Release, case: RemovalCase) -> None:
        found = ordered(case)
        one, two = next(
            (a, b) for a, b in pairwise(found) if a.record_offset + a.record_length == b.record_offset
        )
        crawl.change(one, lambda data: zeroed(zeroed(data, one), two))
        for deep in (False, True):
            probe(case, crawl, deep=deep, words=deep)
            assert {states(case)[each.target_sha256].state for each in (one, two)} == {"undecided"}

    @pytest.mark.parametrize("bad", [b"\0" * 200, NOISE[:200]], ids=["zeros", "noise"])
    def test_a_text_may_stand_in_what_was_not_read(
        self, crawl: Release, case: RemovalCase, bad: bytes
    ) -> None:
        one, other = ordered(case)[2], ordered(case)[5]
        start, end = one.record_offset, one.record_offset + one.record_length
        place = other.record_offset - one.record_length + 10
        crawl.change(one, lambda data: data[:start] + data[end:])
        crawl.change(one, lambda data: data[:place] + bad + data[place + 200 :])
        probe(case, crawl, deep=True)
        state = states(case)[one.target_sha256]
        assert (state.state, "may hold its text" in state.doubt) == ("undecided", True)

    def test_zeros_at_the_place_of_another_target_leave_a_dropped_one_undecided(
        self, crawl: Release, case: RemovalCase
    ) -> None:
        early, late = ordered(case)[2], ordered(case)[5]
        start, end = late.record_offset, late.record_offset + late.record_length
        crawl.change(early, lambda data: zeroed(data[:start] + data[end:], early))
        probe(case, crawl, deep=True, words=True)
        found = states(case)
        assert found[late.target_sha256].state == "undecided"
        assert found[early.target_sha256].state == "overwritten"
