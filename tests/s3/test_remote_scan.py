"""The same scan from disk, S3 and HTTPS: the same digest, whatever the servers do wrong meanwhile."""

from __future__ import annotations

import random
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from pyspark.sql import SparkSession

from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import DemoArticle, Page
from presswatch_spark.tables.store import TableStore
from tests.world.commands import presswatch
from tests.world.corpora import article, corpus_of
from tests.world.prose import articles, pages
from tests.world.servers import Fault, Server, web

SEED = 20261124
# Eight faults in a row on one object are given up on by default; here they are many, and chance decides. The
# pause doubles with each: any would soon be long.
PATIENT = {"PRESSWATCH_STORAGE__BACKOFF_BASE": "0", "PRESSWATCH_STORAGE__MAX_ATTEMPTS": "60"}


@pytest.fixture(scope="module")
def sources() -> list[DemoArticle]:
    return list(articles(30, SEED))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, sources: list[DemoArticle]) -> Path:
    """Shards of all formats, each with copies."""
    folder = tmp_path_factory.mktemp("release") / "shards"
    folder.mkdir()
    for number in range(3):
        shards.write_wet(folder / f"CC-{number}.warc.wet.gz", some_pages(number, sources))
    shards.write_c4_json(folder / "c4-train.00000-of-00001.json.gz", some_pages(3, sources))
    shards.write_c4_parquet(folder / "c4.parquet", some_pages(4, sources), row_group_rows=20)
    shards.write_oscar_2109(folder / "fr_part_1.txt.gz", some_pages(5, sources))
    shards.write_oscar_2301(folder / "fr_part_2.jsonl.zst", some_pages(6, sources))
    return folder


def some_pages(number: int, sources: list[DemoArticle]) -> list[Page]:
    return list(pages(80, SEED + number, sources))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, sources: list[DemoArticle]) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    rows = [article(number, body=source.body) for number, source in enumerate(sources)]
    return corpus_of(folder, rows)


@pytest.fixture(scope="module")
def from_disk(
    spark: SparkSession, release: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    return scanned([str(release)], corpus, tmp_path_factory.mktemp("disk") / "tables")


def scanned(paths: list[str], corpus: Path, out: Path, **environment: str) -> dict[str, Any]:
    """Run the command; its row of `runs`."""
    presswatch("scan", *paths, "--corpus", str(corpus), "--out", str(out), **PATIENT, **environment)
    row: dict[str, Any] = TableStore.open(str(out)).read("runs").to_pylist()[0]
    assert row["shards_complete"] == row["shards_planned"] == 7
    return row


def trouble(count: int) -> list[Fault]:
    """Faults of all kinds in a fixed disorder, with good replies between them."""
    kinds = [
        Fault(status=503),
        Fault(status=503, retry_after="0"),
        Fault(cut_after=100),
        Fault(cut_after=3_000),
        Fault(cut_after=2_000, reset=True),
        Fault(),
    ]
    rng = random.Random(SEED)
    return [rng.choice(kinds) for _ in range(count)]


def test_the_scan_from_disk_finds_something_in_every_format(from_disk: dict[str, Any]) -> None:
    assert from_disk["matches"] > 7 * 30


def test_a_faulty_s3_changes_nothing_but_the_log(
    release: Path,
    corpus: Path,
    from_disk: dict[str, Any],
    client: Any,
    bucket: str,
    faulty: Server,
    tmp_path: Path,
) -> None:
    for path in release.iterdir():
        client.upload_file(str(path), bucket, f"crawl/{path.name}")
    faulty.faults.extend(trouble(60))
    row = scanned(
        [f"s3://{bucket}/crawl/"], corpus, tmp_path / "tables", PRESSWATCH_STORAGE__ENDPOINT=faulty.url
    )
    assert row["table_digest"] == from_disk["table_digest"]
    assert not faulty.faults, "every fault was met"


@pytest.mark.full
def test_a_faulty_https_server_changes_nothing_but_the_log(
    release: Path, corpus: Path, from_disk: dict[str, Any], tmp_path: Path
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    objects = {f"/crawl/{path.name}": path.read_bytes() for path in release.iterdir()}
    (tmp_path / "wet.paths").write_text("".join(f"{name.removeprefix('/')}\n" for name in sorted(objects)))
    with web(context, objects=objects) as server:
        server.faults.extend(trouble(40))
        row = scanned(
            [str(tmp_path / "wet.paths"), "--base", server.url],
            corpus,
            tmp_path / "tables",
            PRESSWATCH_STORAGE__CA_BUNDLE=str(tmp_path / "ca.pem"),
        )
        assert not server.faults, "every fault was met"
    assert row["table_digest"] == from_disk["table_digest"]
