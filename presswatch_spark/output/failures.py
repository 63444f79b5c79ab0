"""A wave's budget of failures: if too many shards are lost to storage or dying workers, it is not the shards.

Expired credentials, a wrong region, a network that is down or too little memory fail every shard alike. A
run that went on would end with a table of failures, and a release would look scanned. So it stops, and what
failed counts as not tried. A shard that is cut or damaged itself is never counted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from presswatch_spark.errors import PresswatchError

# A few named files of which some are missing are a matter of these files: they are in the log as failed.
LEAST_ALLOWED = 5

Rows = Collection[Mapping[str, Any]]

WORKERS = "give workers more memory, or leave that shard out"
STORAGE = "check credentials, region, network and the list of shards"


class PlatformError(PresswatchError):
    """Too many shards of a wave could not be read, for reasons that lie in none of them."""


def failures_allowed(shards: int, share: float) -> int:
    """How many shards of a wave may be lost; `share` of it, 0 to 1."""
    return max(LEAST_ALLOWED, int(shards * share))


def is_hopeless(lost: Rows, shards: int, share: float) -> bool:
    """Whether a wave failed as a whole, and before anything was read: another try would fail as well."""
    nothing = all(row["failure"] == "storage" and not row["bytes_read"] for row in lost)
    return nothing and len(lost) == shards > failures_allowed(shards, share)


def check_budget(log: Rows, shards: int, share: float, of: str = "shards of a wave") -> None:
    """Compare what a wave of so many shards lost for reasons of the platform with what it may.

    Args:
        log: rows of `scan_log`, at least those of the shards that were lost; or of `census_log`.
        of: what they are, for the message.

    Raises:
        PlatformError: it lost more; names the commonest reason, and a shard that has it.
    """
    lost = [row for row in log if row["failure"] in ("storage", "worker")]
    allowed = failures_allowed(shards, share)
    if len(lost) <= allowed:
        return
    ((error, count),) = Counter(str(row["error"]) for row in lost).most_common(1)
    example = next(row for row in lost if str(row["error"]) == error)
    remedy = STORAGE if example["failure"] == "storage" else WORKERS
    raise PlatformError(
        f"{len(lost):,} of {shards:,} {of} could not be read, {allowed:,} may be; {count:,} of them: {error}",
        where=str(example["shard_uri"]),
        remedy=f"nothing was published and what was read is kept; {remedy}, then give the same command again",
    )
