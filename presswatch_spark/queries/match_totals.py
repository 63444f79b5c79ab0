"""Totals of rows of `matches`: by letter, by site, and the addresses, records, articles and hosts they name.

An engine counts in SQL. Rows of this machine that no claim judges are counted by `queries.counted_matches`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from presswatch_spark.judgement.grading import CONFIDENCES
from presswatch_spark.queries.views import RECORD


@dataclass(frozen=True, slots=True)
class MatchTotals:
    """How many rows there are: all, by letter, and by where their documents stand; and what they name.

    `documents` are records; `addresses` known URLs of their pages. `without_host`: rows whose host is not
    known; `hosts` counts those of the others.
    """

    rows: int
    letters: Mapping[str, int]
    own_site: int
    elsewhere: int
    unknown_site: int
    documents: int
    addresses: int
    articles: int
    hosts: int
    without_host: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """Return the totals of the one row that `totals_query` gives."""
        numbers = [number or 0 for number in row]
        rows, own, elsewhere, unknown, documents, addresses, articles, hosts, without_host, *by_letter = (
            numbers
        )
        letters = {letter: count for letter, count in zip(CONFIDENCES, by_letter, strict=True) if count}
        return cls(
            rows, letters, own, elsewhere, unknown, documents, addresses, articles, hosts, without_host
        )


def totals_query(source: str, letter: str, condition: str) -> str:
    """Return a query for the totals of rows of `source`, whose letter is the column `letter`."""

    def rows_where(what: str) -> str:
        return f"sum(case when {what} then 1 else 0 end)"

    # Of 2,000 such texts, DuckDB's own hash of 64 bits gives 60 the number of another one.
    document = f"md5({RECORD})"
    counts = [
        "count(*)",
        rows_where("own_site"),
        rows_where("not own_site"),
        rows_where("own_site is null"),
        f"count(distinct {document})",
        "count(distinct document_url)",
        "count(distinct article_id)",
        "count(distinct document_host)",
        rows_where("document_host is null"),
        *(rows_where(f"{letter} = '{each}'") for each in CONFIDENCES),
    ]
    return f"select {', '.join(counts)} from {source} where {condition}"
