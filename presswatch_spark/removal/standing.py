"""How a case stands at a time: the state of each target and claim, and what a round found that alarms."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from presswatch_spark.removal.alarms import Alarm, alarms_of
from presswatch_spark.removal.case import Case
from presswatch_spark.removal.resolving import placed
from presswatch_spark.removal.states import UNASKED, State, histories

Row = dict[str, Any]

TARGET_COLUMNS = (
    "row_sha256", "article_id", "title_id", "publisher_id", "place", "dataset", "release",
    "shard_uri", "record_offset", "record_length", "row_index", "record_id", "document_url",
    "captured_at", "target_sha256",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """A case by its probes up to a time.

    `histories`: the state of a target after each round that asked for it, with the round's number, by the
    digest of the target. `states`: the last of each.
    """

    case: Case
    targets: Sequence[Row]
    probes: Sequence[Row]
    histories: Mapping[str, Sequence[tuple[int, State]]]
    states: Mapping[str, State]

    @classmethod
    def of(cls, case: Case, as_of: datetime | None = None) -> "Standing":
        """Read a case; `BrokenCaseError` if any of it has changed."""
        probes = [probe for probe in case.probes(lean=True) if as_of is None or probe["asked_at"] <= as_of]
        return cls.by(case, case.targets(), probes)

    @classmethod
    def by(cls, case: Case, targets: Sequence[Row], probes: Sequence[Row]) -> "Standing":
        """Return how a case stands by its targets and these probes."""
        known = dict(histories(probes, [target["target_sha256"] for target in targets]))
        states = {target: history[-1][1] if history else UNASKED for target, history in known.items()}
        targets = placed(targets, probes)
        return cls(case, targets, probes, known, states)

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

    def alarms(self) -> list[Alarm]:
        """Return the alarms of all rounds, each in the round that brought it."""
        return alarms_of(self.probes, self.histories)
