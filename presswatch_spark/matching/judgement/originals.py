"""Finds the original of a page that an archive, a cache or a translator serves.

    https://web.archive.org/web/20190101000000id_/https://journal.example/une  ->  https://journal.example/une

Only the address decides. It may name the original in its path, in a parameter or in its host name, encoded
several times, and the original may be a copy itself. Short addresses (`archive.ph/AbCdE`) do not name it.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

from presswatch_spark.matching.judgement.urls import (
    GOOGLE_HOSTS,
    PageUrl,
    host_of,
    hosts_above,
    page_in_cache,
    page_url,
    parsed_url,
    url_parts,
    without_www,
)

SERVICES = frozenset((
    "web.archive.org", "web-beta.archive.org", "wayback.archive.org", "liveweb.archive.org",
    "replay.waybackmachine.org", "waybackmachine.org", "wayback.archive-it.org", "archive.today",
    "archive.ph", "archive.is", "archive.fo", "archive.li", "archive.md", "archive.vn", "archive.ec",
    "archivecaslytosk.onion", "archiveiya74codqgiixo33q62qlrqtkgmcitqx5u2oeqnmn5bpcbiyd.onion", "perma.cc",
    "webcitation.org", "ghostarchive.org", "megalodon.jp", "freezepage.com", "conifer.rhizome.org",
    "webrecorder.io", "timetravel.mementoweb.org", "arquivo.pt", "webarchive.loc.gov",
    "webarchive.nationalarchives.gov.uk", "webarchive.org.uk", "vefsafn.is", "swap.stanford.edu",
    "web.archive.bibalex.org", "archivesinternet.bnf.fr", "wayback.vefsafn.is",
    "webcache.googleusercontent.com", "cc.bingj.com", "cncc.bingj.com", "yandexwebcache.net",
    "hghltd.yandex.net", "cdn.ampproject.org", "bing-amp.com", "amp.cloudflare.com", "nyud.net", "12ft.io",
    "removepaywall.com", "removepaywalls.com", "1ft.io", "freedium.cfd", "r.jina.ai", "translate.goog",
    "translate.googleusercontent.com", "translatetheweb.com", "translate.yandex.com", "translate.yandex.ru",
    "translated.turbopages.org", "microsofttranslator.com", "translatoruser-int.com", "fanyi.baidu.com",
    "papago.naver.net",
    *(f"translate.{host}" for host in GOOGLE_HOSTS),
))  # fmt: skip
"""Archives, caches and translators: pages of these hosts, and of those below them, are copies of others."""
SERVICE_HOSTS = SERVICES | {"archive.org", *GOOGLE_HOSTS}
"""These, and hosts that also have pages of their own: a page there is a copy if its address names another."""

DEPTH = 10
"""Copies of copies beyond this depth have an unknown original."""
_DECODINGS = 5
# Servers turn the two slashes into one if the address is in a path: `http:/`.
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
# Below these hosts, a host name contains the original's: `www-journal-example.translate.goog`.
_NAMING = ("translate.goog", "cdn.ampproject.org", "turbopages.org", "bing-amp.com")
_BELOW_ORIGINAL = ".nyud.net"
_COPIES_REMEMBERED = 1 << 12


@lru_cache(_COPIES_REMEMBERED)
def copy_at(url: str) -> str | None:
    """Return the URL of which a copy is at an address, empty if unknown; None if no copy is. Never raises."""
    if not may_be_copy(host_of(url)):
        return None
    original, depth = url, 0
    while depth <= DEPTH and (inner := _original(original)):
        original, depth = inner, depth + 1
    if depth == 0 and not _is_service(url):
        return None
    return original if 0 < depth <= DEPTH and not _is_service(original) else ""


def original_page(url: str) -> PageUrl | None:
    """Take the URL of a page apart; of a copy, that of the original if it is known. None if it is no URL."""
    return page_url(copy_at(url) or url)


@lru_cache(_COPIES_REMEMBERED)
def may_be_copy(host: str | None) -> bool:
    """Return whether some pages of a host are copies of others' pages."""
    return host is not None and not SERVICE_HOSTS.isdisjoint(hosts_above(host))


def _is_service(url: str) -> bool:
    return not SERVICES.isdisjoint(hosts_above(host_of(url) or ""))


def _original(url: str) -> str | None:
    page = parsed_url(url)
    match = url_parts(url)
    if page is None or match is None or not may_be_copy(page.host):
        return None
    if inner := page_in_cache(page):
        return inner.text
    if without_www(page.host) in GOOGLE_HOSTS:
        return None
    host, rest = page.host, match[2].replace("\\", "/")
    rest += f"?{match[3]}" if match[3] else ""
    return next((named for named in _named_in(host, rest) if named and host_of(named)), None)


def _named_in(host: str, rest: str) -> Iterator[str | None]:
    """Yield the originals that a host, a query and a path name, in this order."""
    path, mark, query = rest.partition("?")
    suffix = next((name for name in _NAMING if host.endswith(f".{name}")), None)
    if host.endswith(_BELOW_ORIGINAL):
        yield f"https://{host.removesuffix(_BELOW_ORIGINAL)}{rest}"
    elif suffix is not None and host != f"translated.{suffix}":
        # One hyphen replaces a full stop, two replace a hyphen.
        label = host.removesuffix(f".{suffix}").rpartition(".")[2]
        if label.startswith("0-") and label.endswith(("-0", "-1")):
            label = label[2:-2]
        name = label.replace("--", "\n").replace("-", ".").replace("\n", "-")
        kept = _OF_TRANSLATOR.sub("", f"?{query}")[1:].rstrip("&") if mark else ""
        if "." in name:
            yield f"https://{name}{path}{'?' if kept else ''}{kept}"
    # A path may end in an address that has a query of its own.
    if mark and not _EMBEDDED.search(path):
        values = [found["address"] for found in _PARAMETER.finditer(query)]
        cached = (_CACHED.match(unquote(value.replace("+", " "))) for value in values)
        named = [found["address"] for found in cached if found] or values
        yield next(filter(None, map(_address, named)), None)
    if proxied := _PROXIED.search(rest):
        yield f"{proxied['scheme']}://{proxied['address']}"
    elif embedded := _EMBEDDED.search(rest):
        yield _address(rest[embedded.start() :])
    else:
        at_time = _AT_TIME.search(rest) or re.fullmatch(r"/(?:web|save|proxy)?/?(?P<address>.+)", rest)
        if at_time and _LIKE_HOST.match(at_time["address"]):
            yield _address(at_time["address"])


def _address(text: str) -> str | None:
    for _ in range(_DECODINGS):
        if re.match(r"https?:[/\\]", text, re.IGNORECASE) or "%" not in text:
            break
        text = unquote(text)
    if scheme := re.match(r"(https?):[/\\]+", text, re.IGNORECASE):
        return f"{scheme[1].lower()}://{text[scheme.end() :]}"
    return f"https://{text}" if _LIKE_HOST.match(text) else None
