"""Datasets and releases by name: places of their files, how to read them, and columns that lead to a record.

The release of a row of `matches`, or the hub repository of its shard, determines the dataset of the row. The
format of its shard does not: FineWeb and RedPajama both have the format `rows`.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import yaml

from presswatch_spark.core.errors import InputError, PresswatchError, StorageError
from presswatch_spark.core.settings.config import DatasetRules
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.core.terminal import did_you_mean, nearest
from presswatch_spark.scanning.releases.crawls import at_hand, list_uri
from presswatch_spark.scanning.releases.crawls import shipped as shipped_crawls
from presswatch_spark.scanning.releases.release import (
    C4,
    LABELS,
    NEWS,
    NEWS_MONTH,
    OSCAR,
    is_c4_english,
    kinds_of,
    week_of,
)
from presswatch_spark.storage.host_limits import forget_hosts
from presswatch_spark.storage.objects import StorageOptions, canonical, stat
from presswatch_spark.storage.shards import is_list
from presswatch_spark.storage.uris import HubAddress, is_web, join, scheme_of, shown_uri

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

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
"""The names of datasets, each with its title."""

HUB_REPOSITORIES: Mapping[str, str] = {
    "togethercomputer/RedPajama-Data-V2": "redpajama-v2",
    "mlfoundations/dclm-baseline-1.0": "dclm",
}
"""Repositories of the hub (`OWNER/NAME`) of datasets whose files are read from another site."""
C4_REPOSITORY = "allenai/c4"
C4_FOLDERS: Mapping[str, str] = {"en": "c4", "multilingual": "mc4"}
"""The folders of C4, each with its dataset. The others are variants, which no document means by `C4`."""

C4_PARTS_BY_FILE = (
    "/(en|en[.]noblocklist|en[.]noclean|realnewslike)/c4-(?:train|validation)[.]",
    "/c4-([a-z][a-z][a-z]?(?:-Latn)?)[.-](?:tfrecord|validation)",
)
"""Regular expressions for the published file names of C4; group 1 is the part, `en` or `fr`."""

# If rows name no release, a scan by name gives them the dataset's name, or this with a hyphen and the part.
# The longest name comes first, since `fineweb-2` is no part of FineWeb.
_BY_RELEASE = sorted(set(PRODUCTS) - {"common-crawl", "cc-news", "c4", "mc4"}, key=len, reverse=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset by name.

    `where` and `files`: its root, and a glob of a part's files below it, with `{part}` for the part. `part`:
    one part, as an example. `columns`: names of presswatch to names of columns, where a scan cannot guess
    them. `roles`: the facts of rows besides their text. `release`: the release of rows that name none.
    `upstream`: the columns that lead to the record from which a row was made. `checked`, `by`: the day and
    the source of the last check. `unverified`: the fields that the source does not confirm.
    """

    id: str
    where: str
    files: str
    part: str
    format: str
    columns: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    release: str | None = None
    upstream: Mapping[str, str] = field(default_factory=dict)
    gated: bool
    size: str | None = None
    caution: str | None = None
    source: str
    checked: date
    by: str
    unverified: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Return the path of its files, for `storage.shards.plan`; of a dataset by part, see `part_of`."""
        return f"{self.where.rstrip('/')}/{self.files}"


def load_datasets() -> dict[str, Dataset]:
    """Return the datasets of `conf/datasets.yaml` by name, in its order."""
    entries = yaml.safe_load(shipped("datasets.yaml").read_text(encoding="utf-8"))["datasets"]
    datasets = dict[str, Dataset]()
    for entry in entries:
        facts: dict[str, Any] = {name: tuple(entry.get(name, ())) for name in ("roles", "unverified")}
        datasets[entry["id"]] = Dataset(**{**entry, **facts})
    return datasets


def dataset_named(name: str, datasets: Mapping[str, Dataset]) -> Dataset:
    """Return the dataset of a name; if there is none, raises `InputError` with the nearest name."""
    if name not in datasets:
        raise InputError(
            f"no dataset has this name{did_you_mean(name, datasets)}",
            where=shown_uri(name),
            remedy="`presswatch datasets` lists all",
        )
    return datasets[name]


def part_of(dataset: Dataset, part: str | None, mirror: str | None = None) -> Dataset:
    """Return a dataset with one part only: its place, its files, and the release of its rows.

    `mirror`: a folder, bucket or site with the layout of `dataset.where`. Raises `InputError` if no part or
    an impossible one is named, or if the files are on a site that cannot list them.
    """
    if part is None:
        raise InputError(
            "this is scanned by part", where=dataset.id, remedy=f"choose one, as --part {dataset.part}"
        )
    require_part(dataset, part)
    root = mirror or dataset.where
    if is_web(root):
        raise InputError(
            "a site cannot list its files",
            where=shown_uri(root),
            remedy="pass the folder or bucket of a copy with --mirror or --base",
        )
    release = dataset.release and dataset.release.replace("{part}", part)
    return replace(dataset, where=root, files=dataset.files.replace("{part}", part), release=release)


def require_part(dataset: Dataset, part: str) -> None:
    """Raise `InputError` for a text that cannot name a part; only files show which parts exist."""
    if not _PART.fullmatch(part):
        raise InputError(
            "a part may only contain letters, digits, dots, hyphens and underscores",
            where=shown_uri(part),
            remedy=f"pass one, as --part {dataset.part}",
        )


def product_of(form: str, release: str | None, repository: str = "", folder: str = "") -> str | None:
    """Return the name of the dataset of a row, one of `PRODUCTS`; None if unknown.

    `form`: `matches.dataset`. `release`: see `release_of`; English C4 (`c4-en`) is `c4`, other languages
    (`c4-fr`) are `mc4`. `repository`, `folder`: `OWNER/NAME` of its shard on a hub, and the first folder.
    """
    if repository:
        if repository == C4_REPOSITORY:
            return C4_FOLDERS.get(folder)
        return HUB_REPOSITORIES.get(repository) or _read_from_hub().get(repository)
    if release is None:
        return None
    if form in kinds_of(release):
        return "cc-news" if release == NEWS or NEWS_MONTH.fullmatch(release) else "common-crawl"
    c4 = release.lower().replace("-latn", "-Latn")
    if C4.fullmatch(c4):
        return ("c4" if c4 == "c4-en" else None) if is_c4_english(c4) else "mc4"
    return next((name for name in _BY_RELEASE if f"{release.lower()}-".startswith(f"{name}-")), None)


def release_of(release: str | None, shard_uri: str) -> str | None:
    """Return a row's release; if the row names none, the part of C4 that the shard's file name states."""
    if release:
        return release
    parts = (found[1] for pattern in C4_PARTS_BY_FILE if (found := re.search(pattern, f"/{shard_uri}")))
    return next((f"c4-{part}" for part in parts), None)


def days_of(release: str | None) -> tuple[date, date] | None:
    """Return the days of the first and the last capture of a crawl; None for other names.

    If a crawl is newer than this version's list, both are the Monday of the week in its name.
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
    """Return the crawls, among those that this version knows, that were under way on a day."""
    day = moment.astimezone(UTC).date()
    return tuple(name for name, (first, last) in _crawl_days().items() if first <= day <= last)


@cache
def _read_from_hub() -> dict[str, str]:
    found = (each for each in load_datasets().values() if scheme_of(each.where) == "hf")
    return {HubAddress.of(each.where).dataset: each.id for each in found}


@cache
def _crawl_days() -> dict[str, tuple[date, date]]:
    crawls = shipped_crawls().crawls
    return {
        crawl.name: (crawl.first.date(), crawl.last.date()) for crawl in crawls if crawl.first and crawl.last
    }


# --- releases

SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class ReleaseShards:
    """The shards of a release: a path, and the base of relative lines if it is a list.

    `name`: the release; None for a user's list, which may have only some of its shards.
    """

    path: str
    base: str | None = None
    name: str | None = None


def shards_of(
    name: str, kind: str, base: str | None, rules: DatasetRules, storage: StorageOptions
) -> ReleaseShards:
    """Find the shards of release `name` in the form `kind` (`wet`, `warc` …).

    A crawl that no list names yet is looked for, too. `base`: a site, bucket or folder with the layout of the
    original, or a list of shards. Raises `InputError` if there is no such release, form, or list in `base`,
    `StorageError` if the list cannot be read now.
    """
    forget_hosts()
    kinds = ("c4",) if C4.fullmatch(name) else ("oscar",) if OSCAR.fullmatch(name) else kinds_of(name)
    if not kinds:
        raise _unknown(name, "", rules)
    if kind not in kinds:
        has = ", ".join(LABELS[each] for each in kinds)
        raise InputError(
            f"the release has no {LABELS.get(kind, kind)}; it has: {has}",
            where=name,
            remedy="`presswatch releases` shows what each has",
        )
    if name == NEWS:
        raise InputError(
            "this is published by month", where=name, remedy=f"choose one, as --release {NEWS}-2025-08"
        )
    if base is not None and is_list(shown_uri(canonical(base))):
        return ReleaseShards(base)
    if kind in ("c4", "oscar"):
        return _copied(name, base)
    root = canonical(base or rules.common_crawl.base)
    month, form = NEWS_MONTH.fullmatch(name), "cc-index-table" if kind == "index" else kind
    folder = f"{NEWS}/{month[1]}/{month[2]}" if month else name
    uri = join(root, f"crawl-data/{folder}/{form}.paths.gz")
    try:
        stat(uri, storage)
    except StorageError as error:
        # A bucket denies missing objects to callers who may not list it: then the name is probably unknown.
        if not (month or name in _names(rules)):
            raise _unknown(name, f"; {error}", rules) from error
        raise
    return ReleaseShards(uri, root, name)


def _copied(name: str, base: str | None) -> ReleaseShards:
    oscar = OSCAR.fullmatch(name)
    dataset = load_datasets()["oscar-2301" if oscar else "c4" if is_c4_english(name) else "mc4"]
    if base is None:
        raise InputError(
            "the dataset has no public list of shards",
            where=name,
            remedy=f"pass the folder or bucket of a copy with --base; or pass --base {dataset.where}",
        )
    part = oscar["part"] if oscar else name.partition("c4-")[2]
    return ReleaseShards(part_of(dataset, part, canonical(base)).path, name=name)


def _names(rules: DatasetRules) -> list[str]:
    return [crawl.name for crawl in at_hand(list_uri(rules.common_crawl.index)).crawls]


def _unknown(name: str, reason: str, rules: DatasetRules) -> PresswatchError:
    names = _names(rules)
    near = nearest(name, [*names, NEWS], SUGGESTIONS)
    if week_of(name):
        # No crawl began in that week.
        near = sorted(names, key=lambda crawl: abs(_weeks(crawl) - _weeks(name)))[:SUGGESTIONS]
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return InputError(
        f"no release of that name is known; the newest crawl in the list is {names[0]}{reason}",
        where=shown_uri(name),
        remedy=f"{meant}`presswatch releases` lists all",
    )


def _weeks(name: str) -> int:
    """Return the number of the week of a crawl; the oldest crawls name only years."""
    year, week = week_of(name) or (0, 0)
    return 52 * year + week
