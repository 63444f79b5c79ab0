"""A round of probes: every target of a case is asked for again, and each answer goes into the chain.

What was answered is written every few seconds, so a round that was stopped goes on where it was, and asks for
no target twice.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Self

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.pointers.pointer import Mirror, mirrored
from presswatch_spark.removal.alarms import Alarm
from presswatch_spark.removal.case import Case, Chain, Round
from presswatch_spark.removal.file_batch import Batch, File, Memory, ends_of, place_of
from presswatch_spark.removal.index import require_address
from presswatch_spark.removal.newest import HubBatch
from presswatch_spark.removal.recaptures import Tables
from presswatch_spark.removal.recount import Recount
from presswatch_spark.removal.resolving import is_unresolved, placed, resolved
from presswatch_spark.removal.standing import Standing
from presswatch_spark.removal.states import OF_TABLES, RECAPTURE, UNRESOLVED, YIELD
from presswatch_spark.removal.yields import yields_of
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.hub.places import forget_places
from presswatch_spark.storage.uris import host_of, root_of, scheme_of
from presswatch_spark.storage.web.manners import BlockedError, ask_anew

Row = dict[str, Any]

FILES_AT_ONCE = 8
TARGETS_A_BATCH = 500
WRITTEN_ROWS, WRITTEN_SECONDS = 2_000, 5.0
SIBLINGS = 3
CLOCK_SECONDS = 60.0
"""A server's clock may differ from ours by so much; more is said."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a round did: targets asked for `now`, and in all of the round; what was left alone.

    `outcomes`: of targets, how many had each. `clock_offset`: the farthest that a server's clock is ahead.
    `standing`: how the case stands after it. `alarms`: what the round found that somebody should look at.
    """

    round: Round
    resumed: bool
    now: int
    asked: int
    targets: int
    requests: int
    outcomes: Mapping[str, int]
    blocked: Mapping[str, str]
    clock_offset: float
    newest: str
    standing: Standing
    alarms: Sequence[Alarm]

    @property
    def is_complete(self) -> bool:
        """Whether every target was asked for."""
        return self.asked == self.targets


@dataclass(frozen=True, slots=True)
class _Known:
    """What a case has: `last` is the round that was begun last, and `done` the targets that it asked for."""

    targets: Sequence[Row]
    probes: Sequence[Row]
    rounds: int
    last: Round | None
    done: frozenset[str]

    @classmethod
    def of(cls, case: Case) -> Self:
        """Read a case; `BrokenCaseError` if any of it has changed."""
        targets, probes, rounds = case.targets(), case.probes(lean=True), case.rounds()
        last = rounds[-1] if rounds else None
        done = frozenset(
            probe["target_sha256"]
            for probe in probes
            if last and probe["round"] == last.number and probe["role"] == "target"
        )
        return cls(targets, probes, len(rounds), last, done)

    @property
    def is_finished(self) -> bool:
        """Whether the last round has asked for every target."""
        return len(self.done) == len(self.targets)


@dataclass(slots=True)
class Prober:
    """Asks for the targets of a case.

    Args:
        mirrors: where files are to be asked for, in the place of where a scan read them.
        corpus: to count the words of articles that a changed text still has; None: they are not counted.
        deep: read whole files for targets that are not at their place.
        index: address of a CDX index, to be asked for each URL, and for places that no scan has found;
            `{release}` stands for the release.
        tables: where later captures of the targets' URLs are looked for, and yields of runs compared;
            None: neither.
        tell: gets a line of progress now and then.
    """

    case: Case
    config: ScanConfig
    mirrors: Sequence[Mirror] = ()
    corpus: Corpus | None = None
    deep: bool = False
    index: str | None = None
    tables: Tables | None = None
    tell: Callable[[str], None] = lambda line: None
    _waiting: list[Row] = field(default_factory=list)
    _blocked: dict[str, str] = field(default_factory=dict)

    def probe(self) -> Probed:
        """Ask for all targets once; a round that was begun and not finished goes on.

        Raises:
            ConfigError: `index` is no address of an index; no round was begun.
            BrokenCaseError: the chain breaks.
            InUseError: another process holds the case.
            OutputError: the disk is full: what was written stays.
        """
        with self.case.held():
            return self._probe(_Known.of(self.case))

    def probe_if_due(self, every: timedelta) -> Probed | None:
        """Do the same if a round is due; None if none is.

        One is due if the last one was not finished, was begun `every` ago, or before a run was published in
        `tables`. Two processes that come together probe once: the second one finds nothing due.
        """
        with self.case.held():
            known = _Known.of(self.case)
            return self._probe(known) if self._is_due(known, every) else None

    def _is_due(self, known: "_Known", every: timedelta) -> bool:
        if known.last is None or not known.is_finished:
            return True
        begun_at = datetime.fromisoformat(known.last.begun_at)
        published_at = self.tables.newest() if self.tables else None
        # A clock that was ahead must not put a round off.
        return abs(datetime.now(UTC) - begun_at) >= every or (published_at or begun_at) > begun_at

    def _probe(self, known: "_Known") -> Probed:
        if self.index is not None:
            require_address(self.index)
        ask_anew()
        # A signed address may work for longer than the hub answers for the file.
        forget_places()
        targets, probes, last, done = known.targets, known.probes, known.last, known.done
        resumed = last is not None and not known.is_finished
        if last is None or not resumed:
            last, done = self.case.begin(known.rounds + 1, deep=self.deep), frozenset()
        left = {target["target_sha256"] for target in targets} - done
        chain = Chain.of(self.case, probes)
        found = self._resolved(last, placed(targets, probes), left, probes, chain)
        there = placed(targets, [*probes, *found])
        memory, files = self._memory(there, probes), list(self._files(there, left))
        found += self._round(last, files, memory, chain, _next_batch(last, [*probes, *found]))
        if self.tables is not None:
            found += self._of_tables(self.tables, last, targets, [*probes, *found], chain)
        standing = Standing.by(self.case, targets, [*probes, *found])
        of_targets = [row for row in found if row["role"] == "target"]
        now = {row["target_sha256"] for row in of_targets}
        asked = (row for row in found if row["role"] not in OF_TABLES and row["outcome"] != UNRESOLVED)
        requests = {(row["request"], row["asked_at"]) for row in asked}
        offsets = [row["clock_offset"] for row in found if row["clock_offset"] is not None]
        return Probed(
            round=last,
            resumed=resumed,
            now=len(now),
            asked=len(done | now),
            targets=len(targets),
            requests=len(requests),
            outcomes=Counter(row["outcome"] for row in of_targets),
            blocked=self._blocked,
            clock_offset=max(offsets, key=abs, default=0.0),
            newest=chain.newest,
            standing=standing,
            alarms=[alarm for alarm in standing.alarms() if alarm.round == last.number],
        )

    def _resolved(
        self, begun: Round, targets: Sequence[Row], left: Collection[str], probes: Sequence[Row], chain: Chain
    ) -> list[Row]:
        """Ask the index, if there is one, where the targets are that no scan has found."""
        if self.index is None:
            return []
        wanted = [target for target in targets if target["target_sha256"] in left]
        rows, blocked = resolved(wanted, self.index, self.config.storage)
        self._blocked |= blocked
        shared = {"round": begun.number, "batch": _next_batch(begun, probes)}
        return chain.append(begun.number, [{**shared, **row} for row in rows]) if rows else []

    def _of_tables(
        self, tables: Tables, begun: Round, targets: Sequence[Row], probes: Sequence[Row], chain: Chain
    ) -> list[Row]:
        """Note later captures of the targets, and the yields of the runs that looked for them."""
        known = {(p["target_sha256"], p["request"]) for p in probes if p["role"] == RECAPTURE}
        compared = {p["file_uri"] for p in probes if p["role"] == YIELD}
        captures = tables.recaptures(self.case, targets, known)
        yields = yields_of(tables, self.case, targets, compared)
        first = _next_batch(begun, probes)
        rows = [
            {"round": begun.number, "batch": first + place, **row}
            for place, some in enumerate((captures, yields))
            for row in some
        ]
        return chain.append(begun.number, rows) if rows else []

    def _memory(self, targets: Sequence[Row], probes: Sequence[Row]) -> Memory:
        """Return what the chain knows of controls; of a file, by where it is asked for now."""
        uris = {target["target_sha256"]: self._uri(target) for target in targets}
        memory, of_batch = Memory(), dict[tuple[int, int], str]()
        for probe in probes:
            if probe["target_sha256"] in uris:
                of_batch[probe["round"], probe["batch"]] = uris[probe["target_sha256"]]
        for probe in probes:
            memory.learn(probe, of_batch.get((probe["round"], probe["batch"]), ""))
        return memory

    def _uri(self, target: Row) -> str:
        return mirrored(target["shard_uri"], self.mirrors)

    def _files(self, targets: Sequence[Row], left: Collection[str]) -> Iterator[File]:
        """Yield the files of targets that are left to ask for, and what the file's other targets tell."""
        by_file, of_site = dict[str, list[Row]](), dict[str, list[str]]()
        for target in sorted(targets, key=lambda row: (row["shard_uri"], place_of(row))):
            by_file.setdefault(self._uri(target), []).append(target)
        for uri in by_file:
            of_site.setdefault(_site(uri), []).append(uri)
        for uris in of_site.values():
            for place, uri in enumerate(uris):
                near = [*uris[max(0, place - SIBLINGS) : place], *uris[place + 1 : place + 1 + SIBLINGS]]
                siblings = tuple(sorted(near, key=partial(_alike, uri))[:SIBLINGS])
                known = [target for target in by_file[uri] if not is_unresolved(target)]
                noticed, ends = frozenset(map(place_of, known)), ends_of(known)
                of_file = [target for target in by_file[uri] if target["target_sha256"] in left]
                for first in range(0, len(of_file), TARGETS_A_BATCH):
                    yield File(uri, tuple(of_file[first : first + TARGETS_A_BATCH]), siblings, noticed, ends)

    def _round(
        self, begun: Round, files: Sequence[File], memory: Memory, chain: Chain, first_batch: int
    ) -> list[Row]:
        numbers, found, targets = count(first_batch), list[Row](), sum(len(file.targets) for file in files)
        recount, written_at, done = Recount(self.corpus, self.config.verify), time.monotonic(), 0
        with ThreadPoolExecutor(FILES_AT_ONCE, "probes") as pool:

            def ask(file: File) -> list[Row]:
                kind = HubBatch if scheme_of(file.uri) == "hf" else Batch
                batch = kind(
                    file, memory, self._options(file), recount, begun.deep, _nowhere(file, begun), self.index
                )
                try:
                    return batch.ask()
                except BlockedError as error:
                    # The site says no. What it answered before stands; the rest is left alone.
                    self._blocked[file.uri] = str(error)
                    return batch.rows

            for file, rows in zip(files, pool.map(ask, files), strict=True):
                done += len(file.targets)
                if not any(row["role"] == "target" for row in rows):
                    continue
                number = next(numbers)
                self._waiting += [{**row, "round": begun.number, "batch": number} for row in rows]
                if len(self._waiting) >= WRITTEN_ROWS or time.monotonic() - written_at >= WRITTEN_SECONDS:
                    found += self._write(begun, chain)
                    written_at = time.monotonic()
                    self.tell(f"round {begun.number}: {done:,} of {targets:,} targets")
        return found + self._write(begun, chain)

    def _write(self, begun: Round, chain: Chain) -> list[Row]:
        rows, self._waiting = self._waiting, []
        return chain.append(begun.number, rows) if rows else []

    def _options(self, file: File) -> ReadOptions:
        reading = self.case.about["reading"].get(file.targets[0]["run_id"], {})
        release = file.targets[0]["release"]
        return ReadOptions(**reading, release=release, pdf=True, storage=self.config.storage)


def _next_batch(begun: Round, probes: Sequence[Row]) -> int:
    return max((probe["batch"] for probe in probes if probe["round"] == begun.number), default=-1) + 1


def _site(uri: str) -> str:
    """Return what vanishes together with a file: its host, its bucket, its commit, or its folder on disk."""
    scheme = scheme_of(uri)
    if scheme == "hf":
        return root_of(uri)
    if scheme == "file":
        return uri.rpartition("/")[0]
    return host_of(uri) if scheme in ("http", "https") else uri.split("/")[2]


def _alike(uri: str, other: str) -> int:
    """Return a key that sorts files of the same folder as another to the front."""
    return int(uri.rpartition("/")[0] != other.rpartition("/")[0])


def _nowhere(file: File, begun: Round) -> str:
    """Return an address in the folder of a file that never was, and is another in each round."""
    folder, _, name = file.uri.rpartition("/")
    salted = hashlib.sha256(f"{begun.number} {begun.begun_at} {file.uri}".encode()).hexdigest()[:24]
    stem, dot, suffix = name.partition(".")
    return f"{folder}/{salted}{dot}{suffix}" if stem else f"{folder}/{salted}"
