"""Opens a sealed corpus, and numbers its articles.

    manifest.json   `parameters` have the fingerprint of the key, the parts, and the `site_depth`
    index/          the shingle index with keyed hashes; postings name articles by number
    sites/          see `presswatch_spark.matching.judgement.keyed_sites`

An article's *number* is its place among the articles of its part, ordered by a keyed digest of their ids. The
numbers of the parts of a joined corpus follow each other.
"""

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.corpus.layout import SITES_FOLDER
from presswatch_spark.corpus.sealing.key import SealKey
from presswatch_spark.corpus.store import Corpus, CorpusFolder
from presswatch_spark.matching.judgement.keyed_sites import KeyedSites

Numbers = npt.NDArray[np.uint32]


class SealedCorpus(CorpusFolder):
    """An open sealed corpus."""

    is_sealed = True

    def sites(self, key: SealKey) -> KeyedSites:
        """Open the hashes of sites and URLs."""
        return KeyedSites.open(self.folder / SITES_FOLDER, self.manifest.parameters["site_depth"], key.sites)

    def require(self, key: SealKey) -> None:
        """Raise `ConfigError` unless this is the key of the corpus."""
        if key.fingerprint != self.manifest.key_fingerprint:
            raise ConfigError(
                f"the key has fingerprint {key.fingerprint}; the corpus was sealed with that of"
                f" {self.manifest.key_fingerprint}",
                where=str(self.folder),
                remedy="pass the key that sealed it",
            )


def article_numbers(corpus: Corpus, key: SealKey) -> Numbers:
    """Return the number of each article of a corpus, by ordinal, in a corpus that is sealed with a key."""
    digests = np.array([key.article(article_id) for (article_id,) in corpus.each("article_id")], "S16")
    numbers = np.empty(len(digests), np.uint32)
    numbers[np.argsort(digests)] = np.arange(len(digests), dtype=np.uint32)
    return numbers
