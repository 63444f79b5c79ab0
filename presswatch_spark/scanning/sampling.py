"""Samples of shards: their draw, and estimates of the whole with intervals of 95 %.

A stratum is a segment of a crawl, or a folder of another dataset. Shards are drawn from all segments, since
the pages of one segment resemble each other (docs/decisions/runs.md).

**Totals**, of files drawn in strata: a studentised bootstrap. Files of each stratum are drawn again, with
replacement, and their deviations scaled to a sample without replacement (Rao and Wu 1988); quantiles of the
deviations in standard errors make the interval (Efron's bootstrap-t). If few files make up the variance, the
upper quantile moves out as Student's t (Hesterberg 2015), by Satterthwaite's degrees of freedom (1946).

**Shares**: the limits of Clopper and Pearson (1934); cautious for draws without replacement.
"""

import hashlib
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.core.errors import InputError
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.shards import ShardPlan
from presswatch_spark.storage.uris import shown_uri

Floats = npt.NDArray[np.float64]

REPLICATES = 2000
# How often the true value may lie beyond either end. Above, it is less than half of 5 %, since intervals of
# skewed counts miss more often there: chosen by simulation, see docs/decisions/runs.md.
BELOW, ABOVE = 0.035, 0.0125
# `REPLICATES` draws show nothing that is rarer than eight of them.
RAREST = 8 / REPLICATES
# If fewer files have something, the upper end is unknown. One replicate in e^7 draws none of seven files, far
# fewer than RAREST; too many would draw none of five.
FEWEST_FILES = 7
FILES_ABOVE = 0.025
CELLS_AT_ONCE = 1 << 23
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Stratum:
    """The files of a stratum that were read (a row per file, a column per measure), and its size."""

    values: Floats
    size: int


@dataclass(frozen=True, slots=True)
class SampleTotals:
    """Arrays over the measures: sums in the files that were read, and totals with intervals of 95 %.

    `high` is infinite if unknown. `files`: the number of files that have any.
    """

    seen: Floats
    estimate: Floats
    low: Floats
    high: Floats
    files: npt.NDArray[np.int64]


def totals(strata: Sequence[Stratum], seed: int) -> SampleTotals:
    """Estimate the totals of all measures, none negative, over strata of at least two files.

    The same seed gives the same intervals.
    """
    seen = np.sum([stratum.values.sum(axis=0) for stratum in strata], axis=0)
    # Each file that was read counts for all files of its stratum.
    estimate = np.sum([each.size / len(each.values) * each.values.sum(axis=0) for each in strata], axis=0)
    files = np.sum([np.count_nonzero(stratum.values, axis=0) for stratum in strata], axis=0)
    error = np.sqrt(np.sum([_variance(stratum) for stratum in strata], axis=0))
    pivots = _pivots(strata, error, np.random.default_rng(seed))
    last = len(pivots) - 1
    above = np.floor(_beyond(ABOVE, freedom(strata)) * last).astype(np.int64)
    with np.errstate(invalid="ignore"):
        low = estimate - pivots[math.ceil((1 - BELOW) * last)] * error
        high = estimate - np.take_along_axis(pivots, above[None], axis=0)[0] * error
    unread = any(stratum.size > len(stratum.values) for stratum in strata)
    few = (files < FEWEST_FILES) & unread
    return SampleTotals(
        seen,
        estimate,
        np.where(few, seen, np.clip(np.where(error > 0, low, estimate), seen, estimate)),
        np.where(few, np.inf, np.maximum(np.where(error > 0, high, estimate), estimate)),
        files,
    )


def most_files(found: int, share: float) -> float:
    """Return the upper limit (97.5 %) of the files of a release that have something.

    `found`: such files in the sample. `share`: the sample's share of the release. The limit is that of
    Poisson's law (Garwood 1936), and therefore slightly too high.
    """
    from scipy.special import gammaincinv

    return float(gammaincinv(found + 1, 1 - FILES_ABOVE)) / share


def _variance(stratum: Stratum) -> Floats:
    count = len(stratum.values)
    spread = np.asarray(stratum.values.var(axis=0, ddof=1), dtype=np.float64)
    return stratum.size * (stratum.size - count) * spread / count


def freedom(strata: Sequence[Stratum]) -> Floats:
    """Return the degrees of freedom of each measure's variance (Satterthwaite)."""
    variance, doubt = np.zeros((2, strata[0].values.shape[1]))
    for stratum in strata:
        count, part = len(stratum.values), _variance(stratum)
        squares = (stratum.values - stratum.values.mean(axis=0)) ** 2
        spread = squares.mean(axis=0)
        kurtosis = (squares**2).mean(axis=0) / np.where(spread > 0, spread, 1) ** 2
        variance += part
        doubt += part**2 * np.maximum(kurtosis - (count - 3) / (count - 1), 0) / count
    return np.asarray(2 * variance**2 / np.where(doubt > 0, doubt, 1))


def _beyond(share: float, degrees: Floats) -> Floats:
    """Return the share of the normal law beyond the point that Student's t exceeds with this `share`.

    One for each number of degrees of freedom.
    """
    from scipy.special import ndtr, stdtrit

    return np.asarray(np.maximum(ndtr(stdtrit(np.maximum(degrees, 1), share)), RAREST))


def _pivots(strata: Sequence[Stratum], error: Floats, rng: np.random.Generator) -> Floats:
    """Return the sorted deviations of drawn totals in standard errors of their own, a column per measure."""
    deviation = np.zeros((REPLICATES, len(error)))
    variance = np.zeros((REPLICATES, len(error)))
    for stratum in strata:
        count = len(stratum.values)
        centred = stratum.values - stratum.values.mean(axis=0)
        scale = stratum.size * (stratum.size - count) / (count - 1)
        step = max(1, CELLS_AT_ONCE // count)
        for start in range(0, REPLICATES, step):
            size = min(step, REPLICATES - start)
            places = rng.integers(0, count, (size, count)) + count * np.arange(size)[:, None]
            times = np.bincount(places.ravel(), minlength=size * count).reshape(size, count)
            rows, drawn = slice(start, start + size), times.astype(np.float64)
            means, squares = drawn @ centred / count, drawn @ centred**2 / count
            deviation[rows] += math.sqrt(scale * count) * means
            variance[rows] += scale * count / (count - 1) * np.maximum(squares - means**2, 0)
    # A total drawn only from equal files has no standard error, so its distance is unknown.
    alike = variance <= ROUNDING * error**2
    farthest = np.where(deviation < 0, -np.inf, 0.0)
    pivots = np.where(alike, farthest, deviation / np.sqrt(np.where(alike, 1, variance)))
    pivots.sort(axis=0)
    return pivots


# --- shares


def most_share(found: int, drawn: int, confidence: float) -> float:
    """Return the upper bound (0 to 1) of the share of a kind, if `found` of `drawn` draws are of that kind.

    If the share were greater, so few would be found with a probability below 1 − `confidence`.
    """
    from scipy.special import betaincinv

    return 1.0 if found >= drawn else float(betaincinv(found + 1, drawn - found, confidence))


# Confidence of each of two limits: each is wrong in 2.5 % of cases.
EACH_SIDE = 0.975


def audit_of(log: pa.Table) -> dict[str, int | None]:
    """Return the columns of `runs` about an audit, from the `scan_log`; no cost if no document was read."""
    gated = sum(
        each["documents"]
        for skipped in log["skipped"].to_pylist()
        for each in skipped or ()
        if each["why"] == "language"
    )
    audited, matching = (pc.sum(log[name]).as_py() or 0 for name in ("gate_audited", "gate_matching"))
    cost, low, high = cost_of(gated, audited, matching)
    counts = {"gate_documents": gated, "gate_audited": audited, "gate_matching": matching}
    return {**counts, "gate_cost": cost, "gate_cost_low": low, "gate_cost_high": high}


def cost_of(gated: int, audited: int, matching: int) -> tuple[int | None, int | None, int | None]:
    """Estimate how many of `gated` documents match, from a draw; with limits of 95 % confidence."""
    if not audited:
        return None, None, None
    high = most_share(matching, audited, EACH_SIDE)
    low = 1 - most_share(audited - matching, audited, EACH_SIDE)
    return (
        round(gated * matching / audited),
        max(matching, int(gated * low)),
        min(gated - audited + matching, -int(-gated * high // 1)),
    )


# --- the design of a sample

# Strata with fewer files are joined with the next ones: fewer files do not show how skewed counts are.
STRATUM_FILES = 20
# No estimate is made if a larger share of the drawn shards was not read to its end.
MISSING_SHARE = 0.05

_SEGMENT = re.compile(r"(?:^|/)segments/([^/]+)/(?:([^/]+)/)?[^/]+$")
_HASH_END = 1 << 64
# A column of `runs` has the seed.
_SEEDS = 1 << 63


def stratum_of(uri: str) -> str:
    """Return the stratum of a shard: `SEGMENT/SUBSET` of a crawl's, else the name of its folder."""
    path = shown_uri(uri)
    if segment := _SEGMENT.search(path):
        return "/".join(filter(None, segment.groups()))
    return path.rpartition("/")[0].rpartition("/")[2]


def draw(listed: ShardPlan, share: float, seed: int) -> tuple[ShardPlan, str]:
    """Draw `share` (0 < share <= 1) of the shards, at least one; raises `InputError` for others.

    Return also the number of all shards of each stratum, as JSON for the column `runs.sample_strata`.

    Of a stratum of N shards, share * N are drawn, rounded up or down by the seed. The draw depends only on
    the seed and on names below the release, which mirrors share. A smaller share is a subset of a larger one.
    """
    if not 0 < share <= 1:
        raise InputError(f"a sample of {share} is not between 0 and 1", remedy="pass --sample 0.01 for 1 %")
    if not 0 <= seed < _SEEDS:
        raise InputError("the seed of the sample is not a whole number from 0 to 2^63 - 1")
    strata = defaultdict[str, list[ObjectInfo]](list)
    for shard in listed:
        strata[stratum_of(shard.uri)].append(shard)
    turns = list[tuple[float, str, ObjectInfo]]()
    for name, shards in strata.items():
        # Ignore the name of a single folder, which differs between mirrors.
        stratum = name if len(strata) > 1 else ""
        # The sort is stable: shards of the same name stay in the order of their URIs.
        lots = [(_lot(seed, stratum, shard.uri.rpartition("/")[2]), shard) for shard in shards]
        lots.sort(key=lambda pair: pair[0])
        # Turns of a stratum are evenly spaced from 0 to 1 after a random start. Therefore the first turns of
        # all strata contain the same share of each.
        start = _lot(seed, stratum, "") / _HASH_END
        turns += [((place + start) / len(lots), stratum, shard) for place, (_, shard) in enumerate(lots)]
    turns.sort(key=lambda turn: turn[:2])
    wanted = max(1, round(share * len(listed)))
    drawn = ShardPlan.of(shard for *_, shard in turns[:wanted])
    sizes = {name: len(shards) for name, shards in strata.items()}
    return drawn, json.dumps(sizes, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _lot(seed: int, stratum: str, name: str) -> int:
    salted = json.dumps([seed, stratum, name]).encode()
    return int.from_bytes(hashlib.sha256(salted).digest()[:8], "big")


@dataclass(frozen=True, slots=True)
class Design:
    """A sample: the number of shards of the release (`listed`), and the shards read to their end (`files`).

    `missing`: number of drawn shards that were not read. `groups`: for each stratum, with small ones joined,
    its number of shards and the positions of its `files`.
    """

    listed: int
    files: tuple[str, ...]
    missing: int
    strata: int
    groups: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def missing_share(self) -> float:
        """Return the share of the drawn shards that were not read to their end."""
        return self.missing / (self.missing + len(self.files))

    def stratified(self, values: Floats) -> list[Stratum]:
        """Return `values` (a row per file, a column per measure) by stratum."""
        return [Stratum(values[list(positions)], size) for size, positions in self.groups]


def design_of(run: Mapping[str, Any], log: Iterable[Mapping[str, Any]]) -> Design:
    """Return the design of a run, from its row of `runs` and its rows of `scan_log`.

    Raises:
        InputError: the run is no sample, too few shards were read, too many are missing, or two share a name.
    """
    if run["sample"] is None:
        raise InputError(
            "the run read no sample: its counts need no estimate",
            where=run["run_id"],
            remedy="`presswatch matches` shows what it found, and `presswatch runs` which runs are samples",
        )
    shards = [(line["shard_uri"], line["status"] == "complete") for line in log]
    files = tuple(uri for uri, whole in shards if whole)
    missing = len(shards) - len(files)
    _check(run["run_id"], len(shards), files)
    # Older versions drew samples without strata.
    strata = run.get("sample_strata")
    listed: Mapping[str, int] = json.loads(strata) if strata else {"": run["shards_listed"]}
    places = defaultdict[str, list[int]](list)
    for position, uri in enumerate(files):
        places[stratum_of(uri) if strata else ""].append(position)
    unknown = places.keys() - listed.keys()
    if unknown:
        raise InputError(
            f"`sample_strata` does not contain the stratum {min(unknown)}",
            where=run["run_id"],
            remedy="scan the sample again",
        )
    return Design(sum(listed.values()), files, missing, len(listed), _grouped(listed, places))


def _check(run_id: str, drawn: int, files: tuple[str, ...]) -> None:
    # Refuse a sample that is too small or too incomplete; `drawn`: number of shards, `files`: those read.
    missing = drawn - len(files)
    if len(set(files)) < len(files):
        raise InputError(
            "shards cannot be distinguished by their names, which end before `?`",
            where=run_id,
            remedy="scan a copy whose shards have names of their own",
        )
    if missing > MISSING_SHARE * drawn:
        raise InputError(
            f"{missing:,} of {drawn:,} drawn shards were not read to their end; with more than"
            f" {MISSING_SHARE:.0%} missing, what is in the rest of the release cannot be estimated",
            where=run_id,
            remedy="`scan_log` gives the reason; scan again once they can be read",
        )
    if len(files) < STRATUM_FILES:
        raise InputError(
            f"{len(files):,} shards are too few for an interval, which requires {STRATUM_FILES}",
            where=run_id,
            remedy="draw a larger --sample",
        )


def _grouped(
    listed: Mapping[str, int], places: Mapping[str, Sequence[int]]
) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Join neighbouring strata until each group has `STRATUM_FILES`, regardless of their contents."""
    groups: list[tuple[int, tuple[int, ...]]] = []
    size, positions = 0, list[int]()
    for name, count in sorted(listed.items()):
        size += count
        positions += places.get(name, ())
        if len(positions) >= STRATUM_FILES:
            groups.append((size, tuple(positions)))
            size, positions = 0, []
    if size:
        last, before = groups.pop()
        groups.append((last + size, (*before, *positions)))
    return tuple(groups)


# Estimates from a sample: totals with intervals of 95 %.


@dataclass(frozen=True, slots=True)
class Estimated:
    """One measure of a release: its count in the sample, the estimate, and its limits.

    `of`: a title or publisher; None: all. `high`: None if unknown, such as if fewer than seven files have a
    count. `files`: files of the sample with a count; `files_high`: upper limit of such files in the release.
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
    """A sample and its estimates: `listed` shards in `strata`; of the drawn ones, `read` and `missing`."""

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
    """Numbers of articles: `seen` in the sample, `once` in exactly one file, `twice` in exactly two.

    `of`: as in `Measure`. `files`: number of files with any. `singles`: by file, the articles in no other
    one.
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
    """Estimate a lower bound of the number of articles in the release.

    The estimator is Chao2 for sampling without replacement (Chao and Lin 2012, "Nonparametric lower bounds
    for species richness and shared species richness under sampling without replacement"), with Chao's
    correction for few articles seen twice. It is unbiased if all articles occur equally often, else too low.
    """
    count = len(design.files)
    share = count / design.listed
    if not seen.once or share >= 1:
        return float(seen.seen)
    scale = 2 * (seen.twice + 1) * count / (count - 1) + seen.once * share / (1 - share)
    return seen.seen + seen.once * (seen.once - 1) / scale
