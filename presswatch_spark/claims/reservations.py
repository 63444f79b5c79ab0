"""What a member's own site declared about an article when a page with its words was captured.

The article's own URL is asked, whatever site the page is on. All declarations of published runs count:
robots.txt, ai.txt and TDMRep of its site, and metas and headers of the article's own page. Of each, the last
capture before the page's and the first one after it decide; nothing is guessed of the time between.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.judgement.grading import CAPTURE_YEARS
from presswatch_spark.judgement.urls import page_url
from presswatch_spark.queries.reservations import DECISIVE, OWN_RESPONSES
from presswatch_spark.rights.declaration import UNKNOWN
from presswatch_spark.rights.declared import Declared, PageCapture, Row, record_of
from presswatch_spark.rights.relation import InForce, in_force, second
from presswatch_spark.tables.store import TableStore

AGENT = "CCBot"
"""The crawler whose captures the datasets are made of: what a site tells it is asked."""

Moment = tuple[str, datetime]
"""The URL of a page, and when it was captured."""


def pages_read(store: TableStore, article_id: str | None = None) -> Iterator[Moment]:
    """Yield the captures of members' own pages whose responses were scanned, with headers and metas.

    Args:
        article_id: only those at this article's own URLs.
    """
    wanted, columns = OWN_RESPONSES, ["document_url", "captured_at"]
    if article_id is not None:
        wanted &= (pc.field("article_id") == article_id) & (pc.field("url_match") == "article")
    for batch in store.open_table("matches").to_batches(columns=columns, filter=wanted):
        for url, at in zip(*(batch[name].to_pylist() for name in columns), strict=True):
            if url is not None and at is not None:
                yield url, at


def declarations_in_force(store: TableStore, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, InForce]:
    """Return the declarations for the article of each row of `matches` when its page was captured.

    Args:
        rows: by `row_sha256`, as the result is; a row without URL or time has no declaration.
    """
    titles = pa.array(sorted({row["title_id"] for row in rows.values()}))
    decisive = DECISIVE & pc.field("title_id").isin(titles)
    signals = store.open_table("rights_signals").to_table(filter=decisive).to_pylist()
    if not signals:
        return {}
    declared, found = Declared(signals), dict[str, InForce]()
    for digest, row in rows.items():
        url, at = row["article_url"], row["captured_at"]
        if url is not None and at is not None:
            around = declared.around(url, at, AGENT, ())
            found[digest] = in_force(at, around, declared.has_robots(url))
    return found


@dataclass(slots=True)
class _ReservedPage:
    """What is known about a page: when it was captured, and the seconds between which answers differ."""

    captures: list[PageCapture]
    seconds: list[datetime]
    answers: dict[int, str] = field(default_factory=dict)


class OwnSites:
    """The declarations of members' own sites, and which was in force when.

    Answers differ only from one capture of a declaration to the next. So a page has few, and each is found
    once: it holds them, and the rows of `signals`, which may be of any runs. `pages`: see `pages_read`.
    """

    def __init__(self, signals: pa.Table, pages: Iterable[Moment] = (), agent: str = AGENT) -> None:
        self._agent = agent
        self._declared = Declared(signals.to_pylist())
        self._captures: dict[str, list[PageCapture]] = defaultdict(list)
        self._known: dict[str, _ReservedPage] = {}
        self._alike: dict[object, _ReservedPage] = {}
        self._add_pages(pages)

    def status(self, url: str | None, at: datetime | None) -> str:
        """Return which reservation was in force for the page at `url` at the moment `at`.

        It is one of `rights.relation.STATUSES`; `unknown` if URL or moment are.
        """
        if url is None or at is None or at.year not in CAPTURE_YEARS:
            return UNKNOWN
        page = self._known.get(url)
        if page is None:
            page = self._known[url] = self._page(url)
        if not page.seconds:
            return UNKNOWN
        at_second = second(at)
        place = bisect_left(page.seconds, at_second)
        if place < len(page.seconds) and page.seconds[place] == at_second:
            # Fractions of a second may tell which was first.
            return self._answer(url, at, page)
        if place not in page.answers:
            page.answers[place] = self._answer(url, at, page)
        return page.answers[place]

    def _answer(self, url: str, at: datetime, page: _ReservedPage) -> str:
        series = self._declared.around(url, at, self._agent, page.captures)
        read = bool(page.captures) and self._declared.has_robots(url)
        return in_force(at, series, read).status

    def _page(self, url: str) -> _ReservedPage:
        form = page_url(url)
        captures = sorted(self._captures.get(form.text, ()) if form else (), key=lambda each: each[0])
        if captures:
            moments = [*self._declared.moments(url), *(moment for moment, _ in captures)]
            return _ReservedPage(captures, sorted({second(moment) for moment in moments}))
        # Pages of which nothing is known but what their site says share their answers.
        key = self._declared.standing(url, self._agent)
        if key not in self._alike:
            self._alike[key] = _ReservedPage(
                [], sorted({second(moment) for moment in self._declared.moments(url)})
            )
        return self._alike[key]

    def _add_pages(self, pages: Iterable[Moment]) -> None:
        """Gather the captures of each page by its normal form, those without declarations too."""
        records: dict[tuple[str, datetime, str], list[Row]] = defaultdict(list)
        for row in self._declared.page_rows():
            records[row["document_url"], row["captured_at"], record_of(row)].append(row)
        declaring = set[Moment]()
        for (url, at, _), rows in records.items():
            if form := page_url(url):
                self._captures[form.text].append((at, rows))
                declaring.add((url, second(at)))
        for url, at in set(pages):
            if (url, second(at)) not in declaring and (form := page_url(url)):
                self._captures[form.text].append((at, ()))
