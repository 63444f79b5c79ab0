"""Words of an article that stand in a known text: a law, a speech, an old book, a wire.

Here every shingle of the known texts counts, whether a corpus was built with them or not.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from presswatch_spark.corpus.known_shingles import shingles_of
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.shards import plan
from presswatch_spark.text.kernels import Hashes
from presswatch_spark.text.shingles import SHINGLE_WORDS, shingle_hashes


@dataclass(frozen=True, slots=True, eq=False)
class KnownTexts:
    """The shingles of all known texts: `hashes` uint64[k], sorted, each once; the number of `texts`."""

    hashes: Hashes
    texts: int = 0

    @classmethod
    def load(cls, paths: Sequence[str], storage: StorageOptions | None = None) -> Self:
        """Read known texts: files, folders, globs, `s3://` or `https://`; without paths there are none.

        Raises:
            InputError: a path leads to nothing, or to a file of no known format.
            CorruptError: a file cannot be read to its end.
        """
        options = storage or StorageOptions()
        return cls(*shingles_of(plan(paths, options).shards if paths else (), options))

    def marks(self, word_hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Return which of an article's n words lie in an 8-word shingle of a known text: bool[n].

        Args:
            word_hashes: uint64[n], of the article's words in order.
        """
        marks = np.zeros(len(word_hashes), np.bool_)
        shingles = shingle_hashes(word_hashes)
        if not len(self.hashes) or not len(shingles):
            return marks
        places = np.minimum(np.searchsorted(self.hashes, shingles), len(self.hashes) - 1)
        known = self.hashes[places] == shingles
        for offset in range(SHINGLE_WORDS):
            marks[offset : offset + len(known)] |= known
        return marks

    @property
    def digest(self) -> str | None:
        """Return the SHA-256 (hex) of the shingles; None if there are none."""
        return hashlib.sha256(self.hashes.tobytes()).hexdigest() if len(self.hashes) else None
