"""Figures of the table `claims` by kind and letter: addresses, pages, captures, claims, articles and others.

A page may have many rows: one for each article, record and run. It counts once, where its strongest row does,
by letter and then by kind. So do the other things, and each column adds up to its total. What each thing is,
`claims.selection` says. Records are not counted: the table does not have their places.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from presswatch_spark.judgement.grading import CONFIDENCES
from presswatch_spark.queries.sql import answers_of
from presswatch_spark.tables.literals import ClaimKind
from presswatch_spark.tables.store import TableStore

KINDS: tuple[ClaimKind, ...] = get_args(ClaimKind)
OWN_KINDS = ("own_page", "own_page_copy")
"""Kinds of the publisher's own pages, and of their copies in archives, caches and translators."""
THINGS: Mapping[str, str] = {
    "addresses": "document_url",
    "pages": "page",
    "captures": "capture",
    "claims": "claim",
    "articles": "article_id",
    "texts": "text_sha256",
    "hosts": "document_host",
}
"""What is counted, each with the column of the view `claimed` that tells it apart; null is none."""
_KIND = " ".join(f"when '{kind}' then '{number}'" for number, kind in enumerate(KINDS))
_STRENGTH = f"concat(confidence, case kind {_KIND} end)"

Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ClaimCounts:
    """The numbers of rows, and of each of `THINGS`, by kind and letter; no cell is without rows."""

    cells: Mapping[Cell, Mapping[str, int]]

    @property
    def rows(self) -> int:
        """Return the number of all rows."""
        return self.total("rows")

    def total(self, thing: str, kinds: Iterable[str] = KINDS, letters: str = "ABCD") -> int:
        """Return how many rows, or how many of a thing, are in cells of some kinds and letters."""
        wanted = {(kind, letter) for kind in kinds for letter in letters}
        return sum(numbers[thing] for cell, numbers in self.cells.items() if cell in wanted)


def counts_of(store: TableStore, engine: str = "duckdb") -> ClaimCounts:
    """Count the published claims in a folder, by `duckdb` or `spark`; raises as `run_query`."""
    queries = [f"select {_STRENGTH}, count(*) from claims group by 1"]
    queries += [
        f"select strength, count(*) from (select {key}, min({_STRENGTH}) as strength from claimed"
        f" where {key} is not null group by {key}) as strongest group by strength"
        for key in THINGS.values()
    ]
    numbers = {
        name: Counter(
            {
                (KINDS[int(str(strength)[1:])], str(strength)[0]): int(str(count))
                for strength, count in answer.rows
            }
        )
        for name, answer in zip(("rows", *THINGS), answers_of(store, queries, engine), strict=True)
    }
    cells = ((kind, letter) for kind in KINDS for letter in CONFIDENCES if numbers["rows"][kind, letter])
    return ClaimCounts({cell: {name: numbers[name][cell] for name in numbers} for cell in cells})
