"""Knows files that declare for a whole site by their place: they are no pages, and no documents."""

from collections.abc import Mapping
from urllib.parse import urlsplit

SITE_FILES: Mapping[str, str] = {
    "/robots.txt": "robots_txt",
    "/ai.txt": "ai_txt",
    "/.well-known/ai.txt": "ai_txt",
    "/.well-known/tdmrep.json": "tdm_reservation",
}
"""What a file declares, by its path."""

_ENDS = tuple(SITE_FILES)


def site_file(url: str) -> str | None:
    """Return what the file at a URL declares by its place alone; None for pages."""
    url = url.strip()
    if not url.endswith(_ENDS):
        return None
    try:
        parts = urlsplit(url)
        # A port that is none raises.
        on_web = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != -1
    except ValueError:
        return None
    return SITE_FILES.get(parts.path) if on_web and not parts.query else None
