"""How the page says things: phrases, numbers, days and names, in French or English, as HTML that is safe.

Phrases are ours; facts that go into them may be anybody's. So facts are escaped, and phrases are not.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from markupsafe import Markup

from presswatch_spark.claims.marks import escaped
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.releases.products import PRODUCTS
from presswatch_spark.report.phrases import PHRASES
from presswatch_spark.show import utc, whole_number, whole_percent

CRAWL = re.compile("CC-(MAIN|NEWS)")
NARROW, NO_BREAK = "\u202f", "\u00a0"
_FRENCH = (
    (re.compile(r"'"), "’"),
    (re.compile(r" :"), f"{NO_BREAK}:"),
    (re.compile(r" ([;?!%])"), rf"{NARROW}\1"),
    (re.compile(r"« "), f"«{NO_BREAK}"),
    (re.compile(r" »"), f"{NO_BREAK}»"),
    (re.compile(r"\b(n°|art\.|L\.) (?=[\dL{])"), rf"\1{NO_BREAK}"),
    (re.compile(r"(?<=\d) (?=\d{3}\b|h\b|min\b)"), NARROW),
)


def typeset(text: str, language: str) -> str:
    """Return a text of ours with the apostrophes and spaces that French printers use."""
    if language == "fr":
        for pattern, better in _FRENCH:
            text = pattern.sub(better, text)
    return text


def safe(value: object) -> Markup:
    """Return any value as HTML that carries nothing out and steers no writing; HTML stays as it is."""
    return value if isinstance(value, Markup) else Markup(escaped(str(value)))


@dataclass(frozen=True, slots=True)
class ReportWords:
    """Says things in `fr` or `en`. `titles` and `publishers`: names by id, as far as they are known."""

    language: str
    titles: Mapping[str, str]
    publishers: Mapping[str, str]

    def __call__(self, name: str, **facts: object) -> Markup:
        """Return a phrase of `PHRASES` as HTML, with its facts."""
        return self.ours(PHRASES[name][0 if self.language == "fr" else 1], **facts)

    def known(self, name: str) -> Markup:
        """Return the phrase for a value of a table; a value without one stands for itself."""
        return self(name) if name in PHRASES else safe(name.replace("_", " "))

    def ours(self, text: str, **facts: object) -> Markup:
        """Return a text of ours as HTML, with its facts."""
        template = Markup(html.escape(typeset(text, self.language)))
        return template.format(**{name: safe(value) for name, value in facts.items()}) if facts else template

    @property
    def singular(self) -> tuple[int, ...]:
        """Return the numbers that nouns are singular after: in French, zero is one of them."""
        return (0, 1) if self.language == "fr" else (1,)

    @property
    def speaker(self) -> Speaker:
        """Return who says what `explain` says, too."""
        return Speaker(self.language)

    def number(self, value: int | float, digits: int = 0) -> Markup:
        """Return a number with its thousands apart."""
        if digits == 0:
            return Markup(whole_number(round(value), self.language))
        whole, _, rest = f"{value:.{digits}f}".partition(".")
        return Markup(
            f"{whole_number(int(whole), self.language)}{',' if self.language == 'fr' else '.'}{rest}"
        )

    def share(self, share: float) -> Markup:
        """Return a share in whole percent, rounded down: only the whole is 100, and only nothing is 0."""
        percent = whole_percent(share)
        if share and not percent:
            return self("least share")
        return self("percent", number=percent)

    def day(self, at: date | datetime | None) -> Markup:
        """Return a day in words."""
        if at is None:
            return self("unknown")
        return self.ours(self.speaker.day(utc(at).date() if isinstance(at, datetime) else at))

    def moment(self, at: datetime | None) -> Markup:
        """Return a moment in words."""
        return self.ours(self.speaker.moment(at)) if at else self("unknown")

    def title(self, title_id: object) -> Markup:
        """Return the name of a title; its id where no name is known."""
        return safe(self.titles.get(str(title_id), str(title_id)))

    def publisher(self, publisher_id: object) -> Markup:
        """Return the name of a publisher; its id where no name is known. None stands for all together."""
        if publisher_id is None:
            return self("all publishers")
        return safe(self.publishers.get(str(publisher_id), str(publisher_id)))

    def source(self, dataset: object, release: object, rows_name_release: object = False) -> Markup:
        """Return a dataset, by its format or its name, and its release.

        `rows_name_release`: it is of files whose rows name releases of their own.
        """
        return self.release_of(self._dataset(dataset, release), release, rows_name_release)

    def release_of(self, named: Markup, release: object, rows_name_release: object = False) -> Markup:
        """Return a dataset, by the name that is given, and its release."""
        known = safe(release) if release else self("releases of rows" if rows_name_release else "no release")
        return named + Markup(f"{NO_BREAK}· ") + known

    def _dataset(self, dataset: object, release: object) -> Markup:
        if dataset is None:
            return self("no format")
        if f"archive {dataset}" in PHRASES and not CRAWL.match(str(release)):
            # Any archive may be of these formats: only the release says that it is Common Crawl's.
            return self(f"archive {dataset}")
        if f"dataset {dataset}" in PHRASES:
            return self(f"dataset {dataset}")
        return safe(PRODUCTS.get(str(dataset), str(dataset)))
