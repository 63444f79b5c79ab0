"""The scan from end to end: what is found, where its rows point, and what is reported of the unreadable."""

import gzip
import hashlib
import json
import platform
import shutil
import socket
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import ConfigError, CorpusError, InputError, PresswatchError
from presswatch_spark.core.settings.config import CorpusConfig, GradeRules, ReadRules, RunRules, ScanConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.reading.text.words import word_at, words_of
from presswatch_spark.scanning.runs.provenance import commit, packages, packages_digest
from presswatch_spark.storage.objects import StorageOptions, read_range
from tests.spark.conftest import PAGES, SHARDS
from tests.spark.press import GUARANTEED, Press, Scanned, Scanner
from tests.world.servers import web


def record_text(row: dict[str, Any]) -> bytes:
    """The document's text, fetched as a third party would: by URI, offset and length."""
    member = read_range(row["shard_uri"], row["record_offset"], row["record_length"], StorageOptions())
    record = gzip.decompress(member) if row["record_encoding"] == "gzip" else member
    text = record.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n\r\n")
    assert hashlib.sha256(text).hexdigest() == row["text_sha256"]
    return text


def folded(text: str) -> list[str]:
    words = words_of(text.encode())
    return [word_at(words, i) for i in range(len(words))]


@pytest.fixture(scope="module")
def found(
    spark: SparkSession, press: Press, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Scanned:
    return Scanner(spark, corpus, tmp_path_factory.mktemp("found"))(press.shards)


@pytest.fixture
def shard(press: Press) -> Path:
    return sorted(press.shards.iterdir())[0]


def test_every_pair_with_a_run_of_eleven_words_is_found_and_no_other(found: Scanned, press: Press) -> None:
    copies = found.copies()
    assert {(row["document_url"], row["article_id"]) for row in copies} == press.pairs
    assert len(copies) == len(press.pairs)
    row = found.row
    assert (row["shards_planned"], row["shards_complete"], found.summary.incomplete) == (SHARDS, SHARDS, ())
    assert (row["documents"], row["dataset"]) == (SHARDS * PAGES, "wet")
    assert row["words"] > row["documents"]


def test_spans_cut_out_of_both_texts_are_the_same_words_at_every_locator(
    found: Scanned, press: Press
) -> None:
    articles = [json.loads(line) for line in press.articles.read_text().splitlines()]
    bodies = {article["article_id"]: article["body"] for article in articles}
    for row in found.copies():
        document, body = record_text(row).decode(), bodies[row["article_id"]]
        assert max(span["words"] for span in row["spans"]) == row["longest_run_words"] >= GUARANTEED
        for span in row["spans"]:
            copied = folded(document[span["document_start"] : span["document_end"]])
            assert copied == folded(body[span["article_start"] : span["article_end"]])
            assert len(copied) == span["words"]


def test_auto_finds_the_same_and_a_longer_shortest_run_finds_fewer_by_another_configuration(
    found: Scanned, scan: Scanner, press: Press
) -> None:
    auto = scan(press.shards, dataset="auto")
    assert (auto.row["table_digest"], auto.row["dataset"]) == (found.row["table_digest"], "wet")
    fewer = scan(press.shards, out="fewer", config=ScanConfig(grade=GradeRules(min_run_words=40)))
    assert 0 < len(fewer.copies()) < len(found.copies())
    assert fewer.row["config_digest"] != found.row["config_digest"]


def test_a_run_records_where_it_came_from(scan: Scanner, press: Press) -> None:
    config = ScanConfig(run=RunRules(operator="Anne"))
    done = scan(press.shards, config=config, command="presswatch scan")
    (row,) = done.rows("runs")
    assert {name: row[name] for name in done.row} == done.row
    assert row.items() >= {
        "operator": "Anne", "command": "presswatch scan", "spark_version": scan.spark.version,
        "python_version": platform.python_version(), "packages_digest": packages_digest(packages()),
        "tool_commit": commit(), "host": socket.gethostname(),
    }.items()  # fmt: skip


def test_a_shard_cut_short_is_partial_and_all_whole_records_are_scanned(scan: Scanner, shard: Path) -> None:
    cut, whole = scan.folder / "cut.warc.wet.gz", shard.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    done = scan(cut)
    ((uri, status, error),) = done.summary.incomplete
    assert (Path(uri), status, "byte" in error) == (cut, "partial", True)
    assert 0 < done.row["documents"] < PAGES
    assert all(map(record_text, done.copies()))


def test_shards_of_another_kind_and_shards_that_vanish_after_planning_fail_alone(
    scan: Scanner, shard: Path
) -> None:
    notes, listing = scan.folder / "notes.wet.gz", scan.folder / "wet.paths.gz"
    notes.write_bytes(gzip.compress(b"Dear diary, nothing happened today.\n" * 50))
    listing.write_bytes(gzip.compress(f"{shard}\n{notes}\n{scan.folder}/gone.warc.wet.gz\n".encode()))
    done = scan(listing)
    failed = sorted((Path(uri).name, status) for uri, status, _ in done.summary.incomplete)
    assert failed == [("gone.warc.wet.gz", "failed"), ("notes.wet.gz", "failed")]
    assert done.row["shards_complete"] == 1


def test_a_scan_that_cannot_begin_is_refused_and_leaves_no_output(
    scan: Scanner, press: Press, shard: Path
) -> None:
    changed = shutil.copytree(scan.corpus, scan.folder / "corpus") / "signatures.npy"
    data = bytearray(changed.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    columns = ScanConfig(read=ReadRules(columns={"txt": "body"}))
    refusals: list[tuple[type[PresswatchError], Scanner, Path, ScanConfig | None]] = [
        (InputError, scan, scan.folder / "nothing", None),
        (CorpusError, replace(scan, corpus=changed.parent), shard, None),
        (ConfigError, scan, shard, columns),
    ]
    for error, scanner, path, config in refusals:
        with pytest.raises(error, match="txt" if config else None):
            scanner(path, config=config)
    assert not (scan.folder / "out").exists()


@pytest.mark.real_data
def test_a_real_wet_page_is_found_where_its_locator_points(
    scan: Scanner, real_data: Path, press: Press
) -> None:
    folder = real_data / "common_crawl" / "whirlwind"
    plain = (folder / "whirlwind.warc.wet").read_bytes()
    page = plain[plain.index(b"WARC-Type: conversion") :].partition(b"\r\n\r\n")[2].decode()
    article = {
        "article_id": "page",
        "title_id": "daily",
        "url": "https://daily.example/page",
        "headline": "h",
    }
    article |= {"body": " ".join(page.split()[:200]), "published_at": "2024-05-01"}
    (scan.folder / "articles.jsonl").write_text(json.dumps(article))
    corpus = scan.folder / "corpus"
    given = (str(press.members), [str(scan.folder / "articles.jsonl")], str(corpus))
    build_corpus(scan.spark, *given, CorpusConfig(), StorageOptions())
    shards = (folder / "whirlwind.warc.wet.gz", folder / "whirlwind.warc.wet")
    done = replace(scan, corpus=corpus)(*shards)
    assert done.summary.incomplete == ()
    rows = done.copies()
    assert sorted(row["record_encoding"] for row in rows) == ["gzip", "plain"]
    assert {(row["grade"], row["release"]) for row in rows} == {("full_copy", "CC-MAIN-2024-22")}
    assert all(map(record_text, rows))


def test_shards_that_differ_only_in_what_follows_the_question_mark_are_both_scanned(
    scan: Scanner, shard: Path
) -> None:
    alone = scan(shard, out="one")
    with web(objects={"/file": shard.read_bytes()}) as server:
        both = scan(*(f"{server.url}/file?id={number}" for number in (1, 2, 1)))
    names = ("documents", "matches", "shards_planned", "shards_complete")
    assert [both.row[name] for name in names] == [2 * alone.row[name] for name in names]
    digests = Counter(row["row_sha256"] for row in both.copies())
    assert digests == {row["row_sha256"]: 2 for row in alone.copies()}
    assert {row["shard_uri"] for row in both.rows()} == {f"{server.url}/file"}


def test_languages_gate_documents_and_are_part_of_the_configuration(scan: Scanner, shard: Path) -> None:
    # Documents without identification are read: the made-up pages name no language.
    done = scan(shard, config=ScanConfig(read=ReadRules(languages=("fra",))))
    assert done.copies()
    assert '"languages":["fra"]' in str(done.row["config"])
