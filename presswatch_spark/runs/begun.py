"""Which shard a task was at when its worker died: notes that a task makes once it is tried again.

    <run>/begun/<attempt>/<task>/<try>-<place>     this try is at the shard at that place in the task

A note goes when its shard is done, or failed in any way that Python sees: one that stays names a shard that
ended its worker. A first try makes none: they would cost time where nothing goes wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from presswatch_spark.storage.folders import Folder

BEGUN_FOLDER = "begun"


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of an attempt at a wave, in its folder."""

    folder: Folder

    @classmethod
    def of(cls, run: Folder, attempt: str) -> Notes:
        """Those of an attempt of the run in a folder."""
        return cls(run / BEGUN_FOLDER / attempt)

    @contextmanager
    def at(self, task: int, tries: int, place: int) -> Iterator[None]:
        """Note that a try of a task is at the shard at a place, while the block lasts."""
        name = f"{task}/{tries:04}-{place}"
        self.folder.write(name, b"")
        try:
            yield
        finally:
            self.folder.delete([name])

    def suspects(self) -> set[tuple[int, int]]:
        """Tasks, and places in them, of the shards at which tries ended."""
        parts = (name.partition("/") for name in self.folder.names())
        return {(int(task), _place(note)) for task, _, note in parts}

    def suspects_of(self, task: int) -> set[int]:
        """The places of a task at which tries of it ended."""
        return {_place(note) for note in (self.folder / str(task)).names()}


def _place(note: str) -> int:
    return int(note.rpartition("-")[2])
