"""Claims: who starts the scan of a release. One object for each release and scan, next to the tables.

    TABLES/_watch/<release>-<key>.json

Every write is conditional on what was read before, so of two watchers one is refused, on S3 and on disk. A
claim goes from `claimed` (its holder is about to submit) over `submitted` (with where to look) to `finished`
(with an exit code); or a person says `dropped`. Its token lasts from the first claim to the last takeover:
what is submitted under one token twice is one run.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from presswatch_spark.errors import CorruptError
from presswatch_spark.storage.objects import (
    MissingError,
    StorageOptions,
    canonical,
    read_object,
    write_object,
)
from presswatch_spark.storage.uris import join, printable
from presswatch_spark.tables import WATCH_FOLDER

LAYOUT = 1
KEY_LETTERS = 16


class State(StrEnum):
    """How far a claim is."""

    CLAIMED = "claimed"
    SUBMITTED = "submitted"
    FINISHED = "finished"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who starts the scan of `release`, and how far that is; times are in UTC.

    `key` stands for corpus, format and settings. `holder` renews the claim for as long as it works on it.
    `place` is where the submission can be looked for, by the starter that it names as `profile`.
    """

    release: str
    key: str
    token: str
    holder: str
    claimed_at: datetime
    renewed_at: datetime
    state: State = State.CLAIMED
    place: Mapping[str, str] = field(default_factory=dict)
    exit_code: int | None = None

    @classmethod
    def new(cls, release: str, key: str, holder: str, now: datetime) -> Claim:
        """A first claim, with a token of its own."""
        return cls(release, key, secrets.token_hex(16), holder, now, now)

    def to_json(self) -> bytes:
        """The object's content."""
        facts = {"layout": LAYOUT, **asdict(self)}
        facts |= {name: facts[name].isoformat() for name in ("claimed_at", "renewed_at")}
        return (json.dumps(facts, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Claim:
        """Read what `to_json` wrote.

        Raises:
            CorruptError: it is something else, or of a later version of this project.
        """
        try:
            facts = json.loads(data)
            if facts.pop("layout") != LAYOUT:
                raise ValueError
            times = {name: datetime.fromisoformat(facts[name]) for name in ("claimed_at", "renewed_at")}
            if any(time.tzinfo is None for time in times.values()):
                raise ValueError
            return cls(**{**facts, **times, "state": State(facts["state"])})
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise CorruptError(
                "is no claim that this version can read",
                where=where,
                remedy="look whether its release is being scanned; if not, remove it, and it is claimed anew",
            ) from error


@dataclass(frozen=True, slots=True)
class Held:
    """A claim as it was read or written, and the ETag that the next write is conditional on."""

    claim: Claim
    etag: str


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims beside the tables at `out` (a path or `s3://`)."""

    out: str
    storage: StorageOptions

    def uri(self, release: str, key: str) -> str:
        """Where the claim of a release is."""
        return join(canonical(self.out), f"{WATCH_FOLDER}/{release}-{key[:KEY_LETTERS]}.json")

    def read(self, release: str, key: str) -> Held | None:
        """The claim as it is now; None if nobody has claimed the release.

        Raises:
            CorruptError: see `Claim.from_json`. StorageError: it cannot be read now.
        """
        uri = self.uri(release, key)
        try:
            data, etag = read_object(uri, self.storage)
        except MissingError:
            return None
        return Held(Claim.from_json(data, printable(uri)), etag)

    def add(self, claim: Claim) -> Held:
        """Write a first claim; `ConflictError` if there is one already."""
        uri = self.uri(claim.release, claim.key)
        return Held(claim, write_object(uri, claim.to_json(), self.storage, absent=True))

    def change(self, held: Held, claim: Claim) -> Held:
        """Write `claim` in the place of `held`; `ConflictError` if that is no longer what is there."""
        uri = self.uri(claim.release, claim.key)
        return Held(claim, write_object(uri, claim.to_json(), self.storage, etag=held.etag))


def renewed(claim: Claim, now: datetime, **changes: object) -> Claim:
    """`claim` as its holder writes it `now`."""
    return replace(claim, renewed_at=now, **changes)  # type: ignore[arg-type]
