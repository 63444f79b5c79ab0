"""What a campaign asks for: releases and datasets, corpora, and the options of its scans.

CAMPAIGN/campaign.json            this
CAMPAIGN/corpora/FROM-TO/         the articles that corpus TO has and corpus FROM has not, as a corpus
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from presswatch_spark.errors import CorruptError, InputError
from presswatch_spark.releases.release import CRAWL_FORMS
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import MissingError

LAYOUT = 1
PLAN = "campaign.json"
LOCK = "campaign.lock"
CORPORA = "corpora"


@dataclass(frozen=True, slots=True)
class CorpusOfCampaign:
    """A corpus that was given to a campaign: where it lies, its digest, and how many articles it has."""

    path: str
    digest: str
    articles: int


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """What is asked for.

    Attributes:
        out: the folder of the tables.
        corpora: oldest first; each has all articles of the one before it.
        crawls: `wet` or `warc`, for the crawls of Common Crawl; None for none.
        since, until: the oldest and the newest of these; None for all there are.
        datasets: name and part of each dataset.
        mirrors: by name of a dataset, where a copy of it lies.
        newest_first: whether the newest release comes first.
        listed: the list of crawls, or a site or folder that holds it; None for the usual one.
        options: options of `presswatch scan`, for every scan.
        settings: the digest of the settings that can change a row; None in files of older versions.
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
        return (json.dumps({"layout": LAYOUT, **asdict(self)}, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Self:
        """Read what `to_json` wrote; `CorruptError` for anything else."""
        try:
            facts: dict[str, Any] = json.loads(data)
            if facts.pop("layout") != LAYOUT:
                raise ValueError
            facts["corpora"] = tuple(CorpusOfCampaign(**each) for each in facts["corpora"])
            facts["datasets"] = tuple((str(name), str(part)) for name, part in facts["datasets"])
            facts["options"] = tuple(facts["options"])
            plan = cls(**facts)
            plan._check()
            return plan
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise CorruptError(
                "is no campaign that this version can read",
                where=where,
                remedy="use the version that opened it, undo an edit, or open it again in another folder",
            ) from error

    def _check(self) -> None:
        """Raise `ValueError` or `TypeError` for what no campaign holds: somebody may have edited its file."""
        names = (self.crawls, self.since, self.until, self.listed, self.settings)
        mirrors = (text for pair in self.mirrors.items() for text in pair)
        texts = (self.out, *self.options, *mirrors, *(name for name in names if name is not None))
        digests = [corpus.digest for corpus in self.corpora]
        sizes = [corpus.articles for corpus in self.corpora]
        if not all(
            isinstance(text, str) for text in (*texts, *digests, *(each.path for each in self.corpora))
        ):
            raise TypeError
        if not all(isinstance(size, int) for size in sizes):
            raise TypeError
        if not (self.out and sizes and isinstance(self.newest_first, bool)):
            raise ValueError
        # A corpus only grows, and each has all articles of the one before.
        if (
            len(set(digests)) < len(digests)
            or sizes != sorted(sizes)
            or self.crawls not in (None, *CRAWL_FORMS)
        ):
            raise ValueError


def read_plan(folder: Folder) -> tuple[CampaignPlan, str] | None:
    """Return the campaign of a folder, and the ETag of its file; None if there is none."""
    try:
        data, etag = folder.read(PLAN)
    except MissingError:
        return None
    return CampaignPlan.from_json(data, folder.at(PLAN)), etag


def plan_of(folder: Folder) -> CampaignPlan:
    """Return the campaign of a folder; `InputError` if there is none."""
    found = read_plan(folder)
    if found is None:
        raise InputError(
            "there is no campaign here", where=str(folder), remedy="open one: presswatch campaign open"
        )
    return found[0]


def write_plan(folder: Folder, plan: CampaignPlan, etag: str | None) -> None:
    """Write the campaign's file over the one with that ETag, or a first one.

    Raises:
        ConflictError: somebody else has written it meanwhile.
    """
    folder.write(PLAN, plan.to_json(), absent=etag is None, etag=etag)
