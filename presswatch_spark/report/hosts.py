"""Addresses of others as the page shows them: whole, harmless, and a link only where that is safe."""

from urllib.parse import urlsplit

from presswatch_spark.evidence.verify_alone import shown
from presswatch_spark.notices.wording import ascii_url

LINKED = ("http", "https")


def link_of(url: str | None) -> str | None:
    """Return the address that a link may lead to, in ASCII; None if it is none of the web."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_safe = parts.scheme.lower() in LINKED and bool(parts.hostname)
    except ValueError:
        return None
    return ascii_url(url) if is_safe else None


def both_ways(host: str) -> str:
    """Return a host; one in Punycode with what it stands for, which may look like another host."""
    labels = [_decoded(label) for label in host.split(".")]
    decoded = ".".join(labels)
    return host if decoded == host else f"{host} ({shown(decoded)})"


def _decoded(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return label
