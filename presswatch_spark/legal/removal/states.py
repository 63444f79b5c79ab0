"""The state of a target, a place of a claim's text: ordered rules, applied to the last round that probed it.

A text counts as removed only if that round shows that it cannot be read, and the round's controls were
answered as expected. After a failure or contradictory answers, the target is undecided. `Probe` explains the
roles of controls, docs/reference/removal.md the states.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from presswatch_spark.core.translation import N_, Sentence, Word, sentence
from presswatch_spark.tables.declarations import Probe

Outcome = Literal[
    "same", "elsewhere", "other_text", "empty", "zeros", "unreadable", "other_record", "beyond", "nowhere",
    "absent", "gaps", "missing", "denied", "edge", "rewritten", "listed", "unlisted", "recaptured",
    "unresolved", "limited", "refused", "strange", "failed", "remains",
]  # fmt: skip
"""The answer of a probe. `edge`: the file begins or ends there. `beyond`: the file ends before the place.

`nowhere`: the whole file was read without the text (as a role of a control, it is a made-up name).

`gaps`: a deep reading could not read parts of the file. `unresolved`: the offset is unknown. `remains` (from
earlier versions): bytes without a record, which gave text.
"""
State = Literal[
    "present", "altered", "hidden", "overwritten", "dropped", "withdrawn", "superseded", "restricted",
    "reappeared", "recaptured", "undecided",
]  # fmt: skip
Controls = Mapping[tuple[int, int], Sequence[Probe]]
"""The controls of a round, by number of the round and of the batch."""
Rule = tuple[bool, State, str]
"""A condition, the resulting state, and the reason to doubt that state."""
FileVersion = tuple[str, int | None]
"""The version of a file: ETag or Last-Modified, and size."""

MEANINGS: Mapping[str, str] = {
    "present": N_("The text can be read."),
    "altered": N_("Another text is there, which is not a removal."),
    "hidden": N_("The index has no entry, but the record is readable."),
    "overwritten": N_("Nothing is at its place, and controls of the file are readable."),
    "dropped": N_("The whole file was read, and the text is not in it."),
    "withdrawn": N_("The file was missing twice, a day apart."),
    "superseded": N_("An older revision serves it, the newest does not."),
    "restricted": N_("Access was refused, which is not a removal."),
    "reappeared": N_("It was removed, and is there again."),
    "recaptured": N_("A later capture of its address has the article."),
    "undecided": N_("The state is unknown."),
}
"""Meanings of the states, for people."""
STATES = tuple(MEANINGS)
"""All states, in the order in which they are counted."""
REMOVED: frozenset[State] = frozenset({"overwritten", "dropped", "withdrawn"})
READS: frozenset[Outcome] = frozenset({"same", "elsewhere"})
"""Outcomes that show that the text can be read."""
WHOLE: frozenset[Outcome] = frozenset({"nowhere", "absent"})
"""The whole file was read without the target: `nowhere` by its text and URL, `absent` by its article, too."""
FAILURES: Mapping[Outcome, str] = {
    "failed": N_("the answer was missing or incomplete"),
    "limited": N_("the server asked for fewer requests"),
    "refused": N_("the server could not answer"),
    "strange": N_("the answer was not a part of the file"),
}
"""Outcomes that prove nothing about the target."""
UNSEARCHED = N_(
    "its text and URL are not in the file; only --corpus shows whether passages of its article are"
)
MAY_GIVE_TEXT = N_(
    "the bytes at its place are not a record that a scan reads, and may still contain its text"
)
STAYED_AWAY = timedelta(hours=24)
"""Least time between two answers that a file is missing; one answer may be a passing failure."""


@dataclass(frozen=True, slots=True)
class RemovalState:
    """The state of a target at a time.

    `reason`: the reason to doubt it, perhaps empty. `probes`: `number` of the probes that prove it.
    `left`: words of the article in another text; None if not counted. `own`: the state of the target's own
    place, if a run found a later capture, or the same capture in another file, and that decided `state`.
    """

    state: State
    reason: Sentence
    probes: tuple[int, ...] = ()
    left: int | None = None
    own: "RemovalState | None" = None

    @property
    def removed(self) -> bool:
        """Return whether the text is gone from this place."""
        return self.state in REMOVED

    @property
    def doubt(self) -> str:
        """Return the reason as an English sentence; empty if there is none."""
        return str(self.reason)


UNASKED = RemovalState("undecided", sentence(N_("it has not been probed yet")))


@dataclass(slots=True)
class FollowedTarget:
    """The history of a target, updated round by round; of earlier rounds it keeps one probe, `first_missing`.

    `state`: after the last round that probed it. `captures`, `elsewhere`: `number` of probes that show its
    article in a later capture, or its capture in another file. `versions`: versions of the file in which it
    was read; `longest`: their greatest size. `first_missing`: first of an unbroken series of probes that
    missed the file while another file could be read. `gone`: its last state without its text.
    """

    state: RemovalState = UNASKED
    captures: tuple[int, ...] = ()
    elsewhere: tuple[int, ...] = ()
    was_read: bool = False
    versions: set[FileVersion] = field(default_factory=set)
    longest: int | None = None
    first_missing: Probe | None = None
    gone: str = ""

    def add(
        self, asked: Sequence[Probe], controls: Controls, index: Sequence[Probe], captures: Sequence[Probe]
    ) -> RemovalState:
        """Return the state after a round that probed the target.

        `asked`: probes of its place, at least one. `controls`: of the round. `index`: answers of an index
        about it. `captures`: `recapture` probes, rows of runs that contain its article.
        """
        for probe in asked:
            of_batch = controls.get((probe.round, probe.batch), ())
            if probe.outcome != "missing" or _is_there(of_batch):
                self.first_missing = None
            elif self.first_missing is None and _has(of_batch, "beside", "same", "edge"):
                self.first_missing = probe
            if probe.outcome == "same":
                self.was_read = True
                self.versions |= {version} if (version := version_of(probe)) else set()
                self.longest = max(filter(None, (probe.bytes, self.longest)), default=None)
        named = (None, asked[0].target_sha256)
        batches = dict.fromkeys((probe.round, probe.batch) for probe in (*asked, *index))
        beside = [
            each for batch in batches for each in controls.get(batch, ()) if each.target_sha256 in named
        ]
        own = TargetRound(asked, beside, index, self).state()
        # The text is removed, or replaced by another text without its words.
        if own.removed or (own.state == "altered" and own.left == 0):
            self.gone = own.state
        self.note(captures)
        self.state, own_state = own, Word("column", own.state)
        if self.captures:
            later = N_("a later capture of its URL has the article; its own place is {own}")
            numbers = (*self.captures, *own.probes)
            self.state = RemovalState("recaptured", sentence(later, own=own_state), numbers, own.left, own)
        elif self.elsewhere and own.removed:
            other = N_("a run found this capture in another file; its own place is {own}")
            numbers = (*self.elsewhere, *own.probes)
            self.state = RemovalState("present", sentence(other, own=own_state), numbers, own=own)
        return self.state

    def note(self, captures: Sequence[Probe]) -> None:
        """Note `recapture` probes; they affect the state from the next round on that probes the target."""
        self.elsewhere += tuple(probe.number for probe in captures if probe.outcome == "elsewhere")
        self.captures += tuple(probe.number for probe in captures if probe.outcome != "elsewhere")


@dataclass(frozen=True, slots=True)
class TargetRound:
    """A round that probed a target: probes of its place (at least one), controls, index, earlier rounds."""

    asked: Sequence[Probe]
    controls: Sequence[Probe]
    index: Sequence[Probe]
    history: FollowedTarget

    def has(self, *outcomes: Outcome) -> bool:
        """Return whether a probe of the target's place has one of these outcomes."""
        return any(probe.outcome in outcomes for probe in self.asked)

    def control(self, role: str, *outcomes: Outcome) -> bool:
        """Return whether a control of a role has one of these outcomes."""
        return _has(self.controls, role, *outcomes)

    @property
    def newest(self) -> list[Probe]:
        """Return the probes of the newest revision, if the file is on a hub."""
        return [each for each in self.controls if each.role == "newest"]

    def contradicts(self, role: str, *expected: Outcome) -> bool:
        """Return whether a control of a role was answered neither as expected nor by a failure."""
        allowed = (*expected, "missing", "denied", *FAILURES)
        return any(each.role == role and each.outcome not in allowed for each in self.controls)

    def state(self) -> RemovalState:
        """Return the state of the target's own place after the round, by the first rule that holds."""
        state, reason = next((state, reason) for holds, state, reason in self.rules() if holds)
        missing = self.history.first_missing
        again = f"{missing.asked_at + STAYED_AWAY:%Y-%m-%d %H:%M} UTC" if missing else ""
        why = sentence(reason, before=Word("column", self.history.gone), again=again)
        shown = [missing, *self.asked] if state == "withdrawn" and missing else list(self.asked)
        is_by_controls = state in REMOVED or state == "undecided"
        shown += self.controls if is_by_controls else self.newest
        if state == "hidden":
            shown += [probe for probe in self.index if probe.outcome == "unlisted"][:1]
        numbers = tuple(dict.fromkeys(probe.number for probe in shown))
        return RemovalState(state, why, numbers, self.words() if state == "altered" else None)

    def words(self) -> int | None:
        """Return the most words of the article in a text at the place; None if they were not counted."""
        there = self.asked if self.has("other_text", "remains") else self.newest
        return max((each.copied_words for each in there if each.copied_words is not None), default=None)

    def is_on_hub(self) -> bool:
        """Return whether the file is pinned to a commit, whose bytes never change."""
        return bool(self.newest) or any(str(probe.file_uri).startswith("hf://") for probe in self.asked)

    def newest_lacks_it(self) -> bool:
        """Return whether the newest revision of a file on a hub was read and lacks the text."""
        outcomes = {each.outcome for each in self.newest}
        return bool(outcomes) and outcomes <= {*WHOLE, "missing", "other_text"}

    def rules(self) -> Iterator[Rule]:
        """Yield condition, state and reason to doubt it for each rule; the first true condition decides."""
        # A text that can be read is not gone, whatever other probes answered.
        newest_reads = self.control("newest", *READS)
        reads = self.has(*READS) or newest_reads
        yield bool(self.history.gone) and reads, "reappeared", N_("it was {before} before")
        words = any(each.copied_words for each in self.newest)
        is_superseded = self.has(*READS) and self.newest_lacks_it() and not words
        older = N_("the newest revision lacks it, and an older one still serves it")
        unsearched = N_(
            "the newest revision lacks its text and URL, and an older one still serves it; only "
            "--corpus shows whether passages of its article are in the newest"
        )
        yield is_superseded and self.control("newest", "nowhere"), "superseded", unsearched
        yield is_superseded, "superseded", older
        is_hidden = any(probe.outcome == "unlisted" for probe in self.index)
        is_hidden &= self.control("listed", "listed")
        yield reads and is_hidden, "hidden", N_("the index has no entry for it, and the record is readable")
        yield self.has("same"), "present", ""
        yield self.has("elsewhere"), "present", N_("it is elsewhere in the file, or under another URL")
        yield newest_reads, "present", N_("its commit no longer serves it; the newest revision does")
        # Answers that prove nothing.
        denied = N_("access was refused, which is not a removal")
        yield self.control("newest", "denied"), "restricted", denied
        unresolved = N_("unresolved: no index (--index) has given the record's place in its file yet")
        yield self.has("unresolved"), "undecided", unresolved
        yield self.contradicts("nowhere"), "undecided", N_("the server answers for a made-up name")
        lost = N_("a control record, which no notice is about, is not there either")
        yield self.contradicts("first", "same", "rewritten"), "undecided", lost
        for outcome, reason in FAILURES.items():
            yield self.has(outcome), "undecided", reason
        yield self.has("denied"), "restricted", denied
        yield not self.history.was_read, "undecided", N_("no probe of this case ever read it")
        unheard = N_("the server did not answer for a made-up name")
        yield not self.control("nowhere", "missing", "denied"), "undecided", unheard
        answers = (version_of(probe) for probe in self.asked if probe.outcome != "missing")
        is_known = any(version in self.history.versions for version in answers)
        yield is_known, "undecided", N_("according to the server, the file has not changed since it was read")
        yield from self._if_other_text(self.has("other_text") or (self.has("remains") and bool(self.words())))
        is_unread = any(
            probe.outcome in ("unreadable", "remains") and probe.record_offset is not None
            for probe in self.asked
        )
        yield is_unread, "undecided", MAY_GIVE_TEXT
        yield from self._if_text_is_not_there()

    def _if_other_text(self, is_there: bool) -> Iterator[Rule]:
        """Yield rules for another text: never a removal, since a count can miss words in odd spellings."""
        words = self.words()
        yield is_there and words is None, "altered", N_("the article's words were not counted")
        yield is_there and bool(words), "altered", ""
        none = N_("another text is there, in which no word of the article was found")
        yield is_there, "altered", none

    def _if_text_is_not_there(self) -> Iterator[Rule]:
        # The file is missing.
        is_gone, before = self.has("missing"), self.history.first_missing
        partly = N_("the server lacks its file only for some requests")
        yield is_gone and _is_there(self.controls), "undecided", partly
        alone = N_("its file is missing, but no other file of the folder was read at the same time")
        has_other = before is not None and self.control("beside", "same", "edge")
        yield is_gone and not has_other, "undecided", alone
        once, last = N_("its file was missing once; probe again after {again}"), self.asked[-1]
        apart = last.asked_at - before.asked_at if before else timedelta(0)
        if before and before.clock_offset is not None and last.clock_offset is not None:
            # The local clock and the server's may disagree: take the smaller difference.
            apart = min(apart, apart + timedelta(seconds=last.clock_offset - before.clock_offset))
        yield is_gone and apart < STAYED_AWAY, "undecided", once
        unknown = N_("its commit is gone, and the newest revision could not be read")
        yield is_gone and self.is_on_hub() and not self.newest_lacks_it(), "undecided", unknown
        yield from self._if_other_text(is_gone and self.control("newest", "other_text"))
        yield is_gone and self.control("newest", "nowhere"), "undecided", UNSEARCHED
        yield is_gone and self.control("newest", "absent"), "dropped", ""
        yield is_gone, "withdrawn", ""
        yield self.is_on_hub(), "undecided", N_("the commit serves other bytes, though commits never change")
        # The file is there.
        is_blank, longest = self.has("empty", "zeros"), self.history.longest
        no_other = N_("no other record of the file was read")
        yield not self.control("first", "same", "rewritten"), "undecided", no_other
        yield self.has("absent") and is_blank, "overwritten", ""
        yield self.has("absent"), "dropped", ""
        yield self.has("unreadable", "remains"), "undecided", MAY_GIVE_TEXT
        has_grown = longest is not None and any((probe.bytes or 0) > longest for probe in self.asked)
        grown = N_(
            "its file is longer than before: only --deep with --corpus can show that the article is not in it"
        )
        yield is_blank and has_grown, "undecided", grown
        both = self.control("before", "same", "edge") and self.control("after", "same", "edge")
        yield self.has("empty") or (is_blank and both), "overwritten", ""
        yield self.has("nowhere"), "undecided", UNSEARCHED
        yield self.has("gaps"), "undecided", N_("parts of the file that were not read may contain its text")
        neighbours = N_(
            "a neighbour of it was not read; --deep with --corpus can show whether it is in the file"
        )
        yield is_blank, "undecided", neighbours
        cut = N_("the file ends before it: it may be cut, unless --deep finds a record that followed it")
        yield self.has("beyond"), "undecided", cut
        other = N_(
            "another record is at its place; only --deep with --corpus can show that it is not in the file"
        )
        yield True, "undecided", other


def strong(etag: str | None) -> str | None:
    """Return an ETag without `W/`, the mark of a weak one, which a proxy may add for the same file."""
    return etag and etag.removeprefix("W/")


def version_of(probe: Probe) -> FileVersion | None:
    """Return the version of the probed file; None if the server sent neither ETag nor Last-Modified."""
    named = strong(probe.etag) or probe.last_modified
    return (named, probe.bytes) if named else None


def _has(probes: Sequence[Probe], role: str, *outcomes: Outcome) -> bool:
    return any(each.role == role and each.outcome in outcomes for each in probes)


def _is_there(controls: Sequence[Probe]) -> bool:
    """Return whether another range, or a request without a range, found the missing file after all."""
    is_there_whole = any(each.role == "unranged" and each.outcome != "missing" for each in controls)
    return is_there_whole or _has(controls, "first", "same", "rewritten")
