"""The common runs of two texts, by brute force over lists of words; shares no code with the product."""

from __future__ import annotations

from collections.abc import Sequence

Run = tuple[int, int, int]


def maximal_runs(document: Sequence[str], article: Sequence[str], least: int) -> set[Run]:
    """Every (document position, article position, length) of a common run that cannot be made longer."""
    found = set()
    lengths = [0] * (len(article) + 1)
    for i in range(len(document) - 1, -1, -1):
        for j in range(len(article)):
            lengths[j] = lengths[j + 1] + 1 if document[i] == article[j] else 0
        for j, length in enumerate(lengths):
            goes_on_left = i > 0 and j > 0 and document[i - 1] == article[j - 1]
            if length >= least and not goes_on_left:
                found.add((i, j, length))
    return found


def longest(document: Sequence[str], article: Sequence[str]) -> int:
    return max((length for _, _, length in maximal_runs(document, article, 1)), default=0)


def covered(document: Sequence[str], article: Sequence[str], least: int) -> tuple[set[int], set[int]]:
    """Word positions of document and article that lie in a common run of at least `least` words."""
    runs = maximal_runs(document, article, least)
    return (
        {i + k for i, _, length in runs for k in range(length)},
        {j + k for _, j, length in runs for k in range(length)},
    )
