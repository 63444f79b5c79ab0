"""From a WARC file to rows of signals."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from presswatch_spark.config import ReadRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.shard_scan import ShardOutcome, ShardScan
from presswatch_spark.storage.objects import stat
from tests.corpora import article, build, write_jsonl

SITE = "https://www.courrier.example"


def write_warc(path: Path, *responses: tuple[str, str, list[tuple[str, str]], bytes]) -> Path:
    """Write responses of URL, status line, headers and body, captured at noon."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.suffix == ".gz")
        for url, status, headers, body in responses:
            head = StatusAndHeaders(status, headers, protocol="HTTP/1.1")
            facts = {"WARC-Date": "2024-05-18T12:00:00Z"}
            writer.write_record(
                writer.create_warc_record(
                    url, "response", io.BytesIO(body), http_headers=head, warc_headers_dict=facts
                )
            )
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan")
    build(folder / "corpus", [write_jsonl(folder / "articles.jsonl", [article(1)])])
    return folder / "corpus"


def scan(path: Path, corpus: Path, config: ScanConfig | None = None) -> ShardOutcome:
    config = config or ScanConfig()
    digest = Corpus.open(str(corpus)).manifest.digest
    return ShardScan("auto", str(corpus), digest, config)(stat(str(path), config.storage))


def test_a_warc_gives_matches_and_signals(corpus: Path, tmp_path: Path) -> None:
    page = '<html lang=fr><meta name="tdm-reservation" content="1"><p>' + str(article(1)["body"])
    html = [("Content-Type", "text/html; charset=iso-8859-1"), ("X-Robots-Tag", "noai")]
    path = write_warc(
        tmp_path / "a.warc.gz",
        (f"{SITE}/robots.txt", "200 OK", [("Content-Type", "text/plain")], b"User-agent: CCBot\nDisallow: /"),
        (f"{SITE}/ai.txt", "404 Not Found", [("Content-Type", "text/html")], b"<p>rien"),
        (f"{SITE}/une/1", "200 OK", html, page.encode("cp1252", "replace")),
        (f"{SITE}/", "301 Moved", [("Location", "/une"), ("TDM-Reservation", "1")], b""),
        ("https://ailleurs.example/robots.txt", "200 OK", [], b"User-agent: *\nDisallow: /"),
    )
    outcome = scan(path, corpus)
    assert outcome.log["status"] == "complete"
    rows = [row for batch in outcome.signals for row in batch.to_pylist()]
    assert [
        (row["document_url"].removeprefix(SITE), row["signal"], row["agent"], row["verdict"]) for row in rows
    ] == [
        ("/robots.txt", "robots_txt", "CCBot", "reserved"),
        ("/robots.txt", "robots_txt", "GPTBot", "allowed"),
        ("/robots.txt", "robots_txt", "Google-Extended", "allowed"),
        ("/robots.txt", "robots_txt", "*", "allowed"),
        *(("/ai.txt", "ai_txt", agent, None) for agent in ("CCBot", "GPTBot", "Google-Extended", "*")),
        ("/une/1", "x_robots_tag", None, "reserved"),
        ("/une/1", "tdm_reservation", None, "reserved"),
        ("/", "tdm_reservation", None, "reserved"),
    ]
    rows_found = [row for batch in outcome.matches for row in batch.to_pylist()]
    (match,) = [row for row in rows_found if row["grade"] == "full_copy"]
    own = [row for row in rows if row["document_url"] == match["document_url"]]
    for name in ("shard_uri", "record_id", "record_offset", "record_length", "captured_at", "http_status"):
        assert {row[name] for row in own} == {match[name]}, name
    assert {row["captured_at"] for row in rows} == {datetime(2024, 5, 18, 12, tzinfo=UTC)}


def test_a_file_of_a_site_is_read_whatever_the_language_asked_for(corpus: Path, tmp_path: Path) -> None:
    path = write_warc(
        tmp_path / "b.warc",
        (f"{SITE}/robots.txt", "200 OK", [("Content-Type", "text/plain")], b"User-agent: *\nDisallow: /"),
    )
    outcome = scan(path, corpus, ScanConfig(read=ReadRules(languages=("fra",), release="CC-MAIN-2024-22")))
    (batch,) = outcome.signals
    assert set(batch["verdict"].to_pylist()) == {"reserved"}
    assert set(batch["release"].to_pylist()) == {"CC-MAIN-2024-22"}


@pytest.mark.real_data
def test_a_foreign_warc_gives_no_signals(corpus: Path, real_data: Path) -> None:
    outcome = scan(real_data / "common_crawl" / "whirlwind" / "whirlwind.warc.gz", corpus)
    assert (outcome.log["documents"], outcome.log["signals"], outcome.signals) == (1, 0, ())
