"""One declaration, and the words that all of this package shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from presswatch_spark.version import __version__

AGENTS = ("CCBot", "GPTBot", "Google-Extended", "*")
"""Whose rules are read: Common Crawl's, OpenAI's and Google's agents, and those for any agent."""
ANY_AGENT = "*"

RESERVED, ALLOWED, UNKNOWN = "reserved", "allowed", "unknown"

VALUE_CHARACTERS = 4096
CUT = f"cut to {VALUE_CHARACTERS:,} characters"

OWN_PARSER = f"presswatch {__version__}"


@dataclass(frozen=True, slots=True)
class Signal:
    """A declaration in a capture.

    `source`: where it stood (`header`, `meta`, `file`, `json_ld`, `link`); `scope`: what it is about (`page`,
    `host`, or `path`: what `path` says of the host). `path`: for files, what the verdict is about. `agent`:
    whom it addresses; None: anybody. `verdict`: whether it reserves the use of text for mining or training;
    None if it says nothing on that. `note`: what is to be known of value and verdict. `rule`: of tdmrep.json,
    whose rules count in their order, which one it is, from 1.
    """

    signal: str
    source: str
    value: str | None
    scope: str = "page"
    verdict: str | None = None
    agent: str | None = None
    path: str | None = None
    note: str | None = None
    paywalled_text_captured: bool | None = None
    rule: int | None = None
    parser: str = OWN_PARSER


def left_out(note: str, in_file: bool = False) -> Signal:
    """What was not read of a capture: it may reserve."""
    if in_file:
        return Signal("left_out", "file", None, "host", UNKNOWN, path="/", note=note)
    return Signal("left_out", "page", None, "page", UNKNOWN, note=note)


def storable(text: str) -> str:
    """`text` for a table: lone surrogates, which no table can hold, become question marks."""
    return text.encode("utf-8", "replace").decode()


def agreed(verdicts: Iterable[str | None]) -> str | None:
    """The verdict that all of some are, of which there is one at least; `unknown` where they differ."""
    one, *others = set(verdicts)
    return UNKNOWN if others else one


def bounded(text: str, note: str | None = None) -> tuple[str, str | None]:
    """`text` for the column `value`, and the note: `CUT` is added where something had to be left out."""
    text = storable(text.strip())
    if len(text) <= VALUE_CHARACTERS:
        return text, note
    return text[:VALUE_CHARACTERS], f"{note}; {CUT}" if note else CUT


def is_cut(note: str | None) -> bool:
    """Whether the value beside this note is not the whole of what was declared."""
    return note is not None and note.endswith(CUT)
