"""What an index of captures says of a URL: whether it lists the capture, by the CDX API of web archives.

A server of that API answers `?url=…&output=json` with a line of JSON for each capture, or with 404 and a
message that there are none.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from presswatch_spark.errors import ConfigError, InputError
from presswatch_spark.removal import states
from presswatch_spark.removal.answers import ProbeFinding
from presswatch_spark.storage.http import unpacked_body
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import RawResponse, canonical, printable
from presswatch_spark.storage.uris import names_in_common, scheme_of

ANSWER_BYTES = 4 << 20
Captures = Sequence[Mapping[str, Any]]
"""Captures of a URL, each with `timestamp`, and `filename`, `offset` and `length` of its record."""
_MOMENT, _NUMBER = "%Y%m%d%H%M%S", re.compile("[0-9]{1,17}")


def require_address(endpoint: str) -> None:
    """Raise `ConfigError` unless an index can be asked at that address; `{release}` may stand in it."""
    try:
        address = canonical(endpoint.replace("{release}", "release"))
        is_site = scheme_of(address) in ("http", "https") and "?" not in address and "#" not in address
    except InputError:
        is_site = False
    if not is_site:
        raise ConfigError(
            "is not the address of an index",
            where=printable(endpoint),
            remedy="write https://HOST/PATH, or name index files: a cluster.idx, or what lies below"
            " cc-index/table/; {release} stands for the release",
        )


def query(endpoint: str, release: str | None, url: str) -> str:
    """Return the address that asks an index for the captures of a URL; `{release}` stands for the release."""
    return f"{endpoint.replace('{release}', release or '')}?url={quote(url, safe='')}&output=json"


def listed(answer: RawResponse, captured_at: datetime | None) -> ProbeFinding:
    """Return whether an index lists a capture, or any if its time is not known."""
    return listed_among(captures_in(answer), captured_at)


def listed_among(captures: Captures | ProbeFinding, captured_at: datetime | None) -> ProbeFinding:
    """Return whether a capture is among those of a URL; what the index failed with if it gave none."""
    if isinstance(captures, ProbeFinding):
        return captures
    if not captures:
        return ProbeFinding(states.UNLISTED, "the index has no capture of the URL")
    wanted = captured_at and captured_at.strftime(_MOMENT)
    if any(wanted in (None, capture.get("timestamp")) for capture in captures):
        return ProbeFinding(states.LISTED)
    return ProbeFinding(states.UNLISTED, f"the index has {len(captures):,} other captures of the URL")


def place_among(captures: Captures | ProbeFinding, target: Mapping[str, Any]) -> ProbeFinding:
    """Return where in its file a target's capture is: offset and length of its record, as an index says.

    Files of one name lie in several folders of a crawl: the one whose path is most like the target's counts.
    """
    if isinstance(captures, ProbeFinding):
        return captures
    wanted, found, most = target["captured_at"].strftime(_MOMENT), None, 0
    for capture in captures:
        alike = names_in_common(str(capture.get("filename")), target["shard_uri"])
        place = [str(capture.get(name)) for name in ("offset", "length")]
        if capture["timestamp"] == wanted and alike > most and all(map(_NUMBER.fullmatch, place)):
            found, most = place, alike
    if found is None:
        return ProbeFinding(states.UNLISTED, "the index has no capture of the page in this file at this time")
    offset, length = map(int, found)
    return ProbeFinding(states.LISTED, facts={"record_offset": offset, "record_length": length})


def captures_in(answer: RawResponse) -> Captures | ProbeFinding:
    """Return the captures that an index lists, or why it lists none, or says nothing."""
    if answer.ours or answer.status is None or answer.failure:
        return ProbeFinding(states.FAILED, answer.failure)
    body = unpacked_body(answer, ANSWER_BYTES)
    text = body.decode("utf-8", "replace")
    if answer.status == 404 and _says_none(text):
        return ProbeFinding(states.UNLISTED, "the index has no capture of the URL")
    if answer.status == 429:
        return ProbeFinding(states.LIMITED)
    if answer.status not in (200, 206):
        return ProbeFinding(states.REFUSED, f"status {answer.status}")
    if len(body) >= ANSWER_BYTES:
        return ProbeFinding(states.STRANGE, "the answer is too long to be read whole")
    try:
        return list(_captures(text))
    except ValueError:
        return ProbeFinding(states.STRANGE, "the answer is no list of captures")


def _says_none(text: str) -> bool:
    """Whether a 404 is the index's own: it says so, and a page that is missing says something else."""
    try:
        said = parse_json(text)
    except ValueError:
        return text.startswith("No Captures found")
    message = said.get("message", said.get("error", "")) if isinstance(said, Mapping) else ""
    return str(message).startswith("No Captures found")


def _captures(text: str) -> Iterator[Mapping[str, Any]]:
    for line in filter(str.strip, text.splitlines()):
        capture = parse_json(line)
        if not isinstance(capture, Mapping) or "timestamp" not in capture:
            raise ValueError
        yield capture
