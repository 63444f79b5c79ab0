"""A round of probes: every target of a case is asked for again, and each answer goes into the chain.

Answers are written every few seconds: a round that was stopped is resumed, and asks for no target twice.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Self

from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.terminal import counted
from presswatch_spark.core.threads import AskingThreads
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.removal.case import Chain, ProbeRound, RemovalCase, without_answer
from presswatch_spark.legal.removal.deep import WordCount, known_documents, names_by_article
from presswatch_spark.legal.removal.hub import HubFileProber
from presswatch_spark.legal.removal.places import (
    IndexedPage,
    index_at,
    is_unresolved,
    listed_among,
    look_up,
    offset_of,
    place_among,
    recaptures,
)
from presswatch_spark.legal.removal.probe import CONTROLS, FileProber, ProbedFile, ProbeMemory
from presswatch_spark.legal.removal.responses import probe_of
from presswatch_spark.legal.removal.status import ANSWERS_OF_INDEX, OF_INDEX, Alarm, CaseStatus, Course
from presswatch_spark.query.pointers.pointer import Mirror, mirrored
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.scanning.ccindex.lookup import Index
from presswatch_spark.storage.host_limits import BlockedError, ask_anew
from presswatch_spark.storage.hub import forget_places
from presswatch_spark.storage.objects import printable
from presswatch_spark.storage.uris import host_of, root_of, scheme_of
from presswatch_spark.tables.declarations import Probe, Target
from presswatch_spark.tables.store import TableStore

FILES_AT_ONCE = 8
TARGETS_A_BATCH = 500
WRITTEN_ROWS, WRITTEN_SECONDS = 2_000, 5.0
SIBLINGS = 3
CLOCK_SECONDS = 60.0
"""A server's clock may differ from ours by so much; more is reported."""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The result of a round: targets asked for `now`, and in all of the round; files that were left alone.

    `outcomes`: of targets. `clock_offset`: the farthest that a server's clock is ahead. `alarms`: of the
    round. `unheard`: how an index that was asked failed to answer; empty if it answered or was not asked.
    """

    round: ProbeRound
    resumed: bool
    now: int
    asked: int
    requests: int
    outcomes: Mapping[str, int]
    blocked: Mapping[str, str]
    clock_offset: float
    status: CaseStatus
    alarms: Sequence[Alarm]
    unheard: str = ""

    @property
    def targets(self) -> int:
        """The number of places of the case."""
        return len(self.status.targets)

    @property
    def is_complete(self) -> bool:
        """Every target was asked for."""
        return self.asked == self.targets


@dataclass(slots=True)
class KnownCase:
    """Facts of a case that a round needs.

    `course`: all rounds but the last one, if it was not finished; `current` are its probes. `memory`: what
    all probes show of controls. `captures`: those that the case has. `chain`: its end.
    """

    targets: Sequence[Target]
    rounds: list[ProbeRound]
    course: Course
    memory: ProbeMemory
    chain: Chain
    current: list[Probe] = field(default_factory=list)
    captures: set[tuple[str | None, str]] = field(default_factory=set)

    @classmethod
    def of(cls, case: RemovalCase) -> Self:
        """Read a case, one round after the other; `BrokenCaseError` if any of it has changed."""
        targets, chain = case.targets(), Chain.of(case, list[Probe]())
        memory = ProbeMemory({target.target_sha256: target.shard_uri for target in targets})
        known = cls(targets, case.rounds(), Course(targets), memory, chain)
        for probes in case.each_round(known.rounds, chain.heads):
            known.course.add(known.current)
            known.current = probes
            memory.learn(probes)
            captures = (probe for probe in probes if probe.role == "recapture")
            known.captures |= {(probe.target_sha256, probe.request) for probe in captures}
            chain.length, chain.newest = probes[-1].number + 1, probes[-1].probe_sha256
        last = known.rounds[-1].number if known.rounds else 0
        if known.current and (known.current[0].round != last or known.is_finished):
            known.course.add(known.current)
            known.current = []
        known.course.places.learn(known.current)
        return known

    @property
    def placed(self) -> list[Target]:
        """The targets with their places, as far as they are known now."""
        return self.course.places.of(self.targets)

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
        if not self.rounds:
            return False
        asked = len(self.done) if self.current else self.course.asked_in(self.rounds[-1].number)
        return len(self.targets) == asked

    def add(self, probes: Sequence[Probe]) -> None:
        """Add probes to the chain, and keep the columns that later rounds need."""
        number = self.rounds[-1].number
        of_round = [replace(probe, round=number) for probe in probes]
        added = list(map(without_answer, self.chain.append(number, of_round)))
        self.current += added
        self.course.places.learn(added)


@dataclass(slots=True)
class Prober:
    """Asks for the targets of a case.

    `mirrors`: where files are asked for, in the place of where a scan read them. `corpus`: to count words of
    articles. `deep`: read whole files for targets that are not at their place. `index`: address of an index,
    with `{release}` or not, for URLs and for places that no scan has found. `tables`: where later captures
    are looked for. `tell`: gets a line of progress now and then.
    """

    case: RemovalCase
    config: ScanConfig
    mirrors: Sequence[Mirror] = ()
    corpus: Corpus | None = None
    deep: bool = False
    index: str | None = None
    tables: TableStore | None = None
    tell: Callable[[Sentence], None] = lambda news: None
    _blocked: dict[str, str] = field(default_factory=dict)

    def probe(self) -> ProbeReport:
        """Ask for all targets once; a round that was begun and not finished goes on.

        Raises:
            ConfigError: `index` is no address of an index; no round was begun.
            BrokenCaseError: the chain breaks.
            InUseError: another process holds the case.
            OutputError: the disk is full: what was written stays.
        """
        with self.case.held():
            return self._probe(KnownCase.of(self.case))

    def probe_if_due(self, every: timedelta) -> ProbeReport | None:
        """Do the same if the last round was not finished, or was begun `every` ago; return None if not."""
        with self.case.held():
            known = KnownCase.of(self.case)
            if known.is_finished:
                # A clock that was ahead must not put a round off.
                age = datetime.now(UTC) - datetime.fromisoformat(known.rounds[-1].begun_at)
                if abs(age) < every:
                    return None
            return self._probe(known)

    def _probe(self, known: KnownCase) -> ProbeReport:
        index = None if self.index is None else index_at(self.index, self.config.storage)
        ask_anew()
        # A signed address may work for longer than the hub answers for the file.
        forget_places()
        resumed = bool(known.rounds) and not known.is_finished
        if not resumed:
            number = known.rounds[-1].number + 1 if known.rounds else 1
            known.rounds.append(known.chain.begin(number, deep=self.deep))
        begun, done, before = known.rounds[-1], known.done, len(known.current)
        left = {target.target_sha256 for target in known.targets} - done
        if index is not None:
            self._resolve(index, known, left)
        self._ask_files(begun, known, left)
        if index is not None:
            self._ask_index(index, known)
        if self.tables is not None:
            captures = recaptures(self.tables, self.case, known.targets, known.captures)
            known.add(_in_batch(captures, known.next_batch))
        known.chain.note_head()
        known.course.add(known.current)
        status = CaseStatus.by(self.case, known.targets, known.course, known.rounds)

        found = known.current[before:]
        of_targets = [each for each in found if each.role == "target"]
        now = {each.target_sha256 for each in of_targets}
        asked = (each for each in found if each.role != "recapture" and each.outcome != "unresolved")
        offsets = [each.clock_offset for each in found if each.clock_offset is not None]
        return ProbeReport(
            round=begun,
            resumed=resumed,
            now=len(now),
            asked=len(done) + len(now),
            requests=len({(each.request, each.asked_at) for each in asked}),
            outcomes=Counter(each.outcome for each in of_targets),
            blocked=self._blocked,
            clock_offset=max(offsets, key=abs, default=0.0),
            status=status,
            alarms=[alarm for alarm in status.alarms if alarm.round == begun.number],
            unheard=_unheard([each for each in found if each.role in OF_INDEX]),
        )

    # Files.

    def _files(self, targets: Sequence[Target], left: Collection[str]) -> Iterator[ProbedFile]:
        by_file, of_site = dict[str, list[Target]](), dict[str, list[str]]()
        for target in sorted(targets, key=lambda each: (each.shard_uri, offset_of(each))):
            by_file.setdefault(mirrored(target.shard_uri, self.mirrors), []).append(target)
        for uri in by_file:
            of_site.setdefault(_site(uri), []).append(uri)
        others = known_documents(self.case.about.get("others", ()))
        for uris in of_site.values():
            for place, uri in enumerate(uris):
                folder = uri.rpartition("/")[0]
                near = [*uris[max(0, place - SIBLINGS) : place], *uris[place + 1 : place + 1 + SIBLINGS]]
                # Files of the same folder come first.
                near.sort(key=lambda each: each.rpartition("/")[0] != folder)
                of_file = by_file[uri]
                noticed = frozenset(offset_of(each) for each in of_file if not is_unresolved(each))
                known = others.get(of_file[0].shard_uri, frozenset()) | names_by_article(of_file)
                asked = [target for target in of_file if target.target_sha256 in left]
                for first in range(0, len(asked), TARGETS_A_BATCH):
                    some = tuple(asked[first : first + TARGETS_A_BATCH])
                    yield ProbedFile(uri, some, tuple(near[:SIBLINGS]), noticed, known)

    def _ask_files(self, begun: ProbeRound, known: KnownCase, left: Collection[str]) -> None:
        files = list(self._files(known.placed, left))
        numbers, targets = count(known.next_batch), sum(len(file.targets) for file in files)
        words, written_at, done = WordCount(self.corpus, self.config), time.monotonic(), 0
        waiting = list[Probe]()

        def ask(file: ProbedFile) -> list[Probe]:
            kind = HubFileProber if scheme_of(file.uri) == "hf" else FileProber
            first, storage = file.targets[0], self.config.storage
            reading = self.case.about["reading"].get(first.run_id, {})
            options = ReadOptions(**reading, release=first.release, pdf=True, storage=storage)
            # An address in the folder of the file that never was, and is another in each round.
            folder, _, name = file.uri.rpartition("/")
            salted = hashlib.sha256(f"{begun.number} {begun.begun_at} {file.uri}".encode()).hexdigest()[:24]
            stem, dot, suffix = name.partition(".")
            nowhere = f"{folder}/{salted}{dot}{suffix}" if stem else f"{folder}/{salted}"
            prober = kind(file, known.memory, options, words, begun.deep, nowhere)
            try:
                return prober.ask()
            except BlockedError as error:
                # The site refuses everything. What it answered before stays; the rest is left alone.
                self._blocked[file.uri] = str(error)
                return prober.probes

        with AskingThreads(FILES_AT_ONCE, "probes") as pool:
            for file, probes in zip(files, pool.map(ask, files), strict=True):
                done += len(file.targets)
                if not any(probe.role == "target" for probe in probes):
                    continue
                waiting += _in_batch(probes, next(numbers))
                if len(waiting) >= WRITTEN_ROWS or time.monotonic() - written_at >= WRITTEN_SECONDS:
                    known.add(waiting)
                    waiting, written_at = [], time.monotonic()
                    news = N_("round {round}: {done} of {targets} places")
                    self.tell(sentence(news, round=begun.number, done=done, targets=targets))
        known.add(waiting)

    # Indexes.

    def _resolve(self, index: Index, known: KnownCase, left: Collection[str]) -> None:
        wanted = [each for each in known.placed if each.target_sha256 in left and is_unresolved(each)]
        try:
            answers = look_up(index, sorted(set(map(_page, wanted))))
        except BlockedError as error:
            self._blocked[index.address] = str(error)
            return
        found = ((target, answers[_page(target)]) for target in wanted)
        probes = [
            probe_of("place", each.facts, place_among(each.captures, target), target)
            for target, each in found
        ]
        known.add(_in_batch(probes, known.next_batch))

    def _ask_index(self, index: Index, known: KnownCase) -> None:
        """Ask for the pages of targets that the round has not asked for, and for a control in each file."""
        left = known.done - {probe.target_sha256 for probe in known.current if probe.role == "index"}
        placed = known.placed
        paged = {each.target_sha256 for each in placed if each.document_url and not is_unresolved(each)}
        files = list(self._files(placed, {each for each in left & paged if each is not None}))
        of_targets = {probe.document_url for probe in known.current if probe.role == "target"}
        controls = dict[str, str]()
        for probe in known.current:
            if probe.role in CONTROLS and probe.document_url and probe.document_url not in of_targets:
                controls.setdefault(probe.file_uri or "", probe.document_url)
        # A server answers one page at a time: what it answered is kept if the round is stopped.
        step = FILES_AT_ONCE if index.is_server else max(1, len(files))
        try:
            for first in range(0, len(files), step):
                some, probes = files[first : first + step], list[Probe]()
                control_of = {
                    file: (file.targets[0].release or "", control)
                    for file in some
                    if (control := controls.get(printable(file.uri)))
                }
                pages = {_page(target) for file in some for target in file.targets}
                answers = look_up(index, sorted(pages.union(control_of.values())))
                for number, file in enumerate(some, known.next_batch):
                    of_file = list[Probe]()
                    for target in file.targets:
                        answer = answers[_page(target)]
                        found = listed_among(answer.captures, target.captured_at)
                        of_file.append(probe_of("index", answer.facts, found, target))
                    if file in control_of:
                        answer = answers[control_of[file]]
                        of_file.append(probe_of("listed", answer.facts, listed_among(answer.captures, None)))
                    probes += _in_batch(of_file, number)
                known.add(probes)
        except BlockedError as error:
            self._blocked[index.address] = str(error)


def _in_batch(probes: Sequence[Probe], number: int) -> list[Probe]:
    return [replace(probe, batch=number) for probe in probes]


def _unheard(probes: Sequence[Probe]) -> str:
    """Return how an index failed that gave no answer at all; nothing if it gave one, or was not asked."""
    if not probes or any(probe.outcome in ANSWERS_OF_INDEX for probe in probes):
        return ""
    statuses = Counter("no status" if each.status is None else f"status {each.status}" for each in probes)
    named = ", ".join(f"{times:,} times {status}" for status, times in statuses.most_common())
    unknown = "what it would say of pages and places is not known; ask again later, or name another index"
    return f"asked for {counted(len(probes), 'page')}, it answered none: {named}; {unknown}"


def _page(target: Target) -> IndexedPage:
    return target.release or "", target.document_url or ""


def _site(uri: str) -> str:
    """Return the unit that vanishes with a file: its host, its bucket, its commit, or its folder on disk."""
    scheme = scheme_of(uri)
    if scheme == "hf":
        return root_of(uri)
    if scheme == "file":
        return uri.rpartition("/")[0]
    return host_of(uri) if scheme in ("http", "https") else uri.split("/")[2]
