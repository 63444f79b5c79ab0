"""Findings of an index of captures: whether it lists a capture, and where in its file the record is.

`--index` names a server of the CDX API, which answers `?url=…&output=json` with a line of JSON for each
capture, or files of an index: a `cluster.idx`, or those of the columnar index.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from presswatch_spark.ccindex.clusters import CLUSTER, look_up_in_clusters
from presswatch_spark.ccindex.keys import key_of
from presswatch_spark.ccindex.lookup import IndexAnswer, IndexedCapture, look_up_in_files
from presswatch_spark.errors import ConfigError, CorruptError, InputError, PresswatchError
from presswatch_spark.removal.responses import ProbeFinding, RecordFacts, ResponseFacts, probe_of
from presswatch_spark.removal.states import FAILED, LIMITED, LISTED, PLACE, REFUSED, STRANGE, UNLISTED
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.http import unpacked_body
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import RawResponse, StorageOptions, ask, canonical, printable
from presswatch_spark.storage.threads import AskingThreads
from presswatch_spark.storage.uris import names_in_common, scheme_of
from presswatch_spark.tables.declarations import Probe, Target

ANSWER_BYTES = 4 << 20
ASKED_AT_ONCE = 8
TABLE, LISTS = "cc-index/table/", (".parquet", ".paths", ".paths.gz")
UNSURE = "the index has nothing under this key, and may have written the page's URL in another way"
_MOMENT, _NUMBER = "%Y%m%d%H%M%S", re.compile("[0-9]{1,17}")

IndexedPage = tuple[str, str]
"""Release and URL of a page; the release is empty if it is not known."""


@dataclass(frozen=True, slots=True)
class ListedCapture:
    """A capture of a page as an index lists it: time (14 digits), and file, offset and length if known."""

    timestamp: str
    filename: str
    offset: str
    length: str


Captures = Sequence[ListedCapture] | ProbeFinding
"""The captures of a page, or why an index gave none."""


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What index files have of a page."""

    facts: ResponseFacts
    captures: Captures


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


def is_files(endpoint: str) -> bool:
    """Return whether an address is that of index files, and not of a server."""
    return endpoint.endswith((f"/{CLUSTER}", *LISTS)) or TABLE in endpoint


# Findings.


def listed(answer: RawResponse, captured_at: datetime | None) -> ProbeFinding:
    """Return whether a server's answer lists a capture, or any if its time is not known."""
    return listed_among(captures_in(answer), captured_at)


def listed_among(captures: Captures, captured_at: datetime | None) -> ProbeFinding:
    """Return whether a capture is among those of a URL; the failure of the index if it gave none."""
    if isinstance(captures, ProbeFinding):
        return captures
    if not captures:
        return ProbeFinding(UNLISTED, "the index has no capture of the URL")
    wanted = captured_at and captured_at.strftime(_MOMENT)
    if any(wanted in (None, capture.timestamp) for capture in captures):
        return ProbeFinding(LISTED)
    return ProbeFinding(UNLISTED, f"the index has {len(captures):,} other captures of the URL")


def place_among(captures: Captures, target: Target) -> ProbeFinding:
    """Return where in its file a target's capture is: offset and length of its record.

    Files of one name are in several folders of a crawl: the one whose path is most like the target's counts.
    """
    if isinstance(captures, ProbeFinding):
        return captures
    wanted, found, most = target.captured_at and target.captured_at.strftime(_MOMENT), None, 0
    for capture in captures:
        alike = names_in_common(capture.filename, target.shard_uri)
        is_place = _NUMBER.fullmatch(capture.offset) and _NUMBER.fullmatch(capture.length)
        if capture.timestamp == wanted and alike > most and is_place:
            found, most = capture, alike
    if found is None:
        return ProbeFinding(UNLISTED, "the index has no capture of the page in this file at this time")
    place = RecordFacts(record_offset=int(found.offset), record_length=int(found.length))
    return ProbeFinding(LISTED, record=place)


# A server.


def query(endpoint: str, release: str | None, url: str) -> str:
    """Return the address that asks an index for the captures of a URL; `{release}` stands for the release."""
    return f"{endpoint.replace('{release}', release or '')}?url={quote(url, safe='')}&output=json"


def captures_in(answer: RawResponse) -> Captures:
    """Return the captures that a server lists, or why it gave none."""
    if answer.ours or answer.status is None or answer.failure:
        return ProbeFinding(FAILED, answer.failure)
    body = unpacked_body(answer, ANSWER_BYTES)
    text = body.decode("utf-8", "replace")
    if answer.status == 404 and _is_none(text):
        return ProbeFinding(UNLISTED, "the index has no capture of the URL")
    if answer.status == 429:
        return ProbeFinding(LIMITED)
    if answer.status not in (200, 206):
        return ProbeFinding(REFUSED, f"status {answer.status}")
    if len(body) >= ANSWER_BYTES:
        return ProbeFinding(STRANGE, "the answer is too long to be read whole")
    try:
        return list(_captures(text))
    except ValueError:
        return ProbeFinding(STRANGE, "the answer is no list of captures")


def _is_none(text: str) -> bool:
    """Return whether a 404 is the index's own: it reports that, and a missing page has other words."""
    try:
        said = parse_json(text)
    except ValueError:
        return text.startswith("No Captures found")
    message = said.get("message", said.get("error", "")) if isinstance(said, Mapping) else ""
    return str(message).startswith("No Captures found")


def _captures(text: str) -> Iterator[ListedCapture]:
    for line in filter(str.strip, text.splitlines()):
        capture: Any = parse_json(line)
        if not isinstance(capture, Mapping) or "timestamp" not in capture:
            raise ValueError
        place = (str(capture.get(name)) for name in ("filename", "offset", "length"))
        yield ListedCapture(str(capture["timestamp"]), *place)


# Files.


def look_up(
    endpoint: str, pages: Iterable[IndexedPage], storage: StorageOptions
) -> dict[IndexedPage, PageAnswer]:
    """Return what the index files at an address have of pages; `{release}` stands for the release.

    That it has no capture counts only if it is sure under which key it would be.

    Raises:
        BlockedError: the site is to be asked nothing more.
    """
    by_address, found = dict[str, dict[str, IndexedPage]](), dict[IndexedPage, PageAnswer]()
    for release, url in pages:
        by_address.setdefault(endpoint.replace("{release}", release), {})[url] = release, url
    for address, wanted in by_address.items():
        keys = {url: key for url in wanted if (key := key_of(url)) is not None}
        if address.endswith(CLUSTER):
            answers = look_up_in_clusters(address, keys, storage)
        else:
            answers = look_up_in_files(address, keys, storage)
        nothing = IndexAnswer(f"READ {printable(address)}", address)
        for url, page in wanted.items():
            is_sure = url in keys and keys[url].is_sure
            found[page] = _page_answer(answers.get(url, nothing), is_sure=is_sure)
    return found


def _page_answer(answer: IndexAnswer, *, is_sure: bool) -> PageAnswer:
    if answer.response is None:
        facts = ResponseFacts.unasked(answer.request, printable(answer.uri))
    else:
        facts = ResponseFacts.of(answer.response, answer.request, answer.uri)
    if answer.error is not None:
        return PageAnswer(facts, ProbeFinding(_outcome_of(answer.error, answer.response), answer.error.what))
    if not answer.captures and not is_sure:
        return PageAnswer(facts, ProbeFinding(STRANGE, UNSURE))
    return PageAnswer(facts, list(map(_listed, answer.captures)))


def _listed(capture: IndexedCapture) -> ListedCapture:
    at = capture.captured_at.strftime(_MOMENT) if capture.captured_at else ""
    return ListedCapture(at, capture.filename, str(capture.offset), str(capture.length))


def _outcome_of(error: PresswatchError, response: RawResponse | None) -> str:
    if isinstance(error, CorruptError):
        return STRANGE
    return FAILED if response is None or response.status is None else REFUSED


# Places that no scan has found.


def resolved(
    targets: Sequence[Target], endpoint: str, storage: StorageOptions
) -> tuple[list[Probe], dict[str, str]]:
    """Ask an index where unresolved targets are.

    Returns:
        A probe for each target, of role `place`; and why the index was left alone, if it was, by its address.
    """
    if is_files(endpoint):
        pages = {target: (target.release or "", target.document_url or "") for target in targets}
        try:
            answers = look_up(endpoint, sorted(set(pages.values())), storage)
        except BlockedError as error:
            return [], {endpoint: str(error)}
        found = ((target, answers[page]) for target, page in pages.items())
        return [
            probe_of(PLACE, each.facts, place_among(each.captures, target), target) for target, each in found
        ], {}
    of_page, blocked = dict[str, list[Target]](), dict[str, str]()
    for target in targets:
        of_page.setdefault(query(endpoint, target.release, target.document_url or ""), []).append(target)

    def one(address: str) -> list[Probe]:
        try:
            answer = ask(address, 0, ANSWER_BYTES, storage)
        except BlockedError as error:
            blocked[endpoint] = str(error)
            return []
        facts, captures = ResponseFacts.of(answer, f"GET {address}", address), captures_in(answer)
        return [probe_of(PLACE, facts, place_among(captures, target), target) for target in of_page[address]]

    with AskingThreads(ASKED_AT_ONCE, "index") as pool:
        return [probe for probes in pool.map(one, of_page) for probe in probes], blocked
