"""Pages of candidates that a hostile operator has written, or points at."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.sealed import KeySource, SealKey, seal
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.shard.sealed_candidates import CandidateShard, file_of
from presswatch_spark.storage.objects import StorageOptions, stat
from tests.world.scanned import FORMS, press_corpus, rows_in, shard_scan, some_pages

STORAGE = StorageOptions()
HOSTILE: tuple[dict[str, Any], ...] = (
    {"record_offset": "7"}, {"record_offset": [7]}, {"row_index": 1e300}, {"row_index": -1},
    {"record_offset": True}, {"record_offset": 1 << 70}, {"record_length": 1 << 70}, {"record_id": 5},
    {"release": {"a": 1}}, {"languages": 3}, {"languages": [{}]}, {"captured_at": 5},
    {"captured_at": "9" * 9}, {"record_encoding": ["gzip"]}, {"unknown": 1},
)  # fmt: skip
"""Parts of pointers in extracts that someone has edited."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return press_corpus(tmp_path_factory.mktemp("pages") / "press")


@pytest.fixture(scope="module")
def shard(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> CandidateShard:
    """A shard after a sealed scan, with an extract."""
    folder = tmp_path_factory.mktemp("shard")
    secret = np.random.default_rng(3).bytes(32)
    (folder / "key").write_bytes(secret)
    (folder / "key").chmod(0o600)
    path, sealed, extract = folder / "a.warc.wet.gz", folder / "sealed", folder / "extract"
    extract.mkdir()
    FORMS[path.name](path, some_pages())
    manifest = seal(Corpus.open(str(corpus)), SealKey(secret), str(sealed), STORAGE)
    key = KeySource(str(folder / "key"))
    scan = ShardScan("auto", str(sealed), manifest.digest, ScanConfig(), key=key, extract=str(extract))
    outcome = scan(stat(str(path), STORAGE))
    rows = rows_in(outcome, "candidates")
    places = frozenset((row["record_offset"], row["row_index"]) for row in rows)
    return CandidateShard(str(path), places=places, log=outcome.log, extract=str(extract))


def test_an_edited_extract_is_a_failure_of_its_shard(corpus: Path, shard: CandidateShard) -> None:
    path = Path(file_of(str(shard.extract), shard.uri))
    original, scan = path.read_bytes(), shard_scan(corpus)
    lines = gzip.decompress(original).splitlines()
    assert scan(shard).log["status"] == "complete"
    for edited in HOSTILE:
        facts = json.loads(lines[0])
        facts["documents"][0]["locator"] |= edited
        path.write_bytes(gzip.compress(b"\n".join([json.dumps(facts).encode(), *lines[1:]])))
        outcome = scan(shard)
        assert outcome.log["status"] != "complete", edited
    path.write_bytes(original)
