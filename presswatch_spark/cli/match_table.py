"""Rows of `matches` for people: what they add up to, and a table that fits a terminal.

A row takes two lines, or one where the terminal is wide enough for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.show import GAP, printable, shortened, table_lines
from presswatch_spark.translation import Translator

if TYPE_CHECKING:
    from presswatch_spark.cli.language import Language
    from presswatch_spark.queries.matches import MatchTotals

FACTS = ("row", "letter", "words", "captured", "where", "publisher")
ABOUT = ("host", "headline", "reason")
# So many digits tell a million rows apart, and `presswatch fetch --row` takes them.
ROW_DIGITS = 12
# From here on a line holds a whole row; hosts that are longer than so much are cut.
WIDE, HOST_WIDTH = 140, 30
WHERE = {True: "own site", False: "elsewhere", None: "unknown"}
UNKNOWNS = {
    "captured_at": "{rows} without a date of capture",
    "document_host": "{rows} without a known host",
    "release": "{rows} without a known release",
}

Row = Mapping[str, Any]


def match_lines(rows: Sequence[Row], width: int, say: Language) -> Iterator[str]:
    """Yield the table in at most `width` columns; nothing if there are no rows."""
    if not rows:
        return
    facts, about = [_facts(row, say) for row in rows], [_about(row, say) for row in rows]
    first, second = say.names(FACTS), say.names(ABOUT)
    if width >= WIDE:
        lines = [(*one, *other) for one, other in zip(facts, about, strict=True)]
        yield from table_lines((*first, *second), lines, width, (*first[:-1], second[0], second[-1]))
        return
    above = table_lines(first, facts, width, first[:-1])
    below = table_lines(second, about, width - len(GAP), (second[0], second[-1]))
    for one, other in zip(above, below, strict=True):
        yield one
        yield f"{GAP}{other}"


def _facts(row: Row, say: Language) -> tuple[object, ...]:
    return (
        (row["row_sha256"] or "")[:ROW_DIGITS],
        row["letter"] or say("unknown"),
        say.number(row["copied_words"]),
        say.day(row["captured_at"]) if row["captured_at"] else say("unknown"),
        say(WHERE[row["own_site"]]),
        row["publisher_id"],
    )


def _about(row: Row, say: Language) -> tuple[object, ...]:
    host = shortened(printable(row["document_host"] or say("unknown")), HOST_WIDTH)
    return host, _headline(row, say), _reason(row, say)


def _headline(row: Row, say: Language) -> str:
    if row["headline"]:
        return str(row["headline"])
    return say("article {id}", id=row["article_id"]) if row["article_id"] else say("no text of an article")


def _reason(row: Row, say: Language) -> str:
    """Return the first reason for the letter: of `C` and `D`, the first that leaves no better one."""
    codes = row["reasons"]
    if not codes:
        return say("unknown")
    against = (code for code in codes if code in REASONS and REASONS[code].caps)
    code = next(against, codes[0]) if row["letter"] in ("C", "D") else codes[0]
    return Translator(say.code)(REASONS[code].label) if code in REASONS else str(code)


def total_lines(totals: MatchTotals, say: Language) -> Iterator[str]:
    """Yield how many rows there are, by letter and by site, and what they name."""
    letters = ", ".join(f"{say.number(count)} {letter}" for letter, count in sorted(totals.letters.items()))
    rows = f"{say.counted(totals.rows, 'row')}{f' ({letters})' if letters else ''}"
    yield say(
        "{rows}: {articles} at {addresses}, in {records} on {hosts}",
        rows=rows,
        articles=say.counted(totals.articles, "article"),
        addresses=say.counted(totals.addresses, "known address"),
        records=say.counted(totals.documents, "record"),
        hosts=say.counted(totals.hosts, "known host"),
    )
    if not totals.rows:
        return
    sites = {"own site": totals.own_site, "elsewhere": totals.elsewhere, "unknown": totals.unknown_site}
    where = ", ".join(f"{say(site)} {say.number(count)}" for site, count in sites.items())
    yield say("rows by site: {where}", where=where)
    if totals.without_host:
        yield say("the host is not known of {rows}", rows=say.counted(totals.without_host, "row"))


def left_out_lines(left_out: Mapping[str, int], say: Language) -> Iterator[str]:
    """Yield which rows were left out since nobody knows whether they are wanted."""
    if left_out:
        parts = (
            say(UNKNOWNS[name], rows=say.counted(count, "row")) for name, count in sorted(left_out.items())
        )
        yield say("left out, as nobody knows whether they are wanted: {rows}", rows=", ".join(parts))
