"""Reservations in force at the capture of a page: for members' own pages, and for the article of any page.

All declarations in published runs count: robots.txt, ai.txt and TDMRep of the site, meta elements and headers
of the page. For each of them, the last capture before the page's and the first one after it decide.
`timeline`: when captures first and last showed each declaration of a title's sites.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache, reduce
from itertools import chain, islice
from operator import and_
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.matching.judgement.grading import CAPTURE_YEARS
from presswatch_spark.matching.judgement.urls import page_url
from presswatch_spark.matching.reservations.in_force import (
    Declaration,
    Declarations,
    InForce,
    PageCapture,
    in_force,
    second,
)
from presswatch_spark.matching.reservations.verdicts import AGENTS, UNKNOWN
from presswatch_spark.query.filtered_matches import MatchFilter, require_known
from presswatch_spark.query.sql import answer_of, literal
from presswatch_spark.reading.http.message import site_file
from presswatch_spark.reading.known_formats import FORMATS
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.column_values import USES, Use
from presswatch_spark.tables.declarations import DECLARED_SIGNAL, Match, Reservation, RightsSignal
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.store import TableStore, bounded_batches, chosen_runs

RESPONSES = tuple(format.name for format in FORMATS if format.responses)
"""Formats (values of the column `dataset`) that contain HTTP responses."""
DATASETS = tuple(format.name for format in FORMATS if format.read_part)
"""Formats of crawls, whose rows have the time of the page's capture: all of `RESPONSES`, and WET."""
CAPTURES_KEPT = BATCH_ROWS = 10_000
_OF_CAPTURE = ("document_url", "captured_at")
# A WARC `resource` record has no HTTP status and no headers: declarations in headers are unknown for it.
_ANSWERED = reduce(and_, (pc.is_valid(pc.field(name)) for name in (*_OF_CAPTURE, "http_status")))
DECISIVE = (pc.field("scope") != "page") | pc.is_valid(pc.field("verdict"))
"""Rows of `rights_signals` that can decide: those of site files, and those of pages with a verdict."""
_NOINDEX = pc.match_substring_regex(pc.field("value"), r"(?i)\bno(index|ne)\b")
OF_USES = (
    DECISIVE
    | pc.field("signal").isin(("content_usage", "content_signal", "rsl", "tdm_policy"))
    | (pc.field("signal").isin(("x_robots_tag", "meta_robots")) & _NOINDEX)
)
"""Rows of `rights_signals` that can decide about one of `USES`."""
TO_AGENTS = pc.is_null(pc.field("agent")) | pc.utf8_lower(pc.field("agent")).isin(
    [agent.lower() for agent in AGENTS]
)
"""Rows of `rights_signals` for the agents of `AGENTS`, of the hundreds that a robots.txt may name."""
_OF_MATCH = ("run_id", "publisher_id", "title_id", "article_id", "document_url", "captured_at")
_COLUMNS = (*_OF_MATCH, "dataset", "http_status", "row_sha256")
_TIMELINE = Path(__file__).with_name("timeline.sql")
AGENT = "CCBot"
"""Common Crawl's crawler, whose captures fill the datasets."""

Moment = tuple[str, datetime]
"""The URL of a page, and the time of its capture."""


@dataclass(frozen=True, slots=True)
class Reservations:
    """Makes rows of `reservations` for the matches of a run, or of all runs for None.

    `signals`: further folders of tables whose `rights_signals` count as well. `storage`: access to S3.
    """

    tables: str
    signals: Sequence[str] = ()
    run_id: str | None = None
    storage: StorageOptions | None = None

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each match on its publisher's own site and each agent, in the order of `matches`.

        Files like robots.txt get none. Raises `InputError` if the run is not published, and `OutputError`.
        """
        stores = [TableStore.open(tables, self.storage) for tables in (self.tables, *self.signals)]
        runs = chosen_runs(stores[0], self.run_id)
        own = pc.field("own_site") & pc.field("dataset").isin(DATASETS)
        declared = Declarations(
            signal
            for table in [store.open_table("rights_signals") for store in stores]
            for batch in bounded_batches(table, RightsSignal.columns, OF_USES & TO_AGENTS, BATCH_ROWS)
            for signal in RightsSignal.from_batches([batch])
        )
        pages = cache(lambda: _pages_answered(stores))

        @lru_cache(CAPTURES_KEPT)
        def found_at(url: str, at: datetime, read: bool) -> list[dict[Use, InForce]]:
            read = read and declared.has_robots(url)
            return [
                {use: in_force(at, declared.for_capture(url, at, agent, use), read) for use in USES}
                for agent in AGENTS
            ]

        unknown = [dict.fromkeys(USES, InForce("unknown"))] * len(AGENTS)
        matches = stores[0].open_table("matches", *runs)
        for batch in bounded_batches(matches, _COLUMNS, own, BATCH_ROWS):
            for match in batch.to_pylist():
                url, at = match["document_url"], match["captured_at"]
                if url and site_file(url):
                    continue
                # `read`: the response with its headers and page was scanned, by this row or by another one.
                read = match["dataset"] in RESPONSES and match["http_status"] is not None
                read = read or bool(url and at and hash((url, second(at))) in pages())
                of_agents = found_at(url, at, read) if url and at else unknown
                for agent, of_uses in zip(AGENTS, of_agents, strict=True):
                    found = of_uses["train"]
                    yield {
                        **{name: match[name] for name in _OF_MATCH},
                        "match_sha256": match["row_sha256"],
                        "agent": agent,
                        "status": found.status,
                        "page_read": read,
                        **_declared(found.before, "before"),
                        **_declared(found.after, "after"),
                        **{use: each.verdict for use, each in of_uses.items()},
                    }

    def write(self, out: str) -> tuple[Folder, Counter[tuple[str, ...]]]:
        """Write the table into the folder `out`; return its folder, and counts of `counted`."""
        rows, counts = self.rows(), Counter[tuple[str, ...]]()

        def batches() -> Iterator[pa.RecordBatch]:
            while batch := list(islice(rows, BATCH_ROWS)):
                counts.update(chain.from_iterable(map(counted, batch)))
                yield pa.RecordBatch.from_pylist(batch, Reservation.schema.remove_metadata())

        runs = chosen_runs(TableStore.open(self.tables, self.storage), self.run_id)
        written = publish_derived(
            out, "reservations", runs, lambda files: [files.write_all(batches())], self.storage
        )
        return written.root / "reservations", counts

    def shards_unread(self) -> tuple[int, int]:
        """Count shards of responses not read to their end, which may have declarations, and all shards."""
        unread = planned = 0
        for tables in (self.tables, *self.signals):
            for run in TableStore.open(tables, self.storage).rows("runs"):
                if run["records_planned"] is None and run["dataset"] in (None, *RESPONSES):
                    planned += run["shards_planned"]
                    unread += run["shards_planned"] - run["shards_complete"]
        return unread, planned


def counted(row: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield what a row counts as: agent and status; agent, use and verdict for each use with a verdict."""
    yield row["agent"], row["status"]
    yield from ((row["agent"], use, row[use]) for use in USES if row[use])


def _declared(declaration: Declaration | None, side: str) -> dict[str, Any]:
    if declaration is None:
        return {f"{side}_at": None, side: None}
    row = {each.name: getattr(declaration.row, each.name, None) for each in DECLARED_SIGNAL}
    return {f"{side}_at": declaration.at, side: row | {"verdict": declaration.verdict}}


def _pages_answered(stores: Iterable[TableStore]) -> set[int]:
    """Return captures of pages whose responses were scanned, as hashes: URLs would not fit into memory."""
    declaring = (pc.field("source") != "file") & _ANSWERED
    return {
        hash((url, second(at)))
        for store in stores
        for url, at in chain(store.values("rights_signals", _OF_CAPTURE, wanted=declaring), pages_read(store))
    }


def pages_read(store: TableStore, articles: Iterable[str] | None = None) -> Iterator[Moment]:
    """Yield captures of own pages whose responses, with headers and meta elements, were scanned.

    `articles`: only those at the URLs of these.
    """
    wanted = pc.field("own_site") & pc.field("dataset").isin(RESPONSES) & _ANSWERED
    if articles is not None:
        ids = pa.array(sorted(articles), pa.string())
        wanted &= pc.field("article_id").isin(ids) & (pc.field("url_match") == "article")
    return store.values("matches", _OF_CAPTURE, wanted=wanted)


def sites_of_articles(store: TableStore, rows: Collection[Match]) -> "OwnSites | None":
    """Return what the publishers of some rows declare, also on pages of the articles; None if nothing."""
    rows = [row for row in rows if row.article_url is not None]
    if not rows:
        return None
    publishers = pa.array(sorted({row.publisher_id for row in rows}))
    # Publishers share a host whose declarations name none.
    theirs = pc.field("publisher_id").isin(publishers) | pc.is_null(pc.field("publisher_id"))
    signals = store.open_table("rights_signals").to_table(filter=DECISIVE & TO_AGENTS & theirs)
    if not len(signals):
        return None
    return OwnSites(signals, pages_read(store, {row.article_id for row in rows if row.article_id}))


def declarations_in_force(store: TableStore, rows: Mapping[str, Match]) -> dict[str, InForce]:
    """Return the declarations about each row's article when its page was captured, by `row_sha256`."""
    sites = sites_of_articles(store, rows.values())
    if sites is None:
        return {}
    found = {digest: sites.in_force(row.article_url, row.captured_at) for digest, row in rows.items()}
    return {digest: declared for digest, declared in found.items() if declared}


class OwnSites:
    """The declarations of members' own sites: which one was in force for a page at a time.

    The answer for a page changes only at a capture of a declaration. These are few, so each answer is derived
    once and kept. `pages`: captures as `pages_read` yields them.
    """

    def __init__(self, signals: pa.Table, pages: Iterable[Moment] = ()) -> None:
        self._declared = Declarations(RightsSignal.from_batches(signals))
        self._captures: dict[str, list[PageCapture]] = defaultdict(list)
        self._seconds, self._key = cache(self._seconds_of), cache(self._key_of)
        self._answers: dict[tuple[object, int], str] = {}
        # `_captures`: captures by the normal form of the page's URL, also those without declarations.
        for (url, _), captures in self._declared.pages.items():
            if form := page_url(url):
                self._captures[form.text] += captures
        for url, at in set(pages):
            if (url, second(at)) not in self._declared.pages and (form := page_url(url)):
                self._captures[form.text].append((at, ()))

    def in_force(self, url: str | None, at: datetime | None) -> InForce | None:
        """Return the declarations that `status` is derived from; None if nothing can be known."""
        if url is None or at is None or at.year not in CAPTURE_YEARS:
            return None
        captures = self._captures_of(url)
        series = self._declared.for_page(url, at, AGENT, captures)
        return in_force(at, series, bool(captures) and self._declared.has_robots(url))

    def _captures_of(self, url: str) -> list[PageCapture]:
        form = page_url(url)
        return sorted(self._captures.get(form.text, ()) if form else (), key=lambda each: each[0])

    def status(self, url: str | None, at: datetime | None) -> str:
        """Return the reservation in force for the page at `url` at a moment."""
        if url is None or at is None or at.year not in CAPTURE_YEARS or not (seconds := self._seconds(url)):
            return UNKNOWN
        # The place of `at` among the seconds: an even number between two of them, an odd one at one of them.
        place = bisect_left(seconds, second(at)) + bisect_right(seconds, second(at))
        if (answer := (self._key(url), place)) not in self._answers:
            declared = self.in_force(url, at)
            self._answers[answer] = declared.status if declared else UNKNOWN
        return self._answers[answer]

    def _key_of(self, url: str) -> object:
        # Pages without captures of their own depend only on the site's files: those with equal rules share.
        return url if self._captures_of(url) else self._declared.rules_key(url, AGENT)

    def _seconds_of(self, url: str) -> Sequence[datetime]:
        """Return the seconds of all captures of declarations about a page, in order."""
        files, of_page = self._declared.file_seconds(url), self._captures_of(url)
        return sorted({*files, *(second(at) for at, _ in of_page)}) if of_page else files


def timeline(store: TableStore, title_id: str) -> pa.Table:
    """Return the declarations of a title in all published runs, by origin, form and time, agents together.

    A row is a declaration with its verdict in consecutive captures of one file, or in all captures of pages
    of an origin, since pages differ. Nothing is known about the time between two rows. Declarations of a host
    that several titles share count for each title with a page there.

    Raises `InputError` if the tables do not mention the title.
    """
    require_known(store, MatchFilter(title_id=title_id))
    return answer_of(store, _TIMELINE.read_text().format(title=literal(title_id)), "duckdb").table()
