"""Examples: the strongest copies of the tables, one of each host, with article and page side by side."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from presswatch_spark.claims.case import ExplainedRow, case_of
from presswatch_spark.claims.explain import passages_of
from presswatch_spark.claims.marks import around_marks, as_html, pieces_of, ranges_of
from presswatch_spark.claims.told import LETTERS
from presswatch_spark.errors import PresswatchError
from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.report.cells import Cell, both_ways, url_cell
from presswatch_spark.report.wording import ReportWords, safe
from presswatch_spark.storage.objects import StorageOptions

EXAMPLES = 5
AROUND, CHARACTERS = 160, 1_600
"""Characters of a text that an example shows: so many on each side of what is marked, and so many in all."""
_EMPTY_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Example:
    """A row that is shown: its case, or why the case could not be read."""

    row_sha256: str
    case: ExplainedRow | None
    missing: str | None


def examples_of(
    candidates: Sequence[Mapping[str, Any]],
    tables: str,
    corpus: str | None,
    storage: StorageOptions,
    mirrors: Sequence[Mirror] = (),
) -> list[Example]:
    """Read the cases of at most `EXAMPLES` rows: of several articles, where there are so many.

    Args:
        candidates: rows with `row_sha256` and `article_id`, the strongest first.
    """
    seen, first, rest = set[Any](), list[str](), list[str]()
    for candidate in candidates:
        is_new = candidate["article_id"] not in seen
        seen.add(candidate["article_id"])
        (first if is_new else rest).append(str(candidate["row_sha256"]))
    return [_read(row, tables, corpus, storage, mirrors) for row in (first + rest)[:EXAMPLES]]


def _read(
    row: str, tables: str, corpus: str | None, storage: StorageOptions, mirrors: Sequence[Mirror]
) -> Example:
    # One page that cannot be read must not cost the reader all others.
    try:
        return Example(row, case_of(tables, row, corpus, storage, mirrors), None)
    except PresswatchError as error:
        return Example(row, None, str(error))


def sides_of(case: ExplainedRow) -> dict[str, Markup | None]:
    """Return the longest passage on both sides as HTML, with what stands around it; None for a missing text.

    Words of the article that the page has, too, are marked.
    """
    spans = case.row["spans"] or ()
    if not spans:
        return {"article": None, "document": None}
    passage = passages_of(spans)[0]
    reaches = {"article": passage.article, "document": passage.page}
    texts = {"article": case.article, "document": case.page}
    return {
        side: None if text is None else _excerpt(text, ranges_of(spans, side), reaches[side][0])
        for side, text in texts.items()
    }


def _excerpt(text: str, ranges: Sequence[tuple[Any, Any]], passage: int) -> Markup:
    """Return what surrounds the marks of a text as HTML, from shortly before a passage's first character."""
    near = around_marks(pieces_of(text, ranges), AROUND, CHARACTERS, begin=passage - AROUND)
    return Markup(_EMPTY_LINES.sub("\n", as_html(near)).strip())


@dataclass(frozen=True, slots=True)
class ExampleView:
    """An example with its texts. If its case could not be read, `missing` says why, and the rest is empty."""

    missing: str | None
    letter: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)
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
        host=safe(both_ways(row["document_host"])) if row["document_host"] else None,
        title=_.title(row["title_id"]),
        source=_.source(row["dataset"], row["release"]),
        article_url=url_cell(row["article_url"], _) if row["article_url"] else None,
        document_url=url_cell(row["document_url"], _),
        article=sides["article"],
        document=sides["document"],
        page_missing=str(case.page_missing),
        reasons=[_(LETTERS[case.letter]), *(_(REASONS[code].sentence) for code in codes)],
    )
