"""Claims of a sealed bag of evidence, as a notice rests on them: only of a bag that verifies."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from presswatch_spark.claims.selection import RecordReading
from presswatch_spark.errors import OutputError, PresswatchError
from presswatch_spark.evidence import verify_alone as alone
from presswatch_spark.evidence.bag import bag_on_disk, sealed_facts
from presswatch_spark.evidence.challenge import readings_in, rows_in
from presswatch_spark.evidence.contents import SETTINGS
from presswatch_spark.evidence.protocol import EXCHANGES, PROTOCOL
from presswatch_spark.evidence.verifying import verified
from presswatch_spark.removal.case import digest_of
from presswatch_spark.removal.targets import target_of
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.seals import UNREADABLE, opened_sealed

Row = dict[str, Any]

NAMED = 3
ANSWERED = (200, 206)
UNREADABLE_BAG = (OSError, ValueError, LookupError, TypeError, *UNREADABLE)


@dataclass(frozen=True, slots=True)
class SealedClaims:
    """What a bag says.

    `rows` of `matches`, `claims` and `targets` (the records of rows), all by `row_sha256`. `unread`: rows
    whose record was not read, or was not as its row says, when the bag was made. `read_again`: the readings
    of the others. `seal`: what the notice names. `inputs`: what the claims were made with. `readings`: how
    each run read its shards.
    """

    rows: Mapping[str, Row]
    claims: Mapping[str, Row]
    targets: Mapping[str, Row]
    unread: frozenset[str]
    read_again: Mapping[str, tuple[RecordReading, ...]]
    seal: Mapping[str, str]
    inputs: Mapping[str, Any]
    readings: Mapping[str, Mapping[str, Any]]


@dataclass(slots=True)
class SealedOnce:
    """A bag that is read and verified once, when its claims are first asked for; all who ask get the same."""

    path: str
    storage: StorageOptions
    _claims: SealedClaims | None = None
    _error: PresswatchError | None = None

    def claims(self) -> SealedClaims:
        """Return what the bag says; raises as `sealed_claims`, each time the same."""
        if self._error:
            raise self._error
        if self._claims is None:
            try:
                self._claims = sealed_claims(self.path, self.storage)
            except PresswatchError as error:
                self._error = error
                raise
        return self._claims


def is_bag(entries: set[str]) -> bool:
    """Return whether a folder with these files is a bag, or a part of one."""
    return alone.SEAL in entries


def sealed_claims(path: str, storage: StorageOptions) -> SealedClaims:
    """Return the claims of a bag on disk or S3.

    Raises:
        OutputError: it does not verify, or is a part that was disclosed of one.
    """
    with sound_bag(path, storage) as folder:
        try:
            return _read(folder)
        except UNREADABLE_BAG as error:
            raise OutputError(
                "this bag lacks what a notice needs",
                where=path,
                remedy="name a bag of `presswatch evidence build`, not a part of one",
            ) from error


@contextmanager
def sound_bag(path: str, storage: StorageOptions) -> Iterator[Path]:
    """Give the folder of a bag that verifies, with its time-stamps; `OutputError` names what does not."""
    with bag_on_disk(path, storage) as folder:
        faults = verified(folder).faults
        if faults:
            named = "; ".join(f"{alone.shown(name)} {what}" for name, what in sorted(faults.items())[:NAMED])
            raise OutputError(
                f"the bag does not verify: {named}",
                where=path,
                remedy="`presswatch evidence verify` names all that has changed; take an unchanged copy",
            )
        yield folder


def _read(folder: Path) -> SealedClaims:
    lines = [parse_json(line) for line in alone.lines_of((folder / alone.ROWS).read_bytes())]
    rows = rows_in(folder)
    claims = {line["row"]["row_sha256"]: {**line["claim"], "run_id": None} for line in lines}
    log = opened_sealed((folder / "data/tables/scan_log.parquet").read_bytes()).read().to_pylist()
    shards = {each["shard_uri"]: (each["etag"], each["bytes_expected"]) for each in log}
    targets = {}
    for digest, row in rows.items():
        target = target_of({**claims[digest], "row_sha256": digest}, row, row, "record", shards)
        targets[digest] = {**target, "target_sha256": digest_of(target)}
    seal = sealed_facts(folder)
    return SealedClaims(
        rows=rows,
        claims=claims,
        targets=targets,
        unread=frozenset(line["row"]["row_sha256"] for line in lines if line["record"]["reason"] is not None),
        read_again=_readings(folder, lines),
        seal={name: str(seal[name]) for name in ("bag_root", "claims_root", "sealed_at")},
        inputs=dict(parse_json((folder / SETTINGS).read_bytes())["claims"] or {}),
        readings=readings_in(folder),
    )


def _readings(folder: Path, lines: Sequence[Mapping[str, Any]]) -> dict[str, tuple[RecordReading, ...]]:
    """Return the reading of each row whose record was as its row says when the bag was made.

    Bags of earlier versions do not name the file of a row: their records came from a file that a server gave,
    or from a disk.
    """
    began_at = datetime.fromisoformat(parse_json((folder / PROTOCOL).read_bytes())["began_at"])
    asked = tuple(RecordReading(began_at, file) for file in sorted(set(_asked(folder)))) or (
        RecordReading(began_at, ""),
    )
    found = dict[str, tuple[RecordReading, ...]]()
    for line in lines:
        if line["record"]["reason"] is None:
            file = line[alone.BETWEEN_RUNS].get("read_from")
            found[line["row"]["row_sha256"]] = (RecordReading(began_at, file),) if file else asked
    return found


def _asked(folder: Path) -> Iterator[str]:
    for line in alone.lines_of((folder / EXCHANGES).read_bytes()):
        exchange = parse_json(line)
        if exchange["status"] in ANSWERED:
            yield exchange["uri"]
