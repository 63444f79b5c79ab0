"""Finds the shards of a release by its name, as `storage.shards.plan` takes them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from presswatch_spark.errors import InputError, PresswatchError, StorageError
from presswatch_spark.releases.known import at_hand, list_uri
from presswatch_spark.releases.release import LABELS, NEWS, NEWS_MONTH, kinds_of, week_of
from presswatch_spark.settings.config import DatasetRules
from presswatch_spark.storage.host_limits import ask_anew
from presswatch_spark.storage.objects import StorageOptions, canonical, printable, stat
from presswatch_spark.storage.shards import is_list
from presswatch_spark.storage.uris import join, scheme_of
from presswatch_spark.terminal import nearest

C4 = re.compile(r"(?P<all>m)?c4-(?P<part>[A-Za-z0-9][A-Za-z0-9.]*(-[A-Za-z]{2,8})?)")
# Variants of C4 with a folder of their own; any other part is a language of its multilingual files.
C4_ENGLISH = frozenset(("en", "en.noblocklist", "en.noclean", "realnewslike"))
OSCAR = re.compile(r"OSCAR-2301-(?P<part>[A-Za-z]+)")
LISTS: Mapping[str, str] = {
    "warc": "crawl-data/{release}/warc.paths.gz",
    "wet": "crawl-data/{release}/wet.paths.gz",
    "wat": "crawl-data/{release}/wat.paths.gz",
    "robotstxt": "crawl-data/{release}/robotstxt.paths.gz",
    "index": "crawl-data/{release}/cc-index-table.paths.gz",
    "arc": "crawl-data/{release}/arc.paths.gz",
}
"""The list of shards of a crawl in each form, below the base of Common Crawl."""
NEWS_LIST = "crawl-data/CC-NEWS/{year}/{month}/warc.paths.gz"
# C4 and OSCAR have no lists: all files of these names are shards. `[.-][tv]` excludes c4-bg-Latn from c4-bg.
C4_ENGLISH_FILES = "{part}/c4-*.json.gz"
C4_FILES = "multilingual/c4-{part}[.-][tv]*.json.gz"
OSCAR_FILES = "{part}_meta/*.jsonl.zst"
SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class ReleaseShards:
    """The shards of a release: a path, and the base of relative lines in a list there.

    `name`: the release; None of a list of the user's, which may hold some of its shards only.
    """

    path: str
    base: str | None = None
    name: str | None = None


def shards_of(
    name: str, kind: str, base: str | None, rules: DatasetRules, storage: StorageOptions
) -> ReleaseShards:
    """Find the shards of release `name` in the form `kind` (`wet`, `warc` …).

    A crawl that no list names yet is looked for too. `base`: site, bucket or folder that is laid out like the
    original; or a list of shards itself. `InputError`: there is no such release, form, or list in `base`.
    `StorageError`: the list cannot be had now.
    """
    ask_anew()
    kinds = forms_of(name)
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
            "is published by the month", where=name, remedy=f"name one: --release {NEWS}-2025-08"
        )
    if base is not None and is_list(printable(canonical(base))):
        return ReleaseShards(base)
    if kind in ("c4", "oscar"):
        return _copied(name, base)
    root = canonical(base or rules.common_crawl.base)
    if month := NEWS_MONTH.fullmatch(name):
        uri = join(root, NEWS_LIST.format(year=month[1], month=month[2]))
    else:
        uri = join(root, LISTS[kind].format(release=name))
    try:
        stat(uri, storage)
    except StorageError as error:
        # A bucket that we may not list denies what it does not have: then an unknown name is the reason.
        if not (month or name in _names(rules)):
            raise _unknown(name, f"; {error}", rules) from error
        raise
    return ReleaseShards(uri, root, name)


def forms_of(name: str) -> tuple[str, ...]:
    """Return the forms of a release, by its name; none if its name is of no known kind."""
    if C4.fullmatch(name):
        return ("c4",)
    return ("oscar",) if OSCAR.fullmatch(name) else kinds_of(name)


def _copied(name: str, base: str | None) -> ReleaseShards:
    """Return the shards of a dataset without a list: all of a folder, in the user's own copy."""
    if base is None:
        hub = "oscar-corpus/OSCAR-2301" if OSCAR.fullmatch(name) else "allenai/c4"
        raise InputError(
            "has no list of shards that anybody may read",
            where=name,
            remedy=f"get a copy, and name its folder or bucket with --base; or --base hf://datasets/{hub}",
        )
    root = canonical(base)
    if scheme_of(root) in ("http", "https"):
        raise InputError(
            "a site cannot be asked which files it has",
            where=printable(root),
            remedy="get a copy, or name the files themselves, or a list of them (*.paths)",
        )
    if oscar := OSCAR.fullmatch(name):
        files = OSCAR_FILES.format(part=oscar["part"])
    elif (c4 := C4.fullmatch(name)) and (c4["all"] or c4["part"] not in C4_ENGLISH):
        files = C4_FILES.format(part=c4["part"])
    else:
        files = C4_ENGLISH_FILES.format(part=name.removeprefix("c4-"))
    return ReleaseShards(join(root, files), name=name)


def _names(rules: DatasetRules) -> list[str]:
    return [crawl.name for crawl in at_hand(list_uri(rules.common_crawl.index)).listing.crawls]


def _week(crawl: str) -> int:
    """Return a number that grows by one a week for a crawl that is named by a week; 0 for another."""
    year, week = week_of(crawl) or (0, 0)
    return year * 52 + week


def _unknown(name: str, reason: str, rules: DatasetRules) -> PresswatchError:
    names = _names(rules)
    near = nearest(name, [*names, NEWS], SUGGESTIONS)
    if week_of(name):
        # In that week no crawl began.
        near = sorted(names, key=lambda crawl: abs(_week(crawl) - _week(name)))[:SUGGESTIONS]
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return InputError(
        f"no release of that name is known; the newest crawl in the list is {names[0]}{reason}",
        where=printable(name),
        remedy=f"{meant}`presswatch releases` lists all there are",
    )
