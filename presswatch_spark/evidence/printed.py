"""What a PDF shows of a claim, as data for its template: texts alone, of signs that its fonts have."""

from collections.abc import Mapping, Sequence
from typing import Any

from presswatch_spark.claims.exposed import exposure_told, exposures_of, nothing_told, product_of_row
from presswatch_spark.claims.marks import around_marks, pieces_of, ranges_of
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.claims.told import Fact, told
from presswatch_spark.claims.told_phrases import TOLD
from presswatch_spark.evidence.side_by_side import Shown
from presswatch_spark.evidence.typesetting import runs_leftwards, signs

AROUND = 400
"""Characters of a text that are shown before and after copied words."""
SHOWN_MOST = 24_000
"""Characters that are shown of a text in all: some 4,000 words, or eight columns."""


def in_print(shown: Shown, language: str) -> dict[str, Any]:
    """Return what the template shows of a claim.

    `exposure`: sentences, each with the name of the exposure that it is about, if any.
    """
    case, say = shown.case, Speaker(language, for_print=True)
    account, why_not = told(case, say), shown.why_not(say)
    speaking = exposures_of(case.row, case.letter, shown.exposures)
    return {
        "row": case.row["row_sha256"],
        "letter": account.letter,
        "finding": signs(account.finding),
        "notes": [signs(note) for note in account.notes],
        "article": facts_in_print(account.article),
        "page": facts_in_print(account.page),
        "measures": [signs(sentence) for sentence in account.measures],
        "why": say.of(TOLD, "why", letter=account.letter),
        "reasons": [["+" if speaks_for else "−", signs(said)] for speaks_for, said in account.reasons],
        "exposure": [[signs(exposure_told(each, named, say)), each.id] for each, named in speaking]
        or [[nothing_told(product_of_row(case.row), case.letter, say), None]],
        "again": say.of(TOLD, "fetched" if account.commands else "on disk"),
        "commands": [signs(command) for command in account.commands],
        "why_not": say.of(TOLD, "no longer as said", why=why_not) if why_not else "",
        "article_text": _pieces(case.article, case.row, "article", say),
        "article_leftwards": runs_leftwards(case.article or ""),
        "article_missing": shown.missing("article", say),
        "page_text": _pieces(case.page, case.row, "document", say),
        "page_leftwards": runs_leftwards(case.page or ""),
        "page_missing": shown.missing("document", say),
    }


def facts_in_print(facts: Sequence[Fact]) -> list[list[Any]]:
    """Return facts as the templates take them: name, value, whether it is code."""
    return [[signs(fact.name), signs(fact.value), fact.is_code] for fact in facts]


def _pieces(
    text: str | None, row: Mapping[str, Any], side: str, say: Speaker
) -> list[tuple[str, str]] | None:
    """Return copied words with what surrounds them, and what is left out between; None without a text."""
    if text is None:
        return None
    near = around_marks(pieces_of(text, ranges_of(row.get("spans") or (), side)), AROUND, SHOWN_MOST)
    return [
        ("gap", say.of(TOLD, "left out", count=say.number(piece.left_out)))
        if piece.left_out
        else ("copied" if piece.is_copied else "text", signs(piece.text))
        for piece in near
    ]
