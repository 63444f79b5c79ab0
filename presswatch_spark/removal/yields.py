"""Yields: whether a run that was published since finds as much as the runs before it.

A later capture that no run found is only absent if the run could have found it. If a site bars the crawler,
the archive filters, or our own reader broke, then a run has far fewer rows for its documents than before. So
each new run is compared with those before it, as a whole and by each title of the case.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

from presswatch_spark.removal.case import Case
from presswatch_spark.removal.recaptures import Tables, finished_at
from presswatch_spark.removal.states import FELL, FEW, STEADY, YIELD
from presswatch_spark.tables.store import TableStore

Row = dict[str, Any]
Counts = Mapping[tuple[str, str], int]
"""Rows of `matches`, by run and title."""

EARLIER = 5
"""So many runs before it say what a run should have."""
FALLEN = 0.5
"""A yield below this share of the usual one fell."""
LEAST_ROWS = 30
"""Fewer rows than these may be chance: then nothing is said."""


def yields_of(tables: Tables, case: Case, targets: Sequence[Row], known: Collection[str]) -> list[Row]:
    """Return a probe for each run published since the case was opened, and for each of its titles.

    Rows of a run are compared with the median of up to five earlier runs of the same dataset and kind of
    release, by documents scanned. Runs without such a run before them are left out.

    Args:
        known: `file_uri` of the yields that the case has already.

    Raises:
        OutputError: a table is not as it was published.
    """
    store = TableStore.open(tables.path, tables.storage)
    # A run of some records alone has other rows for each document.
    runs = sorted((run for run in store.rows("runs") if run["records_planned"] is None), key=finished_at)
    opened_at = datetime.fromisoformat(case.about["opened_at"])
    compared = list[tuple[Row, Sequence[Row]]]()
    for place, run in enumerate(runs):
        earlier = [each for each in runs[:place] if _kind(each) == _kind(run) and each["documents"]]
        is_new = finished_at(run) > opened_at and _place(store, run) not in known
        if is_new and earlier and run["documents"]:
            compared.append((run, earlier[-EARLIER:]))
    if not compared:
        return []
    needed = {each["run_id"] for run, earlier in compared for each in (run, *earlier)}
    counts = _counts(store, {target["title_id"] for target in targets}, needed)
    return [probe for run, earlier in compared for probe in _probes(store, run, earlier, counts)]


def _kind(run: Row) -> tuple[str, str]:
    """Return what makes runs alike: their dataset, and their release without its numbers."""
    return run["dataset"], re.sub(r"\d+", "#", run["release"] or "")


def _place(store: TableStore, run: Row) -> str:
    return store.root.at(run["run_id"])


def _counts(store: TableStore, titles: Collection[str], runs: Collection[str]) -> Counts:
    import pyarrow.dataset as ds

    asked = ds.field("title_id").isin(sorted(titles))
    table = store.open_table("matches", *sorted(runs)).to_table(columns=["run_id", "title_id"], filter=asked)
    found = table.group_by(["run_id", "title_id"]).aggregate([([], "count_all")]).to_pylist()
    return {(row["run_id"], row["title_id"]): row["count_all"] for row in found}


def _probes(store: TableStore, run: Row, earlier: Sequence[Row], counts: Counts) -> Iterator[Row]:
    rows = {each["run_id"]: each["matches"] for each in (run, *earlier)}
    yield _probe(store, run, earlier, "all titles", rows)
    for title in sorted({title for _, title in counts}):
        rows = {each["run_id"]: counts.get((each["run_id"], title), 0) for each in (run, *earlier)}
        probe = _probe(store, run, earlier, f"title {title}", rows)
        if probe["outcome"] != FEW:
            yield probe


def _probe(store: TableStore, run: Row, earlier: Sequence[Row], whose: str, rows: Mapping[str, int]) -> Row:
    usual = median(rows[each["run_id"]] / each["documents"] for each in earlier) * run["documents"]
    found = rows[run["run_id"]]
    outcome = FEW if usual < LEAST_ROWS else FELL if found < FALLEN * usual else STEADY
    others = {each["corpus_digest"] for each in earlier} - {run["corpus_digest"]}
    corpus = "; the corpus is another than before" if others else ""
    return {
        "role": YIELD,
        "outcome": outcome,
        "asked_at": datetime.now(UTC),
        "file_uri": _place(store, run),
        "request": (
            f"READ matches of {whose}: {found:,} rows in {run['documents']:,} documents,"
            f" where {usual:,.0f} are usual{corpus}"
        ),
        "detail": f"compared with {', '.join(each['run_id'] for each in earlier)}",
    }
