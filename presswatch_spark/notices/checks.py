"""Checks a notice before anybody sends it: one broken rule refuses it, and all of them are named."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

from presswatch_spark.claims.selection import Choice, claims_of
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.errors import PresswatchError
from presswatch_spark.notices.annex import rows_of_jsonl
from presswatch_spark.notices.docx_letter import elements_in
from presswatch_spark.notices.draft import concerning, sender_facts, today
from presswatch_spark.notices.events import CHECKED, EDITED, READ, SIGNED, add_event, newest
from presswatch_spark.notices.folder import ANNEX, FORM, LETTER, Notice, fault_of
from presswatch_spark.notices.grounds import (
    Grounds,
    NoticePlace,
    claims_known,
    grounds_of,
    inputs_at,
    knows_licences,
)
from presswatch_spark.notices.laws import laws
from presswatch_spark.notices.outside_authors import outside_articles
from presswatch_spark.notices.parties import Recipient, Sender
from presswatch_spark.notices.published_checks import (
    broken_by_annex,
    broken_by_open_changes,
    broken_by_persons,
    broken_by_text,
)
from presswatch_spark.notices.refusals import BrokenRule
from presswatch_spark.notices.rights_doubts import doubts_of_rights, last_mandate_day
from presswatch_spark.notices.row_checks import (
    broken_by_age,
    broken_by_claims,
    broken_by_files,
    broken_by_mandates,
    broken_by_mandates_on,
    broken_by_query,
    read_again,
)
from presswatch_spark.notices.sealed import SealedOnce
from presswatch_spark.notices.wording import Sentence, sentence
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore

CHANGED = sentence("it has changed")
CHANGED_LETTER = sentence("it has changed; if you edited it, add --edited-by NAME")
DAYS = 30
"""How long ago a row may have been read."""


@dataclass(frozen=True, slots=True)
class Checking:
    """What a notice is checked with.

    `sender` and `recipient` are read anew. `days`: how long ago rows may have been read; `again`: read them
    now. `corpus`: has the articles, to look for their words. `edited_by`: who vouches for an edited letter.
    """

    sender: Sender
    recipient: Recipient
    days: int = DAYS
    again: bool = False
    corpus: Corpus | None = None
    edited_by: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What breaks rules, and what a person must verify besides."""

    refusals: tuple[BrokenRule, ...]
    doubts: tuple[Sentence, ...]

    @property
    def passes(self) -> bool:
        """Return whether nothing refuses the notice."""
        return not self.refusals


def check_notice(path: str, with_: Checking, storage: StorageOptions | None = None) -> Checked:
    """Check a notice; add an event if nothing refuses it.

    Raises:
        OutputError: there is no notice, or its events have changed.
        ConfigError: a library of the extra `legal` is missing.
    """
    storage = storage or StorageOptions()
    notice = Notice.open(path, storage)
    if fault := fault_of(notice.about):
        return Checked((BrokenRule("invalid_notice", "notice.json", fault),), ())
    if with_.edited_by:
        notice = _edited(notice, with_.edited_by, storage)
    files = notice.files()
    bag = SealedOnce(notice.about["query"]["where"], storage)
    refusals = [
        *broken_files(notice, files),
        *_broken_elements(notice, files),
        *broken_by_annex(files, notice.about["annex"]["digests"]),
        *broken_by_open_changes(files),
        *broken_by_persons(files, notice.about["sender"], notice.about["recipient"]),
        *_broken_rows(notice, files, with_, bag, places := list[NoticePlace]()),
        *_broken_signature(notice),
    ]
    if not refusals:
        known = Notice.open(path, storage)
        last = last_mandate_day(places, with_.sender)
        until = last and last.isoformat()
        add_event(known.folder, known.events, CHECKED, known.digest, days=with_.days, mandates_until=until)
    doubts = (
        *with_.recipient.doubts(),
        *_doubts_of_claims(notice.about, bag),
        *_doubts_of_letter(notice),
        *doubts_of_rights(places, with_.sender, date.fromisoformat(notice.about["drafted_on"])),
        *outside_articles(places, with_.corpus),
    )
    return Checked(tuple(refusals), doubts)


def _doubts_of_letter(notice: Notice) -> Iterator[Sentence]:
    """Yield that files beside an edited letter have what was drafted: nobody may send one of each."""
    if newest(notice.events, EDITED):
        yield sentence(
            "verify before you send: letter.docx was edited; letter.pdf and form.txt are still those of the"
            " draft"
        )


def _doubts_of_claims(about: Mapping[str, Any], bag: SealedOnce) -> Iterator[Sentence]:
    """Yield that nobody looked for licences, if the claims were made without a file of them."""
    query = about["query"]
    of_bag = query["source"] == "bag" and query["claims"] == query["where"]
    has_licences = knows_licences(
        lambda: bag.claims().inputs if of_bag else inputs_at(query["claims"], bag.storage)
    )
    if not has_licences:
        yield sentence(
            "verify before you send: the claims were made without --licences, so no licence is known"
        )
    if of_bag:
        since = query["seal"]["sealed_at"]
        yield sentence(
            "verify before you send: claims, verdicts and licences are those of the bag, sealed {moment}",
            moment=since,
        )


def broken_files(notice: Notice, files: Mapping[str, bytes]) -> Iterator[BrokenRule]:
    """Yield the files that are not as they were drafted, but for a letter that a person vouches for."""
    edited = newest(notice.events, EDITED)
    expected = {**notice.sums, **({LETTER: str(edited.facts["letter"])} if edited else {})}
    for name in sorted(expected.keys() - files.keys()):
        yield BrokenRule("changed_file", name, sentence("it is missing"))
    for name in sorted(files.keys() - expected.keys()):
        yield BrokenRule("changed_file", name, sentence("it was added"))
    for name in sorted(files.keys() & expected.keys()):
        if sha256(files[name]).hexdigest() != expected[name]:
            yield BrokenRule("changed_file", name, CHANGED_LETTER if name == LETTER else CHANGED)
    if not notice.events or notice.events[0].sums != notice.digest:
        yield BrokenRule("changed_file", "SHA256SUMS", sentence("it is not the one that was drafted"))


def _edited(notice: Notice, by: str, storage: StorageOptions) -> Notice:
    """Note that a person vouches for the letter as it is now, if it is another than before."""
    letter = sha256(notice.folder.read(LETTER)[0]).hexdigest()
    before = newest(notice.events, EDITED)
    if letter == (before.facts["letter"] if before else notice.sums.get(LETTER)):
        return notice
    add_event(notice.folder, notice.events, EDITED, notice.digest, by=by, letter=letter)
    return Notice.open(str(notice.folder.uri), storage)


def _broken_elements(notice: Notice, files: Mapping[str, bytes]) -> Iterator[BrokenRule]:
    """Yield the elements that are missing: in what the notice says, in its letter, or in its form."""
    law, said = laws()[notice.about["law"]], notice.about["elements"]
    try:
        in_letter = elements_in(files.get(LETTER, b""))
    except ValueError:
        in_letter = {}
    form = " ".join(files.get(FORM, b"").decode("utf-8", "replace").split())
    drafted = (element.name for element in law.elements if said.get(element.name, {}).get("text"))
    for name in dict.fromkeys([*law.required(notice.about["recipient"]["elements"]), *drafted]):
        text = said.get(name, {}).get("text")
        if not text:
            lacking = sentence("a fact that it needs is missing: see the sender's file")
            yield BrokenRule("missing_element", name, lacking)
        elif not in_letter.get(name):
            yield BrokenRule("missing_element", name, sentence("it is not in {file}", file=LETTER))
        elif any(" ".join(line.split()) not in form for line in text.splitlines()):
            lacking = sentence("it is not in {file} as it was drafted", file=FORM)
            yield BrokenRule("missing_element", name, lacking)


def _broken_signature(notice: Notice) -> Iterator[BrokenRule]:
    """Yield that a clause of perjury is not signed, as it is now, by the one who is named under it."""
    law = laws()[notice.about["law"]]
    if law.sworn and not notice.holds(SIGNED):
        yield BrokenRule(
            "unsigned_perjury", "perjury", sentence("`presswatch notice sign` notes who signed it")
        )


def _broken_rows(
    notice: Notice, files: Mapping[str, bytes], with_: Checking, bag: SealedOnce, found: list[NoticePlace]
) -> Iterator[BrokenRule]:
    """Yield what the rows break, by what claims and tables say of them today.

    Args:
        found: gets the places of the annex, if claims and tables still have them.
    """
    about = notice.about
    yield from _broken_claims(about, files, bag)
    try:
        grounds = grounds_of_notice(notice, bag.storage, bag)
        if grounds.seal != about["query"].get("seal", {}):
            root = sentence("its root is {root} now", root=grounds.seal.get("bag_root"))
            yield BrokenRule("changed_bag", "seal", root)
        places = concerning(grounds, with_.recipient)
        found += places
    except PresswatchError as error:
        rule = "changed_bag" if about["query"]["source"] == "bag" else "query_differs"
        yield BrokenRule(rule, "rows", sentence("{error}", error=error))
        return
    if sender_facts(with_.sender) != about["sender"]:
        otherwise = sentence("its file, or the members file, says something else now")
        yield BrokenRule("query_differs", "sender", otherwise)
    if recipient_facts(with_.recipient) != recipient_facts(about["recipient"]):
        otherwise = sentence("the recipients file says something else of it now")
        yield BrokenRule("query_differs", "recipient", otherwise)
    # Whoever drafts acts on the day that the letter bears, and whoever checks will send it from today on.
    for day in sorted({today(), date.fromisoformat(about["drafted_on"])}):
        yield from broken_by_mandates_on(places, with_.sender, day)
    own = laws()[about["law"]].own_domains
    yield from broken_by_query(grounds, places, about, with_.sender, own)
    yield from broken_by_files(places)
    read = _read(notice, grounds, places, with_, bag)
    yield from broken_by_age(places, read, datetime.now(UTC), with_.days, laws()[about["law"]].location)
    articles = {place.target["article_id"] for place in places if place.target["article_id"]}
    is_edited = newest(notice.events, EDITED) is not None
    yield from broken_by_text(files, with_.corpus, articles, is_edited)


def _broken_claims(
    about: Mapping[str, Any], files: Mapping[str, bytes], bag: SealedOnce
) -> Iterator[BrokenRule]:
    """Yield what the claims of the annex's rows break; an annex that cannot be read is refused elsewhere."""
    try:
        rows = {str(row["row_sha256"]) for row in rows_of_jsonl(files[f"{ANNEX}/rows.jsonl"])}
    except (KeyError, ValueError, TypeError):
        return
    try:
        known = _known_claims(about["query"], rows, bag)
    except PresswatchError as error:
        yield BrokenRule("no_claim", "rows", sentence("{error}", error=error))
        return
    claims = {row: known.get(row) for row in rows}
    yield from broken_by_claims(claims)
    yield from broken_by_mandates(claims, about["sender"])


def recipient_facts(recipient: Recipient | Mapping[str, Any]) -> list[Any]:
    """Return what a letter, its route and its annex owe to the recipient, of notice.json or its file."""
    names = ("name", "route", "elements", "columns")
    known = (
        recipient if isinstance(recipient, Mapping) else {each: getattr(recipient, each) for each in names}
    )
    return [list(known[name]) if isinstance(known[name], tuple) else known[name] for name in names]


def _known_claims(query: Mapping[str, Any], rows: set[str], bag: SealedOnce) -> Mapping[str, Any]:
    if query["source"] == "bag":
        return claims_known(bag, query["claims"], rows)
    return claims_of(TableStore.open(query["claims"], bag.storage), rows)


def grounds_of_notice(notice: Notice, storage: StorageOptions, bag: SealedOnce | None = None) -> Grounds:
    """Ask claims and tables again for what a notice rests on; raises as `grounds_of`."""
    query = notice.about["query"]
    mirrors = [Mirror(place, copy) for place, copy in query["mirrors"]]
    choice = Choice(rows=frozenset(query["rows"]))
    return grounds_of(query["where"], choice, storage, claims=query["claims"], mirrors=mirrors, bag=bag)


def _read(
    notice: Notice,
    grounds: Grounds,
    places: tuple[NoticePlace, ...],
    with_: Checking,
    bag: SealedOnce,
) -> dict[str, datetime]:
    """Return when rows were read again for this notice; reads them now if that is asked for."""
    events = list(notice.events)
    if with_.again:
        mirrors = [Mirror(place, copy) for place, copy in notice.about["query"]["mirrors"]]
        rows = read_again(grounds, places, mirrors, bag)
        events.append(add_event(notice.folder, events, READ, notice.digest, rows=rows))
    return {
        row: event.noted_at for event in events if event.kind == READ for row in event.facts.get("rows", ())
    }
