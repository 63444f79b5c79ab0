"""What checks say, in English, with its facts apart: who shows it may say it in another language."""

from collections.abc import Mapping
from dataclasses import dataclass


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
