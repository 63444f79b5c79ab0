"""The letter as plain text, for web forms and for recipients who open no attachments."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from presswatch_spark.notices.letter import Letter
from presswatch_spark.show import ascii_url, whole_number

COLUMNS = 78
BULLET = "- "


ROWS = 2_000
"""Rows that the text lists; the annex has all."""


def text_of_letter(letter: Letter, rows: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the letter in lines of at most `COLUMNS` characters, but for what cannot be broken.

    Args:
        rows: those of the annex, which follow: who opens no attachments has their places here.
    """
    parts = ["\n".join(letter.recipient), letter.title, letter.day]
    for block in letter.blocks:
        heading = [block.heading] if block.heading else []
        paragraphs = [_wrapped(paragraph) for paragraph in block.paragraphs]
        lines = [_wrapped(line, BULLET) for line in block.lines]
        parts.append("\n".join([*heading, *paragraphs, *lines]))
    files = [f"{BULLET}{name}\n  {sha256}" for name, sha256 in letter.annex]
    parts.append("\n".join([letter.annex_heading, *files, *letter.digest_lines]))
    parts += [_row(row) for row in rows[:ROWS]]
    if len(rows) > ROWS:
        more = whole_number(len(rows) - ROWS, letter.lang)
        french = f"Et {more} de plus, dans annex/rows.csv."
        parts.append(french if letter.lang == "fr" else f"And {more} more, in annex/rows.csv.")
    return "\n\n".join(parts) + "\n"


def _row(row: Mapping[str, Any]) -> str:
    """Return where a row's record is, its page and its article, a line each."""
    place = ("record_offset", "record_length", "row_index")
    named = ", ".join(f"{name} {row[name]}" for name in place if row[name] is not None)
    urls = [ascii_url(row[name]) for name in ("document_url", "article_url") if row[name]]
    return "\n".join(
        [f"{row['number']}. {ascii_url(row['file'])}", f"   {named}", *(f"   {url}" for url in urls)]
    )


def _wrapped(text: str, bullet: str = "") -> str:
    return textwrap.fill(
        text,
        COLUMNS,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )
