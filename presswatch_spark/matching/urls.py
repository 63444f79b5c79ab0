"""One form for all the URLs of a page.

`normalise_url` removes what does not choose the page: scheme, `www.`, default ports, user names, tracking
parameters, fragments, trailing slashes, AMP and mobile variants, AMP caches; and writes the rest in one way
(RFC 3986, section 6.2.2). It keeps what may choose it: every other parameter, the case of the path, `#!`
routes, all other hosts and ports.

    https://m.journal.example:443/Une/%7Ea/amp/?b=2&a=1&utm_source=x#suite  ->
    https://journal.example/Une/~a?a=1&b=2

Parameters are sorted by name; those of one name keep their order. `+` in a query is the space it stands for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import quote, unquote_to_bytes

MAX_CHARACTERS = 16_384
"""A longer string is taken for no URL: no crawler fetches it."""

TRACKING_PREFIXES = (
    "utm_",  # Google Analytics, and everybody after it
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
# Labels under which others register: `m.co.uk` is a site of its own, not the mobile variant of `co.uk`.
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
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?]")
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]")
_SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_AMP_TAIL = re.compile(r"/amp\Z|(?<=[^/.])\.amp(?=(?:\.html)?\Z)")
_IN_CACHE = re.compile(r"/(?:c|v|wp)/(?:s/)?([^/?#]+\.[^/?#]+.*)", re.DOTALL)
_IN_GOOGLE = re.compile(r"/amp/(?:s/)?([^/?#]+\.[^/?#]+.*)", re.DOTALL)
_EDGES = "".join(map(chr, range(0x21)))
_BREAKS = str.maketrans("", "", "\t\n\r")


@dataclass(frozen=True, slots=True)
class PageUrl:
    """A URL taken apart: `text` is its normal form, `site` and `path` that form's host and path.

    `host` is the host as given, `www.` and all, in lower-case ASCII. None of them holds the port but `text`.
    """

    text: str
    host: str
    site: str
    path: str


def normalise_url(url: str) -> str | None:
    """The normal form of an http(s) or protocol-relative URL, else None. Idempotent; never raises."""
    page = page_url(url)
    return page.text if page else None


def page_url(url: str) -> PageUrl | None:
    """As `normalise_url`, with the parts. A page inside an AMP cache is that page."""
    page = _parse(url)
    while page and (inner := _parse(_cached(page))):
        page = inner
    return page


def _parse(url: str) -> PageUrl | None:
    if len(url) > MAX_CHARACTERS:
        return None
    # A lone surrogate is no character: U+FFFD stands for it.
    url = url.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    match = _URL.fullmatch(url.strip(_EDGES).translate(_BREAKS))
    authority = _authority(match[1]) if match else None
    if not match or not authority:
        return None
    host, port = authority
    site, path = _site(host), _path(match[2])
    text = f"https://{site}{port}{path}{_query(match[3])}{_route(match[4])}"
    return PageUrl(text, host, site, path) if len(text) <= MAX_CHARACTERS else None


def _authority(text: str) -> tuple[str, str] | None:
    """Host in lower-case ASCII, and `:port` unless it is a default of http or https."""
    text = text.rpartition("@")[2]
    bracketed, closing, rest = text.partition("]")
    name, _, port = rest.partition(":") if closing else text.partition(":")
    host = _name(name) if not closing else None if name else _ipv6(bracketed)
    if host is None or (port and not (port.isascii() and port.isdigit())):
        return None
    port = port.lstrip("0") or port[:1]
    if len(port) > 5 or int(port or 0) > 0xFFFF:
        return None
    return host, "" if port in ("", "80", "443") else f":{port}"


def _ipv6(text: str) -> str | None:
    if not text.startswith("[") or "%" in text:
        return None
    try:
        return f"[{IPv6Address(text[1:]).compressed}]"
    except AddressValueError:
        return None


def _name(text: str) -> str | None:
    """A host name, decoded, in punycode; None if it cannot be one."""
    name = unquote_to_bytes(text).decode("utf-8", "replace") if "%" in text else text
    if len(name) > 254:
        return None
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    name = name.lower().removesuffix(".")
    return name if len(name) <= 253 and _HOST.fullmatch(name) else None


def _site(host: str) -> str:
    """The host without its mobile, AMP and `www` labels, as long as it stays a name that one can register."""
    labels = host.split(".")
    while len(labels) > 2 and labels[0] in VARIANT_LABELS:
        if len(labels) == 3 and labels[1] in SHARED_LABELS and len(labels[2]) == 2:
            break
        del labels[0]
    return ".".join(labels)


def _path(text: str) -> str:
    segments: list[str] = []
    for segment in _SESSION.sub("", _escaped(text.replace("\\", "/"))).split("/")[1:]:
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    path = "/".join(["", *segments]).rstrip("/")
    while (shorter := _AMP_TAIL.sub("", path).rstrip("/")) != path:
        path = shorter
    return path or "/"


def _query(text: str) -> str:
    parameters = [_escaped(item).replace("+", "%20") for item in text.split("&") if item]
    kept = [item for item in parameters if not _is_noise(item.lower())]
    return "?" + "&".join(sorted(kept, key=_parameter_name)) if kept else ""


def _is_noise(parameter: str) -> bool:
    name = _parameter_name(parameter)
    return name in TRACKING_NAMES or name.startswith(TRACKING_PREFIXES) or parameter in AMP_PARAMETERS


def _parameter_name(parameter: str) -> str:
    return parameter.partition("=")[0]


def _route(fragment: str) -> str:
    return f"#{_escaped(fragment)}" if fragment.startswith("!") and len(fragment) > 1 else ""


def _escaped(text: str) -> str:
    """Percent-encoding in one form: unreserved characters bare, what no URL holds in upper-case escapes."""
    return _ESCAPE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    if match[1] is None:
        return quote(match[0], safe="")
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()


def _cached(page: PageUrl) -> str:
    """The URL that an AMP cache or Google's viewer wraps; empty if the page is none of theirs."""
    inside = None
    rest = page.text[len("https://") + len(page.site) :]
    if f".{page.site}".endswith(AMP_CACHES):
        inside = _IN_CACHE.fullmatch(rest)
    elif page.site in GOOGLE_HOSTS:
        inside = _IN_GOOGLE.fullmatch(rest)
    return f"https://{inside[1]}" if inside else ""
