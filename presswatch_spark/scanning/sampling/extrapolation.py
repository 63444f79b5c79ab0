"""The contents of a release, estimated from a published sample: totals with intervals of 95 %.

`intervals` makes totals of most measures. Different articles are no sum over files, since an article may be
in many. Those found in one file only show how many more there are: for each, about (1 - q) / q occurrences
that the sample missed, if it drew the share q (Good and Turing, for draws without replacement).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from presswatch_spark.scanning.sampling.design import Design
from presswatch_spark.scanning.sampling.intervals import Floats, most_files, totals


@dataclass(frozen=True, slots=True)
class Estimated:
    """One measure of a release: seen in the sample, estimated, and its limits.

    `of`: a title or publisher; None: all. `high`: None if it is unknown, as when fewer than seven files have
    any. `files` of the sample have any, and at most `files_high` of the release.
    """

    measure: str
    of: str | None
    seen: float
    estimate: float
    low: float
    high: float | None
    files: int
    files_high: int


@dataclass(frozen=True, slots=True)
class SampleEstimate:
    """A sample and its estimates: `listed` shards in `strata`; `read` and `missing` of those drawn."""

    run_id: str
    seed: int | None
    listed: int
    strata: int
    read: int
    missing: int
    measures: tuple[Estimated, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure: its name, its owner (None: all titles together), and its count in each file."""

    name: str
    of: str | None
    counts: Floats


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Counts of articles: `seen` in `files` in all, `once` or `twice` in just one or two files.

    `of`: as of a measure. `singles`: for each file, the articles seen in no other one.
    """

    name: str
    of: str | None
    seen: int
    files: int
    once: int
    twice: int
    singles: Floats


def estimate(
    run: Mapping[str, Any], design: Design, measures: Sequence[Measure], articles: Sequence[Occurrences]
) -> SampleEstimate:
    """Estimate the contents of a release from a run's row, the design of its sample, and its counts."""
    known = np.inf if run.get("corpus_articles") is None else run["corpus_articles"]
    columns = [*(measure.counts for measure in measures), *(seen.singles for seen in articles)]
    sums = totals(design.stratified(np.column_stack(columns)), run["sample_seed"] or 0)
    rows = list[Estimated]()
    for number, measure in enumerate(measures):
        low, high, middle = (float(limit[number]) for limit in (sums.low, sums.high, sums.estimate))
        doubt = design.missing_share * middle
        least = max(float(sums.seen[number]), low - doubt)
        row = (float(sums.seen[number]), middle, least, high + doubt, int(sums.files[number]))
        rows.append(_row(design, measure.name, measure.of, *row))
    for number, seen in enumerate(articles, len(measures)):
        doubt = design.missing_share * float(sums.estimate[number])
        more = float(sums.high[number]) - seen.once + doubt
        most = min(seen.seen + more, known)
        middle = min(cautious(seen, design), most)
        rows.append(_row(design, seen.name, seen.of, seen.seen, middle, seen.seen, most, seen.files))
    estimated = tuple(sorted(rows, key=lambda row: (row.of is not None, row.of or "")))
    counts = (design.listed, design.strata, len(design.files), design.missing)
    return SampleEstimate(run["run_id"], run["sample_seed"], *counts, estimated)


def _row(
    design: Design, name: str, of: str | None, seen: float, middle: float, low: float, high: float, files: int
) -> Estimated:
    most = min(design.listed, int(most_files(files, len(design.files) / design.listed)))
    return Estimated(name, of, seen, middle, low, None if np.isinf(high) else high, files, most)


def cautious(seen: Occurrences, design: Design) -> float:
    """Estimate how many articles there are, rather too few than too many.

    Chao2 for samples drawn without replacement (Chao and Lin 2012, "Nonparametric lower bounds for species
    richness and shared species richness under sampling without replacement"), with the correction of Chao's
    own for few articles that were seen twice. It would be right if all articles occurred equally often, and
    is too low where they do not.
    """
    count = len(design.files)
    share = count / design.listed
    if not seen.once or share >= 1:
        return float(seen.seen)
    scale = 2 * (seen.twice + 1) * count / (count - 1) + seen.once * share / (1 - share)
    return seen.seen + seen.once * (seen.once - 1) / scale
