"""Finds the candidates of a sealed corpus: documents whose words, site or URL have hashes of the corpus.

A candidate is a pointer to a record, and the opaque number of an article: no text, URL or id. Each document
for which a scan with the open corpus writes a row is one: both search the same shingles, sites and URLs.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np

from presswatch_spark.core.model import DocumentBatch
from presswatch_spark.corpus.sealing.key import SealKey
from presswatch_spark.corpus.sealing.store import SITE, KeyedSites, SealedCorpus
from presswatch_spark.matching.judgement.match_rows import Origin
from presswatch_spark.matching.sieve import Candidates, Sieve
from presswatch_spark.scanning.runs.work import PackedRows, empty_tables
from presswatch_spark.scanning.shard.attempts import TABLES_OF_SCAN, ShardAttempt
from presswatch_spark.scanning.shard.candidate_pages import PAGE_LINES, PAGES, UNVERIFIED
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.digests import row_digest

CANDIDATES = "candidates"
_CRAWL = re.compile(r"CC-(?:MAIN|NEWS)-\d{4}(?:-\d{2}){1,2}", re.ASCII)


def _rows_of_candidates() -> dict[str, PackedRows]:
    return {**empty_tables(*TABLES_OF_SCAN, CANDIDATES), PAGES: PackedRows(PAGE_LINES)}


@dataclass(slots=True)
class CandidateAttempt(ShardAttempt):
    """One attempt at a shard in a scan with a sealed corpus; `candidates` counts its rows."""

    tables: dict[str, PackedRows] = field(default_factory=_rows_of_candidates)

    def drop(self) -> None:
        """Drop everything that was found, so that nothing of the shard counts."""
        ShardAttempt.drop(self)
        self.tables[CANDIDATES].clear()
        self.tables[PAGES].clear()

    def doubt(self, judge: Callable[[Match], Match]) -> None:
        """Note in the extract that the bytes of the shard failed a checksum."""
        self.tables[PAGES].add({"line": UNVERIFIED})


class CandidateFinder:
    """Finds candidates in batches of documents; each thread needs its own."""

    def __init__(self, corpus: SealedCorpus, key: SealKey) -> None:
        self._sieve, self._sites = Sieve(corpus.index(key)), KeyedSites(corpus, key)
        self._parts = corpus.manifest.parts
        self._firsts = [0, *accumulate(part.articles for part in self._parts[:-1])]

    def candidates(self, batch: DocumentBatch) -> Candidates:
        """Return the pairs (document, article) that share a shingle; articles by number in the corpus."""
        return self._sieve.candidates(batch)

    def rows(
        self, batch: DocumentBatch, found: Candidates, origin: Origin, release: str | None
    ) -> Iterator[dict[str, Any]]:
        """Yield rows of `candidates` without run id: a page's pairs, and its members' sites without a pair.

        `release`: that of the configuration. Documents embedded in a page count as the page.
        """
        pages = defaultdict[int, dict[int, tuple[int, int]]](dict)
        documents, firsts = np.unique(found.documents, return_index=True)
        for i, articles in zip(documents.tolist(), np.split(found.articles, firsts[1:]), strict=False):
            page = pages[batch.main_of(i)]
            counts = self._sieve.extents(batch.texts[i], articles).tolist()
            for article, (hits, extent) in zip(articles.tolist(), counts, strict=True):
                before, longest = page.get(article, (0, 0))
                page[article] = before + hits, max(longest, extent)
        sites = self._sites.matches(batch)
        for main in sorted(pages.keys() | sites.keys()):
            page, owners = pages[main], sites.get(main, set())
            numbers = sorted({owner for owner in owners if owner < SITE} | page.keys())
            pairs = [(bisect_right(self._firsts, number) - 1, number) for number in numbers]
            of_sites = {owner - SITE for owner in owners if owner >= SITE} - {part for part, _ in pairs}
            facts = _facts(batch, main, origin, release)
            for part, number in [*pairs, *((part, None) for part in sorted(of_sites))]:
                hits, extent = (0, 0) if number is None else page.get(number, (0, 0))
                row = {
                    **facts,
                    "corpus_fingerprint": self._parts[part].fingerprint,
                    "article": None if number is None else number - self._firsts[part],
                    "hits": hits,
                    "extent_words": extent,
                }
                yield {**row, "row_sha256": row_digest(row)}


def _facts(batch: DocumentBatch, main: int, origin: Origin, release: str | None) -> dict[str, Any]:
    locator = batch.locate(main)
    named = locator.release or origin.release
    return {
        "dataset": origin.dataset,
        # A shard may state any text as its release.
        "release": named if named == release or _CRAWL.fullmatch(named or "") else None,
        "shard_uri": origin.shard_uri,
        "record_offset": locator.record_offset,
        "record_length": locator.record_length,
        "record_encoding": locator.record_encoding,
        "row_index": locator.row_index,
    }
