"""What must hold; the bench fails where it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.quality.negatives import HARD
from benchmarks.quality.plant import EDITED_KINDS, NEARLY_ALL
from benchmarks.quality.score import CERTAIN, CLOSE, Score, rate, totals

LEAST_RECALL = 0.99
COVERAGE_MEAN = 0.001
BEYOND_AT_MOST = 0.05
"""Share of pairs: a few words beside a passage may stand in the page by chance, or be all that noise left."""


def broken(score: Score) -> Iterator[str]:
    """Promises that the scan breaks whatever the grades of confidence, each in a sentence."""
    found, true = totals(score.run_pairs)
    if found != true:
        yield f"{true - found} of {true} pairs with a run of 11 words were missed"
    if score.false_pairs:
        yield f"{len(score.false_pairs)} rows have no run of 11 words: {score.false_pairs[:3]}"
    if score.longest.largest:
        yield f"longest_run_words is wrong by up to {score.longest.largest:.0f} words"
    if score.below:
        yield f"{score.below} rows have less coverage than the words in runs of 8 make"
    for kind, error in coverage_errors(score).items():
        if error["beyond"] > BEYOND_AT_MOST * error["pairs"]:
            yield f"{kind}: article_coverage of too many pairs is off by more than {CLOSE}: {error}"
        if error["mean"] > COVERAGE_MEAN:
            yield f"{kind}: the mean error of article_coverage is above {COVERAGE_MEAN}: {error}"
    for kind in NEARLY_ALL:
        if rate(score.copies[kind]) < LEAST_RECALL:
            yield f"{kind}: only {rate(score.copies[kind]):.3f} of the copies were found"
    first, *others = score.claimed
    for name in others:
        if differing := score.claimed[first] ^ score.claimed[name]:
            yield f"{first} and {name} differ in {len(differing)} pairs: {sorted(differing)[:3]}"


def coverage_errors(score: Score) -> Mapping[str, dict[str, Any]]:
    """By kind: which truth its coverage is judged by, and the errors against it."""
    return {
        kind: {
            "truth": "construction" if kind in EDITED_KINDS else "runs, construction",
            **error.figures(),
            "beyond": error.beyond,
        }
        for kind, error in score.coverage.items()
    }


def too_certain(score: Score) -> Iterator[str]:
    """Rows of hard negatives that are graded A or B."""
    for kind in HARD:
        graded = sum(score.confidence[kind][grade] for grade in CERTAIN)
        if graded:
            yield f"{kind}: {graded} rows are graded A or B: {dict(score.confidence[kind])}"
