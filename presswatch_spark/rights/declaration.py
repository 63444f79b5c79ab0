"""One declaration in a capture, its verdict, and the site that it is about."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from presswatch_spark.tables.digests import storable
from presswatch_spark.version import __version__

AGENTS = ("CCBot", "GPTBot", "Google-Extended", "*")
"""Whose rules are read: Common Crawl's, OpenAI's and Google's agents, and those for any agent."""
ANY_AGENT = "*"

RESERVED, ALLOWED, UNKNOWN = "reserved", "allowed", "unknown"

VALUE_CHARACTERS = 4096
CUT = f"cut to {VALUE_CHARACTERS:,} characters"

OWN_PARSER = f"presswatch {__version__}"


@dataclass(frozen=True, slots=True)
class Signal:
    """A declaration in a capture, in columns of `rights_signals`.

    `source`: where it stood (`header`, `meta`, `file`, `json_ld`, `link`); `scope`: what it is about (`page`,
    `host`, or the part of the host that `path` names). `agent`: whom it addresses; None: anybody. `verdict`:
    whether it reserves the use of text for mining or training; None if it says nothing on that. `note`: what
    a reader of value and verdict should know. `rule`: the number of a rule of tdmrep.json, from 1.
    """

    signal: str
    source: str
    value: str | None
    scope: str = "page"
    verdict: str | None = None
    agent: str | None = None
    path: str | None = None
    note: str | None = None
    paywalled_text_captured: bool | None = None
    rule: int | None = None
    parser: str = OWN_PARSER


def stated(
    name: str, source: str, value: str, verdict: str | None = None, agent: str | None = None
) -> Signal:
    """Return the signal of a value as it was stated, to `agent` or anybody; value and agent are bounded."""
    text, note = bounded(value)
    return Signal(name, source, text, verdict=verdict, agent=agent and bounded(agent)[0], note=note)


def left_out(note: str, in_file: bool = False) -> Signal:
    """Return the signal that something of a capture was not read: it may reserve."""
    if in_file:
        return Signal("left_out", "file", None, "host", UNKNOWN, path="/", note=note)
    return Signal("left_out", "page", None, "page", UNKNOWN, note=note)


def agreed(verdicts: Iterable[str | None]) -> str | None:
    """Return the verdict that all of them are, `unknown` if they differ; there is at least one."""
    one, *others = set(verdicts)
    return UNKNOWN if others else one


def bounded(text: str, note: str | None = None) -> tuple[str, str | None]:
    """Return `text` for the column `value`, and its note, to which `CUT` is added if the text was cut."""
    text = storable(text.strip())
    if len(text) <= VALUE_CHARACTERS:
        return text, note
    return text[:VALUE_CHARACTERS], f"{note}; {CUT}" if note else CUT


def is_cut(note: str | None) -> bool:
    """Whether the value beside this note lacks a part of what was declared."""
    return note is not None and note.endswith(CUT)


DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class RobotsUrl:
    """A URL as robots.txt sees it: `origin` as `https://host:port`, `path` with its query.

    A site is scheme, host and port, exactly (RFC 9309, section 2.3): `www.site.example` is not
    `site.example`. `host` holds the port if it is not the scheme's own.
    """

    origin: str
    host: str
    path: str


@lru_cache(maxsize=1024)
def place_of(url: str) -> RobotsUrl | None:
    """Return the place of an http(s) URL; None for anything else."""
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
    return RobotsUrl(f"{scheme}://{host}", host, f"{parts.path or '/'}{query}")


def _ascii(name: str) -> str:
    """Return a host name in punycode, if it has one."""
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name
