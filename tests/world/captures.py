"""Captures made by hand, and what they declare in short."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from presswatch_spark.core.model import Capture, Locator
from presswatch_spark.matching.rights.declaration import Signal
from presswatch_spark.matching.rights.signals import signals_of

NOON = datetime(2024, 5, 18, 12, tzinfo=UTC)
PAGE = "https://www.courrier.example/une/1"
ROBOTS = "https://www.courrier.example/robots.txt"


def capture(
    body: str | bytes = b"",
    url: str = PAGE,
    *headers: tuple[str, str],
    status: int | None = 200,
    media_type: str | None = "text/html",
    encoding: str | None = "utf-8",
    at: datetime = NOON,
    cut: bool = False,
    **place: Any,
) -> Capture:
    """A response as a source hands it out."""
    standard = {
        "record_id": "<urn:uuid:1>",
        "record_offset": 7,
        "record_length": 70,
        "record_encoding": "gzip",
    }
    locator = Locator(captured_at=at, http_status=status, **(standard | place))
    data = body.encode(encoding or "utf-8") if isinstance(body, str) else body
    return Capture(url, headers, media_type, encoding, data, locator, cut)


def robots(body: str | bytes = b"", url: str = ROBOTS, **facts: Any) -> Capture:
    """A robots.txt as a source hands it out."""
    return capture(body, url, **({"media_type": "text/plain"} | facts))


def told(response: Capture, *names: str) -> list[Signal]:
    """Its signals, or those with these names."""
    return [signal for signal in signals_of(response) if not names or signal.signal in names]


def verdicts(response: Capture, name: str = "robots_txt") -> dict[str | None, str | None]:
    """The verdict for each agent."""
    return {signal.agent: signal.verdict for signal in told(response, name)}
