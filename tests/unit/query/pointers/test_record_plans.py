"""Some records of WARC files, read by range: their rows are those of a scan of the whole file."""

import base64
import gzip
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli.demo import shards
from presswatch_spark.core.errors import CorruptError, InputError, StorageError
from presswatch_spark.core.settings.config import RunRules, ScanConfig, StorageOptions
from presswatch_spark.query.pointers.record_plans import NOT_LISTED, plan_of_captures, plan_of_matches
from presswatch_spark.reading.warc.by_range import NEAR_BYTES, RecordPlan, RecordShard, WantedRecord, near
from presswatch_spark.scanning.crawl_index import lookup
from presswatch_spark.scanning.crawl_index.lookup import Index
from presswatch_spark.scanning.runs.run_work import Outcome
from presswatch_spark.storage.objects import ObjectInfo, stat
from presswatch_spark.tables.declarations import MemberCapture
from presswatch_spark.tables.store import TableStore
from tests.world.index_files import listed, lists
from tests.world.proofs import cases
from tests.world.prose import pages
from tests.world.scanned import SEED, press, records_of, rows_in, scan_here, shard_scan
from tests.world.servers import Reply, web
from tests.world.tables import match, publish, publish_census, row_of

CRAWL, RUN = "CC-MAIN-2024-51", "20261125T000000Z-abcdef"
WARC = f"crawl-data/{CRAWL}/segments/1/warc/a.warc.gz"
WET = f"crawl-data/{CRAWL}/segments/1/wet/a.warc.wet.gz"
QUICK = StorageOptions(backoff_base=0.001)


@dataclass(frozen=True)
class Crawl:
    """A WARC file of 24 pages and a robots.txt, its WET file, and the places of its responses by URL."""

    folder: Path
    corpus: Path
    places: dict[str, tuple[int, int]]
    metadata: dict[str, int]
    out: Path = Path()

    @property
    def warc(self) -> Path:
        return self.folder / WARC

    def capture(self, url: str, **changes: Any) -> dict[str, Any]:
        offset, length = self.places[url]
        number = list(self.places).index(url)
        facts = {
            "url": url, "warc_filename": WARC, "record_offset": offset, "record_length": length,
            "captured_at": shards.FIRST_CAPTURE + timedelta(seconds=number), "row_sha256": f"{number:064x}",
            "shard_uri": "s3://index/part-0.parquet", "languages": [],
        }  # fmt: skip
        return row_of(MemberCapture, **(facts | changes))

    def plan(self, *rows: dict[str, Any], base: str | Path | None = None, name: str = "tables") -> RecordPlan:
        store = publish_census(self.out / name, RUN, list(rows))
        return plan_of_captures(store, str(base or self.folder))

    def changed(self, data: bytes, name: str = WARC) -> Path:
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def bytes_of(self, urls: Sequence[str]) -> int:
        """Bytes of the records of pages: of their responses, and of the metadata behind these."""
        return sum(self.places[url][1] + self.metadata[url] for url in urls)

    def scan(self, shard: ObjectInfo | Path) -> Outcome:
        return scan(self.corpus, stat(str(shard), QUICK) if isinstance(shard, Path) else shard)


def scan(corpus: Path, shard: ObjectInfo) -> Outcome:
    rules = ScanConfig(storage=QUICK, run=RunRules(shard_attempts=1))
    return shard_scan(corpus, "warc", rules)(shard)


@cache
def whole_scan(corpus: Path, warc: Path) -> Outcome:
    """A scan of the file, which no test changes."""
    return scan(corpus, stat(str(warc), QUICK))


@cache
def tables_of_texts(corpus: Path, folder: Path) -> Path:
    """The tables of a scan of the WET file, which tests only read."""
    scan_here([folder / WET], corpus, folder / "texts")
    return folder / "texts"


@pytest.fixture
def crawl(made: Crawl, tmp_path: Path) -> Crawl:
    return replace(made, out=tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Crawl:
    folder = tmp_path_factory.mktemp("crawl")
    found = [replace(page, language="fra") for page in pages(24, SEED, press(), share=0.6)]
    # A quarter is on a member's site.
    found = [
        replace(page, url=f"https://courrier.example/une/{number}") if number % 4 == 0 else page
        for number, page in enumerate(found)
    ]
    answers = [_answer(page, number) for number, page in enumerate(found)]
    robots = b"User-agent: CCBot\nDisallow: /\n"
    address, plain = "https://courrier.example/robots.txt", [("Content-Type", "text/plain")]
    answers.append(shards.CannedResponse(address, plain, robots, ""))
    for name in (WARC, WET):
        (folder / name).parent.mkdir(parents=True)
    shards.write_warc(folder / WARC, answers)
    shards.write_wet(folder / WET, found)
    places, metadata, url = dict[str, tuple[int, int]](), dict[str, int](), ""
    for fields, start, length in records_of((folder / WARC).read_bytes()):
        if fields["WARC-Type"] == "response":
            url = fields["WARC-Target-URI"]
            places[url] = start, length
        elif fields["WARC-Type"] == "metadata":
            metadata[url] = length
    assert len(places) == 25
    assert set(metadata) == set(places)
    return Crawl(folder, corpus, places, metadata)


def _answer(page: Any, number: int) -> shards.CannedResponse:
    """A page that is as long as real ones, on a member's site with a reservation."""
    answer = shards.web_page(page)
    noise = random.Random(number).randbytes(9000).hex().encode()
    headers = [*answer.headers, *([("X-Robots-Tag", "noai")] if number % 8 == 0 else [])]
    return replace(answer, body=answer.body + b"<!-- %s -->" % noise, headers=headers)


def rows_of(outcome: Outcome, table: str) -> list[dict[str, Any]]:
    return sorted(rows_in(outcome, table), key=lambda row: (row["record_offset"], row["row_sha256"]))


def whole(crawl: Crawl, table: str, urls: Sequence[str]) -> list[dict[str, Any]]:
    outcome = whole_scan(crawl.corpus, crawl.warc)
    assert outcome.log["status"] == "complete", outcome.log
    return [row for row in rows_of(outcome, table) if row["document_url"] in urls]


def test_the_records_of_a_census_give_the_rows_of_a_whole_scan(crawl: Crawl) -> None:
    urls = [url for url in crawl.places if "courrier.example" in url]
    (shard,) = crawl.plan(*map(crawl.capture, urls)).shards
    outcome = crawl.scan(shard)
    assert outcome.log["status"] == "complete", outcome.log
    for table in ("matches", "rights_signals"):
        expected = whole(crawl, table, urls)
        assert expected
        assert rows_of(outcome, table) == expected
    assert {row["release"] for row in rows_of(outcome, "matches")} == {CRAWL}
    assert {tuple(row["languages"]) for row in rows_of(outcome, "matches")} == {("fra",)}
    # robots.txt declares something, and is no document.
    assert outcome.log["documents"] == len(urls) - 1
    assert crawl.bytes_of(urls) <= outcome.log["bytes_read"] <= 1.2 * crawl.bytes_of(urls)


@pytest.mark.parametrize("share", [1, 2, 25])
def test_any_choice_of_records_gives_their_rows_and_reads_little_more(crawl: Crawl, share: int) -> None:
    urls = list(crawl.places)[::share]
    (shard,) = crawl.plan(*map(crawl.capture, urls)).shards
    outcome = crawl.scan(shard)
    assert rows_of(outcome, "matches") == whole(crawl, "matches", urls)
    assert outcome.log["bytes_read"] <= 1.2 * crawl.bytes_of(urls)


def test_what_is_asked_for_twice_is_read_once(crawl: Crawl) -> None:
    (url, *_) = crawl.places
    twice = [crawl.capture(url), crawl.capture(url, row_sha256="f" * 64)]
    plan = crawl.plan(*twice)
    assert plan.records == 1
    assert crawl.plan(crawl.capture(url, captured_at=None), name="other").digest != plan.digest


def test_two_rows_of_one_place_are_both_compared_with_its_record(crawl: Crawl) -> None:
    (url, *_) = crawl.places
    rows = [
        crawl.capture(url),
        crawl.capture(url, row_sha256="a" * 64, captured_at=None),
        crawl.capture(url, row_sha256="b" * 64) | {"url": "https://other.example/"},
        crawl.capture(url, row_sha256="c" * 64, record_length=7),
    ]
    for number, order in enumerate((rows, rows[::-1])):
        (shard,) = crawl.plan(*order, name=f"tables-{number}").shards
        outcome = crawl.scan(shard)
        assert outcome.log["status"] == "partial"
        assert f"row {'b' * 64}: the record there is of another URL" in outcome.log["error"]
        assert f"row {'c' * 64}: its record is not one whole gzip member" in outcome.log["error"]
        assert "a" * 64 not in outcome.log["error"]
        # The page itself is read once.
        assert outcome.log["documents"] == 1
        assert rows_of(outcome, "matches") == whole(crawl, "matches", [url])


def test_a_site_is_asked_once_for_records_that_are_near(crawl: Crawl) -> None:
    urls = list(crawl.places)
    chosen = [*urls[:3], *urls[10:12]]
    with web() as site:
        site.objects[f"/{WARC}"] = crawl.warc.read_bytes()
        (shard,) = crawl.plan(*map(crawl.capture, chosen), base=site.url).shards
        outcome = crawl.scan(shard)
    assert outcome.log["status"] == "complete", outcome.log
    # The head of the file, and two groups.
    assert len(site.gets()) == 3
    expected = whole(crawl, "matches", chosen)
    found = rows_of(outcome, "matches")
    assert [row["row_sha256"] for row in found] == [row["row_sha256"] for row in expected]
    assert outcome.log["bytes_read"] <= 1.2 * crawl.bytes_of(chosen)


def read_alone(crawl: Crawl, path: Path, *wanted: WantedRecord) -> Outcome:
    """Read some records of a file; they have the rows that they have in a scan of the whole file."""
    outcome, starts = crawl.scan(RecordShard(str(path), records=wanted)), {each.offset for each in wanted}
    assert outcome.log["status"] == "complete", outcome.log
    expected = [row for row in rows_of(crawl.scan(path), "matches") if row["record_offset"] in starts]
    assert rows_of(outcome, "matches") == expected
    # The language stands in the metadata behind a response.
    assert {(row["release"], *row["languages"]) for row in expected} == {(CRAWL, "fra")}
    return outcome


def rewritten(record: bytes, content: bytes, line_end: bytes = b"\r\n") -> bytes:
    """A record, packed, with other content."""
    lines = gzip.decompress(record).partition(b"\r\n\r\n")[0].split(b"\r\n")
    head = [line for line in lines if not line.lower().startswith((b"content-length", b"warc-block"))]
    head += [b"Content-Length: %d" % len(content), b"", content]
    return gzip.compress(line_end.join(head) + 2 * line_end)


def test_metadata_that_are_longer_than_usual_are_read_to_their_end(crawl: Crawl) -> None:
    data, (url, (offset, length)) = crawl.warc.read_bytes(), next(iter(crawl.places.items()))
    start, end = offset + length, offset + length + crawl.metadata[url]
    body = gzip.decompress(data[start:end]).partition(b"\r\n\r\n")[2].rstrip(b"\r\n")
    noise = b"\r\nnoise: " + random.Random(5).randbytes(3000).hex().encode() + b"\r\n"
    path = crawl.changed(data[:start] + rewritten(data[start:end], body + noise) + data[end:])
    read_alone(crawl, path, WantedRecord(offset, length, url, None, "r"))


def test_metadata_behind_a_request_are_read(crawl: Crawl) -> None:
    """Heritrix and others write the response first, then the request, then the metadata."""
    data = crawl.warc.read_bytes()
    found, held = list[bytes](), b""
    for fields, start, length in records_of(data):
        record = data[start : start + length]
        if fields["WARC-Type"] == "request":
            held = record
        else:
            found += [record, held] if fields["WARC-Type"] == "response" else [record]
    path = crawl.changed(b"".join(found))
    wanted = [
        WantedRecord(start, length, fields["WARC-Target-URI"], None, "r")
        for fields, start, length in records_of(path.read_bytes())
        if fields["WARC-Type"] == "response"
    ][::3]
    outcome = read_alone(crawl, path, *wanted)
    assert outcome.log["bytes_read"] <= 1.2 * crawl.bytes_of([each.url for each in wanted])


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_a_long_first_record_names_the_release(crawl: Crawl, line_end: bytes) -> None:
    """Other crawlers write in their warcinfo whom to ask, and all of their settings."""
    data, (url, (offset, length)) = crawl.warc.read_bytes(), next(iter(crawl.places.items()))
    (_, _, end), *_ = records_of(data)
    body = gzip.decompress(data[:end]).partition(b"\r\n\r\n")[2].strip()
    assert b"isPartOf" in body
    settings = b"settings: " + random.Random(6).randbytes(9000).hex().encode() + b"\r\n"
    info = rewritten(data[:end], settings + body, line_end)
    path = crawl.changed(info + data[end:], "a.warc.gz")
    read_alone(crawl, path, WantedRecord(offset - end + len(info), length, url, None, "r"))


def test_a_digest_may_be_written_in_two_ways(crawl: Crawl) -> None:
    (url, *_) = crawl.places
    offset, length = crawl.places[url]
    record = gzip.decompress(crawl.warc.read_bytes()[offset : offset + length])
    declared = record.partition(b"WARC-Payload-Digest: sha1:")[2].partition(b"\r\n")[0].decode()
    hexadecimal = base64.b32decode(declared).hex()
    for digest, status in (
        (declared, "complete"),
        (f"SHA-1:{declared.lower()}", "complete"),
        (f"sha1:{hexadecimal}", "complete"),
        (f"sha256:{'0' * 64}", "complete"),
        (f"sha1:{hexadecimal[::-1]}", "failed"),
        ("sha1:none", "failed"),
    ):
        wanted = WantedRecord(offset, length, url, None, "r", digest)
        assert crawl.scan(RecordShard(str(crawl.warc), records=(wanted,))).log["status"] == status, digest


class TestPagesOfTexts:
    def tables(self, crawl: Crawl) -> TableStore:
        return TableStore.open(str(tables_of_texts(crawl.corpus, crawl.folder)))

    def listed(self, site: Any, crawl: Crawl, **changes: str) -> str:
        """Let a server list the captures of all pages, some facts changed."""
        for url, (offset, length) in crawl.places.items():
            at = crawl.capture(url)["captured_at"]
            lists(site, CRAWL, url, listed(url, at, WARC, offset, length) | changes)
        return f"{site.url}/{{release}}-index"

    @pytest.mark.parametrize("with_base", [True, False])
    def test_each_match_in_wet_leads_to_its_page(self, crawl: Crawl, with_base: bool) -> None:
        store = self.tables(crawl)
        with web() as site:
            index = Index(self.listed(site, crawl), QUICK)
            plan = plan_of_matches(store, index, str(crawl.folder) if with_base else None)
        (shard,) = plan.shards
        assert shard.uri == str(crawl.warc)
        outcome = crawl.scan(shard)
        assert outcome.log["status"] == "complete", outcome.log
        texts = store.read("matches").to_pylist()
        urls = {row["document_url"] for row in texts}
        assert plan.records == len(urls) > 5
        assert rows_of(outcome, "matches") == whole(crawl, "matches", sorted(urls))
        assert {row["document_url"] for row in rows_of(outcome, "matches")} == urls
        assert all(row["http_status"] == 200 for row in rows_of(outcome, "matches"))
        assert outcome.log["bytes_read"] <= 1.2 * crawl.bytes_of(sorted(urls))

    @pytest.mark.parametrize(
        "changes", [{"timestamp": "20240101000000"}, {"filename": f"{WARC}x"}, {"url": "https://x.example/"}]
    )
    def test_a_page_that_the_index_does_not_list_is_named(
        self, crawl: Crawl, changes: dict[str, str]
    ) -> None:
        store = self.tables(crawl)
        with web() as site:
            plan = plan_of_matches(store, Index(self.listed(site, crawl, **changes), QUICK), None)
        (shard,) = plan.shards
        outcome = crawl.scan(shard)
        assert outcome.log["status"] == "failed"
        digests = {row["row_sha256"] for row in store.read("matches").to_pylist()}
        assert plan.records >= outcome.log["error"].count(NOT_LISTED) > 5
        assert any(f"row {digest}: {NOT_LISTED}" in outcome.log["error"] for digest in digests)

    @pytest.mark.parametrize("with_base", [True, False])
    def test_a_file_of_the_same_name_in_another_folder_is_not_read(
        self, crawl: Crawl, with_base: bool
    ) -> None:
        """A redirect to itself in the same second is in a file of this name among the crawl's diagnostics."""
        others = WARC.replace("/warc/", "/crawldiagnostics/")
        shard = self.planned(crawl, with_base, filename=others, offset="7")
        outcome = crawl.scan(shard)
        assert (outcome.log["status"], outcome.log["error"]) == ("complete", None)
        assert rows_of(outcome, "matches") == whole(crawl, "matches", [each.url for each in shard.records])

    def test_all_captures_of_a_page_in_one_second_are_read(self, crawl: Crawl) -> None:
        shard = self.planned(crawl, True, offset="7")
        outcome = crawl.scan(shard)
        urls = {record.url for record in shard.records}
        assert len(shard.records) == 2 * len(urls)
        assert outcome.log["status"] == "partial"
        assert "no gzip member begins where its record should" in outcome.log["error"]
        assert rows_of(outcome, "matches") == whole(crawl, "matches", list(urls))

    def planned(self, crawl: Crawl, with_base: bool, **changes: str) -> RecordShard:
        """Plan the pages of all texts; of each, the index lists another capture before it."""
        store = self.tables(crawl)
        with web() as site:
            self.listed(site, crawl, **changes)
            before = {address: reply.body for address, reply in site.queries.items()}
            index = Index(self.listed(site, crawl), QUICK)
            for address, reply in site.queries.items():
                site.queries[address] = Reply(200, {}, before[address] + b"\n" + reply.body)
            (shard,) = plan_of_matches(store, index, str(crawl.folder) if with_base else None).shards
        assert isinstance(shard, RecordShard)
        return shard

    def test_a_page_that_names_no_crawl_is_there_if_one_crawl_of_its_time_lists_it(
        self, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each of the crawls of that time is asked, and only one of them has the page."""
        monkeypatch.setattr(lookup, "crawls_at", lambda at: ("CC-MAIN-2024-46", CRAWL))
        (url, *_), uri = crawl.places, str(crawl.folder / WET)
        at = crawl.capture(url)["captured_at"]
        row = match("a", url, dataset="wet", release=None, shard_uri=uri, captured_at=at)
        publish(crawl.out / "tables", RUN, [row])
        store = TableStore.open(str(crawl.out / "tables"))
        with web() as site:
            index = Index(self.listed(site, crawl), QUICK)
            lists(site, "CC-MAIN-2024-46", url, {"message": "No Captures found for: x"}, status=404)
            (shard,) = plan_of_matches(store, index, None).shards
        outcome = crawl.scan(shard)
        assert (outcome.log["status"], outcome.log["error"]) == ("complete", None)
        assert rows_of(outcome, "matches") == whole(crawl, "matches", [url])

    def test_an_index_that_refuses_begins_no_run(self, crawl: Crawl) -> None:
        store = self.tables(crawl)
        with web() as site, pytest.raises(StorageError, match="refuses with status 404"):
            plan_of_matches(store, Index(f"{site.url}/{{release}}-index", QUICK), None)
        with web() as site:
            self.listed(site, crawl)
            site.queries = {address: Reply(200, {}, b"<html>") for address in site.queries}
            with pytest.raises(CorruptError, match="not a list of captures"):
                plan_of_matches(store, Index(f"{site.url}/{{release}}-index", QUICK), None)

    def test_a_row_without_a_time_is_named_and_tables_without_texts_of_wet_have_no_pages(
        self, crawl: Crawl
    ) -> None:
        facts = {"dataset": "wet", "shard_uri": str(crawl.folder / WET), "row_sha256": "e" * 64}
        for name, rows in (
            ("tables", [match("a", url, **facts) for url in ("https://a.fr/", None)]),
            ("none", [match("a", "https://a.fr/", dataset="c4", shard_uri="/c4.json.gz")]),
        ):
            publish(crawl.out / name, RUN, rows)
        tables, none = (TableStore.open(str(crawl.out / name)) for name in ("tables", "none"))
        (shard,) = plan_of_matches(tables, Index("/nowhere", QUICK), None).shards
        assert "no page and time" in crawl.scan(shard).log["error"]
        with pytest.raises(InputError, match="no match in WET"):
            plan_of_matches(none, Index("/nowhere", QUICK), None)


class TestWhatIsNotTheRecord:
    def read(self, crawl: Crawl, **changes: Any) -> Outcome:
        """Read a good record, and one whose row is changed."""
        first, second, *_ = crawl.places
        rows = [crawl.capture(first), crawl.capture(second, row_sha256="d" * 64) | changes]
        outcomes = [crawl.scan(shard) for shard in crawl.plan(*rows).shards]
        assert sum(outcome.log["documents"] for outcome in outcomes) == 1
        (bad,) = (outcome for outcome in outcomes if outcome.log["status"] != "complete")
        return bad

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"record_offset": 40}, "no gzip member begins where its record should"),
            ({"record_offset": 0}, "is not one whole gzip member"),
            ({"record_offset": 1 << 30}, "the file ends before its record"),
            ({"record_offset": -5}, "has a negative offset or length"),
            ({"record_length": -5}, "has a negative offset or length"),
            ({"record_length": 1 << 24}, "the file ends within its record"),
            ({"record_length": 1 << 40}, "has 1,099,511,627,776 bytes, which is longer than allowed"),
            ({"url": "https://a.example/other"}, "is of another URL"),
            ({"captured_at": datetime(2024, 1, 1, tzinfo=UTC)}, "captured at another time"),
            ({"payload_digest": "A" * 32}, "declares another digest"),
        ],
    )
    def test_a_record_that_moved_or_is_another_is_named(
        self, crawl: Crawl, changes: dict[str, Any], reason: str
    ) -> None:
        outcome = self.read(crawl, **changes)
        assert outcome.log["status"] == "partial"
        assert outcome.log["failure"] == "content"
        assert f"row {'d' * 64}: " in outcome.log["error"]
        assert reason in outcome.log["error"]

    @pytest.mark.parametrize(
        "changes",
        [{"warc_filename": None}, {"record_offset": None}, {"warc_filename": "../../etc/a.warc.gz"}],
    )
    def test_a_capture_without_a_place_is_named(self, crawl: Crawl, changes: dict[str, Any]) -> None:
        outcome = self.read(crawl, **changes)
        assert outcome.log["shard_uri"] == "s3://index/part-0.parquet"
        assert (outcome.log["status"], outcome.log["bytes_read"]) == ("failed", 0)
        assert f"row {'d' * 64}: the index lists no record" in outcome.log["error"]

    def test_a_file_that_is_missing_is_named(self, crawl: Crawl) -> None:
        outcome = self.read(crawl, warc_filename=f"{WARC}.gone.warc.gz")
        assert (outcome.log["status"], outcome.log["failure"]) == ("failed", "storage")

    def test_a_damaged_record_is_a_defect_and_its_neighbour_is_read(self, crawl: Crawl) -> None:
        first, second, *_ = crawl.places
        offset, length = crawl.places[second]
        data = bytearray(crawl.warc.read_bytes())
        data[offset + length // 2] ^= 0xFF
        crawl.changed(bytes(data))
        (shard,) = crawl.plan(crawl.capture(first), crawl.capture(second), base=crawl.out).shards
        outcome = crawl.scan(shard)
        assert outcome.log["status"] == "partial"
        assert {row["document_url"] for row in rows_of(outcome, "matches")} <= {first}

    def test_every_bit_of_a_range_may_be_wrong(self, crawl: Crawl) -> None:
        """No range gives a row that a whole scan does not give, wherever it begins and ends."""
        rng = random.Random(7)
        urls = list(crawl.places)
        known = {row["row_sha256"] for row in whole(crawl, "matches", urls)}
        for _ in range(60):
            url = rng.choice(urls)
            offset, length = crawl.places[url]
            offset, length = offset + rng.randrange(-3, 4), max(1, length + rng.randrange(-3, 4))
            wanted = WantedRecord(max(0, offset), length, url, None, "r")
            outcome = crawl.scan(RecordShard(str(crawl.warc), records=(wanted,)))
            rows = {row["row_sha256"] for row in rows_of(outcome, "matches")}
            assert rows <= known
            if (offset, length) != crawl.places[url]:
                assert outcome.log["status"] != "complete", (offset, length, crawl.places[url])


def test_ranges_that_nearly_touch_are_one_request() -> None:
    def at(offset: int, length: int) -> WantedRecord:
        return WantedRecord(offset, length, "", None, "")

    near_by = [at(5000, 100), at(5100, 50), at(5150 + NEAR_BYTES, 10)]
    far = [at(5161 + 2 * NEAR_BYTES, 10), at(1 << 30, 40 << 20), at((1 << 30) + (40 << 20), 1)]
    assert list(near([*near_by, *far])) == [near_by, far[:1], far[1:2], far[2:]]


@cases(
    ("address", "is_server"),
    [
        ("https://index.commoncrawl.org/{release}-index", True),
        ("http://127.0.0.1:8080/cdx", True),
        ("https://data.commoncrawl.org/crawl-data/{release}/cc-index-table.paths.gz", False),
        ("https://site.example/part-0.parquet", False),
        ("https://site.example/cdx-00000.gz", False),
        ("https://site.example/indexes/cluster.idx", False),
        ("s3://commoncrawl/cc-index/table/cc-main/warc/crawl={release}/subset=warc/", False),
        ("/srv/index", False),
    ],
)
def test_an_address_tells_a_server_from_files(address: str, is_server: bool) -> None:
    assert Index(address, StorageOptions()).is_server is is_server


def test_the_day_of_a_capture_tells_the_crawls_to_ask() -> None:
    index = Index("https://i.example/{release}-index", StorageOptions())
    at = datetime(2024, 12, 14, tzinfo=UTC)
    assert index.releases_of("CC-MAIN-2019-18", at) == ("CC-MAIN-2019-18",)
    assert index.releases_of("c4-fr", at) == ("CC-MAIN-2024-51",)
    assert index.releases_of(None, None) == index.releases_of(None, datetime(1999, 1, 1, tzinfo=UTC)) == ()
    assert Index("/index", StorageOptions()).releases_of(None, None) == ("",)
