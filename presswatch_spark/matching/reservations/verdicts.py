"""Derives the verdict of a declaration about training on text, its agents, and the site that it covers.

`conf/agents.yaml` has the crawlers that declarations name, with the uses that their operators make of pages.
Three kinds of values have verdicts: directives for robots (`X-Robots-Tag`, meta robots), preferences
(AIPREF's `Content-Usage`, Cloudflare's `Content-Signal`), and TDMRep's 1 and 0.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

from presswatch_spark.core.settings.checked_yaml import Check, compose, file_bytes
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.core.version import __version__
from presswatch_spark.matching.judgement.urls import ascii_name
from presswatch_spark.tables.column_values import USES, SignalName, Use
from presswatch_spark.tables.digests import storable

AGENTS = ("CCBot", "GPTBot", "Google-Extended", "*")
"""The agents that always have rows: Common Crawl's, OpenAI's and Google's, and any agent."""
ANY_AGENT = "*"
NAME = re.compile(r"[a-z0-9][\w.-]{0,63}(?![\w.-])", re.ASCII | re.IGNORECASE)
"""The name of an agent; a group of robots.txt may add a version to it, after `/`."""

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
    signal: SignalName,
    source: str,
    value: str | None,
    *,
    agent: str | None = None,
    path: str | None = None,
    note: str | None = None,
    **facts: Any,
) -> Signal:
    """Return the signal of a value; value, path and agent are cut if too long.

    `facts`: other fields of `Signal`; without a verdict among them, it is that of the value.
    """
    if value is not None:
        facts.setdefault("verdict", verdict_of(signal, value))
        value, note = bounded(value, note)
    if path is not None:
        path, cut = bounded(path)
        note = cut or note
    return Signal(signal, source, value, agent=agent and bounded(agent)[0], path=path, note=note, **facts)


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
    name = f"[{name}]" if ":" in name else (ascii_name(name) or name).rstrip(".")
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
_RESERVING, _HIDING = frozenset(("noai", "noml")), frozenset(("noindex", "none"))
_NAMED_DIRECTIVE = re.compile(r"(?<![\w-])(?:noai|noml)(?![\w-])", re.IGNORECASE)
# Directives with a colon of their own: the name before it is no agent.
_WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")


def verdict_of(signal: SignalName, value: str, use: Use = "train") -> str | None:
    """Return the verdict on a use of a value of a header, an element or a rule; None if it has none.

    `unknown` if the name of a reserving directive occurs, but not as a directive of its own (`noai
    noimageai`), and for values of TDMRep other than 1 and 0.
    """
    if signal in PREFERENCES.values():
        return preference_verdict(signal, value, use)
    if signal == "tdm_reservation" and use != "search":
        return {"1": RESERVED, "0": ALLOWED}.get(value.strip(), UNKNOWN)
    if signal in ("x_robots_tag", "meta_robots"):
        directives = {part.strip().lower() for part in value.split(",")}
        if use == "search":
            return RESERVED if directives & _HIDING else None
        if use == "train" and directives & _RESERVING:
            return RESERVED
        return UNKNOWN if use == "train" and _NAMED_DIRECTIVE.search(value) else None
    return None


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
_MEMBER = rf"({_KEY})(?:=({_ITEM}|{_LIST}))?+{_PARAMETERS}"
_DICTIONARY = re.compile(rf"(?:{_MEMBER}(?:[ \t]*+,[ \t]*+{_MEMBER})*+)?")


def _dictionary_of(text: str) -> dict[str, str] | None:
    """Return keys and values of a dictionary of structured fields as written; None for other text.

    Parameters are left out. A key without a value is true (`?1`); of equal keys the last counts.
    """
    text = text.strip(" ")
    if not _DICTIONARY.fullmatch(text):
        return None
    return {key: value or "?1" for key, value in re.findall(_MEMBER, text)}


@dataclass(frozen=True, slots=True)
class Agent:
    """A crawler, or a name that only controls uses. `date`: a day when `source` said so; None: unchecked."""

    name: str
    operator: str
    purpose: tuple[Use, ...]
    source: str | None
    date: date | None


@cache
def known_agents() -> Mapping[str, Agent]:
    """Return the shipped agents by their names in lower case; raises `ConfigError`."""
    path = str(shipped("agents.yaml"))
    return parse_agents(file_bytes(path, "the file of agents", "the installation"), path)


def parse_agents(raw: bytes, name: str) -> dict[str, Agent]:
    """Read and check agents, by their names in lower case; `ConfigError` lists all mistakes of the file."""
    check, found = Check(), dict[str, Agent]()
    root = compose(raw, check, "agents contain a list of purposes, and nothing is nested deeper", "agents")
    top = check.entry(root, "file of agents", "agents") if root is not None else {}
    for node in check.items(top.get("agents"), "agents"):
        keys, agent, what = check.named_entry(node, "agent", "name operator purpose", "source date")
        if agent and not NAME.fullmatch(agent):
            check.report(keys["name"], f"{what}: a name has letters, digits, `-`, `_` and `.` only")
        purposes = check.texts(keys.get("purpose"), f"{what}: purpose", USES)
        source = check.text(keys.get("source"), f"{what}: source")
        if source is not None and not source.startswith("https://"):
            check.report(keys["source"], f"{what}: source must be an address (https://…)")
        operator = check.text(keys.get("operator"), f"{what}: operator") or ""
        day = check.date(keys.get("date"), f"{what}: date")
        if day is not None and source is None:
            check.report(keys["date"], f"{what}: a date needs the source that was read")
        found[agent.lower()] = Agent(agent, operator, cast(tuple[Use, ...], purposes), source, day)
    check.finish(name, "the file of agents")
    return found


def uses_of(agent: str) -> tuple[Use, ...]:
    """Return the uses that an agent makes of pages: all if its purpose is unknown, and for `*`."""
    known = known_agents().get(agent.lower())
    return known.purpose if known else USES


def agents_to_refuse(reserved: Collection[Use]) -> tuple[list[str], list[str]]:
    """Return the agents all whose uses are reserved, and those that also make uses that are allowed."""
    refused, mixed = list[str](), list[str]()
    for agent in known_agents().values():
        if set(agent.purpose) <= set(reserved):
            refused.append(agent.name)
        elif set(agent.purpose) & set(reserved):
            mixed.append(agent.name)
    return refused, mixed
