"""Texts, numbers and days of letters in French and English; and sentences of checks.

A check writes English with its facts apart: the command line shows it in another language.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from presswatch_spark.translation import Translator

NO_BREAK = "\u00a0"


class LetterWords(Translator):
    """Translator for letters: in French, numbers and days do not break from the following word."""

    def set(self, text: str) -> str:
        """Return one of our texts with the spaces of letters."""
        return text.replace("{n} ", f"{{n}}{NO_BREAK}") if self.language == "fr" else text

    def day(self, day: date) -> str:
        """Return a day in words: `27 November 2026`, in French `27 novembre 2026`."""
        written = super().day(day)
        return written.replace(" ", NO_BREAK, 1) if self.language == "fr" else written


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
