"""A campaign with everything on S3: its folder, its corpora, its tables, and the crawls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.s3.uploads import upload
from tests.world.commands import presswatch
from tests.world.corpora import article, build, write_jsonl
from tests.world.crawls import ARTICLES, write_crawl
from tests.world.prose import articles

SEED, CRAWL = 20261127, "CC-MAIN-2026-40"


@pytest.mark.full
def test_a_campaign_and_a_member_that_joins_on_s3(
    spark: SparkSession,
    endpoint: str,
    client: Any,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PRESSWATCH_STORAGE__ENDPOINT", endpoint)
    monkeypatch.setenv("PRESSWATCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PRESSWATCH_RUN__LEASE_SECONDS", "2")
    write_crawl(tmp_path / "mirror", CRAWL, 1, SEED)
    listed = {"id": CRAWL, "from": "2026-09-20T00:00:00", "to": "2026-10-01T00:00:00"}
    (tmp_path / "mirror" / "collinfo.json").write_text(json.dumps([listed]))
    upload(client, bucket, tmp_path / "mirror", "mirror")
    rows = [article(number, body=source.body) for number, source in enumerate(articles(ARTICLES, SEED))]
    for name, some in (("older", rows[:12]), ("newer", rows)):
        (tmp_path / name).mkdir()
        build(tmp_path / name / "corpus", [write_jsonl(tmp_path / name / "articles.jsonl", some)])
        upload(client, bucket, tmp_path / name / "corpus", f"corpus/{name}")

    campaign, tables = "s3://shards/tables/history/campaign", "s3://shards/tables/history/rows"
    scope = ("--crawls", "wet", "--list", "s3://shards/mirror/collinfo.json", "--out", tables)
    scans = ("--base", "s3://shards/mirror/", "--cores", "1")
    corpus = ("--corpus", "s3://shards/corpus/older")
    presswatch("campaign", "open", campaign, *corpus, *scope, "--", *scans)
    assert cli.run(["campaign", "run", campaign]) == 0
    presswatch("campaign", "open", campaign, "--corpus", "s3://shards/corpus/newer")
    assert cli.run(["campaign", "run", campaign]) == 0
    (line,) = presswatch("campaign", "status", campaign, "--json").splitlines()
    assert json.loads(line)["state"] == "done"
    store = TableStore.open(tables, StorageOptions(endpoint=endpoint))
    assert [row["corpus_articles"] for row in store.rows("runs")] == [12, ARTICLES - 12]
    found = {row["article_id"] for row in store.read("matches").to_pylist()}
    assert found & {row["article_id"] for row in rows[12:]}
    names = [
        each["Key"] for each in client.list_objects_v2(Bucket=bucket, Prefix="tables/history/")["Contents"]
    ]
    assert "tables/history/campaign/corpora/1-2/manifest.json" in names
