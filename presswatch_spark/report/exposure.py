"""The section about exposure: which publishers of models say that they trained on the datasets found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from presswatch_spark.claims.exposed import Exposed
from presswatch_spark.claims.exposures import Exposure, load_exposures
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore


@dataclass(frozen=True, slots=True)
class Exposures:
    """What publishers say of the datasets that hold the articles.

    `rows`: how many articles each dataset, release and entry has; `entries`: what the publishers say, by id.
    `query` gives the rows; None if no entry speaks of what was found. `unknown`: rows that do not say what
    dataset they are of; `without_language`: rows that name no language, where only some are meant.
    """

    query: str | None
    rows: Sequence[Mapping[str, Any]]
    entries: Mapping[str, Exposure]
    unknown: int
    without_language: int


def exposures_of(store: TableStore, engine: str, storage: StorageOptions) -> Exposures:
    """Join the tables to what publishers say; raises `OutputError` as `queries.sql.run_query`."""
    exposed = Exposed.of(store, load_exposures(None, storage), engine)
    return Exposures(
        query=exposed.query(()),
        rows=list(exposed.totals()),
        entries={entry.id: entry for entry in exposed.exposures},
        unknown=sum(group.rows for group in exposed.unknown),
        without_language=exposed.without_language,
    )
