"""`presswatch fetch --upstream`: from a row of each dataset up to the WARC record that it was made from."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from warcio.archiveiterator import ArchiveIterator

from benchmarks.census.material import SCHEMA, row_of
from presswatch_spark.cli import main as cli
from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.settings.config import MinHashRules, ReadRules, ScanConfig, row_settings
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.releases.datasets import load_datasets, part_of
from presswatch_spark.storage.objects import stat
from presswatch_spark.storage.shards import plan
from tests.unit.scanning.releases.test_datasets import ROWS
from tests.world.prose import pages
from tests.world.scanned import SEED, members, press, press_corpus
from tests.world.servers import Reply, Server, web
from tests.world.shards import write_oscar_2201
from tests.world.tables import publish

DATASETS = load_datasets()
CRAWL, RUN = "CC-MAIN-2024-51", "20261125T000000Z-abcdef"
WARC = f"crawl-data/{CRAWL}/segments/1/warc/a.warc.gz"
WET = f"crawl-data/{CRAWL}/segments/1/wet/a.warc.wet.gz"
AT, MOMENT = "2024-12-14T01:58:10Z", datetime(2024, 12, 14, 1, 58, 10, tzinfo=UTC)
OSCAR = {
    "oscar-2109": shards.write_oscar_2109,
    "oscar-2201": write_oscar_2201,
    "oscar-2301": shards.write_oscar_2301,
}
FILES_OF_OSCAR = {
    "oscar-2109": "packaged/fr/fr_part_1.txt.gz",
    "oscar-2201": "compressed/fr_meta/fr_meta_part_1.jsonl.gz",
    "oscar-2301": "fr_meta/fr_meta_part_1.jsonl.zst",
}
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

    @property
    def index(self) -> str:
        return f"{self.site.url}/{{release}}-index"

    def list(self, *captures: Mapping[str, str], status: int = 200) -> None:
        """Let the index answer with these captures."""
        lines = "\n".join(map(json.dumps, captures))
        self.site.queries[f"/{CRAWL}-index?url={quote(self.page.url, safe='')}&output=json"] = Reply(
            status, {}, lines.encode()
        )

    @property
    def capture(self) -> dict[str, str]:
        return {
            "url": self.page.url, "timestamp": "20241214015810", "filename": WARC,
            "offset": str(self.offset), "length": str(self.length),
        }  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    corpus = press_corpus(folder / "press")
    article = press()[0]
    found = [replace(page, language="fra") for page in pages(6, SEED, press(), share=0.0)]
    copied = replace(found[0], url="https://copie.example/une", text=article.body, language="fra")
    for name, write in ((WARC, shards.write_warc), (WET, shards.write_wet)):
        (folder / name).parent.mkdir(parents=True)
        some = [copied, *found[1:]]
        write(folder / name, map(shards.web_page, some) if name == WARC else some)
    for start, end in members((folder / WARC).read_bytes()):
        record = gzip.decompress((folder / WARC).read_bytes()[start:end])
        if b"WARC-Type: response" in record and copied.url.encode() in record:
            (named,) = re.findall(r"WARC-Record-ID: (\S+)", record.decode("latin-1"))
            return Release(folder, corpus, copied, start, end - start, named, Server())
    raise AssertionError("no record of the page")


@pytest.fixture
def release(made: Release) -> Iterator[Release]:
    with web() as site:
        one = replace(made, site=site)
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


def scanned(
    name: str, release: Release, tmp_path: Path, change: Callable[[dict[str, Any]], None] | None = None
) -> str:
    """Write a shard of a dataset below a mirror, scan it by its name, and return a row's digest."""
    dataset, mirror = DATASETS[name], tmp_path / "mirror"
    if name in OSCAR:
        path = mirror / FILES_OF_OSCAR[name]
        path.parent.mkdir(parents=True)
        OSCAR[name](path, [release.page])
    else:
        path, row = mirror / ROWS[name][0], row_of_dataset(name, release)
        if name == "nemotron-cc":
            path = path.with_name(f"{CRAWL}-part-00000.jsonl.zstd")
        if change:
            change(row)
        path.parent.mkdir(parents=True)
        line = json.dumps(row).encode() + b"\n"
        if path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist([row]), path)
        else:
            path.write_bytes(
                gzip.compress(line) if path.suffix == ".gz" else zstandard.ZstdCompressor().compress(line)
            )
    found = part_of(dataset, dataset.part, str(mirror))
    config = ScanConfig(read=ReadRules(columns=found.columns, release=found.release))
    (shard,) = plan([found.path], config.storage).shards
    return published(shard.uri, found.format, config, name, release, tmp_path)


def published(
    uri: str, form: str, config: ScanConfig, product: str | None, release: Release, tmp_path: Path
) -> str:
    digest = Corpus.open(str(release.corpus)).manifest.digest
    outcome = ShardScan(form, str(release.corpus), digest, config, product)(stat(uri, config.storage))
    assert outcome.log["status"] == "complete", outcome.log
    rows = [row for batch in outcome.tables["matches"] for row in batch.to_pylist()]
    (row,) = (row for row in rows if row["article_id"] == "a0001" or row["copied_words"] > 50)
    assert row["product"] == (product or "common-crawl")
    publish(tmp_path / "tables", RUN, rows, config=row_settings(config, MinHashRules()))
    return str(row["row_sha256"])


def fetched(release: Release, tmp_path: Path, digest: str, *more: str) -> int:
    mirrors = [f"https://data.commoncrawl.org={release.folder}", f".={release.folder}"]
    given = [part for mirror in mirrors for part in ("--mirror", mirror)]
    return cli.run(["fetch", str(tmp_path / "tables"), "--row", digest, "--upstream", *given, *more])


@pytest.mark.parametrize("name", [*BY_INDEX, *BY_OFFSET])
def test_a_row_of_every_dataset_that_leads_back_leads_to_its_record(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    digest = scanned(name, release, tmp_path)
    more = ["--index", release.index] if name in BY_INDEX else []
    assert fetched(release, tmp_path, digest, *more) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    told = dict(line.split(None, 1) for line in said.partition("\n\n")[0].splitlines())
    assert told["document"] == release.page.url
    assert "the longest of" in told["checked"]
    assert ("record id" in told["checked"]) == (
        name in ("fineweb", "fineweb-2", "finepdfs", "dclm", "nemotron-cc")
    )
    place = f"#offset={release.offset},length={release.length},"
    assert told["pointer"].startswith(f"{release.folder / WARC}{place}")
    assert "format=warc" in told["pointer"]
    assert len(release.site.requests) == (name in BY_INDEX)


def test_every_dataset_is_tried_here() -> None:
    assert {*BY_INDEX, *BY_OFFSET, *NOWHERE} == set(DATASETS)


@pytest.mark.parametrize("name", NOWHERE)
def test_rows_that_lead_nowhere_say_so(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    digest = scanned(name, release, tmp_path)
    assert fetched(release, tmp_path, digest, "--index", release.index) == 1
    assert f"rows of {name} name neither a place in a file nor a URL" in capsys.readouterr().err
    assert release.site.requests == []


def test_a_row_that_an_index_leads_back_from_asks_for_one(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetched(release, tmp_path, scanned("c4", release, tmp_path)) == 1
    assert "--index https://index.commoncrawl.org/{release}-index" in capsys.readouterr().err


def test_a_row_of_wet_leads_to_the_page_of_its_text(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = published(str(release.folder / WET), "wet", ScanConfig(), None, release, tmp_path)
    assert fetched(release, tmp_path, digest) == 1
    assert "give --index" in capsys.readouterr().err
    assert fetched(release, tmp_path, digest, "--index", release.index) == 0
    assert f"{WARC}#offset={release.offset}" in capsys.readouterr().out


def test_a_row_of_warc_has_nothing_above_it(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = published(str(release.folder / WARC), "warc", ScanConfig(), None, release, tmp_path)
    assert fetched(release, tmp_path, digest) == 1
    assert "without --upstream" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["columnar", "cdxj"])
def test_files_of_an_index_are_read_in_the_place_of_a_server(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    digest = scanned("c4", release, tmp_path)
    if form == "columnar":
        index = tmp_path / "index.parquet"
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
        index = tmp_path / "cdx-00000.gz"
        line = f"example,copie)/une 20241214015810 {json.dumps(release.capture | {'status': '200'})}\n"
        index.write_bytes(gzip.compress(b"example,autre)/ 20241214015810 {}\n" + line.encode()))
    assert fetched(release, tmp_path, digest, "--index", str(index)) == 0, capsys.readouterr().err
    assert f"{WARC}#offset={release.offset}" in capsys.readouterr().out


@pytest.mark.parametrize("spelling", ["{}", "urn:uuid:{}", "<URN:UUID:{}>", "{} "])
def test_the_id_of_a_record_may_be_spelt_in_several_ways(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str], spelling: str
) -> None:
    named = spelling.format(release.record_id.removeprefix("<urn:uuid:").removesuffix(">"))
    digest = scanned("fineweb-2", release, tmp_path, lambda row: row.update(id=named))
    assert fetched(release, tmp_path, digest, "--index", release.index) == 0, capsys.readouterr().err
    assert "URL, time, record id of the record" in capsys.readouterr().out


def test_a_capture_with_milliseconds_is_found_behind_one_that_is_listed_many_times(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moment = {"timestamp": f"{release.capture['timestamp']}512"}
    release.list(*[release.capture | {"offset": "0"}] * 12, release.capture | moment)
    digest = scanned("c4", release, tmp_path)
    assert fetched(release, tmp_path, digest, "--index", release.index) == 0, capsys.readouterr().err


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that refuses is asked twice, and at once."""
    monkeypatch.setenv("PRESSWATCH_STORAGE__MAX_ATTEMPTS", "2")
    monkeypatch.setenv("PRESSWATCH_STORAGE__BACKOFF_BASE", "0.01")


class TestWhatIsNotBelieved:
    def refused(
        self, release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str], digest: str, *more: str
    ) -> str:
        assert fetched(release, tmp_path, digest, *more) == 1
        out, err = capsys.readouterr()
        assert release.page.text[:40] not in out
        return err

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
        self,
        release: Release,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        change: dict[str, Any],
        reason: str,
    ) -> None:
        digest = scanned("finepdfs", release, tmp_path, lambda row: row.update(change))
        assert reason in self.refused(release, tmp_path, capsys, digest)

    def test_a_page_without_the_copied_words(
        self, release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = press()[1].body
        digest = scanned("finepdfs", release, tmp_path, lambda row: row.update(text=other))
        assert "other words: its page lacks the longest passage" in self.refused(
            release, tmp_path, capsys, digest
        )

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("/etc/a.warc.gz", "a file of its publisher's"),
            ("./../../a.warc.gz", "a file of its publisher's"),
            ("s3://commoncrawl/../a.warc.gz", "a file of its publisher's"),
        ],
    )
    def test_a_row_leads_to_no_file_of_this_disk_outside_of_a_mirror(
        self, release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, reason: str
    ) -> None:
        digest = scanned("fineweb-2", release, tmp_path, lambda row: row.update(file_path=path))
        assert reason in self.refused(release, tmp_path, capsys, digest)

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
        self, release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str],
        captures: list[dict[str, str]], status: int, reason: str,
    ) -> None:  # fmt: skip
        release.list(*({**release.capture, **each} for each in captures), status=status)
        digest = scanned("c4", release, tmp_path)
        assert reason in self.refused(release, tmp_path, capsys, digest, "--index", release.index)

    @pytest.mark.parametrize("coding", ["gzip", "br"])
    def test_an_index_that_packs_its_answers(
        self, release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str], coding: str
    ) -> None:
        queries = release.site.queries
        for query, reply in queries.items():
            queries[query] = Reply(200, {"Content-Encoding": coding}, gzip.compress(reply.body))
        digest = scanned("c4", release, tmp_path)
        if coding == "gzip":
            assert fetched(release, tmp_path, digest, "--index", release.index) == 0
        else:
            said = self.refused(release, tmp_path, capsys, digest, "--index", release.index)
            assert "this is no list of captures" in said

    def test_of_several_captures_without_a_time_the_record_id_decides(
        self, release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        others = [
            release.capture | {"offset": str(start), "length": str(end - start)}
            for start, end in members((release.folder / WARC).read_bytes())
        ]
        release.list(*others[:4])
        digest = scanned("nemotron-cc", release, tmp_path)
        assert fetched(release, tmp_path, digest, "--index", release.index) == 0
        capsys.readouterr()
        release.list(*(each for each in others if each["offset"] != str(release.offset)))
        assert "not the record" in self.refused(release, tmp_path, capsys, digest, "--index", release.index)

    def test_a_row_whose_document_changed_leads_nowhere(
        self, release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        digest = scanned("fineweb-2", release, tmp_path)
        (shard,) = (tmp_path / "mirror").rglob("*.parquet")
        pq.write_table(
            pa.Table.from_pylist([row_of_dataset("fineweb-2", release) | {"text": "Autre."}]), shard
        )
        assert "other text" in self.refused(release, tmp_path, capsys, digest, "--index", release.index)


def test_a_row_of_a_file_that_nobody_has_needs_a_time_for_the_index(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An offset in such a file tells no capture from another."""
    digest = scanned("hplt-2", release, tmp_path, lambda row: row.update(ts="", f="/data/x.warc.gz"))
    assert fetched(release, tmp_path, digest, "--index", release.index) == 1
    assert "it may be of any capture" in capsys.readouterr().err


def test_the_record_is_written_as_warc(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "one.warc.gz"
    digest = scanned("fineweb", release, tmp_path)
    assert fetched(release, tmp_path, digest, "--index", release.index, "--out", str(out)) == 0
    with out.open("rb") as file:
        (record,) = ArchiveIterator(file)
        assert record.rec_headers.get_header("WARC-Record-ID") == release.record_id


@pytest.mark.parametrize("arguments", [["t", "--upstream"], ["t", "--row", "a", "--index", "i"]])
def test_what_makes_no_sense_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["fetch", *arguments]) == 2
