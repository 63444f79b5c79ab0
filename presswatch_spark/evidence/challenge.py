"""Draws rows of a sealed bag by words that somebody says after the sealing, and reads them again.

Nobody who made the bag could know the words. So nobody could choose the rows that are drawn, and what they
show holds for all rows, up to a bound that is printed.
"""

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.errors import InputError, OutputError
from presswatch_spark.evidence import verify_alone as alone
from presswatch_spark.evidence.bag import require_sound, sealed_facts
from presswatch_spark.evidence.contents import ARTICLES, SETTINGS
from presswatch_spark.judgement.match_rows import Row
from presswatch_spark.pointers.audit import Audit, RowCheck, reading_in
from presswatch_spark.pointers.checks import NO_SHARD, NOT_REACHED, ArticleTexts
from presswatch_spark.pointers.figures import RowRecomputation, RowRules, rules_in
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.sampling.shares import most_share
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Match

UNREACHED = frozenset({NO_SHARD, NOT_REACHED})
"""Reasons that say nothing of a row, but that its shard could not be read."""
CONFIDENCE = 0.95
_TIMES = [field.name for field in Match.schema if pa.types.is_timestamp(field.type)]


@dataclass(frozen=True, slots=True)
class Challenged:
    """What a draw showed: `drawn` of `rows`, how many failed for each reason; what was not read is false.

    `has_words`: whether the words of articles were compared. `most`: the bound on the share of false rows, 0
    to 1, at a confidence of `CONFIDENCE`. `read_at`: how many drawn rows were asked of which site; one
    without a name is this machine's disk.
    """

    rows: int
    drawn: int
    failures: Counter[str]
    has_words: bool
    read_at: Counter[str]

    @property
    def verified(self) -> int:
        """Return how many rows verified."""
        return self.drawn - self.failures.total()

    @property
    def unreached(self) -> int:
        """Return how many rows could not be read: nobody knows whether they are false."""
        return sum(self.failures[reason] for reason in UNREACHED)

    @property
    def most(self) -> float:
        """Return the bound; the share itself if all rows were drawn."""
        failed = self.failures.total()
        return failed / self.rows if self.drawn == self.rows else most_share(failed, self.drawn, CONFIDENCE)


def drawn_by(words: str, digests: Iterable[str], count: int) -> list[str]:
    """Return the `count` digests that words draw: those with the smallest SHA-256 of words and digest.

    The words count in UTF-8, composed (NFC), with one blank between them and none around. The digest follows
    at once, in 64 small hexadecimal digits.
    """
    seed = unicodedata.normalize("NFC", " ".join(words.split())).encode()
    return sorted(digests, key=lambda digest: hashlib.sha256(seed + digest.encode()).digest())[:count]


def challenge(
    folder: Path,
    words: str,
    count: int,
    storage: StorageOptions,
    *,
    mirrors: Sequence[Mirror] = (),
    corpus: str | None = None,
    hear: Callable[[RowCheck], None] = lambda verdict: None,
) -> Challenged:
    """Read rows of a bag again from their sources, and check them as `verify-rows` does.

    Args:
        folder: the bag, which must verify.
        words: what the other side, or an officer of the court, says after the sealing.
        corpus: the corpus, to compute each row again; without it, texts in the bag serve, if any, to compare
            the words of each span.
        hear: gets each verdict.

    Raises:
        InputError: there are no words, or no rows.
        OutputError: the bag does not verify.
    """
    if not words.strip():
        raise InputError("there are no words to draw by", remedy="let the other side say some")
    if any("\ud800" <= each <= "\udfff" for each in words):
        raise InputError("the words are no text in UTF-8", remedy="type them in a terminal that writes UTF-8")
    require_sound(folder)
    rows = rows_in(folder)
    if not rows:
        raise InputError("the bag has no rows to draw from", where=str(folder))
    drawn = [rows[digest] for digest in drawn_by(words, rows, count)]
    articles = Corpus.open(corpus, storage=storage) if corpus else texts_in(folder)
    figures = (
        RowRecomputation(articles, partial(rules_in_bag, folder)) if isinstance(articles, Corpus) else None
    )
    audit = Audit(None, storage, mirrors, articles, readings_in(folder), figures)
    failures, read_at = Counter[str](), Counter[str]()
    for verdict in audit.verdicts(drawn):
        read_at[verdict.pointer.uri.partition("://")[2].partition("/")[0]] += 1
        if verdict.failure:
            failures[verdict.failure.reason] += 1
        hear(verdict)
    return Challenged(len(rows), len(drawn), failures, articles is not None, read_at)


def rows_in(folder: Path) -> dict[str, Row]:
    """Return the rows of `matches` in a bag, by `row_sha256`."""
    rows = map(_row_of, alone.lines_of((folder / alone.ROWS).read_bytes()))
    return {row["row_sha256"]: row for row in rows}


def _row_of(line: bytes) -> Row:
    fields = parse_json(line)
    source = fields[alone.BETWEEN_RUNS]
    row: Row = {**fields["row"], "run_id": source["run_id"], "shard_uri": source["shard_uri"]}
    for name in _TIMES:
        if row.get(name) is not None:
            row[name] = datetime.fromisoformat(row[name])
    return row


def readings_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return how the runs of a bag read their shards; `OutputError` if it does not say."""
    try:
        runs = parse_json((folder / SETTINGS).read_bytes())["runs"]
        return {run_id: reading_in(json.dumps(config)) for run_id, config in runs.items()}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise OutputError("the settings of the runs cannot be read", where=str(folder / SETTINGS)) from error


def rules_in_bag(folder: Path, run_id: str) -> RowRules:
    """Return the rules of a run, and the digest of its corpus; `OutputError` if the bag does not say."""
    try:
        runs = json.loads((folder / SETTINGS).read_bytes())["runs"]
        corpora = {run["run_id"]: run["corpus_digest"] for run in sealed_facts(folder)["runs"]}
        return RowRules(rules_in(json.dumps(runs[run_id])), corpora.get(run_id))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise OutputError("the settings of the runs cannot be read", where=str(folder / SETTINGS)) from error


@dataclass(frozen=True, slots=True)
class _BagTexts:
    """Texts of articles that lie in a bag."""

    folder: Path
    ids: Sequence[str]
    digests: Sequence[str]

    def ordinal_of(self, article_id: str) -> int | None:
        return self.ids.index(article_id) if article_id in self.ids else None

    def body(self, ordinal: int) -> bytes:
        return (self.folder / f"{self.digests[ordinal]}.txt").read_bytes()


def texts_in(folder: Path) -> ArticleTexts | None:
    """Return the texts of articles in a bag; None if it was made without them."""
    if not (folder / alone.TEXTS).is_dir():
        return None
    known = [parse_json(line) for line in alone.lines_of((folder / ARTICLES).read_bytes())]
    known = [each for each in known if each["sha256"]]
    return _BagTexts(
        folder / alone.TEXTS, [each["article_id"] for each in known], [each["sha256"] for each in known]
    )
