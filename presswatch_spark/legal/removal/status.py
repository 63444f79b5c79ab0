"""The status of a case at a time: the state of each target and claim, and the alarms of each round."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from presswatch_spark.claims.selection import RecordReading, claims_of_targets
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.legal.removal.case import RemovalCase, is_headed
from presswatch_spark.legal.removal.places import is_unresolved
from presswatch_spark.legal.removal.states import (
    FAILURES,
    READS,
    STATES,
    UNASKED,
    FollowedTarget,
    RemovalState,
    strong,
)
from presswatch_spark.scanning.monitoring.metrics import MetricFamily, exposition, labels_of
from presswatch_spark.scanning.monitoring.progress import write_whole
from presswatch_spark.storage.objects import shown_uri
from presswatch_spark.tables.declarations import Probe, Target

TARGET_COLUMNS = (
    "row_sha256", "article_id", "title_id", "publisher_id", "place", "dataset", "release",
    "shard_uri", "record_offset", "record_length", "row_index", "record_id", "document_url",
    "captured_at", "target_sha256",
)  # fmt: skip
ALARM_KINDS = (
    "reappeared", "recaptured", "index disagrees", "file changed", "clock set back", "head missing",
)  # fmt: skip
CLOCK_TOLERANCE = timedelta(minutes=1)
"""A round that begins this much before the last one ended raises an alarm: the clock was set back."""
OF_INDEX = frozenset({"index", "listed", "place"})
"""Roles of probes that are answered by an index."""
ANSWERS_OF_INDEX = frozenset({"listed", "unlisted"})
NO_FILE = frozenset({"missing", "denied", *FAILURES})
"""Outcomes without bytes of a file, whose ETag therefore says nothing about the file."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A finding of a round that a person should examine; `probe` is the number of the probe that shows it."""

    round: int
    kind: str
    about: str
    detail: Sentence
    probe: int


@dataclass(slots=True)
class Alarms:
    """The alarms of a case, found round by round; only summaries of earlier rounds are kept.

    `_clear`: the last conclusive state of each target's own place. `_captured`: targets whose later capture
    was reported since they were last removed. `_versions`: the last answer about each file.
    """

    found: list[Alarm] = field(default_factory=list)
    _clear: dict[str, RemovalState] = field(default_factory=dict)
    _captured: set[str] = field(default_factory=set)
    _versions: dict[str | None, Probe] = field(default_factory=dict)
    _latest: datetime | None = None

    def add(self, probes: Sequence[Probe], states_now: Mapping[str, RemovalState]) -> None:
        """Add the alarms of a round, by its probes and the states after it of the targets that it probed."""
        answered = (probe for probe in probes if probe.role == "index" and probe.outcome in ANSWERS_OF_INDEX)
        heard = {probe.target_sha256 for probe in answered}
        for target, state in states_now.items():
            number, own, before = probes[0].round, state.own or state, self._clear.get(target, UNASKED)
            if own.state != before.state and own.state == "reappeared":
                self.found.append(Alarm(number, "reappeared", target, own.reason, own.probes[0]))
            if own.state != before.state and own.state == "hidden":
                self.found.append(Alarm(number, "index disagrees", target, own.reason, own.probes[-1]))
            if own.removed and not before.removed:
                self._captured.discard(target)
            # Inconclusive states change nothing. A hidden text stays hidden while no index answers.
            is_unclear = own.state in ("undecided", "restricted")
            is_still_hidden = (before.state, own.state) == ("hidden", "present") and target not in heard
            if not (is_unclear or is_still_hidden):
                self._clear[target] = own
        for probe in probes:
            # Report a later capture once per removal of the target.
            target = probe.target_sha256 or ""
            if probe.role != "recapture" or target in self._captured:
                continue
            was_removed = self._clear.get(target, UNASKED).removed
            if probe.outcome != "elsewhere":
                self._captured.add(target)
                later = N_("a later capture has the article: {capture}")
                again = N_("it was removed from its place, and a later capture has the article: {capture}")
                text = again if was_removed else later
                self._report(probe, "recaptured", target, text, capture=probe.request)
            elif was_removed:
                elsewhere = N_("a run found the same capture in another file: {capture}")
                self._report(probe, "reappeared", target, elsewhere, capture=probe.request)
        self._add_files(probes)
        first, last = (pick(probes, key=lambda probe: probe.asked_at) for pick in (min, max))
        if self._latest is not None and self._latest - first.asked_at > CLOCK_TOLERANCE:
            text = N_("its first probe is of {first} UTC, an earlier round ended at {latest} UTC")
            times = {"first": f"{first.asked_at:%Y-%m-%d %H:%M}", "latest": f"{self._latest:%Y-%m-%d %H:%M}"}
            self._report(first, "clock set back", f"round {first.round}", text, **times)
        self._latest = max(last.asked_at, self._latest or last.asked_at)

    def _report(self, probe: Probe, kind: str, about: str, text: str, **facts: object) -> None:
        self.found.append(Alarm(probe.round, kind, about, sentence(text, **facts), probe.number))

    def _add_files(self, probes: Sequence[Probe]) -> None:
        by_file = defaultdict[str, list[Probe]](list)
        for probe in probes:
            is_of_file = probe.role not in OF_INDEX and probe.role != "recapture"
            if probe.file_uri and probe.etag and is_of_file and probe.outcome not in NO_FILE:
                by_file[probe.file_uri].append(probe)
        for file, answers in by_file.items():
            before, now = self._versions.get(file), answers[0]
            # ETags of a server that sends a new one with each answer mean nothing.
            is_steady = len({strong(each.etag) for each in answers}) == 1
            # Some servers change the ETag of an unchanged file: then compare Last-Modified and size. On a
            # disk, the ETag is reliable, and finer than Last-Modified in seconds.
            is_same = (
                before is not None
                and not (now.etag or "").startswith("mtime-")
                and now.last_modified is not None
                and (now.last_modified, now.bytes) == (before.last_modified, before.bytes)
            )
            if is_steady and before and strong(before.etag) != strong(now.etag) and not is_same:
                text = N_("its ETag was {before}, and is {now}")
                self._report(now, "file changed", file, text, before=before.etag, now=now.etag)
            self._versions[file] = answers[-1]


class CaseStatus:
    """The status of a case after some of its rounds, as a summary of each target.

    Rounds are added and dropped one by one: memory depends on the targets and on the largest round.

    `begun`: all rounds that were begun; `rounds`: number of those with probes. `of_places`: number of probes
    of targets. `newest`: digest of the last probe, `asked_at` its time. `readings`: the newest successful
    reading of each target in each file, until a probe finds something else. `headless`: the last round, if it
    lacks a note of its head.
    """

    def __init__(self, case: RemovalCase) -> None:
        targets = case.targets()
        self.case, self.begun, self.headless = case, case.rounds(), 0
        self.rounds, self.probes, self.of_places, self.newest = 0, 0, 0, ""
        self.asked_at: datetime | None = None
        self.readings: dict[str, tuple[RecordReading, ...]] = {}
        self._targets = {target.target_sha256: target for target in targets}
        self._unresolved = {target.target_sha256 for target in targets if is_unresolved(target)}
        self._asked = (0, 0)
        self._followed = {target.target_sha256: FollowedTarget() for target in targets}
        self._alarms = Alarms()

    @classmethod
    def of(cls, case: RemovalCase, as_of: datetime | None = None) -> Self:
        """Read a case with its probes up to a time; `BrokenCaseError` if a part of it was changed."""
        status, heads = cls(case), case.heads()
        for probes in case.each_round(status.begun, heads):
            status.add([probe for probe in probes if as_of is None or probe.asked_at <= as_of])
        if as_of is None and status.is_finished and not is_headed(heads, status.probes):
            status.headless = status.begun[-1].number
        return status

    def add(self, probes: Sequence[Probe]) -> None:
        """Add all probes of the next round, in their order."""
        if not probes:
            return
        self.rounds, self.probes = self.rounds + 1, self.probes + len(probes)
        self.newest, self.asked_at = probes[-1].probe_sha256, probes[-1].asked_at
        self.resolve(probes)
        asked, index, captures = (defaultdict[str, list[Probe]](list) for _ in range(3))
        by_role = {"target": asked, "index": index, "recapture": captures}
        controls = defaultdict[tuple[int, int], list[Probe]](list)
        for probe in probes:
            target, file = probe.target_sha256 or "", probe.file_uri or ""
            if (of_role := by_role.get(probe.role)) is None:
                controls[probe.round, probe.batch].append(probe)
                continue
            of_role[target].append(probe)
            if probe.role != "target":
                continue
            self.of_places += 1
            if probe.outcome in READS:
                others = (each for each in self.readings.get(target, ()) if each.file != file)
                self.readings[target] = (*others, RecordReading(probe.asked_at, file))
            elif probe.outcome not in ("denied", *FAILURES):
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

    def resolve(self, probes: Iterable[Probe]) -> None:
        """Learn places and texts of unresolved targets: from answers of indexes, and from first readings.

        Learning the same probes again changes nothing.
        """
        for probe in probes if self._unresolved else ():
            if (digest := probe.target_sha256 or "") not in self._unresolved:
                continue
            target = self._targets[digest]
            if probe.role == "place" and probe.outcome == "listed":
                start, length = probe.record_offset, probe.record_length
                self._targets[digest] = target.with_columns(
                    record_offset=start, record_length=length, record_encoding="gzip"
                )
            elif probe.role == "target" and probe.outcome == "same" and target.text_sha256 is None:
                self._targets[digest] = target.with_columns(text_sha256=probe.text_sha256)

    @property
    def targets(self) -> list[Target]:
        """Return the targets, resolved as far as their places are known."""
        return list(self._targets.values())

    @property
    def is_finished(self) -> bool:
        """Return whether the last round was begun, and has probed every target."""
        return bool(self.begun) and self._asked == (self.begun[-1].number, len(self._targets))

    @property
    def states(self) -> dict[str, RemovalState]:
        """Return the state of each target, by its digest."""
        return {target: followed.state for target, followed in self._followed.items()}

    @property
    def alarms(self) -> list[Alarm]:
        """Return the alarms of all rounds, in their order, then those of missing heads."""
        missing = [(each.number, each.number - 1, 0) for each in self.begun if each.is_headed is False]
        if self.headless:
            missing.append((self.headless, self.headless, self.probes - 1))
        detail = sentence(
            N_("its head has no note: the note was deleted, or the round was killed at its very end")
        )
        heads = (Alarm(number, "head missing", f"round {of}", detail, probe) for number, of, probe in missing)
        return [*self._alarms.found, *heads]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each target: its columns, its state, and the probes that prove the state."""
        for digest, target in self._targets.items():
            state = self._followed[digest].state
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
        """Return the number of claims that are removed at every place, and the number of all claims."""
        claims = claims_of_targets(self.targets)
        of_claim = defaultdict[Any, list[bool]](list)
        for digest, target in self._targets.items():
            of_claim[claims.get(target.row_sha256, target.row_sha256)].append(
                self._followed[digest].state.removed
            )
        return sum(map(all, of_claim.values())), len(of_claim)


# Metrics for Prometheus.

FAMILIES: Mapping[str, MetricFamily] = {
    "removal_places": MetricFamily("gauge", "places", "Places of the case, by state.", "state", STATES),
    "removal_claims": MetricFamily("gauge", "claims", "Claims of the case."),
    "removal_claims_removed": MetricFamily(
        "gauge", "claims", "Those of them that are removed at every place."
    ),
    "removal_rounds_total": MetricFamily("counter", "rounds", "Rounds that were begun."),
    "removal_alarms_total": MetricFamily("counter", "alarms", "Alarms of all rounds.", "kind", ALARM_KINDS),
    "removal_round_timestamp_seconds": MetricFamily("gauge", "seconds", "When the last round was begun."),
}


def write_metrics(path: str, status: CaseStatus) -> None:
    """Write the metrics of a case for Prometheus, whole or not at all; `OutputError` if that fails.

    Each sample names the case.
    """
    kinds, places = Counter(alarm.kind for alarm in status.alarms), status.counts()
    removed, claims = status.claims()
    last = [datetime.fromisoformat(each.begun_at) for each in status.begun[-1:]]
    values: Mapping[str, Mapping[str, float]] = {
        "removal_places": {state: places[state] for state in STATES},
        "removal_claims": {"": claims},
        "removal_claims_removed": {"": removed},
        "removal_rounds_total": {"": len(status.begun)},
        "removal_alarms_total": {kind: kinds[kind] for kind in ALARM_KINDS},
        "removal_round_timestamp_seconds": {"": last[-1].timestamp()} if last else {},
    }
    case = {"case": shown_uri(str(status.case.folder))}
    samples = [
        (name, labels_of(case | ({family.label: label} if family.label else {})), float(value))
        for name, family in FAMILIES.items()
        for label, value in values[name].items()
    ]
    write_whole(Path(path), exposition(FAMILIES, samples))
