"""How a case stands at a time: the state of each target and claim, and what a round found that alarms."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from presswatch_spark.claims.selection import RecordReading, claims_of_targets
from presswatch_spark.removal import states
from presswatch_spark.removal.alarms import HEAD_MISSING, Alarm, Alarms
from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.removal.resolving import ResolvedPlaces
from presswatch_spark.removal.states import FollowedTarget, Probe, RemovalState

Row = dict[str, Any]

TARGET_COLUMNS = (
    "row_sha256", "article_id", "title_id", "publisher_id", "place", "dataset", "release",
    "shard_uri", "record_offset", "record_length", "row_index", "record_id", "document_url",
    "captured_at", "target_sha256",
)  # fmt: skip


class Course:
    """How a case went up to a round: what is kept of all rounds is one summary of each target.

    A case that is probed each day has millions of probes after a year. So a round is read, taken into account
    and let go; memory depends on the targets and on the largest round, not on the number of rounds.

    `rounds` and `probes`: how many there are; `of_places`: probes of targets. `newest`: the digest of the
    last probe, empty if there is none; `asked_at`: when it was. `readings`: the newest reading of each target
    in each file that was asked for it, unless something else was found since. `places`: where the targets are
    that no scan has found.
    """

    def __init__(self, targets: Sequence[Row]) -> None:
        self.rounds, self.probes, self.of_places, self.newest = 0, 0, 0, ""
        self.asked_at: datetime | None = None
        self._asked = (0, 0)
        self.readings: dict[str, tuple[RecordReading, ...]] = {}
        self.places = ResolvedPlaces(targets)
        self._followed = {target["target_sha256"]: FollowedTarget() for target in targets}
        self._alarms = Alarms()

    def add(self, probes: Sequence[Probe]) -> None:
        """Take the probes of the next round into account: all of them, in their order."""
        if not probes:
            return
        self.rounds, self.probes = self.rounds + 1, self.probes + len(probes)
        self.newest, self.asked_at = probes[-1]["probe_sha256"], probes[-1]["asked_at"]
        self.of_places += sum(probe["role"] == "target" for probe in probes)
        self.places.learn(probes)
        self._note_readings(probe for probe in probes if probe["role"] == "target")
        self._alarms.add(probes, self._states_after(probes))

    def _states_after(self, probes: Sequence[Probe]) -> dict[str, RemovalState]:
        """Return the states of the targets that a round asked for, after it."""
        asked, index, captures = (dict[str, list[Probe]]() for _ in range(3))
        by_role = {"target": asked, "index": index, states.RECAPTURE: captures}
        controls = dict[tuple[int, int], list[Probe]]()
        for probe in probes:
            if (of_role := by_role.get(probe["role"])) is not None:
                of_role.setdefault(probe["target_sha256"], []).append(probe)
            elif probe["role"] not in (states.YIELD, states.PLACE):
                controls.setdefault((probe["round"], probe["batch"]), []).append(probe)
        self._asked = probes[0]["round"], len(asked)
        for target in captures.keys() - asked.keys():
            self._followed[target].note(captures[target])
        return {
            target: followed.add(asked[target], controls, index.get(target, ()), captures.get(target, ()))
            for target, followed in self._followed.items()
            if target in asked
        }

    def _note_readings(self, probes: Iterable[Probe]) -> None:
        silent = {states.DENIED, *states.FAILURES}
        for probe in probes:
            target, file = probe["target_sha256"], probe["file_uri"]
            if probe["outcome"] in states.READS:
                others = (each for each in self.readings.get(target, ()) if each.file != file)
                self.readings[target] = (*others, RecordReading(probe["asked_at"], file))
            elif probe["outcome"] not in silent:
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
    targets: Sequence[Row]
    states: Mapping[str, RemovalState]
    course: Course
    headless: Sequence[Alarm] = ()

    @classmethod
    def of(cls, case: RemovalCase, as_of: datetime | None = None) -> Self:
        """Read a case; `BrokenCaseError` if any of it has changed."""
        targets = case.targets()
        course = Course(targets)
        for probes in case.each_round():
            course.add([probe for probe in probes if as_of is None or probe["asked_at"] <= as_of])
        headless = list(_headless(case, len(targets), course)) if as_of is None else []
        return replace(cls.by(case, targets, course), headless=headless)

    @classmethod
    def by(cls, case: RemovalCase, targets: Sequence[Row], course: Course) -> Self:
        """Return how a case stands after the rounds of a course."""
        return cls(case, course.places.of(targets), course.states(), course, list(_headless(case)))

    def rows(self) -> Iterator[Row]:
        """Yield a row for each target: what it is, its state, and the probes that the state rests on."""
        for target in self.targets:
            state = self.states[target["target_sha256"]]
            yield {
                **{name: target[name] for name in TARGET_COLUMNS},
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
            state = self.states[target["target_sha256"]]
            row = target["row_sha256"]
            of_claim[claims.get(row, row)].append(state.removed)
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
