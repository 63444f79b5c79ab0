"""`presswatch corpus`: build, seal and join corpora of the members' articles, and describe one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli import options
from presswatch_spark.cli.options import argument, flag, option
from presswatch_spark.cli.replies import INCOMPLETE, Reply, ReplyForm, ReplyRows, command, tell
from presswatch_spark.core.terminal import counted, table_lines, terminal_width

if TYPE_CHECKING:
    from presswatch_spark.corpus.manifest import CorpusCounts, Manifest, TitleCounts

HEADERS = ("title", "articles", "years", "undated", "refused", "why refused")
TITLE_KINDS = {
    "title_id": str, "articles": int, "undated": int, "placeholders": int, "first": str, "last": str,
    "refused": int, "why_refused": str, "example": str,
    "excerpts": int, "html": int, "repaired": int, "urls_elsewhere": int, "not_urls": int,
}  # fmt: skip
ODDITIES = {
    "placeholders": "placeholder dates left out (1970-01-01, the year 1)",
    "excerpts": "excerpts, never of letter A",
    "html": "bodies in HTML, now text",
    "repaired": "bodies with garbled letters, repaired",
    "urls_elsewhere": "URLs outside the title's sites",
    "not_urls": "not a URL in `url`",
}
"""Counts of a title that lines below the table report, each with its meaning."""
COLUMNS = 80
TITLES_NAMED = 20


@click.group()
def corpus() -> None:
    """Build, seal or describe a corpus of the members' articles."""


@command(
    "build",
    corpus,
    settings=(
        *("corpus.columns", "corpus.date_formats", "corpus.body_format", "corpus.encoding"),
        *("corpus.max_articles_per_shingle", "corpus.master", "corpus.cores"),
    ),
    config=True,
)
def build(
    form: ReplyForm,
    members: str = option("--members", "FILE", "Publishers; see conf/members.example.yaml.", required=True),
    articles: tuple[str, ...] = options.repeated(
        "--articles", "PATH", "Articles: JSONL, CSV or Parquet.", required=True
    ),
    background: tuple[str, ...] = options.repeated(
        "--background", "PATH", "Shards of unrelated web text, to recognise formulas."
    ),
    known: tuple[str, ...] = options.repeated(
        "--known", "PATH", "Texts of third parties: laws, speeches, wires."
    ),
    out: str = option("--out", "DIR", "Folder of the corpus: new or empty, on disk or s3://.", required=True),
) -> Reply:
    """Build a corpus: index, signatures and texts of the articles.

    PATH is a file, a folder, a glob, or an s3://, https:// or hf:// address; files may be .gz or .zst.
    Articles that cannot be used are listed with a reason. If a file cannot be read to its end, the build
    fails. If a title of the members file has no article, the exit code is 3. New articles need a new corpus.

    Dates are ISO 8601, RFC 2822, or seconds or milliseconds since 1970. Declare any other form with
    --date-format, since 3-4-2019 may be in April or in March.

    A background is a sample of the web, in any format that can be scanned: for instance, a few shards of a
    crawl older than the articles. Text on several of its sites (stock phrases, page furniture, laws) does
    not count as the articles' own; see `run_rarity`.

    Eight words in a row that occur in a known text, even once, do not count as any article's own. A .txt
    file is one text in UTF-8; any other file is read as in a scan.
    """
    from presswatch_spark.api import build_corpus

    started = time.monotonic()
    manifest = build_corpus(
        members, articles, out, background=background, known=known, settings=form.settings,
        tell=lambda stage: tell(f"{stage} …"),
    )  # fmt: skip
    took = f"built in {time.monotonic() - started:,.0f} s"
    empty = titles_without_articles(manifest)
    return Reply(
        [*title_lines(manifest), "", *_summary_lines(manifest, out), took],
        warnings=empty,
        exit_code=INCOMPLETE if empty else 0,
    )


@command("info", corpus, json=True, export=True, pager=True, config=True)
def info(
    form: ReplyForm,
    folder: str = argument("DIR"),
    check: bool = flag("--check", "Read every file and compare its SHA-256 with the manifest."),
) -> Reply:
    """Describe the corpus in DIR: articles, titles, index.

    All files must exist, with the sizes that the manifest states. --check, like every scan, also compares
    their contents. --export writes the counts of each title, and --json prints the manifest.
    """
    from presswatch_spark.corpus.sealed import SealedCorpus
    from presswatch_spark.corpus.store import Corpus, manifest_of

    kind = SealedCorpus if manifest_of(folder, form.storage).key_fingerprint else Corpus
    manifest = kind.open(folder, check=check, storage=form.storage).manifest
    size = sum(entry.size for entry in manifest.files.values())
    lines = [
        *(_sealed_lines if kind.is_sealed else _summary_lines)(manifest, folder),
        f"files: {len(manifest.files):,}, {size / 1e6:,.1f} MB",
        f"built with: format {manifest.format_version}, {manifest.fold_version}; settings: see --json",
        f"public suffixes as of {manifest.public_suffixes}",
    ]
    if manifest.counts.titles:
        lines += ["", *title_lines(manifest)]
    if not form.export:
        return Reply(lines, rows=ReplyRows([asdict(manifest)]))
    by_title = (
        asdict(each) | {"title_id": title, "refused": _refused(each), "why_refused": _reasons(each) or None}
        for title, each in manifest.counts.titles.items()
    )
    return Reply(rows=ReplyRows(by_title, TITLE_KINDS))


@command("seal", corpus, config=True)
def seal(
    form: ReplyForm,
    folder: str = argument("CORPUS"),
    key_file: str | None = options.KEY_FILE,
    key_secret: str | None = options.KEY_SECRET,
    out: str = option(
        "--out", "SEALED", "Folder of the sealed corpus: new, on disk or s3://.", required=True
    ),
) -> Reply:
    """Seal a corpus: hashes that only its key can make.

    SEALED has all that a scan needs: hashes of words in a row, of sites and of URLs, each calculated with
    the key, and for each the opaque numbers of its articles; no text, headline, URL, date or id. Make the
    key once:

    \b
    (umask 077; head -c 32 /dev/urandom > KEY)
    presswatch corpus seal --key-file KEY --out SEALED CORPUS
    presswatch scan --corpus SEALED --key-file KEY --out OUT shards/
    """
    from presswatch_spark.corpus.sealed import KeySource
    from presswatch_spark.corpus.sealed import seal as seal_corpus
    from presswatch_spark.corpus.store import Corpus

    if (source := KeySource.of(key_file, key_secret)) is None:
        raise click.UsageError("pass --key-file or --key-secret")
    key, opened = source.read(form.storage), Corpus.open(folder, storage=form.storage)
    return Reply(_sealed_lines(seal_corpus(opened, key, out, form.storage), out))


@command("join", corpus, config=True)
def join(
    form: ReplyForm,
    folders: tuple[str, ...] = argument("SEALED…", nargs=-1, required=True),
    out: str = option(
        "--out", "JOINED", "Folder of the joined corpus: new, on disk or s3://.", required=True
    ),
) -> Reply:
    """Join sealed corpora, to search all in one pass.

    All must have been sealed with one key, which joining does not need. Each candidate names the part of the
    corpus that its article belongs to.
    """
    from presswatch_spark.corpus.sealed import join as join_corpora

    return Reply(_sealed_lines(join_corpora(folders, out, form.storage), out))


def _sealed_lines(manifest: Manifest, folder: str) -> Iterator[str]:
    counts, parts = manifest.counts, manifest.parts
    shingles = counted(counts.shingles, "shingle")
    yield f"sealed corpus {folder}: {counted(counts.articles, 'article')}, {shingles}"
    yield f"key {manifest.key_fingerprint}"
    yield from (f"part {part.fingerprint}: {counted(part.articles, 'article')}" for part in parts)
    yield f"digest {manifest.digest}"


def _summary_lines(manifest: Manifest, folder: str) -> Iterator[str]:
    counts = manifest.counts
    yield f"corpus {folder}: {counted(counts.articles, 'article')}, {counted(counts.words, 'word')}"
    if refused := _refused(counts):
        yield f"refused: {counted(refused, 'row')} ({_reasons(counts)}); listed in {folder}/refused.parquet"
    articles = counted(counts.clustered_articles, "article")
    yield f"nearly the same text: {counted(counts.clusters, 'cluster')} of {articles}"
    suppressed = f", {counts.suppressed:,} too common and left out" if counts.suppressed else ""
    yield f"index: {counted(counts.shingles, 'shingle')}{suppressed}"
    for name, texts, kind, shingles in (
        ("background", counts.background_documents, "document", counts.background_shingles),
        ("known texts", counts.known_texts, "text", counts.known_shingles),
    ):
        if texts:
            yield f"{name}: {counted(texts, kind)} with {counted(shingles, 'shingle')} of the index"
    yield f"digest {manifest.digest}"


def title_lines(manifest: Manifest) -> list[str]:
    """Return lines: a table of all titles of the members file, and oddities of their articles."""
    counts = manifest.counts
    rows, other = list[tuple[object, ...]](), _refused(counts)
    for title, each in counts.titles.items():
        refused, first, last = _refused(each), (each.first or "")[:4], (each.last or "")[:4]
        years = first if first == last else f"{first}-{last}"
        rows.append((title, each.articles, years, each.undated or None, refused or None, _reasons(each)))
        other -= refused
    if other:
        rows.append(("(other rows)", None, None, None, other, "title unknown or missing"))
    lines = list(table_lines(HEADERS, rows, terminal_width() or COLUMNS))

    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    found: dict[str, Mapping[str, object]] = {
        meaning: {
            title: f"{count:,}" for title, each in counts.titles.items() if (count := getattr(each, name))
        }
        for name, meaning in ODDITIES.items()
    }
    found["articles are dated after today"] = {
        title: each.last for title, each in counts.titles.items() if (each.last or "") > tomorrow
    }
    for meaning, by_title in found.items():
        named = [f"{title} {value}" for title, value in by_title.items()]
        if (more := len(named) - TITLES_NAMED) > 0:
            named[TITLES_NAMED:] = [f"and {counted(more, 'title')} more"]
        if named:
            lines.append(f"{meaning}: {', '.join(named)}")
    return lines


def titles_without_articles(manifest: Manifest) -> list[str]:
    """Return a line for each title without an article, with the reason."""
    titles = manifest.counts.titles
    empty = {title: each for title, each in titles.items() if not each.articles}
    if not empty:
        return []
    lines = [f"error: {len(empty):,} of {len(titles):,} titles of the members file without an article:"]
    for title, each in list(empty.items())[:TITLES_NAMED]:
        refused = f"{counted(_refused(each), 'row')} refused ({_reasons(each)}): {each.example}"
        lines.append(f"  {title}: {refused if each.refused else 'no row names it'}")
    if len(empty) > TITLES_NAMED:
        lines.append(f"  and {len(empty) - TITLES_NAMED:,} more")
    return lines


def _refused(each: CorpusCounts | TitleCounts) -> int:
    return sum(each.refused.values())


def _reasons(each: CorpusCounts | TitleCounts) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in each.refused.items())
