"""Names under which anybody can have a site: the Public Suffix List, as it comes with `publicsuffixlist`.

Its private section counts too: `github.io` is as little one owner's as `co.uk`. The list is on no network: it
moves with the pin of the package (`make suffixes`). What it decides may change with it, so that it has no
part in the normal form of URLs (`urls.normalise_url`), which must stay as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from publicsuffixlist import PSLFILE, PublicSuffixList

# Hosts of blogs and letters that the list lacks: each gives names under its own to anybody. Some have paths
# for that as well (medium.com/@name), so a prefix with a path may be somebody's.
PLATFORMS = frozenset((
    "blog4ever.com", "canalblog.com", "centerblog.net", "e-monsite.com", "eklablog.com", "free.fr",
    "ghost.io", "hautetfort.com", "jimdofree.com", "kessel.media", "livejournal.com", "medium.com",
    "over-blog.com", "over-blog.fr", "over-blog.net", "overblog.com", "skyrock.com", "substack.com",
    "tumblr.com", "typepad.com", "typepad.fr", "unblog.fr", "wordpress.com",
))  # fmt: skip

_VERSION = re.compile(r"^// VERSION: (\S+)", re.MULTILINE)
_HEAD_CHARACTERS = 2_000
_REMEMBERED = 1 << 16


def is_public_suffix(host: str) -> bool:
    """Whether a host name in lower-case ASCII is one under which others register, as `co.uk` is."""
    return _list().is_public(host)


def is_shared(host: str) -> bool:
    """Whether anybody can have a name under a host: a public suffix, or a platform that the list lacks."""
    return host in PLATFORMS or is_public_suffix(host)


@lru_cache(_REMEMBERED)
def registered_domain(site: str) -> str:
    """The domain that a host in lower-case ASCII belongs to: one label more than its public suffix has.

    A public suffix, a platform and an address stand for themselves.
    """
    if site.startswith("[") or site.rpartition(".")[2].isdigit():
        return site
    domain = _list().privatesuffix(site) or site
    if domain in PLATFORMS and site != domain:
        return f"{site.removesuffix(f'.{domain}').rpartition('.')[2]}.{domain}"
    return domain


@lru_cache(1)
def list_version() -> str:
    """When the list was published, as it says itself; `unknown` for one that does not."""
    with Path(PSLFILE).open(encoding="utf-8") as file:
        found = _VERSION.search(file.read(_HEAD_CHARACTERS))
    return found[1] if found else "unknown"


@lru_cache(1)
def _list() -> PublicSuffixList:
    return PublicSuffixList()
