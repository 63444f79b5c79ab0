"""A row's whole case, as a person reads it who knows neither this project nor programming."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from presswatch_spark.claims import recipe
from presswatch_spark.claims.case import Case
from presswatch_spark.claims.case_layout import heading, labelled, paragraph
from presswatch_spark.claims.case_words import word_lines
from presswatch_spark.claims.legal_rights import last_day
from presswatch_spark.claims.letters import is_page_itself
from presswatch_spark.claims.phrases import FINDINGS, LETTERS, MANDATES, RESERVATIONS, RIGHTS
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.judgement.reasons import REASONS, Reason
from presswatch_spark.settings.config import ConfidenceRules, GradeRules

DAY = timedelta(days=1)


def case_lines(case: Case, language: str) -> Iterator[str]:
    """Yield the case in `fr` or `en`, in lines of 80 columns; only addresses and commands may be longer."""
    say = Speaker(language)
    yield from _head(case, say)
    yield from _page(case, say)
    yield from _article(case, say)
    yield from word_lines(case, say)
    yield from _why(case, say)
    yield from _check(case, say)


def _head(case: Case, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from paragraph(say("case", row=row["row_sha256"][:12], run=row["run_id"]))
    named = say("the dataset" if row["release"] else "a dataset", which=_dataset(case, say))
    yield from paragraph(say.of(FINDINGS, _finding(case), dataset=named))
    yield from paragraph(f"{say('letter', letter=case.letter)} {say.of(LETTERS, case.letter)}")
    if besides := _against_a_claim(case, say):
        yield from paragraph(say("facts alone", besides=" ".join(besides)))
    if case.claim is None:
        yield from paragraph(say("no claims"))
    elif case.claim["confidence"] != row["confidence"]:
        yield from paragraph(say("lowered", letter=row["confidence"]))
    yield from paragraph(say("as of", day=say.day(case.as_of)))


def _dataset(case: Case, say: Speaker) -> str:
    """Return the release; without one the format is known, which is no dataset's name."""
    return case.row["release"] or say("of format", format=case.row["dataset"])


def _finding(case: Case) -> str:
    if not case.row["spans"]:
        return "address"
    if _is_on_member_site(case):
        return "member page"
    return {True: "own page", False: "other page", None: "unknown page"}[case.own_site]


def _is_on_member_site(case: Case) -> bool:
    """Whether the page is on another member's site, by its run or, since then, by its claim."""
    reprint = case.claim is not None and case.claim["kind"] == "reprint"
    return case.own_site is False and bool(reprint or case.row["site_title_id"])


def _against_a_claim(case: Case, say: Speaker) -> list[str]:
    """Return what speaks against a claim of good letter though the facts are sound: mandate, rights."""
    if case.letter not in ("A", "B") or case.row["article_id"] is None:
        return []
    is_known = case.publisher is not None or case.claim is not None
    lacks_mandate = is_known and case.mandate != "in_force"
    lacks_rights = not case.rights
    return [_covers(case, say)] * lacks_mandate + [_no_right(case, say)] * lacks_rights


def _page(case: Case, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from heading(say("the page"))
    address = row["document_url"] or say("unknown")
    if row["document_url"] and row["own_site"] is None:
        address = say("no address", said=row["document_url"])
    yield from labelled(say("address"), address)
    yield from labelled(say("recorded"), say.moment(row["captured_at"]))
    yield from labelled(say("dataset"), _dataset(case, say))
    yield from labelled(say("file"), case.shard.rpartition("/")[2])
    where = {True: "own site", False: "elsewhere", None: "site unknown"}[case.own_site]
    if _is_on_member_site(case):
        where = "member site"
    yield from labelled(say("site"), say(where))
    if credits := row.get("document_credits"):
        yield from labelled(say("credits"), ", ".join(credits))
    yield from _own_word(case, say)
    if case.claim:
        yield from labelled(say("kind"), say(f"kind {case.claim['kind']}"))
        if case.claim["licence_id"]:
            yield from labelled(say("licence"), say("licence of", id=case.claim["licence_id"]))


def _own_word(case: Case, say: Speaker) -> Iterator[str]:
    """Yield what the page says of itself: nobody has checked it, and the other side will name it."""
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
    for k, line in enumerate(said):
        yield from labelled("" if k else say("page says"), line)


def _article(case: Case, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from heading(say("the article"))
    yield from labelled(say("title"), case.title.name if case.title else row["title_id"])
    yield from labelled(say("owner"), _owner(case.publisher, row["publisher_id"]))
    if row["article_id"] is None:
        yield from labelled(say("article"), say("none of it"))
        return
    if headline := row.get("headline"):
        yield from labelled(say("headline"), headline)
    yield from labelled(say("address"), row["article_url"] or say("unknown"))
    yield from labelled(say("published"), say.moment(row["article_published_at"]))
    yield from labelled(say("mandate"), _mandate(case, say))
    published = row["article_published_at"]
    until = say.day(last_day(published.date())) if published else say("unknown")
    rights = [say.of(RIGHTS, right, until=until) for right in case.rights]
    for k, right in enumerate(rights or [_no_right(case, say)]):
        yield from labelled("" if k else say("rights"), right)
    yield from labelled(say("reservation"), say.of(RESERVATIONS, case.reservation))


def _owner(publisher: Publisher | None, publisher_id: str) -> str:
    if publisher is None:
        return publisher_id
    siren = f"SIREN {publisher.siren}" if publisher.siren else None
    return ", ".join(filter(None, (publisher.legal_name or publisher.name, siren, publisher.address)))


def _no_right(case: Case, say: Speaker) -> str:
    """Return why no right can be invoked."""
    published = case.row["article_published_at"]
    if published is None:
        return say("no right undated")
    return say("no right yet" if published.date() > case.as_of else "no right")


def _mandate(case: Case, say: Speaker) -> str:
    """Return whether the mandate covers the article, and what is known of it."""
    publisher = case.publisher
    if publisher is None or not publisher.has_mandate:
        return _covers(case, say)
    return f"{_covers(case, say)} {_terms(publisher, say)}"


def _covers(case: Case, say: Speaker) -> str:
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


def _why(case: Case, say: Speaker) -> Iterator[str]:
    yield from heading(say("why", letter=case.letter))
    reasons = case.reasons
    if reasons is None:
        yield from paragraph(say("no reasons"))
        return
    known = [REASONS[code] for code in reasons if code in REASONS]
    for reason in known:
        mark = "+ " if reason.caps is None else "- "
        yield from paragraph(f"{reason.sentence(say.language)} [{reason.code}]", mark)
    yield ""
    yield from paragraph(say("signs"))
    told = " ".join(reason.fr for reason in known)
    if "copié" in told:
        yield from paragraph(say("copied"))
    if is_known := "texte connu" in told or "textes connus" in told:
        yield from paragraph(say("known"))
    if is_known or "membre" in told:
        yield from paragraph(say("member"))
    if rules := _other_thresholds(case.config):
        yield from paragraph(say("thresholds", rules=", ".join(rules)))
    yield from heading(say("what would change it"))
    yield from _mends(case, known, say)


def _other_thresholds(config: Mapping[str, Any]) -> list[str]:
    """Return the rules of a run that differ from those that the sentences of reasons name."""
    usual = {"grade": asdict(GradeRules()), "confidence": asdict(ConfidenceRules())}
    return [
        f"{section}.{name} = {value}"
        for section, rules in usual.items()
        for name, value in config.get(section, {}).items()
        if name in rules and value != rules[name]
    ]


def _mends(case: Case, known: Sequence[Reason], say: Speaker) -> Iterator[str]:
    """Yield what would change the letter."""
    mends = list(dict.fromkeys(filter(None, (reason.mend(say.language) for reason in known))))
    is_good = case.letter in ("A", "B")
    if not mends:
        mends = [say("nothing lowers" if is_good else "lower then")]
    elif len(mends) > 1 and not is_good:
        yield from paragraph(say("each holds"))
    if is_good:
        own = "itself" if is_page_itself(case.row) else "own" if case.own_site else ""
        mends.append(say(f"falls {own}".rstrip()))
    for mend in mends:
        yield from paragraph(mend, "- ")
    if case.letter == "C":
        yield ""
        yield from paragraph(say("for a person"))


def _check(case: Case, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from heading(say("how to check"))
    yield from paragraph(say("fetch it"))
    if needs := recipe.needs(row, case.shard):
        yield from paragraph(say("needs", what=", ".join(map(say, needs))))
    yield ""
    yield from (f"    {line}" for line in recipe.commands(row, case.shard))
    passage = _longest_passage(case)
    yield ""
    yield from paragraph(f"{say('run it')} {say('words there')}" if passage else say("run it"))
    yield ""
    column = recipe.column_of(case.config)
    yield from (f"    {line}".rstrip() for line in recipe.program(row, case.shard, passage, column))


def _longest_passage(case: Case) -> str | None:
    """Return words that follow each other in the article and on the page; None if none are at hand."""
    longest = max(case.row["spans"], key=lambda span: span["words"], default=None)
    source, kind = (case.article, "article") if case.article is not None else (case.page, "document")
    if longest is None or source is None:
        return None
    return source[longest[f"{kind}_start"] : longest[f"{kind}_end"]]
