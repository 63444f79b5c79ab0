"""Findings of an index of captures: whether it lists a capture, and where in its file the record is.

`--index` names a CDX server, or files of an index: a `cluster.idx`, or those of the columnar index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from presswatch_spark.ccindex.lookup import (
    CLUSTER,
    RELEASE,
    IndexAnswer,
    IndexedCapture,
    look_up_in_clusters,
    look_up_in_files,
    look_up_on_server,
)
from presswatch_spark.ccindex.wanted import key_of
from presswatch_spark.errors import ConfigError, CorruptError, InputError
from presswatch_spark.removal.responses import ProbeFinding, RecordFacts, ResponseFacts, in_same_second
from presswatch_spark.removal.states import FAILED, LIMITED, LISTED, REFUSED, STRANGE, UNLISTED
from presswatch_spark.storage.objects import StorageOptions, canonical, printable
from presswatch_spark.storage.uris import names_in_common, scheme_of
from presswatch_spark.tables.declarations import Target

TABLE, LISTS = "cc-index/table/", (".parquet", ".paths", ".paths.gz")
UNSURE = "the index has nothing under this key, and may have written the page's URL in another way"

IndexedPage = tuple[str, str]
"""Release and URL of a page; the release is empty if it is not known."""
Captures = Sequence[IndexedCapture] | ProbeFinding
"""The captures of a page, or why an index gave none."""


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """The answer of an index about a page."""

    facts: ResponseFacts
    captures: Captures


def require_address(endpoint: str) -> None:
    """Raise `ConfigError` unless an index can be asked at that address; `{release}` may be part of it."""
    try:
        address = canonical(endpoint.replace(RELEASE, "release"))
        is_site = scheme_of(address) in ("http", "https") and "?" not in address and "#" not in address
    except InputError:
        is_site = False
    if not is_site and not is_files(endpoint):
        raise ConfigError(
            "is not the address of an index",
            where=printable(endpoint),
            remedy="write https://HOST/PATH, or name index files: a cluster.idx, or what lies below"
            " cc-index/table/; {release} stands for the release",
        )


def is_files(endpoint: str) -> bool:
    """Return whether an address is that of index files, and not of a server."""
    return endpoint.endswith((f"/{CLUSTER}", *LISTS)) or TABLE in endpoint


def look_up(
    endpoint: str, pages: Iterable[IndexedPage], storage: StorageOptions
) -> dict[IndexedPage, PageAnswer]:
    """Return the answers of the index at an address about pages; `{release}` is replaced by the release.

    That files have no capture counts only if it is sure under which key it would be.

    Raises:
        BlockedError: the site is to be asked nothing more.
    """
    by_address, found = dict[str, dict[str, IndexedPage]](), dict[IndexedPage, PageAnswer]()
    has_files = is_files(endpoint)
    for release, url in pages:
        by_address.setdefault(endpoint.replace(RELEASE, release), {})[url] = release, url
    for address, wanted in by_address.items():
        keys = {url: key for url in wanted if (key := key_of(url)) is not None}
        if not has_files:
            answers = look_up_on_server(address, wanted, storage)
        elif address.endswith(CLUSTER):
            answers = look_up_in_clusters(address, keys, storage)
        else:
            answers = look_up_in_files(address, keys, storage)
        nothing = IndexAnswer(f"READ {printable(address)}", address)
        for url, page in wanted.items():
            answer = answers.get(url, nothing)
            facts = ResponseFacts.unasked(answer.request, printable(answer.uri))
            if answer.response is not None:
                facts = ResponseFacts.of(answer.response, answer.request, answer.uri)
            is_sure = not has_files or (url in keys and keys[url].is_sure)
            if answer.error is not None:
                outcome = LIMITED if facts.status == 429 else REFUSED
                if isinstance(answer.error, CorruptError):
                    outcome = STRANGE
                elif facts.status is None or (answer.response and answer.response.failure):
                    outcome = FAILED
                found[page] = PageAnswer(facts, ProbeFinding(outcome, answer.error.what))
            elif answer.captures or is_sure:
                found[page] = PageAnswer(facts, answer.captures)
            else:
                found[page] = PageAnswer(facts, ProbeFinding(STRANGE, UNSURE))
    return found


def listed_among(captures: Captures, captured_at: datetime | None) -> ProbeFinding:
    """Return whether a capture is among those of a URL, or any if its time is not known."""
    if isinstance(captures, ProbeFinding):
        return captures
    if not captures:
        return ProbeFinding(UNLISTED, "the index has no capture of the URL")
    if captured_at is None or any(in_same_second(each.captured_at, captured_at) for each in captures):
        return ProbeFinding(LISTED)
    return ProbeFinding(UNLISTED, f"the index has {len(captures):,} other captures of the URL")


def place_among(captures: Captures, target: Target) -> ProbeFinding:
    """Return where in its file a target's capture is: offset and length of its record.

    Files of one name are in several folders of a crawl: the one whose path is most like the target's counts.
    """
    if isinstance(captures, ProbeFinding):
        return captures
    same_time = [each for each in captures if in_same_second(each.captured_at, target.captured_at)]
    alike = [(names_in_common(each.filename, target.shard_uri), each) for each in same_time]
    most, found = max(alike, key=lambda pair: pair[0], default=(0, None))
    if found is None or not most:
        return ProbeFinding(UNLISTED, "the index has no capture of the page in this file at this time")
    return ProbeFinding(LISTED, record=RecordFacts(record_offset=found.offset, record_length=found.length))
