"""Finds the shards of a release by its name, for `storage.shards.plan`."""

from dataclasses import dataclass

from presswatch_spark.core.errors import InputError, PresswatchError, StorageError
from presswatch_spark.core.settings.config import DatasetRules
from presswatch_spark.core.terminal import nearest
from presswatch_spark.scanning.releases.crawls import at_hand, list_uri
from presswatch_spark.scanning.releases.datasets import load_datasets, part_of
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
from presswatch_spark.storage.objects import StorageOptions, canonical, shown_uri, stat
from presswatch_spark.storage.shards import is_list
from presswatch_spark.storage.uris import join

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
