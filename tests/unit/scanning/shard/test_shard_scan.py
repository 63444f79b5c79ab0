from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from presswatch_spark.core.errors import CorruptError, StorageError
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.runs.work import Outcome, outcome_of
from presswatch_spark.scanning.shard.attempts import ShardAttempt
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat
from tests.world.scanned import FORMS, press_corpus, some_pages

SHARD = ObjectInfo("s3://bucket/shard.gz", size=100, etag="abc")
ROWS = pa.RecordBatch.from_pydict({"row": [1, 2]})
PAGE = "what a page says"


def outcome(read: Callable[[ShardAttempt], None], attempts: int = 2) -> Outcome:
    return outcome_of(ShardAttempt, read, SHARD, attempts)


def read_whole(reading: ShardAttempt) -> None:
    reading.report.bytes_read = 100
    reading.report.documents = 5
    reading.matches.append(ROWS)


def test_a_shard_read_to_its_end_is_complete() -> None:
    log = outcome(read_whole).log
    assert (log["status"], log["error"], log["matches"], log["attempts"]) == ("complete", None, 2, 1)
    assert (log["bytes_expected"], log["etag"]) == (100, "abc")


def test_a_reader_that_stops_early_without_a_word_does_not_make_a_shard_complete() -> None:
    def read(reading: ShardAttempt) -> None:
        read_whole(reading)
        reading.report.bytes_read = 99

    log = outcome(read).log
    assert (log["status"], log["error"]) == ("partial", "read 99 of 100 bytes")


def test_a_defect_makes_a_shard_partial_even_when_all_bytes_were_read() -> None:
    def read(reading: ShardAttempt) -> None:
        read_whole(reading)
        reading.report.add_defect("the record lies about its length", 12)

    log = outcome(read).log
    assert (log["status"], log["error"]) == ("partial", "the record lies about its length (byte 12)")


def test_many_defects_are_counted_not_listed() -> None:
    def read(reading: ShardAttempt) -> None:
        for offset in range(1000):
            reading.report.add_defect("bad line", offset, "line")

    error = str(outcome(read).log["error"])
    assert error.endswith("and 980 more")
    assert error.count("bad line") == 20


def test_a_shard_without_a_document_failed() -> None:
    def read(reading: ShardAttempt) -> None:
        raise CorruptError("this is no gzip file", where=SHARD.uri)

    log = outcome(read).log
    assert (log["status"], log["attempts"]) == ("failed", 1)
    assert log["error"] == "this is no gzip file", "the log names the shard already"


def test_rows_verified_before_an_error_are_kept() -> None:
    def read(reading: ShardAttempt) -> None:
        read_whole(reading)
        raise CorruptError("garbage")

    done = outcome(read)
    assert (done.log["status"], done.tables["matches"]) == ("partial", [ROWS])


def test_a_row_that_cannot_be_stored_is_counted_nowhere() -> None:
    def read(reading: ShardAttempt) -> None:
        read_whole(reading)
        reading.add({"grade": "extract", "spans": [], "document_url": "http://x.example/\udc80"})

    log = outcome(read).log
    assert (log["status"], log["failure"], log["matches"], log["grades"]) == ("partial", "fault", 2, [])


def test_a_signature_in_an_address_reaches_no_table() -> None:
    shard = ObjectInfo("https://user:word@site.example/a.gz?X-Signature=secret", size=100)

    def read(reading: ShardAttempt) -> None:
        raise CorruptError("this is no gzip file", where=reading.shard.uri)

    log = outcome_of(ShardAttempt, read, shard, 1).log
    assert log["shard_uri"] == "https://site.example/a.gz"


def test_a_transfer_that_broke_off_is_tried_again() -> None:
    tries: list[ShardAttempt] = []

    def read(reading: ShardAttempt) -> None:
        tries.append(reading)
        read_whole(reading)
        if len(tries) == 1:
            reading.report.add_defect("only 50 of 100 bytes could be read", 50)
            reading.report.interrupted = True

    log = outcome(read).log
    assert (log["status"], log["attempts"], log["matches"]) == ("complete", 2, 2)


def test_storage_that_fails_once_is_tried_again_and_rows_are_not_doubled() -> None:
    tries = []

    def read(reading: ShardAttempt) -> None:
        tries.append(reading)
        read_whole(reading)
        if len(tries) == 1:
            raise StorageError("connection reset")

    done = outcome(read)
    assert (done.log["status"], done.log["attempts"], done.log["documents"], done.tables["matches"]) == (
        "complete",
        2,
        5,
        [ROWS],
    )


def test_storage_that_always_fails_leaves_what_the_best_attempt_read() -> None:
    documents = iter([5, 3, 0])

    def read(reading: ShardAttempt) -> None:
        reading.report.documents = next(documents)
        raise StorageError("connection reset")

    log = outcome(read, attempts=3).log
    assert (log["status"], log["attempts"], log["documents"]) == ("partial", 3, 5)


@pytest.mark.parametrize(
    "error", [ValueError(PAGE), KeyError(PAGE), UnicodeDecodeError("utf-8", PAGE.encode(), 0, 1, PAGE)]
)
def test_an_unexpected_error_is_logged_by_kind_and_place_never_by_what_it_quotes(error: Exception) -> None:
    def read(reading: ShardAttempt) -> None:
        raise error

    said = str(outcome(read).log["error"])
    assert said.startswith(type(error).__name__)
    assert "test_shard_scan.py, line" in said
    assert PAGE not in said


def test_an_interrupt_is_no_failure_of_the_shard() -> None:
    def read(reading: ShardAttempt) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcome(read)


def test_what_a_table_cannot_hold_does_not_get_past_the_shard() -> None:
    def read(reading: ShardAttempt) -> None:
        reading.report.documents = 1
        reading.rows.append({"http_status": 1 << 40})
        raise CorruptError("columns \ud800 and \x1b[31m")

    log = outcome(read).log
    assert log["status"] == "partial"
    assert str(log["error"]).encode()
    assert "\x1b" not in str(log["error"])


def test_what_is_noticed_and_no_loss_is_noted_and_leaves_a_shard_complete() -> None:
    def read(reading: ShardAttempt) -> None:
        read_whole(reading)
        for _ in range(3):
            reading.report.add_note("an erratum of its release")

    log = outcome(read).log
    assert (log["status"], log["error"]) == ("complete", None)
    assert log["note"] == "an erratum of its release"
    assert outcome(read_whole).log["note"] is None


@pytest.mark.parametrize("name", ["a.warc.wet.gz", "pages.warc.gz", "c4.parquet", "fr_part_5.jsonl.zst"])
def test_the_words_of_all_documents_are_counted_whether_they_copy_or_not(tmp_path: Path, name: str) -> None:
    FORMS[name](tmp_path / name, some_pages(8))
    corpus = press_corpus(tmp_path / "press")
    scan = ShardScan("auto", str(corpus), Corpus.open(str(corpus)).manifest.digest, ScanConfig())
    done = scan(stat(str(tmp_path / name), StorageOptions()))
    # Of a page in WARC, its menu and its footer are seen as well.
    around = 5 if name == "pages.warc.gz" else 0
    words = {page.url: around + len(words_of(page.text.encode())) for page in some_pages(8)}
    assert done.log["words"] == sum(words.values())
    rows = [row for batch in done.tables["matches"] for row in batch.to_pylist()]
    if around == 0:
        assert all(row["document_words"] == words[row["document_url"]] for row in rows)
    assert 0 < len({row["document_url"] for row in rows}) < 8
