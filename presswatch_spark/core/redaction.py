"""Removes credentials from text for people, logs or tables; the only module that recognises credentials."""

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "***"
"""Replaces a value that is not shown."""

_SECRET_NAME = re.compile(
    r"secret|passw|passphrase|token|(?:access|api|account|private)[._-]?key"
    r"|credential(?!s?[._-]?(?:file|process|provider|source))|(?:authorization|signature)$",
    re.IGNORECASE,
)
_SECRET_PARAMETERS = frozenset({"auth", "googleaccessid", "key", "key-pair-id", "policy", "sas", "sig"})
"""Parameters of a URL that are credentials, in addition to those with the name of a secret."""
_NOT_SECRET = frozenset({"clienttoken"})
"""An idempotency token of AWS: it lets a request run once, and gives no access."""

# `{blank}`: characters that end a URL. Second branch: a password with `/`, `?` or `#`; then `user:password`
# looks like a host with a port that is no number.
_USER = (
    r"(?<=://)(?:[^/?#{blank}]*@"
    r"|[^/?#@:\[\]{blank}]*:(?!\d{{0,5}}(?:[/?#\s\"'),]|$))(?:(?!://)[^{blank}])*@)"
)
_USER_IN_TEXT = re.compile(_USER.format(blank=r"\s"))
_USER_IN_WORD = re.compile(_USER.format(blank=r"\0"))
_PARAMETER = re.compile(
    r"(?<=[?&;])([\w.%\[\]-]+)="
    r"((?:[^&;\s\"'<>]|;(?![\w.%\[\]-]+=))+?)(?=[),.:;]*(?:[&\s\"'<>]|;[\w.%\[\]-]+=|$))"
)
_TOKENS = re.compile(r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|hf_[A-Za-z0-9]{16,}|gh[a-z]_[A-Za-z0-9]{30,})\b")
_HEADER = re.compile(
    r"(\b(?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?(?:[a-z]+\s+)?)[^\s'\",]+", re.IGNORECASE
)
_SETTING = re.compile(r"([A-Za-z_][\w.-]*)=(.+)", re.DOTALL)
_URL_ALONE = re.compile(r"(?:[\w.-]+=)?[A-Za-z][A-Za-z0-9+.-]*://")
_WEB_URL = re.compile(r"(https?://[^?#]*).*", re.IGNORECASE | re.DOTALL)


def redacted(text: str) -> str:
    """Return a text without credentials: users and passwords of URLs, signatures, tokens; the rest stays."""
    if "://" in text:
        text = _PARAMETER.sub(_parameter, _USER_IN_TEXT.sub("", text))
    return _HEADER.sub(rf"\1{HIDDEN}", _TOKENS.sub(HIDDEN, text))


def bare_url(url: str) -> str:
    """Return a text that begins with a URL without user and password, up to its query or fragment."""
    # Remove the user first, since a password may contain `?` and `#`.
    return _WEB_URL.sub(r"\1", _USER_IN_WORD.sub("", url))


def redacted_command(words: Iterable[str]) -> str:
    """Return a command line as a shell takes it, without credentials and without queries of URLs."""
    return shlex.join(bare_url(redacted_value(word)) for word in words)


def redacted_json(value: Any) -> Any:
    """Return a value in the types of JSON without credentials, such as a request that is shown, not sent."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if isinstance(item, str) and item and is_secret_name(name) else redacted_json(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted_json(item) for item in value]
    return redacted_value(value) if isinstance(value, str) else value


def redacted_value(value: str) -> str:
    """Return one word or value without credentials; in `NAME=VALUE`, a secret's value is hidden."""
    found = _SETTING.fullmatch(value)
    if found and is_secret_name(found[1]):
        return f"{found[1]}={HIDDEN}"
    # If the value is nothing but a URL, blanks belong to the password.
    return redacted(_USER_IN_WORD.sub("", value) if _URL_ALONE.match(value) else value)


def is_secret_name(name: str) -> bool:
    """Return whether a setting, variable or parameter of this name contains a credential."""
    return name.lower() not in _NOT_SECRET and bool(_SECRET_NAME.search(name))


def holds_secret(text: str) -> bool:
    """Return whether a text contains a credential."""
    return redacted(text) != text


def _parameter(found: re.Match[str]) -> str:
    name = found[1]
    return f"{name}={HIDDEN}" if name.lower() in _SECRET_PARAMETERS or is_secret_name(name) else found[0]
