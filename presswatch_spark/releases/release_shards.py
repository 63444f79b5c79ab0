"""Finds the shards of a release by its name, as `storage.shards.plan` takes them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from presswatch_spark.errors import ConfigError, InputError, PresswatchError, StorageError
from presswatch_spark.releases.known import at_hand, list_uri
from presswatch_spark.releases.release import CRAWL, LABELS, NEWS, NEWS_MONTH, kinds_of
from presswatch_spark.settings.config import DatasetRules
from presswatch_spark.storage.host_limits import ask_anew
from presswatch_spark.storage.objects import StorageOptions, canonical, printable, stat
from presswatch_spark.storage.shards import is_list
from presswatch_spark.storage.uris import join, scheme_of

C4 = re.compile(r"(?P<all>m)?c4-(?P<part>[A-Za-z0-9][A-Za-z0-9.]*(-[A-Za-z]{2,8})?)")
# Variants of C4 with a folder of their own; any other part is a language of its multilingual files.
C4_ENGLISH = frozenset(("en", "en.noblocklist", "en.noclean", "realnewslike"))
OSCAR = re.compile(r"OSCAR-2301-(?P<part>[A-Za-z]+)")
NEAR_NAMES = 3
NEARNESS = 0.7


@dataclass(frozen=True, slots=True)
class ReleaseShards:
    """The shards of a release: a path, and what the lines of a list there are relative to.

    `name`: the release; None of a list of the user's, which may hold some of its shards only.
    """

    path: str
    base: str | None = None
    name: str | None = None


def shards_of(
    name: str, kind: str, base: str | None, rules: DatasetRules, storage: StorageOptions
) -> ReleaseShards:
    """Find the shards of release `name` in the form `kind` (`wet`, `warc` …).

    A crawl that no list names yet is looked for too: its shard list decides.

    Args:
        base: site, bucket or folder that is laid out like the original; or a list of shards itself.

    Raises:
        InputError: there is no such release, it has no such form, or `base` does not hold its list.
        StorageError: the list cannot be had now.
        ConfigError: a pattern of `datasets` cannot be filled in.
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
        return _copied(name, kind, base, rules)
    root, uri = _list_of(name, kind, base, rules)
    try:
        stat(uri, storage)
    except StorageError as error:
        # A bucket that we may not list denies what it does not have: then an unknown name is the reason.
        if not (NEWS_MONTH.fullmatch(name) or name in _names(rules)):
            raise _unknown(name, f"; {error}", rules) from error
        raise
    return ReleaseShards(uri, root, name)


def forms_of(name: str) -> tuple[str, ...]:
    """Return what a release may have, by its name; nothing if its name is of no known kind."""
    if C4.fullmatch(name):
        return ("c4",)
    return ("oscar",) if OSCAR.fullmatch(name) else kinds_of(name)


def _list_of(name: str, kind: str, base: str | None, rules: DatasetRules) -> tuple[str, str]:
    crawls, month = rules.common_crawl, NEWS_MONTH.fullmatch(name)
    root = canonical(base or crawls.base)
    if month:
        setting, lists = "datasets.cc_news.lists", rules.cc_news.lists
        parts = {"year": month[1], "month": month[2]}
    else:
        setting, lists = "datasets.common_crawl.lists", crawls.lists
        parts = {"release": name}
    if kind not in lists:
        raise ConfigError(f"{setting} names no list for {kind}", remedy="see conf/releases.yaml")
    return root, join(root, _filled(lists[kind], f"{setting}.{kind}", parts))


def _copied(name: str, kind: str, base: str | None, rules: DatasetRules) -> ReleaseShards:
    """Return the shards of a dataset without a list: all of a folder, in the user's own copy."""
    c4, oscar = C4.fullmatch(name), OSCAR.fullmatch(name)
    own = base or (rules.c4.base if c4 else rules.oscar_2301.base)
    if own is None or not (c4 or oscar):
        raise InputError(
            "has no list of shards that anybody may read",
            where=name,
            remedy="get a copy (conf/releases.yaml says where), and name its folder or bucket with --base",
        )
    root = canonical(own)
    if scheme_of(root) in ("http", "https"):
        raise InputError(
            "a site cannot be asked which files it has",
            where=printable(root),
            remedy="get a copy, or name the files themselves, or a list of them (*.paths)",
        )
    if oscar:
        setting, pattern, part = "oscar_2301.files", rules.oscar_2301.files, oscar["part"]
    elif c4 and (c4["all"] or c4["part"] not in C4_ENGLISH):
        setting, pattern, part = "c4.multilingual_files", rules.c4.multilingual_files, c4["part"]
    else:
        setting, pattern, part = "c4.files", rules.c4.files, name.removeprefix("c4-")
    return ReleaseShards(join(root, _filled(pattern, f"datasets.{setting}", {"part": part})), name=name)


def _filled(pattern: str, setting: str, parts: Mapping[str, str]) -> str:
    """Return `pattern` with its `{names}` replaced, and nothing else that Python's formats can do."""
    text = re.sub(r"\{(\w+)\}", lambda found: parts.get(found[1], found[0]), pattern)
    if "{" in text or "}" in text:
        known = ", ".join(f"{{{part}}}" for part in parts)
        raise ConfigError(
            f"{setting} can hold {known} only, not {pattern!r}", remedy="see conf/releases.yaml"
        )
    return text


def _respelled(name: str) -> list[str]:
    """Return releases, other than crawls, that differ from `name` in capitals or a month's zero only."""
    upper, lower = re.sub(r"-([0-9])$", r"-0\1", name.upper()), name.lower().replace("-latn", "-Latn")
    said = ((NEWS_MONTH, upper), (C4, lower), (OSCAR, lower.replace("oscar", "OSCAR", 1)))
    return [spelling for pattern, spelling in said if pattern.fullmatch(spelling)]


def _near(name: str, crawls: list[str]) -> list[str]:
    """Return crawls, or CC-NEWS, that are spelt nearly alike, the nearest first."""
    spelt = (name.upper(), f"CC-MAIN-{name}") if name[:1].isdigit() else (name.upper(),)
    if spelt[-1] not in crawls and CRAWL.fullmatch(spelt[-1]):
        # In that week no crawl began: name those of the nearest weeks.
        dated = [crawl for crawl in crawls if CRAWL.fullmatch(crawl)]
        return sorted(dated, key=lambda crawl: abs(_weeks(crawl) - _weeks(spelt[-1])))[:NEAR_NAMES]
    tries = (get_close_matches(each, [*crawls, NEWS], NEAR_NAMES, NEARNESS) for each in spelt)
    return next(filter(None, tries), [])


def _weeks(crawl: str) -> int:
    """Return a number that grows by one a week, for the week that a crawl is named after."""
    year, week = map(int, crawl.split("-")[2:])
    return year * 52 + week


def _names(rules: DatasetRules) -> list[str]:
    """Return the crawls that are known without a request."""
    return [crawl.name for crawl in at_hand(list_uri(rules.common_crawl.index)).listing.crawls]


def _unknown(name: str, reason: str, rules: DatasetRules) -> PresswatchError:
    names = _names(rules)
    near = _respelled(name) or _near(name, names)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return InputError(
        f"no release of that name is known; the newest crawl in the list is {names[0]}{reason}",
        where=printable(name),
        remedy=f"{meant}`presswatch releases` lists all there are",
    )
