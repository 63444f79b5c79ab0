"""A site is not asked more than it allows, and neither a shard's time nor Ctrl-C waits for it."""

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from urllib3 import HTTPHeaderDict, HTTPResponse

from presswatch_spark.core.compiled import PACKAGE
from presswatch_spark.core.errors import StorageError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.core.threads import (
    AskingThreads,
    GivenUpError,
    LateError,
    answer_of,
    check_time,
    time_limit,
    uncounted,
)
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.scanning.runs.run_work import outcome_of
from presswatch_spark.scanning.shard.attempts import ShardAttempt
from presswatch_spark.storage import host_limits
from presswatch_spark.storage.disk import LocalStore
from presswatch_spark.storage.host_limits import (
    BlockedError,
    HostLimits,
    Slot,
    Workers,
    forget_hosts,
    waits_reported,
)
from presswatch_spark.storage.http import HttpReply, HttpStore
from presswatch_spark.storage.objects import (
    DeniedError,
    ObjectInfo,
    RangeReply,
    StorageOptions,
    ask,
    open_stream,
    random_access,
    read_range,
)
from presswatch_spark.storage.streams import RangeFile
from tests.world.places import read_all
from tests.world.servers import Fault, Server, web

DATA = random.Random(3).randbytes(300_000)
OPTIONS = StorageOptions(max_attempts=3, backoff_base=0.0001, read_timeout=5, refusal_pause=0.05)
HOST = "host.example:443"
AGE = 600.0


@pytest.fixture(autouse=True)
def _without_hosts_of_before() -> Iterator[None]:
    forget_hosts()
    yield
    Workers().join()


@pytest.fixture
def server() -> Iterator[Server]:
    with web(objects={f"/{name}": DATA for name in "abcdefgh"}) as running:
        yield running


@dataclass
class Asks:
    """A reply that asks to wait."""

    named_wait: float
    turn_at: float
    uri: str = "https://host.example/a"
    status: int = 429
    headers: Mapping[str, str] = field(default_factory=dict)


def read(server: Server, name: str, options: StorageOptions = OPTIONS) -> bytes:
    return read_all(ObjectInfo(f"{server.url}/{name}"), options)


def outcome(server: Server, name: str) -> object:
    try:
        return read(server, name)
    except StorageError as error:
        return error


class TestWhatASiteAsks:
    @pytest.mark.parametrize(
        ("status", "headers", "seconds"),
        [
            (503, {"Retry-After": "7"}, 7),
            (403, {"Retry-After": "Thu, 01 Jan 1970 00:20:00 GMT"}, 0),
            (429, {"RateLimit": '"resolvers";r=0;t=240'}, 240),
            (429, {"RateLimit": '"a";r=5;t=10, "b";r=0;t=240'}, 240),
            (429, {"Retry-After": "3", "RateLimit": '"resolvers";r=0;t=8'}, 8),
            (403, {"RateLimit": '"api";r=4999;t=300'}, None),
            (429, {}, None),
            (429, {"Retry-After": "soon", "RateLimit": "rubbish;;=,"}, None),
            (503, {"Retry-After": "-1e309"}, None),
            (503, {"Retry-After": "9" * 5000}, None),
            (503, {"Retry-After": "Fri, 31 Dec 99999999999 23:59:59 GMT"}, None),
            (429, {"RateLimit": '"api";r=0;t=-1'}, None),
        ],
    )
    def test_a_time_is_read_in_every_form_it_comes_in(
        self, status: int, headers: dict[str, str], seconds: float | None
    ) -> None:
        raw = HTTPResponse(status=status, headers=HTTPHeaderDict(headers))
        assert HttpReply(raw, Slot(), "https://host.example/a", 0.0, 0.0).named_wait == seconds

    def test_the_wait_that_a_site_asks_for_holds_for_all_and_is_no_failed_try(self, server: Server) -> None:
        server.faults.extend([Fault(status=429, limit='"x";r=0;t=0.05')] * (OPTIONS.max_attempts + 1))
        assert read(server, "a") == DATA

    @pytest.mark.parametrize("at", ["0", "Thu, 01 Jan 1970 00:20:00 GMT"])
    def test_a_past_time_is_no_refusal(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, at: str
    ) -> None:
        """Dates count whole seconds, so one that is near may be over when it comes."""
        monkeypatch.setattr(host_limits, "SHORTEST_WAIT", 0.01)
        server.faults.extend([Fault(status=429, retry_after=at)] * 5)
        assert read(server, "a") == DATA
        assert len(server.requests) == 6

    def test_a_site_that_asks_for_longer_than_is_granted_is_asked_nothing_more(self, server: Server) -> None:
        server.faults.append(Fault(status=429, retry_after="86400"))
        for _ in range(3):
            with pytest.raises(BlockedError, match=r"asked to wait for 86,400 s; 600 s are allowed"):
                read(server, "a")
        assert len(server.requests) == 1


class TestReports:
    @pytest.fixture
    def host(self, monkeypatch: pytest.MonkeyPatch) -> HostLimits:
        """A host that asked to wait for 240 s; each rest takes 50 s."""
        now = [1000.0]
        host = HostLimits(HOST, lambda: now[0])
        monkeypatch.setattr(host_limits, "rest", lambda seconds: now.__setitem__(0, now[0] + 50))
        assert host.must_repeat(cast(HttpReply, Asks(240, now[0])), OPTIONS, single_object=False)
        return host

    def test_a_pause_is_reported_once_a_minute_with_host_reason_and_time(self, host: HostLimits) -> None:
        lines = list[str]()
        with waits_reported(lambda waiting: lines.append(str(waiting))):
            assert host.await_turn("https://host.example/a") >= 1240
        assert len(lines) == 3
        assert all(line.startswith(f"waiting for {HOST} until ") for line in lines)
        assert all(line.endswith(" UTC: it answered 429 and asked to wait for 240 s") for line in lines)

    def test_outside_of_a_command_a_pause_is_reported_on_stderr(
        self, host: HostLimits, capsys: pytest.CaptureFixture[str]
    ) -> None:
        host.await_turn("https://host.example/a")
        assert capsys.readouterr().err.startswith(f"waiting for {HOST} until ")

    def test_the_innermost_who_follows_is_told_of_a_pause_once(self, server: Server) -> None:
        server.faults.append(Fault(status=429, limit='"x";r=0;t=1.2'))
        outer, inner = list[str](), list[str]()
        with (
            waits_reported(lambda waiting: outer.append(waiting.host)),
            waits_reported(lambda waiting: inner.append(waiting.host)),
        ):
            assert read(server, "a") == DATA
        assert (len(outer), len(inner)) == (0, 1)


class TestRefusals:
    def test_one_refusal_without_a_time_is_waited_out(self, server: Server) -> None:
        for status in (403, 429):
            server.faults.append(Fault(status=status))
            assert read(server, "a") == DATA

    def test_a_site_that_refuses_everything_is_soon_asked_nothing_more(self, server: Server) -> None:
        server.blocks_after = 4
        outcomes = [outcome(server, name) for name in "abcdefgh" * 25]
        assert outcomes[:4] == [DATA] * 4
        # One is asked for again after the pause; the second object in a row stops the site.
        assert len(server.requests) == 4 + 3
        assert isinstance(outcomes[4], DeniedError)
        for told in map(str, outcomes[5:]):
            assert "access denied (403) for 2 objects in a row" in told
            assert "blocked this address" in told

    def test_threads_that_ask_at_once_all_stop(self, server: Server) -> None:
        server.blocks_after = 8
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda name: outcome(server, name), "abcdefgh" * 10))
        # As many as are under way at once: when it refuses, after the pause, and for the next object.
        assert len(server.requests) <= 8 + 3 * 8

    def test_a_new_run_asks_again_what_stopped_an_earlier_one(self, server: Server) -> None:
        server.blocks_after = 0
        for name in "ab":
            with pytest.raises(BlockedError if name == "b" else DeniedError):
                read(server, name)
        assert len(server.requests) == 3
        server.blocks_after = None
        with pytest.raises(BlockedError):
            read(server, "a")
        forget_hosts()
        assert read(server, "a") == DATA

    def test_a_worker_forgets_at_a_new_run_what_stopped_it_in_another(self, server: Server) -> None:
        Workers("one", 2, 2).join()
        server.blocks_after = 0
        assert all(isinstance(outcome(server, name), StorageError) for name in "ab")
        server.blocks_after = None
        Workers("one", 2, 2).join()
        with pytest.raises(BlockedError):
            read(server, "a")
        Workers("two", 2, 2).join()
        assert read(server, "a") == DATA

    def test_forbidden_objects_among_others_are_failures_of_their_own(self, server: Server) -> None:
        assert read(server, "a") == DATA
        server.forbidden = {"/b", "/c", "/d", "/e"}
        for name in "bcde":
            with pytest.raises(DeniedError, match="access denied"):
                read(server, name)
            assert read(server, "f") == DATA
        paths = [path for _, path, _ in server.requests]
        # The first is asked for again after a pause, of which there is one.
        assert [paths.count(f"/{name}") for name in "bcde"] == [2, 1, 1, 1]

    def test_a_site_that_wants_credentials_for_everything_is_soon_left_alone(self, server: Server) -> None:
        assert read(server, "a") == DATA
        server.always = Fault(status=401)
        outcomes = [outcome(server, name) for name in "abcdefgh"]
        assert len(server.requests) == 1 + 5
        assert all(isinstance(told, DeniedError) for told in outcomes[:4])
        assert all("access denied (401) for 5 objects in a row" in str(told) for told in outcomes[4:])

    def test_one_that_wants_credentials_for_some_objects_is_asked_for_others(self, server: Server) -> None:
        for _ in range(2):
            for name in "abcd":
                server.faults.append(Fault(status=401))
                assert isinstance(outcome(server, name), DeniedError)
            assert read(server, "e") == DATA
        assert len(server.requests) == 10

    def test_a_refusal_with_a_hubs_reason_concerns_its_object_only(self, server: Server) -> None:
        for name in "abcdefg":
            for status in (401, 403):
                server.faults.append(Fault(status=status, headers=(("X-Error-Code", "GatedRepo"),)))
                assert isinstance(outcome(server, name), DeniedError)
        assert read(server, "h") == DATA
        assert len(server.requests) == 15


class TestConnections:
    @pytest.mark.parametrize(("workers", "most"), [(1, 4), (2, 2), (4, 1), (9, 1)])
    def test_workers_of_a_machine_divide_connections(self, server: Server, workers: int, most: int) -> None:
        Workers("run", workers, workers).join()
        options = StorageOptions(max_connections=4)
        with ThreadPoolExecutor(8) as pool:
            parts = pool.map(
                lambda name: read_range(f"{server.url}/{name}", 5, 200_000, options), "abcdefgh" * 3
            )
            assert {len(part) for part in parts} == {200_000}
        assert server.open_most <= most

    @pytest.mark.parametrize(
        ("uri", "cores", "limit", "tasks"),
        [
            ("https://a.example/x.gz", 48, None, 8),
            ("hf://datasets/a/b/x.gz", 48, 3, 3),
            ("https://a.example/x.gz", 4, None, 99),
            ("/data/x.gz", 48, None, 99),
            ("s3://b/x.gz", 48, 2, 99),
        ],
    )
    def test_no_more_tasks_read_from_web_sites_at_once_than_may_connect(
        self, uri: str, cores: int, limit: int | None, tasks: int
    ) -> None:
        workers = Workers.of([uri], cores, StorageOptions(max_connections=limit))
        assert workers.tasks(99, cores) == tasks
        assert workers.tasks(99, 2 * cores) == min(99, 2 * tasks)

    def test_a_connection_serves_one_request_after_another(self, server: Server) -> None:
        for _ in range(5):
            read_range(f"{server.url}/a", 1, 10, OPTIONS)
        assert len(set(server.peers)) == 1

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

    def test_connections_beyond_the_limit_are_counted_until_they_are_released(self) -> None:
        host, options = HostLimits(HOST), StorageOptions(max_connections=2)
        mine = [host.slot(options) for _ in range(3)]
        for _ in range(2):
            other = Thread(target=lambda: host.slot(options).release())
            other.start()
            mine[0].release()
            mine[0].release()
            other.join(0.1)
            assert other.is_alive(), "two are still open"
            mine[1].release()
            other.join(20)
            assert not other.is_alive()
            # Then the count is right again.
            mine = [mine[2], host.slot(options), host.slot(options)]

    def test_requests_come_no_faster_than_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [1000.0]
        host, options = HostLimits(HOST, lambda: now[0]), StorageOptions(requests_per_second=4)
        monkeypatch.setattr(host_limits, "rest", lambda seconds: now.__setitem__(0, now[0] + seconds))
        for _ in range(3):
            host.keep_pace(options)
        assert now[0] == 1000.5
        Workers("run", 2, 2).join()
        for _ in range(2):
            host.keep_pace(options)
        assert now[0] == 1001.25

    def test_a_head_that_drips_is_broken_off_and_holds_no_connection(self, server: Server) -> None:
        server.faults.append(Fault(drips_head=True))
        options = StorageOptions(max_attempts=1, connect_timeout=0.05, read_timeout=0.2, max_connections=1)
        with pytest.raises(StorageError, match="its answer begins too slowly"):
            read(server, "a", options)
        assert read(server, "b") == DATA
        # The late answer is not read.
        until = time.monotonic() + 20
        while len(server.lines) > 1 and time.monotonic() < until:
            Event().wait(0.01)
        assert len(server.lines) == 1

    def test_a_slow_reader_is_no_slow_server(self, server: Server) -> None:
        clock = StorageOptions(lowest_rate=1 << 40, rate_seconds=3600)
        assert read(server, "a", clock) == DATA

    @pytest.mark.parametrize("format", ["auto", "c4"])
    def test_detection_and_reading_of_a_shard_take_one_request(self, format: str, server: Server) -> None:
        line = b'{"text":"%d","url":"https://a.example/","timestamp":"2019-04-25T12:57:54Z"}\n'
        server.objects["/a.json"] = lines = b"".join(line % n for n in range(50_000))
        shard, options = ObjectInfo(f"{server.url}/a.json"), ReadOptions(storage=OPTIONS)
        reading = ShardAttempt(shard)
        source = format_for(format, shard, options)
        reading.shard = options.opener.described(shard)
        batches = list(source.read(reading.shard, options, reading.report))
        assert (sum(map(len, batches)), reading.status) == (50_000, "complete")
        assert reading.shard.size == reading.report.bytes_read == len(lines)
        assert [(method, path) for method, path, _ in server.requests] == [("GET", "/a.json")]


class TestTime:
    def test_waiting_for_a_host_does_not_count(self) -> None:
        now = [0.0]
        with time_limit(10, lambda: now[0]):
            now[0] = 5
            with uncounted():
                now[0] += 95
            check_time()
            now[0] = 106
            with pytest.raises(LateError):
                check_time()
        check_time()

    def test_waits_of_threads_that_read_one_file_for_the_shard_do_not_count(self) -> None:
        """Arrow reads the columns of a file in threads of its own, which may wait at the same time."""
        now, both = [0.0], threading.Barrier(2)

        class Waits(LocalStore):
            def open_body(self, info: ObjectInfo, start: int, end: int | None) -> RangeReply:
                with uncounted():
                    both.wait()
                    now[0] += 50
                    both.wait()
                return RangeReply(BytesIO(DATA[start:end]), start, len(DATA))

        with time_limit(10, lambda: now[0]):
            files = [RangeFile(Waits(OPTIONS), ObjectInfo("file", len(DATA)), len(DATA)) for _ in range(2)]
            with ThreadPoolExecutor(2) as pool:
                assert {len(data) for data in pool.map(lambda file: file.read(10), files)} == {10}
            assert now[0] == 100
            check_time()
            now[0] += 11
            with pytest.raises(LateError):
                check_time()

    def test_a_shard_of_parquet_read_in_threads_of_arrow_ends_by_its_limit(self, server: Server) -> None:
        held = BytesIO()
        pq.write_table(pa.table({"url": [f"https://a.example/{n}" for n in range(50_000)]}), held)
        server.objects["/t.parquet"] = held.getvalue()
        now = [0.0]
        with time_limit(10, lambda: now[0]):
            file = random_access(ObjectInfo(f"{server.url}/t.parquet"), OPTIONS)
            table = pq.ParquetFile(file, pre_buffer=True)
            now[0] = 11
            with pytest.raises(LateError, match=r"run\.shard_seconds"):
                table.read_row_group(0)

    def test_a_shard_that_takes_too_long_is_partial_with_its_place_and_tried_once(
        self, server: Server
    ) -> None:
        server.always = Fault(drips=True)
        info = ObjectInfo(f"{server.url}/a", len(DATA))

        def drain(reading: ShardAttempt) -> None:
            reading.report.documents = 1
            with open_stream(info, OPTIONS) as stream:
                while stream.read(10):
                    reading.report.bytes_read = stream.position

        log = outcome_of(ShardAttempt, drain, info, RunRules(shard_seconds=0.1)).log
        assert (log["status"], log["failure"], log["attempts"]) == ("partial", "time", 1)
        late = "the 0.1 s that a shard may take (run.shard_seconds) were over (byte "
        assert str(log["error"]).startswith(late)


def wait_for_turn() -> None:
    host = HostLimits(HOST)
    host.must_repeat(cast(HttpReply, Asks(AGE, 1.0)), StorageOptions(), single_object=False)
    host.await_turn("https://host.example/a")


def wait_for_pace() -> None:
    host = HostLimits(HOST)
    for _ in range(2):
        host.keep_pace(StorageOptions(requests_per_second=1 / AGE))


def wait_for_slot(most: int) -> None:
    host, options = HostLimits(HOST), StorageOptions(max_connections=most)
    # A thread that has one gets another: take all in a thread that ends.
    taking = Thread(target=lambda: [host.slot(options) for _ in range(most)])
    taking.start()
    taking.join()
    host.slot(options)


def interrupted(begun: Callable[[], object], work: Callable[..., object], *given: object) -> object:
    """How a thread's work ends whose block ends by Ctrl-C once it has begun."""

    def interrupt() -> BaseException | None:
        with suppress(KeyboardInterrupt), AskingThreads(1, "asking") as pool:
            asked = pool.submit(work, *given)
            assert begun()
            raise KeyboardInterrupt
        return asked.exception()

    outer = ThreadPoolExecutor(1)
    try:
        return outer.submit(interrupt).result(30)
    finally:
        outer.shutdown(wait=False)


class TestThreads:
    """Threads that wait for a host end with the block that asks."""

    @pytest.mark.parametrize(
        "wait",
        [
            pytest.param(wait_for_turn, id="turn"),
            pytest.param(wait_for_pace, id="pace"),
            pytest.param(lambda: wait_for_slot(1), id="slot"),
            pytest.param(lambda: wait_for_slot(2), id="slot after two connections of a thread"),
            pytest.param(lambda: HttpStore(StorageOptions(backoff_base=AGE)).pause(9), id="another try"),
        ],
    )
    def test_a_wait_ends_with_a_block_that_ends_by_ctrl_c(self, wait: Callable[[], None]) -> None:
        begun = Event()

        def waiting() -> None:
            begun.set()
            wait()

        assert isinstance(interrupted(lambda: begun.wait(60), waiting), GivenUpError)

    def test_a_silent_site_is_left_with_a_block_that_ends_by_ctrl_c(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            uri, options = f"http://127.0.0.1:{server.getsockname()[1]}/a", StorageOptions(read_timeout=AGE)
            lines = list[socket.socket]()

            def asked_it() -> bytes:
                lines.append(server.accept()[0])
                return lines[0].recv(1)

            assert isinstance(interrupted(asked_it, ask, uri, 0, 1, options), GivenUpError)

    def test_what_is_given_up_asks_nothing_more(self) -> None:
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

    def test_a_block_that_ends_well_has_its_answers_in_order_and_errors_in_their_place(self) -> None:
        with AskingThreads(2, "asking") as pool:
            asked = [pool.submit(HttpStore(StorageOptions(backoff_base=0.001)).pause, 1) for _ in range(4)]
            answers = pool.map(lambda over, under: over // under, [6, 8, 1], [3, 2, 0])
            assert [next(answers), next(answers)] == [2, 4]
            with pytest.raises(ZeroDivisionError):
                next(answers)
        assert [each.exception() for each in asked] == [None] * 4

    def test_ctrl_c_is_heard_though_it_does_not_end_the_wait(self) -> None:
        before, over = signal.signal(signal.SIGINT, signal.default_int_handler), Event()

        def press_elsewhere() -> None:
            """Have Ctrl-C arrive in a thread that is not the main one, whose wait it then does not end."""
            time.sleep(0.1)
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)

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

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "code",
        [
            "from presswatch_spark.scanning.crawl_index.lookup import Index\n"
            "list(Index(sys.argv[1], StorageOptions()).captures(['https://a.example/']))",
            pytest.param(
                "from presswatch_spark.legal.removal.inventory import request_files\n"
                "request_files([f'{sys.argv[1]}/a'], StorageOptions())",
                marks=pytest.mark.full,
            ),
        ],
        ids=["an index", "places of a case"],
    )
    def test_ctrl_c_ends_what_asks_a_site_that_asked_to_wait(self, code: str) -> None:
        head = (
            "import signal, sys\nfrom presswatch_spark.storage.objects import StorageOptions\n"
            # A shell that starts the tests in its background has them ignore it.
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        )
        with web(always=Fault(status=429, retry_after=str(int(AGE)))) as server:
            command = [sys.executable, "-c", head + code, server.url]
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            try:
                while not server.requests and process.poll() is None:
                    time.sleep(0.01)
                process.send_signal(signal.SIGINT)
                assert process.wait(30) == -signal.SIGINT
            finally:
                process.kill()
                process.wait()

    @pytest.mark.parametrize(
        "room", ["scanning/campaigns", "scanning/crawl_index", "query/pointers", "legal/removal"]
    )
    def test_packages_that_ask_sites_have_no_other_threads(self, room: str) -> None:
        paths = list(Path(PACKAGE, room).rglob("*.py"))
        assert paths
        assert [path for path in paths if "ThreadPoolExecutor" in path.read_text()] == []
