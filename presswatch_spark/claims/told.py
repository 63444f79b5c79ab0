"""The account of a claim that reports, bags and letters show: its facts in plain words, in one language."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from presswatch_spark.claims import recipe
from presswatch_spark.claims.case import Case
from presswatch_spark.claims.case_sentences import (
    against_a_claim,
    dataset_of,
    finding_of,
    mandate_told,
    own_words,
    owner_of,
    place_of_page,
    reasons_told,
    rights_told,
)
from presswatch_spark.claims.case_words import measures_told
from presswatch_spark.claims.phrases import FINDINGS, LETTERS, RESERVATIONS
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.claims.told_phrases import TOLD
from presswatch_spark.show import printable
from presswatch_spark.storage.uris import printable as without_secrets
from presswatch_spark.storage.uris import scheme_of

ENCODED = "xn--"


@dataclass(frozen=True, slots=True)
class Fact:
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
    article: Sequence[Fact]
    page: Sequence[Fact]
    measures: Sequence[str]
    reasons: Sequence[tuple[bool, str]]
    commands: Sequence[str]


def told(case: Case, say: Speaker) -> Told:
    """Return the account of a case; the case's shard is where its record is asked for."""
    row = case.row
    return Told(
        letter=case.letter,
        finding=_finding(case, say),
        notes=tuple(_notes(case, say)),
        article=tuple(_article(case, say)),
        page=tuple(_page(case, say)),
        measures=tuple(measures_told(case, say)) if row["spans"] else (say("no words"),),
        reasons=tuple((speaks_for, sentence) for _, speaks_for, sentence in reasons_told(case, say)),
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


def _finding(case: Case, say: Speaker) -> str:
    """Return the finding as a sentence of its own, without the word `Finding:` before it."""
    named = say("the dataset" if case.row["release"] else "a dataset", which=dataset_of(case, say))
    sentence = say.of(FINDINGS, finding_of(case), dataset=named).partition(": ")[2]
    return sentence[:1].upper() + sentence[1:]


def _notes(case: Case, say: Speaker) -> Iterator[str]:
    yield say.of(LETTERS, case.letter)
    if besides := against_a_claim(case, say):
        yield say("facts alone", besides=" ".join(besides))
    if case.claim and case.claim["confidence"] != case.row["confidence"]:
        yield say("lowered", letter=case.row["confidence"])
    yield say("as of", day=say.day(case.as_of))


def _article(case: Case, say: Speaker) -> Iterator[Fact]:
    row, name = case.row, partial(say.of, TOLD)
    yield Fact(name("title"), case.title.name if case.title else row["title_id"])
    yield Fact(name("owner"), owner_of(case.publisher, row["publisher_id"]))
    if row["article_id"] is None:
        yield Fact(name("article"), say("none of it"))
        return
    if headline := row.get("headline"):
        yield Fact(name("headline"), headline)
    address = row["article_url"]
    yield Fact(name("address"), both_ways(address, say) if address else name("unknown"), bool(address))
    yield Fact(name("published"), say.moment(row["article_published_at"]))
    yield Fact(name("mandate"), mandate_told(case, say))
    yield Fact(name("rights"), " ".join(rights_told(case, say)))
    yield Fact(name("reservation"), say.of(RESERVATIONS, case.reservation))
    if digest := row.get("article_sha256"):
        yield Fact(name("article digest"), digest, is_code=True)


def _page(case: Case, say: Speaker) -> Iterator[Fact]:
    row, claim, name = case.row, case.claim or {}, partial(say.of, TOLD)
    address = row["document_url"]
    if address and row["own_site"] is None:
        yield Fact(name("address"), say("no address", said=address))
    else:
        yield Fact(name("address"), both_ways(address, say) if address else name("unknown"), bool(address))
    yield Fact(name("recorded"), say.moment(row["captured_at"]))
    yield Fact(name("site"), place_of_page(case, say))
    if claim:
        yield Fact(name("kind"), say(f"kind {claim['kind']}"))
    if licence := claim.get("licence_id"):
        yield Fact(name("licence"), say("licence of", id=licence))
    if review := claim.get("review"):
        yield Fact(name("review"), name(f"review {review}"))
    if credits := row.get("document_credits"):
        yield Fact(name("credits"), ", ".join(credits))
    if said := own_words(case, say):
        yield Fact(name("page says"), " ".join(said))
    yield Fact(name("dataset"), dataset_of(case, say))
    yield Fact(name("file"), without_secrets(case.shard), is_code=True)
    yield Fact(name("place"), _place(case, say))
    yield Fact(name("row digest"), row["row_sha256"], is_code=True)


def _place(case: Case, say: Speaker) -> str:
    row = case.row
    first, length = row["record_offset"], row["record_length"]
    if first is None or length is None:
        return say.of(TOLD, "row", number=say.number(row["row_index"] or 0))
    kind = "inflated bytes" if row["record_encoding"] == "inflated" else "bytes"
    return say.of(TOLD, kind, first=say.number(first), last=say.number(first + length - 1))
