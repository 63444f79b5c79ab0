"""Whose captures are read, and the rows that they give."""

from __future__ import annotations

import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presswatch_spark.core.errors import StorageError
from presswatch_spark.core.model import Capture, DocumentBatch, Locator, ReadReport
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.rights.signals import Members, Owner, signal_rows
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.scanning import pipeline
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.runs.work import Outcome
from presswatch_spark.scanning.shard.attempts import SIGNAL_COLUMNS
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.digests import row_digest
from tests.world.captures import PAGE, ROBOTS, capture, robots
from tests.world.corpora import MEMBERS, article, build, write_jsonl

SHARED = """
      - {id: blogue, name: Blogue, domains: [plateforme.example], url_prefixes: ["https://plateforme.example/blogue"]}
      - {id: autre, name: Autre, domains: [plateforme.example], url_prefixes: ["https://plateforme.example/autre"]}
      - {id: maison, name: Maison, domains: [maison.example]}
      - {id: cahier, name: Cahier, domains: [maison.example], url_prefixes: ["https://maison.example/cahier"]}
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The usual members, two titles that share a host, and an article on a host that is nobody's."""
    folder = tmp_path_factory.mktemp("rights")
    articles = [article(1), article(2, url="https://ailleurs.example/a/2")]
    written = write_jsonl(folder / "articles.jsonl", articles)
    build(folder / "corpus", [written], members_file=MEMBERS.rstrip("\n") + SHARED)
    return folder / "corpus"


@pytest.fixture(scope="module")
def members(corpus: Path) -> Members:
    return Members(Corpus.open(str(corpus)))


@pytest.mark.parametrize(
    ("url", "owner"),
    [
        (PAGE, Owner("courrier", "rives")),
        ("http://blogues.courrier.example:8080/x?y#z", Owner("courrier", "rives")),
        (ROBOTS, Owner("courrier", "rives")),
        ("https://www.courrier.example/.well-known/tdmrep.json", Owner("courrier", "rives")),
        ("https://plateforme.example/blogue/1", Owner("blogue", "plateau")),
        ("https://plateforme.example/ailleurs", None),
        ("https://plateforme.example/robots.txt", Owner(None, "plateau")),
        ("https://maison.example/une/1", Owner("maison", "plateau")),
        ("https://maison.example/robots.txt", Owner(None, "plateau")),
        ("https://ailleurs.example/a/2", Owner("courrier", "rives")),
        ("https://ailleurs.example/a/3", None),
        (
            "https://courrier-example.cdn.ampproject.org/c/s/courrier.example/une/9",
            Owner("courrier", "rives"),
        ),
        ("https://cdn.ampproject.org/robots.txt", None),
        ("https://xcourrier.example/robots.txt", None),
        ("https://[::1]/robots.txt", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_pages_of_members_and_files_of_their_hosts_are_wanted(
    members: Members, url: str, owner: Owner | None
) -> None:
    assert members.owner(url) == owner
    assert members.wants(url) == (owner is not None)


def test_foreign_hosts_cost_microseconds(members: Members) -> None:
    members.wants(PAGE)
    started = time.process_time()
    for number in range(2_000):
        members.wants(f"https://www.site-{number}.example/a/b/c?d=e")
    assert time.process_time() - started < 2


def test_a_row_says_whose_it_is_where_it_stood_and_what_it_was_read_from(members: Members) -> None:
    response = capture(
        '<meta name="robots" content="noai">', PAGE, ("X-Robots-Tag", "noml"), release="CC-MAIN-2024-22"
    )
    header, meta = signal_rows(response, members, "shard", None)
    assert (header.signal, header.content_sha256) == ("x_robots_tag", None)
    assert (meta.signal, meta.content_sha256) == ("meta_robots", sha256(response.body).hexdigest())
    assert (meta.host, meta.title_id, meta.release) == (
        "www.courrier.example",
        "courrier",
        "CC-MAIN-2024-22",
    )
    assert (meta.record_offset, meta.record_encoding, meta.http_status) == (7, "gzip", 200)
    assert meta.row_sha256 == row_digest(meta)


def test_the_same_capture_gives_the_same_rows_and_a_mirror_the_same_digests(members: Members) -> None:
    response = robots("User-agent: *\nDisallow: /")
    rows = list(signal_rows(response, members, "shard", "r"))
    assert rows == list(signal_rows(response, members, "shard", "r"))
    mirrored = signal_rows(response, members, "mirror", "r")
    assert [row.row_sha256 for row in mirrored] == [row.row_sha256 for row in rows]
    assert len({row.row_sha256 for row in rows}) == 4


def test_a_foreign_capture_has_no_rows(members: Members) -> None:
    assert (
        list(
            signal_rows(capture("<meta name=robots content=noai>", "https://x.example/"), members, "s", None)
        )
        == []
    )


EMPTY = np.empty(0, np.int64)


class Responses:
    """A source that hands out captures, as WARC does, and asks which are wanted."""

    name = "warc"
    has_columns = False

    def __init__(self, *captures: Capture, fail_first: bool = False) -> None:
        self.captures = captures
        self.fail = fail_first

    def read(self, shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        assert options.wants
        wanted = tuple(each for each in self.captures if options.wants(each.url))
        yield DocumentBatch(
            np.empty(0, np.uint8),
            EMPTY,
            EMPTY,
            np.empty(0, np.uint8),
            EMPTY,
            EMPTY,
            lambda i: Locator(),
            wanted,
        )
        report.bytes_read = shard.size or 0
        if self.fail:
            self.fail = False
            raise StorageError("connection reset")


def scanned(corpus: Path, source: Any, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    monkeypatch.setattr(pipeline, "format_for", lambda *args: source)
    digest = Corpus.open(str(corpus)).manifest.digest
    return ShardScan("warc", str(corpus), digest, ScanConfig())(ObjectInfo("/shard.warc.gz", 10, "etag"))


def test_a_shard_gives_the_signals_of_members_alone(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = robots("User-agent: *\nDisallow: /", "https://x.example/robots.txt")
    own = robots("User-agent: CCBot\nDisallow: /")
    outcome = scanned(corpus, Responses(foreign, own, capture("<link rel=canonical href=/a>")), monkeypatch)
    assert (outcome.log["status"], outcome.log["signals"], outcome.log["matches"]) == ("complete", 5, 0)
    (batch,) = outcome.tables["rights_signals"]
    assert batch.schema == SIGNAL_COLUMNS
    assert [(row["signal"], row["agent"], row["verdict"]) for row in batch.to_pylist()][:2] == [
        ("robots_txt", "CCBot", "reserved"),
        ("robots_txt", "GPTBot", "allowed"),
    ]


def test_a_second_attempt_does_not_double_signals(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Responses(robots("User-agent: *\nDisallow: /"), fail_first=True)
    log = scanned(corpus, source, monkeypatch).log
    assert (log["status"], log["attempts"], log["signals"]) == ("complete", 2, 4)


def test_a_shard_of_nothing_but_robots_txt_that_breaks_off_is_partial(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Responses):
        def read(
            self, shard: ObjectInfo, options: ReadOptions, report: ReadReport
        ) -> Iterator[DocumentBatch]:
            yield from super().read(shard, options, report)
            report.add_defect("cut")

    log = scanned(corpus, Broken(robots("User-agent: *\nDisallow: /")), monkeypatch).log
    assert (log["status"], log["signals"]) == ("partial", 4)
