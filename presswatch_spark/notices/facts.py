"""What a notice says of its rows: numbers, which are the same in every language, and texts made of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from presswatch_spark.claims import selection
from presswatch_spark.claims.mandates import AUTHOR, PRESS_PUBLISHER
from presswatch_spark.claims.selection import COPY, DISK, PLACE
from presswatch_spark.corpus.registry import RIGHTS_BASES, Publisher
from presswatch_spark.notices.annex import Annex, host_of_place, publishers_of
from presswatch_spark.notices.grounds import NoticePlace
from presswatch_spark.notices.parties import Recipient, Sender
from presswatch_spark.notices.wording import amount, day
from presswatch_spark.show import ascii_url, printable, whole_number

LISTED = 20
"""Lines of a list in a letter; the annex has all."""
OF_SENDER = ("address", "email", "phone", "signatory", "signatory_title")
"""Facts of a sender that are texts; a missing one is empty."""

AMOUNTS: Mapping[str, str] = {
    "rows": "row",
    "files": "file",
    "urls": "URL",
    "hosts": "host",
    "articles": "article",
    "titles": "title",
    "publishers": "publisher",
    "author_rows": "row",
    "press_rows": "row",
    "rights_rows": "row",
    "reserved_rows": "row",
}
"""Numbers that letters say, each with its noun."""

RESERVATIONS: Mapping[str, tuple[str, str]] = {
    "both": ("déclarée avant et après la capture", "declared both before and after the capture"),
    "before": ("déclarée avant la capture", "declared before the capture"),
}
"""The reservations that letters claim, `annex.IN_FORCE`, and when each was declared."""
BASES: Mapping[str, tuple[str, str]] = {
    "authors": (
        "agissant avec les auteurs, titulaires du droit d’auteur ({law})",
        "acting with the authors, who hold the author’s rights ({law})",
    ),
    "contract": (
        "titulaire des droits d’auteur par contrat ({law})",
        "holder of the author’s rights by contract ({law})",
    ),
    "presumption": (
        "titulaire présumé des droits d’auteur sur l’œuvre collective ({law})",
        "presumed holder of the author’s rights in the collective work ({law})",
    ),
}
"""How letters say what a publisher's author's right rests on: `registry.RIGHTS_BASES`."""


@dataclass(frozen=True, slots=True)
class NoticeFigures:
    """The numbers of a notice, by name.

    `read`: by source of the reading (see `Reading.source`), the days on which rows were last read, a day for
    each row, in order.
    """

    numbers: Mapping[str, int]
    reservations: Mapping[str, int]
    read: Mapping[str, Sequence[date]]

    @classmethod
    def of(cls, places: Sequence[NoticePlace], annex: Annex, sender: Sender) -> "NoticeFigures":
        """Count places; what is not known of one counts under `without_url` or `never_read`."""
        targets = [place.target for place in places]
        rights = [rights_claimed(place, sender) for place in places]
        read = dict[str, list[date]]()
        for place in places:
            if reading := place.reading:
                read.setdefault(reading.source(place.file), []).append(reading.at.date())
        counted = selection.ClaimFigures.of(
            {**place.target, "document_host": host_of_place(place)} for place in places
        )
        numbers = {
            "rows": counted.rows,
            "files": len({place.file for place in places}),
            "urls": counted.addresses,
            "without_url": sum(not target["document_url"] for target in targets),
            "pages": counted.pages,
            "captures": counted.captures,
            "records": counted.records,
            "claims": counted.claims,
            "hosts": counted.hosts,
            "articles": counted.articles,
            "titles": len({target["title_id"] for target in targets}),
            "publishers": len({target["publisher_id"] for target in targets}),
            "author_rows": sum(AUTHOR in each for each in rights),
            "press_rows": sum(PRESS_PUBLISHER in each for each in rights),
            "rights_rows": sum(bool(each & {AUTHOR, PRESS_PUBLISHER}) for each in rights),
            "never_read": len(places) - sum(map(len, read.values())),
            "read_from_disk": len(read.get(DISK, ())),
            "read_from_copy": len(read.get(COPY, ())),
            "sites": len({row["site"] for row in annex.rows["domains"] if "site" in row}),
        }
        statuses = Counter(row["reservation"] for row in annex.rows["rows"] if row["reservation"])
        numbers["reserved_rows"] = statuses.total()
        days = {source: sorted(of_source) for source, of_source in read.items()}
        return cls(numbers, dict(sorted(statuses.items())), days)


def rights_claimed(place: NoticePlace, sender: Sender) -> set[str]:
    """Return the rights that a notice claims for a place: its claim's, if the members file agrees."""
    publisher = sender.by_id.get(place.target["publisher_id"])
    rights = set(place.claim["rights"]) if place.claim else set[str]()
    return rights if publisher and publisher.is_in_eea else rights - {PRESS_PUBLISHER}


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """All that the elements of a letter may say. An empty text, or no lines, is a fact that is missing."""

    texts: Mapping[str, str]
    lists: Mapping[str, Sequence[str]]

    def missing(self, needs: Sequence[str]) -> list[str]:
        """Return which of these facts are missing."""
        return [name for name in needs if not (self.lists.get(name) or self.texts.get(name))]


def facts_of(
    figures: NoticeFigures,
    places: Sequence[NoticePlace],
    annex: Annex,
    sender: Sender,
    recipient: Recipient,
    deadline: date | None,
    lang: str,
    *,
    has_licences: bool,
) -> LetterFacts:
    """Return the facts of a notice in a language; `has_licences`: somebody looked for licences."""
    publishers = publishers_of(sender, places)
    texts = {
        **_amounts(figures, lang),
        "sender": printable(sender.name),
        **{name: printable(getattr(sender, name) or "") for name in OF_SENDER},
        "recipient": printable(recipient.name),
        "deadline": day(deadline, lang) if deadline else "",
        "without_url": _without_url(figures, lang),
        "read": _read(figures, lang),
        "licences": "known" if has_licences else "",
        # Nobody may swear to act for the holder of a right whose basis no file gives.
        "rights_basis": "known" if publishers and all(each.rights_basis for each in publishers) else "",
    }
    sites = annex.rows["domains"] if "surt_prefix" in annex.columns["domains"].names else ()
    lists = {
        "mandates": [_mandate(publisher, sender, lang) for publisher in publishers],
        "hosts": _top((host for place in places if (host := host_of_place(place))), lang),
        "files": _top((ascii_url(place.file) for place in places), lang),
        "reservations": _reservations(figures, lang),
        "prefixes": _cut([site["surt_prefix"] for site in sites], lang),
        "signature": _signature(sender, lang),
    }
    return LetterFacts(texts, lists)


def _amounts(figures: NoticeFigures, lang: str) -> dict[str, str]:
    """Return numbers with their nouns. One that is 0 is missing; URLs and hosts may be 0."""
    numbers = figures.numbers
    amounts = {name: amount(numbers[name], noun, lang) for name, noun in AMOUNTS.items()}
    missing = {name: "" for name in AMOUNTS if not numbers[name] and name not in ("urls", "hosts")}
    return {**amounts, **missing, "domains": amount(numbers["sites"], "site", lang)}


def _without_url(figures: NoticeFigures, lang: str) -> str:
    count = figures.numbers["without_url"]
    if not count:
        return ""
    rows = amount(count, "row", lang)
    return (
        f"L’adresse de la page n’est pas connue pour {rows}."
        if lang == "fr"
        else f"The address of the page is not known for {rows}."
    )


READ: Mapping[str, tuple[str, str]] = {
    PLACE: (
        "Le texte de {rows} a été relu à sa place pour la dernière fois {when}.",
        "The text of {rows} was last read at its place {when}.",
    ),
    COPY: (
        "Le texte de {rows} a été relu dans une copie du fichier, et non à l’adresse que donne l’annexe,"
        " pour la dernière fois {when}.",
        "The text of {rows} was last read in a copy of the file, and not at the address that the annex gives,"
        " {when}.",
    ),
    DISK: (
        "Le texte de {rows} a été relu dans une copie du fichier sur un disque, et non à l’adresse que donne"
        " l’annexe, pour la dernière fois {when}.",
        "The text of {rows} was last read in a copy of the file on a disk, and not at the address that the"
        " annex gives, {when}.",
    ),
}
"""The sentence of a letter about readings, by their source, in French and English."""


def _read(figures: NoticeFigures, lang: str) -> str:
    """State when and where the rows were last read again; nothing if none was."""
    sentences = [
        READ[source][0 if lang == "fr" else 1].format(
            rows=amount(len(days), "row", lang), when=_between(days[0], days[-1], lang)
        )
        for source in READ
        if (days := figures.read.get(source))
    ]
    return " ".join(sentences)


def _between(first: date, last: date, lang: str) -> str:
    """Return a day, or the days between which something happened, in words."""
    if first == last:
        return f"le {day(last, lang)}" if lang == "fr" else f"on {day(last, lang)}"
    if lang == "fr":
        return f"entre le {day(first, lang)} et le {day(last, lang)}"
    return f"between {day(first, lang)} and {day(last, lang)}"


def _mandate(publisher: Publisher, sender: Sender, lang: str) -> str:
    """Return a publisher with its legal person, the basis of its right, and its mandate."""
    names = [printable(publisher.legal_name or publisher.name)]
    if publisher.siren:
        names.append(f"SIREN {publisher.siren}")
    if publisher.address:
        names.append(printable(publisher.address))
    place = 0 if lang == "fr" else 1
    names += [BASES[basis][place].format(law=RIGHTS_BASES[basis]) for basis in publisher.rights_basis]
    if not sender.is_owner and publisher.has_mandate:
        names += [_deed(publisher, lang), *filter(None, [_term(publisher, lang)])]
    return ", ".join(names)


def _deed(publisher: Publisher, lang: str) -> str:
    """Return the mandate with the day and the digest of its deed, so far as the members file gives them."""
    document = publisher.mandate_document
    if document is None:
        return "mandat" if lang == "fr" else "mandate"
    signed = day(document.signed_on, lang) if document.signed_on else None
    if lang == "fr":
        deed = f"mandat par acte du {signed}" if signed else "mandat par acte"
        return f"{deed} (empreinte SHA-256 {document.sha256})"
    return f"{f'mandate by deed of {signed}' if signed else 'mandate by deed'} (SHA-256 {document.sha256})"


def _term(publisher: Publisher, lang: str) -> str:
    """Return from when to when a mandate is in force; nothing if it has no end at either side."""
    begins, ends = (limit and day(limit, lang) for limit in (publisher.mandate_from, publisher.mandate_to))
    if lang == "fr":
        until = f"jusqu’au {ends}" if not begins else f"au {ends}"
        words = [
            f"du {begins}" if begins and ends else f"depuis le {begins}" if begins else "",
            until if ends else "",
        ]
        term = " ".join(filter(None, words))
        return f"en vigueur {term}" if term else ""
    words = [f"from {begins}" if begins else "", f"{'to' if begins else 'until'} {ends}" if ends else ""]
    term = " ".join(filter(None, words))
    return f"in force {term}" if term else ""


def _reservations(figures: NoticeFigures, lang: str) -> list[str]:
    """Return a line for each way in which reservations in force were declared, with its rows."""
    place = 0 if lang == "fr" else 1
    mark = " : " if lang == "fr" else ": "
    counts = figures.reservations
    return [
        f"{amount(counts[status], 'row', lang)}{mark}{RESERVATIONS[status][place]} ({status})"
        for status in RESERVATIONS
        if status in counts
    ]


def _signature(sender: Sender, lang: str) -> list[str]:
    signed = "Signature : " if lang == "fr" else "Signature: "
    return [printable(sender.signatory), printable(sender.signatory_title), f"{signed}{'_' * 30}"]


def _top(values: Iterable[str], lang: str) -> list[str]:
    """Return values with the rows of each, the most frequent first, as far as a letter lists them."""
    counts = Counter(values)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    mark = " : " if lang == "fr" else ": "
    return _cut([f"{value}{mark}{amount(counts[value], 'row', lang)}" for value in ordered], lang)


def _cut(lines: Sequence[str], lang: str) -> list[str]:
    """Return the first lines, and how many more the annex has."""
    more = len(lines) - LISTED
    if more <= 0:
        return list(lines)
    rest = (
        f"et {whole_number(more, lang)} de plus, dans l’annexe"
        if lang == "fr"
        else f"and {whole_number(more, lang)} more, in the annex"
    )
    return [*lines[:LISTED], rest]
