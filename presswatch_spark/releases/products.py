"""Names of datasets, and the dataset of a row of `matches`: by its release, or its repository on the hub.

The format that a shard was read as is not enough: FineWeb and RedPajama are both `rows`.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import cache

from presswatch_spark.releases.known import shipped
from presswatch_spark.releases.release import NEWS, NEWS_MONTH, kinds_of, week_of
from presswatch_spark.releases.release_shards import C4, C4_ENGLISH

PRODUCTS: Mapping[str, str] = {
    "common-crawl": "Common Crawl",
    "cc-news": "CC-NEWS",
    "c4": "C4",
    "mc4": "mC4",
    "oscar-2109": "OSCAR 21.09",
    "oscar-2201": "OSCAR 22.01",
    "oscar-2301": "OSCAR 23.01",
    "fineweb": "FineWeb",
    "fineweb-2": "FineWeb 2",
    "finepdfs": "FinePDFs",
    "culturax": "CulturaX",
    "redpajama-v2": "RedPajama v2",
    "hplt-2": "HPLT 2",
    "hplt-3": "HPLT 3",
    "dclm": "DCLM-Baseline",
    "dolma-3": "Dolma 3",
    "madlad-400": "MADLAD-400",
    "nemotron-cc": "Nemotron-CC",
    "common-corpus": "Common Corpus",
}
"""The datasets that have a name here, each with its title."""

HUB_REPOSITORIES: Mapping[str, str] = {
    "oscar-corpus/OSCAR-2109": "oscar-2109",
    "oscar-corpus/OSCAR-2201": "oscar-2201",
    "oscar-corpus/OSCAR-2301": "oscar-2301",
    "HuggingFaceFW/fineweb": "fineweb",
    "HuggingFaceFW/fineweb-2": "fineweb-2",
    "HuggingFaceFW/finepdfs": "finepdfs",
    "uonlp/CulturaX": "culturax",
    "togethercomputer/RedPajama-Data-V2": "redpajama-v2",
    "mlfoundations/dclm-baseline-1.0": "dclm",
    "PleIAs/common_corpus": "common-corpus",
    "HPLT/HPLT2.0_cleaned": "hplt-2",
    "allenai/dolma3_mix-6T": "dolma-3",
    "allenai/MADLAD-400": "madlad-400",
}
"""Repositories of the hub (`OWNER/NAME`) that hold one dataset, with its name."""

C4_REPOSITORY = "allenai/c4"
C4_FOLDERS: Mapping[str, str] = {"en": "c4", "multilingual": "mc4"}
"""The folders of C4 that have a name here. The others are variants, which no document means by `C4`."""

C4_PARTS_BY_FILE = (
    "/(en|en[.]noblocklist|en[.]noclean|realnewslike)/c4-(?:train|validation)[.]",
    "/c4-([a-z][a-z][a-z]?(?:-Latn)?)[.-](?:tfrecord|validation)",
)
"""Regular expressions for the published file names of C4; group 1 is the part, `en` or `fr`."""

# What scans by name call the release of rows that name none: the dataset's name, and a part behind a hyphen.
# The longest name comes first: `fineweb-2` is no part of FineWeb.
_BY_RELEASE = sorted(set(PRODUCTS) - {"common-crawl", "cc-news", "c4", "mc4"}, key=len, reverse=True)


def product_of(form: str, release: str | None, repository: str = "", folder: str = "") -> str | None:
    """Return the name of the dataset that a row is of, one of `PRODUCTS`; None if it is unknown.

    `form`: `matches.dataset`. `release`: see `release_of`; English C4 (`c4-en`) is `c4`, other languages
    (`c4-fr`) are `mc4`. `repository`, `folder`: `OWNER/NAME` of the hub that its shard is in, and the first
    folder there.
    """
    if repository:
        if repository == C4_REPOSITORY:
            return C4_FOLDERS.get(folder)
        return HUB_REPOSITORIES.get(repository)
    if release is None:
        return None
    if form in kinds_of(release):
        return "cc-news" if release == NEWS or NEWS_MONTH.fullmatch(release) else "common-crawl"
    c4 = C4.fullmatch(release.lower().replace("-latn", "-Latn"))
    if c4:
        if c4["all"] or c4["part"] not in C4_ENGLISH:
            return "mc4"
        return "c4" if c4["part"] == "en" else None
    return next((name for name in _BY_RELEASE if f"{release.lower()}-".startswith(f"{name}-")), None)


def release_of(release: str | None, shard_uri: str) -> str | None:
    """Return a row's release; where the row names none, the part of C4 that the shard's file name states."""
    if release:
        return release
    parts = (found[1] for pattern in C4_PARTS_BY_FILE if (found := re.search(pattern, f"/{shard_uri}")))
    return next((f"c4-{part}" for part in parts), None)


def days_of(release: str | None) -> tuple[date, date] | None:
    """Return the days of the first and the last capture of a crawl; None for other names.

    Of a crawl that is newer than this version's list, both are the Monday of the week that it is named after.
    """
    name = release or ""
    if known := _crawl_days().get(name):
        return known
    if month := NEWS_MONTH.fullmatch(name):
        year, number = int(month[1]), int(month[2])
        return date(year, number, 1), date(year, number, monthrange(year, number)[1])
    with suppress(ValueError):
        if week := week_of(name):
            monday = date.fromisocalendar(*week, 1)
            return monday, monday
    return None


def crawls_at(moment: datetime) -> tuple[str, ...]:
    """Return the crawls that were made on the day of a moment, as far as this version knows them."""
    day = moment.astimezone(UTC).date()
    return tuple(name for name, (first, last) in _crawl_days().items() if first <= day <= last)


@cache
def _crawl_days() -> dict[str, tuple[date, date]]:
    crawls = shipped().crawls
    return {
        crawl.name: (crawl.first.date(), crawl.last.date()) for crawl in crawls if crawl.first and crawl.last
    }
