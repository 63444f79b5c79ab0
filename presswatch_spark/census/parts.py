"""What the census of a file leaves on disk, in one Parquet file: its captures, and what is told of it.

    <run>/found/000017.parquet    rows as in `captures`, without run id; the outcome in the file's metadata

It appears whole or not at all, so a census that was stopped goes on with those it finds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.corpus.workspace import writing
from presswatch_spark.sources.table.parquet import ARROW_ERRORS
from presswatch_spark.tables import CAPTURES, CENSUS_LOG

FOUND = pa.schema([column for column in CAPTURES if column.name != "run_id"])
OUTCOME = b"presswatch.outcome"


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """What the summary of a census tells captures apart by; `language` is the first that was identified."""

    publisher_id: str
    title_id: str
    url_match: str
    subset: str
    status: int
    language: str


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What a file gave: its row of `census_log` (without run id), and how many captures of each kind."""

    log: Mapping[str, object]
    kinds: Mapping[Kind, int]


def part_of(folder: Path, position: int) -> Path:
    """Where the captures are of the file at a position of the plan."""
    return folder / f"{position:06}.parquet"


def write_part(path: Path, batches: Sequence[pa.RecordBatch], outcome: FileOutcome) -> None:
    """Write what a file gave; a task that is done again replaces what it did."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    kinds = [[asdict(kind), count] for kind, count in outcome.kinds.items()]
    told = json.dumps({"log": outcome.log, "kinds": kinds}, default=_as_text)
    with writing(path):
        table = pa.Table.from_batches(batches, FOUND).replace_schema_metadata({OUTCOME: told})
        pq.write_table(table, draft, compression="zstd")
        os.replace(draft, path)


def read_outcome(path: Path) -> FileOutcome | None:
    """The outcome that `write_part` wrote; None if there is none, or none that can be read."""
    try:
        told = json.loads((pq.read_schema(path).metadata or {})[OUTCOME])
        log = {name: _as_column(name, value) for name, value in told["log"].items()}
        return FileOutcome(log, {Kind(**kind): count for kind, count in told["kinds"]})
    except (LookupError, TypeError, ValueError, *ARROW_ERRORS):
        return None


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"an outcome holds no {type(value).__name__}")


def _as_column(name: str, value: object) -> object:
    is_time = pa.types.is_timestamp(CENSUS_LOG.field(name).type)
    return datetime.fromisoformat(str(value)) if is_time else value
