"""Sealed corpora: what they contain, which keys are taken, and that they can be joined."""

import os
import pickle
import re
import shutil
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from presswatch_spark.core.errors import ConfigError, CorpusError
from presswatch_spark.corpus import layout
from presswatch_spark.corpus.manifest import write_manifest
from presswatch_spark.corpus.sealed import (
    ARTICLES,
    HASHES,
    HOSTS,
    PLACES,
    SITE,
    KeyedSites,
    KeySource,
    SealedCorpus,
    SealKey,
    article_numbers,
    join,
    seal,
)
from presswatch_spark.corpus.store import Corpus, urls_of
from presswatch_spark.matching.judgement.sites import host_table, url_hash
from presswatch_spark.matching.judgement.urls import normalise_url
from presswatch_spark.matching.keyed_hashes import decrypt, encrypt, round_keys
from presswatch_spark.reading.text.words import shingle_hashes, word_hashes
from presswatch_spark.storage.objects import StorageOptions
from tests.world.commands import outcome, presswatch
from tests.world.corpora import article, corpus_of, text

STORAGE = StorageOptions()
SECRET, OTHER = (bytes(np.random.default_rng(seed).bytes(32)) for seed in (1, 2))
STOCK = text(500, 2)


def rows(first: int, count: int) -> list[dict[str, object]]:
    titles = ("courrier", "rivage", "hebdo")
    return [
        article(
            n,
            title_id=titles[n % 3],
            body=f"{text(n)} {STOCK}",
            alternate_urls=[f"https://autre.example/{n}"],
        )
        for n in range(first, first + count)
    ]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> list[Corpus]:
    """Corpora of two members, with an article in common."""
    folder = tmp_path_factory.mktemp("corpora")
    return [
        Corpus.open(str(corpus_of(folder / str(first), rows(first, count))))
        for first, count in ((0, 40), (39, 50))
    ]


@pytest.fixture(scope="module")
def sealed(corpora: list[Corpus], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sealed")
    for number, corpus in enumerate(corpora):
        seal(corpus, SealKey(SECRET), str(folder / str(number)), STORAGE)
    return [folder / str(number) for number in range(len(corpora))]


def key_file(folder: Path, data: bytes = SECRET, mode: int = 0o600) -> Path:
    path = folder / "key"
    path.write_bytes(data)
    path.chmod(mode)
    return path


def hashes_in(folder: Path) -> set[int]:
    """All numbers of 64 bits in the arrays of a corpus."""
    found = set[int]()
    for path in folder.rglob("*.npy"):
        array = layout.load(path)
        if array.dtype.itemsize == 8 and path.name != "directory.npy":
            # Places have numbers of articles in a second row.
            found.update((array[0] if array.ndim > 1 else array).view(np.uint64).tolist())
    return found - {0}


def open_hashes(corpus: Corpus) -> set[int]:
    """Hashes that anyone can calculate from the texts, hosts and URLs of a corpus."""
    bodies = [word_hashes(corpus.body(ordinal)) for ordinal in range(len(corpus))]
    found = {value for words in bodies for value in (*words.tolist(), *shingle_hashes(words).tolist())}
    hosts = {*corpus.sites.sites, "autre.example"}
    found |= set(host_table(hosts).tolist())
    for row in corpus.each("url", "alternate_urls"):
        found |= {url_hash(str(normalise_url(url))) for url in urls_of(*row)}
    return found


def readable(corpus: Corpus) -> set[bytes]:
    """Everything that someone could recognize: words, ids, dates, addresses, names."""
    texts = [(corpus.folder / "members.yaml").read_text("utf-8")]
    for row in corpus.each("article_id", "url", "headline", "body", "published_at", "alternate_urls"):
        texts += map(str, row)
        texts += re.findall(r"a\d{5}|\d{4}-\d\d-\d\d|https?://[^']+", str(row))
    words = {word for each in texts for word in re.findall(r"\w{5,}", each)}
    words |= {each for each in texts if len(each) >= 5} | {corpus.manifest.digest}
    return {form.encode() for word in words for form in (word, word.lower())}


def test_a_sealed_corpus_has_nothing_that_can_be_read_or_looked_up(
    corpora: list[Corpus], sealed: list[Path]
) -> None:
    for corpus, folder in zip(corpora, sealed, strict=True):
        wanted = readable(corpus)
        assert len(wanted) > 300
        for path in filter(Path.is_file, folder.rglob("*")):
            data = path.read_bytes()
            if path.name == "manifest.json":
                # Names of fields are those of any corpus.
                data = b" ".join(re.findall(rb": ([^{\n]+)", data))
            for body in (data, data.lower(), _inflated(data)):
                assert not [each for each in wanted if each in body], path
        assert not hashes_in(folder) & open_hashes(corpus)
        assert len(hashes_in(folder)) > 500
        assert open_hashes(corpus) & hashes_in(corpus.folder), "the same search finds the open corpus"
    assert {path.name for path in sealed[0].iterdir()} == {"manifest.json", "index", "sites"}


def _inflated(data: bytes) -> bytes:
    found = b""
    for start in (match.start() for match in re.finditer(rb"\x1f\x8b|\x78[\x01\x9c\xda]", data)):
        try:
            found += zlib.decompressobj(47).decompress(data[start:])
        except zlib.error:
            continue
    return found


def test_the_same_key_gives_the_same_bytes_and_another_one_no_common_hash(
    corpora: list[Corpus], sealed: list[Path], tmp_path: Path
) -> None:
    again = seal(corpora[0], SealKey(SECRET), str(tmp_path / "again"), STORAGE)
    assert again.digest == SealedCorpus.open(str(sealed[0])).manifest.digest
    other = seal(corpora[0], SealKey(OTHER), str(tmp_path / "other"), STORAGE)
    assert not hashes_in(tmp_path / "other") & hashes_in(sealed[0])
    assert other.key_fingerprint != again.key_fingerprint
    assert other.parts[0].fingerprint != again.parts[0].fingerprint
    assert SECRET.hex() not in (tmp_path / "again/manifest.json").read_text()


def test_numbers_of_articles_depend_on_the_key_and_lead_back_with_it(corpora: list[Corpus]) -> None:
    corpus = corpora[0]
    numbers = article_numbers(corpus, SealKey(SECRET))
    assert sorted(numbers.tolist()) == list(range(len(corpus)))
    assert numbers.tolist() != article_numbers(corpus, SealKey(OTHER)).tolist()
    key = SealKey(SECRET)
    ids = sorted((corpus.article_id(ordinal) for ordinal in range(len(corpus))), key=key.article)
    assert [ids[number] for number in numbers] == [corpus.article_id(n) for n in range(len(corpus))]


def test_a_sealed_index_has_the_shingles_and_articles_of_the_open_one(
    corpora: list[Corpus], sealed: list[Path]
) -> None:
    for corpus, folder in zip(corpora, sealed, strict=True):
        key = SealKey(SECRET)
        index, numbers = SealedCorpus.open(str(folder)).index(key), article_numbers(corpus, key)
        assert len(index.hashes) == len(corpus.index.hashes) == corpus.manifest.counts.shingles
        np.testing.assert_array_equal(index.filter, corpus.index.filter)
        np.testing.assert_array_equal(np.sort(decrypt(index.hashes, key.shingles)), corpus.index.hashes)
        by_article = np.bincount(index.articles, minlength=len(corpus))
        assert by_article[numbers].tolist() == np.bincount(corpus.index.articles).tolist()


def test_joined_corpora_answer_as_each_of_them(sealed: list[Path], tmp_path: Path) -> None:
    paths = [str(path) for path in sealed]
    manifest = join(paths[::-1], str(tmp_path / "joined"), STORAGE)
    assert manifest == join(paths, str(tmp_path / "again"), STORAGE)
    joined, key = SealedCorpus.open(str(tmp_path / "joined")), SealKey(SECRET)
    parts = {corpus.manifest.parts[0]: corpus for corpus in map(SealedCorpus.open, paths)}
    first = 0
    for number, part in enumerate(joined.manifest.parts):
        own, of_part = parts[part], joined.articles - np.uint32(first) < part.articles
        np.testing.assert_array_equal(joined.hashes[of_part], own.hashes)
        np.testing.assert_array_equal(joined.articles[of_part] - np.uint32(first), own.articles)
        sites, theirs = KeyedSites(joined, key), KeyedSites(own, key)
        for url in (
            "https://www.courrier.example/une/39",
            "https://autre.example/3",
            "http://hebdo.example/",
        ):
            of_part = {
                owner - first if owner < SITE else owner - number
                for owner in sites.owners(url)
                if owner == SITE + number or first <= owner < first + part.articles
            }
            assert of_part == theirs.owners(url)
        first += part.articles
    assert first == len(joined) == 90
    assert len(joined.hashes) == sum(len(each.hashes) for each in parts.values())
    with pytest.raises(CorpusError, match="joined twice"):
        join([paths[0], str(tmp_path / "joined")], str(tmp_path / "twice"), STORAGE)


def test_corpora_of_two_keys_are_not_joined(
    corpora: list[Corpus], sealed: list[Path], tmp_path: Path
) -> None:
    seal(corpora[1], SealKey(OTHER), str(tmp_path / "other"), STORAGE)
    with pytest.raises(ConfigError, match="other keys or settings"):
        join([str(sealed[0]), str(tmp_path / "other")], str(tmp_path / "joined"), STORAGE)
    assert not (tmp_path / "joined").exists()


@pytest.mark.parametrize(
    ("data", "mode", "why"),
    [
        (bytes(32), 0o600, "not random"),
        (bytes(range(64)), 0o600, "not random"),
        (b"ab" * 32, 0o600, "not random"),
        (b"abcdefgh" * 4, 0o600, "is text"),
        ("clé secrète, très longue, et que personne ne devine".encode(), 0o600, "is text"),
        (b"correct horse battery staple, and more words\n", 0o600, "is text"),
        (SECRET[:31], 0o600, "has 31 bytes"),
        (SECRET[:16].hex().encode(), 0o600, "has 16 bytes"),
        (b"", 0o600, "has 0 bytes"),
        (SECRET * 200, 0o600, "needs 32 to"),
        (SECRET, 0o640, "may read the key"),
        (SECRET, 0o604, "may read the key"),
    ],
    ids=str,
)
def test_keys_that_others_may_read_or_guess_are_refused(
    tmp_path: Path, data: bytes, mode: int, why: str
) -> None:
    path = key_file(tmp_path, data, mode)
    with pytest.raises(ConfigError, match=why) as caught:
        KeySource(str(path)).read(STORAGE)
    assert not data or data.hex() not in str(caught.value)


def test_a_key_is_read_from_bytes_or_digits_and_stays_in_its_process(tmp_path: Path) -> None:
    key = KeySource(str(key_file(tmp_path))).read(STORAGE)
    digits = KeySource(str(key_file(tmp_path, SECRET.hex().encode() + b"\n"))).read(STORAGE)
    assert key.fingerprint == digits.fingerprint
    np.testing.assert_array_equal(key.shingles, digits.shingles)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in ("pipe", "none", "."):
        with pytest.raises(ConfigError):
            KeySource(str(tmp_path / path)).read(STORAGE)


def test_hashes_are_encrypted_by_speck() -> None:
    # From the paper, Appendix C: Speck64/128.
    keys = round_keys(bytes.fromhex("00010203 08090a0b 10111213 18191a1b"))
    plain, sealed = (np.array([value], np.uint64) for value in (0x3B7265747475432D, 0x8C6FA548454E028B))
    assert encrypt(plain, keys) == sealed
    assert decrypt(sealed, keys) == plain


def test_commands_seal_join_and_describe(corpora: list[Corpus], tmp_path: Path) -> None:
    key, (one, two) = key_file(tmp_path), (str(corpus.folder) for corpus in corpora)
    for name, corpus in (("one", one), ("two", two)):
        said = presswatch("corpus", "seal", "--key-file", key, "--out", tmp_path / name, corpus)
        assert f"key {SealKey(SECRET).fingerprint}" in said
    said = presswatch("corpus", "join", "--out", tmp_path / "all", tmp_path / "one", tmp_path / "two")
    assert said.startswith(f"sealed corpus {tmp_path / 'all'}: 90 articles")
    described = presswatch("corpus", "info", "--check", tmp_path / "all")
    assert described.startswith(said.rstrip("\n"))
    assert '"parts": [' in presswatch("corpus", "info", "--json", tmp_path / "all")
    for command, why in (
        (("corpus seal", one, "--out", tmp_path / "x"), "--key-file or --key-secret"),
        (("corpus seal", tmp_path / "one", "--key-file", key, "--out", tmp_path / "x"), "is sealed"),
        (
            ("census --release", f"{one}/articles", "--corpus", tmp_path / "one", "--out", tmp_path / "x"),
            "is sealed",
        ),
        (("corpus join", one, "--out", tmp_path / "x"), "is not sealed"),
    ):
        failed = outcome(*command)
        assert failed.code
        assert why in failed.err
    shutil.rmtree(tmp_path / "all/index")
    assert "missing" in outcome("corpus info", tmp_path / "all").err


HUGE_HEADER = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<u8', 'fortran_order': False, 'shape': (%d,), }" % (
    1 << 60
)
HOSTILE = {
    HASHES: (
        np.full(3, np.nan), np.zeros(2, np.uint64), np.zeros((3, 1), np.uint64), b"", HUGE_HEADER.ljust(128),
    ),
    ARTICLES: (np.array([0, 1, 40], np.uint32), np.zeros(3, np.int32)),
    HOSTS: (np.array(["a", None], object), np.zeros(2), Path("/etc/passwd")),
    PLACES: (
        np.zeros(4, np.uint64), np.array([[1], [40]], np.uint64), np.array([[1], [SITE + 1]], np.uint64),
    ),
    "parts": (
        [], None, [{"fingerprint": "\x1b[2J", "articles": 40}], [{"fingerprint": "0" * 32, "articles": 1e3}],
        [{"fingerprint": "0" * 32, "articles": float("nan")}], [{"fingerprint": "0" * 32}], [7],
        [{"fingerprint": "0" * 32, "articles": -1}, {"fingerprint": "1" * 32, "articles": 41}],
    ),
    "key_fingerprint": (5, "a secret text", "A" * 32),
    "site_depth": (1 << 40, -1, "1", None),
    "filter_bits_per_key": (1 << 40, 2.5, True),
    "shingle_stride": ("a secret text", None, 1 << 70),
    "minhash": ({"a": "secret text"}, [1]),
}  # fmt: skip
"""Contents of files of a sealed corpus of 40 articles and three postings, and values of its parameters."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_sealed_corpus_that_may_harm_who_opens_it_is_refused(
    sealed: list[Path], tmp_path: Path, name: str
) -> None:
    shutil.copytree(sealed[0], tmp_path / "sealed")
    np.save(tmp_path / "sealed" / HASHES, np.arange(3, dtype=np.uint64))
    np.save(tmp_path / "sealed" / ARTICLES, np.array([0, 1, 39], np.uint32))
    manifest = SealedCorpus.open(str(sealed[0])).manifest
    (tmp_path / "sealed/manifest.json").unlink()
    counts = replace(manifest.counts, shingles=3)
    write_manifest(tmp_path / "sealed", manifest.parameters, counts)
    assert len(SealedCorpus.open(str(tmp_path / "sealed")).hashes) == 3
    for number, hostile in enumerate(HOSTILE[name]):
        folder, parameters = tmp_path / str(number), dict(manifest.parameters)
        shutil.copytree(tmp_path / "sealed", folder)
        (folder / "manifest.json").unlink()
        if "/" not in name:
            parameters[name] = hostile
        else:
            (folder / name).unlink()
            if isinstance(hostile, np.ndarray):
                np.save(folder / name, hostile)
            elif isinstance(hostile, Path):
                (folder / name).symlink_to(hostile)
            else:
                (folder / name).write_bytes(hostile)
        write_manifest(folder, parameters, counts)
        with pytest.raises(CorpusError) as caught:
            SealedCorpus.open(str(folder))
        assert "\x1b" not in str(caught.value)
