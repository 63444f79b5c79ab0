"""Releases that never were: 100 segments of 1,000 files, with counts of matches as clustered as one likes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from presswatch_spark.scanning.sampling import Occurrences

SEGMENTS, FILES = 100, 1000
Array = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Rng = np.random.Generator


def _levels(rng: Rng, spread: float, empty: float = 0.0) -> Array:
    """How rich each segment is: lognormal, some of them empty; a column."""
    return (rng.lognormal(0, spread, SEGMENTS) * (rng.random(SEGMENTS) >= empty))[:, None]


def _some(rng: Rng, share: float) -> npt.NDArray[np.bool_]:
    return rng.random((SEGMENTS, FILES)) < share


def _overdispersed(rng: Rng, means: Array, shape: float) -> Array:
    """Negative binomial counts: of variance mean + mean² / shape."""
    means = np.broadcast_to(means, (SEGMENTS, FILES))
    return rng.negative_binomial(shape, shape / (shape + means)).astype(np.float64)


def _heavy(rng: Rng, share: float, levels: Array, spread: float) -> Array:
    """Lognormal counts in a share of the files, up to thousands."""
    return _some(rng, share) * np.floor(rng.lognormal(np.log(10 * levels), spread, (SEGMENTS, FILES)))


SCENARIOS: Mapping[str, Callable[[Rng], Array]] = {
    "alike": lambda rng: _overdispersed(rng, 2 * _levels(rng, 0.5), 1.0),
    "clustered": lambda rng: _overdispersed(rng, 5 * _levels(rng, 0.8, 0.1) * _some(rng, 0.3), 0.5),
    "strongly clustered": lambda rng: _overdispersed(rng, 5 * _levels(rng, 1.2, 0.2) * _some(rng, 0.3), 0.5),
    "heavy files": lambda rng: _heavy(rng, 0.1, _levels(rng, 0.7), 1.0),
    "heavier files": lambda rng: _heavy(rng, 0.1, _levels(rng, 1.0), 1.2),
    "a third heavy": lambda rng: _heavy(rng, 0.3, _levels(rng, 0.7), 1.5),
    "rare": lambda rng: _some(rng, 0.05) * rng.geometric(0.4, (SEGMENTS, FILES)) * (_levels(rng, 0.8) > 0.5),
}
"""Counts of each file, a row a segment."""
EXTREMES: Mapping[str, Callable[[Rng], Array]] = {
    "a few segments have it all": lambda rng: _overdispersed(
        rng, 20 * _levels(rng, 1.5, 0.3) * _some(rng, 0.3), 0.5
    ),
    "one file in 200 has thousands": lambda rng: (
        _overdispersed(rng, 5 * _levels(rng, 0.8), 0.5)
        + _some(rng, 0.005) * rng.integers(200, 3000, (SEGMENTS, FILES))
    ),
    "one file in 100 has any": lambda rng: _some(rng, 0.01) * rng.geometric(0.4, (SEGMENTS, FILES)),
}
"""Where a sample says less than it seems to, or more cautiously."""


def release(rng: Rng, scenarios: Mapping[str, Callable[[Rng], Array]]) -> Array:
    return np.stack([make(rng).astype(np.float64) for make in scenarios.values()], axis=-1)


def placed_articles(rng: Rng, articles: int = 3000, typical: float = 1.0) -> tuple[Numbers, Numbers]:
    """Pairs (article, file) of a release, each once: an article occurs some `typical` times, lognormally.

    Nine occurrences in ten lie in one of five segments that are the article's own. Articles that occur
    nowhere are not in the release.
    """
    copies = np.floor(rng.lognormal(np.log(typical), 1.5, articles)).astype(np.int64)
    owner = np.repeat(np.arange(articles), copies)
    homes = rng.integers(0, SEGMENTS, (articles, 5))
    segment = np.where(
        rng.random(len(owner)) < 0.9,
        homes[owner, rng.integers(0, 5, len(owner))],
        rng.integers(0, SEGMENTS, len(owner)),
    )
    files = segment * FILES + rng.integers(0, FILES, len(owner))
    pairs = np.unique(np.stack([owner, files]), axis=1)
    return pairs[0], pairs[1]


def occurrences(articles: Any, places: Any, files: int) -> Occurrences:
    """Count articles by how many of `files` they were seen in: pairs of an article and a file, each once."""
    times = np.bincount(articles)
    alone = places[times[articles] == 1] if len(times) else places
    return Occurrences(
        "articles",
        None,
        seen=int(np.count_nonzero(times)),
        files=len(np.unique(places)),
        once=int(np.count_nonzero(times == 1)),
        twice=int(np.count_nonzero(times == 2)),
        singles=np.bincount(alone, minlength=files).astype(np.float64),
    )
