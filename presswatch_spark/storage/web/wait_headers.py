"""Reads how long a web server asks its callers to wait: `Retry-After`, and `RateLimit` (IETF httpapi).

`RateLimit` is a list of structured fields, such as `"resolvers";r=0;t=240`.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime

from presswatch_spark.show import utc

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_PAIR = re.compile(r"\s*([A-Za-z*][\w*.-]*)\s*=\s*([^;,\s]+)\s*")


def asked_wait(
    headers: Mapping[str, str], *, limited: bool, clock: Callable[[], float] = time.time
) -> float | None:
    """Return the seconds that the reply to a refused request asks to wait; None if it names no time.

    The longest of several times counts. `headers` ignores the case of names. A limit that is not used up
    counts only if the refusal itself says that one was reached (`limited`).
    """
    limits = list(_limits(headers))
    used_up = [reset for left, reset in limits if left == 0]
    if limited and not used_up:
        used_up = [reset for _, reset in limits]
    retry = _retry_after(headers, clock)
    named = [*used_up, *([] if retry is None else [retry])]
    return max(named, default=None)


def used_up_for(headers: Mapping[str, str]) -> float:
    """Return the seconds until a limit that is used up begins anew; 0 if none is used up."""
    return max((reset for left, reset in _limits(headers) if left == 0), default=0.0)


def _retry_after(headers: Mapping[str, str], clock: Callable[[], float]) -> float | None:
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,12}(\.\d+)?", value):
        return float(value)
    until = seconds_of_date(value)
    if until is None:
        return None
    # By the server's own clock, if it tells it: ours may be wrong.
    now = seconds_of_date(headers.get("Date", ""))
    return max(0.0, until - (clock() if now is None else now))


def seconds_of_date(value: str) -> float | None:
    """Return a date of HTTP in seconds since 1970; without a zone it is taken as UTC. None if it is none."""
    try:
        return utc(parsedate_to_datetime(value)).timestamp() if value else None
    except (ValueError, TypeError, OverflowError):
        return None


def clock_ahead(date: str, at: float) -> float | None:
    """Return by how many seconds a server's clock is ahead of ours; None if it does not say its time.

    Args:
        date: the header `Date` of its answer, which counts whole seconds.
        at: our time for the same moment, in seconds since 1970.
    """
    said = seconds_of_date(date)
    return None if said is None else round(said - at, 3)


def _limits(headers: Mapping[str, str]) -> Iterator[tuple[float | None, float]]:
    """Yield what is left of each limit (None: not said), and the seconds until it begins anew."""
    for policy in _QUOTED.sub("", headers.get("RateLimit", "")).split(","):
        pairs = {name.lower(): _number(text) for name, text in _PAIR.findall(policy)}
        reset = pairs.get("t")
        if reset is not None:
            yield pairs.get("r"), reset


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text.strip()) else None
