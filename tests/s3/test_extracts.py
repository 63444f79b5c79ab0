"""The extract of a sealed scan on every storage that it is written to."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from presswatch_spark.core.errors import CorruptError, OutputError
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, PageMetadata, ReadReport, TextColumn
from presswatch_spark.scanning.runs.run_work import Outcome, PackedRows
from presswatch_spark.scanning.shard.sealed_candidates import (
    PAGE_LINES,
    PAGES,
    UNVERIFIED,
    CandidateShard,
    begin_extract,
    file_of,
    keep_pages,
    line_of,
)
from presswatch_spark.storage.disk import Folder
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
    extract, uris = f"{place.root}/pages", [f"s3://bucket/{n}.gz" for n in range(3)]
    begin_extract(extract, "this scan", place.options)
    for uri, lines in zip(uris, ([line_of(a_page(), 0, uris[0])], [], [{"line": UNVERIFIED}]), strict=True):
        rows = PackedRows(PAGE_LINES)
        for line in lines:
            rows.add(line)
        rows.pack()
        outcome = keep_pages(Outcome({}, {PAGES: rows}), extract, ObjectInfo(uri), place.options)
        assert outcome.tables == {}
    begin_extract(extract, "this scan", place.options)
    with pytest.raises(OutputError, match="something else"):
        begin_extract(extract, "another scan", place.options)
    assert len(Folder.of(extract, place.options).names()) == 3
    shard, report = CandidateShard("now", log={"shard_uri": uris[0]}, extract=extract), ReadReport()
    (page,) = shard.extracted(place.options, report)
    assert [page.text_of(i) for i in range(2)] == [b"visible \xff", b"in a script"]
    assert [page.locate(i) for i in range(2)] == list(LOCATORS)
    assert line_of(page, 0, uris[0]) == line_of(a_page(), 0, uris[0])
    assert not report.unverified
    for uri, is_unverified in ((uris[1], False), (uris[2], True)):
        assert list(replace(shard, log={"shard_uri": uri}).extracted(place.options, report)) == []
        assert report.unverified == is_unverified
    file = file_of(extract, uris[0])
    data = read_object(file, place.options)[0]
    for damaged in (data[:-20], b"text", gzip.compress(b'{"documents": [7]}\n'), gzip.compress(b"[]\n")):
        write_object(file, damaged, place.options)
        with pytest.raises(CorruptError, match="damaged"):
            list(shard.extracted(place.options, report))
