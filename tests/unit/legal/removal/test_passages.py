"""A page that was put back under another URL and id, with another frame, has its article all the same."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.deep import names_of_target
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.tables.declarations import Target
from tests.unit.legal.removal.test_hostile import ordered, zeroed
from tests.world.release import Release, probe, probes_of, release, states
from tests.world.servers import Server

URL, ID = b"https://ailleurs.example/autre", b"<urn:uuid:00000000-0000-0000-0000-00000000000f>"
Change = Callable[[bytes], bytes]


def reframed(record: bytes, target: Target, of_article: Change = lambda text: text) -> bytes:
    """A record of WET with the same article, and another URL, id and frame."""
    head, _, body = record.partition(b"\r\n\r\n")
    head = head.replace(target.document_url.encode(), URL).replace(target.record_id.encode(), ID)
    text = b"Un tout autre titre\n" + of_article(body.rstrip(b"\r\n")) + b"\nUn tout autre pied de page"
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b"WARC-Block", b"Content-Length"))]
    length = b"Content-Length: %d" % len(text)
    return b"\r\n".join([*lines, length]) + b"\r\n\r\n" + text + b"\r\n\r\n"


def records_of(data: bytes) -> list[bytes]:
    return [record for record in re.split(rb"(?=WARC/1\.0\r\n)", gzip.decompress(data)) if record]


def put_elsewhere(crawl: Release, target: Target, of_article: Change = lambda text: text) -> None:
    """Take a record out of its file, and put its article at the file's end, in another page."""

    def changed(data: bytes) -> bytes:
        name = target.record_id.encode()
        records = records_of(data)
        (ours,) = [record for record in records if name in record]
        left = [record for record in records if record is not ours]
        return b"".join(map(gzip.compress, [*left, reframed(ours, target, of_article)]))

    crawl.change(target, changed)


def longest(case: RemovalCase) -> Target:
    """The target that has the most of its article, and is neither first nor last."""
    return max(ordered(case)[2:-2], key=lambda target: target.copied_words or 0)


def test_an_article_under_another_url_with_another_frame_has_moved(crawl: Release, case: RemovalCase) -> None:
    target = longest(case)
    put_elsewhere(crawl, target)
    probe(case, crawl, deep=True)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed, "--corpus" in state.doubt) == ("undecided", False, True)
    probe(case, crawl, deep=True, words=True)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("present", False)
    last = [row for row in probes_of(case) if row.number in state.probes and row.outcome == "elsewhere"]
    assert {row.document_url for row in last} == {URL.decode()}
    assert {row.copied_words >= target.copied_words for row in last} == {True}
    assert CaseStatus.of(case).claims()[0] == 0


def test_half_of_an_article_under_another_url_is_reduced(crawl: Release, case: RemovalCase) -> None:
    target = longest(case)
    put_elsewhere(crawl, target, lambda text: text[: len(text) // 2])
    probe(case, crawl, deep=True, words=True)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("altered", False)
    assert 0 < (state.left or 0) < target.copied_words


def test_an_article_without_its_words_is_dropped(crawl: Release, case: RemovalCase) -> None:
    target = longest(case)
    put_elsewhere(crawl, target, lambda text: b" ".join(reversed(text.split())))
    probe(case, crawl, deep=True, words=True)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("dropped", True)


def test_an_article_behind_its_overwritten_record_has_moved(crawl: Release, case: RemovalCase) -> None:
    target = longest(case)
    start, end = target.record_offset, target.record_offset + target.record_length
    again = gzip.compress(
        reframed(gzip.decompress(crawl.server.objects[crawl.object_of(target)][start:end]), target)
    )
    crawl.change(target, lambda data: zeroed(data, target) + again)
    for deep, words in ((False, False), (False, True), (True, False)):
        probe(case, crawl, deep=deep, words=words)
        assert not states(case)[target.target_sha256].removed
    probe(case, crawl, deep=True, words=True)
    assert states(case)[target.target_sha256].state == "present"


def test_a_page_that_was_emptied_of_its_article_is_not_removed_while_another_has_it(
    crawl: Release, case: RemovalCase
) -> None:
    target = longest(case)
    name = target.record_id.encode()

    def changed(data: bytes, *, again: bool) -> bytes:
        records = records_of(data)
        (ours,) = [record for record in records if name in record]
        other = reframed(ours, target, lambda text: b"Rien de tout cela")
        other = other.replace(URL, target.document_url.encode()).replace(ID, name)
        left = [other if record is ours else record for record in records]
        return b"".join(map(gzip.compress, [*left, *([reframed(ours, target)] if again else [])]))

    before = crawl.server.objects[crawl.object_of(target)]
    crawl.server.objects[crawl.object_of(target)] = changed(before, again=True)
    probe(case, crawl, deep=True, words=True)
    assert (states(case)[target.target_sha256].state) == "present"
    crawl.server.objects[crawl.object_of(target)] = changed(before, again=False)
    probe(case, crawl, deep=True, words=True)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed, state.left) == ("altered", False, 0)


def alone(crawl: Release) -> tuple[RemovalCase, Target]:
    """A case of one claim, whose article another document of the same file has as well."""
    everything = crawl.open("everything").targets()
    for target in everything:
        others = [
            each
            for each in everything
            if each.article_id == target.article_id
            and not set(names_of_target(each)) & set(names_of_target(target))
        ]
        if target.place == "record" and target.article_id and others:
            (crawl.folder / "rows").write_text(target.row_sha256)
            return crawl.open("alone", rows=str(crawl.folder / "rows"), confidences=()), target
    raise AssertionError("no article stands twice in the file")


def test_documents_that_had_the_article_before_are_not_where_a_page_went(crawl: Release) -> None:
    case, target = alone(crawl)
    assert case.about["others"]
    probe(case, crawl)
    name = target.record_id.encode()
    crawl.change(
        target,
        lambda data: b"".join(gzip.compress(each) for each in records_of(data) if name not in each),
    )
    probe(case, crawl, deep=True, words=True)
    states_of_place = {
        row["state"] for row in CaseStatus.of(case).rows() if row["record_id"] == target.record_id
    }
    assert states_of_place == {"dropped"}


@pytest.mark.parametrize("form", ["c4-train.json.gz", "pages.warc.gz"])
def test_it_is_the_same_in_rows_and_in_pages(tmp_path: Path, server: Server, form: str) -> None:
    crawl = release(tmp_path, server, (form,))
    case = crawl.open()
    probe(case, crawl)
    target = max(case.targets(), key=lambda each: each.copied_words or 0)
    data = crawl.server.objects[crawl.object_of(target)]
    if form.endswith(".json.gz"):
        lines = gzip.decompress(data).splitlines(keepends=True)
        row = json.loads(lines.pop(target.row_index))
        row |= {"url": URL.decode(), "text": f"Un autre titre\n{row['text']}\nUn autre pied"}
        changed = gzip.compress(b"".join([*lines, json.dumps(row).encode() + b"\n"]))
    else:
        records = records_of(data)
        name, url = target.record_id.encode(), target.document_url.encode()
        (ours,) = [each for each in records if b"WARC-Record-ID: " + name in each]
        records.remove(ours)
        # Its length stays, since its header says it.
        other = ours.replace(name, ID).replace(url, URL.ljust(len(url), b"e")[: len(url)])
        other = re.sub(b"(?<=<title>)[^<]*", lambda title: b"x" * len(title[0]), other)
        changed = b"".join(map(gzip.compress, [*records, other]))
    crawl.server.objects[crawl.object_of(target)] = changed
    probe(case, crawl, deep=True, words=True)
    state = states(case)[target.target_sha256]
    assert (state.state, state.removed) == ("present", False)
