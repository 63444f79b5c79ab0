"""A release of Common Crawl: its name, its times, the forms that follow from its name, and paths of files."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

NEWS = "CC-NEWS"
# The time of the first file of CC-NEWS, which has no end, and a list of shards for each month.
NEWS_SINCE = datetime(2016, 8, 26, tzinfo=UTC)
NEWS_MONTH = re.compile(r"CC-NEWS-(20[0-9]{2})-(0[1-9]|1[0-2])")
CRAWL = re.compile(r"CC-MAIN-([0-9]{4})-([0-9]{2})")
OLD_CRAWL = re.compile(r"CC-MAIN-[0-9]{4}(-[0-9]{4})?")
# The first crawl with published fetches of robots.txt.
ROBOTSTXT_SINCE = (2016, 36)
C4 = re.compile(r"(?P<all>m)?c4-(?P<part>[A-Za-z0-9][A-Za-z0-9.]*(-[A-Za-z]{2,8})?)")
# Variants of C4 in English, each with its folder; any other part is a language of the multilingual files.
C4_ENGLISH = frozenset(("en", "en.noblocklist", "en.noclean", "realnewslike"))
OSCAR = re.compile(r"OSCAR-2301-(?P<part>[A-Za-z]+)")

LABELS = {
    "warc": "WARC",
    "wet": "WET",
    "wat": "WAT",
    "robotstxt": "robots.txt",
    "index": "columnar index",
    "arc": "ARC",
    "c4": "C4",
    "oscar": "OSCAR",
}
"""Forms of releases: the name for `--format`, and the word for messages."""


CRAWL_FORMS = ("wet", "warc")
"""The forms of crawls since 2013 that a scan can read."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release, with the times (UTC) of its first and last capture; None if unknown or still to come."""

    name: str
    first: datetime | None
    last: datetime | None


def week_of(name: str) -> tuple[int, int] | None:
    """Return the year and week in the name of a crawl; None for any other name."""
    found = CRAWL.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else None


def kinds_of(name: str) -> tuple[str, ...]:
    """Return the forms of the release of Common Crawl called `name`; those of 2008 to 2012 are ARC files."""
    if name == NEWS or NEWS_MONTH.fullmatch(name):
        return ("warc",)
    if week := week_of(name):
        robotstxt = ("robotstxt",) if week >= ROBOTSTXT_SINCE else ()
        return ("warc", "wet", "wat", *robotstxt, "index")
    return ("arc",) if OLD_CRAWL.fullmatch(name) else ()


def is_c4_english(name: str) -> bool:
    """Return whether a name is C4 in English or a variant of it; other parts are those of mC4."""
    found = C4.fullmatch(name)
    return found is not None and not found["all"] and found["part"] in C4_ENGLISH


# --- paths of files

WITHOUT_PAGES = frozenset(("robotstxt", "crawldiagnostics"))
"""Subsets of a release that have no pages, or other pages than `warc` and `wet`."""

_OURS = {"crawl": "release", "subset": "subset"}
_PARTITION = re.compile(r"(?:^|/)(crawl|subset)=([^/]+)(?=/)")
# The folder of the older index.
_COLLECTION = re.compile(r"(?:^|/)collections/(CC-[^/]+)/indexes/[^/]+$")
_IN_FILENAME = re.compile(r"(?:^|/)crawl-data/([^/]+)/segments/[^/]+/([^/]+)/")


def partitions(uri: str) -> dict[str, str]:
    """Return release and subset, if the path of a file names them."""
    named = dict(_PARTITION.findall(uri))
    if collection := _COLLECTION.search(uri):
        named.setdefault("crawl", collection[1])
    return {_OURS[name]: value for name, value in named.items()}


def in_filename(warc_filename: str | None) -> dict[str, str]:
    """Return release and subset, if the path of a WARC file within the bucket names them."""
    match = _IN_FILENAME.search(warc_filename or "")
    return {"release": match[1], "subset": match[2]} if match else {}
