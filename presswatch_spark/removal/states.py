"""What became of a target, by all that was answered about it: a pure function of probes.

A state is `removed` only if the last round shows that the text cannot be read, with controls that answered as
they must. What failed, or disagrees, is `undecided`: nobody takes a failure for a removal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

Probe = Mapping[str, Any]
Controls = Mapping[tuple[int, int], Sequence[Probe]]
"""The controls of a round, by round and batch."""

# Outcomes of probes: what is at a place.
SAME = "same"
ELSEWHERE = "elsewhere"
OTHER_TEXT = "other_text"
EMPTY = "empty"
ZEROS = "zeros"
UNREADABLE = "unreadable"
REMAINS = "remains"
OTHER_RECORD = "other_record"
BEYOND = "beyond"
NOWHERE = "nowhere"
ABSENT = "absent"
GAPS = "gaps"
MISSING = "missing"
DENIED = "denied"
EDGE = "edge"
REWRITTEN = "rewritten"
NEWEST = "newest"
LISTED = "listed"
UNLISTED = "unlisted"
RECAPTURED = "recaptured"
RECAPTURE = "recapture"
YIELD = "yield"
STEADY = "steady"
FELL = "fell"
FEW = "few"
PLACE = "place"
UNRANGED = "unranged"
UNRESOLVED = "unresolved"
OF_TABLES = frozenset({RECAPTURE, YIELD})
"""Roles of probes that read tables, and ask no server."""
LIMITED = "limited"
REFUSED = "refused"
STRANGE = "strange"
FAILED = "failed"

READS = frozenset({SAME, ELSEWHERE})
"""The text can be read."""
WHOLE = frozenset({NOWHERE, ABSENT})
"""The whole file was read without the target: looked for by its names alone, or by its article, too."""
SETTLED = frozenset({SAME, ELSEWHERE, OTHER_TEXT, *WHOLE})
"""Outcomes of a whole file that another reading of the same bytes would repeat."""
FAILURES: Mapping[str, str] = {
    LIMITED: "the server asked for fewer requests",
    REFUSED: "the server could not answer",
    STRANGE: "the answer was no part of the file",
    FAILED: "there was no whole answer",
}
"""These say nothing of the target."""
STAYED_AWAY = timedelta(hours=24)
"""How far apart two answers that a file is missing must be."""

UNSEARCHED = "its text and URL are not in the file; only --corpus can say whether passages of its article are"
READABLE = frozenset({"present", "moved", "superseded"})
REMOVED = frozenset({"blanked", "overwritten", "dropped", "withdrawn"})
STATES = (
    "present", "altered", "reduced", "hidden", "moved", "blanked", "overwritten", "dropped", "withdrawn",
    "superseded", "restricted", "reappeared", "recaptured", "undecided",
)  # fmt: skip
"""All states, in the order in which they are counted."""


@dataclass(frozen=True, slots=True)
class RemovalState:
    """The state of a target at a time.

    `removed`: whether its text is gone. `doubt`: why nothing, or no more, is said. `probes`: `number` of each
    probe that it rests on. `left`: of `reduced`, the words of the article that are still there. `own`: the
    state of its own place, where a run found a later capture, or this one in another file.
    """

    state: str
    removed: bool = False
    doubt: str = ""
    probes: tuple[int, ...] = ()
    left: int | None = None
    own: "RemovalState | None" = None


UNASKED = RemovalState("undecided", doubt="it was not asked for yet")


@dataclass(slots=True)
class _Past:
    """What all probes of a target say up to a round, of which there may be hundreds.

    `was_read`: it was read once. `versions`: those of its file in which it was. `longest`: the greatest size
    that this file had then. `first_missing`: the first of the probes that miss the file since, without a
    break, if another file was read beside it.
    """

    was_read: bool = False
    versions: set[tuple[Any, Any]] = field(default_factory=set)
    longest: int | None = None
    first_missing: Probe | None = None

    def add(self, probe: Probe, controls: Controls) -> None:
        if probe["outcome"] != MISSING:
            self.first_missing = None
        else:
            beside = controls.get((probe["round"], probe["batch"]), ())
            if _is_there(beside):
                self.first_missing = None
            elif self.first_missing is None and _read(beside, "beside"):
                self.first_missing = probe
        if probe["outcome"] != SAME:
            return
        self.was_read = True
        if (version := _version(probe)) is not None:
            self.versions.add(version)
        if (size := probe.get("bytes")) is not None:
            self.longest = max(size, self.longest or 0)


@dataclass(slots=True)
class FollowedTarget:
    """A target as its rounds are read, one after the other; it holds no probes of earlier rounds but one.

    `state`: after the last round that asked for it. `was_gone`: its last state in which it was removed.
    `captures`: `number` of the probes that show its article in a later capture; `elsewhere`: of those that
    show its capture in another file of the release.
    """

    state: RemovalState = UNASKED
    was_gone: RemovalState | None = None
    captures: tuple[int, ...] = ()
    elsewhere: tuple[int, ...] = ()
    _past: _Past = field(default_factory=_Past)

    def add(
        self, asked: Sequence[Probe], controls: Controls, index: Sequence[Probe], captures: Sequence[Probe]
    ) -> RemovalState:
        """Return the state after a round that asked for the target.

        Args:
            asked: the round's probes of the target's place, one at least.
            controls: those of the round, by round and batch.
            index: what an index said of the target.
            captures: what a run had of its article in the round: later captures, or this one elsewhere.
        """
        for probe in asked:
            self._past.add(probe, controls)
        state = _by_newest(_in_round(asked, self._past, controls), asked, controls)
        if state.removed:
            self.was_gone = state
        elif self.was_gone and state.state in READABLE:
            doubt = f"it was {self.was_gone.state} before"
            state = RemovalState("reappeared", doubt=doubt, probes=state.probes)
        self.note(captures)
        self.state = self._by_runs(_by_index(state, index, controls))
        return self.state

    def note(self, captures: Sequence[Probe]) -> None:
        """Take note of what runs had; it counts from the next round on that asks for the target."""
        found = [(probe["number"], probe["outcome"] == ELSEWHERE) for probe in captures]
        self.captures += tuple(number for number, is_elsewhere in found if not is_elsewhere)
        self.elsewhere += tuple(number for number, is_elsewhere in found if is_elsewhere)

    def _by_runs(self, own: RemovalState) -> RemovalState:
        """Return `recaptured` or `moved` from the round on in which a run had the article again."""
        if self.captures:
            doubt = f"a later capture of its URL has the article; its own place is {own.state}"
            numbers = (*self.captures, *own.probes)
            return RemovalState(RECAPTURED, doubt=doubt, probes=numbers, left=own.left, own=own)
        if self.elsewhere and own.removed:
            doubt = f"a run found this capture in another file; its own place is {own.state}"
            return RemovalState("moved", doubt=doubt, probes=(*self.elsewhere, *own.probes), own=own)
        return own


def _undecided(doubt: str, probes: tuple[int, ...]) -> RemovalState:
    return RemovalState("undecided", doubt=doubt, probes=probes)


def _in_round(last: Sequence[Probe], past: _Past, controls: Controls) -> RemovalState:
    """Return the state by the last round; `past`: what all probes say up to its end."""
    numbers = tuple(probe["number"] for probe in last)
    outcomes = {probe["outcome"] for probe in last}
    # Whatever else was answered: a text that can be read is not gone.
    if outcomes & READS:
        return RemovalState("present" if SAME in outcomes else "moved", probes=numbers)
    if UNRESOLVED in outcomes:
        doubt = "unresolved: no index (--index) has said yet where in its file the record is"
        return _undecided(doubt, numbers)
    beside = _controls_of(last, controls)
    if doubt := _doubt_of(beside):
        return _undecided(doubt, numbers)
    if failures := [FAILURES[outcome] for outcome in sorted(outcomes & FAILURES.keys())]:
        return _undecided("; ".join(failures), numbers)
    if DENIED in outcomes:
        return RemovalState("restricted", doubt="access was refused, which removes nothing", probes=numbers)
    if not past.was_read:
        return _undecided("no probe of this case ever read it", numbers)
    if not any(each["role"] == "nowhere" and each["outcome"] in (MISSING, DENIED) for each in beside):
        return _undecided("the server was not heard on a name that never was", numbers)
    if any(_version(probe) in past.versions for probe in last if probe["outcome"] != MISSING):
        return _undecided("the server says that the file is the one in which it was read", numbers)
    if MISSING in outcomes:
        return _missing(last, past, controls)
    return _at_place(last, past, outcomes, beside, numbers)


def _by_newest(state: RemovalState, last: Sequence[Probe], controls: Controls) -> RemovalState:
    """Return the state of a target on a hub, by what its commit and the newest revision gave.

    `state`: by its commit alone. Elsewhere there is no newest revision, and that is all.
    """
    newest = [each for each in _controls_of(last, controls) if each["role"] == NEWEST]
    if not newest and not any(str(probe.get("file_uri")).startswith("hf://") for probe in last):
        return state
    outcomes = {each["outcome"] for each in newest}
    probes = (*state.probes, *(each["number"] for each in newest))
    is_without = bool(outcomes) and outcomes <= {*WHOLE, MISSING, OTHER_TEXT}
    if state.state in READABLE:
        if not is_without or any(each["copied_words"] for each in newest):
            return state
        doubt = "the newest revision is without it, and an older one still serves it"
        doubt += f"; {UNSEARCHED}" if NOWHERE in outcomes else ""
        return RemovalState("superseded", doubt=doubt, probes=probes)
    if outcomes & READS:
        return RemovalState(
            "moved", doubt="its commit no longer gives it; the newest revision does", probes=probes
        )
    if DENIED in outcomes:
        return RemovalState("restricted", doubt="access was refused, which removes nothing", probes=probes)
    if not state.removed:
        return state
    if not is_without:
        return _undecided("its commit is gone, and the newest revision could not be read for it", probes)
    if OTHER_TEXT in outcomes:
        return _by_words(newest, outcomes, probes)
    if NOWHERE in outcomes:
        return _undecided(UNSEARCHED, probes)
    return RemovalState("dropped" if ABSENT in outcomes else state.state, removed=True, probes=probes)


def _version(probe: Probe) -> tuple[Any, Any] | None:
    """Return what tells the version of the file that answered; None if the server does not say."""
    named = strong(probe.get("etag")) or probe.get("last_modified")
    return named and (named, probe.get("bytes"))


def strong(etag: str | None) -> str | None:
    """Return an ETag without the mark of a weak one, which a proxy may add to that of the same file."""
    return etag and etag.removeprefix("W/")


def _controls_of(last: Sequence[Probe], controls: Controls) -> list[Probe]:
    """Return the controls of the target's batches: its own neighbours, and those of the whole batch."""
    batches = dict.fromkeys((probe["round"], probe["batch"]) for probe in last)
    asked = [control for batch in batches for control in controls.get(batch, ())]
    return [each for each in asked if each["target_sha256"] in (None, last[0]["target_sha256"])]


def _at_place(
    last: Sequence[Probe],
    past: _Past,
    outcomes: set[str],
    beside: Sequence[Probe],
    numbers: tuple[int, ...],
) -> RemovalState:
    """Return the state of a target whose file answers, and whose place has no longer its text."""
    rests_on = (*numbers, *(control["number"] for control in beside))
    # Where no record begins, and the whole file was read, the bytes are those of records that were read.
    if outcomes & WHOLE and not any(probe["copied_words"] or _has_remains(probe) for probe in last):
        outcomes = outcomes - {REMAINS}
    if outcomes & {OTHER_TEXT, REMAINS}:
        state = _by_words(last, outcomes, numbers)
        return _unless_grown(state, last, past) if state.removed and ABSENT not in outcomes else state
    if not any(control["role"] == "first" and control["outcome"] in (SAME, REWRITTEN) for control in beside):
        return _undecided("no other record of the file was read", rests_on)
    if outcomes & {EMPTY, ZEROS} or (UNREADABLE in outcomes and ABSENT not in outcomes):
        return _in_place(last, past, outcomes, beside, rests_on)
    if ABSENT in outcomes:
        return RemovalState("dropped", removed=True, probes=rests_on)
    if NOWHERE in outcomes:
        return _undecided(UNSEARCHED, rests_on)
    if GAPS in outcomes:
        doubt = "another record is at its place, and parts of the file that were not read may hold its text"
    elif BEYOND in outcomes:
        doubt = "the file ends before it: it may be cut, unless --deep finds a record that stood behind it"
    else:
        doubt = (
            "another record is at its place; only --deep, with --corpus, can say that it is not in the file"
        )
    return _undecided(doubt, rests_on)


def _has_remains(probe: Probe) -> bool:
    """Whether a record is at a place that has no text of its own, and text beside it."""
    return probe["outcome"] == REMAINS and probe.get("record_offset") is not None


def _by_words(last: Sequence[Probe], outcomes: set[str], numbers: tuple[int, ...]) -> RemovalState:
    """Return the state of a target whose place has other text, by the article's words that are left."""
    left = max((probe["copied_words"] for probe in last if probe["copied_words"] is not None), default=None)
    if REMAINS in outcomes and not left:
        doubt = "bytes at its place still give text, and only --corpus can say whether it is the article's"
        return _undecided(doubt, numbers)
    if left is None:
        return RemovalState("altered", doubt="the article's words were not counted", probes=numbers)
    return RemovalState("reduced", left == 0, probes=numbers, left=left)


def _in_place(
    last: Sequence[Probe],
    past: _Past,
    outcomes: set[str],
    beside: Sequence[Probe],
    rests_on: tuple[int, ...],
) -> RemovalState:
    """Return the state of a target whose place has nothing to read; deep reading makes it no worse."""
    if EMPTY in outcomes:
        state = RemovalState("blanked", removed=True, probes=rests_on)
        return state if ABSENT in outcomes else _unless_grown(state, last, past)
    if ABSENT in outcomes:
        return RemovalState("overwritten", removed=True, probes=rests_on)
    if _read(beside, "before") and _read(beside, "after"):
        return _unless_grown(RemovalState("overwritten", removed=True, probes=rests_on), last, past)
    if NOWHERE in outcomes:
        doubt = f"its neighbours in the file were not both read; {UNSEARCHED}"
    elif GAPS in outcomes:
        doubt = (
            "its neighbours were not both read, and parts of the file that were not read may hold its text"
        )
    else:
        doubt = "its neighbours were not both read; --deep, with --corpus, can say whether it is in the file"
    return _undecided(doubt, rests_on)


def _unless_grown(state: RemovalState, last: Sequence[Probe], past: _Past) -> RemovalState:
    """Return the state, unless the file is longer than ever: the text may have been put behind it."""
    sizes = [size for probe in last if (size := probe.get("bytes")) is not None]
    if past.longest is None or max(sizes, default=0) <= past.longest:
        return state
    doubt = (
        "its file is longer than before: only --deep, with --corpus, can say that the article is not in it"
    )
    return _undecided(doubt, state.probes)


def _missing(last: Sequence[Probe], past: _Past, controls: Controls) -> RemovalState:
    """Return the state of a target whose file is missing: once says little."""
    first = past.first_missing
    newest = last[-1]
    beside = controls.get((newest["round"], newest["batch"]), ())
    if _is_there(beside):
        return _undecided("the server misses its file only for some requests", (newest["number"],))
    sure = _read(beside, "beside")
    if first is None or not sure:
        doubt = "its file is missing, but no other file of the folder was read beside it"
        return _undecided(doubt, (newest["number"],))
    if _apart(first, newest) < STAYED_AWAY:
        again = first["asked_at"] + STAYED_AWAY
        doubt = f"its file was missing once; ask again after {again:%Y-%m-%d %H:%M} UTC"
        return _undecided(doubt, (newest["number"],))
    return RemovalState("withdrawn", removed=True, probes=(first["number"], newest["number"]))


def _apart(first: Probe, newest: Probe) -> timedelta:
    """Return how much later a probe is, by our clock or the server's: whichever says less."""
    ours: timedelta = newest["asked_at"] - first["asked_at"]
    before, now = first.get("clock_offset"), newest.get("clock_offset")
    return ours if before is None or now is None else min(ours, ours + timedelta(seconds=now - before))


def _doubt_of(controls: Sequence[Probe]) -> str:
    """Say which control answered as it must not; nothing if none did.

    A record of a file that is missing is missing, too: only `beside` tells of that.
    """
    for control in controls:
        role, outcome = control["role"], control["outcome"]
        if role == "nowhere" and outcome not in (MISSING, DENIED, *FAILURES):
            return "the server answers for a name that never was"
        if role == "first" and outcome not in (SAME, REWRITTEN, MISSING, DENIED, *FAILURES):
            return f"a record of the file that nobody noticed is {outcome.replace('_', ' ')}"
    return ""


def _read(controls: Sequence[Probe], role: str) -> bool:
    return any(control["role"] == role and control["outcome"] in (SAME, EDGE) for control in controls)


def _is_there(controls: Sequence[Probe]) -> bool:
    """Whether a file that is missing for a range is there for another range, or for a request without one."""
    return any(
        (each["role"] == UNRANGED and each["outcome"] != MISSING)
        or (each["role"] == "first" and each["outcome"] in (SAME, REWRITTEN))
        for each in controls
    )


def _by_index(state: RemovalState, index: Sequence[Probe], controls: Controls) -> RemovalState:
    """Return `hidden` for a text that reads while its index has no entry, and lists others."""
    unlisted = [
        probe
        for probe in index
        if probe["outcome"] == UNLISTED
        for control in controls.get((probe["round"], probe["batch"]), ())
        if control["role"] == "listed" and control["outcome"] == LISTED
    ]
    if state.state not in ("present", "moved") or not unlisted:
        return state
    doubt = "the index has no entry of it, and the record reads"
    return RemovalState("hidden", doubt=doubt, probes=(*state.probes, unlisted[0]["number"]))
