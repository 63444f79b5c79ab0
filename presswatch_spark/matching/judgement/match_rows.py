"""Makes rows of `matches` from verified findings.

A document gives one row for each finding: an article with which it shares a passage that is long enough. If
it is at the URL of another article, it gives a `url_only` row for that one. If it is on a title's site and
has no row for the title yet, it gives a `url_only` row for the title.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import Article, DocumentBatch, PageMetadata, TextString
from presswatch_spark.core.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.core.times import EPOCH
from presswatch_spark.matching.judgement.credits import CREDITS, is_other
from presswatch_spark.matching.judgement.grading import grade, judged
from presswatch_spark.matching.judgement.passage_kinds import kind_of_passage
from presswatch_spark.matching.judgement.public_suffixes import registered_domain
from presswatch_spark.matching.judgement.sites import SiteMatch
from presswatch_spark.matching.judgement.urls import host_of, hosts_above, normalise_url
from presswatch_spark.matching.verify.verification import Overlap
from presswatch_spark.reading.text.words import TextWords, word_hashes
from presswatch_spark.tables.column_values import Grade, Ownership, UrlMatch
from presswatch_spark.tables.declarations import Match, Span
from presswatch_spark.tables.digests import numbers_form, row_digest, storable

Places = npt.NDArray[np.int64]

STRINGS_KEPT = 100
REPEATED = 0.9
"""An article repeats another if this share of its copied words is where the page has words of the other."""
# Columns that have the names and the values of fields: of a locator, a page's metadata, an article and so on.
_OF_LOCATOR = (
    "record_offset", "record_length", "record_encoding", "row_index", "payload_digest_computed", "charset",
    "text_source", "captured_at", "http_status", "upstream_uri", "upstream_offset",
)  # fmt: skip
_OF_METADATA = tuple(field.name for field in fields(PageMetadata))
_OF_ARTICLE = ("article_id", "title_id", "publisher_id", "cluster_id", "headline")
_OF_OVERLAP = ("longest_run_words", "copied_words", "article_coverage", "document_coverage", "unbroken_words")
_OF_FINDING = ("minhash_jaccard", "run_rarity", "shared_words", "ownership", "in_main_content")
# Digests of texts: as many as a matcher keeps articles.
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Origin:
    """The columns that the rows of a shard share. `release`: of documents that do not name their own.

    `product_of` returns the name of the dataset that a release belongs to, None if it is unknown.
    `revision`: the commit of the dataset on its hub.
    """

    dataset: str
    release: str | None
    shard_uri: str
    product_of: Callable[[str | None], str | None] = lambda release: None
    revision: str | None = None


# Not frozen: a frozen one takes three times as long to make.
@dataclass(slots=True)
class VerifiedOverlap:
    """An article that shares a passage with a document, long enough to report, and facts about both.

    `places` int64 (s, 2): the characters of the article that each span of `overlap` covers. `run_rarity`,
    `shared_words` and `ownership`: see `WordRarity`. `in_main_content`: of the longest passage, see
    `passage_kinds`. `credits`: names that the document credits in or next to the spans. `own_names`: names of
    the article's title and publisher. `names_address`: the document's text has the article's own address.
    """

    ordinal: int
    article: Article
    overlap: Overlap
    places: Places
    minhash_jaccard: float
    run_rarity: int
    shared_words: int
    ownership: Ownership
    in_main_content: bool | None = None
    credits: Sequence[str] = ()
    own_names: tuple[str, ...] = ()
    names_address: bool = False


BLANK = Match.from_dict(
    {
        **dict.fromkeys(Match.columns),
        "run_id": "",
        "title_id": "",
        "publisher_id": "",
        "url_match": "none",
        "grade": "url_only",
        "longest_run_words": 0,
        "copied_words": 0,
        "confidence": "D",
        "confidence_reasons": [],
        "repeated_by": [],
        "spans": [],
        "text_sha256": "",
        "languages": [],
        "row_sha256": "",
    }
)
"""A row without facts. Rows are made from it; run id, confidence and digest are placeholders."""


@dataclass(slots=True, eq=False, kw_only=True)
class MatchedDocument:
    """Document i of a batch, which has findings or is on a member's site.

    `text` is empty if it could not be extracted. `words` of the text may be None without findings. `site` is
    None for a document on no member's site.
    """

    i: int
    text: bytes
    site: SiteMatch | None
    words: TextWords | None = None
    findings: list[VerifiedOverlap] = field(default_factory=list)


class _Copy(NamedTuple):
    """The copied words of a row. `spans` have sorted keys, for the digest.

    `repeats`, `repeated_by`: ids of articles of the same title with words in the same places of the page.
    """

    finding: VerifiedOverlap
    spans: list[Span]
    grade: Grade
    repeats: str | None
    repeated_by: list[str]


def document_rows(
    batch: DocumentBatch,
    documents: Sequence[MatchedDocument],
    origin: Origin,
    article_of: Callable[[int], Article],
    rules: GradeRules,
    confidence_rules: ConfidenceRules,
) -> Iterator[Match]:
    """Yield the rows of `matches` for documents of a batch, digested, and without a run id.

    They come document by document, sorted by title and article. Each step is done for all documents before
    the next one begins, while its code is in the processor's caches. All documents of a page come together.

    Args:
        article_of: returns an article by its ordinal; called for the articles at a document's URL.
    """
    copied = defaultdict[int, list[Article]](list)
    for each in documents:
        copied[batch.main_of(each.i)] += [finding.article for finding in each.findings]
    subjects_of = [
        (each, _subjects(each.site, copied[each.i], article_of) if batch.main_of(each.i) == each.i else [])
        for each in documents
    ]
    wanted = [(each, subjects) for each, subjects in subjects_of if subjects or each.findings]
    facts = [document_facts(batch, each.i, origin, each.text) for each, _ in wanted]
    copies = [_copies(each, rules) for each, _ in wanted]
    rows = [
        _with_sources(_rows_of(document, its_facts, its_copies, subjects), batch, document)
        for (document, subjects), its_facts, its_copies in zip(wanted, facts, copies, strict=True)
    ]
    for its_rows in [[_graded(row, confidence_rules) for row in its_rows] for its_rows in rows]:
        yield from sorted(map(_digested, its_rows), key=lambda row: (row.title_id, row.article_id or ""))


def _subjects(
    site: SiteMatch | None, copied: Sequence[Article], article_of: Callable[[int], Article]
) -> list[Article | None]:
    """Return the articles at a page's URL that it does not copy, and None if its site has no row yet."""
    if site is None:
        return []
    ids = {article.article_id for article in copied}
    at_url = [article for article in map(article_of, site.articles) if article.article_id not in ids]
    titles = {article.title_id for article in (*at_url, *copied)}
    return [*at_url, None] if site.title_id and site.title_id not in titles else [*at_url]


def _rows_of(
    document: MatchedDocument, facts: Match, copies: Iterable[_Copy], subjects: Iterable[Article | None]
) -> list[Match]:
    text, words, site = document.text, document.words, document.site
    page = facts.with_columns(
        document_words=len(words) if words else len(word_hashes(text)) if text else None,
        site_title_id=site.title_id if site else None,
    )
    rows = [_row_of_copy(page, copy, site) for copy in copies]
    for article in subjects:
        if article:
            rows.append(_row_of_article(page, article, site, "article"))
        elif site:
            title, publisher = site.title_id, site.publisher_id
            rows.append(
                page.with_columns(title_id=title, publisher_id=publisher, url_match="title", own_site=True)
            )
    return rows


def _with_sources(rows: list[Match], batch: DocumentBatch, document: MatchedDocument) -> list[Match]:
    """Return the rows of a document with their source, if it is hidden words or embedded strings."""
    i = document.i
    if batch.main_of(i) != i:
        strings = batch.strings(i) if batch.strings else ()
        return [row.with_columns(text_strings=_touched(strings, row.spans)) for row in rows]
    begin = batch.hidden_from(i) if batch.hidden_from and document.findings else None
    if begin is None:
        return rows
    hidden = len(document.text[:begin].decode("utf-8", "replace"))
    for k, row in enumerate(rows):
        # Spans are in the order of the document.
        if row.spans and row.spans[0]["document_start"] >= hidden:
            rows[k] = row.with_columns(text_source="hidden")
    return rows


def _touched(strings: Sequence[TextString], spans: Sequence[Span]) -> list[TextString]:
    """Return the first strings that spans touch."""
    begins, ends = (sorted(span[name] for span in spans) for name in ("document_start", "document_end"))
    touched = (
        string
        for string in strings
        if bisect_left(begins, string["document_end"]) > bisect_right(ends, string["document_start"])
    )
    return [{**string, "path": storable(string["path"])} for string in islice(touched, STRINGS_KEPT)]


def graded_and_digested(row: Match, rules: ConfidenceRules) -> Match:
    """Return a row with its confidence, the reasons and its digest, derived from its other columns."""
    return _digested(_graded(row, rules))


def _graded(row: Match, rules: ConfidenceRules) -> Match:
    confidence, reasons = judged(row, rules)
    return row.with_columns(confidence=confidence, confidence_reasons=reasons)


def _digested(row: Match) -> Match:
    # There may be thousands of spans: write their canonical form without checking each key and value.
    return row.with_columns(row_sha256=row_digest(row, {"spans": numbers_form(row.spans)}))


def span_places(overlaps: Sequence[Overlap], side: int, words: TextWords) -> list[Places]:
    """Return the characters [from, to) of one text that the spans of each overlap cover: int64 (s, 2) each.

    They are indices into `text.decode("utf-8", "replace")`; one pass over the text finds all of them.

    Args:
        side: 0 if the text is the document of all overlaps, 1 if it is their article.
    """
    seen = [each.seen_from(side) for each in overlaps]
    spans = seen[0] if len(overlaps) == 1 else np.concatenate(seen)
    first = spans[:, side].copy()
    places = words.characters(first, first + spans[:, 2] - 1)
    if len(overlaps) == 1:
        return [places]
    return np.split(places, np.cumsum([len(overlap.spans) for overlap in overlaps])[:-1])


def document_facts(batch: DocumentBatch, i: int, origin: Origin, text: bytes) -> Match:
    """Return a row with the facts of document i only; `text` is its text."""
    metadata = batch.page_metadata(batch.main_of(i)) if batch.page_metadata else None
    return located_facts(batch.url_of(i), batch.locate(i), origin, text, metadata)


def located_facts(
    url: str, locator: Locator, origin: Origin, text: bytes, metadata: PageMetadata | None = None
) -> Match:
    """Return a row with the facts of the document or response at a locator only.

    `metadata`: its statements about itself.
    """
    host, metadata = host_of(url), metadata or PageMetadata()
    release = storable(locator.release or origin.release)
    return BLANK.with_columns(
        dataset=origin.dataset,
        release=release,
        product=origin.product_of(release),
        product_revision=origin.revision,
        document_url=url or None,
        document_host=host,
        document_domain=host and registered_domain(host),
        shard_uri=origin.shard_uri,
        record_id=storable(locator.record_id),
        record_damage=locator.damage,
        payload_digest=storable(locator.payload_digest),
        text_sha256=hashlib.sha256(text).hexdigest(),
        text_extraction=locator.extraction,
        languages=[storable(language) for language in locator.languages],
        **{name: getattr(locator, name) for name in _OF_LOCATOR},
        **{f"page_{name}": getattr(metadata, name) for name in _OF_METADATA},
    )


def _spans(finding: VerifiedOverlap, places: Places) -> list[Span]:
    """Return the spans of a row, with sorted keys; `places` are those in the document."""
    columns = (
        finding.places[:, 1], finding.places[:, 0], places[:, 1], places[:, 0],
        finding.overlap.spans[:, 3], finding.overlap.spans[:, 2],
    )  # fmt: skip
    return [
        {
            "article_end": article_end,
            "article_start": article_start,
            "document_end": document_end,
            "document_start": document_start,
            "passage": passage,
            "words": words,
        }
        for article_end, article_start, document_end, document_start, passage, words in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _copies(document: MatchedDocument, rules: GradeRules) -> list[_Copy]:
    findings, words, site = document.findings, document.words, document.site
    places = span_places([finding.overlap for finding in findings], 0, words) if findings and words else []
    repeats = _repetitions(findings, site.articles if site else ())
    repeated_by: defaultdict[str, list[str]] = defaultdict(list)
    for article_id, original in repeats.items():
        repeated_by[original].append(article_id)
    return [
        _Copy(
            finding=finding,
            spans=_spans(finding, place),
            grade=grade(finding.overlap.copied_words, finding.overlap.article_coverage, rules),
            repeats=repeats.get(finding.article.article_id),
            repeated_by=repeated_by[finding.article.article_id],
        )
        for finding, place in zip(findings, places, strict=True)
    ]


def _row_of_article(page: Match, article: Article, site: SiteMatch | None, url_match: UrlMatch) -> Match:
    # Only the pages of the publisher's own sites are its own, whatever URL it gives for its articles.
    is_own = site is not None and site.publisher_id == article.publisher_id
    return page.with_columns(
        url_match=url_match,
        article_coverage=0.0,
        document_coverage=0.0,
        own_site=None if site is None and page.document_host is None else is_own,
        article_url=article.url,
        article_published_at=article.published_at,
        article_time_zone=article.time_zone,
        article_sha256=_sha256(article.body),
        article_words=article.words,
        article_is_excerpt=article.is_excerpt,
        **{name: getattr(article, name) for name in _OF_ARTICLE},
    )


def _row_of_copy(page: Match, copy: _Copy, site: SiteMatch | None) -> Match:
    finding, article = copy.finding, copy.finding.article
    url_match: UrlMatch = "none"
    if site and finding.ordinal in site.articles:
        url_match = "article"
    elif site and site.title_id == article.title_id:
        url_match = "title"
    publisher_others = None
    # The name of a site is that of its operator, and no statement about the text's publisher.
    if page.page_publisher is not None and page.page_publisher_source != "site_name":
        publisher_others = is_other(page.page_publisher, finding.own_names)
    row = _row_of_article(page, article, site, url_match)
    return row.with_columns(
        grade=copy.grade,
        # All credits count, and the row names the first ones.
        document_credits=list(finding.credits[:CREDITS]),
        credits_others=any(is_other(credit, finding.own_names) for credit in finding.credits),
        credits_owner=publisher_others is False or _credits_owner(page, finding),
        page_publisher_others=publisher_others,
        passage_kind=kind_of_passage(article.body, finding.places.tolist()),
        repeats_article_id=copy.repeats,
        repeated_by=copy.repeated_by,
        spans=copy.spans,
        **{name: getattr(finding.overlap, name) for name in _OF_OVERLAP},
        **{name: getattr(finding, name) for name in _OF_FINDING},
    )


def _credits_owner(page: Match, finding: VerifiedOverlap) -> bool:
    origins = (page.page_based_on, page.page_canonical_url)
    return (
        finding.names_address
        or any(not is_other(credit, finding.own_names) for credit in finding.credits)
        or any(_is_owners(origin, finding.article.url, finding.own_names) for origin in origins if origin)
    )


def _is_owners(address: str, article_url: str | None, own_names: tuple[str, ...]) -> bool:
    """Return whether an address is the article's, or on a domain among the owner's names."""
    host = host_of(address)
    if host is None:
        return not is_other(address, own_names)
    is_article = article_url is not None and normalise_url(address) == normalise_url(article_url)
    return is_article or any(name in own_names for name in hosts_above(host) if "." in name)


def _repetitions(findings: Sequence[VerifiedOverlap], at_address: Sequence[int]) -> dict[str, str]:
    """Return the articles that repeat another of their title on a page, each with that other.

    If the page has words of several articles in the same places, the article at the page's own address is
    the original, else the earliest one; the others repeat it (see `REPEATED`).

    Args:
        at_address: ordinals of the articles at the page's address.
    """

    def order(finding: VerifiedOverlap) -> tuple[object, ...]:
        published_at = finding.article.published_at
        is_elsewhere = finding.ordinal not in at_address
        return is_elsewhere, published_at is None, published_at or EPOCH, finding.article.article_id

    by_title = defaultdict[str, list[VerifiedOverlap]](list)
    for finding in sorted(findings, key=order):
        by_title[finding.article.title_id].append(finding)
    found = dict[str, str]()
    for same_title in by_title.values():
        if len(same_title) > 1:
            found |= _repeats_among(same_title)
    return found


def _repeats_among(findings: Sequence[VerifiedOverlap]) -> dict[str, str]:
    """Return the repetitions among articles of a title; an earlier one in the list is the original."""
    spans = [finding.overlap.seen_from(0).tolist() for finding in findings]
    size = max((first + count for each in spans for first, _, count, _ in each), default=0)
    holders, found = dict[str, npt.NDArray[np.bool_]](), dict[str, str]()
    for finding, each in zip(findings, spans, strict=True):
        article_id, words = finding.article.article_id, np.zeros(size, np.bool_)
        for first, _, count, _ in each:
            words[first : first + count] = True
        holder, most = "", 0
        for other, theirs in holders.items():
            shared = int(np.count_nonzero(words & theirs))
            holder, most = (other, shared) if shared > most else (holder, most)
        if most and most >= REPEATED * int(np.count_nonzero(words)):
            found[article_id] = holder
        else:
            holders[article_id] = words
    return found


@lru_cache(_REMEMBERED)
def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
