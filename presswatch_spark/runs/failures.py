"""A wave's budget of failures: a run stops where too many shards are lost to storage or dying workers.

Expired credentials, a wrong region, a network that is down or too little memory fail every shard alike. A
run that went on would end with a table of failures, and a release would look read. So it stops, and what
failed counts as not tried. A shard that is cut or damaged itself is never counted here. A site that refuses
everything stops the run at once: nothing more is asked of it.
"""

from collections import Counter
from collections.abc import Collection

from presswatch_spark.errors import PresswatchError
from presswatch_spark.runs.work import Row

# A few named files of which some are missing are a matter of these files: they are in the log as failed.
LEAST_ALLOWED = 5

PLATFORM = {
    "storage": "check credentials, region, network and the list of shards",
    "host": "see what that site wants",
    "worker": "give workers more memory, or leave that shard out",
}
"""Failures that another try elsewhere may mend (see `scan_log.failure`), each with its remedy."""


class PlatformError(PresswatchError):
    """Too many shards of a wave could not be read, for reasons that lie in none of them."""


def failures_allowed(shards: int, share: float) -> int:
    """Return how many shards of a wave may be lost: a share of it, from 0 to 1, or `LEAST_ALLOWED`."""
    return max(LEAST_ALLOWED, int(shards * share))


def is_hopeless(lost: Collection[Row], shards: int, share: float) -> bool:
    """Say whether another try would fail as well: a site refuses all, or nothing of a wave could be read."""
    if any(row["failure"] == "host" for row in lost):
        return True
    nothing = all(row["failure"] == "storage" and not row["bytes_read"] for row in lost)
    return nothing and len(lost) == shards > failures_allowed(shards, share)


def check_budget(log: Collection[Row], shards: int, share: float, of: str = "shards of a wave") -> None:
    """Compare what a wave of so many shards lost for reasons of the platform with what it may.

    Args:
        log: rows of `scan_log`, at least those of the shards that were lost; or of `census_log`.
        of: what they are, for the message.

    Raises:
        PlatformError: it lost more, or a site refuses everything; names the commonest reason, and a shard
            that has it.
    """
    lost = [row for row in log if row["failure"] in PLATFORM]
    refused = [row for row in lost if row["failure"] == "host"]
    allowed = failures_allowed(shards, share)
    if len(lost) <= allowed and not refused:
        return
    limit = f", {allowed:,} may be" if len(lost) > allowed else ""
    ((error, count),) = Counter(str(row["error"]) for row in refused or lost).most_common(1)
    example = next(row for row in lost if str(row["error"]) == error)
    raise PlatformError(
        f"{len(lost):,} of {shards:,} {of} could not be read{limit}; {count:,} of them: {error}",
        where=str(example["shard_uri"]),
        remedy="nothing was published and what was read is kept;"
        f" {PLATFORM[example['failure']]}, then give the same command again",
    )
