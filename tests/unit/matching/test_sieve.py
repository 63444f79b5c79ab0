"""The sieve finds exactly what the shingles say, however text is cut, indexed, filtered or stored."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, TextColumn
from presswatch_spark.matching.shingle_index import (
    ShingleIndex,
    build_directory,
    build_filter,
    directory_bits,
    filter_blocks,
    hash_ranges,
)
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.reading.text.words import indexed_positions, shingle_hashes, words_of
from tests.reference.shingle_index import index_of
from tests.reference.words import reference_words
from tests.world.proofs import cases, each_time

NOTHING = np.zeros(0, np.uint8)
Hit = tuple[int, tuple[str, ...], int]


def batch_of(documents: Sequence[bytes]) -> DocumentBatch:
    """Documents in one buffer, with bytes between them that belong to none."""
    gap = b"mot"
    buffer = np.frombuffer(gap + b"".join(document + gap for document in documents), np.uint8)
    lengths = np.array([len(document) for document in documents], np.int64)
    starts = np.cumsum(lengths + len(gap)) - lengths
    texts = TextColumn(buffer, starts, starts + lengths)
    return DocumentBatch(texts, TextColumn.empty(len(documents)), lambda _: Locator())


def index_over(articles: Sequence[bytes], *, bits_per_key: int = 16) -> ShingleIndex:
    hashes, ordinals = [NOTHING], [NOTHING]
    for ordinal, article in enumerate(articles):
        words = words_of(article)
        indexed = indexed_positions(len(words))
        hashes.append(np.unique(shingle_hashes(words.hashes)[indexed]))
        ordinals.append(np.full(len(hashes[-1]), ordinal))
    postings = np.concatenate(hashes).astype(np.uint64), np.concatenate(ordinals).astype(np.uint32)
    return index_of(*postings, bits_per_key)


def with_sizes(index: ShingleIndex, blocks: int, bits: int) -> ShingleIndex:
    """The same postings behind a filter and a directory of other sizes."""
    bloom, directory = build_filter(index.hashes, blocks), build_directory(index.hashes, bits)
    return ShingleIndex(index.hashes, index.articles, bloom, directory)


def shingles(text: bytes) -> list[tuple[str, ...]]:
    words = [word.folded for word in reference_words(text)]
    return [tuple(words[i : i + 8]) for i in range(len(words) - 7)]


def expected_hits(documents: Sequence[bytes], articles: Sequence[bytes]) -> set[Hit]:
    """By comparing words, never hashes."""
    postings = defaultdict(set)
    for article, text in enumerate(articles):
        windows = shingles(text)
        for position in {*range(0, len(windows), 4), len(windows) - 1} & {*range(len(windows))}:
            postings[windows[position]].add(article)
    return {
        (document, window, article)
        for document, text in enumerate(documents)
        for window in shingles(text)
        for article in postings.get(window, ())
    }


def hits(sieve: Sieve, documents: Sequence[bytes]) -> set[Hit]:
    """Hits with the words of their shingles, each once."""
    found = sieve.hits(batch_of(documents))
    names = {hash_of(window): window for text in documents for window in shingles(text)}
    columns = (found.documents.tolist(), map(names.get, found.hashes.tolist()), found.articles.tolist())
    listed = list(zip(*columns, strict=True))
    assert len(listed) == len(set(listed))
    return set(listed)


def hash_of(window: tuple[str, ...]) -> int:
    return int(shingle_hashes(words_of(" ".join(window).encode()).hashes)[0])


def candidates(sieve: Sieve, documents: Sequence[bytes]) -> list[tuple[int, int]]:
    found = sieve.candidates(batch_of(documents))
    return list(zip(found.documents.tolist(), found.articles.tolist(), strict=True))


def reduced(found: set[Hit]) -> list[tuple[int, int]]:
    """Hits as candidates: each (document, article)."""
    return sorted({(document, article) for document, _, article in found})


# Few words, so that shingles meet by chance, of lengths around the 8 and 16 bytes that hashing tells apart.
VOCABULARY = ["a", "été", "l’eau", "a\u00adb", "\xa0", "日本語", "anticonstitutionnellement", "m" * 1100]
VOCABULARY += ["".join("0123456789"[i % 10] for i in range(n)) for n in (7, 8, 9, 15, 16, 17, 24, 25)]
prose = st.lists(st.sampled_from(VOCABULARY), max_size=40).map(lambda parts: " ".join(parts).encode())
cut_sizes = st.sampled_from([1, 2, 7, 8, 64, 1 << 16])


anything = st.lists(st.binary(max_size=60) | prose, max_size=4)


@given(anything, anything, cut_sizes, st.data())
def test_hits_are_exactly_the_indexed_shingles_however_documents_are_cut(
    documents: list[bytes], articles: list[bytes], segment_bytes: int, data: st.DataObject
) -> None:
    documents += [articles[0][: len(articles[0]) // 2] + b" " + articles[-1]] if articles else []
    sizes = data.draw(st.tuples(st.sampled_from([1, 2, 64, 1 << 12]), st.sampled_from([1, 2, 9])))
    sieve = Sieve(with_sizes(index_over(articles), *sizes), segment_bytes=segment_bytes)
    expected = expected_hits(documents, articles)
    assert hits(sieve, documents) == expected
    assert candidates(sieve, documents) == reduced(expected)
    words = sum(len(words_of(text)) for text in documents)
    assert sieve.candidates(batch_of(documents)).words == words


@given(st.lists(prose, max_size=4), st.lists(prose, max_size=4), cut_sizes, st.integers(2, 7))
def test_the_hits_of_all_ranges_of_hashes_are_those_of_the_whole_index(
    documents: list[bytes], articles: list[bytes], segment_bytes: int, count: int
) -> None:
    documents += articles
    index = index_over(articles)
    parts = [Sieve(index, segment_bytes=segment_bytes, hashes=hashes) for hashes in hash_ranges(count)]
    found = [hits(part, documents) for part in parts]
    assert set().union(*found) == hits(Sieve(index), documents)
    assert sum(map(len, found)) == len(set().union(*found)), "no hit is of two ranges"
    words = {part.candidates(batch_of(documents)).words for part in parts}
    assert words == {Sieve(index).candidates(batch_of(documents)).words}


@given(
    st.lists(st.sampled_from("abcdefghij"), min_size=11, max_size=60),
    st.lists(st.sampled_from("abcdefghij"), max_size=40),
    st.lists(st.sampled_from("abcdefghij"), max_size=40),
    cut_sizes,
    st.data(),
)
def test_every_common_run_of_eleven_words_is_found(
    article: list[str], before: list[str], after: list[str], segment_bytes: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(article) - 11))
    document = [*before, *article[start : start + 11], *after]
    sieve = Sieve(index_over([" ".join(article).encode()]), segment_bytes=segment_bytes)
    run = shingles(" ".join(article[start : start + 11]).encode())
    assert any(window in run for _, window, _ in hits(sieve, [" ".join(document).encode()]))


@pytest.mark.parametrize("length", [1015, 1024, 1025, 1040, 5000, 100_001])
@pytest.mark.parametrize("segment_bytes", [16, 1000, 1 << 16])
@pytest.mark.parametrize("letter", each_time(["é"], ["x", "é", "한"]))
def test_a_word_longer_than_a_segment_has_the_hash_that_the_index_gave_it(
    letter: str, length: int, segment_bytes: int
) -> None:
    article, near_miss = (f"{letter * n} deux trois quatre cinq six sept huit" for n in (length, length + 1))
    documents = ["avant " * 20 + article + " fin", near_miss, letter * length, article]
    sieve = Sieve(index_over([article.encode()]), segment_bytes=segment_bytes)
    assert candidates(sieve, [text.encode() for text in documents]) == [(0, 0), (3, 0)]
    assert sieve.candidates(batch_of([text.encode() for text in documents])).words == 29 + 8 + 1 + 8


def test_a_page_that_repeats_one_shingle_yields_each_article_once() -> None:
    """More postings than there is room for at first, and more positions than one call can return."""
    phrase = b"un deux trois quatre cinq six sept huit "
    articles, repeats = 10_000, 3_000
    hashes = shingle_hashes(words_of(phrase).hashes)
    ordinals = np.arange(articles, dtype=np.uint32)
    index = index_of(np.repeat(hashes, articles), ordinals, 16)
    documents = [b"seul " + phrase, phrase * repeats, phrase]
    found = Sieve(index, segment_bytes=256).candidates(batch_of(documents))
    assert found.documents.tolist() == [d for d in range(3) for _ in range(articles)]
    assert found.articles.tolist() == ordinals.tolist() * 3


def test_what_a_page_repeats_is_followed_up_once() -> None:
    """Each article has the phrase, and the page says it over and over: the product would be 3 * 10**8."""
    phrase, articles = b"0 " * 12, 1_000
    sieve = Sieve(index_over([phrase + b"a%d" % k for k in range(articles)]))
    batch = batch_of([b"0 " * 8, b"0 " * 300_000])
    found = sieve.candidates(batch)
    assert (len(found), found.words) == (2 * articles, 300_008)
    assert len(sieve.hits(batch).articles) == 2 * articles


def test_more_shingles_than_are_remembered_are_all_followed_up() -> None:
    words = [f"m{k}" for k in range(60_000)]
    article, stranger = " ".join(words).encode(), " ".join(reversed(words)).encode()
    sieve = Sieve(index_over([article, " ".join(words[-40:]).encode()]))
    found = candidates(sieve, [article, stranger, article + b" " + article])
    assert found == [(0, 0), (0, 1), (2, 0), (2, 1)]


NINE = b"un deux trois quatre cinq six sept huit neuf"


def test_a_sieve_remembers_nothing_between_batches() -> None:
    article = NINE + b" dix onze"
    sieve = Sieve(index_over([article]), segment_bytes=8)
    hits(sieve, [article[:-5], b"z" * 5000])
    assert hits(sieve, [article[-5:], article]) == expected_hits([b"", article], [article])


def test_an_empty_index_and_an_empty_batch_find_nothing() -> None:
    assert hits(Sieve(index_over([])), [NINE, b""]) == set()
    assert hits(Sieve(index_over([NINE])), []) == set()
    assert candidates(Sieve(index_over([NINE])), []) == []


def test_a_memory_mapped_index_serves_as_well(tmp_path: Path) -> None:
    index = index_over([NINE])
    for name in ("hashes", "articles", "filter", "directory"):
        np.save(tmp_path / f"{name}.npy", getattr(index, name))
    mapped = ShingleIndex.open(tmp_path)
    assert hits(Sieve(mapped), [NINE]) == hits(Sieve(index), [NINE]) != set()


def random_hashes(n: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64))


@given(st.integers(0, 300), st.sampled_from([1, 2, 16, 256]), st.sampled_from([1, 4, 8]))
def test_slices_built_apart_make_the_same_filter_and_directory(n: int, slices: int, bits: int) -> None:
    hashes = random_hashes(n, n)
    blocks = 256
    bounds = [0, *np.searchsorted(hashes, [np.uint64(i * 2**64 // slices) for i in range(1, slices)]), n]
    size = blocks // slices
    slots = range(slices)
    parts = [build_filter(hashes[bounds[i] : bounds[i + 1]], blocks, i * size, size) for i in slots]
    assert np.concatenate(parts).tolist() == build_filter(hashes, blocks).tolist()
    if slices <= 1 << bits:
        size = (1 << bits) // slices
        parts = [
            build_directory(hashes[bounds[i] : bounds[i + 1]], bits, i * size, size) + bounds[i]
            for i in slots
        ]
        joined = np.concatenate([*(part[:-1] for part in parts), parts[-1][-1:]])
        assert joined.tolist() == build_directory(hashes, bits).tolist()


@given(st.integers(0, 300), st.integers(1, 10))
def test_a_directory_brackets_every_hash(n: int, bits: int) -> None:
    hashes = random_hashes(n, n)
    directory = build_directory(hashes, bits)
    buckets = (hashes >> np.uint64(64 - bits)).astype(np.int64)
    assert len(directory) == 2**bits + 1
    assert (directory[0], directory[-1]) == (0, n)
    assert np.diff(directory).tolist() == np.bincount(buckets, minlength=2**bits).tolist()


@cases("keys", [0, 1, 100, 1000, 10**6, 10**8])
def test_sizes_follow_the_number_of_keys(keys: int) -> None:
    blocks = filter_blocks(keys, 16)
    assert blocks.bit_count() == 1
    assert keys * 16 <= 64 * blocks < max(2 * keys * 16, 65)
    assert keys < 16 or 8 <= keys / 2 ** directory_bits(keys) < 16


def test_the_filter_lets_at_most_one_percent_of_strangers_pass() -> None:
    """At the default of 16 bits a key, measured where the power of two leaves no bit to spare."""
    keys, strangers = random_hashes(1 << 16, 1), random_hashes(1 << 20, 2)
    blocks = filter_blocks(len(keys), 16)
    assert blocks * 64 == len(keys) * 16
    sieve = build_filter(keys, blocks)
    chosen = sieve[(strangers >> np.uint64(64 - (blocks.bit_length() - 1))).astype(np.int64)]
    passing = np.ones(len(strangers), bool)
    for shift in (0, 6, 12, 18):
        passing &= chosen >> ((strangers >> np.uint64(shift)) & np.uint64(63)) & np.uint64(1) == 1
    assert passing.mean() < 0.01
