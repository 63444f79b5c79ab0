"""The status of a case at a time: the state of each target and claim, and the alarms of each round."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from presswatch_spark.claims.selection import RecordReading, claims_of_targets
from presswatch_spark.removal import states
from presswatch_spark.removal.case import ProbeRound, RemovalCase
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
CLOCK_SET_BACK = "clock set back"
HEAD_MISSING = "head missing"
ALARM_KINDS = (
    REAPPEARED, RECAPTURED, INDEX_DISAGREES, CONTROL_LOST, FILE_CHANGED, CLOCK_SET_BACK, HEAD_MISSING,
)  # fmt: skip
CLOCK_TOLERANCE = timedelta(minutes=1)
"""Clocks are corrected by seconds; a round that begins this much before the last one ended is reported."""
CONTROLS_KEPT = frozenset({"first", "before", "after"})
"""Controls that are the same record in every round."""
ANSWERS_OF_INDEX = frozenset({states.LISTED, states.UNLISTED})
OF_INDEX = frozenset({"index", "listed", states.PLACE})
"""Roles of probes that an index answers."""
NOT_OF_FILES = OF_INDEX | {states.RECAPTURE}
"""Roles of probes that ask for no file of a release."""
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

    `found`: all alarms, in the order of the rounds. `_clear`: the last clear state of each target's own
    place. `_captured`: targets whose later capture was reported; no longer if they were removed since.
    `_controls`, `_versions`: controls that were read, and the last answer of each file. `_latest`: the latest
    time of a probe.
    """

    found: list[Alarm] = field(default_factory=list)
    _clear: dict[str, RemovalState] = field(default_factory=dict)
    _captured: set[str] = field(default_factory=set)
    _controls: set[tuple[str, str | None, str | None]] = field(default_factory=set)
    _versions: dict[str | None, Probe] = field(default_factory=dict)
    _latest: datetime | None = None

    def add(self, probes: Sequence[Probe], states_now: Mapping[str, RemovalState]) -> None:
        """Take a round into account: its probes, and the states after it of the targets it asked for."""
        heard = {
            probe.target_sha256
            for probe in probes
            if probe.role == "index" and probe.outcome in ANSWERS_OF_INDEX
        }
        for target, state in states_now.items():
            number, own, before = probes[0].round, state.own or state, self._clear.get(target, states.UNASKED)
            is_new = own.state != before.state
            if is_new and own.state == REAPPEARED:
                self.found.append(Alarm(number, REAPPEARED, target, own.doubt, own.probes[0]))
            if is_new and own.state == states.HIDDEN:
                self.found.append(Alarm(number, INDEX_DISAGREES, target, own.doubt, own.probes[-1]))
            if own.removed and not before.removed:
                self._captured.discard(target)
            # Present at its place, while no index answered in this round.
            is_still_hidden = (before.state, own.state) == (states.HIDDEN, states.PRESENT)
            if own.state not in UNCLEAR and not (is_still_hidden and target not in heard):
                self._clear[target] = own
        for probe in probes:
            # A later capture is reported once for each time that the target was removed.
            target = probe.target_sha256 or ""
            if probe.role != states.RECAPTURE or target in self._captured:
                continue
            was_removed = self._clear.get(target, states.UNASKED).removed
            if probe.outcome != states.ELSEWHERE:
                self._captured.add(target)
                removed = "it was removed from its place, and " if was_removed else ""
                detail = f"{removed}a later capture has the article: {probe.request}"
                self._report(probe, RECAPTURED, target, detail)
            elif was_removed:
                detail = f"a run found the same capture in another file: {probe.request}"
                self._report(probe, REAPPEARED, target, detail)
        self._add_files(probes)
        first, last = (pick(probes, key=lambda probe: probe.asked_at) for pick in (min, max))
        if self._latest is not None and self._latest - first.asked_at > CLOCK_TOLERANCE:
            times = f"{first.asked_at:%Y-%m-%d %H:%M}", f"{self._latest:%Y-%m-%d %H:%M}"
            detail = "its first probe is of {} UTC, an earlier round asked until {} UTC".format(*times)
            self._report(first, CLOCK_SET_BACK, f"round {first.round}", detail)
        self._latest = max(last.asked_at, self._latest or last.asked_at)

    def _report(self, probe: Probe, kind: str, about: str | None, detail: str) -> None:
        self.found.append(Alarm(probe.round, kind, about or "", detail, probe.number))

    def _add_files(self, probes: Sequence[Probe]) -> None:
        # The answers with bytes of a file whose server named the file's version.
        versioned = [
            probe
            for probe in probes
            if probe.file_uri is not None
            and probe.etag is not None
            and probe.role not in NOT_OF_FILES
            and probe.outcome not in NO_FILE
        ]
        etags = defaultdict[str | None, set[str | None]](set)
        for probe in versioned:
            etags[probe.file_uri].add(strong(probe.etag))
        for probe in probes:
            if _control(probe) in self._controls and probe.outcome not in KEPT:
                self._controls.discard(_control(probe))
                self._report(probe, CONTROL_LOST, probe.file_uri, probe.outcome)
        reported = set[str | None]()
        for probe in versioned:
            file, before = probe.file_uri, self._versions.get(probe.file_uri)
            # A server that gives every answer another ETag shows nothing by it.
            if len(etags[file]) == 1 and before and file not in reported and _is_another(before, probe):
                reported.add(file)
                self._report(probe, FILE_CHANGED, file, f"its ETag was {before.etag}, and is {probe.etag}")
        self._versions |= {probe.file_uri: probe for probe in versioned}
        self._controls |= {
            _control(probe)
            for probe in probes
            if probe.role in CONTROLS_KEPT and probe.outcome == states.SAME
        }


def _control(probe: Probe) -> tuple[str, str | None, str | None]:
    return probe.role, probe.target_sha256, probe.file_uri


def _is_another(before: Probe, now: Probe) -> bool:
    """Return whether a file is another version. Some servers give an unchanged file another ETag each time.

    A disk does not: two changes within a second, which Last-Modified does not tell apart, are two.
    """
    same_time = now.last_modified is not None and now.last_modified == before.last_modified
    is_flapping = same_time and now.bytes == before.bytes and not (now.etag or "").startswith("mtime-")
    return strong(now.etag) != strong(before.etag) and not is_flapping


class Course:
    """The course of a case up to a round: of all rounds, one summary of each target is kept.

    A case that is probed each day has millions of probes after a year. Therefore a round is read, taken into
    account and dropped; memory depends on the targets and on the largest round, not on the number of rounds.

    `rounds` and `probes`: how many there are; `of_places`: probes of targets. `newest`: the digest of the
    last probe, empty if there is none; `asked_at`: when it was. `readings`: the newest reading of each target
    in each file that was asked for it, unless something else was found since. `places`: where the targets are
    that no scan has found.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self.rounds, self.probes, self.of_places, self.newest = 0, 0, 0, ""
        self.asked_at: datetime | None = None
        self.readings: dict[str, tuple[RecordReading, ...]] = {}
        self.places = ResolvedPlaces(targets)
        self._asked = (0, 0)
        self._followed = {target.target_sha256: FollowedTarget() for target in targets}
        self._alarms = Alarms()

    def add(self, probes: Sequence[Probe]) -> None:
        """Take the probes of the next round into account: all of them, in their order."""
        if not probes:
            return
        self.rounds, self.probes = self.rounds + 1, self.probes + len(probes)
        self.newest, self.asked_at = probes[-1].probe_sha256, probes[-1].asked_at
        self.places.learn(probes)
        asked, index, captures = (defaultdict[str, list[Probe]](list) for _ in range(3))
        by_role = {"target": asked, "index": index, states.RECAPTURE: captures}
        controls = defaultdict[tuple[int, int], list[Probe]](list)
        for probe in probes:
            if (of_role := by_role.get(probe.role)) is not None:
                of_role[probe.target_sha256 or ""].append(probe)
            else:
                controls[probe.round, probe.batch].append(probe)
            if probe.role == "target":
                self.of_places += 1
                target, file = probe.target_sha256 or "", probe.file_uri or ""
                if probe.outcome in states.READS:
                    others = (each for each in self.readings.get(target, ()) if each.file != file)
                    self.readings[target] = (*others, RecordReading(probe.asked_at, file))
                elif probe.outcome not in (states.DENIED, *states.FAILURES):
                    self.readings.pop(target, None)
        self._asked = probes[0].round, len(asked)
        for target in captures.keys() - asked.keys():
            self._followed[target].note(captures[target])
        states_now = {
            target: followed.add(asked[target], controls, index.get(target, ()), captures.get(target, ()))
            for target, followed in self._followed.items()
            if target in asked
        }
        self._alarms.add(probes, states_now)

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

    `rounds`: those that were begun. `headless`: an alarm for each complete round whose head has no note.
    """

    case: RemovalCase
    targets: Sequence[Target]
    states: Mapping[str, RemovalState]
    course: Course
    rounds: Sequence[ProbeRound]
    headless: Sequence[Alarm] = ()

    @classmethod
    def of(cls, case: RemovalCase, as_of: datetime | None = None) -> Self:
        """Read a case; `BrokenCaseError` if any of it has changed."""
        targets = case.targets()
        course = Course(targets)
        for probes in case.each_round():
            course.add([probe for probe in probes if as_of is None or probe.asked_at <= as_of])
        status = cls.by(case, targets, course)
        newest = status.rounds[-1].number if status.rounds else 0
        is_newest_complete = as_of is None and newest and course.asked_in(newest) == len(targets)
        if is_newest_complete and targets and not case.is_headed(course.probes):
            last = _headless(newest, newest, course.probes - 1)
            return replace(status, headless=[*status.headless, last])
        return status

    @classmethod
    def by(cls, case: RemovalCase, targets: Sequence[Target], course: Course) -> Self:
        """Return the status of a case after the rounds of a course."""
        rounds = case.rounds()
        begun_without = [each.number for each in rounds if each.is_headed is False]
        headless = [_headless(number, number - 1, 0) for number in begun_without]
        return cls(case, course.places.of(targets), course.states(), course, rounds, headless)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row of the status for each target: its columns, its state, and the probes of that."""
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


def _headless(number: int, without: int, probe: int) -> Alarm:
    detail = "its head has no note: the note was deleted, or the round was killed at its very end"
    return Alarm(number, HEAD_MISSING, f"round {without}", detail, probe)
