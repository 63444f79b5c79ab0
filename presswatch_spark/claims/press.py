"""The sites that print other people's text by right: newspapers, agencies, official sites, libraries.

`conf/press.yaml` lists their domains, in groups. A file of the same form adds to it, or takes domains off.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import yaml

from presswatch_spark.corpus.registry import site_of
from presswatch_spark.judgement.urls import hosts_above, without_www
from presswatch_spark.settings.checked_yaml import Check, compose, line_of
from presswatch_spark.settings.load import shipped
from presswatch_spark.storage.objects import StorageOptions, read_object
from presswatch_spark.storage.uris import canonical

KINDS = ("newspaper", "magazine", "broadcaster", "agency", "press_releases", "official", "library")
"""What a listed site is. `library`: it holds texts in the public domain."""

SHIPPED = "press.yaml"
_GROUP = "id kind what check domains"


@dataclass(frozen=True)
class PressList:
    """Domains of the press and of public bodies, each with its kind, one of `KINDS`."""

    kinds: Mapping[str, str] = field(repr=False)

    @classmethod
    def load(cls, path: str | None, storage: StorageOptions | None = None) -> Self:
        """Read the list that comes with this version, and add the file at `path`, on disk or S3.

        A file may give a domain another kind, or take it off (`not_press`).

        Raises:
            ConfigError: a file has mistakes; all of them are listed as `file:line: message`.
            StorageError: the file cannot be read.
        """
        named = shipped(SHIPPED)
        kinds, _ = parse_press(named.read_bytes(), str(named))
        if path is not None:
            raw, _ = read_object(canonical(path), storage or StorageOptions())
            more, less = parse_press(raw, path)
            kinds = {domain: kind for domain, kind in {**kinds, **more}.items() if domain not in less}
        return cls(kinds)

    def kind_of(self, host: str | None) -> str | None:
        """Return the kind of the site that a host, in lower-case ASCII, belongs to; None if it is not listed.

        A host belongs to the longest listed domain that it ends with, by whole names.
        """
        return next((self.kinds[name] for name in hosts_above(host or "") if name in self.kinds), None)

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of domains and kinds, in order: the same list has the same digest."""
        return hashlib.sha256(json.dumps(sorted(self.kinds.items())).encode()).hexdigest()


def parse_press(raw: bytes, name: str) -> tuple[dict[str, str], set[str]]:
    """Return the kinds of the domains that a file lists, and the domains that it takes off.

    Raises:
        ConfigError: it has mistakes; `name` stands for the file in messages.
    """
    check = Check()
    root = compose(raw, check, "groups hold domains, and domains hold no more", "groups")
    kinds, less = dict[str, str](), set[str]()
    if root is not None:
        top = check.entry(root, "press list", "", "groups not_press")
        for node in check.items(top.get("groups"), "groups"):
            keys = check.entry(node, "group", _GROUP)
            own_id = check.unique_id(keys.get("id"), "group") or ""
            what = f"group `{own_id}`"
            kind = check.text(keys.get("kind"), f"{what}: kind")
            check.known(keys.get("kind"), kind, f"{what}: kind", KINDS)
            for key in ("what", "check"):
                check.text(keys.get(key), f"{what}: {key}")
            for line, domain in _domains(keys.get("domains"), what, check):
                if domain in kinds:
                    check.say(line, f"{what}: `{domain}` is listed twice")
                kinds[domain] = kind or ""
        less.update(domain for _, domain in _domains(top.get("not_press"), "not_press", check))
    check.finish(name, "the press list")
    return kinds, less


def _domains(node: yaml.Node | None, what: str, check: Check) -> Iterator[tuple[int, str]]:
    for item in check.items(node, what):
        if domain := site_of(item, what, check, "domain", "journal.example", alone=False):
            yield line_of(item), without_www(domain)
