"""Texts, numbers, names, tables and commands of the page, in French or English; templates escape them.

A cell of a table has its sort key, its text, and a link if that is safe. Headings of columns are marked for
translation by `N_`; those of one ambiguous word by `p`, with the context "column".
"""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from markupsafe import Markup

from presswatch_spark.claims.marked_text import escaped, in_plain_letters, visible
from presswatch_spark.core.terminal import ascii_url, utc
from presswatch_spark.core.translation import N_, Translator, p, tied
from presswatch_spark.legal.report.make import ReportOrder
from presswatch_spark.reading import known_formats
from presswatch_spark.scanning.releases.datasets import PRODUCTS
from presswatch_spark.tables.confidence_reasons import REASONS

CORPUS = "CORPUS"
"""Placeholder for the folder of the corpus if none was given; the page says so."""
CRAWL = re.compile("CC-(MAIN|NEWS)")
NO_BREAK = "\u00a0"
UNKNOWN = N_("not known")
_SPECIAL = frozenset('"$`\\!')
"""Characters that a shell interprets within double quotes."""


def safe(value: object) -> Markup:
    """Return any value as HTML without markup and control characters; `Markup` is returned unchanged."""
    return value if isinstance(value, Markup) else Markup(escaped(str(value)))


class ReportWords(Translator):
    """Translator for the page. `titles` and `publishers`: known names by id."""

    def __init__(self, language: str, titles: Mapping[str, str], publishers: Mapping[str, str]) -> None:
        super().__init__(language)
        self.titles, self.publishers = titles, publishers

    def filled(self, text: str, facts: Mapping[str, object]) -> str:
        """Return a translated text with its facts; as HTML if one of them is HTML."""
        if not any(isinstance(fact, Markup) for fact in facts.values()):
            return super().filled(text, facts)
        unfilled = super().filled(text, {name: f"{{{name}}}" for name in facts})
        return safe(unfilled).format(**{name: safe(fact) for name, fact in facts.items()})

    def set(self, text: str) -> str:
        """Return a text of presswatch with fixed blanks, in French with typographic apostrophes."""
        return tied(text.replace("'", "’") if self.language == "fr" else text)

    def known(self, texts: Mapping[str, str], value: object) -> str:
        """Return the text for a value of a table; if there is none, the value itself."""
        return self(texts[str(value)]) if str(value) in texts else visible(str(value))

    def day_of(self, at: date | datetime | None) -> str:
        """Return a day, or the day in UTC of a time, in words."""
        if at is None:
            return self(UNKNOWN)
        return self.day(utc(at).date() if isinstance(at, datetime) else at)

    def title(self, title_id: object) -> str:
        """Return the name of a title; its id if no name is known."""
        return visible(self.titles.get(str(title_id), str(title_id)))

    def publisher(self, publisher_id: object) -> str:
        """Return the name of a publisher; its id if no name is known. None means all publishers together."""
        if publisher_id is None:
            return self(N_("All together"))
        return visible(self.publishers.get(str(publisher_id), str(publisher_id)))

    def source(self, dataset: object, release: object, rows_name_release: object = False) -> str:
        """Return a dataset with its release. `rows_name_release`: its rows name releases of their own."""
        if dataset is None:
            named = self(N_("format not known"))
        elif format := known_formats.find(str(dataset)):
            # Other archives may have the same formats; only the release shows that it is Common Crawl's.
            is_other = format.archive and not CRAWL.match(str(release))
            named = self(format.archive if is_other else format.description)
        else:
            named = PRODUCTS.get(str(dataset), str(dataset))
        return self.release_of(named, release, rows_name_release)

    def release_of(self, named: str, release: object, rows_name_release: object = False) -> str:
        """Return a dataset by its given name, with its release."""
        unnamed = N_("release of each row") if rows_name_release else N_("release not known")
        return visible(f"{named}{NO_BREAK}· {release or self(unnamed)}")


@dataclass(frozen=True, slots=True)
class Commands:
    """Writes commands about the sources of a report, by their full paths, in the page's language."""

    language: str
    order: ReportOrder

    def asks(self, query: str) -> str:
        """Return the command that runs a query, quoted for a shell as a person would."""
        words = ["sql", "--lang", self.language, self.order.tables]
        return _typed(*words, query) if _SPECIAL & set(query) else f'{_typed(*words)} "{query}"'

    def explains(self, row_sha256: str) -> str:
        """Return the command that prints the whole case of a row."""
        corpus = ["--corpus", self.order.corpus] if self.order.corpus else []
        row = row_sha256[:12], self.order.tables
        return _typed("explain", "--lang", self.language, *corpus, *self._mirrors(), *row)

    def judges(self) -> str:
        """Return the command that judges all rows together."""
        corpus, tables = self.order.corpus or CORPUS, self.order.tables
        return _typed("claims", "--lang", self.language, "--corpus", corpus, "--out", tables, tables)

    def verifies(self) -> str:
        """Return the command that reads rows again and compares their words."""
        corpus = ["--corpus", self.order.corpus or CORPUS]
        return _typed("verify-rows", "--sample", "100", *corpus, *self._mirrors(), self.order.tables)

    def counts_removal(self, case: str) -> str:
        """Return the command that prints the status of a case of removal."""
        return _typed("removal", "status", "--lang", self.language, case)

    def _mirrors(self) -> list[str]:
        return [word for each in self.order.mirrors for word in ("--mirror", f"{each.place}={each.copy}")]


def code(text: str) -> Markup:
    """Return a command or a digest as HTML."""
    return Markup("<code>{}</code>").format(safe(text))


def _typed(*words: str) -> str:
    return shlex.join(["presswatch", *words])


# --- tables


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
    """A cell: `value` is its sort key, `shown` its text, `link` an address that is safe to follow."""

    value: str | int | float | None
    shown: str
    link: str | None = None

    def __html__(self) -> str:
        """Return the cell as HTML."""
        text = Markup("<bdi>{}</bdi>").format(safe(self.shown))
        link = Markup('<a href="{}" rel="noreferrer noopener">{}</a>')
        return link.format(self.link, text) if self.link else text


ShowCell = Callable[[Any, ReportWords], Cell]


def url_cell(value: Any, _: ReportWords) -> Cell:
    """Return an address as a cell."""
    cell = _text(value, _)
    return Cell(cell.value, cell.shown, link_of(value))


def _number(value: Any, _: ReportWords) -> Cell:
    return Cell(value, _(UNKNOWN) if value is None else _.number(value))


def _text(value: Any, _: ReportWords) -> Cell:
    return _named(_(UNKNOWN) if value is None else str(value))


def _named(text: str) -> Cell:
    shown = visible(text)
    return Cell(shown, shown)


def _day(value: Any, _: ReportWords) -> Cell:
    return Cell(utc(value).isoformat() if isinstance(value, datetime) else None, _.day_of(value))


def _digest(value: Any, _: ReportWords) -> Cell:
    text = _text(value, _).shown
    return Cell(text, code(text))


def _reason(value: Any, _: ReportWords) -> Cell:
    reason = REASONS.get(str(value))
    return _named(_(reason.sentence) if reason else str(value))


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
        lambda value, _: Cell(value, _(UNKNOWN) if value is None else _.share(value)),
    ),
    "row_sha256": Column(p("column", "Row"), lambda value, _: _digest(str(value)[:12], _), TEXT),
    "recipient": Column(p("column", "Recipient"), _text, TEXT),
    "places": Column(p("column", "Places")),
    "removed": Column(p("column", "Removed")),
    "readable": Column(N_("Readable, whole or in part")),
    "undecided": Column(N_("Not decided")),
    "removal_state": Column(p("column", "State"), lambda value, _: _named(_.word("column", value)), TEXT),
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
    left_out: str | None = None

    @property
    def first(self) -> Sequence[Sequence[Cell]]:
        """Return the rows that the HTML itself contains."""
        return self.rows[:FIRST_ROWS]


def table_of(rows: Iterable[Row], names: Sequence[str], _: ReportWords, **more: Any) -> ShownTable:
    """Return rows as a table of these columns; `more` are other fields of `ShownTable`."""
    columns = [COLUMNS[name]._replace(label=_(COLUMNS[name].label)) for name in names]
    cells = [[column.show(row[name], _) for name, column in zip(names, columns, strict=True)] for row in rows]
    return ShownTable(columns, cells, **more)
