"""What a round found that somebody should look at. An alarm is told once: in the round that brought it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from presswatch_spark.removal import states
from presswatch_spark.removal.states import State

Row = Mapping[str, Any]
Histories = Mapping[str, Sequence[tuple[int, State]]]
"""The state of a target after each round that asked for it, with the round's number, by its digest."""

REAPPEARED = "reappeared"
RECAPTURED = states.RECAPTURED
INDEX_DISAGREES = "index disagrees"
CONTROL_LOST = "control lost"
FILE_CHANGED = "file changed"
YIELD_FELL = "yield fell"
KINDS = (REAPPEARED, RECAPTURED, INDEX_DISAGREES, CONTROL_LOST, FILE_CHANGED, YIELD_FELL)

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


def alarms_of(probes: Sequence[Row], histories: Histories) -> list[Alarm]:
    """Return the alarms of all rounds, in the order of the rounds."""
    found = [
        *_came_back(histories),
        *_recaptured(probes),
        *_disagree(probes, histories),
        *_changes(probes),
        *_fell(probes),
    ]
    return sorted(found, key=lambda alarm: alarm.round)


def _came_back(histories: Histories) -> Iterator[Alarm]:
    """Yield targets that were removed and read again, once for each time that they were removed."""
    for target, history in histories.items():
        told = False
        for number, state in history:
            if state.removed:
                told = False
            elif state.state == REAPPEARED and not told:
                told = True
                yield Alarm(number, REAPPEARED, target, state.doubt, state.probes[0])


def _recaptured(probes: Sequence[Row]) -> Iterator[Alarm]:
    """Yield targets whose article a later capture has, each once."""
    told = set[str]()
    for probe in probes:
        if probe["role"] == states.RECAPTURE and probe["target_sha256"] not in told:
            told.add(probe["target_sha256"])
            detail = f"a later capture has the article: {probe['request']}"
            yield Alarm(probe["round"], RECAPTURED, probe["target_sha256"], detail, probe["number"])


def _disagree(probes: Sequence[Row], histories: Histories) -> Iterator[Alarm]:
    """Yield targets of which the index says one thing and the archive another, and did not before."""
    asked = defaultdict[str, dict[int, Row]](dict)
    for probe in probes:
        if probe["role"] == "index":
            asked[probe["target_sha256"]].setdefault(probe["round"], probe)
    for target, by_round in asked.items():
        told = ""
        for number, state in histories[target]:
            answer, differs = by_round.get(number), ""
            if answer is None:
                continue
            if state.state == "hidden":
                differs = state.doubt
            elif state.removed and answer["outcome"] == states.LISTED:
                differs = f"the index lists it, and it is {state.state}"
            if differs and differs != told:
                yield Alarm(number, INDEX_DISAGREES, target, differs, answer["number"])
            is_clear = state.state not in UNCLEAR and answer["outcome"] in ANSWERS_OF_INDEX
            told = differs or ("" if is_clear else told)


def _changes(probes: Sequence[Row]) -> Iterator[Alarm]:
    """Yield controls that are lost, and files whose ETag is another than before."""
    known, versions = set[tuple[Any, ...]](), dict[str, Row]()
    for _, of_round in groupby(probes, key=lambda probe: probe["round"]):
        asked = list(of_round)
        yield from _lost(asked, known)
        yield from _changed(asked, versions)
        known |= {_control(probe) for probe in asked if _is_control(probe, (states.SAME,))}
        versions |= {probe["file_uri"]: probe for probe in asked if _is_there(probe)}


def _lost(asked: Sequence[Row], known: set[tuple[Any, ...]]) -> Iterator[Alarm]:
    """Yield the known controls that a round lost, and take them out of `known`."""
    for probe in asked:
        control = _control(probe)
        if probe["role"] in CONTROLS_KEPT and probe["outcome"] not in KEPT and control in known:
            known.discard(control)
            yield Alarm(probe["round"], CONTROL_LOST, probe["file_uri"], probe["outcome"], probe["number"])


def _changed(asked: Sequence[Row], versions: Mapping[str, Row]) -> Iterator[Alarm]:
    """Yield the files that a round found changed. `versions`: how each answered last."""
    now, told = defaultdict[str, set[str | None]](set), set[str]()
    for probe in filter(_is_there, asked):
        now[probe["file_uri"]].add(states.strong(probe["etag"]))
    for probe in filter(_is_there, asked):
        file = probe["file_uri"]
        # A server that gives every answer another ETag says nothing by it.
        if len(now[file]) > 1 or file not in versions or file in told:
            continue
        if _is_another(versions[file], probe):
            told.add(file)
            detail = f"its ETag was {versions[file]['etag']}, and is {probe['etag']}"
            yield Alarm(probe["round"], FILE_CHANGED, file, detail, probe["number"])


def _fell(probes: Sequence[Row]) -> Iterator[Alarm]:
    """Yield runs that found far less than those before them; the chain has each run once."""
    for probe in probes:
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
