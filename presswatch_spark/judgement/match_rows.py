"""From verified findings to rows of `matches`.

A document gives one row for each finding: an article that it holds a long enough run of. If it stands at the
URL of another article, it gives a `url_only` row for that one. If it stands on a title's site and has no row
for the title yet, it gives a `url_only` row for the title.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from presswatch_spark.judgement.credits import CREDITS, is_other
from presswatch_spark.judgement.furniture import kind_of_passage
from presswatch_spark.judgement.grading import grade, judged
from presswatch_spark.judgement.sites import SiteMatch
from presswatch_spark.judgement.suffixes import registered_domain
from presswatch_spark.judgement.urls import host_of, hosts_above, normalise_url
from presswatch_spark.model import Article, DocumentBatch, Locator, OwnWord
from presswatch_spark.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.tables.digests import numbers_form, row_digest, storable
from presswatch_spark.text.words import TextWords, word_hashes
from presswatch_spark.verify.verification import Overlap

Row = dict[str, Any]
Places = npt.NDArray[np.int64]

# Columns that a row without a copy leaves empty; those of the article too, if it names none.
_OF_COPIES = (
    "article_id", "cluster_id", "article_url", "headline", "article_published_at", "article_sha256",
    "article_words", "article_is_excerpt", "article_coverage", "document_coverage", "minhash_jaccard",
    "run_rarity", "shared_words", "ownership", "in_main_content", "document_credits", "credits_others",
    "unbroken_words", "passage_kind",
    "article_time_zone",
)  # fmt: skip
_OF_OWN_WORD = tuple((f"page_{name}", name) for name in OwnWord.__dataclass_fields__)
_NO_WORD = OwnWord()
_NOT_REPEATED: Row = {"repeats_article_id": None, "repeated_by": []}
REPEATED = 0.9
"""Share of an article's copied words that stand where another article's do, if it repeats that one."""
# As many articles as a matcher keeps.
_REMEMBERED = 512


def _nobody_says(release: str | None) -> None:
    """Return None for any release."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The columns that the rows of a shard share; `release` is for documents that do not name their own.

    `product_of` returns the name of the dataset that a row of a release is of, None if nobody says it.
    `revision`: the commit of the dataset on its hub.
    """

    dataset: str
    release: str | None
    shard_uri: str
    product_of: Callable[[str | None], str | None] = _nobody_says
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class VerifiedOverlap:
    """An article of which a document holds a run that is long enough to report, and what both share.

    `places` int64 (s, 2): the characters of the article that each span of `overlap` covers. `run_rarity`,
    `shared_words` and `ownership`: see `Standing`. `in_main_content`: of the longest run, see `placement`.
    `credits`: whom the document credits in or next to the spans; `own_names`: the names of the article's
    title and publisher. `names_address`: the document's text holds the article's own address.
    """

    ordinal: int
    article: Article
    overlap: Overlap
    places: Places
    minhash_jaccard: float
    run_rarity: int
    shared_words: int
    ownership: str
    in_main_content: bool | None = None
    credits: Sequence[str] = ()
    own_names: tuple[str, ...] = ()
    names_address: bool = False


def document_rows(
    batch: DocumentBatch,
    i: int,
    origin: Origin,
    text: bytes,
    words: TextWords | None,
    findings: Sequence[VerifiedOverlap],
    site: SiteMatch | None,
    article_of: Callable[[int], Article],
    rules: GradeRules,
    confidence_rules: ConfidenceRules,
) -> list[Row]:
    """Return the rows of `matches` for document i: all columns but `run_id`, and digested.

    They are sorted by title and article.

    Args:
        text: of the document; empty where it could not be extracted.
        words: of the text; may be None without findings.
        findings: each is reported.
        site: where the document stands; None if that is on no member's site.
        article_of: returns an article by its ordinal; called for the articles at the document's URL.
    """
    places = span_places([finding.overlap for finding in findings], 0, words) if words and findings else []
    url_known = site is not None or (bool(findings) and host_of(batch.url_of(i)) is not None)
    rows = [
        _text_row(finding, _spans(finding, place), site, url_known, rules)
        for finding, place in zip(findings, places, strict=True)
    ]
    if site:
        rows += _url_rows(site, {row["article_id"] for row in rows}, article_of)
        if site.title_id and site.title_id not in {row["title_id"] for row in rows}:
            rows.append(_url_row(site, site.title_id, site.publisher_id or "", "title"))
    if not rows:
        return []
    facts = document_facts(batch, i, origin, text)
    facts["document_words"] = len(words) if words else len(word_hashes(text)) if text else None
    facts["site_title_id"] = site.title_id if site else None
    rows = [facts | row for row in rows]
    by_article = {finding.article.article_id: finding for finding in findings}
    repeated = repetitions(findings, site.articles if site else ())
    for row in rows:
        row |= _named_by_page(facts, by_article.get(row["article_id"]))
        row |= repeated.get(row["article_id"], _NOT_REPEATED)
        row |= judged(row, confidence_rules)
        # There may be thousands of spans: their form is written without a look at each value and key.
        row["row_sha256"] = row_digest(row, {"spans": numbers_form(row["spans"])})
    return sorted(rows, key=lambda row: (row["title_id"], row["article_id"] or ""))


def span_places(overlaps: Sequence[Overlap], side: int, words: TextWords) -> list[Places]:
    """Return the characters of one text that the spans of each overlap cover: int64 (s, 2), from and to.

    They are indices into `text.decode("utf-8", "replace")`; one walk through it finds them all.

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


def document_facts(batch: DocumentBatch, i: int, origin: Origin, text: bytes) -> Row:
    """Return the columns of `matches` that say what document i is and where it lies; `text` is its text."""
    word = batch.own_word(i) if batch.own_word else None
    return located_facts(batch.url_of(i), batch.locate(i), origin, text, word)


def located_facts(
    url: str, locator: Locator, origin: Origin, text: bytes, word: OwnWord | None = None
) -> Row:
    """Return the same columns for the document or response at a locator; `word`: what it says of itself."""
    host, word = host_of(url), word or _NO_WORD
    release = storable(locator.release or origin.release)
    return {
        "dataset": origin.dataset,
        "release": release,
        "product": origin.product_of(release),
        "product_revision": origin.revision,
        "document_url": url or None,
        "document_host": host,
        "document_domain": host and registered_domain(host),
        "shard_uri": origin.shard_uri,
        "record_id": storable(locator.record_id),
        "record_offset": locator.record_offset,
        "record_length": locator.record_length,
        "record_encoding": locator.record_encoding,
        "record_damage": locator.damage,
        "row_index": locator.row_index,
        "payload_digest": storable(locator.payload_digest),
        "payload_digest_computed": locator.payload_digest_computed,
        "text_sha256": hashlib.sha256(text).hexdigest(),
        "text_extraction": locator.extraction,
        "charset": locator.charset,
        "captured_at": locator.captured_at,
        "http_status": locator.http_status,
        "languages": [storable(language) for language in locator.languages],
        **{column: getattr(word, name) for column, name in _OF_OWN_WORD},
        "upstream_uri": locator.upstream_uri,
        "upstream_offset": locator.upstream_offset,
    }


def _spans(finding: VerifiedOverlap, places: Places) -> list[dict[str, int]]:
    """Return the spans as a row holds them, with sorted keys; `places` are those in the document."""
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


def _text_row(
    finding: VerifiedOverlap,
    spans: list[dict[str, int]],
    site: SiteMatch | None,
    url_known: bool,
    rules: GradeRules,
) -> Row:
    overlap, article = finding.overlap, finding.article
    url_match = _url_match(finding.ordinal, article, site)
    return _article_columns(article) | {
        "url_match": url_match,
        "grade": grade(overlap.copied_words, overlap.article_coverage, rules),
        "longest_run_words": overlap.longest_run_words,
        "copied_words": overlap.copied_words,
        "article_coverage": overlap.article_coverage,
        "document_coverage": overlap.document_coverage,
        "minhash_jaccard": finding.minhash_jaccard,
        "run_rarity": finding.run_rarity,
        "shared_words": finding.shared_words,
        "ownership": finding.ownership,
        "unbroken_words": overlap.unbroken_words,
        "passage_kind": kind_of_passage(article.body, finding.places.tolist()),
        "in_main_content": finding.in_main_content,
        **_credit_columns(finding),
        "spans": spans,
        "own_site": _own_site(article.publisher_id, site) if url_known else None,
    }


def _credit_columns(finding: VerifiedOverlap) -> Row:
    # Whoever is credited counts, and the row names the first.
    others = any(is_other(credit, finding.own_names) for credit in finding.credits)
    return {"document_credits": list(finding.credits[:CREDITS]), "credits_others": others}


def _named_by_page(page: Row, finding: VerifiedOverlap | None) -> Row:
    """Return whether a page names another publisher, and whether it names the article's as its source.

    The name of a site is that of whoever runs it, and no statement about the text.
    """
    if finding is None:
        return {"page_publisher_others": None, "credits_owner": None}
    names, publisher = finding.own_names, page["page_publisher"]
    is_named = publisher is not None and page["page_publisher_source"] != "site_name"
    others = is_other(publisher, names) if is_named else None
    origins = (page["page_based_on"], page["page_canonical_url"])
    credits_owner = (
        others is False
        or finding.names_address
        or any(not is_other(credit, names) for credit in finding.credits)
        or any(_is_owners(origin, finding.article.url, names) for origin in origins if origin)
    )
    return {"page_publisher_others": others, "credits_owner": credits_owner}


def _is_owners(address: str, article_url: str | None, own_names: tuple[str, ...]) -> bool:
    """Return whether an address is the article's, or on a domain among the owner's names."""
    host = host_of(address)
    if host is None:
        return not is_other(address, own_names)
    is_article = article_url is not None and normalise_url(address) == normalise_url(article_url)
    return is_article or any(name in own_names for name in hosts_above(host) if "." in name)


def repetitions(findings: Sequence[VerifiedOverlap], at_address: Sequence[int]) -> dict[str, Row]:
    """Return which articles repeat others of their title on a page: for each of these, columns of its row.

    Of articles whose words the page has in the same places, the one at the page's own address counts, else
    the earliest. Another repeats it if it has `REPEATED` of its words in these places.

    Args:
        at_address: ordinals of the articles at the page's address.
    """
    by_title: dict[str, list[VerifiedOverlap]] = {}
    for finding in findings:
        by_title.setdefault(finding.article.title_id, []).append(finding)
    found: dict[str, Row] = {}
    for same_title in by_title.values():
        if len(same_title) > 1:
            _note_repetitions(sorted(same_title, key=lambda each: _precedence(each, at_address)), found)
    return found


def _note_repetitions(findings: Sequence[VerifiedOverlap], found: dict[str, Row]) -> None:
    spans = [finding.overlap.seen_from(0).tolist() for finding in findings]
    size = max((first + count for each in spans for first, _, count, _ in each), default=0)
    holders: dict[str, npt.NDArray[np.bool_]] = {}
    for finding, each in zip(findings, spans, strict=True):
        article_id, words = finding.article.article_id, np.zeros(size, np.bool_)
        for first, _, count, _ in each:
            words[first : first + count] = True
        holder, most = "", 0
        for other, theirs in holders.items():
            shared = int(np.count_nonzero(words & theirs))
            holder, most = (other, shared) if shared > most else (holder, most)
        if most and most >= REPEATED * int(np.count_nonzero(words)):
            found[article_id] = {"repeats_article_id": holder, "repeated_by": []}
            first_of_all = found.setdefault(holder, {"repeats_article_id": None, "repeated_by": []})
            first_of_all["repeated_by"].append(article_id)
            continue
        holders[article_id] = words


def _precedence(finding: VerifiedOverlap, at_address: Sequence[int]) -> tuple[bool, bool, float, str]:
    published_at = finding.article.published_at
    moment = published_at.timestamp() if published_at else 0.0
    return finding.ordinal not in at_address, published_at is None, moment, finding.article.article_id


def _url_match(ordinal: int, article: Article, site: SiteMatch | None) -> str:
    if site is None:
        return "none"
    if ordinal in site.articles:
        return "article"
    return "title" if site.title_id == article.title_id else "none"


def _own_site(publisher_id: str, site: SiteMatch | None) -> bool:
    """Return whether a page is on a site of the publisher, whatever URL it gives for its articles."""
    return site is not None and site.publisher_id == publisher_id


def _url_rows(site: SiteMatch, copied: set[str], article_of: Callable[[int], Article]) -> Iterable[Row]:
    for ordinal in site.articles:
        article = article_of(ordinal)
        if article.article_id not in copied:
            coverages = {"article_coverage": 0.0, "document_coverage": 0.0}
            yield (
                _url_row(site, article.title_id, article.publisher_id, "article")
                | _article_columns(article)
                | coverages
            )


def _url_row(site: SiteMatch, title_id: str, publisher_id: str, url_match: str) -> Row:
    return dict.fromkeys(_OF_COPIES) | {
        "title_id": title_id,
        "publisher_id": publisher_id,
        "url_match": url_match,
        "grade": "url_only",
        "longest_run_words": 0,
        "copied_words": 0,
        "spans": [],
        "own_site": _own_site(publisher_id, site),
    }


def _article_columns(article: Article) -> Row:
    return {
        "article_id": article.article_id,
        "title_id": article.title_id,
        "publisher_id": article.publisher_id,
        "cluster_id": article.cluster_id,
        "article_url": article.url,
        "headline": article.headline,
        "article_published_at": article.published_at,
        "article_time_zone": article.time_zone,
        "article_sha256": _sha256(article.body),
        "article_words": article.words,
        "article_is_excerpt": article.is_excerpt,
    }


@lru_cache(_REMEMBERED)
def _sha256(body: bytes) -> str:
    """Return the SHA-256 (hex) of the text of an article: many documents may hold it."""
    return hashlib.sha256(body).hexdigest()
