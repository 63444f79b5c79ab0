"""The extract of a sealed scan on every storage that it is written to."""

import os
from dataclasses import replace

import numpy as np
import pytest

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.model import DocumentBatch, Locator, PageMetadata, ReadReport, TextColumn
from presswatch_spark.scanning.runs.work import Outcome
from presswatch_spark.scanning.shard.candidate_pages import (
    PAGES,
    UNVERIFIED,
    CandidateShard,
    join_pages,
    keep_pages,
    line_of,
    parts_of,
    rows_of_extract,
)
from presswatch_spark.storage.objects import ObjectInfo, read_object, write_object
from tests.world.places import Place

LOCATORS = (
    Locator("id", 7, 9, "gzip", languages=("fra",)),
    Locator("id", 7, 9, "gzip", text_source="json_ld"),
)
STRING = {"document_start": 0, "document_end": 2, "path": "$.a", "start": 3, "end": 5}


def a_page() -> DocumentBatch:
    texts = TextColumn.joined([b"visible \xff", b"in a script"])
    urls = TextColumn.joined([b"https://a.example/"] * 2)
    return DocumentBatch(
        texts, urls, LOCATORS.__getitem__, main_text=lambda i: b"main", mains=np.zeros(2, np.int64),
        page_metadata=lambda i: PageMetadata(publisher="P"), hidden_from=lambda i: 3,
        strings=lambda i: [STRING],
    )  # fmt: skip


@pytest.mark.parametrize("place", ["disk", "s3"], indirect=True)
def test_an_extract_gives_the_pages_that_were_written(place: Place) -> None:
    extract, uris = f"{place.root}/pages.jsonl.gz", [f"s3://bucket/{n}.gz" for n in range(3)]
    for uri, lines in zip(uris, ([line_of(a_page(), 0, uris[0])], [], [{"line": UNVERIFIED}]), strict=True):
        rows = rows_of_extract()
        for line in lines:
            rows.add(line)
        rows.pack()
        outcome = keep_pages(Outcome({}, {PAGES: rows}), extract, ObjectInfo(uri), place.options)
        assert outcome.tables == {}
    join_pages(extract, uris, place.options)
    if place.root.startswith("/"):
        assert os.listdir(place.root) == ["pages.jsonl.gz"]
    parts = parts_of(extract, place.options)
    assert list(parts) == [uris[0], uris[2]]
    shard, report = CandidateShard(uris[0], part=parts[uris[0]]), ReadReport()
    (page,) = shard.extracted(place.options, report)
    assert [page.text_of(i) for i in range(2)] == [b"visible \xff", b"in a script"]
    assert [page.locate(i) for i in range(2)] == list(LOCATORS)
    assert line_of(page, 0, uris[0]) == line_of(a_page(), 0, uris[0])
    assert not report.unverified
    assert list(replace(shard, part=parts[uris[2]]).extracted(place.options, report)) == []
    assert report.unverified
    data = read_object(extract, place.options)[0]
    write_object(extract, data[:-20], place.options)
    with pytest.raises(CorruptError, match="damaged"):
        list(replace(shard, part=parts_of(extract, place.options)[uris[0]]).extracted(place.options, report))
