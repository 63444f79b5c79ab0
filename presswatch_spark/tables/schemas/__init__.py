"""The schemas of all tables, by family, each column documented.

They are the single source: Spark's types, `docs/reference/tables.md` and the tests derive from them.
"""

from collections.abc import Mapping
from functools import cache

import pyarrow as pa

from presswatch_spark.tables.schemas.census_tables import CAPTURES, CENSUS_LOG, CENSUSES
from presswatch_spark.tables.schemas.corpus_tables import CORPUS_ARTICLES
from presswatch_spark.tables.schemas.derived_tables import DERIVATIONS, DERIVED, MADE_ANEW
from presswatch_spark.tables.schemas.rights_tables import RIGHTS_SIGNALS
from presswatch_spark.tables.schemas.scan_tables import MATCHES, METRICS, RUNS, SCAN_LOG
from presswatch_spark.tables.schemas.tombstones import TOMBSTONES

SCHEMAS: Mapping[str, pa.Schema] = {
    "matches": MATCHES,
    "rights_signals": RIGHTS_SIGNALS,
    "scan_log": SCAN_LOG,
    "metrics": METRICS,
    "corpus_articles": CORPUS_ARTICLES,
    "runs": RUNS,
    "captures": CAPTURES,
    "census_log": CENSUS_LOG,
    "censuses": CENSUSES,
    **DERIVED,
    "derivations": DERIVATIONS,
    "tombstones": TOMBSTONES,
}
"""The tables that a folder of tables may hold."""

__all__ = ["DERIVED", "DIGESTS", "MADE_ANEW", "PUBLISHED_BY", "PUBLISHERS", "SCHEMAS", "columns_without_run"]

PUBLISHERS = ("runs", "censuses", "derivations", "tombstones")
"""The tables with a row for each run, census, derived table or removal.

That row publishes what stands in the others.
"""
PUBLISHED_BY = {
    **dict.fromkeys(("matches", "rights_signals", "scan_log", "metrics", "corpus_articles", "runs"), "runs"),
    **dict.fromkeys(("captures", "census_log", "censuses"), "censuses"),
    **dict.fromkeys((*DERIVED, "derivations"), "derivations"),
    "tombstones": "tombstones",
}
"""The publisher of each table."""
DIGESTS = {"matches": "table_digest", "rights_signals": "signals_digest", "captures": "table_digest"}
"""The column of a publisher's row with the digest of a table."""


@cache
def columns_without_run(table: str) -> pa.Schema:
    """Return the columns of a table as runs write them: no run id yet, and all nullable, as Spark has them."""
    columns = (column for column in SCHEMAS[table] if column.name != "run_id")
    return pa.schema([pa.field(column.name, column.type) for column in columns])
