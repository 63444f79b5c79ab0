"""The account of a claim that reports, bags and letters show: its facts in plain words, in one language."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from presswatch_spark.claims import recipe
from presswatch_spark.claims.case import ExplainedRow
from presswatch_spark.claims.letters import is_page_itself
from presswatch_spark.claims.mandates import last_day
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.judgement.grading import dated_before
from presswatch_spark.judgement.page_copies import copy_at
from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.storage.uris import printable as without_secrets
from presswatch_spark.storage.uris import scheme_of
from presswatch_spark.terminal import printable
from presswatch_spark.translation import N_

ENCODED = "xn--"

# Meanings of values of `claims`.
LETTERS = {
    "A": N_("The finding speaks for itself, and can be produced as it is."),
    "B": N_("The finding rests on strong evidence, and can be produced."),
    "C": N_("The finding must not be produced before a person has examined it."),
    "D": N_("The finding must not be produced in any claim."),
}

MANDATES = {
    "in_force": N_("The publisher's mandate is in force on the day of judgement."),
    "before": N_("The publisher's mandate is not yet in force on the day of judgement."),
    "after": N_("The publisher's mandate is no longer in force on the day of judgement."),
    "none": N_("No mandate of the publisher is known."),
}

RIGHTS = {
    "author": N_(
        "Author's right (CPI, the French code of intellectual property, art. L. 111-1 and"
        " following; term: art. L. 123-1 and following)."
    ),
    "press_publisher": N_(
        "Press publishers' neighbouring right (CPI, art. L. 218-1 and following), in force until {until}."
    ),
    "press_publisher_at_capture": N_(
        "Press publishers' neighbouring right (CPI, art. L. 218-1 and following), in"
        " force when the page was recorded. It ended on {until}."
    ),
}

RESERVATIONS = {
    "both": N_(
        "The title's site reserved text and data mining (CPI, art. L. 122-5-3), before and after the record."
    ),
    "before": N_(
        "The title's site reserved text and data mining (CPI, art. L. 122-5-3) before the"
        " record; after it nothing is known."
    ),
    "after": N_(
        "The title's site reserved text and data mining (CPI, art. L. 122-5-3) after the"
        " record; before it nothing is known."
    ),
    "conflicting": N_(
        "On text and data mining, the declarations of the title's site before and after"
        " the record contradict each other."
    ),
    "none": N_("The title's site did not reserve text and data mining, as far as is known."),
    "unknown": N_("It is not known what the title's site declared about text and data mining then."),
}

KINDS = {
    "own_page": N_("the publisher's own page"),
    "own_page_copy": N_("copy of the publisher's own page, by an archive, a cache or a translator"),
    "copy": N_("neither the publisher's own page nor a known reprint"),
    "reprint": N_("reprint by another member"),
    "licensed": N_("page under a licence"),
}

VERDICTS = {
    "claim": N_("to be claimed"),
    "no_claim": N_("nothing to claim"),
    "unsure": N_("could not tell"),
}


def dataset_of(case: ExplainedRow, _: Speaker) -> str:
    """Return the release; without one the format is known, which is no dataset's name."""
    return case.row["release"] or _("of no known name (format {format})", format=case.row["dataset"])


def finding_told(case: ExplainedRow, _: Speaker) -> str:
    """Return what the row says, whatever its letter."""
    which = dataset_of(case, _)
    dataset = (
        _("the dataset {which}", which=which) if case.row["release"] else _("a dataset {which}", which=which)
    )
    if not case.row["spans"]:
        return _("{dataset} holds a page at an address of the publisher's.", dataset=dataset)
    if is_on_member_site(case):
        return _("{dataset} holds a page of another member's, with words of the article.", dataset=dataset)
    if case.own_site and is_page_copy(case):
        return _(
            "{dataset} holds a copy of a page of the publisher's own, with words of the article.",
            dataset=dataset,
        )
    if case.own_site is None:
        return _("{dataset} holds a text of unknown address, with words of the article.", dataset=dataset)
    return (
        _(
            "{dataset} holds a page of the publisher's own, with words of the article.",
            dataset=dataset,
        )
        if case.own_site
        else _("{dataset} holds a page of somebody else's, with words of the article.", dataset=dataset)
    )


def is_page_copy(case: ExplainedRow) -> bool:
    """Return whether the page is a copy that an archive, a cache or a translator serves."""
    return copy_at(case.row["document_url"] or "") is not None


def is_on_member_site(case: ExplainedRow) -> bool:
    """Whether the page is on another member's site, by its run or, since then, by its claim."""
    reprint = case.claim is not None and case.claim["kind"] == "reprint"
    return case.own_site is False and bool(reprint or case.row["site_title_id"])


def against_a_claim(case: ExplainedRow, _: Speaker) -> list[str]:
    """Return what speaks against a claim of good letter though the facts are sound: mandate, rights."""
    if case.letter not in ("A", "B") or case.row["article_id"] is None:
        return []
    is_known = case.publisher is not None or case.claim is not None
    lacks_mandate = is_known and case.mandate != "in_force"
    lacks_rights = not case.rights
    return [mandate_in_force(case, _)] * lacks_mandate + [no_right(case, _)] * lacks_rights


def own_words(case: ExplainedRow, _: Speaker) -> list[str]:
    """Return what the page says of itself: nobody has checked it, and the other side will name it."""
    row = case.row
    at, published = row.get("page_published_at"), row["article_published_at"]
    said = []
    if publisher := row.get("page_publisher"):
        said.append(_("publisher: {said}", said=publisher))
    if author := row.get("page_author"):
        said.append(_("author: {said}", said=author))
    if at:
        said.append(_("published on {said}", said=_.moment(at)))
        if published and dated_before(at, published, row.get("article_time_zone")):
            said.append(_("So the page says that it is older than the article."))
    if based_on := row.get("page_based_on"):
        said += [_("it says that it is based on:"), based_on]
    own = row.get("page_canonical_url")
    if own and own != row["document_url"]:
        said += [_("it gives as its own address:"), own]
    return said


def legal_person_of(publisher: Publisher | None, publisher_id: str) -> str:
    """Return the legal person that claims, with its number and address, so far as they are known."""
    if publisher is None:
        return publisher_id
    siren = f"SIREN {publisher.siren}" if publisher.siren else None
    return ", ".join(filter(None, (publisher.legal_name or publisher.name, siren, publisher.address)))


def no_right(case: ExplainedRow, _: Speaker) -> str:
    """Return why no right can be invoked."""
    published = case.row["article_published_at"]
    if published is None:
        return _("The date of publication is not known: no right can be reckoned.")
    return (
        _("The article's date of publication is after the day of judgement: no right is reckoned.")
        if published.date() > case.as_of
        else _("All rights have ended on the day of judgement.")
    )


def mandate_told(case: ExplainedRow, _: Speaker) -> str:
    """Return whether the mandate is in force, and what is known of it."""
    publisher = case.publisher
    if publisher is None or not publisher.has_mandate:
        return mandate_in_force(case, _)
    return f"{mandate_in_force(case, _)} {_terms(publisher, _)}"


def mandate_in_force(case: ExplainedRow, _: Speaker) -> str:
    """Return whether the mandate is in force on the day of judgement."""
    if case.publisher is None and case.claim is None:
        return _("It is not at hand: give --corpus with the corpus of the scan.")
    return _(MANDATES[case.mandate])


def _terms(publisher: Publisher, _: Speaker) -> str:
    ends = []
    if publisher.mandate_from:
        ends.append(_.p("mandate in words", "from {day}", day=_.day(publisher.mandate_from)))
    if publisher.mandate_to:
        ends.append(_("until {day}", day=_.day(publisher.mandate_to)))
    facts = [_("It holds {facts}.", facts=", ".join(ends))] if ends else []
    if document := publisher.mandate_document:
        given = {"path": document.path, "sha256": document.sha256[:12]}
        signed = document.signed_on
        facts.append(
            _("Its deed, of {day}, is {path} (SHA-256 fingerprint {sha256}…).", day=_.day(signed), **given)
            if signed
            else _("Its deed is {path} (SHA-256 fingerprint {sha256}…).", **given)
        )
    return " ".join(facts)


def place_of_page(case: ExplainedRow, _: Speaker) -> str:
    """Return whose site the page stands on."""
    if is_on_member_site(case):
        return _("another member's site")
    if case.own_site and is_page_copy(case):
        return _("an archive, a cache or a translator that shows a page of the publisher named below")
    if case.own_site is None:
        return _("not known, since the address is not known")
    return _("a site of the publisher named below") if case.own_site else _("somebody else's site")


def rights_told(case: ExplainedRow, _: Speaker) -> list[str]:
    """Return the rights that can be invoked, a sentence each; or why there are none."""
    published = case.row["article_published_at"]
    until = _.day(last_day(published.date())) if published else _.p("address", "not known")
    return [_(RIGHTS[right], until=until) for right in case.rights] or [no_right(case, _)]


def _reasons(case: ExplainedRow, _: Speaker) -> Iterator[tuple[bool, str]]:
    """Yield of each reason whether it speaks for the claim, and its sentence."""
    for code in case.reasons or ():
        if code in REASONS:
            yield REASONS[code].caps is None, _(REASONS[code].sentence)


@dataclass(frozen=True, slots=True)
class NamedFact:
    """A fact with its name. `is_code`: it is an address, a digest or the like, which a reader compares."""

    name: str
    value: str
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a claim, in one language.

    `finding`: a sentence. `notes`: sentences about its letter. `measures`: about its words. `reasons`: why it
    has its letter, each with whether it speaks for the claim. `commands`: what fetches its record; none where
    nobody else can.
    """

    letter: str
    finding: str
    notes: Sequence[str]
    article: Sequence[NamedFact]
    page: Sequence[NamedFact]
    measures: Sequence[str]
    reasons: Sequence[tuple[bool, str]]
    commands: Sequence[str]


def told(case: ExplainedRow, _: Speaker) -> Told:
    """Return the account of a case; the case's shard is where its record is asked for."""
    row = case.row
    return Told(
        letter=case.letter,
        finding=_finding(case, _),
        notes=tuple(_notes(case, _)),
        article=tuple(_article(case, _)),
        page=tuple(_page(case, _)),
        measures=tuple(measures_told(case, _))
        if row["spans"]
        else (_("No passage of an article was found on the page."),),
        reasons=tuple(_reasons(case, _)),
        commands=() if scheme_of(case.shard) == "file" else tuple(recipe.commands(row, case.shard)),
    )


def both_ways(address: str, _: Speaker) -> str:
    """Return an address, and if its host is in Punycode, the host in plain letters as well."""
    try:
        host = urlsplit(address).hostname or address
    except ValueError:
        return address
    if ENCODED not in host:
        return address
    try:
        plain = host.encode("ascii").decode("idna")
    except UnicodeError:
        return address
    return _("{ascii} (in plain letters: {plain})", ascii=address, plain=printable(plain))


def _finding(case: ExplainedRow, _: Speaker) -> str:
    """Return the finding as a sentence of its own, without the word `Finding:` before it."""
    sentence = finding_told(case, _)
    return sentence[:1].upper() + sentence[1:]


def _notes(case: ExplainedRow, _: Speaker) -> Iterator[str]:
    yield _(LETTERS[case.letter])
    if besides := against_a_claim(case, _):
        yield _("Note that the letter judges the facts alone. {besides}", besides=" ".join(besides))
    if case.claim and case.claim["confidence"] != case.row["confidence"]:
        yield _(
            "The page alone gave the letter {letter}; what is known from elsewhere lowered it.",
            letter=case.row["confidence"],
        )
    yield _("Judged as of {day}.", day=_.day(case.as_of))


def _article(case: ExplainedRow, _: Speaker) -> Iterator[NamedFact]:
    row = case.row
    yield NamedFact(_.p("of the press", "Title"), case.title.name if case.title else row["title_id"])
    # A holder of rights only if the members file gives the basis.
    is_owner = case.publisher is not None and bool(case.publisher.rights_basis)
    role = _("Owner") if is_owner else _("Publisher")
    yield NamedFact(role, legal_person_of(case.publisher, row["publisher_id"]))
    if row["article_id"] is None:
        yield NamedFact(_("The article"), _("none: this finding is about the page's address alone"))
        return
    if headline := row.get("headline"):
        yield NamedFact(_("Headline"), headline)
    address = row["article_url"]
    yield NamedFact(_("Address"), both_ways(address, _) if address else _("not known"), bool(address))
    yield NamedFact(_("Published"), _.moment(row["article_published_at"]))
    if others := row.get("repeated_by"):
        yield NamedFact(_("Published again in"), ", ".join(others), is_code=True)
    if other := row.get("repeats_article_id"):
        yield NamedFact(_("Claim of the article"), other, is_code=True)
    yield NamedFact(_("Mandate"), mandate_told(case, _))
    yield NamedFact(_("Rights"), " ".join(rights_told(case, _)))
    yield NamedFact(_("Reservation"), _(RESERVATIONS[case.reservation]))
    if digest := row.get("article_sha256"):
        yield NamedFact(_("Digest of the text (SHA-256)"), digest, is_code=True)


def _page(case: ExplainedRow, _: Speaker) -> Iterator[NamedFact]:
    row, claim = case.row, case.claim or {}
    address = row["document_url"]
    if address and row["own_site"] is None:
        yield NamedFact(_("Address"), _("not known (the dataset writes “{said}”)", said=address))
    else:
        yield NamedFact(_("Address"), both_ways(address, _) if address else _("not known"), bool(address))
    yield NamedFact(_("Recorded"), _.moment(row["captured_at"]))
    yield NamedFact(_("Site"), place_of_page(case, _))
    if claim:
        yield NamedFact(_("Kind"), _(KINDS[claim["kind"]]))
    if licence := claim.get("licence_id"):
        yield NamedFact(_("Licence"), _("{id}, in the file of licences", id=licence))
    if review := claim.get("review"):
        yield NamedFact(_("Verdict of a person"), _(VERDICTS[review]))
    if credits := row.get("document_credits"):
        yield NamedFact(_("Credits"), ", ".join(credits))
    if said := own_words(case, _):
        yield NamedFact(_("The page says"), " ".join(said))
    yield NamedFact(_("Dataset"), dataset_of(case, _))
    yield NamedFact(_("File"), without_secrets(case.shard), is_code=True)
    yield NamedFact(_("Place in the file"), _place(case, _))
    yield NamedFact(_("Digest of the row (SHA-256)"), row["row_sha256"], is_code=True)


def _place(case: ExplainedRow, _: Speaker) -> str:
    row = case.row
    first, length = row["record_offset"], row["record_length"]
    if first is None or length is None:
        return _("row {number}, counted from 0", number=_.number(row["row_index"] or 0))
    ends = {"first": _.number(first), "last": _.number(first + length - 1)}
    return (
        _("bytes {first} to {last} of the inflated file", **ends)
        if row["record_encoding"] == "inflated"
        else _("bytes {first} to {last}", **ends)
    )


def measures_told(case: ExplainedRow, _: Speaker) -> Iterator[str]:
    """Yield how many words of the article the page has, and where else these stand, a sentence each."""
    row = case.row
    yield (
        _(
            "The publisher supplied only an excerpt of the article, of {words} words:"
            " {copied} of them are on the page ({share}). The longest run without a break has"
            " {run}.",
            copied=_.number(row["copied_words"]),
            words=_.number(row["article_words"]),
            share=_.share(row["article_coverage"]),
            run=_.number(row["longest_run_words"]),
        )
        if row.get("article_is_excerpt")
        else _(
            "{copied} of the article's {words} words stand on the page ({share}). The longest"
            " run without a break has {run}.",
            copied=_.number(row["copied_words"]),
            words=_.number(row["article_words"]),
            share=_.share(row["article_coverage"]),
            run=_.number(row["longest_run_words"]),
        )
    )
    yield _("Words are compared one by one; capitals, accents and punctuation do not count.")
    if case.claim:
        yield from _elsewhere(case.claim, row, _)


def _elsewhere(claim: Mapping[str, Any], row: Mapping[str, Any], _: Speaker) -> Iterator[str]:
    """Yield what is known of these words on other pages."""
    beyond = claim.get("beyond_words")
    # Of a page at the article's own address, nobody asks where its words come from.
    if beyond is not None and not is_page_itself(row):
        copied, explained = row["copied_words"], row["copied_words"] - beyond
        facts = {"explained": _.number(explained), "copied": _.number(copied)}
        yield (
            _("Words that may come from another source: {explained} of {copied}.", **facts)
            if explained > 0
            else _(
                "Neither the other pages that were scanned nor the texts of reference offer"
                " another source for these words.",
                **facts,
            )
        )
    if first := claim.get("first_capture_at"):
        if first == row["captured_at"]:
            yield _("Among the known pages with a date, none that is older has a passage of the article.")
        else:
            name = (claim.get("first_capture_row") or _.p("address", "not known"))[:12]
            yield _(
                "The oldest known page with a date that has a passage of the article was recorded"
                " on {moment}: it is case {row}.",
                moment=_.moment(first),
                row=name,
            )
    if claim.get("witness_domains") is not None:
        yield _(
            "Other sites, not known to be related to this one, that have some of these words: {count}.",
            count=_.number(claim["witness_domains"]),
        )
