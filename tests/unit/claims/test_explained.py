"""Explained words, against the same rules written with Python's sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np
import pytest

from presswatch_spark.claims.other_sources import (
    COLUMNS,
    CREDITED,
    EARLY,
    NOWHERE,
    OF_PRESS,
    PRINTED,
    SOURCES,
    Limits,
    explained,
)
from tests.world.proofs import each_time

LIMITS = Limits(passage_words=11, rest_share=0.1, holder_share=0.5, least_run=11)


@dataclass
class Page:
    spans: list[tuple[int, int]]
    domain: int = NOWHERE
    facts: int = 0
    words: set[int] = field(init=False)

    def __post_init__(self) -> None:
        self.words = {w for first, after in self.spans for w in range(first, after)}


def judged(
    pages: Sequence[Page], words: int, known: set[int] | None = None, sums: np.ndarray | None = None
) -> list[dict[str, int]]:
    bounds = np.cumsum([0, *(len(page.spans) for page in pages)])
    spans = np.array([span for page in pages for span in page.spans], np.int64).reshape(-1, 2)
    marks = np.zeros(words, np.bool_)
    marks[sorted(known or ())] = True
    each = np.repeat(np.array([[12, 0, 0]], np.int32), words, 0)
    sums = (
        np.concatenate([np.zeros((1, 3), np.int32), np.cumsum(each, 0, dtype=np.int32)])
        if sums is None
        else sums
    )
    domains, facts = (
        np.array([getattr(page, name) for page in pages], np.int64) for name in ("domain", "facts")
    )
    found = explained(
        words, bounds, np.ascontiguousarray(spans[:, 0]), np.ascontiguousarray(spans[:, 1]), domains, facts,
        marks, sums, LIMITS,
    )  # fmt: skip
    return [dict(zip(COLUMNS, row, strict=True)) for row in found.tolist()]


def sources_of(row: dict[str, int]) -> list[str]:
    return [name for k, name in enumerate(SOURCES) if row["sources"] >> k & 1]


def by_sets(pages: Sequence[Page], words: int, known: set[int], sums: np.ndarray) -> list[dict[str, int]]:
    """The rules as the module's docstring states them, one page after the other."""
    found = []
    domains = sorted({page.domain for page in pages} - {NOWHERE})
    has = {d: set[int]().union(*(page.words for page in pages if page.domain == d)) for d in domains}
    for number, page in enumerate(pages):
        others = [other for k, other in enumerate(pages) if k != number]
        witnesses = [d for d in domains if d != page.domain and len(has[d] & page.words) >= 11]
        shared = page.words & set[int]().union(*(has[d] for d in witnesses))
        rest = set(range(words)) - shared
        common = set[int]()
        if shared and len(rest) >= 0.1 * words:
            lacking = [d for d in witnesses if len(has[d] & rest) < 0.5 * len(rest)]
            own_lacks = page.domain != NOWHERE and len(has[page.domain] & rest) < 0.5 * len(rest)
            least = 1 if own_lacks else 2
            common = {w for w in page.words if sum(w in has[d] for d in lacking) >= least}
        sets = [
            set[int]().union(*(other.words for other in pages if other.facts & EARLY)),
            set[int]().union(*(other.words for other in others if other.facts & CREDITED)),
            set[int]().union(
                *(
                    other.words
                    for other in pages
                    if other.facts & PRINTED and other.domain not in (NOWHERE, page.domain)
                )
            ),
            common,
            known,
        ]
        taken, sources = set[int](), 0
        for k, source in enumerate(sets):
            if len(source & page.words) >= 11:
                sources |= 1 << k
                taken |= source & page.words
        if page.facts & OF_PRESS:
            sources |= 1 << 5
            taken |= page.words
        runs = []
        for first, after in page.spans:
            run: list[int] = []
            for w in range(first, after):
                if w in taken:
                    runs.append(run)
                    run = []
                else:
                    run.append(w)
            runs.append(run)
        beyond = page.words - taken
        bits = np.diff(sums[:, 0])
        found.append(
            {
                "sources": sources,
                "witnesses": len(witnesses),
                "explained": len(taken),
                "beyond": len(beyond),
                "longest_run": max((len(run) for run in runs), default=0),
                "rarity": max((int(bits[run].sum()) for run in runs if len(run) >= 11), default=0),
                "shared": int(sum(np.diff(sums[:, 1])[w] for w in beyond)),
                "wide": int(sum(np.diff(sums[:, 2])[w] for w in beyond)),
            }
        )
    return found


def random_case(random: Random) -> tuple[list[Page], int, set[int], np.ndarray]:
    words = random.choice([12, 63, 64, 65, 130, 300])
    cuts = sorted(random.sample(range(words), min(words, 5)))
    pages = []
    for _ in range(random.randint(1, 9)):
        spans = []
        for _ in range(random.randint(0, 3)):
            # Passages begin and end at few places, so that pages share them.
            first, after = random.choice([0, *cuts]), random.choice([*cuts, words])
            if first < after:
                spans.append((first, after))
        domain = random.choice([NOWHERE, 0, 1, 2, 3])
        facts = random.choice([0, 0, 0, EARLY, CREDITED, PRINTED, PRINTED | OF_PRESS, EARLY | CREDITED])
        pages.append(Page(spans, domain, facts))
    known = set(range(*sorted(random.sample(range(words + 1), 2)))) if random.random() < 0.3 else set()
    generator = np.random.default_rng(random.getrandbits(32))
    each = np.stack(
        [generator.integers(0, 13, words), generator.integers(0, 2, words), generator.integers(0, 2, words)],
        1,
    )
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(each, 0)]).astype(np.int32)
    return pages, words, known, sums


@pytest.mark.parametrize("seed", each_time(range(3), range(20)))
def test_words_are_explained_as_sets_say(seed: int) -> None:
    random = Random(seed)
    for _ in range(100):
        pages, words, known, sums = random_case(random)
        assert judged(pages, words, known, sums) == by_sets(pages, words, known, sums)


def test_short_passages_of_a_long_article_are_held_against_the_domains_that_have_them() -> None:
    random, words = Random(4), 2_000
    begins = [random.randrange(words - 40) for _ in range(12)]
    pages = [
        Page([(begin, begin + random.randrange(11, 40))], number % 40, random.choice([0, 0, CREDITED, EARLY]))
        for number, begin in enumerate(random.choices(begins, k=120))
    ]
    each = np.repeat(np.array([[12, 1, 0]], np.int32), words, 0)
    sums = np.concatenate([np.zeros((1, 3), np.int32), np.cumsum(each, 0, dtype=np.int32)])
    assert judged(pages, words, set(), sums) == by_sets(pages, words, set(), sums)


def test_what_two_domains_share_without_the_rest_has_a_common_source() -> None:
    rows = judged([Page([(0, 100)], 0), Page([(0, 100)], 1)], 400)
    assert [sources_of(row) for row in rows] == [["common_source"], ["common_source"]]
    assert [row["beyond"] for row in rows] == [0, 0]


def test_two_domains_with_the_whole_article_have_it_from_the_article() -> None:
    rows = judged([Page([(0, 400)], 0), Page([(0, 395)], 1)], 400)
    assert [sources_of(row) for row in rows] == [[], []]
    assert [row["witnesses"] for row in rows] == [1, 1]


def test_an_extract_beside_one_whole_copy_is_a_copy() -> None:
    rows = judged([Page([(0, 400)], 0), Page([(0, 100)], 1)], 400)
    assert [sources_of(row) for row in rows] == [[], []]


def test_a_whole_copy_goes_beyond_what_two_others_share() -> None:
    whole, *others = judged([Page([(0, 400)], 0), Page([(0, 100)], 1), Page([(0, 100)], 2)], 400)
    assert sources_of(whole) == ["common_source"]
    assert (whole["explained"], whole["beyond"], whole["longest_run"]) == (100, 300, 300)
    assert [sources_of(row) for row in others] == [["common_source"]] * 2


def test_two_pages_of_one_domain_are_one_witness() -> None:
    rows = judged([Page([(0, 100)], 0), Page([(0, 100)], 0)], 400)
    assert [(row["sources"], row["witnesses"]) for row in rows] == [(0, 0), (0, 0)]


def test_the_members_own_pages_are_no_witnesses() -> None:
    rows = judged([Page([(0, 400)]), Page([(0, 100)], 0)], 400)
    assert [row["witnesses"] for row in rows] == [1, 0]
    assert sources_of(rows[1]) == []


def test_every_copy_of_what_was_captured_before_is_explained() -> None:
    rows = judged([Page([(50, 150)], 0, EARLY), Page([(0, 400)], 1)], 400)
    assert sources_of(rows[1]) == ["prior_capture"]
    assert (rows[1]["explained"], rows[1]["longest_run"]) == (100, 250)


def test_a_credit_speaks_of_other_pages_and_not_of_its_own() -> None:
    rows = judged([Page([(0, 100)], 0, CREDITED), Page([(0, 400)], 1)], 400)
    assert [sources_of(row) for row in rows] == [[], ["credited_elsewhere"]]


def test_a_page_of_the_press_may_print_all_that_it_has() -> None:
    press, other = judged([Page([(0, 400)], 0, PRINTED | OF_PRESS), Page([(0, 100)], 1)], 400)
    assert (sources_of(press), press["beyond"]) == (["press_page"], 0)
    assert sources_of(other) == ["printed_by_press"]
