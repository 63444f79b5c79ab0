"""The contents of a release, estimated from a published sample: totals with intervals of 95 %.

`intervals` makes totals of most measures. Different articles are no sum over files, since an article may be
in many. Those found in one file only show how many more there are: for each, about (1 - q) / q occurrences
that the sample missed, if it drew the share q (Good and Turing, for draws without replacement).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.judgement.grading import CONFIDENCES, GRADES
from presswatch_spark.sampling.design import Design, design_of
from presswatch_spark.sampling.intervals import Floats, most_files, totals

LOG_COLUMNS = ["shard_uri", "status", "documents", "text_bytes"]
"""The columns of `scan_log` that are read."""
DOCUMENT = ["shard_uri", "record_id", "record_offset", "row_index", "document_url"]
"""The key of a document in a release."""
COLUMNS = [*DOCUMENT, "grade", "confidence", "own_site", "article_id", "title_id", "publisher_id"]
"""The columns of `matches` that are counted."""
ARTICLES = {"articles": None, "articles, confidence A or B": ("A", "B")}
"""Measures that count articles, by the confidences of the rows that count; None: all."""


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


def estimate(
    run: Mapping[str, Any], log: Sequence[Mapping[str, Any]], matches: pa.Table, by: str | None = None
) -> SampleEstimate:
    """Estimate the contents of a release from the sample that a run read.

    Args:
        run: its row of `runs`.
        log: of its rows of `scan_log`, the columns `LOG_COLUMNS`.
        matches: of its rows of `matches`, `COLUMNS`.
        by: `title_id` or `publisher_id`, to estimate for each with a match in the sample, too.

    Raises:
        InputError: the run is no sample, or too little of it was read; see `design_of`.
    """
    design = design_of(run, log)
    # Matches in shards that were not read to their end are part of no total.
    whole = _among(matches["shard_uri"], design.files)
    matches = matches if whole.true_count == len(whole) else matches.filter(whole)
    parts: list[tuple[str | None, pa.Table]] = [(None, matches)]
    if by:
        parts += [(name, _where(matches, by, name)) for name in sorted(matches[by].unique().to_pylist())]
    lines = {line["shard_uri"]: line for line in log}
    measures = [
        *(
            Measure(name, None, np.array([lines[uri][column] for uri in design.files], np.float64))
            for column, name in (("documents", "documents"), ("text_bytes", "bytes of text"))
        ),
        *chain.from_iterable(match_measures(design.files, rows, of) for of, rows in parts),
    ]
    articles = list(chain.from_iterable(article_measures(design.files, rows, of) for of, rows in parts))
    seed = run["sample_seed"]
    estimated = tuple(_estimated(design, measures, articles, seed or 0, run.get("corpus_articles")))
    counts = (design.listed, design.strata, len(design.files), design.missing)
    return SampleEstimate(run["run_id"], seed, *counts, estimated)


def _estimated(
    design: Design,
    measures: Sequence[Measure],
    articles: Sequence[ArticlePairs],
    seed: int,
    known: int | None,
) -> Iterator[Estimated]:
    seen = [occurrences(pairs, len(design.files)) for pairs in articles]
    columns = [*(measure.counts for measure in measures), *(counted.singles for counted in seen)]
    sums = totals(design.stratified(np.column_stack(columns)), seed)
    rows = []
    for number, measure in enumerate(measures):
        low, high, middle = (float(limit[number]) for limit in (sums.low, sums.high, sums.estimate))
        doubt = design.missing_share * middle
        least = max(float(sums.seen[number]), low - doubt)
        row = (float(sums.seen[number]), middle, least, high + doubt, int(sums.files[number]))
        rows.append(_row(design, measure.name, measure.of, *row))
    for number, (pairs, counted) in enumerate(zip(articles, seen, strict=True), len(measures)):
        doubt = design.missing_share * float(sums.estimate[number])
        more = float(sums.high[number]) - counted.once + doubt
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
    """Counts of articles: `seen` in `files` in all, `once` or `twice` in just one or two files.

    `singles`: for each file, the articles seen in no other one.
    """

    seen: int
    files: int
    once: int
    twice: int
    singles: Floats


def occurrences(pairs: ArticlePairs, files: int) -> Occurrences:
    """Count the articles by how many of `files` they were seen in."""
    times = np.bincount(pairs.articles)
    alone = pairs.files[times[pairs.articles] == 1] if len(times) else pairs.files
    return Occurrences(
        seen=int(np.count_nonzero(times)),
        files=len(np.unique(pairs.files)),
        once=int(np.count_nonzero(times == 1)),
        twice=int(np.count_nonzero(times == 2)),
        singles=np.bincount(alone, minlength=files).astype(np.float64),
    )


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


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure: its name, its owner (None: all titles together), and its count in each file."""

    name: str
    of: str | None
    counts: Floats


@dataclass(frozen=True, slots=True)
class ArticlePairs:
    """Pairs of an article and a file that it was found in, each once: two arrays of numbers."""

    name: str
    of: str | None
    articles: npt.NDArray[np.int64]
    files: npt.NDArray[np.int64]


def match_measures(files: Sequence[str], matches: pa.Table, of: str | None = None) -> list[Measure]:
    """Return the rows by grade and confidence, and the documents that they are about, in each file."""
    shards, own = matches["shard_uri"], matches["own_site"]
    measures = [Measure("matches", of, _in_files(files, _times(shards)))]
    if of is None:
        for column, names in (("grade", GRADES), ("confidence", CONFIDENCES)):
            measures += [
                Measure(f"matches, {column} {name}", of, _in_files(files, _times(shards.filter(chosen))))
                for name in names
                for chosen in [_among(matches[column], [name])]
            ]
    for name, chosen in (
        ("documents with matches", None),
        ("documents with matches, own sites", own),
        ("documents with matches, elsewhere", pc.invert(own)),
        ("documents with matches, site unknown", pc.is_null(own)),
    ):
        measures.append(Measure(name, of, _in_files(files, _documents(matches, chosen))))
    return measures


def _documents(matches: pa.Table, chosen: Any) -> Counter[str]:
    """Count the documents of the chosen rows in each shard; None: of all rows.

    To group 10 million rows by texts takes a gigabyte, so only those are whose places are not known.
    """
    unplaced = pc.and_(pc.is_null(matches["record_offset"]), pc.is_null(matches["row_index"]))
    placed = pc.invert(unplaced)
    if chosen is not None:
        chosen = pc.fill_null(chosen, False)
        placed, unplaced = pc.and_(placed, chosen), pc.and_(unplaced, chosen)
    codes, names = _coded(matches["shard_uri"].filter(placed))
    shards, *_ = _distinct(
        codes, matches["record_offset"].filter(placed), matches["row_index"].filter(placed)
    )
    counts = Counter(dict(zip(names, np.bincount(shards, minlength=len(names)).tolist(), strict=True)))
    counts.update(
        _times(matches.select(DOCUMENT).filter(unplaced).group_by(DOCUMENT).aggregate([])["shard_uri"])
    )
    return counts


def article_measures(
    files: Sequence[str], matches: pa.Table, of: str | None = None
) -> Iterator[ArticlePairs]:
    """Yield the articles that each file holds something of."""
    numbers = {uri: number for number, uri in enumerate(files)}
    known = pc.is_valid(matches["article_id"])
    for name, confidences in ARTICLES.items():
        chosen = known
        if confidences is not None:
            chosen = pc.and_(known, _among(matches["confidence"], confidences))
        articles, _ = _coded(matches["article_id"].filter(chosen))
        shards, names = _coded(matches["shard_uri"].filter(chosen))
        shards, articles = _distinct(shards, articles)
        # A dictionary may name shards that no row is in any more.
        places = np.array([numbers.get(uri, -1) for uri in names], np.int64)[shards]
        yield ArticlePairs(name, of, articles, places)


def _distinct(*columns: Any) -> Iterator[npt.NDArray[Any]]:
    rows = pa.table(list(columns), [f"{number}" for number, _ in enumerate(columns)])
    found = rows.group_by(rows.column_names, use_threads=False).aggregate([])
    return (found[name].to_numpy() for name in rows.column_names)


def _coded(column: pa.ChunkedArray) -> tuple[npt.NDArray[Any], list[str]]:
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    coded = coded.unify_dictionaries()
    names = coded.chunk(0).dictionary.to_pylist() if coded.num_chunks else []
    codes = (chunk.indices.fill_null(-1).to_numpy() for chunk in coded.chunks)
    return np.concatenate([np.empty(0, np.int32), *codes]), names


def _among(column: pa.ChunkedArray, texts: Collection[str]) -> pa.Array:
    # Arrow would write out the texts of all rows first.
    codes, names = _coded(column)
    wanted = frozenset(texts)
    # What is null has the last code.
    return pa.array(np.array([*(name in wanted for name in names), False])[codes])


def _where(rows: pa.Table, column: str, value: str) -> pa.Table:
    return rows.filter(_among(rows[column], [value]))


def _times(texts: pa.ChunkedArray) -> dict[str, int]:
    return {each["values"]: each["counts"] for each in pc.value_counts(texts).to_pylist()}


def _in_files(files: Sequence[str], counts: Mapping[str, int]) -> Floats:
    return np.array([counts.get(uri, 0) for uri in files], np.float64)
