"""Whose the articles are: their titles and publishers by number, and which of them are agency copy.

An article is agency copy if it, or another of its cluster, credits an agency or names one in its text.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, inner_njit
from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.building.clusters import Clusters
from presswatch_spark.corpus.layout import ALONE
from presswatch_spark.corpus.registry import Registry
from presswatch_spark.text.words import word_hashes

Hashes = npt.NDArray[np.uint64]
Bounds = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]
Owners = Mapping[str, tuple[int, int]]
"""By title id, the number of the title and that of its publisher."""

_BEGINNINGS = 1 << 12
_BEGINNING = np.uint64(_BEGINNINGS - 1)


def owner_numbers(registry: Registry) -> Owners:
    """Number titles and publishers by the order of their ids."""
    publishers = {name: place for place, name in enumerate(sorted(set(registry.publisher_of.values())))}
    titles = enumerate(sorted(registry.publisher_of.items()))
    return {title: (place, publishers[publisher]) for place, (title, publisher) in titles}


def share_credits(folder: Path, clusters: Clusters) -> None:
    """Make all articles of a cluster agency copy if one of them is."""
    credited = np.array(arrays.load(folder / layout.AGENCY))
    _share(credited, clusters, np.zeros(len(clusters), np.bool_))
    arrays.save(folder / layout.AGENCY, credited)


@cached_njit
def _share(credited: Marks, clusters: Clusters, roots: Marks) -> None:
    """Mark the articles whose cluster has a marked one; `roots` is of zeros, bool[articles]."""
    for i in range(len(clusters)):
        if credited[i] and clusters[i] != ALONE:
            roots[clusters[i]] = True
    for i in range(len(clusters)):
        if clusters[i] != ALONE and roots[clusters[i]]:
            credited[i] = True


class AgencyFinder:
    """Finds names of agencies among the words of texts: whole words, whatever their case and accents."""

    def __init__(self, names: Sequence[str]) -> None:
        hashed = [words for name in names if len(words := word_hashes(name.encode()))]
        self._words: Hashes = np.concatenate([np.empty(0, np.uint64), *hashed])
        self._bounds = np.cumsum([0, *map(len, hashed)]).astype(np.int64)

    def named(self, words: Hashes, bounds: Bounds) -> npt.NDArray[np.bool_]:
        """Mark which of n texts have any of the names; text i is `words[bounds[i] : bounds[i + 1]]`."""
        texts: npt.NDArray[np.bool_] = _named(words, bounds, self._words, self._bounds)
        return texts


@cached_njit
def _named(words: Hashes, bounds: Bounds, names: Hashes, name_bounds: Bounds) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(bounds) - 1, np.bool_)
    # Nearly no word begins a name: one look shows that.
    begins = np.zeros(_BEGINNINGS, np.bool_)
    for n in range(len(name_bounds) - 1):
        begins[names[name_bounds[n]] & _BEGINNING] = True
    for i in range(len(found)):
        for w in range(bounds[i], bounds[i + 1]):
            if begins[words[w] & _BEGINNING] and _name_begins(words[w : bounds[i + 1]], names, name_bounds):
                found[i] = True
                break
    return found


@inner_njit
def _name_begins(words: Hashes, names: Hashes, bounds: Bounds) -> bool:
    for n in range(len(bounds) - 1):
        size = bounds[n + 1] - bounds[n]
        k = 0
        while k < size and k < len(words) and words[k] == names[bounds[n] + k]:
            k += 1
        if k == size:
            return True
    return False
