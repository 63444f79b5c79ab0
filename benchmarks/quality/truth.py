"""The truth, by brute force over words: every pair of a document and an article with eight words in common.

Words are the reference's of the tests, which share no code with the product. Coverage has two truths. *By
runs*: the share of the article's words that stand in common runs of eight words and more. *By construction*:
those, and the words that were planted and are known to stand in the page as they were; it is known for
planted pairs only, and an edited copy is judged by it. A copy that is not edited is judged by both: its
coverage may be neither below the one nor above the other (a sentence of five words, moved elsewhere, is
between them). Edited copies of articles that repeat themselves are not judged: what was edited in one place
may stand in the other, and is rightly counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.quality.cut import cut

ROW = 8
"""Words in the runs that coverage counts."""
RUN = 11
"""Words in the runs that are promised to be found."""

Names = Sequence[int]
PairKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Common:
    """What a document and an article share.

    `longest`: words in their longest common run. `covered`: positions of the article's words in common runs
    of `ROW` words and more. `article_words`: words of the article.
    """

    longest: int
    covered: frozenset[int]
    article_words: int

    def coverage(self, kept: frozenset[int] = frozenset()) -> float:
        """Share of the article's words in runs, or in `kept`."""
        return len(self.covered | kept) / self.article_words


def common_pairs(documents: Mapping[str, str], articles: Mapping[str, str]) -> dict[PairKey, Common]:
    """Every (document, article) that has a run of `ROW` words in common, with what they share."""
    numbers: dict[str, int] = {}
    bodies = {name: _named(text, numbers) for name, text in articles.items()}
    holders: dict[tuple[int, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, words in bodies.items():
        for j in range(len(words) - ROW + 1):
            holders[tuple(words[j : j + ROW])].append((name, j))
    found: dict[PairKey, Common] = {}
    for document, text in documents.items():
        words = _named(text, numbers)
        starts: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for i in range(len(words) - ROW + 1):
            for name, j in holders.get(tuple(words[i : i + ROW]), ()):
                starts[name].append((i, j))
        for name, places in starts.items():
            found[document, name] = _common(words, bodies[name], places)
    return found


@lru_cache(maxsize=4096)
def repeats(text: str) -> bool:
    """Whether a text says `ROW` words twice."""
    words = cut(text).folded
    windows = [tuple(words[i : i + ROW]) for i in range(len(words) - ROW + 1)]
    return len(set(windows)) < len(windows)


def _named(text: str, numbers: dict[str, int]) -> list[int]:
    """Words as numbers: the same number, the same word."""
    return [numbers.setdefault(word, len(numbers)) for word in cut(text).folded]


def _common(document: Names, article: Names, places: Iterable[tuple[int, int]]) -> Common:
    """Go on from every place where `ROW` words are the same."""
    covered: set[int] = set()
    longest = 0
    known = set(places)
    for i, j in known:
        if (i - 1, j - 1) in known:
            continue
        length = 0
        while (
            i + length < len(document)
            and j + length < len(article)
            and document[i + length] == article[j + length]
        ):
            length += 1
        longest = max(longest, length)
        covered.update(range(j, j + length))
    return Common(longest, frozenset(covered), len(article))
