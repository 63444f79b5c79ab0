"""The quality bench itself: pages are what their kinds claim, and its truth is the reference's."""

import random
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

import pytest

from benchmarks.quality import edits, material, negatives, plant
from benchmarks.quality.cut import cut
from benchmarks.quality.material import Material
from benchmarks.quality.negatives import Commonplaces
from benchmarks.quality.pages import Planted
from benchmarks.quality.score import Bench
from benchmarks.quality.truth import Common, common_pairs
from presswatch_spark.cli.demo.generate import DemoArticle
from tests.reference.runs import covered, longest

pytestmark = pytest.mark.slow

SEED, PER_KIND = 5, 4
Copies = dict[str, list[tuple[Planted, str, Common]]]
"""By kind: page, article, and what they share."""
Dressed = tuple[tuple[DemoArticle, ...], Commonplaces]
IN_ANOTHER_ORDER = ("shuffled sentences", plant.MERGED)


@pytest.fixture(scope="module")
def stuff() -> Material:
    return material.load(None, 60, SEED)


@pytest.fixture(scope="module")
def dressed(stuff: Material) -> Dressed:
    return negatives.dressed(stuff, SEED)


@pytest.fixture(scope="module")
def bench(stuff: Material, dressed: Dressed) -> Bench:
    articles, common = dressed
    pages = [
        *plant.planted(articles, stuff.filler, PER_KIND, SEED),
        *negatives.negatives(stuff, articles, common, PER_KIND, SEED),
    ]
    texts = {article.article_id: article.body for article in articles}
    return Bench(pages, texts, common_pairs({page.url: page.text for page in pages}, texts))


@pytest.fixture(scope="module")
def copies(bench: Bench) -> Copies:
    found: Copies = defaultdict(list)
    for page in bench.pages:
        for article in page.sources:
            found[page.kind].append((page, article, bench.truth[page.url, article]))
    return found


@pytest.mark.full
def test_every_kind_is_planted_at_urls_of_its_own_and_the_same_again(
    stuff: Material, dressed: Dressed, bench: Bench
) -> None:
    assert {page.kind for page in bench.pages} >= {*plant.KINDS, *negatives.HARD, negatives.UNRELATED}
    assert len({page.url for page in bench.pages}) == len(bench.pages)
    again = list(plant.planted(dressed[0], stuff.filler, PER_KIND, SEED))
    assert again == bench.pages[: len(again)]
    assert material.load(None, 60, SEED) == stuff
    assert list(plant.planted(dressed[0], stuff.filler, PER_KIND, SEED + 1)) != again


def test_words_said_to_be_kept_stand_in_the_page_in_their_order(bench: Bench) -> None:
    for page in bench.pages:
        if page.kind not in IN_ANOTHER_ORDER:
            words = cut(page.text).folded
            for article, kept in page.sources.items():
                folded = cut(bench.articles[article]).folded
                assert is_part([folded[k] for k in sorted(kept)], words), page.kind


def is_part(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether all words of `part` come in `whole`, in that order, with others between them or not."""
    rest = iter(whole)
    return all(word in rest for word in part)


def test_whole_articles_and_quotes_are_common_runs_as_long_as_they_say(copies: Copies) -> None:
    for kind in ("verbatim", "triple boilerplate", "capitals without accents", "NFD", "French typography"):
        assert all(both.longest == both.article_words for _, _, both in copies[kind]), kind
    assert {both.longest for _, _, both in copies[plant.EXACT_QUOTE]} == {11}
    for kind, words in (("quote of 14 words", 14), ("quote of 40 words", 40), ("lead of 80 words", 80)):
        for page, article, both in copies[kind]:
            assert len(page.sources[article]) == words
            # Beside it stands what stands there: now and then the same word by chance.
            assert words <= both.longest <= words + 3
    for kind, times in (("equal boilerplate", 2), ("triple boilerplate", 4)):
        for page, _, both in copies[kind]:
            assert len(cut(page.text)) == pytest.approx(times * both.article_words, abs=90)


def test_edited_copies_keep_their_share_and_misread_words_are_not_kept(bench: Bench, copies: Copies) -> None:
    for kind, least, most in (
        ("5 % of words edited", 0.94, 0.98),
        ("15 % of words edited", 0.84, 0.93),
        ("hyphens at line ends", 0.8, 0.99),
        ("2 % OCR noise", 0.8, 0.96),
        ("5 % OCR noise", 0.65, 0.9),
    ):
        for page, article, both in copies[kind]:
            assert least <= len(page.sources[article]) / both.article_words <= most, kind
            assert both.longest < both.article_words
            assert page.text != bench.articles[article]
    made = edits.scanned("un deux trois quatre " * 50, random.Random(SEED), 0.05)
    kept = [("un", "deux", "trois", "quatre")[k % 4] for k in sorted(made.kept)]
    assert is_part(kept, cut(made.text).folded)
    assert 100 < len(kept) < 200


def test_dress_is_what_it_is_called(copies: Copies) -> None:
    shouted = [page.text for page, _, _ in copies["capitals without accents"]]
    assert all(text == text.upper() and not unicodedata.combining(text[0]) for text in shouted)
    assert all("É" not in text for text in shouted)
    decomposed = [page.text for page, _, _ in copies["NFD"]]
    assert all(unicodedata.is_normalized("NFD", text) for text in decomposed)
    assert not any(unicodedata.is_normalized("NFC", text) for text in decomposed)
    for page, _, _ in copies["French typography"]:
        assert "\u00ad" in page.text
        assert "’" in page.text
    assert all("-\n" in page.text for page, _, _ in copies["hyphens at line ends"])


def test_hard_negatives_share_runs_with_articles_and_unrelated_pages_do_not(
    stuff: Material, dressed: Dressed, bench: Bench
) -> None:
    run_pages = {url for url, _ in bench.runs()}
    for kind in (negatives.FORMULA, negatives.FURNISHED, negatives.OLD_TEXT):
        pages = [page for page in bench.pages if page.kind == kind]
        assert all(page.url in run_pages and not page.sources for page in pages), kind
    assert not any(page.url in run_pages for page in bench.pages if page.kind == negatives.UNRELATED)
    sample = list(negatives.background(stuff, dressed[1], 20, SEED))
    for phrase in (*dressed[1].formulas, *dressed[1].furniture, *dressed[1].passages):
        assert sum(phrase in page.text for page in sample) >= 3
    assert not {page.text for page in sample} & {page.text for page in bench.pages}


def test_the_truth_is_that_of_the_reference() -> None:
    rng = random.Random(SEED)
    documents, articles = (
        {f"{side}{n}": " ".join(rng.choices("ab", k=rng.randint(5, 60))) for n in range(30)} for side in "da"
    )
    truth = common_pairs(documents, articles)
    for document, text in documents.items():
        for article, body in articles.items():
            words, theirs = cut(text).folded, cut(body).folded
            most = longest(words, theirs)
            assert ((document, article) in truth) == (most >= 8)
            if most >= 8:
                both = truth[document, article]
                assert both.longest == most
                assert both.covered == covered(words, theirs, 8)[1]
