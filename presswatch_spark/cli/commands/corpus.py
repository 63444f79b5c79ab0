"""`presswatch corpus`: builds a corpus from the members' articles, and describes one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.options import STORAGE, argument, flag, given_settings, option
from presswatch_spark.cli.replies import (
    INCOMPLETE,
    Reply,
    ReplyForm,
    ReplyRows,
    command,
    schema_of,
    tell,
)
from presswatch_spark.terminal import counted, table_lines, terminal_width

if TYPE_CHECKING:
    from presswatch_spark.corpus.manifest import Manifest, TitleCounts
    from presswatch_spark.settings.config import ScanConfig

HEADERS = ("title", "articles", "years", "undated", "refused", "why refused")
TITLE_KINDS = {
    "title_id": str, "articles": int, "undated": int, "placeholders": int, "first": str, "last": str,
    "refused": int, "why_refused": str, "example": str,
    "excerpts": int, "html": int, "repaired": int, "urls_elsewhere": int, "not_urls": int,
}  # fmt: skip
BODIES_AND_URLS = {
    "excerpts": "excerpts, never of letter A",
    "html": "bodies in HTML, now text",
    "repaired": "bodies with garbled letters, repaired",
    "urls_elsewhere": "URLs outside of the title's sites",
    "not_urls": "not a URL in `url`",
}
"""Counts of a title that are reported below the table, each with its meaning."""
COLUMNS = 80
TITLES_NAMED = 20


@click.group()
def corpus() -> None:
    """Build a corpus from the members' articles, and look at one."""


@command(
    "build",
    corpus,
    parsed=False,
    settings=(
        "corpus.columns",
        "corpus.date_formats",
        "corpus.body_format",
        "corpus.encoding",
        "corpus.max_articles_per_shingle",
        *STORAGE,
        "corpus.master",
        "corpus.cores",
    ),
    config="Settings in YAML; the section is `corpus`.",
)
def build(
    *,
    members: str = option(
        "--members", "FILE", "Publishers and titles; see conf/members.example.yaml.", required=True
    ),
    articles: tuple[str, ...] = option(
        "--articles", "PATH", "Articles: JSONL, CSV or Parquet. Repeatable.", required=True, multiple=True
    ),
    background: tuple[str, ...] = option(
        "--background",
        "PATH",
        "Shards of unrelated web text, to tell formulas by. Repeatable.",
        multiple=True,
    ),
    known: tuple[str, ...] = option(
        "--known",
        "PATH",
        "Texts that are nobody's own, or somebody else's: laws, speeches, old books, wires. Repeatable.",
        multiple=True,
    ),
    out: str = option("--out", "DIR", "Folder of the corpus: new or empty, on disk or s3://.", required=True),
    config: str | None,
    form: ReplyForm,
    **flags: Any,
) -> Reply:
    """Build a corpus: index, signatures and texts of the articles.

    PATH is a file, a folder, a glob, or an s3://, https:// or hf:// address; .gz and .zst are read too.
    Articles that cannot be used are listed with a reason. A file that cannot be read to its end fails the
    build. A corpus never changes: build a new one when articles come in.

    Dates are ISO 8601, RFC 2822, or seconds or milliseconds since 1970. Declare any other form with
    --date-format; it is never guessed, for 3-4-2019 may be in April or in March. At the end, a table shows
    what came in of each title. If a title of the members file has no article, the exit code is 3.

    A background is a sample of the web, in any format that is scanned. Give a few shards of a crawl that is
    older than the articles, so that it holds no copies of them. Text that stands there on several sites
    (stock phrases, page furniture, laws) then does not count as the articles' own; see `run_rarity`.

    A known text counts with one occurrence: eight of its words in a row are then no article's own. A file
    named .txt is one text in UTF-8; any other is read as a scan reads it, such as JSONL with a column text.
    """
    from presswatch_spark.face import build_corpus

    started = time.monotonic()
    manifest = build_corpus(
        members, articles, out, background=background, known=known, config=config,
        settings=given_settings(flags),
        tell=lambda stage: tell(f"{stage} …"),
    )  # fmt: skip
    took = f"built in {time.monotonic() - started:,.0f} s"
    empty = titles_without_articles(manifest)
    return Reply(
        [*title_lines(manifest), "", *summary_lines(manifest, out), took],
        warnings=empty,
        exit_code=INCOMPLETE if empty else 0,
    )


@command(
    "info",
    corpus,
    json="Print the manifest as JSON.",
    export=True,
    pager=True,
    settings=STORAGE,
    config="Settings in YAML, for storage.",
)
def info(
    *,
    folder: str = argument("DIR"),
    check: bool = flag("--check", "Read every file and compare its SHA-256 with the manifest."),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Describe the corpus in DIR: articles, titles, index.

    Its files must be there, with the sizes that its manifest states. What they contain is compared with
    --check, and by every scan. --export writes what is known of each title.
    """
    from presswatch_spark.corpus.store import Corpus

    manifest = Corpus.open(folder, check=check, storage=settings.storage).manifest
    titles = ["", *title_lines(manifest)] if manifest.counts.titles else []
    size = sum(entry.size for entry in manifest.files.values())
    parameters = [
        f"files: {len(manifest.files):,}, {size / 1e6:,.1f} MB",
        f"built with: format {manifest.format_version}, {manifest.fold_version}; settings: see --json",
    ]
    if manifest.public_suffixes:
        parameters.append(f"public suffixes as of {manifest.public_suffixes}")
    by_title = (
        {
            **asdict(each),
            "title_id": title,
            "refused": sum(each.refused.values()),
            "why_refused": _reasons(each) or None,
        }
        for title, each in manifest.counts.titles.items()
    )
    rows = by_title if form.export else [asdict(manifest)]
    lines = [*summary_lines(manifest, folder), *parameters, *titles]
    return Reply(lines, rows=ReplyRows(rows, schema_of(**TITLE_KINDS)))


def summary_lines(manifest: Manifest, folder: str) -> list[str]:
    """Return the contents of a corpus in a few lines."""
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
    if counts.known_texts:
        lines.append(
            f"known texts: {counted(counts.known_texts, 'text')} with"
            f" {counted(counts.known_shingles, 'shingle')} of the index"
        )
    lines.append(f"digest {manifest.digest}")
    return lines


def title_lines(manifest: Manifest) -> list[str]:
    """Return a table of all titles of the members file, and oddities of their articles."""
    counts = manifest.counts
    if not counts.titles:  # a corpus of an older version
        return []
    rows, other = list[tuple[object, ...]](), sum(counts.refused.values())
    for title, each in counts.titles.items():
        refused = sum(each.refused.values())
        first, last = (each.first or "")[:4], (each.last or "")[:4]
        years = first if first == last else f"{first}-{last}"
        rows.append((title, each.articles, years, each.undated or None, refused or None, _reasons(each)))
        other -= refused
    if other:
        rows.append(("(other rows)", None, None, None, other, "title unknown or missing"))
    return [*table_lines(HEADERS, rows, terminal_width() or COLUMNS), *_notes(manifest)]


def titles_without_articles(manifest: Manifest) -> list[str]:
    """Return lines that name the titles without an article, each with the reason; none if all have one."""
    counts = manifest.counts
    empty = {title: each for title, each in counts.titles.items() if not each.articles}
    if not empty:
        return []
    has = "have" if len(empty) > 1 else "has"
    lines = [f"error: {len(empty):,} of {len(counts.titles):,} titles of the members file {has} no article:"]
    for title, each in list(empty.items())[:TITLES_NAMED]:
        refused = f"{counted(sum(each.refused.values()), 'row')} refused ({_reasons(each)}): {each.example}"
        lines.append(f"  {title}: {refused if each.refused else 'no row names it'}")
    if len(empty) > TITLES_NAMED:
        lines.append(f"  and {len(empty) - TITLES_NAMED:,} more")
    return lines


def _notes(manifest: Manifest) -> Iterator[str]:
    titles = manifest.counts.titles
    if odd := {title: each.placeholders for title, each in titles.items() if each.placeholders}:
        count = sum(odd.values())
        yield (
            f"{count:,} date{'s stand' if count > 1 else ' stands'} for none (1970-01-01, the year 1), and"
            f" {'were' if count > 1 else 'was'} left out:"
            f" {_listed(f'{title} {count:,}' for title, count in odd.items())}"
        )
    for name, meaning in BODIES_AND_URLS.items():
        found = {title: count for title, each in titles.items() if (count := getattr(each, name))}
        if found:
            by_title = _listed(f"{title} {count:,}" for title, count in found.items())
            yield f"{meaning}: {by_title}"
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    if late := {title: each.last for title, each in titles.items() if (each.last or "") > tomorrow}:
        yield f"articles are dated after today: {_listed(f'{title} {day}' for title, day in late.items())}"


def _listed(items: Iterator[str]) -> str:
    named = list(items)
    more = len(named) - TITLES_NAMED
    return ", ".join(named[:TITLES_NAMED]) + (f", and {counted(more, 'title')} more" if more > 0 else "")


def _reasons(each: TitleCounts) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in each.refused.items())
