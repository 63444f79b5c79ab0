"""From a WARC file to rows of signals."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from presswatch_spark.core.settings.config import ReadRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.runs.work import Outcome
from presswatch_spark.storage.objects import stat
from tests.world.corpora import article, corpus_of

SITE = "https://www.courrier.example"


@dataclass(frozen=True)
class Answer:
    """What a server answered, and when."""

    url: str
    body: bytes
    headers: Sequence[tuple[str, str]] = ()
    status: str = "200 OK"
    at: str = "2024-05-18T12:00:00Z"


def write_warc(path: Path, *answers: Answer) -> Path:
    """Write answers as response records."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.suffix == ".gz")
        for answer in answers:
            head = StatusAndHeaders(answer.status, list(answer.headers), protocol="HTTP/1.1")
            record = writer.create_warc_record(
                answer.url,
                "response",
                io.BytesIO(answer.body),
                http_headers=head,
                warc_headers_dict={"WARC-Date": answer.at},
            )
            writer.write_record(record)
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan")
    return corpus_of(folder, [article(1)])


def scan(path: Path, corpus: Path, config: ScanConfig | None = None) -> Outcome:
    config = config or ScanConfig()
    digest = Corpus.open(str(corpus)).manifest.digest
    return ShardScan("auto", str(corpus), digest, config)(stat(str(path), config.storage))


def test_a_warc_gives_matches_and_signals(corpus: Path, tmp_path: Path) -> None:
    page = '<html lang=fr><meta name="tdm-reservation" content="1"><p>' + str(article(1)["body"])
    html = [("Content-Type", "text/html; charset=iso-8859-1"), ("X-Robots-Tag", "noai")]
    plain = [("Content-Type", "text/plain")]
    path = write_warc(
        tmp_path / "a.warc.gz",
        Answer(f"{SITE}/robots.txt", b"User-agent: CCBot\nDisallow: /", plain),
        Answer(f"{SITE}/ai.txt", b"<p>rien", [("Content-Type", "text/html")], "404 Not Found"),
        Answer(f"{SITE}/une/1", page.encode("cp1252", "replace"), html),
        Answer(f"{SITE}/", b"", [("Location", "/une"), ("TDM-Reservation", "1")], "301 Moved"),
        Answer("https://ailleurs.example/robots.txt", b"User-agent: *\nDisallow: /"),
    )
    outcome = scan(path, corpus)
    assert outcome.log["status"] == "complete"
    rows = [row for batch in outcome.tables["rights_signals"] for row in batch.to_pylist()]
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
    rows_found = [row for batch in outcome.tables["matches"] for row in batch.to_pylist()]
    (match,) = [row for row in rows_found if row["grade"] == "full_copy"]
    own = [row for row in rows if row["document_url"] == match["document_url"]]
    for name in ("shard_uri", "record_id", "record_offset", "record_length", "captured_at", "http_status"):
        assert {row[name] for row in own} == {match[name]}, name
    assert {row["captured_at"] for row in rows} == {datetime(2024, 5, 18, 12, tzinfo=UTC)}


def test_a_file_of_a_site_is_read_whatever_the_language_asked_for(corpus: Path, tmp_path: Path) -> None:
    robots = Answer(f"{SITE}/robots.txt", b"User-agent: *\nDisallow: /", [("Content-Type", "text/plain")])
    path = write_warc(tmp_path / "b.warc", robots)
    outcome = scan(path, corpus, ScanConfig(read=ReadRules(languages=("fra",), release="CC-MAIN-2024-22")))
    (batch,) = outcome.tables["rights_signals"]
    assert set(batch["verdict"].to_pylist()) == {"reserved"}
    assert set(batch["release"].to_pylist()) == {"CC-MAIN-2024-22"}


@pytest.mark.real_data
def test_a_foreign_warc_gives_no_signals(corpus: Path, real_data: Path) -> None:
    outcome = scan(real_data / "common_crawl" / "whirlwind" / "whirlwind.warc.gz", corpus)
    assert (outcome.log["documents"], outcome.log["signals"], outcome.tables["rights_signals"]) == (1, 0, [])
