"""Tables of the page: answers as cells, each with what it is sorted by, what is shown, and where it leads.

Addresses of others are shown whole and harmless, and are a link only where that is safe.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup

from presswatch_spark.evidence.verify import shown
from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.report.questions import AnsweredQuestion
from presswatch_spark.report.wording import UNKNOWN, ReportWords, safe
from presswatch_spark.terminal import ascii_url, utc
from presswatch_spark.translation import N_, p

LINKED = ("http", "https")
NUMBER, TEXT, URL = "number", "text", "url"
DIGEST_DIGITS = 12
Row = Mapping[str, Any]
FIRST_ROWS = 10
"""Rows of a table that stand in the page itself, for whoever runs no script."""

COLUMNS = {
    "place": p("column", "Where"),
    "year": p("column", "Year"),
    "reservation": p("column", "Declaration"),
    "dataset_count": N_("Datasets that hold it"),
    "copies": p("column", "Copies"),
    "own_words": N_("Words, own sites"),
    "words": N_("Words read"),
    "own_in_a_million": N_("In a million, own sites"),
    "copied_in_a_million": N_("In a million, copied"),
    "publisher_id": p("column", "Publisher"),
    "title_id": p("column", "Title"),
    "articles": p("column", "Articles"),
    "articles_copied": p("column", "Copied"),
    "addresses": p("column", "Addresses"),
    "pages": p("column", "Pages"),
    "pages_a": p("column", "A"),
    "pages_b": p("column", "B"),
    "pages_c": p("column", "C"),
    "hosts": p("column", "Sites"),
    "host": p("column", "Site"),
    "most_copied_words": N_("Words at most"),
    "letter": p("column", "Letter"),
    "document_url": p("column", "Page"),
    "headline": p("column", "Article"),
    "first_found_at": N_("Found on"),
    "reason": p("column", "Reason"),
    "rows": p("column", "Rows"),
    "copied_words": N_("Words copied"),
    "article_coverage": N_("Of the article"),
    "row_sha256": p("column", "Row"),
    "recipient": p("column", "Recipient"),
    "places": p("column", "Places"),
    "removed": p("column", "Removed"),
    "readable": N_("Readable, whole or in part"),
    "undecided": N_("Not decided"),
    "removal_state": p("column", "State"),
    "means": N_("What it means"),
    "release_is": N_("Release named"),
    "run_id": p("column", "Scan"),
    "source": p("column", "Dataset"),
    "shards": p("column", "Files"),
    "complete": N_("Read to their end"),
    "partial": N_("In part"),
    "failed": N_("Not read"),
    "documents": N_("Pages read"),
    "finished_at": N_("Published on"),
    "tool_version": p("column", "Version"),
    "table_digest": N_("Digest of the findings"),
    "corpus_digest": N_("Digest of the corpus"),
    "config_digest": N_("Digest of the settings"),
}
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
REMOVAL_STATES = {
    "present": p("state of removal", "present"),
    "altered": p("state of removal", "altered"),
    "hidden": p("state of removal", "hidden"),
    "overwritten": p("state of removal", "overwritten"),
    "dropped": p("state of removal", "dropped"),
    "withdrawn": p("state of removal", "withdrawn"),
    "superseded": p("state of removal", "superseded"),
    "restricted": p("state of removal", "restricted"),
    "reappeared": p("state of removal", "back again"),
    "recaptured": p("state of removal", "captured again"),
    "undecided": p("state of removal", "not decided"),
}


def link_of(url: str | None) -> str | None:
    """Return the address that a link may lead to, in ASCII; None if it is none of the web."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_safe = parts.scheme.lower() in LINKED and bool(parts.hostname)
    except ValueError:
        return None
    return ascii_url(url) if is_safe else None


def both_ways(host: str) -> str:
    """Return a host; one in Punycode with what it stands for, which may look like another host."""
    labels = [_decoded(label) for label in host.split(".")]
    decoded = ".".join(labels)
    return host if decoded == host else f"{host} ({shown(decoded)})"


def _decoded(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return label


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name in the query, what heads it, and its kind."""

    name: str
    label: Markup
    kind: str

    @property
    def is_number(self) -> bool:
        """Say whether its cells stand to the right."""
        return self.kind == NUMBER


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: `value` sorts it, `shown` is HTML, `link` an address that is safe to follow."""

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


Shown = Callable[[Any, ReportWords], Cell]


def _number(value: Any, _: ReportWords) -> Cell:
    return Cell(None, _(UNKNOWN)) if value is None else Cell(value, _.number(value))


def _text(value: Any, _: ReportWords) -> Cell:
    shown = _(UNKNOWN) if value is None else safe(value)
    return Cell(shown.unescape(), shown)


def _share(value: Any, _: ReportWords) -> Cell:
    return Cell(None, _(UNKNOWN)) if value is None else Cell(value, _.share(value))


def _day(value: Any, _: ReportWords) -> Cell:
    at = utc(value).isoformat() if isinstance(value, datetime) else None
    return Cell(at, _.day_of(value))


def _host(value: Any, _: ReportWords) -> Cell:
    return _text(both_ways(value) if isinstance(value, str) else None, _)


def url_cell(value: Any, _: ReportWords) -> Cell:
    """Return an address as a cell."""
    cell = _text(value, _)
    return Cell(cell.value, cell.shown, link_of(value))


def _named(shown: Markup) -> Cell:
    return Cell(shown.unescape(), shown)


def _digest(value: Any, _: ReportWords) -> Cell:
    cell = _text(value, _)
    return Cell(cell.value, Markup("<code>{}</code>").format(cell.shown))


def _reason(value: Any, _: ReportWords) -> Cell:
    reason = REASONS.get(str(value))
    return _named(_(reason.sentence) if reason else safe(value))


_KINDS: Mapping[str, tuple[str, Shown]] = {
    "publisher_id": (TEXT, lambda value, _: _named(_.publisher(value))),
    "title_id": (TEXT, lambda value, _: _named(_.title(value))),
    "host": (TEXT, _host),
    "document_url": (URL, url_cell),
    "headline": (TEXT, _text),
    "letter": (TEXT, _text),
    "run_id": (TEXT, _text),
    "source": (TEXT, _text),
    "tool_version": (TEXT, _text),
    "reservation": (TEXT, lambda value, _: _named(_.known(RESERVATIONS, value))),
    "year": (TEXT, lambda value, _: _text(None if value is None else str(value), _)),
    "recipient": (TEXT, _text),
    "removal_state": (TEXT, lambda value, _: _named(_.known(REMOVAL_STATES, value))),
    "means": (TEXT, _text),
    "release_is": (TEXT, _text),
    "place": (TEXT, lambda value, _: _named(_.known(PLACES, value))),
    "first_found_at": (TEXT, _day),
    "finished_at": (TEXT, _day),
    "reason": (TEXT, _reason),
    "article_coverage": (NUMBER, _share),
    "row_sha256": (TEXT, lambda value, _: _digest(str(value)[:DIGEST_DIGITS], _)),
    "table_digest": (TEXT, _digest),
    "corpus_digest": (TEXT, _digest),
    "config_digest": (TEXT, _digest),
}
"""Kind of the columns that hold no numbers, and how their values are shown."""


def columns_of(names: Sequence[str], _: ReportWords) -> list[Column]:
    """Return the columns of a table by their names in the query."""
    return [Column(name, _.known(COLUMNS, name), _KINDS.get(name, (NUMBER, _number))[0]) for name in names]


def cells_of(row: Row, names: Sequence[str], _: ReportWords) -> list[Cell]:
    """Return the cells of a row, in the order of `names`."""
    return [_KINDS.get(name, (NUMBER, _number))[1](row[name], _) for name in names]


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table that is shown: its columns, its rows as cells, and the query that gave them."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    query: str
    title: Markup = field(default_factory=Markup)
    about: Markup = field(default_factory=Markup)
    left_out: Markup | None = None

    @property
    def first(self) -> Sequence[Sequence[Cell]]:
        """Return the rows that stand in the page itself."""
        return self.rows[:FIRST_ROWS]


def table_of(answer: AnsweredQuestion, names: Sequence[str], _: ReportWords, **more: Any) -> ShownTable:
    """Return the answer of a query as a table of these columns; `more` are fields of `ShownTable`."""
    rows = [cells_of(row, names, _) for row in answer.rows]
    return ShownTable(more.pop("name", answer.name), columns_of(names, _), rows, answer.query, **more)
