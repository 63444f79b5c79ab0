"""What a run in progress writes of itself: `run.json`, and a marker for each wave; and how it is read again.

    <run>/run.json                 run id, first start, epoch, and the waves of earlier epochs that count
    <run>/waves/<attempt>.json     which shards of the plan (by position) the attempt covers; counts and parts
    <run>/parts/<attempt>/…        the parts; see `presswatch_spark.runs.parts`
    <run>/found/…                  what a census of an earlier version had in their place

An epoch begins when a process takes the run up, and seals those before it: `run.json` names the waves that it
found then. A process of an earlier epoch that wakes may still put a marker, but nobody will read it. Both
carry a seal: the shards of a damaged marker count as not scanned, and without `run.json` a run starts over.
"""

import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from presswatch_spark.errors import OutputError
from presswatch_spark.monitoring.metrics import TERMS, MetricSample, Totals
from presswatch_spark.monitoring.progress import ShardTotals
from presswatch_spark.runs.parts import RunPart
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.objects import MissingError
from presswatch_spark.tables.seals import UNREADABLE, sealed_json, unsealed_json
from presswatch_spark.version import __version__

FOUND_FOLDER, WAVES_FOLDER, PARTS_FOLDER = "found", "waves", "parts"
NOTE = "run.json"

_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Note:
    """What `run.json` says.

    `waves` are the attempts of earlier epochs that count; `by` is the table whose row will publish the run.
    """

    run_id: str
    started_at: datetime
    epoch: int = 1
    waves: tuple[str, ...] = ()
    by: str = "runs"
    tool_version: str = __version__


@dataclass(frozen=True, slots=True)
class Wave:
    """A finished wave: its attempt, the positions of its shards in the plan, and what they gave.

    `epoch` is that of the process that read it; `totals` are its counts and more, as metrics.
    """

    attempt: str
    shards: tuple[int, ...]
    counts: ShardTotals
    parts: tuple[RunPart, ...]
    epoch: int = 1
    totals: Totals = field(default_factory=Counter)


def write_note(folder: Folder, note: Note, etag: str | None) -> None:
    """Note in a run's folder which run it is, in the place of the note with that ETag; None: there was none.

    Raises:
        ConflictError: another process took it up meanwhile.
    """
    # Two processes may note the same, and of the same bytes both would take themselves for the writer.
    writer = secrets.token_hex(8)
    facts = {**asdict(note), "started_at": note.started_at.isoformat(), "writer": writer}
    with disk_errors(folder.at(NOTE)):
        folder.write(NOTE, sealed_json(facts), absent=etag is None, etag=etag)


def read_note(folder: Folder) -> tuple[Note, str] | None:
    """Read the note of the run in `folder`, and its ETag; None if there is none.

    Raises:
        OutputError: the note is damaged.
    """
    try:
        data, etag = folder.read(NOTE)
    except MissingError:
        return None
    try:
        facts = unsealed_json(data)
        note = Note(
            facts["run_id"],
            datetime.fromisoformat(facts["started_at"]),
            int(facts["epoch"]),
            tuple(map(str, facts["waves"])),
            str(facts.get("by", "runs")),
            str(facts.get("tool_version", "")),
        )
        # The id goes into names of files, the start into a table that knows moments only.
        if not _RUN_ID.fullmatch(note.run_id) or note.started_at.tzinfo is None or note.by not in TERMS:
            raise ValueError
    except UNREADABLE as error:
        raise OutputError(
            "what an unfinished run wrote of itself is damaged, or of an earlier version",
            where=folder.at(NOTE),
            remedy="give the command that began it again: the run starts over",
        ) from error
    return note, etag


def write_wave(folder: Folder, wave: Wave) -> None:
    """Put the marker of a finished wave down in a run's folder: from now on it counts."""
    with disk_errors(folder.at(WAVES_FOLDER)):
        name = f"{WAVES_FOLDER}/{wave.attempt}.json"
        totals = [[*sample, value] for sample, value in sorted(wave.totals.items())]
        facts = asdict(replace(wave, totals=Counter())) | {"totals": totals}
        folder.write(name, sealed_json(facts), absent=True)


def read_waves(
    folder: Folder,
    note: Note,
    names: Iterable[str] | None = None,
    on_damage: Callable[[str], None] = lambda name: None,
) -> Iterator[Wave]:
    """Yield the finished waves of a run that count.

    Args:
        names: what the folder holds, if that is known already.
        on_damage: is told the name of a marker that is not as it was written; its wave does not count.
    """
    for name in sorted(folder.names() if names is None else names):
        kind, _, attempt = name.removesuffix(".json").partition("/")
        if kind != WAVES_FOLDER or not name.endswith(".json"):
            continue
        data, _ = folder.read(name)
        try:
            facts = unsealed_json(data)
            wave = Wave(
                attempt,
                tuple(map(int, facts["shards"])),
                ShardTotals(**facts["counts"]),
                tuple(RunPart(**part) for part in facts["parts"]),
                int(facts["epoch"]),
                Counter({MetricSample(family, value): total for family, value, total in facts["totals"]}),
            )
        except UNREADABLE:
            on_damage(name)
            continue
        if wave.epoch == note.epoch or attempt in note.waves:
            yield wave


def forget_wave(folder: Folder, wave: Wave) -> None:
    """Remove the marker of a wave: its shards count as not scanned."""
    with disk_errors(folder.at(WAVES_FOLDER)):
        folder.delete([f"{WAVES_FOLDER}/{wave.attempt}.json"])
