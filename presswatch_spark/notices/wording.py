"""Numbers, days and nouns of letters, in French and English; and texts of others, made harmless for them."""

from collections.abc import Mapping
from datetime import date

from presswatch_spark.show import counted, printable, whole_number

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
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
ENGLISH_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def amount(value: int, what: str, lang: str) -> str:
    """Return `1 row`, `2 rows`; in French, nothing is singular too."""
    if lang == "en":
        return counted(value, what)
    one, many = NOUNS[what]
    return f"{whole_number(value, lang)}{NO_BREAK}{one if value < 2 else many}"


def day(value: date, lang: str) -> str:
    """Return a day in words: `27 November 2026`, in French `27 novembre 2026`."""
    if lang == "en":
        return f"{value.day} {ENGLISH_MONTHS[value.month - 1]} {value.year}"
    first = "1er" if value.day == 1 else str(value.day)
    return f"{first}{NO_BREAK}{MONTHS[value.month - 1]} {value.year}"


def harmless(text: str) -> str:
    """Return a text on one line, without controls and marks of writing direction."""
    return printable(text)
