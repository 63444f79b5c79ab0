"""How often the truth of simulated releases lies within the limits that a sample of them gives.

The shards are drawn by the product's own draw, and the limits are those of its estimates.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest

from presswatch_spark.scanning.sampling import Design, cautious, design_of, draw, totals
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.shards import ShardPlan
from tests.world.sampling import (
    EXTREMES,
    FILES,
    SCENARIOS,
    SEGMENTS,
    Array,
    Rng,
    occurrences,
    placed_articles,
    release,
)

FULL = 500
SHARE = 0.01
DRAWS, FEW_DRAWS = 20, 2
"""So many draws take turns: releases are made at random for each, and files of a segment are alike in law."""


@lru_cache(maxsize=1)
def listed() -> ShardPlan:
    return ShardPlan.of(
        ObjectInfo(f"s3://b/crawl-data/C/segments/{segment:03}/wet/{file:05}.warc.wet.gz")
        for segment in range(SEGMENTS)
        for file in range(FILES)
    )


@lru_cache(maxsize=DRAWS)
def sampled(share: float, seed: int) -> tuple[Design, npt.NDArray[np.int64]]:
    """The design of a sample that was read to its end, and the number of each of its files in the release."""
    drawn, strata = draw(listed(), share, seed)
    row = {"run_id": "r", "sample": share, "sample_strata": strata}
    design = design_of(row, [{"shard_uri": shard.uri, "status": "complete"} for shard in drawn])
    places = [uri.split("/")[-3:] for uri in design.files]
    numbers = [int(segment) * FILES + int(name[:5]) for segment, _, name in places]
    return design, np.array(numbers)


def misses(scenarios: Mapping[str, Callable[[Rng], Array]], releases: int) -> dict[str, tuple[float, float]]:
    """Of each scenario, in what share of the releases the total lies below and above its limits."""
    out = []
    for seed in range(releases):
        rng = np.random.default_rng([seed, 20261125])
        counts = release(rng, scenarios).reshape(SEGMENTS * FILES, -1)
        design, files = sampled(SHARE, seed % DRAWS)
        estimated, truth = totals(design.stratified(counts[files]), seed), counts.sum(axis=0)
        out.append((truth < estimated.low, truth > estimated.high))
    below, above = np.mean(out, axis=0)
    return {name: (below[place], above[place]) for place, name in enumerate(scenarios)}


def article_limits(
    releases: int, typical: float, draws: int = DRAWS
) -> Iterator[tuple[int, int, float, float]]:
    """Of simulated releases: different articles in truth; seen, estimated cautiously, and at most."""
    for seed in range(releases):
        articles, where = placed_articles(np.random.default_rng([seed, 1125]), typical=typical)
        design, files = sampled(SHARE, seed % draws)
        order = np.argsort(files)
        found = np.isin(where, files)
        places = order[np.searchsorted(files[order], where[found])]
        seen = occurrences(articles[found], places, len(files))
        singles = totals(design.stratified(seen.singles[:, None]), seed)
        most = seen.seen + float(singles.high[0]) - seen.once
        yield len(np.unique(articles)), seen.seen, cautious(seen, design), most


@pytest.mark.full
@pytest.mark.parametrize(
    ("scenarios", "lowest", "highest"),
    [(SCENARIOS, 0.93, 0.97), (EXTREMES, 0.88, 1)],
    ids=("some", "extreme"),
)
def test_limits_of_95_percent_hold_the_truth_as_often_as_documented(
    scenarios: Mapping[str, Callable[[Rng], Array]], lowest: float, highest: float
) -> None:
    for name, (below, above) in misses(scenarios, FULL).items():
        assert lowest <= 1 - below - above <= highest, name


@pytest.mark.full
@pytest.mark.parametrize("typical", [0.3, 1.0, 20.0])
def test_the_number_of_articles_lies_within_its_limits(typical: float) -> None:
    found = np.array(list(article_limits(FULL, typical)))
    truth, seen, middle, most = found.T
    within = np.mean((seen <= truth) & (truth <= most))
    assert within >= 0.95
    assert np.mean(middle <= truth) >= 0.9


@pytest.mark.slow
def test_the_number_of_articles_lies_within_its_limits_in_most_releases() -> None:
    truth, seen, middle, most = np.array(list(article_limits(5, 1.0, FEW_DRAWS))).T
    assert ((seen <= middle) & (middle <= most)).all()
    assert np.mean((seen <= truth) & (truth <= most)) >= 0.8
