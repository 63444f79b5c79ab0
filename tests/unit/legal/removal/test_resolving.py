"""The WARC record of a WET record's capture: an index says where it is; until then it is not removed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli.demo.generate import release_pages
from presswatch_spark.core.model import ReadReport
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.rounds import Prober, ProbeReport
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.reading.registry import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc_format import warc_shard_of
from presswatch_spark.storage.objects import StorageOptions, stat
from tests.world.proofs import each_time
from tests.world.release import QUICK, Release, probes_of, query, release
from tests.world.scanned import FORMS
from tests.world.servers import Reply, Server

NAME = "a"
NONE = Reply(404, {}, json.dumps({"message": "No Captures found for: x"}).encode())


@dataclass
class Crawl:
    """A crawl whose WET files alone were scanned; `server` has both, and an index of the WARC file.

    `folder`: where the WARC file lies, as the server names it.
    """

    folder: Path
    wet: Release
    server: Server
    case: RemovalCase

    @property
    def warc(self) -> str:
        return f"/crawl/warc/{NAME}.warc.gz"

    def probe(self, *, index: bool = True, deep: bool = False) -> ProbeReport:
        mirror = Mirror(str(self.wet.shards.parent), f"{self.server.url}/crawl")
        config, corpus = load_scan_config(flags=QUICK), Corpus.open(str(self.wet.corpus))
        endpoint = f"{self.server.url}/{{release}}-index" if index else None
        return Prober(self.case, config, [mirror], corpus, deep, endpoint).probe()

    def of(self, dataset: str) -> list[dict[str, Any]]:
        """The places of a dataset, as `status --json` prints them."""
        return [row for row in CaseStatus.of(self.case).rows() if row["dataset"] == dataset]


@pytest.fixture
def crawl(tmp_path: Path, server: Server) -> Crawl:
    wet = release(tmp_path, server, (f"{NAME}.warc.wet.gz",), "crawl/wet")
    server.objects = {path.replace("/crawl/", "/crawl/wet/"): data for path, data in server.objects.items()}
    (tmp_path / "crawl" / "warc").mkdir(parents=True)
    pages = [page for shelf in release_pages().values() for page in shelf]
    path = tmp_path / "crawl" / "warc" / f"{NAME}.warc.gz"
    FORMS["pages.warc.gz"](path, pages)
    found = Crawl(tmp_path, wet, server, wet.open())
    server.objects[found.warc] = path.read_bytes()
    for target in found.case.targets():
        address = query("/{release}-index", target.release, target.document_url)
        server.queries[address] = NONE
    for url, captured_at, offset, length in records(path):
        said = {"filename": f"crawl-data/x/warc/{NAME}.warc.gz", "offset": str(offset), "length": str(length)}
        line = json.dumps({"timestamp": captured_at.strftime("%Y%m%d%H%M%S"), "url": url, **said})
        other = json.dumps({"timestamp": "20200101000000", "url": url, **said, "offset": "0"})
        server.queries[query("/{release}-index", "CC-MAIN-2024-51", url)] = Reply(
            200, {}, f"{other}\n{line}".encode()
        )
    return found


def records(path: Path) -> Iterator[tuple[str, Any, int, int]]:
    """URL, time, offset and length of each page of a WARC file."""
    options, shard = ReadOptions(), stat(str(path), StorageOptions())
    for batch in format_for("warc", shard, options).read(shard, options, ReadReport()):
        for i in range(len(batch)):
            at = batch.locate(i)
            yield batch.url_of(i), at.captured_at, at.record_offset, at.record_length


def test_the_name_of_a_wet_file_names_its_warc_file() -> None:
    wet = "https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-51/segments/1.2/wet/a-00000.warc.wet.gz"
    warc = "https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-51/segments/1.2/warc/a-00000.warc.gz"
    assert warc_shard_of(wet) == ("warc", warc)
    for other in ("/data/a.warc.wet.gz", "/x/wet/a.warc.gz", "/wet.d/a.warc.wet.gz", warc):
        assert warc_shard_of(other) is None


def test_without_an_index_a_place_that_no_scan_found_is_unresolved(crawl: Crawl) -> None:
    probed = crawl.probe(index=False)
    assert probed.is_complete
    assert {row["state"] for row in crawl.of("wet")} == {"present"}
    found = crawl.of("warc")
    assert len(found) == len(crawl.of("wet"))
    assert {(row["state"], row["removed"], row["doubt"][:10]) for row in found} == {
        ("undecided", False, "unresolved")
    }
    assert not any(path == crawl.warc for _, path, _ in crawl.server.requests)
    crawl.server.objects = {path: data for path, data in crawl.server.objects.items() if path != crawl.warc}
    crawl.probe(index=False, deep=True)
    assert not any(row["removed"] for row in crawl.of("warc"))


def test_an_index_says_where_the_record_is_and_it_is_followed_from_then_on(crawl: Crawl) -> None:
    crawl.probe(index=False)
    crawl.probe()
    assert {row["state"] for row in crawl.of("warc")} == {"present"}
    places = {row["record_offset"] for row in crawl.of("warc")}
    assert None not in places
    assert {row.role for row in probes_of(crawl.case)} >= {"place", "target", "first", "before", "after"}
    # What was resolved is known to the case: no index is needed again.
    crawl.server.queries.clear()
    target = sorted(crawl.of("warc"), key=lambda row: row["record_offset"])[2]
    start, length = target["record_offset"], target["record_length"]
    data = crawl.server.objects[crawl.warc]
    crawl.server.objects[crawl.warc] = data[:start] + b"\0" * length + data[start + length :]
    crawl.probe(index=False)
    (state,) = {row["state"] for row in crawl.of("warc") if row["record_offset"] == start}
    assert state == "overwritten"
    assert {row["state"] for row in crawl.of("warc") if row["record_offset"] != start} == {"present"}


def test_a_claim_is_not_removed_while_the_warc_record_reads(crawl: Crawl) -> None:
    crawl.probe()
    target = sorted(crawl.of("wet"), key=lambda row: row["record_offset"])[2]
    start, length = target["record_offset"], target["record_length"]
    path = f"/crawl/wet/{NAME}.warc.wet.gz"
    data = crawl.server.objects[path]
    crawl.server.objects[path] = data[:start] + b"\0" * length + data[start + length :]
    crawl.probe()
    assert {row["state"] for row in crawl.of("wet") if row["record_offset"] == start} == {"overwritten"}
    assert CaseStatus.of(crawl.case).claims()[0] == 0


@pytest.mark.parametrize(
    "lie",
    each_time(
        ["other place", "an error page"],
        ["other file", "other place", "no number", "an error page", "none"],
    ),
)
def test_an_index_that_lies_resolves_nothing(crawl: Crawl, lie: str) -> None:
    def changed(reply: Reply) -> Reply:
        if lie in ("an error page", "none") or reply is NONE:
            return NONE if lie == "none" else Reply(200, {}, b"<html>Sorry</html>")
        lines = [json.loads(line) for line in reply.body.splitlines()]
        for line in lines:
            if lie == "other file":
                line["filename"] = "crawl-data/x/warc/another.warc.gz"
            else:
                line["offset"] = "-5" if lie == "no number" else str(int(line["offset"]) + 1)
        return Reply(200, {}, "\n".join(map(json.dumps, lines)).encode())

    crawl.server.queries = {address: changed(reply) for address, reply in crawl.server.queries.items()}
    crawl.probe()
    assert {(row["state"], row["removed"]) for row in crawl.of("warc")} == {("undecided", False)}


def test_a_record_of_another_page_is_not_taken_for_the_one_that_was_looked_for(crawl: Crawl) -> None:
    data = crawl.server.objects[crawl.warc]
    for row in crawl.of("warc"):
        url = row["document_url"].encode()
        assert url in gzip.decompress(data)
    other = gzip.decompress(data).replace(b"WARC-Date: 2024", b"WARC-Date: 2023")
    crawl.server.objects[crawl.warc] = gzip.compress(other)
    crawl.probe()
    assert not any(row["removed"] for row in crawl.of("warc"))
