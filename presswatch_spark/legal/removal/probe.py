"""Probes the targets of one file, and control records that show whether the server's answers can be trusted.

If records are read by range, a request covers a target and its neighbours, and near ranges are joined. Other
files are read in order, once for all their targets.
"""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count, islice

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.core.settings.config import StorageOptions
from presswatch_spark.legal.removal import server_answers, whole_file_search
from presswatch_spark.legal.removal.places import is_by_range, is_unresolved, offset_of
from presswatch_spark.legal.removal.server_answers import BLANK, FetchedRange, ask_part, finding
from presswatch_spark.legal.removal.states import FAILURES, READS, WHOLE, strong
from presswatch_spark.legal.removal.whole_file_search import ProbedFile, WordCount, documents_of, names_of
from presswatch_spark.query.pointers.fetched_records import Cause, Failure, Record, records_at
from presswatch_spark.query.pointers.pointer import Pointer, pointer_of
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.http import HttpStore
from presswatch_spark.storage.hub import NO_REVISION
from presswatch_spark.storage.objects import RawResponse, ask, list_objects, shown_uri, store_of
from presswatch_spark.storage.uris import MAIN, HubAddress, is_web, root_of, scheme_of
from presswatch_spark.tables.declarations import Probe, Target

HEAD_BYTES = 256 << 10
"""Bytes of a file's beginning in which the control `first` is looked for."""
FIRST_RECORDS = 8
"""Records of a file's beginning that may be its control `first`."""
WINDOW_BYTES = 256 << 10
"""Bytes before and after a target in which its neighbours are looked for."""
JOINED_BYTES, GAP_BYTES = 4 << 20, 64 << 10
"""Ranges are joined up to the first length, over gaps of at most the second."""
CONTROLS = ("first", "before", "after")
SETTLED = frozenset({*READS, *WHOLE, "other_text"})
"""Outcomes of reading a whole file that another reading of the same bytes would repeat."""

COMMIT, SHA256 = "X-Repo-Commit", "X-Linked-ETag"
"""Headers of a hub's answer: its commit, and the SHA-256 of a large file."""
FILES_LOOKED_AT = 1000
"""Most files of a folder that are listed to find another one beside a file."""
_LISTING = threading.Lock()

_NO_RECORD = {"record_id": None, "record_sha256": None}
"""Columns that controls lack in files that are read in order."""
TargetRange = tuple[int, int, Target]
"""The range of bytes that contains a target and its neighbours."""


@dataclass(slots=True)
class ProbeMemory:
    """Facts of earlier rounds, from the chain of probes.

    `shards`: the file of each target, as a scan named it. `known`: by target and role, the probe of a
    neighbour (`before`, `after`), of the version of its file that was read in order (`target`), and on hubs
    of the newest revision (`newest`). `first`: controls by file. `others`: on hubs, files read, by dataset.
    """

    shards: Mapping[str | None, str]
    known: dict[tuple[str | None, str], Probe] = field(default_factory=dict)
    first: dict[str, Probe] = field(default_factory=dict)
    others: dict[str, dict[str, None]] = field(default_factory=dict)

    def learn(self, probes: Sequence[Probe]) -> None:
        """Add the facts of a round's probes."""
        of_batch = {
            (probe.round, probe.batch): self.shards[probe.target_sha256]
            for probe in probes
            if probe.target_sha256 in self.shards
        }
        for probe in probes:
            place = probe.target_sha256, probe.role
            is_settled = probe.role == "newest" and probe.etag and probe.outcome in SETTLED
            # Of one reading, keep the first probe: another text, with its article nowhere, gives two.
            if is_settled and (place not in self.known or self.known[place].round != probe.round):
                self.known[place] = probe
            if probe.outcome != "same":
                continue
            uri = str(probe.file_uri)
            if probe.role == "target":
                if probe.etag and probe.bytes is not None and probe.record_sha256 is None:
                    self.known[place] = probe
            elif probe.role in ("before", "after"):
                self.known.setdefault(place, probe)
            elif probe.role == "first":
                self.first.setdefault(of_batch.get((probe.round, probe.batch), ""), probe)
            elif probe.role == "beside" and scheme_of(uri) == "hf":
                self.others.setdefault(root_of(uri), {})[uri] = None


def _version(answer: Probe) -> tuple[str | None, str | None, int | None]:
    return strong(answer.etag), answer.last_modified, answer.bytes


@dataclass(slots=True)
class FileProber:
    """Probes the targets of one file and their controls; `probes` are the answers."""

    file: ProbedFile
    memory: ProbeMemory
    options: ReadOptions
    words: WordCount
    deep: bool
    nowhere: str
    probes: list[Probe] = field(default_factory=list)

    def ask(self) -> list[Probe]:
        """Return the probes of targets and controls; `BlockedError` if the site refuses more requests."""
        for target in filter(is_unresolved, self.file.targets):
            found = finding("unresolved", "no index has given its place")
            self._note("target", server_answers.lookup_facts("NONE"), found, target)
        known = [target for target in self.file.targets if not is_unresolved(target)]
        if not known:
            return self.probes
        if by_range := [target for target in known if is_by_range(target)]:
            self._ask_by_range(by_range)
        if in_order := [target for target in known if not is_by_range(target)]:
            self._read_in_order(in_order)
        if self.deep:
            read = (*READS, "missing", "denied", *FAILURES)
            asked = [each for each in self.probes if each.role == "target"]
            settled = {each.target_sha256 for each in asked if each.outcome in read}
            if lost := [target for target in by_range if target.target_sha256 not in settled]:
                self.look_through(lost, ask_part(self.file.uri, 0, 1, self.options.storage).facts)
        # If a server answers even for a name that never existed, none of its answers proves anything.
        self._note_read("nowhere", self.nowhere, 1, "a file of that name is there")
        self._ask_siblings()
        return self.probes

    def _note(self, role: str, facts: Probe, found: Probe, target: Target | None = None) -> None:
        self.probes.append(server_answers.probe_of(role, facts, found, target))

    def _note_read(self, role: str, uri: str, length: int, detail: str) -> FetchedRange | None:
        """Request the beginning of another file, note the answer, and return it if it has bytes."""
        part = ask_part(uri, 0, length, self.options.storage)
        bounds = _first_record(part, ()) if length > 1 else None
        found = server_answers.control_in(part, *bounds, None) if bounds else finding("same", detail)
        self._note(role, part.facts, part.failure or found)
        return None if part.failure else part

    def _note_control(
        self,
        role: str,
        part: FetchedRange,
        known: Probe | None,
        bounds: tuple[int, int] | None,
        target: Target | None = None,
    ) -> None:
        """Note the control that earlier rounds know, or in the first round the record at `bounds`."""
        found = part.failure or finding("unreadable", "no record was found there")
        if known is not None and not part.failure:
            is_new = _version(part.facts) != _version(known)
            found = server_answers.control_in(part, *_bounds_of(known), known.record_sha256, is_new=is_new)
        elif bounds is not None:
            found = server_answers.control_in(part, *bounds, None)
        self._note(role, part.facts, found, target)

    def _compared(self, target: Target, record: Record) -> Probe:
        page = record.batch
        texts = map(page.text_of, range(len(page))) if page else [record.text]
        return self.words.counted(server_answers.compared(target, record), target, texts)

    def _first(self) -> Probe | None:
        return self.memory.first.get(self.file.targets[0].shard_uri)

    # Records that are read by range.

    def _ask_by_range(self, targets: Sequence[Target]) -> None:
        known = self._first()
        start, end = _bounds_of(known) if known else (0, HEAD_BYTES)
        part = ask_part(self.file.uri, start, end, self.options.storage)
        first = None if known else _first_record(part, self.file.target_places)
        self._note_control("first", part, known, first)

        wanted = list[TargetRange]()
        for target in targets:
            start, end = _bounds_of(target)
            before = self.memory.known.get((target.target_sha256, "before"))
            after = self.memory.known.get((target.target_sha256, "after"))
            begin = offset_of(before) if before else max(0, start - WINDOW_BYTES)
            wanted.append((begin, _bounds_of(after)[1] if after else end + WINDOW_BYTES, target))
        for ranges in _joined(wanted):
            start, end = ranges[0][0], max(end for _, end, _ in ranges)
            part = ask_part(self.file.uri, start, end, self.options.storage)
            for *_, target in ranges:
                found = part.failure or server_answers.target_in(part, target, self.options)
                if isinstance(found, Record):
                    found = self._compared(target, found)
                self._note("target", part.facts, found, target)
                if not part.failure:
                    self._note_neighbour("before", target, part)
                    self._note_neighbour("after", target, part)

    def _note_neighbour(self, role: str, target: Target, part: FetchedRange) -> None:
        known, (start, end) = self.memory.known.get((target.target_sha256, role)), _bounds_of(target)
        if known is None and (start == 0 if role == "before" else end == part.size):
            self._note(role, part.facts, finding("edge", "the file begins or ends there"), target)
            return
        bounds: tuple[int, int] | None = None
        if known is None and role == "after":
            length = server_answers.end_of_record(part.at(end), 0)
            bounds = None if length is None else (end, end + length)
        elif known is None:
            stored = part.data[: max(0, start - part.start)]
            before = server_answers.start_of_record_before(stored, start - part.start)
            bounds = None if before is None else (part.start + before, start)
        self._note_control(role, part, known, bounds, target)

    # Files that are read in order.

    def _read_in_order(self, targets: Sequence[Target]) -> None:
        part = ask_part(self.file.uri, 0, 1, self.options.storage)
        left, is_disk = list[Target](), self.file.uri.startswith("/")
        for target in targets:
            known = self.memory.known.get((target.target_sha256, "target"))
            if part.failure:
                self._note("target", part.facts, part.failure, target)
            elif known and _version(known) == _version(part.facts) and not self.deep and not is_disk:
                detail = f"the file is the version that probe {known.number:,} read"
                self._note("target", part.facts, finding("same", detail), target)
            else:
                left.append(target)
        if part.failure:
            self._note("first", part.facts, part.failure)
        elif left:
            self._read_rows(left, part.facts)

    def _read_rows(self, targets: Sequence[Target], facts: Probe) -> None:
        places = [(target, pointer_of(target, self.file.uri)) for target in targets]
        controls, first = list(self._controls_of(targets)), self._first()
        wanted = [*(pointer for _, pointer in places), *(pointer for _, _, pointer in controls)]
        there = dict(records_at(list(dict.fromkeys(wanted)), self.options))
        lost = list[Target]()
        for target, pointer in places:
            outcome = there[pointer]
            if isinstance(outcome, Failure):
                found = finding("beyond" if outcome.reason == Cause.GONE else "unreadable", str(outcome))
            else:
                found = self._compared(target, outcome)
            self._note("target", facts, found, target)
            if found.outcome != "same":
                lost.append(target)
        for role, beside, pointer in controls:
            outcome = there[pointer]
            known = self.memory.known.get((beside.target_sha256, role)) if beside else first
            is_new = known is not None and _version(facts) != _version(known)
            if isinstance(outcome, Failure):
                has_moved = outcome.reason == Cause.GONE and is_new
                control = finding("rewritten" if has_moved else "unreadable", str(outcome))
            else:
                record = server_answers.record_facts(outcome).with_columns(**_NO_RECORD)
                control = finding("same", record=record)
                if known is not None and known.text_sha256 != record.text_sha256:
                    detail = "its text has changed"
                    control = finding("rewritten" if is_new else "other_record", detail, record)
            # A new control `first` may be a line without a record; another is found then.
            if role != "first" or control.outcome != "unreadable" or first is not None:
                self._note(role, facts, control, beside)
        if not any(each.role == "first" for each in self.probes):
            self._note("first", facts, self._record_outside_targets(targets))
        if lost:
            self.look_through(lost, facts)

    def _record_outside_targets(self, targets: Sequence[Target]) -> Probe:
        """Return a record that is no target: the first one after all targets, else the last one."""
        last, found = max(self.file.target_places, default=0), None
        batches = documents_of(self.file.uri, targets[0].dataset, self.options, ReadReport())
        for batch, i in ((each, i) for each in batches for i in range(len(each)) if each.main_of(i) == i):
            at = batch.locate(i)
            place = at.record_offset if at.row_index is None else at.row_index
            if place is None or place in self.file.target_places:
                continue
            found = whole_file_search.record_of(batch, i)
            if place > last:
                break
        if found is None:
            return finding("unreadable", "the file has no record that is no target")
        return finding("same", record=found.with_columns(**_NO_RECORD))

    def _controls_of(self, targets: Sequence[Target]) -> Iterator[tuple[str, Target | None, Pointer]]:
        """Yield role, target and place of the rows around each target, and of the control `first`."""
        uri, dataset, known = self.file.uri, targets[0].dataset, self._first()
        for target in targets:
            if (row := target.row_index) is None:
                continue
            for role, beside in (("before", row - 1), ("after", row + 1)):
                if beside >= 0:
                    yield role, target, Pointer(uri, row=beside, format=dataset)
        if known is not None and known.row_index is None:
            place = known.record_offset, known.record_length, targets[0].record_encoding
            yield "first", None, Pointer(uri, *place, None, dataset)
        elif known is not None or targets[0].row_index is not None:
            row = known.row_index if known else next(n for n in count() if n not in self.file.target_places)
            yield "first", None, Pointer(uri, row=row, format=dataset)

    # Whole files.

    def look_through(self, targets: Sequence[Target], facts: Probe) -> None:
        """Read the whole file; note for each target whether its text, URL, id or article is in it."""
        known: list[Target | Probe | None] = [each for each in self.file.targets if not is_unresolved(each)]
        for target in self.file.targets:
            known += (self.memory.known.get((target.target_sha256, role)) for role in CONTROLS)
        marks = [(offset_of(each), names_of(each)) for each in (*known, self._first()) if each is not None]
        names = {name for _, each in marks for name in each}
        file = replace(self.file, targets=tuple(targets))
        reading = whole_file_search.DeepReading.of(file, names, self.words, self.options)
        places = [place for place, each in marks if not reading.names.isdisjoint(each)]
        firsts = [each.outcome for each in self.probes if each.role == "first"]
        is_same_file = bool(places) or "same" in firsts
        for target in targets:
            found = reading.best(target)
            if found is not None:
                self._note("target", facts, found, target)
            # If the best page has no word of the article, note also whether the rest of the file lacks it.
            if found is None or found.copied_words == 0:
                # Absence needs proof that this is the same file, and that it is not cut before the target.
                asked = [each for each in self.probes if each.target_sha256 == target.target_sha256]
                reaches = all(each.outcome != "beyond" for each in asked if each.role == "target")
                is_whole = any(place > offset_of(target) for place in places) or (reaches and is_same_file)
                absent = reading.absent(target, is_whole=is_whole)
                if found is None or absent.outcome == "absent":
                    self._note("target", facts, absent, target)

    # Controls outside of the file.

    def _ask_siblings(self) -> None:
        """If the file is missing, read another one, to tell a missing file from a missing site."""
        if not any(each.role == "target" and each.outcome == "missing" for each in self.probes):
            return
        # Some servers answer 404 only to requests with a range.
        uri = self.file.uri
        if is_web(uri):
            answer = HttpStore(self.options.storage).ask_whole(uri, 1)
            part = FetchedRange.of(answer, f"GET {shown_uri(uri)}", uri, 0, 1)
            there = finding("same", "it is found without a range")
            self._note("unranged", part.facts, part.failure or there)
        for sibling in self.file.siblings:
            if self._note_read("beside", sibling, HEAD_BYTES, "another file was read"):
                return


def _bounds_of(record: Target | Probe) -> tuple[int, int]:
    start = offset_of(record)
    return start, start + (record.record_length or 0)


def _joined(ranges: Iterable[TargetRange]) -> Iterator[list[TargetRange]]:
    joined = list[TargetRange]()
    for each in sorted(ranges, key=lambda each: each[:2]):
        reach = max((end for _, end, _ in joined), default=0)
        if joined and (each[0] > reach + GAP_BYTES or each[1] - joined[0][0] > JOINED_BYTES):
            yield joined
            joined = []
        joined.append(each)
    if joined:
        yield joined


def _first_record(part: FetchedRange, target_places: Collection[int]) -> tuple[int, int] | None:
    """Return the best control at the beginning of a file, a record that is no target; None without one."""
    bounds, at = list[tuple[int, int]](), 0
    while len(bounds) < FIRST_RECORDS and (end := server_answers.end_of_record(part.data, at)) is not None:
        bounds.append((at, end))
        at = end
    free = [each for each in bounds if each[0] not in target_places]
    # Prefer records before the first target, which keep their place if it is taken out, and of them, any but
    # the file's first, which describes the file.
    return min(free, key=lambda each: (each[0] > min(target_places, default=0), each[0] == 0), default=None)


# Files on a hub: a commit keeps its files, so the newest revision is requested, too.


class HubFileProber(FileProber):
    """Looks for the targets of one file at its commit, and in the same file at the newest revision.

    If the newest revision no longer has a row, its commit still serves the row (`superseded`) until the
    history is squashed. Then the commit is gone, and only the newest revision can show whether the row is
    gone.
    """

    __slots__ = ()

    def _ask_siblings(self) -> None:
        """Request the newest revision; read another file of the commit to show that the hub answers."""
        address, storage = HubAddress.of(self.file.uri), self.options.storage
        main = str(replace(address, revision=MAIN))
        answer = ask(main, 0, 1, storage)
        part = FetchedRange.of(answer, f"GET {main} bytes=0-0", main, 0, 1)
        for target, found in self._at_newest(address, answer, part):
            self._note("newest", part.facts, found, target)

        known = [*self.file.siblings, *self.memory.others.get(address.root, ())]
        beside = [uri for uri in known if uri.startswith(address.root)]
        is_gone = any(each.role == "target" and each.outcome == "missing" for each in self.probes)
        commit, files = answer.header(COMMIT), list[str]()
        try:
            if is_gone:
                # Read a file that is known from the commit in the newest revision.
                root = replace(address, revision=commit or MAIN).root
                root = root if commit else store_of(root, storage).pinned(root)
                files = [
                    root + uri.removeprefix(address.root) for uri in dict.fromkeys([self.file.uri, *beside])
                ]
            elif not set(beside) - {self.file.uri}:
                # Note another file of the same folder once, while the commit still serves it.
                folder, _, name = self.file.uri.rpartition("/")
                suffix = name.partition(".")[2]
                listed = (each.uri for each in islice(list_objects(folder, storage), FILES_LOOKED_AT))
                files = [uri for uri in listed if uri != self.file.uri and uri.endswith(suffix)][:1]
        except BlockedError:
            raise
        except PresswatchError:
            return
        for uri in files:
            beginning = self._note_read("beside", uri, HEAD_BYTES, "a file was read")
            if beginning and beginning.data:
                return

    def _at_newest(
        self, address: HubAddress, answer: RawResponse, part: FetchedRange
    ) -> Iterator[tuple[Target, Probe]]:
        failure, commit = part.failure, answer.header(COMMIT)
        linked = (answer.header(SHA256) or "").strip('"')
        if failure and answer.code == NO_REVISION:
            failure = finding("strange", f"the dataset has no branch {MAIN}")
        elif not failure and commit is None:
            failure = finding("strange", "the hub does not state the commit of its answer")
        left, names = list[Target](), dict[str, str]()
        if failure and failure.outcome == "missing":
            try:
                newest, storage = replace(address, revision=MAIN).root, self.options.storage
                names = large_files(store_of(newest, storage).pinned(newest), storage)
                failure = finding("missing", "the newest revision has neither this file nor its bytes")
            except BlockedError:
                raise
            except PresswatchError as error:
                failure = finding("failed", f"the newest revision could not be listed: {error.what}")
        for target in self.file.targets:
            if failure and (name := names.get(target.etag or "")):
                detail = f"the newest revision has the same file under another name: {name}"
                yield target, finding("elsewhere", detail)
            elif failure:
                yield target, failure
            elif commit == address.revision:
                of_target = [each for each in self.probes if each.target_sha256 == target.target_sha256]
                last = next(each for each in reversed(of_target) if each.role == "target")
                detail = "the newest revision is the commit itself"
                yield target, _repeated(last, detail)
            elif linked and linked == target.etag:
                detail = "the newest revision has the same file, by its SHA-256"
                yield target, finding("same", detail)
            elif found := self._known(target, part.facts):
                yield target, found
            else:
                left.append(target)
        if not left or not commit:
            return
        memory = ProbeMemory(self.memory.shards, dict(self.memory.known), dict(self.memory.first))
        memory.learn(self.probes)
        uri = str(replace(address, revision=commit))
        file = replace(self.file, uri=uri, targets=tuple(left), siblings=())
        whole = FileProber(file, memory, self.options, self.words, deep=True, nowhere=self.nowhere)
        whole.look_through(left, part.facts)
        by_digest: Mapping[str | None, Target] = {target.target_sha256: target for target in left}
        yield from ((by_digest[probe.target_sha256], probe) for probe in whole.probes)

    def _known(self, target: Target, facts: Probe) -> Probe | None:
        probe = self.memory.known.get((target.target_sha256, "newest"))
        if probe is None or facts.etag is None or (probe.etag, probe.bytes) != (facts.etag, facts.bytes):
            return None
        is_uncounted = probe.outcome in ("nowhere", "other_text") and probe.copied_words is None
        if is_uncounted and self.words.can_count(target):
            return None
        detail = f"the newest revision has the file that probe {probe.number:,} read"
        return _repeated(probe, detail)


def _repeated(probe: Probe, detail: str) -> Probe:
    """Return the finding of a probe that another one repeats, without the place of its record."""
    return BLANK.with_columns(outcome=probe.outcome, detail=detail, copied_words=probe.copied_words)


def large_files(root: str, storage: StorageOptions) -> dict[str, str]:
    """Return the paths of the large files of a dataset at a commit, by their SHA-256.

    If several threads call it at the same time, the first one lists, and the others wait for its list.
    """
    with _LISTING:
        return _large_files(root, storage)


@lru_cache(maxsize=4)
def _large_files(root: str, storage: StorageOptions) -> dict[str, str]:
    return {info.sha256: info.uri.removeprefix(root) for info in list_objects(root, storage) if info.sha256}
