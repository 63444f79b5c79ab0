"""`presswatch corpus`: build a corpus from members' articles, and say what one holds."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.options import given_settings, setting_options, storage_options, tell
from presswatch_spark.show import counted

if TYPE_CHECKING:
    from presswatch_spark.corpus.manifest import Manifest


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
    "--background",
    multiple=True,
    metavar="PATH",
    help="Shards of unrelated web text, to tell formulas by. Repeatable.",
)
@click.option(
    "--out", required=True, metavar="DIR", help="Folder of the corpus: new or empty, on disk or s3://."
)
@click.option("--config", metavar="FILE", help="Settings in YAML; the section is `corpus`.")
@setting_options("corpus.columns", "corpus.date_formats", "corpus.max_articles_per_shingle")
@storage_options
@setting_options("corpus.master", "corpus.cores")
@click.pass_context
def build(
    context: click.Context,
    /,
    members: str,
    articles: tuple[str, ...],
    background: tuple[str, ...],
    out: str,
    config: str | None,
    **flags: Any,
) -> None:
    """Build a corpus: index, signatures and texts of all articles that can be taken.

    PATH is a file, a folder, a glob, or an s3:// or https:// address; .gz and .zst are read too. Articles
    that cannot be taken are listed with a reason; a file that cannot be read to its end fails the build. A
    corpus never changes: build a new one when articles come in.

    Dates are ISO 8601, RFC 2822, or seconds or milliseconds since 1970; any other form is declared with
    --date-format, and never guessed: 3-4-2019 may be in April or in March. What came in of each title is
    told at the end; a title of the members file without an article ends the build with 3.

    A background is a sample of the web, in any format that is scanned: a few shards of a crawl that is older
    than the articles, so that it holds no copies of them. What stands there on several sites (stock phrases,
    page furniture, laws, old texts) is then known not to be the articles' own; see `run_rarity`.
    """
    from presswatch_spark.cli.commands.scan import ending
    from presswatch_spark.cli.corpus_titles import title_lines, titles_without_articles
    from presswatch_spark.face import build_corpus
    from presswatch_spark.settings.load import load_corpus_config
    from presswatch_spark.show import printable

    settings = given_settings(flags)
    # Before anything else: a mistake on the command line is told as one.
    load_corpus_config(config, os.environ, settings)
    started = time.monotonic()
    manifest = build_corpus(
        members, articles, out, background=background, config=config, settings=settings, tell=_tell
    )
    empty = titles_without_articles(manifest)
    with ending(context, incomplete=bool(empty)):
        took = f"built in {time.monotonic() - started:,.0f} s"
        for line in [*title_lines(manifest), "", *summary_lines(manifest, out), took]:
            click.echo(line)
        for line in empty:
            click.echo(printable(line), err=True)


@corpus.command()
@click.argument("folder", metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@click.option("--check", is_flag=True, help="Read every file and compare its SHA-256 with the manifest.")
@click.option("--config", metavar="FILE", help="Settings in YAML, for storage.")
@storage_options
def info(folder: str, as_json: bool, check: bool, config: str | None, **flags: Any) -> None:
    """Say what the corpus in DIR holds.

    Its files must be there, in the sizes that its manifest states. What they contain is compared with --check
    only, and by every scan.
    """
    from dataclasses import asdict

    from presswatch_spark.cli.corpus_titles import title_lines
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.settings.load import load_scan_config
    from presswatch_spark.show import json_text

    storage = load_scan_config(config, os.environ, given_settings(flags)).storage
    manifest = Corpus.open(folder, check=check, storage=storage).manifest
    if as_json:
        click.echo(json_text(asdict(manifest), indent=2))
        return
    told = [*summary_lines(manifest, folder), *_parameter_lines(manifest), "", *title_lines(manifest)]
    for line in told if manifest.counts.titles else told[:-1]:
        click.echo(line)


def summary_lines(manifest: Manifest, folder: str) -> list[str]:
    """What a corpus holds, in a few lines."""
    counts = manifest.counts
    refused = sum(counts.refused.values())
    lines = [f"corpus {folder}: {counted(counts.articles, 'article')}, {counted(counts.words, 'word')}"]
    if refused:
        by_reason = ", ".join(f"{count:,} {reason}" for reason, count in counts.refused.items())
        lines.append(f"refused: {counted(refused, 'row')} ({by_reason}); listed in {folder}/refused.parquet")
    lines.append(
        f"nearly the same text: {counted(counts.clusters, 'cluster')}"
        f" of {counted(counts.clustered_articles, 'article')}"
    )
    suppressed = f", {counts.suppressed:,} too common and left out" if counts.suppressed else ""
    lines.append(f"index: {counted(counts.shingles, 'shingle')}{suppressed}")
    if counts.background_documents:
        lines.append(
            f"background: {counted(counts.background_documents, 'document')} with"
            f" {counted(counts.background_shingles, 'shingle')} of the index"
        )
    lines.append(f"digest {manifest.digest}")
    return lines


def _parameter_lines(manifest: Manifest) -> list[str]:
    size = sum(entry.size for entry in manifest.files.values())
    return [
        f"files: {len(manifest.files):,}, {size / 1e6:,.1f} MB",
        f"built with: format {manifest.format_version}, {manifest.fold_version},"
        f" {_settings_text(manifest.parameters)}",
        *([f"public suffixes as of {manifest.public_suffixes}"] if manifest.public_suffixes else []),
    ]


def _settings_text(settings: Mapping[str, Any]) -> str:
    """`name value, name value`; the settings of a section, and the items of a list, stand in brackets."""
    return ", ".join(f"{name} {_setting_text(value)}" for name, value in settings.items())


def _setting_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({_settings_text(value)})"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(str, value)) or 'none'})"
    return str(value)


def _tell(stage: str) -> None:
    tell(f"{stage} …")
