"""Runs in progress: the same command finds its unfinished run again, and one live process at a time owns it.

    TABLES/_runs/<key>.lock        held with flock, so it dies with its process
    TABLES/_runs/<key>/…           see `presswatch_spark.output.markers` and `waves`

The key is a digest over all that decides the rows: plan, corpus, settings, version.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from presswatch_spark.errors import OutputError
from presswatch_spark.output.markers import read_note, write_note
from presswatch_spark.output.tables import TableStore, disk_errors


@dataclass(frozen=True, slots=True)
class Run:
    """A run that this process owns. `resumed` is whether an earlier process began it."""

    run_id: str
    started_at: datetime
    folder: Path
    resumed: bool


def key_of(*parts: str) -> str:
    """The key of a run: SHA-256 (hex) over what decides its rows."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@contextmanager
def claim(store: TableStore, key: str, now: datetime) -> Iterator[Run]:
    """Own the unfinished run of `key`, or a new one, until the block ends.

    Raises:
        OutputError: a live process owns it, what it wrote of itself is damaged, or the folder cannot be
            written.
    """
    folder = store.root / "_runs" / key[:16]
    with disk_errors(folder):
        folder.parent.mkdir(exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        yield _unfinished(store, folder) or _new(store, folder, key, now)


def clear(run: Run) -> None:
    """Remove what a published run no longer needs. Call it while the run is owned."""
    with disk_errors(run.folder):
        shutil.rmtree(run.folder)
        run.folder.with_suffix(".lock").unlink()


def _unfinished(store: TableStore, folder: Path) -> Run | None:
    """The run that `folder` holds, unless it was published and only the clearing is missing."""
    note = read_note(folder)
    if note is None or store.is_published(note[0]):
        return None
    return Run(*note, folder, resumed=True)


def _new(store: TableStore, folder: Path, key: str, now: datetime) -> Run:
    """Begin a run; its id is the second of its start and the head of its key."""
    started = now.astimezone(UTC)
    while store.is_published(run_id := f"{started:%Y%m%dT%H%M%SZ}-{key[:6]}"):
        started += timedelta(seconds=1)
    with disk_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "waves").mkdir(parents=True, exist_ok=True)
    write_note(folder, run_id, started)
    return Run(run_id, started, folder, resumed=False)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with disk_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(handle, path)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    """Take the lock; one whose file its last owner removed meanwhile guards nothing."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = os.path.samestat(os.fstat(handle), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        held = False
    if not held:
        raise OutputError(
            "another process is at this run", where=str(path), remedy="wait for it, or stop it and try again"
        )
