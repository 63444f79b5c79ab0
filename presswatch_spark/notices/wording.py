"""Numbers, days and nouns of letters, in French and English; and what checks say.

What checks say is in English, with its facts apart: who shows it may say it in another language.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.show import counted, whole_number

NO_BREAK = "\u00a0"
NOUNS: Mapping[str, tuple[str, str]] = {
    "row": ("ligne", "lignes"),
    "article": ("article", "articles"),
    "title": ("titre", "titres"),
    "file": ("fichier", "fichiers"),
    "URL": ("adresse", "adresses"),
    "host": ("site", "sites"),
    "site": ("site", "sites"),
    "publisher": ("éditeur", "éditeurs"),
}


def amount(value: int, what: str, lang: str) -> str:
    """Return `1 row`, `2 rows`; in French, nothing is singular too."""
    if lang == "en":
        return counted(value, what)
    one, many = NOUNS[what]
    return f"{whole_number(value, lang)}{NO_BREAK}{one if value < 2 else many}"


def day(value: date, lang: str) -> str:
    """Return a day in words: `27 November 2026`, in French `27 novembre 2026`."""
    said = Speaker(lang).day(value)
    return said.replace(" ", NO_BREAK, 1) if lang == "fr" else said


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with the names of facts in braces, and these facts: texts, whole numbers, days."""

    text: str
    facts: Mapping[str, object]

    def __str__(self) -> str:
        return self.text.format(**self.facts)


def sentence(text: str, /, **facts: object) -> Sentence:
    """Return a sentence with its facts."""
    return Sentence(text, facts)
