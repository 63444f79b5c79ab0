"""All facts about a row, and their account in plain words, for reports, bags and letters."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pyarrow.compute as pc

from presswatch_spark.claims import check_recipe
from presswatch_spark.claims.confidence import OWN_KINDS, is_page_itself
from presswatch_spark.claims.marked_text import in_plain_letters
from presswatch_spark.claims.rights_and_mandates import last_day, mandate_of, rights_of
from presswatch_spark.claims.selection import newest_claims
from presswatch_spark.core.errors import InputError
from presswatch_spark.core.scan_values import Title
from presswatch_spark.core.translation import N_, Translator
from presswatch_spark.corpus.members import Publisher
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.grading import dated_before
from presswatch_spark.matching.judgement.originals import copy_at
from presswatch_spark.matching.reservations.verdicts import UNKNOWN
from presswatch_spark.query.pointers.audit import Audit, row_by_digest, settings_of, table_of
from presswatch_spark.query.pointers.fetch import place_of
from presswatch_spark.query.pointers.fetched_records import Failure
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.query.reservations import sites_of_articles
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.uris import canonical, scheme_of, shown_uri
from presswatch_spark.tables.confidence_reasons import REASONS
from presswatch_spark.tables.declarations import Claim, Match, Target
from presswatch_spark.tables.store import TableStore

# Meanings of the values of columns of `claims`.
LETTER_MEANINGS = {
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
PAGE_OWNERS = {
    "own": (
        N_("{dataset} contains one of the publisher's own pages, with words of the article."),
        N_("a site of the publisher named below"),
    ),
    "copy_of_own": (
        N_("{dataset} contains a copy of one of the publisher's own pages, with words of the article."),
        N_("an archive, a cache or a translator that shows a page of the publisher named below"),
    ),
    "member": (
        N_("{dataset} contains a page of another member, with words of the article."),
        N_("another member's site"),
    ),
    "third_party": (
        N_("{dataset} contains a third party's page, with words of the article."),
        N_("a third party's site"),
    ),
    "unknown": (
        N_("{dataset} contains a text of unknown address, with words of the article."),
        N_("not known, since the address is not known"),
    ),
}
"""The finding by the owner of the page, and the name of its site."""
STRINGS_SHOWN = 3
TEXT_SOURCES = {
    "hidden": N_("These words are in text of the page that readers may not see."),
    "json_ld": N_("Not all of these words are in the page's visible text: its metadata (JSON-LD) have them."),
    "script": N_("Not all of these words are in the page's visible text: the data of a script have them."),
    "attribute": N_(
        "Not all of these words are in the page's visible text: attributes of elements have them."
    ),
    "feed": N_("These words are in a feed of articles for programs."),
    "json": N_("These words are in a response with data for programs (JSON)."),
}
VERDICTS = {
    "claim": N_("to be claimed"),
    "no_claim": N_("nothing to claim"),
    "unsure": N_("no conclusion"),
}


@dataclass(frozen=True, slots=True)
class ExplainedRow:
    """All facts about a row of `matches` on the day `as_of`, with its claim, if there is one.

    `article`, `page`: texts; if the page could not be read, `page_missing` is the reason. `shard`: canonical
    URI. `config`: the settings of the run. `mandate`, `rights`, `reservation`: as the columns of `claims`.
    """

    row: Match
    claim: Claim | None
    publisher: Publisher | None
    title: Title | None
    article: str | None
    page: str | None
    page_missing: Failure | None
    shard: str
    config: dict[str, Any]
    as_of: date
    mandate: str
    rights: Sequence[str]
    reservation: str

    @property
    def letter(self) -> str:
        """Return the claim's letter, or without a claim the row's."""
        return self.claim.confidence if self.claim else self.row.confidence

    @property
    def own_site(self) -> bool | None:
        """Return whether the page is on a site of the publisher, by the claim or the row; None if unknown."""
        return True if self.claim and self.claim.kind in OWN_KINDS else self.row.own_site

    @property
    def page_owner(self) -> str:
        """Return the owner of the page, by its row and its claim: a key of `PAGE_OWNERS`."""
        if self.own_site is None:
            return "unknown"
        if self.own_site:
            return "copy_of_own" if copy_at(self.row.document_url or "") else "own"
        is_reprint = self.claim is not None and self.claim.kind == "reprint"
        return "member" if is_reprint or self.row.site_title_id else "third_party"

    @property
    def reasons(self) -> Sequence[str] | None:
        """Return the codes of the claim's reasons, or without a claim the row's; None in the oldest runs."""
        return self.claim.reasons if self.claim else self.row.confidence_reasons


def explained_row(
    tables: str,
    prefix: str,
    corpus_path: str | None,
    storage: StorageOptions,
    mirrors: Sequence[Mirror] = (),
    as_of: date | None = None,
    claims: str | None = None,
) -> ExplainedRow:
    """Gather the facts about the row of `matches` whose `row_sha256` begins with `prefix`.

    `claims`: the folder of claims, by default `tables`. `as_of`: the day of judgement, by default the
    claim's, else today. Raises `InputError` if there is no such row or claim, or several, and `CorpusError`.
    """
    store = TableStore.open(tables, storage)
    row = row_by_digest(store, prefix)
    if not isinstance(row, Match):
        raise InputError(f"this is a row of {table_of(row)}", where=tables, remedy="pass a row of matches")
    judged = TableStore.open(claims, storage) if claims else store
    wanted = pc.field("row_sha256") == row.row_sha256
    claim = newest_claims(judged, wanted).get(row.row_sha256)
    if claims and claim is None:
        remedy = "make claims of all runs: `presswatch claims`"
        raise InputError("this row has no claim", where=claims, remedy=remedy)
    judged_on = date.fromisoformat(claim.as_of) if claim else datetime.now(UTC).date()
    day = as_of or judged_on
    audit = Audit(partial(settings_of, store), storage, mirrors)
    (verdict,) = audit.verdicts([row])
    record = verdict.record
    corpus = Corpus.open(corpus_path, check=False, storage=storage) if corpus_path else None
    publisher, title = owner(corpus, row)
    published, captured = row.article_published_at, row.captured_at
    sites = None if claim else sites_of_articles(store, [row])
    unclaimed = sites.status(row.article_url, captured) if sites else UNKNOWN
    # Mandate and rights of a claim hold for its own day of judgement only.
    as_claimed = claim if day == judged_on else None
    return ExplainedRow(
        row=row,
        claim=claim,
        publisher=publisher,
        title=title,
        article=article_of(corpus, row),
        page=record.text.decode("utf-8", "replace") if record and not verdict.failure else None,
        page_missing=verdict.failure,
        shard=canonical(row.shard_uri),
        config=audit.settings_of(row.run_id).config,
        as_of=day,
        mandate=as_claimed.mandate if as_claimed else mandate_of(publisher, day),
        rights=as_claimed.rights if as_claimed else rights_of(published, captured, day, publisher),
        reservation=claim.reservation if claim else unclaimed,
    )


def owner(corpus: Corpus | None, row: Match) -> tuple[Publisher | None, Title | None]:
    """Return publisher and title of a row, each None if the corpus lacks it."""
    if corpus is None:
        return None, None
    return corpus.registry.by_id.get(row.publisher_id), corpus.registry.titles.get(row.title_id)


def article_body(corpus: Corpus | None, row: Match | Target) -> bytes | None:
    """Return the article's text, UTF-8, if the corpus has it in the version that was scanned."""
    body = corpus.text_of(row.article_id) if corpus and row.article_id else None
    return body if body is not None and hashlib.sha256(body).hexdigest() == row.article_sha256 else None


def article_of(corpus: Corpus | None, row: Match | Target) -> str | None:
    """Return `article_body` as text."""
    body = article_body(corpus, row)
    return None if body is None else body.decode()


def dataset_of(explained: ExplainedRow, _: Translator) -> str:
    """Return the release of a row; without one, a phrase that names the format instead."""
    return explained.row.release or _("of unknown name (format {format})", format=explained.row.dataset)


def finding_of(explained: ExplainedRow, _: Translator) -> str:
    """Return the finding of a row as a sentence, whatever its letter."""
    which, is_named = dataset_of(explained, _), explained.row.release
    dataset = _("the dataset {which}", which=which) if is_named else _("a dataset {which}", which=which)
    if not explained.row.spans:
        return _("{dataset} contains a page at an address of the publisher.", dataset=dataset)
    return _(PAGE_OWNERS[explained.page_owner][0], dataset=dataset)


@dataclass(frozen=True, slots=True)
class NamedFact:
    """A fact with its name. `is_code`: to show in fixed width, as an address or a digest to compare."""

    name: str
    value: str
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class ClaimAccount:
    """The facts of a claim, in one language, as sentences and named facts.

    `notes`: about its letter. `measures`: about its words. `reasons`: of its letter, each with True if it
    supports the claim. `commands`: fetch its record; none if its file is local.
    """

    letter: str
    finding: str
    notes: Sequence[str]
    article: Sequence[NamedFact]
    page: Sequence[NamedFact]
    measures: Sequence[str]
    reasons: Sequence[tuple[bool, str]]
    commands: Sequence[str]


def account_of(explained: ExplainedRow, _: Translator) -> ClaimAccount:
    """Return the account of a row."""
    row, finding = explained.row, finding_of(explained, _)
    reasons = [REASONS[code] for code in explained.reasons or () if code in REASONS]
    return ClaimAccount(
        letter=explained.letter,
        finding=finding[:1].upper() + finding[1:],
        notes=tuple(_notes(explained, _)),
        article=tuple(_article(explained, _)),
        page=tuple(_page(explained, _)),
        measures=tuple(_measures(explained, _))
        if row.spans
        else (_("No passage of an article was found on the page."),),
        reasons=tuple((reason.caps is None, _(reason.sentence)) for reason in reasons),
        commands=()
        if scheme_of(explained.shard) == "file"
        else tuple(check_recipe.commands(row, explained.shard)),
    )


def _notes(explained: ExplainedRow, _: Translator) -> Iterator[str]:
    yield _(LETTER_MEANINGS[explained.letter])
    # The letter judges facts only: a claim of letter A or B may still lack a mandate or rights.
    if explained.letter in ("A", "B") and explained.row.article_id is not None:
        is_known = explained.publisher is not None or explained.claim is not None
        against = [_(MANDATES[explained.mandate])] if is_known and explained.mandate != "in_force" else []
        if not explained.rights:
            against.append(_no_right(explained, _))
        if against:
            yield _("Note that the letter judges only the facts. {besides}", besides=" ".join(against))
    if explained.claim is None:
        yield _(
            "This letter is based on this page only: it was not compared with other known "
            "pages (presswatch claims, then --claims)."
        )
    elif explained.claim.confidence != explained.row.confidence:
        yield _(
            "By itself, the page had the letter {letter}; other sources lowered it.",
            letter=explained.row.confidence,
        )
    yield _("Judged as of {day}.", day=_.day(explained.as_of))


def _no_right(explained: ExplainedRow, _: Translator) -> str:
    published = explained.row.article_published_at
    if published is None:
        return _("The date of publication is not known: no right can be calculated.")
    return (
        _("The article's date of publication is after the day of judgement: no right is calculated.")
        if published.date() > explained.as_of
        else _("All rights have ended on the day of judgement.")
    )


def legal_person_of(publisher: Publisher | None, publisher_id: str) -> str:
    """Return the publisher's legal person, with its SIREN and address if they are known."""
    if publisher is None:
        return publisher_id
    siren = f"SIREN {publisher.siren}" if publisher.siren else None
    return ", ".join(filter(None, (publisher.legal_name or publisher.name, siren, publisher.address)))


def _mandate(explained: ExplainedRow, _: Translator) -> str:
    publisher = explained.publisher
    if publisher is None and explained.claim is None:
        return _("It is not available: pass --corpus with the corpus of the scan.")
    facts, days = [_(MANDATES[explained.mandate])], list[str]()
    if publisher is None or not publisher.has_mandate:
        return facts[0]
    if publisher.mandate_from:
        days.append(_.p("mandate in words", "from {day}", day=_.day(publisher.mandate_from)))
    if publisher.mandate_to:
        days.append(_("until {day}", day=_.day(publisher.mandate_to)))
    if days:
        facts.append(_("It is valid {facts}.", facts=", ".join(days)))
    if document := publisher.mandate_document:
        given = {"path": document.path, "sha256": document.sha256[:12]}
        signed = document.signed_on
        facts.append(
            _("Its deed, of {day}, is {path} (SHA-256 fingerprint {sha256}…).", day=_.day(signed), **given)
            if signed
            else _("Its deed is {path} (SHA-256 fingerprint {sha256}…).", **given)
        )
    return " ".join(facts)


def _article(explained: ExplainedRow, _: Translator) -> Iterator[NamedFact]:
    row, publisher = explained.row, explained.publisher
    yield NamedFact(_.p("of the press", "Title"), explained.title.name if explained.title else row.title_id)
    # Call the publisher an owner only if the members file gives the basis of its rights.
    role = _("Owner") if publisher and publisher.rights_basis else _("Publisher")
    yield NamedFact(role, legal_person_of(publisher, row.publisher_id))
    if row.article_id is None:
        yield NamedFact(_("The article"), _("none: this finding is only about the page's address"))
        return
    if row.headline:
        yield NamedFact(_("Headline"), row.headline)
    yield _address(row.article_url, _)
    yield NamedFact(_("Published"), _.moment(row.article_published_at))
    if row.repeated_by:
        yield NamedFact(_("Published again in"), ", ".join(row.repeated_by), is_code=True)
    if row.repeats_article_id:
        yield NamedFact(_("Claim of the article"), row.repeats_article_id, is_code=True)
    yield NamedFact(_("Mandate"), _mandate(explained, _))
    published = row.article_published_at
    until = _.day(last_day(published.date())) if published else _.p("address", "not known")
    rights = " ".join(_(RIGHTS[right], until=until) for right in explained.rights) or _no_right(explained, _)
    yield NamedFact(_("Rights"), rights)
    yield NamedFact(_("Reservation"), _(RESERVATIONS[explained.reservation]))
    if row.article_sha256:
        yield NamedFact(_("Digest of the text (SHA-256)"), row.article_sha256, is_code=True)


def _page(explained: ExplainedRow, _: Translator) -> Iterator[NamedFact]:
    row, claim = explained.row, explained.claim
    if row.document_url and row.own_site is None:
        yield NamedFact(_("Address"), _("not known (the dataset states “{said}”)", said=row.document_url))
    else:
        yield _address(row.document_url, _)
    yield NamedFact(_("Recorded"), _.moment(row.captured_at))
    yield NamedFact(_("Site"), _(PAGE_OWNERS[explained.page_owner][1]))
    if claim:
        yield NamedFact(_("Kind"), _(KINDS[claim.kind]))
    if claim and claim.licence_id:
        yield NamedFact(_("Licence"), _("{id}, in the file of licences", id=claim.licence_id))
    if claim and claim.review:
        yield NamedFact(_("Verdict of a person"), _(VERDICTS[claim.review]))
    if row.document_credits:
        yield NamedFact(_("Credits"), ", ".join(row.document_credits))
    # The page's metadata are not verified, but the other side will cite them: state them.
    statements = list[str]()
    if row.page_publisher:
        statements.append(_("publisher: {said}", said=row.page_publisher))
    if row.page_author:
        statements.append(_("author: {said}", said=row.page_author))
    if at := row.page_published_at:
        statements.append(_("published on {said}", said=_.moment(at)))
        published = row.article_published_at
        if published and dated_before(at, published, row.article_time_zone):
            statements.append(_("By its own date, the page is older than the article."))
    if row.page_based_on:
        statements += [_("it states as its source:"), row.page_based_on]
    if row.page_canonical_url and row.page_canonical_url != row.document_url:
        statements += [_("it states as its own address:"), row.page_canonical_url]
    if statements:
        yield NamedFact(_("Page metadata"), " ".join(statements))
    yield NamedFact(_("Dataset"), dataset_of(explained, _))
    yield NamedFact(_("File"), shown_uri(explained.shard), is_code=True)
    first, length = row.record_offset, row.record_length
    if first is None or length is None:
        place = _("row {number}, counted from 0", number=_.number(row.row_index or 0))
    else:
        ends = {"first": _.number(first), "last": _.number(first + length - 1)}
        if row.record_encoding == "inflated":
            place = _("bytes {first} to {last} of the inflated file", **ends)
        else:
            place = _("bytes {first} to {last}", **ends)
    yield NamedFact(_("Place in the file"), place)
    if strings := row.text_strings or ():
        shown = [place_of(each) for each in strings[:STRINGS_SHOWN]]
        if more := len(strings) - len(shown):
            shown.append(_("others: {count}", count=more))
        yield NamedFact(_("Strings with the words (bytes of the decoded page in UTF-8)"), "; ".join(shown))
    yield NamedFact(_("Digest of the row (SHA-256)"), row.row_sha256, is_code=True)


def _address(url: str | None, _: Translator) -> NamedFact:
    return NamedFact(_("Address"), with_plain_host(url, _) if url else _("not known"), bool(url))


def with_plain_host(address: str, _: Translator) -> str:
    """Return an address; after one with a Punycode host, also the host in Unicode."""
    try:
        host = urlsplit(address).hostname or address
    except ValueError:
        return address
    plain = in_plain_letters(host)
    return address if plain == host else _("{ascii} (in plain letters: {plain})", ascii=address, plain=plain)


def _measures(explained: ExplainedRow, _: Translator) -> Iterator[str]:
    row, claim = explained.row, explained.claim
    counts = {
        "copied": _.number(row.copied_words),
        "words": _.number(row.article_words or 0),
        "share": _.share(row.article_coverage or 0),
        "run": _.number(row.longest_run_words),
    }
    excerpt = N_(
        "The publisher supplied only an excerpt of the article, of {words} words: {copied} of them are"
        " on the page ({share}). The longest run without a break has {run}."
    )
    whole = N_(
        "{copied} of the article's {words} words are on the page ({share}). The longest"
        " run without a break has {run}."
    )
    yield _(excerpt if row.article_is_excerpt else whole, **counts)
    if row.text_source in TEXT_SOURCES:
        yield _(TEXT_SOURCES[row.text_source])
    yield _("Words are compared one by one; capitals, accents and punctuation do not count.")
    if claim is None:
        return
    # The words of a page at the article's own address need no other source.
    if claim.beyond_words is not None and not is_page_itself(row.url_match, row.own_site):
        if from_elsewhere := max(0, row.copied_words - claim.beyond_words):
            facts = {"explained": _.number(from_elsewhere), "copied": _.number(row.copied_words)}
            yield _("Words that may come from another source: {explained} of {copied}.", **facts)
        else:
            yield _(
                "Neither the other scanned pages nor the reference texts offer"
                " another source for these words."
            )
    if claim.first_capture_at and claim.first_capture_at == row.captured_at:
        yield _("No older page of known date has a passage of the article.")
    elif claim.first_capture_at:
        yield _(
            "The oldest page of known date with a passage of the article was recorded on "
            "{moment} (case {row}).",
            moment=_.moment(claim.first_capture_at),
            row=(claim.first_capture_row or _.p("address", "not known"))[:12],
        )
    if claim.witness_domains is not None:
        yield _(
            "Other sites, not known to be related to this one, that have some of these words: {count}.",
            count=_.number(claim.witness_domains),
        )
