"""The bounds of Clopper and Pearson: known ones, those of another library, and as often right as they say."""

from __future__ import annotations

import math
import random

import pytest

from presswatch_spark.scanning.sampling.intervals import at_most, most_share
from tests.world.proofs import each_time


@pytest.mark.parametrize(
    ("found", "drawn", "confidence", "known"),
    [
        (0, 100, 0.95, 0.0295),
        (0, 1000, 0.95, 0.0030),
        (1, 20, 0.975, 0.2487),
        (10, 20, 0.975, 0.7280),
    ],
)
def test_bounds_are_those_of_tables(found: int, drawn: int, confidence: float, known: float) -> None:
    assert most_share(found, drawn, confidence) == pytest.approx(known, abs=5e-5)


def test_none_found_has_a_bound_in_closed_form() -> None:
    for drawn in (1, 2, 59, 10_000):
        assert most_share(0, drawn, 0.95) == pytest.approx(1 - 0.05 ** (1 / drawn), rel=1e-9)


@pytest.mark.full
def test_bounds_are_quantiles_of_the_beta_distribution() -> None:
    # Others need neither it nor the seconds that it takes to import.
    from scipy.stats import beta

    numbers = random.Random(1)
    for _ in range(40):
        # From 1 to 3,162, as many small ones as large ones.
        drawn = round(10 ** numbers.uniform(0, 3.5))
        found, confidence = numbers.randint(0, drawn), numbers.choice((0.9, 0.95, 0.99))
        above = beta.ppf(confidence, found + 1, drawn - found) if found < drawn else 1.0
        below = beta.ppf(1 - confidence, found, drawn - found + 1) if found else 0.0
        assert most_share(found, drawn, confidence) == pytest.approx(above, abs=1e-9)
        assert 1 - most_share(drawn - found, drawn, confidence) == pytest.approx(below, abs=1e-9)


def test_binomial_sums_are_exact() -> None:
    for drawn, share in ((1, 0.5), (7, 0.25), (40, 0.03)):
        for found in range(drawn + 1):
            exact = sum(math.comb(drawn, k) * share**k * (1 - share) ** (drawn - k) for k in range(found + 1))
            assert at_most(found, drawn, share) == pytest.approx(exact, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("share", each_time([0.02], [0.001, 0.02, 0.3]))
def test_a_bound_is_right_at_least_as_often_as_it_says(share: float) -> None:
    drawn = 300
    found_often = [
        at_most(k, drawn, share) - (at_most(k - 1, drawn, share) if k else 0) for k in range(drawn + 1)
    ]
    right = math.fsum(p for k, p in enumerate(found_often) if most_share(k, drawn, 0.95) >= share)
    assert 0.95 <= right <= 1
