"""Generates an index, takes its census, compares the rows with a full scan's, and prints what was read."""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.census.material import Index, write_index
from benchmarks.census.reference import members_rows
from presswatch_spark.census import CensusSummary, census
from presswatch_spark.config import CorpusConfig, RunRules, ScanConfig
from presswatch_spark.corpus.build import build_corpus
from presswatch_spark.output.tables import TableStore
from presswatch_spark.spark import session
from presswatch_spark.storage.objects import StorageOptions


def main() -> None:
    """Run the benchmark in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.census")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=4, help="files are three times as many")
    parser.add_argument("--row-groups", type=int, default=24, help="of a file")
    parser.add_argument("--members", type=int, default=300, help="domains below --tld")
    parser.add_argument("--tld", default="fr")
    parser.add_argument("--cores", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="census-") as folder:
        print(json.dumps(measured(Path(folder), asked), indent=1))


def measured(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """What a census of a generated index found and read, after its rows were compared with a full scan's."""
    index = Index(asked.rows, asked.partitions, asked.row_groups)
    began = time.monotonic()
    domains = [name for name in write_index(folder / "index", index) if name.endswith(f".{asked.tld}")]
    written = time.monotonic() - began
    members = random.Random(index.seed).sample(domains, asked.members)
    sites = {domain: f"t{number}" for number, domain in enumerate(members)}
    spark = session("census benchmark", cores=asked.cores)
    build_corpus(spark, *_articles(folder, sites), str(folder / "corpus"), CorpusConfig(), StorageOptions())
    summary = census(
        [str(folder / "index")],
        corpus=str(folder / "corpus"),
        out=str(folder / "out"),
        config=ScanConfig(run=RunRules(cores=asked.cores)),
        spark=spark,
    )
    began = time.monotonic()
    _compare(folder, summary, sites)
    return {**_facts(summary), "seconds_writing": written, "seconds_full_scan": time.monotonic() - began}


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


def _compare(folder: Path, summary: CensusSummary, sites: Mapping[str, str]) -> None:
    names = ("url", "title_id", "record_offset", "payload_digest", "shard_uri", "row_index")
    found = TableStore.open(str(folder / "out")).read("captures", summary.row["run_id"], columns=list(names))
    got = sorted(tuple(row.values()) for row in found.to_pylist())
    files = sorted((folder / "index").rglob("*.parquet"))
    theirs = ("url", "title", "warc_record_offset", "content_digest", "file", "place")
    full = sorted(tuple(row[name] for name in theirs) for row in members_rows(files, sites, {}))
    if got != full:
        raise SystemExit(f"the census has {len(got):,} rows, a full scan {len(full):,}, and they differ")


def _facts(summary: CensusSummary) -> dict[str, Any]:
    row = summary.row
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "rows": row["rows"],
        "files": row["shards_planned"],
        "row_groups": sum(line["row_groups"] for line in summary.log),
        "row_groups_read": sum(line["row_groups_read"] for line in summary.log),
        "bytes": row["bytes_expected"],
        "bytes_read": row["bytes_read"],
        "share": round(row["bytes_read"] / row["bytes_expected"], 5),
        "captures": row["captures"],
        "titles_with_captures": len({kind.title_id for kind in summary.kinds}),
        "seconds": round(summary.seconds, 2),
        "seconds_in_files": round(sum(line["seconds"] for line in summary.log), 2),
        "peak_rss_kb": peak,
    }


if __name__ == "__main__":
    main()
