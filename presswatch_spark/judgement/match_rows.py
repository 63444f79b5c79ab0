"""From verified findings to rows of `matches`.

A document gives one row for each article of which it holds a long enough run; if it stands at an article's
URL but holds no such run of it, a `url_only` row for that article; if it stands on a title's site and has no
row for that title yet, a `url_only` row for the title.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from presswatch_spark.judgement.confidence import confidence
from presswatch_spark.judgement.grade import grade
from presswatch_spark.judgement.sites import SiteMatch
from presswatch_spark.judgement.urls import page_url
from presswatch_spark.model import DocumentBatch, Locator
from presswatch_spark.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.tables.digests import row_digest
from presswatch_spark.text.words import Words, character_offsets
from presswatch_spark.verify.verification import Overlap

Row = dict[str, Any]
Places = npt.NDArray[np.int64]


class ArticleFacts(Protocol):
    """What a row says of an article. `body` is its text, UTF-8."""

    @property
    def article_id(self) -> str: ...  # noqa: D102
    @property
    def title_id(self) -> str: ...  # noqa: D102
    @property
    def publisher_id(self) -> str: ...  # noqa: D102
    @property
    def url(self) -> str | None: ...  # noqa: D102
    @property
    def published_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102
    @property
    def cluster_id(self) -> str | None: ...  # noqa: D102
    @property
    def words(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Origin:
    """What the rows of a shard share. `release` is used for documents that do not name their own."""

    dataset: str
    release: str | None
    shard_uri: str


@dataclass(frozen=True, slots=True)
class Finding:
    """An article verified in a document: its ordinal and facts, and what they share.

    `places` int64 (s, 2): the characters of the article that each span of `overlap` covers. `run_rarity`,
    `shared_words` and `ownership`: see `Standing`. `in_main_content`: of the longest run, see `placement`.
    """

    ordinal: int
    article: ArticleFacts
    overlap: Overlap
    places: Places
    minhash_jaccard: float
    run_rarity: int
    shared_words: int
    ownership: str
    in_main_content: bool | None = None


def document_rows(
    batch: DocumentBatch,
    i: int,
    origin: Origin,
    text: bytes,
    words: Words | None,
    findings: Sequence[Finding],
    site: SiteMatch | None,
    article_of: Callable[[int], ArticleFacts],
    rules: GradeRules,
    confidence_rules: ConfidenceRules,
) -> list[Row]:
    """Rows of `matches` for document i, sorted by title and article; all columns but `run_id`, and digested.

    Args:
        text: of the document.
        words: of the text; may be None without findings.
        site: what its URL says, if anything.
        article_of: facts of an article by ordinal; asked for those whose URL the document has.
    """
    kept = [finding for finding in findings if finding.overlap.longest_run_words >= rules.min_run_words]
    places = span_places([finding.overlap for finding in kept], 0, words, text) if words and kept else []
    url_known = site is not None or (bool(kept) and page_url(batch.url_of(i)) is not None)
    rows = [
        _text_row(finding, _spans(finding, place), site, url_known, rules)
        for finding, place in zip(kept, places, strict=True)
    ]
    if site:
        rows += _url_rows(site, {row["article_id"] for row in rows}, article_of)
        if site.title_id and site.title_id not in {row["title_id"] for row in rows}:
            rows.append(_url_row(site.title_id, site.publisher_id or "", "title"))
    if not rows:
        return []
    facts = document_facts(batch, i, origin, text) | {"site_title_id": site.title_id if site else None}
    rows = [facts | row for row in rows]
    for row in rows:
        row["confidence"] = confidence(row, confidence_rules)
        row["row_sha256"] = row_digest(row)
    return sorted(rows, key=lambda row: (row["title_id"], row["article_id"] or ""))


def span_places(overlaps: Sequence[Overlap], side: int, words: Words, text: bytes) -> list[Places]:
    """The characters of one text that the spans of each overlap cover: int64 (s, 2), from and to.

    They are indices into `text.decode("utf-8", "replace")`, which is walked through once for all.

    Args:
        side: 0, the text is the document of all of them; 1, their article.
    """
    spans = overlaps[0].spans if len(overlaps) == 1 else np.concatenate([each.spans for each in overlaps])
    first = spans[:, side]
    last = first + spans[:, 2] - 1
    bounds = character_offsets(text, np.concatenate((words.starts[first], words.ends[last])))
    places = bounds.reshape(2, -1).T
    if len(overlaps) == 1:
        return [places]
    return np.split(places, np.cumsum([len(overlap.spans) for overlap in overlaps])[:-1])


def document_facts(batch: DocumentBatch, i: int, origin: Origin, text: bytes) -> Row:
    """The columns of `matches` that say what document i, whose text is `text`, is and where it lies."""
    return located_facts(batch.url_of(i), batch.locate(i), origin, text)


def located_facts(url: str, locator: Locator, origin: Origin, text: bytes) -> Row:
    """The same columns of what lies at a locator."""
    return {
        "dataset": origin.dataset,
        "release": _storable(locator.release or origin.release),
        "document_url": url or None,
        "shard_uri": origin.shard_uri,
        "record_id": _storable(locator.record_id),
        "record_offset": locator.record_offset,
        "record_length": locator.record_length,
        "record_encoding": locator.record_encoding,
        "record_damage": locator.damage,
        "row_index": locator.row_index,
        "payload_digest": _storable(locator.payload_digest),
        "payload_digest_computed": locator.payload_digest_computed,
        "text_sha256": hashlib.sha256(text).hexdigest(),
        "text_extraction": locator.extraction,
        "charset": locator.charset,
        "captured_at": locator.captured_at,
        "http_status": locator.http_status,
        "languages": [_storable(language) for language in locator.languages],
    }


def _storable(text: str | None) -> str | None:
    """JSON may hold lone surrogates, Parquet may not."""
    return text and text.encode("utf-8", "replace").decode()


def _spans(finding: Finding, places: Places) -> list[dict[str, int]]:
    """Spans as a row holds them; `places`: of the document."""
    return [
        {
            "document_start": document_start,
            "document_end": document_end,
            "article_start": article_start,
            "article_end": article_end,
            "words": words,
            "passage": passage,
        }
        for (document_start, document_end), (article_start, article_end), (_, _, words, passage) in zip(
            places.tolist(), finding.places.tolist(), finding.overlap.spans.tolist(), strict=True
        )
    ]


def _text_row(
    finding: Finding, spans: list[dict[str, int]], site: SiteMatch | None, url_known: bool, rules: GradeRules
) -> Row:
    overlap, article = finding.overlap, finding.article
    url_match = _url_match(finding.ordinal, article, site)
    return _article_columns(article) | {
        "url_match": url_match,
        "grade": grade(
            overlap.longest_run_words, overlap.copied_words, overlap.article_coverage, url_match, rules
        ),
        "longest_run_words": overlap.longest_run_words,
        "copied_words": overlap.copied_words,
        "article_coverage": overlap.article_coverage,
        "document_coverage": overlap.document_coverage,
        "minhash_jaccard": finding.minhash_jaccard,
        "run_rarity": finding.run_rarity,
        "shared_words": finding.shared_words,
        "ownership": finding.ownership,
        "in_main_content": finding.in_main_content,
        "spans": spans,
        "own_site": _own_site(finding.ordinal, article, site) if url_known else None,
        "document_words": overlap.document_words,
    }


def _url_match(ordinal: int, article: ArticleFacts, site: SiteMatch | None) -> str:
    if site is None:
        return "none"
    if ordinal in site.articles:
        return "article"
    return "title" if site.title_id == article.title_id else "none"


def _own_site(ordinal: int, article: ArticleFacts, site: SiteMatch | None) -> bool:
    return site is not None and (site.publisher_id == article.publisher_id or ordinal in site.articles)


def _url_rows(site: SiteMatch, told: set[str], article_of: Callable[[int], ArticleFacts]) -> Iterable[Row]:
    for ordinal in site.articles:
        article = article_of(ordinal)
        if article.article_id not in told:
            coverages = {"article_coverage": 0.0, "document_coverage": 0.0}
            yield (
                _url_row(article.title_id, article.publisher_id, "article")
                | _article_columns(article)
                | coverages
            )


def _url_row(title_id: str, publisher_id: str, url_match: str) -> Row:
    return {
        "article_id": None,
        "title_id": title_id,
        "publisher_id": publisher_id,
        "url_match": url_match,
        "grade": "url_only",
        "longest_run_words": 0,
        "copied_words": 0,
        "article_coverage": None,
        "document_coverage": None,
        "minhash_jaccard": None,
        "run_rarity": None,
        "shared_words": None,
        "ownership": None,
        "in_main_content": None,
        "spans": [],
        "own_site": True,
        "cluster_id": None,
        "article_url": None,
        "article_published_at": None,
        "article_sha256": None,
        "article_words": None,
        "document_words": None,
    }


def _article_columns(article: ArticleFacts) -> Row:
    return {
        "article_id": article.article_id,
        "title_id": article.title_id,
        "publisher_id": article.publisher_id,
        "cluster_id": article.cluster_id,
        "article_url": article.url,
        "article_published_at": article.published_at,
        "article_sha256": hashlib.sha256(article.body).hexdigest(),
        "article_words": article.words,
    }
