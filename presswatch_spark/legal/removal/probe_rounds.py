"""A round of probes: every target of a case is probed, and each answer is appended to the chain.

Answers are written every few seconds. A stopped round is resumed, and probes no target twice.
"""

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Self

from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.terminal import counted
from presswatch_spark.core.threads import AskingThreads
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.removal import places
from presswatch_spark.legal.removal.case import Chain, ProbeRound, RemovalCase, without_answer
from presswatch_spark.legal.removal.places import IndexedPage, is_unresolved, offset_of
from presswatch_spark.legal.removal.probe import CONTROLS, FileProber, HubFileProber, ProbeMemory
from presswatch_spark.legal.removal.server_answers import probe_of
from presswatch_spark.legal.removal.status import ANSWERS_OF_INDEX, OF_INDEX, Alarm, CaseStatus
from presswatch_spark.legal.removal.whole_file_search import ProbedFile, WordCount, names_of
from presswatch_spark.query.pointers.pointer import Mirror, mirrored
from presswatch_spark.scanning.crawl_index.lookup import Index
from presswatch_spark.storage.host_limits import BlockedError, forget_hosts
from presswatch_spark.storage.hub import forget_places
from presswatch_spark.storage.objects import shown_uri
from presswatch_spark.storage.uris import root_of, scheme_of
from presswatch_spark.tables.declarations import Probe, Target
from presswatch_spark.tables.store import TableStore

FILES_AT_ONCE = 8
TARGETS_A_BATCH = 500
WRITTEN_ROWS, WRITTEN_SECONDS = 2_000, 5.0
SIBLINGS = 3
CLOCK_SECONDS = 60.0
"""Greatest difference between a server's clock and the local clock that is not reported."""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The result of a call of `Prober.probe`.

    `now`: number of targets probed by this call; `asked`: by the round so far. `outcomes`: of targets.
    `blocked`: errors by file whose site refuses requests. `clock_offset`: greatest difference of a server's
    clock, in seconds. `alarms`: of the round. `unheard`: how a requested index failed, or empty.
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


@dataclass(slots=True)
class KnownCase:
    """Facts of a case that a round needs.

    `status`: all finished rounds; `current`: the probes of an unfinished last one. `memory`: facts about
    controls from all probes. `captures`: target and request of `recapture` probes. `chain`: end of the chain.
    """

    status: CaseStatus
    memory: ProbeMemory
    chain: Chain
    current: list[Probe] = field(default_factory=list)
    captures: set[tuple[str | None, str]] = field(default_factory=set)

    @classmethod
    def of(cls, case: RemovalCase) -> Self:
        """Read a case round by round; `BrokenCaseError` if a part of it was changed."""
        status, chain = CaseStatus(case), Chain.of(case, list[Probe]())
        memory = ProbeMemory({target.target_sha256: target.shard_uri for target in status.targets})
        known = cls(status, memory, chain)
        for probes in case.each_round(status.begun, chain.heads):
            known.status.add(known.current)
            known.current = probes
            memory.learn(probes)
            captures = (probe for probe in probes if probe.role == "recapture")
            known.captures |= {(probe.target_sha256, probe.request) for probe in captures}
            chain.length, chain.newest = probes[-1].number + 1, probes[-1].probe_sha256
        last = known.status.begun[-1].number if known.status.begun else 0
        if known.current and (known.current[0].round != last or known.is_finished):
            known.status.add(known.current)
            known.current = []
        known.status.resolve(known.current)
        return known

    @property
    def done(self) -> set[str | None]:
        """Return the targets that the current round has probed."""
        return {probe.target_sha256 for probe in self.current if probe.role == "target"}

    @property
    def next_batch(self) -> int:
        """Return the number of the next batch of the current round."""
        return max((probe.batch for probe in self.current), default=-1) + 1

    @property
    def is_finished(self) -> bool:
        """Return whether the last round has probed every target."""
        return len(self.done) == len(self.status.targets) if self.current else self.status.is_finished

    def add(self, probes: Sequence[Probe]) -> None:
        """Add probes to the chain, and keep the columns that later rounds need."""
        number = self.status.begun[-1].number
        of_round = [probe.with_columns(round=number) for probe in probes]
        added = list(map(without_answer, self.chain.append(number, of_round)))
        self.current += added
        self.status.resolve(added)


@dataclass(slots=True)
class Prober:
    """Probes the targets of a case.

    `mirrors`: addresses to request instead of those that a scan read. `corpus`: for counting words of
    articles. `deep`: read whole files for targets that are not at their place. `index`: address of an index,
    which may contain `{release}`, for URLs and for unresolved places. `tables`: for finding later captures.
    `tell`: gets messages about the progress.
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
        """Probe all targets once, in a new round or the rest of an unfinished one.

        Raises:
            ConfigError: `index` is not the address of an index; no round was begun.
            BrokenCaseError: the chain is broken.
            InUseError: another process is probing the case.
            OutputError: the disk is full; the answers written so far remain.
        """
        with self.case.held():
            return self._probe(KnownCase.of(self.case))

    def probe_if_due(self, every: timedelta) -> ProbeReport | None:
        """Probe if the last round is unfinished, or began at least `every` ago; else return None."""
        with self.case.held():
            known = KnownCase.of(self.case)
            if known.is_finished:
                # If the clock was wrong, the round may seem to begin in the future: that must not delay one.
                age = datetime.now(UTC) - datetime.fromisoformat(known.status.begun[-1].begun_at)
                if abs(age) < every:
                    return None
            return self._probe(known)

    def _probe(self, known: KnownCase) -> ProbeReport:
        index = None if self.index is None else places.index_at(self.index, self.config.storage)
        forget_hosts()
        # Forget signed addresses of files: they may work after the hub has stopped serving the file.
        forget_places()
        resumed = bool(known.status.begun) and not known.is_finished
        if not resumed:
            number = known.status.begun[-1].number + 1 if known.status.begun else 1
            known.status.begun.append(known.chain.begin(number, deep=self.deep))
        begun, done, before = known.status.begun[-1], known.done, len(known.current)
        left = {target.target_sha256 for target in known.status.targets} - done
        if index is not None:
            self._resolve(index, known, left)
        self._ask_files(begun, known, left)
        if index is not None:
            self._ask_index(index, known)
        if self.tables is not None:
            captures = places.recaptures(self.tables, self.case, known.status.targets, known.captures)
            known.add(_in_batch(captures, known.next_batch))
        known.chain.note_head()
        known.status.add(known.current)

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
            status=known.status,
            alarms=[alarm for alarm in known.status.alarms if alarm.round == begun.number],
            unheard=_unheard([each for each in found if each.role in OF_INDEX]),
        )

    # Files.

    def _files(self, targets: Sequence[Target], left: Collection[str]) -> Iterator[ProbedFile]:
        by_file, of_site = dict[str, list[Target]](), dict[str, list[str]]()
        for target in sorted(targets, key=lambda each: (each.shard_uri, offset_of(each))):
            by_file.setdefault(mirrored(target.shard_uri, self.mirrors), []).append(target)
        for uri in by_file:
            # The bucket, host, commit or folder of a file may vanish as a whole.
            site = uri.rpartition("/")[0] if scheme_of(uri) == "file" else root_of(uri)
            of_site.setdefault(site, []).append(uri)
        others = defaultdict[str, set[tuple[str, str]]](set)
        for other in self.case.about.get("others", ()):
            # Its URL or id may have another text today, with more of the article: only the text is sure.
            if other["article_id"] is not None:
                others[other["shard_uri"]].add((other["article_id"], other["text_sha256"]))
        for uris in of_site.values():
            for place, uri in enumerate(uris):
                folder = uri.rpartition("/")[0]
                near = [*uris[max(0, place - SIBLINGS) : place], *uris[place + 1 : place + 1 + SIBLINGS]]
                # Prefer siblings in the same folder.
                near.sort(key=lambda each: each.rpartition("/")[0] != folder)
                of_file = by_file[uri]
                target_places = frozenset(offset_of(each) for each in of_file if not is_unresolved(each))
                known = others[of_file[0].shard_uri].copy()
                for target in of_file:
                    known |= {(target.article_id, name) for name in names_of(target) if target.article_id}
                asked = [target for target in of_file if target.target_sha256 in left]
                for first in range(0, len(asked), TARGETS_A_BATCH):
                    some = tuple(asked[first : first + TARGETS_A_BATCH])
                    yield ProbedFile(uri, some, tuple(near[:SIBLINGS]), target_places, frozenset(known))

    def _ask_files(self, begun: ProbeRound, known: KnownCase, left: Collection[str]) -> None:
        files = list(self._files(known.status.targets, left))
        numbers, targets = count(known.next_batch), sum(len(file.targets) for file in files)
        words, written_at, done = WordCount(self.corpus, self.config), time.monotonic(), 0
        waiting = list[Probe]()

        def ask(file: ProbedFile) -> list[Probe]:
            kind = HubFileProber if scheme_of(file.uri) == "hf" else FileProber
            options = places.read_options(self.case, file.targets[0], self.config.storage)
            # An address in the file's folder that never existed, new in each round, so that no cache has it.
            folder, _, name = file.uri.rpartition("/")
            salted = hashlib.sha256(f"{begun.number} {begun.begun_at} {file.uri}".encode()).hexdigest()[:24]
            stem, dot, suffix = name.partition(".")
            nowhere = f"{folder}/{salted}{dot}{suffix}" if stem else f"{folder}/{salted}"
            prober = kind(file, known.memory, options, words, begun.deep, nowhere)
            try:
                return prober.ask()
            except BlockedError as error:
                # The site refuses requests: keep its earlier answers, and send no more.
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
        wanted = [each for each in known.status.targets if each.target_sha256 in left and is_unresolved(each)]
        try:
            answers = places.look_up(index, sorted(set(map(_page, wanted))))
        except BlockedError as error:
            self._blocked[index.address] = str(error)
            return
        found = [(*answers[_page(target)], target) for target in wanted]
        probes = [
            probe_of("place", facts, places.place_among(listed, each), each) for facts, listed, each in found
        ]
        known.add(_in_batch(probes, known.next_batch))

    def _ask_index(self, index: Index, known: KnownCase) -> None:
        """Look up the pages of probed targets in the index, and of one control in each file."""
        left = known.done - {probe.target_sha256 for probe in known.current if probe.role == "index"}
        placed = known.status.targets
        paged = {each.target_sha256 for each in placed if each.document_url and not is_unresolved(each)}
        files = list(self._files(placed, {each for each in left & paged if each is not None}))
        of_targets = {probe.document_url for probe in known.current if probe.role == "target"}
        controls = dict[str, str]()
        for probe in known.current:
            if probe.role in CONTROLS and probe.document_url and probe.document_url not in of_targets:
                controls.setdefault(probe.file_uri or "", probe.document_url)
        # A server answers page by page: write its answers often, so that a stopped round keeps them.
        step = FILES_AT_ONCE if index.is_server else max(1, len(files))
        try:
            for first in range(0, len(files), step):
                asked, probes = list[list[tuple[Target | None, IndexedPage]]](), list[Probe]()
                for file in files[first : first + step]:
                    asked.append([(target, _page(target)) for target in file.targets])
                    if control := controls.get(shown_uri(file.uri)):
                        asked[-1].append((None, (file.targets[0].release or "", control)))
                answers = places.look_up(index, sorted({page for of_file in asked for _, page in of_file}))
                for number, of_file in enumerate(asked, known.next_batch):
                    for target, page in of_file:
                        role, at = ("index", target.captured_at) if target else ("listed", None)
                        facts, captures = answers[page]
                        probe = probe_of(role, facts, places.listed_among(captures, at), target)
                        probes.append(probe.with_columns(batch=number))
                known.add(probes)
        except BlockedError as error:
            self._blocked[index.address] = str(error)


def _in_batch(probes: Sequence[Probe], number: int) -> list[Probe]:
    return [probe.with_columns(batch=number) for probe in probes]


def _unheard(probes: Sequence[Probe]) -> str:
    """Return how an index failed that gave no answer; empty if it gave one, or got no request."""
    if not probes or any(probe.outcome in ANSWERS_OF_INDEX for probe in probes):
        return ""
    statuses = Counter("no status" if each.status is None else f"status {each.status}" for each in probes)
    named = ", ".join(f"{times:,} times {status}" for status, times in statuses.most_common())
    unknown = "its answers about pages and places are unknown; probe again later, or choose another index"
    return f"of {counted(len(probes), 'request')}, none was answered: {named}; {unknown}"


def _page(target: Target) -> IndexedPage:
    return target.release or "", target.document_url or ""
