"""What a language gate cost in matches, from the share of the left-out documents that was read all the same.

Documents are drawn by a hash of their record's id, which says nothing of what they hold: a random draw. The
limits of the share that matches are those of Clopper and Pearson, two-sided.
"""

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.sampling.shares import least_share, most_share

# Two limits: each is wrong with 2.5 %.
EACH_SIDE = 0.975
AUDIT_COLUMNS = (
    "gate_documents",
    "gate_audited",
    "gate_matching",
    "gate_cost",
    "gate_cost_low",
    "gate_cost_high",
)
"""Columns of `runs` that say what an audit found."""


def audit_of(log: pa.Table) -> dict[str, int | None]:
    """Return `AUDIT_COLUMNS` of a run, from its `scan_log`; no cost where no document was read."""
    gated = sum(
        each["documents"]
        for skipped in log["skipped"].to_pylist()
        for each in skipped or ()
        if each["why"] == "language"
    )
    audited, matching = (pc.sum(log[name]).as_py() or 0 for name in ("gate_audited", "gate_matching"))
    return dict(
        zip(AUDIT_COLUMNS, (gated, audited, matching, *cost_of(gated, audited, matching)), strict=True)
    )


def cost_of(gated: int, audited: int, matching: int) -> tuple[int | None, int | None, int | None]:
    """Return how many of `gated` documents match, by a draw, and the limits of that with 95 % confidence.

    At least those that were seen do.
    """
    if not audited:
        return None, None, None
    low, high = least_share(matching, audited, EACH_SIDE), most_share(matching, audited, EACH_SIDE)
    return (
        round(gated * matching / audited),
        max(matching, int(gated * low)),
        min(gated - audited + matching, -int(-gated * high // 1)),
    )
