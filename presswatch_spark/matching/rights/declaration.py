"""Derives the verdict of a declaration about training on text, and the site that it covers.

Three kinds of values have verdicts: directives for robots (`X-Robots-Tag`, meta robots), preferences
(AIPREF's `Content-Usage`, Cloudflare's `Content-Signal`), and TDMRep's 1 and 0.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

from presswatch_spark.core.version import __version__
from presswatch_spark.tables.digests import storable
from presswatch_spark.tables.literals import SignalName, Use

AGENTS = ("CCBot", "GPTBot", "Google-Extended", "*")
"""The agents that always have rows: Common Crawl's, OpenAI's and Google's, and any agent."""
ANY_AGENT = "*"

RESERVED, ALLOWED, UNKNOWN = "reserved", "allowed", "unknown"

SIGNALS = 200
"""The most signals of a capture; a row notes that there were more."""
RULES_READ = 100
"""The most rules of a file or document that are read."""
DOCUMENT_BYTES = 500 << 10
"""The most bytes of a document of licences that are read, and the least of robots.txt (RFC 9309, 2.5)."""
VALUE_CHARACTERS = 4096
CUT = f"cut to {VALUE_CHARACTERS:,} characters"
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Signal:
    """A declaration in a capture, by columns of `rights_signals`, where their values are listed.

    `agent`: its addressee; None: any agent. `verdict`: about the use of text for mining or training; None if
    it declares nothing about that. `note`: a remark on value and verdict. `rule`: of tdmrep.json, from 1.
    """

    signal: SignalName
    source: str
    value: str | None
    scope: str = "page"
    verdict: str | None = None
    agent: str | None = None
    path: str | None = None
    note: str | None = None
    paywalled_text_captured: bool | None = None
    rule: int | None = None
    parser: str = f"presswatch {__version__}"


def stated(
    name: SignalName, source: str, value: str, verdict: str | None = None, agent: str | None = None
) -> Signal:
    """Return the signal of a value, to `agent` or any agent; value and agent are cut if too long."""
    text, note = bounded(value)
    return Signal(name, source, text, verdict=verdict, agent=agent and bounded(agent)[0], note=note)


def left_out(note: str, in_file: bool = False) -> Signal:
    """Return the signal that a part of a capture was not read, which may contain a reservation."""
    source, scope, path = ("file", "host", "/") if in_file else ("page", "page", None)
    return Signal("left_out", source, None, scope, UNKNOWN, path=path, note=note)


def agreed(verdicts: Iterable[str | None]) -> str | None:
    """Return the verdict on which all agree, `unknown` if they differ; there must be at least one."""
    one, *others = set(verdicts)
    return UNKNOWN if others else one


def bounded(text: str, note: str | None = None) -> tuple[str, str | None]:
    """Return `text` for the column `value`, and its note, with `CUT` if the text was cut."""
    text = storable(text.strip())
    if len(text) <= VALUE_CHARACTERS:
        return text, note
    return text[:VALUE_CHARACTERS], f"{note}; {CUT}" if note else CUT


def is_cut(note: str | None) -> bool:
    """Return whether a value with this note lacks a part of the declaration."""
    return note is not None and note.endswith(CUT)


@dataclass(frozen=True, slots=True)
class RobotsUrl:
    """A URL as robots.txt refers to it: `origin`, such as `https://host:port`, and `path` with its query.

    robots.txt applies to one scheme, host and port (RFC 9309, section 2.3). `host` has the port unless it is
    the default.
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
    if ":" in name:
        name = f"[{name}]"
    else:
        with suppress(UnicodeError):
            name = name if name.isascii() else name.encode("idna").decode("ascii")
        name = name.rstrip(".")
    host = name if port in (None, DEFAULT_PORTS[scheme]) else f"{name}:{port}"
    # Keep an empty query: the pattern `/*?` matches `/a?`.
    query = f"?{parts.query}" if "?" in url.partition("#")[0] else ""
    return RobotsUrl(f"{scheme}://{host}", host, f"{parts.path or '/'}{query}")


def place_from(base: str, address: str) -> RobotsUrl | None:
    """Return the place of an address, possibly relative, in a document at the URL `base`; None if invalid."""
    try:
        return place_of(urljoin(base, address))
    except ValueError:
        return None


RULE_FILES: tuple[SignalName, ...] = ("robots_txt", "ai_txt")
"""Signals of files with rules for agents."""
PREFERENCES: Mapping[str, SignalName] = {"content-usage": "content_usage", "content-signal": "content_signal"}
"""Signals of preferences, by the header or the directive of robots.txt that states them."""

# Directives that their authors define as reservations against training on text. `noimageai` is about images;
# `noindex`, `noarchive` and `none` are about search.
_RESERVING = frozenset(("noai", "noml"))
_NAMED_DIRECTIVE = re.compile(r"(?<![\w-])(?:noai|noml)(?![\w-])", re.IGNORECASE)
# Directives with a colon of their own: the name before it is no agent.
_WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")


def directive_verdict(value: str) -> str | None:
    """Return `reserved` if a directive reserves the text, None if none is about that.

    `unknown` if a reserving name occurs, but not as a directive of its own (`noai noimageai`).
    """
    if _RESERVING & {part.strip().lower() for part in value.split(",")}:
        return RESERVED
    return UNKNOWN if _NAMED_DIRECTIVE.search(value) else None


def indexing_verdict(value: str) -> str | None:
    """Return `reserved` if a directive for robots refuses to be found by search, else None."""
    directives = {part.strip().lower() for part in value.split(",")}
    return RESERVED if directives & {"noindex", "none"} else None


def addressed(value: str) -> Iterator[tuple[str | None, str]]:
    """Yield the agents that an `X-Robots-Tag` addresses, each with its directives; None: any agent.

    An agent's name precedes a colon and applies to the directives after it; the hour of a date is no agent.
    """
    agent: str | None = None
    directives: list[str] = []
    for part in value.split(","):
        name, colon, rest = part.partition(":")
        name = name.strip()
        if colon and " " not in name and not name.lower().startswith(_WITH_VALUE):
            if directives:
                yield agent, ", ".join(directives)
            agent, directives, part = name or None, [], rest
        if part.strip():
            directives.append(part.strip())
    if directives:
        yield agent, ", ".join(directives)


# Names of AIPREF's vocabulary, which is a draft (draft-ietf-aipref-vocab); those of earlier drafts count too.
# For each use, the first set counts of which a preference is stated.
_TRAINING = frozenset(("train-ai", "train-genai", "ai", "genai"))
_USAGES: Mapping[Use, Sequence[frozenset[str]]] = {
    "train": (_TRAINING, frozenset(("bots", "tdm"))),
    "search": (frozenset(("search",)), frozenset(("bots",))),
    "tdm": (frozenset(("tdm",)), frozenset(("bots",))),
}
_USAGE_VERDICTS: Mapping[str, str] = {"y": ALLOWED, "n": RESERVED}
_SIGNALS: Mapping[Use, str] = {"train": "ai-train", "search": "search"}
_SIGNAL_VERDICTS: Mapping[str, str] = {"yes": ALLOWED, "no": RESERVED}
_NAMED_USE = re.compile(r"(?<![\w-])(?:train-ai|train-genai|ai|genai|bots|tdm)(?![\w-])", re.IGNORECASE)


def preference_verdict(signal: SignalName, text: str, use: Use = "train") -> str | None:
    """Return the verdict on a use of text of a `content_usage` or `content_signal`; None without one.

    `unknown` if values differ or are not in the vocabulary, and if text names such a use but cannot be
    parsed. For AIPREF, preferences about the use count, else those about all automated use. To refuse text as
    the input of a model (`ai-use`, `ai-input`) reserves mining; to permit this input does not permit mining.
    """
    if signal != "content_usage":
        members = [member.partition("=") for member in text.lower().split(",")]
        given = [(name.strip(), value.strip()) for name, _, value in members]
        if use == "tdm":
            return RESERVED if ("ai-input", "no") in given else None
        values = {value for name, value in given if name == _SIGNALS[use]}
        return agreed({_SIGNAL_VERDICTS.get(value, UNKNOWN) for value in values}) if values else None
    preferences = _dictionary_of(text)
    if preferences is None:
        return UNKNOWN if _NAMED_USE.search(text) else None
    for names in _USAGES[use]:
        if values := {value for name, value in preferences.items() if name in names}:
            return agreed({_USAGE_VERDICTS.get(value, UNKNOWN) for value in values})
    return RESERVED if use == "tdm" and preferences.get("ai-use") == "n" else None


# Dictionaries of structured fields: RFC 9651, section 3.2.
_KEY = r"[a-z*][a-z0-9_.*-]*+"
# Section 3.3: decimal, integer, string, token, byte sequence, boolean, date, display string.
_ITEM = (
    r"(?:-?[0-9]{1,12}\.[0-9]{1,3}+|-?[0-9]{1,15}+|\"(?:[ !#-\[\]-~]|\\[\"\\])*+\""
    r"|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*+|:[A-Za-z0-9+/=]*+:|\?[01]|@-?[0-9]{1,15}+"
    r"|%\"(?:[ !#$&-~]|%[0-9a-f]{2})*+\")"
)
_PARAMETERS = rf"(?:; *+{_KEY}(?:={_ITEM})?+)*+"
_LIST = rf"\((?: *+{_ITEM}{_PARAMETERS}(?=[ )]))*+ *+\)"
_MEMBER = re.compile(rf"({_KEY})(?:=({_ITEM}|{_LIST}))?+{_PARAMETERS}")
_COMMA = re.compile(r"[ \t]*+,[ \t]*+")


def _dictionary_of(text: str) -> dict[str, str] | None:
    """Return keys and values of a dictionary of structured fields as written; None for other text.

    Parameters are left out. A key without a value is true (`?1`); of equal keys the last counts.
    """
    text = text.strip(" ")
    members: dict[str, str] = {}
    at = 0
    while at < len(text):
        member = _MEMBER.match(text, at)
        if not member:
            return None
        members[member[1]] = member[2] or "?1"
        at = member.end()
        if at == len(text):
            return members
        comma = _COMMA.match(text, at)
        if not comma or comma.end() == len(text):
            return None
        at = comma.end()
    return members


def reservation_verdict(value: object) -> str:
    """Return the verdict of a value of TDMRep: 1 reserves, 0 allows, others are unknown."""
    return {"1": RESERVED, "0": ALLOWED}.get(str(value).strip() if type(value) in (int, str) else "", UNKNOWN)
