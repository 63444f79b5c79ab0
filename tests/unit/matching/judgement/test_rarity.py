"""Which words of an article are its own, how rare they are, and whose a copied text is."""

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.settings.config import CorpusConfig, OwnershipRules, RarityRules
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.rarity import RarityMeter, WordRarity
from presswatch_spark.reading.text.words import shingle_hashes, word_hashes
from tests.world.corpora import corpus_of, write_jsonl
from tests.world.proofs import cases

PUBLISHERS = ("nord", "ouest", "sud", "est", "midi")
# `nord` publishes editions too.
EDITIONS = [f"nord{k}" for k in range(8)]


def _publisher(name: str, titles: Sequence[str]) -> str:
    listed = ", ".join(f"{{id: {title}, name: {title}, domains: [{title}.example]}}" for title in titles)
    return f"  - {{id: {name}, name: {name}, titles: [{listed}]}}\n"


MEMBERS = "publishers:\n" + "".join(
    _publisher(name, [name, *(EDITIONS if name == "nord" else ())]) for name in PUBLISHERS
)
FORMULA = "le ministre des canaux et des écluses a annoncé ce mardi matin"
LAW = " ".join(f"article{k}" for k in range(60))
RULES = OwnershipRules()


def own(name: str, words: int = 100) -> str:
    """Words that no other text has."""
    return " ".join(f"{name}x{k}" for k in range(words))


def built(
    folder: Path,
    articles: Sequence[tuple[str, str]],
    background: Sequence[dict[str, Any]] = (),
    known: Sequence[Path] = (),
    **fields: Any,
) -> Corpus:
    """A corpus of articles (title, body), whose ids are their places; `fields` change the settings."""
    rows = [
        {"article_id": f"{i:03}", "title_id": publisher, "url": f"https://{publisher}.example/{i}",
         "headline": "", "body": body, "published_at": "2024-05-18"}
        for i, (publisher, body) in enumerate(articles)
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    sample = [write_jsonl(folder / "sample.jsonl", background)] if background else []
    config = CorpusConfig(**fields)
    return Corpus.open(str(corpus_of(folder, rows, config, MEMBERS, background=sample, known=known)))


def standing(corpus: Corpus, ordinal: int, rules: RarityRules | None = None) -> WordRarity:
    around = RarityMeter(corpus.index, corpus.surroundings, rules or RarityRules(), RULES)
    return around.rarity(ordinal, word_hashes(corpus.body(ordinal)))


def span(first: int, words: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([[0, first, words, 0]], np.int64)


def rarity(corpus: Corpus, ordinal: int, first: int, words: int) -> int:
    return standing(corpus, ordinal).judged(span(first, words), 11, RULES)[0]


def ownership(corpus: Corpus, ordinal: int, first: int, words: int) -> str:
    return standing(corpus, ordinal).judged(span(first, words), 11, RULES)[2]


def test_words_that_nobody_else_has_count_by_how_rare_they_are(tmp_path: Path) -> None:
    corpus = built(tmp_path, [("nord", own("a", 64)), ("ouest", own("b", 64))])
    # Each of 128 words occurs once: seven bits.
    assert rarity(corpus, 0, 0, 20) == 20 * 7
    assert ownership(corpus, 0, 0, 20) == "exclusive"
    capped = standing(corpus, 0, RarityRules(word_bits=5))
    assert capped.judged(span(0, 20), 11, RULES)[0] == 20 * 5


def test_a_word_that_is_common_counts_little(tmp_path: Path) -> None:
    body = " ".join(f"de mot{k}" for k in range(64))
    corpus = built(tmp_path, [("nord", body)])
    assert rarity(corpus, 0, 0, 20) == 10 * 1 + 10 * 7


def test_a_formula_of_another_publisher_is_known_and_what_surrounds_it_is_not(tmp_path: Path) -> None:
    bodies = [f"{own(f'p{k}', 20)} {FORMULA} {own(f'q{k}', 20)}" for k in range(8)]
    corpus = built(tmp_path, [("nord" if k == 0 else "ouest", body) for k, body in enumerate(bodies)])
    assert rarity(corpus, 0, 20, 12) == 0
    assert rarity(corpus, 0, 0, 20) > 100
    assert rarity(corpus, 0, 0, 32) == rarity(corpus, 0, 0, 20)


@pytest.mark.parametrize("shifted", [False, True])
def test_furniture_of_one_title_is_known_from_five_other_articles_on(tmp_path: Path, shifted: bool) -> None:
    def corpus(others: int) -> Corpus:
        # The index holds every fourth row of words: here the same rows of the furniture in all, or not.
        bodies = [f"{own(f'p{k}', 20 + shifted * k)} {FORMULA} {own(f'q{k}', 21)}" for k in range(others + 1)]
        return built(tmp_path / str(others), [("nord", body) for body in bodies])

    assert rarity(corpus(4), 0, 20, 12) > 40
    assert rarity(corpus(5), 0, 20, 12) == 0


def test_an_article_that_is_nothing_but_furniture_is_known(tmp_path: Path) -> None:
    furniture = own("f", 40)
    corpus = built(tmp_path, [*[("nord", furniture)] * 7, ("ouest", own("b"))])
    assert corpus.article(0).cluster_id == "000"
    assert rarity(corpus, 0, 0, 40) == 0


def test_editions_of_one_article_do_not_make_it_furniture(tmp_path: Path) -> None:
    bodies = [f"{own('text', 100)} {own(edition, 60)}" for edition in EDITIONS]
    corpus = built(tmp_path, list(zip(EDITIONS, bodies, strict=True)))
    assert corpus.article(0).cluster_id is None
    assert rarity(corpus, 0, 0, 100) > 500
    assert standing(corpus, 0).judged(span(0, 100), 11, RULES)[1:] == (0, "exclusive")


def test_a_text_is_not_made_common_by_its_own_copies(tmp_path: Path) -> None:
    corpus = built(tmp_path, [("nord", own("a")), ("ouest", own("a")), ("sud", own("b"))])
    assert corpus.article(0).cluster_id == "000"
    assert rarity(corpus, 0, 0, 30) > 100
    assert ownership(corpus, 0, 0, 30) == "shared"


def test_what_was_too_common_for_the_index_is_known(tmp_path: Path) -> None:
    bodies = [f"{own(f'p{k}', 20)} {FORMULA} {own(f'q{k}', 20)}" for k in range(4)]
    corpus = built(tmp_path, [("nord", body) for body in bodies], max_articles_per_shingle=2)
    assert corpus.manifest.counts.suppressed > 0
    assert rarity(corpus, 0, 20, 12) == 0


def test_ownership_is_that_of_the_copied_words_not_of_the_whole_article(tmp_path: Path) -> None:
    bodies = [("nord", f"{own('a')} {own('b')}"), ("ouest", f"{own('c')} {own('b')}")]
    corpus = built(tmp_path, bodies)
    assert ownership(corpus, 0, 0, 100) == "exclusive"
    assert ownership(corpus, 0, 100, 100) == "shared"


@pytest.mark.parametrize("shifted", [False, True])
def test_what_three_other_publishers_have_is_an_agencys(tmp_path: Path, shifted: bool) -> None:
    words = [100 + shifted * k for k in range(4)]
    bodies = [(PUBLISHERS[k], f"{own(PUBLISHERS[k], words[k])} {own('b')}") for k in range(4)]
    assert ownership(built(tmp_path / "4", bodies), 0, 100, 100) == "agency"
    assert ownership(built(tmp_path / "3", bodies[:3]), 0, 100, 100) == "shared"


@cases(
    ("name", "owner"),
    [
        ("(AFP)", "agency"),
        ("selon l’Agence France-Presse", "agency"),
        ("reuters", "agency"),
        ("agence France presses reutersx", "shared"),
    ],
)
def test_an_article_that_names_an_agency_is_an_agencys_and_so_is_its_cluster(
    tmp_path: Path, name: str, owner: str
) -> None:
    named, unnamed = f"{own('a')} {name}", own("a")
    corpus = built(tmp_path, [("nord", named), ("ouest", unnamed), ("sud", own("b"))])
    assert [ownership(corpus, i, 0, 50) for i in range(3)] == [owner, owner, "exclusive"]


def pages(*texts: str, host: str = "web{}.example") -> list[dict[str, Any]]:
    return [{"url": f"https://{host.format(k)}/p", "text": text} for k, text in enumerate(texts)]


def test_copied_words_that_another_publisher_has_are_counted(tmp_path: Path) -> None:
    corpus = built(tmp_path, [("nord", f"{own('a')} {own('b')}"), ("ouest", f"{own('c')} {own('b', 40)}")])
    assert standing(corpus, 0).judged(span(0, 200), 11, RULES)[1:] == (40, "exclusive")


def test_what_stands_on_three_domains_of_the_background_is_known(tmp_path: Path) -> None:
    articles = [("nord", f"{own('a', 200)} {LAW} {own('b', 200)}")]

    def of(name: str, sample: list[dict[str, Any]]) -> int:
        return rarity(built(tmp_path / name, articles, sample), 0, 200, 60)

    quoting = [f"{own(f'w{k}', 30)} {LAW}" for k in range(3)]
    alone = of("none", [])
    assert alone > 400
    assert of("two", pages(*quoting[:2])) == alone
    # The index holds every fourth row of words: three at either end may be left.
    assert of("three", pages(*quoting)) <= 6 * 9
    assert of("one domain", pages(*quoting, host="web{}.web.example")) == alone
    assert of("members", pages(*quoting[:2]) + pages(quoting[2], host="sud.example")) == alone


def test_pages_that_copy_an_article_do_not_make_it_common(tmp_path: Path) -> None:
    body = own("a", 200)
    corpus = built(tmp_path, [("nord", body)], pages(body, body[:900], body, body))
    assert rarity(corpus, 0, 0, 50) > 300
    assert corpus.manifest.counts.background_documents == 4


@pytest.mark.parametrize(
    ("captured", "copied"), [("2019-01-01", False), ("2024-05-17", False), ("2024-05-18", True)]
)
def test_pages_that_are_older_than_an_article_did_not_copy_it(
    tmp_path: Path, captured: str, copied: bool
) -> None:
    body = own("a", 200)
    sample = [page | {"timestamp": f"{captured}T00:00:00Z"} for page in pages(body, body, body)]
    corpus = built(tmp_path, [("nord", body)], sample)
    assert (rarity(corpus, 0, 0, 200) > 0) == copied


def test_one_occurrence_in_a_known_text_is_enough(tmp_path: Path) -> None:
    articles = [("nord", f"{own('a', 200)} {LAW} {own('b', 200)}"), ("ouest", own("c", 60))]
    law = tmp_path / "law.txt"
    law.write_text(f"{own('preamble', 9)} {LAW} {own('annex', 9)}", "utf-8")
    corpus = built(tmp_path / "with", articles, known=[law])
    # The index holds every fourth row of words: three at either end may be left.
    assert rarity(corpus, 0, 200, 60) <= 6 * 9
    assert rarity(corpus, 0, 0, 200) == rarity(built(tmp_path / "without", articles), 0, 0, 200)
    assert ownership(corpus, 0, 200, 60) == "exclusive"
    counts = corpus.manifest.counts
    assert counts.known_texts == 1
    assert 13 <= counts.known_shingles <= 15
    assert (counts.background_documents, counts.background_shingles) == (0, 0)


def test_a_known_text_and_a_background_are_counted_apart(tmp_path: Path) -> None:
    articles = [("nord", f"{own('a', 40)} {LAW} {own('b', 40)} {FORMULA} {own('c', 80)}")]
    law = write_jsonl(tmp_path / "laws.jsonl", [{"text": LAW}, {"text": own("other")}])
    sample = pages(f"{own('w', 30)} {LAW} {FORMULA}")
    both = built(tmp_path / "both", articles, sample, [law]).manifest.counts
    alone = built(tmp_path / "alone", articles, sample).manifest.counts
    assert both.known_texts == 2
    assert both.background_documents == alone.background_documents == 1
    assert both.background_shingles + both.known_shingles == alone.background_shingles
    assert both.known_shingles > 0
    assert both.background_shingles > 0
    assert (alone.known_texts, alone.known_shingles) == (0, 0)


def test_a_known_text_that_is_cut_fails_the_build(tmp_path: Path) -> None:
    law = tmp_path / "law.txt.gz"
    law.write_bytes(gzip.compress(LAW.encode())[:-9])
    with pytest.raises(CorruptError, match=r"law\.txt\.gz: the known text cannot be read to its end"):
        built(tmp_path / "a", [("nord", own("a"))], known=[law])
    assert not (tmp_path / "a" / "corpus").exists()


def test_a_damaged_background_fails_the_build(tmp_path: Path) -> None:
    sample = tmp_path / "sample.jsonl"
    sample.write_text(json.dumps({"text": "a b", "url": "http://x.example"}) + "\n{\n")
    row = {"article_id": "1", "title_id": "nord", "url": "", "body": own("a")}
    with pytest.raises(CorruptError, match="background shard cannot be read to its end"):
        corpus_of(tmp_path, [row], members=MEMBERS, background=[sample])
    assert not (tmp_path / "corpus").exists()


def test_sums_are_those_of_the_definition(tmp_path: Path) -> None:
    draw = random.Random("standing")
    parts = [own(f"part{k}", draw.choice((8, 9, 11, 14))) for k in range(40)]
    owners = [*PUBLISHERS, "nord", *EDITIONS]
    articles = [
        (draw.choice(owners), " ".join(draw.choice(parts) for _ in range(draw.randint(1, 9))))
        for _ in range(90)
    ]
    sample = pages(*[f"{own(f'w{k}', 9)} {parts[k % 7]} {parts[k % 3]}" for k in range(12)])
    corpus, rules = built(tmp_path, articles, sample), RarityRules()
    sums = [standing(corpus, ordinal, rules).sums for ordinal in range(len(corpus))]
    expected = [_sums_as_defined(corpus, ordinal, rules) for ordinal in range(len(corpus))]
    assert [each.tolist() for each in sums] == [each.tolist() for each in expected]
    # Some words of each kind, and some that are not.
    shares = np.concatenate([np.diff(each[:, 1:], axis=0) for each in expected]).mean(axis=0)
    assert (shares > 0.05).all()
    assert (shares < 0.95).all()


def _sums_as_defined(corpus: Corpus, ordinal: int, rules: RarityRules) -> np.ndarray[Any, np.dtype[np.int64]]:
    index, around = corpus.index, corpus.surroundings
    words = word_hashes(corpus.body(ordinal))
    shingles = shingle_hashes(words).tolist()
    publisher, title, cluster = around.publishers[ordinal], around.titles[ordinal], around.clusters[ordinal]
    others, unrelated, same_title = (list[set[int]](set() for _ in shingles) for _ in range(3))
    known, shared, wide = (np.zeros(len(words), np.bool_) for _ in range(3))
    for w, shingle in enumerate(shingles):
        for article in index.articles[index.hashes == shingle].tolist():
            if around.publishers[article] != publisher:
                others[w].add(int(around.publishers[article]))
                if cluster < 0 or around.clusters[article] != cluster:
                    unrelated[w].add(int(around.publishers[article]))
            elif article != ordinal and around.titles[article] == title:
                same_title[w].add(article)
        domains = around.domains[around.background == shingle]
        known[w : w + 8] |= len(domains) > 0 and domains[0] >= rules.known_domains
        shared[w : w + 8] |= bool(others[w])
        if shingle in around.suppressed:
            for marks in (known, shared, wide):
                marks[w : w + 8] = True
    for marks, sharers, enough in (
        (known, unrelated, rules.known_publishers),
        (known, same_title, rules.known_articles),
        (wide, others, RULES.agency_publishers),
    ):
        for w in range(len(shingles)):
            near = [v for v in range(max(0, w - 3), w + 1) if sharers[v]]
            if sharers[w] and len(set().union(*(sharers[v] for v in near))) >= enough:
                marks[near[0] : w + 8] = True
    bits = np.minimum(around.bits[np.searchsorted(around.vocabulary, words)], rules.word_bits)
    columns = np.stack((np.where(known, 0, bits), shared, wide), axis=1)
    return np.concatenate((np.zeros((1, 3), np.int64), np.cumsum(columns, axis=0)))


def test_one_more_unrelated_text_never_raises_the_rarity(tmp_path: Path) -> None:
    articles = [("nord", f"{own('a', 60)} {LAW} {own('b', 60)}"), ("ouest", own("c", 200))]
    before = built(tmp_path / "before", articles)
    after = built(tmp_path / "after", articles, pages(*[f"{own(f'w{k}', 9)} {LAW}" for k in range(4)]))
    for first in range(0, 160, 7):
        assert rarity(after, 0, first, 20) <= rarity(before, 0, first, 20)
