"""The claim of who starts the scan of a release: one object for each release and scan, next to the tables.

    TABLES/_watch/<release>-<key>.json

Every write replaces what was read before, so of two watchers one is refused, on S3 and on disk. A claim goes
from `claimed` (its holder is about to submit) over `submitted` (with where to look) to `finished` (with an
exit code); or a person says `dropped`. Its token lasts from the first claim to the last takeover: what is
submitted under one token twice is one run.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Self

from presswatch_spark.errors import CorruptError
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.locks.leases import GuardedObject, Lease, Version
from presswatch_spark.storage.locks.lock_rules import WATCH_LEASE
from presswatch_spark.storage.objects import StorageOptions, canonical
from presswatch_spark.storage.uris import join, printable
from presswatch_spark.tables import WATCH_FOLDER

LAYOUT = 1
KEY_LETTERS = 16
Clock = Callable[[], datetime]


class LeaseStage(StrEnum):
    """How far the scan of a claim is."""

    CLAIMED = "claimed"
    SUBMITTED = "submitted"
    FINISHED = "finished"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class ReleaseLease:
    """Who starts the scan of `release`, and how far it is. Times are in UTC.

    `key` stands for corpus, format and settings. `holder` renews the claim for as long as it works on it.
    `place` says where the submission can be looked for, by the starter of its `profile`.
    """

    release: str
    key: str
    token: str
    holder: str
    claimed_at: datetime
    renewed_at: datetime
    state: LeaseStage = LeaseStage.CLAIMED
    place: Mapping[str, str] = field(default_factory=dict)
    exit_code: int | None = None

    @classmethod
    def new(cls, release: str, key: str, holder: str, now: datetime) -> Self:
        """Return a first claim, with a token of its own."""
        return cls(release, key, secrets.token_hex(16), holder, now, now)

    def to_json(self) -> bytes:
        """Return the object's content."""
        facts = {"layout": LAYOUT, **asdict(self)}
        facts |= {name: facts[name].isoformat() for name in ("claimed_at", "renewed_at")}
        return (json.dumps(facts, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Self:
        """Read what `to_json` wrote; `CorruptError` for all else, or if a later version wrote it."""
        try:
            facts = parse_json(data)
            if facts.pop("layout") != LAYOUT:
                raise ValueError
            times = {name: datetime.fromisoformat(facts[name]) for name in ("claimed_at", "renewed_at")}
            if any(time.tzinfo is None for time in times.values()):
                raise ValueError
            return cls(**{**facts, **times, "state": LeaseStage(facts["state"])})
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise CorruptError(
                "is no claim that this version can read",
                where=where,
                remedy="look whether its release is being scanned; if not, remove it, and it is claimed anew",
            ) from error


@dataclass(frozen=True, slots=True)
class Held:
    """A claim as it was read or written, and the version of its object that the next write replaces."""

    claim: ReleaseLease
    version: Version


@dataclass(frozen=True, slots=True)
class WatchLeases:
    """The claims beside the tables at `out` (a path or `s3://`)."""

    out: str
    storage: StorageOptions

    def object(self, release: str, key: str) -> GuardedObject:
        """Return the object that holds the claim of a release."""
        place = f"{WATCH_FOLDER}/{release}-{key[:KEY_LETTERS]}.json"
        return GuardedObject(join(canonical(self.out), place), self.storage)

    def read(self, release: str, key: str) -> Held | None:
        """Return the claim as it is now; None if nobody has claimed the release.

        Raises:
            CorruptError: see `ReleaseLease.from_json`.
            StorageError: it cannot be read now.
        """
        guarded = self.object(release, key)
        version = guarded.read()
        return (
            Held(ReleaseLease.from_json(version.data, printable(guarded.uri)), version) if version else None
        )

    def write(self, claim: ReleaseLease, over: Held | None) -> Held:
        """Write a claim over `over`, or a first one; `ConflictError` if something else is there."""
        guarded = self.object(claim.release, claim.key)
        return Held(claim, guarded.write(claim.to_json(), over.version if over else None))


class Holding(Lease):
    """A claim in this process's hands: a thread renews it until the block ends, so others see that it lives.

    `submitted` and `finished` raise `ConflictError` if somebody took the claim over, because this process had
    been silent for longer than `lease`.
    """

    def __init__(self, claims: WatchLeases, held: Held, lease: timedelta, clock: Clock) -> None:
        guarded, self._clock = claims.object(held.claim.release, held.claim.key), clock
        super().__init__(guarded, held.version, WATCH_LEASE, lease.total_seconds(), self._changed)

    @property
    def claim(self) -> ReleaseLease:
        """Return the claim as it was last written."""
        return ReleaseLease.from_json(self.version.data, "")

    def submitted(self, place: Mapping[str, str]) -> None:
        """Write where the submission can be looked for."""
        self.write(partial(self._changed, state=LeaseStage.SUBMITTED, place=dict(place)))

    def finished(self, exit_code: int) -> None:
        """Write how the scan ended, and renew the claim no more."""
        self.stop()
        self.write(partial(self._changed, state=LeaseStage.FINISHED, exit_code=exit_code))

    def _changed(self, data: bytes, **changes: object) -> bytes:
        return renewed(ReleaseLease.from_json(data, ""), self._clock(), **changes).to_json()


def renewed(claim: ReleaseLease, now: datetime, **changes: object) -> ReleaseLease:
    """Return `claim` as its holder writes it `now`."""
    return replace(claim, renewed_at=now, **changes)  # type: ignore[arg-type]
