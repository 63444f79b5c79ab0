"""Normalises URLs, finds the original of a copied page, and the registered domain of a host.

`normalise_url` removes what does not choose the page: scheme, `www.`, default ports, user names, tracking
parameters, fragments, trailing slashes, AMP and mobile variants. It writes the rest in one way (RFC 3986,
section 6.2.2), with parameters sorted by name, and keeps what may choose the page.

    https://m.journal.example:443/Une/%7Ea/amp/?b=2&a=1&utm_source=x#suite  ->
    https://journal.example/Une/~a?a=1&b=2

Domains follow the Public Suffix List, including its private section. The list changes with its pinned version
(`make suffixes`), so the normal form does not depend on it.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from unicodedata import normalize
from urllib.parse import quote, unquote, unquote_to_bytes

from publicsuffixlist import PSLFILE, PublicSuffixList

from presswatch_spark.core.errors import ConfigError

MAX_CHARACTERS = 16_384
"""A longer string is no URL here: no crawler fetches it."""

TRACKING_PREFIXES = (
    "utm_",  # Google Analytics, and many others
    "at_",  # AT Internet (Piano): at_medium, at_campaign, at_custom1
    "pk_", "mtm_", "piwik_", "matomo_",  # Matomo
    "ns_",  # comScore
    "lmd_",  # Le Monde's newsletters
    "hsa_",  # HubSpot
    "fb_action_",  # Facebook
)  # fmt: skip
TRACKING_NAMES = frozenset((
    "gclid", "gclsrc", "gbraid", "wbraid", "dclid", "srsltid", "_ga", "_gl", "gad_source", "fbclid",
    "fb_source", "fb_ref", "igshid", "igsh", "twclid", "ttclid", "msclkid", "yclid", "ysclid", "li_fat_id",
    "epik", "mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "__hstc", "__hssc", "__hsfp", "s_kwcid",
    "ef_id", "xtor", "xtref", "xtcr", "xtmc", "xtnp", "xts", "xtloc", "wt_mc", "wt.mc_id", "echobox",
    "ref_src", "ref_url", "__twitter_impression", "amp_js_v", "amp_gsa", "amp_r", "amp_latest_update_time",
    "usqp", "jsessionid", "phpsessid",
))  # fmt: skip
AMP_PARAMETERS = frozenset(("amp", "amp=", "amp=1", "amp=true", "outputtype=amp", "output=amp"))

VARIANT_LABELS = frozenset(("www", "m", "mobile", "amp"))
# Labels that others register names under: `m.co.uk` is a site, not the mobile variant of `co.uk`. The Public
# Suffix List is not used here: it changes each week, and URLs are keyed by their normal form.
SHARED_LABELS = frozenset(("ac", "asso", "co", "com", "edu", "gob", "gouv", "gov", "net", "nom", "org"))

AMP_CACHES = (".cdn.ampproject.org", ".bing-amp.com")
GOOGLE_HOSTS = (
    "google.com", "google.fr", "google.be", "google.ch", "google.ca", "google.de", "google.es", "google.it",
    "google.lu", "google.nl", "google.pt", "google.pl", "google.ie", "google.at", "google.co.uk",
    "google.co.ma", "google.dz", "google.tn", "google.sn", "google.ci", "google.cm", "google.ml",
    "google.mg", "google.ht",
)  # fmt: skip

_URL = re.compile(
    r"(?:https?:[/\\]+|[/\\]{2,})([^/\\?#]*)([^?#]*)\??([^#]*)#?(.*)", re.IGNORECASE | re.DOTALL
)
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_DOTS, _KEPT_LETTERS = re.compile("[.。．｡]"), re.compile("[ßẞς\u200c\u200d]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?]")
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]")
_SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_IN_CACHE = re.compile(r"/(?:c|v|wp)/(?:s/)?([^/]+\.[^/]+)")
_IN_GOOGLE = re.compile(r"/amp/(?:s/)?([^/]+\.[^/]+)")
_EDGES = "".join(map(chr, range(0x21)))
_BREAKS = str.maketrans("", "", "\t\n\r")
_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class PageUrl:
    """A parsed URL: `text`, its normal form; `host` as given, without port; `site` and `path` of `text`."""

    text: str
    host: str
    site: str
    path: str


def normalise_url(url: str) -> str | None:
    """Return the normal form of an http(s) or protocol-relative URL, else None. Idempotent; never raises."""
    page = page_url(url)
    return page.text if page else None


def page_url(url: str) -> PageUrl | None:
    """Take a URL apart, else None; never raises. A page inside an AMP cache is that page."""
    page = _parse(url)
    while page and (inner := _cached(page)):
        page = inner
    return page


def host_of(url: str) -> str | None:
    """Return the host that a URL is fetched from in lower-case ASCII, without port; None if it is no URL."""
    page = _parse(url)
    return page.host if page else None


def path_prefix(path: str) -> str:
    """Return the normal form of a path of all pages below it, with a slash at its end.

    Raises `ConfigError` if the normal form drops a part of it, and so would match other pages, too.
    """
    normal = _path(path).rstrip("/")
    if _escaped(path).removesuffix("/") != normal:
        raise ConfigError(
            f"would cover all pages below `{normal}/`: AMP endings, session ids, `.`, `..` and repeated"
            " slashes at its end are ignored",
            where=path,
            remedy="write a folder, as https://journal.example/section/",
        )
    return f"{normal}/"


def without_www(site: str) -> str:
    """Return a host, or `host/path`, without `www.`, if the host then is a name that one can register."""
    rest = site.removeprefix("www.")
    return rest if _registrable(rest.partition("/")[0].split(".")) else site


def hosts_above(host: str) -> Iterator[str]:
    """Yield a host and the names that it ends with, the longest first: `a.example`, `example`."""
    labels = host.split(".")
    return (".".join(labels[k:]) for k in range(len(labels)))


# A document's URL is parsed for its site, for its normal form and for its host.
@lru_cache(_REMEMBERED)
def _parse(url: str) -> PageUrl | None:
    if len(url) > MAX_CHARACTERS:
        return None
    if not url.isascii():
        # Lone surrogates, which are no characters, become U+FFFD.
        url = url.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    match = _URL.fullmatch(url.strip(_EDGES).translate(_BREAKS))
    authority = _authority(match[1]) if match else None
    if not match or not authority:
        return None
    host, port = authority
    site, path, fragment = _site(host), _path(match[2]), match[4]
    route = f"#{_escaped(fragment)}" if fragment.startswith("!") and len(fragment) > 1 else ""
    text = f"https://{site}{port}{path}{_query(match[3])}{route}"
    return PageUrl(text, host, site, path) if len(text) <= MAX_CHARACTERS else None


def _authority(text: str) -> tuple[str, str] | None:
    text = text.rpartition("@")[2]
    bracketed, closing, rest = text.partition("]")
    name, _, port = rest.partition(":") if closing else text.partition(":")
    host = _name(name) if not closing else None
    if closing and not name and bracketed.startswith("[") and "%" not in bracketed:
        with suppress(AddressValueError):
            host = f"[{IPv6Address(bracketed[1:]).compressed}]"
    if host is None or (port and not (port.isascii() and port.isdigit())):
        return None
    port = port.lstrip("0") or port[:1]
    if len(port) > 5 or int(port or 0) > 0xFFFF:
        return None
    return host, "" if port in ("", "80", "443") else f":{port}"


def _name(text: str) -> str | None:
    name = ascii_name(unquote_to_bytes(text).decode("utf-8", "replace") if "%" in text else text)
    return name if name and _HOST.fullmatch(name) else None


def ascii_name(name: str) -> str | None:
    """Return a host name in lower-case ASCII, as browsers write it (UTS 46); None if that is impossible."""
    if len(name) > 254:
        return None
    if not name.isascii():
        try:
            name = ".".join(map(_kept_label, _DOTS.split(name))).encode("idna").decode("ascii")
        except UnicodeError:
            return None
    name = name.lower().removesuffix(".")
    return name if len(name) <= 253 else None


def _kept_label(label: str) -> str:
    # Python's IDNA 2003 replaces these letters: `straße.de` would become the site of another, `strasse.de`.
    if not _KEPT_LETTERS.search(label):
        return label
    return f"xn--{normalize('NFKC', label.lower()).encode('punycode').decode('ascii')}"


def _site(host: str) -> str:
    labels = host.split(".")
    while labels[0] in VARIANT_LABELS and _registrable(labels[1:]):
        del labels[0]
    return ".".join(labels)


def _registrable(labels: Sequence[str]) -> bool:
    shared = len(labels) == 2 and labels[0] in SHARED_LABELS and len(labels[1]) == 2
    return len(labels) > 1 and not shared


def _path(text: str) -> str:
    segments: list[str] = []
    for segment in _SESSION.sub("", _escaped(text.replace("\\", "/"))).split("/")[1:]:
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    path = "/".join(["", *segments])
    # Slashes, `/amp` and `.amp` at the end are dropped, and `.amp` before a last `.html`.
    end = len(path)
    while path.endswith("/", 0, end) or path.endswith("/amp", 0, end) or _amp_name(path, end):
        end -= 1 if path[end - 1] == "/" else 4
    if not path.endswith(".html", 0, end):
        return path[:end] or "/"
    stem = end - len(".html")
    while _amp_name(path, stem):
        stem -= 4
    return f"{path[:stem]}.html"


def _amp_name(path: str, end: int) -> bool:
    return path.endswith(".amp", 1, end) and path[end - 5] not in "/."


def _query(text: str) -> str:
    choosing = list[str]()
    for item in filter(None, text.split("&")):
        parameter = _escaped(item).replace("+", "%20")
        lower = parameter.lower()
        name = lower.partition("=")[0]
        is_noise = name in TRACKING_NAMES or name.startswith(TRACKING_PREFIXES) or lower in AMP_PARAMETERS
        if not is_noise:
            choosing.append(parameter)
    choosing.sort(key=lambda parameter: parameter.partition("=")[0])
    return "?" + "&".join(choosing) if choosing else ""


def _escaped(text: str) -> str:
    """Percent-encode in one form: unreserved characters bare, characters not allowed in URLs as `%XX`."""
    return _ESCAPE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    if match[1] is None:
        return quote(match[0], safe="")
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()


def _cached(page: PageUrl) -> PageUrl | None:
    """Return the page that an AMP cache or Google's viewer wraps; None if the page is not one of theirs.

    Only the host is parsed again, so the cost is linear even for pages that are wrapped a thousand times.
    """
    after_host = len("https://") + len(page.site)
    if not page.text.startswith("/", after_host):  # a port
        return None
    inside = None
    if f".{page.site}".endswith(AMP_CACHES):
        inside = _IN_CACHE.match(page.path)
    elif page.site in GOOGLE_HOSTS:
        inside = _IN_GOOGLE.match(page.path)
    authority = _authority(inside[1]) if inside else None
    if not inside or not authority:
        return None
    host, port = authority
    site, path = _site(host), page.path[inside.end() :] or "/"
    return PageUrl(f"https://{site}{port}{path}{page.text[after_host + len(page.path) :]}", host, site, path)


# --- copies of pages that archives, caches and translators serve
#
#     https://web.archive.org/web/20190101000000id_/https://journal.example/une  ->  https://journal.example/une
#
# Only the address decides. It may name the original in its path, in a parameter or in its host name, encoded
# several times, and the original may be a copy itself. Short addresses (`archive.ph/AbCdE`) do not name it.

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
    page = _parse(url)
    match = _URL.fullmatch(url.strip(_EDGES).translate(_BREAKS))
    if page is None or match is None or not may_be_copy(page.host):
        return None
    if inner := _cached(page):
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


# --- public suffixes

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
