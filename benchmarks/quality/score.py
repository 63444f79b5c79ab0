"""What was found, set against the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.quality.pages import Planted
from benchmarks.quality.plant import EDITED_KINDS
from benchmarks.quality.product import Found
from benchmarks.quality.rivals import Rival
from benchmarks.quality.truth import RUN, Common, PairKey, repeats

FULL, PART, PART_WORDS = 0.9, 0.3, 100
"""The grades' limits as `conf/scan.yaml` states them: stated again, since the truth shares no code."""

CERTAIN = ("A", "B")
CLOSE = 0.01
"""How near a coverage is to be to the truth."""
LONG = 16
"""Runs of fewer words are counted apart as well."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that is known of the bench: its pages, its articles and the truth about them."""

    pages: Sequence[Planted]
    articles: Mapping[str, str]
    truth: Mapping[PairKey, Common]

    def planted(self) -> Iterable[tuple[str, PairKey, frozenset[int]]]:
        """Kind, pair and words kept of every copy that was planted."""
        for page in self.pages:
            for article, kept in page.sources.items():
                yield page.kind, (page.url, article), kept

    def runs(self) -> dict[PairKey, str]:
        """Every pair with a run that is promised to be found, and the kind of its page."""
        kinds = {page.url: page.kind for page in self.pages}
        return {pair: kinds[pair[0]] for pair, both in self.truth.items() if both.longest >= RUN}


@dataclass(slots=True)
class Error:
    """Differences between what a table says and the truth; `beyond` counts those above `CLOSE`."""

    count: int = 0
    beyond: int = 0
    total: float = 0.0
    largest: float = 0.0

    def add(self, difference: float) -> None:
        """Take one more into account."""
        self.count += 1
        self.beyond += abs(difference) > CLOSE
        self.total += abs(difference)
        self.largest = max(self.largest, abs(difference))

    @property
    def mean(self) -> float:
        """Mean of the absolute differences."""
        return self.total / self.count if self.count else 0.0

    def figures(self) -> dict[str, float]:
        """Count, mean and maximum, for a report."""
        return {"pairs": self.count, "mean": round(self.mean, 5), "max": round(self.largest, 5)}


@dataclass(slots=True)
class Score:
    """Figures of one scan, by kind of page; counts are over all formats together.

    `run_pairs` and `copies` are (found, true). `coverage`: errors of `article_coverage` in planted pairs,
    each against the truth of its kind (see `truth`); `below`: pairs whose coverage is less than their runs.
    `grades`: true grade, then the grade given (`missed` for none), with counts. `confidence`: counts by kind.
    """

    run_pairs: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    copies: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    by_format: dict[str, tuple[list[int], list[int]]] = field(
        default_factory=lambda: defaultdict(lambda: ([0, 0], [0, 0]))
    )
    claimed: dict[str, frozenset[PairKey]] = field(default_factory=dict)
    false_by_format: Counter[str] = field(default_factory=Counter)
    coverage: dict[str, Error] = field(default_factory=lambda: defaultdict(Error))
    longest: Error = field(default_factory=Error)
    below: int = 0
    false_pairs: list[PairKey] = field(default_factory=list)
    grades: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    confidence: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    ownership: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def score(bench: Bench, found: Found, formats: Iterable[str]) -> Score:
    """Compare the rows of every format with the truth."""
    result = Score()
    kinds = {page.url: page.kind for page in bench.pages}
    runs, planted = bench.runs(), list(bench.planted())
    for name in formats:
        rows = found.rows.get(name, {})
        for pair, kind in runs.items():
            _count(result.run_pairs[kind], pair in rows)
            _count(result.by_format[name][bench.truth[pair].longest >= LONG], pair in rows)
        for kind, pair, kept in planted:
            _count(result.copies[kind], pair in rows)
            if kind in EDITED_KINDS and repeats(bench.articles[pair[1]]):
                continue
            _judge_grade(result, kind, bench.truth.get(pair), kept, rows.get(pair))
            if pair in rows:
                _judge_coverage(result, kind, bench.truth[pair], kept, rows[pair])
        result.claimed[name] = frozenset(rows)
        for pair, row in rows.items():
            _judge_row(result, kinds[pair[0]], pair, row, bench.truth.get(pair))
        result.false_by_format[name] = len(result.false_pairs) - result.false_by_format.total()
    return result


def _count(pair: list[int], hit: bool) -> None:
    pair[0] += hit
    pair[1] += 1


def _judge_grade(
    result: Score, kind: str, both: Common | None, kept: frozenset[int], row: Mapping[str, Any] | None
) -> None:
    if both is None:
        result.grades["nothing in common"]["found" if row else "missed"] += 1
        return
    coverage = both.coverage(kept if kind in EDITED_KINDS else frozenset())
    true = _grade(coverage, both.article_words)
    result.grades[true][row["grade"] if row else "missed"] += 1


def _judge_coverage(
    result: Score, kind: str, both: Common, kept: frozenset[int], row: Mapping[str, Any]
) -> None:
    """How far a coverage is from the truth of its kind."""
    given, by_runs, by_construction = row["article_coverage"], both.coverage(), both.coverage(kept)
    judged_by_one = kind in EDITED_KINDS or given > by_construction
    result.coverage[kind].add(given - by_construction if judged_by_one else min(0.0, given - by_runs))


def _grade(coverage: float, words: int) -> str:
    if coverage >= FULL:
        return "full_copy"
    return "partial_copy" if coverage >= PART or coverage * words >= PART_WORDS else "extract"


def _judge_row(result: Score, kind: str, pair: PairKey, row: Mapping[str, Any], both: Common | None) -> None:
    if both is None or both.longest < RUN:
        result.false_pairs.append(pair)
        return
    result.longest.add(row["longest_run_words"] - both.longest)
    result.below += row["article_coverage"] < both.coverage() - 1e-9
    if "confidence" in row:
        result.confidence[kind][row["confidence"]] += 1
        result.ownership[kind][row["ownership"]] += 1


def score_rival(bench: Bench, rival: Rival) -> dict[str, Any]:
    """A peer's recall of copies by kind and of run pairs, and its claims without eight common words."""
    copies: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for kind, pair, _ in bench.planted():
        _count(copies[kind], pair in rival.pairs)
    runs = bench.runs()
    return {
        "copies": {kind: rate(counts) for kind, counts in copies.items()},
        "run_pairs": rate([sum(pair in rival.pairs for pair in runs), len(runs)]),
        "without_common_words": sum(pair not in bench.truth for pair in rival.pairs),
        "claimed": len(rival.pairs),
        **rival.figures,
    }


def rate(counts: Sequence[int]) -> float:
    """Share of what was found; 1 of nothing."""
    return round(counts[0] / counts[1], 4) if counts[1] else 1.0


def totals(counts: Mapping[str, Sequence[int]], kinds: Callable[[str], bool] = lambda _: True) -> list[int]:
    """Sums over kinds."""
    chosen = [value for kind, value in counts.items() if kinds(kind)]
    return [sum(value[0] for value in chosen), sum(value[1] for value in chosen)]
