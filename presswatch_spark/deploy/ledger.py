"""Starts one job for one submission, even if several submitters request it, or one does so repeatedly.

A submitter claims an attempt by an object in the store, which is written only if there is none. An attempt
that did its work is not repeated. A submitter may die after its claim: EMR Serverless starts an attempt only
once, by its token, so others may start it again; on a cluster, others wait for a step of its name, and then
claim the next number. A submitter that is too late starts nothing.
"""

import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.deploy.emr import JobState, Service
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.locks_and_leases import GuardedObject
from presswatch_spark.storage.objects import ConflictError, write_object

CLAIM_SECONDS = 60.0
"""Time for which a claim is valid."""
PATIENCE = 2
"""Multiple of this time for which others wait before they assume that the writer of a claim died."""
LOOK_SECONDS = 2.0
DONE = frozenset({0, 3})
"""Exit codes of jobs that need no further attempt: 3 names shards that a repetition would not mend."""
FAILED = 1


@dataclass(frozen=True, slots=True)
class Running:
    """A started attempt: its number, its id at the service, and whether this process started it."""

    attempt: int
    run: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """The attempts at one submission. `again`: start another attempt even after a successful one."""

    service: Service
    again: bool = False
    claim_seconds: float = CLAIM_SECONDS
    look_seconds: float = LOOK_SECONDS

    def start(self, say: Callable[[str], None]) -> Running:
        """Start the submission, or find the attempt that runs, or that ended and needs no successor."""
        for attempt in count(1):
            # Take the time before the claim, since others may see it before this process gets the answer.
            # Unlike a monotonic clock, the system's clock goes on while a laptop sleeps.
            began = time.time()
            running = self._start(attempt, began) if self._claim(attempt) else self._await_start(attempt, say)
            if running is None:
                say(f"attempt {attempt} was reserved by a process that did not start it")
                continue
            if running.ours:
                return running
            code = self._written_code(running.attempt)
            if code is None:
                state = self.service.state(running.run)
                if not state.ended:
                    return running
                code = self.exit_code(running.attempt, state)
            if code in DONE and not self.again:
                return running
            say(f"attempt {running.attempt} ({running.run}) ended with exit code {code}")
        raise AssertionError("attempts have no end")

    def exit_code(self, attempt: int, state: JobState) -> int:
        """Return the job's exit code: the one that it wrote, or the one that the service's state means."""
        written = self._written_code(attempt)
        return written if written is not None else 0 if state.succeeded else FAILED

    def _written_code(self, attempt: int) -> int | None:
        result = self._object(attempt, "result").read()
        return int(parse_json(result.data)["exit_code"]) if result else None

    def _claim(self, attempt: int) -> bool:
        """Claim an attempt; return False if it is taken. All claims differ, as `write_object` requires."""
        with suppress(ConflictError):
            self._object(attempt, "claim").write(_entry(claimed_at=_now(), by=secrets.token_hex(16)), None)
            return True
        return False

    def _start(self, attempt: int, began: float, *, ours: bool = True) -> Running:
        """Start an attempt and note its run, unless its claim, made at `began`, has lapsed."""

        def confirm() -> None:
            if time.time() - began > self.claim_seconds:
                raise PresswatchError(
                    "the service took too long to answer, so this process may no longer start the job",
                    where=self.service.asked.name(attempt),
                    remedy="run the same command again",
                )

        run = self.service.start(attempt, confirm)
        uri = self.service.asked.record(attempt, "started")
        write_object(uri, _entry(run=run, started_at=_now()), self.service.storage)
        return Running(attempt, run, ours)

    def _await_start(self, attempt: int, say: Callable[[str], None]) -> Running | None:
        """Return the run of an attempt that another submitter claimed; None if it was never started."""
        deadline = time.monotonic() + PATIENCE * self.claim_seconds
        while (run := self._run_of(attempt)) is None:
            if self.service.knows_tokens:
                # By the attempt's token, the service starts it once, whoever asks.
                return self._start(attempt, time.time(), ours=False)
            # A submitter that claims the next attempt gives up this one.
            if time.monotonic() > deadline or self._object(attempt + 1, "claim").read():
                return None
            say(f"attempt {attempt} is reserved by another submitter, and has not started yet")
            time.sleep(self.look_seconds)
        return Running(attempt, run, ours=False)

    def _run_of(self, attempt: int) -> str | None:
        started = self._object(attempt, "started").read()
        return str(parse_json(started.data)["run"]) if started else self.service.find(attempt)

    def _object(self, attempt: int, kind: str) -> GuardedObject:
        return GuardedObject(self.service.asked.record(attempt, kind), self.service.storage)


def _entry(**facts: str) -> bytes:
    return json.dumps(facts).encode() + b"\n"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
