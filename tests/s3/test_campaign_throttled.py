"""A campaign on storage that says `SlowDown` from some request on loses nothing, and reads nothing twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.s3.uploads import upload
from tests.world.commands import presswatch
from tests.world.crawls import History, make_history, states, status
from tests.world.servers import FINE, Fault, Server, running

CAMPAIGN, TABLES = "s3://shards/history", "s3://shards/rows"


@dataclass
class Storm(Server):
    """Answers so many requests, and to all others that it has too many: listings, heads and writes alike."""

    calm: int = 0

    def fault_for(self, method: str, path: str) -> Fault:
        return FINE if len(self.requests) <= self.calm else Fault(status=503, code="SlowDown")


@pytest.fixture
def history(client: Any, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    made = make_history(tmp_path / "made", 2, 2)
    upload(client, bucket, made.mirror, "mirror")
    for name, value in {
        "PRESSWATCH_CACHE_DIR": str(tmp_path / "cache"),
        "PRESSWATCH_RUN__LEASE_SECONDS": "1",
        "PRESSWATCH_STORAGE__MAX_ATTEMPTS": "2",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.mark.full
def test_a_campaign_that_is_throttled_anywhere_goes_on_where_it_was(
    spark: SparkSession, endpoint: str, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached_by(url: str) -> None:
        monkeypatch.setenv("PRESSWATCH_STORAGE__ENDPOINT", url)

    reached_by(endpoint)
    scope = ("--crawls", "wet", "--list", "s3://shards/mirror/collinfo.json", "--out", TABLES)
    scans = ("--base", "s3://shards/mirror/", "--cores", "1", "--wave-shards", "1")
    presswatch("campaign", "open", CAMPAIGN, "--corpus", str(history.older), *scope, "--", *scans)
    codes, calm = list[int](), 1
    while not codes or codes[-1] != 0:
        # A client that was told to slow down remembers it; one for another address does not.
        with running(Storm(upstream=endpoint, calm=calm)) as storm:
            reached_by(storm.url)
            codes.append(cli.run(["campaign", "run", CAMPAIGN]))
        reached_by(endpoint)
        found = status(CAMPAIGN)
        assert (codes[-1] == 0) == all(row["state"] == "done" for row in found.values()), found
        calm += max(2, calm // 2)
    assert set(codes) <= {0, 1, 3}
    assert len(codes) > 5
    assert states(CAMPAIGN) == ["done"] * 2
    store = TableStore.open(TABLES, StorageOptions(endpoint=endpoint))
    assert list(store.damage()) == []
    log = store.read("scan_log", columns=["shard_uri", "status"]).to_pylist()
    read = [row["shard_uri"] for row in log if row["status"] == "complete"]
    assert len(read) == len(set(read)) == 4
    presswatch(
        "scan",
        "--format",
        "wet",
        "--corpus",
        str(history.older),
        "--out",
        "s3://shards/whole",
        *(f"s3://shards/mirror/crawl-data/{crawl}/" for crawl in history.crawls),
    )
    whole = TableStore.open("s3://shards/whole", StorageOptions(endpoint=endpoint))
    assert rows_of(store) == rows_of(whole)


def rows_of(store: TableStore) -> set[tuple[Any, ...]]:
    names = ("document_url", "article_id", "copied_words", "shard_uri")
    rows = store.read("matches", columns=list(names)).to_pylist()
    assert rows
    return {tuple(row[name] for name in names) for row in rows}
