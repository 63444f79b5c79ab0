"""Copies of pages that archives, caches and translators serve, and the address of the original page.

    https://web.archive.org/web/20190101000000id_/https://journal.example/une  ->  https://journal.example/une

The address alone decides. It may name the original in its path, in a parameter, or in its host name; it may
be percent-encoded several times, and the original may itself be a copy of a copy. Services that give short
names to their copies (`archive.ph/AbCdE`) do not name the original in the address: it is unknown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import unquote

from presswatch_spark.judgement.urls import (
    GOOGLE_HOSTS,
    PageUrl,
    amp_original,
    host_and_rest,
    host_of,
    hosts_above,
    page_url,
    without_www,
)

ARCHIVE, CACHE, TRANSLATOR = "archive", "cache", "translator"
SERVICES: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        (
            "web.archive.org", "web-beta.archive.org", "wayback.archive.org", "liveweb.archive.org",
            "replay.waybackmachine.org", "waybackmachine.org", "wayback.archive-it.org",
            "archive.today", "archive.ph", "archive.is", "archive.fo", "archive.li", "archive.md",
            "archive.vn", "archive.ec", "archivecaslytosk.onion",
            "archiveiya74codqgiixo33q62qlrqtkgmcitqx5u2oeqnmn5bpcbiyd.onion",
            "perma.cc", "webcitation.org", "ghostarchive.org", "megalodon.jp", "freezepage.com",
            "conifer.rhizome.org", "webrecorder.io", "timetravel.mementoweb.org", "arquivo.pt",
            "webarchive.loc.gov", "webarchive.nationalarchives.gov.uk", "webarchive.org.uk", "vefsafn.is",
            "swap.stanford.edu", "web.archive.bibalex.org", "archivesinternet.bnf.fr", "wayback.vefsafn.is",
        ),
        ARCHIVE,
    )
    | dict.fromkeys(
        (
            "webcache.googleusercontent.com", "cc.bingj.com", "cncc.bingj.com", "yandexwebcache.net",
            "hghltd.yandex.net", "cdn.ampproject.org", "bing-amp.com", "amp.cloudflare.com", "nyud.net",
            "12ft.io", "removepaywall.com", "removepaywalls.com", "1ft.io", "freedium.cfd", "r.jina.ai",
        ),
        CACHE,
    )
    | dict.fromkeys(
        (
            "translate.goog", "translate.googleusercontent.com", "translatetheweb.com",
            "translate.yandex.com", "translate.yandex.ru", "translated.turbopages.org",
            "microsofttranslator.com", "translatoruser-int.com", "fanyi.baidu.com", "papago.naver.net",
            *(f"translate.{host}" for host in GOOGLE_HOSTS),
        ),
        TRANSLATOR,
    )
)  # fmt: skip
"""Hosts whose pages are copies of other pages, with all hosts below them."""
PARTLY: Mapping[str, str] = MappingProxyType({"archive.org": ARCHIVE} | dict.fromkeys(GOOGLE_HOSTS, CACHE))
"""Hosts with pages of their own as well: a page is a copy only if its address names an original."""
SERVICE_HOSTS = frozenset((*SERVICES, *PARTLY))

DEPTH = 10
"""Copies of copies beyond this depth have an unknown original."""
_DECODINGS = 5
# `http:/` with one slash is what servers make of two in a path.
_SCHEME = r"https?(?:%(?:25)*3a|:)(?:/|\\|%(?:25)*2f|%(?:25)*5c)+"
_EMBEDDED = re.compile(rf"(?<![a-z0-9]){_SCHEME}", re.IGNORECASE)
_AT_TIME = re.compile(
    r"/(?:\d[\d.*-]{3,20}(?:[a-z]{2}_)?|\*|newest|oldest)/+(?P<address>[^/].*)", re.IGNORECASE
)
_CACHED = re.compile(r"cache:(?:[\w-]{6,20}:)?(?P<address>\S+)", re.IGNORECASE)
_PARAMETER = re.compile(r"(?:^|[?&])(?:u|url|a|q|d|uri|address)=(?P<address>[^&]*)", re.IGNORECASE)
_PROXIED = re.compile(r"/proxy_u/[^/]*/(?P<scheme>https?)/(?P<address>.+)", re.IGNORECASE)
_LIKE_HOST = re.compile(
    r"(?:[\w-]+\.)+(?!(?:aspx?|php|html?|jsp|cgi)\b)[a-z][\w-]+(?::\d+)?(?:[/?#]|\Z)", re.IGNORECASE
)
_OF_TRANSLATOR = re.compile(r"(?:(?<=[?&])_x_tr_[^&]*&?)+", re.IGNORECASE)
# Their host names hold the original's: `www-journal-example.translate.goog`.
_NAMING = ("translate.goog", "cdn.ampproject.org", "turbopages.org", "bing-amp.com")
_BELOW_ORIGINAL = ".nyud.net"
_REMEMBERED = 1 << 12


@dataclass(frozen=True, slots=True)
class PageCopy:
    """A copy of a page: `kind` is archive, cache or translator; `original` its URL, None if unknown."""

    kind: str
    original: str | None


@lru_cache(_REMEMBERED)
def copy_at(url: str) -> PageCopy | None:
    """Return the page whose copy is at an address; None if the address is no copy's. Never raises."""
    if not may_be_copy(host_of(url)):
        return None
    service = _nearest(url, SERVICES)
    kind = service or _nearest(url, PARTLY)
    if kind is None:
        return None
    original, depth = url, 0
    while depth <= DEPTH and (inner := _original(original)):
        original, depth = inner, depth + 1
    if depth == 0 and service is None:
        return None
    is_known = 0 < depth <= DEPTH and _nearest(original, SERVICES) is None
    return PageCopy(kind, original if is_known else None)


def original_page(url: str) -> PageUrl | None:
    """Take the URL of a page apart; of a copy, that of the original if it is known. None if it is no URL."""
    copy = copy_at(url)
    return page_url(copy.original if copy and copy.original else url)


@lru_cache(_REMEMBERED)
def may_be_copy(host: str | None) -> bool:
    """Return whether some pages of a host are copies of others' pages."""
    return host is not None and any(name in SERVICE_HOSTS for name in hosts_above(host))


def _nearest(url: str, kinds: Mapping[str, str]) -> str | None:
    return next((kinds[name] for name in hosts_above(host_of(url) or "") if name in kinds), None)


def _original(url: str) -> str | None:
    found = host_and_rest(url)
    if found is None or not may_be_copy(found[0]):
        return None
    host, rest = found
    if page := amp_original(url):
        return page.text
    if without_www(host) in GOOGLE_HOSTS:
        return None
    for named in (_in_host(host, rest), _in_query(rest), _in_path(rest)):
        if named and host_of(named):
            return named
    return None


def _in_host(host: str, rest: str) -> str | None:
    """Read an original from a host name; a hyphen may stand for a full stop, and two for a hyphen."""
    if host.endswith(_BELOW_ORIGINAL):
        return f"https://{host.removesuffix(_BELOW_ORIGINAL)}{rest}"
    suffix = next((name for name in _NAMING if host.endswith(f".{name}")), None)
    if suffix is None or host == f"translated.{suffix}":
        return None
    label = host.removesuffix(f".{suffix}").rpartition(".")[2]
    if label.startswith("0-") and label.endswith(("-0", "-1")):
        label = label[2:-2]
    name = label.replace("--", "\n").replace("-", ".").replace("\n", "-")
    address, mark, query = rest.partition("?")
    query = _OF_TRANSLATOR.sub("", f"?{query}")[1:].rstrip("&") if mark else ""
    return f"https://{name}{address}{'?' if query else ''}{query}" if "." in name else None


def _in_query(rest: str) -> str | None:
    path, mark, query = rest.partition("?")
    # A path may end in an address that has a query of its own.
    if not mark or _EMBEDDED.search(path):
        return None
    values = [found["address"] for found in _PARAMETER.finditer(query)]
    cached = (_CACHED.match(unquote(value.replace("+", " "))) for value in values)
    named = [found["address"] for found in cached if found] or values
    return next(filter(None, map(_address, named)), None)


def _in_path(rest: str) -> str | None:
    if proxied := _PROXIED.search(rest):
        return f"{proxied['scheme']}://{proxied['address']}"
    if embedded := _EMBEDDED.search(rest):
        return _address(rest[embedded.start() :])
    at_time = _AT_TIME.search(rest) or re.fullmatch(r"/(?:web|save|proxy)?/?(?P<address>.+)", rest)
    return _address(at_time["address"]) if at_time and _LIKE_HOST.match(at_time["address"]) else None


def _address(text: str) -> str | None:
    for _ in range(_DECODINGS):
        if re.match(r"https?:[/\\]", text, re.IGNORECASE) or "%" not in text:
            break
        text = unquote(text)
    if scheme := re.match(r"(https?):[/\\]+", text, re.IGNORECASE):
        return f"{scheme[1].lower()}://{text[scheme.end() :]}"
    return f"https://{text}" if _LIKE_HOST.match(text) else None
