"""Finds the known names that an unknown name was probably meant to be."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

# Comparing is slow: of more names than these, only those that begin alike are looked at.
MOST_NAMES = 5_000
BEGINNING = 3


def nearest(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Return up to `count` known names that are like `name`, the likest first.

    Case, accents and punctuation make no difference: `Le Figaro` is most like `le-figaro`. Names that begin
    with it come first.
    """
    wanted = _folded(name)
    names = {each: _folded(each) for each in known}
    if len(names) > MOST_NAMES:
        names = {each: folded for each, folded in names.items() if folded[:BEGINNING] == wanted[:BEGINNING]}
    by_folded: dict[str, list[str]] = {}
    for each, folded in sorted(names.items()):
        by_folded.setdefault(folded, []).append(each)
    begun = [folded for folded in by_folded if wanted and folded.startswith(wanted)]
    near = dict.fromkeys([*begun, *get_close_matches(wanted, list(by_folded)[:MOST_NAMES], count)])
    return [each for folded in near for each in by_folded[folded]][:count]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?`, or an empty text if no known name is like it."""
    near = nearest(name, known)
    return f"; did you mean {near[0]}?" if near else ""


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c)).split())
