"""How a case stands at a time: the state of each target and claim, and what a round found that alarms."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from presswatch_spark.removal.alarms import Alarm
from presswatch_spark.removal.case import Case
from presswatch_spark.removal.course import Course
from presswatch_spark.removal.states import State

Row = dict[str, Any]

TARGET_COLUMNS = (
    "row_sha256", "article_id", "title_id", "publisher_id", "place", "dataset", "release",
    "shard_uri", "record_offset", "record_length", "row_index", "record_id", "document_url",
    "captured_at", "target_sha256",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """A case by its probes up to a time: its targets, their states, and the course of its rounds."""

    case: Case
    targets: Sequence[Row]
    states: Mapping[str, State]
    course: Course

    @classmethod
    def of(cls, case: Case, as_of: datetime | None = None) -> Self:
        """Read a case; `BrokenCaseError` if any of it has changed."""
        targets = case.targets()
        course = Course(targets)
        for probes in case.each_round():
            course.add([probe for probe in probes if as_of is None or probe["asked_at"] <= as_of])
        return cls.by(case, targets, course)

    @classmethod
    def by(cls, case: Case, targets: Sequence[Row], course: Course) -> Self:
        """Return how a case stands after the rounds of a course."""
        return cls(case, course.places.of(targets), course.states(), course)

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
        of_claim = defaultdict[str, list[bool]](list)
        for target in self.targets:
            of_claim[target["row_sha256"]].append(self.states[target["target_sha256"]].removed)
        return sum(map(all, of_claim.values())), len(of_claim)

    def alarms(self) -> Sequence[Alarm]:
        """Return the alarms of all rounds, each in the round that brought it."""
        return self.course.alarms()
