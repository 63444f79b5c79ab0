"""The table `changes` of two published runs: its inputs, its making, and its totals."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.changes.absence import ComparedRun, Doubts, difference_of, doubts_of
from presswatch_spark.changes.states import ARTICLES, STATES, Question
from presswatch_spark.queries.sql import chosen_engine
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.disk import Folder
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.digests import digest_of_packed, packed
from presswatch_spark.tables.seals import Written
from presswatch_spark.tables.sorted_files import SortedFiles, written_columns
from presswatch_spark.tables.store import TableStore, chosen_runs, column_batches

SIDES = ("before", "after")
TABLE = "corpus_articles"
"""The table of the articles of corpora; runs of older versions have none."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Two published runs of `store`, `before` and `after`; `earlier` are the runs before both.

    `doubts`: of each of `SIDES`, why the other run may have missed what that run found. `corpora`: of each,
    the digest of its corpus, or None if the tables lack its articles. `rows`: of all runs.
    """

    store: TableStore
    before: str
    after: str
    earlier: tuple[str, ...]
    doubts: dict[str, Doubts]
    corpora: dict[str, str | None]
    question: Question
    rows: int

    @classmethod
    def of(cls, store: TableStore, before: str, after: str) -> "Inputs":
        """Read the facts of two published runs, but for their rows."""
        runs = {
            "before": ComparedRun.of(store, before, "before"),
            "after": ComparedRun.of(store, after, "after"),
        }
        first, second = runs.values()
        doubts = {"before": doubts_of(first, second), "after": doubts_of(second, first)}
        earlier = tuple(run_id for run_id in store.published() if run_id < before and run_id != after)
        digests = {side: run.row["corpus_digest"] for side, run in runs.items()}
        same = digests["before"] == digests["after"]
        corpora = {
            side: digest if not same and next(articles_of(store, digest), None) else None
            for side, digest in digests.items()
        }
        question = Question(
            before,
            after,
            difference_of(first.row, second.row),
            same,
            {side: digest is not None for side, digest in corpora.items()},
            {side: run.row["corpus_suppressed"] != 0 for side, run in runs.items()},
        )
        read = {before, after, *earlier}
        rows = sum(row["matches"] for row in store.rows() if row["run_id"] in read)
        return cls(store, before, after, earlier, doubts, corpora, question, rows)

    def run_of(self, side: str) -> str:
        """Return the id of the run on one of `SIDES`."""
        return self.before if side == "before" else self.after


def articles_of(store: TableStore, corpus_digest: str) -> Iterator[pa.RecordBatch]:
    """Yield the articles of a corpus in the tables, as `states.ARTICLES`; some may come twice."""
    columns = [*ARTICLES.names, "corpus_digest"]
    for batch in column_batches(store, TABLE, store.published(), columns):
        chosen = batch.filter(pc.equal(batch["corpus_digest"], corpus_digest)).select(ARTICLES.names)
        if len(chosen):
            yield chosen


@dataclass(slots=True)
class ChangeTotals:
    """`counts`: pairs of each state. `doubts`: of each state and doubt. `digests`: 32 bytes of each row."""

    counts: Counter[str] = field(default_factory=Counter)
    doubts: Counter[tuple[str, str]] = field(default_factory=Counter)
    digests: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, rows: pa.Table) -> "ChangeTotals":
        """Add up rows with the columns state, doubt and change_sha256."""
        totals = cls(digests=[packed(digests) for digests in rows["change_sha256"].chunks])
        for group in rows.group_by(["state", "doubt"]).aggregate([([], "count_all")]).to_pylist():
            totals.counts[group["state"]] += group["count_all"]
            if group["doubt"] is not None:
                totals.doubts[group["state"], group["doubt"]] += group["count_all"]
        return totals

    def add(self, others: "ChangeTotals") -> None:
        """Add those of other rows."""
        self.counts += others.counts
        self.doubts += others.doubts
        self.digests += others.digests

    def table_digest(self) -> str:
        """Return the digest of all rows."""
        return digest_of_packed(self.digests)


@dataclass(frozen=True, slots=True)
class ChangesSummary:
    """A published table `changes`: its folder, and the totals of its rows.

    `counts`: pairs of each state. `doubts`: pairs of each state and doubt.
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
        engine: one of `sql.ENGINES`.
        memory: the memory that DuckDB may take before it uses the disk.

    Raises:
        InputError: a run is not published.
        OutputError: `out` already has such a table, or contains something else, or cannot be written.
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
        else:
            from presswatch_spark.changes import in_duckdb

            written = in_duckdb.write(inputs, files, memory, config.run.cores)
        for rows in written_columns(files, written, ("state", "doubt", "change_sha256")):
            totals.add(ChangeTotals.of(pa.Table.from_batches([rows])))
        about["table_digest"] = totals.table_digest()
        return written

    published = publish_derived(out, "changes", (before, after), write, config.storage, about)
    by_state = {state: totals.counts[state] for state in STATES}
    return ChangesSummary(published, by_state, totals.doubts, str(about["table_digest"]), made[0])
