"""What a run in progress writes of itself: `run.json`, and a marker for each wave; and how it is read again.

    <run>/run.json                 run id, first start, epoch, and the waves of earlier epochs that count
    <run>/waves/<attempt>.json     which shards of the plan (by position) the attempt covers; counts and parts
    <run>/parts/<attempt>/…        the parts; see `presswatch_spark.output.parts`
    <run>/found/<position>.parquet of a census in their place: what a file of the plan gave

An epoch begins when a process takes the run up, and seals those before it: `run.json` names the waves that it
found then. A process of an earlier epoch that wakes may still put a marker, but nobody will read it. What is
damaged is named, never guessed at.
"""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from presswatch_spark.errors import OutputError
from presswatch_spark.monitoring.metrics import Sample, Totals
from presswatch_spark.monitoring.progress import Counts
from presswatch_spark.output.parts import Part, part_of
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import MissingError

FOUND_FOLDER, WAVES_FOLDER, PARTS_FOLDER = "found", "waves", "parts"
NOTE = "run.json"

_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Note:
    """What `run.json` says. `waves` are the attempts of earlier epochs that count."""

    run_id: str
    started_at: datetime
    epoch: int = 1
    waves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wave:
    """A finished wave: its attempt, the positions of its shards in the plan, and what they gave.

    `epoch` is that of the process that scanned it; `totals` are its counts and more, as metrics.
    """

    attempt: str
    shards: tuple[int, ...]
    counts: Counts
    parts: tuple[Part, ...]
    epoch: int = 1
    totals: Totals = field(default_factory=Counter)


def write_note(folder: Folder, note: Note, etag: str | None) -> None:
    """Note in a run's folder which run it is, over the version that was read; None: there was none.

    Raises:
        ConflictError: another process took it up meanwhile.
    """
    # Two processes may note the same, and of the same bytes both would take themselves for the writer.
    writer = secrets.token_hex(8)
    facts = {**asdict(note), "started_at": note.started_at.isoformat(), "writer": writer}
    with disk_errors(folder.at(NOTE)):
        folder.write(NOTE, json.dumps(facts).encode(), absent=etag is None, etag=etag)


def read_note(folder: Folder) -> tuple[Note, str] | None:
    """The note of the run in `folder`, and its ETag; None if there is none.

    Raises:
        OutputError: the note is damaged.
    """
    try:
        with _damage_named(folder, NOTE) as (facts, etag):
            note = Note(
                facts["run_id"],
                datetime.fromisoformat(facts["started_at"]),
                int(facts.get("epoch", 1)),
                tuple(map(str, facts.get("waves", ()))),
            )
            # The id goes into names of files, the start into a table that knows moments only.
            if not _RUN_ID.fullmatch(note.run_id) or note.started_at.tzinfo is None:
                raise ValueError
    except MissingError:
        return None
    return note, etag


def write_wave(folder: Folder, wave: Wave) -> None:
    """Put the marker of a finished wave down in a run's folder: from now on it counts."""
    with disk_errors(folder.at(WAVES_FOLDER)):
        name = f"{WAVES_FOLDER}/{wave.attempt}.json"
        totals = [[*sample, value] for sample, value in sorted(wave.totals.items())]
        facts = asdict(replace(wave, totals=Counter())) | {"totals": totals}
        folder.write(name, json.dumps(facts).encode(), absent=True)


def read_waves(folder: Folder, note: Note, names: Iterable[str] | None = None) -> Iterator[Wave]:
    """Yield the finished waves of a run that count.

    Args:
        names: what the folder holds, if that is known already.

    Raises:
        OutputError: a marker is damaged.
    """
    for name in sorted(folder.names() if names is None else names):
        kind, _, attempt = name.removesuffix(".json").partition("/")
        if kind != WAVES_FOLDER or not name.endswith(".json"):
            continue
        with _damage_named(folder, name) as (facts, _):
            wave = Wave(
                attempt,
                tuple(map(int, facts["shards"])),
                Counts(**facts["counts"]),
                tuple(map(part_of, facts["parts"])),
                int(facts["epoch"]),
                Counter({Sample(family, value): total for family, value, total in facts["totals"]}),
            )
        if wave.epoch == note.epoch or attempt in note.waves:
            yield wave


@contextmanager
def _damage_named(run: Folder, name: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    try:
        data, etag = run.read(name)
        yield json.loads(data), etag
    except MissingError:
        raise
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise OutputError(
            "what an unfinished run wrote of itself cannot be read",
            where=run.at(name),
            remedy=f"remove the folder {run} and give the same command again: the run starts over",
        ) from error
