from __future__ import annotations

import io

import pytest

from presswatch_spark.scanning.monitoring.progress import Progress, ShardTotals


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_elsewhere_than_on_a_terminal_there_is_one_line_a_minute(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=False)
    progress.start(10, ShardTotals())
    for _ in range(150):
        clock.now += 1
        progress.tick()
    assert len(stream.getvalue().splitlines()) == 2


def test_a_line_for_people_holds_speed_and_time_left_whatever_it_is_written_to(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=False)
    progress.start(10, ShardTotals())
    progress.add(ShardTotals(shards=4, incomplete=1, documents=4000, text_bytes=600_000_000, matches=7))
    clock.now += 60
    progress.tick()
    line = "4/10 shards · 4,000 documents · 10 MB/s · 7 matches · 1 incomplete · 0:01:30 left\n"
    assert stream.getvalue() == line


def test_a_terminal_shows_one_line_that_is_drawn_over(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=True)
    progress.start(4096, ShardTotals())
    progress.add(
        ShardTotals(shards=1024, incomplete=2, documents=1_234_567, text_bytes=5 * 10**9, matches=842)
    )
    clock.now += 50
    progress.tick()
    progress.tick()
    line = "1,024/4,096 shards · 1,234,567 documents · 100 MB/s · 842 matches · 2 incomplete · 0:02:30 left"
    assert stream.getvalue() == f"\r{line}\x1b[K" * 2


def test_what_an_earlier_process_did_counts_as_done_but_not_as_speed(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=False)
    progress.start(10, ShardTotals(shards=8, text_bytes=10**12))
    progress.add(ShardTotals(shards=1, text_bytes=60_000_000))
    clock.now += 60
    progress.tick()
    assert stream.getvalue() == "9/10 shards · 0 documents · 1 MB/s · 0 matches · 0:01:00 left\n"


def test_work_under_way_is_shown_and_forgotten_when_it_must_be_done_again(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=False)
    progress.start(10, ShardTotals())
    with progress.during(lambda: ShardTotals(shards=3)):
        clock.now += 60
        progress.tick()
    clock.now += 60
    progress.tick()
    assert [line.split("/")[0] for line in stream.getvalue().splitlines()] == ["3", "0"]


def test_time_left_counts_what_earlier_passes_read_and_have_to_read(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=False)
    progress.start(10, ShardTotals())
    progress.expect(20)
    for number, read in ((1, 10), (2, 5)):
        progress.in_pass(number, 3)
        progress.sifted(read)
        clock.now += 60
        progress.tick()
    progress.sifted(5)
    progress.in_pass(3, 3)
    progress.add(ShardTotals(shards=4))
    clock.now += 120
    progress.tick()
    shown = [(line.split(" · ")[0], line.split(" · ")[-1]) for line in stream.getvalue().splitlines()]
    assert shown == [
        ("pass 1 of 3", "0:02:00 left"),
        ("pass 2 of 3", "0:02:00 left"),
        ("pass 3 of 3", "0:01:00 left"),
    ]
    assert "pass 3 of 3 · 4/10 shards · " in stream.getvalue()


def test_the_end_is_always_reported(clock: Clock) -> None:
    stream = io.StringIO()
    with Progress(stream, clock=clock, live=False) as progress:
        progress.start(1, ShardTotals())
        progress.add(ShardTotals(shards=1))
    assert [line.split(" · ")[0] for line in stream.getvalue().splitlines()] == ["1/1 shards"]


def failed(shards: int) -> ShardTotals:
    return ShardTotals(shards=shards, incomplete=shards)


LOG = [{"shard_uri": "s3://b/1.gz", "status": "failed", "error": "access\x1b[2J denied"}]


@pytest.mark.parametrize("live", [False, True])
def test_when_no_shard_could_be_read_so_far_it_is_said_once_with_an_error(clock: Clock, live: bool) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=live)
    progress.start(10, ShardTotals())
    progress.add(failed(4), LOG)
    progress.add(failed(4), LOG)
    warning = stream.getvalue().removeprefix("\r\x1b[K" if live else "")
    assert warning == (
        "warning: none of the first 4 shards could be read, such as s3://b/1.gz: access�[2J denied"
        " (the scan goes on; Ctrl-C stops it)\n"
    )


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
def test_no_such_warning_where_it_would_be_wrong_or_too_late(
    clock: Clock, before: ShardTotals, wave: ShardTotals
) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=False)
    progress.start(10, before)
    progress.add(wave, LOG)
    assert stream.getvalue() == ""


class Gone(io.StringIO):
    """A stream whose reader has gone, as of a pipe into `head`."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("live", [False, True])
def test_a_run_goes_on_when_nobody_looks_on_any_more(clock: Clock, live: bool) -> None:
    progress = Progress(Gone(), clock=clock, live=live)
    with progress:
        progress.start(10, ShardTotals())
        progress.say("news")
        clock.now += 60
        progress.tick()


def test_no_time_left_is_shown_while_nothing_is_read(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock=clock, live=False)
    progress.start(10, ShardTotals())
    # Shards that a silent server failed are no progress.
    progress.add(ShardTotals(shards=2, incomplete=2))
    clock.now += 900
    progress.tick()
    assert "left" not in stream.getvalue()
    progress.add(ShardTotals(shards=1, documents=10, text_bytes=1_000))
    clock.now += 60
    progress.tick()
    assert stream.getvalue().splitlines()[-1].endswith("left")
    for _ in range(3):
        clock.now += 60
        progress.tick()
    assert "left" not in stream.getvalue().splitlines()[-1]
    progress.add(ShardTotals(shards=1, documents=10, text_bytes=1_000))
    clock.now += 60
    progress.tick()
    assert stream.getvalue().splitlines()[-1].endswith("left")
