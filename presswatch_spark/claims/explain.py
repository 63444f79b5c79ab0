"""A row's whole case, as a person reads it who knows neither this project nor programming."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import zip_longest
from typing import Any

from presswatch_spark.claims import recipe
from presswatch_spark.claims.case import Case
from presswatch_spark.claims.legal_rights import last_day
from presswatch_spark.claims.phrases import FINDINGS, LETTERS, MANDATES, MONTHS, RESERVATIONS, RIGHTS, SAYS
from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.show import columns_of, printable, utc, wrapped_at

COLUMNS = 80
LABEL_COLUMNS = 16
SPANS_SHOWN, WORDS_SHOWN = 3, 60
SIDE = (COLUMNS - 3) // 2


def case_lines(case: Case, language: str) -> Iterator[str]:
    """Yield the case in `fr` or `en`, in lines of 80 columns; only addresses and commands may be longer."""
    say = _Speaker(language)
    yield from _head(case, say)
    yield from _page(case, say)
    yield from _article(case, say)
    yield from _words(case, say)
    yield from _why(case, say)
    yield from _check(case, say)


class _Speaker:
    """Says things in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._side = 0 if language == "fr" else 1

    def __call__(self, name: str, **facts: object) -> str:
        return SAYS[name][self._side].format(**facts)

    def of(self, phrases: Mapping[str, tuple[str, str]], name: str, **facts: object) -> str:
        """Return the phrase for a value of a table; a value without one stands for itself."""
        return phrases[name][self._side].format(**facts) if name in phrases else name

    def moment(self, at: datetime | None) -> str:
        """Return a moment in words."""
        if at is None:
            return self("unknown")
        at = utc(at)
        clock = f"{at.hour} h {at.minute:02}" if self.language == "fr" else f"{at:%H:%M}"
        return self("moment", day=self.day(at.date()), clock=clock)

    def day(self, day: date) -> str:
        """Return a day in words."""
        number = "1er" if self.language == "fr" and day.day == 1 else str(day.day)
        return f"{number} {MONTHS[self._side][day.month - 1]} {day.year}"

    def number(self, number: int) -> str:
        """Return a whole number, with its thousands apart."""
        return f"{number:,}".replace(",", " " if self.language == "fr" else ",")


def _labelled(label: str, text: str) -> Iterator[str]:
    """Yield a label and its text beside it."""
    room = COLUMNS - LABEL_COLUMNS
    # An address is not broken: it would not be one any more.
    lines = [text] if " " not in text else _wrapped(text, room)
    for line, first in zip(lines, [label, *[""] * len(lines)], strict=False):
        yield f"{first:<{LABEL_COLUMNS}}{printable(line)}".rstrip()


def _paragraph(text: str, mark: str = "") -> Iterator[str]:
    indent = " " * columns_of(mark)
    for k, line in enumerate(_wrapped(text, COLUMNS - len(indent))):
        yield f"{indent if k else mark}{line}"


def _wrapped(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` columns; French punctuation stays with its word."""
    tied = re.sub(r" (?=[:;?!»%])|(?<=«) ", "\xa0", printable(text))
    return [line.replace("\xa0", " ") for line in wrapped_at(tied, width)]


def _title(text: str) -> Iterator[str]:
    yield from ("", text.upper(), "")


def _head(case: Case, say: _Speaker) -> Iterator[str]:
    row = case.row
    yield from _paragraph(say("case", row=row["row_sha256"][:12], run=row["run_id"]))
    yield from _paragraph(say.of(FINDINGS, _finding(case), dataset=row["release"] or row["dataset"]))
    yield from _paragraph(f"{say('letter', letter=case.letter)} {say.of(LETTERS, case.letter)}")
    if case.claim is None:
        yield from _paragraph(say("no claims"))
    elif case.claim["confidence"] != row["confidence"]:
        yield from _paragraph(say("lowered", letter=row["confidence"]))
    yield from _paragraph(say("as of", day=say.day(case.as_of)))


def _finding(case: Case) -> str:
    if not case.row["spans"]:
        return "address"
    return {True: "own page", False: "other page", None: "unknown page"}[case.own_site]


def _page(case: Case, say: _Speaker) -> Iterator[str]:
    row = case.row
    yield from _title(say("the page"))
    yield from _labelled(say("address"), row["document_url"] or say("unknown"))
    yield from _labelled(say("recorded"), say.moment(row["captured_at"]))
    yield from _labelled(say("dataset"), row["release"] or row["dataset"])
    yield from _labelled(say("file"), case.shard.rpartition("/")[2])
    where = {True: "own site", False: "elsewhere", None: "site unknown"}[case.own_site]
    yield from _labelled(say("site"), say(where))
    if credits := row.get("document_credits"):
        yield from _labelled(say("credits"), ", ".join(credits))
    if case.claim:
        yield from _labelled(say("kind"), say(f"kind {case.claim['kind']}"))
        if case.claim["licence_id"]:
            yield from _labelled(say("licence"), case.claim["licence_id"])


def _article(case: Case, say: _Speaker) -> Iterator[str]:
    row = case.row
    yield from _title(say("the article"))
    yield from _labelled(say("title"), case.title.name if case.title else row["title_id"])
    if headline := row.get("headline"):
        yield from _labelled(say("headline"), headline)
    yield from _labelled(say("address"), row["article_url"] or say("unknown"))
    yield from _labelled(say("published"), say.moment(row["article_published_at"]))
    yield from _labelled(say("owner"), _owner(case.publisher, row["publisher_id"]))
    mandate = say.of(MANDATES, case.mandate)
    if case.publisher and case.publisher.has_mandate:
        mandate = f"{mandate} {_mandate(case.publisher, say)}"
    yield from _labelled(say("mandate"), mandate)
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


def _mandate(publisher: Publisher, say: _Speaker) -> str:
    ends = [
        say(name, day=say.day(day))
        for name, day in (("from", publisher.mandate_from), ("to", publisher.mandate_to))
        if day
    ]
    document = publisher.mandate_document
    if document:
        ends.append(say("document", path=document.path, sha256=document.sha256[:12]))
    return say("mandate facts", facts=", ".join(ends)) if ends else ""


def _words(case: Case, say: _Speaker) -> Iterator[str]:
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
            share=f"{row['article_coverage']:.0%}".replace("%", " %" if say.language == "fr" else "%"),
            run=say.number(row["longest_run_words"]),
        )
    )
    yield from _paragraph(say("compared"))
    if case.claim:
        yield from _elsewhere(case.claim, say)
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


def _elsewhere(claim: Mapping[str, Any], say: _Speaker) -> Iterator[str]:
    """Yield what is known of these words on other pages."""
    if claim.get("beyond_words") is not None:
        yield from _paragraph(say("beyond", words=say.number(claim["beyond_words"])))
    if claim.get("first_capture_at"):
        yield from _paragraph(say("first capture", moment=say.moment(claim["first_capture_at"])))
    if claim.get("witness_domains") is not None:
        yield from _paragraph(say("witnesses", count=say.number(claim["witness_domains"])))


def _side_by_side(case: Case, span: Mapping[str, int], say: _Speaker) -> Iterator[str]:
    """Yield a passage of the article, and the same of the page beside it."""
    article = _cut(case.article, span["article_start"], span["article_end"], say)
    page = _cut(case.page, span["document_start"], span["document_end"], say)
    yield from _paragraph(say("passage", words=say.number(span["words"])))
    left, right = (
        [say(name), "-" * SIDE, *text] for name, text in (("in article", article), ("in page", page))
    )
    for one, other in zip_longest(left, right, fillvalue=""):
        yield f"{one}{' ' * (SIDE - columns_of(one))} | {other}".rstrip()


def _cut(text: str | None, start: int, end: int, say: _Speaker) -> list[str]:
    """Return the beginning of a passage, wrapped."""
    if text is None:
        return [say("not here")]
    words = text[start:end].split()
    shown = " ".join(words[:WORDS_SHOWN]) + (" […]" if len(words) > WORDS_SHOWN else "")
    return _wrapped(shown, SIDE)


def _why(case: Case, say: _Speaker) -> Iterator[str]:
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
    if any("texte connu" in reason.fr for reason in known):
        yield from _paragraph(say("known"))
    mends = list(dict.fromkeys(filter(None, (reason.mend(say.language) for reason in known))))
    yield from _title(say("what would change it"))
    for mend in mends or [say("nothing lowers")]:
        yield from _paragraph(mend, "- ")


def _check(case: Case, say: _Speaker) -> Iterator[str]:
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
