"""Lists of crawls: Common Crawl's own (`collinfo.json`), and the form in which we keep one.

Ours is text: a line that says what it is and of when, then a line a crawl with its name and the times of its
first and last capture, tabs between, `-` for a time that is not known.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from presswatch_spark.errors import CorruptError
from presswatch_spark.releases.release import CRAWL, OLD_CRAWL, Release, newest_first

HEADING = "# crawls, newest first, as of "
CRAWLS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Listing:
    """Crawls, newest first, as they were known at a time."""

    noted: datetime
    crawls: tuple[Release, ...]

    def to_text(self) -> str:
        """The list in our form."""
        lines = [f"{HEADING}{self.noted.isoformat()}"]
        lines += ["\t".join((crawl.name, _told(crawl.first), _told(crawl.last))) for crawl in self.crawls]
        return "\n".join([*lines, ""])

    @classmethod
    def from_text(cls, text: str) -> Listing:
        """Read the list that `to_text` wrote; `ValueError` for anything else."""
        heading, *lines = text.splitlines()
        if not heading.startswith(HEADING) or not lines:
            raise ValueError("is no list of crawls")
        rows = [line.split("\t") for line in lines]
        crawls = [Release(_name(name), _time(first), _time(last)) for name, first, last in rows]
        noted = _time(heading.removeprefix(HEADING))
        if noted is None:
            raise ValueError("does not say when it was noted")
        return cls(noted, newest_first(crawls))


def from_collinfo(data: bytes, where: str, noted: datetime | None = None) -> Listing:
    """Read a `collinfo.json`: an array of objects with `id`, `from` and `to`; entries that name no crawl are
    left out.

    Args:
        where: its URI, for messages. noted: when it was asked for; without it, the last capture it names.

    Raises:
        CorruptError: it is something else, or names no crawl.
    """
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _no_list("is not JSON", where) from error
    if not isinstance(entries, list) or len(entries) > CRAWLS_MAX:
        raise _no_list("is JSON, but no list of crawls", where)
    crawls = [crawl for entry in entries if isinstance(entry, dict) and (crawl := _crawl(entry))]
    if not crawls:
        raise _no_list("names no crawl", where)
    times = [time for crawl in crawls for time in (crawl.first, crawl.last) if time]
    return Listing(noted or max(times, default=datetime.fromtimestamp(0, UTC)), newest_first(crawls))


def _crawl(entry: dict[str, object]) -> Release | None:
    try:
        name = _name(str(entry.get("id")))
    except ValueError:
        return None
    return Release(name, _time_or_none(entry.get("from")), _time_or_none(entry.get("to")))


def _name(name: str) -> str:
    # It becomes part of paths, and is printed: nothing else may get in.
    if not (CRAWL.fullmatch(name) or OLD_CRAWL.fullmatch(name)):
        raise ValueError("is no name of a crawl")
    return name


def _time(text: str) -> datetime | None:
    if text == "-":
        return None
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _time_or_none(value: object) -> datetime | None:
    try:
        return _time(str(value))
    except (ValueError, OverflowError):
        return None


def _told(time: datetime | None) -> str:
    return time.isoformat() if time else "-"


def _no_list(what: str, where: str) -> CorruptError:
    return CorruptError(
        f"the list of crawls {what}",
        where=where,
        remedy="name a collinfo.json as index.commoncrawl.org has it",
    )
