"""A row's whole case, as a person reads it who knows neither this project nor programming."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from presswatch_spark.claims import recipe
from presswatch_spark.claims.case import Case
from presswatch_spark.claims.case_layout import heading, labelled, paragraph
from presswatch_spark.claims.case_sentences import (
    against_a_claim,
    dataset_of,
    finding_of,
    mandate_told,
    own_words,
    owner_of,
    place_of_page,
    rights_told,
)
from presswatch_spark.claims.case_words import word_lines
from presswatch_spark.claims.letters import is_page_itself
from presswatch_spark.claims.phrases import FINDINGS, LETTERS, RESERVATIONS
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.judgement.reasons import REASONS, Reason
from presswatch_spark.settings.config import ConfidenceRules, GradeRules


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
    named = say("the dataset" if row["release"] else "a dataset", which=dataset_of(case, say))
    yield from paragraph(say.of(FINDINGS, finding_of(case), dataset=named))
    yield from paragraph(f"{say('letter', letter=case.letter)} {say.of(LETTERS, case.letter)}")
    if besides := against_a_claim(case, say):
        yield from paragraph(say("facts alone", besides=" ".join(besides)))
    if case.claim is None:
        yield from paragraph(say("no claims"))
    elif case.claim["confidence"] != row["confidence"]:
        yield from paragraph(say("lowered", letter=row["confidence"]))
    yield from paragraph(say("as of", day=say.day(case.as_of)))


def _page(case: Case, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from heading(say("the page"))
    address = row["document_url"] or say("unknown")
    if row["document_url"] and row["own_site"] is None:
        address = say("no address", said=row["document_url"])
    yield from labelled(say("address"), address)
    yield from labelled(say("recorded"), say.moment(row["captured_at"]))
    yield from labelled(say("dataset"), dataset_of(case, say))
    yield from labelled(say("file"), case.shard.rpartition("/")[2])
    yield from labelled(say("site"), place_of_page(case, say))
    if credits := row.get("document_credits"):
        yield from labelled(say("credits"), ", ".join(credits))
    for k, line in enumerate(own_words(case, say)):
        yield from labelled("" if k else say("page says"), line)
    if case.claim:
        yield from labelled(say("kind"), say(f"kind {case.claim['kind']}"))
        if case.claim["licence_id"]:
            yield from labelled(say("licence"), say("licence of", id=case.claim["licence_id"]))


def _article(case: Case, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from heading(say("the article"))
    yield from labelled(say("title"), case.title.name if case.title else row["title_id"])
    yield from labelled(say("owner"), owner_of(case.publisher, row["publisher_id"]))
    if row["article_id"] is None:
        yield from labelled(say("article"), say("none of it"))
        return
    if headline := row.get("headline"):
        yield from labelled(say("headline"), headline)
    yield from labelled(say("address"), row["article_url"] or say("unknown"))
    yield from labelled(say("published"), say.moment(row["article_published_at"]))
    yield from labelled(say("mandate"), mandate_told(case, say))
    for k, right in enumerate(rights_told(case, say)):
        yield from labelled("" if k else say("rights"), right)
    yield from labelled(say("reservation"), say.of(RESERVATIONS, case.reservation))


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
