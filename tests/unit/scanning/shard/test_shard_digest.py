"""What `scan_log` says of a shard's stored bytes, whatever its format and its state."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import StorageError
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat
from presswatch_spark.storage.streams import Opener
from tests.world.scanned import FORMS, some_pages


def logged(shard: ObjectInfo, corpus: Path, digest: bool = True) -> dict[str, Any]:
    config = ScanConfig(run=RunRules(shard_digest=digest))
    read = ShardScan("auto", str(corpus), Corpus.open(str(corpus)).manifest.digest, config)
    return dict(read(shard).log)


@pytest.mark.parametrize(
    "name", ["a.warc.wet.gz", "plain.warc", "c4-train.json.gz", "c4.parquet", "fr_part_5.jsonl.zst"]
)
def test_the_digest_is_that_of_the_stored_file(name: str, corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    FORMS[name](path, some_pages(8))
    log = logged(stat(str(path), StorageOptions()), corpus)
    assert (log["status"], log["sha256"]) == ("complete", hashlib.sha256(path.read_bytes()).hexdigest())
    assert logged(stat(str(path), StorageOptions()), corpus, digest=False)["sha256"] is None


def test_a_damaged_shard_has_one_too_and_a_missing_one_has_none(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "c4-train.json"
    FORMS["c4-plain.json"](path, some_pages(8))
    path.write_bytes(path.read_bytes() + b'{"url": broken}\n')
    log = logged(stat(str(path), StorageOptions()), corpus)
    assert (log["status"], log["sha256"]) == ("partial", hashlib.sha256(path.read_bytes()).hexdigest())
    log = logged(ObjectInfo(str(tmp_path / "gone.wet.gz")), corpus)
    assert (log["status"], log["sha256"]) == ("failed", None)


def test_a_digest_that_cannot_be_taken_leaves_a_shard_complete(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise StorageError("nobody answers")

    monkeypatch.setattr(Opener, "sha256", refuse)
    path = tmp_path / "a.warc.wet.gz"
    FORMS["a.warc.wet.gz"](path, some_pages(8))
    log = logged(stat(str(path), StorageOptions()), corpus)
    assert (log["status"], log["sha256"]) == ("complete", None)
    assert log["note"] == "its SHA-256 could not be taken: nobody answers"


def test_what_the_publisher_declares_stands_beside_it(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.warc.wet.gz"
    FORMS["a.warc.wet.gz"](path, some_pages(8))
    log = logged(ObjectInfo(str(path), sha256="f" * 64), corpus)
    assert log["sha256_declared"] == "f" * 64
    assert log["note"] == "its SHA-256 is not the one that its publisher declares"
    own = hashlib.sha256(path.read_bytes()).hexdigest()
    assert logged(ObjectInfo(str(path), sha256=own), corpus)["note"] is None
