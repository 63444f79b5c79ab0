"""Writes the page as HTML. All text is hostile: whatever an expression of a template gives is escaped."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from presswatch_spark.claims.case import ExplainedRow
from presswatch_spark.claims.marks import marked, ranges_of
from presswatch_spark.claims.narrative import KINDS, LETTERS, MANDATES, RESERVATIONS, Speaker, dataset_of
from presswatch_spark.claims.reviews import Review
from presswatch_spark.evidence.typesetting import environment
from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.translation import p

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
STATES = {
    "any": p("filter", "all"),
    "none": p("verdict", "without a verdict"),
    "claim": p("verdict", "claim"),
    "no_claim": p("verdict", "no claim"),
    "unsure": p("verdict", "unsure"),
    "disputed": p("verdict", "reviewers disagree"),
}
"""Verdicts, and what else a filter of them offers."""
_TEMPLATES = environment(_HERE / "templates")


def page(template: str, language: str, **facts: Any) -> str:
    """Return a page of a template in `fr` or `en`."""
    _ = Speaker(language)
    return _TEMPLATES.get_template(template).render(_=_, p=_.p, language=language, **facts)


def facts_of(case: ExplainedRow, _: Speaker) -> dict[str, list[tuple[str, str]]]:
    """Return the facts of article and page: names, each with its value."""
    row, claim = case.row, case.claim
    unknown = _("not known")
    publisher = case.publisher.name if case.publisher else row.publisher_id
    share = _.share(row.article_coverage or 0)
    article = [
        (_("Headline"), row.headline or unknown),
        (_.p("of the press", "Title"), case.title.name if case.title else row.title_id),
        (_("Publisher"), publisher),
        (_("Published"), _.moment(row.article_published_at)),
        (_("Address"), row.article_url or unknown),
        (_("Mandate"), _(MANDATES[case.mandate])),
        (_("Reservation"), _(RESERVATIONS[case.reservation])),
    ]
    words = {"copied": _.number(row.copied_words), "words": _.number(row.article_words or 0)}
    page = [
        (_("Host"), (claim and claim.document_host) or unknown),
        (_("Address"), row.document_url or unknown),
        (_("Captured"), _.moment(row.captured_at)),
        (_("Dataset"), dataset_of(case, _)),
        (_("Words copied"), _("{copied} of {words} ({share})", share=share, **words)),
        (_("Kind"), _(KINDS[claim.kind]) if claim else unknown),
        (_("Row"), row.row_sha256),
    ]
    if claim and claim.review:
        page.append((_("Verdict in these claims"), _(STATES[claim.review])))
    return {"article": article, "page": page}


def reasons_of(case: ExplainedRow, _: Speaker) -> list[str]:
    """Return why the claim has its letter, a sentence for each reason."""
    sentences = [_(LETTERS[case.letter])]
    for code in case.reasons or ():
        sentences.append(_(REASONS[code].sentence) if code in REASONS else code)
    return sentences


def texts_of(case: ExplainedRow) -> dict[str, Markup | None]:
    """Return both texts as HTML with copied words marked; None for one that is not at hand."""
    spans = case.row.spans or ()
    texts = {"article": case.article, "document": case.page}
    return {
        side: None if text is None else Markup(marked(text, ranges_of(spans, side)))
        for side, text in texts.items()
    }


def given_lines(verdicts: Sequence[Review], _: Speaker) -> list[Mapping[str, str]]:
    """Return verdicts on a row, newest first: who gave which when, and the note."""
    return [
        {
            "given": _(
                "{reviewer}, {at}: {verdict}",
                reviewer=each.reviewer,
                at=_.moment(each.at.replace(microsecond=0)),
                verdict=_(STATES[each.verdict]),
            ),
            "note": each.note,
        }
        for each in reversed(verdicts)
    ]
