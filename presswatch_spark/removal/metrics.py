"""Metrics of a case for Prometheus: places by state, claims, alarms, and when the last round was begun."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from presswatch_spark.monitoring.metrics import MetricFamily, exposition, labels_of
from presswatch_spark.monitoring.progress import unwritable, write_whole
from presswatch_spark.removal.states import STATES
from presswatch_spark.removal.status import ALARM_KINDS, CaseStatus
from presswatch_spark.storage.objects import printable

FAMILIES: Mapping[str, MetricFamily] = {
    "removal_places": MetricFamily("gauge", "places", "Places of the case, by state.", "state", STATES),
    "removal_claims": MetricFamily("gauge", "claims", "Claims of the case."),
    "removal_claims_removed": MetricFamily(
        "gauge", "claims", "Those of them that are removed at every place."
    ),
    "removal_rounds_total": MetricFamily("counter", "rounds", "Rounds that were begun."),
    "removal_alarms_total": MetricFamily("counter", "alarms", "Alarms of all rounds.", "kind", ALARM_KINDS),
    "removal_round_timestamp_seconds": MetricFamily("gauge", "seconds", "When the last round was begun."),
}


def write_metrics(path: str, status: CaseStatus) -> None:
    """Write the metrics of a case for Prometheus, whole or not at all; `OutputError` if that fails."""
    try:
        write_whole(Path(path), metrics_text(status))
    except OSError as error:
        raise unwritable(Path(path), error) from error


def metrics_text(status: CaseStatus) -> str:
    """Return the metrics of a case in Prometheus's exposition format; each sample names the case."""
    kinds, places = Counter(alarm.kind for alarm in status.alarms), status.counts()
    removed, claims = status.claims()
    last = [datetime.fromisoformat(each.begun_at) for each in status.rounds[-1:]]
    values: Mapping[str, Mapping[str, float]] = {
        "removal_places": {state: places[state] for state in STATES},
        "removal_claims": {"": claims},
        "removal_claims_removed": {"": removed},
        "removal_rounds_total": {"": len(status.rounds)},
        "removal_alarms_total": {kind: kinds[kind] for kind in ALARM_KINDS},
        "removal_round_timestamp_seconds": {"": last[-1].timestamp()} if last else {},
    }
    case = {"case": printable(str(status.case.folder))}

    def samples() -> Iterator[tuple[str, str, float]]:
        for name, family in FAMILIES.items():
            for label, value in values[name].items():
                yield name, labels_of(case | ({family.label: label} if family.label else {})), float(value)

    return exposition(FAMILIES, samples())
