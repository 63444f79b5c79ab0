"""Hosts that break a record and leave its text: nothing is removed that a reader can still read."""

from __future__ import annotations

import gzip
import html
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.tables.declarations import Target
from tests.unit.legal.removal.test_hostile import ordered, zeroed
from tests.unit.legal.removal.test_passages import longest
from tests.unit.legal.removal.test_probe import record_of
from tests.world.proofs import each_time
from tests.world.release import Release, member_of, probe, release, states
from tests.world.servers import Server

NOISE = random.Random(20261127).randbytes(4_000)


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


def empty_before_noise(stored: bytes) -> bytes:
    head = gzip.decompress(stored).partition(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b"Content-Length", b"WARC-Block"))]
    empty = gzip.compress(b"\r\n".join([*lines, b"Content-Length: 0"]) + b"\r\n\r\n\r\n\r\n", 9)
    return empty + NOISE[: len(stored) - len(empty)]


CHANGES = (broken, empty_with_text, empty_before_noise, no_magic, of_another_kind)


@pytest.mark.parametrize("deep", each_time([True], [False, True]), ids=["shallow", "deep"])
@pytest.mark.parametrize("change", each_time(CHANGES[:2], CHANGES))
def test_a_record_that_only_looks_gone_is_not_removed(
    crawl: Release, case: RemovalCase, change: Callable[[bytes], bytes], deep: bool
) -> None:
    target = max(ordered(case)[2:-2], key=lambda each: each.copied_words or 0)
    start, end = target.record_offset, target.record_offset + target.record_length
    crawl.change(target, lambda data: data[:start] + change(data[start:end]) + data[end:])
    for words in (False, True):
        probe(case, crawl, deep=deep, words=words)
        state = states(case)[target.target_sha256]
        assert (state.state, state.removed) == ("undecided", False), state


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


def test_noise_over_a_record_is_undecided(crawl: Release, case: RemovalCase) -> None:
    target = ordered(case)[3]
    crawl.overwrite(target, NOISE[: target.record_length])
    for deep in (False, True):
        probe(case, crawl, deep=deep)
        assert states(case)[target.target_sha256].state == "undecided"


def test_a_notice_over_a_record_is_no_removal(crawl: Release, case: RemovalCase) -> None:
    target = ordered(case)[3]
    notice = (
        b"This page was taken out of the archive at the wish of its publisher, on the first of November. "
    )
    crawl.overwrite(target, (notice * 99)[: target.record_length])
    for words in (False, True):
        probe(case, crawl, words=words)
        state = states(case)[target.target_sha256]
        assert (state.state, "may still give its text" in state.doubt) == ("undecided", True)


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
