"""Tables of the page: answers of queries as cells."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from presswatch_spark.report.cells import Cell, Column, cells_of, columns_of
from presswatch_spark.report.questions import Asked
from presswatch_spark.report.wording import Words

FIRST_ROWS = 10
"""Rows of a table that stand in the page itself, for whoever runs no script."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is shown: its columns, its rows as cells, and the query that gave them."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    query: str
    about: Markup = field(default_factory=Markup)
    left_out: Markup | None = None

    @property
    def first(self) -> Sequence[Sequence[Cell]]:
        """Return the rows that stand in the page itself."""
        return self.rows[:FIRST_ROWS]


def table_of(answer: Asked, names: Sequence[str], say: Words, **more: Any) -> Table:
    """Return the answer of a query as a table with these of its columns; `more` are fields of `Table`."""
    rows = [cells_of(row, names, say) for row in answer.rows]
    return Table(more.pop("name", answer.name), columns_of(names, say), rows, answer.query, **more)
