"""Preferences as names and yes or no: AIPREF's `Content-Usage`, and Cloudflare's `Content-Signal`.

The vocabulary of AIPREF is a draft (draft-ietf-aipref-vocab): names of earlier drafts are taken as well. What
is no dictionary of structured fields states nothing there, whatever its author had in mind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from presswatch_spark.rights.declaration import ALLOWED, RESERVED, UNKNOWN, agreed
from presswatch_spark.rights.structured import dictionary_of

_TRAINING = frozenset(("train-ai", "train-genai", "ai", "genai"))
_ALL_USES = frozenset(("bots", "tdm"))
_SAID: Mapping[str, str] = {"y": ALLOWED, "n": RESERVED}
_NAMED = re.compile(r"(?<![\w-])(?:train-ai|train-genai|ai|genai|bots|tdm)(?![\w-])", re.IGNORECASE)
_SIGNALS: Mapping[str, str] = {"yes": ALLOWED, "no": RESERVED}


def preference_verdict(signal: str, text: str) -> str | None:
    """What the preferences of a `content_usage` or `content_signal` say of training on text."""
    return usage_verdict(text) if signal == "content_usage" else signal_verdict(text)


def usage_verdict(text: str) -> str | None:
    """What AIPREF's preferences say of training; of all automated use, where they say nothing of training.

    `unknown` where they differ between kinds of training, or have another value than the tokens `y` and `n`;
    and where they name such a use and cannot be read.
    """
    stated = dictionary_of(text)
    if stated is None:
        return UNKNOWN if _NAMED.search(text) else None
    for names in (_TRAINING, _ALL_USES):
        if said := {_SAID.get(value, UNKNOWN) for name, value in stated.items() if name in names}:
            return agreed(said)
    return None


def signal_verdict(text: str) -> str | None:
    """What a Content-Signal says of `ai-train`; `unknown` if it is neither yes nor no, or both."""
    members = (member.partition("=") for member in text.lower().split(","))
    said = {_SIGNALS.get(value.strip(), UNKNOWN) for name, _, value in members if name.strip() == "ai-train"}
    return agreed(said) if said else None
