"""What a run in progress writes of itself: `run.json`, and a marker for each wave; and how it is read again.

    <run>/run.json                 run id and first start
    <run>/waves/<attempt>.json     which shards of the plan (by position) the attempt covers; their counts
    <run>/found/<position>.parquet of a census in their place: what a file of the plan gave

What is damaged is named, never guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from presswatch_spark.errors import OutputError
from presswatch_spark.output.tables import write_json
from presswatch_spark.progress import Counts

FOUND_FOLDER = "found"

_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wave:
    """A finished wave: its attempt's folder, the positions of its shards in the plan, and what they gave."""

    attempt: str
    shards: tuple[int, ...]
    counts: Counts


def write_note(folder: Path, run_id: str, started: datetime) -> None:
    """Note in a run's folder which run it is."""
    write_json(folder / "run.json", {"run_id": run_id, "started_at": started.isoformat()})


def read_note(folder: Path) -> tuple[str, datetime] | None:
    """Id and first start of the run in `folder`; None if there is none.

    Raises:
        OutputError: the note is damaged.
    """
    try:
        with _damage_named(folder / "run.json", folder) as facts:
            run_id, started = facts["run_id"], datetime.fromisoformat(facts["started_at"])
            # The id goes into names of files, the start into a table that knows moments only.
            if not _RUN_ID.fullmatch(run_id) or started.tzinfo is None:
                raise ValueError
    except FileNotFoundError:
        return None
    return run_id, started


def write_wave(waves: Path, wave: Wave) -> None:
    """Put the marker of a finished wave down: from now on it counts."""
    write_json(waves / f"{wave.attempt}.json", {"shards": wave.shards, "counts": asdict(wave.counts)})


def read_waves(waves: Path) -> Iterator[Wave]:
    """Yield the finished waves of a run.

    Raises:
        OutputError: a marker is damaged.
    """
    for marker in sorted(waves.glob("*.json")):
        with _damage_named(marker, waves.parent) as facts:
            wave = Wave(marker.stem, tuple(map(int, facts["shards"])), Counts(**facts["counts"]))
        yield wave


@contextmanager
def _damage_named(path: Path, run: Path) -> Iterator[Mapping[str, Any]]:
    try:
        yield json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise OutputError(
            "what an unfinished run wrote of itself cannot be read",
            where=str(path),
            remedy=f"remove the folder {run} and give the same command again: the run starts over",
        ) from error
