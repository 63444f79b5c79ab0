"""Progress for people: lines, a line on a terminal, time left, and warnings."""

import io

import pytest

from presswatch_spark.scanning.monitoring.progress import Progress, ShardTotals


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


LOG = [{"shard_uri": "s3://b/1.gz", "status": "failed", "error": "access\x1b[2J denied"}]


@pytest.mark.parametrize("live", [False, True])
def test_unreadable_first_shards_are_reported_and_a_lost_reader_is_ignored(live: bool) -> None:
    shown = Shown(live=live)
    for _ in range(2):
        shown.progress.add(failed(4), LOG)
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
    shown.progress.add(wave, LOG)
    assert shown.text == ""


class Gone(io.StringIO):
    """A stream whose reader has gone, as of a pipe into `head`."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError(32, "Broken pipe")
