"""Tables of the page: answers as cells, each with what it is sorted by, what is shown, and where it leads.

Addresses of others are shown whole and harmless, and are a link only where that is safe.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup

from presswatch_spark.evidence.verify_alone import shown
from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.report.questions import AnsweredQuestion
from presswatch_spark.report.wording import ReportWords, safe
from presswatch_spark.show import ascii_url, utc

LINKED = ("http", "https")
NUMBER, TEXT, URL = "number", "text", "url"
DIGEST_DIGITS = 12
Row = Mapping[str, Any]
FIRST_ROWS = 10
"""Rows of a table that stand in the page itself, for whoever runs no script."""


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


def _number(value: Any, say: ReportWords) -> Cell:
    return Cell(None, say("unknown")) if value is None else Cell(value, say.number(value))


def _text(value: Any, say: ReportWords) -> Cell:
    shown = say("unknown") if value is None else safe(value)
    return Cell(shown.unescape(), shown)


def _share(value: Any, say: ReportWords) -> Cell:
    return Cell(None, say("unknown")) if value is None else Cell(value, say.share(value))


def _day(value: Any, say: ReportWords) -> Cell:
    at = utc(value).isoformat() if isinstance(value, datetime) else None
    return Cell(at, say.day(value))


def _host(value: Any, say: ReportWords) -> Cell:
    return _text(both_ways(value) if isinstance(value, str) else None, say)


def _url(value: Any, say: ReportWords) -> Cell:
    cell = _text(value, say)
    return Cell(cell.value, cell.shown, link_of(value))


def _named(shown: Markup) -> Cell:
    return Cell(shown.unescape(), shown)


def _digest(value: Any, say: ReportWords) -> Cell:
    cell = _text(value, say)
    return Cell(cell.value, Markup("<code>{}</code>").format(cell.shown))


def _reason(value: Any, say: ReportWords) -> Cell:
    reason = REASONS.get(str(value))
    return _named(say.ours(say.speaker(reason.sentence)) if reason else safe(value))


_KINDS: Mapping[str, tuple[str, Shown]] = {
    "publisher_id": (TEXT, lambda value, say: _named(say.publisher(value))),
    "title_id": (TEXT, lambda value, say: _named(say.title(value))),
    "host": (TEXT, _host),
    "document_url": (URL, _url),
    "headline": (TEXT, _text),
    "letter": (TEXT, _text),
    "run_id": (TEXT, _text),
    "source": (TEXT, _text),
    "tool_version": (TEXT, _text),
    "reservation": (TEXT, lambda value, say: _named(say.known(f"reservation {value}"))),
    "year": (TEXT, lambda value, say: _text(None if value is None else str(value), say)),
    "recipient": (TEXT, _text),
    "removal_state": (TEXT, lambda value, say: _named(say.known(f"removal state {value}"))),
    "means": (TEXT, _text),
    "release_is": (TEXT, _text),
    "place": (TEXT, lambda value, say: _named(say.known(f"place {value}"))),
    "state": (TEXT, lambda value, say: _named(say.known(f"state {value}"))),
    "first_found_at": (TEXT, _day),
    "finished_at": (TEXT, _day),
    "reason": (TEXT, _reason),
    "article_coverage": (NUMBER, _share),
    "row_sha256": (TEXT, lambda value, say: _digest(str(value)[:DIGEST_DIGITS], say)),
    "table_digest": (TEXT, _digest),
    "corpus_digest": (TEXT, _digest),
    "config_digest": (TEXT, _digest),
}
"""Kind of the columns that hold no numbers, and how their values are shown."""


def columns_of(names: Sequence[str], say: ReportWords) -> list[Column]:
    """Return the columns of a table by their names in the query."""
    return [Column(name, say.known(f"col {name}"), _KINDS.get(name, (NUMBER, _number))[0]) for name in names]


def cells_of(row: Row, names: Sequence[str], say: ReportWords) -> list[Cell]:
    """Return the cells of a row, in the order of `names`."""
    return [_KINDS.get(name, (NUMBER, _number))[1](row[name], say) for name in names]


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table that is shown: its columns, its rows as cells, and the query that gave them."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    query: str
    about: Markup = field(default_factory=Markup)
    left_out: Markup | None = None

    @property
    def first(self) -> Sequence[Sequence[Cell]]:
        """Return the rows that stand in the page itself."""
        return self.rows[:FIRST_ROWS]


def table_of(answer: AnsweredQuestion, names: Sequence[str], say: ReportWords, **more: Any) -> ShownTable:
    """Return the answer of a query as a table of these columns; `more` are fields of `ShownTable`."""
    rows = [cells_of(row, names, say) for row in answer.rows]
    return ShownTable(more.pop("name", answer.name), columns_of(names, say), rows, answer.query, **more)
