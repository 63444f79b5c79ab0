"""A batch: the targets of one file, asked for together with the controls that show whether answers are true.

Of a file whose records are read by range, a range holds a target and its neighbours, and near ranges are
joined. The first time, the neighbours are found in it; from then on their places are known. Other files are
read in order, once for all their targets.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from presswatch_spark.formats import registry
from presswatch_spark.formats.registry import format_for
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.model import Defect, DocumentBatch, ReadReport
from presswatch_spark.pointers.checks import GONE, Failure, Record
from presswatch_spark.pointers.documents import records_at
from presswatch_spark.pointers.pointer import Pointer
from presswatch_spark.removal import states
from presswatch_spark.removal.answers import (
    FetchedRange,
    ProbeFinding,
    columns_of,
    compared,
    control_in,
    part_of,
    probe_of,
    target_in,
)
from presswatch_spark.removal.bounds import begins_member_of_record, end_of_record, start_of_record_before
from presswatch_spark.removal.index import ANSWER_BYTES, listed, query
from presswatch_spark.removal.passages import Known as KnownDocuments
from presswatch_spark.removal.passages import Passages, Recount, facts_of, names_of
from presswatch_spark.removal.resolving import is_unresolved
from presswatch_spark.runs.attempts import reason_of
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.objects import ObjectInfo, ask, ask_whole, printable
from presswatch_spark.storage.uris import root_of, scheme_of

Row = dict[str, Any]

HEAD_BYTES = 256 << 10
"""How much of a file's beginning is read for its first records."""
WINDOW_BYTES, WIDE_BYTES = 64 << 10, 4 << 20
"""How far a neighbour is looked for, and how far if it is not found so near."""
JOINED_BYTES, GAP_BYTES = 4 << 20, 64 << 10
"""Ranges are joined up to this length, over gaps of this length."""
CONTROLS = ("first", "before", "after")
CONTROLLED = ("record_offset", "record_length", "row_index", "document_url", "text_sha256")
"""What is noted of a control that was read in order."""


Version = tuple[str | None, str | None, int | None]
"""What tells versions of a file apart: ETag, Last-Modified and size."""


@dataclass(frozen=True, slots=True)
class KnownControl:
    """A control as the chain has it: its place, the digest of its bytes or text, its file's version.

    `row`: its place in files of rows. `names`: its URL and the digest of its text, as far as they are known.
    """

    start: int
    end: int
    sha256: str
    version: Version
    row: int | None
    names: frozenset[str]

    def is_new(self, about: Mapping[str, Any]) -> bool:
        """Whether an answer is of another version of the file."""
        return _version(about) != self.version


@dataclass(slots=True)
class Memory:
    """What the chain knows: the controls of each target and file, and how each file answered last.

    `beside`: by target and role. `first`: by file. `versions`: the version of the file in which a target was
    read, and the number of the probe that read it, by target. On hubs, `newest`: ETag and size of a file of
    the newest revision, and the probe that looked through it, by target. `others`: files that were read, by
    dataset.
    """

    beside: dict[tuple[str, str], KnownControl] = field(default_factory=dict)
    first: dict[str, KnownControl] = field(default_factory=dict)
    versions: dict[str, tuple[Version, int]] = field(default_factory=dict)
    newest: dict[str, tuple[tuple[str, int | None], Mapping[str, Any]]] = field(default_factory=dict)
    others: dict[str, dict[str, None]] = field(default_factory=dict)

    def learn_all(self, probes: Sequence[Mapping[str, Any]], uris: Mapping[str, str]) -> None:
        """Take note of the probes of a round; `uris`: where the file of each target is asked for now."""
        of_batch = {
            (probe["round"], probe["batch"]): uris[probe["target_sha256"]]
            for probe in probes
            if probe["target_sha256"] in uris
        }
        for probe in probes:
            self.learn(probe, of_batch.get((probe["round"], probe["batch"]), ""))

    def learn(self, probe: Mapping[str, Any], uri: str) -> None:
        """Take note of a probe of the file at `uri`."""
        self._learn_of_hub(probe)
        if probe["outcome"] != states.SAME:
            return
        sha256, start = probe["record_sha256"] or probe["text_sha256"], probe["record_offset"]
        if probe["role"] == "target":
            if probe["etag"] and probe["bytes"] is not None and probe["record_sha256"] is None:
                self.versions[probe["target_sha256"]] = (_version(probe), probe["number"])
            return
        row, version = probe["row_index"], _version(probe)
        names = frozenset(filter(None, (probe["document_url"], probe["text_sha256"])))
        first = (start or 0) if row is None else row
        known = KnownControl(first, first + (probe["record_length"] or 0), sha256, version, row, names)
        if probe["role"] in ("before", "after"):
            self.beside.setdefault((probe["target_sha256"], probe["role"]), known)
        elif probe["role"] == "first":
            self.first.setdefault(uri, known)

    def _learn_of_hub(self, probe: Mapping[str, Any]) -> None:
        if probe["role"] == states.NEWEST and probe["etag"] and probe["outcome"] in states.SETTLED:
            key, version = probe["target_sha256"], (probe["etag"], probe["bytes"])
            known = self.newest.get(key)
            # A page with other text, and that its article is nowhere else, are two probes of one reading.
            is_second = probe["outcome"] == states.ABSENT and known is not None and known[0] == version
            if not (is_second and known and known[1]["outcome"] == states.OTHER_TEXT):
                self.newest[key] = version, probe
        uri = str(probe["file_uri"])
        if probe["role"] == "beside" and probe["outcome"] == states.SAME and scheme_of(uri) == "hf":
            self.others.setdefault(root_of(uri), {})[uri] = None


@dataclass(frozen=True, slots=True)
class File:
    """A file, where it is asked for now, and its targets.

    `siblings`: other files, to be read beside it. `noticed`: places of all targets of the file, of other
    batches, too. `ends`: where each of those ends that is a gzip member. `known`: documents of the file that
    had an article when it was scanned.
    """

    uri: str
    targets: tuple[Row, ...]
    siblings: tuple[str, ...]
    noticed: frozenset[int]
    ends: Mapping[int, int]
    known: KnownDocuments = frozenset()


@dataclass(slots=True)
class Batch:
    """Asks for the targets of one file, and for their controls; `rows` are its probes."""

    file: File
    memory: Memory
    options: ReadOptions
    recount: Recount
    deep: bool
    nowhere: str
    index: str | None = None
    rows: list[Row] = field(default_factory=list)

    def ask(self) -> list[Row]:
        """Return the probes of the batch: rows of `PROBES`, without what all of a round share.

        Raises:
            BlockedError: the site is to be asked nothing more.
        """
        for target in filter(is_unresolved, self.file.targets):
            found = ProbeFinding(states.UNRESOLVED, "no index has said where it is")
            self._note("target", {"asked_at": datetime.now(UTC), "request": "NONE"}, found, target)
        known = [target for target in self.file.targets if not is_unresolved(target)]
        if not known:
            return self.rows
        by_range = [target for target in known if _by_range(target)]
        in_order = [target for target in known if not _by_range(target)]
        if by_range:
            self._first()
            for ranges in _joined([self._range_of(target) for target in by_range]):
                self._ranges(ranges)
        if in_order:
            self._in_order(in_order)
        if self.deep:
            self._deeply(by_range)
        self._nowhere()
        self._siblings()
        if self.index is not None:
            controls = (row.get("document_url") for row in self.rows if row["role"] in CONTROLS)
            self.ask_index(self.index, controls)
        return self.rows

    def _asked(self, uri: str, start: int, end: int) -> tuple[FetchedRange | ProbeFinding, dict[str, Any]]:
        """Ask for a part of a file; also return the columns of `probes` that the answer gives."""
        answer = ask(uri, start, end, self.options.storage)
        about = columns_of(answer, f"GET {printable(uri)} bytes={start}-{end - 1}", uri)
        return part_of(answer, uri, start, end), about

    def _note(
        self, role: str, about: Mapping[str, Any], found: ProbeFinding, target: Row | None = None
    ) -> None:
        self.rows.append(probe_of(role, about, found, target))

    # Records that are read by range.

    def _first(self) -> None:
        """Ask for a record of the file that nobody noticed."""
        known = self.memory.first.get(self.file.uri)
        start, end = (known.start, known.end) if known else (0, HEAD_BYTES)
        part, about = self._asked(self.file.uri, start, end)
        if isinstance(part, ProbeFinding):
            self._note("first", about, part)
            return
        if known is None:
            found = next(_records(part, self.file.noticed), None)
            if found is None:
                self._note("first", about, ProbeFinding(states.UNREADABLE, "no record begins the file"))
                return
            start, end = found
        self._note("first", about, _kept(part, start, end, known, about))

    def _range_of(self, target: Row) -> tuple[int, int, Row]:
        """Return the range that holds a target and its neighbours, as far as that is known."""
        start, end = target["record_offset"], target["record_offset"] + target["record_length"]
        before, after = (
            self.memory.beside.get((target["target_sha256"], role)) for role in ("before", "after")
        )
        first = before.start if before else max(0, start - WINDOW_BYTES)
        return first, after.end if after else end + WINDOW_BYTES, target

    def _ranges(self, ranges: Sequence[tuple[int, int, Row]]) -> None:
        start, end = ranges[0][0], max(end for _, end, _ in ranges)
        part, about = self._asked(self.file.uri, start, end)
        for *_, target in ranges:
            if isinstance(part, ProbeFinding):
                self._note("target", about, part, target)
                continue
            found = target_in(part, target, self.options)
            self._note("target", about, self.recount.counted(found, target), target)
            self._neighbour("before", target, part, about)
            self._neighbour("after", target, part, about)

    def _neighbour(self, role: str, target: Row, part: FetchedRange, about: dict[str, Any]) -> None:
        known = self.memory.beside.get((target["target_sha256"], role))
        if known is not None:
            self._note(role, about, _kept(part, known.start, known.end, known, about), target)
            return
        start, end = target["record_offset"], target["record_offset"] + target["record_length"]
        is_edge = start == 0 if role == "before" else end == part.size
        if is_edge:
            self._note(role, about, ProbeFinding(states.EDGE, "the file begins or ends there"), target)
            return
        bounds = _bounds(role, part, start, end)
        if bounds is None:
            first, last = (max(0, start - WIDE_BYTES), start) if role == "before" else (end, end + WIDE_BYTES)
            wide, about = self._asked(self.file.uri, first, last)
            if isinstance(wide, ProbeFinding):
                self._note(role, about, wide, target)
                return
            part, bounds = wide, _bounds(role, wide, start, end)
        if bounds is None:
            self._note(role, about, ProbeFinding(states.UNREADABLE, "no record was found there"), target)
        else:
            self._note(role, about, control_in(part, *bounds, None), target)

    def _deeply(self, targets: Sequence[Row]) -> None:
        """Look through the whole file for targets that were not read at their place."""
        known = (*states.READS, states.MISSING, states.DENIED, *states.FAILURES)
        asked = [row for row in self.rows if row["role"] == "target"]
        settled = {row["target_sha256"] for row in asked if row["outcome"] in known}
        lost = [target for target in targets if target["target_sha256"] not in settled]
        if lost:
            self.look_through(lost, self._asked(self.file.uri, 0, 1)[1])

    # Files that are read in order.

    def _in_order(self, targets: Sequence[Row]) -> None:
        """Read a file from its beginning, for all its targets and their neighbours."""
        uri = self.file.uri
        part, about = self._asked(uri, 0, 1)
        if isinstance(part, ProbeFinding):
            for target in targets:
                self._note("target", about, part, target)
            self._note("first", about, part)
            return
        again = self._again(about)
        versions, left = self._versions(about, again), list[Row]()
        for target in targets:
            known = self.memory.versions.get(target["target_sha256"])
            if known and known[0] in versions and not self.deep and not uri.startswith("/"):
                detail = f"the file is the version that probe {known[1]:,} read"
                self._note("target", about, ProbeFinding(states.SAME, detail), target)
            else:
                left.append(target)
        if left:
            self._rows(left, about, again)

    def _known_versions(self) -> set[Version]:
        versions = self.memory.versions
        return {versions[key][0] for key in self._targets() if key in versions}

    def _again(self, about: dict[str, Any]) -> dict[str, Any]:
        """Ask a file with a new ETag again: does the server give each answer another ETag?"""
        known = self._known_versions()
        if not known or _version(about) in known:
            return about
        again = self._asked(self.file.uri, 0, 1)[1]
        return again if again["etag"] else about

    def _versions(self, about: Mapping[str, Any], again: Mapping[str, Any]) -> Collection[Version]:
        """Return the versions that a file may be. If ETags say nothing, Last-Modified and size decide."""
        version = _version(about)
        if _version(again)[0] == version[0] or version[1] is None or _version(again)[1:] != version[1:]:
            return {version}
        return {each for each in self._known_versions() if each[1:] == version[1:]}

    def _targets(self) -> list[str]:
        return [target["target_sha256"] for target in self.file.targets]

    def _rows(self, targets: Sequence[Row], about: Mapping[str, Any], again: Mapping[str, Any]) -> None:
        places = [(target, _pointer(target, self.file.uri)) for target in targets]
        controls = list(self._beside(targets))
        wanted = [*(pointer for _, pointer in places), *(pointer for _, _, pointer in controls)]
        there = dict(records_at(list(dict.fromkeys(wanted)), self.options))
        lost = list[Row]()
        for target, pointer in places:
            found = self._at(there[pointer], target)
            self._note("target", about, found, target)
            if found.outcome != states.SAME:
                lost.append(target)
        for role, beside, pointer in controls:
            control = self._control(role, beside, there[pointer], about)
            # Not every line of a file of lines is a record.
            if role != "first" or control.outcome != states.UNREADABLE or self.file.uri in self.memory.first:
                self._note(role, again, control, beside)
        if not any(row["role"] == "first" for row in self.rows):
            self._note("first", again, self._unnoticed(targets))
        if lost:
            self.look_through(lost, about)

    def _at(self, outcome: Record | Failure, target: Row) -> ProbeFinding:
        if isinstance(outcome, Failure):
            gone = outcome.reason == GONE
            return ProbeFinding(states.BEYOND if gone else states.UNREADABLE, str(outcome))
        return self.recount.counted(compared(target, outcome), target)

    def _control(
        self, role: str, target: Row | None, outcome: Record | Failure, about: Mapping[str, Any]
    ) -> ProbeFinding:
        known = (
            self.memory.beside.get((target["target_sha256"], role))
            if target is not None
            else self.memory.first.get(self.file.uri)
        )
        if isinstance(outcome, Failure):
            has_moved = outcome.reason == GONE and known is not None and known.is_new(about)
            return ProbeFinding(states.REWRITTEN if has_moved else states.UNREADABLE, str(outcome))
        facts = {name: outcome.facts[name] for name in CONTROLLED}
        if known is not None and known.sha256 != facts["text_sha256"]:
            outcome_now = states.REWRITTEN if known.is_new(about) else states.OTHER_RECORD
            return ProbeFinding(outcome_now, "its text is another than before", facts)
        return ProbeFinding(states.SAME, facts=facts)

    def _beside(self, targets: Sequence[Row]) -> Iterator[tuple[str, Row | None, Pointer]]:
        """Yield role, target and place of the rows before and after each target, and of one that is none."""
        uri, dataset = self.file.uri, targets[0]["dataset"]
        for target in targets:
            if (row := target["row_index"]) is None:
                continue
            for role, beside in (("before", row - 1), ("after", row + 1)):
                if beside >= 0:
                    yield role, target, Pointer(uri, row=beside, format=dataset)
        known = self.memory.first.get(uri)
        if known is not None and known.row is None:
            encoding, length = targets[0]["record_encoding"], known.end - known.start
            yield "first", None, Pointer(uri, known.start, length, encoding, None, dataset)
        elif known is not None or targets[0]["row_index"] is not None:
            noticed = self.file.noticed
            unnoticed = next(row for row in range(len(noticed) + 1) if row not in noticed)
            row = unnoticed if known is None else known.row
            yield "first", None, Pointer(uri, row=row, format=dataset)

    def _unnoticed(self, targets: Sequence[Row]) -> ProbeFinding:
        """Return a record that is no target: the first behind all targets, or else the last before them."""
        behind, found = max(self.file.noticed, default=0), None
        batches = self._batches(targets[0]["dataset"], ReadReport())
        for batch, i in ((each, i) for each in batches for i in range(len(each))):
            locator = batch.locate(i)
            place = locator.record_offset if locator.row_index is None else locator.row_index
            if place is None or place in self.file.noticed:
                continue
            found = facts_of(batch, i)
            if place > behind:
                break
        if found is None:
            return ProbeFinding(states.UNREADABLE, "the file has no record that is no target")
        return ProbeFinding(states.SAME, facts={name: found[name] for name in CONTROLLED})

    # Whole files.

    def look_through(self, targets: Sequence[Row], about: Mapping[str, Any]) -> None:
        """Read the whole file; note of each target whether its text, URL, id or article is anywhere in it."""
        report, marks = ReadReport(), self._marks()
        passages = self.recount.passages(targets, self.file.known)
        seen, names = self._seen(targets, report, {name for _, each in marks for name in each}, passages)
        places, unread = [place for place, each in marks if each & names], self._unread(targets, report)
        for target in targets:
            named = next((seen[name] for name in names_of(target) if name in seen), None)
            found = self._best(target, named, passages)
            if found is not None:
                self._note("target", about, found, target)
            # A page without a word of the article says nothing of the other pages of the file.
            if found is None or _words_in(found) == 0:
                absent = unread or self._absent(target, places, report)
                if found is None or absent.outcome == states.ABSENT:
                    self._note("target", about, absent, target)

    def _best(
        self, target: Row, named: ProbeFinding | None, passages: Passages | None
    ) -> ProbeFinding | None:
        """Return what the file has of a target: by its names, or a document with more of its article.

        A document with all the words that the page had copied has what was to go.
        """
        found = None if named is None else self.recount.counted(named, target)
        passage = passages.found.get(target["article_id"]) if passages else None
        is_read = found is not None and found.outcome == states.ELSEWHERE
        if passage is None or is_read or (_words_in(found) or 0) > passage.copied_words:
            return found
        facts, copied = {**passage.facts, "copied_words": passage.copied_words}, target["copied_words"]
        if copied and passage.copied_words >= copied:
            return ProbeFinding(
                states.ELSEWHERE, "another document of the file has all that it had copied", facts
            )
        return ProbeFinding(states.OTHER_TEXT, "another document of the file has words of its article", facts)

    def _absent(self, target: Row, places: Sequence[int], report: ReadReport) -> ProbeFinding:
        """Return what a file that was read to its end says of a target that was not met in it."""
        if not self._is_whole(target, places):
            return ProbeFinding(states.BEYOND, "no record that stood behind it was found")
        detail = f"{report.documents:,} documents were read, to the end of the file"
        if target["article_id"] is None or self.recount.can_count(target):
            return ProbeFinding(states.ABSENT, detail)
        return ProbeFinding(states.NOWHERE, f"{detail}, and not searched for passages of its article")

    def _unread(self, targets: Sequence[Row], report: ReadReport) -> ProbeFinding | None:
        """Return why the file was not read as a whole; None if what was passed over cannot hold a text."""
        if not report.defects_total:
            return None
        stopped = report.interrupted or report.blocked or report.late or report.faulty
        # A file of rows is read in order only: nobody has looked at the bytes of a row.
        if stopped or not all(map(_by_range, targets)):
            return ProbeFinding(states.FAILED, f"the file was not read to its end: {report.complaints[0]}")
        if report.defects_total == len(report.defects) and all(map(self._is_zeroed, report.defects)):
            return None
        return ProbeFinding(states.GAPS, f"not all of the file was read: {report.complaints[0]}")

    def _is_zeroed(self, defect: Defect) -> bool:
        """Whether what was passed over is a target's place, or several, of zeros; a record begins behind it.

        Zeros hold no text. Elsewhere in the file they may stand for what a server could not read.
        """
        first = defect.offset
        if defect.unit != "byte" or first is None or first not in self.file.ends:
            return False
        last = self.file.ends[first]
        while last in self.file.ends and last - first < JOINED_BYTES:
            last = self.file.ends[last]
        part, about = self._asked(self.file.uri, first, last + WINDOW_BYTES)
        if isinstance(part, ProbeFinding):
            self._note("gap", about, part)
            return False
        end = first
        while end in self.file.ends and _is_zeros(part.at(end)[: self.file.ends[end] - end]):
            end = self.file.ends[end]
        is_zeroed = end > first and (end == part.size or begins_member_of_record(part.at(end)))
        facts = {"record_offset": first, "record_length": (end if is_zeroed else last) - first}
        outcome = states.ZEROS if is_zeroed else states.UNREADABLE
        self._note("gap", about, ProbeFinding(outcome, "passed over", facts))
        return is_zeroed

    def _marks(self) -> list[tuple[int, frozenset[str]]]:
        """Return what else the file had when it was read: the place of each record, its URL and its text."""
        ours = [(self.memory.beside.get((key, role))) for key in self._targets() for role in CONTROLS]
        known = [each for each in (self.memory.first.get(self.file.uri), *ours) if each is not None]
        marks = [(each.start, each.names) for each in known]
        for target in self.file.targets:
            if is_unresolved(target):
                continue
            names = frozenset(filter(None, (target["document_url"], target["text_sha256"])))
            marks.append((place_of(target), names))
        return marks

    def _is_whole(self, target: Row, places: Sequence[int]) -> bool:
        """Whether what was read is the file that had the target, and is not cut before it."""
        asked = [row for row in self.rows if row["target_sha256"] == target["target_sha256"]]
        reaches = all(row["outcome"] != states.BEYOND for row in asked if row["role"] == "target")
        firsts = [row["outcome"] for row in self.rows if row["role"] == "first"]
        is_same_file = bool(places) or states.SAME in firsts
        return any(place > place_of(target) for place in places) or (reaches and is_same_file)

    def _seen(
        self, targets: Sequence[Row], report: ReadReport, marks: Collection[str], passages: Passages | None
    ) -> tuple[dict[str, ProbeFinding], set[str]]:
        """Return what the file has of the names of targets, by these; and which marks it has."""
        wanted = {name for target in targets for name in names_of(target)}
        texts, seen, names = (
            {target["text_sha256"] for target in targets},
            dict[str, ProbeFinding](),
            set[str](),
        )
        for batch in self._batches(targets[0]["dataset"], report):
            if passages is not None:
                passages.look_at(batch)
            for i in range(len(batch)):
                facts = facts_of(batch, i)
                digest, found = facts["text_sha256"], names_of(facts)
                names.update({batch.url_of(i), digest}.intersection(marks))
                if digest in texts:
                    seen[digest] = ProbeFinding(states.ELSEWHERE, "its text stands in the file", facts)
                for name in wanted.intersection(found) - {digest}:
                    # A page may be in a file more than once.
                    others = seen[name].texts if name in seen else ()
                    detail, text = "its URL or id has another text", batch.text_of(i)
                    seen[name] = ProbeFinding(states.OTHER_TEXT, detail, facts, (*others, text))
        return seen, names

    def _batches(self, dataset: str, report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield all documents of the file; what fails is a defect."""
        shard = ObjectInfo(self.file.uri)
        try:
            source = format_for(dataset, shard, self.options)
            yield from source.read(self.options.opener.described(shard), self.options, report)
        except BlockedError:
            raise
        except Exception as error:  # noqa: BLE001
            report.add_defect(reason_of(error, self.file.uri))
            report.interrupted = True

    # Controls outside of the file.

    def _nowhere(self) -> None:
        """Ask for a name that never was: who answers for it, answers for anything."""
        part, about = self._asked(self.nowhere, 0, 1)
        outcome = (
            part
            if isinstance(part, ProbeFinding)
            else ProbeFinding(states.SAME, "a file of that name is there")
        )
        self._note("nowhere", about, outcome)

    def _siblings(self) -> None:
        """If the file is missing, read a record of another one: is the file gone, or the whole site?"""
        if not any(row["role"] == "target" and row["outcome"] == states.MISSING for row in self.rows):
            return
        self._as_a_whole()
        for uri in self.file.siblings:
            part, about = self._asked(uri, 0, HEAD_BYTES)
            if isinstance(part, ProbeFinding):
                self._note("beside", about, part)
                continue
            bounds = next(_records(part, ()), None)
            found = ProbeFinding(states.SAME, f"{len(part.data):,} bytes of another file were read")
            self._note("beside", about, control_in(part, *bounds, None) if bounds else found)
            return

    def _as_a_whole(self) -> None:
        """Ask for the missing file without a range: some servers miss it only if a part is asked for."""
        uri = self.file.uri
        answer = ask_whole(uri, 1, self.options.storage)
        if answer is None:
            return
        part = part_of(answer, uri, 0, 1)
        found = (
            part
            if isinstance(part, ProbeFinding)
            else ProbeFinding(states.SAME, "it is there without a range")
        )
        self._note(states.UNRANGED, columns_of(answer, f"GET {printable(uri)}", uri), found)

    def ask_index(self, endpoint: str, others: Iterable[str | None]) -> None:
        """Ask an index server for the URLs of the targets, and for one of a record that nobody noticed.

        Args:
            others: URLs of records that nobody noticed, as far as they are known.

        Raises:
            BlockedError: the server is to be asked nothing more.
        """
        release, urls = self.file.targets[0]["release"], dict[tuple[str, Any], list[Row]]()
        for target in self.file.targets:
            if target["document_url"] and not is_unresolved(target):
                urls.setdefault((target["document_url"], target["captured_at"]), []).append(target)
        for (url, captured_at), targets in urls.items():
            about, found = self._of_index(query(endpoint, release, url), captured_at)
            for target in targets:
                self._note("index", about, found, target)
        noticed = {url for url, _ in urls}
        if other := next((url for url in others if url and url not in noticed), None):
            self._note("listed", *self._of_index(query(endpoint, release, other), None))

    def _of_index(self, address: str, captured_at: Any) -> tuple[dict[str, Any], ProbeFinding]:
        answer = ask(address, 0, ANSWER_BYTES, self.options.storage)
        return columns_of(answer, f"GET {address}", address), listed(answer, captured_at)


def _version(about: Mapping[str, Any]) -> Version:
    return states.strong(about["etag"]), about["last_modified"], about["bytes"]


def _kept(
    part: FetchedRange, start: int, end: int, known: KnownControl | None, about: Mapping[str, Any]
) -> ProbeFinding:
    """Return what became of a control that the chain knows, or of one that is asked for the first time."""
    sha256, is_new = (known.sha256, known.is_new(about)) if known else (None, False)
    return control_in(part, start, end, sha256, is_new=is_new)


def _by_range(target: Row) -> bool:
    format = registry.find(target["dataset"])
    pointer = _pointer(target, target["shard_uri"])
    return pointer.by_range and bool(format and format.read_part)


def _pointer(target: Row, uri: str) -> Pointer:
    return Pointer(
        uri,
        target["record_offset"],
        target["record_length"],
        target["record_encoding"],
        target["row_index"],
        target["dataset"],
    )


def place_of(target: Mapping[str, Any]) -> int:
    """Return the place of a target in its file: its row, or the offset of its record."""
    return int((target["record_offset"] if target["row_index"] is None else target["row_index"]) or 0)


def ends_of(targets: Iterable[Row]) -> dict[int, int]:
    """Return where targets end that are gzip members, by where they begin."""
    packed = (target for target in targets if target["record_encoding"] == "gzip" and _by_range(target))
    return {target["record_offset"]: target["record_offset"] + target["record_length"] for target in packed}


def _words_in(found: ProbeFinding | None) -> int | None:
    """Return how many of the article's words were counted in a finding; None if nobody counted."""
    return found.facts.get("copied_words") if found and found.facts else None


def _is_zeros(data: bytes) -> bool:
    return bool(data) and not data.strip(b"\0")


def _joined(ranges: Iterable[tuple[int, int, Row]]) -> Iterator[list[tuple[int, int, Row]]]:
    """Yield ranges that are near each other, and not too long together."""
    joined = list[tuple[int, int, Row]]()
    for each in sorted(ranges, key=lambda each: each[:2]):
        reach = max((end for _, end, _ in joined), default=0)
        if joined and (each[0] > reach + GAP_BYTES or each[1] - joined[0][0] > JOINED_BYTES):
            yield joined
            joined = []
        joined.append(each)
    if joined:
        yield joined


def _records(part: FetchedRange, taken: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the records at the beginning of a file that are no targets; the very first one comes last."""
    bounds, at = list[tuple[int, int]](), 0
    while at < len(part.data) and (end := end_of_record(part.data, at)) is not None and len(bounds) < 8:
        bounds.append((at, end))
        at = end
    noticed = set(taken)
    free = [each for each in bounds if each[0] not in noticed]
    # What stands before the first target stays where it is if that one is taken out.
    yield from sorted(free, key=lambda each: (each[0] > min(noticed, default=0), each[0] == 0))


def _bounds(role: str, part: FetchedRange, start: int, end: int) -> tuple[int, int] | None:
    if role == "after":
        length = end_of_record(part.at(end), 0)
        return None if length is None else (end, end + length)
    before = start_of_record_before(part.data[: max(0, start - part.start)], start - part.start)
    return None if before is None else (part.start + before, start)
