"""Races for what one process holds, on disk and S3: the dead, the stopped, wrong clocks and lost answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from presswatch_spark.core.errors import OutputError, StorageError
from presswatch_spark.deploy.emr import Service
from presswatch_spark.deploy.ledger import PATIENCE, Ledger
from presswatch_spark.storage import locks as leases
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks import (
    LOOKS,
    RENEWALS,
    USUAL,
    GuardedObject,
    RunLease,
    leased,
    owned,
)
from presswatch_spark.storage.objects import ConflictError, StorageOptions
from tests.conftest import ROOT
from tests.world.proofs import each_time
from tests.world.servers import Fault, Server

WORKERS, ROUNDS = 4, 8
SECONDS = 1.0
PREFIX = """
import os, sys
from presswatch_spark.storage.locks import GuardedObject
from presswatch_spark.storage.locks import RunLease
from datetime import UTC, datetime, timedelta
from presswatch_spark.storage.locks import GuardedObject
from presswatch_spark.storage.locks import RunLease
from presswatch_spark.storage.objects import ConflictError, StorageOptions
uri, storage = sys.argv[1], StorageOptions(endpoint=sys.argv[2] or None)
"""
COUNTS_UP = """
counter = GuardedObject(uri, storage)
for _ in range(int(sys.argv[3])):
    while True:
        seen = counter.read()
        try:
            counter.write(b"%d %d" % (int(seen.data.split()[0]) + 1, os.getpid()), seen)
            break
        except ConflictError:
            continue
"""
TAKES = """
lease = RunLease(uri, storage, float(sys.argv[3]))
lease.take()
print("taken", flush=True)
sys.stdin.readline()
lease.confirm()
print("still taken", flush=True)
lease.release()
"""


@dataclass(frozen=True)
class Place:
    """Where objects lie: a folder of one backend."""

    uri: str
    storage: StorageOptions

    def object(self, name: str = "object.json") -> GuardedObject:
        return GuardedObject(f"{self.uri}/{name}", self.storage)


PLACES = ["disk", "s3"]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    quick = {"max_attempts": 4, "backoff_base": 0.0001, "read_timeout": 5}
    if request.param == "disk":
        return Place(str(tmp_path / "tables"), StorageOptions(**quick))
    request.getfixturevalue("bucket")
    server: Server = request.getfixturevalue("faulty")
    return Place("s3://shards/tables", StorageOptions(endpoint=server.url, **quick))


@pytest.fixture
def on_s3(faulty: Server, bucket: str) -> Place:
    storage = StorageOptions(endpoint=faulty.url, max_attempts=4, backoff_base=0.0001, read_timeout=5)
    return Place("s3://shards/tables", storage)


@contextmanager
def others(code: str, guarded: GuardedObject, *given: object, number: int = 1) -> Iterator[list[Any]]:
    """Processes of their own that run `code`."""
    words = [guarded.uri, guarded.storage.endpoint or "", *map(str, given)]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PREFIX + code, *words],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(number)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def stop(process: Any) -> None:
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)


def counted(data: bytes) -> bytes:
    return b"%d" % (int(data) + 1)


class TestWrites:
    def test_no_thread_writes_over_what_it_has_not_read(self, place: Place) -> None:
        counter, together = place.object(), threading.Barrier(WORKERS)
        counter.write(b"0", None)

        def count_up(_: int) -> None:
            together.wait()
            for _ in range(ROUNDS):
                while True:
                    seen = counter.read()
                    assert seen
                    try:
                        # No two writers may write the same bytes, so each writes its name behind the number.
                        name = b" %d" % threading.get_ident()
                        counter.write(counted(seen.data.split()[0]) + name, seen)
                        break
                    except ConflictError:
                        continue

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(count_up, range(WORKERS)))
        version = counter.read()
        assert version
        assert int(version.data.split()[0]) == WORKERS * ROUNDS

    def test_of_many_threads_that_find_nothing_one_writes(self, place: Place) -> None:
        together = threading.Barrier(8)

        def write(number: int) -> bool:
            together.wait()
            try:
                place.object().write(b"%d" % number, None)
            except ConflictError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(write, range(8)))
        version = place.object().read()
        assert version
        assert [number for number, wrote in enumerate(won) if wrote] == [int(version.data)]


class TestLostAnswers:
    """A write is carried out, and whoever wrote it hears of a failure."""

    @pytest.fixture
    def unheard(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        real, left = leases.write_object, [0]

        def write(*given: Any, **more: Any) -> str:
            etag = real(*given, **more)
            if left[0]:
                left[0] -= 1
                raise StorageError("no answer came", where=given[0])
            return etag

        monkeypatch.setattr(leases, "write_object", write)
        return lambda number: left.__setitem__(0, number)

    def test_a_holder_goes_on_from_what_it_wrote_last(
        self, place: Place, unheard: Callable[[int], None]
    ) -> None:
        guarded = place.object()
        lease = RunLease(guarded.uri, guarded.storage, 3600)
        lease.take()
        unheard(1)
        with pytest.raises(StorageError, match="no answer"):
            lease.renew()
        lease.renew()
        assert lease.version == guarded.read()

    def test_two_in_a_row_do_not_lose_the_object_either(
        self, place: Place, unheard: Callable[[int], None]
    ) -> None:
        guarded = place.object()
        lease = RunLease(guarded.uri, guarded.storage, 3600)
        lease.take()
        unheard(2)
        for _ in range(2):
            with pytest.raises(StorageError, match="no answer"):
                lease.renew()
        lease.renew()
        assert lease.version == guarded.read()

    def test_they_do_not_hide_that_another_took_it_over(
        self, place: Place, unheard: Callable[[int], None]
    ) -> None:
        guarded = place.object()
        lease = RunLease(guarded.uri, guarded.storage, 3600)
        lease.take()
        unheard(1)
        with pytest.raises(StorageError, match="no answer"):
            lease.renew()
        theirs = guarded.write(b"100", guarded.read())
        for _ in range(2):
            with pytest.raises(ConflictError):
                lease.renew()
        assert guarded.read() == theirs

    def test_of_those_who_take_over_at_once_one_wins_through_faults(
        self, on_s3: Place, faulty: Server
    ) -> None:
        guarded, together = on_s3.object(), threading.Barrier(WORKERS)
        guarded.write(b'{"lease_seconds": 0.3}', None)
        takers = [RunLease(guarded.uri, guarded.storage, 0.3) for _ in range(WORKERS)]
        faulty.put_faults.extend([Fault(lost=True), Fault(status=503)] * 3)

        def take(lease: RunLease) -> bool:
            together.wait()
            try:
                lease.take()
            except OutputError:
                return False
            return True

        with ThreadPoolExecutor(WORKERS) as pool:
            won = list(pool.map(take, takers))
        assert won.count(True) == 1
        takers[won.index(True)].confirm()
        takers[won.index(True)].release()


class TestOtherProcesses:
    @pytest.mark.parametrize("place", each_time(["s3"], PLACES), indirect=True)
    def test_no_process_writes_over_what_it_has_not_read(self, place: Place) -> None:
        counter = place.object()
        counter.write(b"0", None)
        with others(COUNTS_UP, counter, ROUNDS, number=3) as processes:
            for process in processes:
                process.communicate()
        version = counter.read()
        assert version
        assert int(version.data.split()[0]) == 3 * ROUNDS

    def test_a_killed_holder_is_followed_by_one_of_many(self, on_s3: Place) -> None:
        guarded = on_s3.object("a.lock")
        with others(TAKES, guarded, SECONDS) as (dead,):
            assert dead.stdout.readline() == "taken\n"
            dead.kill()
            dead.communicate()
            left = guarded.read()
            assert left, "it could not let go"
            with others(TAKES, guarded, SECONDS, number=3) as takers:
                for process in takers:
                    process.stdin.write("go on\n")
                said = [process.communicate() for process in takers]
        # Who comes when the first has ended well may have it, too: what counts is that all others are told.
        won = [out == "taken\nstill taken\n" for out, _ in said]
        assert won.count(True) >= 1
        assert all(out or "another process is at this run" in error for out, error in said)
        assert guarded.read() is None

    @pytest.mark.full
    def test_a_holder_that_is_stopped_for_too_long_learns_that_it_was_followed(self, on_s3: Place) -> None:
        guarded = on_s3.object("a.lock")
        with others(TAKES, guarded, SECONDS) as (sleeper,):
            assert sleeper.stdout.readline() == "taken\n"
            with pytest.raises(OutputError, match="is at this run"), leased(guarded.uri, guarded.storage, 9):
                pass
            stop(sleeper)
            with leased(guarded.uri, guarded.storage, 3600) as follower:
                sleeper.send_signal(signal.SIGCONT)
                out, error = sleeper.communicate("go on\n")
                assert (out, sleeper.returncode) == ("", 1)
                assert "has taken this run over" in error
                follower.confirm()


class TestClocks:
    def test_a_run_is_kept_though_the_clocks_of_hosts_go_wrong(
        self, on_s3: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        guarded = on_s3.object("a.lock")
        with leased(guarded.uri, guarded.storage, 0.4) as lease:
            for wrong in (-1e8, 1e8):
                monkeypatch.setattr(time, "time", lambda wrong=wrong: 1.7e9 + wrong)
                with pytest.raises(OutputError), leased(guarded.uri, guarded.storage, 0.4):
                    pass
            lease.confirm()


@dataclass
class SlowCluster:
    """A service that knows no tokens: it starts what it is asked to, and shows it a moment later."""

    place: Place
    knows_tokens: bool = False
    started: dict[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> SlowCluster:
        return self

    def name(self, attempt: int) -> str:
        return f"job {attempt}"

    def record(self, attempt: int, kind: str) -> str:
        return f"{self.place.uri}/submissions/{attempt:04}.{kind}.json"

    def find(self, attempt: int) -> str | None:
        return self.started.get(self.name(attempt))

    def start(self, attempt: int, confirm: Callable[[], None]) -> str:
        confirm()
        time.sleep(0.05)
        assert self.name(attempt) not in self.started
        self.started[self.name(attempt)] = run = f"run {attempt}"
        return run

    def state(self, run: str) -> Any:
        return type("JobState", (), {"ended": False})


def ledger(cluster: SlowCluster, claim_seconds: float = 60) -> Ledger:
    service = cast("Service", cluster)
    return Ledger(service, cluster.place.storage, claim_seconds=claim_seconds, look_seconds=0.01)


class TestSubmissions:
    @pytest.mark.parametrize("dead", each_time([2], [0, 1, 2]))
    def test_many_at_once_start_one_job_whoever_died_before(self, place: Place, dead: int) -> None:
        cluster, together = SlowCluster(place), threading.Barrier(WORKERS)
        for attempt in range(1, dead + 1):
            assert ledger(cluster)._claim(attempt)

        def submit(_: int) -> tuple[str, bool]:
            together.wait()
            running = ledger(cluster, 2.0 if dead else 60.0).start(lambda line: None)
            return running.run, running.ours

        with ThreadPoolExecutor(WORKERS) as pool:
            found = list(pool.map(submit, range(WORKERS)))
        assert cluster.started == {f"job {dead + 1}": f"run {dead + 1}"}
        assert [run for run, _ in found] == [f"run {dead + 1}"] * WORKERS
        assert sum(ours for _, ours in found) == 1

    def test_a_claim_of_yesterday_is_understood(self, place: Place) -> None:
        cluster = SlowCluster(place, started={"job 1": "j-1"})
        for kind, entry in {
            "claim": b'{"claimed_at": "2026-11-26T10:00:00Z", "by": "00ff"}\n',
            "started": b'{"run": "j-1", "started_at": "2026-11-26T10:00:01Z"}\n',
        }.items():
            GuardedObject(cluster.record(1, kind), place.storage).write(entry, None)
        running = ledger(cluster).start(lambda line: None)
        assert (running.run, running.ours) == ("j-1", False)


class TestOlderVersions:
    """What an earlier version of this project left is understood."""

    def test_a_lock_of_a_run_is_watched_for_the_lease_that_it_names(self, on_s3: Place) -> None:
        guarded, folder = on_s3.object("a.lock"), Folder.of(on_s3.uri, on_s3.storage)
        left = b'{"owner": "00ff", "host": "h", "process": 7, "lease_seconds": 0.4, "renewed": 12}'
        guarded.write(left, None)
        began = time.monotonic()
        assert owned(folder, ["a.lock"]) == set()
        assert time.monotonic() - began < USUAL / 2, "it was watched for 0.4 s, and not for the usual lease"
        with leased(guarded.uri, guarded.storage, 3600) as lease:
            lease.confirm()


def test_a_holder_writes_more_than_once_before_others_take_it_over() -> None:
    assert LOOKS > RENEWALS >= 4


def test_a_submission_lapses_before_others_take_it_for_dead() -> None:
    assert PATIENCE >= 2
