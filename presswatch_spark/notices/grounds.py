"""What a notice rests on: claims, each place of their bytes, and when each was last read.

Claims come from a case of removal, from tables with claims, or from a sealed bag of evidence.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from presswatch_spark.claims.selection import Choice, RecordReading, claims_of, newest_reading
from presswatch_spark.errors import InputError, PresswatchError
from presswatch_spark.notices.sealed import SealedClaims, SealedOnce, is_bag
from presswatch_spark.pointers.pointer import Mirror, mirrored
from presswatch_spark.removal.case import MARKER, RemovalCase, digest_of
from presswatch_spark.removal.standing import CaseStatus
from presswatch_spark.removal.targets import targets_of
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore

Row = dict[str, Any]

_PLACE = ("run_id", "shard_uri", "record_offset", "row_index", "record_id", "article_id", "text_sha256")
MATCH_COLUMNS = ("row_sha256", "article_url", "article_published_at", "headline", "captured_at", *_PLACE)
UNREAD = "read by no scan"
UNSEALED = "not as their rows say in the bag"


@dataclass(frozen=True, slots=True)
class NoticePlace:
    """Where bytes of a claim lie.

    `target`: as in the table `targets`, with its digest. `match`: columns of its own row of `matches`.
    `claim`: the claim of that row; None if there is none. `readings`: the times and files at which it was
    read again, in the case or for the bag. `file`: the public address of its file.
    """

    target: Row
    match: Row
    claim: Row | None
    readings: tuple[RecordReading, ...]
    file: str

    @property
    def reading(self) -> RecordReading | None:
        """Return the reading that a letter may state; None if the record was not read again."""
        return newest_reading(self.readings, self.file)

    @property
    def is_doubtful(self) -> bool:
        """Return whether its own claim would not carry a notice, though the claim it belongs to might."""
        claim = self.claim
        if claim is None or claim["confidence"] == "D" or claim["kind"] == "licensed":
            return True
        is_unread = claim["confidence"] == "C" and claim["review"] != "claim"
        return bool(claim["review"] == "no_claim" or is_unread)


@dataclass(frozen=True, slots=True)
class Grounds:
    """Claims for a notice.

    Args:
        source: `case`, `tables` or `bag`. `where`: its folder; `tables` and `claims_at`: those of runs and
            claims.
        places: each place once, in the order of files and records.
        left_out: why places are left out, and how many: `removed`, `read by no scan`, `without copied words`,
            `doubtful`, `not as their rows say in the bag`; and how many claims are `licensed`.
        has_licences: whether the claims were made with a file of licences.
        seal: `bag_root`, `claims_root` and `sealed_at` of a bag; empty without one.
    """

    source: str
    where: str
    tables: str
    claims_at: str
    places: tuple[NoticePlace, ...]
    left_out: Mapping[str, int]
    has_licences: bool
    seal: Mapping[str, str] = field(default_factory=dict)


def grounds_of(
    path: str,
    choice: Choice,
    storage: StorageOptions,
    *,
    claims: str | None = None,
    mirrors: Sequence[Mirror] = (),
    bag: SealedOnce | None = None,
) -> Grounds:
    """Return what a notice rests on, by a case of removal, by tables, or by a sealed bag.

    Args:
        path: a case, the tables of a scan, or a bag.
        claims: the folder of the claims; default: that of the case, or `path`.
        mirrors: where files that were scanned from a copy are public.
        bag: the bag at `path`, where others ask it too: that reads and verifies all of it.

    Raises:
        InputError: nothing is left to ask for, or the claims do not fit the tables.
        OutputError: `path` is none of them, or a bag that does not verify; `BrokenCaseError` if the case has
            changed.
    """
    entries = set(Folder.of(path, storage).entries())
    if MARKER in entries:
        return _of_case(RemovalCase.open(path, storage), choice, storage, claims, mirrors)
    if is_bag(entries):
        return _of_bag(bag or SealedOnce(path, storage), choice, claims, mirrors)
    return _of_tables(path, choice, storage, claims, mirrors)


def _of_case(
    case: RemovalCase, choice: Choice, storage: StorageOptions, claims: str | None, mirrors: Sequence[Mirror]
) -> Grounds:
    standing = CaseStatus.of(case)
    store = TableStore.open(str(case.about["tables"]), storage)
    judged = TableStore.open(claims or str(case.about["claims"]), storage)
    rows = {target["row_sha256"] for target in standing.targets}
    chosen = choice.among(rows, _letters(claims_of(judged, rows) if choice.confidences else {}), "case")
    wanted = [target for target in standing.targets if target["row_sha256"] in chosen]
    removed = [each for each in wanted if standing.states[each["target_sha256"]].removed]
    left = [each for each in wanted if not standing.states[each["target_sha256"]].removed]
    scanned = _scanned(left)
    places = _places(scanned, store, judged, standing.course.readings, mirrors)
    counts = {"removed": len(removed), UNREAD: len(left) - len(scanned)}
    return _grounds("case", str(case.folder), store, judged, places, counts)


def _of_tables(
    path: str, choice: Choice, storage: StorageOptions, claims: str | None, mirrors: Sequence[Mirror]
) -> Grounds:
    store, judged = TableStore.open(path, storage), TableStore.open(claims or path, storage)
    chosen = targets_of(store, judged, choice)
    scanned = _scanned(chosen.targets)
    places = _places(scanned, store, judged, {}, mirrors)
    counts = {"licensed": chosen.licensed, UNREAD: len(chosen.targets) - len(scanned)}
    return _grounds("tables", str(store.root), store, judged, places, counts)


def _of_bag(bag: SealedOnce, choice: Choice, claims: str | None, mirrors: Sequence[Mirror]) -> Grounds:
    """Return the records of a bag's claims. Other places of the same pages are not in it."""
    sealed = bag.claims()
    known = claims_known(bag, claims, sealed.rows.keys())
    chosen = choice.among(sealed.rows.keys(), _letters(known), "bag")
    wanted = [row for row in sealed.rows if row in chosen]
    read = [row for row in wanted if row not in sealed.unread]
    places = [_sealed_place(sealed, row, known.get(row), mirrors) for row in read]
    sure = [place for place in places if choice or not place.is_doubtful]
    counts = {UNSEALED: len(wanted) - len(read), "doubtful": len(places) - len(sure)}
    where = str(Folder.of(bag.path, bag.storage))
    left = _left(where, sorted(sure, key=_order), counts)
    storage = bag.storage
    had = knows_licences(lambda: inputs_at(claims, storage) if claims else sealed.inputs)
    return Grounds("bag", where, where, claims or where, *left, had, sealed.seal)


def _sealed_place(
    sealed: SealedClaims, row: str, claim: Row | None, mirrors: Sequence[Mirror]
) -> NoticePlace:
    """Return the place of a row of a bag."""
    # Rows of bags of earlier versions have no headline.
    match: Row = {name: sealed.rows[row].get(name) for name in MATCH_COLUMNS}
    file = mirrored(match["shard_uri"], mirrors)
    return NoticePlace(sealed.targets[row], match, claim, sealed.read_again.get(row, ()), file)


def _scanned(targets: Sequence[Row]) -> list[Row]:
    """Return the targets that a scan has read: of the others nobody knows which words they hold."""
    return [target for target in targets if target["copied_words"] is not None]


def _grounds(
    source: str,
    where: str,
    store: TableStore,
    judged: TableStore,
    places: Sequence[NoticePlace],
    left: Mapping[str, int],
) -> Grounds:
    had = knows_licences(lambda: _inputs(judged))
    return Grounds(source, where, str(store.root), str(judged.root), *_left(where, places, left), had)


def knows_licences(inputs: Callable[[], Mapping[str, Any]]) -> bool:
    """Whether claims were made with a file of licences, by their inputs; no, if these cannot be read."""
    try:
        return inputs()["licences_digest"] is not None
    except (PresswatchError, ValueError, LookupError, TypeError):
        return False


def inputs_at(claims: str, storage: StorageOptions) -> Mapping[str, Any]:
    """Return what the newest table of claims in a folder was made with."""
    return _inputs(TableStore.open(claims, storage))


def _inputs(judged: TableStore) -> Mapping[str, Any]:
    newest_run = judged.made("claims")[-1]
    (inputs,) = [row["inputs"] for row in judged.rows("derivations") if row["run_id"] == newest_run]
    return dict(parse_json(inputs))


def _left(
    where: str, places: Sequence[NoticePlace], left: Mapping[str, int]
) -> tuple[tuple[NoticePlace, ...], dict[str, int]]:
    """Return the places that a letter may name, and how many are left out, by reason."""
    # Letters say that records hold words of articles: a page that is known by its URL alone need not.
    worded = [place for place in places if place.target["copied_words"]]
    kept = tuple(place for place in worded if place.target["place"] == "record" or not place.is_doubtful)
    if not kept:
        raise InputError(
            "no place is left to ask for",
            where=where,
            remedy="see `presswatch removal status`, or choose other claims",
        )
    doubtful = left.get("doubtful", 0) + len(worded) - len(kept)
    counts = {**left, "without copied words": len(places) - len(worded), "doubtful": doubtful}
    return kept, {name: count for name, count in counts.items() if count}


def _letters(claims: Mapping[str, Row]) -> dict[str, str]:
    return {row: str(claim["confidence"]) for row, claim in claims.items()}


def _places(
    targets: Sequence[Row],
    store: TableStore,
    judged: TableStore,
    readings: Mapping[str, tuple[RecordReading, ...]],
    mirrors: Sequence[Mirror],
) -> list[NoticePlace]:
    """Return places, each once: two claims may share one."""
    matches = _matches_of(store, {target["text_sha256"] for target in targets})
    found = {each["row_sha256"]: each for target in targets if (each := matches.get(_key(target)))}
    claims = claims_of(judged, found.keys())
    if lost := [target for target in targets if _key(target) not in matches]:
        raise InputError(
            f"places rest on rows that are not in these tables, such as {lost[0]['row_sha256']}",
            where=str(store.root),
            remedy="name the tables that the claims were made of",
        )
    places = dict[str, NoticePlace]()
    # A place that is a claim's own record says more than the same one beside another claim.
    for target in sorted(targets, key=lambda each: each["place"] != "record"):
        match = matches[_key(target)]
        digest = str(target.get("target_sha256") or digest_of(target))
        whole = {**target, "target_sha256": digest}
        file = mirrored(target["shard_uri"], mirrors)
        place = NoticePlace(whole, match, claims.get(match["row_sha256"]), readings.get(digest, ()), file)
        places.setdefault(match["row_sha256"], place)
    return sorted(places.values(), key=_order)


def _order(place: NoticePlace) -> tuple[Any, ...]:
    target = place.target
    numbers = (-1 if target[name] is None else target[name] for name in ("record_offset", "row_index"))
    return place.file, *numbers, place.match["row_sha256"]


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _PLACE)


def _matches_of(store: TableStore, texts: Collection[str]) -> dict[tuple[Any, ...], Row]:
    table = store.open_table("matches")
    wanted = pc.field("text_sha256").isin(sorted(texts))
    rows = table.to_table(columns=list(MATCH_COLUMNS), filter=wanted).to_pylist()
    return {_key(row): row for row in rows}


def claims_known(bag: SealedOnce, claims: str | None, rows: Collection[str]) -> dict[str, Row]:
    """Return the claims of rows, of a folder of claims, or of the bag itself if that is their folder."""
    if claims is not None and claims != bag.path:
        return claims_of(TableStore.open(claims, bag.storage), rows)
    known = bag.claims().claims
    return {row: dict(known[row]) for row in rows if row in known}
