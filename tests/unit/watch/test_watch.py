"""A release is scanned once, whoever watches, dies, retries or is late; and what is said of it."""

from __future__ import annotations

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from presswatch_spark.errors import ConfigError, CorruptError, InputError, StorageError
from presswatch_spark.releases.known import Listing, ReleaseList
from presswatch_spark.releases.release import Release
from presswatch_spark.storage.locks.lock_rules import WATCH_LEASE
from presswatch_spark.storage.objects import ConflictError, StorageOptions
from presswatch_spark.watch.claims import Holding, LeaseStage, ReleaseLease, WatchLeases
from presswatch_spark.watch.look import UNDER_WAY, WatchReport, exit_code_of
from presswatch_spark.watch.scope import Scope, news_months, probed
from presswatch_spark.watch.starters import InProcess, ScanJob
from tests.watching import KEY, LEASE, NEWEST, NOON, OLDER, Clock, Cluster, look, release, told


@pytest.fixture
def out(tmp_path: Path) -> str:
    return str(tmp_path / "tables")


def claim_of(out: str, name: str = NEWEST) -> ReleaseLease:
    held = WatchLeases(out, StorageOptions()).read(name, KEY)
    assert held
    return held.claim


def killed_between_claim_and_submit(out: str, cluster: Cluster, clock: Clock) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(look(out, cluster, clock)([release()]))


class TestOnce:
    def test_a_new_release_is_started_and_a_second_look_starts_nothing(self, out: str) -> None:
        cluster, clock = Cluster(), Clock()
        assert told(list(look(out, cluster, clock)([release()]))) == {NEWEST: ("started", UNDER_WAY)}
        for _ in range(3):
            clock.later(timedelta(days=1))
            assert told(list(look(out, cluster, clock)([release()]))) == {NEWEST: ("under way", UNDER_WAY)}
        assert cluster.asked == [NEWEST]

    def test_of_watchers_at_the_same_moment_one_starts_it(self, out: str) -> None:
        cluster, clock, together = Cluster(), Clock(), Barrier(8)

        def watcher(number: int) -> list[WatchReport]:
            mine = look(out, cluster, clock, holder=f"watcher {number}")
            together.wait()
            return list(mine([release(name) for name in (NEWEST, OLDER)]))

        with ThreadPoolExecutor(8) as pool:
            said = [told(findings)[NEWEST][0] for findings in pool.map(watcher, range(8))]
        assert cluster.asked.count(NEWEST) == 1
        assert len(cluster.runs) == len(cluster.asked)
        assert said.count("started") == 1
        assert set(said) <= {"started", "another watcher has claimed it", "claimed", "under way"}

    def test_a_watcher_killed_before_it_submits_is_followed_when_its_lease_is_over(self, out: str) -> None:
        cluster, clock = Cluster(dies_before=True), Clock()
        killed_between_claim_and_submit(out, cluster, clock)
        cluster.dies_before = False
        clock.later(LEASE - timedelta(seconds=1))
        assert told(list(look(out, cluster, clock)([release()]))) == {NEWEST: ("claimed", UNDER_WAY)}
        assert not cluster.asked
        clock.later(timedelta(seconds=2))
        assert told(list(look(out, cluster, clock)([release()]))) == {NEWEST: ("started", UNDER_WAY)}
        assert claim_of(out).state is LeaseStage.SUBMITTED

    def test_a_watcher_killed_after_it_submitted_is_followed_by_the_same_submission(self, out: str) -> None:
        cluster, clock = Cluster(dies_after=True), Clock()
        killed_between_claim_and_submit(out, cluster, clock)
        cluster.dies_after = False
        clock.later(LEASE)
        list(look(out, cluster, clock)([release()]))
        assert cluster.asked == [NEWEST, NEWEST]
        assert list(cluster.runs) == [claim_of(out).token]

    def test_of_watchers_that_follow_a_dead_one_together_one_does(self, out: str) -> None:
        cluster, clock, together = Cluster(dies_before=True), Clock(), Barrier(6)
        killed_between_claim_and_submit(out, cluster, clock)
        cluster.dies_before = False
        clock.later(LEASE)

        def watcher(number: int) -> None:
            mine = look(out, cluster, clock, holder=f"watcher {number}")
            together.wait()
            list(mine([release()]))

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(watcher, range(6)))
        assert cluster.asked == [NEWEST]

    def test_a_holder_that_was_asleep_for_its_lease_submits_nothing_of_its_own(self, out: str) -> None:
        clock, second = Clock(), Cluster()

        class Asleep(Cluster):
            def start(self, job: ScanJob, claim: ReleaseLease, noted: Any) -> None:
                clock.later(LEASE)
                list(look(out, second, clock, holder="awake")([release()]))
                super().start(job, claim, noted)

        first = Asleep(runs=second.runs)
        said = told(list(look(out, first, clock, holder="asleep")([release()])))
        assert said == {NEWEST: ("another watcher has claimed it", UNDER_WAY)}
        assert len(second.runs) == 1
        assert claim_of(out).holder == "awake"

    def test_another_corpus_or_format_is_another_scan(self, out: str) -> None:
        cluster, clock = Cluster(), Clock()
        list(look(out, cluster, clock)([release()]))
        list(look(out, cluster, clock, key="f" * 64)([release()]))
        assert cluster.asked == [NEWEST, NEWEST]
        assert len(cluster.runs) == 2

    def test_what_was_scanned_by_hand_is_not_scanned_again(self, out: str) -> None:
        cluster = Cluster()
        done = look(out, cluster, Clock(), published=lambda release, since: 0)
        assert told(list(done([release()]))) == {NEWEST: ("scanned", 0)}
        assert not cluster.asked

    def test_scans_wait_for_each_other_newest_first(self, out: str) -> None:
        cluster, clock = Cluster(), Clock()
        releases = [release(NEWEST), release(OLDER)]
        assert told(list(look(out, cluster, clock)(releases))) == {
            NEWEST: ("started", UNDER_WAY),
            OLDER: ("waits for 1 under way", UNDER_WAY),
        }
        cluster.codes[NEWEST] = 0
        list(look(out, cluster, clock)(releases))
        assert cluster.asked == [NEWEST, OLDER]

    def test_as_many_as_allowed_run_at_once(self, out: str) -> None:
        cluster = Cluster()
        list(look(out, cluster, Clock(), at_once=2)([release(NEWEST), release(OLDER)]))
        assert cluster.asked == [NEWEST, OLDER]

    def test_a_dry_run_writes_nothing_and_starts_nothing(self, out: str) -> None:
        cluster = Cluster()
        found = list(look(out, cluster, Clock(), dry_run=True)([release()]))
        assert found[0].said == f"would be started, cluster: presswatch scan --release {NEWEST}"
        assert not cluster.asked
        assert not Path(out).exists()


class TestEnds:
    @pytest.mark.parametrize(
        ("code", "first", "then"),
        [(0, ("scanned", 0), ("scanned", 0)), (3, ("scanned", 3), ("scanned", 0))],
    )
    def test_an_end_is_noted_and_what_was_partial_is_news_once(
        self, out: str, code: int, first: tuple[str, int], then: tuple[str, int]
    ) -> None:
        cluster, clock = Cluster(codes={NEWEST: code}), Clock()
        list(look(out, cluster, clock)([release()]))
        assert told(list(look(out, cluster, clock)([release()]))) == {NEWEST: first}
        assert (claim_of(out).state, claim_of(out).exit_code) == (LeaseStage.FINISHED, code)
        assert told(list(look(out, cluster, clock)([release()]))) == {NEWEST: then}

    def test_a_failure_is_said_until_somebody_decides_and_is_not_tried_again_by_itself(
        self, out: str
    ) -> None:
        cluster, clock = Cluster(codes={NEWEST: 1}), Clock()
        list(look(out, cluster, clock)([release()]))
        for _ in range(2):
            found = list(look(out, cluster, clock)([release()]))
            assert found[0].code == 1
            assert f"--again {NEWEST}" in found[0].said
        assert cluster.asked == [NEWEST]
        first = claim_of(out).token
        found = list(look(out, cluster, clock, again=frozenset({NEWEST}))([release()]))
        assert told(found) == {NEWEST: ("started", UNDER_WAY)}
        assert claim_of(out).token != first
        assert len(cluster.runs) == 2

    def test_what_is_given_up_is_silent_and_is_not_started(self, out: str) -> None:
        cluster, clock = Cluster(codes={NEWEST: 1}), Clock()
        list(look(out, cluster, clock)([release()]))
        list(look(out, cluster, clock)([release()]))
        look(out, cluster, clock).drop(NEWEST)
        look(out, cluster, clock).drop(OLDER)
        found = list(look(out, cluster, clock)([release(), release(OLDER)]))
        assert told(found) == {NEWEST: ("given up", 0), OLDER: ("given up", 0)}
        assert cluster.asked == [NEWEST]

    def test_giving_up_says_that_what_runs_goes_on(self, out: str) -> None:
        cluster, clock = Cluster(), Clock()
        list(look(out, cluster, clock)([release()]))
        assert "goes on" in look(out, cluster, clock).drop(NEWEST).said

    def test_a_run_that_nobody_knows_is_a_failure(self, out: str) -> None:
        cluster, clock = Cluster(), Clock()
        list(look(out, cluster, clock)([release()]))
        cluster.forgets = True
        found = list(look(out, cluster, clock)([release()]))
        assert told(found) == {NEWEST: ("lost", 1)}
        assert claim_of(out).token in found[0].said
        list(look(out, cluster, clock, again=frozenset({NEWEST}))([release()]))
        assert len(cluster.runs) == 2

    def test_a_run_that_cannot_be_looked_for_is_a_failure_until_it_is_published_and_hides_no_other(
        self, out: str
    ) -> None:
        cluster, clock = Cluster(), Clock()
        list(look(out, cluster, clock)([release(OLDER)]))

        def elsewhere(profile: str) -> Cluster:
            raise ConfigError("the profile cannot be used")

        found = list(look(out, cluster, clock, starters=elsewhere)([release(OLDER)]))
        assert told(found) == {OLDER: ("cannot be looked for from here", 1)}
        both = look(out, cluster, clock, starters=elsewhere, dry_run=True)([release(), release(OLDER)])
        assert told(list(both))[NEWEST] == ("would be started", 0)
        seen = look(out, cluster, clock, starters=elsewhere, published=lambda release, since: 3)
        assert told(list(seen([release(OLDER)]))) == {OLDER: ("scanned", 3)}
        assert claim_of(out, OLDER).state is LeaseStage.FINISHED

    def test_a_submission_that_is_refused_is_a_failure_and_is_repeated_under_its_token(
        self, out: str
    ) -> None:
        cluster, clock = Cluster(fails=StorageError("throttled")), Clock()
        assert told(list(look(out, cluster, clock)([release()]))) == {NEWEST: ("could not be started", 1)}
        token = claim_of(out).token
        cluster.fails = None
        clock.later(LEASE)
        list(look(out, cluster, clock)([release()]))
        assert list(cluster.runs) == [token]


class TestInThisProcess:
    def test_a_scan_runs_to_its_end_and_its_exit_code_is_noted(self, out: str) -> None:
        ran: list[Any] = []

        def run(arguments: Any) -> int:
            ran.append(arguments)
            assert claim_of(out).state is LeaseStage.SUBMITTED
            assert claim_of(out).place["process"] == str(os.getpid())
            assert claim_of(out).place["host"] == socket.gethostname()
            return 3

        starter = InProcess(run, lambda release, since: None)
        assert told(list(look(out, starter, Clock())([release()]))) == {NEWEST: ("scanned", 3)}
        assert ran == [("scan", "--release", NEWEST)]
        assert claim_of(out).exit_code == 3

    def test_a_process_that_died_is_followed_by_one_that_goes_on(self, out: str) -> None:
        clock, codes = Clock(), iter([KeyboardInterrupt(), 0])

        def run(arguments: Any) -> int:
            code = next(codes)
            if isinstance(code, BaseException):
                raise code
            return code

        starter = InProcess(run, lambda release, since: None)
        with pytest.raises(KeyboardInterrupt):
            list(look(out, starter, clock)([release()]))
        assert told(list(look(out, starter, clock)([release()]))) == {NEWEST: ("under way", UNDER_WAY)}
        clock.later(LEASE)
        assert told(list(look(out, starter, clock)([release()]))) == {NEWEST: ("scanned", 0)}

    def test_a_process_that_died_after_it_published_is_not_followed(self, out: str) -> None:
        clock, published, ran = Clock(), [], []

        def run(arguments: Any) -> int:
            ran.append(arguments)
            published.append(3)
            raise KeyboardInterrupt

        starter = InProcess(run, lambda release, since: published[0] if published and since == NOON else None)
        with pytest.raises(KeyboardInterrupt):
            list(look(out, starter, clock)([release()]))
        clock.later(LEASE)
        assert told(list(look(out, starter, clock)([release()]))) == {NEWEST: ("scanned", 3)}
        assert len(ran) == 1

    def test_a_claim_taken_over_twice_does_not_lead_to_a_second_run(self, out: str) -> None:
        """The first holder publishes while a second one has claimed and died."""
        clock, ran = Clock(), []
        starter = InProcess(lambda arguments: ran.append(arguments) or 0, lambda release, since: 0)
        held = WatchLeases(out, StorageOptions())
        held.write(ReleaseLease.new(NEWEST, KEY, "dead", NOON), None)
        clock.later(LEASE)
        never = {"published": lambda release, since: None}
        assert told(list(look(out, starter, clock, **never)([release()]))) == {NEWEST: ("scanned", 0)}
        assert not ran


class TestHolding:
    def test_a_claim_is_renewed_while_its_holder_works(self, out: str) -> None:
        claims, clock = WatchLeases(out, StorageOptions()), Clock()
        held = claims.write(ReleaseLease.new(NEWEST, KEY, "me", NOON), None)
        lease = timedelta(seconds=0.01 * WATCH_LEASE.renewals)
        with Holding(claims, held, lease, clock):
            clock.later(timedelta(minutes=7))
            while claim_of(out).renewed_at == NOON:
                pass
        assert claim_of(out).renewed_at == clock.now
        assert claim_of(out).token == held.claim.token

    def test_whoever_lost_its_claim_cannot_note_anything(self, out: str) -> None:
        claims, clock = WatchLeases(out, StorageOptions()), Clock()
        held = claims.write(ReleaseLease.new(NEWEST, KEY, "me", NOON), None)
        holding = Holding(claims, held, LEASE, clock)
        claims.write(ReleaseLease.new(NEWEST, KEY, "other", NOON), held)
        with pytest.raises(ConflictError):
            holding.submitted({"run": "mine"})
        with pytest.raises(ConflictError):
            holding.finished(0)
        assert claim_of(out).holder == "other"


class TestClaimFile:
    def test_reads_back_as_it_was_written(self, out: str) -> None:
        claim = ReleaseLease.new(NEWEST, KEY, "me", NOON)
        assert ReleaseLease.from_json(claim.to_json(), "x") == claim
        assert (
            WatchLeases(out, StorageOptions()).object(NEWEST, KEY).uri
            == f"{out}/_watch/{NEWEST}-{KEY[:16]}.json"
        )

    @pytest.mark.parametrize(
        "damage",
        [
            lambda text: text[:-9],
            lambda text: "[]",
            lambda text: text.replace('"claimed"', '"running"'),
            lambda text: text.replace("+00:00", ""),
            lambda text: json.dumps({**json.loads(text), "layout": 99}),
            lambda text: json.dumps({**json.loads(text), "more": 1}),
        ],
    )
    def test_what_is_damaged_starts_nothing(self, out: str, damage: Any) -> None:
        cluster, clock = Cluster(), Clock()
        path = Path(WatchLeases(out, StorageOptions()).object(NEWEST, KEY).uri)
        path.parent.mkdir(parents=True)
        path.write_text(damage(ReleaseLease.new(NEWEST, KEY, "me", NOON).to_json().decode()))
        with pytest.raises(CorruptError, match="no claim"):
            list(look(out, cluster, clock)([release()]))
        assert not cluster.asked


class TestScope:
    KNOWN = ReleaseList(
        Listing(NOON, (release(NEWEST), release(OLDER), release("CC-MAIN-2026-12"))), "the list"
    )

    def test_is_the_newest_or_all_since_one(self) -> None:
        assert [each.name for each in Scope().of(self.KNOWN, NOON)] == [NEWEST]
        assert [each.name for each in Scope(OLDER).of(self.KNOWN, NOON)] == [NEWEST, OLDER]

    def test_a_release_that_is_not_listed_is_an_error(self) -> None:
        with pytest.raises(InputError, match="is not in the list"):
            Scope("CC-MAIN-2026-99").of(self.KNOWN, NOON)

    def test_a_month_of_news_is_watched_when_it_is_over(self) -> None:
        months = [each.name for each in news_months(NOON)]
        assert (months[0], months[-1]) == ("CC-NEWS-2026-05", "CC-NEWS-2016-08")
        assert len(set(months)) == len(months) == 118
        assert [each.name for each in Scope("CC-NEWS-2026-04", news=True).of(self.KNOWN, NOON)] == months[:2]

    def test_crawls_that_no_list_names_are_found_by_their_weeks(self) -> None:
        """The newest one known is of week 21; it is week 5 of the year after."""
        there = {"CC-MAIN-2026-26", "CC-MAIN-2026-53", "CC-MAIN-2027-04"}
        asked: list[str] = []

        def missing(release: Release) -> str | None:
            asked.append(release.name)
            return None if release.name in there else "403"

        known = probed(self.KNOWN, datetime(2027, 2, 3, tzinfo=UTC), missing)
        assert [each.name for each in Scope(NEWEST).of(known, NOON)] == [*sorted(there, reverse=True), NEWEST]
        assert (asked[0], asked[-1], len(asked)) == ("CC-MAIN-2027-05", "CC-MAIN-2026-22", 37)
        assert Scope().of(known, NOON)[0].name == "CC-MAIN-2027-04"
        assert known.trouble is None

    def test_what_is_not_published_yet_is_not_started(self, out: str) -> None:
        cluster = Cluster()
        found = list(look(out, cluster, Clock(), ready=lambda release: "403")([release()]))
        assert told(found) == {NEWEST: ("not ready", 0)}
        assert not cluster.asked

    def test_what_should_have_been_published_long_ago_is_a_failure(self, out: str) -> None:
        late = release(last=NOON - timedelta(days=61))
        found = list(look(out, Cluster(), Clock(), ready=lambda release: "403")([late]))
        assert told(found) == {NEWEST: ("not ready", 1)}


def test_failures_come_before_what_is_under_way_and_that_before_what_is_partial() -> None:
    fine, failed, partial, busy = (WatchReport("x", "", code) for code in (0, 1, 3, UNDER_WAY))
    assert exit_code_of([fine, failed, partial, busy], poll=True) == 1
    assert exit_code_of([fine, partial, busy], poll=True) == UNDER_WAY
    assert exit_code_of([fine, partial, busy], poll=False) == 3
    assert exit_code_of([fine, busy], poll=False) == 0
    assert exit_code_of([], poll=True) == 0
