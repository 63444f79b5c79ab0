"""What is told of a run: events for collectors, metrics for Prometheus, progress and warnings for people."""

import io
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from presswatch_spark.core.errors import CorruptError, OutputError
from presswatch_spark.scanning.monitoring import progress
from presswatch_spark.scanning.monitoring.metrics import (
    CENSUS,
    FAMILIES,
    SCAN,
    MetricSample,
    RunFacts,
    Terms,
    exposition,
    metric_rows,
    metrics_of,
    totals_of,
)
from presswatch_spark.scanning.monitoring.progress import (
    EventLog,
    LoggedError,
    Observer,
    Progress,
    ShardTotals,
    failures_logged,
)
from presswatch_spark.storage.host_limits import Waiting
from presswatch_spark.tables.declarations import IndexFileLog, Metric, ShardLog
from tests.world.exposition import parsed
from tests.world.tables import row_of

FACTS = RunFacts({"run_id": "r1", "dataset": "wet", "release": ""}, 2, datetime(2026, 11, 25, tzinfo=UTC))
DENIED = "access\x1b[2J denied"
LOST = row_of(
    ShardLog, shard_uri="s3://b/1.gz", status="failed", failure="storage", error=DENIED, attempts=2, signals=0
)
READ = row_of(ShardLog, shard_uri="s3://b/2.gz", status="complete", documents=7, attempts=1, signals=0)


def observed(file: Path | None = None) -> tuple[Observer, io.StringIO]:
    stream = io.StringIO()
    events = EventLog(stream)
    progress = Progress(io.StringIO(), live=False)
    return Observer(progress, events, str(file) if file else None), stream


def told(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def of_waves(*log: dict[str, Any]) -> Counter[MetricSample]:
    totals = totals_of(log)
    totals[MetricSample("waves_total")] = 1
    return totals


def do_a_wave(observer: Observer) -> None:
    observer.start(FACTS, {"plan_digest": "d"}, ShardTotals(), totals_of([]))
    observer.wave_started(2)
    observer.wave_finished(ShardTotals.of(LOST) + ShardTotals.of(READ), of_waves(LOST, READ), [LOST, READ])


def stop(observer: Observer, error: BaseException, do: Callable[[Observer], None] = do_a_wave) -> None:
    """Do a wave, then end with an error, which must be raised."""

    def stopped() -> None:
        with observer.following():
            do(observer)
            raise error

    with pytest.raises(type(error)):
        stopped()


def test_events_are_json_lines_that_name_the_run_the_wave_and_what_was_lost() -> None:
    observer, stream = observed()
    with observer.following():
        do_a_wave(observer)
    events = told(stream)
    names = ["run_started", "wave_started", "shard_failed", "wave_finished", "progress"]
    assert [event["event"] for event in events] == names
    assert {event["run_id"] for event in events} == {"r1"}
    assert all(event["time"].endswith("Z") and event["host"] for event in events)
    assert events[2].items() >= {
        "level": "error", "wave": 1, "shard_uri": "s3://b/1.gz", "failure": "storage", "attempts": 2,
        "error": DENIED,
    }.items()  # fmt: skip
    assert events[3].items() >= {"shards": 2, "shards_failed": 1, "documents": 7}.items()
    assert stream.getvalue().replace("\n", "").isprintable(), "a terminal obeys no line"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            CorruptError("it is cut", where="s3://b/2.gz", remedy="download it again"),
            {"error_class": "CorruptError", "error": "it is cut", "where": "s3://b/2.gz",
             "remedy": "download it again"},
        ),
        # Of errors that are not ours, only the kind is told.
        (ValueError("text of a page"), {"error": "ValueError"}),
        (KeyboardInterrupt("text of a page"), {"error": "KeyboardInterrupt"}),
    ],
)  # fmt: skip
def test_what_stops_a_run_is_told_in_parts_without_text_of_others(
    error: BaseException, expected: dict[str, str]
) -> None:
    observer, stream = observed()
    stop(observer, error)
    assert told(stream)[-1].items() >= ({"event": "run_stopped", "level": "error"} | expected).items()
    assert "text of a page" not in stream.getvalue()


PUBLISHED = (
    "shards_complete", "shards_partial", "shards_failed", "documents", "text_bytes", "matches",
    "table_digest",
)  # fmt: skip


def test_the_metrics_file_is_there_from_the_start_and_says_how_the_run_ended(tmp_path: Path) -> None:
    file = tmp_path / "presswatch.prom"
    observer, _ = observed(file)
    with observer.following():
        observer.start(FACTS, {}, ShardTotals(), totals_of([]))
        assert parsed(file.read_text())['presswatch_shards_total{status="complete"}'] == 0
        do_a_wave(observer)
        during = parsed(file.read_text())
        observer.published(dict.fromkeys(PUBLISHED, 0))
    assert during['presswatch_run_state{state="running"}'] == 1
    assert during['presswatch_shards_total{status="failed"}'] == 1
    assert parsed(file.read_text())['presswatch_run_state{state="published"}'] == 1
    assert os.listdir(tmp_path) == ["presswatch.prom"]
    assert file.stat().st_mode & 0o777 == 0o644
    observer, _ = observed(file)
    stop(observer, CorruptError("it is cut"))
    assert parsed(file.read_text())['presswatch_run_state{state="stopped"}'] == 1
    # What an earlier process did counts on.
    observer, _ = observed(file)
    with observer.following():
        observer.start(FACTS, {}, ShardTotals(shards=2), of_waves(LOST, READ))
        resumed = parsed(file.read_text())
    assert (resumed["presswatch_waves_total"], resumed["presswatch_documents_total"]) == (1, 7)


@pytest.mark.parametrize("price", [None, 2.5])
def test_what_a_run_has_cost_is_told_where_a_price_was_named(tmp_path: Path, price: float | None) -> None:
    file = tmp_path / "presswatch.prom"
    dollars = (lambda hours: price * hours) if price else None
    earlier = totals_of([])
    earlier[MetricSample("core_seconds_total")] = 1800
    observer = Observer(Progress(io.StringIO(), live=False), None, str(file), dollars)
    with observer.following():
        observer.start(FACTS, {}, ShardTotals(), earlier)
    found = parsed(file.read_text())
    assert found["presswatch_core_seconds_total"] == 1800
    assert found.get("presswatch_cost_dollars") == (price and 1.25)


def test_an_error_before_a_run_has_started_writes_no_metrics_and_is_raised_as_it_is(tmp_path: Path) -> None:
    observer, stream = observed(tmp_path / "presswatch.prom")
    stop(observer, OutputError("a wave is damaged", where="/out"), lambda observer: None)
    assert [event["event"] for event in told(stream)] == ["progress", "run_stopped"]
    assert list(tmp_path.iterdir()) == []


def test_a_metrics_file_that_cannot_be_written_is_an_error_at_the_start_and_a_warning_later(
    tmp_path: Path,
) -> None:
    observer, _ = observed(tmp_path / "missing" / "presswatch.prom")
    with pytest.raises(OutputError, match="the metrics file cannot be written"), observer.following():
        observer.start(FACTS, {}, ShardTotals(), totals_of([]))
    folder = tmp_path / "there"
    folder.mkdir()
    observer, stream = observed(folder / "presswatch.prom")
    with observer.following():
        observer.start(FACTS, {}, ShardTotals(), totals_of([]))
        (folder / "presswatch.prom").unlink()
        folder.rmdir()
        observer.wave_finished(ShardTotals.of(READ), of_waves(READ), [READ])
    assert "metrics_not_written" in [event["event"] for event in told(stream)]


def test_a_wave_names_its_slowest_and_repeated_shards_and_the_speed_of_each_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    log = [
        row_of(
            ShardLog, shard_uri=f"s3://b/{number}.gz", status="complete", documents=200, signals=0,
            bytes_read=40_000_000, attempts=1 + (number == 4), seconds=float(number),
        ) | {"host": "b" if number < 2 else "a"}
        for number in range(8)
    ]  # fmt: skip
    file = tmp_path / "presswatch.prom"
    observer, stream = observed(file)
    people = io.StringIO()
    for each in (observer, Observer(Progress(people, live=False))):
        each.start(FACTS, {}, ShardTotals(), totals_of([]))
        for wave, seconds in ((log, 80.0), (log[:4], 20.0), (log[:1], 80.0)):
            each.wave_started(len(wave))
            clock[0] += seconds
            each.wave_finished(ShardTotals(len(wave)), of_waves(*wave), wave)
    first, second, _ = (event for event in told(stream) if event["event"] == "wave_finished")
    assert first["slowest"][0] == {"shard_uri": "s3://b/7.gz", "seconds": 7.0, "attempts": 1}
    assert [each["shard_uri"] for each in first["slowest"]] == [f"s3://b/{n}.gz" for n in (7, 6, 5)]
    assert (first["tried_again"], second["tried_again"]) == (["s3://b/4.gz"], [])
    assert first["hosts"] == [
        {"host": "a", "mb_per_second": 3.0, "documents_per_second": 15.0},
        {"host": "b", "mb_per_second": 1.0, "documents_per_second": 5.0},
    ]
    values = parsed(file.read_text())
    assert values['presswatch_host_read_bytes_total{host="a"}'] == 320_000_000
    assert values['presswatch_host_documents_total{host="b"}'] == 1_000
    assert values["presswatch_slowest_shard_seconds"] == 7
    assert people.getvalue().splitlines() == [
        "wave 1: 7 s for s3://b/7.gz",
        "wave 1: 6 s for s3://b/6.gz",
        "wave 1: 5 s for s3://b/5.gz",
        "wave 1: tried again: s3://b/4.gz",
        "wave 1: b: 1.0 MB/s, 5 documents/s",
        "wave 1: a: 3.0 MB/s, 15 documents/s",
        "wave 3: b: 0.5 MB/s, 2 documents/s",
    ]


def test_people_are_told_of_a_worker_that_died_and_commands_that_fail_of_it_once() -> None:
    stream = io.StringIO()
    observer = Observer(Progress(stream, live=False))
    observer.start(FACTS, {}, ShardTotals(), totals_of([]))
    observer.worker_died(["s3://b/1.gz"], 2)
    assert stream.getvalue() == "warning: a Python worker died at s3://b/1.gz (2 tries); others continue\n"
    stream = io.StringIO()
    with pytest.raises(LoggedError), failures_logged(EventLog(stream)):
        raise FileNotFoundError(2, "No such file", "shards/")
    (event,) = told(stream)
    assert (event["event"], event["error"], event["where"]) == ("command_failed", "No such file", "shards/")
    with pytest.raises(CorruptError), failures_logged(None):
        raise CorruptError("it is cut")


INDEX = RunFacts({"run_id": "r1", "dataset": "index", "release": ""}, 3, FACTS.started_at, terms=CENSUS)
FILE = row_of(IndexFileLog, shard_uri="s3://b/cdx-1.gz", status="complete", rows=9, captures=4, attempts=1)


def test_of_a_census_collectors_are_told_in_its_own_terms_and_what_stopped_it() -> None:
    observer, stream = observed()

    def census(observer: Observer) -> None:
        observer.start(INDEX, {"resumed": True}, ShardTotals(shards=1), totals_of([]))
        observer.wave_started(2)
        observer.worker_died(["s3://b/cdx-00001.gz"], 4)
        observer.wave_finished(ShardTotals.of(FILE, CENSUS), totals_of([FILE]), [FILE])

    stop(observer, OutputError("the disk is full", where="/out"), census)
    events = {event["event"]: event for event in told(stream)}
    assert [events["run_started"][name] for name in ("shards_planned", "shards_done")] == [3, 1]
    assert events["worker_died"]["level"] == "warning"
    assert events["worker_died"]["shards"] == ["s3://b/cdx-00001.gz"]
    for event in (events["wave_finished"], events["progress"]):
        assert (event["rows"], event["captures"]) == (9, 4)
        assert not {"documents", "matches"} & event.keys()
    assert [events["run_stopped"][name] for name in ("error", "where")] == ["the disk is full", "/out"]
    assert {event["run_id"] for event in events.values()} == {"r1"}


def test_of_a_census_people_see_files_rows_and_captures_and_metrics_have_no_documents(tmp_path: Path) -> None:
    stream, file = io.StringIO(), tmp_path / "presswatch.prom"
    observer = Observer(Progress(stream, live=False), metrics_file=str(file))
    with observer.following():
        observer.start(INDEX, {}, ShardTotals(shards=1, documents=2), totals_of([]))
        observer.wave_finished(ShardTotals.of(FILE, CENSUS), totals_of([FILE]), [FILE])
    assert stream.getvalue().startswith("2/3 index files · 11 rows · 0 MB/s · 4 captures")
    values = parsed(file.read_text())
    assert (values["presswatch_index_rows_total"], values["presswatch_captures_total"]) == (9, 4)
    assert not any("documents" in name or "matches" in name for name in values)


def test_a_host_that_makes_workers_wait_is_told_as_an_event_and_as_a_line() -> None:
    waiting = Waiting("data.example:443", 1_795_726_800.0, "it answered 429 and asked to wait for 240 s")
    observer, stream = observed()
    observer._throttled(waiting)
    (event,) = told(stream)
    assert (event["event"], event["level"], event["site"]) == ("throttled", "warning", "data.example:443")
    assert (event["until"], event["why"]) == ("2026-11-26T21:00:00Z", waiting.why)
    lines = io.StringIO()
    Observer(Progress(lines, live=False))._throttled(waiting)
    assert lines.getvalue() == (
        "waiting for data.example:443 until 21:00:00 UTC: it answered 429 and asked to wait for 240 s\n"
    )


NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SCANNED = RunFacts({"run_id": "r1", "dataset": "wet", "release": 'a "name"\\'}, 10, NOON)


def shard(status: str = "complete", failure: str | None = None, **values: Any) -> dict[str, Any]:
    return row_of(ShardLog, status=status, failure=failure, attempts=1, **values)


LOG = [
    shard(documents=5, text_bytes=900, bytes_read=300, seconds=1.5, candidates=4,
          grades=[{"grade": "extract", "matches": 2}, {"grade": "full_copy", "matches": 1}],
          stages=[{"stage": "read", "seconds": 1.0}, {"stage": "sieve", "seconds": 0.25}]),
    shard(documents=1, text_bytes=90, bytes_read=30, seconds=0.5, documents_skipped=7, signals=3,
          grades=[{"grade": "extract", "matches": 1}], stages=[{"stage": "read", "seconds": 0.5}]),
    shard("partial", "content") | {"attempts": 2},
    shard("failed", "storage") | {"attempts": 3},
]  # fmt: skip


def series(row: dict[str, Any]) -> str:
    """A row of the table as Prometheus names it."""
    return f"{row['name']}{{{row['labels']}}}" if row["labels"] else str(row["name"])


def text_of(log: list[dict[str, Any]], state: str = "running", facts: RunFacts = SCANNED) -> dict[str, float]:
    metrics = metrics_of(facts, totals_of(log), state, NOON + timedelta(seconds=90))
    return parsed(exposition(FAMILIES, metrics))


EXPECTED = {
    'shards_total{status="complete"}': 2, 'shards_total{status="partial"}': 1,
    'shards_total{status="failed"}': 1, 'shard_failures_total{cause="storage"}': 1,
    'shard_failures_total{cause="worker"}': 0, "shard_retries_total": 3, "documents_total": 6,
    "documents_skipped_total": 7, "text_bytes_total": 990, "read_bytes_total": 330, "candidates_total": 4,
    "shard_seconds_total": 2.0, 'stage_seconds_total{stage="read"}': 1.5,
    'stage_seconds_total{stage="verify"}': 0, 'matches_total{grade="extract"}': 3,
    'matches_total{grade="full_copy"}': 1, "signals_total": 3, "shards_planned": 10,
    "run_age_seconds": 90, "run_start_timestamp_seconds": NOON.timestamp(),
    'run_state{state="running"}': 1, 'run_state{state="stopped"}': 0,
    'run_info{run_id="r1",dataset="wet",release="a \\"name\\"\\\\"}': 1,
}  # fmt: skip


def test_every_metric_says_what_the_log_adds_up_to_and_the_table_holds_the_same() -> None:
    found = text_of(LOG)
    assert {name: found[f"presswatch_{name}"] for name in EXPECTED} == EXPECTED
    old = shard() | dict.fromkeys(("failure", "grades", "stages", "signals"))
    assert text_of([old])['presswatch_shards_total{status="complete"}'] == 1, "a row of an older run"
    assert sum((totals_of([row]) for row in LOG), Counter()) == +totals_of(LOG)
    last_success, before = "presswatch_last_success_timestamp_seconds", NOON - timedelta(days=30)
    facts = RunFacts(SCANNED.labels, 10, NOON, before)
    assert text_of(LOG, "running", facts)[last_success] == before.timestamp()
    assert text_of(LOG, "stopped", facts)[last_success] == before.timestamp()
    assert text_of(LOG, "published", facts)[last_success] == NOON.timestamp() + 90
    assert last_success not in text_of(LOG, "running")
    metrics = metrics_of(SCANNED, totals_of(LOG), "published", NOON)
    rows = metric_rows(metrics)
    table = pa.Table.from_pylist([{"run_id": "r1", **row} for row in rows], Metric.schema)
    assert table.num_rows == len(rows)
    assert {series(row): row["value"] for row in rows} == parsed(exposition(FAMILIES, metrics))
    units = {row["name"]: row["unit"] for row in rows}
    assert units["presswatch_text_bytes_total"] == "bytes"
    assert units["presswatch_stage_seconds_total"] == "seconds"


@pytest.mark.parametrize(("terms", "other"), [(SCAN, "census"), (CENSUS, "scan")])
def test_a_run_that_has_done_nothing_shows_zeros_so_that_rates_have_a_beginning(
    terms: Terms, other: str
) -> None:
    values = text_of([], facts=replace(SCANNED, terms=terms))
    # Hosts are unknown before they have read a shard.
    counters = {name: each for name, each in FAMILIES.items() if each.kind == "counter"}
    of = {name: each.run for name, each in counters.items() if each.label != "host"}
    for name in (name for name, runs in of.items() if runs == other):
        assert not [series for series in values if series.startswith(f"presswatch_{name}")]
    for name in (name for name, runs in of.items() if runs != other):
        found = [value for series, value in values.items() if series.startswith(f"presswatch_{name}")]
        assert found
        assert set(found) == {0.0}


# --- progress for people: lines, a line on a terminal, time left, and warnings


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Shown:
    """Progress of a run of ten shards, and what was shown of it."""

    def __init__(self, shards: int = 10, done: ShardTotals | None = None, *, live: bool = False) -> None:
        self.stream, self.clock = io.StringIO(), Clock()
        self.progress = Progress(self.stream, clock=self.clock, live=live)
        self.progress.start(shards, done or ShardTotals())

    def tick(self, seconds: float = 60, **read: int) -> None:
        """Let time pass after shards were read, and look."""
        if read:
            self.progress.add(ShardTotals(**read))
        self.clock.now += seconds
        self.progress.tick()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def parts(self, *which: int) -> list[tuple[str, ...]]:
        """Parts of each line that was shown."""
        return [tuple(line.split(" · ")[part] for part in which) for line in self.text.splitlines()]


def test_elsewhere_than_on_a_terminal_there_is_one_line_a_minute() -> None:
    shown = Shown()
    for _ in range(150):
        shown.tick(1)
    assert len(shown.text.splitlines()) == 2


@pytest.mark.parametrize(
    ("shards", "done", "read", "line"),
    [
        (10, {}, {"shards": 4, "incomplete": 1, "documents": 4000, "text_bytes": 600_000_000, "matches": 7},
         "4/10 shards · 4,000 documents · 10 MB/s · 7 matches · 1 incomplete · 0:01:30 left"),
        # An earlier process's shards count as done, but not as speed.
        (10, {"shards": 8, "text_bytes": 10**12}, {"shards": 1, "text_bytes": 60_000_000},
         "9/10 shards · 0 documents · 1 MB/s · 0 matches · 0:01:00 left"),
        (4096, {}, {"shards": 1024, "incomplete": 2, "documents": 1_234_567, "text_bytes": 6 * 10**9,
                    "matches": 842},
         "1,024/4,096 shards · 1,234,567 documents · 100 MB/s · 842 matches · 2 incomplete · 0:03:00 left"),
    ],
)  # fmt: skip
def test_a_line_has_speed_and_time_left_and_a_terminal_shows_it_over_the_last_one(
    shards: int, done: dict[str, int], read: dict[str, int], line: str
) -> None:
    shown = Shown(shards, ShardTotals(**done))
    shown.tick(**read)
    assert shown.text == f"{line}\n"
    shown = Shown(shards, ShardTotals(**done), live=True)
    shown.tick(**read)
    shown.tick(0)
    assert shown.text == f"\r{line}\x1b[K" * 2


def test_work_under_way_is_shown_and_forgotten_when_it_must_be_done_again() -> None:
    shown = Shown()
    with shown.progress.during(lambda: ShardTotals(shards=3)):
        shown.tick()
    shown.tick()
    assert [part.split("/")[0] for (part,) in shown.parts(0)] == ["3", "0"]


def test_time_left_counts_what_earlier_passes_read_and_have_to_read() -> None:
    shown = Shown()
    progress = shown.progress
    for number, left in ((1, 20), (2, 10)):
        progress.in_pass(number, 3, left)
        progress.sifted(10)
        shown.tick()
    progress.in_pass(3, 3, 0)
    shown.tick(60, shards=5)
    assert shown.parts(0, -1) == [
        ("pass 1 of 3", "0:02:00 left"),
        ("pass 2 of 3", "0:01:00 left"),
        ("pass 3 of 3", "0:00:40 left"),
    ]
    assert "pass 3 of 3 · 5/10 shards · " in shown.text


def test_time_left_follows_the_pace_of_the_second_half_and_goes_on_between_shards() -> None:
    shown = Shown(30)
    # A slow host first, then a wave of ten shards a minute.
    for seconds, shards in ((120, 1), (60, 10), (60, 10)):
        shown.clock.now += seconds
        shown.tick(0, shards=shards, text_bytes=1_000)
    assert shown.parts(-1)[-1] == ("0:00:54 left",)
    shown.tick(10)
    with shown.progress:
        pass
    assert shown.parts(-1)[-1] == ("0:00:44 left",)
    shown.tick(40)
    with shown.progress:
        pass
    assert shown.parts(-1)[-1] == ("0:00:27 left",)


def test_no_time_left_is_shown_while_nothing_is_read() -> None:
    shown, read = Shown(), {"shards": 1, "documents": 10, "text_bytes": 1_000}
    # Shards that a silent server failed are no progress.
    shown.tick(900, shards=2, incomplete=2)
    shown.tick(60, **read)
    for _ in range(3):
        shown.tick()
    shown.tick(60, **read)
    assert [part.endswith("left") for (part,) in shown.parts(-1)] == [False, True, True, False, False, True]


def test_no_time_left_is_shown_in_the_first_half_minute() -> None:
    shown, read = Shown(100, live=True), {"shards": 1, "documents": 10, "text_bytes": 1_000}
    for seconds in (20, 9, 1):
        shown.clock.now += seconds
        shown.tick(0, **read)
    assert ["left" in line for line in shown.text.split("\r")[1:]] == [False, False, True]


def test_the_end_is_always_reported() -> None:
    shown = Shown(1)
    with shown.progress:
        shown.progress.add(ShardTotals(shards=1))
    assert shown.parts(0) == [("1/1 shard",)]


def failed(shards: int) -> ShardTotals:
    return ShardTotals(shards=shards, incomplete=shards)


UNREAD = [{"shard_uri": "s3://b/1.gz", "status": "failed", "error": "access\x1b[2J denied"}]


@pytest.mark.parametrize("live", [False, True])
def test_unreadable_first_shards_are_reported_and_a_lost_reader_is_ignored(live: bool) -> None:
    shown = Shown(live=live)
    for _ in range(2):
        shown.progress.add(failed(4), UNREAD)
    warning = shown.text.removeprefix("\r\x1b[K" if live else "")
    assert warning == (
        "warning: none of the first 4 shards could be read, such as s3://b/1.gz: access�[2J denied"
        " (the scan continues; Ctrl-C stops it)\n"
    )
    shown = Shown(live=live)
    shown.progress = Progress(Gone(), clock=shown.clock, live=live)
    with shown.progress:
        shown.progress.start(10, ShardTotals())
        shown.progress.say("news")
        shown.tick()


@pytest.mark.parametrize(
    ("before", "wave"),
    [
        (ShardTotals(), ShardTotals(shards=4, incomplete=3, documents=9, text_bytes=90)),
        (ShardTotals(shards=1, documents=9, text_bytes=90), failed(4)),
        (ShardTotals(), ShardTotals(shards=4)),
        (ShardTotals(), failed(1)),
        (ShardTotals(), failed(10)),
    ],
    ids=["one was read", "an earlier process read one", "all empty", "a single shard", "nothing is left"],
)
def test_no_such_warning_where_it_would_be_wrong_or_too_late(before: ShardTotals, wave: ShardTotals) -> None:
    shown = Shown(done=before)
    shown.progress.add(wave, UNREAD)
    assert shown.text == ""


class Gone(io.StringIO):
    """A stream whose reader has gone, as of a pipe into `head`."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError(32, "Broken pipe")
