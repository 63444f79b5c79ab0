"""What the census of a file leaves, in one Parquet file on disk or S3: its captures, and what is told of it.

    <run>/found/000017.parquet    rows as in `captures`, without run id; the outcome in the file's metadata

It appears whole or not at all, and carries a seal. So a census that was stopped goes on with those it finds,
and reads again the files of the index whose parts are damaged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.errors import OutputError
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import MissingError
from presswatch_spark.tables.schemas import CAPTURES, CENSUS_LOG
from presswatch_spark.tables.seals import UNREADABLE, opened_sealed, sealed_parquet, whole_object

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


def part_of(position: int) -> str:
    """Name of the part that has the captures of the file at a position of the plan."""
    return f"{position:06}.parquet"


def write_part(
    folder: Folder, position: int, batches: Sequence[pa.RecordBatch], outcome: FileOutcome
) -> None:
    """Write what a file gave; a task that is done again replaces what it did."""
    name = part_of(position)
    kinds = [[asdict(kind), count] for kind, count in outcome.kinds.items()]
    told = json.dumps({"log": outcome.log, "kinds": kinds}, default=_as_text)
    with disk_errors(folder.at(name)), folder.new_file(name) as path:
        path.write_bytes(sealed_parquet(batches, FOUND.with_metadata({OUTCOME: told})))


def read_outcome(folder: Folder, position: int) -> FileOutcome | None:
    """The outcome that `write_part` wrote; None if there is none, or the part is not as it was written."""
    try:
        with _opened(folder, position) as file:
            return _outcome_in(file)
    except (MissingError, *UNREADABLE):
        return None


def read_part(folder: Folder, position: int) -> tuple[FileOutcome, pa.Table]:
    """The outcome and the captures that `write_part` wrote, of one and the same try.

    Raises:
        OutputError: the part is not as it was written.
        MissingError: there is none.
    """
    where = folder.at(part_of(position))
    try:
        with _opened(folder, position) as file:
            outcome, captures = _outcome_in(file), file.read(use_threads=False)
        if len(captures) == outcome.log["captures"]:
            return outcome, captures.replace_schema_metadata()
        raise ValueError
    except UNREADABLE as error:
        raise OutputError(
            "what the census of a file found is damaged",
            where=where,
            remedy="give the same command again: that file of the index is read again",
        ) from error


def _opened(folder: Folder, position: int) -> pq.ParquetFile:
    return opened_sealed(whole_object(folder.at(part_of(position)), folder.storage))


def _outcome_in(file: pq.ParquetFile) -> FileOutcome:
    told = json.loads((file.schema_arrow.metadata or {})[OUTCOME])
    log = {name: _as_column(name, value) for name, value in told["log"].items()}
    return FileOutcome(log, {Kind(**kind): count for kind, count in told["kinds"]})


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"an outcome holds no {type(value).__name__}")


def _as_column(name: str, value: object) -> object:
    is_time = pa.types.is_timestamp(CENSUS_LOG.field(name).type)
    return datetime.fromisoformat(str(value)) if is_time else value
