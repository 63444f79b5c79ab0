"""What sites declare: captures made by hand, WARC files of them, their signals, and tables with both."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import Capture
from presswatch_spark.matching.reservations.signals import Owner, signals_of
from presswatch_spark.matching.reservations.signals import signal_rows as rows_of_signals
from presswatch_spark.matching.reservations.verdicts import Signal
from presswatch_spark.tables.declarations import RightsSignal
from presswatch_spark.tables.store import TableStore
from tests.world.tables import match, publish, write

NOON = datetime(2024, 5, 18, 12, tzinfo=UTC)
SITE = "https://www.courrier.example"
PAGE, ROBOTS = f"{SITE}/une/1", f"{SITE}/robots.txt"
TDMREP = f"{SITE}/.well-known/tdmrep.json"


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


def signal_rows(*captures: Capture) -> list[dict[str, Any]]:
    """Rows of `rights_signals` of captures, whosever they are."""
    found = (rows_of_signals(each, Owner("courrier", "rives"), "shard", None) for each in captures)
    return [row.as_dict() for each in found for row in each]


def own(article_id: str | None, **values: Any) -> dict[str, Any]:
    """A match on the publisher's own site."""
    standard = {"own_site": True, "dataset": "warc", "captured_at": NOON, "http_status": 200}
    return match(article_id, PAGE, row_sha256=article_id or "site", **standard) | values


def tables_with_signals(
    folder: Path, matches: list[dict[str, Any]], *declared: dict[str, Any], run_id: str = "r1"
) -> Path:
    """A published run with these matches and signals."""
    publish(folder, run_id, matches)
    if declared:
        write_signals(folder, declared, run_id)
    return folder


def write_signals(tables: Path, declared: Sequence[dict[str, Any]], run_id: str = "r1") -> None:
    """Write rows of `rights_signals` as those of a run, published or not."""
    rows = [row | {"run_id": run_id} for row in declared]
    write(TableStore.open(str(tables)), "rights_signals", run_id, rows, RightsSignal.schema)


@dataclass(frozen=True)
class Answer:
    """What a server answered, and when."""

    url: str
    body: bytes
    headers: Sequence[tuple[str, str]] = ()
    status: str = "200 OK"
    at: str = "2024-05-18T12:00:00Z"


def write_warc(path: Path, *answers: Answer) -> Path:
    """Write answers as response records."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.suffix == ".gz")
        for answer in answers:
            record = writer.create_warc_record(
                answer.url,
                "response",
                io.BytesIO(answer.body),
                http_headers=StatusAndHeaders(answer.status, list(answer.headers), protocol="HTTP/1.1"),
                warc_headers_dict={"WARC-Date": answer.at},
            )
            writer.write_record(record)
    return path
