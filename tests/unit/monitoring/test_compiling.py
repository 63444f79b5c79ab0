"""What is said while kernels are compiled, and what is not when they are there already."""

from __future__ import annotations

import io
import json
import re

import numba
import pytest

from presswatch_spark.monitoring.compiling import FUNCTIONS, Compiling
from presswatch_spark.monitoring.events import EventLog
from tests.unit.monitoring.test_progress import Clock, Gone


@pytest.fixture
def clock() -> Clock:
    return Clock()


def compile_one() -> None:
    """Have numba compile a function that no cache holds."""
    numba.njit(lambda x: x + 1)(1)


def said(clock: Clock, *, live: bool, seconds: int, functions: int) -> str:
    """What is written while so many functions are compiled at one pace, looked at every second."""
    stream = io.StringIO()
    compiling = Compiling(stream, clock=clock, live=live)
    compiling.begun()
    done = 0
    for second in range(1, seconds + 1):
        while done < functions * second / seconds:
            compiling.ended()
            done += 1
        clock.now += 1
        compiling.tick()
    return stream.getvalue()


def test_on_a_terminal_the_seconds_that_are_left_are_counted_down(clock: Clock) -> None:
    lines = said(clock, live=True, seconds=20, functions=FUNCTIONS).split("\r")[1:]
    assert lines[0] == "compiling kernels, once (about 20 s): 19 s left\x1b[K"
    left = [int(number) for line in lines for number in re.findall(r"(\d+) s left", line)]
    assert left == sorted(left, reverse=True)
    assert left[-1] == 1


def test_on_a_slower_machine_it_does_not_say_that_it_is_nearly_done_when_it_is_not(clock: Clock) -> None:
    halfway, over = (
        int(re.findall(r"(\d+) s left", said(clock, live=True, seconds=seconds, functions=functions))[-1])
        for seconds, functions in ((30, FUNCTIONS // 2), (60, FUNCTIONS))
    )
    assert halfway > 10
    assert over <= 2


def test_on_a_machine_that_slows_down_the_count_does_not_rise_or_repeat_itself(
    clock: Clock,
) -> None:
    stream = io.StringIO()
    compiling = Compiling(stream, clock=clock, live=True)
    compiling.begun()
    for second in range(60):
        for _ in range(20 if second < 8 else 1):
            compiling.ended()
        clock.now += 1
        compiling.tick()
    left = [int(number) for number in re.findall(r"(\d+) s left", stream.getvalue())]
    assert left == sorted(set(left), reverse=True)
    assert len(left) > 5


def test_elsewhere_one_line_says_it_and_in_a_log_of_events_one_event(clock: Clock) -> None:
    assert said(clock, live=False, seconds=20, functions=100) == "compiling kernels, once (about 20 s)\n"
    stream = io.StringIO()
    compiling = Compiling(events=EventLog(stream), clock=clock)
    compiling.begun()
    for _ in range(3):
        clock.now += 1
        compiling.tick()
    (event,) = map(json.loads, stream.getvalue().splitlines())
    assert (event["event"], event["about_seconds"]) == ("compiling", 20)


def test_numba_tells_it_of_what_is_compiled_and_of_nothing_else(clock: Clock) -> None:
    stream = io.StringIO()
    with Compiling(stream, clock=clock, live=False) as compiling:
        clock.now += 60
        compiling.tick()
        assert stream.getvalue() == ""
        compile_one()
        clock.now += 1
        compiling.tick()
    assert "compiling kernels" in stream.getvalue()
    compile_one()
    assert stream.getvalue().count("\n") == 1


def test_what_is_compiled_within_a_second_is_not_worth_a_line(clock: Clock) -> None:
    stream = io.StringIO()
    with Compiling(stream, clock=clock, live=True) as compiling:
        compile_one()
        compiling.tick()
    assert stream.getvalue() == ""


def test_the_line_is_gone_when_all_is_compiled_and_no_reader_is_needed(clock: Clock) -> None:
    stream = io.StringIO()
    for written in (stream, Gone()):
        with Compiling(written, clock=clock, live=True) as compiling:
            compiling.begun()
            clock.now += 2
            compiling.tick()
    assert stream.getvalue().endswith("\r\x1b[K")
