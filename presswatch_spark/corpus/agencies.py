"""Which articles are agency copy: those that credit an agency, or name one in their text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit
from presswatch_spark.text.words import word_hashes

Hashes = npt.NDArray[np.uint64]


class AgencyNames:
    """Finds names of agencies among the words of a text; whole words, case and accents apart."""

    def __init__(self, names: Sequence[str]) -> None:
        hashed = [words for name in names if len(words := word_hashes(name.encode()))]
        self._words: Hashes = np.concatenate([np.empty(0, np.uint64), *hashed])
        self._bounds = np.cumsum([0, *map(len, hashed)]).astype(np.int64)

    def named(self, words: Hashes) -> bool:
        """Whether any of the names stands among the words with these hashes, uint64[n]."""
        return bool(_named(words, self._words, self._bounds))


@cached_njit
def _named(words: Hashes, names: Hashes, bounds: npt.NDArray[np.int64]) -> bool:
    for w in range(len(words)):
        for n in range(len(bounds) - 1):
            size = bounds[n + 1] - bounds[n]
            k = 0
            while k < size and w + k < len(words) and words[w + k] == names[bounds[n] + k]:
                k += 1
            if k == size:
                return True
    return False
