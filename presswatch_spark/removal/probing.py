"""A round of probes: every target of a case is asked for again, and each answer goes into the chain.

What was answered is written every few seconds, so a round that was stopped goes on where it was, and asks for
no target twice.
"""

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Self

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.pointers.pointer import Mirror, mirrored
from presswatch_spark.removal.alarms import ANSWERS_OF_INDEX, OF_INDEX, Alarm
from presswatch_spark.removal.answers import probe_of
from presswatch_spark.removal.case import Chain, RemovalCase, Round, lean_of
from presswatch_spark.removal.file_batch import CONTROLS, Batch, File, Memory, ends_of, place_of
from presswatch_spark.removal.index import listed_among, require_address
from presswatch_spark.removal.index_files import Page, is_files, look_up
from presswatch_spark.removal.newest import HubBatch
from presswatch_spark.removal.passages import Recount, known_documents, names_by_article
from presswatch_spark.removal.recaptures import LaterTables, yields_of
from presswatch_spark.removal.resolving import ResolvedPlaces, is_unresolved, resolved
from presswatch_spark.removal.standing import CaseStatus, Course
from presswatch_spark.removal.states import OF_TABLES, RECAPTURE, UNRESOLVED, YIELD
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.show import counted
from presswatch_spark.storage.host_limits import BlockedError, ask_anew
from presswatch_spark.storage.hub import forget_places
from presswatch_spark.storage.objects import printable
from presswatch_spark.storage.threads import AskingThreads
from presswatch_spark.storage.uris import host_of, root_of, scheme_of

Row = dict[str, Any]

FILES_AT_ONCE = 8
TARGETS_A_BATCH = 500
WRITTEN_ROWS, WRITTEN_SECONDS = 2_000, 5.0
SIBLINGS = 3
CLOCK_SECONDS = 60.0
"""A server's clock may differ from ours by so much; more is said."""
UNHEARD = "what it would say of pages and places is not known; ask again later, or name another index"


@dataclass(frozen=True, slots=True)
class Probed:
    """What a round did: targets asked for `now`, and in all of the round; what was left alone.

    `outcomes`: of targets, how many had each. `clock_offset`: the farthest that a server's clock is ahead.
    `standing`: how the case stands after it. `alarms`: what the round found that somebody should look at.
    `unheard`: what an index said that was asked, and answered nothing; empty if it answered or was not asked.
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
    standing: CaseStatus
    alarms: Sequence[Alarm]
    unheard: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether every target was asked for."""
        return self.asked == self.targets


@dataclass(slots=True)
class _Known:
    """What a case has, and what a round must know of it.

    `course`: all rounds but the last one, if that was not finished; `current` are its probes. `memory`: what
    all probes say of controls. `places`: what they say of targets that no scan has found. `captures` and
    `runs`: later captures and yields that the case has. `chain`: its end.
    """

    targets: Sequence[Row]
    rounds: int
    last: Round | None
    course: Course
    memory: Memory
    places: ResolvedPlaces
    chain: Chain
    current: list[Row] = field(default_factory=list)
    captures: set[tuple[str, str]] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, case: RemovalCase, uri_of: Callable[[Row], str]) -> Self:
        """Read a case, one round after the other; `BrokenCaseError` if any of it has changed.

        `uri_of`: says where the file of a target is asked for now.
        """
        targets, rounds = case.targets(), case.rounds()
        uris = {target["target_sha256"]: uri_of(target) for target in targets}
        last, chain = rounds[-1] if rounds else None, Chain.of(case, ())
        known = cls(targets, len(rounds), last, Course(targets), Memory(), ResolvedPlaces(targets), chain)
        for probes in case.each_round():
            known._end_round()
            known.learn(probes, uris)
            chain.length, chain.newest = probes[-1]["number"] + 1, probes[-1]["probe_sha256"]
        if known.is_finished or (known.current and known.current[0]["round"] != len(rounds)):
            known._end_round()
        return known

    def learn(self, probes: Sequence[Row], uris: Mapping[str, str]) -> None:
        """Take probes of the current round into account."""
        self.current += probes
        self.memory.learn_all(probes, uris)
        self.places.learn(probes)
        for probe in probes:
            if probe["role"] == RECAPTURE:
                self.captures.add((probe["target_sha256"], probe["request"]))
            elif probe["role"] == YIELD:
                self.runs.add(probe["file_uri"])

    def _end_round(self) -> None:
        self.course.add(self.current)
        self.current = []

    @property
    def done(self) -> set[str]:
        """The targets that the current round has asked for."""
        return {probe["target_sha256"] for probe in self.current if probe["role"] == "target"}

    @property
    def next_batch(self) -> int:
        """The number of the next batch of the current round."""
        return max((probe["batch"] for probe in self.current), default=-1) + 1

    @property
    def is_finished(self) -> bool:
        """Whether the last round has asked for every target."""
        return self.last is not None and len(self.targets) == self._asked_in(self.last.number)

    def _asked_in(self, number: int) -> int:
        if self.current:
            return len(self.done) if self.current[0]["round"] == number else 0
        return self.course.asked_in(number)


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

    case: RemovalCase
    config: ScanConfig
    mirrors: Sequence[Mirror] = ()
    corpus: Corpus | None = None
    deep: bool = False
    index: str | None = None
    tables: LaterTables | None = None
    tell: Callable[[str], None] = lambda line: None
    _blocked: dict[str, str] = field(default_factory=dict)
    _answers: Counter[tuple[str, int | None]] = field(default_factory=Counter)

    def probe(self) -> Probed:
        """Ask for all targets once; a round that was begun and not finished goes on.

        Raises:
            ConfigError: `index` is no address of an index; no round was begun.
            BrokenCaseError: the chain breaks.
            InUseError: another process holds the case.
            OutputError: the disk is full: what was written stays.
        """
        with self.case.held():
            return self._probe(_Known.of(self.case, self._uri))

    def probe_if_due(self, every: timedelta) -> Probed | None:
        """Do the same if a round is due; None if none is.

        One is due if the last one was not finished, was begun `every` ago, or before a run was published in
        `tables`. Two processes that come together probe once: the second one finds nothing due.
        """
        with self.case.held():
            known = _Known.of(self.case, self._uri)
            return self._probe(known) if self._is_due(known, every) else None

    def _is_due(self, known: "_Known", every: timedelta) -> bool:
        if known.last is None or not known.is_finished:
            return True
        begun_at = datetime.fromisoformat(known.last.begun_at)
        published_at = self.tables.newest() if self.tables else None
        # A clock that was ahead must not put a round off.
        return abs(datetime.now(UTC) - begun_at) >= every or (published_at or begun_at) > begun_at

    def _probe(self, known: "_Known") -> Probed:
        if self.index is not None and not is_files(self.index):
            require_address(self.index)
        ask_anew()
        # A signed address may work for longer than the hub answers for the file.
        forget_places()
        targets, last, resumed = known.targets, known.last, not known.is_finished
        if last is None or not resumed:
            last, resumed = self.case.begin(known.rounds + 1, known.chain, deep=self.deep), False
        done, before = known.done, len(known.current)
        left = {target["target_sha256"] for target in targets} - done
        self._resolved(last, known, left)
        files = list(self._files(known.places.of(targets), left))
        self._round(last, files, known)
        self._in_index(last, known)
        if self.tables is not None:
            self._of_tables(self.tables, last, known)
        self.case.note_head(known.chain)
        found = known.current[before:]
        known.course.add(known.current)
        standing = CaseStatus.by(self.case, targets, known.course)
        return self._probed(last, resumed, len(done), found, standing)

    def _probed(
        self, begun: Round, resumed: bool, done: int, found: Sequence[Row], standing: CaseStatus
    ) -> Probed:
        """Return what a round did, by the probes that it added now."""
        of_targets = [row for row in found if row["role"] == "target"]
        now = {row["target_sha256"] for row in of_targets}
        asked = (row for row in found if row["role"] not in OF_TABLES and row["outcome"] != UNRESOLVED)
        requests = {(row["request"], row["asked_at"]) for row in asked}
        offsets = [row["clock_offset"] for row in found if row["clock_offset"] is not None]
        return Probed(
            round=begun,
            resumed=resumed,
            now=len(now),
            asked=done + len(now),
            targets=len(standing.targets),
            requests=len(requests),
            outcomes=Counter(row["outcome"] for row in of_targets),
            blocked=self._blocked,
            clock_offset=max(offsets, key=abs, default=0.0),
            newest=standing.course.newest or str(self.case.about["targets_digest"]),
            standing=standing,
            alarms=[alarm for alarm in standing.alarms() if alarm.round == begun.number],
            unheard=_unheard(self._answers),
        )

    def _resolved(self, begun: Round, known: _Known, left: Collection[str]) -> None:
        """Ask the index, if there is one, where the targets are that no scan has found."""
        if self.index is None:
            return
        wanted = [target for target in known.places.of(known.targets) if target["target_sha256"] in left]
        rows, blocked = resolved(wanted, self.index, self.config.storage)
        self._blocked |= blocked
        self._write(begun, known, [{"batch": known.next_batch, **row} for row in rows])

    def _in_index(self, begun: Round, known: _Known) -> None:
        """Ask the index for the pages of the targets for which this round has not asked it.

        That is all of them for index files. For a server, it is those whose batch ended before its turn came.
        A process that was stopped may have left some, too.
        """
        if self.index is None:
            return
        left = known.done - {probe["target_sha256"] for probe in known.current if probe["role"] == "index"}
        placed = known.places.of(known.targets)
        pages = {each["target_sha256"] for each in placed if each["document_url"] and not is_unresolved(each)}
        files = list(self._files(placed, left & pages))
        try:
            if is_files(self.index):
                self._in_index_files(self.index, begun, files, known)
            else:
                self._on_index_server(self.index, begun, files, known)
        except BlockedError as error:
            self._blocked[self.index] = str(error)

    def _on_index_server(self, server: str, begun: Round, files: Sequence[File], known: _Known) -> None:
        others, recount = _unnoticed_pages(known.current), Recount(None, self.config)
        for file in files:
            nowhere = _nowhere(file, begun)
            batch = Batch(file, known.memory, self._options(file), recount, begun.deep, nowhere, server)
            try:
                batch.ask_index(server, others[printable(file.uri)])
            finally:
                number = known.next_batch
                self._write(begun, known, [{**row, "batch": number} for row in batch.rows])

    def _in_index_files(self, index: str, begun: Round, files: Sequence[File], known: _Known) -> None:
        """Look pages up in index files, and for each file one that nobody noticed."""
        if not files:
            return
        others = _unnoticed_pages(known.current)
        pages = {_page(target) for file in files for target in file.targets}
        controls = [(file, url) for file in files for url in others[printable(file.uri)][:1]]
        pages |= {(file.targets[0]["release"] or "", url) for file, url in controls}
        said = look_up(index, sorted(pages), self.config.storage)
        rows = list[Row]()
        for number, file in enumerate(files, known.next_batch):
            found = [(target, said[_page(target)]) for target in file.targets]
            of_file = [
                probe_of("index", each.about, listed_among(each.captures, target["captured_at"]), target)
                for target, each in found
            ]
            for url in others[printable(file.uri)][:1]:
                each = said[file.targets[0]["release"] or "", url]
                of_file.append(probe_of("listed", each.about, listed_among(each.captures, None)))
            rows += [{**row, "batch": number} for row in of_file]
        self._write(begun, known, rows)

    def _of_tables(self, tables: LaterTables, begun: Round, known: _Known) -> None:
        """Note later captures of the targets, and the yields of the runs that looked for them."""
        captures = tables.recaptures(self.case, known.targets, known.captures)
        yields = yields_of(tables, self.case, known.targets, known.runs)
        first = known.next_batch
        rows = [
            {"batch": first + place, **row} for place, some in enumerate((captures, yields)) for row in some
        ]
        self._write(begun, known, rows)

    def _uri(self, target: Row) -> str:
        return mirrored(target["shard_uri"], self.mirrors)

    def _files(self, targets: Sequence[Row], left: Collection[str]) -> Iterator[File]:
        """Yield the files of targets that are left to ask for, and what the file's other targets tell."""
        by_file, of_site = dict[str, list[Row]](), dict[str, list[str]]()
        for target in sorted(targets, key=lambda row: (row["shard_uri"], place_of(row))):
            by_file.setdefault(self._uri(target), []).append(target)
        others = known_documents(self.case.about.get("others", ()))
        for uri in by_file:
            of_site.setdefault(_site(uri), []).append(uri)
        for uris in of_site.values():
            for place, uri in enumerate(uris):
                near = [*uris[max(0, place - SIBLINGS) : place], *uris[place + 1 : place + 1 + SIBLINGS]]
                siblings = tuple(sorted(near, key=partial(_alike, uri))[:SIBLINGS])
                known = [target for target in by_file[uri] if not is_unresolved(target)]
                noticed, ends = frozenset(map(place_of, known)), ends_of(known)
                beside = others.get(by_file[uri][0]["shard_uri"], frozenset()) | names_by_article(
                    by_file[uri]
                )
                of_file = [target for target in by_file[uri] if target["target_sha256"] in left]
                for first in range(0, len(of_file), TARGETS_A_BATCH):
                    some = tuple(of_file[first : first + TARGETS_A_BATCH])
                    yield File(uri, some, siblings, noticed, ends, beside)

    def _round(self, begun: Round, files: Sequence[File], known: _Known) -> None:
        numbers, targets = count(known.next_batch), sum(len(file.targets) for file in files)
        recount, written_at, done, waiting = (
            Recount(self.corpus, self.config),
            time.monotonic(),
            0,
            list[Row](),
        )
        server = self.index if self.index is not None and not is_files(self.index) else None
        with AskingThreads(FILES_AT_ONCE, "probes") as pool:

            def ask(file: File) -> list[Row]:
                kind = HubBatch if scheme_of(file.uri) == "hf" else Batch
                options, nowhere = self._options(file), _nowhere(file, begun)
                batch = kind(file, known.memory, options, recount, begun.deep, nowhere, server)
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
                waiting += [{**row, "batch": number} for row in rows]
                if len(waiting) >= WRITTEN_ROWS or time.monotonic() - written_at >= WRITTEN_SECONDS:
                    self._write(begun, known, waiting)
                    waiting, written_at = [], time.monotonic()
                    self.tell(f"round {begun.number}: {done:,} of {targets:,} targets")
        self._write(begun, known, waiting)

    def _write(self, begun: Round, known: _Known, rows: Sequence[Row]) -> None:
        """Add rows to the chain. Of each, what later rounds need is held: headers are on the disk by then."""
        if not rows:
            return
        number = begun.number
        self._answers.update((row["outcome"], row.get("status")) for row in rows if row["role"] in OF_INDEX)
        written = map(lean_of, known.chain.append(number, [{**row, "round": number} for row in rows]))
        added = list(written)
        known.current += added
        known.places.learn(added)

    def _options(self, file: File) -> ReadOptions:
        reading = self.case.about["reading"].get(file.targets[0]["run_id"], {})
        release = file.targets[0]["release"]
        return ReadOptions(**reading, release=release, pdf=True, storage=self.config.storage)


def _unheard(answers: Counter[tuple[str, int | None]]) -> str:
    """Return what an index said that gave no answer at all; nothing if it gave one, or was not asked.

    Args:
        answers: how often it gave each outcome with each status.
    """
    if not answers or any(outcome in ANSWERS_OF_INDEX for outcome, _ in answers):
        return ""
    said = [
        f"{times:,} times {'no status' if status is None else f'status {status}'}"
        for (_, status), times in answers.most_common()
    ]
    return f"asked for {counted(answers.total(), 'page')}, it answered none: {', '.join(said)}; {UNHEARD}"


def _page(target: Row) -> Page:
    return target["release"] or "", target["document_url"]


def _unnoticed_pages(probes: Sequence[Row]) -> Mapping[str, list[str]]:
    """Return URLs of controls, which nobody noticed, by the file that holds them."""
    targets = {probe["document_url"] for probe in probes if probe["role"] == "target"}
    found = defaultdict[str, list[str]](list)
    for probe in probes:
        if probe["role"] in CONTROLS and probe["document_url"] and probe["document_url"] not in targets:
            found[probe["file_uri"]].append(probe["document_url"])
    return found


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
