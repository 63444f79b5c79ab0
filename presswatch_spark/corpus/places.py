"""Places on the web as a members file names them, in the form that the URLs of pages are compared in."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from presswatch_spark.errors import ConfigError
from presswatch_spark.judgement.suffixes import PLATFORMS, is_shared
from presswatch_spark.judgement.urls import path_prefix

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def host_name(value: str) -> str | None:
    """Lower-case ASCII form of a host name, or None if it is none."""
    try:
        ascii_form = value.lower().removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = ascii_form.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return ascii_form


def url_prefix(value: str) -> str:
    """`host/path/` of a URL prefix, which may be written with or without `http(s)://`.

    Raises `ConfigError` for what is none, and for a path that the normal form of its pages would not keep.
    """
    try:
        parts = urlsplit(value if "://" in value else f"https://{value}")
        host = host_name(parts.netloc)
    except ValueError:  # a bracket too many, or letters that a host only seems to consist of
        host = None
    wrong = host is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment
    if wrong or any(character.isspace() for character in value):
        raise ConfigError("is not a URL prefix", remedy="write it as https://journal.example/section/")
    return f"{host}{path_prefix(parts.path)}"


def shared_site(host: str, path: str | None = None) -> str | None:
    """What is wrong with a site of which anybody can have a part, and what to write instead; else None.

    `path`: that of a URL prefix. Such a prefix holds on the hosts below its own as well, so it is wrong with
    any path, but on a platform that has paths of its own for its users.
    """
    bare = host.removeprefix("www.")
    shared = next((name for name in (bare, host) if "." in name and is_shared(name)), None)
    if shared is None or (shared in PLATFORMS and path not in (None, "/")):
        return None
    own = f"journal.{shared}" if path is None else f"https://journal.{shared}/"
    other = f", or a URL prefix with its path, as https://{shared}/@journal/" if shared in PLATFORMS else ""
    return (
        f"is not one site, anybody can have a name under `{shared}` (name the site itself, as {own}{other})"
    )
