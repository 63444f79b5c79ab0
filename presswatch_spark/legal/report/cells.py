"""Tables of the report: answers as cells, each with its sort key, its text, and a link if that is safe.

Headings are marked for translation by `N_`; those of one ambiguous word by `p`, with the context "column".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from markupsafe import Markup

from presswatch_spark.claims.marks import in_plain_letters
from presswatch_spark.core.terminal import ascii_url, utc
from presswatch_spark.core.translation import N_, p
from presswatch_spark.legal.report.wording import UNKNOWN, ReportWords, safe
from presswatch_spark.tables.reasons import REASONS

LINKED = ("http", "https")
NUMBER, TEXT, URL = "number", "text", "url"
Row = Mapping[str, Any]
FIRST_ROWS_SHOWN = N_(
    "The first {shown} rows; if there are more, the query below returns them without its limit."
)
FIRST_ROWS = 10
"""Rows of a table that the HTML itself contains, for readers without JavaScript."""

RESERVATIONS = {
    "both": N_("reserved before and after"),
    "before": N_("reserved before"),
    "after": N_("reserved after"),
    "none": N_("no reservation known"),
    "conflicting": N_("declarations conflict"),
    "unknown": N_("declarations not known"),
}
PLACES = {
    "elsewhere": N_("on other sites"),
    "own": N_("on the publisher's own sites"),
    "licensed": N_("under a declared licence"),
    "unknown": N_("address not known: not counted above"),
    "not_used": N_("not to be used (letter D)"),
}


def link_of(url: str | None) -> str | None:
    """Return the address for a link, in ASCII; None if it is no address of the web."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_safe = parts.scheme.lower() in LINKED and bool(parts.hostname)
    except ValueError:
        return None
    return ascii_url(url) if is_safe else None


def both_ways(host: str) -> str:
    """Return a host; after a Punycode host, also its Unicode form, which may imitate another host."""
    plain = in_plain_letters(host)
    return host if plain == host else f"{host} ({plain})"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: `value` is its sort key, `shown` is HTML, `link` an address that is safe to follow."""

    value: str | int | float | None
    shown: Markup
    link: str | None = None

    def __html__(self) -> str:
        """Return the cell as HTML."""
        if self.link is None:
            return Markup("<bdi>{}</bdi>").format(self.shown)
        return Markup('<a href="{}" rel="noreferrer noopener"><bdi>{}</bdi></a>').format(
            self.link, self.shown
        )


ShowCell = Callable[[Any, ReportWords], Cell]


def url_cell(value: Any, _: ReportWords) -> Cell:
    """Return an address as a cell."""
    cell = _text(value, _)
    return Cell(cell.value, cell.shown, link_of(value))


def _number(value: Any, _: ReportWords) -> Cell:
    return Cell(None, _(UNKNOWN)) if value is None else Cell(value, _.number(value))


def _text(value: Any, _: ReportWords) -> Cell:
    return _named(_(UNKNOWN) if value is None else safe(value))


def _named(shown: Markup) -> Cell:
    return Cell(shown.unescape(), shown)


def _day(value: Any, _: ReportWords) -> Cell:
    return Cell(utc(value).isoformat() if isinstance(value, datetime) else None, _.day_of(value))


def _digest(value: Any, _: ReportWords) -> Cell:
    cell = _text(value, _)
    return Cell(cell.value, Markup("<code>{}</code>").format(cell.shown))


def _reason(value: Any, _: ReportWords) -> Cell:
    reason = REASONS.get(str(value))
    return _named(_(reason.sentence) if reason else safe(value))


def _one_of(texts: Mapping[str, str]) -> ShowCell:
    return lambda value, _: _named(_.known(texts, value))


class Column(NamedTuple):
    """A column of a table: its heading, the function that shows a value, its kind (`NUMBER`, `TEXT`, `URL`).

    Numbers are right-aligned.
    """

    label: str
    show: ShowCell = _number
    kind: str = NUMBER


COLUMNS: Mapping[str, Column] = {
    "place": Column(p("column", "Where"), _one_of(PLACES), TEXT),
    "year": Column(p("column", "Year"), lambda value, _: _text(value and str(value), _), TEXT),
    "reservation": Column(p("column", "Declaration"), _one_of(RESERVATIONS), TEXT),
    "dataset_count": Column(N_("Datasets that contain it")),
    "copies": Column(p("column", "Copies")),
    "own_words": Column(N_("Words, own sites")),
    "words": Column(N_("Words read")),
    "own_in_a_million": Column(N_("Per million, own sites")),
    "copied_in_a_million": Column(N_("Per million, copied")),
    "publisher_id": Column(p("column", "Publisher"), lambda value, _: _named(_.publisher(value)), TEXT),
    "title_id": Column(p("column", "Title"), lambda value, _: _named(_.title(value)), TEXT),
    "articles": Column(p("column", "Articles")),
    "articles_copied": Column(p("column", "Copied")),
    "addresses": Column(p("column", "Addresses")),
    "pages": Column(p("column", "Pages")),
    "pages_a": Column(p("column", "A")),
    "pages_b": Column(p("column", "B")),
    "pages_c": Column(p("column", "C")),
    "hosts": Column(p("column", "Sites")),
    "host": Column(p("column", "Site"), lambda value, _: _text(value and both_ways(value), _), TEXT),
    "most_copied_words": Column(N_("Words at most")),
    "letter": Column(p("column", "Letter"), _text, TEXT),
    "document_url": Column(p("column", "Page"), url_cell, URL),
    "headline": Column(p("column", "Article"), _text, TEXT),
    "first_found_at": Column(N_("Found on"), _day, TEXT),
    "reason": Column(p("column", "Reason"), _reason, TEXT),
    "rows": Column(p("column", "Rows")),
    "copied_words": Column(N_("Words copied")),
    "article_coverage": Column(
        N_("Of the article"),
        lambda value, _: Cell(None, _(UNKNOWN)) if value is None else Cell(value, _.share(value)),
    ),
    "row_sha256": Column(p("column", "Row"), lambda value, _: _digest(str(value)[:12], _), TEXT),
    "recipient": Column(p("column", "Recipient"), _text, TEXT),
    "places": Column(p("column", "Places")),
    "removed": Column(p("column", "Removed")),
    "readable": Column(N_("Readable, whole or in part")),
    "undecided": Column(N_("Not decided")),
    "removal_state": Column(
        p("column", "State"), lambda value, _: _named(safe(_.word("column", value))), TEXT
    ),
    "means": Column(N_("What it means"), _text, TEXT),
    "release_is": Column(N_("Release named"), _text, TEXT),
    "run_id": Column(p("column", "Scan"), _text, TEXT),
    "source": Column(p("column", "Dataset"), _text, TEXT),
    "shards": Column(p("column", "Files")),
    "complete": Column(N_("Read to their end")),
    "partial": Column(N_("In part")),
    "failed": Column(N_("Not read")),
    "documents": Column(N_("Pages read")),
    "finished_at": Column(N_("Published on"), _day, TEXT),
    "tool_version": Column(p("column", "Version"), _text, TEXT),
    "table_digest": Column(N_("Digest of the findings"), _digest, TEXT),
    "corpus_digest": Column(N_("Digest of the corpus"), _digest, TEXT),
    "config_digest": Column(N_("Digest of the settings"), _digest, TEXT),
}
"""The columns by their names in queries."""


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table that is shown: its columns, and its rows as cells; if it can be sorted, its name and query."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    name: str = ""
    query: str = ""
    left_out: Markup | None = None

    @property
    def first(self) -> Sequence[Sequence[Cell]]:
        """Return the rows that the HTML itself contains."""
        return self.rows[:FIRST_ROWS]


def table_of(rows: Iterable[Row], names: Sequence[str], _: ReportWords, **more: Any) -> ShownTable:
    """Return rows as a table of these columns; `more` are other fields of `ShownTable`."""
    columns = [COLUMNS[name]._replace(label=_(COLUMNS[name].label)) for name in names]
    cells = [[column.show(row[name], _) for name, column in zip(names, columns, strict=True)] for row in rows]
    return ShownTable(columns, cells, **more)
