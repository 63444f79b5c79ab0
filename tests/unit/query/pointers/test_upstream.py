"""`presswatch fetch --upstream`: from a row of each dataset up to the WARC record that it was made from."""

import gzip
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warcio.archiveiterator import ArchiveIterator

from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.settings.config import MinHashRules, ReadRules, ScanConfig, row_settings
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.releases.datasets import load_datasets, part_of
from presswatch_spark.storage.objects import stat
from presswatch_spark.storage.shards import plan
from tests.unit.scanning.releases.test_datasets import ROWS, write_shard
from tests.world.commands import Outcome, outcome
from tests.world.index_files import SCHEMA, listed, lists, row_of
from tests.world.proofs import each_time
from tests.world.prose import pages
from tests.world.scanned import SEED, press, records_of, rows_in
from tests.world.servers import Reply, Server, web
from tests.world.tables import publish

DATASETS = load_datasets()
CRAWL, RUN = "CC-MAIN-2024-51", "20261125T000000Z-abcdef"
WARC = f"crawl-data/{CRAWL}/segments/1/warc/a.warc.gz"
WET = f"crawl-data/{CRAWL}/segments/1/wet/a.warc.wet.gz"
AT, MOMENT = "2024-12-14T01:58:10Z", datetime(2024, 12, 14, 1, 58, 10, tzinfo=UTC)
BY_INDEX = (
    "c4", "mc4", "oscar-2109", "oscar-2201", "oscar-2301", "culturax", "dclm", "nemotron-cc", "fineweb",
    "fineweb-2", "redpajama-v2",
)  # fmt: skip
BY_OFFSET = ("finepdfs", "hplt-2", "hplt-3")
NOWHERE = ("dolma-3", "madlad-400", "common-corpus")


@dataclass
class Release:
    """A release of one crawl on this disk, an index of it, and the page that datasets took a row from."""

    folder: Path
    corpus: Path
    page: Page
    offset: int
    length: int
    record_id: str
    site: Server
    out: Path = Path()

    @property
    def index(self) -> str:
        return f"{self.site.url}/{{release}}-index"

    def list(self, *captures: Mapping[str, str], status: int = 200) -> None:
        lists(self.site, CRAWL, self.page.url, *captures, status=status)

    @property
    def capture(self) -> dict[str, str]:
        return listed(self.page.url, MOMENT, WARC, self.offset, self.length)

    def fetched(self, digest: str, *more: str | Path, index: bool = False) -> Outcome:
        """Fetch the record upstream of a row, by mirrors of its places; `index`: with the index."""
        mirrors = ("--mirror", f"https://data.commoncrawl.org={self.folder}", "--mirror", f".={self.folder}")
        indexed = ("--index", self.index) if index else ()
        return outcome("fetch", self.out / "tables", "--row", digest, "--upstream", *mirrors, *indexed, *more)

    def shown(self, digest: str, *more: str | Path, index: bool = False) -> Outcome:
        printed = self.fetched(digest, *more, index=index)
        assert printed.code == 0, printed.err
        return printed

    def refused(self, digest: str, *more: str | Path, index: bool = False) -> str:
        printed = self.fetched(digest, *more, index=index)
        assert printed.code == 1, printed
        assert self.page.text[:40] not in printed.out
        return printed.err


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Release:
    folder = tmp_path_factory.mktemp("release")
    article = press()[0]
    found = [replace(page, language="fra") for page in pages(6, SEED, press(), share=0.0)]
    copied = replace(found[0], url="https://copie.example/une", text=article.body, language="fra")
    for name, write in ((WARC, shards.write_warc), (WET, shards.write_wet)):
        (folder / name).parent.mkdir(parents=True)
        some = [copied, *found[1:]]
        write(folder / name, map(shards.web_page, some) if name == WARC else some)
    ((start, length, named),) = [
        (start, length, fields["WARC-Record-ID"])
        for fields, start, length in records_of((folder / WARC).read_bytes())
        if (fields["WARC-Type"], fields.get("WARC-Target-URI")) == ("response", copied.url)
    ]
    return Release(folder, corpus, copied, start, length, named, Server())


@pytest.fixture
def release(made: Release, tmp_path: Path) -> Iterator[Release]:
    with web() as site:
        one = replace(made, site=site, out=tmp_path)
        one.list(one.capture)
        yield one


def row_of_dataset(name: str, release: Release) -> dict[str, Any]:
    """The row of the layout of a dataset, made of the page of the release."""
    row = json.loads(json.dumps(ROWS[name][1]))
    facts = {
        "text": release.page.text, "raw_content": release.page.text, "url": release.page.url,
        "u": release.page.url, "date": AT, "timestamp": AT, "ts": AT, "date_download": AT,
        "file_path": f"s3://commoncrawl/{WARC}", "cc_segment": WET, "f": f"./{WARC}", "dump": CRAWL,
        "offset": release.offset, "o": release.offset, "s": release.length,
        "warc_record_id": release.record_id,
    }  # fmt: skip
    row |= {key: value for key, value in facts.items() if key in row}
    if name in ("fineweb", "fineweb-2", "finepdfs"):
        row["id"] = release.record_id
    if name == "dclm":
        row["metadata"] |= {"WARC-Date": AT, "WARC-Record-ID": release.record_id}
    return dict(row)


def scanned(name: str, release: Release, **changes: Any) -> str:
    """Write a shard of a dataset below a mirror, scan it by its name, and return a row's digest."""
    dataset, mirror = DATASETS[name], release.out / "mirror"
    row = row_of_dataset(name, release) | changes if name in ROWS else None
    path = write_shard(mirror, name, row, release.page)
    if name == "nemotron-cc":
        path.rename(path.with_name(f"{CRAWL}-part-00000.jsonl.zstd"))
    found = part_of(dataset, dataset.part, str(mirror))
    config = ScanConfig(read=ReadRules(columns=found.columns, release=found.release))
    (shard,) = plan([found.path], config.storage).shards
    return published(shard.uri, found.format, config, name, release)


def published(uri: str, form: str, config: ScanConfig, product: str | None, release: Release) -> str:
    digest = Corpus.open(str(release.corpus)).manifest.digest
    done = ShardScan(form, str(release.corpus), digest, config, product)(stat(uri, config.storage))
    assert done.log["status"] == "complete", done.log
    rows = rows_in(done)
    (row,) = (row for row in rows if row["article_id"] == "a0001" or row["copied_words"] > 50)
    assert row["product"] == (product or "common-crawl")
    publish(release.out / "tables", RUN, rows, config=row_settings(config, MinHashRules()))
    return str(row["row_sha256"])


@pytest.mark.parametrize("name", each_time([*BY_INDEX[::3], *BY_OFFSET[:2]], [*BY_INDEX, *BY_OFFSET]))
def test_a_row_of_every_dataset_that_leads_back_leads_to_its_record(release: Release, name: str) -> None:
    digest = scanned(name, release)
    told = release.shown(digest, index=name in BY_INDEX).facts
    assert told["document"] == release.page.url
    assert "the longest of" in told["checked"]
    has_id = name in ("fineweb", "fineweb-2", "finepdfs", "dclm", "nemotron-cc")
    assert ("record id" in told["checked"]) == has_id
    place = f"#offset={release.offset},length={release.length},"
    assert told["pointer"].startswith(f"{release.folder / WARC}{place}")
    assert "format=warc" in told["pointer"]
    assert len(release.site.requests) == (name in BY_INDEX)


@pytest.mark.parametrize("name", NOWHERE)
def test_rows_that_lead_nowhere_say_so(release: Release, name: str) -> None:
    said = release.refused(scanned(name, release), index=True)
    assert f"rows of {name} contain neither a place in a file nor a URL" in said
    assert release.site.requests == []
    assert {*BY_INDEX, *BY_OFFSET, *NOWHERE} == set(DATASETS), "every dataset is tried here"


def test_a_row_that_an_index_leads_back_from_asks_for_one(release: Release) -> None:
    assert "--index https://index.commoncrawl.org/{release}-index" in release.refused(scanned("c4", release))


def test_a_row_of_wet_leads_to_the_page_of_its_text_and_one_of_warc_nowhere(release: Release) -> None:
    digest = published(str(release.folder / WARC), "warc", ScanConfig(), None, release)
    assert "without --upstream" in release.refused(digest)
    digest = published(str(release.folder / WET), "wet", ScanConfig(), None, release)
    assert "pass --index" in release.refused(digest)
    assert f"{WARC}#offset={release.offset}" in release.shown(digest, index=True).out


@pytest.mark.parametrize("form", ["columnar", "cdxj"])
def test_files_of_an_index_are_read_in_the_place_of_a_server(release: Release, form: str) -> None:
    digest = scanned("c4", release)
    if form == "columnar":
        index = release.out / "index.parquet"
        rows = [
            row_of(random.Random(1), host, "warc", url, f"www.{host}" if "autre" in host else host)
            | {"warc_filename": WARC, "warc_record_offset": place, "warc_record_length": release.length}
            | {"fetch_time": at}
            for host, url, place, at in (
                ("autre.example", "https://www.autre.example/", 1, MOMENT),
                ("copie.example", release.page.url, 2, MOMENT + timedelta(days=1)),
                ("copie.example", release.page.url, release.offset, MOMENT),
            )
        ]
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), index)
    else:
        index = release.out / "cdx-00000.gz"
        line = f"example,copie)/une 20241214015810 {json.dumps(release.capture)}\n"
        index.write_bytes(gzip.compress(b"example,autre)/ 20241214015810 {}\n" + line.encode()))
    assert f"{WARC}#offset={release.offset}" in release.shown(digest, "--index", index).out


@pytest.mark.parametrize("spelling", ["{}", "urn:uuid:{}", "<URN:UUID:{}>", "{} "])
def test_the_id_of_a_record_may_be_spelt_in_several_ways(release: Release, spelling: str) -> None:
    named = spelling.format(release.record_id.removeprefix("<urn:uuid:").removesuffix(">"))
    digest = scanned("fineweb-2", release, id=named)
    assert "URL, time, record id of the record" in release.shown(digest, index=True).out


def test_a_capture_with_milliseconds_is_found_behind_one_that_is_listed_many_times(release: Release) -> None:
    moment = {"timestamp": f"{release.capture['timestamp']}512"}
    release.list(*[release.capture | {"offset": "0"}] * 12, release.capture | moment)
    digest = scanned("c4", release)
    release.shown(digest, index=True)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSWATCH_STORAGE__MAX_ATTEMPTS", "2")
    monkeypatch.setenv("PRESSWATCH_STORAGE__BACKOFF_BASE", "0.01")


class TestWhatIsNotBelieved:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"offset": 0}, "no record with text begins there"),
            ({"offset": 3}, "no record begins there"),
            ({"offset": 1 << 40}, "the shard ends before it"),
            ({"url": "https://copie.example/deux"}, "other URI"),
            ({"date": "2024-12-14T01:58:11Z"}, "captured at another time"),
            ({"id": "<urn:uuid:00000000-0000-0000-0000-000000000000>"}, "other record id"),
            ({"file_path": f"s3://commoncrawl/{WARC}.warc.gz"}, "there is no such file"),
        ],
    )
    def test_a_record_that_is_not_what_the_row_says(
        self, release: Release, change: dict[str, Any], reason: str
    ) -> None:
        digest = scanned("finepdfs", release, **change)
        assert reason in release.refused(digest)

    def test_a_page_without_the_copied_words(self, release: Release) -> None:
        other = press()[1].body
        digest = scanned("finepdfs", release, text=other)
        assert "other words: its page lacks the longest passage" in release.refused(digest)

    @pytest.mark.parametrize("path", ["/etc/a.warc.gz", "./../../a.warc.gz", "s3://commoncrawl/../a.warc.gz"])
    def test_a_row_leads_to_no_file_of_this_disk_outside_of_a_mirror(
        self, release: Release, path: str
    ) -> None:
        digest = scanned("fineweb-2", release, file_path=path)
        assert "of its publisher's file" in release.refused(digest)

    @pytest.mark.parametrize(
        ("captures", "status", "reason"),
        [
            ([], 200, "CC-MAIN-2024-51 lists no capture of the URL at this time"),
            ([{"timestamp": "20241214015811"}], 200, "lists no capture of the URL at this time"),
            ([{"offset": "0"}], 200, "no record with text begins there"),
            ([{"filename": "../../a.warc.gz"}], 200, "lists a capture without its place"),
            ([{"url": "https://copie.example/deux"}], 200, "lists no capture"),
            ([{}], 503, "the index refuses with status 503"),
        ],
    )
    def test_an_index_that_does_not_lead_to_the_record(
        self, release: Release, captures: list[dict[str, str]], status: int, reason: str
    ) -> None:
        release.list(*({**release.capture, **each} for each in captures), status=status)
        digest = scanned("c4", release)
        assert reason in release.refused(digest, index=True)

    @pytest.mark.parametrize("coding", ["gzip", "br"])
    def test_an_index_that_packs_its_answers(self, release: Release, coding: str) -> None:
        queries = release.site.queries
        for query, reply in queries.items():
            queries[query] = Reply(200, {"Content-Encoding": coding}, gzip.compress(reply.body))
        done, is_refused = release.fetched(scanned("c4", release), index=True), coding == "br"
        assert (done.code, "the answer is not a list of captures" in done.err) == (is_refused, is_refused)

    def test_of_several_captures_without_a_time_the_record_id_decides(self, release: Release) -> None:
        others = [
            release.capture | {"offset": str(start), "length": str(length)}
            for _, start, length in records_of((release.folder / WARC).read_bytes())
        ]
        release.list(*others[:4])
        digest = scanned("nemotron-cc", release)
        release.shown(digest, index=True)
        release.list(*(each for each in others if each["offset"] != str(release.offset)))
        assert "not the record" in release.refused(digest, index=True)

    def test_a_row_whose_document_changed_leads_nowhere(self, release: Release) -> None:
        digest = scanned("fineweb-2", release)
        (shard,) = (release.out / "mirror").rglob("*.parquet")
        row = row_of_dataset("fineweb-2", release) | {"text": "Autre."}
        pq.write_table(pa.Table.from_pylist([row]), shard)
        assert "other text" in release.refused(digest, index=True)


def test_a_row_of_a_file_that_nobody_has_needs_a_time_for_the_index(release: Release) -> None:
    """An offset in such a file tells no capture from another."""
    digest = scanned("hplt-2", release, ts="", f="/data/x.warc.gz")
    assert "it may be of any capture" in release.refused(digest, index=True)


def test_the_record_is_written_as_warc(release: Release) -> None:
    out = release.out / "one.warc.gz"
    digest = scanned("fineweb", release)
    release.shown(digest, "--out", out, index=True)
    with out.open("rb") as file:
        (record,) = ArchiveIterator(file)
        assert record.rec_headers.get_header("WARC-Record-ID") == release.record_id
