"""What the values of declarations say of training on text: reserved, allowed, in doubt, or nothing.

Three kinds of values: directives for robots (`X-Robots-Tag`, meta robots), preferences (AIPREF's
`Content-Usage`, Cloudflare's `Content-Signal`), and TDMRep's 1 and 0.
"""

import re
from collections.abc import Iterator, Mapping

from presswatch_spark.rights.declaration import ALLOWED, RESERVED, UNKNOWN, agreed

PREFERENCES = {"content-usage": "content_usage", "content-signal": "content_signal"}
"""Signals of preferences, by the header or the directive of robots.txt that states them."""

# Their authors define these as reservations against training on text. `noimageai` is about images; `noindex`,
# `noarchive` and `none` are about search.
_RESERVING = frozenset(("noai", "noml"))
_NAMED_DIRECTIVE = re.compile(r"(?<![\w-])(?:noai|noml)(?![\w-])", re.IGNORECASE)
# Directives with a colon of their own: what stands before it is no agent.
_WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")


def directive_verdict(value: str) -> str | None:
    """Return `reserved` if one of the directives reserves the text, None if they say nothing on that.

    `unknown` if a reserving name stands there, but not as a directive of its own (`noai noimageai`).
    """
    if _RESERVING & {part.strip().lower() for part in value.split(",")}:
        return RESERVED
    return UNKNOWN if _NAMED_DIRECTIVE.search(value) else None


def addressed(value: str) -> Iterator[tuple[str | None, str]]:
    """Yield the agents that an `X-Robots-Tag` addresses, each with its directives; None: any agent.

    An agent's name stands before a colon and holds for the directives after it. The hour of a date stands
    before a colon too, and is no agent.
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
_TRAINING = frozenset(("train-ai", "train-genai", "ai", "genai"))
_ALL_USES = frozenset(("bots", "tdm"))
_USAGE_VERDICTS: Mapping[str, str] = {"y": ALLOWED, "n": RESERVED}
_SIGNAL_VERDICTS: Mapping[str, str] = {"yes": ALLOWED, "no": RESERVED}
_NAMED_USE = re.compile(r"(?<![\w-])(?:train-ai|train-genai|ai|genai|bots|tdm)(?![\w-])", re.IGNORECASE)


def preference_verdict(signal: str, text: str) -> str | None:
    """Return what the preferences of a `content_usage` or `content_signal` say of training on text."""
    return _usage_verdict(text) if signal == "content_usage" else _signal_verdict(text)


def _usage_verdict(text: str) -> str | None:
    """Return what AIPREF's preferences say of training, or else of all automated use.

    `unknown` if they differ between kinds of training, if a value is neither `y` nor `n`, and if they name
    such a use but cannot be read. What is no dictionary of structured fields states nothing, whatever its
    author had in mind.
    """
    preferences = _dictionary_of(text)
    if preferences is None:
        return UNKNOWN if _NAMED_USE.search(text) else None
    for names in (_TRAINING, _ALL_USES):
        if values := {value for name, value in preferences.items() if name in names}:
            return agreed({_USAGE_VERDICTS.get(value, UNKNOWN) for value in values})
    return None


def _signal_verdict(text: str) -> str | None:
    """Return what a Content-Signal says of `ai-train`; `unknown` if that is neither yes nor no, or both."""
    members = (member.partition("=") for member in text.lower().split(","))
    values = {value.strip() for name, _, value in members if name.strip() == "ai-train"}
    return agreed({_SIGNAL_VERDICTS.get(value, UNKNOWN) for value in values}) if values else None


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

    Parameters are left out. A key without a value is true (`?1`); of equal keys the last counts. Time is
    linear in the text.
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
    """Return what a value of TDMRep says: 1 reserves, 0 allows; the protocol knows no other value."""
    return {"1": RESERVED, "0": ALLOWED}.get(str(value).strip() if type(value) in (int, str) else "", UNKNOWN)
