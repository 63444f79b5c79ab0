"""Which dataset a row of `matches` is of: known where the row says it, and unknown everywhere else."""

from __future__ import annotations

from datetime import date

import pytest

from presswatch_spark.scanning.releases.datasets import (
    C4_FOLDERS,
    HUB_REPOSITORIES,
    PRODUCTS,
    days_of,
    product_of,
)


@pytest.mark.parametrize(
    ("form", "release", "product"),
    [
        ("wet", "CC-MAIN-2024-22", "common-crawl"),
        ("warc", "CC-MAIN-2024-22", "common-crawl"),
        ("arc", "CC-MAIN-2009-2010", "common-crawl"),
        ("warc", "CC-NEWS-2020-01", "cc-news"),
        ("warc", "CC-NEWS", "cc-news"),
        ("c4", "c4-en", "c4"),
        ("c4", "c4-fr", "mc4"),
        ("c4", "mc4-en", "mc4"),
        ("c4", "C4-FR", "mc4"),
        ("rows", "c4-fr", "mc4"),
        ("oscar", "OSCAR-2301-fr", "oscar-2301"),
    ],
)
def test_the_release_says_the_dataset(form: str, release: str, product: str) -> None:
    assert product_of(form, release) == product


@pytest.mark.parametrize(
    ("form", "release"),
    [
        # FineWeb, CulturaX and others give the crawl that a row is from: the row is not of the crawl.
        ("rows", "CC-MAIN-2024-22"),
        ("c4", "CC-MAIN-2019-18"),
        ("oscar", "CC-MAIN-2022-49"),
        ("wet", "our-own-crawl"),
        ("wet", None),
        ("c4", None),
        ("oscar", None),
        # Variants of C4, of which no model's publisher speaks.
        ("c4", "c4-en.noclean"),
        ("c4", "c4-realnewslike"),
    ],
)
def test_what_nothing_says_is_unknown(form: str, release: str | None) -> None:
    assert product_of(form, release) is None


@pytest.mark.parametrize(
    ("repository", "folder", "product"),
    [
        ("HuggingFaceFW/fineweb-2", "data", "fineweb-2"),
        ("HuggingFaceFW/fineweb", "data", "fineweb"),
        ("allenai/c4", "en", "c4"),
        ("allenai/c4", "multilingual", "mc4"),
        ("allenai/c4", "en.noblocklist", None),
        ("somebody/fineweb-2", "data", None),
    ],
)
def test_the_repository_of_the_hub_says_the_dataset(
    repository: str, folder: str, product: str | None
) -> None:
    assert product_of("rows", "CC-MAIN-2024-22", repository, folder) == product


def test_repositories_hold_datasets_that_have_a_name() -> None:
    assert {*HUB_REPOSITORIES.values(), *C4_FOLDERS.values()} <= set(PRODUCTS)


@pytest.mark.parametrize(
    ("release", "days"),
    [
        # Named after a week, but captured before it ended: the list of crawls knows.
        ("CC-MAIN-2024-10", (date(2024, 2, 20), date(2024, 3, 5))),
        ("CC-MAIN-2009-2010", (date(2009, 7, 2), date(2010, 9, 10))),
        ("CC-NEWS-2020-02", (date(2020, 2, 1), date(2020, 2, 29))),
        ("CC-MAIN-2098-02", (date(2098, 1, 6), date(2098, 1, 6))),
        ("CC-MAIN-2098-77", None),
        ("c4-fr", None),
        (None, None),
    ],
)
def test_a_crawl_has_its_days(release: str | None, days: tuple[date, date] | None) -> None:
    assert days_of(release) == days
