"""Real pages with what others say must be kept of them, and what must not.

Twelve French pages of trafilatura's own evaluation, with strings of both kinds; a page of Le Monde and two of
Euronews with the paragraphs of the article, of fundus' tests.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.reference.words import reference_words

PARAGRAPHS = {
    "LeMonde_2023_09_01.html.gz": ("LeMonde.json", "V1"),
    "EuronewsFR_2024_04_30.html.gz": ("EuronewsFR.json", "V1"),
    "EuronewsFR_2026_01_06.html.gz": ("EuronewsFR.json", "V1_1"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page (`html`, UTF-8), strings that must be kept, and strings that must be dropped."""

    path: Path
    html: bytes
    keep: tuple[str, ...]
    drop: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of its file."""
        return self.path.name


def with_strings(real_data: Path) -> list[Page]:
    """The pages of trafilatura's evaluation."""
    folder = real_data / "html" / "trafilatura"
    entries = json.loads((folder / "index.json").read_text("utf-8"))
    return [
        Page(
            folder / one["html"],
            (folder / one["html"]).read_bytes(),
            tuple(one["with"]),
            tuple(one["without"]),
        )
        for one in entries
    ]


def with_paragraphs(real_data: Path) -> list[Page]:
    """The pages of fundus' tests: what must be kept is the article, its lead and its headings too."""
    return [
        Page(
            real_data / "html" / name,
            gzip.decompress((real_data / "html" / name).read_bytes()),
            tuple(_paragraphs(json.loads((real_data / "html" / told).read_text("utf-8"))[version]["body"])),
            (),
        )
        for name, (told, version) in PARAGRAPHS.items()
    ]


def _paragraphs(body: dict[str, list]) -> Iterator[str]:
    yield from body["summary"]
    for section in body["sections"]:
        yield from section["headline"]
        yield from section["paragraphs"]


def words(text: str) -> list[str]:
    """The words that are compared: case, accents and soft hyphens do not count."""
    return [word.folded for word in reference_words(text.encode("utf-8", "surrogatepass"))]


def holds(text: Sequence[str], part: Sequence[str]) -> bool:
    """Whether the words of `part` stand in a text in a row."""
    n = len(part)
    return any(text[i : i + n] == part for i in range(len(text) - n + 1))
