"""The bench of claims: its bounds, what it takes for exclusive, and what it reports as broken."""

from collections import Counter

import pytest

from benchmarks.quality.claimed import PAPER, PART, WHOLE, bounds, broken, exclusive, figures
from presswatch_spark.cli.demo.generate import DemoArticle
from tests.world import prose
from tests.world.proofs import cases


@cases(
    ("found", "of", "low", "high"),
    [
        # With no failure the upper bound is 1 - .025 ** (1 / n); with one, as published tables give it.
        (0, 100, 0.0, 1 - 0.025**0.01),
        (100, 100, 0.025**0.01, 1.0),
        (1, 10, 0.0025, 0.4450),
        (5, 20, 0.0866, 0.4910),
    ],
)
def test_the_bounds_are_those_of_clopper_and_pearson(found: int, of: int, low: float, high: float) -> None:
    assert bounds(found, of) == pytest.approx((low, high), abs=5e-5)


def test_an_article_with_words_of_another_title_or_an_agency_is_not_exclusive() -> None:
    alone, other, shared = prose.articles(3, 7, words=(250, 300))
    alone, other, shared = (
        _of("one", alone, alone.body),
        _of("two", other, f"{other.body}\n{' '.join(shared.body.split()[20:40])}"),
        _of("one", shared, shared.body),
    )
    assert exclusive([alone, shared], [alone, other, shared]) == [alone]
    (article,) = prose.articles(1, 7, words=(250, 300))
    assert exclusive([article], [article])
    named = _of("one", article, f"{article.body} (avec AFP)")
    assert exclusive([named], [named]) == []


def test_a_certain_claim_on_another_paper_and_too_few_on_copies_are_broken_promises() -> None:
    counts = {PAPER: Counter(C=9, B=1), WHOLE: Counter(A=95, C=5), PART: Counter(A=80, C=10, missed=10)}
    lines = list(broken(counts))
    assert [line.partition(":")[0] for line in lines] == [PAPER, PART]
    false = figures(counts)["false"]
    assert (false["A"]["found"], false["B"]["found"], false["B"]["of"]) == (0, 1, 1)


def _of(title: str, article: DemoArticle, body: str) -> DemoArticle:
    return DemoArticle(
        article_id=f"{title}-{article.article_id}", title_id=title, url=article.url,
        headline=article.headline, body=body, published_at=article.published_at, authors=(),
    )  # fmt: skip
