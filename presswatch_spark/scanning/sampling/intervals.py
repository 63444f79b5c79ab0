"""95 % intervals of totals and of shares, from files or documents drawn at random.

**Totals**, of files drawn in strata: a studentised bootstrap. Files of each stratum are drawn again, with
replacement, and their deviations scaled to a sample without replacement (Rao and Wu 1988); quantiles of the
deviations in standard errors make the interval (Efron's bootstrap-t). If few files make up the variance, the
upper quantile moves out as Student's t (Hesterberg 2015), by Satterthwaite's degrees of freedom (1946).

**Shares**: the limits of Clopper and Pearson (1934); cautious for draws without replacement.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

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
