"""Sentences about a case that all accounts of it share: whose page, which owner, mandate and rights."""

from collections.abc import Iterator
from datetime import timedelta

from presswatch_spark.claims.case import Case
from presswatch_spark.claims.legal_rights import last_day
from presswatch_spark.claims.phrases import MANDATES, RIGHTS
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.judgement.reasons import REASONS

DAY = timedelta(days=1)


def dataset_of(case: Case, say: Speaker) -> str:
    """Return the release; without one the format is known, which is no dataset's name."""
    return case.row["release"] or say("of format", format=case.row["dataset"])


def finding_of(case: Case) -> str:
    """Return which of `FINDINGS` the case is."""
    if not case.row["spans"]:
        return "address"
    if is_on_member_site(case):
        return "member page"
    return {True: "own page", False: "other page", None: "unknown page"}[case.own_site]


def is_on_member_site(case: Case) -> bool:
    """Whether the page is on another member's site, by its run or, since then, by its claim."""
    reprint = case.claim is not None and case.claim["kind"] == "reprint"
    return case.own_site is False and bool(reprint or case.row["site_title_id"])


def against_a_claim(case: Case, say: Speaker) -> list[str]:
    """Return what speaks against a claim of good letter though the facts are sound: mandate, rights."""
    if case.letter not in ("A", "B") or case.row["article_id"] is None:
        return []
    is_known = case.publisher is not None or case.claim is not None
    lacks_mandate = is_known and case.mandate != "in_force"
    lacks_rights = not case.rights
    return [mandate_covers(case, say)] * lacks_mandate + [no_right(case, say)] * lacks_rights


def own_words(case: Case, say: Speaker) -> list[str]:
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
        if published and at < published:
            said.append(say("page earlier" if at < published - DAY else "page as early"))
    if based_on := row.get("page_based_on"):
        said += [say("based on"), based_on]
    own = row.get("page_canonical_url")
    if own and own != row["document_url"]:
        said += [say("own address"), own]
    return said


def owner_of(publisher: Publisher | None, publisher_id: str) -> str:
    """Return the legal person that claims, with its number and address, so far as they are known."""
    if publisher is None:
        return publisher_id
    siren = f"SIREN {publisher.siren}" if publisher.siren else None
    return ", ".join(filter(None, (publisher.legal_name or publisher.name, siren, publisher.address)))


def no_right(case: Case, say: Speaker) -> str:
    """Return why no right can be invoked."""
    published = case.row["article_published_at"]
    if published is None:
        return say("no right undated")
    return say("no right yet" if published.date() > case.as_of else "no right")


def mandate_told(case: Case, say: Speaker) -> str:
    """Return whether the mandate covers the article, and what is known of it."""
    publisher = case.publisher
    if publisher is None or not publisher.has_mandate:
        return mandate_covers(case, say)
    return f"{mandate_covers(case, say)} {_terms(publisher, say)}"


def mandate_covers(case: Case, say: Speaker) -> str:
    """Return whether the mandate covers the article."""
    publisher = case.publisher
    if publisher is None and case.claim is None:
        return say("no mandate")
    # A mandate that is there, and covers nobody knows what.
    if publisher is not None and publisher.has_mandate and case.mandate == "none":
        return say("undated")
    return say.of(MANDATES, case.mandate)


def _terms(publisher: Publisher, say: Speaker) -> str:
    ends = [
        say(name, day=say.day(day))
        for name, day in (("from", publisher.mandate_from), ("to", publisher.mandate_to))
        if day
    ]
    facts = [say("mandate facts", facts=", ".join(ends))] if ends else []
    if document := publisher.mandate_document:
        facts.append(say("document", path=document.path, sha256=document.sha256[:12]))
    return " ".join(facts)


def place_of_page(case: Case, say: Speaker) -> str:
    """Return whose site the page stands on."""
    if is_on_member_site(case):
        return say("member site")
    return say({True: "own site", False: "elsewhere", None: "site unknown"}[case.own_site])


def rights_told(case: Case, say: Speaker) -> list[str]:
    """Return the rights that can be invoked, a sentence each; or why there are none."""
    published = case.row["article_published_at"]
    until = say.day(last_day(published.date())) if published else say("unknown")
    return [say.of(RIGHTS, right, until=until) for right in case.rights] or [no_right(case, say)]


def reasons_told(case: Case, say: Speaker) -> Iterator[tuple[str, bool, str]]:
    """Yield the code of each reason, whether it speaks for the claim, and its sentence."""
    for code in case.reasons or ():
        if code in REASONS:
            yield code, REASONS[code].caps is None, say.set(REASONS[code].sentence(say.language))
