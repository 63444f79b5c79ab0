"""Pages of ARC files as documents: what `--format arc`, `warc` and `auto` read, and pointers into them."""

from __future__ import annotations

from pathlib import Path

import pytest

from presswatch_spark.query.pointers.checks import Record
from presswatch_spark.query.pointers.pointer import Pointer
from presswatch_spark.query.pointers.records import records_at
from presswatch_spark.reading.source import ReadOptions
from tests.world.arc import arc_record, packed_arc
from tests.world.shards import read

PACKINGS = ("record", "single", "plain")


def page(i: int) -> bytes:
    text = f"<html><p>Été {i} à <a href=x>la</a> une &eacute;</p>".encode("cp1252")
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n" + text


def saved(folder: Path, packing: str) -> Path:
    records = [arc_record(page(i), f"http://exemple.fr/{i}") for i in range(5)]
    records[2:2] = [
        arc_record(
            b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG",
            fields="192.0.2.7 20100130112233 image/png",
        ),
        arc_record(
            b"20100130\nexemple.fr. 1 IN A 192.0.2.7", "dns:exemple.fr", fields="- 20100130112233 text/dns"
        ),
        arc_record(b""),
    ]
    path = folder / "un.arc.gz"
    path.write_bytes(packed_arc(packing, records))
    return path


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("format", ["auto", "warc", "arc"])
def test_pages_are_documents_and_the_rest_is_counted(tmp_path: Path, packing: str, format: str) -> None:
    found, report = read(saved(tmp_path, packing), format)
    assert [document.url for document in found] == [f"http://exemple.fr/{i}" for i in range(5)]
    assert [document.text.decode().strip() for document in found] == [f"Été {i} à la une é" for i in range(5)]
    assert {document.locator.http_status for document in found} == {200}
    assert report.skipped == {"image/png": 1, "text/dns": 1, "empty response": 1}
    assert report.defects_total == 0


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("format", [None, "arc"])
def test_a_pointer_leads_back_to_the_page(tmp_path: Path, packing: str, format: str | None) -> None:
    path = saved(tmp_path, packing)
    for document in read(path)[0]:
        place = document.locator
        pointer = Pointer(
            uri=str(path),
            offset=place.record_offset,
            length=place.record_length,
            row=None,
            encoding=place.record_encoding,
            format=format,
        )
        ((_, record),) = records_at([pointer], ReadOptions())
        assert isinstance(record, Record), record
        assert (record.text, record.facts.document_url) == (document.text, document.url)
        assert record.facts.payload_digest_computed == place.payload_digest_computed
        assert (record.stored is not None) == (packing != "single")
