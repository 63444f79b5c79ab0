"""The log of a shard: complete only if all was read, what was lost, what was tried again, and its digest."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from presswatch_spark.core.errors import CorruptError, StorageError
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.scanning.runs.run_work import Outcome, outcome_of
from presswatch_spark.scanning.shard.attempts import ShardAttempt
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat
from presswatch_spark.storage.streams import Opener
from tests.world.processes import raising
from tests.world.scanned import FORMS, rows_in, scan_one, shard_scan, some_pages

SHARD = ObjectInfo("s3://bucket/shard.gz", size=100, etag="abc")
ROWS = pa.RecordBatch.from_pydict({"grade": ["extract", "extract"], "release": pa.nulls(2, pa.string())})
PAGE = "what a page says"
Read = Callable[[ShardAttempt], None]


def outcome(read: Read, attempts: int = 2) -> Outcome:
    return outcome_of(ShardAttempt, read, SHARD, RunRules(shard_attempts=attempts))


def read_whole(reading: ShardAttempt) -> None:
    reading.report.bytes_read = 100
    reading.report.documents = 5
    reading.tables["matches"].append(ROWS)


def then(act: Callable[[ShardAttempt], object]) -> Read:
    """Read all of the shard, and then do something else."""

    def read(reading: ShardAttempt) -> None:
        read_whole(reading)
        act(reading)

    return read


UNSTORABLE = {"grade": "extract", "spans": [], "document_url": "http://x.example/\udc80"}
NOTE = "an erratum of its release"
LOGS: dict[str, tuple[Read, dict[str, object]]] = {
    "a shard read to its end is complete": (
        read_whole,
        {"status": "complete", "error": None, "note": None, "matches": 2, "attempts": 1, "etag": "abc",
         "bytes_expected": 100},
    ),
    "a reader that stops early without a word does not make it complete": (
        then(lambda reading: setattr(reading.report, "bytes_read", 99)),
        {"status": "partial", "error": "read 99 of 100 bytes"},
    ),
    "a defect makes it partial even when all bytes were read": (
        then(lambda reading: reading.report.add_defect("the record lies about its length", 12)),
        {"status": "partial", "error": "the record lies about its length (byte 12)"},
    ),
    "without a document it failed, and the log names the shard already": (
        raising(CorruptError("this is no gzip file", where=SHARD.uri)),
        {"status": "failed", "attempts": 1, "error": "this is no gzip file"},
    ),
    "rows verified before an error are kept": (
        then(raising(CorruptError("garbage"))),
        {"status": "partial", "matches": 2},
    ),
    "a row that cannot be stored is counted nowhere": (
        then(lambda reading: reading.add(UNSTORABLE)),
        {"status": "partial", "failure": "fault", "matches": 2,
         "grades": [{"grade": "extract", "matches": 2}]},
    ),
    "what is no loss is noted once, and it is complete": (
        then(lambda reading: [reading.report.add_note(NOTE) for _ in range(3)]),
        {"status": "complete", "error": None, "note": NOTE},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("read", "expected"), LOGS.values(), ids=LOGS)
def test_what_the_log_says_of_a_shard(read: Read, expected: dict[str, object]) -> None:
    done = outcome(read)
    assert {name: done.log[name] for name in expected} == expected
    assert done.tables["matches"] == [ROWS] * (expected["status"] != "failed")


def test_many_defects_are_counted_not_listed() -> None:
    def complain(reading: ShardAttempt) -> None:
        for offset in range(1000):
            reading.report.add_defect("bad line", offset, "line")

    error = str(outcome(then(complain)).log["error"])
    assert error.endswith("and 980 more")
    assert error.count("bad line") == 20


def test_a_signature_in_an_address_reaches_no_table() -> None:
    shard = ObjectInfo("https://user:word@site.example/a.gz?X-Signature=secret", size=100)
    read = raising(CorruptError("this is no gzip file", where=shard.uri))
    assert outcome_of(ShardAttempt, read, shard, RunRules()).log["shard_uri"] == "https://site.example/a.gz"


def break_off(reading: ShardAttempt) -> None:
    reading.report.add_defect("only 50 of 100 bytes could be read", 50)
    reading.report.interrupted = True


@pytest.mark.parametrize("fail", [break_off, raising(StorageError("connection reset"))])
def test_a_transfer_that_fails_once_is_tried_again_and_rows_are_not_doubled(fail: Read) -> None:
    acts: Iterator[Callable[[ShardAttempt], object]] = iter([fail, bool])
    done = outcome(then(lambda reading: next(acts)(reading)))
    names = ("status", "attempts", "documents", "matches")
    assert [done.log[name] for name in names] == ["complete", 2, 5, 2]
    assert done.tables["matches"] == [ROWS]


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
    said = str(outcome(raising(error)).log["error"])
    assert said.startswith(type(error).__name__)
    assert "world/processes.py, line" in said
    assert PAGE not in said


def test_an_interrupt_is_no_failure_of_the_shard() -> None:
    with pytest.raises(KeyboardInterrupt):
        outcome(raising(KeyboardInterrupt()))


def test_what_a_table_cannot_hold_does_not_get_past_the_shard() -> None:
    def read(reading: ShardAttempt) -> None:
        reading.report.documents = 1
        reading.rows.append({"http_status": 1 << 40})
        raise CorruptError("columns \ud800 and \x1b[31m")

    log = outcome(read).log
    assert log["status"] == "partial"
    assert str(log["error"]).encode()
    assert "\x1b" not in str(log["error"])


@pytest.mark.parametrize("name", ["a.warc.wet.gz", "pages.warc.gz", "c4.parquet", "fr_part_5.jsonl.zst"])
def test_the_words_of_all_documents_are_counted_whether_they_copy_or_not(
    tmp_path: Path, corpus: Path, name: str
) -> None:
    FORMS[name](tmp_path / name, some_pages(8))
    done = scan_one(tmp_path / name, corpus)
    # Of a page in WARC, its menu and its footer are seen as well.
    around = 5 if name == "pages.warc.gz" else 0
    words = {page.url: around + len(words_of(page.text.encode())) for page in some_pages(8)}
    assert done.log["words"] == sum(words.values())
    rows = rows_in(done)
    assert around or all(row["document_words"] == words[row["document_url"]] for row in rows)
    assert 0 < len({row["document_url"] for row in rows}) < 8


def logged(shard: ObjectInfo | Path, corpus: Path, digest: bool = True) -> dict[str, Any]:
    found = stat(str(shard), StorageOptions()) if isinstance(shard, Path) else shard
    return dict(shard_scan(corpus, config=ScanConfig(run=RunRules(shard_digest=digest)))(found).log)


DIGESTED = ["a.warc.wet.gz", "plain.warc", "c4-train.json.gz", "c4.parquet", "fr_part_5.jsonl.zst"]


@pytest.mark.parametrize("name", DIGESTED)
def test_the_digest_is_that_of_the_stored_file(name: str, corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    FORMS[name](path, some_pages(8))
    log, own = logged(path, corpus), hashlib.sha256(path.read_bytes()).hexdigest()
    assert (log["status"], log["sha256"]) == ("complete", own)
    assert logged(path, corpus, digest=False)["sha256"] is None
    assert logged(ObjectInfo(str(path), sha256=own), corpus)["note"] is None
    log = logged(ObjectInfo(str(path), sha256="f" * 64), corpus)
    assert log["sha256_declared"] == "f" * 64
    assert log["note"] == "its SHA-256 is not the one its publisher declares"


def test_a_damaged_shard_has_one_too_and_a_missing_one_has_none(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "c4-train.json"
    FORMS["c4-plain.json"](path, some_pages(8))
    path.write_bytes(path.read_bytes() + b'{"url": broken}\n')
    log = logged(path, corpus)
    assert (log["status"], log["sha256"]) == ("partial", hashlib.sha256(path.read_bytes()).hexdigest())
    log = logged(ObjectInfo(str(tmp_path / "gone.wet.gz")), corpus)
    assert (log["status"], log["sha256"]) == ("failed", None)


def test_a_digest_that_cannot_be_taken_leaves_a_shard_complete(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Opener, "sha256", raising(StorageError("nobody answers")))
    FORMS["a.warc.wet.gz"](tmp_path / "a.warc.wet.gz", some_pages(8))
    log = logged(tmp_path / "a.warc.wet.gz", corpus)
    assert (log["status"], log["sha256"]) == ("complete", None)
    assert log["note"] == "its SHA-256 could not be calculated: nobody answers"
