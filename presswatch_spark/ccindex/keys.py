"""The key of a URL in an index: its SURT, as the crawler's canonicaliser writes it.

    https://www.journal.example/Une/?b=2&a=1      example,journal)/une?a=1&b=2

The canonicaliser knows more rules than these, such as those for session ids. So a key says whether it is
sure: a page that is not found by a key that is not sure may be in the index all the same.
"""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

_WWW = re.compile(r"^www\d*\.(?=.)")
_PORTS = {"http": 80, "https": 443}
_PLAIN_PATH, _PLAIN_QUERY = re.compile(r"(/[a-z0-9._~-]+)*/?"), re.compile(r"[a-z0-9._~=&+:/-]*")
_SESSION = re.compile(r"(?:jsessionid|phpsessid|aspsession|sid|cfid|cftoken)", re.IGNORECASE)


class Key(NamedTuple):
    """The SURT of a URL, and whether it is sure that an index has the URL under it."""

    surt: str
    is_sure: bool


def key_of(url: str) -> Key | None:
    """Return the key of a URL; None of what is no URL of a page."""
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except (ValueError, UnicodeError):
        return None
    if parts.scheme.lower() not in _PORTS or not host:
        return None
    labels = ",".join(reversed(_WWW.sub("", host, count=1).strip(".").split(".")))
    shown = "" if port in (None, _PORTS[parts.scheme.lower()]) else f":{port}"
    path, query = _path(parts), "&".join(sorted(filter(None, parts.query.lower().split("&"))))
    is_sure = bool(_PLAIN_PATH.fullmatch(path) and _PLAIN_QUERY.fullmatch(query)) and not shown
    is_sure = is_sure and not _SESSION.search(parts.path + parts.query) and "/." not in path
    is_plain_host = re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]+", host) is not None
    return Key(f"{labels}{shown}){path}{'?' * bool(query)}{query}", is_sure and is_plain_host)


def _path(parts: SplitResult) -> str:
    path = re.sub("/+", "/", parts.path.lower()) or "/"
    return path.rstrip("/") or "/"
