"""The values that text columns may have; apart from `declarations`, so that commands need not load Arrow."""

from typing import Literal, get_args

Grade = Literal["full_copy", "partial_copy", "extract", "url_only"]
Confidence = Literal["A", "B", "C", "D"]
UrlMatch = Literal["article", "title", "none"]
Ownership = Literal["exclusive", "shared", "agency"]
ShardStatus = Literal["complete", "partial", "failed"]
Failure = Literal["storage", "host", "time", "content", "worker", "fault"]
ClaimKind = Literal["own_page", "own_page_copy", "copy", "reprint", "licensed"]
MandateState = Literal["in_force", "before", "after", "none"]
ReservationState = Literal["both", "before", "after", "conflicting", "none", "unknown"]
SignalName = Literal[
    "robots_txt", "ai_txt", "x_robots_tag", "meta_robots", "tdm_reservation", "tdm_policy", "content_usage",
    "content_signal", "rsl", "paywall", "copyright", "license", "canonical", "left_out",
]  # fmt: skip
Use = Literal["train", "search", "tdm"]
UseVerdict = Literal["conflicting", "reserved", "unknown", "allowed"]
ReviewVerdict = Literal["claim", "no_claim", "unsure"]
ChangeState = Literal["persists", "reduced", "moved", "altered", "new", "reappeared", "gone", "unknown"]
TargetPlace = Literal["record", "capture", "release"]

GRADES: tuple[Grade, ...] = get_args(Grade)
"""All grades, the largest copy first; `url_only` is a row without a copy."""
CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)
"""All grades of confidence, from the best to `D`, which must not be used."""
USES: tuple[Use, ...] = get_args(Use)
"""Uses that a declaration may be about: training of models, search, and other text and data mining."""
VERDICTS: tuple[UseVerdict, ...] = get_args(UseVerdict)
"""Verdicts on a use, those that count first."""
SHARD_STATUSES: tuple[ShardStatus, ...] = get_args(ShardStatus)
SHARD_FAILURES: tuple[Failure, ...] = get_args(Failure)
"""Reasons why a shard was not read to its end."""
