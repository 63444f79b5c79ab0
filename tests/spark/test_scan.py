"""The scan from end to end: what is found, where it says it is, and what is said of the unreadable."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import shutil
import socket
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import ConfigError, CorpusError, InputError
from presswatch_spark.core.settings.config import CorpusConfig, GradeRules, ReadRules, RunRules, ScanConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.reading.text.words import word_at, words_of
from presswatch_spark.scanning.monitoring.progress import Progress
from presswatch_spark.scanning.pipeline import RunSummary, scan
from presswatch_spark.scanning.runs.provenance import commit, packages, packages_digest
from presswatch_spark.storage.objects import StorageOptions, read_range
from presswatch_spark.tables.store import TableStore
from tests.spark.conftest import PAGES, SHARDS
from tests.spark.press import GUARANTEED, Press
from tests.world.servers import web


def run_scan(
    spark: SparkSession, paths: list[Path], corpus: Path, out: Path, dataset: str = "wet", **settings: Any
) -> tuple[RunSummary, list[dict[str, Any]]]:
    """Scan quietly; the summary, and the rows found in texts."""
    config = ScanConfig(**{"run": RunRules(wave_shards=10, shards_per_task=3), **settings})
    summary = scan(
        [str(path) for path in paths],
        dataset=dataset,
        corpus=str(corpus),
        out=str(out),
        config=config,
        spark=spark,
        progress=Progress(io.StringIO(), live=False),
    )
    rows = TableStore.open(str(out)).read("matches", summary.run_id).to_pylist()
    return summary, [row for row in rows if row["grade"] != "url_only"]


def record_text(row: dict[str, Any]) -> bytes:
    """The document's text, fetched as a third party would: by URI, offset and length."""
    member = read_range(row["shard_uri"], row["record_offset"], row["record_length"], StorageOptions())
    record = gzip.decompress(member) if row["record_encoding"] == "gzip" else member
    return record.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n\r\n")


def folded(text: str) -> list[str]:
    words = words_of(text.encode())
    return [word_at(words, i) for i in range(len(words))]


@pytest.fixture(scope="module")
def found(
    spark: SparkSession, press: Press, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunSummary, list[dict[str, Any]]]:
    """A scan of all shards."""
    return run_scan(spark, [press.shards], corpus, tmp_path_factory.mktemp("found") / "out")


class TestMadeUpPress:
    def test_every_pair_with_a_run_of_eleven_words_is_found_and_no_other(
        self, found: Any, press: Press
    ) -> None:
        assert {(row["document_url"], row["article_id"]) for row in found[1]} == press.pairs
        assert len(found[1]) == len(press.pairs)

    def test_every_shard_is_complete_and_the_counts_are_right(self, found: Any) -> None:
        row = found[0].row
        assert (row["shards_planned"], row["shards_complete"]) == (SHARDS, SHARDS)
        assert (row["documents"], row["dataset"]) == (SHARDS * PAGES, "wet")
        assert row["words"] > row["documents"]
        assert found[0].incomplete == ()

    def test_every_locator_leads_back_to_the_same_text(self, found: Any) -> None:
        for row in found[1]:
            assert hashlib.sha256(record_text(row)).hexdigest() == row["text_sha256"]

    def test_spans_cut_out_of_both_texts_are_the_same_words(self, found: Any, press: Press) -> None:
        articles = [json.loads(line) for line in press.articles.read_text().splitlines()]
        bodies = {article["article_id"]: article["body"] for article in articles}
        for row in found[1]:
            document, body = record_text(row).decode(), bodies[row["article_id"]]
            assert max(span["words"] for span in row["spans"]) == row["longest_run_words"] >= GUARANTEED
            for span in row["spans"]:
                copied = folded(document[span["document_start"] : span["document_end"]])
                assert copied == folded(body[span["article_start"] : span["article_end"]])
                assert len(copied) == span["words"]

    def test_auto_finds_the_same(
        self, found: Any, spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
    ) -> None:
        summary, _ = run_scan(spark, [press.shards], corpus, tmp_path / "out", dataset="auto")
        assert summary.row["table_digest"] == found[0].row["table_digest"]
        assert summary.row["dataset"] == "wet"

    def test_a_longer_shortest_run_reports_fewer_pairs_and_is_another_configuration(
        self, found: Any, spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
    ) -> None:
        grade = GradeRules(min_run_words=40)
        summary, rows = run_scan(spark, [press.shards], corpus, tmp_path / "out", grade=grade)
        assert rows
        assert len(rows) < len(found[1])
        assert summary.row["config_digest"] != found[0].row["config_digest"]


class TestWhatCannotBeRead:
    def test_a_shard_cut_short_is_partial_and_all_whole_records_are_scanned(
        self, spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
    ) -> None:
        whole = sorted(press.shards.iterdir())[0].read_bytes()
        (tmp_path / "cut.warc.wet.gz").write_bytes(whole[: len(whole) // 2])
        summary, rows = run_scan(spark, [tmp_path / "cut.warc.wet.gz"], corpus, tmp_path / "out")
        ((uri, status, error),) = summary.incomplete
        assert (Path(uri).name, status) == ("cut.warc.wet.gz", "partial")
        assert "byte" in error
        assert 0 < int(str(summary.row["documents"])) < PAGES
        assert all(hashlib.sha256(record_text(row)).hexdigest() == row["text_sha256"] for row in rows)

    def test_a_run_says_where_it_came_from(
        self, spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
    ) -> None:
        summary = scan(
            [str(press.shards)], dataset="wet", corpus=str(corpus), out=str(tmp_path / "out"),
            config=ScanConfig(run=RunRules(operator="Anne")), command="presswatch scan", spark=spark,
            progress=Progress(io.StringIO(), live=False),
        )  # fmt: skip
        (row,) = TableStore.open(str(tmp_path / "out")).rows()
        assert row == summary.row
        assert (row["operator"], row["command"]) == ("Anne", "presswatch scan")
        assert (row["spark_version"], row["python_version"]) == (spark.version, platform.python_version())
        assert row["packages_digest"] == packages_digest(packages())
        assert (row["tool_commit"], row["host"]) == (commit(), socket.gethostname())

    def test_a_shard_of_another_kind_fails_alone(
        self, spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
    ) -> None:
        good = sorted(press.shards.iterdir())[0]
        (tmp_path / "notes.wet.gz").write_bytes(gzip.compress(b"Dear diary, nothing happened today.\n" * 50))
        summary, _ = run_scan(spark, [good, tmp_path / "notes.wet.gz"], corpus, tmp_path / "out")
        assert [(Path(uri).name, status) for uri, status, _ in summary.incomplete] == [
            ("notes.wet.gz", "failed")
        ]
        assert summary.row["shards_complete"] == 1

    def test_a_shard_that_vanishes_after_planning_is_logged(
        self, spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
    ) -> None:
        good = sorted(press.shards.iterdir())[0]
        listing = tmp_path / "wet.paths.gz"
        listing.write_bytes(gzip.compress(f"{good}\n{tmp_path}/gone.warc.wet.gz\n".encode()))
        summary, _ = run_scan(spark, [listing], corpus, tmp_path / "out")
        assert [(Path(uri).name, status) for uri, status, _ in summary.incomplete] == [
            ("gone.warc.wet.gz", "failed")
        ]

    def test_paths_that_lead_nowhere_leave_no_output(
        self, spark: SparkSession, corpus: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(InputError):
            run_scan(spark, [tmp_path / "nothing"], corpus, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_corpus_whose_files_were_changed_is_refused(
        self, spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(corpus, tmp_path / "corpus")
        signatures = tmp_path / "corpus" / "signatures.npy"
        changed = bytearray(signatures.read_bytes())
        changed[-1] ^= 1
        signatures.write_bytes(changed)
        with pytest.raises(CorpusError):
            run_scan(spark, [press.shards], tmp_path / "corpus", tmp_path / "out")
        assert not (tmp_path / "out").exists()


@pytest.mark.real_data
def test_a_real_wet_page_is_found_where_its_locator_says(
    spark: SparkSession, real_data: Path, tmp_path: Path, press: Press
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
    (tmp_path / "articles.jsonl").write_text(json.dumps(article))
    arguments = (str(press.members), [str(tmp_path / "articles.jsonl")], str(tmp_path / "corpus"))
    build_corpus(spark, *arguments, CorpusConfig(), StorageOptions())
    shards = [folder / "whirlwind.warc.wet.gz", folder / "whirlwind.warc.wet"]
    summary, rows = run_scan(spark, shards, tmp_path / "corpus", tmp_path / "out")
    assert summary.incomplete == ()
    assert sorted(row["record_encoding"] for row in rows) == ["gzip", "plain"]
    for row in rows:
        assert row["grade"] == "full_copy"
        assert row["release"] == "CC-MAIN-2024-22"
        assert hashlib.sha256(record_text(row)).hexdigest() == row["text_sha256"]


def test_shards_that_differ_in_nothing_but_what_follows_the_question_mark_are_both_scanned(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
) -> None:
    shard = sorted(press.shards.iterdir())[0]
    alone, rows = run_scan(spark, [shard], corpus, tmp_path / "one")
    with web(objects={"/file": shard.read_bytes()}) as server:
        named = [f"{server.url}/file?id={number}" for number in (1, 2, 1)]
        both, twice = run_scan(spark, cast(list[Path], named), corpus, tmp_path / "two")
    names = ("documents", "matches", "shards_planned", "shards_complete")
    assert [both.row[name] for name in names] == [2 * int(str(alone.row[name])) for name in names]
    assert Counter(row["row_sha256"] for row in twice) == {row["row_sha256"]: 2 for row in rows}
    assert {row["shard_uri"] for row in twice} == {f"{server.url}/file"}


def test_languages_gate_documents_and_are_part_of_the_configuration(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
) -> None:
    # Documents without identification are read: the made-up pages name no language.
    summary, rows = run_scan(
        spark,
        sorted(press.shards.iterdir())[:2],
        corpus,
        tmp_path / "out",
        read=ReadRules(languages=("fra",)),
    )
    assert rows
    assert '"languages":["fra"]' in str(summary.row["config"])


def test_a_column_for_nothing_is_refused_before_any_shard_is_read(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="txt"):
        run_scan(spark, [press.shards], corpus, tmp_path / "out", read=ReadRules(columns={"txt": "body"}))
    assert not (tmp_path / "out").exists()
