"""Rows of `matches` as a table that fits a terminal: a row a line, or two, where the URL has the second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from presswatch_spark.show import GAP, columns_of, counted, printable, row_lines, share_of, shortened

if TYPE_CHECKING:
    from presswatch_spark.tables.reading import MatchTotals

HEADERS = ("row", "letter", "grade", "words", "share", "where", "title")
URL_HEADER = "url"
# So many digits tell a million rows apart, and `presswatch fetch --row` takes them.
ROW_DIGITS = 12
# Where less is left beside the facts, a URL goes below them.
URL_WIDTH, WIDE = 44, 120
WHERE = {True: "own site", False: "elsewhere", None: "unknown"}

Row = Mapping[str, Any]


def match_lines(rows: Sequence[Row], width: int, *, several: bool) -> Iterator[str]:
    """Yield the table in at most `width` columns; of `several` runs, one after the other under its id."""
    for run_id, of_run in groupby(rows, key=lambda row: row["run_id"]):
        if several:
            yield f"run {run_id}"
        yield from _lines(list(of_run), width)


def _lines(rows: Sequence[Row], width: int) -> Iterator[str]:
    # On a wide terminal long titles leave room for URLs.
    room = width - URL_WIDTH - len(GAP) if width >= WIDE else width
    facts = list(row_lines(HEADERS, map(_facts, rows), room, HEADERS[:-1], HEADERS[-1:]))
    urls = [URL_HEADER, *map(_place, rows)]
    used = max(columns_of(line) for lines in facts for line in lines) + len(GAP)
    beside = width - used >= URL_WIDTH
    for (first, *rest), url in zip(facts, urls, strict=True):
        if beside:
            yield f"{first}{' ' * (used - columns_of(first))}{shortened(url, width - used)}"
            yield from rest
        else:
            yield from (first, *rest)
            yield f"{GAP}{shortened(url, width - len(GAP))}"


def _facts(row: Row) -> tuple[object, ...]:
    share = row["article_coverage"]
    return (
        (row["row_sha256"] or "")[:ROW_DIGITS],
        row["confidence"],
        row["grade"].replace("_", " "),
        row["copied_words"],
        "" if share is None else share_of(share),
        WHERE[row["own_site"]],
        row["title_id"],
    )


def _place(row: Row) -> str:
    """The document's URL; of one without, where it stands."""
    if row["document_url"]:
        return printable(row["document_url"])
    at = f"row {row['row_index']}" if row["record_offset"] is None else f"byte {row['record_offset']:,}"
    return printable(f"no URL: {at} of {row['shard_uri'].rpartition('/')[2]}")


def total_lines(totals: MatchTotals, shown: int) -> Iterator[str]:
    """How many rows there are, by letter, and on how many documents; which part of them was shown."""
    letters = ", ".join(f"{count:,} {letter}" for letter, count in sorted(totals.letters.items()) if letter)
    rows = f"{counted(totals.rows, 'row')}{f' ({letters})' if letters else ''}"
    if totals.documents is None or totals.articles is None:
        yield rows
    else:
        yield f"{rows}: {counted(totals.articles, 'article')} in {counted(totals.documents, 'document')}"
    if shown < totals.rows:
        yield f"more than {counted(shown, 'row')}: see --limit, --json, or `presswatch sql`"
