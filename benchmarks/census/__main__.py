"""Generates an index, takes its census, compares the rows with a full scan's, and prints what was read."""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.census.indices import Index, write_index
from benchmarks.census.reference import members_rows
from presswatch_spark.core.settings.config import CorpusConfig, RunRules, ScanConfig
from presswatch_spark.core.spark.session import session
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.scanning.census import census
from presswatch_spark.scanning.runs.run_work import RunSummary
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Sites = dict[str, str]


def main() -> None:
    """Run the benchmark in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.census")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=4, help="files are three times as many")
    parser.add_argument("--row-groups", type=int, default=27, help="of a file in the mean")
    parser.add_argument("--members", type=int, default=300, help="domains: below --tld, then below any")
    parser.add_argument("--tld", default="fr")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=Path, help="file for the figures; without it they are printed only")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="census-") as folder:
        text = json.dumps(measured(Path(folder), asked), indent=1)
    print(text)
    if asked.out:
        asked.out.write_text(f"{text}\n", "utf-8")


def measured(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """What censuses of a generated index found and read, for members side by side and for members anywhere.

    `SystemExit` if the rows of one are not those of a full scan.
    """
    index, began = Index(asked.rows, asked.partitions, asked.row_groups), time.monotonic()
    domains = write_index(folder / "index", index)
    written, peak = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    below = [name for name in domains if name.endswith(f".{asked.tld}")]
    rng, spark = random.Random(index.seed), session("census benchmark", cores=asked.cores)
    parts = {
        name: _census(folder / name, folder / "index", rng.sample(pool, asked.members), spark, asked.cores)
        for name, pool in ((asked.tld, below), ("any", domains))
    }
    whole = {name: members[0].row[name] for members in parts.values() for name in ("rows", "bytes_expected")}
    began = time.monotonic()
    _compare(folder, parts)
    return {
        **whole,
        "files": asked.partitions * 3,
        "row_groups": sum(line["row_groups"] for line in parts["any"][0].log),
        "rows_a_row_group": index.rows_a_group,
        "domains": len(domains),
        "domains_below_tld": len(below),
        "members": {name: _facts(folder / name, summary) for name, (summary, _) in parts.items()},
        "seconds_writing": round(written, 1),
        "peak_kb_writing": peak,
        "seconds_full_scan": round(time.monotonic() - began, 1),
        "peak_kb": max(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, peak),
    }


def _census(
    folder: Path, index: Path, members: Sequence[str], spark: SparkSession, cores: int
) -> tuple[RunSummary, Sites]:
    """The census of members' domains, and their titles."""
    folder.mkdir()
    sites = {domain: f"t{number}" for number, domain in enumerate(members)}
    build_corpus(spark, *_articles(folder, sites), str(folder / "corpus"), CorpusConfig(), StorageOptions())
    config = ScanConfig(run=RunRules(cores=cores))
    corpus, out = str(folder / "corpus"), str(folder / "out")
    return census([str(index)], corpus=corpus, out=out, config=config, spark=spark), sites


def _articles(folder: Path, sites: Mapping[str, str]) -> tuple[str, list[str]]:
    titles = "".join(
        f"\n      - {{id: {title}, name: {title}, domains: [{domain}]}}" for domain, title in sites.items()
    )
    members, articles = folder / "members.yaml", folder / "articles.jsonl"
    members.write_text(f"publishers:\n  - id: p\n    name: P\n    titles:{titles}\n")
    body = " ".join(f"mot{number}" for number in range(60))
    row = {"article_id": "a", "title_id": "t0", "url": None, "headline": "h", "body": body}
    articles.write_text(json.dumps(row | {"published_at": "2026-01-01T00:00:00Z"}) + "\n")
    return str(members), [str(articles)]


def _compare(folder: Path, parts: Mapping[str, tuple[RunSummary, Sites]]) -> None:
    """Hold the captures of each census against those of one full scan, by code that shares nothing."""
    files = sorted((folder / "index").rglob("*.parquet"))
    theirs = ("url", "warc_record_offset", "content_digest", "file", "place")
    both = {domain: domain for _, sites in parts.values() for domain in sites}
    scanned = [(row["title"], *(row[name] for name in theirs)) for row in members_rows(files, both, {})]
    names = ["title_id", "url", "record_offset", "payload_digest", "shard_uri", "row_index"]
    for part, (summary, sites) in parts.items():
        store = TableStore.open(str(folder / part / "out"))
        found = store.read("captures", summary.row["run_id"], columns=names).to_pylist()
        got = sorted(tuple(row[name] for name in names) for row in found)
        full = sorted((sites[domain], *row) for domain, *row in scanned if domain in sites)
        if got != full:
            raise SystemExit(
                f"{part}: a census of {len(got):,} rows, a full scan of {len(full):,}: they differ"
            )


def _facts(folder: Path, summary: RunSummary) -> dict[str, Any]:
    row = summary.row
    titles = TableStore.open(str(folder / "out")).read("captures", row["run_id"], columns=["title_id"])
    return {
        "captures": row["captures"],
        "titles_with_captures": len(titles["title_id"].unique()),
        "row_groups_read": sum(summary.log["row_groups_read"].to_pylist()),
        "bytes_read": row["bytes_read"],
        "share": round(row["bytes_read"] / row["bytes_expected"], 5),
        "seconds": round(summary.seconds, 2),
        "seconds_in_files": round(sum(summary.log["seconds"].to_pylist()), 2),
    }


if __name__ == "__main__":
    main()
