"""Pages that share words with articles and copied none: formulas, furniture, old texts, press of others.

Some of that is in the press as it stands. The rest is put into members' articles first, since the bench must
know of it: formulas written for it, furniture of sites, and old texts that an article quotes.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from benchmarks.quality.cut import cut
from benchmarks.quality.material import Material, publisher_of
from benchmarks.quality.pages import Planted, around, url_for
from benchmarks.quality.truth import RUN, Common, common_pairs
from presswatch_spark.cli.demo.generate import DemoArticle

_WRITTEN = yaml.safe_load(Path(__file__).with_name("commonplaces.yaml").read_text(encoding="utf-8"))
FORMULAS: tuple[str, ...] = tuple(_WRITTEN["formulas"])
FURNITURE: tuple[str, ...] = tuple(_WRITTEN["furniture"])
FORMULA_ARTICLES = (1, 2, 5, 12)
FURNITURE_ARTICLES = (1, 4, 20, 40)
SHARED_AT_MOST, COVERED_AT_MOST = 40, 0.2
"""Other press that shares a longer run with an article, or more of it, carries the same agency text: no
negative, and a kind of its own."""

FORMULA, FURNISHED, OLD_TEXT = "formulas", "page furniture", "public-domain text"
OTHER_PRESS, SAME_TEXT, UNRELATED = "other press, same events", "other press, agency copy", "unrelated"
UNSEEN = "articles in scripts only"
HARD = (FORMULA, FURNISHED, OLD_TEXT, OTHER_PRESS, UNSEEN)
"""Kinds of which no row may be graded A or B."""


@dataclass(frozen=True, slots=True)
class Commonplaces:
    """What stands in articles and everywhere else: formulas, furniture, old texts."""

    formulas: tuple[str, ...]
    furniture: tuple[str, ...]
    passages: tuple[str, ...]


def dressed(material: Material, seed: int) -> tuple[tuple[DemoArticle, ...], Commonplaces]:
    """Members' articles with commonplaces put into some of them, and all commonplaces."""
    rng = random.Random(f"dress {seed}")
    bodies = [article.body for article in material.members]
    formulas, furniture = _found(material.members)
    for number, formula in enumerate(FORMULAS):
        for i in _some(rng, range(len(bodies)), FORMULA_ARTICLES[number % len(FORMULA_ARTICLES)]):
            lines = bodies[i].split("\n")
            lines.insert(rng.randint(0, len(lines)), formula)
            bodies[i] = "\n".join(lines)
    titles = sorted({article.title_id for article in material.members})
    for number, line in enumerate(FURNITURE):
        title = titles[number % len(titles)]
        own = [i for i, article in enumerate(material.members) if article.title_id == title]
        for i in _some(rng, own, FURNITURE_ARTICLES[number % len(FURNITURE_ARTICLES)]):
            bodies[i] = f"{bodies[i]}\n{line}"
    for passage in material.passages:
        [i] = _some(rng, range(len(bodies)), 1)
        lines = bodies[i].split("\n")
        lines.insert(len(lines) // 2, f"« {passage} »")
        bodies[i] = "\n".join(lines)
    articles = tuple(replace(a, body=body) for a, body in zip(material.members, bodies, strict=True))
    return articles, Commonplaces((*FORMULAS, *formulas), (*FURNITURE, *furniture), material.passages)


def _some(rng: random.Random, places: Sequence[int], count: int) -> list[int]:
    return rng.sample(places, min(count, len(places)))


def _found(members: Sequence[DemoArticle]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Runs that articles of several publishers, or many of one title, share without sharing a text."""
    texts = {article.article_id: article.body for article in members}
    titles = {article.article_id: article.title_id for article in members}
    holders: dict[tuple[str, ...], set[str]] = defaultdict(set)
    kin: dict[str, set[str]] = defaultdict(set)
    for (first, second), common in common_pairs(texts, texts).items():
        if first != second and common.longest >= RUN:
            if _same_text(common):
                kin[first].add(second)
            else:
                words = cut(texts[second]).folded
                start = min(common.covered)
                holders[tuple(words[start : start + RUN])] |= {first, second}
    formulas, furniture = [], []
    for run, names in sorted(holders.items()):
        apart = {name for name in names if not kin[name] & names}
        if len({publisher_of(titles[name]) for name in apart}) > 1:
            formulas.append(" ".join(run))
        elif len(apart) > 2:
            furniture.append(" ".join(run))
    return tuple(formulas[:60]), tuple(furniture[:60])


def negatives(
    material: Material, articles: Sequence[DemoArticle], common: Commonplaces, per_kind: int, seed: int
) -> Iterator[Planted]:
    """`per_kind` pages of each kind, and all the other press there is."""
    rng = random.Random(f"negatives {seed}")
    for number in range(per_kind):
        parts = rng.sample(common.formulas, 2)
        yield _page(FORMULA, number, around(material.filler, rng, 300, *parts))
        parts = rng.sample(common.furniture, 3)
        yield _page(FURNISHED, number, around(material.filler, rng, 300, *parts))
        parts = [common.passages[number % len(common.passages)]]
        yield _page(OLD_TEXT, number, around(material.filler, rng, 300, *parts))
        yield _page(UNRELATED, number, around(material.filler, rng, 500))
        yield _page(UNSEEN, number, around(material.filler, rng, 200))
    texts = {article.article_id: article.body for article in material.other_press}
    shared = common_pairs(texts, {article.article_id: article.body for article in articles})
    copies = {name for (name, _), both in shared.items() if _same_text(both)}
    for article in material.other_press:
        kind = SAME_TEXT if article.article_id in copies else OTHER_PRESS
        yield Planted(kind, f"{article.url}?{article.article_id}", article.body, {})


def with_decoys(pages: Iterable[Planted], articles: Sequence[DemoArticle], seed: int) -> Iterator[Planted]:
    """The pages, each with texts of articles that nobody sees on it: of its own, or of any."""
    texts = {article.article_id: article.body for article in articles}
    for page in pages:
        rng = random.Random(f"decoys {seed} {page.url}")
        own = rng.sample(sorted(page.sources), min(len(page.sources), rng.randint(0, 1)))
        names = [*own, *rng.sample(sorted(texts), 3 if page.kind == UNSEEN else rng.randint(0, 1))]
        yield replace(page, decoys=tuple(texts[name] for name in names))


def _same_text(both: Common) -> bool:
    return both.longest > SHARED_AT_MOST or both.coverage() > COVERED_AT_MOST


def _page(kind: str, number: int, text: str) -> Planted:
    return Planted(kind, url_for(kind.replace(" ", "-"), number), text, {})


def background(material: Material, common: Commonplaces, pages: int, seed: int) -> Iterator[Planted]:
    """Pages of a sample of the web: other hosts, other filler, the same commonplaces, and other press.

    A commonplace stands on three or more of them.
    """
    rng = random.Random(f"background {seed}")
    places = [*common.formulas, *common.furniture, *common.passages]
    for number in range(max(pages, len(places))):
        parts = [places[(number + step) % len(places)] for step in (0, 7, 19)]
        text = around(material.background_filler, rng, 300, *parts)
        yield Planted("background", f"https://elsewhere-{number}.example/page", text, {})
    for article in material.background_press:
        yield Planted("background", article.url, article.body, {})
