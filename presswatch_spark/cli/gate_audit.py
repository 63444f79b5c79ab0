"""What an audit of the language gate found, in a line."""

from collections.abc import Mapping
from typing import Any

from presswatch_spark.cli.language import ENGLISH, Language

FOUND = (
    "language gate: {gated} documents left out, {audited} of them read as an audit, {matching} with matches;"
    " so it cost {cost} documents with matches (95 %: {low} to {high})"
)
NOTHING = (
    "language gate: {gated} documents left out, none of them read as an audit: what it cost is not known"
)


def gate_line(row: Mapping[str, Any], say: Language = ENGLISH) -> str | None:
    """Return what a row of `runs` says of the audit of its language gate; None if none was asked for."""
    if not row.get("gate_audit"):
        return None
    gated = say.number(row["gate_documents"])
    if row["gate_cost"] is None:
        return say(NOTHING, gated=gated)
    return say(
        FOUND,
        gated=gated,
        audited=say.number(row["gate_audited"]),
        matching=say.number(row["gate_matching"]),
        cost=say.number(row["gate_cost"]),
        low=say.number(row["gate_cost_low"]),
        high=say.number(row["gate_cost_high"]),
    )
