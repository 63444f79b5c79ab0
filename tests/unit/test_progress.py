from __future__ import annotations

import io
import json

import pytest

from presswatch_spark.progress import Counts, Progress


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_elsewhere_than_on_a_terminal_there_is_one_json_line_a_minute(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=False)
    progress.start(10, Counts())
    for _ in range(150):
        clock.now += 1
        progress.tick()
    assert len(stream.getvalue().splitlines()) == 2


def test_a_json_line_holds_speed_and_time_left(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=False)
    progress.start(10, Counts())
    progress.add(Counts(shards=4, incomplete=1, documents=4000, text_bytes=600_000_000, matches=7))
    clock.now += 60
    progress.tick()
    assert json.loads(stream.getvalue()) == {
        "shards": 4,
        "planned": 10,
        "incomplete": 1,
        "documents": 4000,
        "text_bytes": 600_000_000,
        "mb_per_second": 10.0,
        "matches": 7,
        "seconds": 60.0,
        "seconds_left": 90,
    }


def test_a_terminal_shows_one_line_that_is_drawn_over(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=True)
    progress.start(4096, Counts())
    progress.add(Counts(shards=1024, incomplete=2, documents=1_234_567, text_bytes=5 * 10**9, matches=842))
    clock.now += 50
    progress.tick()
    progress.tick()
    line = "1,024/4,096 shards · 1,234,567 documents · 100 MB/s · 842 matches · 2 incomplete · 0:02:30 left"
    assert stream.getvalue() == f"\r{line}\x1b[K" * 2


def test_what_an_earlier_process_did_counts_as_done_but_not_as_speed(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=False)
    progress.start(10, Counts(shards=8, text_bytes=10**12))
    progress.add(Counts(shards=1, text_bytes=60_000_000))
    clock.now += 60
    progress.tick()
    shown = json.loads(stream.getvalue())
    assert (shown["shards"], shown["mb_per_second"], shown["seconds_left"]) == (9, 1.0, 60)


def test_work_under_way_is_shown_and_forgotten_when_it_must_be_done_again(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=False)
    progress.start(10, Counts())
    with progress.during(lambda: Counts(shards=3)):
        clock.now += 60
        progress.tick()
    clock.now += 60
    progress.tick()
    assert [json.loads(line)["shards"] for line in stream.getvalue().splitlines()] == [3, 0]


def test_the_end_is_always_reported(clock: Clock) -> None:
    stream = io.StringIO()
    with Progress(stream, clock=clock, live=False) as progress:
        progress.start(1, Counts())
        progress.add(Counts(shards=1))
    assert [json.loads(line)["shards"] for line in stream.getvalue().splitlines()] == [1]
