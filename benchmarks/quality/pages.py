"""Pages around what is planted: texts of the filler before and after it, each page on a host of its own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.quality.cut import cut

HOSTS = 211


@dataclass(frozen=True, slots=True)
class Planted:
    """A page of the bench.

    `sources` maps articles that were planted to the positions of their words that stand in it as they were,
    by construction. `kind` says what was done. `decoys` are texts that nobody sees on it, where its form has
    places for such. Has what the writers of shards ask of a page.
    """

    kind: str
    url: str
    text: str
    sources: dict[str, frozenset[int]]
    language: str = "fra"
    decoys: tuple[str, ...] = ()


def filling(filler: Sequence[str], rng: random.Random, words: int) -> str:
    """Sentences of the filler, `words` words in all, but for the rest of the last sentence."""
    lines: list[str] = []
    count = 0
    while count < words:
        lines.append(rng.choice(filler))
        count += len(cut(lines[-1]))
    return " ".join(lines)


def around(filler: Sequence[str], rng: random.Random, words: int, *parts: str) -> str:
    """The parts, each a line of its own, with `words` words of filler before, between and after them."""
    share = words // (len(parts) + 1)
    lines = [filling(filler, rng, share)]
    for part in parts:
        lines += [part, filling(filler, rng, share)]
    return "\n".join(lines)


def url_for(kind: str, number: int) -> str:
    """A URL of its own on one of many hosts that are no member's."""
    host = random.Random(f"{kind} {number}").randrange(HOSTS)
    return f"https://site-{host}.example/{kind}/{number}"
