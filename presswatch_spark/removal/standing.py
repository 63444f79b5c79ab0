"""How a case stands at a time: the state of each target and claim, and what a round found that alarms."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any

from presswatch_spark.removal import states
from presswatch_spark.removal.case import Case
from presswatch_spark.removal.states import UNASKED, State, histories

Row = dict[str, Any]

TARGET_COLUMNS = (
    "row_sha256", "article_id", "title_id", "publisher_id", "place", "dataset", "release",
    "shard_uri", "record_offset", "record_length", "row_index", "record_id", "document_url",
    "captured_at", "target_sha256",
)  # fmt: skip
CONTROLS_KEPT = frozenset({"first", "before", "after"})
"""Controls that are the same record in every round."""
ON_DISK = "mtime-"
"""How the ETag of a file on a disk begins."""
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
        found = [
            *_came_back(self.histories),
            *_recaptured(self.probes),
            *_disagree(self.probes, self.histories),
            *_changes(self.probes),
        ]
        return sorted(found, key=lambda alarm: alarm.round)


def _came_back(histories: Mapping[str, Sequence[tuple[int, State]]]) -> Iterator[Alarm]:
    for target, history in histories.items():
        for (_, before), (number, state) in pairwise(history):
            if state.state == "reappeared" and before.state != "reappeared":
                yield Alarm(number, "reappeared", target, state.doubt, state.probes[0])


def _recaptured(probes: Sequence[Row]) -> Iterator[Alarm]:
    """Yield targets whose article a later capture has, each once."""
    told = set[str]()
    for probe in probes:
        if probe["role"] == states.RECAPTURE and probe["target_sha256"] not in told:
            told.add(probe["target_sha256"])
            detail = f"a later capture has the article: {probe['request']}"
            yield Alarm(probe["round"], states.RECAPTURED, probe["target_sha256"], detail, probe["number"])


def _disagree(probes: Sequence[Row], histories: Mapping[str, Sequence[tuple[int, State]]]) -> Iterator[Alarm]:
    """Yield targets of which the index says one thing and the archive another, and did not before."""
    for probe in probes:
        if probe["role"] != "index":
            continue
        number, target = probe["round"], probe["target_sha256"]
        asked = [state for each, state in histories[target] if each <= number]
        # As a round that was stopped leaves it, the index may have been asked, and the file not.
        state, earlier = asked[-1] if asked else UNASKED, asked[-2] if len(asked) > 1 else None
        if state.state == "hidden" and (earlier is None or earlier.state != "hidden"):
            yield Alarm(number, "index disagrees", target, state.doubt, probe["number"])
        newly = earlier is None or not earlier.removed
        if state.removed and newly and probe["outcome"] == states.LISTED:
            detail = f"the index lists it, and it is {state.state}"
            yield Alarm(number, "index disagrees", target, detail, probe["number"])


def _changes(probes: Sequence[Row]) -> Iterator[Alarm]:
    """Yield controls that are lost, and files whose ETag is another than before."""
    known, versions = set[tuple[Any, ...]](), dict[str, Row]()
    for _, of_round in groupby(probes, key=lambda probe: probe["round"]):
        asked = list(of_round)
        yield from _changed(asked, known, versions)
        for probe in asked:
            if probe["role"] in CONTROLS_KEPT and probe["outcome"] == states.SAME:
                known.add(_control(probe))
            if _is_there(probe):
                versions[_file(probe)] = probe


def _changed(
    asked: Sequence[Row], known: Collection[tuple[Any, ...]], versions: Mapping[str, Row]
) -> Iterator[Alarm]:
    """Yield the alarms of a round. Known: the controls that were read before, and how files answered last."""
    now, told = defaultdict[str, set[str]](set), set[str]()
    for probe in asked:
        if _is_there(probe):
            now[_file(probe)].add(probe["etag"])
    for probe in asked:
        file, lost = _file(probe), probe["outcome"] not in KEPT
        if probe["role"] in CONTROLS_KEPT and lost and _control(probe) in known:
            yield Alarm(probe["round"], "control lost", file, probe["outcome"], probe["number"])
        # A server that gives every answer another ETag says nothing by it.
        is_new = _is_there(probe) and len(now[file]) == 1 and file in versions and file not in told
        if is_new and _is_another(versions[file], probe):
            told.add(file)
            detail = f"its ETag was {versions[file]['etag']}, and is {probe['etag']}"
            yield Alarm(probe["round"], "file changed", file, detail, probe["number"])


def _is_there(probe: Row) -> bool:
    """Whether a server sent bytes of a file, and named its version."""
    return probe["etag"] is not None and probe["status"] in (200, 206)


def _file(probe: Row) -> str:
    """Return the file that a probe asked for."""
    # A path may have spaces.
    asked = str(probe["request"]).removeprefix("GET ")
    return asked.rpartition(" bytes=")[0] or asked


def _is_another(before: Row, now: Row) -> bool:
    """Whether a file is another version. Some servers give an unchanged file another ETag each time.

    A disk does not: two changes within a second, which Last-Modified does not tell apart, are two.
    """
    same_time = now["last_modified"] is not None and now["last_modified"] == before["last_modified"]
    is_flapping = same_time and now["bytes"] == before["bytes"] and not now["etag"].startswith(ON_DISK)
    return bool(now["etag"] != before["etag"] and not is_flapping)


def _control(probe: Row) -> tuple[Any, ...]:
    return probe["role"], probe["target_sha256"], _file(probe)
