"""A row's whole case, as a person reads it who knows neither this project nor programming."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

from presswatch_spark.claims import recipe
from presswatch_spark.claims.case import Case
from presswatch_spark.claims.legal_rights import last_day
from presswatch_spark.claims.phrases import FINDINGS, LETTERS, MANDATES, RESERVATIONS, RIGHTS
from presswatch_spark.claims.speaker import Speaker, wrapped
from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.judgement.reasons import REASONS, Reason
from presswatch_spark.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.show import columns_of, printable

COLUMNS = 80
LABEL_COLUMNS = 16
SPANS_SHOWN, WORDS_SHOWN = 3, 60
SIDE = (COLUMNS - 3) // 2


def case_lines(case: Case, language: str) -> Iterator[str]:
    """Yield the case in `fr` or `en`, in lines of 80 columns; only addresses and commands may be longer."""
    say = Speaker(language)
    yield from _head(case, say)
    yield from _page(case, say)
    yield from _article(case, say)
    yield from _words(case, say)
    yield from _why(case, say)
    yield from _check(case, say)


def _labelled(label: str, text: str) -> Iterator[str]:
    """Yield a label and its text beside it."""
    room = COLUMNS - LABEL_COLUMNS
    # An address is not broken: it would not be one any more.
    lines = [text] if " " not in text else wrapped(text, room)
    for line, first in zip(lines, [label, *[""] * len(lines)], strict=False):
        yield f"{first:<{LABEL_COLUMNS}}{printable(line)}".rstrip()


def _paragraph(text: str, mark: str = "") -> Iterator[str]:
    indent = " " * columns_of(mark)
    for k, line in enumerate(wrapped(text, COLUMNS - len(indent))):
        yield f"{indent if k else mark}{line}"


def _title(text: str) -> Iterator[str]:
    yield from ("", text.upper(), "")


def _head(case: Case, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from _paragraph(say("case", row=row["row_sha256"][:12], run=row["run_id"]))
    yield from _paragraph(say.of(FINDINGS, _finding(case), dataset=_dataset(case, say)))
    yield from _paragraph(f"{say('letter', letter=case.letter)} {say.of(LETTERS, case.letter)}")
    if case.claim is None:
        yield from _paragraph(say("no claims"))
    elif case.claim["confidence"] != row["confidence"]:
        yield from _paragraph(say("lowered", letter=row["confidence"]))
    yield from _paragraph(say("as of", day=say.day(case.as_of)))


def _dataset(case: Case, say: Speaker) -> str:
    """Return the release; without one the format is known, which is no dataset's name."""
    return case.row["release"] or say("of format", format=case.row["dataset"])


def _finding(case: Case) -> str:
    if not case.row["spans"]:
        return "address"
    return {True: "own page", False: "other page", None: "unknown page"}[case.own_site]


def _page(case: Case, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from _title(say("the page"))
    address = row["document_url"] or say("unknown")
    if row["document_url"] and row["own_site"] is None:
        address = say("no address", said=row["document_url"])
    yield from _labelled(say("address"), address)
    yield from _labelled(say("recorded"), say.moment(row["captured_at"]))
    yield from _labelled(say("dataset"), _dataset(case, say))
    yield from _labelled(say("file"), case.shard.rpartition("/")[2])
    where = {True: "own site", False: "elsewhere", None: "site unknown"}[case.own_site]
    if where == "elsewhere" and row["site_title_id"]:
        where = "member site"
    yield from _labelled(say("site"), say(where))
    if credits := row.get("document_credits"):
        yield from _labelled(say("credits"), ", ".join(credits))
    yield from _own_word(case, say)
    if case.claim:
        yield from _labelled(say("kind"), say(f"kind {case.claim['kind']}"))
        if case.claim["licence_id"]:
            yield from _labelled(say("licence"), case.claim["licence_id"])


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
        said += [say("page earlier")] if published and at < published else []
    for k, line in enumerate(said):
        yield from _labelled("" if k else say("page says"), line)
    if based_on := row.get("page_based_on"):
        yield from _labelled(say("based on"), based_on)
    own = row.get("page_canonical_url")
    if own and own != row["document_url"]:
        yield from _labelled(say("own address"), own)


def _article(case: Case, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from _title(say("the article"))
    yield from _labelled(say("title"), case.title.name if case.title else row["title_id"])
    yield from _labelled(say("owner"), _owner(case.publisher, row["publisher_id"]))
    if row["article_id"] is None:
        yield from _labelled(say("article"), say("none of it"))
        return
    if headline := row.get("headline"):
        yield from _labelled(say("headline"), headline)
    yield from _labelled(say("address"), row["article_url"] or say("unknown"))
    yield from _labelled(say("published"), say.moment(row["article_published_at"]))
    yield from _labelled(say("mandate"), _mandate(case, say))
    published = row["article_published_at"]
    until = say.day(last_day(published.date())) if published else say("unknown")
    rights = [say.of(RIGHTS, right, until=until) for right in case.rights] or [say("no right")]
    for k, right in enumerate(rights):
        yield from _labelled("" if k else say("rights"), right)
    yield from _labelled(say("reservation"), say.of(RESERVATIONS, case.reservation))


def _owner(publisher: Publisher | None, publisher_id: str) -> str:
    if publisher is None:
        return publisher_id
    siren = f"SIREN {publisher.siren}" if publisher.siren else None
    return ", ".join(filter(None, (publisher.legal_name or publisher.name, siren, publisher.address)))


def _mandate(case: Case, say: Speaker) -> str:
    """Return whether the mandate covers the article, and what is known of it."""
    publisher = case.publisher
    if publisher is None:
        return say.of(MANDATES, case.mandate) if case.claim else say("no mandate")
    if not publisher.has_mandate:
        return say.of(MANDATES, case.mandate)
    # A mandate that is there, and covers nobody knows what.
    covers = say("undated") if case.mandate == "none" else say.of(MANDATES, case.mandate)
    return f"{covers} {_terms(publisher, say)}"


def _terms(publisher: Publisher, say: Speaker) -> str:
    ends = [
        say(name, day=say.day(day))
        for name, day in (("from", publisher.mandate_from), ("to", publisher.mandate_to))
        if day
    ]
    document = publisher.mandate_document
    if document:
        ends.append(say("document", path=document.path, sha256=document.sha256[:12]))
    return say("mandate facts", facts=", ".join(ends)) if ends else ""


def _words(case: Case, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from _title(say("the words"))
    if not row["spans"]:
        yield from _paragraph(say("no words"))
        return
    yield from _paragraph(
        say(
            "measures",
            copied=say.number(row["copied_words"]),
            words=say.number(row["article_words"]),
            share=say.share(row["article_coverage"]),
            run=say.number(row["longest_run_words"]),
        )
    )
    yield from _paragraph(say("compared"))
    if case.claim:
        yield from _elsewhere(case.claim, row, say)
    if case.article is None:
        yield from _paragraph(say("no article"))
    if case.page is None:
        yield from _paragraph(say("no page", why=str(case.page_missing)))
    spans = sorted(row["spans"], key=lambda span: -span["words"])
    if case.article is None and case.page is None:
        return
    for span in spans[:SPANS_SHOWN]:
        yield ""
        yield from _side_by_side(case, span, say)
    if len(spans) > SPANS_SHOWN:
        yield ""
        yield from _paragraph(say("more passages", count=len(spans) - SPANS_SHOWN))


def _elsewhere(claim: Mapping[str, Any], row: Mapping[str, Any], say: Speaker) -> Iterator[str]:
    """Yield what is known of these words on other pages."""
    if claim.get("beyond_words") is not None:
        yield from _paragraph(say("beyond", words=say.number(claim["beyond_words"])))
    if first := claim.get("first_capture_at"):
        if first == row["captured_at"]:
            yield from _paragraph(say("first capture here"))
        else:
            name = (claim.get("first_capture_row") or say("unknown"))[:12]
            yield from _paragraph(say("first capture", moment=say.moment(first), row=name))
    if claim.get("witness_domains") is not None:
        yield from _paragraph(say("witnesses", count=say.number(claim["witness_domains"])))


def _side_by_side(case: Case, span: Mapping[str, int], say: Speaker) -> Iterator[str]:
    """Yield a passage of the article, and the same of the page beside it."""
    article = _cut(case.article, span["article_start"], span["article_end"], say)
    page = _cut(case.page, span["document_start"], span["document_end"], say)
    yield from _paragraph(say("passage", words=say.number(span["words"])))
    left, right = (
        [say(name), "-" * SIDE, *text] for name, text in (("in article", article), ("in page", page))
    )
    for one, other in zip_longest(left, right, fillvalue=""):
        yield f"{one}{' ' * (SIDE - columns_of(one))} | {other}".rstrip()


def _cut(text: str | None, start: int, end: int, say: Speaker) -> list[str]:
    """Return the beginning of a passage, wrapped."""
    if text is None:
        return [say("not here")]
    words = text[start:end].split()
    shown = " ".join(words[:WORDS_SHOWN]) + (" […]" if len(words) > WORDS_SHOWN else "")
    return wrapped(shown, SIDE)


def _why(case: Case, say: Speaker) -> Iterator[str]:
    yield from _title(say("why", letter=case.letter))
    reasons = case.reasons
    if reasons is None:
        yield from _paragraph(say("no reasons"))
        return
    known = [REASONS[code] for code in reasons if code in REASONS]
    for reason in known:
        mark = "+ " if reason.caps is None else "- "
        yield from _paragraph(f"{reason.sentence(say.language)} [{reason.code}]", mark)
    yield ""
    yield from _paragraph(say("signs"))
    told = " ".join(reason.fr for reason in known)
    if is_known := "texte connu" in told or "textes connus" in told:
        yield from _paragraph(say("known"))
    if is_known or "membre" in told:
        yield from _paragraph(say("member"))
    if rules := _other_thresholds(case.config):
        yield from _paragraph(say("thresholds", rules=", ".join(rules)))
    yield from _title(say("what would change it"))
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
    if not mends and case.letter not in ("A", "B"):
        mends = [say("lower then")]
    elif not mends:
        itself = case.row["url_match"] == "article"
        mends = [say("nothing lowers page" if itself else "nothing lowers")]
    for mend in mends:
        yield from _paragraph(mend, "- ")
    if case.letter == "C":
        yield ""
        yield from _paragraph(say("for a person"))


def _check(case: Case, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from _title(say("how to check"))
    yield from _paragraph(say("fetch it"))
    yield ""
    yield from (f"    {line}" for line in recipe.commands(row, case.shard))
    longest = max(row["spans"], key=lambda span: span["words"], default=None)
    source, kind = (case.article, "article") if case.article is not None else (case.page, "document")
    if longest is None or source is None:
        return
    passage = source[longest[f"{kind}_start"] : longest[f"{kind}_end"]]
    yield ""
    yield from _paragraph(say("run it"))
    yield ""
    column = recipe.column_of(case.config)
    yield from (f"    {line}".rstrip() for line in recipe.program(row, case.shard, passage, column))
