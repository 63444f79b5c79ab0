"""What processes of this machine share about a host: a folder, locked slots in it, and a few facts.

    <temporary folder>/presswatch-spark-<uid>/hosts/<hash of the host>/facts.json, slot-0, slot-1, …
                                                    paused/<hash of a host that made us wait>

Locks are the kernel's (`flock`): a process that is killed lets go of them. Only folders of this user's alone
are used. Where there is none, and where the disk is full, each process goes by what it knows itself.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path

from presswatch_spark.storage.locks.files import lock
from presswatch_spark.storage.locks.rules import HOST_FACTS, HOST_FACTS_CHANGED
from presswatch_spark.user_cache import is_ours, shared_folders

NAME = "hosts"
FACTS = "facts.json"
PAUSED = "paused"
OBJECTS_KEPT = 1000
# What lies further ahead was noted by a clock that was wrong; what lies further back is forgotten.
FURTHEST_SECONDS = 7200.0


@dataclass(slots=True)
class Facts:
    """What is known of a host. Times are in seconds since 1970.

    `until`, `why`: it is not asked before, and the reason. `stopped`: nor by this run after that.
    `refused`: objects (hashes) that it refused since its last answer. `paused_at`: when all paused for that,
    0 if they did not. `probe`, `probe_at`: who asks for all after the pause, since when. `forbidden`: objects
    that it refused though it answered for others. `answered`: it has answered at all. `canary`: an object
    that it gave. `waits`: how often in a row it named a time. `next_at`: when the next request is due.
    `since`: when it began to make us wait. `told_at`: when somebody was last told.
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
    def of(cls, text: bytes) -> Facts:
        """Read facts; none from a file that a process was killed writing."""
        try:
            told = json.loads(text)
            blank = cls()
            kinds = {each.name: type(getattr(blank, each.name)) for each in fields(cls)}
            right = all(
                isinstance(told[name], int | float if kind is float else kind)
                for name, kind in kinds.items()
                if name in told
            )
            return cls(**{name: told[name] for name in kinds if name in told}) if right else cls()
        except (ValueError, TypeError):
            return cls()


class SharedState:
    """The facts of one host. `folder`: None where nothing can be shared.

    `asked`: whether this process asks the host, or a run that it drives does; it tells of no other.
    """

    def __init__(self, host: str, folder: Path | None) -> None:
        self.host, self.folder, self.asked = host, folder, False
        self._own = Facts(host)
        self._alone = folder is None
        self._guard = threading.Lock()

    def look(self) -> Facts:
        """The facts as they are now."""
        if self.folder is not None and not self._alone:
            with suppress(OSError), open(lock(self.folder / FACTS, HOST_FACTS), "rb") as file:
                return Facts.of(file.read())
        return self._own

    @contextmanager
    def change(self) -> Iterator[Facts]:
        """The facts, to be changed; nobody else changes them in the block, which must be short."""
        with self._guard:
            if self.folder is not None and not self._alone:
                try:
                    handle = lock(self.folder / FACTS, HOST_FACTS_CHANGED)
                except OSError:
                    yield self._own
                    return
                with open(handle, "r+b", buffering=0) as file:
                    facts = Facts.of(file.read())
                    before = facts.until
                    yield facts
                    self._keep(file.fileno(), facts, before)
                return
            yield self._own

    def _keep(self, handle: int, facts: Facts, before: float) -> None:
        """Write facts down; where that fails, as on a full disk, this process goes by its own from now on."""
        try:
            self._write(handle, facts)
        except OSError:
            self._own, self._alone = facts, True
            return
        if facts.until > before and self.folder is not None:
            with suppress(OSError):
                self._mark(self.folder)

    def _mark(self, folder: Path) -> None:
        """Let whoever looks for hosts that make us wait find this one."""
        marks = folder.parent / PAUSED
        marks.mkdir(0o700, exist_ok=True)
        (marks / folder.name).touch()

    def _write(self, handle: int, facts: Facts) -> None:
        facts.host = self.host
        facts.refused, facts.forbidden = facts.refused[-OBJECTS_KEPT:], facts.forbidden[-OBJECTS_KEPT:]
        text = json.dumps(asdict(facts)).encode()
        if os.pwrite(handle, text, 0) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.truncate(handle, len(text))


@lru_cache(maxsize=256)
def state_of(host: str) -> SharedState:
    """The state of a host, by its name with its port."""
    root = _root()
    folder = root / hashlib.sha256(host.encode()).hexdigest()[:16] if root else None
    return SharedState(host, folder if folder and is_ours(folder) else None)


def paused_hosts() -> Iterator[tuple[SharedState, Facts]]:
    """The hosts that make processes of this user on this machine wait, or did so not long ago."""
    root = _root()
    for mark in _entries(root / PAUSED) if root else ():
        with suppress(OSError):
            if time.time() - mark.stat().st_mtime > FURTHEST_SECONDS:
                mark.unlink()
            elif (facts := Facts.of((mark.parents[1] / mark.name / FACTS).read_bytes())).host:
                yield state_of(facts.host), facts


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _root() -> Path | None:
    for home in shared_folders():
        if is_ours(home) and is_ours(home / NAME):
            return home / NAME
    return None
