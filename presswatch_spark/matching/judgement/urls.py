"""Normalises URLs: spellings that lead to the same page become one; and reads hosts and domains.

`normalise_url` removes what does not choose the page: scheme, `www.`, default ports, user names, tracking
parameters, fragments, trailing slashes, AMP and mobile variants. It writes the rest in one way (RFC 3986,
section 6.2.2), with parameters sorted by name, and keeps what may choose the page.

    https://m.journal.example:443/Une/%7Ea/amp/?b=2&a=1&utm_source=x#suite  ->
    https://journal.example/Une/~a?a=1&b=2

It does not depend on the Public Suffix List, which changes; see `public_suffixes`.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from unicodedata import bidirectional, normalize
from urllib.parse import quote, unquote_to_bytes

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
    page = parsed_url(url)
    while page and (inner := page_in_cache(page)):
        page = inner
    return page


def host_of(url: str) -> str | None:
    """Return the host that a URL is fetched from in lower-case ASCII, without port; None if it is no URL."""
    page = parsed_url(url)
    return page.host if page else None


def path_prefix(path: str) -> str:
    """Return the normal form of a path of all pages below it, with a slash at its end.

    Raises `ConfigError` if the normal form drops a part of it, and so would match other pages, too.
    """
    normal = _path(path).rstrip("/")
    if percent_encoded(path).removesuffix("/") != normal:
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


def url_parts(url: str) -> re.Match[str] | None:
    """Return host and port, path, query and fragment of a URL as groups of a match; None if it is no URL."""
    return _URL.fullmatch(url.strip(_EDGES).translate(_BREAKS))


# A document's URL is parsed for its site, for its normal form and for its host.
@lru_cache(_REMEMBERED)
def parsed_url(url: str) -> PageUrl | None:
    """Take a URL apart, else None; never raises. A page inside an AMP cache is a page of the cache."""
    if len(url) > MAX_CHARACTERS:
        return None
    if not url.isascii():
        # Lone surrogates, which are no characters, become U+FFFD.
        url = url.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    match = url_parts(url)
    authority = _authority(match[1]) if match else None
    if not match or not authority:
        return None
    host, port = authority
    site, path, fragment = _site(host), _path(match[2]), match[4]
    route = f"#{percent_encoded(fragment)}" if fragment.startswith("!") and len(fragment) > 1 else ""
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


def unicode_name(host: str) -> str:
    """Return a host name with its labels in Punycode decoded; it may look like another host."""
    labels = host.split(".")
    for place, label in enumerate(labels):
        if label.lower().startswith("xn--"):
            with suppress(UnicodeError, ValueError):
                labels[place] = label[4:].encode("ascii").decode("punycode")
    return ".".join(labels)


def _kept_label(label: str) -> str:
    # Python's IDNA 2003 replaces these letters: `straße.de` would become the site of another, `strasse.de`.
    # Nor does it allow labels from right to left that end in a digit or a mark, as `חדשות12.co.il` does.
    is_from_right = bool(label) and bidirectional(label[0]) in ("R", "AL")
    is_refused = is_from_right and bidirectional(label[-1]) in ("EN", "AN", "NSM")
    if not (is_refused or _KEPT_LETTERS.search(label)):
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
    for segment in _SESSION.sub("", percent_encoded(text.replace("\\", "/"))).split("/")[1:]:
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
        parameter = percent_encoded(item).replace("+", "%20")
        lower = parameter.lower()
        name = lower.partition("=")[0]
        is_noise = name in TRACKING_NAMES or name.startswith(TRACKING_PREFIXES) or lower in AMP_PARAMETERS
        if not is_noise:
            choosing.append(parameter)
    choosing.sort(key=lambda parameter: parameter.partition("=")[0])
    return "?" + "&".join(choosing) if choosing else ""


def percent_encoded(text: str) -> str:
    """Percent-encode in one form: unreserved characters bare, characters not allowed in URLs as `%XX`."""
    return _ESCAPE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    if match[1] is None:
        return quote(match[0], safe="")
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()


def page_in_cache(page: PageUrl) -> PageUrl | None:
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
