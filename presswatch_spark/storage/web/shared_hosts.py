"""What processes of this machine share about a host: a few facts, and slots for its connections.

    <temporary folder>/presswatch-spark-<uid>/hosts/<hash of the host>/facts.json, slot-0, slot-1, …
                                                    paused/<hash of a host that made us wait>

The kernel locks these files: a process that is killed lets go. Only folders are used that nobody but this
user may write to. Without one, or on a full disk, each process goes by what it knows itself.

A connection holds a slot for as long as its socket is open. All that wait for one share a lock; a process
that keeps an idle connection sees that, and closes it.
"""

import errno
import hashlib
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Self

from presswatch_spark.storage.asking import rest
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.locks.file_locks import is_free, lock
from presswatch_spark.storage.locks.lock_rules import (
    CONNECTION,
    CONNECTION_LOOK,
    CONNECTION_WANTED,
    HOST_FACTS,
    HOST_FACTS_CHANGED,
)
from presswatch_spark.storage.time_limits import count_waiting
from presswatch_spark.user_cache import is_ours, own_folder, shared_folders

NAME = "hosts"
FACTS = "facts.json"
PAUSED = "paused"
OBJECTS_KEPT = 1000
# A time further ahead was noted by a clock that was wrong; one further back is forgotten.
FURTHEST_SECONDS = 7200.0
LOOK_SECONDS = 0.02
LOOK_SECONDS_MAX = 0.25
# A thread that waits so long gives up connections that it holds and does not read now.
ASIDE_AFTER_SECONDS = 0.5
WAITING = "waiting"
_HELD: set[int] = set()


@dataclass(slots=True)
class HostState:
    """What is known of a host. Times are in seconds since 1970.

    `until`, `why`: it is not asked before, and the reason. `stopped`: this run does not ask it after that
    either. `refused`: hashes of objects that it refused since its last answer. `paused_at`: when all paused
    for that, or 0. `probe`, `probe_at`: who asks for all after the pause, and since when. `forbidden`: hashes
    of objects that it refused while it gave others. `answered`: it has answered at all. `canary`: an object
    that it gave. `waits`: how often in a row it named a time. `next_at`: when the next request is due.
    `since`: when it began to make us wait. `told_at`: when a user was last told of that.
    """

    host: str = ""
    until: float = 0.0
    why: str = ""
    stopped: bool = False
    refused: list[str] = field(default_factory=list)
    paused_at: float = 0.0
    probe: str = ""
    probe_at: float = 0.0
    forbidden: list[str] = field(default_factory=list)
    answered: bool = False
    canary: str = ""
    waits: int = 0
    next_at: float = 0.0
    since: float = 0.0
    told_at: float = 0.0

    def calm(self) -> None:
        """Forget that it refused anything: it answers."""
        self.refused, self.paused_at, self.probe, self.waits = [], 0.0, "", 0

    def pause(self, now: float, until: float, why: str) -> None:
        """Ask nothing before `until`."""
        if not now < self.until:
            self.since = now
        self.until, self.why = until, why

    @classmethod
    def of(cls, text: bytes) -> Self:
        """Read facts; return empty ones for a file whose writer was killed."""
        try:
            noted, blank = parse_json(text), cls()
            known = {each.name: noted[each.name] for each in fields(cls) if each.name in noted}
            kinds = {name: type(getattr(blank, name)) for name in known}
            right = (
                isinstance(known[name], (int, kind) if kind is float else kind)
                for name, kind in kinds.items()
            )
            return cls(**known) if all(right) else blank
        except (ValueError, TypeError):
            return cls()


class SharedState:
    """The facts of one host. `folder` is None where nothing can be shared.

    `asked`: whether this process or its run asks the host. It tells the user of no other.
    """

    def __init__(self, host: str, folder: Path | None) -> None:
        self.host, self.folder, self.asked = host, folder, False
        self._own = HostState(host)
        self._alone = folder is None
        self._guard = threading.Lock()

    def look(self) -> HostState:
        """Return the facts as they are now."""
        if self.folder is not None and not self._alone:
            with suppress(OSError), open(lock(self.folder / FACTS, HOST_FACTS), "rb") as file:
                return HostState.of(file.read())
        return self._own

    @contextmanager
    def change(self) -> Iterator[HostState]:
        """Give the facts to a short block that changes them; nobody else does meanwhile."""
        with self._guard:
            if self.folder is not None and not self._alone:
                try:
                    handle = lock(self.folder / FACTS, HOST_FACTS_CHANGED)
                except OSError:
                    yield self._own
                    return
                with open(handle, "r+b", buffering=0) as file:
                    facts = HostState.of(file.read())
                    before = facts.until
                    yield facts
                    self._keep(file.fileno(), facts, before)
                return
            yield self._own

    def _keep(self, handle: int, facts: HostState, before: float) -> None:
        """Write the facts, and mark a host that makes us wait anew.

        If they cannot be written, as on a full disk, this process goes by its own from now on.
        """
        try:
            self._write(handle, facts)
        except OSError:
            self._own, self._alone = facts, True
            return
        if facts.until > before and self.folder is not None:
            with suppress(OSError):
                marks = self.folder.parent / PAUSED
                marks.mkdir(0o700, exist_ok=True)
                (marks / self.folder.name).touch()

    def _write(self, handle: int, facts: HostState) -> None:
        facts.host = self.host
        facts.refused, facts.forbidden = facts.refused[-OBJECTS_KEPT:], facts.forbidden[-OBJECTS_KEPT:]
        text = json.dumps(asdict(facts)).encode()
        if os.pwrite(handle, text, 0) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.truncate(handle, len(text))


@lru_cache(maxsize=256)
def state_of(host: str) -> SharedState:
    """Return the state of a host, by its name with its port."""
    root = own_folder(shared_folders(), NAME)
    folder = root / hashlib.sha256(host.encode()).hexdigest()[:16] if root else None
    return SharedState(host, folder if folder and is_ours(folder) else None)


def paused_hosts() -> Iterator[tuple[SharedState, HostState]]:
    """Yield the hosts that make this user's processes wait, or did so not long ago."""
    root = own_folder(shared_folders(), NAME)
    for mark in sorted((root / PAUSED).glob("*")) if root else ():
        with suppress(OSError):
            if time.time() - mark.stat().st_mtime > FURTHEST_SECONDS:
                mark.unlink()
            elif (facts := HostState.of((mark.parents[1] / mark.name / FACTS).read_bytes())).host:
                yield state_of(facts.host), facts


class Slot:
    """One of a host's slots, or the right to connect without one."""

    def __init__(self, handle: int | None, release: Callable[[], None] = lambda: None) -> None:
        self._handle, self._release = handle, release
        if handle is not None:
            _HELD.add(handle)

    def release(self) -> None:
        """Let another connection have it; a second call does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None and handle in _HELD:
            _HELD.discard(handle)
            os.close(handle)
        release, self._release = self._release, lambda: None
        release()


class Slots:
    """At most `number` slots of a host."""

    def __init__(self, state: SharedState, number: int) -> None:
        self._state, self._number = state, number
        self._own = threading.BoundedSemaphore(number)
        self._waiting = 0

    def take(self, step_aside: Callable[[], None] = lambda: None) -> Slot:
        """Wait for a slot, and return it. `step_aside` is called while that takes long."""
        slot = self._try()
        if slot is not None:
            return slot
        began, wait, waiting = time.monotonic(), LOOK_SECONDS, self._announced()
        self._waiting += 1
        try:
            while (slot := self._try()) is None:
                rest(wait * random.uniform(0.5, 1.0))
                wait = min(LOOK_SECONDS_MAX, wait * 1.5)
                if time.monotonic() - began > ASIDE_AFTER_SECONDS:
                    step_aside()
            return slot
        finally:
            self._waiting -= 1
            if waiting is not None:
                os.close(waiting)
            count_waiting(time.monotonic() - began)

    def wanted(self) -> bool:
        """Return whether anybody waits for one."""
        if self._state.folder is None:
            return self._waiting > 0
        try:
            return not is_free(self._state.folder / WAITING, CONNECTION_LOOK)
        except OSError:
            return True

    def _announced(self) -> int | None:
        """Say that somebody waits, until the handle is closed."""
        if self._state.folder is not None:
            with suppress(OSError):
                return lock(self._state.folder / WAITING, CONNECTION_WANTED)
        return None

    def _try(self) -> Slot | None:
        if self._state.folder is not None:
            with suppress(OSError):
                return self._locked(self._state.folder)
        return Slot(None, self._own.release) if self._own.acquire(blocking=False) else None

    def _locked(self, folder: Path) -> Slot | None:
        for number in range(self._number):
            with suppress(BlockingIOError):
                handle = lock(folder / f"slot-{number}", CONNECTION)
                os.utime(handle)
                return Slot(handle)
        return None


def _forget_in_child() -> None:
    """Leave the slots to the parent: a forked child has none of its connections."""
    for handle in list(_HELD):
        with suppress(OSError):
            os.close(handle)
    _HELD.clear()


os.register_at_fork(after_in_child=_forget_in_child)
