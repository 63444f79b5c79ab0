"""Letters as data: the paragraphs of each element, in each language, from an order and its places."""

import re
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from pathlib import Path
from typing import Any

from presswatch_spark.claims.rights_and_mandates import AUTHOR, PRESS_PUBLISHER, rights_of
from presswatch_spark.claims.selection import (
    COPY,
    DISK,
    PLACE,
    ClaimFigures,
    ClaimPlace,
    ClaimSource,
    PlaceSelection,
)
from presswatch_spark.core.errors import InputError
from presswatch_spark.core.locators import embedded
from presswatch_spark.core.terminal import ascii_url, printable
from presswatch_spark.core.translation import N_, Translator, n, tied
from presswatch_spark.corpus.members import RIGHTS_BASES, Publisher
from presswatch_spark.legal.notices.annex import (
    Annex,
    AnnexRow,
    annex_of,
    publishers_of,
    reservation_in_force,
)
from presswatch_spark.legal.notices.laws import DEADLINE_DAYS, Law
from presswatch_spark.legal.notices.parties import SENDER_TEXTS, Recipient, Sender

NO_BREAK = "\u00a0"
LISTED = 20
"""Most lines of a list in a letter; the annex has all of them."""
CHARACTERS = 2_000
"""Most characters of a URL in a letter; PDF allows no longer paragraphs than 32,767."""
_ROWS = n("{n} row", "{n} rows")
AMOUNTS: Mapping[str, tuple[str, str]] = {
    "rows": _ROWS,
    "files": n("{n} file", "{n} files"),
    "urls": n("{n} URL", "{n} URLs"),
    "hosts": n("{n} host", "{n} hosts"),
    "articles": n("{n} article", "{n} articles"),
    "titles": n("{n} title", "{n} titles"),
    "publishers": n("{n} publisher", "{n} publishers"),
    **dict.fromkeys(
        ("author_rows", "press_rows", "rights_rows", "reserved_rows", "place_rows", "database_rows"), _ROWS
    ),
    **dict.fromkeys(("without_url", "embedded_rows"), _ROWS),
    **dict.fromkeys(("least_run", "most_run", "only_run", "least_press_run"), n("{n} word", "{n} words")),
    "patch_records": n("{n} record", "{n} records"),
    "patch_files": n("{n} file", "{n} files"),
    "patch_bytes": n("{n} byte", "{n} bytes"),
    "patch_minutes": n("at most {n} minute", "at most {n} minutes"),
}
"""Numbers in letters, each with its noun."""
RESERVATIONS = {
    "both": N_("{rows}: declared both before and after the capture (both)"),
    "before": N_("{rows}: declared before the capture (before)"),
}
"""The reservations that letters invoke, in the order of `selection.SIDES`."""
READINGS = {
    PLACE: N_("The text of {rows} was last read {when}, at the address that the annex states."),
    COPY: N_(
        "The text of {rows} was last read {when}, in a copy of the file and not at the address that the annex"
        " states."
    ),
    DISK: N_(
        "The text of {rows} was last read {when}, in a copy of the file on a disk and not at the address that"
        " the annex states."
    ),
}
BASES = {
    "authors": N_("acting with the authors, who hold the author’s rights ({law})"),
    "contract": N_("holder of the author’s rights by contract ({law})"),
    "presumption": N_("presumed holder of the author’s rights in the collective work ({law})"),
}
PUBLISHER_OF_PRESS = N_("publisher of press publications ({law})")
SIGNALS = {
    "robots_txt": "robots.txt",
    "ai_txt": "ai.txt",
    "x_robots_tag": N_("the header X-Robots-Tag"),
    "meta_robots": N_("the meta element robots"),
    "tdm_reservation": "TDMRep",
    "content_usage": "Content-Usage (AIPREF)",
    "content_signal": "Content-Signal",
    "rsl": N_("an RSL licence"),
}
"""Machine-readable forms of reservations; others have the name of their signal."""
MANDATES, PATCH = "mandates", "patch-proof.json"
"""Folder of the mandates in the annex, and name of the measurements of a patch there."""
_DEPENDS = re.compile(r"\[(\w+)\] ")
# Blanks at which no line of a letter may end, besides those of every text.
_TIED = re.compile(
    r"(?<=§) |(?<=\d) (?=U\.S\.C)|(?<=U\.S\.C\.) |(?<=\b[Aa]rt\.) |(?<=\b[Aa]rticle) (?=\d)|(?<=\bpar\.) "
)


class LetterWords(Translator):
    """Translator for letters, whose lines do not break inside a number, a date or an article of a code."""

    def set(self, text: str) -> str:
        """Return a text of this project with the non-breaking spaces of letters."""
        if self.language == "fr":
            text = text.replace("{n} ", f"{{n}}{NO_BREAK}")
        return _TIED.sub(NO_BREAK, tied(text))

    def listed(self, names: Sequence[str]) -> str:
        """Return names in a sentence: `A, B and C`."""
        from babel.lists import format_list

        return str(format_list(list(names), locale=self.language))


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
    days: int = DEADLINE_DAYS
    patch: str | None = None

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages of the letter, in the order of its columns."""
        return ("fr", "en") if self.lang == "both" else (self.lang,)

    @property
    def deadline_days(self) -> int | None:
        """Return the days from receipt to the deadline; None if the law sets none."""
        return self.days if self.law.deadline else None


def concerning(selection: PlaceSelection, recipient: Recipient) -> tuple[ClaimPlace, ...]:
    """Return the places that concern a recipient; `InputError` if none does."""
    places = tuple(each for each in selection.places if recipient.concerns(each.row.dataset, each.file))
    if not places:
        raise InputError(
            f"none of {len(selection.places):,} places concerns {recipient.id}",
            where=selection.source.where,
            remedy="choose another --to, or pass the public address of the files with --mirror",
        )
    return places


DATABASE = "database"
"""The right of the maker of a database, which a publisher claims in the members file."""


def rights_claimed(place: ClaimPlace, sender: Sender, day: date) -> set[str]:
    """Return the rights that a letter of a day claims for a place.

    These are the rights of its claim that the members file allows and that are in force on that day: a right
    may have ended since the day of judgement. Author's right needs its basis in the members file.
    """
    publisher = sender.by_id.get(place.row.publisher_id)
    if place.claim is None or publisher is None:
        return set()
    in_force = rights_of(place.row.article_published_at, place.row.captured_at, day, publisher)
    rights = {*place.claim.rights} & {*in_force}
    if not publisher.rights_basis:
        rights.discard(AUTHOR)
    if publisher.database_right and publisher.is_in_eea:
        rights.add(DATABASE)
    return rights


@dataclass(frozen=True, slots=True)
class NoticeContent:
    """The content of a notice: the places that concern its recipient, with their annex and figures.

    `publishers`: those of the places. `of_press`: ids of those for which the right of press publishers is
    claimed. `numbers`: the figures by name, the same in every language; unknown addresses and readings count
    as `without_url` and `never_read`. `reservations`: number of rows by the reservation in force. `read`: by
    source of the reading, the sorted days on which rows were last read. `declared`: see `declared_forms`;
    empty if the law does not invoke reservations by site. `patch`: the proof of the order's patch; its totals
    are those of the letter's files.
    """

    order: NoticeOrder
    places: tuple[ClaimPlace, ...]
    publishers: Sequence[Publisher]
    of_press: Collection[str]
    annex: Annex
    numbers: Mapping[str, int]
    reservations: Mapping[str, int]
    read: Mapping[str, Sequence[date]]
    declared: Mapping[tuple[str, str], Sequence[date]]
    patch: Mapping[str, Any] | None

    @classmethod
    def of(cls, order: NoticeOrder, patch: Mapping[str, Any] | None = None) -> "NoticeContent":
        """Collect the content of an order; `InputError` if no place concerns the recipient."""
        sender, own_domains = order.sender, order.law.own_domains
        places = concerning(order.selection, order.recipient)
        annex = annex_of(places, sender.publishers, order.recipient.columns, own_domains)
        rights = [rights_claimed(place, sender, order.drafted) for place in places]
        read = defaultdict[str, list[date]](list)
        for place in places:
            if reading := place.reading:
                insort(read[reading.source(place.file)], reading.at.date())
        reservations = Counter(row.reservation for row in annex.rows if row.reservation)
        counted = ClaimFigures.of([place.row for place in places], (place.host for place in places))
        runs = [place.row.longest_run_words or 0 for place in places]
        of_press = [place for place, each in zip(places, rights, strict=True) if PRESS_PUBLISHER in each]
        names = ("rows", "pages", "captures", "records", "claims", "hosts", "articles")
        numbers = {name: getattr(counted, name) for name in names} | {
            "files": len({place.file for place in places}),
            "urls": counted.addresses,
            "without_url": sum(not place.row.document_url for place in places),
            "embedded_rows": sum(bool(embedded(place.row.text_source)) for place in places),
            "titles": len({place.row.title_id for place in places}),
            "publishers": len({place.row.publisher_id for place in places}),
            "author_rows": sum(AUTHOR in each for each in rights),
            "press_rows": len(of_press),
            "database_rows": sum(DATABASE in each for each in rights),
            "rights_rows": sum(bool(each & {AUTHOR, PRESS_PUBLISHER}) for each in rights),
            "never_read": len(places) - sum(map(len, read.values())),
            "place_rows": len(read.get(PLACE, ())),
            "read_from_disk": len(read.get(DISK, ())),
            "read_from_copy": len(read.get(COPY, ())),
            "sites": len({row.site for row in annex.own_domains}),
            "reserved_rows": reservations.total(),
            # If the longest passage of a row is unknown, so is the shortest of all.
            "least_run": min(runs, default=0),
            "most_run": max(runs, default=0),
            "least_press_run": min((place.row.longest_run_words or 0 for place in of_press), default=0),
        }
        return cls(
            order=order,
            places=places,
            publishers=publishers_of(sender.publishers, places),
            of_press={place.row.publisher_id for place in of_press},
            annex=annex,
            numbers=numbers,
            reservations=dict(sorted(reservations.items())),
            read=read,
            declared=declared_forms(order.selection.source, places) if own_domains else {},
            patch=patch,
        )


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
class LetterColumn:
    """A letter in one language; the columns of a letter have the same elements in the same order."""

    lang: str
    title: str
    day: str
    blocks: tuple[LetterElement, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter in one language, or in two side by side, from which all formats are made.

    `annex`: names of the annex's files with their SHA-256. `closing`: the digests of the annex's rows, of the
    sealed bag that has their records, and of the removal patch. `missing`: by element that is left out, its
    missing facts.
    """

    columns: tuple[LetterColumn, ...]
    sender: tuple[str, ...]
    recipient: tuple[str, ...]
    drafted: date
    annex_heading: str
    annex: tuple[tuple[str, str], ...]
    closing: tuple[str, ...]
    missing: Mapping[str, Sequence[str]]


def letter_of(content: NoticeContent, files: Sequence[tuple[str, str]]) -> Letter:
    """Return the letter of a notice; `files`: names of the annex's files with SHA-256."""
    order, sender, recipient = content.order, content.order.sender, content.order.recipient
    columns, missing = list[LetterColumn](), dict[str, list[str]]()
    words = [LetterWords(lang) for lang in order.languages]
    for _ in words:
        blocks, missing = _elements(content, _)
        title, day = _.set(order.law.title[_.language]), _("{day}", day=_.day(order.drafted))
        columns.append(LetterColumn(_.language, title, day, blocks))
    own = (sender.name, sender.legal_form, sender.address, sender.email, sender.phone, sender.registration)
    sent_to = (recipient.legal_name or recipient.name, recipient.address_for(order.law.id)[0])
    digests = [(N_("Digest of the annex’s rows"), content.annex.digests()["rows"])]
    if root := order.selection.source.seal.get("bag_root"):
        digests.append((N_("Merkle root of the sealed evidence"), root))
    if content.patch:
        digests.append((N_("Digest of the removal patch (patch.json)"), content.patch["patch_sha256"]))
    return Letter(
        columns=tuple(columns),
        sender=tuple(printable(line) for line in own if line),
        recipient=tuple(printable(line) for line in sent_to if line),
        drafted=order.drafted,
        annex_heading=" / ".join(dict.fromkeys(_("Annex") for _ in words)),
        annex=tuple(files),
        closing=tuple(
            words[0]("{value}: {rows}", value=" / ".join(_(label) for _ in words), rows=digest)
            for label, digest in digests
        ),
        missing=missing,
    )


def declared_forms(source: ClaimSource, places: Sequence[ClaimPlace]) -> dict[tuple[str, str], list[date]]:
    """Return the sorted days on which reservations in force were read, by site and machine-readable form."""
    reservations = {place.row.row_sha256: each for place in places if (each := reservation_in_force(place))}
    days = defaultdict[tuple[str, str], set[date]](set)
    for signal in source.declared(reservations) if reservations else ():
        if signal.captured_at:
            days[signal.host, signal.signal].add(signal.captured_at.date())
    return {form: sorted(days[form]) for form in sorted(days)}


def _elements(
    content: NoticeContent, _: LetterWords
) -> tuple[tuple[LetterElement, ...], dict[str, list[str]]]:
    """Return the elements whose facts are there, and the missing facts of the required other ones."""
    lang, texts, lists = _.language, _texts(content, _), _lists(content, _)
    blocks, missing = list[LetterElement](), dict[str, list[str]]()
    for element in content.order.law.elements:
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
    return tuple(blocks), missing


def _amounts(content: NoticeContent, _: LetterWords) -> dict[str, str]:
    """Return the numbers of the letter and of its patch with their nouns."""
    numbers = dict(content.numbers)
    if content.patch:
        totals = content.patch["totals"]
        numbers |= {
            "patch_records": totals["records"],
            "patch_files": totals["files"],
            "patch_bytes": totals["bytes_replaced"],
            "patch_minutes": max(1, ceil(totals["seconds"] / 60)),
        }
    if numbers["least_run"] == numbers["most_run"]:
        numbers |= {"least_run": 0, "only_run": numbers["most_run"]}
    # A number of 0 counts as a missing fact, except for URLs and hosts.
    return {
        name: _.n(*noun, numbers[name]) if numbers.get(name) or name in ("urls", "hosts") else ""
        for name, noun in AMOUNTS.items()
    }


def _texts(content: NoticeContent, _: LetterWords) -> dict[str, str]:
    """Return the facts of a letter in one language as texts; an empty one is missing."""
    order, sender, publishers = content.order, content.order.sender, content.publishers
    titles = [title for publisher in publishers for title in publisher.titles]
    title_ids = {place.row.title_id for place in content.places}
    flagger, fair_use = sender.trusted_flagger, sender.fair_use
    sites = content.numbers["sites"]
    return {
        **_amounts(content, _),
        "patch_day": _.day(date.fromisoformat(content.patch["measured_on"])) if content.patch else "",
        "flagger_by": printable(flagger.by) if flagger else "",
        "flagger_on": _.day(flagger.on) if flagger else "",
        "fair_use_by": printable(fair_use.by) if fair_use else "",
        "fair_use_on": _.day(fair_use.on) if fair_use else "",
        "domains": _.n("{n} site or section of one", "{n} sites or sections of them", sites),
        "sender": printable(sender.name),
        **{name: printable(getattr(sender, name) or "") for name in SENDER_TEXTS},
        "registration": sender.registration,
        "recipient": printable(order.recipient.legal_name or order.recipient.name),
        **{name: printable(getattr(order.recipient, name) or "") for name in ("agent", "flagger_route")},
        "research": "known" if order.recipient.research else "",
        "is_owner": "known" if sender.is_owner else "",
        "is_agent": "" if sender.is_owner else "known",
        "publishers_named": _.listed([_identity(publisher, _) for publisher in publishers]),
        "title_names": _.listed([printable(title.name) for title in titles if title.id in title_ids]),
        "producers": _.listed([name_of(each) for each in publishers if each.database_right]),
        "mandate_files": "known" if mandate_files(sender, publishers) else "",
        "authority": "known" if sender.is_owner or all(each.has_mandate for each in publishers) else "",
        "deadline": _.n("{n} day", "{n} days", order.deadline_days) if order.deadline_days else "",
        "read": " ".join(
            _(READINGS[source], rows=_.n(*_ROWS, len(days)), when=_days(days, _))
            for source in (PLACE, COPY, DISK)
            if (days := content.read.get(source))
        ),
        "licences": "known" if order.selection.source.has_licences() else "",
        # The letter must not swear to act for a right holder if no file gives the basis of the right.
        "rights_basis": "known" if publishers and all(each.rights_basis for each in publishers) else "",
    }


def _lists(content: NoticeContent, _: LetterWords) -> dict[str, list[str]]:
    """Return the facts of a letter in one language that are lists, by line; an empty one is missing."""
    sender = content.order.sender
    hosts = Counter(sorted(each.host for each in content.places if each.host)).most_common()
    most_frequent = [_("{value}: {rows}", value=host, rows=_.n(*_ROWS, count)) for host, count in hosts]
    return {
        "mandates": [_mandate(each, _) for each in content.publishers if not sender.is_owner],
        "titles_of_rights": _titles_of_rights(content, _),
        "hosts": _first_lines(most_frequent, _),
        "places": _first_lines(list(dict.fromkeys(_place(row, _) for row in content.annex.rows)), _),
        "reservations": [
            _(text, rows=_.n(*_ROWS, content.reservations[status]))
            for status, text in RESERVATIONS.items()
            if status in content.reservations
        ],
        "declarations": [
            _("{site}: {form}, {when}", site=host, form=_(SIGNALS.get(signal, signal)), when=_days(days, _))
            for (host, signal), days in content.declared.items()
        ],
        "prefixes": _first_lines([row.surt_prefix for row in content.annex.own_domains], _),
        "signature": [
            printable(sender.signatory),
            printable(sender.signatory_title),
            _("Signature: {line}", line="_" * 30),
        ],
    }


def _titles_of_rights(content: NoticeContent, _: LetterWords) -> list[str]:
    """Return a line for each publisher with its titles to rights; no lines if a publisher has none."""
    lines = list[str]()
    for publisher in content.publishers:
        bases = [_(BASES[basis], law=_.set(RIGHTS_BASES[basis])) for basis in publisher.rights_basis]
        if publisher.id in content.of_press:
            bases.append(_(PUBLISHER_OF_PRESS, law=_.set("CPI, art. L. 218-1")))
        if not bases:
            return []
        lines.append(_("{value}: {rows}", value=name_of(publisher), rows=_.listed(bases)))
    return lines


def mandate_files(sender: Sender, publishers: Sequence[Publisher]) -> dict[str, tuple[Path, str]]:
    """Return the mandates of some publishers: by name in the annex, their paths and SHA-256."""
    files = dict[str, tuple[Path, str]]()
    for publisher in publishers if not sender.is_owner else ():
        if deed := publisher.mandate_document:
            name = Path(deed.path).name
            if files.get(name, (Path(), deed.sha256))[1] != deed.sha256:
                name = f"{publisher.id}-{name}"
            files[name] = (sender.folder / deed.path, deed.sha256)
    return files


def name_of(publisher: Publisher) -> str:
    """Return the name of a publisher's legal person, as letters show it."""
    return printable(publisher.legal_name or publisher.name)


def _identity(publisher: Publisher, _: LetterWords) -> str:
    """Return the name of a publisher, with its number and seat as far as they are known."""
    facts = [f"SIREN{NO_BREAK}{publisher.siren}"] if publisher.siren else []
    facts += [_("seat: {address}", address=printable(publisher.address))] if publisher.address else []
    return f"{name_of(publisher)} ({', '.join(facts)})" if facts else name_of(publisher)


def _place(row: AnnexRow, _: LetterWords) -> str:
    """Return the exact location of a row: the page, the file, and the record in it."""
    page, file = (ascii_url(url)[:CHARACTERS] for url in (row.document_url or _("unknown address"), row.file))
    facts = {"file": file, "page": page}
    if row.record_offset is not None and row.record_length is not None:
        first, last = row.record_offset, row.record_offset + row.record_length - 1
        return _("{page}: {file}, bytes {first}-{last}", first=first, last=last, **facts)
    if row.row_index is not None:
        return _("{page}: {file}, row {row}", row=row.row_index, **facts)
    return _("{page}: {file}", **facts)


def _days(days: Sequence[date], _: LetterWords) -> str:
    if days[0] == days[-1]:
        return _("on {last}", last=_.day(days[-1]))
    return _("between {first} and {last}", first=_.day(days[0]), last=_.day(days[-1]))


def _first_lines(lines: Sequence[str], _: LetterWords) -> list[str]:
    if (more := len(lines) - LISTED) <= 0:
        return list(lines)
    return [*lines[:LISTED], _("and {count} more, in the annex", count=_.number(more))]


def _mandate(publisher: Publisher, _: LetterWords) -> str:
    deed = publisher.mandate_document
    if deed is None:
        facts = [_("mandate") if publisher.has_mandate else _("no mandate")]
    elif deed.signed_on is None:
        facts = [_("mandate by deed")]
    else:
        facts = [_("mandate by deed of {day}", day=_.day(deed.signed_on))]
    if deed and deed.signatory:
        facts.append(_("signed by {signatory}", signatory=printable(deed.signatory)))
    if deed and deed.scope:
        facts.append(_("scope: “{scope}”", scope=printable(deed.scope)))
    begins, ends = (limit and _.day(limit) for limit in (publisher.mandate_from, publisher.mandate_to))
    if begins and ends:
        facts.append(_("in force from {begins} to {ends}", begins=begins, ends=ends))
    elif begins:
        facts.append(_("in force from {begins}", begins=begins))
    elif ends:
        facts.append(_("in force until {ends}", ends=ends))
    return _("{value}: {rows}", value=name_of(publisher), rows=", ".join(facts))
