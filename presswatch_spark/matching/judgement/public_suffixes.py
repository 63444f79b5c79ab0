"""The registered domains of hosts, by the Public Suffix List with its private section, and by platforms.

The list changes with its pinned version (`make suffixes`).
"""

import re
from functools import lru_cache
from pathlib import Path

from publicsuffixlist import PSLFILE, PublicSuffixList

# Hosts of blogs and newsletters that the list lacks: anyone can get a name below them. Some also give paths
# (medium.com/@name), so a prefix with a path may have one owner.
PLATFORMS = frozenset((
    "blog4ever.com", "canalblog.com", "centerblog.net", "e-monsite.com", "eklablog.com", "free.fr",
    "ghost.io", "hautetfort.com", "jimdofree.com", "kessel.media", "livejournal.com", "medium.com",
    "over-blog.com", "over-blog.fr", "over-blog.net", "overblog.com", "skyrock.com", "substack.com",
    "tumblr.com", "typepad.com", "typepad.fr", "unblog.fr", "wordpress.com",
))  # fmt: skip

_VERSION = re.compile(r"^// VERSION: (\S+)", re.MULTILINE)
_HEAD_CHARACTERS = 2_000
_DOMAINS_REMEMBERED = 1 << 16


def is_shared(host: str) -> bool:
    """Return whether anyone can have a name under a host in ASCII: a public suffix, or a platform."""
    return host in PLATFORMS or _list().is_public(host)


@lru_cache(_DOMAINS_REMEMBERED)
def registered_domain(site: str) -> str:
    """Return the public suffix and one label more of a host in ASCII; suffixes and addresses as they are."""
    if site.startswith("[") or site.rpartition(".")[2].isdigit():
        return site
    domain = _list().privatesuffix(site) or site
    if domain in PLATFORMS and site != domain:
        return f"{site.removesuffix(f'.{domain}').rpartition('.')[2]}.{domain}"
    return domain


@lru_cache(1)
def list_version() -> str:
    """Return the version of the list, which is its date; `unknown` if it has none."""
    with Path(PSLFILE).open(encoding="utf-8") as file:
        version = _VERSION.search(file.read(_HEAD_CHARACTERS))
    return version[1] if version else "unknown"


@lru_cache(1)
def _list() -> PublicSuffixList:
    return PublicSuffixList()
