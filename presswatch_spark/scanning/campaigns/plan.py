"""The plan of a campaign: corpora, releases and options of its scans; and its items, a crawl or dataset each.

CAMPAIGN/campaign.json            the plan
CAMPAIGN/corpora/FROM-TO/         a corpus of the articles that corpus TO has and corpus FROM lacks
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from presswatch_spark.core.errors import CorruptError, InputError, PresswatchError, StorageError
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.scanning.releases.crawls import Listing, at_hand, current, list_uri
from presswatch_spark.scanning.releases.datasets import dataset_named, load_datasets, part_of, shards_of
from presswatch_spark.scanning.releases.release import (
    CRAWL_FORMS,
    NEWS_SINCE,
    Release,
    kinds_of,
    week_of,
)
from presswatch_spark.scanning.releases.release import NEWS as CC_NEWS
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import DeniedError, MissingError, canonical
from presswatch_spark.storage.shards import glob_of
from presswatch_spark.storage.uris import without_revision
from presswatch_spark.tables.seals import sealed_json, unsealed_json

LAYOUT = 2
PLAN = "campaign.json"
LOCK = "campaign"
CORPORA = "corpora"
NEWS = "news"
LANGUAGES_SINCE = (2018, 34)
"""The first crawl with identified languages, that of August 2018."""
OVERDUE = timedelta(days=60)
"""Shard lists of a crawl have always been published in this time after its last capture."""
LIST_MAX_AGE = timedelta(days=7)
"""An older list of crawls may lack a release."""
WHOLE = "its pages name no languages, so all are read"


@dataclass(frozen=True, slots=True)
class CorpusOfCampaign:
    """A corpus that was given to a campaign: its place, its digest, and the number of its articles."""

    path: str
    digest: str
    articles: int


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """The content of a campaign's file, which is sealed.

    `corpora`: oldest first; each has all articles of the one before. `crawls`: `wet` or `warc`, `news` for
    the months of CC-NEWS, or None; from `since` to `until`, None for no bound. `datasets`: names and parts.
    `mirrors`: URIs of copies by name of a dataset. `listed`: the list of crawls, or a site or folder with it.
    `options`: of `presswatch scan`, for every scan. `settings`: digest of the settings that can change a row.
    """

    out: str
    corpora: tuple[CorpusOfCampaign, ...]
    crawls: str | None = None
    since: str | None = None
    until: str | None = None
    datasets: tuple[tuple[str, str], ...] = ()
    mirrors: dict[str, str] = field(default_factory=dict)
    newest_first: bool = True
    listed: str | None = None
    options: tuple[str, ...] = ()
    settings: str | None = None

    def to_json(self) -> bytes:
        """Return the content of the campaign's file."""
        return sealed_json({"layout": LAYOUT, **asdict(self)}) + b"\n"

    def known_crawls(
        self, config: ScanConfig, now: datetime, *, by_name: bool = False, base: str | None = None
    ) -> Listing:
        """Return the current list of crawls; for news and datasets only, the list that is at hand.

        `by_name`: do not read a list, but add published crawls of later weeks, found by the names of weeks:
        for machines that can reach shard lists below `base`, but no list of crawls.

        Raises `StorageError` if the list is a file that cannot be read, or a shard list cannot be requested.
        """
        uri, form = list_uri(self.listed or config.datasets.common_crawl.index), self.crawls
        if form is None or form not in CRAWL_FORMS:
            return at_hand(uri)
        if not by_name:
            return current(uri, config.storage, now)

        def is_published(name: str) -> bool:
            try:
                shards_of(name, form, base, config.datasets, config.storage)
            except PresswatchError as error:
                if is_absence(error):
                    return False
                if isinstance(error.__cause__, StorageError):
                    raise error.__cause__ from error
                raise
            return True

        return with_later_weeks(at_hand(uri), now, is_published)


def read_plan(folder: Folder) -> tuple[CampaignPlan, str] | None:
    """Return the plan in a folder, and the ETag of its file; None if there is none.

    Raises `CorruptError` unless the file is as `to_json` wrote it.
    """
    try:
        data, etag = folder.read(PLAN)
    except MissingError:
        return None
    try:
        facts = dict(unsealed_json(data.rstrip(b"\n")))
        if facts.pop("layout") != LAYOUT:
            raise ValueError
        facts["corpora"] = tuple(CorpusOfCampaign(**each) for each in facts["corpora"])
        facts["datasets"] = tuple((str(name), str(part)) for name, part in facts["datasets"])
        facts["options"] = tuple(facts["options"])
        return CampaignPlan(**facts), etag
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CorruptError(
            "the campaign was written by another version, or was changed since",
            where=folder.at(PLAN),
            remedy="use the version that opened it, undo an edit, or open it again in another folder",
        ) from error


def plan_of(folder: Folder) -> CampaignPlan:
    """Return the plan in a folder; `InputError` if there is none."""
    found = read_plan(folder)
    if found is None:
        raise InputError(
            "there is no campaign here", where=str(folder), remedy="open one: presswatch campaign open"
        )
    return found[0]


def write_plan(folder: Folder, plan: CampaignPlan, etag: str | None) -> None:
    """Write the campaign's file over the version `etag` (None: no file); else raise `ConflictError`."""
    folder.write(PLAN, plan.to_json(), absent=etag is None, etag=etag)


@dataclass(frozen=True, slots=True)
class Item:
    """One release of a campaign, and the settings of its scan.

    `release`: of its rows; None if each row names its own. `path`: the shards of a dataset (`product`); None
    for a crawl. `note`: a remark for users. `trouble`: the reason why it cannot be scanned. `last_capture`:
    time of a crawl's last capture.
    """

    name: str
    format: str
    release: str | None
    path: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    product: str | None = None
    trouble: InputError | None = None
    last_capture: datetime | None = None

    def settings(self, config: ScanConfig) -> ScanConfig:
        """Return the settings of its scan."""
        read = replace(config.read, release=config.read.release or self.release)
        if self.columns and not config.read.columns:
            read = replace(read, columns=self.columns)
        return replace(config, read=read)

    def holds(self, shard_uri: str) -> bool:
        """Return whether a dataset contains a shard; True for a crawl, whose runs name the release."""
        if self.trouble is not None:
            return False
        if self.path is None:
            return True
        return _pattern(self.path).fullmatch(without_revision(shard_uri)) is not None


@lru_cache
def _pattern(path: str) -> re.Pattern[str]:
    return glob_of(canonical(path))


def items_of(plan: CampaignPlan, known: Listing, config: ScanConfig, now: datetime) -> tuple[Item, ...]:
    """Return the items of a campaign in order: crawls or months of CC-NEWS, then datasets.

    Raises `InputError` if `since` or `until` is not listed, their order is wrong, or a dataset is unknown.
    """
    crawls = list[Item]()
    if plan.crawls:
        releases = news_months(now) if plan.crawls == NEWS else known.crawls
        for release in _between(plan, releases):
            is_news, note = plan.crawls == NEWS, ""
            kinds = kinds_of(release.name)
            # Crawls of 2008 to 2012 have only ARC files.
            form = plan.crawls if plan.crawls in kinds else kinds[0]
            if config.read.languages and not is_news:
                week = week_of(release.name)
                note = "" if week and week >= LANGUAGES_SINCE else WHOLE
            crawls.append(Item(release.name, form, release.name, note=note, last_capture=release.last))
    if not plan.newest_first:
        crawls.reverse()

    datasets, parts = load_datasets(), list[Item]()
    named = [(dataset_named(name, datasets), part, plan.mirrors.get(name)) for name, part in plan.datasets]
    for dataset, part, mirror in named:
        name = f"{dataset.id}:{part}"
        try:
            shards = part_of(dataset, part, mirror)
        except InputError as error:
            # This dataset is on a site that cannot list its files; the other items can be scanned.
            parts.append(Item(name, dataset.format, None, note=error.what, trouble=error))
            continue
        note = dataset.caution or ""
        parts.append(Item(name, shards.format, shards.release, shards.path, shards.columns, note, dataset.id))
    return (*crawls, *parts)


def _between(plan: CampaignPlan, crawls: Sequence[Release]) -> Sequence[Release]:
    names = [crawl.name for crawl in crawls]
    for name in (plan.since, plan.until):
        if name is not None and name not in names:
            raise InputError(
                "this is neither a crawl of the list nor a past month of CC-NEWS",
                where=name,
                remedy=f"choose one like {names[0]}; `presswatch releases` lists the crawls",
            )
    first = names.index(plan.until) if plan.until else 0
    last = names.index(plan.since) if plan.since else len(names) - 1
    if first > last:
        raise InputError(
            f"the crawl is newer than {plan.until}, so no crawl is between them",
            where=str(plan.since),
            remedy="pass the oldest crawl as --since and the newest as --until",
        )
    return crawls[first : last + 1]


def with_later_weeks(known: Listing, now: datetime, is_published: Callable[[str], bool]) -> Listing:
    """Add to a list the published crawls of the weeks since its newest crawl."""
    weeks = {crawl.name: found for crawl in known.crawls if (found := week_of(crawl.name))}
    newest = max(weeks, default=None)
    published = list[Release]()
    if newest:
        year, week = weeks[newest]
        day = datetime.fromisocalendar(year, max(week, 1), 1).replace(tzinfo=UTC)
        while (day := day + timedelta(weeks=1)) <= now:
            name = "CC-MAIN-{}-{:02}".format(*day.isocalendar()[:2])
            if is_published(name):
                published.insert(0, Release(name, None, None))
    return Listing(now, (*published, *known.crawls), f"{known.origin}, and the weeks since {newest}")


def news_months(now: datetime) -> tuple[Release, ...]:
    """Return the past months of CC-NEWS, newest first; the list of the present month still grows."""
    months = []
    end = datetime(now.year, now.month, 1, tzinfo=UTC)
    while end > NEWS_SINCE:
        first = (end - timedelta(days=1)).replace(day=1)
        months.append(Release(f"{CC_NEWS}-{first:%Y-%m}", max(first, NEWS_SINCE), end))
        end = first
    return tuple(months)


def is_absence(error: PresswatchError) -> bool:
    """Return whether a shard list is absent. S3 answers "denied" to callers who may not list a bucket."""
    causes = (error, error.__cause__) if isinstance(error, InputError) else (error,)
    return any(isinstance(cause, (MissingError, DeniedError)) for cause in causes)
