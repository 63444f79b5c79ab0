"""MinHash signatures: what they estimate, and that they are datasketch's."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.settings.config import MinHashRules
from presswatch_spark.matching.verify.minhash import SCHEME, jaccard, shingle_hashes, signature
from presswatch_spark.reading.text.words import TextWords, words_of
from tests.world.documents import blocks, text_of
from tests.world.prose import articles

RULES = MinHashRules()


def numbered(*ranges: range) -> TextWords:
    return words_of(" ".join(f"mot{k}" for span in ranges for k in span).encode())


def test_the_estimate_is_close_to_the_share_of_common_shingles() -> None:
    rng = random.Random(3)
    for _ in range(20):
        common = rng.randrange(5, 1000)
        first, second = numbered(range(1000)), numbered(range(common), range(5000, 6000 - common))
        exact = (common - 4) / (2 * 996 - (common - 4))
        assert jaccard(signature(first, RULES), signature(second, RULES)) == pytest.approx(exact, abs=0.17)


def test_the_order_of_words_matters_that_of_paragraphs_hardly_and_case_not_at_all() -> None:
    first, second = numbered(range(500), range(500, 1000)), numbered(range(500, 1000), range(500))
    assert jaccard(signature(first, RULES), signature(second, RULES)) > 0.95
    backwards = words_of(" ".join(f"mot{k}" for k in reversed(range(500))).encode())
    assert jaccard(signature(numbered(range(500)), RULES), signature(backwards, RULES)) < 0.05
    accented, plain = words_of("Le Soir, à l’aube : rien.".encode()), words_of(b"LE SOIR A L AUBE RIEN")
    assert np.array_equal(signature(accented, RULES), signature(plain, RULES))


def test_signatures_are_stored_as_32_bits_and_compare_like_sketches_made_from_them() -> None:
    from datasketch import MinHash  # it takes long to import

    first, second = signature(numbered(range(300)), RULES), signature(numbered(range(100, 400)), RULES)
    assert first.dtype == np.uint32
    assert first.shape == (128,)
    sketches = [
        MinHash(hashvalues=values, scheme=RULES.scheme, seed=RULES.seed) for values in (first, second)
    ]
    assert jaccard(first, second) == sketches[0].jaccard(sketches[1])


@given(
    st.lists(st.sampled_from(["le", "la", "de", "un", "maire", "vote"])),
    st.integers(1, 300),
    st.integers(0, 9),
)
def test_signatures_are_those_of_datasketch(text: list[str], permutations: int, seed: int) -> None:
    from datasketch import MinHash

    rules = MinHashRules(seed=seed, permutations=permutations)
    words = words_of(" ".join(text).encode())
    sketch = MinHash(num_perm=permutations, seed=seed, hashfunc=int, scheme=SCHEME)
    sketch.update_batch(shingle_hashes(words.hashes, rules.shingle_words).tolist())
    assert np.array_equal(signature(words, rules), sketch.hashvalues)


def test_the_documented_hash_gives_our_signatures_by_datasketch_alone() -> None:
    (block,) = blocks(text_of("reference/minhash"), "python")
    assert "presswatch" not in block
    named: dict[str, Any] = {}
    exec(block, named)
    longer = "anticonstitutionnellement antidisestablishmentarianism l’œuvre huit8888 seize88888888888 2024"
    texts = [each.body for each in articles(5, 7)] + [longer, "Été", "un deux trois quatre cinq six", "…"]
    for text in texts:
        assert np.array_equal(named["signature"](text).hashvalues, signature(words_of(text.encode()), RULES))
    first, second = (signature(words_of(named[name].encode()), RULES) for name in ("page", "article"))
    assert named["minhash_jaccard"] == jaccard(first, second)
    assert 0 < named["minhash_jaccard"] < 1


def test_long_texts_give_the_same_signature_in_pieces_as_at_once() -> None:
    halves = [signature(numbered(span), RULES) for span in (range(6000), range(5996, 12_000))]
    assert np.array_equal(signature(numbered(range(12_000)), RULES), np.minimum(*halves))


def test_texts_shorter_than_a_shingle_are_one_shingle() -> None:
    short, same, other = (
        signature(words_of(text), RULES) for text in (b"un deux trois", b"Un deux, trois", b"un deux")
    )
    assert jaccard(short, same) == 1.0
    assert jaccard(short, other) < 0.1
    assert (signature(words_of(b" ... "), RULES) == 0xFFFFFFFF).all()


def test_seed_shingle_size_and_permutations_change_the_signature() -> None:
    words = numbered(range(100))
    for rules in (MinHashRules(seed=2), MinHashRules(shingle_words=4)):
        assert not np.array_equal(signature(words, rules), signature(words, RULES))
    assert signature(words, MinHashRules(permutations=16)).shape == (16,)


def test_another_scheme_is_refused() -> None:
    with pytest.raises(ConfigError, match="affine64"):
        signature(numbered(range(9)), MinHashRules(scheme="affine64"))
