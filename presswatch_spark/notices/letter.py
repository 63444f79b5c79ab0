"""A letter as data: who writes to whom, and a block for each element; every format is made of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from presswatch_spark.notices.facts import LetterFacts
from presswatch_spark.notices.laws import Law, LegalElement
from presswatch_spark.notices.parties import Recipient, Sender
from presswatch_spark.notices.wording import day
from presswatch_spark.show import printable

_DEPENDS = re.compile(r"\[(\w+)\] ")
ANNEX: Mapping[str, tuple[str, str, str]] = {
    "fr": ("Annexe", "fichier", "SHA-256"),
    "en": ("Annex", "file", "SHA-256"),
}


@dataclass(frozen=True, slots=True)
class LetterElement:
    """An element of the law as the letter says it: a heading (which may be empty), paragraphs, and a list."""

    element: str
    heading: str
    paragraphs: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return all that it says, a line each."""
        return "\n".join([*filter(None, [self.heading]), *self.paragraphs, *self.lines])


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter in one language.

    `annex`: names of the annex's files with their SHA-256. `digest`: that of the annex's rows. `bag_root`:
    that of the sealed bag that has their records; None without one.
    """

    lang: str
    title: str
    sender: tuple[str, ...]
    recipient: tuple[str, ...]
    day: str
    blocks: tuple[LetterElement, ...]
    annex: tuple[tuple[str, str], ...]
    digest: str
    bag_root: str | None = None

    @property
    def digest_lines(self) -> tuple[str, ...]:
        """Return the sentences that name the digest of the annex's rows, and the bag with their records."""
        french = self.lang == "fr"
        rows = "Empreinte des lignes de l’annexe : " if french else "Digest of the annex’s rows: "
        seal = (
            "Racine de Merkle des preuves scellées : " if french else "Merkle root of the sealed evidence: "
        )
        return (f"{rows}{self.digest}", *([f"{seal}{self.bag_root}"] if self.bag_root else []))

    @property
    def annex_heading(self) -> str:
        """Return the heading of the list of the annex's files."""
        return ANNEX[self.lang][0]


def blocks_of(law: Law, facts: LetterFacts, lang: str) -> tuple[list[LetterElement], dict[str, list[str]]]:
    """Return a block for each element that can be said, and for the others the facts that are missing."""
    blocks, missing = list[LetterElement](), dict[str, list[str]]()
    for element in law.elements:
        if lacking := facts.missing(element.needs):
            if not element.is_optional:
                missing[element.name] = lacking
        else:
            blocks.append(_block(element, facts, lang))
    return blocks, missing


def letter_of(
    law: Law,
    blocks: Sequence[LetterElement],
    sender: Sender,
    recipient: Recipient,
    drafted: date,
    annex: Sequence[tuple[str, str]],
    digest: str,
    lang: str,
) -> Letter:
    """Return the letter that has these blocks."""
    own = [sender.name, sender.address, sender.email, sender.phone, sender.siren and f"SIREN {sender.siren}"]
    return Letter(
        lang=lang,
        title=law.title[lang],
        sender=tuple(printable(line) for line in own if line),
        recipient=tuple(printable(line) for line in (recipient.name, recipient.route) if line),
        day=f"Le {day(drafted, lang)}" if lang == "fr" else day(drafted, lang),
        blocks=tuple(blocks),
        annex=tuple(annex),
        digest=digest,
    )


def _block(element: LegalElement, facts: LetterFacts, lang: str) -> LetterElement:
    """Return an element with its facts; these are put in once, whatever braces they have."""
    lines = facts.lists[element.list] if element.list else ()
    said = [_said(line, facts) for line in element.text[lang].splitlines()]
    return LetterElement(element.name, element.heading[lang], tuple(filter(None, said)), tuple(lines))


def _said(line: str, facts: LetterFacts) -> str:
    """Return a paragraph with its facts; nothing if the one that it depends on is missing."""
    found = _DEPENDS.match(line)
    if found and not facts.texts[found[1]]:
        return ""
    return _DEPENDS.sub("", line).format_map(facts.texts).strip()
