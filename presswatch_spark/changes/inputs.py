"""What changes are made of: two runs, those before them, and the articles of their corpora."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.changes.absence import ComparedRun, Doubts, difference_of, doubts_of
from presswatch_spark.changes.states import ARTICLES, Question
from presswatch_spark.tables.reading import column_batches
from presswatch_spark.tables.store import TableStore

SIDES = ("before", "after")
TABLE = "corpus_articles"
"""The table of the articles of corpora; runs of older versions brought none."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Two published runs of `store`, `before` and `after`; `earlier` are the runs before both.

    `doubts`: of each of `SIDES`, why the other run may have missed what that run found. `corpora`: of each,
    the digest of its corpus, or None if the tables do not hold the articles of that. `rows`: of all runs.
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
        """Read what is known of two published runs, beside their rows."""
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
            side: digest if not same and has_articles(store, digest) else None
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


def has_articles(store: TableStore, corpus_digest: str) -> bool:
    """Say whether the tables hold the articles of a corpus."""
    return next(articles_of(store, corpus_digest), None) is not None


def articles_of(store: TableStore, corpus_digest: str) -> Iterator[pa.RecordBatch]:
    """Yield the articles of a corpus that the tables hold, as `states.ARTICLES`; some may come twice."""
    columns = [*ARTICLES.names, "corpus_digest"]
    for batch in column_batches(store, TABLE, store.published(), columns):
        chosen = batch.filter(pc.equal(batch["corpus_digest"], corpus_digest)).select(ARTICLES.names)
        if len(chosen):
            yield chosen
