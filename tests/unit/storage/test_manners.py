"""A site is not asked more than it allows, by whatever processes; and a transfer that drips holds nobody."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from urllib3 import HTTPHeaderDict

from presswatch_spark.errors import StorageError, TruncatedError
from presswatch_spark.formats.detection import format_for
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.runs.attempts import outcome_of
from presswatch_spark.shard.outcome import ShardAttempt
from presswatch_spark.storage.contract import RangeReply
from presswatch_spark.storage.disk import LocalStore
from presswatch_spark.storage.objects import (
    DeniedError,
    ObjectInfo,
    StorageOptions,
    open_stream,
    read_range,
)
from presswatch_spark.storage.streams import RangeFile
from presswatch_spark.storage.time_limits import LateError, LentLimit, check_time, count_waiting, time_limit
from presswatch_spark.storage.web import manners
from presswatch_spark.storage.web.manners import (
    BlockedError,
    Host,
    HostDecision,
    ask_anew,
    hosts_to_tell_of,
)
from presswatch_spark.storage.web.shared_hosts import HostState, SharedState, Slots, state_of
from presswatch_spark.storage.web.wait_headers import asked_wait, used_up_for
from tests.servers import Fault, Server, forget, web

DATA = random.Random(3).randbytes(300_000)
OPTIONS = StorageOptions(max_attempts=3, backoff_base=0.0001, read_timeout=5, refusal_pause=0.05)
HOST = "host.example:443"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    forget(HOST)
    yield
    forget(HOST)


@pytest.fixture
def server() -> Iterator[Server]:
    with web(objects={f"/{name}": DATA for name in "abcdefgh"}) as running:
        yield running


def read(server: Server, name: str, options: StorageOptions = OPTIONS) -> bytes:
    with open_stream(ObjectInfo(f"{server.url}/{name}"), options) as stream:
        return stream.read_to_end()


class TestWhatASiteAsks:
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"Retry-After": "7"}, 7),
            ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:59:29 GMT"}, 30),
            ({"Retry-After": "Thu, 01 Jan 1970 00:20:00 GMT"}, 200),
            ({"RateLimit": '"resolvers";r=0;t=240'}, 240),
            ({"RateLimit": '"a";r=5;t=10, "b";r=0;t=240'}, 240),
            ({"RateLimit": '"odd;r=9,t=1";r=0;t=5'}, 5),
            ({"RateLimit": '"api";r=3;t=9'}, 9),
            ({"Retry-After": "3", "RateLimit": '"resolvers";r=0;t=8'}, 8),
            ({}, None),
            ({"Retry-After": "soon", "RateLimit": "rubbish;;=,"}, None),
            ({"RateLimit": '"api";r=0;t=-1'}, None),
        ],
    )
    def test_a_time_is_read_in_every_form_it_comes_in(
        self, headers: dict[str, str], seconds: float | None
    ) -> None:
        assert asked_wait(HTTPHeaderDict(headers), limited=True, clock=lambda: 1000) == seconds

    def test_a_limit_of_which_something_is_left_says_nothing_of_another_refusal(self) -> None:
        headers = HTTPHeaderDict({"RateLimit": '"api";r=4999;t=300'})
        assert asked_wait(headers, limited=False) is None
        assert used_up_for(headers) == 0
        assert used_up_for(HTTPHeaderDict({"RateLimit": '"api";r=0;t=300'})) == 300


class TestPauses:
    def test_the_wait_that_a_site_asks_for_holds_for_all_and_is_no_failed_try(self, server: Server) -> None:
        for fault in (Fault(status=503, retry_after="0.05"), Fault(status=429, limit='"x";r=0;t=0.05')):
            server.faults.extend([fault] * (OPTIONS.max_attempts + 1))
            assert read(server, "a") == DATA

    @pytest.mark.parametrize("at", ["0", "Thu, 01 Jan 1970 00:20:00 GMT"])
    def test_a_time_that_has_come_is_no_refusal(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, at: str
    ) -> None:
        """Dates count whole seconds, so one that is near may be over when it comes."""
        monkeypatch.setattr(manners, "SHORTEST_WAIT", 0.01)
        server.faults.extend([Fault(status=429, retry_after=at)] * 5)
        assert read(server, "a") == DATA
        assert len(server.requests) == 6

    def test_a_site_that_asks_for_longer_than_is_granted_is_asked_nothing_more(self, server: Server) -> None:
        server.faults.append(Fault(status=429, retry_after="86400"))
        for _ in range(3):
            with pytest.raises(BlockedError, match=r"asked to wait for 86,400 s; 600 s are granted"):
                read(server, "a")
        assert len(server.requests) == 1

    def test_one_refusal_without_a_time_is_waited_out(self, server: Server) -> None:
        for status in (403, 429):
            server.faults.append(Fault(status=status))
            assert read(server, "a") == DATA

    def test_a_site_that_refuses_everything_is_soon_asked_nothing_more(self, server: Server) -> None:
        server.blocks_after = 4
        names = iter("abcdefgh" * 25)
        outcomes = [self.outcome(server, name) for name in names]
        assert outcomes[:4] == [DATA] * 4
        assert len(server.requests) <= 4 + 3
        assert all(
            "access denied (403) at" in str(told) and "blocked this address" in str(told)
            for told in outcomes[4:]
        )

    def test_threads_that_ask_at_once_are_all_told(self, server: Server) -> None:
        server.blocks_after = 8
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda name: self.outcome(server, name), "abcdefgh" * 10))
        assert len(server.requests) <= 8 + 10

    def outcome(self, server: Server, name: str) -> object:
        try:
            return read(server, name)
        except StorageError as error:
            return error

    def test_a_new_run_asks_again_what_stopped_an_earlier_one(self, server: Server) -> None:
        server.blocks_after = 0
        with pytest.raises(DeniedError):
            read(server, "a")
        with pytest.raises(BlockedError):
            read(server, "b")
        assert len(server.requests) == 3
        server.blocks_after = None
        with pytest.raises(BlockedError):
            read(server, "a")
        ask_anew()
        assert read(server, "a") == DATA

    def test_one_forbidden_object_among_others_is_a_failure_of_its_own(self, server: Server) -> None:
        assert read(server, "a") == DATA
        server.forbidden = {"/b", "/c", "/d", "/e"}
        for name in "bcde":
            with pytest.raises(DeniedError, match="access denied"):
                read(server, name)
            assert read(server, "f") == DATA

    def test_an_answer_that_gives_its_reason_speaks_of_its_object_alone(self, server: Server) -> None:
        server.faults.append(Fault(status=401))
        with pytest.raises(DeniedError):
            read(server, "a")
        assert read(server, "b") == DATA
        assert len(server.requests) == 2

    def test_a_limit_that_a_good_answer_says_is_used_up_is_waited_for(self) -> None:
        now = [1000.0]
        host = Host(HOST, OPTIONS, lambda: now[0])
        headers = HTTPHeaderDict({"RateLimit": '"resolvers";r=0;t=240'})
        assert host.judge("https://host.example/a", 200, headers, 999.0) is HostDecision.TAKE
        assert host.takes_turn("https://host.example/b") is None
        now[0] += 241
        assert host.takes_turn("https://host.example/b") == now[0]

    def test_a_pause_is_told_once_a_minute_with_host_reason_and_time(self) -> None:
        now = [1_000_000.0]
        host = Host(HOST, OPTIONS, lambda: now[0])
        headers = HTTPHeaderDict({"Retry-After": "240"})
        assert host.judge("https://host.example/a", 429, headers, now[0]) is HostDecision.AGAIN

        def told() -> list[str]:
            return [str(waiting) for waiting in hosts_to_tell_of(now[0]) if waiting.host == HOST]

        (line,) = told()
        assert line.startswith("waiting for host.example:443 until 13:50:")
        assert line.endswith(" UTC: it answered 429 and asked to wait for 240 s")
        assert told() == []
        now[0] += 61
        assert len(told()) == 1
        now[0] += 200
        assert told() == []

    def test_facts_that_a_killed_process_left_half_written_are_none(self, tmp_path: Path) -> None:
        state = SharedState(HOST, tmp_path)
        (tmp_path / "facts.json").write_text('{"host": "host.exa')
        assert state.look() == HostState()
        (tmp_path / "facts.json").write_text('{"until": "never", "new": 1}')
        assert state.look() == HostState()

    def test_a_clock_that_was_wrong_stops_nobody(self) -> None:
        with state_of(HOST).change() as facts:
            facts.pause(1e9, 1e12, "it asked for an age")
        assert Host(HOST, OPTIONS).takes_turn("https://host.example/a") is not None


class TestConnections:
    @pytest.mark.slow
    def test_never_more_than_allowed_are_open_over_all_processes(self, server: Server) -> None:
        code = (
            "import sys; from presswatch_spark.storage.objects import *\n"
            "options = StorageOptions(max_connections=2)\n"
            "for name in 'abcdefgh' * 3:\n"
            "    assert len(read_range(f'{sys.argv[1]}/{name}', 5, 200_000, options)) == 200_000"
        )
        started = [subprocess.Popen([sys.executable, "-c", code, server.url]) for _ in range(3)]
        assert [process.wait() for process in started] == [0, 0, 0]
        assert len(server.requests) == 72
        assert server.open_most <= 2

    def test_a_connection_serves_one_request_after_another(self, server: Server) -> None:
        for _ in range(5):
            read_range(f"{server.url}/a", 1, 10, OPTIONS)
        assert len(set(server.peers)) == 1

    def test_whoever_waits_gets_the_slot_of_a_process_that_was_killed(self, tmp_path: Path) -> None:
        code = (
            "import sys\nfrom pathlib import Path\n"
            "from presswatch_spark.storage.web.shared_hosts import SharedState\n"
            "from presswatch_spark.storage.web.shared_hosts import Slots\n"
            "slot = Slots(SharedState('h', Path(sys.argv[1])), 1).take()\n"
            "print('held', flush=True)\nsys.stdin.read()"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert holder.stdout is not None
        holder.stdout.readline()
        slots = Slots(SharedState("h", tmp_path), 1)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(slots.take)
            while not slots.wanted():
                pass
            assert not waiting.done()
            holder.kill()
            waiting.result(60).release()
        holder.communicate()

    def test_two_readers_of_two_objects_each_do_not_wait_for_each_other(self, server: Server) -> None:
        options = StorageOptions(max_connections=2, read_timeout=5)
        both = threading.Barrier(2)

        def two(names: str) -> bytes:
            with open_stream(ObjectInfo(f"{server.url}/{names[0]}"), options) as first:
                head = first.read(1000)
                both.wait()
                with open_stream(ObjectInfo(f"{server.url}/{names[1]}"), options) as second:
                    return head + second.read_to_end() + first.read_to_end()

        with ThreadPoolExecutor(2) as pool:
            assert set(pool.map(two, ("ab", "cd"))) == {DATA[:1000] + DATA + DATA[1000:]}

    def test_a_folder_that_is_not_ours_alone_is_not_used(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        open_to_all = tmp_path / "open"
        open_to_all.mkdir(mode=0o777)
        open_to_all.chmod(0o777)
        monkeypatch.setattr("presswatch_spark.storage.web.shared_hosts.shared_folders", lambda: [open_to_all])
        state_of.cache_clear()
        try:
            assert state_of("other.example:443").folder is None
            slots = Slots(state_of("other.example:443"), 1)
            slot = slots.take()
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(slots.take)
                while not slots.wanted():
                    pass
                slot.release()
                waiting.result(60).release()
            assert list(open_to_all.iterdir()) == []
        finally:
            state_of.cache_clear()

    def test_requests_come_no_faster_than_asked(self) -> None:
        now = [1000.0]
        host = Host(HOST, StorageOptions(requests_per_second=4), lambda: now[0])
        assert [host._early(4) for _ in range(2)] == [0.0, 0.25]
        now[0] += 0.25
        assert host._early(4) == 0.0


class TestDrips:
    SLOW = StorageOptions(
        max_attempts=2,
        backoff_base=0.0001,
        lowest_rate=1_000_000,
        rate_seconds=0.05,
        read_timeout=1,
        connect_timeout=0.2,
    )

    def test_a_body_that_drips_is_broken_off_with_the_reason(self, server: Server) -> None:
        server.always = Fault(drips=True)
        with pytest.raises(TruncatedError, match="the transfer is slower than 1,000,000 bytes a second"):
            read(server, "a", self.SLOW)
        assert len(server.gets()) == 2

    def test_a_body_that_drips_once_goes_on_where_it_was(self, server: Server) -> None:
        server.faults.append(Fault(drips=True))
        assert read(server, "a", self.SLOW) == DATA

    def test_a_range_that_drips_is_broken_off_too(self, server: Server) -> None:
        server.always = Fault(drips=True)
        with pytest.raises(TruncatedError, match="slower than"):
            read_range(f"{server.url}/a", 10, 100_000, self.SLOW)

    def test_a_head_that_drips_is_given_up(self, server: Server) -> None:
        server.always = Fault(drips_head=True)
        with pytest.raises(StorageError, match="the answer comes too slowly"):
            read(server, "a", replace(self.SLOW, read_timeout=0.3))

    def test_a_slow_reader_is_no_slow_server(self, server: Server) -> None:
        clock = StorageOptions(lowest_rate=1 << 40, rate_seconds=3600)
        assert read(server, "a", clock) == DATA


class TestTime:
    def test_waiting_for_a_host_does_not_count(self) -> None:
        now = [0.0]
        with time_limit(10, lambda: now[0]):
            now[0] = 100
            count_waiting(95)
            check_time()
            now[0] = 106
            with pytest.raises(LateError):
                check_time()
        check_time()

    def test_of_threads_that_wait_at_a_time_the_longest_wait_counts(self) -> None:
        now, both = [0.0], threading.Barrier(2)

        def wait(seconds: list[float]) -> None:
            both.wait()
            for each in seconds:
                with limit.here():
                    count_waiting(each)

        with time_limit(10, lambda: now[0]):
            limit = LentLimit()
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(wait, ([5], [4, 4])))
            now[0] = 18
            check_time()
            now[0] = 19
            with pytest.raises(LateError):
                check_time()

    def test_of_threads_that_read_one_file_the_longest_wait_counts(self) -> None:
        """Arrow reads the columns of a file in threads of its own."""
        now, both = [0.0], threading.Barrier(2)

        class Waits(LocalStore):
            def open_body(self, info: ObjectInfo, start: int, end: int | None) -> RangeReply:
                both.wait()
                count_waiting(5)
                return RangeReply(BytesIO(DATA[start:end]), start, len(DATA))

        with time_limit(10, lambda: now[0]):
            file = RangeFile(Waits(OPTIONS), ObjectInfo("file", len(DATA)), len(DATA))
            with ThreadPoolExecutor(2) as pool:
                assert [len(data) for data in pool.map(file.read, (10, 10))] == [10, 10]
            now[0] = 15
            check_time()
            now[0] = 16
            with pytest.raises(LateError):
                check_time()

    def test_a_limit_holds_for_threads_that_do_the_work(self) -> None:
        now = [0.0]

        def work() -> None:
            with limit.here():
                check_time()

        with time_limit(10, lambda: now[0]), ThreadPoolExecutor(1) as pool:
            limit = LentLimit()
            pool.submit(work).result()
            now[0] = 11
            with pytest.raises(LateError):
                pool.submit(work).result()

    def test_a_shard_that_takes_too_long_is_partial_with_the_place_and_tried_once(
        self, server: Server
    ) -> None:
        server.always = Fault(drips=True)
        info = ObjectInfo(f"{server.url}/a", len(DATA))

        def drain(reading: ShardAttempt) -> None:
            reading.report.documents = 1
            with open_stream(info, OPTIONS) as stream:
                while stream.read(10):
                    reading.report.bytes_read = stream.position

        log = outcome_of(ShardAttempt, drain, info, 2, 0.1).log
        assert (log["status"], log["failure"], log["attempts"]) == ("partial", "time", 1)
        assert str(log["error"]).startswith(
            "the 0.1 s that a shard may take (run.shard_seconds) were over (byte "
        )


class TestRequestsForAShard:
    @pytest.mark.parametrize("format", ["auto", "c4"])
    def test_detection_and_reading_take_one_request(self, format: str) -> None:
        lines = b"".join(
            b'{"text":"%d","url":"https://a.example/","timestamp":"2019-04-25T12:57:54Z"}\n' % n
            for n in range(50_000)
        )
        with web(objects={"/a.json": lines}) as server:
            shard, options = ObjectInfo(f"{server.url}/a.json"), ReadOptions(storage=OPTIONS)
            reading = ShardAttempt(shard)
            source = format_for(format, shard, options)
            reading.shard = options.opener.described(shard)
            batches = list(source.read(reading.shard, options, reading.report))
            assert sum(map(len, batches)) == 50_000
            assert reading.status == "complete"
            assert reading.shard.size == reading.report.bytes_read == len(lines)
            assert [(method, path) for method, path, _ in server.requests] == [("GET", "/a.json")]


def test_a_pause_is_kept_where_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    state = SharedState("exemple.fr:443", tmp_path)
    monkeypatch.setattr(os, "pwrite", full)
    with state.change() as facts:
        facts.pause(100.0, 160.0, "429")
    assert state.look().until == 160.0
    with state.change() as facts:
        assert facts.until == 160.0
