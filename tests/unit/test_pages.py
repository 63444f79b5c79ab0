"""Sizes of the documentation: pages that are read in one sitting, and lines that fit a window."""

from collections.abc import Iterator
from pathlib import Path

from tests.world.documents import DOCS, README, pages
from tests.world.proofs import cases

ALL_WORDS, PAGE_WORDS, README_WORDS, LINE = 50_000, 1_500, 900, 120


def long_lines(text: str) -> Iterator[int]:
    """Yield the numbers of lines of prose that are too long; rows of tables and code have no other line."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= line.lstrip().startswith("```")
        if len(line) > LINE and not fenced and not line.startswith(("|", "    ")):
            yield number


def test_the_documentation_can_be_read_and_kept() -> None:
    words = {path: len(path.read_text("utf-8").split()) for path in DOCS.rglob("*.md")}
    assert {path.name: count for path, count in words.items() if count > PAGE_WORDS} == {}
    assert sum(words.values()) <= ALL_WORDS


def test_the_readme_stays_short() -> None:
    assert len(README.read_text("utf-8").split()) <= README_WORDS


@cases("path", pages())
def test_a_line_of_prose_fits_a_window(path: Path) -> None:
    assert [*long_lines(path.read_text("utf-8"))] == []


def test_a_long_line_is_noticed_and_tables_and_code_are_left_alone() -> None:
    long = "word " * 30
    assert [*long_lines(f"short\n{long}\n| {long} |\n```sh\n{long}\n```\n{long}")] == [2, 7]
