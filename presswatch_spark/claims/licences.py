"""Who may print an article: licensees on their hosts, and the press and public bodies by right.

A check of their files reports all mistakes at once, each with its line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from itertools import chain, product
from typing import Self

import yaml

from presswatch_spark.core.settings.checked_yaml import Check, compose
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.core.terminal import did_you_mean
from presswatch_spark.corpus.members import checked_host
from presswatch_spark.matching.judgement.urls import hosts_above, without_www
from presswatch_spark.storage.objects import StorageOptions, read_object
from presswatch_spark.storage.uris import canonical

PRESS_KINDS = ("newspaper", "magazine", "broadcaster", "agency", "press_releases", "official", "library")
"""Kinds of listed sites. `library`: a site with texts in the public domain."""


@dataclass(frozen=True, slots=True)
class Licence:
    """A permission of a member. `hosts`: ASCII host names in lower case; hosts below them are included.

    They lack a leading `www.`. `starts` and `ends` are inclusive; None means open. `document`: the contract.
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
        """Read and check licences for titles; `path` None: no file. Raises `ConfigError`, `StorageError`."""
        if path is None:
            return cls()
        raw, _ = read_object(canonical(path), storage or StorageOptions())
        return parse_licences(raw, path, titles)

    def covering(self, host: str | None, title_id: str, on: date | None) -> Licence | None:
        """Return the licence for a title on a host on a day; for an unknown day, only one without dates."""
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
        """Return the SHA-256 (hex) of the file; None if there is no file."""
        return hashlib.sha256(self.raw).hexdigest() if self.raw else None

    @cached_property
    def _by_site(self) -> dict[tuple[str, str], list[Licence]]:
        sites: dict[tuple[str, str], list[Licence]] = {}
        for licence in self.licences:
            for site in product(licence.hosts, licence.titles):
                sites.setdefault(site, []).append(licence)
        return sites


def parse_licences(raw: bytes, name: str, titles: Collection[str]) -> Licences:
    """Return the licences of a file that messages call `name`; raises as `Licences.load`."""
    check, found = Check(), list[Licence]()
    root = compose(raw, check, "licences contain hosts and titles, and nothing is nested deeper", "licences")
    top = check.entry(root, "licences file", "licences") if root is not None else {}
    required = "id licensee hosts titles document"
    for node in check.items(top.get("licences"), "licences"):
        keys, own_id, what = check.named_entry(node, "licence", required, "from to")
        starts, ends = check.period(keys, "from", "to", what)
        hosts = [
            checked_host(item, what, check, "host", "portal.example")
            for item in check.items(keys.get("hosts"), f"{what}: hosts")
        ]
        licensed = list[str]()
        for item in check.items(keys.get("titles"), f"{what}: titles"):
            if title := check.text(item, f"{what}: title"):
                licensed.append(title)
                if title not in titles:
                    meant = did_you_mean(title, titles)
                    check.report(item, f"{what}: no member has the title `{title}`{meant}")
        licence = Licence(
            id=own_id,
            licensee=check.text(keys.get("licensee"), f"{what}: licensee") or "",
            hosts=tuple(dict.fromkeys(without_www(host) for host in hosts if host)),
            titles=tuple(dict.fromkeys(licensed)),
            starts=starts,
            ends=ends,
            document=check.text(keys.get("document"), f"{what}: document") or "",
        )
        found.append(licence)
    check.finish(name, "the licences file")
    return Licences(tuple(found), raw)


@dataclass(frozen=True)
class PressList:
    """Domains of the press and of public bodies, each with its kind, one of `PRESS_KINDS`; None: no press."""

    kinds: Mapping[str, str | None] = field(repr=False)

    @classmethod
    def load(cls, path: str | None, storage: StorageOptions | None = None) -> Self:
        """Read `conf/press.yaml`, and the additions and removals in `path`; raises as `Licences.load`."""
        named = shipped("press.yaml")
        kinds, _ = _parsed_press(named.read_bytes(), str(named))
        if path is not None:
            raw, _ = read_object(canonical(path), storage or StorageOptions())
            more, less = parse_press(raw, path)
            return cls({**kinds, **more, **dict.fromkeys(less)})
        return cls(kinds)

    def kind_of(self, host: str | None) -> str | None:
        """Return the kind of the longest listed domain that is the host or above it; else None."""
        return next((self.kinds[name] for name in hosts_above(host or "") if name in self.kinds), None)

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of the sorted domains and kinds: equal lists have equal digests."""
        return hashlib.sha256(json.dumps(sorted(self.kinds.items())).encode()).hexdigest()


def parse_press(raw: bytes, name: str) -> tuple[dict[str, str], set[str]]:
    """Return the kinds of a file's listed domains, and the domains that it removes; raises as `load`."""
    check, kinds = Check(), dict[str, str]()
    root = compose(raw, check, "groups contain domains, and nothing is nested deeper", "groups")
    top = check.entry(root, "press list", "", "groups not_press") if root is not None else {}
    for node in check.items(top.get("groups"), "groups"):
        keys, _, what = check.named_entry(node, "group", "id kind what check domains")
        kind = check.one_of(keys.get("kind"), f"{what}: kind", PRESS_KINDS)
        for key in ("what", "check"):
            check.text(keys.get(key), f"{what}: {key}")
        for item, domain in _domains(keys.get("domains"), what, check):
            if domain in kinds:
                check.report(item, f"{what}: `{domain}` is listed twice")
            kinds[domain] = kind or ""
    less = {domain for _, domain in _domains(top.get("not_press"), "not_press", check)}
    check.finish(name, "the press list")
    return kinds, less


_parsed_press = lru_cache(maxsize=1)(parse_press)


def _domains(node: yaml.Node | None, what: str, check: Check) -> Iterator[tuple[yaml.Node, str]]:
    for item in check.items(node, what):
        if domain := checked_host(item, what, check, "domain", "journal.example", refuse_shared=False):
            yield item, without_www(domain)
