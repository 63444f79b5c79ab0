"""What refuses a notice for its rows: claims, verdicts, licences, mandates, and when they were last read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow.compute as pc

from presswatch_spark.claims.mandates import mandate_of
from presswatch_spark.claims.selection import PLACE, RecordReading
from presswatch_spark.judgement.match_rows import Row
from presswatch_spark.notices.annex import annex_of
from presswatch_spark.notices.grounds import Grounds, NoticePlace
from presswatch_spark.notices.parties import Sender
from presswatch_spark.notices.refusals import BrokenRule, of_rows
from presswatch_spark.notices.sealed import SealedOnce
from presswatch_spark.notices.wording import sentence
from presswatch_spark.pointers.audit import Audit
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.storage.uris import printable, scheme_of
from presswatch_spark.tables.store import TableStore

CLOCK_MINUTES = 10
"""Clocks of two machines may differ by so much."""
About = Mapping[str, Any]
Claim = Mapping[str, Any]
Claims = Mapping[str, Claim | None]


def broken_by_claims(claims: Claims) -> Iterator[BrokenRule]:
    """Yield what the claims of the rows break, as they are today.

    Args:
        claims: by `row_sha256`; None for a row that has none.
    """
    yield from of_rows("no_claim", (row for row, claim in claims.items() if claim is None))
    known = {row: claim for row, claim in claims.items() if claim is not None}
    for rule, is_broken in BY_CLAIM.items():
        yield from of_rows(rule, (row for row, claim in known.items() if is_broken(claim)))


def _has_verdict_against(claim: Claim) -> bool:
    is_unsure = claim["confidence"] == "C" and claim["review"] == "unsure"
    return bool(claim["review"] == "no_claim" or is_unsure)


BY_CLAIM: Mapping[str, Callable[[Claim], bool]] = {
    "d_row": lambda claim: bool(claim["confidence"] == "D"),
    "c_row_without_verdict": lambda claim: (claim["confidence"], claim["review"]) == ("C", None),
    "verdict_against": _has_verdict_against,
    "licensed_host": lambda claim: claim["kind"] == "licensed" or claim["licence_id"] is not None,
}
"""Rules that a claim can break by itself."""


def broken_by_mandates(claims: Claims, sender: Mapping[str, Any]) -> Iterator[BrokenRule]:
    """Yield what the mandates of the sender break. An owner needs none for its own articles.

    Args:
        sender: as in notice.json.
    """
    documents = {each["id"]: each["mandate_document"] for each in sender["publishers"]}
    known = {row: claim for row, claim in claims.items() if claim is not None}
    ours = {row: claim for row, claim in known.items() if claim["publisher_id"] in documents}
    strange = sentence("the publisher is none of the sender's")
    yield from of_rows("outside_mandate", known.keys() - ours.keys(), strange)
    if sender["acts_as"] == "owner":
        return
    bare = [row for row, claim in ours.items() if documents[claim["publisher_id"]] is None]
    undocumented = sentence("the members file names no document of the mandate")
    yield from of_rows("outside_mandate", bare, undocumented)


def broken_by_mandates_on(places: Sequence[NoticePlace], sender: Sender, day: date) -> Iterator[BrokenRule]:
    """Yield the rows of publishers whose mandate is not in force on a day of acting, by the members file.

    What claims say of mandates is of the day that they were made for, and does not count.
    """
    if sender.is_owner:
        return
    mandates = {id: mandate_of(publisher, day) for id, publisher in sender.by_id.items()}
    late = [
        place.match["row_sha256"]
        for place in places
        if mandates.get(place.target["publisher_id"], "in_force") != "in_force"
    ]
    yield from of_rows("outside_mandate", late, sentence("the mandate is not in force on {day}", day=day))


def broken_by_age(
    places: Sequence[NoticePlace], read: Mapping[str, datetime], now: datetime, days: int, location: bool
) -> Iterator[BrokenRule]:
    """Yield the rows that were not read again within so many days.

    Args:
        read: when rows were read again for this notice, in the files that it names, by `row_sha256`.
        location: whether the law requires the location of a row: then readings of copies do not count.
    """
    first, last = now - timedelta(days=days), now + timedelta(minutes=CLOCK_MINUTES)
    old, copied = list[NoticePlace](), list[NoticePlace]()
    for place in places:
        again = read.get(place.match["row_sha256"])
        readings = (*place.readings, *([RecordReading(again, printable(place.file))] if again else ()))
        # A time in the future is that of a wrong clock, and counts for nothing.
        recent = [reading for reading in readings if first <= reading.at <= last]
        if not recent:
            old.append(place)
        elif location and not any(reading.source(place.file) == PLACE for reading in recent):
            copied.append(place)
    remedy = sentence("within {days} days; run `removal probe`, or add --read-again", days=days)
    yield from of_rows("not_read_again", _names(old), remedy)
    remedy = sentence("read the files that the notice names: `removal probe --mirror`, or add --read-again")
    yield from of_rows("read_from_a_copy", _names(copied), remedy)


def broken_by_files(places: Sequence[NoticePlace]) -> Iterator[BrokenRule]:
    """Yield the rows whose files no recipient can find."""
    local = [place for place in places if scheme_of(place.file) == "file"]
    yield from of_rows("file_on_a_disk", _names(local), sentence("draft it again with --mirror FROM=TO"))


def broken_by_query(
    grounds: Grounds, places: Sequence[NoticePlace], about: About, sender: Sender, own_domains: bool
) -> Iterator[BrokenRule]:
    """Yield how what is asked of claims and tables today differs from what the notice names."""
    now = annex_of(places, sender, about["recipient"]["columns"], own_domains).digests()
    for name, digest in about["annex"]["digests"].items():
        if now.get(name) != digest:
            given = sentence("{place} gives {digest}", place=grounds.where, digest=now.get(name))
            yield BrokenRule("query_differs", name, given)


def _names(places: Iterable[NoticePlace]) -> list[str]:
    return [place.match["row_sha256"] for place in places]


def read_again(
    grounds: Grounds, places: Sequence[NoticePlace], mirrors: Sequence[Mirror], bag: SealedOnce
) -> list[str]:
    """Return the `row_sha256` of the places whose documents are still what their rows say, in order.

    Args:
        bag: the bag that the notice rests on, if it rests on one, as it was read and verified.
    """
    storage = bag.storage
    if grounds.source == "bag":
        sealed = bag.claims()
        rows_of_bag = [sealed.rows[place.match["row_sha256"]] for place in places]
        audit = Audit(None, storage, mirrors, readings=sealed.readings)
        return _as_their_rows_say(audit, rows_of_bag)
    store = TableStore.open(grounds.tables, storage)
    wanted = {(place.target["run_id"], place.match["row_sha256"]) for place in places}
    names = sorted({row for _, row in wanted})
    table = store.open_table("matches").to_table(filter=pc.field("row_sha256").isin(names))
    rows = [row for row in table.to_pylist() if (row["run_id"], row["row_sha256"]) in wanted]
    return _as_their_rows_say(Audit(store, storage, mirrors), rows)


def _as_their_rows_say(audit: Audit, rows: Sequence[Row]) -> list[str]:
    verdicts = audit.verdicts(rows)
    return sorted({verdict.row["row_sha256"] for verdict in verdicts if verdict.failure is None})
