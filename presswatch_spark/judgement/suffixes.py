"""Names under which anybody can have a site: the Public Suffix List, as it comes with `publicsuffixlist`.

Its private section counts too: `github.io` has as many owners as `co.uk`. The list is read from the package,
and moves with its pin (`make suffixes`). So the normal form of URLs (`urls.normalise_url`), which must stay,
does not depend on it.
"""

import re
from functools import lru_cache
from pathlib import Path

from publicsuffixlist import PSLFILE, PublicSuffixList

# Hosts of blogs and letters that the list lacks: each gives names under its own to anybody. Some give paths
# too (medium.com/@name), so a prefix with a path may have one owner.
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
    """Whether others register names under a host (in lower-case ASCII), as under `co.uk`."""
    return _list().is_public(host)


def is_shared(host: str) -> bool:
    """Whether anybody can have a name under a host: a public suffix, or a platform that the list lacks."""
    return host in PLATFORMS or is_public_suffix(host)


@lru_cache(_REMEMBERED)
def registered_domain(site: str) -> str:
    """Return the domain that a host in lower-case ASCII belongs to: its public suffix and one label more.

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
    """Return when the list was published, as it says itself; `unknown` if it does not."""
    with Path(PSLFILE).open(encoding="utf-8") as file:
        version = _VERSION.search(file.read(_HEAD_CHARACTERS))
    return version[1] if version else "unknown"


@lru_cache(1)
def _list() -> PublicSuffixList:
    return PublicSuffixList()
