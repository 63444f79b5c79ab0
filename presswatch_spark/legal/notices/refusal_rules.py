"""Checks a notice before it is sent: one broken rule refuses it, and the result lists all broken rules.

A rule is a function that yields breaches, with a code and a meaning. Recipients publish notices: the annex
must not contain personal data, and the letter no address but those of sender and recipient. A person's name
in the path of a URL cannot be told from other words; the signatory has to check.

A check also lists doubts that a person must settle, such as authors from outside, and decides nothing about
them. An employed journalist's rights pass to the publisher by contract (CPI, art. L. 132-36). The rights of
the author of an opinion piece, or of an interviewed person, do not.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from itertools import product
from typing import Any
from urllib.parse import unquote

from presswatch_spark.claims.rights_and_mandates import PRESS_PUBLISHER, mandate_of, rights_of
from presswatch_spark.claims.selection import (
    LICENSED,
    PLACE,
    Choice,
    ClaimPlace,
    ClaimSource,
    RecordReading,
)
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.settings.config import VerifyRules
from presswatch_spark.core.terminal import folded
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.evidence.sources import source_at
from presswatch_spark.legal.notices.annex import (
    ANNEX,
    KNOWN_COLUMNS,
    TABLES,
    annex_of,
    digest_of,
    publishers_of,
    rows_of_jsonl,
)
from presswatch_spark.legal.notices.formats import (
    BOOKMARK,
    WordLetter,
    attachments_in,
    bookmark_of,
    is_attached,
)
from presswatch_spark.legal.notices.laws import Law, laws
from presswatch_spark.legal.notices.letter import MANDATES, concerning, name_of, rights_claimed
from presswatch_spark.legal.notices.notice import (
    FORM,
    LETTER,
    NOTICE,
    PDF,
    TEXT_KEYS,
    EventDetails,
    Notice,
    recipient_facts,
    schema_fault,
    sender_facts,
    today,
)
from presswatch_spark.legal.notices.parties import Recipient, Sender, load_recipient, load_sender
from presswatch_spark.matching.verify.verification import Joined, NamedDocument, verify
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.storage.uris import scheme_of, shown_uri
from presswatch_spark.tables.declarations import Claim

CLOCK_MINUTES = 10
"""Accepted difference between the clocks of two machines."""
ROWS_NAMED = 3
CELL_CHARACTERS = 16_384
"""Greatest length of a URL (see `judgement.urls`): a longer cell must be text."""
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# A number that follows a digit and a hyphen is a part of a date or an id.
_PHONE = re.compile(
    r"(?<![\w.])(?<!\d-)"
    r"(?:(?:\+|00)[1-9]\d{0,2}[ .-]?\(?\d(?:[ .()-]*\d){7,12}|0[1-9](?:[ .-]\d{2}){4})(?!\w)"
)
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
_NOT_OF_PERSONS = ("file", "path", "revision", "record_id", "payload_digest", "text_sha256", "row_sha256")
"""Columns of the annex whose digits are never a telephone number."""

Breach = tuple[str | Collection[str], Sentence | None]
"""The element or file that breaks a rule, or `row_sha256` of rows, and details; never text of the web."""

_Breaches = Callable[["CheckedNotice"], Iterator[Breach]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: the meaning of a breach, and the function that yields the breaches of a notice."""

    meaning: str
    breaches: _Breaches


RULES: dict[str, Rule] = {}
"""Each rule by its code, in the order of refusals."""


def _rule(code: str, meaning: str) -> Callable[[_Breaches], _Breaches]:
    def add(breaches: _Breaches) -> _Breaches:
        RULES[code] = Rule(meaning, breaches)
        return breaches

    return add


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that a notice breaks. `about`: an element, a file or rows; `more`: number of further rows."""

    rule: str
    about: str
    detail: Sentence | None = None
    more: int = 0


@dataclass(frozen=True, slots=True)
class Checking:
    """The inputs of a check; `sender` and `recipients`: other files than those of the draft.

    `days`: accepted age of readings of rows. `again`: read the rows now. `corpus`: for finding words of
    articles. `edited_by`: the person who vouches for an edited letter.
    """

    sender: str | None = None
    recipients: str | None = None
    days: int = 30
    again: bool = False
    corpus: Corpus | None = None
    edited_by: str | None = None


@dataclass
class CheckedNotice:
    """A notice with all inputs of its rules; `sender` and `recipient` as their files describe them today.

    `source`: its source, opened again. `places`: what the notice's query selects from it today. `claims`:
    today's claim of each row of the annex, None for a row without a claim. `failure`: the error of reading
    one of these.
    """

    notice: Notice
    files: Mapping[str, bytes]
    checking: Checking
    sender: Sender
    recipient: Recipient
    source: ClaimSource | None = None
    places: Sequence[ClaimPlace] | None = None
    claims: Mapping[str, Claim | None] = field(default_factory=dict)
    failure: PresswatchError | None = None

    @property
    def about(self) -> Mapping[str, Any]:
        """Return its notice.json."""
        return self.notice.about

    @property
    def law(self) -> Law:
        """Return the law that the notice invokes."""
        return laws()[self.about["law"]]

    @cached_property
    def letter(self) -> WordLetter | None:
        """Return the letter in Word; None if it cannot be read: then `missing_element` refuses the notice."""
        try:
            return WordLetter.read(self.files.get(LETTER, b""))
        except ValueError:
            return None

    @property
    def letters(self) -> Mapping[str, str]:
        """Return the letters that can be read, as text."""
        form = {FORM: self.files.get(FORM, b"").decode("utf-8", "replace")}
        return form | ({LETTER: self.letter.visible} if self.letter else {})

    @cached_property
    def annex(self) -> Sequence[tuple[str, str, list[dict[str, Any]] | None]]:
        """Return the tables of the annex with file and rows; None for rows if the file cannot be read."""
        found = list[tuple[str, str, list[dict[str, Any]] | None]]()
        for table in TABLES:
            name = f"{ANNEX}/{table}.jsonl"
            try:
                found.append((table, name, [dict(row) for row in rows_of_jsonl(self.files[name])]))
            except (KeyError, ValueError, TypeError):
                found.append((table, name, None))
        return found

    @cached_property
    def recent_origins(self) -> Mapping[str, set[str]]:
        """Return the origins of the recent readings of each row: by its source or by a check."""
        now = datetime.now(UTC)
        # A reading in the future has the time of a wrong clock, and does not count.
        first, last = now - timedelta(days=self.checking.days), now + timedelta(minutes=CLOCK_MINUTES)
        events = [event for event in self.notice.events if event.kind == "read"]
        again = {row: event.noted_at for event in events for row in event.facts.get("rows", ())}
        found = dict[str, set[str]]()
        for place in self.places or ():
            readings = list(place.readings)
            if at := again.get(place.row.row_sha256):
                readings.append(RecordReading(at, shown_uri(place.file)))
            recent = [reading for reading in readings if first <= reading.at <= last]
            found[place.row.row_sha256] = {reading.source(place.file) for reading in recent}
        return found

    def rows_whose_claim(self, is_broken: Callable[[Claim], bool]) -> list[str]:
        """Return the rows of the annex whose claims meet a condition."""
        return [row for row, claim in self.claims.items() if claim is not None and is_broken(claim)]

    def rows_at(self, is_broken: Callable[[ClaimPlace], bool]) -> list[str]:
        """Return the rows of places that meet a condition."""
        return [place.row.row_sha256 for place in self.places or () if is_broken(place)]


@dataclass(frozen=True, slots=True)
class NoticeCheck:
    """The rules that a notice breaks, and the doubts that a person must settle."""

    refusals: tuple[BrokenRule, ...]
    doubts: tuple[Sentence, ...]


def check_notice(notice: Notice, checking: Checking) -> NoticeCheck:
    """Check a notice; if no rule is broken, add the event `checked` to it.

    If notice.json does not fit its schema, only that rule is checked: such a notice names neither its
    sender's file nor its source. Raises `ConfigError` without extra `legal`, or for mistakes in the files of
    sender and recipients.
    """
    if fault := schema_fault(notice.about):
        return NoticeCheck((BrokenRule("invalid_notice", NOTICE, fault),), ())
    storage, query = notice.folder.storage, notice.about["query"]
    sender = load_sender(checking.sender or query["sender_file"])
    recipients = checking.recipients or query["recipients_file"]
    recipient = load_recipient(notice.about["recipient"]["id"], recipients, storage)
    files = notice.files()
    # Without a letter, `changed_file` refuses the notice.
    if checking.edited_by and LETTER in files:
        letter = sha256(files[LETTER]).hexdigest()
        edited = notice.newest("edited")
        if letter != (edited.facts["letter"] if edited else notice.sums.get(LETTER)):
            notice = notice.add_event("edited", EventDetails(by=checking.edited_by), letter=letter)

    checked = CheckedNotice(notice, files, checking, sender, recipient)
    _open_source(checked)
    refusals = list[BrokenRule]()
    for code, rule in RULES.items():
        for about, detail in rule.breaches(checked):
            if isinstance(about, str):
                refusals.append(BrokenRule(code, about, detail))
            elif rows := sorted(about):
                more = max(len(rows) - ROWS_NAMED, 0)
                refusals.append(BrokenRule(code, ", ".join(rows[:ROWS_NAMED]), detail, more))
    if not refusals:
        # The last day on which all mandates are in force: an owner needs none, and some never end.
        named = () if sender.is_owner else publishers_of(sender.publishers, checked.places or ())
        until = min((each.mandate_to.isoformat() for each in named if each.mandate_to), default=None)
        # Another process may have noted an event during the check.
        Notice.open(notice.folder.uri, storage).add_event("checked", days=checking.days, mandates_until=until)
    return NoticeCheck(tuple(refusals), tuple(_doubts(checked)))


def _open_source(checked: CheckedNotice) -> None:
    """Open the source of a notice again, and set its places and claims, or the error of reading them."""
    notice, query = checked.notice, checked.about["query"]
    mirrors = [Mirror(place, copy) for place, copy in query["mirrors"]]
    annexed = {str(row["row_sha256"]) for row in checked.annex[0][2] or () if "row_sha256" in row}
    try:
        source = checked.source = source_at(query["where"], notice.folder.storage, query["claims"])
        known = source.claims(annexed)
        checked.claims = {row: known.get(row) for row in annexed}
        selection = source.select(Choice(rows=frozenset(query["rows"])), mirrors)
        places = checked.places = concerning(selection, checked.recipient)
    except PresswatchError as error:
        checked.failure = error
        return
    if checked.checking.again:
        checked.notice = notice.add_event("read", rows=source.read_again(places, mirrors))


# --- the notice and its sources


_rule("changed_file", N_("a file is not as it was drafted, is missing, or was added"))(
    lambda checked: checked.notice.changes(checked.files)
)
# `check_notice` reports this breach itself, before all rules; here the code gets its place and meaning.
_rule("invalid_notice", N_("notice.json does not fit its schema"))(lambda checked: iter(()))


@_rule("missing_element", N_("the law, or the recipient, requires an element that the notice lacks"))
def _missing_elements(checked: CheckedNotice) -> Iterator[Breach]:
    noted, form = checked.about["elements"], " ".join(checked.letters[FORM].split())
    in_letter = checked.letter.elements if checked.letter else {}
    required = checked.law.required(checked.about["recipient"]["elements"])
    drafted = [each.name for each in checked.law.elements if noted.get(each.name, {}).get("text")]
    names = dict.fromkeys([*required, *drafted])
    both = checked.about["language"] == "both"
    for name, key in product(names, TEXT_KEYS if both else TEXT_KEYS[:1]):
        text = noted.get(name, {}).get(key)
        mark = bookmark_of(name, "" if key == TEXT_KEYS[0] else "en").removeprefix(BOOKMARK)
        if not text:
            yield name, sentence(N_("a fact that it needs is missing: see the sender's file"))
        elif not in_letter.get(mark):
            yield name, sentence(N_("it is not in {file}"), file=LETTER)
        elif any(" ".join(line.split()) not in form for line in text.splitlines()):
            yield name, sentence(N_("it is not in {file} as it was drafted"), file=FORM)


@_rule("query_differs", N_("claims and tables no longer yield the rows of the annex"))
def _query_differs(checked: CheckedNotice) -> Iterator[Breach]:
    about, sender, places = checked.about, checked.sender, checked.places
    if checked.failure is not None and about["query"]["source"] != "bag":
        yield "rows", sentence(N_("{error}"), error=checked.failure)
    if sender_facts(sender) != about["sender"]:
        yield "sender", sentence(N_("its file, or the members file, has changed"))
    now = recipient_facts(checked.recipient, checked.law.id)
    if any(now[name] != about["recipient"][name] for name in ("name", "route", "elements", "columns")):
        yield "recipient", sentence(N_("its entry in the recipients file has changed"))
    if places is None or checked.source is None:
        return
    columns = about["recipient"]["columns"]
    digests = annex_of(places, sender.publishers, columns, checked.law.own_domains).digests()
    for name, digest in about["annex"]["digests"].items():
        if digests.get(name) != digest:
            given = {"place": checked.source.where, "digest": digests.get(name)}
            yield name, sentence(N_("{place} gives {digest}"), **given)


@_rule("changed_bag", N_("the sealed bag of the notice does not verify, or is a different one"))
def _changed_bag(checked: CheckedNotice) -> Iterator[Breach]:
    query, source = checked.about["query"], checked.source
    if source and source.seal != query.get("seal", {}):
        yield "seal", sentence(N_("its root is {root} now"), root=source.seal.get("bag_root"))
    if checked.failure is not None and query["source"] == "bag":
        yield "rows", sentence(N_("{error}"), error=checked.failure)


@_rule("annex_differs", N_("the annex does not have the digest that the notice states"))
def _annex_differs(checked: CheckedNotice) -> Iterator[Breach]:
    for table, name, rows in checked.annex:
        if rows is None:
            yield name, sentence(N_("it cannot be read"))
        elif (digest := digest_of(rows)) != checked.about["annex"]["digests"].get(table):
            yield name, sentence(N_("its digest is {digest}"), digest=digest)


@_rule("attachment_differs", N_("the PDF does not contain the annex of the notice"))
def _attachment_differs(checked: CheckedNotice) -> Iterator[Breach]:
    try:
        attached = attachments_in(checked.files.get(PDF, b""))
    except ValueError:
        yield PDF, sentence(N_("its attachments cannot be read"))
        return
    for path in filter(is_attached, checked.about["annex"].get("files", ())):
        # Some PDF tools drop the folder of an attachment's name.
        name = path.rpartition("/")[2]
        if attached.get(path, attached.get(name)) != checked.files.get(path):
            yield f"{PDF}: {name}", None


# --- its rows


@_rule("no_claim", N_("a row has no claim"))
def _no_claim(checked: CheckedNotice) -> Iterator[Breach]:
    yield [row for row, claim in checked.claims.items() if claim is None], None


def _claim_rule(code: str, meaning: str, is_broken: Callable[[Claim], bool]) -> None:
    _rule(code, meaning)(lambda checked: iter([(checked.rows_whose_claim(is_broken), None)]))


_claim_rule("d_row", N_("the claim of a row has the letter D"), lambda claim: claim.confidence == "D")
_claim_rule(
    "c_row_without_verdict",
    N_("the claim of a row has the letter C, and no verdict confirms it"),
    lambda claim: claim.confidence == "C" and claim.review is None,
)
_claim_rule(
    "verdict_against",
    N_("a verdict is against the claim of a row, or unsure"),
    lambda claim: claim.review == "no_claim" or (claim.confidence, claim.review) == ("C", "unsure"),
)
_claim_rule(
    "licensed_host",
    N_("a licence covers the host of a row"),
    lambda claim: claim.kind == LICENSED or claim.licence_id is not None,
)


@_rule("outside_mandate", N_("the sender has no mandate in force for the publisher of a row"))
def _outside_mandate(checked: CheckedNotice) -> Iterator[Breach]:
    """Yield rows of publishers for whom the sender cannot act; an owner needs no mandate."""
    noted, sender = checked.about["sender"], checked.sender
    documents = {each["id"]: each["mandate_document"] for each in noted["publishers"]}
    strange = checked.rows_whose_claim(lambda claim: claim.publisher_id not in documents)
    yield strange, sentence(N_("the publisher is not one of the sender's"))
    if noted["acts_as"] != "owner":
        bare = checked.rows_whose_claim(lambda claim: documents.get(claim.publisher_id, "") is None)
        yield bare, sentence(N_("the members file lists no document for the mandate"))
    if sender.is_owner:
        return
    # The mandate must be in force on the day of the letter, and today, the earliest day of sending.
    for day in sorted({today(), checked.notice.drafted_on}):
        ended = {id for id, each in sender.by_id.items() if mandate_of(each, day) != "in_force"}
        late = checked.rows_at(lambda place, ended=ended: place.row.publisher_id in ended)  # type: ignore[misc]
        yield late, sentence(N_("the mandate is not in force on {day}"), day=day)


@_rule("not_read_again", N_("a row was not read again recently"))
def _not_read_again(checked: CheckedNotice) -> Iterator[Breach]:
    unread = [row for row, origins in checked.recent_origins.items() if not origins]
    remedy = N_("within {days} days; run `removal probe`, or add --read-again")
    yield unread, sentence(remedy, days=checked.checking.days)


@_rule(
    "read_from_a_copy",
    N_("a row was read again in a copy, but the law requires the stated location"),
)
def _read_from_a_copy(checked: CheckedNotice) -> Iterator[Breach]:
    if checked.law.location:
        copied = [row for row, origins in checked.recent_origins.items() if origins and PLACE not in origins]
        remedy = N_("read the files that the notice lists: `removal probe --mirror`, or add --read-again")
        yield copied, sentence(remedy)


@_rule("file_on_a_disk", N_("a row points to a file of this machine, and not to its public address"))
def _file_on_a_disk(checked: CheckedNotice) -> Iterator[Breach]:
    local = checked.rows_at(lambda place: scheme_of(place.file) == "file")
    yield local, sentence(N_("draft it again with --mirror FROM=TO"))


# --- what gets published


@_rule("open_changes", N_("the letter contains tracked changes or comments, which its readers can see"))
def _open_changes(checked: CheckedNotice) -> Iterator[Breach]:
    if checked.letter and checked.letter.has_open_changes:
        yield LETTER, sentence(N_("accept or reject the changes, and delete the comments"))


@_rule("personal_data", N_("the published parts contain personal data"))
def _personal_data(checked: CheckedNotice) -> Iterator[Breach]:
    sender, recipient = checked.about["sender"], checked.about["recipient"]
    flaggers = checked.recipient.flagger_route or ""
    own = f"{sender['email']} {recipient['name']} {recipient['route'] or ''} {flaggers}"
    phone = str(sender["phone"] or "")
    own_emails, own_phones = _emails(own), {*_phones(f"{own} {phone}"), _digits(phone)}
    for _, file, rows in checked.annex:
        if rows is None:
            text, places = _decoded(checked.files.get(file, b"").decode("utf-8", "replace")), ""
        else:
            cells = [cell for row in rows for cell in row.items() if cell[1] is not None]
            text = _decoded("\n".join(str(value) for name, value in cells if name not in _NOT_OF_PERSONS))
            places = _decoded("\n".join(str(value) for name, value in cells if name in _NOT_OF_PERSONS))
        if _emails(f"{text} {places}") or _phones(text):
            yield file, sentence(N_("an email address or telephone number"))
    for name, text in checked.letters.items():
        if _emails(text) - own_emails or _phones(text) - own_phones:
            yield name, sentence(N_("an email address or telephone number other than the sender's"))


def _emails(text: str) -> set[str]:
    return {found.lower() for found in _EMAIL.findall(text)}


def _phones(text: str) -> set[str]:
    """Return the digits of telephone numbers in a text; UUIDs contain none."""
    return {_digits(found) for found in _PHONE.findall(_UUID.sub(" ", text))}


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _decoded(text: str) -> str:
    return unquote(unquote(unquote(text)))


@_rule(
    "article_text",
    N_("the published parts contain text of an article, or cannot be checked for it"),
)
def _article_text(checked: CheckedNotice) -> Iterator[Breach]:
    """Yield files that may contain words of an article; a draft that was not edited contains none."""
    for table, name, rows in checked.annex:
        if strange := sorted({column for row in rows or () for column in row} - KNOWN_COLUMNS[table]):
            names = ", ".join(map(repr, strange))
            yield name, sentence(N_("no annex has the column {names}"), names=names)
        if any(len(str(value)) > CELL_CHARACTERS for row in rows or () for value in row.values()):
            yield name, sentence(N_("a cell has more than {count} characters"), count=CELL_CHARACTERS)
    corpus = checked.checking.corpus
    if corpus is None:
        if checked.notice.newest("edited"):
            yield LETTER, sentence(N_("it was edited: pass --corpus to compare it with the articles"))
        return
    rules = VerifyRules()
    articles = sorted({place.row.article_id for place in checked.places or () if place.row.article_id})
    bodies = [Joined(words_of(body)) for each in articles if (body := corpus.text_of(each))]
    for name, text in checked.letters.items():
        document = NamedDocument(Joined(words_of(text.encode())), rules.anchor_words)
        if any(verify(document, body, rules).copied_words for body in bodies):
            yield name, sentence(N_("it contains a passage of an article of the annex"))


@_rule("unsigned_perjury", N_("the law requires a statement under penalty of perjury; it is unsigned"))
def _unsigned_perjury(checked: CheckedNotice) -> Iterator[Breach]:
    if checked.law.sworn and not checked.notice.lasting("signed"):
        yield "perjury", sentence(N_("`presswatch notice sign` records who signed it"))


# --- doubts

OPINION, INTERVIEW, AUTHOR = "opinion", "interview", "author"
OUTSIDERS: Mapping[str, str] = {
    OPINION: N_(
        "verify before you send: opinion pieces, whose authors may hold rights ({count}): {articles}"
    ),
    INTERVIEW: N_("verify before you send: interviews, whose speakers may hold rights ({count}): {articles}"),
    AUTHOR: N_(
        "verify before you send: articles by outside authors, or by authors who signed nothing else of their"
        " title in the corpus ({count}): {articles}"
    ),
}
NAMED = 20
"""Articles that a sentence names; it only counts the others."""
_OPINION = re.compile(
    r"\b(?:tribunes?|cartes? blanches?|points? de vue|(?:libres? )?opinions?|idees|debats?|lettres? ouvertes?"
    r"|courriers? des lecteurs|contrepoints?|op ?eds?|guest essays?|letters? to the editor)\b"
)
_INTERVIEW = re.compile(
    r"\b(?:interviews?|entretiens?|propos recueillis|recueilli par|questions? (?:a|pour)\b|q and a|qanda)"
)
_IN_BODY = re.compile(r"\bpropos recueillis\b|\bentretien realise\b|\binterview(?:ed)? by\b")
_MARKED = re.compile(r"[,(]")
"""A comma or a bracket precedes a person's function: `Paul Martin, économiste`."""
_FROM_OUTSIDE = re.compile(
    r"\b(?:collectif|collective|lecteurs?|lectrices?|professeure?|professor|economistes?|avocate?s?|deputee?s?"
    r"|senateur|senatrice|maire|ministre|essayiste|philosophe|historien(?:ne)?|sociologue|chercheu(?:r|se)s?"
    r"|president(?:e)?|directeur|directrice|ecrivaine?|invite(?:e|s)?)\b"
)


def _doubts(checked: CheckedNotice) -> Iterator[Sentence]:
    query, source, places = checked.about["query"], checked.source, checked.places or ()
    yield from checked.recipient.doubts()
    if source is None or not source.has_licences():
        yield sentence(
            N_("verify before you send: the claims were made without --licences, so no licence is known")
        )
    if query["source"] == "bag" and query["claims"] == query["where"]:
        yield sentence(
            N_("verify before you send: claims, verdicts and licences are those of the bag, sealed {moment}"),
            moment=query["seal"]["sealed_at"],
        )
    if any(name.startswith(f"{ANNEX}/{MANDATES}/") for name in checked.files):
        yield sentence(N_("verify before you send: each mandate covers this notice, and may be published"))
    if checked.notice.newest("edited"):
        # An edited letter must not be sent with the form or the PDF of the draft.
        yield sentence(
            N_(
                "verify before you send: letter.docx was edited; letter.pdf and form.txt are still those of"
                " the draft"
            )
        )
    yield from doubts_of_rights(places, checked.sender, checked.notice.drafted_on)
    yield from outside_articles(places, checked.checking.corpus)


def doubts_of_rights(places: Sequence[ClaimPlace], sender: Sender, drafted: date) -> Iterator[Sentence]:
    """Yield doubts about rights and mandates that the members file leaves open."""
    for publisher in publishers_of(sender.publishers, places):
        # Rows for which today's members file gives the right, but the file of the judgement did not.
        count = sum(
            PRESS_PUBLISHER in rights_of(row.article_published_at, row.captured_at, drafted, publisher)
            for place in places
            if (row := place.row).publisher_id == publisher.id
            and PRESS_PUBLISHER not in rights_claimed(place, sender, drafted)
        )
        country, document = publisher.country, publisher.mandate_document
        is_undated = not sender.is_owner and document is not None and document.signed_on is None
        doubts = {
            N_(
                "verify before you send: the members file states no country for {publisher}: the right of"
                " press publishers is not claimed for it"
            ): country is None,
            N_(
                "verify before you send: {publisher} is established outside the EU and EEA ({country}): the"
                " right of press publishers is not claimed for it"
            ): country is not None and not publisher.is_in_eea,
            N_(
                "verify before you send: by its country, {publisher} has the right of press publishers, which"
                " claims do not state (rows: {count}): build the corpus with this members file, and make the"
                " claims again"
            ): publisher.is_in_eea and count,
            N_(
                "verify before you send: the members file states no rights_basis for {publisher}: author’s"
                " right is not claimed for it"
            ): not publisher.rights_basis,
            N_(
                "verify before you send: the members file states no date (signed_on) for the deed by"
                " which {publisher} gave its mandate"
            ): is_undated,
        }
        for text, applies in doubts.items():
            if applies:
                yield sentence(text, publisher=name_of(publisher), country=country, count=count)


def outside_articles(places: Sequence[ClaimPlace], corpus: Corpus | None) -> Iterator[Sentence]:
    """Yield a sentence for each kind of article that an outsider may have written, with the articles' ids.

    Without a corpus, which has authors and texts, only headlines and addresses are searched.
    """
    articles = {place.row.article_id: place for place in places if place.row.article_id is not None}
    # For each title, how many articles of the whole corpus each author signed.
    signed = {place.row.title_id: Counter[str]() for place in articles.values()}
    for title, authors in corpus.each("title_id", "authors") if corpus else ():
        if title in signed:
            signed[title].update(set(map(folded, authors)))
    found = dict[str, list[str]]()
    for article_id, place in sorted(articles.items()):
        if kind := _outsider_of(article_id, place, corpus, signed[place.row.title_id]):
            found.setdefault(kind, []).append(article_id)
    for kind, line in OUTSIDERS.items():
        if ids := found.get(kind):
            named = ", ".join(ids[:NAMED]) + (" …" if len(ids) > NAMED else "")
            yield sentence(line, count=len(ids), articles=named)
    if corpus is None and articles:
        yield sentence(
            N_("verify before you send: the authors of the articles were not checked: pass --corpus")
        )


def _outsider_of(
    article_id: str, place: ClaimPlace, corpus: Corpus | None, signed: Mapping[str, int]
) -> str | None:
    """Return the kind of outsider (key of `OUTSIDERS`) that may have written an article, None without a sign.

    `signed`: how many articles each author signed for the title.
    """
    path = re.sub(r"^[a-z]+://[^/]*", "", place.row.article_url or "")
    shown = f"{folded(place.row.headline or '')} {folded(path)}"
    if _INTERVIEW.search(shown):
        return INTERVIEW
    if _OPINION.search(shown):
        return OPINION
    ordinal = corpus.ordinal_of(article_id) if corpus is not None else None
    if corpus is None or ordinal is None:
        return None
    if _IN_BODY.search(folded(corpus.body(ordinal).decode("utf-8", "replace"))):
        return INTERVIEW
    for author in corpus.values(ordinal, "authors")[0]:
        name = folded(author)
        if signed.get(name) == 1 or _MARKED.search(author) or _FROM_OUTSIDE.search(name):
            return AUTHOR
    return None
