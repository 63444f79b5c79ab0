"""Texts, numbers, days, names and commands of the page, in French or English, as safe HTML."""

import html
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from markupsafe import Markup

from presswatch_spark.claims.marks import escaped
from presswatch_spark.core.terminal import utc
from presswatch_spark.core.translation import N_, Translator, tied
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.reading import registry
from presswatch_spark.scanning.releases.datasets import PRODUCTS

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

    def __call__(self, message: str, /, **facts: object) -> Markup:
        """Return a text as HTML, with its facts."""
        return Markup(super().__call__(message, **facts))

    def n(self, singular: str, plural: str, number: int, /, **facts: object) -> Markup:
        """Return a text for a number of things as HTML."""
        return Markup(super().n(singular, plural, number, **facts))

    def p(self, context: str, message: str, /, **facts: object) -> Markup:
        """Return as HTML a text that has another meaning in another context."""
        return Markup(super().p(context, message, **facts))

    def filled(self, text: str, facts: Mapping[str, object]) -> str:
        """Return a translated text as HTML, with facts that may be texts of third parties."""
        return super().filled(text, {name: safe(value) for name, value in facts.items()})

    def set(self, text: str) -> Markup:
        """Return a text of presswatch as HTML, with fixed blanks, in French with typographic apostrophes."""
        return Markup(html.escape(tied(text.replace("'", "’") if self.language == "fr" else text)))

    def plain(self, message: str) -> str:
        """Return a text for a place that is not HTML."""
        return self(message).unescape()

    def known(self, texts: Mapping[str, str], value: object) -> Markup:
        """Return the text for a value of a table; if there is none, the value itself."""
        return self(texts[str(value)]) if str(value) in texts else safe(value)

    def number(self, number: float, digits: int = 0) -> Markup:
        """Return a number with its thousands separated."""
        return Markup(super().number(number, digits))

    def share(self, share: float) -> Markup:
        """Return a share in whole percent, rounded down; but only the whole is 100, and only nothing is 0."""
        return Markup(super().share(share))

    def day_of(self, at: date | datetime | None) -> Markup:
        """Return a day, or the day in UTC of a time, in words."""
        if at is None:
            return self(UNKNOWN)
        return Markup(self.day(utc(at).date() if isinstance(at, datetime) else at))

    def title(self, title_id: object) -> Markup:
        """Return the name of a title; its id if no name is known."""
        return safe(self.titles.get(str(title_id), str(title_id)))

    def publisher(self, publisher_id: object) -> Markup:
        """Return the name of a publisher; its id if no name is known. None means all publishers together."""
        if publisher_id is None:
            return self(N_("All together"))
        return safe(self.publishers.get(str(publisher_id), str(publisher_id)))

    def source(self, dataset: object, release: object, rows_name_release: object = False) -> Markup:
        """Return a dataset with its release. `rows_name_release`: its rows name releases of their own."""
        if dataset is None:
            named = self(N_("format not known"))
        elif format := registry.find(str(dataset)):
            # Other archives may have the same formats; only the release shows that it is Common Crawl's.
            is_other = format.archive and not CRAWL.match(str(release))
            named = self(format.archive if is_other else format.description)
        else:
            named = safe(PRODUCTS.get(str(dataset), str(dataset)))
        return self.release_of(named, release, rows_name_release)

    def release_of(self, named: Markup, release: object, rows_name_release: object = False) -> Markup:
        """Return a dataset by its given name, with its release."""
        unnamed = N_("release of each row") if rows_name_release else N_("release not known")
        return named + Markup(f"{NO_BREAK}· ") + (safe(release) if release else self(unnamed))


@dataclass(frozen=True, slots=True)
class Commands:
    """Writes commands about `tables` (a full path) in the page's language, ready to run."""

    language: str
    tables: str
    corpus: str | None = None
    mirrors: Sequence[Mirror] = ()

    def asks(self, query: str) -> str:
        """Return the command that runs a query, quoted for a shell as a person would."""
        words = ["sql", "--lang", self.language, self.tables]
        return _typed(*words, query) if _SPECIAL & set(query) else f'{_typed(*words)} "{query}"'

    def explains(self, row_sha256: str) -> str:
        """Return the command that prints the whole case of a row."""
        corpus = ["--corpus", self.corpus] if self.corpus else []
        return _typed(
            "explain", "--lang", self.language, *corpus, *self._mirrors(), row_sha256[:12], self.tables
        )

    def judges(self) -> str:
        """Return the command that judges all rows together."""
        corpus = ["--corpus", self.corpus or CORPUS]
        return _typed("claims", "--lang", self.language, *corpus, "--out", self.tables, self.tables)

    def verifies(self) -> str:
        """Return the command that reads rows again and compares their words."""
        corpus = ["--corpus", self.corpus or CORPUS]
        return _typed("verify-rows", "--sample", "100", *corpus, *self._mirrors(), self.tables)

    def counts_removal(self, case: str) -> str:
        """Return the command that prints the status of a case of removal."""
        return _typed("removal", "status", "--lang", self.language, case)

    def _mirrors(self) -> list[str]:
        return [word for each in self.mirrors for word in ("--mirror", f"{each.place}={each.copy}")]


def code(text: str) -> Markup:
    """Return a command or a digest as HTML."""
    return Markup("<code>{}</code>").format(safe(text))


def _typed(*words: str) -> str:
    return shlex.join(["presswatch", *words])
