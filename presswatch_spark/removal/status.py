"""How a case stands at a time: the state of each target and claim, and the alarms of each round."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from presswatch_spark.claims.selection import RecordReading, claims_of_targets
from presswatch_spark.removal import states
from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.removal.places import ResolvedPlaces
from presswatch_spark.removal.states import FollowedTarget, RemovalState, strong
from presswatch_spark.tables.declarations import Probe, Target

TARGET_COLUMNS = (
    "row_sha256", "article_id", "title_id", "publisher_id", "place", "dataset", "release",
    "shard_uri", "record_offset", "record_length", "row_index", "record_id", "document_url",
    "captured_at", "target_sha256",
)  # fmt: skip

REAPPEARED = states.REAPPEARED
RECAPTURED = states.RECAPTURED
INDEX_DISAGREES = "index disagrees"
CONTROL_LOST = "control lost"
FILE_CHANGED = "file changed"
YIELD_FELL = "yield fell"
CLOCK_SET_BACK = "clock set back"
HEAD_MISSING = "head missing"
ALARM_KINDS = (
    REAPPEARED, RECAPTURED, INDEX_DISAGREES, CONTROL_LOST, FILE_CHANGED, YIELD_FELL, CLOCK_SET_BACK,
    HEAD_MISSING,
)  # fmt: skip
CLOCK_TOLERANCE = timedelta(minutes=1)
"""Clocks are corrected by seconds; a round that begins this much before the last one ended is reported."""
CONTROLS_KEPT = frozenset({"first", "before", "after"})
"""Controls that are the same record in every round."""
OF_INDEX = frozenset({"index", "listed", states.PLACE})
ANSWERS_OF_INDEX = frozenset({states.LISTED, states.UNLISTED})
ON_DISK = "mtime-"
"""How the ETag of a file on a disk begins."""
NO_FILE = frozenset({states.MISSING, states.DENIED, *states.FAILURES})
"""Outcomes without bytes of a file: their ETag is none of the file's."""
KEPT = NO_FILE | {states.SAME, states.EDGE, states.REWRITTEN}
"""Outcomes of controls that do not show that a record is lost."""
UNCLEAR = frozenset({states.UNDECIDED, states.RESTRICTED})
"""States that add nothing to what is known of a target: after them, nothing is reported a second time."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A finding of a round that a person should look at; `probe` shows it."""

    round: int
    kind: str
    about: str
    detail: str
    probe: int


@dataclass(slots=True)
class Alarms:
    """The alarms of a case, each in the round that brought it; no probes of earlier rounds are kept.

    `found`: all alarms, in the order of the rounds. `_back`: targets whose return was reported. `_gone`:
    targets that were removed by the last clear state of their place. `_captured`: targets whose later capture
    was reported; no longer if they were removed since. `_differs`: what was reported of a target's index.
    `_controls`, `_versions`: controls that were read, and the last answer of each file. `_latest`: the latest
    time of a probe.
    """

    found: list[Alarm] = field(default_factory=list)
    _back: set[str] = field(default_factory=set)
    _gone: set[str] = field(default_factory=set)
    _captured: set[str] = field(default_factory=set)
    _differs: dict[str, str] = field(default_factory=dict)
    _controls: set[tuple[str, str | None, str | None]] = field(default_factory=set)
    _versions: dict[str | None, Probe] = field(default_factory=dict)
    _latest: datetime | None = None

    def add(self, probes: Sequence[Probe], states_now: Mapping[str, RemovalState]) -> None:
        """Take a round into account: its probes, and the states after it of the targets it asked for."""
        own = {target: state.own or state for target, state in states_now.items()}
        self.found += self._came_back(probes[0].round, own)
        self.found += self._recaptured(probes, own)
        self.found += self._disagree(probes, own)
        self.found += self._lost(probes)
        self.found += self._changed(probes)
        self.found += self._set_back(probes)
        for probe in probes:
            if probe.role == states.YIELD and probe.outcome == states.FELL:
                detail = probe.request.removeprefix("READ ")
                self.found.append(Alarm(probe.round, YIELD_FELL, probe.file_uri or "", detail, probe.number))
            if probe.role in CONTROLS_KEPT and probe.outcome == states.SAME:
                self._controls.add(_control(probe))
            if _has_version(probe):
                self._versions[probe.file_uri] = probe

    def _came_back(self, number: int, own: Mapping[str, RemovalState]) -> Iterator[Alarm]:
        """Yield targets whose own place was without its text and reads again, once for each time."""
        for target, state in own.items():
            if state.is_gone:
                self._back.discard(target)
            elif state.state == REAPPEARED and target not in self._back:
                self._back.add(target)
                yield Alarm(number, REAPPEARED, target, state.doubt, state.probes[0])

    def _recaptured(self, probes: Sequence[Probe], own: Mapping[str, RemovalState]) -> Iterator[Alarm]:
        """Yield targets whose article a later capture has, once for each time that they were removed."""
        for target, state in own.items():
            if state.removed and target not in self._gone:
                self._gone.add(target)
                self._captured.discard(target)
            elif not state.removed and state.state not in UNCLEAR:
                self._gone.discard(target)
        for probe in probes:
            target = probe.target_sha256 or ""
            if probe.role != states.RECAPTURE or target in self._captured:
                continue
            if probe.outcome == states.ELSEWHERE:
                detail = f"a run found the same capture in another file: {probe.request}"
                if target in self._gone:
                    yield Alarm(probe.round, REAPPEARED, target, detail, probe.number)
                continue
            self._captured.add(target)
            before = "it was removed from its place, and " if target in self._gone else ""
            detail = f"{before}a later capture has the article: {probe.request}"
            yield Alarm(probe.round, RECAPTURED, target, detail, probe.number)

    def _disagree(self, probes: Sequence[Probe], own: Mapping[str, RemovalState]) -> Iterator[Alarm]:
        """Yield targets of which index and archive began to disagree."""
        answers = dict[str, Probe]()
        for probe in probes:
            if probe.role == "index":
                answers.setdefault(probe.target_sha256 or "", probe)
        for target, answer in answers.items():
            if target not in own:
                continue
            state, reported, differs = own[target], self._differs.get(target, ""), ""
            if state.state == states.HIDDEN:
                differs = state.doubt
            elif state.removed and answer.outcome == states.LISTED:
                differs = f"the index lists it, and it is {state.state}"
            if differs and differs != reported:
                yield Alarm(answer.round, INDEX_DISAGREES, target, differs, answer.number)
            is_clear = state.state not in UNCLEAR and answer.outcome in ANSWERS_OF_INDEX
            self._differs[target] = differs or ("" if is_clear else reported)

    def _lost(self, probes: Sequence[Probe]) -> Iterator[Alarm]:
        """Yield the known controls that a round lost; they are known no longer."""
        for probe in probes:
            is_lost = probe.role in CONTROLS_KEPT and probe.outcome not in KEPT
            if is_lost and _control(probe) in self._controls:
                self._controls.discard(_control(probe))
                yield Alarm(probe.round, CONTROL_LOST, probe.file_uri or "", probe.outcome, probe.number)

    def _changed(self, probes: Sequence[Probe]) -> Iterator[Alarm]:
        """Yield the files that a round found changed."""
        etags, reported = defaultdict[str | None, set[str | None]](set), set[str | None]()
        for probe in filter(_has_version, probes):
            etags[probe.file_uri].add(strong(probe.etag))
        for probe in filter(_has_version, probes):
            file, before = probe.file_uri, self._versions.get(probe.file_uri)
            # A server that gives every answer another ETag shows nothing by it.
            if len(etags[file]) == 1 and before and file not in reported and _is_another(before, probe):
                reported.add(file)
                detail = f"its ETag was {before.etag}, and is {probe.etag}"
                yield Alarm(probe.round, FILE_CHANGED, file or "", detail, probe.number)

    def _set_back(self, probes: Sequence[Probe]) -> Iterator[Alarm]:
        """Yield the round if its clock shows an earlier time than the round before it."""
        first, before = min(probes, key=lambda probe: probe.asked_at), self._latest
        latest = max(probe.asked_at for probe in probes)
        self._latest = latest if before is None else max(latest, before)
        if before is not None and before - first.asked_at > CLOCK_TOLERANCE:
            detail = (
                f"its first probe is of {first.asked_at:%Y-%m-%d %H:%M} UTC, an earlier round asked until"
                f" {before:%Y-%m-%d %H:%M} UTC"
            )
            yield Alarm(first.round, CLOCK_SET_BACK, f"round {first.round}", detail, first.number)


def _has_version(probe: Probe) -> bool:
    """Return whether a server sent bytes of a file, and named its version."""
    is_file = probe.file_uri is not None and probe.role not in (*OF_INDEX, *states.OF_TABLES)
    return is_file and probe.etag is not None and probe.outcome not in NO_FILE


def _is_another(before: Probe, now: Probe) -> bool:
    """Return whether a file is another version. Some servers give an unchanged file another ETag each time.

    A disk does not: two changes within a second, which Last-Modified does not tell apart, are two.
    """
    same_time = now.last_modified is not None and now.last_modified == before.last_modified
    is_flapping = same_time and now.bytes == before.bytes and not (now.etag or "").startswith(ON_DISK)
    return strong(now.etag) != strong(before.etag) and not is_flapping


def _control(probe: Probe) -> tuple[str, str | None, str | None]:
    return probe.role, probe.target_sha256, probe.file_uri


class Course:
    """How a case went up to a round: one summary of each target is kept of all rounds.

    A case that is probed each day has millions of probes after a year. So a round is read, taken into account
    and dropped; memory depends on the targets and on the largest round, not on the number of rounds.

    `rounds` and `probes`: how many there are; `of_places`: probes of targets. `newest`: the digest of the
    last probe, empty if there is none; `asked_at`: when it was. `readings`: the newest reading of each target
    in each file that was asked for it, unless something else was found since. `places`: where the targets are
    that no scan has found.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self.rounds, self.probes, self.of_places, self.newest = 0, 0, 0, ""
        self.asked_at: datetime | None = None
        self._asked = (0, 0)
        self.readings: dict[str, tuple[RecordReading, ...]] = {}
        self.places = ResolvedPlaces(targets)
        self._followed = {target.target_sha256: FollowedTarget() for target in targets}
        self._alarms = Alarms()

    def add(self, probes: Sequence[Probe]) -> None:
        """Take the probes of the next round into account: all of them, in their order."""
        if not probes:
            return
        self.rounds, self.probes = self.rounds + 1, self.probes + len(probes)
        self.newest, self.asked_at = probes[-1].probe_sha256, probes[-1].asked_at
        self.of_places += sum(probe.role == "target" for probe in probes)
        self.places.learn(probes)
        self._note_readings(probe for probe in probes if probe.role == "target")
        self._alarms.add(probes, self._states_after(probes))

    def _states_after(self, probes: Sequence[Probe]) -> dict[str, RemovalState]:
        """Return the states of the targets that a round asked for, after it."""
        asked, index, captures = (defaultdict[str, list[Probe]](list) for _ in range(3))
        by_role = {"target": asked, "index": index, states.RECAPTURE: captures}
        controls = defaultdict[tuple[int, int], list[Probe]](list)
        for probe in probes:
            if (of_role := by_role.get(probe.role)) is not None:
                of_role[probe.target_sha256 or ""].append(probe)
            elif probe.role not in (states.YIELD, states.PLACE):
                controls[probe.round, probe.batch].append(probe)
        self._asked = probes[0].round, len(asked)
        for target in captures.keys() - asked.keys():
            self._followed[target].note(captures[target])
        return {
            target: followed.add(asked[target], controls, index.get(target, ()), captures.get(target, ()))
            for target, followed in self._followed.items()
            if target in asked
        }

    def _note_readings(self, probes: Iterable[Probe]) -> None:
        for probe in probes:
            target, file = probe.target_sha256 or "", probe.file_uri or ""
            if probe.outcome in states.READS:
                others = (each for each in self.readings.get(target, ()) if each.file != file)
                self.readings[target] = (*others, RecordReading(probe.asked_at, file))
            elif probe.outcome not in (states.DENIED, *states.FAILURES):
                self.readings.pop(target, None)

    def asked_in(self, number: int) -> int:
        """Return how many targets a round asked for, if it is the last that has probes; else 0."""
        return self._asked[1] if self._asked[0] == number else 0

    def states(self) -> dict[str, RemovalState]:
        """Return the state of each target, by its digest."""
        return {target: followed.state for target, followed in self._followed.items()}

    def alarms(self) -> Sequence[Alarm]:
        """Return the alarms of all rounds, each in the round that brought it."""
        return self._alarms.found


@dataclass(frozen=True, slots=True)
class CaseStatus:
    """A case by its probes up to a time: its targets, their states, and the course of its rounds.

    `headless`: an alarm for each complete round whose head has no note.
    """

    case: RemovalCase
    targets: Sequence[Target]
    states: Mapping[str, RemovalState]
    course: Course
    headless: Sequence[Alarm] = ()

    @classmethod
    def of(cls, case: RemovalCase, as_of: datetime | None = None) -> Self:
        """Read a case; `BrokenCaseError` if any of it has changed."""
        targets = case.targets()
        course = Course(targets)
        for probes in case.each_round():
            course.add([probe for probe in probes if as_of is None or probe.asked_at <= as_of])
        headless = list(_headless(case, len(targets), course)) if as_of is None else []
        return replace(cls.by(case, targets, course), headless=headless)

    @classmethod
    def by(cls, case: RemovalCase, targets: Sequence[Target], course: Course) -> Self:
        """Return how a case stands after the rounds of a course."""
        return cls(case, course.places.of(targets), course.states(), course, list(_headless(case)))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row of the status for each target: what it is, its state, and the probes of that."""
        for target in self.targets:
            state = self.states[target.target_sha256]
            yield {
                **{name: getattr(target, name) for name in TARGET_COLUMNS},
                "state": state.state,
                "removed": state.removed,
                "doubt": state.doubt or None,
                "words_left": state.left,
                "probes": list(state.probes),
            }

    def counts(self) -> Counter[str]:
        """Return how many targets are in each state."""
        return Counter(state.state for state in self.states.values())

    def claims(self) -> tuple[int, int]:
        """Return how many claims are removed, at every place, and how many there are."""
        claims = claims_of_targets(self.targets)
        of_claim = defaultdict[Any, list[bool]](list)
        for target in self.targets:
            state = self.states[target.target_sha256]
            of_claim[claims.get(target.row_sha256, target.row_sha256)].append(state.removed)
        return sum(map(all, of_claim.values())), len(of_claim)

    def alarms(self) -> Sequence[Alarm]:
        """Return the alarms of all rounds, each in the round that brought it."""
        return [*self.course.alarms(), *self.headless]


def _headless(case: RemovalCase, targets: int = 0, course: Course | None = None) -> Iterator[Alarm]:
    """Yield an alarm for each round that began without a note of the head before it.

    With a course, the last round is included if it asked for all targets: its end should be noted, too.
    """
    detail = "its head has no note: the note was deleted, or the round was killed at its very end"
    rounds, newest = case.rounds(), course.probes - 1 if course else -1
    for each in rounds:
        if each.is_headed is False:
            yield Alarm(each.number, HEAD_MISSING, f"round {each.number - 1}", detail, 0)
    is_complete = course and rounds and targets and course.asked_in(rounds[-1].number) == targets
    if course and is_complete and not case.is_headed(course.probes):
        yield Alarm(rounds[-1].number, HEAD_MISSING, f"round {rounds[-1].number}", detail, newest)
