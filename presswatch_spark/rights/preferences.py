"""Preferences as names and yes or no: AIPREF's `Content-Usage`, and Cloudflare's `Content-Signal`.

The vocabulary of AIPREF is a draft (draft-ietf-aipref-vocab): names of earlier drafts are taken as well.
"""

from __future__ import annotations

from presswatch_spark.rights.model import ALLOWED, RESERVED, UNKNOWN

_TRAINING = frozenset(("train-ai", "train-genai", "ai", "genai", "ai-train"))
_ALL_USES = frozenset(("bots", "tdm"))
_YES, _NO = frozenset(("y", "yes", "?1", "true", "1")), frozenset(("n", "no", "?0", "false", "0"))


def preferences_of(text: str) -> dict[str, str]:
    """Read `name=value, name=value;parameter`; of equal names the last counts (RFC 9651, section 4.2.2)."""
    found = {}
    for member in text.split(","):
        name, equals, value = member.partition(";")[0].partition("=")
        if name.strip():
            found[name.strip().lower()] = value.strip().strip('"').lower() if equals else "?1"
    return found


def preference_verdict(text: str) -> str | None:
    """What preferences say of training on text; of all automated use, where they say nothing of training.

    `unknown` where they differ between kinds of training, or have another value than yes and no.
    """
    stated = preferences_of(text)
    for names in (_TRAINING, _ALL_USES):
        if said := {_verdict(value) for name, value in stated.items() if name in names}:
            return said.pop() if len(said) == 1 else UNKNOWN
    return None


def _verdict(value: str) -> str:
    return ALLOWED if value in _YES else RESERVED if value in _NO else UNKNOWN
