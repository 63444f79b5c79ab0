"""Metrics of cases for Prometheus: places by state, claims, alarms, and when the last round was."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from presswatch_spark.monitoring.metrics import MetricFamily, exposition, labels_of
from presswatch_spark.monitoring.observer import unwritable, write_whole
from presswatch_spark.removal.states import STATES
from presswatch_spark.removal.status import ALARM_KINDS, CaseStatus
from presswatch_spark.storage.objects import printable

UPDATED = "removal_update_timestamp_seconds"
FAMILIES: Mapping[str, MetricFamily] = {
    "removal_places": MetricFamily("gauge", "places", "Places of the case, by state.", "state", STATES),
    "removal_claims": MetricFamily("gauge", "claims", "Claims of the case."),
    "removal_claims_removed": MetricFamily(
        "gauge", "claims", "Those of them that are removed at every place."
    ),
    "removal_claims_left": MetricFamily("gauge", "claims", "Those of them that are not."),
    "removal_rounds_total": MetricFamily("counter", "rounds", "Rounds that were begun."),
    "removal_alarms_total": MetricFamily("counter", "alarms", "Alarms of all rounds.", "kind", ALARM_KINDS),
    "removal_round_alarms": MetricFamily("gauge", "alarms", "Alarms of the last round.", "kind", ALARM_KINDS),
    "removal_round_places": MetricFamily("gauge", "places", "Places that the last round has asked for."),
    "removal_round_timestamp_seconds": MetricFamily("gauge", "seconds", "When the last round was begun."),
    UPDATED: MetricFamily("gauge", "seconds", "When this was written."),
}

Sample = tuple[str, str, float]
"""Family, value of its label if it has one, and what was measured."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of a case at a time."""

    case: str
    samples: Sequence[Sample]

    @classmethod
    def of(cls, status: CaseStatus) -> Self:
        """Measure a case as it stands."""
        return cls(printable(str(status.case.folder)), list(_samples(status)))


def write_metrics(path: str, measured: Sequence[Measures]) -> None:
    """Write how cases stand for Prometheus, whole or not at all; `OutputError` if it cannot be written."""
    try:
        write_whole(Path(path), metrics_text(measured, datetime.now(UTC)))
    except OSError as error:
        raise unwritable(Path(path), error) from error


def metrics_text(measured: Sequence[Measures], now: datetime) -> str:
    """Return how cases stand in Prometheus's exposition format; each sample names its case."""
    updated = (UPDATED, "", now.timestamp())

    def ordered() -> Iterator[Sample]:
        for name, family in FAMILIES.items():
            for each in measured:
                for of_family, label, value in (*each.samples, updated):
                    if of_family == name:
                        pairs = {"case": each.case} | ({family.label: label} if family.label else {})
                        yield name, labels_of(pairs), value

    return exposition(FAMILIES, ordered())


def _samples(status: CaseStatus) -> Iterator[Sample]:
    rounds, alarms, places = status.case.rounds(), status.alarms(), status.counts()
    removed, claims = status.claims()
    last = rounds[-1].number if rounds else 0
    kinds, of_last = (Counter(alarm.kind for alarm in alarms if alarm.round >= first) for first in (1, last))
    yield from (("removal_places", state, float(places[state])) for state in STATES)
    yield "removal_claims", "", float(claims)
    yield "removal_claims_removed", "", float(removed)
    yield "removal_claims_left", "", float(claims - removed)
    yield "removal_rounds_total", "", float(len(rounds))
    yield from (("removal_alarms_total", kind, float(kinds[kind])) for kind in ALARM_KINDS)
    yield from (("removal_round_alarms", kind, float(of_last[kind])) for kind in ALARM_KINDS)
    yield "removal_round_places", "", float(status.course.asked_in(last))
    if rounds:
        begun_at = datetime.fromisoformat(rounds[-1].begun_at)
        yield "removal_round_timestamp_seconds", "", begun_at.timestamp()
