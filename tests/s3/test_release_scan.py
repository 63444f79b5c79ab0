"""`scan --release` from S3 and over HTTPS: the same rows as from a mirror on disk."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import InputError, StorageError
from presswatch_spark.core.settings.config import DatasetRules
from presswatch_spark.scanning.releases.release_shards import shards_of
from presswatch_spark.scanning.sampling.design import draw
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.shards import plan
from presswatch_spark.tables.store import TableStore
from tests.world.commands import presswatch
from tests.world.corpora import article, corpus_of
from tests.world.crawls import write_crawl
from tests.world.prose import articles
from tests.world.servers import Fault, web

SEED = 20250833
CRAWL = "CC-MAIN-2025-33"
COUNT = 4


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small crawl, laid out like the real one."""
    root = tmp_path_factory.mktemp("mirror")
    write_crawl(root, CRAWL, COUNT, SEED)
    return root


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    rows = [article(number, body=source.body) for number, source in enumerate(articles(20, SEED))]
    return corpus_of(folder, rows)


@pytest.fixture(scope="module")
def from_disk(
    spark: SparkSession, mirror: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    return scanned(str(mirror), corpus, tmp_path_factory.mktemp("disk") / "tables")[0]


def scanned(base: str, corpus: Path, out: Path, *more: str, **environment: str) -> tuple[dict[str, Any], str]:
    """Run the command on the release; its row of `runs`, and what it printed."""
    command = ["scan", "--release", CRAWL, "--format", "wet", "--base", base, "--corpus", str(corpus)]
    environment |= {"PRESSWATCH_STORAGE__BACKOFF_BASE": "0.01"}
    printed = presswatch(*command, "--out", str(out), *more, **environment)
    return TableStore.open(str(out)).read("runs").to_pylist()[0], printed


def objects_of(mirror: Path) -> dict[str, bytes]:
    return {str(path.relative_to(mirror)): path.read_bytes() for path in mirror.rglob("*.gz")}


def test_from_disk_the_whole_release_is_scanned_and_named(from_disk: dict[str, Any]) -> None:
    assert (from_disk["shards_planned"], from_disk["shards_complete"]) == (COUNT, COUNT)
    assert (from_disk["release"], from_disk["sample"], from_disk["shards_listed"]) == (CRAWL, None, None)
    assert json.loads(from_disk["config"])["read"]["release"] == CRAWL
    assert from_disk["matches"] > 0


def test_from_s3_it_gives_the_same(
    mirror: Path,
    corpus: Path,
    from_disk: dict[str, Any],
    client: Any,
    bucket: str,
    endpoint: str,
    tmp_path: Path,
) -> None:
    for key, data in objects_of(mirror).items():
        client.put_object(Bucket=bucket, Key=key, Body=data)
    row, _ = scanned(f"s3://{bucket}/", corpus, tmp_path / "tables", "--endpoint", endpoint)
    assert (row["table_digest"], row["release"]) == (from_disk["table_digest"], CRAWL)


def test_over_https_it_gives_the_same_and_a_sample_says_that_it_is_one(
    mirror: Path, corpus: Path, from_disk: dict[str, Any], tmp_path: Path
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trust = {"PRESSWATCH_STORAGE__CA_BUNDLE": str(tmp_path / "ca.pem")}
    with web(context, objects={f"/{key}": data for key, data in objects_of(mirror).items()}) as server:
        row, printed = scanned(server.url, corpus, tmp_path / "all", **trust)
        assert row["table_digest"] == from_disk["table_digest"]
        assert "sample" not in printed
        row, printed = scanned(server.url, corpus, tmp_path / "some", "--sample", "0.5", **trust)
    assert (row["sample"], row["shards_listed"], row["shards_planned"]) == (0.5, COUNT, COUNT // 2)
    assert "a sample: 2 of 4 shards; what was not found may stand in the rest" in printed
    drawn = set(TableStore.open(str(tmp_path / "some")).read("scan_log")["shard_uri"].to_pylist())
    listed = plan([f"{mirror}/crawl-data/{CRAWL}/wet.paths.gz"], StorageOptions())
    sample = draw(listed, 0.5, 0).shards
    assert {uri.rpartition("/")[2] for uri in drawn} == {shard.uri.rpartition("/")[2] for shard in sample}


def test_a_bucket_without_it_is_named(client: Any, bucket: str, endpoint: str) -> None:
    options = StorageOptions(endpoint=endpoint)
    with pytest.raises(StorageError, match=rf"s3://{bucket}/crawl-data/{CRAWL}/wet\.paths\.gz") as raised:
        shards_of(CRAWL, "wet", f"s3://{bucket}", DatasetRules(), options)
    assert "\n" not in str(raised.value)


def test_a_site_that_denies_what_it_has_not_still_gives_near_names() -> None:
    lists = {f"/crawl-data/{name}/wet.paths.gz": b"" for name in (CRAWL, "CC-MAIN-2025-34")}
    with web(objects=lists) as server:
        server.always = Fault(status=403)
        with pytest.raises(InputError, match="did you mean CC-MAIN-2025-33"):
            shards_of("CC-MAIN-2025-34", "wet", server.url, DatasetRules(), StorageOptions())
        with pytest.raises(StorageError, match="access denied"):
            shards_of(CRAWL, "wet", server.url, DatasetRules(), StorageOptions())
