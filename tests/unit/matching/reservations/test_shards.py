"""Members' captures in a shard, and the rows of signals that they give."""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import StorageError
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import Capture, DocumentBatch, ReadReport, TextColumn
from presswatch_spark.core.settings.config import ReadRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement import urls
from presswatch_spark.matching.judgement.sites import Owner
from presswatch_spark.matching.reservations.signals import signal_rows
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.scanning import pipeline
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.runs.run_work import Outcome
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.declarations import columns_without_run
from presswatch_spark.tables.digests import row_digest
from tests.world.corpora import MEMBERS, article, build, write_jsonl
from tests.world.rights import PAGE, ROBOTS, SITE, TDMREP, Answer, capture, robots, write_warc
from tests.world.scanned import scan_one

SHARED = """
      - {id: blogue, name: Blogue, domains: [plateforme.example], url_prefixes: ["https://plateforme.example/blogue"]}
      - {id: autre, name: Autre, domains: [plateforme.example], url_prefixes: ["https://plateforme.example/autre"]}
      - {id: maison, name: Maison, domains: [maison.example]}
      - {id: cahier, name: Cahier, domains: [maison.example], url_prefixes: ["https://maison.example/cahier"]}
"""
RIVES = Owner("courrier", "rives")
FORBIDS = "User-agent: *\nDisallow: /"
RSL = b"""<rsl xmlns="https://rslstandard.org/rsl"><content url="/">
<license><prohibits type="usage">ai-train</prohibits></license></content></rsl>"""
POLICY = b'{"@type": "Offer", "prohibition": [{"action": "tdm:mine"}]}'
PDF = b"""%PDF-1.4
<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:t="http://www.w3.org/ns/tdmrep/" t:reservation="1"></x:xmpmeta>"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The usual members, two titles that share a host, and an article on a host that is nobody's."""
    folder = tmp_path_factory.mktemp("rights")
    articles = [article(1), article(2, url="https://ailleurs.example/a/2")]
    written = write_jsonl(folder / "articles.jsonl", articles)
    build(folder / "corpus", [written], members_file=MEMBERS.rstrip("\n") + SHARED)
    return folder / "corpus"


@pytest.fixture(scope="module")
def members(corpus: Path) -> Corpus:
    return Corpus.open(str(corpus))


class TestOwners:
    @pytest.mark.parametrize(
        ("url", "owner"),
        [
            (PAGE, RIVES),
            ("http://blogues.courrier.example:8080/x?y#z", RIVES),
            (ROBOTS, RIVES),
            (TDMREP, RIVES),
            ("https://plateforme.example/blogue/1", Owner("blogue", "plateau")),
            ("https://plateforme.example/ailleurs", None),
            ("https://plateforme.example/robots.txt", Owner(None, "plateau")),
            ("https://maison.example/une/1", Owner("maison", "plateau")),
            ("https://maison.example/robots.txt", Owner(None, "plateau")),
            ("https://ailleurs.example/a/2", RIVES),
            ("https://ailleurs.example/a/3", None),
            ("https://courrier-example.cdn.ampproject.org/c/s/courrier.example/une/9", RIVES),
            ("https://cdn.ampproject.org/robots.txt", None),
            ("https://xcourrier.example/robots.txt", None),
            ("https://[::1]/robots.txt", None),
            ("nonsense", None),
            ("", None),
        ],
    )
    def test_pages_of_members_and_files_of_their_hosts_are_wanted(
        self, members: Corpus, url: str, owner: Owner | None
    ) -> None:
        assert (members.owner(url), members.wants(url)) == (owner, owner is not None)

    def test_addresses_of_foreign_hosts_are_not_parsed(
        self, members: Corpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        members.wants(PAGE)
        monkeypatch.setattr(urls, "normalise_url", pytest.fail)
        monkeypatch.setattr(Corpus, "owner", pytest.fail)
        assert not any(members.wants(f"https://www.site-{n}.example/a/b/c?d=e") for n in range(2_000))


class TestRows:
    def test_a_row_names_its_owner_its_place_and_what_it_was_read_from(self, members: Corpus) -> None:
        meta = '<meta name="robots" content="noai">'
        response = capture(meta, PAGE, ("X-Robots-Tag", "noml"), release="CC-MAIN-2024-22")
        of_header, of_meta = signal_rows(response, members.owner(response.url), "shard", None)
        assert (of_header.signal, of_header.content_sha256) == ("x_robots_tag", None)
        expected = {
            "signal": "meta_robots", "content_sha256": sha256(response.body).hexdigest(),
            "host": "www.courrier.example", "title_id": "courrier", "release": "CC-MAIN-2024-22",
            "record_offset": 7, "record_encoding": "gzip", "http_status": 200,
            "row_sha256": row_digest(of_meta),
        }  # fmt: skip
        assert {name: getattr(of_meta, name) for name in expected} == expected

    def test_the_same_capture_gives_the_same_rows_and_a_mirror_the_same_digests(
        self, members: Corpus
    ) -> None:
        first, again, mirrored = (
            list(signal_rows(robots(FORBIDS), members.owner(ROBOTS), shard, "r"))
            for shard in ("shard", "shard", "mirror")
        )
        assert first == again
        assert [row.row_sha256 for row in mirrored] == [row.row_sha256 for row in first]
        assert len({row.row_sha256 for row in first}) == 4

    def test_a_foreign_capture_has_none(self, members: Corpus) -> None:
        foreign = capture("<meta name=robots content=noai>", "https://x.example/")
        assert list(signal_rows(foreign, members.owner(foreign.url), "s", None)) == []


class TestWarc:
    def test_it_gives_matches_and_signals(self, corpus: Path, tmp_path: Path) -> None:
        page = '<html lang=fr><meta name="tdm-reservation" content="1"><p>' + str(article(1)["body"])
        html = [("Content-Type", "text/html; charset=iso-8859-1"), ("X-Robots-Tag", "noai")]
        plain = [("Content-Type", "text/plain")]
        path = write_warc(
            tmp_path / "a.warc.gz",
            Answer(ROBOTS, b"User-agent: CCBot\nDisallow: /", plain),
            Answer(f"{SITE}/ai.txt", b"<p>rien", [("Content-Type", "text/html")], "404 Not Found"),
            Answer(f"{SITE}/une/1", page.encode("cp1252", "replace"), html),
            Answer(f"{SITE}/", b"", [("Location", "/une"), ("TDM-Reservation", "1")], "301 Moved"),
            Answer("https://ailleurs.example/robots.txt", b"User-agent: *\nDisallow: /"),
            Answer(f"{SITE}/rsl.xml", RSL, [("Content-Type", "application/rsl+xml")]),
            Answer(f"{SITE}/tdm.json", POLICY, [("Content-Type", "application/ld+json")]),
            Answer(f"{SITE}/une.pdf", PDF, [("Content-Type", "application/pdf")]),
        )
        outcome = scan_one(path, corpus)
        assert outcome.log["status"] == "complete"
        rows = [row for batch in outcome.tables["rights_signals"] for row in batch.to_pylist()]
        names = ("signal", "agent", "verdict")
        assert [(row["document_url"].removeprefix(SITE), *(row[n] for n in names)) for row in rows] == [
            ("/robots.txt", "robots_txt", "CCBot", "reserved"),
            *(("/robots.txt", "robots_txt", each, "allowed") for each in ("GPTBot", "Google-Extended", "*")),
            *(("/ai.txt", "ai_txt", each, None) for each in ("CCBot", "GPTBot", "Google-Extended", "*")),
            ("/une/1", "x_robots_tag", None, "reserved"),
            ("/une/1", "tdm_reservation", None, "reserved"),
            ("/", "tdm_reservation", None, "reserved"),
            ("/rsl.xml", "rsl", None, "reserved"),
            ("/tdm.json", "tdm_policy", None, "reserved"),
            ("/une.pdf", "tdm_reservation", None, "reserved"),
        ]
        found = [row for batch in outcome.tables["matches"] for row in batch.to_pylist()]
        (match,) = [row for row in found if row["grade"] == "full_copy"]
        own = [row for row in rows if row["document_url"] == match["document_url"]]
        for name in (
            "shard_uri",
            "record_id",
            "record_offset",
            "record_length",
            "captured_at",
            "http_status",
        ):
            assert {row[name] for row in own} == {match[name]}, name
        assert {row["captured_at"] for row in rows} == {datetime(2024, 5, 18, 12, tzinfo=UTC)}

    def test_a_file_of_a_site_is_read_whatever_the_language_asked_for(
        self, corpus: Path, tmp_path: Path
    ) -> None:
        path = write_warc(
            tmp_path / "b.warc", Answer(ROBOTS, FORBIDS.encode(), [("Content-Type", "text/plain")])
        )
        config = ScanConfig(read=ReadRules(languages=("fra",), release="CC-MAIN-2024-22"))
        (batch,) = scan_one(path, corpus, config=config).tables["rights_signals"]
        found = {(row["verdict"], row["release"]) for row in batch.to_pylist()}
        assert found == {("reserved", "CC-MAIN-2024-22")}

    @pytest.mark.real_data
    def test_a_foreign_one_gives_no_signals(self, corpus: Path, real_data: Path) -> None:
        outcome = scan_one(real_data / "common_crawl" / "whirlwind" / "whirlwind.warc.gz", corpus)
        found = (outcome.log["documents"], outcome.log["signals"], outcome.tables["rights_signals"])
        assert found == (1, 0, [])


class Responses:
    """A source that hands out captures, as WARC does, and asks which are wanted."""

    name = "warc"
    has_columns = False

    def __init__(self, *captures: Capture, fail_first: bool = False, defect: str | None = None) -> None:
        self.captures, self.fail, self.defect = captures, fail_first, defect

    def read(self, shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        assert options.wants
        wanted = tuple(each for each in self.captures if options.wants(each.url))
        yield DocumentBatch(TextColumn.empty(0), TextColumn.empty(0), lambda i: Locator(), wanted)
        report.bytes_read = shard.size or 0
        if self.fail:
            self.fail = False
            raise StorageError("connection reset")
        if self.defect:
            report.add_defect(self.defect)


class TestScan:
    def scanned(self, corpus: Path, source: Any, monkeypatch: pytest.MonkeyPatch) -> Outcome:
        monkeypatch.setattr(pipeline, "format_for", lambda *args: source)
        digest = Corpus.open(str(corpus)).manifest.digest
        shard = ObjectInfo("/shard.warc.gz", 10, "etag")
        return ShardScan("warc", str(corpus), digest, ScanConfig())(shard)

    def test_a_shard_gives_the_signals_of_members_alone(
        self, corpus: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        foreign = robots(FORBIDS, "https://x.example/robots.txt")
        own = robots("User-agent: CCBot\nDisallow: /")
        source = Responses(foreign, own, capture("<link rel=canonical href=/a>"))
        outcome = self.scanned(corpus, source, monkeypatch)
        assert [outcome.log[name] for name in ("status", "signals", "matches")] == ["complete", 5, 0]
        (batch,) = outcome.tables["rights_signals"]
        assert batch.schema == columns_without_run("rights_signals")

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ({"fail_first": True}, ("complete", 2, 4)),
            ({"defect": "cut"}, ("partial", 1, 4)),
        ],
        ids=["a second attempt does not double signals", "one of nothing but robots.txt may break off"],
    )
    def test_a_shard_that_fails(
        self,
        corpus: Path,
        monkeypatch: pytest.MonkeyPatch,
        source: dict[str, Any],
        expected: tuple[object, ...],
    ) -> None:
        log = self.scanned(corpus, Responses(robots(FORBIDS), **source), monkeypatch).log
        assert (log["status"], log["attempts"], log["signals"]) == expected
