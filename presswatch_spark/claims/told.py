"""The account of a claim that reports, bags and letters show: its facts in plain words, in one language."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from presswatch_spark.claims import recipe
from presswatch_spark.claims.case import ExplainedRow
from presswatch_spark.claims.letters import is_page_itself
from presswatch_spark.claims.mandates import last_day
from presswatch_spark.claims.phrases import FINDINGS, LETTERS, MANDATES, RESERVATIONS, RIGHTS
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.claims.told_phrases import TOLD
from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.judgement.page_copies import copy_at
from presswatch_spark.judgement.publication import dated_before
from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.show import printable
from presswatch_spark.storage.uris import printable as without_secrets
from presswatch_spark.storage.uris import scheme_of

ENCODED = "xn--"


def dataset_of(case: ExplainedRow, say: Speaker) -> str:
    """Return the release; without one the format is known, which is no dataset's name."""
    return case.row["release"] or say("of format", format=case.row["dataset"])


def finding_of(case: ExplainedRow) -> str:
    """Return which of `FINDINGS` the case is."""
    if not case.row["spans"]:
        return "address"
    if is_on_member_site(case):
        return "member page"
    if case.own_site and is_page_copy(case):
        return "own page copy"
    return {True: "own page", False: "other page", None: "unknown page"}[case.own_site]


def is_page_copy(case: ExplainedRow) -> bool:
    """Return whether the page is a copy that an archive, a cache or a translator serves."""
    return copy_at(case.row["document_url"] or "") is not None


def is_on_member_site(case: ExplainedRow) -> bool:
    """Whether the page is on another member's site, by its run or, since then, by its claim."""
    reprint = case.claim is not None and case.claim["kind"] == "reprint"
    return case.own_site is False and bool(reprint or case.row["site_title_id"])


def against_a_claim(case: ExplainedRow, say: Speaker) -> list[str]:
    """Return what speaks against a claim of good letter though the facts are sound: mandate, rights."""
    if case.letter not in ("A", "B") or case.row["article_id"] is None:
        return []
    is_known = case.publisher is not None or case.claim is not None
    lacks_mandate = is_known and case.mandate != "in_force"
    lacks_rights = not case.rights
    return [mandate_in_force(case, say)] * lacks_mandate + [no_right(case, say)] * lacks_rights


def own_words(case: ExplainedRow, say: Speaker) -> list[str]:
    """Return what the page says of itself: nobody has checked it, and the other side will name it."""
    row = case.row
    at, published = row.get("page_published_at"), row["article_published_at"]
    said = [
        say(f"page {name}", said=row[f"page_{name}"])
        for name in ("publisher", "author")
        if row.get(f"page_{name}")
    ]
    if at:
        said.append(say("page published", said=say.moment(at)))
        if published and dated_before(at, published, row.get("article_time_zone")):
            said.append(say("page earlier"))
    if based_on := row.get("page_based_on"):
        said += [say("based on"), based_on]
    own = row.get("page_canonical_url")
    if own and own != row["document_url"]:
        said += [say("own address"), own]
    return said


def same_words_of(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the other articles of the title with the same words on the page: a phrase's name, and ids."""
    if others := row.get("repeated_by"):
        yield "published again", ", ".join(others)
    if other := row.get("repeats_article_id"):
        yield "repeats", other


def _role_of(publisher: Publisher | None) -> str:
    """Return what a claim calls the publisher: holder of rights only if the members file gives the basis."""
    return "owner" if publisher is not None and publisher.rights_basis else "publisher"


def legal_person_of(publisher: Publisher | None, publisher_id: str) -> str:
    """Return the legal person that claims, with its number and address, so far as they are known."""
    if publisher is None:
        return publisher_id
    siren = f"SIREN {publisher.siren}" if publisher.siren else None
    return ", ".join(filter(None, (publisher.legal_name or publisher.name, siren, publisher.address)))


def no_right(case: ExplainedRow, say: Speaker) -> str:
    """Return why no right can be invoked."""
    published = case.row["article_published_at"]
    if published is None:
        return say("no right undated")
    return say("no right yet" if published.date() > case.as_of else "no right")


def mandate_told(case: ExplainedRow, say: Speaker) -> str:
    """Return whether the mandate is in force, and what is known of it."""
    publisher = case.publisher
    if publisher is None or not publisher.has_mandate:
        return mandate_in_force(case, say)
    return f"{mandate_in_force(case, say)} {_terms(publisher, say)}"


def mandate_in_force(case: ExplainedRow, say: Speaker) -> str:
    """Return whether the mandate is in force on the day of judgement."""
    if case.publisher is None and case.claim is None:
        return say("no mandate")
    return say.of(MANDATES, case.mandate)


def _terms(publisher: Publisher, say: Speaker) -> str:
    ends = [
        say(name, day=say.day(day))
        for name, day in (("from", publisher.mandate_from), ("to", publisher.mandate_to))
        if day
    ]
    facts = [say("mandate facts", facts=", ".join(ends))] if ends else []
    if document := publisher.mandate_document:
        given = {"path": document.path, "sha256": document.sha256[:12]}
        signed = document.signed_on
        facts.append(
            say("dated document", day=say.day(signed), **given) if signed else say("document", **given)
        )
    return " ".join(facts)


def place_of_page(case: ExplainedRow, say: Speaker) -> str:
    """Return whose site the page stands on."""
    if is_on_member_site(case):
        return say("member site")
    if case.own_site and is_page_copy(case):
        return say("own site copy")
    return say({True: "own site", False: "elsewhere", None: "site unknown"}[case.own_site])


def rights_told(case: ExplainedRow, say: Speaker) -> list[str]:
    """Return the rights that can be invoked, a sentence each; or why there are none."""
    published = case.row["article_published_at"]
    until = say.day(last_day(published.date())) if published else say("unknown")
    return [say.of(RIGHTS, right, until=until) for right in case.rights] or [no_right(case, say)]


def _reasons(case: ExplainedRow, say: Speaker) -> Iterator[tuple[bool, str]]:
    """Yield of each reason whether it speaks for the claim, and its sentence."""
    for code in case.reasons or ():
        if code in REASONS:
            yield REASONS[code].caps is None, say.set(REASONS[code].sentence(say.language))


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


def told(case: ExplainedRow, say: Speaker) -> Told:
    """Return the account of a case; the case's shard is where its record is asked for."""
    row = case.row
    return Told(
        letter=case.letter,
        finding=_finding(case, say),
        notes=tuple(_notes(case, say)),
        article=tuple(_article(case, say)),
        page=tuple(_page(case, say)),
        measures=tuple(measures_told(case, say)) if row["spans"] else (say("no words"),),
        reasons=tuple(_reasons(case, say)),
        commands=() if scheme_of(case.shard) == "file" else tuple(recipe.commands(row, case.shard)),
    )


def both_ways(address: str, say: Speaker) -> str:
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
    return say.of(TOLD, "also written", ascii=address, plain=printable(plain))


def _finding(case: ExplainedRow, say: Speaker) -> str:
    """Return the finding as a sentence of its own, without the word `Finding:` before it."""
    named = say("the dataset" if case.row["release"] else "a dataset", which=dataset_of(case, say))
    sentence = say.of(FINDINGS, finding_of(case), dataset=named).partition(": ")[2]
    return sentence[:1].upper() + sentence[1:]


def _notes(case: ExplainedRow, say: Speaker) -> Iterator[str]:
    yield say.of(LETTERS, case.letter)
    if besides := against_a_claim(case, say):
        yield say("facts alone", besides=" ".join(besides))
    if case.claim and case.claim["confidence"] != case.row["confidence"]:
        yield say("lowered", letter=case.row["confidence"])
    yield say("as of", day=say.day(case.as_of))


def _article(case: ExplainedRow, say: Speaker) -> Iterator[NamedFact]:
    row, name = case.row, partial(say.of, TOLD)
    yield NamedFact(name("title"), case.title.name if case.title else row["title_id"])
    yield NamedFact(name(_role_of(case.publisher)), legal_person_of(case.publisher, row["publisher_id"]))
    if row["article_id"] is None:
        yield NamedFact(name("article"), say("none of it"))
        return
    if headline := row.get("headline"):
        yield NamedFact(name("headline"), headline)
    address = row["article_url"]
    yield NamedFact(name("address"), both_ways(address, say) if address else name("unknown"), bool(address))
    yield NamedFact(name("published"), say.moment(row["article_published_at"]))
    yield from (NamedFact(name(label), ids, is_code=True) for label, ids in same_words_of(row))
    yield NamedFact(name("mandate"), mandate_told(case, say))
    yield NamedFact(name("rights"), " ".join(rights_told(case, say)))
    yield NamedFact(name("reservation"), say.of(RESERVATIONS, case.reservation))
    if digest := row.get("article_sha256"):
        yield NamedFact(name("article digest"), digest, is_code=True)


def _page(case: ExplainedRow, say: Speaker) -> Iterator[NamedFact]:
    row, claim, name = case.row, case.claim or {}, partial(say.of, TOLD)
    address = row["document_url"]
    if address and row["own_site"] is None:
        yield NamedFact(name("address"), say("no address", said=address))
    else:
        yield NamedFact(
            name("address"), both_ways(address, say) if address else name("unknown"), bool(address)
        )
    yield NamedFact(name("recorded"), say.moment(row["captured_at"]))
    yield NamedFact(name("site"), place_of_page(case, say))
    if claim:
        yield NamedFact(name("kind"), say(f"kind {claim['kind']}"))
    if licence := claim.get("licence_id"):
        yield NamedFact(name("licence"), say("licence of", id=licence))
    if review := claim.get("review"):
        yield NamedFact(name("review"), name(f"review {review}"))
    if credits := row.get("document_credits"):
        yield NamedFact(name("credits"), ", ".join(credits))
    if said := own_words(case, say):
        yield NamedFact(name("page says"), " ".join(said))
    yield NamedFact(name("dataset"), dataset_of(case, say))
    yield NamedFact(name("file"), without_secrets(case.shard), is_code=True)
    yield NamedFact(name("place"), _place(case, say))
    yield NamedFact(name("row digest"), row["row_sha256"], is_code=True)


def _place(case: ExplainedRow, say: Speaker) -> str:
    row = case.row
    first, length = row["record_offset"], row["record_length"]
    if first is None or length is None:
        return say.of(TOLD, "row", number=say.number(row["row_index"] or 0))
    kind = "inflated bytes" if row["record_encoding"] == "inflated" else "bytes"
    return say.of(TOLD, kind, first=say.number(first), last=say.number(first + length - 1))


def measures_told(case: ExplainedRow, say: Speaker) -> Iterator[str]:
    """Yield how many words of the article the page has, and where else these stand, a sentence each."""
    row = case.row
    yield say(
        "measures excerpt" if row.get("article_is_excerpt") else "measures",
        copied=say.number(row["copied_words"]),
        words=say.number(row["article_words"]),
        share=say.share(row["article_coverage"]),
        run=say.number(row["longest_run_words"]),
    )
    yield say("compared")
    if case.claim:
        yield from _elsewhere(case.claim, row, say)


def _elsewhere(claim: Mapping[str, Any], row: Mapping[str, Any], say: Speaker) -> Iterator[str]:
    """Yield what is known of these words on other pages."""
    beyond = claim.get("beyond_words")
    # Of a page at the article's own address, nobody asks where its words come from.
    if beyond is not None and not is_page_itself(row):
        copied, explained = row["copied_words"], row["copied_words"] - beyond
        facts = {"explained": say.number(explained), "copied": say.number(copied)}
        yield say("explained" if explained > 0 else "none explained", **facts)
    if first := claim.get("first_capture_at"):
        if first == row["captured_at"]:
            yield say("first capture here")
        else:
            name = (claim.get("first_capture_row") or say("unknown"))[:12]
            yield say("first capture", moment=say.moment(first), row=name)
    if claim.get("witness_domains") is not None:
        yield say("witnesses", count=say.number(claim["witness_domains"]))
