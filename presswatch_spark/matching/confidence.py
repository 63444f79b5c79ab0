"""What a row may be used for: the rules of `conf/scan.yaml`, section `confidence`, in their order."""

from __future__ import annotations

from presswatch_spark.config import ConfidenceRules

CONFIDENCES = ("A", "B", "C", "D")
"""From what speaks for itself to what must not be used."""


def confidence(
    grade: str, url_match: str, ownership: str | None, longest_run_words: int, run_rarity: int | None,
    rules: ConfidenceRules,
) -> str:  # fmt: skip
    """Confidence of a row, one of `CONFIDENCES`.

    Args:
        grade, url_match: as in the row.
        ownership, run_rarity: of the copied text, by `Standing`; None for `url_only`.
        longest_run_words: in words.
    """
    if run_rarity is None:
        return "C"
    rare = run_rarity >= rules.rare_bits
    if rare and url_match == "article" and longest_run_words >= rules.own_url_run_words:
        return "A"
    if rare and ownership == "exclusive":
        if grade == "full_copy":
            return "A"
        if grade == "partial_copy" or run_rarity >= rules.rare_passage_bits:
            return "B"
    return "D" if grade == "extract" and run_rarity < rules.common_bits else "C"
