"""What the rows of a table `changes` add up to: pairs of each state and doubt, and the table's digest."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa

from presswatch_spark.tables.digests import digest_of_packed, packed


@dataclass(slots=True)
class ChangeTotals:
    """`counts`: pairs of each state. `doubts`: of each state and doubt. `digests`: 32 bytes of each row."""

    counts: Counter[str] = field(default_factory=Counter)
    doubts: Counter[tuple[str, str]] = field(default_factory=Counter)
    digests: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, rows: pa.Table) -> "ChangeTotals":
        """Add up rows with the columns state, doubt and change_sha256."""
        totals = cls(digests=[packed(digests) for digests in rows["change_sha256"].chunks])
        for group in rows.group_by(["state", "doubt"]).aggregate([([], "count_all")]).to_pylist():
            totals.counts[group["state"]] += group["count_all"]
            if group["doubt"] is not None:
                totals.doubts[group["state"], group["doubt"]] += group["count_all"]
        return totals

    def add(self, others: "ChangeTotals") -> None:
        """Add those of other rows."""
        self.counts += others.counts
        self.doubts += others.doubts
        self.digests += others.digests

    def table_digest(self) -> str:
        """Return the digest of all rows."""
        return digest_of_packed(self.digests)
