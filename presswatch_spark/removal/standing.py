"""How a case stands at a time: the state of each target and claim, and what a round found that alarms."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from presswatch_spark.removal import states
from presswatch_spark.removal.case import Case
from presswatch_spark.removal.states import State, states_at

Row = dict[str, Any]

TARGET_COLUMNS = (
    "row_sha256", "article_id", "title_id", "publisher_id", "place", "dataset", "release",
    "shard_uri", "record_offset", "record_length", "row_index", "record_id", "document_url",
    "captured_at", "target_sha256",
)  # fmt: skip
CONTROLS_KEPT = frozenset({"first", "before", "after"})
"""Controls that are the same record in every round."""
KEPT = (states.SAME, states.EDGE, states.REWRITTEN, states.MISSING, states.DENIED, *states.FAILURES)
"""Their outcomes that do not show that a record is lost."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a round found that somebody should look at; `probe` shows it."""

    round: int
    kind: str
    about: str
    detail: str
    probe: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A case by its probes up to a time. `states`: by the digest of a target."""

    case: Case
    targets: Sequence[Row]
    probes: Sequence[Row]
    states: Mapping[str, State]

    @classmethod
    def of(cls, case: Case, as_of: datetime | None = None) -> "Standing":
        """Read a case; `BrokenCaseError` if any of it has changed."""
        targets = case.targets()
        probes = [probe for probe in case.probes() if as_of is None or probe["asked_at"] <= as_of]
        found = states_at(probes, [target["target_sha256"] for target in targets])
        return cls(case, targets, probes, dict(found))

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
        rounds = [list(asked) for _, asked in groupby(self.probes, key=lambda probe: probe["round"])]
        alarms, earlier = list[Alarm](), list[Row]()
        before = dict[str, State]()
        for asked in rounds:
            after = dict(states_at([*earlier, *asked], [target["target_sha256"] for target in self.targets]))
            alarms += _came_back(asked[0]["round"], before, after)
            alarms += _disagree(asked, before, after)
            alarms += _changed(asked, earlier)
            earlier, before = [*earlier, *asked], after
        return alarms


def _came_back(number: int, before: Mapping[str, State], after: Mapping[str, State]) -> Iterator[Alarm]:
    for target, state in after.items():
        if state.state == "reappeared" and before[target].state != "reappeared":
            yield Alarm(number, "reappeared", target, state.doubt, state.probes[0])


def _disagree(
    asked: Sequence[Row], before: Mapping[str, State], after: Mapping[str, State]
) -> Iterator[Alarm]:
    """Yield targets of which the index says one thing and the archive another, and did not before."""
    for probe in asked:
        if probe["role"] != "index":
            continue
        target = probe["target_sha256"]
        state, earlier = after[target], before.get(target)
        if state.state == "hidden" and (earlier is None or earlier.state != "hidden"):
            yield Alarm(probe["round"], "index disagrees", target, state.doubt, probe["number"])
        newly = earlier is None or not earlier.removed
        if state.removed and newly and probe["outcome"] == states.LISTED:
            detail = f"the index lists it, and it is {state.state}"
            yield Alarm(probe["round"], "index disagrees", target, detail, probe["number"])


def _changed(asked: Sequence[Row], earlier: Sequence[Row]) -> Iterator[Alarm]:
    """Yield controls that are lost, and files whose ETag is another than before."""
    known, versions = set[tuple[Any, ...]](), dict[str, str]()
    for probe in earlier:
        if probe["role"] in CONTROLS_KEPT and probe["outcome"] == states.SAME:
            known.add(_control(probe))
        if probe["etag"]:
            versions[_file(probe)] = probe["etag"]
    now = defaultdict[str, set[str]](set)
    for probe in asked:
        if probe["etag"]:
            now[_file(probe)].add(probe["etag"])
    told = set[tuple[Any, ...]]()
    for probe in asked:
        lost = probe["outcome"] not in KEPT
        if probe["role"] in CONTROLS_KEPT and _control(probe) in known and lost:
            yield Alarm(probe["round"], "control lost", _file(probe), probe["outcome"], probe["number"])
        file, etags = _file(probe), now[_file(probe)]
        # A server that gives every answer another ETag says nothing by it.
        if len(etags) == 1 and file in versions and versions[file] not in etags and (file,) not in told:
            told.add((file,))
            detail = f"its ETag was {versions[file]}, and is {next(iter(etags))}"
            yield Alarm(probe["round"], "file changed", file, detail, probe["number"])


def _file(probe: Row) -> str:
    """Return the file that a probe asked for."""
    return str(probe["request"].split(" ")[1])


def _control(probe: Row) -> tuple[Any, ...]:
    return probe["role"], probe["target_sha256"], _file(probe)
