"""Sieve → attribute → verify → grade → rows, for one batch of documents, without side effects.

Each step runs for a group of documents before the next step begins, while its code is in the processor's
caches: one document after the other would take half as long again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.scan_values import Article, DocumentBatch
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.credits import CreditFinder, names_address
from presswatch_spark.matching.judgement.match_rows import (
    MatchedDocument,
    Origin,
    VerifiedOverlap,
    document_rows,
    span_places,
)
from presswatch_spark.matching.judgement.passage_kinds import Placement
from presswatch_spark.matching.judgement.rarity import RarityMeter, WordRarity
from presswatch_spark.matching.judgement.sites import SiteMatch
from presswatch_spark.matching.shingle_index import ALL_HASHES, HashRange
from presswatch_spark.matching.sieve import Candidates, Sieve
from presswatch_spark.matching.verify.minhash import Signature, jaccard, signature
from presswatch_spark.matching.verify.verification import (
    DocumentWindows,
    Joined,
    NamedDocument,
    most_spans,
    verify,
    window_hashes,
)
from presswatch_spark.reading.text.words import TextWords, words_of
from presswatch_spark.tables.declarations import Match

# An article with its words takes about 25 KB, its windows 4 KB.
ARTICLES_KEPT = 512
WINDOWS_KEPT = 8192
# Sizes of groups of documents and pairs that leave room for the code in the processor's second cache.
GROUP_BYTES, CANDIDATE_BYTES = 1 << 18, 1 << 10
PAIRS_AT_ONCE = 32


@dataclass(slots=True, eq=False, kw_only=True)
class _Suspect(MatchedDocument):
    """A document with its candidates, the `ordinals`; if there are none, it has no `words`.

    `main`: that of its page. `byline`: of embedded text, the author that its page states. `named`, `minhash`:
    of the words; only a document that shares a window with an article has them.
    """

    main: int
    ordinals: Sequence[int]
    placement: Placement
    byline: bytes = b""
    named: NamedDocument = field(init=False)
    minhash: Signature = field(init=False)


class Matcher:
    """Matches documents against a corpus; each thread needs its own. It keeps the latest articles.

    `hashes`: the range of the index that the sieve looks up, so that the rest need not be in memory.
    """

    def __init__(self, corpus: Corpus, rules: ScanConfig, hashes: HashRange = ALL_HASHES) -> None:
        self.corpus = corpus
        self.wants = corpus.wants
        self._rules, self._least_run = rules, rules.grade.min_run_words
        self._sieve = Sieve(corpus.index, hashes=hashes)
        whole_index = corpus.index if hashes == ALL_HASHES else corpus.scattered_index
        self._whole_sieve = lru_cache(1)(lambda: self._sieve if hashes == ALL_HASHES else Sieve(whole_index))
        self._rarity_meter = lru_cache(1)(
            lambda: RarityMeter(whole_index, corpus.surroundings, rules.rarity, rules.ownership)
        )
        self._credits = CreditFinder(corpus.manifest.parameters.get("agencies", ()))
        self._minhash = corpus.manifest.minhash
        self._words = lru_cache(ARTICLES_KEPT)(lambda ordinal: words_of(corpus.body(ordinal)))
        self._joined = lru_cache(ARTICLES_KEPT)(lambda ordinal: Joined(self._words(ordinal)))
        self._article = lru_cache(ARTICLES_KEPT)(self._load)
        self._windows = lru_cache(WINDOWS_KEPT)(
            lambda ordinal: window_hashes(self._words(ordinal).hashes, self._least_run)
        )

    def candidates(self, batch: DocumentBatch) -> Candidates:
        """Return the pairs (document, article) worth verifying."""
        return self._sieve.candidates(batch)

    def candidates_of_all_hashes(self, batch: DocumentBatch) -> Candidates:
        """Return the pairs as `candidates` does, but looked up in the whole index."""
        return self._whole_sieve().candidates(batch)

    def rows(self, batch: DocumentBatch, candidates: Candidates, origin: Origin) -> Iterator[Match]:
        """Yield rows of `matches` without `run_id`: verified candidates, and documents on members' sites."""
        sites = self.corpus.sites.matches(batch, self.corpus.urls)
        for group in _groups(batch, candidates, sites):
            documents = [self._document(batch, i, ordinals, sites) for i, ordinals in group]
            self._compare(documents)
            yield from document_rows(
                batch, documents, origin, self.corpus.article, self._rules.grade, self._rules.confidence
            )

    def _document(
        self, batch: DocumentBatch, i: int, ordinals: Sequence[int], sites: Mapping[int, SiteMatch]
    ) -> _Suspect:
        main, byline = batch.main_of(i), b""
        main_text = partial(batch.main_text, i) if batch.main_text and i == main else None
        placement = Placement(main_text, self._least_run)
        if i != main and batch.page_metadata and (metadata := batch.page_metadata(main)):
            byline = f"Par {metadata.author}".encode("utf-8", "replace") if metadata.author else b""
        return _Suspect(
            i=i, text=batch.text_of(i), site=sites.get(main), main=main, ordinals=ordinals,
            placement=placement, byline=byline,
        )  # fmt: skip

    def _compare(self, group: Sequence[_Suspect]) -> None:
        """Find, for each document, the articles of which it has a long enough run."""
        texts = [(each, words_of(each.text)) for each in group if each.ordinals]
        windows_of_texts = [
            DocumentWindows(window_hashes(words.hashes, self._least_run)) for _, words in texts
        ]
        shared = list[tuple[_Suspect, Joined]]()
        for (document, words), windows in zip(texts, windows_of_texts, strict=True):
            document.words, joined = words, Joined(words)
            document.ordinals = [
                ordinal
                for ordinal in document.ordinals
                if windows.passes(self._windows(ordinal)) or joined.in_common(self._joined(ordinal))
            ]
            if document.ordinals:
                shared.append((document, joined))
        for document, joined in shared:
            document.minhash = signature(joined.words, self._minhash)
        for document, joined in shared:
            document.named = NamedDocument(joined, self._rules.verify.anchor_words)
        pairs = ((document, ordinal) for document, _ in shared for ordinal in document.ordinals)
        earlier = defaultdict[tuple[int, int], list[npt.NDArray[np.int64]]](list)
        while some := list(islice(pairs, PAIRS_AT_ONCE)):
            self._verify(some, earlier)
        for document, joined in shared:
            # The names that the document credits within or next to each passage.
            passages = [finding.overlap.seen_from(0) for finding in document.findings]
            credits = self._credits.credits(document.text, joined.words, passages)
            # Embedded text is away from the byline of its page.
            byline = words_of(document.byline)
            author = self._credits.credits(document.byline, byline, [np.array([[0, 0, len(byline), 0]])])[0]
            for finding, names in zip(document.findings, credits, strict=True):
                finding.credits = list(dict.fromkeys((*names, *author)))

    def _verify(
        self,
        pairs: Sequence[tuple[_Suspect, int]],
        earlier: Mapping[tuple[int, int], list[npt.NDArray[np.int64]]],
    ) -> None:
        """Verify documents with articles; `earlier`: by page and article, the spans of documents so far."""
        rules, least = self._rules, self._least_run
        articles = [self._article(ordinal) for _, ordinal in pairs]
        overlaps = [
            verify(each.named, self._joined(ordinal), rules.verify, most_spans(len(each.ordinals)))
            for each, ordinal in pairs
        ]
        for (document, ordinal), overlap, facts in zip(pairs, overlaps, articles, strict=True):
            article, words, rarity = facts
            spans = earlier[document.main, ordinal]
            if spans and overlap.longest_run_words >= least:
                overlap = overlap.beyond(spans, least)
            if overlap.longest_run_words >= least:
                spans.append(overlap.seen_from(1))
                [places] = span_places([overlap], 1, words)
                likeness = jaccard(document.minhash, self.corpus.signatures[ordinal])
                judged = rarity.judged(overlap.seen_from(1), least, rules.ownership)
                placed = document.placement.holds_longest(document.named.words, overlap)
                own_names = self.corpus.owner_names[article.title_id]
                named = names_address(document.text, article.url)
                document.findings.append(
                    VerifiedOverlap(
                        ordinal, article, overlap, places, likeness, *judged, placed,
                        own_names=own_names, names_address=named,
                    )
                )  # fmt: skip

    def _load(self, ordinal: int) -> tuple[Article, TextWords, WordRarity]:
        article, words = self.corpus.article(ordinal), self._words(ordinal)
        rarity = self._rarity_meter().rarity(ordinal, words.hashes)
        return article, words, rarity


def _groups(
    batch: DocumentBatch, candidates: Candidates, sites: Collection[int]
) -> Iterator[list[tuple[int, list[int]]]]:
    # The documents of a page stay together, since they share passages.
    documents, articles = sorted({*candidates.documents.tolist(), *sites}), candidates.articles.tolist()
    bounds = (np.searchsorted(candidates.documents, documents, side).tolist() for side in ("left", "right"))
    sizes = batch.texts.sizes[documents].tolist()
    group, taken = list[tuple[int, list[int]]](), 0
    for i, first, after, size in zip(documents, *bounds, sizes, strict=True):
        if taken >= GROUP_BYTES and batch.main_of(i) != batch.main_of(group[-1][0]):
            yield group
            group, taken = [], 0
        group.append((i, articles[first:after]))
        taken += size + CANDIDATE_BYTES * (after - first)
    if group:
        yield group
