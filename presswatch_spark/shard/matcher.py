"""Sieve → attribute → verify → grade → rows, for one batch of documents. Pure: bytes in, rows out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.judgement.credits import CreditFinder
from presswatch_spark.judgement.match_rows import (
    Finding,
    Origin,
    Row,
    document_rows,
    span_places,
)
from presswatch_spark.judgement.placement import Placement
from presswatch_spark.judgement.standing import Neighbours, Standing
from presswatch_spark.judgement.url_bytes import documents_without_url
from presswatch_spark.model import Article, DocumentBatch
from presswatch_spark.settings.config import (
    ConfidenceRules,
    GradeRules,
    OwnershipRules,
    RarityRules,
    ScanConfig,
    VerifyRules,
)
from presswatch_spark.sieve.shingle_index import ALL_HASHES, HashRange, ranges_like
from presswatch_spark.sieve.sieve import Candidates, Sieve, joined
from presswatch_spark.text.words import Words, words_of
from presswatch_spark.verify.minhash import jaccard, signature
from presswatch_spark.verify.screen import Hashes, Screen, window_hashes
from presswatch_spark.verify.verification import NamedDocument, most_spans, verify

# An article with its words takes some 25 KB, its windows 4 KB.
ARTICLES_KEPT = 512
WINDOWS_KEPT = 8192


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules by which a pair is verified, compared and judged."""

    verify: VerifyRules
    grade: GradeRules
    rarity: RarityRules
    ownership: OwnershipRules
    confidence: ConfidenceRules

    @classmethod
    def of(cls, config: ScanConfig) -> Rules:
        """Take the rules from a scan's settings."""
        return cls(config.verify, config.grade, config.rarity, config.ownership, config.confidence)


class Matcher:
    """Matches documents against a corpus; one for each thread. Keeps the articles it met last.

    Args:
        hashes: the range of the index that the sieve looks up. If that is not all of it, the rest is not
            expected to be in memory.
    """

    def __init__(self, corpus: Corpus, rules: Rules, hashes: HashRange = ALL_HASHES) -> None:
        self.corpus = corpus
        self._rules, self._hashes = rules, hashes
        # Screen, placement, standing and rows are told what a run is; nobody else asks the settings.
        self._least_run = rules.grade.min_run_words
        self._sieve = Sieve(corpus.index_of(hashes), hashes=hashes)
        self._whole_sieve = lru_cache(1)(lambda: Sieve(corpus.lookups(held=False).index))
        self._neighbours = lru_cache(1)(self._open_neighbours)
        self._credits = CreditFinder(corpus.agencies)
        self._minhash = corpus.minhash
        self._words = lru_cache(ARTICLES_KEPT)(lambda ordinal: words_of(corpus.body(ordinal)))
        self._article = lru_cache(ARTICLES_KEPT)(self._load)
        self._windows = lru_cache(WINDOWS_KEPT)(self._load_windows)

    def candidates(self, batch: DocumentBatch) -> Candidates:
        """Return the pairs (document, article) worth verifying."""
        return self._sieve.candidates(batch)

    def candidates_of_all_hashes(self, batch: DocumentBatch) -> Candidates:
        """Return the same, looked up in the whole index: range by range, if it is not on this host."""
        if self._hashes == ALL_HASHES:
            return self.candidates(batch)
        if self.corpus.is_whole:
            return self._whole_sieve().candidates(batch)
        parts = ranges_like(self._hashes)
        return joined(Sieve(self.corpus.index_of(part), hashes=part).candidates(batch) for part in parts)

    def without_url(self, batch: DocumentBatch) -> int:
        """Count the documents without a known URL: nobody can say where what they hold stands."""
        return documents_without_url(batch)

    def rows(self, batch: DocumentBatch, candidates: Candidates, origin: Origin) -> Iterator[Row]:
        """Yield rows of `matches` without `run_id`: candidates that hold, and documents on members' sites."""
        sites = self.corpus.sites.matches(batch, self.corpus.urls)
        documents, articles = sorted({*candidates.documents.tolist(), *sites}), candidates.articles.tolist()
        bounds = (
            np.searchsorted(candidates.documents, documents, side).tolist() for side in ("left", "right")
        )
        for i, first, after in zip(documents, *bounds, strict=True):
            ordinals = articles[first:after]
            text = batch.text_of(i)
            words = words_of(text) if ordinals else None
            main_text = partial(batch.main_text, i) if batch.main_text else None
            placement = Placement(main_text, self._least_run)
            findings = self._findings(text, words, ordinals, placement) if words else []
            if not (findings or i in sites):
                continue
            yield from document_rows(
                batch, i, origin, text, words, findings, sites.get(i), self.corpus.article,
                self._rules.grade, self._rules.confidence,
            )  # fmt: skip

    def count_matching(self, batch: DocumentBatch, candidates: Candidates, origin: Origin) -> int:
        """Count the documents that would give rows."""
        return len({row["record_id"] or row["document_url"] for row in self.rows(batch, candidates, origin)})

    def _findings(
        self, text: bytes, document: Words, ordinals: Sequence[int], placement: Placement
    ) -> list[Finding]:
        """Return what was found of those articles that the document holds a long enough run of.

        What costs time in the length of the document is done once, however many articles there are.
        """
        screen = Screen(window_hashes(document.hashes, self._least_run))
        shared = [ordinal for ordinal in ordinals if screen.passes(self._windows(ordinal))]
        if not shared:
            return []
        rules, findings = self._rules, []
        signed = signature(document, self._minhash)
        named, most = NamedDocument(document, rules.verify.anchor_words), most_spans(len(shared))
        for ordinal in shared:
            article, words, standing = self._article(ordinal)
            overlap = verify(named, words, rules.verify, most)
            if overlap.longest_run_words >= self._least_run:
                [places] = span_places([overlap], 1, words)
                likeness = jaccard(signed, self.corpus.signature(ordinal))
                judged = standing.judged(overlap.spans, self._least_run, rules.ownership)
                placed = placement.holds_longest(document, overlap)
                findings.append(Finding(ordinal, article, overlap, places, likeness, *judged, placed))
        return list(self._credited(text, document, findings))

    def _credited(self, text: bytes, document: Words, findings: Sequence[Finding]) -> Iterator[Finding]:
        """Yield findings with whom the document credits in or next to each."""
        passages = [finding.overlap.spans for finding in findings]
        for finding, names in zip(findings, self._credits.credits(text, document, passages), strict=True):
            if names:
                own_names = self.corpus.owner_names(finding.article.title_id)
                finding = replace(finding, credits=names, own_names=own_names)
            yield finding

    def _load(self, ordinal: int) -> tuple[Article, Words, Standing]:
        article, words = self.corpus.article(ordinal), self._words(ordinal)
        standing = self._neighbours().standing(ordinal, words.hashes)
        return article, words, standing

    def _open_neighbours(self) -> Neighbours:
        corpus, rules = self.corpus, self._rules
        looked = corpus.lookups(held=self._hashes == ALL_HASHES)
        around = corpus.surroundings
        return Neighbours(looked.index, around, rules.rarity, rules.ownership, looked.need)

    def _load_windows(self, ordinal: int) -> Hashes:
        # Most of those that pass the screen have just been asked for their windows.
        windows: Hashes = window_hashes(self._words(ordinal).hashes, self._least_run)
        return windows
