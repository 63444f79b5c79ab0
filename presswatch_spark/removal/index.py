"""What an index of captures says of a URL: whether it lists the capture, by the CDX API of web archives.

A server of that API answers `?url=…&output=json` with a line of JSON for each capture, or with 404 and a
message that there are none.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from presswatch_spark.removal import states
from presswatch_spark.removal.answers import Finding
from presswatch_spark.storage.objects import Answer

ANSWER_BYTES = 4 << 20
_MOMENT = "%Y%m%d%H%M%S"


def query(endpoint: str, release: str | None, url: str) -> str:
    """Return the address that asks an index for the captures of a URL; `{release}` stands for the release."""
    return f"{endpoint.replace('{release}', release or '')}?url={quote(url, safe='')}&output=json"


def listed(answer: Answer, captured_at: datetime | None) -> Finding:
    """Return whether an index lists a capture, or any if its time is not known."""
    if answer.ours or answer.status is None or answer.failure:
        return Finding(states.FAILED, answer.failure)
    text = answer.body.decode("utf-8", "replace")
    if answer.status == 404 and _says_none(text):
        return Finding(states.UNLISTED, "the index has no capture of the URL")
    if answer.status == 429:
        return Finding(states.LIMITED)
    if answer.status not in (200, 206):
        return Finding(states.REFUSED, f"status {answer.status}")
    if len(answer.body) >= ANSWER_BYTES:
        return Finding(states.STRANGE, "the answer is too long to be read whole")
    try:
        captures = list(_captures(text))
    except ValueError:
        return Finding(states.STRANGE, "the answer is no list of captures")
    wanted = captured_at and captured_at.strftime(_MOMENT)
    if any(wanted in (None, capture.get("timestamp")) for capture in captures):
        return Finding(states.LISTED)
    return Finding(states.UNLISTED, f"the index has {len(captures):,} other captures of the URL")


def _says_none(text: str) -> bool:
    """Whether a 404 is the index's own: it says so, and a page that is missing says something else."""
    try:
        said = json.loads(text)
    except ValueError:
        return text.startswith("No Captures found")
    message = said.get("message", said.get("error", "")) if isinstance(said, Mapping) else ""
    return str(message).startswith("No Captures found")


def _captures(text: str) -> Iterator[Mapping[str, Any]]:
    for line in filter(str.strip, text.splitlines()):
        capture = json.loads(line)
        if not isinstance(capture, Mapping) or "timestamp" not in capture:
            raise ValueError
        yield capture
