"""Examples: the strongest copies of the tables, one of each host, with article and page side by side."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from presswatch_spark.claims.case import ExplainedRow
from presswatch_spark.claims.explain import passages_of
from presswatch_spark.claims.marks import around_marks, as_html, pieces_of, ranges_of
from presswatch_spark.claims.narrative import LETTERS
from presswatch_spark.errors import PresswatchError
from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.report.cells import Cell, both_ways, url_cell
from presswatch_spark.report.wording import ReportWords, safe
from presswatch_spark.tables.declarations import Match

EXAMPLES = 5
AROUND, CHARACTERS = 160, 1_600
"""Characters of a text that an example shows: so many on each side of what is marked, and so many in all."""
_EMPTY_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Example:
    """A row that is shown: its case, or why the case could not be read."""

    case: ExplainedRow | None
    missing: str | None


def examples_of(
    candidates: Sequence[Mapping[str, Any]], read_case: Callable[[str], ExplainedRow]
) -> list[Example]:
    """Read the cases of at most `EXAMPLES` rows: of several articles, if there are as many.

    Args:
        candidates: rows with `row_sha256` and `article_id`, the strongest first.
    """
    seen, first, rest = set[Any](), list[str](), list[str]()
    for candidate in candidates:
        is_new = candidate["article_id"] not in seen
        seen.add(candidate["article_id"])
        (first if is_new else rest).append(str(candidate["row_sha256"]))
    examples = list[Example]()
    for row in (first + rest)[:EXAMPLES]:
        # One page that cannot be read must not cost the reader all others.
        try:
            examples.append(Example(read_case(row), None))
        except PresswatchError as error:
            examples.append(Example(None, str(error)))
    return examples


def sides_of(case: ExplainedRow) -> dict[str, Markup | None]:
    """Return the longest passage on both sides as HTML, with its surroundings; None for a missing text.

    The words that both texts have are marked.
    """
    spans = case.row.spans or ()
    passage = passages_of(spans)[0] if spans else None
    sides = {"article": case.article, "document": case.page}
    if passage is None:
        return dict.fromkeys(sides)
    begins = {"article": passage.article[0], "document": passage.page[0]}
    excerpts = dict[str, Markup | None]()
    for side, text in sides.items():
        excerpts[side] = None
        if text is not None:
            pieces = pieces_of(text, ranges_of(spans, side))
            near = around_marks(pieces, AROUND, CHARACTERS, begin=begins[side] - AROUND)
            excerpts[side] = Markup(_EMPTY_LINES.sub("\n", as_html(near)).strip())
    return excerpts


@dataclass(frozen=True, slots=True)
class ExampleView:
    """An example with its texts. If its case could not be read, `missing` says why, and the rest is empty."""

    missing: str | None
    letter: str = ""
    row: Match | None = None
    host: Markup | None = None
    title: Markup | None = None
    source: Markup | None = None
    article_url: Cell | None = None
    document_url: Cell | None = None
    article: Markup | None = None
    document: Markup | None = None
    page_missing: str = ""
    reasons: Sequence[Markup] = ()


def example_of(example: Example, _: ReportWords) -> ExampleView:
    """Return an example as the page shows it."""
    case = example.case
    if case is None:
        return ExampleView(example.missing)
    row, sides = case.row, sides_of(case)
    codes = [code for code in case.reasons or () if code in REASONS]
    return ExampleView(
        missing=None,
        letter=case.letter,
        row=row,
        host=safe(both_ways(row.document_host)) if row.document_host else None,
        title=_.title(row.title_id),
        source=_.source(row.dataset, row.release),
        article_url=url_cell(row.article_url, _) if row.article_url else None,
        document_url=url_cell(row.document_url, _),
        article=sides["article"],
        document=sides["document"],
        page_missing=str(case.page_missing),
        reasons=[_(LETTERS[case.letter]), *(_(REASONS[code].sentence) for code in codes)],
    )
