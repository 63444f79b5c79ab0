"""A round of probes: every target of a case is asked for again, and each answer goes into the chain.

What was answered is written every few seconds, so a round that was stopped goes on where it was, and asks for
no target twice.
"""

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Self

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.pointers.pointer import Mirror, mirrored
from presswatch_spark.removal.case import Chain, ProbeRound, RemovalCase, without_answer
from presswatch_spark.removal.deep import WordCount, known_documents, names_by_article
from presswatch_spark.removal.hub import HubFileProber
from presswatch_spark.removal.index import (
    IndexedPage,
    is_files,
    listed_among,
    look_up,
    place_among,
    require_address,
)
from presswatch_spark.removal.places import ResolvedPlaces, is_unresolved, offset_of
from presswatch_spark.removal.probe import CONTROLS, FileProber, ProbedFile, ProbeMemory
from presswatch_spark.removal.recaptures import LaterTables, yields_of
from presswatch_spark.removal.responses import probe_of
from presswatch_spark.removal.states import OF_TABLES, PLACE, RECAPTURE, UNRESOLVED, YIELD
from presswatch_spark.removal.status import ANSWERS_OF_INDEX, OF_INDEX, Alarm, CaseStatus, Course
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.host_limits import BlockedError, ask_anew
from presswatch_spark.storage.hub import forget_places
from presswatch_spark.storage.objects import printable
from presswatch_spark.storage.threads import AskingThreads
from presswatch_spark.storage.uris import host_of, root_of, scheme_of
from presswatch_spark.tables.declarations import Probe, Target
from presswatch_spark.terminal import counted

FILES_AT_ONCE = 8
TARGETS_A_BATCH = 500
WRITTEN_ROWS, WRITTEN_SECONDS = 2_000, 5.0
SIBLINGS = 3
CLOCK_SECONDS = 60.0
"""A server's clock may differ from ours by so much; more is reported."""
UNHEARD = "what it would say of pages and places is not known; ask again later, or name another index"


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a round did: targets asked for `now`, and in all of the round; what was left alone.

    `outcomes`: of targets, how many had each. `clock_offset`: the farthest that a server's clock is ahead.
    `status`: how the case stands after it. `alarms`: what the round found that a person should look at.
    `unheard`: how an index that was asked failed to answer; empty if it answered or was not asked.
    """

    round: ProbeRound
    resumed: bool
    now: int
    asked: int
    targets: int
    requests: int
    outcomes: Mapping[str, int]
    blocked: Mapping[str, str]
    clock_offset: float
    newest: str
    status: CaseStatus
    alarms: Sequence[Alarm]
    unheard: str = ""

    @property
    def is_complete(self) -> bool:
        """Every target was asked for."""
        return self.asked == self.targets


@dataclass(slots=True)
class KnownCase:
    """What a case has, and what a round must know of it.

    `course`: all rounds but the last one, if that was not finished; `current` are its probes. `memory`: what
    all probes show of controls. `places`: what they show of targets that no scan has found. `captures` and
    `runs`: later captures and yields that the case has. `chain`: its end.
    """

    targets: Sequence[Target]
    rounds: int
    last: ProbeRound | None
    course: Course
    memory: ProbeMemory
    places: ResolvedPlaces
    chain: Chain
    current: list[Probe] = field(default_factory=list)
    captures: set[tuple[str | None, str]] = field(default_factory=set)
    runs: set[str | None] = field(default_factory=set)

    @classmethod
    def of(cls, case: RemovalCase, uri_of: Callable[[Target], str]) -> Self:
        """Read a case, one round after the other; `BrokenCaseError` if any of it has changed.

        `uri_of`: returns where the file of a target is asked for now.
        """
        targets, rounds = case.targets(), case.rounds()
        uris = {target.target_sha256: uri_of(target) for target in targets}
        last, chain = rounds[-1] if rounds else None, Chain.of(case, list[Probe]())
        places = ResolvedPlaces(targets)
        known = cls(targets, len(rounds), last, Course(targets), ProbeMemory(), places, chain)
        for probes in case.each_round():
            known._end_round()
            known.learn(probes, uris)
            chain.length, chain.newest = probes[-1].number + 1, probes[-1].probe_sha256
        if known.is_finished or (known.current and known.current[0].round != len(rounds)):
            known._end_round()
        return known

    def learn(self, probes: Sequence[Probe], uris: Mapping[str, str]) -> None:
        """Take probes of the current round into account."""
        self.current += probes
        self.memory.learn_all(probes, uris)
        self.places.learn(probes)
        for probe in probes:
            if probe.role == RECAPTURE:
                self.captures.add((probe.target_sha256, probe.request))
            elif probe.role == YIELD:
                self.runs.add(probe.file_uri)

    def _end_round(self) -> None:
        self.course.add(self.current)
        self.current = []

    @property
    def done(self) -> set[str | None]:
        """The targets that the current round has asked for."""
        return {probe.target_sha256 for probe in self.current if probe.role == "target"}

    @property
    def next_batch(self) -> int:
        """The number of the next batch of the current round."""
        return max((probe.batch for probe in self.current), default=-1) + 1

    @property
    def is_finished(self) -> bool:
        """The last round has asked for every target."""
        if self.last is None:
            return False
        is_current = self.current and self.current[0].round == self.last.number
        asked = (
            len(self.done) if is_current else 0 if self.current else self.course.asked_in(self.last.number)
        )
        return len(self.targets) == asked


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

    def probe(self) -> ProbeReport:
        """Ask for all targets once; a round that was begun and not finished goes on.

        Raises:
            ConfigError: `index` is no address of an index; no round was begun.
            BrokenCaseError: the chain breaks.
            InUseError: another process holds the case.
            OutputError: the disk is full: what was written stays.
        """
        with self.case.held():
            return self._probe(KnownCase.of(self.case, self._uri))

    def probe_if_due(self, every: timedelta) -> ProbeReport | None:
        """Do the same if a round is due; None if none is.

        One is due if the last one was not finished, was begun `every` ago, or before a run was published in
        `tables`. Two processes that come together probe once: the second one finds nothing due.
        """
        with self.case.held():
            known = KnownCase.of(self.case, self._uri)
            return self._probe(known) if self._is_due(known, every) else None

    def _is_due(self, known: KnownCase, every: timedelta) -> bool:
        if known.last is None or not known.is_finished:
            return True
        begun_at = datetime.fromisoformat(known.last.begun_at)
        published_at = self.tables.newest() if self.tables else None
        # A clock that was ahead must not put a round off.
        return abs(datetime.now(UTC) - begun_at) >= every or (published_at or begun_at) > begun_at

    def _probe(self, known: KnownCase) -> ProbeReport:
        if self.index is not None:
            require_address(self.index)
        ask_anew()
        # A signed address may work for longer than the hub answers for the file.
        forget_places()
        targets, last, resumed = known.targets, known.last, not known.is_finished
        if last is None or not resumed:
            last, resumed = self.case.begin(known.rounds + 1, known.chain, deep=self.deep), False
        done, before = known.done, len(known.current)
        left = {target.target_sha256 for target in targets} - done
        self._resolve(last, known, left)
        self._ask_files(last, list(self._files(known.places.of(targets), left)), known)
        self._ask_index(last, known)
        if self.tables is not None:
            self._read_tables(self.tables, last, known)
        self.case.note_head(known.chain)
        found = known.current[before:]
        known.course.add(known.current)
        status = CaseStatus.by(self.case, targets, known.course)
        return self._report(last, resumed, len(done), found, status)

    def _report(
        self, begun: ProbeRound, resumed: bool, done: int, found: Sequence[Probe], status: CaseStatus
    ) -> ProbeReport:
        """Return what a round did, by the probes that it added now."""
        of_targets = [each for each in found if each.role == "target"]
        now = {each.target_sha256 for each in of_targets}
        asked = (each for each in found if each.role not in OF_TABLES and each.outcome != UNRESOLVED)
        offsets = [each.clock_offset for each in found if each.clock_offset is not None]
        return ProbeReport(
            round=begun,
            resumed=resumed,
            now=len(now),
            asked=done + len(now),
            targets=len(status.targets),
            requests=len({(each.request, each.asked_at) for each in asked}),
            outcomes=Counter(each.outcome for each in of_targets),
            blocked=self._blocked,
            clock_offset=max(offsets, key=abs, default=0.0),
            newest=status.course.newest or str(self.case.about["targets_digest"]),
            status=status,
            alarms=[alarm for alarm in status.alarms() if alarm.round == begun.number],
            unheard=_unheard(self._answers),
        )

    def _uri(self, target: Target) -> str:
        return mirrored(target.shard_uri, self.mirrors)

    def _files(self, targets: Sequence[Target], left: Collection[str]) -> Iterator[ProbedFile]:
        """Yield the files of targets that are left to ask for, and what the file's other targets show."""
        by_file, of_site = dict[str, list[Target]](), dict[str, list[str]]()
        for target in sorted(targets, key=lambda each: (each.shard_uri, offset_of(each))):
            by_file.setdefault(self._uri(target), []).append(target)
        others = known_documents(self.case.about.get("others", ()))
        for uri in by_file:
            of_site.setdefault(_site(uri), []).append(uri)
        for uris in of_site.values():
            for place, uri in enumerate(uris):
                near = [*uris[max(0, place - SIBLINGS) : place], *uris[place + 1 : place + 1 + SIBLINGS]]
                siblings = tuple(sorted(near, key=partial(_alike, uri))[:SIBLINGS])
                targets = by_file[uri]
                noticed = frozenset(offset_of(each) for each in targets if not is_unresolved(each))
                known = others.get(targets[0].shard_uri, frozenset()) | names_by_article(targets)
                of_file = [target for target in targets if target.target_sha256 in left]
                for first in range(0, len(of_file), TARGETS_A_BATCH):
                    some = tuple(of_file[first : first + TARGETS_A_BATCH])
                    yield ProbedFile(uri, some, siblings, noticed, known)

    def _prober(self, file: ProbedFile, begun: ProbeRound, known: KnownCase, words: WordCount) -> FileProber:
        kind = HubFileProber if scheme_of(file.uri) == "hf" else FileProber
        reading = self.case.about["reading"].get(file.targets[0].run_id, {})
        release, storage = file.targets[0].release, self.config.storage
        options = ReadOptions(**reading, release=release, pdf=True, storage=storage)
        return kind(file, known.memory, options, words, begun.deep, _nowhere(file, begun))

    def _ask_files(self, begun: ProbeRound, files: Sequence[ProbedFile], known: KnownCase) -> None:
        numbers, targets = count(known.next_batch), sum(len(file.targets) for file in files)
        words, written_at, done = WordCount(self.corpus, self.config), time.monotonic(), 0
        waiting = list[Probe]()
        with AskingThreads(FILES_AT_ONCE, "probes") as pool:

            def ask(file: ProbedFile) -> list[Probe]:
                prober = self._prober(file, begun, known, words)
                try:
                    return prober.ask()
                except BlockedError as error:
                    # The site refuses everything. What it answered before stays; the rest is left alone.
                    self._blocked[file.uri] = str(error)
                    return prober.probes

            for file, probes in zip(files, pool.map(ask, files), strict=True):
                done += len(file.targets)
                if not any(probe.role == "target" for probe in probes):
                    continue
                waiting += _in_batch(probes, next(numbers))
                if len(waiting) >= WRITTEN_ROWS or time.monotonic() - written_at >= WRITTEN_SECONDS:
                    self._write(begun, known, waiting)
                    waiting, written_at = [], time.monotonic()
                    self.tell(f"round {begun.number}: {done:,} of {targets:,} targets")
        self._write(begun, known, waiting)

    def _write(self, begun: ProbeRound, known: KnownCase, probes: Sequence[Probe]) -> None:
        """Add probes to the chain, and keep what later rounds need of them."""
        if not probes:
            return
        self._answers.update((each.outcome, each.status) for each in probes if each.role in OF_INDEX)
        of_round = [replace(probe, round=begun.number) for probe in probes]
        added = list(map(without_answer, known.chain.append(begun.number, of_round)))
        known.current += added
        known.places.learn(added)

    # Indexes and tables.

    def _resolve(self, begun: ProbeRound, known: KnownCase, left: Collection[str]) -> None:
        """Ask the index, if there is one, where the targets are that no scan has found."""
        if self.index is None:
            return
        placed = known.places.of(known.targets)
        wanted = [each for each in placed if each.target_sha256 in left and is_unresolved(each)]
        try:
            answers = look_up(self.index, sorted(set(map(_page, wanted))), self.config.storage)
        except BlockedError as error:
            self._blocked[self.index] = str(error)
            return
        found = ((target, answers[_page(target)]) for target in wanted)
        probes = [
            probe_of(PLACE, each.facts, place_among(each.captures, target), target) for target, each in found
        ]
        self._write(begun, known, _in_batch(probes, known.next_batch))

    def _ask_index(self, begun: ProbeRound, known: KnownCase) -> None:
        """Ask the index for the pages of the targets for which this round has not asked it yet.

        For each file it is also asked for a page that nobody noticed.
        """
        if self.index is None:
            return
        left = known.done - {probe.target_sha256 for probe in known.current if probe.role == "index"}
        placed = known.places.of(known.targets)
        pages = {each.target_sha256 for each in placed if each.document_url and not is_unresolved(each)}
        files = list(self._files(placed, {each for each in left & pages if each is not None}))
        others = _unnoticed_pages(known.current)
        try:
            # A server answers one page at a time: what it answered is kept if the round is stopped.
            some = len(files) if is_files(self.index) else FILES_AT_ONCE
            for first in range(0, len(files), max(1, some)):
                self._look_up(self.index, begun, files[first : first + some], known, others)
        except BlockedError as error:
            self._blocked[self.index] = str(error)

    def _look_up(
        self,
        index: str,
        begun: ProbeRound,
        files: Sequence[ProbedFile],
        known: KnownCase,
        others: Mapping[str, list[str]],
    ) -> None:
        pages = {_page(target) for file in files for target in file.targets}
        controls = {
            file: (file.targets[0].release or "", url)
            for file in files
            for url in others[printable(file.uri)][:1]
        }
        answers = look_up(index, sorted(pages | set(controls.values())), self.config.storage)
        probes = list[Probe]()
        for number, file in enumerate(files, known.next_batch):
            of_file = list[Probe]()
            for target in file.targets:
                answer = answers[_page(target)]
                found = listed_among(answer.captures, target.captured_at)
                of_file.append(probe_of("index", answer.facts, found, target))
            if control := controls.get(file):
                answer = answers[control]
                of_file.append(probe_of("listed", answer.facts, listed_among(answer.captures, None)))
            probes += _in_batch(of_file, number)
        self._write(begun, known, probes)

    def _read_tables(self, tables: LaterTables, begun: ProbeRound, known: KnownCase) -> None:
        """Note later captures of the targets, and the yields of the runs that looked for them."""
        first = known.next_batch
        captures = tables.recaptures(self.case, known.targets, known.captures)
        yields = yields_of(tables, self.case, known.targets, known.runs)
        self._write(begun, known, [*_in_batch(captures, first), *_in_batch(yields, first + 1)])


def _in_batch(probes: Sequence[Probe], number: int) -> list[Probe]:
    return [replace(probe, batch=number) for probe in probes]


def _unheard(answers: Counter[tuple[str, int | None]]) -> str:
    """Return how an index failed that gave no answer at all; nothing if it gave one, or was not asked.

    Args:
        answers: how often it gave each outcome with each status.
    """
    if not answers or any(outcome in ANSWERS_OF_INDEX for outcome, _ in answers):
        return ""
    statuses = [
        f"{times:,} times {'no status' if status is None else f'status {status}'}"
        for (_, status), times in answers.most_common()
    ]
    return f"asked for {counted(answers.total(), 'page')}, it answered none: {', '.join(statuses)}; {UNHEARD}"


def _page(target: Target) -> IndexedPage:
    return target.release or "", target.document_url or ""


def _unnoticed_pages(probes: Sequence[Probe]) -> Mapping[str, list[str]]:
    """Return URLs of controls, which nobody noticed, by the file that holds them."""
    targets = {probe.document_url for probe in probes if probe.role == "target"}
    found = defaultdict[str, list[str]](list)
    for probe in probes:
        if probe.role in CONTROLS and probe.document_url and probe.document_url not in targets:
            found[probe.file_uri or ""].append(probe.document_url)
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


def _nowhere(file: ProbedFile, begun: ProbeRound) -> str:
    """Return an address in the folder of a file that never was, and is another in each round."""
    folder, _, name = file.uri.rpartition("/")
    salted = hashlib.sha256(f"{begun.number} {begun.begun_at} {file.uri}".encode()).hexdigest()[:24]
    stem, dot, suffix = name.partition(".")
    return f"{folder}/{salted}{dot}{suffix}" if stem else f"{folder}/{salted}"
