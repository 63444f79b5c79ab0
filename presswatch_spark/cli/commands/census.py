"""`presswatch census`: list the members' pages in a release, by its columnar index alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from presswatch_spark.cli.commands.scan import incomplete_lines
from presswatch_spark.cli.options import argument, option
from presswatch_spark.cli.replies import INCOMPLETE, Line, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.terminal import counted
from presswatch_spark.scanning.monitoring.progress import EventLog, failures_logged

if TYPE_CHECKING:
    from presswatch_spark.scanning.runs.run_work import RunSummary

TitleRow = tuple[str, str, int, int, str, str, str]
CAPTURES = """
    select title_id, count(*), count(*) filter (where url_match = 'article'),
        histogram(coalesce(nullif(subset, ''), 'none')),
        histogram(coalesce(cast(nullif(http_status, 0) as string), 'none')),
        histogram(coalesce(nullif(languages[1], ''), 'none'))
    from captures where run_id = {run_id} group by title_id"""
"""Query for DuckDB: a census's captures by title: all, of articles, by subset, by status, by language."""
TITLES_SHOWN = 50
VALUES_SHOWN = 4
KINDS = {
    "title_id": str, "publisher": str, "captures": int, "of_articles": int, "subsets": str, "statuses": str,
    "languages": str,
}  # fmt: skip
HEADERS = ("title", "publisher", "captures", "of articles", "subsets", "statuses", "languages")


@command(
    "census",
    export=True,
    settings=("read.release", "run.master", "run.cores", "run.metrics_file", "run.log_format"),
    config=True,
)
def census(
    form: ReplyForm,
    more: tuple[str, ...] = argument("[PATH …]", nargs=-1),
    releases: tuple[str, ...] = option(
        "--release",
        "ID|PATH",
        "A crawl, such as CC-MAIN-2024-22, or its index: files, folders, globs, addresses, lists.",
        required=True,
        multiple=True,
    ),
    corpus: str = option("--corpus", "DIR", "The corpus, from `presswatch corpus build`.", required=True),
    out: str = option("--out", "DIR", "Folder of the tables; scans may share it.", required=True),
    base: str | None = option(
        "--base",
        "URI",
        "Base address of the lines in a *.paths.gz list; for a crawl, a mirror of its site.",
    ),
) -> Reply:
    """List every capture of the members' pages in a release.

    The census reads only the columnar index of the release, and of it only the row groups that can contain
    a member's site or an article's URL. It writes the table `captures`, with a pointer to each record. To
    resume a stopped census, repeat the command. --export writes the counts of each title; `presswatch sql`
    exports the captures.
    """
    from presswatch_spark.api import census as take_census
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.query.sql import answer_of, literal

    events = EventLog.of(form.settings.run.log_format)
    with failures_logged(events):
        summary = take_census(
            (*releases, *more), corpus=corpus, out=out, base=base, settings=form.settings, events=events,
        ).summary  # fmt: skip
    store, run_id = form.open_tables(out), literal(summary.run_id)
    counted_by_title = answer_of(store, CAPTURES.format(run_id=run_id), "duckdb").rows
    titles = Corpus.open(corpus, check=False, storage=form.storage).registry.publisher_of
    rows = list(title_rows(titles, counted_by_title))
    rest = f"; {len(rows) - TITLES_SHOWN:,} of them not shown" if len(rows) > TITLES_SHOWN else ""
    articles = sum(row[3] for row in rows)
    captures = counted(summary.row["captures"], "capture")
    lines: list[Line] = [
        *summary_lines(summary, out, rows),
        Table(HEADERS, rows[:TITLES_SHOWN], wrapped=HEADERS),
        f"{counted(len(rows), 'title')}, {captures}, {articles:,} of articles{rest}",
    ]
    return Reply(
        lines,
        rows=ReplyRows((dict(zip(KINDS, row, strict=True)) for row in rows), KINDS),
        # If there are events, they have already named these files.
        warnings=() if events else incomplete_lines(summary, out, "census_log"),
        exit_code=INCOMPLETE if summary.incomplete else 0,
    )


def summary_lines(summary: RunSummary, out: str, rows: Sequence[TitleRow]) -> Iterator[str]:
    """Yield a few lines with the findings of a census, and how much it read; `rows`: of `title_rows`."""
    row, log, found = summary.row, summary.log, sum(captures > 0 for _, _, captures, *_ in rows)
    of = f" of {row['release']}" if row["release"] else ""
    yield (
        f"census {row['run_id']}{of}: {counted(row['captures'], 'capture')} of {found:,} of"
        f" {counted(len(rows), 'title')}, in {counted(row['rows'], 'row')} of"
        f" {counted(row['shards_planned'], 'index file')},"
        f" {summary.seconds:,.0f} s"
    )
    share = row["bytes_read"] / row["bytes_expected"] if row["bytes_expected"] else 0
    groups, looked = (sum(log[name].to_pylist()) for name in ("row_groups", "row_groups_read"))
    yield (
        f"read {row['bytes_read'] / 1e6:,.1f} of {row['bytes_expected'] / 1e6:,.1f} MB ({share:.2%}),"
        f" {looked:,} of {counted(groups, 'row group')}"
    )
    if unread := row["shards_planned"] - row["shards_complete"]:
        of, were = counted(row["shards_planned"], "index file"), "was" if unread == 1 else "were"
        what = "what was not found may be in the rest"
        yield f"incomplete: {unread:,} of {of} {were} not read to the end; {what}"
    lacking = Counter(chain.from_iterable(log["columns_missing"].to_pylist()))
    if lacking:
        named = ", ".join(
            name if count == len(log) else f"{name} (in {counted(count, 'file')})"
            for name, count in sorted(lacking.items())
        )
        yield f"not in this index, so null in the table: {named}"
    yield f"table digest {row['table_digest']}"
    query = f"select * from captures where run_id = '{row['run_id']}'"
    yield f'read it with: presswatch sql {out} "{query}"'


def title_rows(titles: Mapping[str, str], counted: Iterable[tuple[Any, ...]]) -> Iterator[TitleRow]:
    """Yield a row for each title of the corpus, the most captures first; `counted`: rows of `CAPTURES`."""
    by_title, nothing = {title: counts for title, *counts in counted}, [0, 0, (), (), ()]

    def shares(counts: Iterable[tuple[str, int]]) -> str:
        ordered = sorted(counts, key=lambda entry: (-entry[1], entry[0]))
        shown = [f"{value} {count:,}" for value, count in ordered[:VALUES_SHOWN]]
        return ", ".join([*shown, "…"] if len(ordered) > VALUES_SHOWN else shown)

    rows = [(title, publisher, *by_title.get(title, nothing)) for title, publisher in titles.items()]
    for title, publisher, captures, articles, *kinds in sorted(rows, key=lambda row: (-row[2], row[0])):
        subsets, statuses, languages = map(shares, kinds)
        yield title, publisher, captures, articles, subsets, statuses, languages
