"""The items of a campaign: each crawl in the form that it has, and each part of a dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from presswatch_spark.campaigns.plan import CampaignPlan
from presswatch_spark.errors import InputError
from presswatch_spark.releases.datasets import Dataset, dataset_named, load_datasets, part_of
from presswatch_spark.releases.known import Known
from presswatch_spark.releases.release import CRAWL, Release, form_of
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.hub.addresses import HubAddress
from presswatch_spark.storage.objects import canonical
from presswatch_spark.storage.shards import glob_of
from presswatch_spark.storage.uris import scheme_of

LANGUAGES_SINCE = (2018, 34)
"""The crawl of August 2018 is the first whose languages were identified."""
WHOLE = "its pages name no languages, so all are read"
UNLISTED = "is in the list of crawls no more"


@dataclass(frozen=True, slots=True)
class Item:
    """One release of a campaign, and how it is scanned.

    `release` is what its rows are of; None where each row says it. `path` names the shards of a dataset, and
    `product` the dataset. `note`: what is special about it. `trouble`: why it cannot be scanned as it is.
    """

    name: str
    format: str
    release: str | None
    path: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    product: str | None = None
    trouble: InputError | None = None

    def settings(self, config: ScanConfig) -> ScanConfig:
        """Return the settings of its scan."""
        read = replace(config.read, release=config.read.release or self.release)
        if self.columns and not config.read.columns:
            read = replace(read, columns=self.columns)
        return replace(config, read=read)

    def holds(self, shard_uri: str) -> bool:
        """Say whether a shard is one of a dataset's; of a crawl, its run names the release."""
        if self.trouble is not None:
            return False
        if self.path is None:
            return True
        uri = shard_uri
        if scheme_of(uri) == "hf":
            uri = str(replace(HubAddress.of(uri), revision=None))
        return _pattern(self.path).fullmatch(uri) is not None


@lru_cache
def _pattern(path: str) -> re.Pattern[str]:
    return glob_of(canonical(path))


def items_of(plan: CampaignPlan, known: Known, config: ScanConfig) -> tuple[Item, ...]:
    """Return the items of a campaign in their order: crawls, then datasets.

    Raises:
        InputError: `since` or `until` is in no list, or `since` is the newer one; or a dataset is not known.
    """
    crawls = list(_crawls(plan, known, config)) if plan.crawls else []
    if not plan.newest_first:
        crawls.reverse()
    datasets = load_datasets()
    parts = []
    for name, part in plan.datasets:
        parts.append(_part(dataset_named(name, datasets), part, plan.mirrors.get(name)))
    return (*crawls, *parts)


def _part(dataset: Dataset, part: str, mirror: str | None) -> Item:
    name = f"{dataset.id}:{part}"
    try:
        shards = part_of(dataset, part, mirror)
    except InputError as error:
        # Its files are on a site that cannot be asked for them; the other items can be scanned.
        return Item(name, dataset.format, None, note=error.what, trouble=error)
    note = dataset.caution or ""
    return Item(name, shards.format, shards.release, shards.path, shards.columns, note, dataset.id)


def _crawls(plan: CampaignPlan, known: Known, config: ScanConfig) -> Iterator[Item]:
    listed = _between(plan, known.listing.crawls)
    for release in listed:
        form = form_of(release.name, str(plan.crawls))
        yield Item(release.name, form, release.name, note=_note(release, config))


def unlisted_crawl(name: str, form: str) -> Item:
    """Return the item of a crawl that was listed before: with its name, what it lacks would vanish."""
    return Item(name, form_of(name, form), name, note=UNLISTED)


def _between(plan: CampaignPlan, crawls: Sequence[Release]) -> Sequence[Release]:
    names = [crawl.name for crawl in crawls]
    for name in (plan.since, plan.until):
        if name is not None and name not in names:
            raise InputError("is not in the list of crawls", where=name, remedy="see `presswatch releases`")
    first = names.index(plan.until) if plan.until else 0
    last = names.index(plan.since) if plan.since else len(names) - 1
    if first > last:
        raise InputError(
            f"is newer than {plan.until}, so no crawl lies between them",
            where=str(plan.since),
            remedy="give the oldest crawl as --since and the newest as --until",
        )
    return crawls[first : last + 1]


def _note(release: Release, config: ScanConfig) -> str:
    """Return what is special about a crawl: a gate by language has nothing to go by in older ones."""
    if not config.read.languages:
        return ""
    found = re.fullmatch(CRAWL, release.name)
    return "" if found and (int(found[1]), int(found[2])) >= LANGUAGES_SINCE else WHOLE
