"""95 % intervals of totals, from files drawn at random in strata: a bootstrap over files, studentised.

In every stratum the files that were read are drawn again, with replacement. Their deviations from the mean
are scaled, so that they vary as a sample does that is drawn without replacement from so many files (Rao and
Wu, "Resampling inference with complex survey data", 1988). How far a drawn total lies from the estimate is
counted in standard errors of its own, and the quantiles of that make the interval (Efron's bootstrap-t):
counts of matches are skewed, and a sample that misses the large ones also thinks that they vary little.

Where few files make up the variance it is hardly known itself, and files that are drawn again say too little
of that. The upper quantile is moved out as far as Student's t lies beyond the normal law, which Hesterberg
("What teachers should know about the bootstrap", 2015) does with percentiles: for the degrees of freedom that
Satterthwaite ("An approximate distribution of estimates of variance components", 1946) gives a variance, here
with the kurtosis of the counts in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

REPLICATES = 2000
# How often the truth may lie beyond either end. Above, less than half of 5 %, since skewed counts still miss
# more often on that side than they should: chosen by simulation, see docs/explanation/decisions.md.
BELOW, ABOVE = 0.035, 0.0125
# What is rarer than eight replicates cannot be told by so many.
RAREST = 8 / REPLICATES
NORMAL = NormalDist()
# Of what was found in fewer files, nobody can say how much more of it there may be in others: of seven, none
# is drawn in one replicate of e^7, far fewer than RAREST; of five, in too many.
FEWEST_FILES = 7
FILES_ABOVE = 0.025
CELLS_AT_ONCE = 1 << 23
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Stratum:
    """Files that were read of a stratum, a row each and a column for each measure, and how many it has."""

    values: Floats
    size: int

    @property
    def weight(self) -> float:
        """For how many files of the stratum each that was read stands."""
        return self.size / len(self.values)


@dataclass(frozen=True, slots=True)
class Totals:
    """Of each measure, an array: what the files hold that were read, and the total of all files with its
    interval of 95 %. `high` is infinite where it cannot be said. `files`: those that have any.
    """

    seen: Floats
    estimate: Floats
    low: Floats
    high: Floats
    files: npt.NDArray[np.int64]


def totals(strata: Sequence[Stratum], seed: int) -> Totals:
    """Estimate the totals of all measures, none of them negative, over the files of all strata.

    Every stratum has two files at least. The same seed gives the same intervals.
    """
    seen = np.sum([stratum.values.sum(axis=0) for stratum in strata], axis=0)
    estimate = np.sum([stratum.weight * stratum.values.sum(axis=0) for stratum in strata], axis=0)
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
    return Totals(
        seen,
        estimate,
        np.where(few, seen, np.clip(np.where(error > 0, low, estimate), seen, estimate)),
        np.where(few, np.inf, np.maximum(np.where(error > 0, high, estimate), estimate)),
        files,
    )


def most_files(found: int, share: float) -> float:
    """The upper limit of 97.5 % for the files of a release that have something, if a sample found so many.

    `share` is that of the sample. The limit is Poisson's (Garwood 1936), and so a bit too high.
    """
    low, high = float(found), 4.0 * found + 10.0
    while high - low > ROUNDING * high:
        middle = (low + high) / 2
        terms = (k * math.log(middle) - math.lgamma(k + 1) - middle for k in range(found + 1))
        below = math.fsum(map(math.exp, terms))
        low, high = (middle, high) if below > FILES_ABOVE else (low, middle)
    return high / share


def _variance(stratum: Stratum) -> Floats:
    """Variance of a stratum's estimated totals."""
    count = len(stratum.values)
    spread = np.asarray(stratum.values.var(axis=0, ddof=1), dtype=np.float64)
    return stratum.size * (stratum.size - count) * spread / count


def freedom(strata: Sequence[Stratum]) -> Floats:
    """Degrees of freedom of each measure's variance: those of the χ² that is as uncertain (Satterthwaite)."""
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
    """How often the normal law lies beyond where Student's t does with this `share`, by degrees of freedom.

    Two terms of Fisher's expansion (Abramowitz and Stegun 1964, 26.7.5).
    """
    z, degrees = NORMAL.inv_cdf(1 - share), np.maximum(degrees, 1)
    t = z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
    return np.maximum([NORMAL.cdf(-quantile) for quantile in t.tolist()], RAREST)


def _pivots(strata: Sequence[Stratum], error: Floats, rng: np.random.Generator) -> Floats:
    """Deviations of drawn totals in standard errors of their own, sorted: a row each, a column a measure."""
    deviation = np.zeros((REPLICATES, len(error)))
    variance = np.zeros((REPLICATES, len(error)))
    for stratum in strata:
        count = len(stratum.values)
        centred = stratum.values - stratum.values.mean(axis=0)
        scale = stratum.size * (stratum.size - count) / (count - 1)
        for rows, drawn in _draws(count, rng):
            means, squares = drawn @ centred / count, drawn @ centred**2 / count
            deviation[rows] += math.sqrt(scale * count) * means
            variance[rows] += scale * count / (count - 1) * np.maximum(squares - means**2, 0)
    # A total that was drawn from equal files only has no error of its own: nothing says how far off it is.
    alike = variance <= ROUNDING * error**2
    none = np.where(deviation < 0, -np.inf, 0.0)
    pivots = np.where(alike, none, deviation / np.sqrt(np.where(alike, 1, variance)))
    pivots.sort(axis=0)
    return pivots


def _draws(count: int, rng: np.random.Generator) -> Iterator[tuple[slice, Floats]]:
    """How often each of `count` files is drawn in each replicate, some replicates at a time."""
    step = max(1, CELLS_AT_ONCE // count)
    for start in range(0, REPLICATES, step):
        rows = min(step, REPLICATES - start)
        drawn = rng.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        yield slice(start, start + rows), times.astype(np.float64)
