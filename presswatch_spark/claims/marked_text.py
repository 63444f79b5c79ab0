"""Texts with copied words marked: in pieces, shortened to the surroundings of the marks, or as HTML.

All texts are hostile. Invisible characters, and those that change the direction of writing, become escapes.
"""

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from presswatch_spark.core.terminal import printable
from presswatch_spark.matching.judgement.urls import unicode_name

GAP = " […] "
_WORD = re.compile(r"\s\S")
_NEAR = 40
"""Most characters by which a cut moves to the next beginning of a word."""
_LEAST = 200
"""A gap of fewer characters is not left out."""


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A part of a text; if `left_out` is not 0, an empty part that replaces this number of characters."""

    text: str
    is_copied: bool = False
    left_out: int = 0


def ranges_of(spans: Iterable[Mapping[str, Any]], side: str) -> list[tuple[Any, Any]]:
    """Return the characters [start, end) that spans cover on a side, `article` or `document`."""
    return [(each[f"{side}_start"], each[f"{side}_end"]) for each in spans if each]


def pieces_of(text: str, ranges: Iterable[tuple[Any, Any]]) -> list[TextPiece]:
    """Split a text into pieces; `ranges` of copied characters may overlap, or exceed the text."""
    found, at = list[TextPiece](), 0
    for start, end in sorted((start, end) for start, end in ranges if None not in (start, end)):
        start, end = max(at, start), min(end, len(text))
        if start < end:
            found += [TextPiece(text[at:start]), TextPiece(text[start:end], is_copied=True)]
            at = end
    return [piece for piece in (*found, TextPiece(text[at:])) if piece.text]


def around_marks(pieces: Iterable[TextPiece], around: int, most: int, begin: int = 0) -> list[TextPiece]:
    """Shorten pieces to at most `most` characters near copied words, from the character `begin` on.

    `around`: characters to keep on each side of copied words.
    """
    kept = list[TextPiece]()
    at, is_open = 0, begin <= _LEAST
    for piece in pieces:
        if is_open:
            kept.append(piece)
        elif at + len(piece.text) > begin:
            cut, is_open = _begin_of_word(piece.text, begin - at), True
            kept += [TextPiece("", left_out=at + cut), TextPiece(piece.text[cut:], piece.is_copied)]
        at += len(piece.text)
    if not is_open and at:
        kept.append(TextPiece("", left_out=at))
    near = list[TextPiece]()
    for number, piece in enumerate(kept):
        is_first, is_last, text = number == 0, number == len(kept) - 1, piece.text
        # Before the first mark, only the end of the piece is kept. The only piece of a text without marks is
        # its first and last, and keeps its beginning.
        head = around if not is_first or is_last else 0
        tail = around if not is_last else 0
        if piece.is_copied or len(text) <= head + tail + _LEAST:
            near.append(piece)
            continue
        first, last = _begin_of_word(text, head), _begin_of_word(text, len(text) - tail)
        near += [TextPiece(text[:first])] if first else []
        near.append(TextPiece("", left_out=last - first))
        near += [TextPiece(text[last:])] if last < len(text) else []
    shown, left = list[TextPiece](), most
    for number, piece in enumerate(near):
        if len(piece.text) <= left:
            shown.append(piece)
            left -= len(piece.text)
            continue
        cut = _begin_of_word(piece.text, left)
        rest = sum(len(each.text) + each.left_out for each in near[number + 1 :])
        shown += [TextPiece(piece.text[:cut], piece.is_copied)] if cut else []
        return [*shown, TextPiece("", left_out=len(piece.text) - cut + rest)]
    return shown


def _begin_of_word(text: str, place: int) -> int:
    found = _WORD.search(text, place, place + _NEAR) if 0 < place < len(text) else None
    return found.end() - 1 if found else place


def marked(text: str, ranges: Iterable[tuple[Any, Any]]) -> str:
    """Return a text as HTML, with ranges of its characters marked."""
    return as_html(pieces_of(text, ranges))


def as_html(pieces: Iterable[TextPiece]) -> str:
    """Return pieces as HTML, with copied words marked, and `[…]` for gaps."""
    return "".join(
        GAP
        if piece.left_out
        else f"<mark>{escaped(piece.text)}</mark>"
        if piece.is_copied
        else escaped(piece.text)
        for piece in pieces
    )


def escaped(text: str) -> str:
    """Return a text for HTML, visible as `visible` makes it."""
    return html.escape(visible(text))


def in_plain_letters(host: str) -> str:
    """Return a host with its labels in Punycode decoded: it may look like another host."""
    return visible(unicode_name(host))


def visible(text: str) -> str:
    """Return a text with escapes for invisible characters, and plain spaces for other kinds of spaces."""
    if text.isprintable():
        return text
    return "".join(
        each
        if each in "\n\t" or each.isprintable()
        else printable(each)
        if each.isspace()
        else each.encode("unicode_escape").decode()
        for each in text
    )
