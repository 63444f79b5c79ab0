"""What a round found that somebody should look at. An alarm is told once: in the round that brought it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from presswatch_spark.removal import states
from presswatch_spark.removal.states import RemovalState

Row = Mapping[str, Any]
States = Mapping[str, RemovalState]
"""The state of each target that a round asked for, after it, by the target's digest."""

REAPPEARED = "reappeared"
RECAPTURED = states.RECAPTURED
INDEX_DISAGREES = "index disagrees"
CONTROL_LOST = "control lost"
FILE_CHANGED = "file changed"
YIELD_FELL = "yield fell"
CLOCK_SET_BACK = "clock set back"
HEAD_MISSING = "head missing"
KINDS = (
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
KEPT = (states.SAME, states.EDGE, states.REWRITTEN, states.MISSING, states.DENIED, *states.FAILURES)
"""Outcomes of controls that do not show that a record is lost."""
NO_FILE = frozenset({states.MISSING, states.DENIED, *states.FAILURES})
"""Outcomes without bytes of a file: their ETag is none of the file's."""
UNCLEAR = frozenset({"undecided", "restricted"})
"""States that say nothing new of a target, so what was told before is not told again after them."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a round found that somebody should look at; `probe` shows it."""

    round: int
    kind: str
    about: str
    detail: str
    probe: int


@dataclass(slots=True)
class Alarms:
    """The alarms of a case, round by round; of earlier rounds it holds what was told, and no probes.

    `found`: all alarms, in the order of the rounds. `_back`: targets that were read again, which was told.
    `_gone`: targets that were removed when something was last said of their place. `_captured`: targets with
    a later capture, which was told; no longer if they were removed since. `_differs`: what was told of a
    target's index. `_controls`, `_versions`: controls that were read, and how each file answered last.
    `_latest`: the latest time of a probe.
    """

    found: list[Alarm] = field(default_factory=list)
    _back: set[str] = field(default_factory=set)
    _gone: set[str] = field(default_factory=set)
    _captured: set[str] = field(default_factory=set)
    _differs: dict[str, str] = field(default_factory=dict)
    _controls: set[tuple[Any, ...]] = field(default_factory=set)
    _versions: dict[str, Row] = field(default_factory=dict)
    _latest: datetime | None = None

    def add(self, asked: Sequence[Row], states_now: States) -> None:
        """Take the probes of a round into account, and the states after it."""
        if not asked:
            return
        number = asked[0]["round"]
        self.found += self._came_back(number, states_now)
        self.found += self._recaptured(asked, states_now)
        self.found += self._disagree(asked, states_now)
        self.found += self._lost(asked)
        self.found += self._changed(asked)
        self.found += _fell(asked)
        self.found += self._set_back(asked)
        self._controls |= {_control(probe) for probe in asked if _is_control(probe, (states.SAME,))}
        self._versions |= {probe["file_uri"]: probe for probe in asked if _is_there(probe)}

    def _set_back(self, asked: Sequence[Row]) -> Iterator[Alarm]:
        """Yield the round if its clock shows an earlier time than the round before it."""
        first, before = min(asked, key=lambda probe: probe["asked_at"]), self._latest
        self._latest = max(probe["asked_at"] for probe in asked)
        if before is None:
            return
        self._latest = max(self._latest, before)
        if before - first["asked_at"] > CLOCK_TOLERANCE:
            detail = (
                f"its first probe is of {first['asked_at']:%Y-%m-%d %H:%M} UTC, an earlier round asked until"
                f" {before:%Y-%m-%d %H:%M} UTC"
            )
            yield Alarm(first["round"], CLOCK_SET_BACK, f"round {first['round']}", detail, first["number"])

    def _came_back(self, number: int, states_now: States) -> Iterator[Alarm]:
        """Yield targets that were removed and read again, once for each time that they were removed.

        What counts is their own place: a later capture hides its state, and not that the text is back there.
        """
        for target, state in states_now.items():
            own = state.own or state
            if own.removed:
                self._back.discard(target)
            elif own.state == REAPPEARED and target not in self._back:
                self._back.add(target)
                yield Alarm(number, REAPPEARED, target, own.doubt, own.probes[0])

    def _recaptured(self, asked: Sequence[Row], states_now: States) -> Iterator[Alarm]:
        """Yield targets whose article a later capture has, once for each time that they were removed.

        Who was told that a page is captured again, and then that its text is gone, must hear of the next one.
        """
        for target, state in states_now.items():
            own = state.own or state
            if own.removed and target not in self._gone:
                self._gone.add(target)
                self._captured.discard(target)
            elif not own.removed and own.state not in UNCLEAR:
                self._gone.discard(target)
        for probe in asked:
            target = probe["target_sha256"]
            if probe["role"] != states.RECAPTURE or target in self._captured:
                continue
            if probe["outcome"] == states.ELSEWHERE:
                detail = f"a run found the same capture in another file: {probe['request']}"
                if target in self._gone:
                    yield Alarm(probe["round"], REAPPEARED, target, detail, probe["number"])
                continue
            self._captured.add(target)
            before = "it was removed from its place, and " if target in self._gone else ""
            detail = f"{before}a later capture has the article: {probe['request']}"
            yield Alarm(probe["round"], RECAPTURED, target, detail, probe["number"])

    def _disagree(self, asked: Sequence[Row], states_now: States) -> Iterator[Alarm]:
        """Yield targets of which the index says one thing and the archive another, and did not before."""
        answers = dict[str, Row]()
        for probe in asked:
            if probe["role"] == "index":
                answers.setdefault(probe["target_sha256"], probe)
        for target, answer in answers.items():
            if target not in states_now:
                continue
            state, told, differs = states_now[target], self._differs.get(target, ""), ""
            own = state.own or state
            if own.state == "hidden":
                differs = own.doubt
            elif own.removed and answer["outcome"] == states.LISTED:
                differs = f"the index lists it, and it is {own.state}"
            if differs and differs != told:
                yield Alarm(answer["round"], INDEX_DISAGREES, target, differs, answer["number"])
            is_clear = own.state not in UNCLEAR and answer["outcome"] in ANSWERS_OF_INDEX
            self._differs[target] = differs or ("" if is_clear else told)

    def _lost(self, asked: Sequence[Row]) -> Iterator[Alarm]:
        """Yield the known controls that a round lost; they are known no longer."""
        for probe in asked:
            control = _control(probe)
            if probe["role"] in CONTROLS_KEPT and probe["outcome"] not in KEPT and control in self._controls:
                self._controls.discard(control)
                yield Alarm(
                    probe["round"], CONTROL_LOST, probe["file_uri"], probe["outcome"], probe["number"]
                )

    def _changed(self, asked: Sequence[Row]) -> Iterator[Alarm]:
        """Yield the files that a round found changed."""
        now, told = defaultdict[str, set[str | None]](set), set[str]()
        for probe in filter(_is_there, asked):
            now[probe["file_uri"]].add(states.strong(probe["etag"]))
        for probe in filter(_is_there, asked):
            file, before = probe["file_uri"], self._versions.get(probe["file_uri"])
            # A server that gives every answer another ETag says nothing by it.
            if len(now[file]) > 1 or before is None or file in told:
                continue
            if _is_another(before, probe):
                told.add(file)
                detail = f"its ETag was {before['etag']}, and is {probe['etag']}"
                yield Alarm(probe["round"], FILE_CHANGED, file, detail, probe["number"])


def _fell(asked: Sequence[Row]) -> Iterator[Alarm]:
    """Yield runs that found far less than those before them; the chain has each run once."""
    for probe in asked:
        if probe["role"] == states.YIELD and probe["outcome"] == states.FELL:
            detail = probe["request"].removeprefix("READ ")
            yield Alarm(probe["round"], YIELD_FELL, probe["file_uri"], detail, probe["number"])


def _is_there(probe: Row) -> bool:
    """Whether a server sent bytes of a file, and named its version."""
    is_file = probe["file_uri"] is not None and probe["role"] not in (*OF_INDEX, *states.OF_TABLES)
    return is_file and probe["etag"] is not None and probe["outcome"] not in NO_FILE


def _is_another(before: Row, now: Row) -> bool:
    """Whether a file is another version. Some servers give an unchanged file another ETag each time.

    A disk does not: two changes within a second, which Last-Modified does not tell apart, are two.
    """
    same_time = now["last_modified"] is not None and now["last_modified"] == before["last_modified"]
    is_flapping = same_time and now["bytes"] == before["bytes"] and not now["etag"].startswith(ON_DISK)
    return states.strong(now["etag"]) != states.strong(before["etag"]) and not is_flapping


def _is_control(probe: Row, outcomes: Sequence[str]) -> bool:
    return probe["role"] in CONTROLS_KEPT and probe["outcome"] in outcomes


def _control(probe: Row) -> tuple[Any, ...]:
    return probe["role"], probe["target_sha256"], probe["file_uri"]
