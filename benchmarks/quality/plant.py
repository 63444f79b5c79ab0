"""The kinds of copies: what is taken of an article, what is done to it, and how much page is around it."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.quality import edits
from benchmarks.quality.cut import cut
from benchmarks.quality.edits import Edited
from benchmarks.quality.pages import Planted, around, url_for
from presswatch_spark.cli.demo.generate import DemoArticle

LEAST_WORDS = 100
"""Shorter articles are indexed but not planted: a tenth of them edited leaves nothing to speak of."""

ONE_ARTICLE: Mapping[str, tuple[float, Callable[[str, random.Random], Edited]]] = {
    "verbatim": (0, edits.as_it_stands),
    "equal boilerplate": (1, edits.as_it_stands),
    "triple boilerplate": (3, edits.as_it_stands),
    "lead of 80 words": (-400, lambda text, rng: edits.lead(text, rng, 80)),
    "quote of 40 words": (-800, lambda text, rng: edits.excerpt(text, rng, 40)),
    "quote of 14 words": (-400, lambda text, rng: edits.excerpt(text, rng, 14)),
    "capitals without accents": (0, edits.capitals),
    "NFD": (0, edits.decomposed),
    "French typography": (0, edits.typeset),
    "hyphens at line ends": (0, edits.hyphenated),
    "2 % OCR noise": (0, lambda text, rng: edits.scanned(text, rng, 0.02)),
    "5 % OCR noise": (0, lambda text, rng: edits.scanned(text, rng, 0.05)),
    "shuffled sentences": (0, edits.shuffled),
}
"""By kind: words of page around it for each word of it (if negative: words of page in all), and the edit."""

REWORDED = {
    "5 % of words edited": (0.05, 0.0),
    "15 % of words edited": (0.15, 0.0),
    "15 % edited, equal boilerplate": (0.15, 1.0),
}
"""By kind: share of words that are edited, and words of page for each word of it."""

EXACT_QUOTE = "quote of 11 words"
MERGED = "two articles merged"
SEVERAL = "several articles"
OWN_URL = "at the article's own URL"

EDITED_KINDS = frozenset({*REWORDED, "hyphens at line ends", "2 % OCR noise", "5 % OCR noise"})
"""Kinds whose coverage is judged by construction; that of all others by common runs too (see `truth`)."""
NEARLY_ALL = ("15 % of words edited", "15 % edited, equal boilerplate", "5 % OCR noise")
"""Kinds that leave some short articles no run of 11 words; more pages, for a recall of three digits."""
MORE_PAGES = 4
KINDS = (*ONE_ARTICLE, *REWORDED, EXACT_QUOTE, MERGED, SEVERAL, OWN_URL)


def planted(
    articles: Sequence[DemoArticle], filler: Sequence[str], per_kind: int, seed: int
) -> Iterator[Planted]:
    """`per_kind` pages of every kind, each of articles drawn anew; same seed, same pages."""
    fit = [article for article in articles if len(cut(article.body)) >= LEAST_WORDS]
    vocabulary = sorted({word for article in fit[:200] for word in cut(article.body).folded})
    for kind in KINDS:
        rng = random.Random(f"{seed} {kind}")
        for number in range(per_kind * (MORE_PAGES if kind in NEARLY_ALL else 1)):
            url = url_for(kind.replace(" ", "-").replace("%", "pc"), number)
            if kind in ONE_ARTICLE:
                yield _one(kind, url, rng.choice(fit), filler, rng)
            elif kind in REWORDED:
                yield _reworded(kind, url, rng.choice(fit), filler, vocabulary, rng)
            elif kind == EXACT_QUOTE:
                yield _exact_quote(url, rng.choice(fit), filler, rng)
            elif kind == MERGED:
                yield _merged(url, rng.sample(fit, 2), rng)
            elif kind == SEVERAL:
                yield _several(url, rng.sample(fit, rng.randint(3, 6)), filler, rng)
            else:
                article = fit[number * len(fit) // per_kind]
                text = around(filler, rng, 60, article.body)
                kept = frozenset(range(len(cut(article.body))))
                yield Planted(kind, article.url, text, {article.article_id: kept})


def _one(kind: str, url: str, article: DemoArticle, filler: Sequence[str], rng: random.Random) -> Planted:
    page, edit = ONE_ARTICLE[kind]
    # Composed first: what the data holds is not what the edit is about.
    made = edit(unicodedata.normalize("NFC", article.body), rng)
    return _page(kind, url, article, made, filler, rng, page)


def _page(
    kind: str,
    url: str,
    article: DemoArticle,
    made: Edited,
    filler: Sequence[str],
    rng: random.Random,
    page: float,
) -> Planted:
    words = round(page * len(made.kept)) if page >= 0 else round(-page)
    text = around(filler, rng, words, made.text) if words else made.text
    return Planted(kind, url, text, {article.article_id: made.kept})


def _reworded(
    kind: str,
    url: str,
    article: DemoArticle,
    filler: Sequence[str],
    vocabulary: Sequence[str],
    rng: random.Random,
) -> Planted:
    share, page = REWORDED[kind]
    made = edits.reworded(article.body, rng, share, vocabulary)
    return _page(kind, url, article, made, filler, rng, page)


def _exact_quote(url: str, article: DemoArticle, filler: Sequence[str], rng: random.Random) -> Planted:
    """Eleven words and not one more: the words beside them in the page are not those of the article."""
    folded = cut(article.body).folded
    while True:
        made = edits.excerpt(article.body, rng, 11)
        page = _page(EXACT_QUOTE, url, article, made, filler, rng, -400)
        first, last = min(made.kept), max(made.kept)
        before, after = (cut(part).folded for part in page.text.split(f"\n{made.text}\n"))
        if (first == 0 or before[-1] != folded[first - 1]) and (
            last + 1 == len(folded) or after[0] != folded[last + 1]
        ):
            return page


def _merged(url: str, pair: Sequence[DemoArticle], rng: random.Random) -> Planted:
    """Two articles, four sentences of one and four of the other in turn."""
    groups = []
    for article in pair:
        parts = edits.sentences_of(article.body)
        groups.append([" ".join(parts[i : i + 4]) for i in range(0, len(parts), 4)])
    lines = []
    for i in range(max(map(len, groups))):
        lines += [group[i] for group in groups if i < len(group)]
    sources = {article.article_id: frozenset(range(len(cut(article.body)))) for article in pair}
    return Planted(MERGED, url, "\n".join(lines), sources)


def _several(url: str, some: Sequence[DemoArticle], filler: Sequence[str], rng: random.Random) -> Planted:
    """A page of passages of 60 to 100 words, as reviews of the press are."""
    parts = {
        article.article_id: edits.excerpt(article.body, rng, rng.randint(60, LEAST_WORDS)) for article in some
    }
    text = around(filler, rng, 30 * len(parts), *(made.text for made in parts.values()))
    return Planted(SEVERAL, url, text, {name: made.kept for name, made in parts.items()})
