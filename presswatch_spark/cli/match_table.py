"""Rows of `matches` for people: what they add up to, and a table that fits a terminal.

A row takes two lines, or one where the terminal is wide enough for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.terminal import GAP, printable, shortened, table_lines
from presswatch_spark.translation import N_

if TYPE_CHECKING:
    from presswatch_spark.cli.language import Language
    from presswatch_spark.queries.matches import MatchTotals

FACTS = ("row", "letter", "words", "captured", "where", "publisher")
ABOUT = ("host", "headline", "reason")
# So many digits tell a million rows apart, and `presswatch fetch --row` takes them.
ROW_DIGITS = 12
# From here on a line holds a whole row; hosts that are longer than so much are cut.
WIDE, HOST_WIDTH = 140, 30
WHERE = {True: N_("own site"), False: N_("elsewhere"), None: N_("unknown")}
UNKNOWNS = {
    "captured_at": N_("{rows} without a date of capture"),
    "document_host": N_("{rows} without a known host"),
    "release": N_("{rows} without a known release"),
}

Row = Mapping[str, Any]


def match_lines(rows: Sequence[Row], width: int, _: Language) -> Iterator[str]:
    """Yield the table in at most `width` columns; nothing if there are no rows."""
    if not rows:
        return
    facts, about = [_facts(row, _) for row in rows], [_about(row, _) for row in rows]
    first, second = _.names(FACTS), _.names(ABOUT)
    if width >= WIDE:
        lines = [(*one, *other) for one, other in zip(facts, about, strict=True)]
        yield from table_lines((*first, *second), lines, width, (*first[:-1], second[0], second[-1]))
        return
    above = table_lines(first, facts, width, first[:-1])
    below = table_lines(second, about, width - len(GAP), (second[0], second[-1]))
    for one, other in zip(above, below, strict=True):
        yield one
        yield f"{GAP}{other}"


def _facts(row: Row, _: Language) -> tuple[object, ...]:
    return (
        (row["row_sha256"] or "")[:ROW_DIGITS],
        row["letter"] or _("unknown"),
        _.number(row["copied_words"]),
        _.day(row["captured_at"]) if row["captured_at"] else _("unknown"),
        _(WHERE[row["own_site"]]),
        row["publisher_id"],
    )


def _about(row: Row, _: Language) -> tuple[object, ...]:
    host = shortened(printable(row["document_host"] or _("unknown")), HOST_WIDTH)
    return host, _headline(row, _), _reason(row, _)


def _headline(row: Row, _: Language) -> str:
    if row["headline"]:
        return str(row["headline"])
    return _("article {id}", id=row["article_id"]) if row["article_id"] else _("no text of an article")


def _reason(row: Row, _: Language) -> str:
    """Return the first reason for the letter: of `C` and `D`, the first that leaves no better one."""
    codes = row["reasons"]
    if not codes:
        return _("unknown")
    against = (code for code in codes if code in REASONS and REASONS[code].caps)
    code = next(against, codes[0]) if row["letter"] in ("C", "D") else codes[0]
    return _(REASONS[code].label) if code in REASONS else str(code)


def total_lines(totals: MatchTotals, _: Language) -> Iterator[str]:
    """Yield how many rows there are, by letter and by site, and what they name."""
    letters = ", ".join(f"{_.number(count)} {letter}" for letter, count in sorted(totals.letters.items()))
    rows = _.n("{n} row", "{n} rows", totals.rows) + (f" ({letters})" if letters else "")
    yield _(
        "{rows}: {articles} at {addresses}, in {records} on {hosts}",
        rows=rows,
        articles=_.n("{n} article", "{n} articles", totals.articles),
        addresses=_.n("{n} known address", "{n} known addresses", totals.addresses),
        records=_.n("{n} record", "{n} records", totals.documents),
        hosts=_.n("{n} known host", "{n} known hosts", totals.hosts),
    )
    if not totals.rows:
        return
    sites = {True: totals.own_site, False: totals.elsewhere, None: totals.unknown_site}
    where = ", ".join(f"{_(WHERE[site])} {_.number(count)}" for site, count in sites.items())
    yield _("rows by site: {where}", where=where)
    if totals.without_host:
        yield _("the host is not known of {rows}", rows=_.n("{n} row", "{n} rows", totals.without_host))


def left_out_lines(left_out: Mapping[str, int], _: Language) -> Iterator[str]:
    """Yield which rows were left out since nobody knows whether they are wanted."""
    if left_out:
        parts = (
            _(UNKNOWNS[name], rows=_.n("{n} row", "{n} rows", count))
            for name, count in sorted(left_out.items())
        )
        yield _("left out, as nobody knows whether they are wanted: {rows}", rows=", ".join(parts))
