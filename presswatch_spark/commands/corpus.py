"""`presswatch corpus`: build a corpus from members' articles, and say what one holds."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from presswatch_spark.corpus.manifest import Manifest

FLAGS = {
    "columns": "corpus.columns",
    "max_articles_per_shingle": "corpus.max_articles_per_shingle",
    "endpoint": "storage.endpoint",
    "region": "storage.region",
    "profile": "storage.profile",
    "unsigned": "storage.unsigned",
    "master": "corpus.master",
    "cores": "corpus.cores",
}

COUNT = click.IntRange(min=1)


@click.group()
def corpus() -> None:
    """Build a corpus from the members' articles, and look at one."""


@corpus.command()
@click.option(
    "--members", required=True, metavar="FILE", help="Publishers and titles; see conf/members.example.yaml."
)
@click.option(
    "--articles",
    required=True,
    multiple=True,
    metavar="PATH",
    help="Articles: JSONL, CSV or Parquet. Repeatable.",
)
@click.option(
    "--out", required=True, metavar="DIR", help="Folder of the corpus: new or empty, on disk or s3://."
)
@click.option(
    "--columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Where our columns are, e.g. body=text. Repeatable.",
)
@click.option("--config", metavar="FILE", help="Settings in YAML; the section is `corpus`.")
@click.option(
    "--max-articles-per-shingle",
    type=COUNT,
    help="Leave shingles of more articles out of the index. Default: 1000.",
)
@click.option("--endpoint", metavar="URL", help="S3 endpoint other than AWS's.")
@click.option("--region", help="S3 region.")
@click.option("--profile", help="AWS profile to take credentials from.")
@click.option("--unsigned/--signed", default=None, help="Read public buckets without credentials.")
@click.option("--master", metavar="URL", help="Spark master. Default: this machine.")
@click.option("--cores", type=COUNT, help="Cores of this machine to use. Default: all.")
def build(
    members: str,
    articles: tuple[str, ...],
    out: str,
    columns: tuple[str, ...],
    config: str | None,
    **flags: Any,
) -> None:
    """Build a corpus: index, signatures and texts of all articles that can be taken.

    PATH is a file, a folder, a glob, or an s3:// or https:// address; .gz and .zst are read too. Articles
    that cannot be taken are listed with a reason; a file that cannot be read to its end fails the build. A
    corpus never changes: build a new one when articles come in.
    """
    from presswatch_spark.corpus.build import build_corpus
    from presswatch_spark.settings import load_corpus_config, load_scan_config, parse_flag

    given = {**flags, "columns": ",".join(columns) or None}
    settings = {
        FLAGS[name]: parse_flag(FLAGS[name], value) for name, value in given.items() if value is not None
    }
    rules = load_corpus_config(config, os.environ, settings)
    storage = load_scan_config(config, os.environ, settings).storage
    started = time.monotonic()
    manifest = build_corpus(None, members, articles, out, rules, storage, _tell)
    for line in [*summary_lines(manifest, out), f"built in {time.monotonic() - started:,.0f} s"]:
        click.echo(line)


@corpus.command()
@click.argument("folder", metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@click.option("--check", is_flag=True, help="Read every file and compare its SHA-256 with the manifest.")
@click.option("--config", metavar="FILE", help="Settings in YAML, for storage.")
def info(folder: str, as_json: bool, check: bool, config: str | None) -> None:
    """Say what the corpus in DIR holds; its files are checked against its manifest."""
    import json
    from dataclasses import asdict

    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.settings import load_scan_config

    storage = load_scan_config(config, os.environ).storage
    manifest = Corpus.open(folder, check=check, storage=storage).manifest
    if as_json:
        click.echo(json.dumps(asdict(manifest), ensure_ascii=False, indent=2, sort_keys=True))
        return
    for line in [*summary_lines(manifest, folder), *_parameter_lines(manifest)]:
        click.echo(line)


def summary_lines(manifest: Manifest, folder: str) -> list[str]:
    """What a corpus holds, in a few lines."""
    counts = manifest.counts
    refused = sum(counts.refused.values())
    lines = [f"corpus {folder}: {counts.articles:,} articles, {counts.words:,} words"]
    if refused:
        by_reason = ", ".join(f"{count:,} {reason}" for reason, count in counts.refused.items())
        lines.append(f"refused: {refused:,} rows ({by_reason}); listed in {folder}/refused.parquet")
    lines.append(f"same text: {counts.clusters:,} clusters of {counts.clustered_articles:,} articles")
    suppressed = f", {counts.suppressed:,} too common and left out" if counts.suppressed else ""
    lines.append(f"index: {counts.shingles:,} shingles{suppressed}")
    lines.append(f"digest {manifest.digest}")
    return lines


def _parameter_lines(manifest: Manifest) -> list[str]:
    size = sum(entry.size for entry in manifest.files.values())
    settings = ", ".join(
        f"{name} {value}" for name, value in manifest.parameters.items() if name != "minhash"
    )
    return [
        f"files: {len(manifest.files):,}, {size / 1e6:,.1f} MB",
        f"built with: format {manifest.format_version}, {manifest.fold_version}, {settings},"
        f" {manifest.minhash}",
    ]


def _tell(stage: str) -> None:
    click.echo(f"{stage} …", err=True)
