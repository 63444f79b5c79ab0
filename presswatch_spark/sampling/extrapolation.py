"""What a release holds, by a published sample of it: totals with intervals of 95 %.

---

How many different articles are in a release, by a sample of it.

This is no sum over files: an article may stand in many. Those that the sample found are in the release. How
many more there are is told by those that it found in one file only: for every such article, about (1 - q) / q
occurrences are to be expected, where q is the share that was drawn, of articles that it did not find at all
(the argument of Good and Turing, for draws without replacement). As many other articles there are at most:
each of them occurs once at least.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.sampling.design import Design, design_of
from presswatch_spark.sampling.intervals import Floats, most_files, totals
from presswatch_spark.sampling.measures import (
    Articles,
    Measure,
    article_measures,
    log_measures,
    match_measures,
    split,
)

LOG_COLUMNS = ["shard_uri", "status", "documents", "text_bytes"]


@dataclass(frozen=True, slots=True)
class Estimated:
    """One measure of a release: seen in the sample, estimated, and between which limits.

    `of`: the title or publisher it is about; None: all. `high` is None where nobody can say, as of what was
    seen in fewer than seven files. `files` have any of it in the sample, and `files_high` in the release, at
    most.
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
    """A sample and what it says: `listed` shards in `strata`; of those drawn, `read` and `missing` ones."""

    run_id: str
    seed: int | None
    listed: int
    strata: int
    read: int
    missing: int
    measures: tuple[Estimated, ...]


def estimate(
    run: Mapping[str, Any], log: Sequence[Mapping[str, Any]], matches: pa.Table, by: str | None = None
) -> SampleEstimate:
    """Estimate what the release holds of which a run read a sample.

    Args:
        run: its row of `runs`.
        log: of its rows of `scan_log`, the columns `LOG_COLUMNS`.
        matches: of its rows of `matches`, `measures.COLUMNS`.
        by: `title_id` or `publisher_id`: also for each of them; those that the sample has no match of are
            not named.

    Raises:
        InputError: the run is no sample, or too little of it was read; see `design_of`.
    """
    design = design_of(run, log)
    # What was found in shards that were not read to their end is part of no total.
    matches = matches.filter(pc.is_in(matches["shard_uri"], pa.array(design.files, pa.string())))
    parts = [(None, matches), *(split(matches, by) if by else ())]
    measures = [
        *log_measures(design.files, log),
        *chain.from_iterable(match_measures(design.files, rows, of) for of, rows in parts),
    ]
    articles = list(chain.from_iterable(article_measures(design.files, rows, of) for of, rows in parts))
    estimated = tuple(
        _estimated(design, measures, articles, run["sample_seed"] or 0, run.get("corpus_articles"))
    )
    counts = (design.listed, design.strata, len(design.files), design.missing)
    return SampleEstimate(run["run_id"], run["sample_seed"], *counts, estimated)


def _estimated(
    design: Design, measures: Sequence[Measure], articles: Sequence[Articles], seed: int, known: int | None
) -> Iterator[Estimated]:
    """All measures, those of all titles first; `known`: articles that the corpus has."""
    seen = [occurrences(found, len(design.files)) for found in articles]
    columns = [*(measure.counts for measure in measures), *(found.singles for found in seen)]
    found = totals(design.stratified(np.column_stack(columns)), seed)
    rows = []
    for number, measure in enumerate(measures):
        low, high, middle = (float(limit[number]) for limit in (found.low, found.high, found.estimate))
        doubt = design.missing_share * middle
        least = max(float(found.seen[number]), low - doubt)
        row = (float(found.seen[number]), middle, least, high + doubt, int(found.files[number]))
        rows.append(_row(design, measure.name, measure.of, *row))
    for number, (pairs, counted) in enumerate(zip(articles, seen, strict=True), len(measures)):
        doubt = design.missing_share * float(found.estimate[number])
        more = float(found.high[number]) - counted.once + doubt
        most = min(counted.seen + more, np.inf if known is None else known)
        middle = min(cautious(counted, design), most)
        rows.append(
            _row(design, pairs.name, pairs.of, counted.seen, middle, counted.seen, most, counted.files)
        )
    yield from sorted(rows, key=lambda row: (row.of is not None, row.of or ""))


def _row(
    design: Design, name: str, of: str | None, seen: float, middle: float, low: float, high: float, files: int
) -> Estimated:
    most = min(design.listed, int(most_files(files, len(design.files) / design.listed)))
    return Estimated(name, of, seen, middle, low, None if np.isinf(high) else high, files, most)


@dataclass(frozen=True, slots=True)
class Occurrences:
    """How many articles were seen, in how many files in all; `once` and `twice`: in just one or two of them.

    `singles`: how many each file holds that were seen in no other.
    """

    seen: int
    files: int
    once: int
    twice: int
    singles: Floats


def occurrences(found: Articles, files: int) -> Occurrences:
    """Count in how many of `files` the articles were seen."""
    times = np.bincount(found.articles)
    alone = found.files[times[found.articles] == 1] if len(times) else found.files
    return Occurrences(
        seen=int(np.count_nonzero(times)),
        files=len(np.unique(found.files)),
        once=int(np.count_nonzero(times == 1)),
        twice=int(np.count_nonzero(times == 2)),
        singles=np.bincount(alone, minlength=files).astype(np.float64),
    )


def cautious(seen: Occurrences, design: Design) -> float:
    """How many articles there are, rather too few than too many.

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
