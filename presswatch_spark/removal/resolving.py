"""Places that no scan has found: the WARC record of the capture that a WET record was made of.

A WET file says by its name which WARC file it was made of, and not where in it a page's record begins. An
index of captures says that. Until it has, the place is unresolved: nobody can ask for it, so nobody can call
it removed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from presswatch_spark.formats import registry
from presswatch_spark.removal import states
from presswatch_spark.removal.answers import ProbeFinding, columns_of, probe_of
from presswatch_spark.removal.index import ANSWER_BYTES, Captures, captures_in, place_among, query
from presswatch_spark.removal.index_files import is_files, look_up
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.objects import StorageOptions, ask
from presswatch_spark.storage.threads import AskingThreads

Row = dict[str, Any]

ASKED_AT_ONCE = 8
_OF_NO_SCAN = (
    "record_id", "record_offset", "record_length", "record_encoding", "row_index", "payload_digest",
    "text_sha256", "copied_words", "etag", "bytes",
)  # fmt: skip
"""Columns of a target that only a scan of its place gives."""


def derived(targets: Sequence[Row]) -> Iterator[Row]:
    """Yield the targets that no scan has found: for records of WET, those of WARC of the same captures."""
    known = {_capture(target, target["shard_uri"]) for target in targets}
    for target in targets:
        format = registry.find(target["dataset"])
        source = format.made_from(target["shard_uri"]) if format else None
        if source is None or not target["document_url"] or target["captured_at"] is None:
            continue
        dataset, uri = source
        if _capture(target, uri) not in known:
            known.add(_capture(target, uri))
            where = {"place": "capture", "dataset": dataset, "shard_uri": uri}
            yield {**target, **dict.fromkeys(_OF_NO_SCAN), **where}


def in_source(row: Mapping[str, Any]) -> Row | None:
    """Return a row of a WET file as its WARC file has it: with the same URL; None of other files."""
    format = registry.find(row["dataset"])
    source = format.made_from(row["shard_uri"]) if format else None
    return source and {**row, "shard_uri": source[1], "text_sha256": None, "record_id": None}


def _capture(target: Row, uri: str) -> tuple[Any, ...]:
    return target["row_sha256"], uri, target["document_url"], target["captured_at"]


def is_unresolved(target: Mapping[str, Any]) -> bool:
    """Whether nobody knows where in its file a target is."""
    return target["record_offset"] is None and target["row_index"] is None


class ResolvedPlaces:
    """Where the targets are that no scan has found, and the first text that was read there, as probes say."""

    def __init__(self, targets: Sequence[Row]) -> None:
        self._lost = {target["target_sha256"] for target in targets if is_unresolved(target)}
        self._places, self._texts = dict[str, Row](), dict[str, str]()

    def learn(self, probes: Iterable[Mapping[str, Any]]) -> None:
        """Take probes into account, in their order."""
        for probe in probes if self._lost else ():
            if (digest := probe["target_sha256"]) not in self._lost:
                continue
            if probe["role"] == states.PLACE and probe["outcome"] == states.LISTED:
                place = {name: probe[name] for name in ("record_offset", "record_length")}
                self._places[digest] = {**place, "record_encoding": "gzip"}
            elif probe["role"] == "target" and probe["outcome"] == states.SAME:
                self._texts.setdefault(digest, probe["text_sha256"])

    def of(self, targets: Sequence[Row]) -> list[Row]:
        """Return targets with what is known of their places."""
        return [
            {**target, **self._places[digest], "text_sha256": self._texts.get(digest)}
            if (digest := target["target_sha256"]) in self._places
            else target
            for target in targets
        ]


def resolved(
    targets: Sequence[Row], endpoint: str, storage: StorageOptions
) -> tuple[list[Row], dict[str, str]]:
    """Ask an index where unresolved targets are.

    Returns:
        A probe for each target, of role `place`; and why the index was left alone, if it was, by its address.
    """
    if is_files(endpoint):
        return _resolved_in_files(list(filter(is_unresolved, targets)), endpoint, storage)
    of_page, blocked = dict[str, list[Row]](), dict[str, str]()
    for target in filter(is_unresolved, targets):
        of_page.setdefault(query(endpoint, target["release"], target["document_url"]), []).append(target)

    def one(address: str) -> list[Row]:
        try:
            answer = ask(address, 0, ANSWER_BYTES, storage)
        except BlockedError as error:
            blocked[endpoint] = str(error)
            return []
        about = columns_of(answer, f"GET {address}", address)
        captures = captures_in(answer)
        return [_probe(target, about, captures) for target in of_page[address]]

    with AskingThreads(ASKED_AT_ONCE, "index") as pool:
        return [row for rows in pool.map(one, of_page) for row in rows], blocked


def _resolved_in_files(
    targets: Sequence[Row], endpoint: str, storage: StorageOptions
) -> tuple[list[Row], dict[str, str]]:
    pages = {(target["release"] or "", target["document_url"]) for target in targets}
    try:
        said = look_up(endpoint, sorted(pages), storage)
    except BlockedError as error:
        return [], {endpoint: str(error)}
    found = ((target, said[target["release"] or "", target["document_url"]]) for target in targets)
    return [
        probe_of(states.PLACE, each.about, place_among(each.captures, target), target)
        for target, each in found
    ], {}


def _probe(target: Row, about: Row, captures: Captures | ProbeFinding) -> Row:
    return probe_of(states.PLACE, about, place_among(captures, target), target)
