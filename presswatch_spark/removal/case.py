"""A case of removal: a folder on disk or S3 that only grows. What was answered once is never written again.

    CASE/_presswatch_case.json          what it is, sealed: layout, when it was opened, digest of its targets
    CASE/targets/00000.parquet …        its targets
    CASE/rounds/0001.json               a round of probes that was begun, sealed
    CASE/probes/0001-00000.parquet …    what it asked, in the order of the chain; sealed
    CASE/heads/0001.json                length and digest of the chain when a round ended or paused, sealed
    CASE/inventories/0001.json          an inventory of a release that was begun, sealed
    CASE/release_files/0001-…           what its files are, in a chain of their own; sealed
    CASE/case.lock                      held by the one process that may add to it

Each probe holds the digest of the one before it, and the first one that of the targets. So whoever changes,
drops or adds one has to change all that follow, and the newest digest, written down elsewhere, tells.
"""

import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from presswatch_spark.errors import OutputError
from presswatch_spark.show import counted
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.locks import Lock, locked
from presswatch_spark.storage.objects import MissingError, StorageOptions, printable
from presswatch_spark.tables.declarations import CASE_TABLES, Target
from presswatch_spark.tables.digests import columns_digest, table_digest
from presswatch_spark.tables.seals import (
    UNREADABLE,
    opened_sealed,
    sealed_json,
    sealed_parquet,
    unsealed_json,
)
from presswatch_spark.version import __version__

Row = dict[str, Any]

LAYOUT = 1
MARKER = "_presswatch_case.json"
LOCK, LEASE_SECONDS = "case.lock", 60.0
TARGETS_A_FILE = 50_000
LEAN = (
    "number", "round", "batch", "role", "target_sha256", "asked_at", "clock_offset", "request", "file_uri",
    "etag", "last_modified", "bytes", "record_offset", "record_length", "row_index", "record_sha256",
    "document_url", "text_sha256", "copied_words", "outcome", "probe_sha256",
)  # fmt: skip
"""What later rounds and states need of a probe. One column more, and a dictionary of them doubles."""
RESTORE = "restore the case from a copy; nothing that rests on it is sure until then"


class BrokenCaseError(OutputError):
    """What is there of a case is not what was written."""


@dataclass(frozen=True, slots=True)
class Round:
    """A round of probes: its number, from 1, when it was begun, and whether whole files are read.

    `heads`: how many notes of heads the case had then. `is_headed`: whether the last of them covered all
    probes. Rounds of older versions have neither.
    """

    number: int
    begun_at: str
    deep: bool
    heads: int | None = None
    is_headed: bool | None = None


@dataclass(frozen=True, slots=True)
class RemovalCase:
    """A case that was opened. `about` is what its marker says."""

    folder: Folder
    about: Mapping[str, Any]

    @classmethod
    def create(
        cls,
        path: str,
        targets: Sequence[Mapping[str, Any]],
        about: Mapping[str, Any],
        storage: StorageOptions,
    ) -> Self:
        """Write a new case.

        Args:
            targets: rows of `TARGETS` without their digest; each is written once.
            about: what the marker says beside layout, version, time and digest.

        Raises:
            OutputError: the folder holds something, or cannot be written.
        """
        with new_folder(path, storage, MARKER) as draft:
            facts = write_case(draft, targets, about)
        return cls(Folder.of(path, storage), facts)

    @classmethod
    def at(cls, path: str, storage: StorageOptions) -> Self | None:
        """Open the case in a folder; None if the folder is none. Raises as `open`."""
        try:
            Folder.of(path, storage).read(MARKER)
        except MissingError:
            return None
        return cls.open(path, storage)

    @classmethod
    def open(cls, path: str, storage: StorageOptions) -> Self:
        """Open a case; raises `OutputError` if there is none, `BrokenCaseError` if it is damaged."""
        folder = Folder.of(path, storage)
        try:
            about = unsealed_json(folder.read(MARKER)[0])
        except MissingError as error:
            raise OutputError(
                "this is no case of removal", where=str(folder), remedy="name the --out of `removal open`"
            ) from error
        except ValueError as error:
            raise BrokenCaseError(
                "what the case says of itself has changed", where=folder.at(MARKER), remedy=RESTORE
            ) from error
        if about.get("layout") != LAYOUT:
            raise OutputError(
                f"the case has layout {about.get('layout')}, and this version reads {LAYOUT}",
                where=str(folder),
                remedy="use the version that opened it",
            )
        return cls(folder, about)

    @contextmanager
    def held(self) -> Iterator[Lock]:
        """Hold the case, to add to it; `OutputError` if another process does."""
        with locked(self.folder, LOCK, LEASE_SECONDS) as lock:
            yield lock

    def targets(self) -> list[Row]:
        """Return all targets, in the order of their digests; `BrokenCaseError` names one that has changed."""
        rows = [row for _, row in self._rows("targets")]
        for row in rows:
            if (found := digest_of(row)) != row["target_sha256"]:
                raise _broken(f"target {row['target_sha256']} has changed: its digest is {found}", self)
        if table_digest(row["target_sha256"] for row in rows) != self.about["targets_digest"]:
            raise _broken(
                f"there are {len(rows):,} targets, and not those that the case was opened with", self
            )
        return rows

    def probes(self, *, lean: bool = False) -> list[Row]:
        """Return all probes, in the order of the chain; raises as `each_round`. `lean`: see there."""
        return [probe for probes in self.each_round(lean=lean) for probe in probes]

    def each_round(self, *, lean: bool = True) -> Iterator[list[Row]]:
        """Yield the probes of each round that has any, in the order of the chain.

        `lean`: with the columns of `LEAN` alone, in half the memory.

        Raises:
            BrokenCaseError: the chain breaks; names the first probe that breaks it.
        """
        rounds, notes = self.rounds(), self.notes("heads")
        if len(notes) < max((each.heads or 0 for each in rounds), default=0):
            raise _broken(f"the note {_note_name('heads', len(notes) + 1)} is missing", self)
        begun, heads = len(rounds), {head["probes"]: head["newest"] for head in notes}
        ends = {0: str(self.about["targets_digest"])}
        for number, probes in groupby(self._links("probes", LEAN if lean else ()), lambda row: row["round"]):
            if number > begun:
                raise _broken(f"the note {_note_name('rounds', begun + 1)} is missing", self)
            of_round = list(probes)
            ends |= {row["number"] + 1: row["probe_sha256"] for row in of_round if row["number"] + 1 in heads}
            yield of_round
            # Who reads round by round holds one of them.
            del of_round
        for length, newest in heads.items():
            if ends.get(length) != newest:
                raise _broken(
                    f"the case had {counted(length, 'probe')} once, the newest {newest}, and has not now:"
                    " an older copy stands in its place, or probes were taken out",
                    self,
                )

    def note_head(self, chain: "Chain") -> None:
        """Note how long the chain of probes is, so that an older copy in its place is noticed."""
        facts = {"probes": chain.length, "newest": chain.newest}
        heads = self.notes("heads")
        if not heads or heads[-1] != facts:
            self.note("heads", len(heads) + 1, facts)

    def chained(self, table: str) -> list[Row]:
        """Return the rows of a table that is a chain; raises as `each_round`."""
        return list(self._links(table))

    def _links(self, table: str, columns: Sequence[str] = ()) -> Iterator[Row]:
        """Yield the rows of a table that is a chain, or some columns of them."""
        before = str(self.about["targets_digest"])
        for number, (name, row) in enumerate(self._rows(table)):
            place = f"{'probe' if table == 'probes' else 'row'} {number:,}, in {name}"
            if row["number"] != number:
                raise _broken(
                    f"{place}, says that it is number {row['number']:,}: one is missing or added", self
                )
            if row["previous_sha256"] != before:
                raise _broken(f"{place}, follows another probe than the one before it", self)
            if (found := digest_of(row)) != row["probe_sha256"]:
                raise _broken(f"{place}, has changed: its digest is {found}", self)
            before = row["probe_sha256"]
            yield {name: shared(row[name]) for name in columns} if columns else row

    def rounds(self) -> list[Round]:
        """Return the rounds that were begun."""
        return [Round(**note) for note in self.notes("rounds")]

    def begin(self, number: int, chain: "Chain", *, deep: bool) -> Round:
        """Note that a round begins after the probes of a chain, and that chain's head if it has no note."""
        heads, is_headed = len(self.notes("heads")), self.is_headed(chain.length)
        begun = Round(number, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", deep, heads, is_headed)
        self.note("rounds", number, asdict(begun))
        if not is_headed:
            self.note_head(chain)
        return begun

    def is_headed(self, length: int) -> bool:
        """Return whether the newest note of a head covers a chain of so many probes."""
        heads = self.notes("heads")
        return not length or bool(heads and heads[-1]["probes"] == length)

    def notes(self, kind: str) -> list[dict[str, Any]]:
        """Return the notes of a kind, such as `rounds`; `BrokenCaseError` if one changed or is missing."""
        notes = list[dict[str, Any]]()
        for name in sorted(name for name in self.folder.names() if name.startswith(f"{kind}/")):
            expected = _note_name(kind, len(notes) + 1)
            if name != expected:
                raise _broken(f"the note {expected} is missing", self)
            try:
                notes.append(dict(unsealed_json(self.folder.read(name)[0])))
            except (ValueError, TypeError) as error:
                raise _broken(f"the note {name} has changed", self) from error
        return notes

    def note(self, kind: str, number: int, facts: Mapping[str, Any]) -> None:
        """Write a note, which is never written again."""
        with disk_errors(str(self.folder)):
            self.folder.write(_note_name(kind, number), sealed_json(facts), absent=True)

    def _rows(self, table: str) -> Iterator[tuple[str, Row]]:
        for name in sorted(name for name in self.folder.names() if name.startswith(f"{table}/")):
            try:
                file = opened_sealed(self.folder.read(name)[0])
                rows = file.read(use_threads=False).cast(CASE_TABLES[table].schema).to_pylist()
            except UNREADABLE as error:
                raise _broken(f"the file {name} is not as it was written", self) from error
            yield from ((name, row) for row in rows)


@dataclass(slots=True)
class Chain:
    """The end of a chain of a case, to which one process adds; it must hold the case."""

    case: RemovalCase
    length: int
    newest: str
    table: str = "probes"

    @classmethod
    def of(cls, case: RemovalCase, probes: Sequence[Row], table: str = "probes") -> Self:
        """Return the end of a chain that has these rows."""
        return cls.after(case, len(probes), probes[-1]["probe_sha256"] if probes else "", table)

    @classmethod
    def after(cls, case: RemovalCase, length: int, newest: str, table: str = "probes") -> Self:
        """Return the end of a chain of so many rows, the last of which has this digest."""
        return cls(case, length, newest or str(case.about["targets_digest"]), table)

    def append(self, round_number: int, probes: Sequence[Row]) -> list[Row]:
        """Write rows of the table as one file; return them whole, with numbers, digests, and who asked.

        Raises:
            OutputError: the disk is full, or another process has written meanwhile; then nothing was added.
        """
        rows, length, newest = list[Row](), self.length, self.newest
        schema = CASE_TABLES[self.table].schema
        asked_by = {"asked_from": socket.gethostname(), "tool_version": __version__}
        empty = dict.fromkeys(schema.names) | asked_by
        for probe in probes:
            row = {**empty, **probe, "number": length, "previous_sha256": newest}
            row["probe_sha256"] = newest = digest_of(row)
            rows.append(row)
            length += 1
        name = f"{self.table}/{round_number:04}-{self.length:09}.parquet"
        with disk_errors(str(self.case.folder)):
            _write(self.case.folder, name, rows, schema)
        self.length, self.newest = length, newest
        return rows


def write_case(
    draft: Path, targets: Sequence[Mapping[str, Any]], about: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Write a new case into a folder from `new_folder`; return its marker. See `RemovalCase.create`."""
    folder = Folder.of(str(draft), StorageOptions())
    rows = {digest_of(target): {**target, "target_sha256": digest_of(target)} for target in targets}
    ordered = [rows[digest] for digest in sorted(rows)]
    facts = {
        "layout": LAYOUT,
        "tool_version": __version__,
        "opened_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "targets": len(ordered),
        "targets_digest": table_digest(rows),
        **about,
    }
    for number, first in enumerate(range(0, len(ordered), TARGETS_A_FILE)):
        some = ordered[first : first + TARGETS_A_FILE]
        _write(folder, f"targets/{number:05}.parquet", some, Target.schema)
    folder.write(MARKER, sealed_json(facts), absent=True)
    return facts


def digest_of(row: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of a target or probe in canonical form, without its own digest."""
    # Of a probe, the target's digest is a column like others.
    own = "target_sha256" if "place" in row else "probe_sha256"
    return columns_digest({name: value for name, value in row.items() if name != own})


def shared(value: Any) -> Any:
    """Return the same text for equal texts: most stand in many rows."""
    return sys.intern(value) if type(value) is str else value


def lean_of(probe: Mapping[str, Any]) -> Row:
    """Return what later rounds and states need of a probe."""
    return {name: shared(probe[name]) for name in LEAN}


def _write(folder: Folder, name: str, rows: Sequence[Row], schema: pa.Schema) -> None:
    plain = schema.remove_metadata()
    folder.write(name, sealed_parquet([pa.RecordBatch.from_pylist(list(rows), plain)], plain), absent=True)


def _note_name(kind: str, number: int) -> str:
    return f"{kind}/{number:04}.json"


def _broken(what: str, case: RemovalCase) -> BrokenCaseError:
    return BrokenCaseError(printable(what), where=str(case.folder), remedy=RESTORE)
