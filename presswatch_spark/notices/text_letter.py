"""The letter as plain text, for web forms and for recipients who open no attachments."""

import textwrap

from presswatch_spark.notices.letter import Letter

COLUMNS = 78
BULLET = "- "


def text_of_letter(letter: Letter) -> str:
    """Return the letter in lines of at most `COLUMNS` characters, but for what cannot be broken."""
    parts = ["\n".join(letter.recipient), letter.title, letter.day]
    for block in letter.blocks:
        heading = [block.heading] if block.heading else []
        paragraphs = [_wrapped(paragraph) for paragraph in block.paragraphs]
        lines = [_wrapped(line, BULLET) for line in block.lines]
        parts.append("\n".join([*heading, *paragraphs, *lines]))
    files = [f"{BULLET}{name}\n  {sha256}" for name, sha256 in letter.annex]
    parts.append("\n".join([letter.annex_heading, *files, letter.digest_line]))
    return "\n\n".join(parts) + "\n"


def _wrapped(text: str, bullet: str = "") -> str:
    return textwrap.fill(
        text,
        COLUMNS,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )
