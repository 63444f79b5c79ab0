"""Shows the claims of a bag: a page in HTML for each, and one PDF of all of them in each language.

What PDFs will show of a claim is kept on disk until all claims are there: a bag may have 10,000 of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from presswatch_spark.claims.case import ExplainedRow, article_of, owner
from presswatch_spark.claims.exposed import exposure_told, exposures_of, nothing_told, product_of_row
from presswatch_spark.claims.exposures import Exposure
from presswatch_spark.claims.marks import around_marks, pieces_of, ranges_of
from presswatch_spark.claims.selection import Selection
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.claims.told import NamedFact, told
from presswatch_spark.claims.told_phrases import TOLD
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.evidence.bag import Bag
from presswatch_spark.evidence.side_by_side import FOLDER, LANGUAGES, ShownClaim, page_of
from presswatch_spark.evidence.typesetting import runs_leftwards, signs
from presswatch_spark.pointers.audit import RowCheck
from presswatch_spark.pointers.checks import OTHER_ARTICLE
from presswatch_spark.storage.uris import canonical

AROUND = 400
"""Characters of a text that are shown before and after copied words."""
SHOWN_MOST = 24_000
"""Characters that are shown of a text in all: some 4,000 words, or eight columns."""


def in_print(shown: ShownClaim, language: str) -> dict[str, Any]:
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


def facts_in_print(facts: Sequence[NamedFact]) -> list[list[Any]]:
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


@dataclass(frozen=True, slots=True)
class Showing:
    """Writes the pages of claims as verdicts on their rows come, and keeps what PDFs will show in `scratch`.

    `with_texts`: whether texts of articles may be shown. `scratch`: a folder.
    """

    bag: Bag
    chosen: Selection
    corpus: Corpus
    exposures: Sequence[Exposure]
    with_texts: bool
    scratch: Path

    def hear(self, verdict: RowCheck) -> None:
        """Show the claim of a row."""
        shown = ShownClaim(self._case(verdict), self.exposures)
        digest = verdict.row["row_sha256"]
        self.bag.write(f"{FOLDER}/{digest}.html", page_of(shown).encode())
        for language in LANGUAGES:
            path = self.scratch / f"{digest}.{language}.json"
            path.write_text(json.dumps(in_print(shown, language)), encoding="utf-8")

    def claims_in_order(self) -> list[str]:
        """Return the rows of the claims by letter, title, article and address of the page."""
        return sorted(self.chosen.rows, key=self._place)

    def printed(self, digest: str, language: str) -> dict[str, Any]:
        """Return what a PDF shows of a claim."""
        found: dict[str, Any] = json.loads((self.scratch / f"{digest}.{language}.json").read_bytes())
        return found

    def _place(self, digest: str) -> tuple[str, ...]:
        row, claim = self.chosen.rows[digest], self.chosen.claims[digest]
        names = ("title_id", "article_id", "document_url")
        return (str(claim["confidence"]), *(str(row[name] or "") for name in names), digest)

    def _case(self, verdict: RowCheck) -> ExplainedRow:
        row, failure, record = verdict.row, verdict.failure, verdict.record
        claim = self.chosen.claims[row["row_sha256"]]
        publisher, title = owner(self.corpus, row)
        # What the corpus has become says nothing of the page.
        is_page = record is not None and (failure is None or failure.reason == OTHER_ARTICLE)
        return ExplainedRow(
            row=row,
            claim=claim,
            publisher=publisher,
            title=title,
            article=article_of(self.corpus, row) if self.with_texts else None,
            page=record.text.decode("utf-8", "replace") if record and is_page else None,
            page_missing=failure,
            shard=canonical(verdict.pointer.uri),
            config={},
            as_of=date.fromisoformat(str(claim["as_of"])),
            mandate=claim["mandate"],
            rights=claim["rights"],
            reservation=claim["reservation"],
        )
