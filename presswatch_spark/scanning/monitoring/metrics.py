"""Metrics of a run, for the table `metrics` and for Prometheus: sums over its log, and figures of the run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias

from presswatch_spark.core.terminal import plural
from presswatch_spark.tables.column_values import GRADES, SHARD_FAILURES, SHARD_STATUSES

PREFIX = "presswatch_"
STAGES = ("read", "sieve", "verify", "signals")
STATES = ("running", "published", "stopped")


@dataclass(frozen=True, slots=True)
class Terms:
    """Names in events of a kind of run, of its shards, and of what its log counts."""

    run: str = "scan"
    shard: str = "shard"
    document: str = "document"
    text_bytes: str = "text_bytes"
    match: str = "match"

    @property
    def documents(self) -> str:
        """Return the column with the number of documents."""
        return plural(self.document)

    @property
    def matches(self) -> str:
        """Return the column with the number of matches."""
        return plural(self.match)


SCAN = Terms()
CENSUS = Terms("census", "index file", "row", "bytes_read", "capture")
SEALED_SCAN = Terms("sealed scan", match="candidate")
TERMS: Mapping[str, Terms] = {"runs": SCAN, "sealed_scans": SEALED_SCAN, "censuses": CENSUS}
"""The terms of a kind of run, by the table whose rows publish such runs."""


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """Samples of one name, told apart by `label`.

    `values`: values of the label that always have a sample. `run`: the only kind of run with such samples.
    `column`: the column of `scan_log` or `census_log` that is added up, if the label is `host` by host.
    """

    kind: Literal["counter", "gauge"]
    unit: str
    meaning: str
    label: str = ""
    values: tuple[str, ...] = ()
    run: str = ""
    column: str = ""


_counter, _gauge = partial(MetricFamily, "counter"), partial(MetricFamily, "gauge")


def _sum(column: str, unit: str, meaning: str, label: str = "", run: str = "") -> MetricFamily:
    return MetricFamily("counter", unit, meaning, label, run=run, column=column)


FAMILIES: Mapping[str, MetricFamily] = {
    "run_info": _gauge("runs", "The run, by its labels."),
    "run_state": _gauge("runs", "1 for the state that the run is in.", "state", STATES),
    "run_start_timestamp_seconds": _gauge("seconds", "When the run was first started."),
    "run_age_seconds": _gauge("seconds", "Time since then, when the metrics were written."),
    "run_update_timestamp_seconds": _gauge("seconds", "When the metrics were written."),
    "last_success_timestamp_seconds": _gauge("seconds", "When a run was last published here."),
    "shards_planned": _gauge("shards", "Shards in the plan."),
    "shards_total": _counter("shards", "Shards that are done.", "status", SHARD_STATUSES),
    "shard_failures_total": _counter("shards", "Incomplete shards, by cause.", "cause", SHARD_FAILURES),
    "shard_retries_total": _counter("tries", "Tries of shards beyond the first."),
    "shard_seconds_total": _sum("seconds", "seconds", "Core time spent on shards, including waiting."),
    "slowest_shard_seconds": _gauge("seconds", "Longest time spent on a shard since this process began."),
    "host_shard_seconds_total": _sum("seconds", "seconds", "Core time spent on shards, by host.", "host"),
    "host_read_bytes_total": _sum(
        "bytes_read", "bytes", "Bytes of shards read from storage, by host.", "host"
    ),
    "host_documents_total": _sum("documents", "documents", "Documents scanned, by host.", "host", run="scan"),
    "stage_seconds_total": _counter(
        "seconds", "Core time spent on shards, by stage.", "stage", STAGES, "scan"
    ),
    "documents_total": _sum("documents", "documents", "Documents scanned.", run="scan"),
    "documents_without_url_total": _sum(
        "documents_without_url", "documents", "Documents with an unknown URL.", run="scan"
    ),
    "documents_skipped_total": _sum(
        "documents_skipped", "documents", "Documents left out on purpose.", run="scan"
    ),
    "text_bytes_total": _sum("text_bytes", "bytes", "Bytes of text scanned.", run="scan"),
    "read_bytes_total": _sum("bytes_read", "bytes", "Bytes of shards read from storage."),
    "candidates_total": _sum(
        "candidates", "pairs", "Pairs that the sieve selected for verification.", run="scan"
    ),
    "matches_total": _counter("rows", "Rows of `matches`.", "grade", GRADES, "scan"),
    "signals_total": _sum("signals", "rows", "Rows of `rights_signals`.", run="scan"),
    "index_rows_total": _sum("rows", "rows", "Rows of the index.", run="census"),
    "captures_total": _sum("captures", "rows", "Rows of `captures`.", run="census"),
    "waves_total": _counter("waves", "Waves that are done."),
    "pass_waves_total": _counter(
        "waves", "Waves of passes before the last, which write no rows.", run="scan"
    ),
    "pass_shards_total": _counter("shards", "Shards read in these passes.", run="scan"),
    "shards_rescanned_total": _counter(
        "shards", "Shards scanned again because their written parts were damaged."
    ),
    "worker_deaths_total": _counter("workers", "Python workers that ended because of a shard."),
    "core_seconds_total": _counter("seconds", "Time of waves, multiplied by the cores of the executors."),
    "cost_dollars": _gauge("dollars", "Cost of that time, if a price was specified."),
}


class MetricSample(NamedTuple):
    """The name of a family, without prefix, and the value of its label."""

    family: str
    value: str = ""


Totals: TypeAlias = "Counter[MetricSample]"


def totals_of(log: Iterable[Mapping[str, Any]]) -> Totals:
    """Add up rows of `scan_log`, or of `census_log`."""
    totals: Totals = Counter()
    for row in log:
        totals[MetricSample("shards_total", row["status"])] += 1
        if row["failure"]:
            totals[MetricSample("shard_failures_total", row["failure"])] += 1
        totals[MetricSample("shard_retries_total")] += row["attempts"] - 1
        for name, family in FAMILIES.items():
            of = row.get("host") if family.label else ""
            if family.column in row and of is not None:
                totals[MetricSample(name, of)] += row[family.column] or 0
        for graded in row.get("grades") or ():
            totals[MetricSample("matches_total", graded["grade"])] += graded["matches"]
        for spent in row.get("stages") or ():
            totals[MetricSample("stage_seconds_total", spent["stage"])] += spent["seconds"]
    return totals


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Facts of a run besides its shards; `labels` are those of `run_info`."""

    labels: Mapping[str, str]
    planned: int
    started_at: datetime
    last_success: datetime | None = None
    terms: Terms = SCAN


Series = tuple[str, str, float]
"""A family, labels from `labels_of`, and a value."""


def metrics_of(
    facts: RunFacts, totals: Totals, state: str, now: datetime, dollars: float | None = None
) -> list[Series]:
    """Return all metrics of a run at one time, in the order of `FAMILIES`.

    They combine the figures of the run and of its shards; counters without a value are zero.
    """
    zeros = {
        MetricSample(name, value): 0.0
        for name, family in FAMILIES.items()
        if family.kind == "counter" and family.run in ("", facts.terms.run)
        for value in family.values or ([] if family.label else [""])
    }
    values = zeros | {sample: float(value) for sample, value in totals.items()}
    values |= {MetricSample("run_state", name): float(name == state) for name in STATES}
    values |= {
        MetricSample("run_info"): 1.0,
        MetricSample("run_start_timestamp_seconds"): facts.started_at.timestamp(),
        MetricSample("run_age_seconds"): (now - facts.started_at).total_seconds(),
        MetricSample("run_update_timestamp_seconds"): now.timestamp(),
        MetricSample("shards_planned"): float(facts.planned),
    }
    if last := now if state == "published" else facts.last_success:
        values[MetricSample("last_success_timestamp_seconds")] = last.timestamp()
    if dollars is not None:
        values[MetricSample("cost_dollars")] = dollars
    order = list(FAMILIES)
    found = list[Series]()
    for sample, value in sorted(values.items(), key=lambda item: (order.index(item[0].family), item[0])):
        label = FAMILIES[sample.family].label
        labels = facts.labels if sample.family == "run_info" else {label: sample.value} if label else {}
        found.append((sample.family, labels_of(labels), value))
    return found


def metric_rows(metrics: Iterable[Series]) -> list[dict[str, object]]:
    """Return rows of the table `metrics`, without the run's id."""
    return [
        {"name": PREFIX + family, "labels": labels, "value": value, "unit": FAMILIES[family].unit}
        for family, labels, value in metrics
    ]


def exposition(families: Mapping[str, MetricFamily], metrics: Iterable[Series]) -> str:
    """Return metrics in Prometheus's exposition format, version 0.0.4; those of a family must be adjacent."""
    lines, described = list[str](), ""
    for family, labels, value in metrics:
        name = PREFIX + family
        if name != described:
            lines += [f"# HELP {name} {families[family].meaning}", f"# TYPE {name} {families[family].kind}"]
            described = name
        shown = f"{value:.0f}" if value.is_integer() else repr(value)
        lines.append(f"{name}{{{labels}}} {shown}" if labels else f"{name} {shown}")
    return "\n".join([*lines, ""])


def labels_of(pairs: Mapping[str, str]) -> str:
    """Return labels as the exposition format writes them between its braces."""
    escaped = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
    return ",".join(f'{name}="{value.translate(escaped)}"' for name, value in pairs.items())
