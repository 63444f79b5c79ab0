"""The state of a target: one ordered table of rules, applied to the last round that asked for it.

A text counts as removed only if the last round shows that it cannot be read, and the controls of that round
answered as they must. A failure, or answers that disagree, leave the target undecided.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from presswatch_spark.tables.declarations import Probe
from presswatch_spark.translation import N_

Controls = Mapping[tuple[int, int], Sequence[Probe]]
"""The controls of a round, by round and batch."""
FileVersion = tuple[str, int | None]
"""The version of a file: ETag or Last-Modified, and size."""

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
PLACE = "place"
UNRANGED = "unranged"
UNRESOLVED = "unresolved"
LIMITED = "limited"
REFUSED = "refused"
STRANGE = "strange"
FAILED = "failed"

READS = frozenset({SAME, ELSEWHERE})
"""The text can be read."""
WHOLE = frozenset({NOWHERE, ABSENT})
"""The whole file was read without the target: looked for by its names only, or by its article, too."""
SETTLED = frozenset({SAME, ELSEWHERE, OTHER_TEXT, *WHOLE})
"""Outcomes of a whole file that another reading of the same bytes would repeat."""
WITHOUT_RECORD = frozenset({EMPTY, ZEROS, UNREADABLE})
"""Nothing can be read at the place: a record without content, zeros, or bytes that are no record."""
FAILURES: Mapping[str, str] = {
    FAILED: N_("there was no whole answer"),
    LIMITED: N_("the server asked for fewer requests"),
    REFUSED: N_("the server could not answer"),
    STRANGE: N_("the answer was no part of the file"),
}
"""These say nothing of the target."""
STAYED_AWAY = timedelta(hours=24)
"""How far apart two answers that a file is missing must be."""

PRESENT = "present"
HIDDEN = "hidden"
ALTERED = "altered"
OVERWRITTEN = "overwritten"
DROPPED = "dropped"
WITHDRAWN = "withdrawn"
SUPERSEDED = "superseded"
RESTRICTED = "restricted"
REAPPEARED = "reappeared"
UNDECIDED = "undecided"
REMOVED = frozenset({OVERWRITTEN, DROPPED, WITHDRAWN})
STATES = (
    PRESENT, ALTERED, HIDDEN, OVERWRITTEN, DROPPED, WITHDRAWN, SUPERSEDED, RESTRICTED, REAPPEARED,
    RECAPTURED, UNDECIDED,
)  # fmt: skip
"""All states, in the order in which they are counted."""

UNSEARCHED = N_(
    "its text and URL are not in the file; only --corpus can say whether passages of its article are"
)


@dataclass(frozen=True, slots=True)
class RemovalState:
    """The state of a target at a time.

    `reason`: why it is no better known, or what limits it: an English sentence with the names of `facts`.
    `probes`: `number` of each probe that it rests on. `left`: if another text is there, how many words of the
    article it has; None if they were not counted. `own`: the state of its own place, where a run found a
    later capture, or this one in another file.
    """

    state: str
    reason: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    probes: tuple[int, ...] = ()
    left: int | None = None
    own: "RemovalState | None" = None

    @property
    def removed(self) -> bool:
        """The text is gone from this place."""
        return self.state in REMOVED

    @property
    def is_gone(self) -> bool:
        """Nothing of the text is at this place: it is removed, or another text is there without its words."""
        return self.removed or (self.state == ALTERED and self.left == 0)

    @property
    def doubt(self) -> str:
        """The reason as an English sentence; empty if there is none."""
        return self.reason.format_map(self.facts)


UNASKED = RemovalState(UNDECIDED, N_("it was not asked for yet"))


@dataclass(slots=True)
class TargetHistory:
    """Summary of all probes of a target up to a round; there may be hundreds of rounds.

    `was_read`: a probe read it. `versions`: those of its file in which it was read. `longest`: the greatest
    size of the file then. `first_missing`: the first of the probes since when the file is missing, without
    any other answer between, if another file was read beside it. `gone`: its last state without its text.
    """

    was_read: bool = False
    versions: set[FileVersion] = field(default_factory=set)
    longest: int | None = None
    first_missing: Probe | None = None
    gone: str = ""

    def add(self, probe: Probe, beside: Sequence[Probe]) -> None:
        """Take a probe of the target into account; `beside`: the controls of its batch."""
        if probe.outcome != MISSING or _is_there(beside):
            self.first_missing = None
        elif self.first_missing is None and any(
            each.role == "beside" and each.outcome in (SAME, EDGE) for each in beside
        ):
            self.first_missing = probe
        if probe.outcome != SAME:
            return
        self.was_read = True
        if (version := version_of(probe)) is not None:
            self.versions.add(version)
        if (size := probe.bytes) is not None:
            self.longest = max(size, self.longest or 0)


@dataclass(frozen=True, slots=True)
class TargetRound:
    """A round that asked for a target: its probes of the target's place, one at least, and their controls.

    `index`: what an index said of the target. `history`: all rounds up to this one.
    """

    asked: Sequence[Probe]
    controls: Sequence[Probe]
    index: Sequence[Probe]
    history: TargetHistory

    def has(self, *outcomes: str) -> bool:
        """Return whether a probe of the target's place has one of these outcomes."""
        return any(probe.outcome in outcomes for probe in self.asked)

    def control(self, role: str, *outcomes: str) -> bool:
        """Return whether a control of a role has one of these outcomes."""
        return any(each.role == role and each.outcome in outcomes for each in self.controls)

    def contradicts(self, role: str, *expected: str) -> bool:
        """Return whether a control answered neither as expected nor as one of a file that cannot be read."""
        allowed = (*expected, MISSING, DENIED, *FAILURES)
        return any(each.role == role and each.outcome not in allowed for each in self.controls)

    @property
    def newest(self) -> list[Probe]:
        """On a hub, the probes of the newest revision."""
        return [each for each in self.controls if each.role == NEWEST]

    def newest_has(self, *outcomes: str) -> bool:
        """Return whether a probe of the newest revision has one of these outcomes."""
        return any(probe.outcome in outcomes for probe in self.newest)

    @property
    def is_on_hub(self) -> bool:
        """The file is pinned to a commit, whose bytes never change."""
        return bool(self.newest) or any(str(probe.file_uri).startswith("hf://") for probe in self.asked)

    @property
    def reads(self) -> bool:
        """The text can be read: in the file, or on a hub in the newest revision of it."""
        return self.has(*READS) or self.newest_has(*READS)

    @property
    def newest_is_without(self) -> bool:
        """The newest revision was read, and lacks the text."""
        outcomes = {each.outcome for each in self.newest}
        return bool(outcomes) and outcomes <= {*WHOLE, MISSING, OTHER_TEXT}

    @property
    def newest_lacks_words(self) -> bool:
        """The newest revision lacks the text, and no word of the article was counted in it."""
        return self.newest_is_without and not any(each.copied_words for each in self.newest)

    @property
    def words(self) -> int | None:
        """The most words of the article in a text that is there; None if they were not counted."""
        there = self.asked if self.has(OTHER_TEXT, REMAINS) else self.newest
        return max((each.copied_words for each in there if each.copied_words is not None), default=None)

    @property
    def has_remains(self) -> bool:
        """Bytes at the place give text.

        If no record begins there, and the whole file was read, they are bytes of records that were read.
        """
        is_read = self.has(*WHOLE) and not self.words
        remains = [probe for probe in self.asked if probe.outcome == REMAINS]
        return any(not is_read or probe.record_offset is not None for probe in remains)

    @property
    def is_known_version(self) -> bool:
        """The server gives the file the version in which the text was read."""
        answers = (probe for probe in self.asked if probe.outcome != MISSING)
        return any(version_of(probe) in self.history.versions for probe in answers)

    @property
    def has_grown(self) -> bool:
        """The file is longer than ever: the text may be at its end."""
        longest = self.history.longest
        return longest is not None and any((probe.bytes or 0) > longest for probe in self.asked)

    @property
    def is_hidden(self) -> bool:
        """The index has no entry of the target, and lists another page of the file."""
        is_unlisted = any(probe.outcome == UNLISTED for probe in self.index)
        return is_unlisted and self.control("listed", LISTED)

    @property
    def missing_apart(self) -> timedelta:
        """How long the file has been missing, by our clock or the server's: whichever says less."""
        first, newest = self.history.first_missing, self.asked[-1]
        if first is None:
            return timedelta(0)
        ours: timedelta = newest.asked_at - first.asked_at
        before, now = first.clock_offset, newest.clock_offset
        return ours if before is None or now is None else min(ours, ours + timedelta(seconds=now - before))

    @property
    def facts(self) -> Mapping[str, str]:
        """Names that reasons may use."""
        first = self.history.first_missing
        again = f"{first.asked_at + STAYED_AWAY:%Y-%m-%d %H:%M} UTC" if first else ""
        return {"before": self.history.gone, "again": again}


Condition = Callable[[TargetRound], bool]


@dataclass(frozen=True, slots=True)
class StateRule:
    """A line of the table: the first whose condition holds gives the state, and the reason to doubt it."""

    holds: Condition
    state: str
    reason: str = ""


DENIED_REASON = N_("access was refused, which removes nothing")


def _altered(holds: Condition) -> tuple[StateRule, ...]:
    """Return the rules of another text. Without a word of the article it is no removal: words can be written
    in ways that a count does not see.
    """
    return (
        StateRule(
            lambda at: holds(at) and at.words is None, ALTERED, N_("the article's words were not counted")
        ),
        StateRule(lambda at: holds(at) and bool(at.words), ALTERED),
        StateRule(holds, ALTERED, N_("another text is there, in which no word of the article was found")),
    )


def _failed(outcome: str, reason: str) -> StateRule:
    return StateRule(lambda at: at.has(outcome), UNDECIDED, reason)


RULES: Sequence[StateRule] = (
    # A text that can be read is not gone, whatever else was answered.
    StateRule(lambda at: bool(at.history.gone) and at.reads, REAPPEARED, N_("it was {before} before")),
    StateRule(
        lambda at: at.has(*READS) and at.newest_lacks_words and at.newest_has(NOWHERE),
        SUPERSEDED,
        N_(
            "the newest revision is without its text and URL, and an older one still serves it; only --corpus"
            " can say whether passages of its article are in the newest"
        ),
    ),
    StateRule(
        lambda at: at.has(*READS) and at.newest_lacks_words,
        SUPERSEDED,
        N_("the newest revision is without it, and an older one still serves it"),
    ),
    StateRule(
        lambda at: at.reads and at.is_hidden, HIDDEN, N_("the index has no entry of it, and the record reads")
    ),
    StateRule(lambda at: at.has(SAME), PRESENT),
    StateRule(lambda at: at.has(ELSEWHERE), PRESENT, N_("it is elsewhere in the file, or under another URL")),
    StateRule(
        lambda at: at.newest_has(*READS),
        PRESENT,
        N_("its commit no longer gives it; the newest revision does"),
    ),
    # Answers that cannot be trusted, or say nothing.
    StateRule(lambda at: at.newest_has(DENIED), RESTRICTED, DENIED_REASON),
    StateRule(
        lambda at: at.has(UNRESOLVED),
        UNDECIDED,
        N_("unresolved: no index (--index) has said yet where in its file the record is"),
    ),
    StateRule(
        lambda at: at.contradicts("nowhere"),
        UNDECIDED,
        N_("the server answers for a name that never was"),
    ),
    StateRule(
        lambda at: at.contradicts("first", SAME, REWRITTEN),
        UNDECIDED,
        N_("a record of the file that nobody noticed is not there either"),
    ),
    *(_failed(outcome, reason) for outcome, reason in FAILURES.items()),
    StateRule(lambda at: at.has(DENIED), RESTRICTED, DENIED_REASON),
    StateRule(lambda at: not at.history.was_read, UNDECIDED, N_("no probe of this case ever read it")),
    StateRule(
        lambda at: not at.control("nowhere", MISSING, DENIED),
        UNDECIDED,
        N_("the server was not heard on a name that never was"),
    ),
    StateRule(
        lambda at: at.is_known_version,
        UNDECIDED,
        N_("the server says that the file is the one in which it was read"),
    ),
    # Another text, or bytes that may give one.
    *_altered(lambda at: at.has(OTHER_TEXT)),
    StateRule(lambda at: at.has_remains and bool(at.words), ALTERED),
    StateRule(
        lambda at: at.has_remains,
        UNDECIDED,
        N_("bytes at its place still give text, in which no word of the article was counted"),
    ),
    # A file that is missing.
    StateRule(
        lambda at: at.has(MISSING) and _is_there(at.controls),
        UNDECIDED,
        N_("the server misses its file only for some requests"),
    ),
    StateRule(
        lambda at: at.has(MISSING) and not (at.history.first_missing and at.control("beside", SAME, EDGE)),
        UNDECIDED,
        N_("its file is missing, but no other file of the folder was read beside it"),
    ),
    StateRule(
        lambda at: at.has(MISSING) and at.missing_apart < STAYED_AWAY,
        UNDECIDED,
        N_("its file was missing once; ask again after {again}"),
    ),
    StateRule(
        lambda at: at.has(MISSING) and at.is_on_hub and not at.newest_is_without,
        UNDECIDED,
        N_("its commit is gone, and the newest revision could not be read for it"),
    ),
    *_altered(lambda at: at.has(MISSING) and at.newest_has(OTHER_TEXT)),
    StateRule(lambda at: at.has(MISSING) and at.newest_has(NOWHERE), UNDECIDED, UNSEARCHED),
    StateRule(lambda at: at.has(MISSING) and at.newest_has(ABSENT), DROPPED),
    StateRule(lambda at: at.has(MISSING), WITHDRAWN),
    StateRule(lambda at: at.is_on_hub, UNDECIDED, N_("a commit never changes, and gives other bytes")),
    # A file that is there without the text.
    StateRule(
        lambda at: not at.control("first", SAME, REWRITTEN),
        UNDECIDED,
        N_("no other record of the file was read"),
    ),
    StateRule(lambda at: at.has(ABSENT) and at.has(EMPTY, ZEROS), OVERWRITTEN),
    StateRule(lambda at: at.has(ABSENT), DROPPED),
    StateRule(
        lambda at: at.has(*WITHOUT_RECORD) and at.has_grown,
        UNDECIDED,
        N_(
            "its file is longer than before: only --deep, with --corpus, can say"
            " that the article is not in it"
        ),
    ),
    StateRule(lambda at: at.has(EMPTY), OVERWRITTEN),
    StateRule(
        lambda at: (
            at.has(*WITHOUT_RECORD) and at.control("before", SAME, EDGE) and at.control("after", SAME, EDGE)
        ),
        OVERWRITTEN,
    ),
    StateRule(lambda at: at.has(NOWHERE), UNDECIDED, UNSEARCHED),
    StateRule(
        lambda at: at.has(GAPS), UNDECIDED, N_("parts of the file that were not read may hold its text")
    ),
    StateRule(
        lambda at: at.has(*WITHOUT_RECORD),
        UNDECIDED,
        N_("its neighbours were not both read; --deep, with --corpus, can say whether it is in the file"),
    ),
    StateRule(
        lambda at: at.has(BEYOND),
        UNDECIDED,
        N_("the file ends before it: it may be cut, unless --deep finds a record that stood behind it"),
    ),
    StateRule(
        lambda at: True,
        UNDECIDED,
        N_("another record is at its place; only --deep, with --corpus, can say that it is not in the file"),
    ),
)
"""The first rule that holds decides."""


def state_after(at: TargetRound) -> RemovalState:
    """Return the state of a target's own place after a round, by the first rule that holds."""
    rule = next(rule for rule in RULES if rule.holds(at))
    shown = list(at.asked)
    if rule.state == WITHDRAWN and at.history.first_missing:
        shown.insert(0, at.history.first_missing)
    shown += at.controls if rule.state in (*REMOVED, UNDECIDED) else at.newest
    if rule.state == HIDDEN:
        shown += [probe for probe in at.index if probe.outcome == UNLISTED][:1]
    numbers = tuple(dict.fromkeys(probe.number for probe in shown))
    left = at.words if rule.state == ALTERED else None
    return RemovalState(rule.state, rule.reason, at.facts if "{" in rule.reason else {}, numbers, left)


@dataclass(slots=True)
class FollowedTarget:
    """A target as its rounds are read, one after the other; it holds no probes of earlier rounds but one.

    `state`: after the last round that asked for it. `captures`: `number` of the probes that show its article
    in a later capture; `elsewhere`: of those that show its capture in another file of the release.
    """

    state: RemovalState = UNASKED
    captures: tuple[int, ...] = ()
    elsewhere: tuple[int, ...] = ()
    _history: TargetHistory = field(default_factory=TargetHistory)

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
        batches = dict.fromkeys((probe.round, probe.batch) for probe in (*asked, *index))
        for probe in asked:
            self._history.add(probe, controls.get((probe.round, probe.batch), ()))
        named = (None, asked[0].target_sha256)
        beside = [
            each for batch in batches for each in controls.get(batch, ()) if each.target_sha256 in named
        ]
        own = state_after(TargetRound(asked, beside, index, self._history))
        if own.is_gone:
            self._history.gone = own.state
        self.note(captures)
        self.state, facts = own, {"own": own.state}
        if self.captures:
            reason = N_("a later capture of its URL has the article; its own place is {own}")
            numbers = (*self.captures, *own.probes)
            self.state = RemovalState(RECAPTURED, reason, facts, numbers, own.left, own)
        elif self.elsewhere and own.removed:
            reason = N_("a run found this capture in another file; its own place is {own}")
            self.state = RemovalState(PRESENT, reason, facts, (*self.elsewhere, *own.probes), own=own)
        return self.state

    def note(self, captures: Sequence[Probe]) -> None:
        """Take note of what runs had; it counts from the next round on that asks for the target."""
        for probe in captures:
            if probe.outcome == ELSEWHERE:
                self.elsewhere += (probe.number,)
            else:
                self.captures += (probe.number,)


def strong(etag: str | None) -> str | None:
    """Return an ETag without the mark of a weak one, which a proxy may add to that of the same file."""
    return etag and etag.removeprefix("W/")


def version_of(probe: Probe) -> FileVersion | None:
    """Return the version of the file that answered; None if the server names none."""
    named = strong(probe.etag) or probe.last_modified
    return (named, probe.bytes) if named else None


def _is_there(controls: Sequence[Probe]) -> bool:
    """Return whether a missing file is there for another range, or for a request without one."""
    return any(
        (each.role == UNRANGED and each.outcome != MISSING)
        or (each.role == "first" and each.outcome in (SAME, REWRITTEN))
        for each in controls
    )
