"""Files that were changed on the server, each with the states of a target after probes of it."""

import gzip
import html
import io
import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.removal import probe_rounds
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.probe_rounds import TARGETS_A_BATCH, Prober
from presswatch_spark.legal.removal.states import REMOVED
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.legal.removal.whole_file_search import names_of
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.tables.declarations import Target
from tests.world.arc import HEAD, arc_record, packed_arc
from tests.world.proofs import each_time
from tests.world.release import (
    QUICK,
    Release,
    longest,
    member_of,
    new_case,
    ordered,
    probe,
    probes_of,
    put_at,
    read_once,
    release,
    states,
    targets_in,
    wet_record,
    zeroed,
)
from tests.world.servers import Server

WET, PAGES, ROWS = "a.warc.wet.gz", "pages.warc.gz", "c4-train.json.gz"
URL, ID = b"https://ailleurs.example/autre", b"<urn:uuid:ffffffff-0000-4000-8000-000000000000>"
END = b"\r\n\r\n"
NOISE = random.Random(20261127).randbytes(4_000)
NOTICE = b"This page was taken out of the archive at the wish of its publisher, on the first of November. "


# Records and rows.


def stored_at(data: bytes, target: Target) -> bytes:
    return data[target.record_offset : target.record_offset + target.record_length]


def record_at(data: bytes, target: Target) -> bytes:
    stored = stored_at(data, target)
    return gzip.decompress(stored) if stored[:2] == b"\x1f\x8b" else stored


def text_of(record: bytes) -> bytes:
    return record.partition(END)[2].removesuffix(END)


def with_text(record: bytes, text: bytes) -> bytes:
    """The record with another text, without the digests of the old one."""
    skipped = (b"Content-Length", b"WARC-Block", b"WARC-Payload")
    lines = [line for line in record.partition(END)[0].split(b"\r\n") if not line.startswith(skipped)]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(text)]) + END + text + END


def reframed(record: bytes, target: Target, text: bytes) -> bytes:
    """The record with a text in another frame, under another URL and id."""
    framed = with_text(record, b"Un tout autre titre\n" + text + b"\nUn tout autre pied de page")
    return framed.replace(target.document_url.encode(), URL).replace(target.record_id.encode(), ID)


def over(data: bytes, target: Target, record: bytes) -> bytes:
    """The file with a record of the same length in the place of a target."""
    return put_at(data, target, member_of(record, target.record_length))


def rewritten(change: Callable[[bytes], bytes]) -> Callable[[bytes, Target], bytes]:
    """A change of the text of a record, whose length changes."""

    def changed(data: bytes, target: Target) -> bytes:
        record = record_at(data, target)
        return put_at(data, target, gzip.compress(with_text(record, change(text_of(record)))))

    return changed


def elsewhere(change: Callable[[bytes], bytes] = bytes) -> Callable[[bytes, Target], bytes]:
    """A target taken out of its file, and its text put at the end, in another page."""

    def changed(data: bytes, target: Target) -> bytes:
        record = record_at(data, target)
        return put_at(data, target, b"") + gzip.compress(reframed(record, target, change(text_of(record))))

    return changed


def records_of(data: bytes) -> list[bytes]:
    return [record for record in re.split(rb"(?=WARC/1\.0\r\n)", gzip.decompress(data)) if record]


def packed(records: list[bytes], level: int = 9) -> bytes:
    return b"".join(gzip.compress(record, level) for record in records)


def lines_of(data: bytes) -> list[bytes]:
    return gzip.decompress(data).splitlines(keepends=True)


def reversed_words(text: bytes) -> bytes:
    return b" ".join(reversed(text.split()))


# Changes of a target.


def taken_out(data: bytes, target: Target) -> bytes:
    return put_at(data, target, b"")


def half_blank(data: bytes, target: Target) -> bytes:
    record = record_at(data, target)
    text = text_of(record)
    return over(data, target, record.replace(text, text[: len(text) // 2].ljust(len(text))))


def broken_checksum(data: bytes, target: Target) -> bytes:
    stored = stored_at(data, target)
    return put_at(data, target, stored[:-6] + bytes([stored[-6] ^ 1]) + stored[-5:])


def of_another_kind(data: bytes, target: Target) -> bytes:
    record = record_at(data, target)
    return over(data, target, with_text(record, text_of(record)).replace(b": conversion", b": metadata"))


def empty_with_text(data: bytes, target: Target) -> bytes:
    record = record_at(data, target)
    text = text_of(record)
    return over(data, target, with_text(record, b"") + text[: len(text) * 2 // 3])


def empty_before_noise(data: bytes, target: Target) -> bytes:
    empty = gzip.compress(with_text(record_at(data, target), b""))
    return put_at(data, target, empty + NOISE[: target.record_length - len(empty)])


def response_without_body(data: bytes, target: Target) -> bytes:
    record = record_at(data, target)
    return over(data, target, with_text(record, text_of(record).partition(END)[0] + END))


def short_text(data: bytes, target: Target) -> bytes:
    record = gzip.compress(with_text(record_at(data, target), b"no"))
    return put_at(data, target, record.ljust(target.record_length, b"\0"))


def other_spelling_of_url(data: bytes, target: Target) -> bytes:
    record = record_at(data, target).replace(target.record_id.encode(), ID).replace(b"https://", b"http://")
    text = text_of(record)[::-1].replace(b"e", b"3", 1)[::-1]
    return put_at(data, target, b"") + gzip.compress(with_text(record, text))


def zeroed_and_reframed(data: bytes, target: Target) -> bytes:
    record = record_at(data, target)
    return zeroed(data, target) + gzip.compress(reframed(record, target, text_of(record)))


def emptied_page_before_its_article(data: bytes, target: Target) -> bytes:
    record = record_at(data, target)
    return emptied_page(data, target) + gzip.compress(reframed(record, target, text_of(record)))


emptied_page = rewritten(lambda text: b"Un tout autre titre\nRien de tout cela\nUn tout autre pied de page")


def other_url_and_id(data: bytes, target: Target) -> bytes:
    url, record_id = target.document_url.encode(), target.record_id.encode()
    return packed([record.replace(url, url[::-1]).replace(record_id, ID) for record in records_of(data)])


def under_another_url(data: bytes, target: Target) -> bytes:
    record, url = record_at(data, target), target.document_url.encode()
    record = record.replace(url, url[::-1]).replace(target.record_id.encode(), ID)
    return put_at(data, target, gzip.compress(record))


def other_files_records(data: bytes, target: Target) -> bytes:
    return packed([
        b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: https://elsewhere.example/%d\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-%012d>\r\nContent-Type: text/plain\r\n"
        b"Content-Length: 12\r\n\r\nAnother %04d\r\n\r\n" % (number, number, number)
        for number in range(2_000)
    ])  # fmt: skip


def page_moved(data: bytes, target: Target) -> bytes:
    records, name, url = records_of(data), target.record_id.encode(), target.document_url.encode()
    (ours,) = [each for each in records if b"WARC-Record-ID: " + name in each]
    records.remove(ours)
    # Its length stays, since its header contains it.
    other = ours.replace(name, ID).replace(url, URL.ljust(len(url), b"e")[: len(url)])
    other = re.sub(b"(?<=<title>)[^<]*", lambda title: b"x" * len(title[0]), other)
    return packed([*records, other])


def row_moved(data: bytes, target: Target) -> bytes:
    lines = lines_of(data)
    row = json.loads(lines.pop(target.row_index))
    row |= {"url": URL.decode(), "text": f"Un autre titre\n{row['text']}\nUn autre pied"}
    return gzip.compress(b"".join([*lines, json.dumps(row).encode() + b"\n"]))


def row_taken_out(data: bytes, target: Target) -> bytes:
    lines = lines_of(data)
    del lines[target.row_index]
    return gzip.compress(b"".join(lines))


def document_cut_out(data: bytes, target: Target) -> bytes:
    return gzip.compress(put_at(gzip.decompress(data), target, b""))


def rows_cut_off(data: bytes, target: Target) -> bytes:
    return gzip.compress(b"".join(lines_of(data)[: target.row_index]))


@dataclass(frozen=True)
class Change:
    """A change of a file; the state of its target after each probe, with a part of the doubt, if any.

    `then`: probes by their options, in order. `others`: states of all other places in the end.
    """

    do: Callable[[bytes, Target], bytes]
    then: Mapping[str, str]
    form: str = WET
    others: frozenset[str] = frozenset({"present"})


NOT_FOUND = frozenset({"undecided"})
ASKS_DEEP, ASKS_CORPUS = "undecided: only --deep", "undecided: only --corpus"
UNCOUNTED, SAME_WORDS = "altered: not counted", "altered, the same words"
NO_WORD = "altered: no word of the article"
LONGER = "undecided: longer than before"
BYTES_LEFT = "undecided: may still contain its text"
MAY_BE_READ = dict.fromkeys(("", "words", "deep", "deep words"), BYTES_LEFT)
CHANGES = {
    # Nothing is left of the text.
    "an empty record": Change(
        lambda data, target: over(data, target, with_text(record_at(data, target), b"")), {"": "overwritten"}
    ),
    "zeros": Change(zeroed, {"": "overwritten", "deep": "overwritten", "deep words": "overwritten"}),
    "a response without body": Change(response_without_body, {"": "overwritten"}, PAGES),
    "taken out": Change(taken_out, {"": ASKS_DEEP, "deep": ASKS_CORPUS, "deep words": "dropped"}),
    "a row taken out": Change(row_taken_out, {"words": "dropped"}, ROWS),
    "a document cut out of one member": Change(document_cut_out, {"words": "dropped"}, "single.warc.wet.gz"),
    "its words in another order elsewhere": Change(elsewhere(reversed_words), {"deep words": "dropped"}),
    # Another text is there.
    "half its text": Change(half_blank, {"": UNCOUNTED, "words": "altered"}),
    "half its article elsewhere": Change(
        elsewhere(lambda text: text[: len(text) // 2]), {"deep words": "altered"}
    ),
    "two letters": Change(short_text, {"words": NO_WORD, "deep words": NO_WORD}),
    "its text with escapes": Change(
        rewritten(lambda text: html.escape(text.decode()).encode("ascii", "xmlcharrefreplace")),
        {"deep words": "altered"},
    ),
    "its letters apart": Change(
        rewritten(lambda text: " ".join(text.decode()).encode()), {"deep words": NO_WORD}
    ),
    "its words in another order": Change(rewritten(reversed_words), {"deep words": NO_WORD}),
    "another spelling of its URL": Change(other_spelling_of_url, {"deep words": SAME_WORDS}),
    "its page without its article": Change(emptied_page, {"deep words": NO_WORD}),
    # The text is elsewhere in the file.
    "its article elsewhere": Change(elsewhere(), {"deep": ASKS_CORPUS, "deep words": "present: elsewhere"}),
    "its article after zeros": Change(
        zeroed_and_reframed,
        dict.fromkeys(("", "words"), LONGER) | {"deep": "undecided", "deep words": "present"},
    ),
    "its article after its page without it": Change(
        emptied_page_before_its_article, {"deep words": "present"}
    ),
    "its record at the end": Change(
        lambda data, target: zeroed(data, target) + stored_at(data, target),
        {"": LONGER, "deep": "present"},
    ),
    "its text under another URL": Change(other_url_and_id, {"deep": "present"}),
    "the same under another URL, at its place": Change(
        under_another_url, {"": "present: under another URL", "deep": "present: under another URL"}
    ),
    "a page elsewhere": Change(page_moved, {"deep words": "present"}, PAGES),
    "a row elsewhere": Change(row_moved, {"deep words": "present"}, ROWS),
    # A reader can still read it, or may.
    "a broken checksum": Change(broken_checksum, MAY_BE_READ),
    "an empty record with its text after it": Change(empty_with_text, MAY_BE_READ),
    "an empty record before noise": Change(empty_before_noise, MAY_BE_READ),
    "no magic bytes": Change(
        lambda data, target: put_at(data, target, b"\0" + stored_at(data, target)[1:]), MAY_BE_READ
    ),
    "a record of another kind": Change(of_another_kind, MAY_BE_READ),
    "noise": Change(
        lambda data, target: put_at(data, target, NOISE[: target.record_length]),
        {"": BYTES_LEFT, "deep": BYTES_LEFT},
    ),
    "a notice": Change(
        lambda data, target: put_at(data, target, (NOTICE * 99)[: target.record_length]),
        {"": BYTES_LEFT, "words": BYTES_LEFT},
    ),
    "a broken header": Change(
        lambda data, target: put_at(data, target, b"X" * 8 + stored_at(data, target)[8:]),
        {"": "undecided", "deep": "present: elsewhere in the file", "words": "undecided"},
        "plain.warc.wet",
    ),
    # The file is cut, or another one.
    "taken out and the end cut off": Change(lambda *given: taken_out(*given)[:-7], {"deep": "undecided"}),
    "rows cut off": Change(rows_cut_off, {"deep": "undecided"}, ROWS, frozenset({"present", "undecided"})),
    "another file": Change(other_files_records, {"deep": "undecided"}, WET, NOT_FOUND),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_target_of_a_changed_file_has_this_state(tmp_path: Path, server: Server, change: Change) -> None:
    crawl = release(tmp_path, server, (change.form,))
    case = read_once(crawl)
    target = longest(case)
    crawl.change(target, lambda data: change.do(data, target))
    for options, expected in change.then.items():
        probe(case, crawl, deep="deep" in options, words="words" in options)
        found = states(case)
        here = [each for each in case.targets() if place_of(each) == place_of(target)]
        state, is_less = found[target.target_sha256], expected != SAME_WORDS
        wanted, _, doubt = expected.removesuffix(", the same words").partition(": ")
        assert {found[each.target_sha256].state for each in here} == {wanted}, (options, state)
        assert (state.removed, doubt in state.doubt) == (wanted in REMOVED, True), (options, state)
        if wanted == "altered":
            counted = {NO_WORD: 0, UNCOUNTED: None}.get(expected, state.left or -1)
            assert (state.left, (state.left or 0) < target.copied_words) == (counted, is_less)
    others = [each for each in case.targets() if place_of(each) != place_of(target)]
    assert {found[each.target_sha256].state for each in others} == change.others
    if expected.endswith("elsewhere"):
        shown = [row for row in probes_of(case) if row.number in state.probes and row.outcome == "elsewhere"]
        assert {row.document_url for row in shown} == {URL.decode()}
        assert min(row.copied_words for row in shown) >= target.copied_words
        assert CaseStatus.of(case).claims()[0] == 0


def place_of(target: Target) -> int:
    return int(target.record_offset or target.row_index)


# Changes of two targets, of which the second is behind the first.


def swapped(data: bytes, one: Target, two: Target) -> bytes:
    first, second = stored_at(data, one), stored_at(data, two)
    return put_at(put_at(data, two, first), one, second)


def zeros_in_both(data: bytes, one: Target, two: Target) -> bytes:
    return zeroed(zeroed(data, one), two)


def zeros_and_taken_out(data: bytes, one: Target, two: Target) -> bytes:
    return put_at(zeroed(data, one), two, b"")


def taken_out_before(bad: bytes) -> Callable[[bytes, Target, Target], bytes]:
    """One target taken out, and bad bytes in another."""
    return lambda data, one, two: put_at(
        put_at(data, two, stored_at(data, two)[:10] + bad + stored_at(data, two)[210:]), one, b""
    )


GAPS = "undecided: may contain its text"


@pytest.mark.parametrize(
    ("change", "are_neighbours", "options", "expected", "expected_of_second"),
    [
        (swapped, True, ("deep",), "present", "present"),
        (zeros_in_both, True, ("", "deep words"), "undecided", "undecided"),
        (zeros_and_taken_out, False, ("deep words",), "overwritten", GAPS),
        (taken_out_before(b"\0" * 200), False, ("deep",), GAPS, "undecided"),
        (taken_out_before(NOISE[:200]), False, ("deep",), GAPS, "undecided"),
    ],
    ids=["swapped", "zeros side by side", "zeros and one taken out", "taken out before zeros", "and noise"],
)
def test_two_changed_targets_have_these_states(
    crawl: Release,
    case: RemovalCase,
    change: Callable[[bytes, Target, Target], bytes],
    are_neighbours: bool,
    options: tuple[str, ...],
    expected: str,
    expected_of_second: str,
) -> None:
    found = ordered(case)
    one, two = found[2], found[5]
    if are_neighbours:
        pairs = pairwise(found[1:])
        one, two = next((a, b) for a, b in pairs if a.record_offset + a.record_length == b.record_offset)
    crawl.change(one, lambda data: change(data, one, two))
    for option in options:
        probe(case, crawl, deep="deep" in option, words="words" in option)
        for target, wanted in ((one, expected), (two, expected_of_second)):
            state, (name, _, doubt) = states(case)[target.target_sha256], wanted.partition(": ")
            assert (state.state, doubt in state.doubt) == (name, True), (option, state)


EDGES: dict[str, tuple[Callable[[bytes, Target], bytes], bool]] = {
    "cut before it": (lambda data, target: data[: target.record_offset], False),
    "cut in it": (lambda data, target: data[: target.record_offset + target.record_length // 2], False),
    "just short": (lambda data, target: data[: target.record_offset + target.record_length - 1], False),
    "zeros": (zeroed, True),
}


@pytest.mark.parametrize("place", each_time([0, -1], [0, 3, -1]), ids=["first", "within", "last"])
@pytest.mark.parametrize(("change", "is_removed"), EDGES.values(), ids=EDGES)
@pytest.mark.parametrize("form", each_time([WET], [WET, "plain.warc.wet"]))
def test_a_cut_file_removes_nothing_and_zeros_at_its_edge_do(
    tmp_path: Path,
    server: Server,
    form: str,
    change: Callable[[bytes, Target], bytes],
    is_removed: bool,
    place: int,
) -> None:
    crawl = release(tmp_path, server, (form,))
    case = crawl.open() if place == -1 else read_once(crawl)
    target = ordered(case)[place]
    if place == -1:
        end = target.record_offset + target.record_length
        crawl.change(target, lambda data: data[:end])
        probe(case, crawl)
    crawl.change(target, lambda data: change(data, target))
    for deep in (False, True):
        probe(case, crawl, deep=deep)
        found = {state.state for state in states(case).values() if state.removed}
        assert found == ({"overwritten"} if is_removed else set())


def test_zeros_are_no_removal_once_a_neighbour_does_not_read(crawl: Release, case: RemovalCase) -> None:
    target = longest(case)
    after = target.record_offset + target.record_length
    for state in ("overwritten", "undecided"):
        crawl.change(target, lambda data: zeroed(data, target))
        probe(case, crawl)
        assert states(case)[target.target_sha256].state == state
        crawl.change(target, lambda data: data[:after] + b"\0" * 64 + data[after + 64 :])


def test_a_pointer_that_never_held_is_undecided(crawl: Release) -> None:
    case = crawl.open()
    target = ordered(case)[3]
    crawl.change(target, lambda data: zeroed(data, target))
    for _ in range(2):
        probe(case, crawl)
    state = states(case)[target.target_sha256]
    assert (state.state, "ever read it" in state.doubt) == ("undecided", True)


@pytest.mark.parametrize("form", each_time([PAGES], [WET, PAGES]))
def test_records_in_members_of_another_size_are_present_and_one_taken_out_is_dropped(
    tmp_path: Path, server: Server, form: str
) -> None:
    crawl = release(tmp_path, server, (form,))
    case = read_once(crawl)
    target = ordered(case)[3]
    crawl.change(target, lambda data: packed(records_of(data), 1))
    probe(case, crawl)
    assert not any(state.removed for state in states(case).values())
    probe(case, crawl, deep=True)
    assert {state.state for state in states(case).values()} == {"present"}
    name = target.document_url.encode()
    crawl.change(target, lambda data: packed([each for each in records_of(data) if name not in each], 1))
    probe(case, crawl, deep=True, words=True)
    assert states(case)[target.target_sha256].state == "dropped"


def test_rows_of_a_rewritten_parquet_file_are_present_or_dropped(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server, ("c4.parquet",))
    case = read_once(crawl)
    found = ordered(case)
    lost = {target.row_index for target in found[1:3]}

    def rows_reversed(data: bytes) -> bytes:
        table = pq.read_table(io.BytesIO(data))
        kept = [row for row in reversed(range(table.num_rows)) if row not in lost]
        written = io.BytesIO()
        pq.write_table(table.take(pa.array(kept)), written, row_group_size=5, compression="gzip")
        return written.getvalue()

    crawl.change(found[0], rows_reversed)
    probe(case, crawl)
    assert not any(state.removed for state in states(case).values())
    probe(case, crawl, words=True)
    after = states(case)
    assert {target.row_index: after[target.target_sha256].state for target in case.targets()} == {
        target.row_index: "dropped" if target.row_index in lost else "present" for target in case.targets()
    }
    firsts = {row.outcome for row in probes_of(case) if row.role == "first" and row.round > 1}
    assert firsts == {"rewritten"}


def test_documents_that_had_the_article_before_are_not_where_a_page_went(crawl: Release) -> None:
    everything = crawl.open("everything").targets()
    target = next(
        target
        for target in everything
        if target.place == "record" and target.article_id and any(
            each.article_id == target.article_id
            and not set(names_of(each)) & set(names_of(target))
            for each in everything
        )
    )  # fmt: skip
    (crawl.folder / "rows").write_text(target.row_sha256)
    case = crawl.open("alone", rows=str(crawl.folder / "rows"))
    assert case.about["others"]
    probe(case, crawl)
    name = target.record_id.encode()
    crawl.change(target, lambda data: packed([each for each in records_of(data) if name not in each]))
    probe(case, crawl, deep=True, words=True)
    found = [row for row in CaseStatus.of(case).rows() if row["record_id"] == target.record_id]
    assert {row["state"] for row in found} == {"dropped"}


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
    case = new_case(str(tmp_path / "case"), targets_in(path, "arc"), {"reading": {}})
    assert set(probed(case, path, path.read_bytes(), server).values()) == {"present"}
    target = ordered(case)[1]
    changed = (document_cut_out if packing == "single" else zeroed)(path.read_bytes(), target)
    assert probed(case, path, changed, server)[target.target_sha256] == state
    assert states(case)[target.target_sha256].removed == (state != "undecided")


def probed(
    case: RemovalCase, path: Path, data: bytes, server: Server, *, deep: bool = False
) -> dict[str, Any]:
    """The states after a round of a case whose one file has these bytes on the server."""
    server.objects[f"/crawl/{path.name}"] = data
    mirror = Mirror(str(path.parent), f"{server.url}/crawl")
    report = Prober(case, load_scan_config(flags=QUICK), [mirror], deep=deep).probe()
    assert (report.status.is_finished, report.now) == (True, len(case.targets()))
    return {key: state.state for key, state in states(case).items()}


@pytest.mark.parametrize("batch", each_time([50], [50, TARGETS_A_BATCH]))
def test_more_targets_than_a_batch_holds_are_followed_in_one_file(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(probe_rounds, "TARGETS_A_BATCH", batch)
    path = tmp_path / "00000.warc.wet.gz"
    # Every other record is a target.
    count = 2 * (batch + batch // 5) + 3
    path.write_bytes(
        packed([wet_record(0, number, f"Le texte numéro {number} de la page") for number in range(count)])
    )
    targets = list(targets_in(path))
    assert len(targets) > batch
    case = new_case(str(tmp_path / "case"), targets, {"reading": {}})
    data = path.read_bytes()
    assert set(probed(case, path, data, server).values()) == {"present"}
    # Ranges that are near are one request, and each batch has its own controls.
    assert len(server.requests) < 50
    gone = [ordered(case)[place] for place in (5, batch - 1, batch, batch + batch // 6)]
    for target in gone:
        data = zeroed(data, target)
    expected = {each.target_sha256: "overwritten" if each in gone else "present" for each in case.targets()}
    for deep in (False, True):
        assert probed(case, path, data, server, deep=deep) == expected
    assert {alarm.kind for alarm in CaseStatus.of(case).alarms} == {"file changed"}


@pytest.mark.parametrize("form", [WET, ROWS])
def test_many_targets_of_a_file_share_its_controls(
    tmp_path: Path, server: Server, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_rounds, "TARGETS_A_BATCH", 4)
    crawl = release(tmp_path, server, (form,))
    case = crawl.open()
    noticed = {name for target in case.targets() for name in (target.text_sha256, target.document_url)}
    for _ in range(2):
        probe(case, crawl)
        found = CaseStatus.of(case)
        assert (set(found.counts()), found.alarms) == ({"present"}, [])
    firsts = [row for row in probes_of(case) if row.role == "first"]
    assert len({row.batch for row in firsts}) > 1
    assert not any({row.text_sha256, row.document_url} & noticed for row in firsts)


def test_what_comes_back_alarms_once(crawl: Release, case: RemovalCase) -> None:
    target = longest(case)
    kept = crawl.server.objects[crawl.object_of(target)]
    for data in (zeroed(kept, target), kept, kept):
        crawl.change(target, lambda _, data=data: data)  # type: ignore[misc]
        probe(case, crawl)
    found = CaseStatus.of(case)
    places = [each.target_sha256 for each in case.targets() if each.record_offset == target.record_offset]
    back = [(alarm.round, alarm.about) for alarm in found.alarms if alarm.kind == "reappeared"]
    assert sorted(back) == sorted((3, place) for place in places)
    assert found.states[target.target_sha256].state == "reappeared"
    assert [alarm.round for alarm in found.alarms if alarm.kind == "file changed"] == [2, 3]
