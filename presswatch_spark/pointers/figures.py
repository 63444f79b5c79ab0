"""Figures of rows, computed again from the record and the corpus by the matcher that made them."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.errors import InputError, OutputError
from presswatch_spark.formats import registry
from presswatch_spark.judgement.grading import LetterFacts, grade, judged
from presswatch_spark.judgement.match_rows import Origin
from presswatch_spark.model import DocumentBatch
from presswatch_spark.pointers.checks import OTHER_FIGURES, Failure, Row
from presswatch_spark.settings.config import (
    ConfidenceRules,
    GradeRules,
    OwnershipRules,
    RarityRules,
    VerifyRules,
)
from presswatch_spark.shard.matcher import Matcher, MatchRules
from presswatch_spark.sieve.sieve import Candidates
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.digests import DIGESTED_IF_KNOWN, NOT_DIGESTED, canonical_form
from presswatch_spark.tables.store import TableStore

NOT_RECOMPUTED = frozenset((
    "run_id", "release", "product", "product_revision", "shard_uri", "record_damage", "row_sha256",
))  # fmt: skip
"""Columns that neither record nor corpus tells; `docs/reference/pointers.md` lists them with reasons."""

JUDGEMENTS = frozenset(("confidence", "confidence_reasons"))
"""Columns that are not compared for rows of an earlier version, which knew fewer reasons."""
OF_THE_PAIR = frozenset((
    "grade", "longest_run_words", "copied_words", "article_coverage", "document_coverage", "minhash_jaccard",
    "in_main_content", "spans", "article_words", "document_words", "unbroken_words", "passage_kind",
))  # fmt: skip
"""Columns that only the two texts and the settings decide: any corpus with the article gives them."""


@dataclass(frozen=True, slots=True)
class RowRules:
    """What decides the figures of a run's rows besides the documents."""

    rules: MatchRules
    corpus_digest: str | None


def rules_in(config: str) -> MatchRules:
    """Return the rules in the settings of a run, which are JSON; `ValueError` and the like if it fails."""
    values = json.loads(config)
    return MatchRules(
        verify=VerifyRules(**values["verify"]),
        grade=GradeRules(**values["grade"]),
        rarity=RarityRules(**values["rarity"]),
        ownership=OwnershipRules(**values["ownership"]),
        confidence=ConfidenceRules(**values["confidence"]),
    )


def rules_in_tables(store: TableStore, run_id: str) -> RowRules:
    """Return the rules of a published run; `OutputError` if its row does not say."""
    try:
        (run,) = store.read("runs", run_id, columns=["config", "corpus_digest"]).to_pylist()
        return RowRules(rules_in(run["config"]), run["corpus_digest"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise OutputError(
            f"the settings of run {run_id} cannot be read",
            where=str(store.root),
            remedy="restore its row in runs, or use the version that made it",
        ) from error


class RowRecomputation:
    """Computes rows again. Without a corpus, only what a row's other columns decide.

    Args:
        corpus: the one that the rows were made with. Of another one, only `OF_THE_PAIR` is compared.
        rules_of: returns the rules of a run by its id.
    """

    def __init__(self, corpus: Corpus | None, rules_of: Callable[[str], RowRules]) -> None:
        self._corpus = corpus
        self._rules_of = lru_cache(rules_of)
        self._matcher_by = lru_cache(self._matcher)
        self.other_corpus_runs = set[str]()
        """Runs that were made with another corpus than this one."""

    def difference(self, row: Row, batch: DocumentBatch | None) -> Failure | None:
        """Fail a row that differs from what its scan would make of its document; name the columns.

        Args:
            batch: the document, alone; None if it could not be read as a document.
        """
        run = self._rules_of(row["run_id"])
        if self._corpus is None or batch is None:
            return _other(_unlike_itself(row, run.rules))
        if run.corpus_digest == self._corpus.manifest.digest:
            computed = self._computed(row, batch, self._matcher_by(run.rules))
            return _other(_unlike(row, computed)) if computed else NO_ROW
        self.other_corpus_runs.add(row["run_id"])
        others = _unlike_itself(row, run.rules)
        if row["article_id"] is not None and row["longest_run_words"]:
            matcher = self._matcher_by(run.rules)
            computed = self._computed(row, batch, matcher, _pair(self._corpus, row["article_id"]))
            if computed is None:
                return NO_ROW
            others += [name for name in _unlike(row, computed) if name in OF_THE_PAIR and name not in others]
        return _other(others)

    @staticmethod
    def _computed(
        row: Row, batch: DocumentBatch, matcher: Matcher, candidates: Candidates | None = None
    ) -> Row | None:
        """Return the row that a scan makes of a document and an article or a title; None if it makes none.

        Args:
            candidates: the articles to compare the document with; None: those that the sieve finds.
        """
        # Columns that come from it are not compared.
        origin = Origin(row["dataset"], row["release"], row["shard_uri"])
        rows = matcher.rows(batch, candidates or matcher.candidates_of_all_hashes(batch), origin)
        alike = [each for each in rows if each.article_id == row["article_id"]]
        own = [each for each in alike if each.title_id == row["title_id"]]
        # The row of an article that names another title is that of this article.
        found = own or (alike if row["article_id"] is not None else [])
        return found[0].as_dict() if found else None

    def _matcher(self, rules: MatchRules) -> Matcher:
        if self._corpus is None:
            raise InputError("figures cannot be computed without a corpus")
        return Matcher(self._corpus, rules)


def _pair(corpus: Corpus, article_id: str) -> Candidates:
    """Return an article as the only candidate of a single document."""
    ordinal = corpus.ordinal_of(article_id)
    articles = [] if ordinal is None else [ordinal]
    return Candidates(np.zeros(len(articles), np.int32), np.array(articles, np.uint32), 0)


def _unlike_itself(row: Row, rules: MatchRules) -> list[str]:
    """Return the columns that are not what other columns of the row make them; none for an older row."""
    if _is_older(row):
        return []
    try:
        is_copy = row["longest_run_words"] and row["article_coverage"] is not None
        graded = grade(row["copied_words"], row["article_coverage"], rules.grade) if is_copy else "url_only"
        letter, reasons = judged(LetterFacts.of({**row, "grade": graded}), rules.confidence)
        return _unlike(row, {"grade": graded, "confidence": letter, "confidence_reasons": reasons})
    except (TypeError, AttributeError):  # a figure is null or of another type
        return ["confidence"]


def _is_older(row: Row) -> bool:
    """Whether a row lacks columns that the rules for its confidence may look at."""
    return not {*SCHEMAS["matches"].names} - NOT_DIGESTED - DIGESTED_IF_KNOWN <= row.keys()


def _unlike(row: Row, computed: Row) -> list[str]:
    """Return the columns in which a row is not as it was computed, of those that both have."""
    format = registry.find(row["dataset"])
    left_out = NOT_RECOMPUTED | (format.elsewhere if format else frozenset())
    if _is_older(row):
        left_out |= JUDGEMENTS
    names = [name for name in row if name in computed and name not in left_out]
    return [name for name in names if _form(row[name]) != _form(computed[name])]


def _form(value: object) -> str | None:
    try:
        return canonical_form({"": value})
    except (TypeError, ValueError):  # a value that no row holds
        return None


def _other(columns: Collection[str]) -> Failure | None:
    if not columns:
        return None
    names = ", ".join(f"`{name}`" for name in columns)
    return Failure(OTHER_FIGURES, f"{names} {'is another' if len(columns) == 1 else 'are others'}")


NO_ROW = Failure(OTHER_FIGURES, "the document gives no row of this article or title")
