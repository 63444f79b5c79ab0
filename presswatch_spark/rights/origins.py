"""What a declaration of a whole site is about: scheme, host and port, exactly (RFC 9309, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """A URL as robots.txt sees it: `origin` as `https://host:port`, `path` with its query.

    `host` holds the port if it is not the scheme's own. `www.site.example` is not `site.example`.
    """

    origin: str
    host: str
    path: str


def place_of(url: str) -> Place | None:
    """The place of an http(s) URL; None if it is none."""
    try:
        parts = urlsplit(url.strip())
        scheme, name, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        return None
    if scheme not in DEFAULT_PORTS or not name:
        return None
    name = f"[{name}]" if ":" in name else _ascii(name).rstrip(".")
    host = name if port in (None, DEFAULT_PORTS[scheme]) else f"{name}:{port}"
    # An empty query is one: `/*?` is about `/a?`.
    query = f"?{parts.query}" if "?" in url.partition("#")[0] else ""
    return Place(f"{scheme}://{host}", host, f"{parts.path or '/'}{query}")


def _ascii(name: str) -> str:
    """A host name in punycode, if it has one."""
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name
