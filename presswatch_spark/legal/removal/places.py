"""Places of claims: the records whose bytes must be removed; a case has a `Target` for each place.

The places of a claim are rows of `matches`: its own record, other records of the same capture, and the same
page in other releases and datasets. A WET record also has the WARC record that it was made from. The name of
the WET file gives the WARC file, and an index gives the offset. Until then, the place is *unresolved*: it is
neither probed nor removed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims import selection
from presswatch_spark.claims.selection import Choice
from presswatch_spark.core.errors import ConfigError, CorruptError, InputError
from presswatch_spark.core.terminal import utc
from presswatch_spark.core.times import in_same_second
from presswatch_spark.legal.removal import server_answers
from presswatch_spark.legal.removal.case import MARKER, RemovalCase, sealed, write_case
from presswatch_spark.legal.removal.server_answers import BLANK, finding, lookup_facts
from presswatch_spark.legal.removal.states import Outcome
from presswatch_spark.matching.judgement.urls import normalise_url
from presswatch_spark.query.pointers.audit import settings_of
from presswatch_spark.query.pointers.pointer import pointer_of
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.scanning.crawl_index.lookup import RELEASE, Index, IndexedCapture
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions, canonical, shown_uri
from presswatch_spark.storage.uris import names_in_common
from presswatch_spark.tables.column_values import TargetPlace
from presswatch_spark.tables.declarations import Match, Probe, Target
from presswatch_spark.tables.store import TableStore

OTHERS = ("shard_uri", "article_id", "text_sha256", "document_url", "record_id")
"""Columns that a case keeps of documents that are no targets but have a target's article, in its file."""
_OF_CLAIM = ("row_sha256", "publisher_id", "title_id", "article_id", "article_sha256")
_OF_MATCH = [name for name in Target.columns if name in Match.columns]
_OF_CAPTURE = ("article_id", "shard_uri", "document_url", "captured_at")
_ONLY_A_SCAN_GIVES = dict.fromkeys(
    ("record_id", "record_offset", "record_length", "record_encoding", "row_index", "payload_digest",
     "text_sha256", "copied_words")
)  # fmt: skip
Row = Mapping[str, Any]
"""Some columns of a row of `matches`."""
ScannedShards = Mapping[str, tuple[str | None, int | None]]
"""ETag and size of each shard, as the newest scan read it."""


@dataclass(frozen=True, slots=True)
class ChosenTargets:
    """The targets of the chosen claims. `claims`: number of claims; `licensed`: number left out as licensed.

    `others`: documents of the same files with the same articles that are no targets; see `OTHERS`.
    """

    claims: int
    licensed: int
    targets: list[Target]
    others: list[dict[str, Any]]


def targets_of(tables: TableStore, claims: TableStore, choice: Choice) -> ChosenTargets:
    """Return the targets of the chosen claims; `InputError` if there are none."""
    wanted, licensed = selection.chosen_claims(claims, choice)
    matches = tables.open_table("matches")
    own = matches.to_table(
        columns=["document_url", "text_sha256"], filter=pc.field("row_sha256").isin(list(wanted))
    )
    urls = own["document_url"].unique().drop_null()
    alike = pc.field("text_sha256").isin(own["text_sha256"].unique()) | pc.field("document_url").isin(urls)
    found: list[Row] = matches.to_table(columns=_OF_MATCH, filter=alike).to_pylist()
    selection.require_rows(wanted.keys() - {row["row_sha256"] for row in found}, str(tables.root))

    log: pa.Table = tables.read("scan_log", columns=["shard_uri", "etag", "bytes_expected"])
    scanned = {row["shard_uri"]: (row["etag"], row["bytes_expected"]) for row in log.to_pylist()}
    of_places = (target_of(of, row, place, scanned) for of, row, place in _places(found, wanted.keys()))
    # The same text on the same page is found by both.
    targets = list({target.target_sha256: target for target in of_places}.values())
    # Add the WARC records of WET records: of pages with the same text, only the WET record is found above.
    known = {(each.row_sha256, each.shard_uri, each.document_url, each.captured_at) for each in targets}
    pages = pc.field("document_url").isin(list({each.document_url for each in targets}))
    of_pages = matches.to_table(columns=_OF_MATCH, filter=pages).to_pylist()
    recorded = {tuple(row[name] for name in _OF_CAPTURE): row for row in of_pages}
    for target in list(targets):
        source = known_formats.made_from(target.dataset, target.shard_uri)
        if source is None or not target.document_url or target.captured_at is None:
            continue
        dataset, uri = source
        capture = uri, target.document_url, target.captured_at
        if (target.row_sha256, *capture) not in known:
            known.add((target.row_sha256, *capture))
            row = recorded.get((target.article_id, *capture))
            at = {**_ONLY_A_SCAN_GIVES, "dataset": dataset, "shard_uri": uri} if row is None else row
            targets.append(target_of(target.as_dict(), target.as_dict() | at, "capture", scanned))
    chosen = set(selection.claims_of_targets(targets).values())

    # Documents that are no targets, but have their articles; those of a WET file are in its WARC file, too.
    articles = {target.article_id for target in targets if target.article_id is not None}
    files = {target.shard_uri for target in targets}
    asked = pc.field("article_id").isin(sorted(articles)) & pc.field("shard_uri").isin(sorted(files))
    rows = matches.to_table(columns=[*OTHERS, "dataset"], filter=asked).to_pylist()
    for row in list(rows):
        if source := known_formats.made_from(row["dataset"], row["shard_uri"]):
            rows.append({**row, "shard_uri": source[1], "text_sha256": None, "record_id": None})
    ours = {tuple(getattr(target, name) for name in OTHERS) for target in targets}
    pairs = {(target.shard_uri, target.article_id) for target in targets}
    beside = {tuple(row[name] for name in OTHERS) for row in rows} - ours
    others = [dict(zip(OTHERS, row, strict=True)) for row in sorted(beside, key=repr) if row[:2] in pairs]
    return ChosenTargets(len(chosen), licensed, targets, others)


def _places(rows: Sequence[Row], wanted: Collection[str]) -> Iterator[tuple[Row, Row, TargetPlace]]:
    by_text, by_page = dict[Any, list[Row]](), dict[Any, list[Row]]()
    for row in rows:
        by_text.setdefault((row["article_id"], row["text_sha256"]), []).append(row)
        if row["document_url"]:
            by_page.setdefault((row["article_id"], row["document_url"]), []).append(row)
    for row in rows:
        if row["row_sha256"] not in wanted:
            continue
        yield row, row, "record"
        alike = by_text[row["article_id"], row["text_sha256"]]
        for other in [*alike, *by_page.get((row["article_id"], row["document_url"]), ())]:
            # A record may have the words in several sources, such as its visible text and a script.
            if any(other[name] != row[name] for name in ("shard_uri", "record_offset", "row_index")):
                same_page = row["document_url"] and row["document_url"] == other["document_url"]
                same_time = row["captured_at"] and row["captured_at"] == other["captured_at"]
                yield row, other, "capture" if same_page and same_time else "release"


def target_of(of: Row, row: Row, place: TargetPlace, scanned: ScannedShards) -> Target:
    """Return the target of a claim at a place; `of`: the claim's own row of `matches`, `row`: the place's."""
    etag, size = scanned.get(row["shard_uri"], (None, None))
    columns: dict[str, Any] = {name: row.get(name) for name in _OF_MATCH}
    columns |= {name: of[name] for name in _OF_CLAIM}
    return sealed(Target(**columns, place=place, etag=etag, bytes=size, target_sha256=""))


# The place of a target in its file.


def is_unresolved(target: Target) -> bool:
    """Return whether the place of a target in its file is unknown."""
    return target.record_offset is None and target.row_index is None


def is_by_range(target: Target) -> bool:
    """Return whether a target can be read by a range request, without the bytes before it."""
    format = known_formats.find(target.dataset)
    return pointer_of(target, target.shard_uri).by_range and bool(format and format.read_part)


def read_options(case: RemovalCase, target: Target, storage: StorageOptions) -> ReadOptions:
    """Return the options with which the run of a target read its file."""
    reading = case.about["reading"].get(target.run_id, {})
    return ReadOptions(**reading, release=target.release, pdf=True, storage=storage)


def offset_of(record: Target | Probe) -> int:
    """Return the place of a record in its file: its row, or its offset."""
    return (record.record_offset if record.row_index is None else record.row_index) or 0


# Opening a case.


def open_case(
    tables: str,
    out: str,
    choice: Choice,
    *,
    claims: str | None = None,
    noticed_at: date | None = None,
    storage: StorageOptions | None = None,
) -> tuple[RemovalCase, ChosenTargets]:
    """Open a case for claims in a new folder, and return it with its targets; no request is sent yet.

    Args:
        tables: the folder of the runs from which the claims were made.
        claims: the folder of the claims; default: `tables`.
        noticed_at: the day of the notice; default: today, in UTC.

    Raises:
        InputError: there are no such claims.
        OutputError: `out` is not empty, or a table differs from its published form.
    """
    storage = storage or StorageOptions()
    with new_folder(out, storage, MARKER) as draft:
        store, judged = TableStore.open(tables, storage), TableStore.open(claims or tables, storage)
        chosen = targets_of(store, judged, choice)
        runs = sorted({target.run_id for target in chosen.targets})
        about = {
            "tables": str(store.root),
            "claims": str(judged.root),
            "claims_run": judged.made("claims")[-1],
            "confidences": [] if choice.rows else list(choice.confidences or selection.LETTERS),
            "noticed_at": (noticed_at or datetime.now(UTC).date()).isoformat(),
            "reading": {run_id: settings_of(store, run_id).reading for run_id in runs},
            "others": chosen.others,
        }
        write_case(draft, chosen.targets, about)
    return RemovalCase.open(out, storage), chosen


# Later captures of a page, and other files with the same capture: moving a record does not remove it.


def recaptures(
    store: TableStore,
    case: RemovalCase,
    targets: Sequence[Target],
    known: Collection[tuple[str | None, str]],
) -> list[Probe]:
    """Return a probe for each target whose article is in a later capture of its URL, or in another file.

    URLs are compared in normal form. For a target without an article, any row of its title at the URL counts.
    A capture is later if its day is after that of the notice. Files are different if their names are,
    whatever their folders. `known`: target and `request` of the probes that the case already has.
    """
    by_url = dict[str, list[Target]]()
    for target in sorted(targets, key=lambda target: not target.article_id):
        if url := normalise_url(target.document_url or ""):
            by_url.setdefault(url, []).append(target)
    opened_at = datetime.fromisoformat(case.about["opened_at"])
    runs = [row["run_id"] for row in store.rows("runs") if utc(row["finished_at"]) > opened_at]
    if not runs or not by_url:
        return []
    articles = pa.array({target.article_id for target in targets if target.article_id}, pa.string())
    titles = pa.array({target.title_id for target in targets if not target.article_id}, pa.string())
    is_asked = pc.field("article_id").isin(articles) | pc.field("title_id").isin(titles)
    table = store.open_table("matches", *runs).to_table(filter=is_asked & pc.field("document_url").is_valid())

    probes = list[Probe]()
    for row in sorted(Match.from_batches(table), key=lambda row: (row.run_id, row.row_sha256)):
        url, at = normalise_url(row.document_url or "") or "", row.captured_at and utc(row.captured_at)
        is_later = at is not None and at.date() > case.noticed_on
        detail = f"run {row.run_id}" + (f", captured {at:%Y-%m-%dT%H:%M:%SZ}" if at else "")
        found = finding("recaptured" if is_later else "elsewhere", detail, server_answers.row_facts(row))
        facts = lookup_facts(f"READ matches {row.row_sha256}", answered_by=shown_uri(row.shard_uri))
        for target in by_url.get(url, ()):
            is_of_claim = row.title_id == target.title_id
            if target.article_id:
                is_of_claim = row.article_id == target.article_id
            is_of_release = (row.dataset, row.release) == (target.dataset, target.release)
            is_of_file = row.shard_uri.rpartition("/")[2] == target.shard_uri.rpartition("/")[2]
            is_same = (row.captured_at, row.text_sha256) == (target.captured_at, target.text_sha256)
            if row.captured_at is not None and target.captured_at is not None:
                is_same = utc(row.captured_at) == utc(target.captured_at)
            is_elsewhere = is_of_release and is_same and not is_of_file
            is_new = (target.target_sha256, facts.request) not in known
            if is_of_claim and (is_later or is_elsewhere) and is_new:
                probes.append(server_answers.probe_of("recapture", facts, found, target))
    return probes


# An index of captures (`--index`) shows whether a capture is listed, and the place of its record in its file.


IndexedPage = tuple[str, str]
"""Release and URL of a page; the release is empty if unknown."""
Captures = Sequence[IndexedCapture] | Probe
"""The captures of a page, or the reason why an index gave none."""
PageAnswer = tuple[Probe, Captures]
"""The answer of an index about a page: the facts of the request, and its captures."""


def index_at(endpoint: str, storage: StorageOptions) -> Index:
    """Return the index at an address, which may contain `{release}`; `ConfigError` if it is not valid."""
    index = Index(endpoint, storage)
    try:
        canonical(endpoint.replace(RELEASE, "release"))
        is_index = index.is_files or (index.is_server and "?" not in endpoint and "#" not in endpoint)
    except InputError:
        is_index = False
    if not is_index:
        raise ConfigError(
            "this is not the address of an index",
            where=shown_uri(endpoint),
            remedy="write https://HOST/PATH, or name index files: a cluster.idx, or files below "
            "cc-index/table/; {release} is replaced by the release",
        )
    return index


def look_up(index: Index, pages: Iterable[IndexedPage]) -> dict[IndexedPage, PageAnswer]:
    """Return the answers of an index about pages; `BlockedError` if its site refuses more requests."""
    by_release, found = dict[str, list[str]](), dict[IndexedPage, PageAnswer]()
    for release, url in pages:
        by_release.setdefault(release, []).append(url)
    for release, urls in by_release.items():
        for url, answer in index.answers(urls, release):
            facts = lookup_facts(answer.request, file_uri=shown_uri(answer.uri))
            if answer.response is not None:
                facts = server_answers.response_facts(answer.response, answer.request, answer.uri)
            captures: Captures = answer.captures
            if answer.error is not None:
                outcome: Outcome = "limited" if facts.status == 429 else "refused"
                if isinstance(answer.error, CorruptError):
                    outcome = "strange"
                elif facts.status is None or (answer.response and answer.response.failure):
                    outcome = "failed"
                captures = finding(outcome, answer.error.what)
            elif not (answer.captures or answer.is_sure):
                unsure = (
                    "the index has nothing under this key, and may have written the page's URL in another way"
                )
                captures = finding("strange", unsure)
            found[release, url] = facts, captures
    return found


def listed_among(captures: Captures, captured_at: datetime | None) -> Probe:
    """Return `listed` if a capture is among those of its URL; without a time, any capture counts."""
    if isinstance(captures, Probe):
        return captures
    if not captures:
        return finding("unlisted", "the index has no capture of the URL")
    if captured_at is None or any(in_same_second(each.captured_at, captured_at) for each in captures):
        return finding("listed")
    return finding("unlisted", f"the index has {len(captures):,} other captures of the URL")


def place_among(captures: Captures, target: Target) -> Probe:
    """Return offset and length of the record of a target's capture, as a finding.

    A crawl has files of the same name in several folders: take the one with the path most like the target's.
    """
    if isinstance(captures, Probe):
        return captures
    same_time = [each for each in captures if in_same_second(each.captured_at, target.captured_at)]
    alike = [(names_in_common(each.filename, target.shard_uri), each) for each in same_time]
    most, found = max(alike, key=lambda pair: pair[0], default=(0, None))
    if found is None or not most:
        return finding("unlisted", "the index has no capture of the page in this file at this time")
    at = BLANK.with_columns(record_offset=found.offset, record_length=found.length)
    return finding("listed", record=at)
