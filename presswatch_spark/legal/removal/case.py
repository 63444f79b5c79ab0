"""A removal case: a folder on disk or S3 that only grows. A file is never changed after it was written.

CASE/_presswatch_case.json          its description, sealed: layout, time of opening, digest of its targets
CASE/targets/00000.parquet …        its targets
CASE/rounds/0001.json               note of a round of probes that was begun, sealed
CASE/probes/0001-00000.parquet …    probes of a round, in the order of the chain, sealed
CASE/heads/0001.json                length and digest of the chain when a round ended or paused, sealed
CASE/inventories/, release_files/   inventories of a release, and its files, in a chain of their own
CASE/case.lock                      lock of the one process that may add to the case

Probes form a chain: each contains the digest of the one before it, and the first one that of the targets.
"""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Self, TypeVar

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.terminal import counted
from presswatch_spark.core.version import __version__
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.file_locks import CASE
from presswatch_spark.storage.locks_and_leases import Lock, locked
from presswatch_spark.storage.objects import MissingError, StorageOptions, shown_uri
from presswatch_spark.tables import seals
from presswatch_spark.tables.declarations import Probe, ReleaseFile, Target
from presswatch_spark.tables.digests import columns_digest, table_digest
from presswatch_spark.tables.row_types import TableRow

ChainRow = TypeVar("ChainRow", Probe, ReleaseFile)
"""A row of a chain."""
CaseRow = TypeVar("CaseRow", bound=TableRow)
ChainHead = tuple[int, str]
"""Length and newest digest of the chain of probes."""
LAYOUT = 1
MARKER = "_presswatch_case.json"
LOCK = "case"
TARGETS_A_FILE = 50_000
RESTORE = "restore the case from a copy; nothing that depends on it is reliable until then"


class BrokenCaseError(OutputError):
    """Error for a case whose files were changed, damaged or removed."""


@dataclass(frozen=True, slots=True)
class ProbeRound:
    """A round of probes: its number (from 1), the time of its beginning, and whether whole files are read.

    `heads`: number of notes of heads at its beginning. `is_headed`: the last of these covered all probes.
    """

    number: int
    begun_at: str
    deep: bool
    heads: int | None = None
    is_headed: bool | None = None


@dataclass(frozen=True, slots=True)
class RemovalCase:
    """An open case. `about` is the content of its marker."""

    folder: Folder
    about: Mapping[str, Any]

    @classmethod
    def at(cls, path: str, storage: StorageOptions) -> Self | None:
        """Open the case in a folder; None if it is no case. Raises `BrokenCaseError` if it is damaged."""
        folder = Folder.of(path, storage)
        try:
            about = seals.unsealed_json(folder.read(MARKER)[0])
        except MissingError:
            return None
        except ValueError as error:
            raise BrokenCaseError(
                "the case's own description has changed", where=folder.at(MARKER), remedy=RESTORE
            ) from error
        if about.get("layout") != LAYOUT:
            raise OutputError(
                f"the case has layout {about.get('layout')}, and this version reads {LAYOUT}",
                where=str(folder),
                remedy="use the version that opened it",
            )
        return cls(folder, about)

    @classmethod
    def open(cls, path: str, storage: StorageOptions) -> Self:
        """Open a case; raises the errors of `at`, and `OutputError` if there is none."""
        case = cls.at(path, storage)
        if case is None:
            raise OutputError(
                "this is not a case of removal",
                where=str(Folder.of(path, storage)),
                remedy="pass a folder that `removal open` made",
            )
        return case

    @property
    def noticed_on(self) -> date:
        """Return the day of the notice."""
        noticed_at = self.about.get("noticed_at") or self.about["opened_at"]
        return datetime.fromisoformat(noticed_at).date()

    def held(self) -> AbstractContextManager[Lock]:
        """Lock the case, to add to it; `OutputError` if another process has locked it."""
        return locked(self.folder, LOCK, rule=CASE)

    def targets(self) -> list[Target]:
        """Return all targets, sorted by their digests; `BrokenCaseError` names one that was changed."""
        rows = [row for _, row in self._rows("targets", Target)]
        for row in rows:
            if (found := digest_of(row)) != row.target_sha256:
                raise self._broken(f"target {row.target_sha256} has changed: its digest is {found}")
        if table_digest(row.target_sha256 for row in rows) != self.about["targets_digest"]:
            raise self._broken(f"its {len(rows):,} targets are not those that it was opened with")
        return rows

    def each_round(
        self, rounds: Sequence[ProbeRound] | None = None, heads: Sequence[ChainHead] | None = None
    ) -> Iterator[list[Probe]]:
        """Yield the probes of each round that has any, in the order of the chain, as `without_answer`.

        `rounds`, `heads`: those of the case, if they were read already. Raises `BrokenCaseError` at the first
        probe that breaks the chain.
        """
        rounds = self.rounds() if rounds is None else rounds
        heads = self.heads() if heads is None else heads
        if len(heads) < max((each.heads or 0 for each in rounds), default=0):
            raise self._broken(f"the note {_note_name('heads', len(heads) + 1)} is missing")
        noted, ends = dict(heads), {0: str(self.about["targets_digest"])}
        links = map(without_answer, self.links("probes", Probe))
        for number, probes in groupby(links, lambda row: row.round):
            if number > len(rounds):
                raise self._broken(f"the note {_note_name('rounds', len(rounds) + 1)} is missing")
            of_round = list(probes)
            ends |= {row.number + 1: row.probe_sha256 for row in of_round if row.number + 1 in noted}
            yield of_round
            # Release the round before reading the next one, so that memory has one round only.
            del of_round
        for length, newest in noted.items():
            if ends.get(length) != newest:
                raise self._broken(
                    f"the case had {counted(length, 'probe')} once, the newest {newest}, and no longer "
                    "has them: it was replaced by an older copy, or probes were removed"
                )

    def release_files(self) -> list[ReleaseFile]:
        """Return the rows of all inventories, in the order of their chain; `BrokenCaseError` if it breaks."""
        return list(self.links("release_files", ReleaseFile))

    def rounds(self) -> list[ProbeRound]:
        """Return the rounds that were begun."""
        return [ProbeRound(**note) for note in self.notes("rounds")]

    def heads(self) -> list[ChainHead]:
        """Return length and newest digest of the chain of probes at the end of each call of `probe`."""
        return [(note["probes"], note["newest"]) for note in self.notes("heads")]

    def notes(self, kind: str) -> list[dict[str, Any]]:
        """Return the notes of a kind, such as `rounds`; `BrokenCaseError` if one is changed or missing."""
        notes = list[dict[str, Any]]()
        for name in sorted(name for name in self.folder.names() if name.startswith(f"{kind}/")):
            expected = _note_name(kind, len(notes) + 1)
            if name != expected:
                raise self._broken(f"the note {expected} is missing")
            try:
                notes.append(dict(seals.unsealed_json(self.folder.read(name)[0])))
            except (ValueError, TypeError) as error:
                raise self._broken(f"the note {name} has changed") from error
        return notes

    def note(self, kind: str, number: int, facts: Mapping[str, Any]) -> None:
        """Write a note, which is never replaced."""
        with disk_errors(str(self.folder)):
            self.folder.write(_note_name(kind, number), seals.sealed_json(facts), absent=True)

    def links(self, table: str, kind: type[ChainRow]) -> Iterator[ChainRow]:
        """Yield the rows of a chain; `BrokenCaseError` names the first that breaks it."""
        before = str(self.about["targets_digest"])
        for number, (name, row) in enumerate(self._rows(table, kind)):
            place = f"{'probe' if table == 'probes' else 'row'} {number:,}, in {name}"
            if row.number != number:
                raise self._broken(f"{place}, has the number {row.number:,}: one is missing or added")
            if row.previous_sha256 != before:
                raise self._broken(f"{place}, does not follow the one before it")
            if (found := digest_of(row)) != row.probe_sha256:
                raise self._broken(f"{place}, has changed: its digest is {found}")
            before = row.probe_sha256
            yield row

    def _rows(self, table: str, kind: type[CaseRow]) -> Iterator[tuple[str, CaseRow]]:
        for name in sorted(name for name in self.folder.names() if name.startswith(f"{table}/")):
            try:
                file = seals.opened_sealed(self.folder.read(name)[0])
                rows = kind.from_batches(file.read(use_threads=False).cast(kind.schema))
                yield from ((name, row) for row in rows)
            except seals.UNREADABLE as error:
                raise self._broken(f"the file {name} is not as it was written") from error

    def _broken(self, what: str) -> BrokenCaseError:
        return BrokenCaseError(shown_uri(what), where=str(self.folder), remedy=RESTORE)


@dataclass(slots=True)
class Chain:
    """The end of a chain, for a process that has locked the case and adds to it. `heads`: its notes."""

    case: RemovalCase
    length: int
    newest: str
    table: str = "probes"
    heads: list[ChainHead] = field(default_factory=list)

    @classmethod
    def of(cls, case: RemovalCase, rows: Sequence[ChainRow], table: str = "probes") -> Self:
        """Return the end of a chain with these rows."""
        newest = rows[-1].probe_sha256 if rows else str(case.about["targets_digest"])
        return cls(case, len(rows), newest, table, case.heads() if table == "probes" else [])

    def begin(self, number: int, *, deep: bool) -> ProbeRound:
        """Note the beginning of a round, and the chain's head if that has no note."""
        is_noted = is_headed(self.heads, self.length)
        begun_at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        begun = ProbeRound(number, begun_at, deep, len(self.heads), is_noted)
        self.case.note("rounds", number, asdict(begun))
        if not is_noted:
            self.note_head()
        return begun

    def note_head(self) -> None:
        """Note the length of the chain, so that replacing it by an older copy is detected."""
        head = self.length, self.newest
        if self.heads[-1:] != [head]:
            self.case.note("heads", len(self.heads) + 1, {"probes": self.length, "newest": self.newest})
            self.heads.append(head)

    def append(self, round_number: int, rows: Sequence[ChainRow]) -> list[ChainRow]:
        """Write rows of the table as one file; return them with numbers, digests, and the name of this host.

        Raises `OutputError`, and adds nothing, if the disk is full or another process has written meanwhile.
        """
        if not rows:
            return []
        linked, length, newest, host = list[ChainRow](), self.length, self.newest, socket.gethostname()
        for row in rows:
            link = row.with_columns(
                number=length, previous_sha256=newest, asked_from=host, tool_version=__version__
            )
            newest, length = digest_of(link), length + 1
            linked.append(link.with_columns(probe_sha256=newest))
        name = f"{self.table}/{round_number:04}-{length:09}.parquet"
        with disk_errors(str(self.case.folder)):
            _write(self.case.folder, name, linked)
        self.length, self.newest = length, newest
        return linked


def is_headed(heads: Sequence[ChainHead], length: int) -> bool:
    """Return whether the newest note of a head covers a chain of this length."""
    return not length or bool(heads and heads[-1][0] == length)


def write_case(draft: Path, targets: Sequence[Target], about: Mapping[str, Any]) -> None:
    """Write a new case into a folder from `new_folder`."""
    folder = Folder.of(str(draft), StorageOptions())
    ordered = [target for _, target in sorted({each.target_sha256: each for each in targets}.items())]
    facts = {
        "layout": LAYOUT,
        "tool_version": __version__,
        "opened_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "targets": len(ordered),
        "targets_digest": table_digest(each.target_sha256 for each in ordered),
        **about,
    }
    for number, first in enumerate(range(0, len(ordered), TARGETS_A_FILE)):
        _write(folder, f"targets/{number:05}.parquet", ordered[first : first + TARGETS_A_FILE])
    folder.write(MARKER, seals.sealed_json(facts), absent=True)


def digest_of(row: Target | Probe | ReleaseFile) -> str:
    """Return the SHA-256 (hex) of a row in canonical form, without the column of this digest."""
    columns = row.as_dict()
    del columns["target_sha256" if isinstance(row, Target) else "probe_sha256"]
    return columns_digest(columns)


def sealed(target: Target) -> Target:
    """Return a target with its digest."""
    return target.with_columns(target_sha256=digest_of(target))


def without_answer(probe: Probe) -> Probe:
    """Return a probe without columns that later rounds and states do not need; headers take most memory."""
    return probe.with_columns(headers=None, body_sha256=None, detail=None)


def _write(
    folder: Folder, name: str, rows: Sequence[Target] | Sequence[Probe] | Sequence[ReleaseFile]
) -> None:
    plain = type(rows[0]).schema.remove_metadata()
    batch = type(rows[0]).to_batch(rows, plain)  # type: ignore[arg-type]
    folder.write(name, seals.sealed_parquet([batch], plain), absent=True)


def _note_name(kind: str, number: int) -> str:
    return f"{kind}/{number:04}.json"
