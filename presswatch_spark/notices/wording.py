"""Numbers, days, nouns and phrases of letters, in French and English; and sentences of checks.

A check writes English with its facts apart: the command line shows it in another language.
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
PHRASES: Mapping[str, tuple[str, str]] = {
    "annex": ("Annexe", "Annex"),
    "digest of the rows": (
        "Empreinte des lignes de l’annexe : {digest}",
        "Digest of the annex’s rows: {digest}",
    ),
    "root of the bag": (
        "Racine de Merkle des preuves scellées : {root}",
        "Merkle root of the sealed evidence: {root}",
    ),
    "dated": ("Le {day}", "{day}"),
    "signature": ("Signature : {line}", "Signature: {line}"),
    "counted": ("{value} : {rows}", "{value}: {rows}"),
    "more in the annex": ("et {count} de plus, dans l’annexe", "and {count} more, in the annex"),
    "more rows": ("Et {count} de plus, dans annex/rows.csv.", "And {count} more, in annex/rows.csv."),
    "without URL": (
        "L’adresse de la page n’est pas connue pour {rows}.",
        "The address of the page is not known for {rows}.",
    ),
    "read at place": (
        "Le texte de {rows} a été relu à sa place pour la dernière fois {when}.",
        "The text of {rows} was last read at its place {when}.",
    ),
    "read at copy": (
        "Le texte de {rows} a été relu dans une copie du fichier, et non à l’adresse que donne l’annexe,"
        " pour la dernière fois {when}.",
        "The text of {rows} was last read in a copy of the file, and not at the address that the annex gives,"
        " {when}.",
    ),
    "read at disk": (
        "Le texte de {rows} a été relu dans une copie du fichier sur un disque, et non à l’adresse que donne"
        " l’annexe, pour la dernière fois {when}.",
        "The text of {rows} was last read in a copy of the file on a disk, and not at the address that the"
        " annex gives, {when}.",
    ),
    "on a day": ("le {last}", "on {last}"),
    "between days": ("entre le {first} et le {last}", "between {first} and {last}"),
    "reserved both": (
        "{rows} : déclarée avant et après la capture (both)",
        "{rows}: declared both before and after the capture (both)",
    ),
    "reserved before": (
        "{rows} : déclarée avant la capture (before)",
        "{rows}: declared before the capture (before)",
    ),
    "basis authors": (
        "agissant avec les auteurs, titulaires du droit d’auteur ({law})",
        "acting with the authors, who hold the author’s rights ({law})",
    ),
    "basis contract": (
        "titulaire des droits d’auteur par contrat ({law})",
        "holder of the author’s rights by contract ({law})",
    ),
    "basis presumption": (
        "titulaire présumé des droits d’auteur sur l’œuvre collective ({law})",
        "presumed holder of the author’s rights in the collective work ({law})",
    ),
    "mandate": ("mandat", "mandate"),
    "mandate by deed": (
        "mandat par acte (empreinte SHA-256 {sha256})",
        "mandate by deed (SHA-256 {sha256})",
    ),
    "mandate by deed of a day": (
        "mandat par acte du {day} (empreinte SHA-256 {sha256})",
        "mandate by deed of {day} (SHA-256 {sha256})",
    ),
    "in force from to": ("en vigueur du {begins} au {ends}", "in force from {begins} to {ends}"),
    "in force from": ("en vigueur depuis le {begins}", "in force from {begins}"),
    "in force until": ("en vigueur jusqu’au {ends}", "in force until {ends}"),
}
"""Phrases of letters by name, in French and English."""


def phrase(name: str, lang: str, **facts: object) -> str:
    """Return a phrase of a letter with its facts; whole numbers as the language writes them."""
    written = {
        key: whole_number(fact, lang) if isinstance(fact, int) else fact for key, fact in facts.items()
    }
    return PHRASES[name][0 if lang == "fr" else 1].format(**written)


def amount(value: int, what: str, lang: str) -> str:
    """Return `1 row`, `2 rows`; in French, nothing is singular too."""
    if lang == "en":
        return counted(value, what)
    one, many = NOUNS[what]
    return f"{whole_number(value, lang)}{NO_BREAK}{one if value < 2 else many}"


def day(value: date, lang: str) -> str:
    """Return a day in words: `27 November 2026`, in French `27 novembre 2026`."""
    written = Speaker(lang).day(value)
    return written.replace(" ", NO_BREAK, 1) if lang == "fr" else written


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
