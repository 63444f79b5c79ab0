"""Writes the page as HTML. All text is hostile: whatever an expression of a template gives is escaped."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from presswatch_spark.claims.case import ExplainedRow
from presswatch_spark.claims.marks import marked, ranges_of
from presswatch_spark.claims.reviews import Review
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.claims.told import KINDS, LETTERS, MANDATES, RESERVATIONS, dataset_of
from presswatch_spark.evidence.templates import environment
from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.review.phrases import PHRASES

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
_TEMPLATES = environment(_HERE / "templates")


def page(template: str, language: str, **facts: Any) -> str:
    """Return a page of a template in `fr` or `en`; its texts are `PHRASES`."""
    say = Speaker(language)
    phrase = partial(say.of, PHRASES)
    return _TEMPLATES.get_template(template).render(say=phrase, speaker=say, language=language, **facts)


def facts_of(case: ExplainedRow, say: Speaker) -> dict[str, list[tuple[str, str]]]:
    """Return what the page says of article and page: names of `PHRASES`, each with its value."""
    row, claim, phrase = case.row, case.claim or {}, partial(say.of, PHRASES)
    unknown = phrase("unknown")
    publisher = case.publisher.name if case.publisher else row["publisher_id"]
    share = say.share(row["article_coverage"] or 0)
    article = [
        ("headline", row.get("headline") or unknown),
        ("title", case.title.name if case.title else row["title_id"]),
        ("publisher", publisher),
        ("published", say.moment(row["article_published_at"])),
        ("address", row["article_url"] or unknown),
        ("mandate", say(MANDATES[case.mandate])),
        ("reservation", say(RESERVATIONS[case.reservation])),
    ]
    words = {"copied": say.number(row["copied_words"]), "words": say.number(row["article_words"] or 0)}
    page = [
        ("host", claim.get("document_host") or unknown),
        ("address", row["document_url"] or unknown),
        ("captured", say.moment(row["captured_at"])),
        ("dataset", dataset_of(case, say)),
        ("words", phrase("of words", share=share, **words)),
        ("kind", say(KINDS[claim["kind"]]) if claim else unknown),
        ("row", row["row_sha256"]),
    ]
    if claim.get("review"):
        page.append(("by claims", phrase(claim["review"])))
    return {"article": article, "page": page}


def reasons_of(case: ExplainedRow, say: Speaker) -> list[str]:
    """Return why the claim has its letter, a sentence for each reason."""
    sentences = [say(LETTERS[case.letter])]
    for code in case.reasons or ():
        sentences.append(say(REASONS[code].sentence) if code in REASONS else code)
    return sentences


def texts_of(case: ExplainedRow) -> dict[str, Markup | None]:
    """Return both texts as HTML with copied words marked; None for one that is not at hand."""
    spans = case.row["spans"] or ()
    texts = {"article": case.article, "document": case.page}
    return {
        side: None if text is None else Markup(marked(text, ranges_of(spans, side)))
        for side, text in texts.items()
    }


def given_lines(verdicts: Sequence[Review], say: Speaker) -> list[Mapping[str, str]]:
    """Return verdicts on a row, newest first: who gave which when, and the note."""
    phrase = partial(say.of, PHRASES)
    return [
        {
            "given": phrase(
                "given", reviewer=each.reviewer, at=say.moment(each.at.replace(microsecond=0)),
                verdict=phrase(each.verdict),
            ),
            "note": each.note,
        }
        for each in reversed(verdicts)
    ]  # fmt: skip
