"""A thief has a sealed corpus, no key, and a library of sentences, some of which are in the corpus."""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from presswatch_spark.corpus.sealed import SealedCorpus, SealKey, article_numbers, seal
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.keyed_hashes import decrypt, encrypt
from presswatch_spark.reading.text.words import SHINGLE_WORDS, shingle_hashes, word_hashes
from presswatch_spark.storage.objects import StorageOptions
from tests.world.corpora import article, corpus_of

WORDS, IN_ARTICLE, VOCABULARY = 14, 12, 5_000
SECRET = np.random.default_rng(21).bytes(32)
MOST_SIGMAS = 4.5
"""Beyond so many standard errors, a guess would be better than chance (one test in 150,000 by chance)."""
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Loot:
    """The sealed corpus, the open one, and the thief's library.

    `library`: the open hashes of each sentence's shingles, uint64[sentences, shingles]. `is_sealed`: whether
    it is in an article.
    """

    sealed: SealedCorpus
    corpus: Corpus
    library: Hashes
    is_sealed: npt.NDArray[np.bool_]

    def hits(self, hashes: Hashes, stored: Hashes) -> npt.NDArray[np.bool_]:
        """Return the sentences of which a hash is stored."""
        return np.isin(hashes, stored).any(axis=1)

    def sigmas(self, scores: npt.NDArray[np.float64]) -> float:
        """Return how much more sealed sentences score than others, in standard errors."""
        groups = scores[self.is_sealed], scores[~self.is_sealed]
        error = np.sqrt(sum(group.var() / len(group) for group in groups))
        return float((groups[0].mean() - groups[1].mean()) / error) if error else 0.0


@pytest.fixture(scope="module", params=[(20_000, 400), pytest.param((10**6, 8_000), marks=pytest.mark.full)])
def loot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loot:
    sentences, articles = request.param
    rng, folder = np.random.default_rng(8), tmp_path_factory.mktemp("loot")
    vocabulary = np.array([f"mot{rng.integers(1 << 40):x}" for _ in range(VOCABULARY)])
    hashes = np.concatenate([word_hashes(word.encode()) for word in vocabulary.tolist()])
    library = np.minimum(rng.zipf(1.2, (sentences, WORDS)), VOCABULARY) - 1
    # The first sentence of an article is in the next as well, at a place that is indexed alike.
    drawn = rng.permutation(sentences)[: articles * (IN_ARTICLE - 1)].reshape(articles, -1)
    drawn = np.insert(drawn, 10, np.roll(drawn[:, 0], 1), axis=1)
    rows = (article(n, body=" ".join(vocabulary[library[each].ravel()])) for n, each in enumerate(drawn))
    corpus = Corpus.open(str(corpus_of(folder, rows)))
    seal(corpus, SealKey(SECRET), str(folder / "sealed"), StorageOptions())
    is_sealed = np.zeros(sentences, np.bool_)
    is_sealed[drawn.ravel()] = True
    shingles = shingle_hashes(hashes[library].ravel())
    places = np.arange(sentences)[:, None] * WORDS + np.arange(WORDS - SHINGLE_WORDS + 1)
    return Loot(SealedCorpus.open(str(folder / "sealed")), corpus, shingles[places], is_sealed)


def test_with_the_key_every_sealed_sentence_is_confirmed_and_no_other(loot: Loot) -> None:
    keys = SealKey(SECRET).shingles
    encrypted = encrypt(loot.library.ravel(), keys).reshape(loot.library.shape)
    found = loot.hits(encrypted, loot.sealed.hashes)
    # A sentence of 14 words has one or two indexed shingles, unless the corpus suppresses these.
    assert found[loot.is_sealed].mean() > 0.999
    repeated = loot.hits(loot.library, np.unique(loot.library[loot.is_sealed]))[~loot.is_sealed]
    assert found[~loot.is_sealed].sum() <= repeated.sum()


def test_without_it_no_stored_number_is_that_of_a_guess(loot: Loot) -> None:
    stored = np.concatenate([loot.sealed.hashes, loot.sealed.hosts, loot.sealed.places[0]])
    data = b"".join(path.read_bytes() for path in loot.sealed.folder.rglob("*") if path.is_file())
    whole = [np.frombuffer(data[start:], "<u8", (len(data) - start) // 8) for start in range(8)]
    assert not loot.hits(loot.library, np.concatenate([stored, *whole])).any()
    for seed in range(3):
        keys = SealKey(np.random.default_rng(seed).bytes(32)).shingles
        for guess in (encrypt(loot.library.ravel(), keys), decrypt(loot.library.ravel(), keys)):
            assert not loot.hits(guess.reshape(loot.library.shape), stored).any()


@pytest.mark.parametrize("bits", range(0, 64, 8))
def test_no_part_of_a_stored_number_depends_on_a_part_of_the_hash(loot: Loot, bits: int) -> None:
    """Guesses by which values of 8 and 16 bits of stored numbers are frequent."""
    for width in (8, 16):
        for shift in range(0, 64, 16):
            parts = loot.sealed.hashes >> np.uint64(bits) & np.uint64((1 << width) - 1)
            frequency = np.bincount(parts.astype(np.int64), minlength=1 << width)
            guessed = loot.library >> np.uint64(shift) & np.uint64((1 << width) - 1)
            scores = frequency[guessed.astype(np.int64)].mean(axis=1)
            assert abs(loot.sigmas(scores)) < MOST_SIGMAS, (width, shift)


def test_the_order_of_numbers_and_postings_shows_nothing(loot: Loot) -> None:
    """Guesses by order: of stored numbers and open hashes, and of articles by number and by id."""
    key, opened = SealKey(SECRET), loot.corpus.index
    numbers = article_numbers(loot.corpus, key).astype(np.float64)
    place = np.searchsorted(loot.sealed.hashes, encrypt(opened.hashes, key.shingles)).astype(np.float64)
    hosts = np.searchsorted(loot.sealed.hosts, encrypt(loot.corpus.sites.hosts, key.hosts))
    for one in (place, numbers, np.diff(hosts).astype(np.float64)):
        order = np.corrcoef(one, np.arange(len(one)))[0, 1] * np.sqrt(len(one))
        assert abs(order) < MOST_SIGMAS
    # Postings of one shingle are in the order of the articles' numbers, whatever their ids.
    same = np.flatnonzero(loot.sealed.hashes[1:] == loot.sealed.hashes[:-1])
    pairs = np.stack((loot.sealed.articles[same], loot.sealed.articles[same + 1]))
    ids = np.argsort(numbers)[pairs]
    assert len(same) > 100
    assert (pairs[0] < pairs[1]).all()
    ascending = np.count_nonzero(ids[0] < ids[1])
    assert abs(ascending - len(same) / 2) < MOST_SIGMAS * np.sqrt(len(same)) / 2


def test_sizes_and_compression_depend_on_counts_only(loot: Loot) -> None:
    folder, counts = loot.sealed.folder, loot.sealed.manifest.counts
    assert (folder / "index/hashes.npy").stat().st_size == 128 + 8 * counts.shingles
    assert (folder / "index/articles.npy").stat().st_size == 128 + 4 * counts.shingles
    distinct = np.unique(loot.sealed.hashes)
    random = np.sort(np.random.default_rng(0).integers(0, 1 << 64, len(distinct), dtype=np.uint64))
    sizes = [len(zlib.compress(array.tobytes())) for array in (distinct, random)]
    assert abs(sizes[0] / sizes[1] - 1) < 0.01


def test_who_has_whole_articles_learns_their_numbers_of_shingles(loot: Loot) -> None:
    """What the documentation concedes: counts are those of the texts."""
    numbers = article_numbers(loot.corpus, SealKey(SECRET))
    counts = np.bincount(loot.sealed.articles, minlength=len(numbers))[numbers]
    np.testing.assert_array_equal(counts, np.bincount(loot.corpus.index.articles, minlength=len(numbers)))
