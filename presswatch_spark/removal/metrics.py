"""Metrics of cases for Prometheus: places by state, claims, alarms, and when the last round was begun."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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


def write_metrics(path: str, cases: Sequence[CaseStatus]) -> None:
    """Write the metrics of cases for Prometheus, whole or not at all; `OutputError` if that fails."""
    try:
        write_whole(Path(path), metrics_text(cases))
    except OSError as error:
        raise unwritable(Path(path), error) from error


def metrics_text(cases: Sequence[CaseStatus]) -> str:
    """Return the metrics of cases in Prometheus's exposition format; each sample names its case."""
    measured = dict[str, dict[str, dict[str, float]]]()
    for status in cases:
        rounds, places = status.rounds, status.counts()
        kinds = Counter(alarm.kind for alarm in status.alarms())
        removed, claims = status.claims()
        begun = {"": datetime.fromisoformat(rounds[-1].begun_at).timestamp()} if rounds else {}
        measured[printable(str(status.case.folder))] = {
            "removal_places": {state: places[state] for state in STATES},
            "removal_claims": {"": claims},
            "removal_claims_removed": {"": removed},
            "removal_rounds_total": {"": len(rounds)},
            "removal_alarms_total": {kind: kinds[kind] for kind in ALARM_KINDS},
            "removal_round_timestamp_seconds": begun,
        }

    def samples() -> Iterator[tuple[str, str, float]]:
        for name, family in FAMILIES.items():
            for case, values in measured.items():
                for label, value in values[name].items():
                    pairs = {"case": case} | ({family.label: label} if family.label else {})
                    yield name, labels_of(pairs), float(value)

    return exposition(FAMILIES, samples())
