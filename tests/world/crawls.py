"""Campaigns over small crawls: how tests make, open, run and look at them."""

import gzip
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.demo import shards
from presswatch_spark.tables.store import TableStore
from tests.world.commands import presswatch
from tests.world.corpora import MEMBERS, article, corpus_of
from tests.world.prose import articles, pages

SEED = 20261127
FIRST = 12
"""So many of the articles are a member's from the beginning; the others join."""
JOINED = "  - {id: nord, name: Nord, titles: [{id: nord, name: Nord, domains: [nord.example]}]}\n"


@dataclass(frozen=True)
class History:
    """Some crawls on a mirror, and two corpora: the second has a member more."""

    mirror: Path
    crawls: tuple[str, ...]
    older: Path
    newer: Path


def make_history(folder: Path, count: int, shards: int) -> History:
    crawls = tuple(f"CC-MAIN-2026-{week:02}" for week in range(40, 40 - 2 * count, -2))
    ends = [datetime(2026, 10, 1, tzinfo=UTC) - timedelta(days=30 * age) for age in range(count)]
    for crawl in crawls:
        write_crawl(folder / "mirror", crawl, shards, SEED)
    listed = [
        {"id": crawl, "from": (end - timedelta(days=14)).isoformat(), "to": end.isoformat()}
        for crawl, end in zip(crawls, ends, strict=True)
    ]
    (folder / "mirror" / "collinfo.json").write_text(json.dumps(listed))
    rows = [article(number, body=source.body) for number, source in enumerate(articles(ARTICLES, SEED))]
    joined = [
        {**row, "title_id": "nord", "url": f"https://nord.example/{row['article_id']}"}
        for row in rows[FIRST:]
    ]
    older = corpus_of(folder / "older", rows[:FIRST])
    newer = corpus_of(folder / "newer", [*rows[:FIRST], *joined], members=MEMBERS + JOINED)
    return History(folder / "mirror", crawls, older, newer)


def opened(folder: Path, history: History, corpus: Path, *options: str) -> str:
    """Open a campaign over the history, or give it another corpus; its folder."""
    campaign = str(folder / "campaign")
    scope = ("--crawls", "wet", "--list", str(history.mirror), "--out", str(folder / "tables"))
    scans = ("--base", str(history.mirror), "--cores", "1", "--wave-shards", "1", "--price", "serverless")
    presswatch("campaign", "open", campaign, "--corpus", str(corpus), *scope, "--", *scans, *options)
    return campaign


def status(campaign: str) -> dict[str, dict[str, Any]]:
    lines = presswatch("campaign", "status", campaign, "--json").splitlines()
    return {row["release"]: row for row in map(json.loads, lines)}


def states(campaign: str) -> list[str]:
    return [row["state"] for row in status(campaign).values()]


def read_to_the_end(tables: Path) -> Counter[tuple[str, str]]:
    """How often each shard was read to its end, with which corpus."""
    store = TableStore.open(str(tables))
    corpora = {row["run_id"]: row["corpus_digest"] for row in store.rows("runs")}
    log = store.read("scan_log", columns=["run_id", "shard_uri", "status"]).to_pylist()
    return Counter((row["shard_uri"], corpora[row["run_id"]]) for row in log if row["status"] == "complete")


COMPARED = ("release", "document_url", "article_id", "title_id", "copied_words", "longest_run_words", "grade")


def found(tables: Path) -> set[tuple[Any, ...]]:
    """The copies that runs found, each once, whichever run found it."""
    rows = TableStore.open(str(tables)).read("matches").to_pylist()
    assert rows
    return {tuple(row[name] for name in COMPARED) for row in rows if row["article_id"]}


def expected(history: History, folder: Path) -> set[tuple[Any, ...]]:
    """What a scan of each crawl for all articles finds."""
    for crawl in history.crawls:
        where = ("--release", crawl, "--format", "wet", "--base", str(history.mirror))
        presswatch(
            "scan", *where, "--corpus", str(history.newer), "--out", str(folder / "expected"), "--cores", "1"
        )
    return found(folder / "expected")


def run(campaign: str, *options: str) -> int:
    return cli.run(["campaign", "run", campaign, *options])


ARTICLES = 20


def write_crawl(root: Path, crawl: str, count: int, seed: int) -> None:
    """WET shards of pages that copy `articles(ARTICLES, seed)`, below `root`, and the list of them."""
    folder = root / "crawl-data" / crawl
    (folder / "segments" / "1.1" / "wet").mkdir(parents=True)
    sources = list(articles(ARTICLES, seed))
    keys = [f"crawl-data/{crawl}/segments/1.1/wet/CC-{n:05}.warc.wet.gz" for n in range(count)]
    for number, key in enumerate(keys):
        shards.write_wet(root / key, list(pages(40, seed + number, sources)), release=crawl)
    (folder / "wet.paths.gz").write_bytes(gzip.compress("".join(f"{key}\n" for key in keys).encode()))
