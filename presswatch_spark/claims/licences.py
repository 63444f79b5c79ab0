"""Licences: who may use which titles' articles, on which hosts, from when to when.

`licences.yaml` is checked as a whole: every mistake is reported at once, each with its line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import chain

import yaml

from presswatch_spark.corpus.registry import site_of
from presswatch_spark.judgement.urls import hosts_above, without_www
from presswatch_spark.settings.checked_yaml import Check, compose, line_of
from presswatch_spark.storage.objects import StorageOptions, read_object
from presswatch_spark.storage.uris import canonical
from presswatch_spark.terminal import did_you_mean


@dataclass(frozen=True, slots=True)
class Licence:
    """A permission of a member. `hosts` are ASCII host names in lower case, with all hosts below them.

    A `www.` before them is dropped: the site without it is the same. `starts` and `ends` are inclusive; None
    means open. `document`: where the contract lies.
    """

    id: str
    licensee: str
    hosts: tuple[str, ...]
    titles: tuple[str, ...]
    starts: date | None
    ends: date | None
    document: str


@dataclass(frozen=True)
class Licences:
    """All licences, in the order of the file."""

    licences: tuple[Licence, ...] = ()
    raw: bytes = field(default=b"", repr=False)

    @classmethod
    def load(
        cls, path: str | None, titles: Collection[str], storage: StorageOptions | None = None
    ) -> Licences:
        """Read and check a file of licences, on disk or S3; None is a file without any.

        Args:
            titles: ids of all titles that a licence may name.

        Raises:
            ConfigError: it has mistakes; all of them are listed as `file:line: message`.
            StorageError: it cannot be read.
        """
        if path is None:
            return cls()
        raw, _ = read_object(canonical(path), storage or StorageOptions())
        return parse_licences(raw, path, titles)

    def covering(self, host: str | None, title_id: str, on: date | None) -> Licence | None:
        """Return the licence that covers a title on a host on a day; the first by the nearest host.

        Outside of its dates a licence is none. An unknown day is outside, unless the licence has no dates.

        Args:
            host: in lower-case ASCII, without port.
        """
        named = (self._by_site.get((name, title_id), ()) for name in hosts_above(host or ""))
        for licence in chain.from_iterable(named):
            if on is None:
                covers = licence.starts is None and licence.ends is None
            else:
                covers = (licence.starts or on) <= on <= (licence.ends or on)
            if covers:
                return licence
        return None

    @property
    def digest(self) -> str | None:
        """Return the SHA-256 (hex) of the file; None without one."""
        return hashlib.sha256(self.raw).hexdigest() if self.raw else None

    @cached_property
    def _by_site(self) -> dict[tuple[str, str], list[Licence]]:
        sites: dict[tuple[str, str], list[Licence]] = {}
        for licence in self.licences:
            for host in licence.hosts:
                for title in licence.titles:
                    sites.setdefault((host, title), []).append(licence)
        return sites


def parse_licences(raw: bytes, name: str, titles: Collection[str]) -> Licences:
    """As `Licences.load`, from bytes; `name` stands for the file in messages."""
    check = Check()
    root = compose(raw, check, "licences hold hosts and titles, and these hold no more", "licences")
    found = tuple(_licences(root, check, titles)) if root is not None else ()
    check.finish(name, "the licences file")
    return Licences(found, raw)


def _licences(root: yaml.Node, check: Check, titles: Collection[str]) -> Iterator[Licence]:
    top = check.entry(root, "licences file", "licences")
    for node in check.items(top.get("licences"), "licences"):
        keys = check.entry(node, "licence", "id licensee hosts titles document", "from to")
        own_id = check.unique_id(keys.get("id"), "licence") or ""
        what = f"licence `{own_id}`"
        starts, ends = (check.date(keys.get(key), f"{what}: {key}") for key in ("from", "to"))
        if starts and ends and ends < starts:
            check.say(line_of(keys["to"]), f"{what}: to {ends} is before from {starts}")
        listed, named = (check.items(keys.get(key), f"{what}: {key}") for key in ("hosts", "titles"))
        hosts = [site_of(item, what, check, "host", "portal.example") for item in listed]
        allowed = [check.text(item, f"{what}: title") for item in named]
        for item, title in zip(named, allowed, strict=True):
            if title is not None and title not in titles:
                unknown = f"{what}: no member has the title `{title}`{did_you_mean(title, titles)}"
                check.say(line_of(item), unknown)
        yield Licence(
            id=own_id,
            licensee=check.text(keys.get("licensee"), f"{what}: licensee") or "",
            hosts=tuple(dict.fromkeys(without_www(host) for host in hosts if host)),
            titles=tuple(dict.fromkeys(filter(None, allowed))),
            starts=starts,
            ends=ends,
            document=check.text(keys.get("document"), f"{what}: document") or "",
        )
