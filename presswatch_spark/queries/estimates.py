"""Estimates of releases, from the published tables of samples."""

from presswatch_spark.sampling.extrapolation import COLUMNS, LOG_COLUMNS, SampleEstimate, estimate
from presswatch_spark.tables.store import TableStore


def estimate_of(store: TableStore, run_id: str, by: str | None = None) -> SampleEstimate:
    """Estimate what the release holds of which the published run read a sample; see `estimate`."""
    (run,) = store.read("runs", run_id).to_pylist()
    log = store.read("scan_log", run_id, columns=LOG_COLUMNS).to_pylist()
    return estimate(run, log, store.read("matches", run_id, columns=COLUMNS), by)
