"""An article's passages in whole files: a page may be put back under another URL and id, with another frame.

Every document of a file is looked at as a scan looks at it. So "nowhere in the file" says that no document of
it has the article, and not only that none has the page's text, URL or id.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.judgement.urls import normalise_url
from presswatch_spark.model import DocumentBatch, Locator
from presswatch_spark.removal.answers import ProbeFinding
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.sieve.sieve import Sieve
from presswatch_spark.text.words import words_of
from presswatch_spark.verify.readings import Joined
from presswatch_spark.verify.verification import NamedDocument, verify

Known = frozenset[tuple[str, str]]
"""Articles, by id, each with a name of a document that had it when the file was scanned."""
OTHERS = ("shard_uri", "article_id", "text_sha256", "document_url", "record_id")
"""What a case notes of each document that is no target, and has an article of one in the same file."""


@dataclass(frozen=True, slots=True)
class DocumentPassage:
    """A document that has words of an article: how many, and the columns of `probes` that say which it is."""

    copied_words: int
    facts: Mapping[str, Any]


class Passages:
    """Finds the document of a file that has the most words of each article; for one reading of one file.

    Args:
        articles: their ordinals in the corpus, by id.
        known: documents that are left out. They had the article before, so no page was moved to them; whether
            they are to go is said by targets of their own.
    """

    def __init__(self, corpus: Corpus, articles: Mapping[str, int], config: ScanConfig, known: Known) -> None:
        self.found: dict[str, DocumentPassage] = {}
        self._sieve, self._rules, self._known = Sieve(corpus.index), config.verify, known
        self._least_run = config.grade.min_run_words
        self._ids = {ordinal: article_id for article_id, ordinal in articles.items()}
        self._bodies = {each: corpus.body(each) for each in self._ids}
        self._words = {each: Joined(words_of(body)) for each, body in self._bodies.items()}

    def look_at(self, batch: DocumentBatch) -> None:
        """Look for the articles in the documents of a batch, as a scan does."""
        for i, ordinals in self._candidates(batch):
            self._compare(batch.text_of(i), facts_of(batch, i), ordinals)

    def _compare(self, text: bytes, facts: Mapping[str, Any], ordinals: Iterable[int]) -> None:
        wanted = self._unknown(facts, ordinals)
        if not wanted:
            return
        document = NamedDocument(Joined(words_of(text)), self._rules.anchor_words)
        for ordinal in wanted:
            overlap = verify(document, self._words[ordinal], self._rules)
            if overlap.longest_run_words >= self._least_run:
                self._add(self._ids[ordinal], DocumentPassage(overlap.copied_words, facts))

    def _unknown(self, facts: Mapping[str, Any], ordinals: Iterable[int]) -> list[int]:
        """Return the articles that the document did not have before."""
        names = names_of(facts)
        return [each for each in ordinals if not self._is_known(self._ids[each], names)]

    def _candidates(self, batch: DocumentBatch) -> Iterator[tuple[int, list[int]]]:
        """Yield the documents that may have articles, each with the ordinals of these."""
        found = self._sieve.candidates(batch)
        pairs = zip(found.documents.tolist(), found.articles.tolist(), strict=True)
        wanted = (pair for pair in pairs if pair[1] in self._ids)
        for i, of_document in groupby(wanted, key=lambda pair: pair[0]):
            yield i, [ordinal for _, ordinal in of_document]

    def _is_known(self, article_id: str, names: Collection[str]) -> bool:
        return any((article_id, name) in self._known for name in names)

    def _add(self, article_id: str, passage: DocumentPassage) -> None:
        best = self.found.get(article_id)
        if best is None or passage.copied_words > best.copied_words:
            self.found[article_id] = passage


def names_of(document: Mapping[str, Any]) -> list[str]:
    """Return what names a document: its text, its URL in normal form, its id; the surest first.

    Args:
        document: with the columns `text_sha256`, `document_url` and `record_id`, as targets have them.
    """
    url = document["document_url"]
    names = (document["text_sha256"], url and (normalise_url(url) or url), document["record_id"])
    return [name for name in names if name]


def names_by_article(documents: Iterable[Mapping[str, Any]]) -> Known:
    """Return the articles of documents, each with each name of its document."""
    return frozenset(
        (document["article_id"], name)
        for document in documents
        if document["article_id"] is not None
        for name in names_of(document)
    )


def known_documents(others: Iterable[Mapping[str, Any]]) -> Mapping[str, Known]:
    """Return the articles of documents that are no targets, each with its text, by the file's URI.

    Args:
        others: rows of `OTHERS`, as a case notes them.
    """
    by_file = dict[str, list[Mapping[str, Any]]]()
    for other in others:
        by_file.setdefault(other["shard_uri"], []).append(other)
    # Under the same URL or id may stand another text today, with more of the article: only the text is sure.
    return {
        uri: frozenset(
            (each["article_id"], each["text_sha256"]) for each in documents if each["article_id"] is not None
        )
        for uri, documents in by_file.items()
    }


def facts_of(batch: DocumentBatch, i: int) -> dict[str, Any]:
    """Return the columns of `probes` that say which document one of a batch is."""
    at: Locator = batch.locate(i)
    return {
        "record_offset": at.record_offset,
        "record_length": at.record_length,
        "row_index": at.row_index,
        "record_id": at.record_id,
        "document_url": batch.url_of(i) or None,
        "text_sha256": hashlib.sha256(batch.text_of(i)).hexdigest(),
    }


class Recount:
    """Counts the words of articles that texts still have, as a scan does; without a corpus, none."""

    def __init__(self, corpus: Corpus | None, config: ScanConfig) -> None:
        self._corpus, self._config, self._rules = corpus, config, config.verify

    def can_count(self, target: Mapping[str, Any]) -> bool:
        """Whether the corpus has the very text that the target was compared with."""
        return self._article(target) is not None

    def passages(self, targets: Sequence[Mapping[str, Any]], known: Known) -> Passages | None:
        """Return what finds the articles of targets in a file; None if none of them can be counted.

        `known`: documents that are left out, since they had the articles before.
        """
        articles = {target["article_id"] for target in targets if self.can_count(target)}
        if self._corpus is None or not articles:
            return None
        ordinals = {each: self._corpus.ordinal_of(each) for each in articles}
        found = {each: ordinal for each, ordinal in ordinals.items() if ordinal is not None}
        return Passages(self._corpus, found, self._config, known)

    def counted(self, found: ProbeFinding, target: Mapping[str, Any]) -> ProbeFinding:
        """Return a finding with the words of the target's article in its texts: the most that one has.

        Nothing is counted if the corpus has not the very text that the target was compared with.
        """
        article = self._article(target)
        if article is None or not found.texts:
            return found
        words = Joined(words_of(article))
        copied = max(self._verified(text, words) for text in found.texts)
        return replace(found, facts={**(found.facts or {}), "copied_words": copied}, texts=())

    def _verified(self, text: bytes, words: Joined) -> int:
        document = NamedDocument(Joined(words_of(text)), self._rules.anchor_words)
        return verify(document, words, self._rules).copied_words

    def _article(self, target: Mapping[str, Any]) -> bytes | None:
        if self._corpus is None or target["article_id"] is None:
            return None
        ordinal = self._corpus.ordinal_of(target["article_id"])
        body = None if ordinal is None else self._corpus.body(ordinal)
        same = body is not None and hashlib.sha256(body).hexdigest() == target["article_sha256"]
        return body if same else None
