"""The rules of `conf/scan.yaml`, in the order in which they are asked."""

from __future__ import annotations

from presswatch_spark.settings.config import GradeRules

GRADES = ("full_copy", "partial_copy", "extract", "url_only")
"""All grades, the gravest first."""


def grade(
    longest_run_words: int, copied_words: int, article_coverage: float, url_match: str, rules: GradeRules
) -> str | None:
    """Grade of a document for an article, or None if there is nothing to report.

    Args:
        longest_run_words, copied_words: in words, as verified.
        article_coverage: share of the article's words that were copied, 0 to 1.
        url_match: `article`, `title` or `none`.
    Returns: `full_copy`, `partial_copy`, `extract`; `url_only` if only the URL speaks; None.
    """
    if longest_run_words < rules.min_run_words:
        return None if url_match == "none" else "url_only"
    if article_coverage >= rules.full_copy_coverage:
        return "full_copy"
    if article_coverage >= rules.partial_copy_coverage or copied_words >= rules.partial_copy_words:
        return "partial_copy"
    return "extract"
