"""`presswatch scan`: settings in layers, one run, a summary and an honest exit code."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from presswatch_spark.pipeline import RunSummary

INCOMPLETE = 3
SHARDS_NAMED = 5

FLAGS = {
    "release_name": "read.release",
    "languages": "read.languages",
    "columns": "read.columns",
    "min_run_words": "grade.min_run_words",
    "endpoint": "storage.endpoint",
    "region": "storage.region",
    "profile": "storage.profile",
    "unsigned": "storage.unsigned",
    "master": "run.master",
    "cores": "run.cores",
    "wave_shards": "run.wave_shards",
    "shards_per_task": "run.shards_per_task",
}

COUNT = click.IntRange(min=1)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH [PATH …]")
@click.option(
    "--format",
    "dataset",
    type=click.Choice(["auto", "wet", "c4", "oscar", "rows"]),
    default="auto",
    show_default=True,
    help="What the shards are; `auto` looks into each.",
)
@click.option("--corpus", required=True, metavar="DIR", help="The corpus, from `presswatch corpus build`.")
@click.option("--out", required=True, metavar="DIR", help="Folder of the tables; several runs may share it.")
@click.option("--config", metavar="FILE", help="Settings in YAML; see conf/scan.yaml.")
@click.option("--base", metavar="URI", help="What the lines of a *.paths.gz list are relative to.")
@click.option("--release-name", metavar="NAME", help="Release to write where the shards name none.")
@click.option(
    "--languages",
    multiple=True,
    metavar="CODE",
    help="Read only documents identified as this language, as the dataset spells it, or as none. Repeatable.",
)
@click.option(
    "--columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Where columns of `rows` are, e.g. url=meta.source_url. Repeatable.",
)
@click.option("--min-run-words", type=click.IntRange(min=8), help="Shortest run to report. Default: 11.")
@click.option("--endpoint", metavar="URL", help="S3 endpoint other than AWS's.")
@click.option("--region", help="S3 region.")
@click.option("--profile", help="AWS profile to take credentials from.")
@click.option("--unsigned/--signed", default=None, help="Read public buckets without credentials.")
@click.option("--master", metavar="URL", help="Spark master. Default: this machine.")
@click.option("--cores", type=COUNT, help="Cores of this machine to use. Default: all.")
@click.option("--wave-shards", type=COUNT, help="Shards between two points of resumption.")
@click.option("--shards-per-task", type=COUNT, help="Shards in one Spark task.")
@click.pass_context
def scan(
    context: click.Context,
    /,
    paths: tuple[str, ...],
    dataset: str,
    corpus: str,
    out: str,
    config: str | None,
    base: str | None,
    **flags: Any,
) -> None:
    """Scan shards for copies of the corpus's articles.

    PATH is a file, a folder, a glob, an s3:// or https:// address, or a *.paths.gz list. Settings come from
    --config, then from the environment (PRESSWATCH_GRADE__MIN_RUN_WORDS=12), then from flags. A stopped scan
    goes on where it was when the same command is given again.
    """
    from presswatch_spark.pipeline import scan as run_scan
    from presswatch_spark.settings import load_scan_config

    settings = load_scan_config(config, os.environ, settings_of(flags))
    summary = run_scan(paths, dataset=dataset, corpus=corpus, out=out, config=settings, base=base)
    for line in summary_lines(summary, out):
        click.echo(line)
    if summary.row["documents_skipped"] and not summary.row["documents"]:
        click.echo("warning: every document was skipped, so nothing can be said of them", err=True)
    if summary.incomplete:
        click.echo(incomplete_message(summary, out), err=True)
        context.exit(INCOMPLETE)


def settings_of(flags: dict[str, Any]) -> dict[str, object]:
    """Flags by the path of their setting, without those that were not given."""
    from presswatch_spark.settings import parse_flag

    given = {name: ",".join(value) if isinstance(value, tuple) else value for name, value in flags.items()}
    return {
        FLAGS[name]: parse_flag(FLAGS[name], value)
        for name, value in given.items()
        if value not in (None, "")
    }


def summary_lines(summary: RunSummary, out: str) -> list[str]:
    """What a run did, in a few lines."""
    row = summary.row
    resumed = ", resumed" if summary.resumed else ""
    skipped = f", {row['documents_skipped']:,} skipped" if row["documents_skipped"] else ""
    megabytes = int(str(row["text_bytes"])) / 1e6
    return [
        f"run {summary.run_id}{resumed}: {row['matches']:,} matches in {row['documents']:,} documents"
        f"{skipped} ({megabytes:,.1f} MB of text) of {row['shards_planned']:,} shards,"
        f" {summary.seconds:,.0f} s",
        f"table digest {row['table_digest']}",
        f"read it with: presswatch matches {out}",
    ]


def incomplete_message(summary: RunSummary, out: str) -> str:
    """Which shards were not read to their end, the first few by name, and where the rest is."""
    count, planned = len(summary.incomplete), summary.row["shards_planned"]
    lines = [f"error: {count:,} of {planned:,} shards were not read to their end:"]
    lines += [f"  {status}: {uri}: {error}" for uri, status, error in summary.incomplete[:SHARDS_NAMED]]
    if count > SHARDS_NAMED:
        lines.append(f"  and {count - SHARDS_NAMED:,} more")
    query = f"select * from scan_log where run_id = '{summary.run_id}' and status <> 'complete'"
    return "\n".join([*lines, f'all of them: presswatch sql {out} "{query}"'])
