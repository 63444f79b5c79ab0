"""`presswatch fetch` of records that are no documents: what declares something, and what was captured."""

from __future__ import annotations

import json
import random
from datetime import UTC
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warcio.archiveiterator import ArchiveIterator

from benchmarks.census.material import SCHEMA, row_of
from presswatch_spark.cli import main as cli
from presswatch_spark.cli.demo.shards import CannedResponse, write_warc
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.storage.objects import stat
from presswatch_spark.tables.declarations import MemberCapture, PublishedCensus, RightsSignal
from presswatch_spark.tables.store import TableStore
from tests.world.censuses import census_corpus, take
from tests.world.scanned import members, substitute
from tests.world.tables import publish, write
from tests.world.tables import row_of as blank_row

ROBOTS, GONE, IMAGE, PAGE = (
    f"https://www.gazette.fr/{name}" for name in ("robots.txt", "parti", "x.png", "une/pont")
)
RULES = b"User-agent: CCBot\nDisallow: /\n"
OTHERS = [b"Disallow: " + bytes(pair) for pair in product(range(97, 123), repeat=2)]
RUN = "20261125T000000Z-abcdef"
FILE = "crawl-data/CC-MAIN-2026-34/segments/17.1/warc/a.warc.gz"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return census_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(params=["a.warc.gz", "a.warc"])
def shard(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A WARC with a page, and with three records that are none."""
    path = tmp_path / "mirror" / FILE
    path = path.with_name(request.param)
    path.parent.mkdir(parents=True)
    answers = [
        CannedResponse(PAGE, [("Content-Type", "text/html")], b"<p>Le pont est ouvert.</p>", "fra"),
        CannedResponse(ROBOTS, [("Content-Type", "text/plain")], RULES, ""),
        CannedResponse(GONE, [("Location", "https://www.gazette.fr/")], b"", ""),
        CannedResponse(IMAGE, [("Content-Type", "image/png")], b"\x89PNG\x00\xff", ""),
    ]
    write_warc(path, answers)
    return path


def responses(shard: Path) -> dict[str, tuple[int, int, Any]]:
    """Offset, length and record of each response, by warcio."""
    found = {}
    with shard.open("rb") as file:
        records = ArchiveIterator(file)
        for record in records:
            record.content_stream().read()
            place = records.get_record_offset(), records.get_record_length()
            if record.rec_type == "response":
                found[record.rec_headers.get_header("WARC-Target-URI")] = (*place, record)
    ends = dict(members(shard.read_bytes())) if shard.suffix == ".gz" else {}
    # Of a plain file warcio leaves the line ends after a record out.
    return {
        url: (start, ends[start] - start if ends else length + 4, record)
        for url, (start, length, record) in found.items()
    }


def pointer(shard: Path, url: str) -> str:
    offset, length, _ = responses(shard)[url]
    return f"{shard}#offset={offset},length={length}"


@pytest.mark.parametrize(
    ("url", "shown"), [(ROBOTS, "Disallow: /"), (GONE, "Location: https://www.gazette.fr/"), (IMAGE, "PNG")]
)
def test_a_pointer_to_any_record_shows_it_and_writes_it_as_it_is(
    shard: Path, url: str, shown: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["fetch", pointer(shard, url)]) == 0
    said = capsys.readouterr().out
    digest = responses(shard)[url][2].rec_headers.get_header("WARC-Payload-Digest")
    for line in (f"document   {url}", "record     response: no document", f"computed   {digest}"):
        assert line in said
    assert (shown in said) is (url != IMAGE)
    (again,) = (line.split(None, 1)[1] for line in said.splitlines() if line.startswith("pointer"))
    out = tmp_path / f"one{shard.suffix}"
    assert cli.run(["fetch", again, "--out", str(out)]) == 0
    (written,) = responses(out)
    assert written == url
    offset, length, _ = responses(shard)[url]
    assert out.read_bytes() == shard.read_bytes()[offset : offset + length]


@pytest.mark.real_data
@pytest.mark.parametrize("place", ["offset=516,length=507", "offset=18374,length=483"])
def test_other_real_records_have_the_digest_that_they_declare(
    place: str, real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = real_data / "common_crawl" / "whirlwind" / "whirlwind.warc.gz"
    assert cli.run(["fetch", f"{shard}#{place}"]) == 0
    told = dict(line.split(None, 1) for line in capsys.readouterr().out.partition("\n\n")[0].splitlines())
    assert told["declared"] == told["computed"]
    assert told["document"] == "https://an.wikipedia.org/wiki/Escopete"


@pytest.mark.real_data
def test_a_real_revisit_is_shown_and_written_with_the_headers_that_it_has(
    real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = real_data / "warc_edge_cases" / "pywb" / "warcs" / "iana.warc.gz"
    out = tmp_path / "one.warc"
    for options in ([], ["--out", str(out)]):
        assert cli.run(["fetch", f"{shard}#offset=785806,length=548", *options]) == 0
    said = capsys.readouterr().out
    assert "record     revisit: no document" in said
    assert "X-Varnish: 773810071 773808907" in said
    assert "computed" not in said
    assert out.read_bytes() == shard.read_bytes()[785806 : 785806 + 548]


def test_a_range_that_is_not_just_one_record_is_none(shard: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offset, length, _ = responses(shard)[ROBOTS]
    its_own = f"other facts: the record there has {length:,} bytes"
    for start, size, why in (
        (offset, length - 5, its_own),
        (offset + 1, length - 1, "unreadable"),
        (offset, length + 400, its_own),
    ):
        assert cli.run(["fetch", f"{shard}#offset={start},length={size}"]) == 1
        assert f"not the document that was asked for: {why}" in capsys.readouterr().err


def signals(corpus: Path, shard: Path, tables: Path) -> list[dict[str, Any]]:
    """The rows of `rights_signals` of a scan, published."""
    digest = Corpus.open(str(corpus)).manifest.digest
    outcome = ShardScan("warc", str(corpus), digest, ScanConfig())(stat(str(shard), ScanConfig().storage))
    rows = [row | {"run_id": RUN} for batch in outcome.tables["rights_signals"] for row in batch.to_pylist()]
    publish(tables, RUN, [])
    write(TableStore.open(str(tables)), "rights_signals", RUN, rows, RightsSignal.schema)
    return rows


def captures(corpus: Path, shard: Path, folder: Path, url: str) -> list[dict[str, Any]]:
    """The row of `captures` of an index that names a record of the shard, published."""
    offset, length, record = responses(shard)[url]
    index = row_of(random.Random(1), "gazette.fr", "warc", url, "www.gazette.fr") | {
        "warc_filename": f"{FILE.rpartition('/')[0]}/{shard.name}",
        "warc_record_offset": offset,
        "warc_record_length": length,
        "content_digest": record.rec_headers.get_header("WARC-Payload-Digest").removeprefix("sha1:"),
        "fetch_status": 200,
        "fetch_time": json.loads(f'"{record.rec_headers.get_header("WARC-Date")}"'),
    }
    fields = [pa.field("fetch_time", pa.string()) if c.name == "fetch_time" else c for c in SCHEMA]
    pq.write_table(pa.Table.from_pylist([index], pa.schema(fields)), folder / "index.parquet")
    _, found = take(corpus, folder / "index.parquet")
    store = TableStore.create(str(folder / "tables"))
    rows = [row | {"run_id": RUN} for row in found]
    write(store, "captures", RUN, rows, MemberCapture.schema)
    write(store, "censuses", RUN, [blank_row(PublishedCensus, run_id=RUN)], PublishedCensus.schema)
    return rows


def test_the_row_of_a_declaration_gets_the_file_that_declared_it(
    corpus: Path, shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = signals(corpus, shard, tmp_path / "tables")
    row = next(row for row in rows if row["signal"] == "robots_txt" and row["agent"] == "CCBot")
    words = ["fetch", str(tmp_path / "tables"), "--row", row["row_sha256"]]
    assert cli.run(words) == 0
    said = capsys.readouterr().out
    assert RULES.decode().strip() in said
    assert "URL, record id, time, status and body; it was read anew" in said
    assert f"SHA-256 {row['content_sha256']}" in said
    substitute(shard, b"Disallow: /\n", OTHERS)
    assert cli.run(words) == 1
    assert "other payload: `content_sha256` is another" in capsys.readouterr().err


@pytest.mark.parametrize("url", [PAGE, ROBOTS, GONE])
def test_the_row_of_a_capture_gets_its_record_from_where_releases_live(
    corpus: Path,
    shard: Path,
    tmp_path: Path,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (row,) = captures(corpus, shard, tmp_path, url)
    assert row["captured_at"].tzinfo is not None
    assert row["captured_at"].astimezone(UTC) == row["captured_at"]
    words = ["fetch", str(tmp_path / "tables"), "--row", row["row_sha256"][:16]]
    moved = ["--mirror", f"https://data.commoncrawl.org/={tmp_path / 'mirror'}"]
    assert cli.run([*words, *moved]) == 0
    said = capsys.readouterr().out
    assert f"document   {url}" in said
    assert "its digest; URL, declared digest, time and status of the record\n" in said
    monkeypatch.setenv("PRESSWATCH_DATASETS__COMMON_CRAWL__BASE", str(tmp_path / "mirror"))
    assert cli.run([*words, "--out", str(tmp_path / "one.warc")]) == 0
    assert list(responses(tmp_path / "one.warc")) == [url]


def test_a_row_of_a_capture_whose_record_is_another_now_is_not_shown(
    corpus: Path, shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = captures(corpus, shard, tmp_path, ROBOTS)
    words = ["fetch", str(tmp_path / "tables"), "--row", row["row_sha256"]]
    words += ["--mirror", f"https://data.commoncrawl.org/={tmp_path / 'mirror'}"]
    substitute(shard, b"Disallow: /\n", OTHERS)
    # The index knows what the record declares, and that is over other bytes in some years.
    assert cli.run(words) == 0
    assert "but its payload has another digest than it declares" in capsys.readouterr().out
    digest = row["payload_digest"].encode()
    substitute(shard, digest, [digest[:-2] + bytes(pair) for pair in product(range(65, 91), repeat=2)])
    assert cli.run(words) == 1
    assert "other digest: `payload_digest` is another" in capsys.readouterr().err
    shard.write_bytes(b"")
    assert cli.run(words) == 1
    assert "record gone: the shard ends before it" in capsys.readouterr().err
    shard.unlink()
    assert cli.run(words) == 1
    assert "no shard" in capsys.readouterr().err


def test_a_row_of_a_capture_leads_to_no_file_outside_of_its_release(
    corpus: Path, shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = captures(corpus, shard, tmp_path, PAGE)
    store = TableStore.open(str(tmp_path / "tables"))
    for name, told in (("../../secret", "outside of its release"), (None, "named no WARC file")):
        write(store, "captures", RUN, [row | {"warc_filename": name}], MemberCapture.schema)
        assert cli.run(["fetch", str(tmp_path / "tables"), "--row", row["row_sha256"]]) == 1
        assert told in capsys.readouterr().err
