"""The words of an article that a text still has, counted as the scan counts them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.removal.answers import Finding
from presswatch_spark.removal.passages import Known, Passages
from presswatch_spark.removal.readings import readings_of, words_alike
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.text.words import Words, words_of
from presswatch_spark.verify.verification import NamedDocument, verify


class Recount:
    """Counts with the articles of a corpus; without one, nothing is counted."""

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

    def counted(self, found: Finding, target: Mapping[str, Any]) -> Finding:
        """Return a finding with the words of the target's article in its texts: the most that one has.

        Nothing is counted if the corpus has not the very text that the target was compared with.
        """
        article = self._article(target)
        if article is None or not found.texts:
            return found
        words = words_of(article)
        copied = max(self._copied(text, words, article) for text in found.texts)
        outcome = found.bare if found.bare and not copied else found.outcome
        facts = {**(found.facts or {}), "copied_words": copied}
        return replace(found, outcome=outcome, facts=facts, texts=(), bare="")

    def _copied(self, text: bytes, words: Words, article: bytes) -> int:
        """Return how many words of an article a text has: as it stands, or else as a person may read it."""
        if copied := self._verified(text, words):
            return copied
        readings = list(readings_of(text))
        copied = max((self._verified(reading, words) for reading in readings), default=0)
        return copied or max(words_alike(reading, article) for reading in (text, *readings))

    def _verified(self, text: bytes, words: Words) -> int:
        document = NamedDocument(words_of(text), self._rules.anchor_words)
        return verify(document, words, self._rules).copied_words

    def _article(self, target: Mapping[str, Any]) -> bytes | None:
        if self._corpus is None or target["article_id"] is None:
            return None
        ordinal = self._corpus.ordinal_of(target["article_id"])
        body = None if ordinal is None else self._corpus.body(ordinal)
        same = body is not None and hashlib.sha256(body).hexdigest() == target["article_sha256"]
        return body if same else None
