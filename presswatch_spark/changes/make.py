"""Makes the table `changes` of two published runs, by DuckDB or Spark as the size asks, and publishes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from presswatch_spark.changes import in_duckdb
from presswatch_spark.changes.inputs import Inputs
from presswatch_spark.changes.states import STATES
from presswatch_spark.changes.totals import ChangeTotals
from presswatch_spark.queries.engines import chosen_engine
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.disk import Folder
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.published_files import Written
from presswatch_spark.tables.reading import chosen_runs
from presswatch_spark.tables.sorted_files import SortedFiles, written_columns
from presswatch_spark.tables.store import TableStore


@dataclass(frozen=True, slots=True)
class ChangesSummary:
    """A published table `changes`: where it is, and what its rows add up to.

    `counts`: pairs of each state. `doubts`: pairs of each state and doubt, where there is one.
    """

    tables: TableStore
    counts: Mapping[str, int]
    doubts: Mapping[tuple[str, str], int]
    table_digest: str
    engine: str

    @property
    def folder(self) -> Folder:
        """Return the folder of the table."""
        return self.tables.root / "changes"


def compare(
    tables: str,
    before: str,
    after: str,
    out: str,
    config: ScanConfig | None = None,
    *,
    engine: str = "auto",
    memory: str = "500MB",
) -> ChangesSummary:
    """Write the table `changes` of two published runs (`latest`: the newest) to `out`.

    Args:
        engine: one of `engines.ENGINES`.
        memory: what DuckDB may take before it goes on on disk.

    Raises:
        InputError: a run is not published.
        OutputError: `out` already has such a table, or holds something else, or cannot be written.
    """
    config = config or ScanConfig()
    store = TableStore.open(tables, config.storage)
    (before,), (after,) = chosen_runs(store, before), chosen_runs(store, after)
    about, made, totals = dict[str, object](), list[str](), ChangeTotals()

    def write(files: SortedFiles) -> Sequence[Written]:
        inputs = Inputs.of(store, before, after)
        made.append(chosen_engine(engine, inputs.rows))
        if made[0] == "spark":
            from presswatch_spark.changes import in_spark

            written = in_spark.write(inputs, files, config.run.master, config.run.cores)
            for rows in written_columns(files, written, ("state", "doubt", "change_sha256")):
                totals.add(ChangeTotals.of(pa.Table.from_batches([rows])))
        else:
            written = in_duckdb.write(inputs, files, memory, config.run.cores, totals)
        about["table_digest"] = totals.table_digest()
        return written

    published = publish_derived(out, "changes", (before, after), write, config.storage, about)
    by_state = {state: totals.counts[state] for state in STATES}
    return ChangesSummary(published, by_state, totals.doubts, str(about["table_digest"]), made[0])
