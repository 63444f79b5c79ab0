"""The search of a whole file for a removed text, its page or its article.

A site may put a page back under another URL and id, with another frame. Therefore the matcher of scans
examines each document of the file: "absent" means that no document has the article.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from presswatch_spark.claims.row_facts import article_body
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.removal.places import is_by_range
from presswatch_spark.legal.removal.server_answers import BLANK, finding, row_facts
from presswatch_spark.matching.judgement.match_rows import Origin
from presswatch_spark.matching.judgement.urls import normalise_url
from presswatch_spark.matching.sieve import Candidates
from presswatch_spark.matching.verify.verification import Joined, NamedDocument, verify
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.scanning.runs.run_work import reason_of
from presswatch_spark.scanning.shard.matcher import Matcher
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.declarations import Match, Probe, Target


@dataclass(frozen=True, slots=True)
class ProbedFile:
    """A file at its present address, and its targets.

    `siblings`: other files, for the control `beside`. `target_places`: of all targets of the file, also
    those of other batches. `known`: the documents of the file that had an article when it was scanned, as
    pairs of the article's id and a name of the document.
    """

    uri: str
    targets: tuple[Target, ...]
    siblings: tuple[str, ...]
    target_places: frozenset[int]
    known: frozenset[tuple[str, str]] = frozenset()


class WordCount:
    """Counts, as a scan does, the words of articles that texts still have; without a corpus, none."""

    def __init__(self, corpus: Corpus | None, config: ScanConfig) -> None:
        self._corpus, self._config, self._rules = corpus, config, config.verify

    def can_count(self, target: Target) -> bool:
        """Return whether the corpus has exactly the text with which the scan compared the target."""
        return article_body(self._corpus, target) is not None

    def counted(self, found: Probe, target: Target, texts: Iterable[bytes]) -> Probe:
        """Return a finding of other texts with the count of the article's words in the one with the most."""
        article = article_body(self._corpus, target) if found.outcome == "other_text" else None
        if article is None:
            return found
        words, rules = Joined(words_of(article)), self._rules
        documents = (NamedDocument(Joined(words_of(text)), rules.anchor_words) for text in texts)
        copied = max(verify(document, words, rules).copied_words for document in documents)
        return found.with_columns(copied_words=copied)

    def search(self, targets: Sequence[Target]) -> Callable[[DocumentBatch], Iterable[Match]]:
        """Return a function that finds the countable articles of targets in a batch, as rows."""
        articles = {target.article_id for target in targets if self.can_count(target)}
        if self._corpus is None or not articles:
            return lambda batch: ()
        ordinals = [self._corpus.ordinal_of(article) or 0 for article in articles if article]
        matcher = Matcher(self._corpus, self._config)

        def rows_in(batch: DocumentBatch) -> Iterable[Match]:
            found = matcher.candidates(batch)
            wanted = np.isin(found.articles, ordinals)
            candidates = Candidates(found.documents[wanted], found.articles[wanted], found.words)
            return matcher.rows(batch, candidates, Origin("", None, "")) if len(candidates) else ()

        return rows_in


@dataclass(slots=True)
class DeepReading:
    """What a file, read to its end, has of targets: their texts, URLs, ids and articles.

    `seen`: findings by names of targets; `texts`: their other texts. `names`: the names of known records
    that the file has. `passages`: by article, the document with the most words of it, if the words could be
    counted.
    """

    targets: Sequence[Target]
    words: WordCount
    report: ReadReport = field(default_factory=ReadReport)
    seen: dict[str, Probe] = field(default_factory=dict)
    texts: dict[str, list[bytes]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    passages: dict[str, Probe] = field(default_factory=dict)

    @classmethod
    def of(cls, file: ProbedFile, marks: set[str], words: WordCount, options: ReadOptions) -> Self:
        """Read a file; `marks`: names of the records that it had before.

        Known documents are left out: they had the articles before, so no page was moved to them.
        """
        reading, rows_in = cls(file.targets, words), words.search(file.targets)
        wanted = {name for target in file.targets for name in names_of(target)}
        for batch in documents_of(file.uri, file.targets[0].dataset, options, reading.report):
            for row in rows_in(batch):
                article = row.article_id
                if article is None or any((article, name) in file.known for name in names_of(row)):
                    continue
                best = reading.passages.get(article)
                if row.copied_words > ((best.copied_words if best else None) or 0):
                    reading.passages[article] = row_facts(row)
            for i in range(len(batch)):
                record = record_of(batch, i)
                digest = record.text_sha256 or ""
                names = names_of(record)
                reading.names.update(marks.intersection(names))
                if digest in wanted:
                    reading.seen[digest] = finding("elsewhere", "its text is in the file", record)
                for name in wanted.intersection(names) - {digest}:
                    # A file may have a page more than once.
                    reading.texts.setdefault(name, []).append(batch.text_of(i))
                    reading.seen[name] = finding("other_text", "its URL or id has another text", record)
        return reading

    def best(self, target: Target) -> Probe | None:
        """Return the finding of a target: by its names, or by a document that has more of its article.

        A document with all the words that the page had copied has the text that was to be removed.
        """
        name = next((name for name in names_of(target) if name in self.seen), None)
        found = self.words.counted(self.seen[name], target, self.texts.get(name, ())) if name else None
        passage = self.passages.get(target.article_id or "")
        if passage is None or (found is not None and found.outcome == "elsewhere"):
            return found
        copied = passage.copied_words or 0
        if found is not None and (found.copied_words or 0) > copied:
            return found
        if target.copied_words and copied >= target.copied_words:
            return finding(
                "elsewhere", "another document of the file has all words that it had copied", passage
            )
        return finding("other_text", "another document of the file has words of its article", passage)

    def absent(self, target: Target, *, is_whole: bool) -> Probe:
        """Return the finding of a target that the file lacks; `is_whole`: the file is not cut."""
        report = self.report
        if report.defects_total:
            # A file that is read in order is unknown after the damage.
            stopped = report.interrupted or report.blocked or report.late or report.faulty
            if stopped or not all(map(is_by_range, self.targets)):
                return finding("failed", f"the file was not read to its end: {report.complaints[0]}")
            return finding("gaps", f"not all of the file was read: {report.complaints[0]}")
        if not is_whole:
            return finding("beyond", "no record that followed it was found")
        detail = f"{report.documents:,} documents were read, to the end of the file"
        if target.article_id is None or self.words.can_count(target):
            return finding("absent", detail)
        return finding("nowhere", f"{detail}, and not searched for passages of its article")


def documents_of(uri: str, dataset: str, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
    """Yield all documents of a file; the report gets a failure as a defect."""
    shard = ObjectInfo(uri)
    try:
        source = format_for(dataset, shard, options)
        yield from source.read(options.opener.described(shard), options, report)
    except BlockedError:
        raise
    except Exception as error:  # noqa: BLE001
        report.add_defect(reason_of(error, uri))
        report.interrupted = True


def record_of(batch: DocumentBatch, i: int) -> Probe:
    """Return a probe with the facts that identify document `i` of a batch only."""
    at = batch.locate(i)
    return BLANK.with_columns(
        record_offset=at.record_offset,
        record_length=at.record_length,
        row_index=at.row_index,
        record_id=at.record_id,
        document_url=batch.url_of(i) or None,
        text_sha256=hashlib.sha256(batch.text_of(i)).hexdigest(),
    )


def names_of(row: Target | Match | Probe) -> list[str]:
    """Return the names of a row's document: of its text, its URL in normal form, its id; the surest first."""
    url = row.document_url and (normalise_url(row.document_url) or row.document_url)
    return [name for name in (row.text_sha256, url, row.record_id) if name]
