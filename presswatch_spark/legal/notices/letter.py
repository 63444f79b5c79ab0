"""Letters as data: the paragraphs of each element, in French or English, from an order and its places."""

import re
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from presswatch_spark.claims.rights_and_mandates import AUTHOR, PRESS_PUBLISHER, rights_of
from presswatch_spark.claims.selection import COPY, DISK, PLACE, ClaimFigures, ClaimPlace, PlaceSelection
from presswatch_spark.core.errors import InputError
from presswatch_spark.core.terminal import ascii_url, printable
from presswatch_spark.core.translation import N_, Translator, n, tied
from presswatch_spark.corpus.registry import RIGHTS_BASES, Publisher
from presswatch_spark.legal.notices.annex import Annex, publishers_of
from presswatch_spark.legal.notices.laws import Law
from presswatch_spark.legal.notices.parties import SENDER_TEXTS, Recipient, Sender

NO_BREAK = "\u00a0"
DEADLINE_DAYS = 15
LISTED = 20
"""Most lines of a list in a letter; the annex has all of them."""
_ROWS = n("{n} row", "{n} rows")
AMOUNTS: Mapping[str, tuple[str, str]] = {
    "rows": _ROWS,
    "files": n("{n} file", "{n} files"),
    "urls": n("{n} URL", "{n} URLs"),
    "hosts": n("{n} host", "{n} hosts"),
    "articles": n("{n} article", "{n} articles"),
    "titles": n("{n} title", "{n} titles"),
    "publishers": n("{n} publisher", "{n} publishers"),
    **dict.fromkeys(("author_rows", "press_rows", "rights_rows", "reserved_rows"), _ROWS),
}
"""Numbers in letters, each with its noun."""
RESERVATIONS = {
    "both": N_("{rows}: declared both before and after the capture (both)"),
    "before": N_("{rows}: declared before the capture (before)"),
}
"""The reservations that letters invoke, in the order of `annex.IN_FORCE`."""
READINGS = {
    PLACE: N_("The text of {rows} was last read at its place {when}."),
    COPY: N_(
        "The text of {rows} was last read in a copy of the file, and not at the address that the"
        " annex gives, {when}."
    ),
    DISK: N_(
        "The text of {rows} was last read in a copy of the file on a disk, and not at the address"
        " that the annex gives, {when}."
    ),
}
BASES = {
    "authors": N_("acting with the authors, who hold the author’s rights ({law})"),
    "contract": N_("holder of the author’s rights by contract ({law})"),
    "presumption": N_("presumed holder of the author’s rights in the collective work ({law})"),
}
_DEPENDS = re.compile(r"\[(\w+)\] ")


class LetterWords(Translator):
    """Translator for letters; lines do not break inside a number, a date or an article of a code."""

    def set(self, text: str) -> str:
        """Return a text of this project with the non-breaking spaces of letters."""
        return tied(text.replace("{n} ", f"{{n}}{NO_BREAK}") if self.language == "fr" else text)

    def rows(self, count: int) -> str:
        """Return a number of rows."""
        return self.n(*_ROWS, count)


@dataclass(frozen=True, slots=True)
class NoticeOrder:
    """A notice to be drafted; checks read its files again.

    `lang`: `fr`, `en`, or `both` side by side. `days`: from receipt to the deadline, if the law has one.
    `patch`: a folder of `removal patch`, whose measurements the letter states.
    """

    selection: PlaceSelection
    recipient: Recipient
    law: Law
    lang: str
    sender: Sender
    drafted: date
    sender_file: str
    recipients_file: str | None = None
    days: int = DEADLINE_DAYS
    patch: str | None = None

    @property
    def deadline_days(self) -> int | None:
        """Return the days from receipt to the deadline; None if the law sets none."""
        return self.days if self.law.deadline else None


def concerning(selection: PlaceSelection, recipient: Recipient) -> tuple[ClaimPlace, ...]:
    """Return the places that concern a recipient; `InputError` if none does."""
    places = tuple(each for each in selection.places if recipient.concerns(each.dataset, each.file))
    if not places:
        raise InputError(
            f"none of {len(selection.places):,} places concerns {recipient.id}",
            where=selection.source.where,
            remedy="choose another --to, or pass the public address of the files with --mirror",
        )
    return places


@dataclass(frozen=True, slots=True)
class NoticeFigures:
    """The numbers of a notice, by name: the same in every language.

    `reservations`: number of rows by the reservation in force. `read`: by source of the reading, the sorted
    days on which rows were last read.
    """

    numbers: Mapping[str, int]
    reservations: Mapping[str, int]
    read: Mapping[str, Sequence[date]]

    @classmethod
    def of(cls, places: Sequence[ClaimPlace], annex: Annex, sender: Sender, drafted: date) -> "NoticeFigures":
        """Count places; unknown addresses and readings count as `without_url` and `never_read`."""
        rights = [rights_claimed(place, sender, drafted) for place in places]
        read = defaultdict[str, list[date]](list)
        for place in places:
            if reading := place.reading:
                insort(read[reading.source(place.file)], reading.at.date())
        reservations = Counter(row.reservation for row in annex.rows if row.reservation)
        counted = ClaimFigures.of(places)
        numbers = {
            "rows": counted.rows,
            "files": len({place.file for place in places}),
            "urls": counted.addresses,
            "without_url": sum(not place.document_url for place in places),
            "pages": counted.pages,
            "captures": counted.captures,
            "records": counted.records,
            "claims": counted.claims,
            "hosts": counted.hosts,
            "articles": counted.articles,
            "titles": len({place.title_id for place in places}),
            "publishers": len({place.publisher_id for place in places}),
            "author_rows": sum(AUTHOR in each for each in rights),
            "press_rows": sum(PRESS_PUBLISHER in each for each in rights),
            "rights_rows": sum(bool(each & {AUTHOR, PRESS_PUBLISHER}) for each in rights),
            "never_read": len(places) - sum(map(len, read.values())),
            "read_from_disk": len(read.get(DISK, ())),
            "read_from_copy": len(read.get(COPY, ())),
            "sites": len({row.site for row in annex.own_domains}),
            "reserved_rows": reservations.total(),
        }
        return cls(numbers, dict(sorted(reservations.items())), read)


def rights_claimed(place: ClaimPlace, sender: Sender, day: date) -> set[str]:
    """Return the rights that a letter of a day claims for a place.

    These are the rights of its claim that the members file allows and that are in force on that day: a right
    may have ended since the day of judgement.
    """
    if place.claim is None:
        return set()
    publisher = sender.by_id.get(place.publisher_id)
    in_force = rights_of(place.article_published_at, place.captured_at, day, publisher)
    return {*place.claim.rights} & {*in_force}


@dataclass(frozen=True, slots=True)
class LetterElement:
    """An element of the law in the letter: a heading (may be empty), paragraphs, and the lines of a list."""

    element: str
    heading: str
    paragraphs: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return heading, paragraphs and list, one per line."""
        return "\n".join([*filter(None, [self.heading]), *self.paragraphs, *self.lines])


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter in one language, from which all formats are made.

    `annex`: names of the annex's files with their SHA-256. `closing`: the digest of the annex's rows, and the
    root of the sealed bag that has their records. `missing`: by element that is left out, its missing facts.
    """

    lang: str
    title: str
    sender: tuple[str, ...]
    recipient: tuple[str, ...]
    drafted: date
    day: str
    blocks: tuple[LetterElement, ...]
    annex_heading: str
    annex: tuple[tuple[str, str], ...]
    closing: tuple[str, ...]
    missing: Mapping[str, Sequence[str]]


def letter_of(
    order: NoticeOrder,
    places: Sequence[ClaimPlace],
    annex: Annex,
    figures: NoticeFigures,
    files: Sequence[tuple[str, str]],
) -> Letter:
    """Return the letter of an order about `places`; `files`: names of the annex's files with SHA-256."""
    sender, recipient, lang, _ = order.sender, order.recipient, order.lang, LetterWords(order.lang)
    texts, lists = _facts(order, places, annex, figures)
    blocks, missing = list[LetterElement](), dict[str, list[str]]()
    for element in order.law.elements:
        if lacking := [name for name in element.needs if not (lists.get(name) or texts.get(name))]:
            if not element.optional:
                missing[element.name] = lacking
            continue
        paragraphs = list[str]()
        for line in element.text[lang].splitlines():
            depends = _DEPENDS.match(line)
            if not depends or texts[depends[1]]:
                # Braces inside of inserted facts are not expanded.
                paragraphs.append(_.set(_DEPENDS.sub("", line)).format_map(texts).strip())
        lines = tuple(lists[element.list]) if element.list else ()
        heading = _.set(element.heading[lang])
        blocks.append(LetterElement(element.name, heading, tuple(filter(None, paragraphs)), lines))
    siren = sender.siren and f"SIREN {sender.siren}"
    own = (sender.name, sender.address, sender.email, sender.phone, siren)
    closing = [_("Digest of the annex’s rows: {digest}", digest=annex.digests()["rows"])]
    if root := order.selection.source.seal.get("bag_root"):
        closing.append(_("Merkle root of the sealed evidence: {root}", root=root))
    return Letter(
        lang=lang,
        title=_.set(order.law.title[lang]),
        sender=tuple(printable(line) for line in own if line),
        recipient=tuple(printable(line) for line in (recipient.name, recipient.route) if line),
        drafted=order.drafted,
        day=_("{day}", day=_.day(order.drafted)),
        blocks=tuple(blocks),
        annex_heading=_("Annex"),
        annex=tuple(files),
        closing=tuple(closing),
        missing=missing,
    )


def _facts(
    order: NoticeOrder, places: Sequence[ClaimPlace], annex: Annex, figures: NoticeFigures
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the facts for texts of elements, and their lists; an empty one counts as missing."""
    numbers, _, sender = figures.numbers, LetterWords(order.lang), order.sender
    # A number of 0 counts as a missing fact, except for URLs and hosts.
    amounts = {
        name: _.n(*noun, numbers[name]) if numbers[name] or name in ("urls", "hosts") else ""
        for name, noun in AMOUNTS.items()
    }
    readings = [
        _(READINGS[source], rows=_.rows(len(days)), when=_days(days, _))
        for source in (PLACE, COPY, DISK)
        if (days := figures.read.get(source))
    ]
    publishers = publishers_of(sender.publishers, places)
    texts = {
        **amounts,
        "domains": _.n("{n} site", "{n} sites", numbers["sites"]),
        "sender": printable(sender.name),
        **{name: printable(getattr(sender, name) or "") for name in SENDER_TEXTS},
        "recipient": printable(order.recipient.name),
        "deadline": _.n("{n} day", "{n} days", order.deadline_days) if order.deadline_days else "",
        "without_url": _(
            "The address of the page is not known for {rows}.", rows=_.rows(numbers["without_url"])
        )
        if numbers["without_url"]
        else "",
        "read": " ".join(readings),
        "licences": "known" if order.selection.source.has_licences() else "",
        # The letter must not swear to act for a right holder if no file gives the basis of the right.
        "rights_basis": "known" if publishers and all(each.rights_basis for each in publishers) else "",
    }
    lists = {
        "mandates": [_mandate(publisher, sender, _) for publisher in publishers],
        "hosts": _most_frequent((place.document_host for place in places if place.document_host), _),
        "files": _most_frequent((ascii_url(place.file) for place in places), _),
        "reservations": [
            _(text, rows=_.rows(figures.reservations[status]))
            for status, text in RESERVATIONS.items()
            if status in figures.reservations
        ],
        "prefixes": _first_lines([row.surt_prefix for row in annex.own_domains], _),
        "signature": [
            printable(sender.signatory),
            printable(sender.signatory_title),
            _("Signature: {line}", line="_" * 30),
        ],
    }
    return texts, lists


def _days(days: Sequence[date], _: LetterWords) -> str:
    if days[0] == days[-1]:
        return _("on {last}", last=_.day(days[-1]))
    return _("between {first} and {last}", first=_.day(days[0]), last=_.day(days[-1]))


def _most_frequent(values: Iterable[str], _: LetterWords) -> list[str]:
    counts = Counter(values)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    lines = [_("{value}: {rows}", value=value, rows=_.rows(counts[value])) for value in ordered]
    return _first_lines(lines, _)


def _first_lines(lines: Sequence[str], _: LetterWords) -> list[str]:
    if (more := len(lines) - LISTED) <= 0:
        return list(lines)
    return [*lines[:LISTED], _("and {count} more, in the annex", count=_.number(more))]


def _mandate(publisher: Publisher, sender: Sender, _: LetterWords) -> str:
    facts = [printable(publisher.legal_name or publisher.name)]
    facts += [f"SIREN {publisher.siren}"] if publisher.siren else []
    facts += [printable(publisher.address)] if publisher.address else []
    facts += [_(BASES[basis], law=_.set(RIGHTS_BASES[basis])) for basis in publisher.rights_basis]
    if sender.is_owner or not publisher.has_mandate:
        return ", ".join(facts)
    deed = publisher.mandate_document
    if deed is None:
        facts.append(_("mandate"))
    elif deed.signed_on is None:
        facts.append(_("mandate by deed (SHA-256 {sha256})", sha256=deed.sha256))
    else:
        signed = _.day(deed.signed_on)
        facts.append(_("mandate by deed of {day} (SHA-256 {sha256})", day=signed, sha256=deed.sha256))
    begins, ends = (limit and _.day(limit) for limit in (publisher.mandate_from, publisher.mandate_to))
    if begins and ends:
        facts.append(_("in force from {begins} to {ends}", begins=begins, ends=ends))
    elif begins:
        facts.append(_("in force from {begins}", begins=begins))
    elif ends:
        facts.append(_("in force until {ends}", ends=ends))
    return ", ".join(facts)
