"""Threads that wait for a host end with the block that asks: Ctrl-C waits for no site."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import cast

import pytest

from presswatch_spark.core.compiled import PACKAGE
from presswatch_spark.core.threads import AskingThreads, GivenUpError, answer_of, check_time
from presswatch_spark.storage.host_limits import HostLimits
from presswatch_spark.storage.http import HttpReply
from presswatch_spark.storage.objects import StorageOptions, ask, pause
from tests.world.servers import Fault, web

HOST = "asking.example:443"
AGE = 600.0
PACED = StorageOptions(requests_per_second=1 / AGE)


def wait_for_turn() -> None:
    host, uri = HostLimits(HOST), f"https://{HOST}/a"
    asks = SimpleNamespace(uri=uri, status=429, headers={}, named_wait=AGE, turn_at=1.0)
    host.must_repeat(cast(HttpReply, asks), StorageOptions(), alone=False)
    host.await_turn(uri)


def wait_for_pace() -> None:
    host = HostLimits(HOST)
    for _ in range(2):
        host.keep_pace(PACED)


def wait_for_slot() -> None:
    host, options = HostLimits(HOST), StorageOptions(max_connections=1)
    # A thread that has one gets another: take the only one in a thread that ends.
    taking = Thread(target=host.slot, args=(options,))
    taking.start()
    taking.join()
    host.slot(options)


def wait_for_slot_of_a_second_connection() -> None:
    host, options = HostLimits(HOST), StorageOptions(max_connections=2)

    def two() -> None:
        host.slot(options)
        host.slot(options)

    taking = Thread(target=two)
    taking.start()
    taking.join()
    host.slot(options)


def wait_for_another_try() -> None:
    pause(StorageOptions(backoff_base=AGE), 9)


@pytest.mark.parametrize(
    "wait",
    [
        wait_for_turn,
        wait_for_pace,
        wait_for_slot,
        wait_for_slot_of_a_second_connection,
        wait_for_another_try,
    ],
)
def test_a_wait_ends_with_a_block_that_ends_by_ctrl_c(wait: Callable[[], None]) -> None:
    begun = Event()

    def waiting() -> None:
        begun.set()
        wait()

    def interrupted() -> BaseException | None:
        with suppress(KeyboardInterrupt), AskingThreads(1, "asking") as pool:
            asked = pool.submit(waiting)
            assert begun.wait(60)
            raise KeyboardInterrupt
        return asked.exception()

    outer = ThreadPoolExecutor(1)
    try:
        assert isinstance(outer.submit(interrupted).result(30), GivenUpError)
    finally:
        outer.shutdown(wait=False)


def test_a_silent_site_is_left_with_a_block_that_ends_by_ctrl_c() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    uri, options = f"http://127.0.0.1:{server.getsockname()[1]}/a", StorageOptions(read_timeout=AGE)

    def interrupted() -> BaseException | None:
        with suppress(KeyboardInterrupt), AskingThreads(1, "asking") as pool:
            asked = pool.submit(ask, uri, 0, 1, options)
            silent, _ = server.accept()
            silent.recv(1)
            raise KeyboardInterrupt
        return asked.exception()

    outer = ThreadPoolExecutor(1)
    try:
        assert isinstance(outer.submit(interrupted).result(30), GivenUpError)
    finally:
        outer.shutdown(wait=False)
        server.close()


def test_what_is_given_up_asks_nothing_more() -> None:
    begun, go_on = Event(), Event()

    def asks_on() -> None:
        begun.set()
        go_on.wait(60)
        check_time()

    with suppress(ValueError), AskingThreads(1, "asking") as pool:
        asked, other = pool.submit(asks_on), pool.submit(int)
        assert begun.wait(60)
        other.add_done_callback(lambda _: go_on.set())
        raise ValueError
    assert isinstance(asked.exception(), GivenUpError)
    assert other.cancelled()


def test_a_block_that_ends_well_has_its_answers() -> None:
    with AskingThreads(2, "asking") as pool:
        asked = [pool.submit(pause, StorageOptions(backoff_base=0.001), 1) for _ in range(4)]
    assert [each.exception() for each in asked] == [None] * 4


def press_elsewhere() -> None:
    """Have Ctrl-C arrive in a thread that is not the main one, whose wait it then does not end."""
    time.sleep(0.1)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


def test_ctrl_c_is_heard_though_it_does_not_end_the_wait() -> None:
    before, over = signal.signal(signal.SIGINT, signal.default_int_handler), Event()
    pressing = Thread(target=press_elsewhere)
    with AskingThreads(1, "asking") as pool:
        asked = pool.submit(over.wait, 20)
        pressing.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                answer_of(asked)
        finally:
            over.set()
            pressing.join()
            signal.signal(signal.SIGINT, before)
    assert asked.result(), "it was heard only when the wait was over"


def test_answers_come_in_order_and_errors_in_their_place() -> None:
    with AskingThreads(2, "asking") as pool:
        answers = pool.map(lambda over, under: over // under, [6, 8, 1], [3, 2, 0])
        assert [next(answers), next(answers)] == [2, 4]
        with pytest.raises(ZeroDivisionError):
            next(answers)


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        "from presswatch_spark.scanning.ccindex.lookup import Index\n"
        "list(Index(sys.argv[1], StorageOptions()).captures(['https://a.example/']))",
        pytest.param(
            "from presswatch_spark.legal.removal.inventory import asked\n"
            "asked([f'{sys.argv[1]}/a'], StorageOptions())",
            marks=pytest.mark.full,
        ),
    ],
    ids=["an index", "places of a case"],
)
def test_ctrl_c_ends_what_asks_a_site_that_asked_to_wait(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    head = (
        "import signal, sys\nfrom presswatch_spark.storage.objects import StorageOptions\n"
        # A shell that starts the tests in its background has them ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    )
    with web(always=Fault(status=429, retry_after=str(int(AGE)))) as server:
        process = subprocess.Popen([sys.executable, "-c", head + code, server.url], stderr=subprocess.DEVNULL)
        try:
            while not server.requests and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == -signal.SIGINT
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("room", ["campaigns", "ccindex", "pointers", "removal"])
def test_rooms_that_ask_sites_have_no_other_threads(room: str) -> None:
    files = [path for path in Path(PACKAGE, room).rglob("*.py") if "ThreadPoolExecutor" in path.read_text()]
    assert files == []
