"""`presswatch fetch`: documents, records that are none, and responses that declare something."""

import gzip
import io
import json
import random
import resource
from datetime import UTC
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warcio.archiveiterator import ArchiveIterator

from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.cli.demo.shards import CannedResponse
from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, row_settings
from presswatch_spark.core.terminal import TIES
from presswatch_spark.matching.judgement.match_rows import BLANK
from presswatch_spark.query.pointers.fetch import Fetched
from presswatch_spark.query.pointers.fetched_records import Record
from presswatch_spark.query.pointers.pointer import Pointer
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.tables.declarations import MemberCapture, RightsSignal
from presswatch_spark.tables.digests import row_digest
from presswatch_spark.tables.store import TableStore
from tests.world.arc import arc_record, packed_arc
from tests.world.censuses import census_corpus, take
from tests.world.commands import Outcome, outcome
from tests.world.index_files import SCHEMA, row_of
from tests.world.processes import raising
from tests.world.proofs import each_time
from tests.world.rights import SITE, Answer, write_warc
from tests.world.scanned import (
    change_a_byte,
    members,
    press,
    rows_in,
    scan_here,
    scan_one,
    some_pages,
    substitute,
)
from tests.world.shards import as_parquet
from tests.world.tables import publish, publish_census, write

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u2066\r\x9b31m"
FORMS = ("a.warc.wet.gz", "single.warc.wet.gz", "c4.json.gz")
MISUSED = ("tables", "t --upstream", "t --row a --index i")
RUN = "20261125T000000Z-abcdef"
Rows = list[dict[str, Any]]


def fetched(tables: Path, row: dict[str, Any], *options: str | Path) -> Outcome:
    return outcome("fetch", tables, "--row", row["row_sha256"][:20], *options)


def refusal(printed: Outcome) -> str:
    assert (printed.code, printed.out, printed.err.count("\n")) == (1, "", 1), printed
    return printed.err


def records(data: bytes) -> list[tuple[list[tuple[str, str]], bytes]]:
    plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return [
        (record.rec_headers.headers, record.raw_stream.read())
        for record in ArchiveIterator(io.BytesIO(plain), no_record_parse=True)
    ]


class TestDocuments:
    @pytest.fixture
    def release(self, tmp_path: Path, corpus: Path) -> Path:
        page = Page("https://site.example/copie", f"{HOSTILE}\n{press()[0].body}\n{HOSTILE}")
        shards.write_wet(tmp_path / "a.warc.wet.gz", [page])
        shards.write_wet(tmp_path / "single.warc.wet.gz", [page], one_member=True)
        shards.write_c4_json(tmp_path / "c4.json.gz", [page])
        scan_here([tmp_path / name for name in FORMS], corpus, tmp_path / "tables")
        return tmp_path

    def row_in(self, release: Path, name: str) -> dict[str, Any]:
        rows = TableStore.open(str(release / "tables")).read("matches").to_pylist()
        (row,) = (row for row in rows if row["shard_uri"].endswith(f"/{name}"))
        return row

    def fetched(self, release: Path, name: str, *options: str | Path) -> Outcome:
        return fetched(release / "tables", self.row_in(release, name), *options)

    @pytest.mark.parametrize("name", FORMS)
    def test_a_row_shows_its_document_and_a_pointer_and_nothing_that_steers_the_terminal(
        self, release: Path, name: str
    ) -> None:
        shown = self.fetched(release, name)
        assert shown.facts["document"] == "https://site.example/copie"
        assert self.row_in(release, name)["text_sha256"] in shown.facts["text"]
        # Only the member is read where the record is one.
        by = "by range" if name == "a.warc.wet.gz" else "of the shard, in order"
        assert shown.facts["read"].endswith(f"bytes {by}")
        assert press()[0].body.split("\n")[-1] in shown.out
        assert all(character.isprintable() or character in f"\n{TIES}" for character in shown.out)
        again = outcome("fetch", shown.facts["pointer"])
        assert again.facts["checked"] == "SHA-256 of the text"
        assert again.out.partition("\n\n")[2] == shown.out.partition("\n\n")[2]

    def test_a_pointer_that_does_not_say_that_it_counts_inflated_bytes_is_told_how_to(
        self, release: Path
    ) -> None:
        row = self.row_in(release, "single.warc.wet.gz")
        pointer = f"{row['shard_uri']}#offset={row['record_offset']},length={row['record_length']}"
        assert "add encoding=inflated" in refusal(outcome("fetch", pointer))
        assert row["text_sha256"] in outcome("fetch", f"{pointer},encoding=inflated").out
        assert "inflated" not in refusal(outcome("fetch", f"{release}/absent.warc.gz#offset=1,length=2"))

    def test_a_wet_record_is_written_as_a_warc_with_the_headers_and_text_that_it_has(
        self, release: Path
    ) -> None:
        for name, out in product(FORMS[:2], ("one.warc.gz", "one.warc")):
            path = release / f"{name}-{out}"
            printed = self.fetched(release, name, "--out", path)
            (written,) = records(path.read_bytes())
            assert written in records((release / name).read_bytes()), path
            assert HOSTILE.encode() in written[1]
            assert HOSTILE[:4] not in printed.out

    def test_a_row_of_c4_is_written_as_its_text_and_never_over_a_file(self, release: Path) -> None:
        out = release / "text.txt"
        assert self.fetched(release, "c4.json.gz", "--out", out).code == 0
        assert out.read_bytes() == f"{HOSTILE}\n{press()[0].body}\n{HOSTILE}".encode()
        assert "exists" in refusal(self.fetched(release, "c4.json.gz", "--out", out))

    def test_a_file_that_is_none_of_this_machine_s_is_refused(
        self, release: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(release)
        before = sorted(release.iterdir())
        for out in ("s3://bucket/a.warc", "https://site.example/a.warc", "-"):
            said = refusal(self.fetched(release, "c4.json.gz", "--out", out))
            assert said.startswith(f"error: {out}: this is written to a disk only")
            assert sorted(release.iterdir()) == before, out

    def test_a_document_that_is_another_now_is_not_shown(self, release: Path) -> None:
        row = self.row_in(release, "a.warc.wet.gz")
        pointer = self.fetched(release, "a.warc.wet.gz").facts["pointer"]
        change_a_byte(release / "a.warc.wet.gz", Page(row["document_url"], press()[0].body))
        assert "other text" in refusal(self.fetched(release, "a.warc.wet.gz"))
        assert "other text" in refusal(outcome("fetch", pointer))

    def test_what_cannot_be_fetched_is_said_in_a_line_with_its_exit_code(
        self, release: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(release)
        for arguments, said in {
            "tables --row zz": "is not the start of a SHA-256",
            "tables --row 0123456789abcdef": "no row has",
            "nowhere --row ab": "not a folder of tables",
            "nowhere.gz#row=1": "no shard",
            "a.warc.wet.gz#offset=3,length=90": "no record begins there",
            "a.warc.wet.gz#offset=999999,length=9": "record gone",
            "c4.json.gz#row=99": "record gone",
            "c4.json.gz#row=0,format=pdf": "the format pdf cannot be read",
            "c4.json.gz#row=0,format=wet": "it is JSONL",
            "c4.json.gz#row=0 --columns url=link": "contains the column link for url",
            "c4.json.gz#row=x": "unknown part",
            "tables#row=1": "is a folder",
        }.items():
            assert said in refusal(outcome("fetch", *arguments.split())), arguments
        misused = {words: outcome("fetch", *words.split()) for words in MISUSED}
        assert {words for words, printed in misused.items() if printed.code != 2} == set()
        assert "pointer" in misused["tables"].err

    def test_a_column_that_a_parquet_file_lacks_is_refused(self, tmp_path: Path) -> None:
        metas = [{"url": page.url} for page in some_pages()]
        metas[29]["late"] = "x"
        rows = [
            {"text": page.text, "n": number, "meta": json.dumps(meta)}
            for number, (page, meta) in enumerate(zip(some_pages(), metas, strict=True))
        ]
        pointer = f"{as_parquet(tmp_path, rows)}#row=3"
        assert outcome("fetch", pointer, "--columns", "url=meta.url").facts["document"] == some_pages()[3].url
        said = refusal(outcome("fetch", pointer, "--columns", "url=urll"))
        assert "the mapping contains the column urll for url, which the shard lacks; it has: meta" in said
        # Of a column that another row has, this row knows no value.
        assert "document" not in outcome("fetch", pointer, "--columns", "url=meta.late").facts


def test_a_file_that_could_not_be_written_whole_is_not_left(tmp_path: Path) -> None:
    record = Record(BLANK.with_columns(dataset="c4"), b"x" * 2000, None, 2000)
    fetched = Fetched(Pointer("file:///a", row=0), record, ReadOptions(), "")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            fetched.save(str(tmp_path / "a.txt"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


ROBOTS, GONE, IMAGE, PAGE = (
    f"https://www.gazette.fr/{name}" for name in ("robots.txt", "parti", "x.png", "une/pont")
)
OTHERS = [b"Disallow: " + bytes(pair) for pair in product(range(97, 123), repeat=2)]
FILE = "crawl-data/CC-MAIN-2026-34/segments/17.1/warc/a.warc.gz"


def responses(shard: Path) -> dict[str, tuple[int, int, Any]]:
    found = {}
    with shard.open("rb") as file:
        for record in (archive := ArchiveIterator(file)):
            record.content_stream().read()
            place = archive.get_record_offset(), archive.get_record_length()
            if record.rec_type == "response":
                found[record.rec_headers.get_header("WARC-Target-URI")] = (*place, record)
    ends = dict(members(shard.read_bytes())) if shard.suffix == ".gz" else {}
    # Of a plain file warcio leaves the line ends after a record out.
    return {
        url: (start, ends[start] - start if ends else length + 4, record)
        for url, (start, length, record) in found.items()
    }


class TestRecordsThatAreNoDocuments:
    @pytest.fixture(params=["a.warc.gz", "a.warc"])
    def shard(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        path = (tmp_path / "mirror" / FILE).with_name(request.param)
        path.parent.mkdir(parents=True)
        answers = [
            CannedResponse(PAGE, [("Content-Type", "text/html")], b"<p>Le pont est ouvert.</p>", "fra"),
            CannedResponse(ROBOTS, [("Content-Type", "text/plain")], b"User-agent: CCBot\nDisallow: /\n", ""),
            CannedResponse(GONE, [("Location", "https://www.gazette.fr/")], b"", ""),
            CannedResponse(IMAGE, [("Content-Type", "image/png")], b"\x89PNG\x00\xff", ""),
        ]
        shards.write_warc(path, answers)
        return path

    @pytest.mark.parametrize(
        ("url", "shown"),
        [(ROBOTS, "Disallow: /"), (GONE, "Location: https://www.gazette.fr/"), (IMAGE, "PNG")],
    )
    def test_a_pointer_to_any_record_shows_it_and_writes_it_as_it_is(
        self, shard: Path, url: str, shown: str, tmp_path: Path
    ) -> None:
        offset, length, record = responses(shard)[url]
        said = outcome("fetch", f"{shard}#offset={offset},length={length}")
        digest = record.rec_headers.get_header("WARC-Payload-Digest")
        facts = (said.facts["document"], said.facts["record"], said.facts["computed"])
        assert facts == (url, "response: no document", digest)
        assert (shown in said.out) is (url != IMAGE)
        out = tmp_path / f"one{shard.suffix}"
        assert outcome("fetch", said.facts["pointer"], "--out", out).code == 0
        assert list(responses(out)) == [url]
        assert out.read_bytes() == shard.read_bytes()[offset : offset + length]

    @pytest.mark.real_data
    @pytest.mark.parametrize("place", ["offset=516,length=507", "offset=18374,length=483"])
    def test_other_real_records_have_the_digest_that_they_declare(self, place: str, real_data: Path) -> None:
        shard = real_data / "common_crawl" / "whirlwind" / "whirlwind.warc.gz"
        told = outcome("fetch", f"{shard}#{place}").facts
        assert told["declared"] == told["computed"]
        assert told["document"] == "https://an.wikipedia.org/wiki/Escopete"

    @pytest.mark.real_data
    def test_a_real_revisit_is_shown_and_written_with_the_headers_that_it_has(
        self, real_data: Path, tmp_path: Path
    ) -> None:
        shard, out = real_data / "warc_edge_cases" / "pywb" / "warcs" / "iana.warc.gz", tmp_path / "one.warc"
        said = outcome("fetch", f"{shard}#offset=785806,length=548")
        assert said.facts["record"] == "revisit: no document"
        assert "computed" not in said.facts
        assert "X-Varnish: 773810071 773808907" in said.out
        assert outcome("fetch", f"{shard}#offset=785806,length=548", "--out", out).code == 0
        assert out.read_bytes() == shard.read_bytes()[785806 : 785806 + 548]

    def test_a_range_that_is_not_just_one_record_is_none(self, shard: Path) -> None:
        offset, length, _ = responses(shard)[ROBOTS]
        its_own = f"other facts: the record there has {length:,} bytes"
        for start, size, why in (
            (offset, length - 5, its_own),
            (offset + 1, length - 1, "unreadable"),
            (offset, length + 400, its_own),
        ):
            said = refusal(outcome("fetch", f"{shard}#offset={start},length={size}"))
            assert f"not the requested document: {why}" in said

    def capture(self, shard: Path, folder: Path, url: str) -> dict[str, Any]:
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
        (folder / "press").mkdir()
        _, (found,) = take(census_corpus(folder / "press"), folder / "index.parquet")
        publish_census(folder / "tables", RUN, [found])
        return found | {"run_id": RUN}

    @pytest.mark.parametrize("url", [PAGE, ROBOTS, GONE])
    def test_the_row_of_a_capture_gets_its_record_from_where_releases_live(
        self, shard: Path, tmp_path: Path, url: str
    ) -> None:
        row = self.capture(shard, tmp_path, url)
        assert row["captured_at"].astimezone(UTC) == row["captured_at"]
        moved = ("--mirror", f"https://data.commoncrawl.org/={tmp_path / 'mirror'}")
        said = fetched(tmp_path / "tables", row, *moved)
        assert said.facts["document"] == url
        assert said.facts["checked"].endswith("digest; URL, declared digest, time and status of the record")
        based = {"PRESSWATCH_DATASETS__COMMON_CRAWL__BASE": str(tmp_path / "mirror")}
        out = tmp_path / "one.warc"
        words = ("fetch", tmp_path / "tables", "--row", row["row_sha256"], "--out", out)
        assert outcome(*words, **based).code == 0
        assert list(responses(out)) == [url]

    def test_a_row_of_a_capture_whose_record_is_another_now_is_not_shown(
        self, shard: Path, tmp_path: Path
    ) -> None:
        row = self.capture(shard, tmp_path, ROBOTS)
        moved = ("--mirror", f"https://data.commoncrawl.org/={tmp_path / 'mirror'}")

        def said() -> str:
            return refusal(fetched(tmp_path / "tables", row, *moved))

        substitute(shard, b"Disallow: /\n", OTHERS)
        # The index knows what the record declares, and that is over other bytes in some years.
        checked = fetched(tmp_path / "tables", row, *moved).facts["checked"]
        assert "but its payload differs from its declared digest" in checked
        digest = row["payload_digest"].encode()
        substitute(shard, digest, [digest[:-2] + bytes(pair) for pair in product(range(65, 91), repeat=2)])
        assert "other digest: `payload_digest` differs" in said()
        shard.write_bytes(b"")
        assert "record gone: the shard ends before it" in said()
        shard.unlink()
        assert "no shard" in said()

    def test_a_row_of_a_capture_leads_to_no_file_outside_of_its_release(
        self, shard: Path, tmp_path: Path
    ) -> None:
        row = self.capture(shard, tmp_path, PAGE)
        store = TableStore.open(str(tmp_path / "tables"))
        for name, told in (("../../secret", "outside its release"), (None, "lists no WARC file")):
            write(store, "captures", RUN, [row | {"warc_filename": name}], MemberCapture.schema)
            assert told in refusal(fetched(tmp_path / "tables", row))


PLAIN, HTML = [("Content-Type", "text/plain")], [("Content-Type", "text/html; charset=iso-8859-1")]
RULES = b"User-agent: CCBot\nDisallow: /reserve\n\nUser-agent: *\nDisallow: /"
PAYWALL = b'<script type="application/ld+json">{"isAccessibleForFree": false, "cssSelector": ".r"}</script>'
ANSWERS = (
    Answer(f"{SITE}/robots.txt", RULES, PLAIN),
    Answer(f"{SITE}/ai.txt", b"<p>rien", HTML, "404 Not Found"),
    Answer(f"{SITE}/.well-known/tdmrep.json", b'[{"location": "/", "tdm-reservation": 1}]'),
    Answer(f"{SITE}/vieux", b"", [("Location", "/une"), ("TDM-Reservation", "1")], "301 Moved"),
    Answer(f"{SITE}/une/1", b"<meta name=copyright content=\xc9ditions>" + PAYWALL + b"<p class=r>un", HTML),
    Answer(f"{SITE}/une/2", b"<p>deux", [*HTML, ("X-Robots-Tag", "\x1b]0;noai, ccbot: noai")]),
)
SIGNALS = {"robots_txt", "ai_txt", "tdm_reservation", "copyright", "paywall", "x_robots_tag"}


PACKINGS = ["a.warc.gz", "record.arc.gz", "plain.warc", "single.warc.gz", "single.arc.gz"]


class TestDeclarations:
    """Rows of `rights_signals` lead back to the responses that declare what they say."""

    def scanned(self, folder: Path, corpus: Path, name: str = "a.warc.gz") -> tuple[Path, Rows]:
        shard = folder / name
        if name == "single.warc.gz":
            plain = write_warc(folder / "plain.warc", *ANSWERS)
            shard.write_bytes(gzip.compress(plain.read_bytes()))
        elif name.endswith(".arc.gz"):
            inner = []
            for each in ANSWERS:
                fields = "".join(f"{name}: {value}\r\n" for name, value in each.headers)
                head = f"HTTP/1.1 {each.status}\r\n{fields}\r\n".encode()
                inner.append(arc_record(head + each.body, each.url))
            shard.write_bytes(packed_arc(name.partition(".")[0], inner))
        else:
            write_warc(shard, *ANSWERS)
        rows = [row | {"run_id": RUN} for row in rows_in(scan_one(shard, corpus), "rights_signals")]
        tables = folder / "tables"
        publish(tables, RUN, [], dataset="warc", config=row_settings(ScanConfig(), MinHashRules()))
        write(TableStore.open(str(tables)), "rights_signals", RUN, rows, RightsSignal.schema)
        return tables, rows

    @pytest.mark.parametrize("name", each_time(PACKINGS[:2], PACKINGS))
    def test_every_signal_is_read_again_from_the_response_that_is_shown(
        self, tmp_path: Path, corpus: Path, name: str
    ) -> None:
        tables, rows = self.scanned(tmp_path, corpus, name)
        assert {row["signal"] for row in rows} == SIGNALS
        for row in rows:
            shown = fetched(tables, row)
            assert shown.facts["document"] == row["document_url"], shown.err
            addressed = f"{row['signal']}{' to ' + row['agent'] if row['agent'] else ''}: "
            assert shown.facts["declares"].startswith(addressed)
            assert "URL, record id, time, status and body; it was read again" in shown.facts["checked"]
            assert all(character.isprintable() or character == "\n" for character in shown.out)
        robots = fetched(tables, rows[0])
        assert robots.out.endswith(f"Content-Type: text/plain\n\n{RULES.decode()}\n")
        assert robots.facts["body"].endswith(f"SHA-256 {rows[0]['content_sha256']}")
        (owner,) = (row for row in rows if row["signal"] == "copyright")
        assert "content=Éditions>" in fetched(tables, owner).out

    def test_a_response_is_shown_by_its_pointer_and_written_as_the_record_that_it_is(
        self, tmp_path: Path, corpus: Path
    ) -> None:
        tables, rows = self.scanned(tmp_path, corpus)
        for row in rows[:1] + [row for row in rows if row["http_status"] == 301]:
            first = fetched(tables, row)
            again = outcome("fetch", first.facts["pointer"])
            assert again.out.partition("\n\n")[2] == first.out.partition("\n\n")[2] != ""
        out = tmp_path / "one.warc.gz"
        assert fetched(tables, rows[0], "--out", out).code == 0
        ((headers, body),) = records(out.read_bytes())
        assert dict(headers)["WARC-Target-URI"] == f"{SITE}/robots.txt"
        assert body.endswith(b"\r\n\r\n" + RULES)

    def test_a_row_that_was_edited_is_refused(self, tmp_path: Path, corpus: Path) -> None:
        tables, (first, *rows) = self.scanned(tmp_path, corpus)
        for edit, digested, reason in (
            ({"verdict": "reserved"}, False, "row edited"),
            ({"verdict": "reserved"}, True, "other signal"),
            ({"value": "disallow: /"}, True, "other signal"),
            ({"parser": "protego 0.1"}, True, "other signal: the row was made by protego 0.1"),
            ({"document_url": f"{SITE}/ai.txt"}, True, "other URI"),
            ({"record_id": "<urn:uuid:0>"}, True, "other record id"),
            ({"http_status": 404}, True, "other facts"),
            ({"content_sha256": "0" * 64}, True, "other payload"),
        ):
            row = first | edit
            if digested:
                row["row_sha256"] = row_digest(row)
            write(TableStore.open(str(tables)), "rights_signals", RUN, [row, *rows], RightsSignal.schema)
            assert reason in refusal(fetched(tables, row)), edit

    def test_an_edited_row_is_refused_before_anything_is_read(
        self, tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tables, (first, *rows) = self.scanned(tmp_path, corpus)
        # Without a place, the whole shard would be read.
        edited = [first | {"record_offset": None}, *rows]
        write(TableStore.open(str(tables)), "rights_signals", RUN, edited, RightsSignal.schema)
        monkeypatch.setattr("presswatch_spark.query.pointers.audit.records_at", raising(AssertionError))
        assert "row edited" in refusal(fetched(tables, first))

    def test_a_response_that_was_changed_in_its_shard_is_not_shown(
        self, tmp_path: Path, corpus: Path
    ) -> None:
        tables, rows = self.scanned(tmp_path, corpus, "plain.warc")
        shard = tmp_path / "plain.warc"
        shard.write_bytes(shard.read_bytes().replace(b"/reserve\n", b"/preserv\n"))
        assert "other payload" in refusal(fetched(tables, rows[0]))
        (noai,) = (row for row in rows if row["signal"] == "x_robots_tag" and row["agent"] == "ccbot")
        shard.write_bytes(shard.read_bytes().replace(b"ccbot: noai", b"ccbot: noml"))
        assert "other signal" in refusal(fetched(tables, noai))
