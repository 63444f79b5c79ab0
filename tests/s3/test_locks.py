"""What one process holds, on disk and S3: the dead, the stopped, wrong clocks, lost answers."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from presswatch_spark.core.errors import OutputError, StorageError
from presswatch_spark.deploy.emr import Service
from presswatch_spark.deploy.ledger import PATIENCE, Ledger
from presswatch_spark.storage import locks_and_leases
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.file_locks import (
    CORPUS_COPY,
    DRAFT,
    RUN,
    SCRATCH_ABANDONED,
    FileRule,
    file_locked,
    lock,
    writes_alone,
)
from presswatch_spark.storage.locks_and_leases import LOOKS, RENEWALS, RunLease, leased, locked, owned
from presswatch_spark.storage.objects import ConflictError, StorageOptions
from presswatch_spark.storage.s3 import S3Store
from tests.conftest import ROOT
from tests.world.places import Place
from tests.world.proofs import each_time
from tests.world.servers import Fault

WORKERS = 4
SECONDS = 0.6
LOST, BUSY = Fault(lost=True), Fault(status=503)
at_both = pytest.mark.parametrize("place", ["disk", "s3"], indirect=True)
on_disk = pytest.mark.parametrize("place", ["disk"], indirect=True)
on_s3 = pytest.mark.parametrize("place", ["s3"], indirect=True)
HOLDS = """
import sys
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks_and_leases import locked
from presswatch_spark.storage.objects import StorageOptions
uri, storage = sys.argv[1], StorageOptions(endpoint=sys.argv[2] or None)
with locked(Folder.of(uri, storage), "a", float(sys.argv[3])) as lock:
    print("taken", flush=True)
    sys.stdin.readline()
    lock.confirm()
    print("still taken", flush=True)
"""


@contextmanager
def holders(place: Place, seconds: float, number: int = 1) -> Iterator[list[Any]]:
    """Other processes that try to hold `a.lock` until they read something."""
    words = [place.root, place.options.endpoint or "", str(seconds)]
    pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HOLDS, *words]
    started = [subprocess.Popen(command, env=environment, text=True, **pipes) for _ in range(number)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


@contextmanager
def holder(place: Place, seconds: float = SECONDS) -> Iterator[Any]:
    """Another process that holds `a.lock` until it reads something."""
    with holders(place, seconds) as (process,):
        assert process.stdout.readline() == "taken\n"
        yield process


def stop(process: Any) -> None:
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)


def folder_of(place: Place) -> Folder:
    folder = Folder.of(place.root, place.options)
    if folder.is_local:
        folder.path.mkdir()
    return folder


def lease_of(place: Place, seconds: float = SECONDS) -> RunLease:
    return RunLease(place.object("a.lock").uri, place.options, seconds)


def taken(place: Place, seconds: float = SECONDS) -> RunLease:
    lease = lease_of(place, seconds)
    lease.take()
    return lease


def takes(lease: RunLease) -> bool:
    try:
        lease.take()
    except OutputError:
        return False
    return True


def at_once(work: Callable[[int], Any], number: int = WORKERS) -> list[Any]:
    """What threads return that begin at the same moment."""
    together = threading.Barrier(number)

    def begin(thread: int) -> Any:
        together.wait()
        return work(thread)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(begin, range(number)))


class TestWrites:
    def count_of(self, place: Place) -> int:
        seen = place.object().read()
        assert seen
        return int(seen.data.split()[0])

    @at_both
    @pytest.mark.parametrize("rounds", each_time([4], [4, 8]))
    def test_no_thread_writes_over_what_it_has_not_read(self, place: Place, rounds: int) -> None:
        counter = place.object()
        counter.write(b"0", None)

        def count_up(_: int) -> None:
            for _ in range(rounds):
                while True:
                    seen = counter.read()
                    assert seen
                    try:
                        # No two writers may write the same bytes, so each writes its name behind the number.
                        counter.write(b"%d %d" % (int(seen.data.split()[0]) + 1, threading.get_ident()), seen)
                        break
                    except ConflictError:
                        continue

        at_once(count_up)
        assert self.count_of(place) == WORKERS * rounds

    @at_both
    def test_of_many_threads_that_find_nothing_one_writes(self, place: Place) -> None:
        def write(number: int) -> bool:
            try:
                place.object().write(b"%d" % number, None)
            except ConflictError:
                return False
            return True

        won = at_once(write, 8)
        assert [number for number, wrote in enumerate(won) if wrote] == [self.count_of(place)]


class TestLostAnswers:
    """A write is carried out, and whoever wrote it hears of a failure."""

    @pytest.fixture
    def unheard(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        real, left = locks_and_leases.write_object, [0]

        def write(*given: Any, **more: Any) -> str:
            etag = real(*given, **more)
            if left[0]:
                left[0] -= 1
                raise StorageError("no answer came", where=given[0])
            return etag

        monkeypatch.setattr(locks_and_leases, "write_object", write)
        return lambda number: left.__setitem__(0, number)

    @at_both
    @pytest.mark.parametrize("number", [1, 2])
    def test_a_holder_continues_from_what_it_wrote_last(
        self, place: Place, unheard: Callable[[int], None], number: int
    ) -> None:
        lease = taken(place, 3600)
        unheard(number)
        for _ in range(number):
            with pytest.raises(StorageError, match="no answer"):
                lease.renew()
        lease.renew()
        assert lease.version == place.object("a.lock").read()

    @at_both
    def test_they_do_not_hide_that_it_was_taken(self, place: Place, unheard: Callable[[int], None]) -> None:
        lease, guarded = taken(place, 3600), place.object("a.lock")
        unheard(1)
        with pytest.raises(StorageError, match="no answer"):
            lease.renew()
        theirs = guarded.write(b"100", guarded.read())
        for _ in range(2):
            with pytest.raises(ConflictError):
                lease.renew()
        assert guarded.read() == theirs

    @on_s3
    def test_replies_that_get_lost_do_not_lose_the_lock(self, place: Place) -> None:
        faults = place.server.put_faults
        faults.extend([LOST, BUSY, LOST])
        with leased(lease_of(place)._object.uri, place.options, 3600) as lease:
            for _ in range(3):
                faults.extend([LOST, BUSY])
                lease.confirm()
            assert not faults
            # A renewal that was given up on had arrived.
            faults.extend([LOST, *[BUSY] * 3])
            with pytest.raises(StorageError, match="503"):
                lease.confirm()
            lease.confirm()


@on_s3
class TestLease:
    @pytest.fixture
    def uri(self, place: Place) -> str:
        return place.object("a.lock").uri

    def test_a_holder_keeps_others_out_for_longer_than_its_lease_whatever_the_clocks_say(
        self, place: Place, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with leased(uri, place.options, SECONDS) as lease:
            for wrong in (-1e8, 1e8):
                monkeypatch.setattr(time, "time", lambda wrong=wrong: 1.7e9 + wrong)
                with pytest.raises(OutputError, match="another process works on this run"):
                    lease_of(place).take()
                lease.confirm()
        # Whoever ends well makes nobody wait.
        for _ in range(2):
            with leased(uri, place.options, 3600):
                pass

    def test_a_silent_holder_is_followed_and_learns_so_before_it_writes(self, place: Place, uri: str) -> None:
        dead = taken(place)
        dead.stop()
        with leased(uri, place.options, SECONDS) as lease:
            for _ in range(2):
                with pytest.raises(OutputError, match="has taken over this run"):
                    dead.confirm()
            dead.release()
            lease.confirm()

    @pytest.mark.parametrize("faults", [[], [LOST, BUSY] * 3], ids=["well", "through faults"])
    def test_of_those_who_follow_at_once_one_wins(self, place: Place, faults: list[Fault]) -> None:
        taken(place, 0.3).stop()
        takers = [lease_of(place, 0.3) for _ in range(WORKERS)]
        place.server.put_faults.extend(faults)
        won = at_once(lambda number: takes(takers[number]))
        assert won.count(True) == 1
        takers[won.index(True)].confirm()
        takers[won.index(True)].release()

    def test_only_what_changes_is_held(self, place: Place, uri: str) -> None:
        taken(place).stop()
        with leased(place.object("alive.lock").uri, place.options, SECONDS):
            held = owned(folder_of(place), ["a", "alive", "none"])
        assert held == {"alive"}

    def test_a_damaged_lock_is_silent(self, place: Place, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locks_and_leases, "USUAL", SECONDS)
        place.object("a.lock").write(b"\xff", None)
        with leased(uri, place.options, SECONDS) as lease:
            lease.confirm()

    def test_a_lock_of_an_earlier_version_is_watched_for_the_lease_that_it_names(
        self, place: Place, uri: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        left = b'{"owner": "00ff", "host": "h", "process": 7, "lease_seconds": 0.6, "renewed": 12}'
        place.object("a.lock").write(left, None)
        assert owned(folder_of(place), ["a"]) == set()
        assert "waiting up to 1 s " in capsys.readouterr().err
        with leased(uri, place.options, 3600) as lease:
            lease.confirm()

    def test_storage_that_heeds_no_conditions_is_refused(
        self, place: Place, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = S3Store.write

        def heedless(store: S3Store, uri: str, data: bytes, *_: Any, **__: Any) -> str:
            return write(store, uri, data, False, None)

        monkeypatch.setattr(S3Store, "write", heedless)
        with pytest.raises(OutputError, match="ignores conditional writes"):
            lease_of(place).take()


class TestOtherProcesses:
    @on_s3
    def test_a_killed_holder_is_followed_by_one_of_many(self, place: Place) -> None:
        with holder(place) as dead:
            dead.kill()
            dead.communicate()
            assert place.object("a.lock").read(), "it could not let go"
            with holders(place, SECONDS, number=2) as takers:
                for process in takers:
                    process.stdin.write("go on\n")
                said = [process.communicate() for process in takers]
        # Who comes when the first has ended well may have it, too: what counts is that all others are told.
        assert "taken\nstill taken\n" in [out for out, _ in said]
        assert all(out or "another process works on this run" in error for out, error in said)
        assert place.object("a.lock").read() is None

    @pytest.mark.full
    @on_s3
    def test_a_holder_that_is_stopped_for_too_long_learns_that_it_was_followed(self, place: Place) -> None:
        uri = place.object("a.lock").uri
        with holder(place, 1.0) as sleeper:
            with pytest.raises(OutputError, match="works on this run"), leased(uri, place.options, 9):
                pass
            stop(sleeper)
            with leased(uri, place.options, 3600) as follower:
                sleeper.send_signal(signal.SIGCONT)
                out, error = sleeper.communicate("go on\n")
                assert (out, sleeper.returncode) == ("", 1)
                assert "has taken over this run" in error
                follower.confirm()

    @on_disk
    def test_who_is_killed_lets_go_at_once_on_a_disk(self, place: Place) -> None:
        folder = folder_of(place)
        with holder(place) as process:
            assert owned(folder, ["a", "b"]) == {"a"}
            with pytest.raises(OutputError, match="works on this run"), locked(folder, "a", 9):
                pass
            process.kill()
            process.wait()
            with locked(folder, "a", 9) as held:
                held.confirm()

    @on_disk
    def test_a_stopped_process_lives_and_loses_nothing_on_a_disk(self, place: Place) -> None:
        folder = folder_of(place)
        with holder(place) as process:
            stop(process)
            with pytest.raises(OutputError), locked(folder, "a", 0.1):
                pass
            assert owned(folder, ["a"]) == {"a"}
            process.send_signal(signal.SIGCONT)
            process.communicate("go on")
            assert process.returncode == 0
            assert owned(folder, ["a"]) == set()

    @on_disk
    def test_a_look_at_a_run_neither_makes_nor_takes_its_lock(self, place: Place) -> None:
        folder = folder_of(place)
        assert owned(folder, ["a"]) == set()
        assert os.listdir(folder.uri) == []
        with locked(folder, "a", 9):
            assert owned(folder, ["a"]) == {"a"}
        assert owned(folder, ["a"]) == set()


RULES = {"waits": CORPUS_COPY, "run": RUN, "build": DRAFT}
TIMES = 50


def count_up(folder: Path, rule: FileRule | None) -> None:
    """Add one to the number in a file, which only a lock guards, `TIMES` times; None: that of the folder."""
    number, path = folder / "number", folder / "lock"
    for _ in range(TIMES):
        while True:
            try:
                with file_locked(path, rule) if rule else writes_alone(str(folder)):
                    number.write_text(str(int(number.read_text()) + 1))
                    if rule:
                        path.unlink()
                break
            except OutputError:
                continue


class TestFiles:
    @pytest.mark.slow
    @pytest.mark.parametrize("pools", [ThreadPoolExecutor, ProcessPoolExecutor])
    @pytest.mark.parametrize(
        "rule", each_time([CORPUS_COPY, None], [*RULES.values(), None]), ids=[*RULES, "folder"]
    )
    def test_one_at_a_time_is_at_it_though_files_are_removed_meanwhile(
        self, tmp_path: Path, rule: FileRule | None, pools: Any
    ) -> None:
        (tmp_path / "number").write_text("0")
        with pools(WORKERS) as pool:
            list(pool.map(count_up, [tmp_path] * WORKERS, [rule] * WORKERS))
        assert (tmp_path / "number").read_text() == str(WORKERS * TIMES)

    def test_who_writes_into_a_folder_shares_its_lock_with_no_one(self, tmp_path: Path) -> None:
        other = os.open(tmp_path, os.O_RDONLY)
        try:
            with writes_alone(str(tmp_path)), pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(other)

    def test_the_lock_of_a_build_that_was_removed_meanwhile_is_not_held(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The build before ends, and removes the file, after the next one has opened it."""
        mark, opened, handles = tmp_path / "mark", os.open, list[int]()

        def slow(path: Any, *given: Any, **named: Any) -> int:
            handle = opened(path, *given, **named)
            if path == mark:
                handles.append(handle)
                mark.unlink()
                mark.write_bytes(b"")
            return handle

        monkeypatch.setattr(os, "open", slow)
        said = "another process is writing this folder"
        with pytest.raises(OutputError, match=said), file_locked(mark, DRAFT):
            pass
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(handles[0])

    def test_no_link_is_followed_to_what_somebody_else_put_there(self, tmp_path: Path) -> None:
        (tmp_path / "theirs").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "theirs")
        for rule in (DRAFT, CORPUS_COPY, SCRATCH_ABANDONED):
            with pytest.raises(OSError, match=r"Too many levels|Not a directory"):
                lock(tmp_path / "link", rule)


@dataclass
class SlowCluster:
    """A service that knows no tokens: it starts what it is asked to, and shows it a moment later."""

    place: Place
    knows_tokens: bool = False
    started: dict[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> SlowCluster:
        return self

    @property
    def storage(self) -> StorageOptions:
        return self.place.options

    def name(self, attempt: int) -> str:
        return f"job {attempt}"

    def record(self, attempt: int, kind: str) -> str:
        return f"{self.place.root}/submissions/{attempt:04}.{kind}.json"

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

    def ledger(self, claim_seconds: float = 60) -> Ledger:
        service = cast("Service", self)
        return Ledger(service, claim_seconds=claim_seconds, look_seconds=0.1)


@at_both
class TestSubmissions:
    @pytest.mark.parametrize("dead", each_time([2], [0, 1, 2]))
    def test_many_at_once_start_one_job_whoever_died_before(self, place: Place, dead: int) -> None:
        cluster = SlowCluster(place)
        for attempt in range(1, dead + 1):
            assert cluster.ledger()._claim(attempt)
        found = at_once(lambda _: cluster.ledger(2.0 if dead else 60.0).start(lambda line: None))
        assert cluster.started == {f"job {dead + 1}": f"run {dead + 1}"}
        assert [running.run for running in found] == [f"run {dead + 1}"] * WORKERS
        assert sum(running.ours for running in found) == 1

    def test_a_claim_of_yesterday_is_understood(self, place: Place) -> None:
        cluster = SlowCluster(place, started={"job 1": "j-1"})
        for kind, entry in {
            "claim": b'{"claimed_at": "2026-11-26T10:00:00Z", "by": "00ff"}\n',
            "started": b'{"run": "j-1", "started_at": "2026-11-26T10:00:01Z"}\n',
        }.items():
            place.object(f"submissions/0001.{kind}.json").write(entry, None)
        running = cluster.ledger().start(lambda line: None)
        assert (running.run, running.ours) == ("j-1", False)


def test_holders_show_life_before_others_take_over_and_submissions_lapse_before() -> None:
    assert LOOKS > RENEWALS >= 4
    assert PATIENCE >= 2
