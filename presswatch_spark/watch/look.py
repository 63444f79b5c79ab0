"""Looks once at releases: says what became of the scans that were started, and starts the others.

First it reads every claim of the scope, and looks for what was submitted. Then it starts scans, newest
release first, never more than `at_once` at a time. A watcher that is refused a claim leaves the release to
others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from presswatch_spark.errors import PresswatchError
from presswatch_spark.releases.release import Release
from presswatch_spark.storage.objects import ConflictError
from presswatch_spark.watch.claims import Clock, Held, Holding, LeaseStage, ReleaseLease, WatchLeases, renewed
from presswatch_spark.watch.scope import is_overdue
from presswatch_spark.watch.starters import DONE, FAILED, PARTIAL, Published, ScanJob, Starter, Status

UNDER_WAY = 75
"""EX_TEMPFAIL of sysexits.h: ask again later."""


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What a look says of one release. `code` is 0, 1 or 3 as exit codes are, or `UNDER_WAY`."""

    release: str
    said: str
    code: int = DONE


@dataclass(frozen=True, slots=True)
class _Todo:
    """A release whose scan is to be started. `held` is the claim to take over, or, if `fresh`, to replace."""

    release: Release
    held: Held | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """All that a look needs to know.

    `starters` returns the starter of a profile; `profile` names the one that starts. `ready` says why a
    release cannot be scanned yet, `published` how a run of it ended that nobody claimed. A claim without a
    sign of life for longer than `lease` may be taken over. `again` names releases whose ended scans are
    started anew.
    """

    claims: WatchLeases
    key: str
    job_of: Callable[[Release], ScanJob]
    starters: Callable[[str], Starter]
    profile: str
    ready: Callable[[Release], str | None]
    published: Published
    holder: str
    clock: Clock
    lease: timedelta
    at_once: int = 1
    again: frozenset[str] = frozenset()
    dry_run: bool = False

    def __call__(self, releases: Sequence[Release]) -> Iterator[WatchReport]:
        """Look at the releases (newest first), start scans, and yield a finding for each as it happens.

        Raises:
            PresswatchError: claims or shard lists cannot be read now, so nothing can be said.
        """
        todo: list[_Todo] = []
        busy = 0
        for release in releases:
            outcome = self._state_of(release)
            if isinstance(outcome, _Todo):
                todo.append(outcome)
                continue
            busy += outcome.code == UNDER_WAY
            yield outcome
        for task in todo:
            if busy >= self.at_once:
                finding = WatchReport(task.release.name, f"waits for {busy} under way", UNDER_WAY)
            else:
                finding = self._would(task) if self.dry_run else self._start(task)
                busy += finding.code == UNDER_WAY or self.dry_run
            yield finding

    def drop(self, release: str) -> WatchReport:
        """Give the release up: it is not scanned, or no longer waited for. What runs is not stopped."""
        held, now = self.claims.read(release, self.key), self.clock()
        before = held.claim if held else ReleaseLease.new(release, self.key, self.holder, now)
        claim = renewed(before, now, holder=self.holder, state=LeaseStage.DROPPED)
        self.claims.write(claim, held)
        runs = f"; what runs at {_place_of(before)} goes on" if before.state is LeaseStage.SUBMITTED else ""
        return WatchReport(release, f"given up{runs}")

    def _state_of(self, release: Release) -> WatchReport | _Todo:
        held = self.claims.read(release.name, self.key)
        if held is None:
            return self._unclaimed(release)
        claim = held.claim
        alive = self.clock() - claim.renewed_at < self.lease
        if claim.state is LeaseStage.CLAIMED:
            who = f"{claim.holder}, which was there at {claim.renewed_at:%H:%M:%S} UTC, is about to submit it"
            return WatchReport(release.name, f"claimed: {who}", UNDER_WAY) if alive else _Todo(release, held)
        if claim.state is LeaseStage.SUBMITTED:
            return self._submitted(release, held, alive)
        if release.name in self.again:
            return _Todo(release, held, fresh=True)
        return self._ended(claim, new=False)

    def _unclaimed(self, release: Release) -> WatchReport | _Todo:
        if self.published(release.name, None) is not None:
            return WatchReport(release.name, "scanned, by a run that nobody claimed")
        reason = self.ready(release)
        if reason is None:
            return _Todo(release)
        code = FAILED if is_overdue(release, self.clock()) else DONE
        return WatchReport(release.name, f"not ready: {reason}", code)

    def _submitted(self, release: Release, held: Held, alive: bool) -> WatchReport | _Todo:
        claim = held.claim
        resumes = False
        try:
            starter = self.starters(claim.place.get("profile", self.profile))
            resumes, seen = starter.resumes, starter.look(self.job_of(release), claim, alive)
        except PresswatchError as error:
            # Its submitter had a profile or rights that are not ours. Anybody can see what is published.
            left = self.published(release.name, claim.claimed_at)
            if left is None:
                said = f"cannot be looked for from here, {_place_of(claim)}: {error}"
                return WatchReport(release.name, said, FAILED)
            seen = left
        if seen is Status.UNDER_WAY:
            return WatchReport(release.name, f"under way: {_place_of(claim)}", UNDER_WAY)
        if seen is Status.LOST:
            if resumes or release.name in self.again:
                return _Todo(release, held, fresh=not resumes)
            said = f"lost: nothing is known there of {_place_of(claim)}; --again {release.name} scans it anew"
            return WatchReport(release.name, said, FAILED)
        ended = renewed(claim, self.clock(), state=LeaseStage.FINISHED, exit_code=seen)
        if not self.dry_run:
            try:
                self.claims.write(ended, held)
            except ConflictError:
                return WatchReport(release.name, "another watcher is at it", UNDER_WAY)
        return self._ended(ended, new=True)

    def _ended(self, claim: ReleaseLease, new: bool) -> WatchReport:
        """Return what an ended claim says. A failure always has its exit code, all else only as news."""
        name, code = claim.release, claim.exit_code
        if claim.state is LeaseStage.DROPPED:
            return WatchReport(name, "given up")
        if code == DONE:
            return WatchReport(name, "scanned")
        if code == PARTIAL:
            said = "scanned, but some shards were not read to their end: see scan_log"
            return WatchReport(name, said, PARTIAL if new else DONE)
        return WatchReport(
            name, f"failed with exit code {code}; --again {name} goes on, --drop {name} gives it up", FAILED
        )

    def _would(self, task: _Todo) -> WatchReport:
        words = " ".join(("scan", *self.job_of(task.release).arguments))
        return WatchReport(task.release.name, f"would be started, {self.profile}: presswatch {words}")

    def _start(self, task: _Todo) -> WatchReport:
        name = task.release.name
        try:
            held = self._claim(task)
            with Holding(self.claims, held, self.lease, self.clock) as holding:
                starter = self.starters(self.profile)
                code = starter.start(self.job_of(task.release), holding.claim, holding.submitted)
                if code is not None:
                    holding.finished(code)
                claim = holding.claim
        except ConflictError:
            return WatchReport(name, "another watcher has claimed it", UNDER_WAY)
        except PresswatchError as error:
            return WatchReport(name, f"could not be started: {error}", FAILED)
        if code is None:
            return WatchReport(name, f"started: {_place_of(claim)}", UNDER_WAY)
        return self._ended(claim, new=True)

    def _claim(self, task: _Todo) -> Held:
        """Claim the release. A takeover keeps the token: the last holder may have submitted under it."""
        now, held = self.clock(), task.held
        if held is None or task.fresh:
            claim = ReleaseLease.new(task.release.name, self.key, self.holder, now)
        else:
            claim = renewed(held.claim, now, holder=self.holder, state=LeaseStage.CLAIMED, place={})
        return self.claims.write(claim, held)


def exit_code_of(findings: Sequence[WatchReport], poll: bool) -> int:
    """Return the exit code of a look: 1 if something failed, else 3 if something is partial, else 0.

    With `poll`, it is 75 in place of 0 and 3 as long as something is under way or waits.
    """
    codes = {finding.code for finding in findings}
    if FAILED in codes:
        return FAILED
    if poll and UNDER_WAY in codes:
        return UNDER_WAY
    return PARTIAL if PARTIAL in codes else DONE


def _place_of(claim: ReleaseLease) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(claim.place.items())) or claim.holder
