"""Findings of an index of captures: whether it lists a capture, and where in its file the record is.

`--index` names a CDX server, or files of an index: a `cluster.idx`, or those of the columnar index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from presswatch_spark.core.errors import ConfigError, CorruptError, InputError
from presswatch_spark.legal.removal.responses import ProbeFinding, RecordFacts, ResponseFacts, in_same_second
from presswatch_spark.legal.removal.states import Outcome
from presswatch_spark.scanning.ccindex.lookup import RELEASE, Index, IndexedCapture
from presswatch_spark.storage.objects import StorageOptions, canonical, printable
from presswatch_spark.storage.uris import names_in_common
from presswatch_spark.tables.declarations import Target

IndexedPage = tuple[str, str]
"""Release and URL of a page; the release is empty if it is not known."""
Captures = Sequence[IndexedCapture] | ProbeFinding
"""The captures of a page, or why an index gave none."""


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """The answer of an index about a page."""

    facts: ResponseFacts
    captures: Captures


def index_at(endpoint: str, storage: StorageOptions) -> Index:
    """Return the index at an address, with `{release}` or not; `ConfigError` if none can be there."""
    index = Index(endpoint, storage)
    try:
        canonical(endpoint.replace(RELEASE, "release"))
        is_index = index.is_files or (index.is_server and "?" not in endpoint and "#" not in endpoint)
    except InputError:
        is_index = False
    if not is_index:
        raise ConfigError(
            "is not the address of an index",
            where=printable(endpoint),
            remedy="write https://HOST/PATH, or name index files: a cluster.idx, or what lies below"
            " cc-index/table/; {release} stands for the release",
        )
    return index


def look_up(index: Index, pages: Iterable[IndexedPage]) -> dict[IndexedPage, PageAnswer]:
    """Return the answers of an index about pages; `BlockedError` if its site is to be asked nothing more."""
    by_release, found = dict[str, list[str]](), dict[IndexedPage, PageAnswer]()
    for release, url in pages:
        by_release.setdefault(release, []).append(url)
    for release, urls in by_release.items():
        for url, answer in index.answers(urls, release):
            facts = ResponseFacts.unasked(answer.request, printable(answer.uri))
            if answer.response is not None:
                facts = ResponseFacts.of(answer.response, answer.request, answer.uri)
            captures: Captures = answer.captures
            if answer.error is not None:
                outcome: Outcome = "limited" if facts.status == 429 else "refused"
                if isinstance(answer.error, CorruptError):
                    outcome = "strange"
                elif facts.status is None or (answer.response and answer.response.failure):
                    outcome = "failed"
                captures = ProbeFinding(outcome, answer.error.what)
            elif not (answer.captures or answer.is_sure):
                unsure = (
                    "the index has nothing under this key, and may have written the page's URL in another way"
                )
                captures = ProbeFinding("strange", unsure)
            found[release, url] = PageAnswer(facts, captures)
    return found


def listed_among(captures: Captures, captured_at: datetime | None) -> ProbeFinding:
    """Return whether a capture is among those of a URL, or any if its time is not known."""
    if isinstance(captures, ProbeFinding):
        return captures
    if not captures:
        return ProbeFinding("unlisted", "the index has no capture of the URL")
    if captured_at is None or any(in_same_second(each.captured_at, captured_at) for each in captures):
        return ProbeFinding("listed")
    return ProbeFinding("unlisted", f"the index has {len(captures):,} other captures of the URL")


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
        return ProbeFinding("unlisted", "the index has no capture of the page in this file at this time")
    return ProbeFinding("listed", record=RecordFacts(record_offset=found.offset, record_length=found.length))
