"""The words of articles and pages: known texts, and other sources of copied words."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from presswatch_spark.claims import row_groups
from presswatch_spark.claims.article_words import KnownTexts
from presswatch_spark.claims.other_sources import (
    COLUMNS,
    CREDITED,
    EARLY,
    NOWHERE,
    OF_PRESS,
    PRINTED,
    SOURCES,
    Limits,
    Spans,
    explained,
)
from presswatch_spark.claims.row_groups import group_rows, marks_of, values_of
from presswatch_spark.core.errors import CorruptError, InputError
from presswatch_spark.reading.text.words import word_hashes
from tests.world.corpora import text, write_jsonl
from tests.world.proofs import each_time


def own(name: str, words: int) -> str:
    """Words that no other text has."""
    return " ".join(f"{name}{k}" for k in range(words))


LAW = own("loi", 60)
ARTICLE = f"{own('avant', 30)} {LAW} {own('après', 20)}"
MARKED = [False] * 30 + [True] * 60 + [False] * 20


@pytest.mark.parametrize("form", ["law.txt", "law.txt.gz", "law.jsonl"])
def test_the_words_of_a_known_text_are_marked_and_no_others(tmp_path: Path, form: str) -> None:
    path = tmp_path / form
    if form.endswith(".jsonl"):
        write_jsonl(path, [{"text": text(9)}, {"text": LAW}])
    else:
        path.write_bytes(gzip.compress(LAW.encode()) if form.endswith(".gz") else LAW.encode())
    known = KnownTexts.load([str(path)])
    assert known.marks(word_hashes(ARTICLE.encode())).tolist() == MARKED
    assert known.texts == (2 if form.endswith(".jsonl") else 1)


def test_eight_words_in_a_row_are_known_and_seven_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("un deux trois quatre cinq six sept huit", "utf-8")
    (tmp_path / "README.txt").write_text("a folder of texts says what it holds and nothing else", "utf-8")
    known = KnownTexts.load([str(tmp_path)])
    assert known.texts == 1
    eight = word_hashes(b"Un, deux, trois, quatre, cinq, six, sept, huit.")
    assert known.marks(eight).all()
    assert not known.marks(eight[:7]).any()
    assert not known.marks(np.concatenate((eight[1:], eight[:1]))).any()


def test_the_digest_names_the_texts_in_whatever_files_they_are(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.jsonl"
    one.write_text(LAW, "utf-8")
    write_jsonl(two, [{"text": LAW}])
    assert KnownTexts.load([str(one)]).digest == KnownTexts.load([str(two), str(one)]).digest
    one.write_text(text(4), "utf-8")
    assert KnownTexts.load([str(one)]).digest != KnownTexts.load([str(two)]).digest
    none = KnownTexts.load([])
    assert (none.texts, none.digest, none.marks(word_hashes(ARTICLE.encode())).any()) == (0, None, False)


def test_a_text_that_is_cut_or_not_utf_8_is_an_error_with_its_place(tmp_path: Path) -> None:
    whole = gzip.compress(LAW.encode())
    (tmp_path / "cut.txt.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptError, match=r"cut\.txt\.gz: the known text cannot be read to its end"):
        KnownTexts.load([str(tmp_path / "cut.txt.gz")])
    (tmp_path / "latin.txt").write_bytes("l'été dernier".encode("latin-1"))
    with pytest.raises(CorruptError, match=r"latin\.txt: byte 0xe9 at 2 is not UTF-8"):
        KnownTexts.load([str(tmp_path / "latin.txt")])
    with pytest.raises(InputError):
        KnownTexts.load([str(tmp_path / "none.txt")])


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
    first, after = map(np.ascontiguousarray, spans.T)
    marks = np.zeros(words, np.bool_)
    marks[sorted(known or ())] = True
    domains, facts = (
        np.array([getattr(page, name) for page in pages], np.int64) for name in ("domain", "facts")
    )
    sums = evenly(words, 12, 0) if sums is None else sums
    found = explained(Spans(bounds, first, after), domains, facts, marks, sums, LIMITS)
    return [dict(zip(COLUMNS, row, strict=True)) for row in found.tolist()]


def evenly(words: int, bits: int, shared: int) -> np.ndarray:
    """Sums of an article whose words all have so many bits, and are shared or not."""
    each = np.repeat(np.array([[bits, shared, 0]], np.int32), words, 0)
    return np.concatenate([np.zeros((1, 3), np.int32), np.cumsum(each, 0, dtype=np.int32)])


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
        printed = [o for o in pages if o.facts & PRINTED and o.domain not in (NOWHERE, page.domain)]
        groups = (
            [other for other in pages if other.facts & EARLY],
            [other for other in others if other.facts & CREDITED],
            printed,
        )
        sets = [*(set[int]().union(*(other.words for other in group)) for group in groups), common, known]
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
        # Passages begin and end at few places, so that pages share them.
        ends = [
            (random.choice([0, *cuts]), random.choice([*cuts, words])) for _ in range(random.randint(0, 3))
        ]
        spans = [(first, after) for first, after in ends if first < after]
        domain = random.choice([NOWHERE, 0, 1, 2, 3])
        facts = random.choice([0, 0, 0, EARLY, CREDITED, PRINTED, PRINTED | OF_PRESS, EARLY | CREDITED])
        pages.append(Page(spans, domain, facts))
    known = set(range(*sorted(random.sample(range(words + 1), 2)))) if random.random() < 0.3 else set()
    generator = np.random.default_rng(random.getrandbits(32))
    columns = [generator.integers(0, most, words) for most in (13, 2, 2)]
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(np.stack(columns, 1), 0)]).astype(np.int32)
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
    sums = evenly(words, 12, 1)
    assert judged(pages, words, set(), sums) == by_sets(pages, words, set(), sums)


WHOLE, PART = [(0, 400)], [(0, 100)]
COMMON = {"sources": ["common_source"]}


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([Page(PART, 0), Page(PART, 1)], [COMMON | {"beyond": 0}] * 2),
        ([Page(WHOLE, 0), Page([(0, 395)], 1)], [{"sources": [], "witnesses": 1}] * 2),
        ([Page(WHOLE, 0), Page(PART, 1)], [{"sources": []}] * 2),
        (
            [Page(WHOLE, 0), Page(PART, 1), Page(PART, 2)],
            [COMMON | {"explained": 100, "beyond": 300, "longest_run": 300}, COMMON, COMMON],
        ),
        ([Page(PART, 0), Page(PART, 0)], [{"sources": [], "witnesses": 0}] * 2),
        ([Page(WHOLE), Page(PART, 0)], [{"witnesses": 1}, {"witnesses": 0, "sources": []}]),
        (
            [Page([(50, 150)], 0, EARLY), Page(WHOLE, 1)],
            [{}, {"sources": ["prior_capture"], "explained": 100, "longest_run": 250}],
        ),
        ([Page(PART, 0, CREDITED), Page(WHOLE, 1)], [{"sources": []}, {"sources": ["credited_elsewhere"]}]),
        (
            [Page(WHOLE, 0, PRINTED | OF_PRESS), Page(PART, 1)],
            [{"sources": ["press_page"], "beyond": 0}, {"sources": ["printed_by_press"]}],
        ),
    ],
    ids=[
        "what two domains share without the rest has a common source",
        "two domains with the whole article have it from the article",
        "an extract beside one whole copy is a copy",
        "a whole copy goes beyond what two others share",
        "two pages of one domain are one witness",
        "the member's own pages are no witnesses",
        "every copy of what was captured before is explained",
        "a credit speaks of other pages and not of its own",
        "a page of the press may print all that it has",
    ],
)
def test_words_of_pages_have_other_sources(pages: list[Page], expected: list[dict[str, Any]]) -> None:
    rows = [row | {"sources": sources_of(row)} for row in judged(pages, 400)]
    assert [{name: row[name] for name in each} for row, each in zip(rows, expected, strict=True)] == expected


MOMENTS = [None, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC)]
CHOICES: dict[str, tuple[list[Any], pa.DataType]] = {
    "text": ([None, "", "a", "b", "é"], pa.string()),
    "list": ([None, [], ["a"], ["a", "b"], ["b", "a"]], pa.list_(pa.string())),
    "mark": ([None, True, False], pa.bool_()),
    "number": ([None, -1, 0, 7], pa.int32()),
    "moment": (MOMENTS, pa.timestamp("us", "UTC")),
}


@pytest.mark.parametrize("most", [1 << 62, 2])
@pytest.mark.parametrize("seed", range(5))
def test_rows_are_alike_if_all_values_are(seed: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # With so few numbers to spare, they are made small again after every column.
    monkeypatch.setattr(row_groups, "_MOST", most)
    random = Random(seed)
    rows = [tuple(random.choice(values) for values, _ in CHOICES.values()) for _ in range(300)]
    columns = [pa.array([row[k] for row in rows], kind) for k, (_, kind) in enumerate(CHOICES.values())]
    assert len(group_rows(pa.array([], pa.string()), np.empty(0, np.int64)).expand([], pa.string())) == 0
    same = group_rows(pa.chunked_array([columns[0][:7], columns[0][7:]]), *columns[1:])
    kinds = {repr(row): kind for row, kind in zip(rows, same.group_of.tolist(), strict=True)}
    assert len(set(kinds.values())) == len(kinds) == len(same.first)
    assert [kinds[repr(row)] for row in rows] == same.group_of.tolist()
    assert [repr(rows[place]) for place in same.first.tolist()] == sorted(kinds, key=kinds.__getitem__)
    assert same.expand(values_of(columns[1], same.first), columns[1].type).equals(columns[1])


def test_each_distinct_value_is_asked_once() -> None:
    asked: list[str | None] = []

    def is_a(value: str | None) -> bool:
        asked.append(value)
        return value == "a"

    assert marks_of(pa.array(["a", None, "a", "b", None]), is_a).tolist() == [True, False, True, False, False]
    assert sorted(asked, key=str) == [None, "a", "b"]
