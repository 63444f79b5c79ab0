"""What rows of `matches` add up to: by letter, by site, and the documents, articles and hosts that they name.

An engine counts in SQL. Rows of this machine that no claim judges are counted by `queries.counted_matches`.
What one document is, `tables.documents` says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from presswatch_spark.judgement.grading import CONFIDENCES


@dataclass(frozen=True, slots=True)
class MatchTotals:
    """How many rows there are: all, by letter, and by where their documents stand; and what they name.

    `without_host`: rows whose host is not known; `hosts` counts those of the others.
    """

    rows: int
    letters: Mapping[str, int]
    own_site: int
    elsewhere: int
    unknown_site: int
    documents: int
    articles: int
    hosts: int
    without_host: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """Return the totals of the one row that `totals_query` gives."""
        numbers = [number or 0 for number in row]
        rows, own, elsewhere, unknown, documents, articles, hosts, without_host, *by_letter = numbers
        letters = {letter: count for letter, count in zip(CONFIDENCES, by_letter, strict=True) if count}
        return cls(rows, letters, own, elsewhere, unknown, documents, articles, hosts, without_host)


def totals_query(source: str, letter: str, condition: str) -> str:
    """Return a query for the totals of rows of `source`, whose letter is the column `letter`."""

    def rows_where(what: str) -> str:
        return f"sum(case when {what} then 1 else 0 end)"

    offset, index = (f"coalesce(cast({name} as string), '')" for name in ("record_offset", "row_index"))
    url = "case when record_offset is null and row_index is null then coalesce(document_url, '') else '' end"
    # Of 2,000 such texts, DuckDB's own hash of 64 bits gives 60 the number of another one.
    document = f"md5(concat(shard_uri, ' ', {offset}, ' ', {index}, ' ', {url}))"
    counts = [
        "count(*)",
        rows_where("own_site"),
        rows_where("not own_site"),
        rows_where("own_site is null"),
        f"count(distinct {document})",
        "count(distinct article_id)",
        "count(distinct document_host)",
        rows_where("document_host is null"),
        *(rows_where(f"{letter} = '{each}'") for each in CONFIDENCES),
    ]
    return f"select {', '.join(counts)} from {source} where {condition}"
