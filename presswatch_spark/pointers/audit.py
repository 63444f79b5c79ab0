"""Rows held against their shards: is each still what a scan would find there?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.errors import OutputError
from presswatch_spark.formats import registry
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.judgement.match_rows import Row
from presswatch_spark.pointers.ahead import shards_ahead
from presswatch_spark.pointers.checks import damaged, difference, edited, other_words
from presswatch_spark.pointers.documents import Outcome
from presswatch_spark.pointers.mirrors import Mirror, mirrored
from presswatch_spark.pointers.outcomes import Failure, Record
from presswatch_spark.pointers.pointer import Pointer, pointer_of
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row, its pointer, and why it does not verify, or None. `record`: the document, if it was compared."""

    row: Row
    pointer: Pointer
    failure: Failure | None
    record: Record | None = None


@dataclass(slots=True)
class Audit:
    """How rows of `store` are checked: where their shards are, and the corpus, if words are compared too."""

    store: TableStore
    storage: StorageOptions = field(default_factory=StorageOptions)
    mirrors: Sequence[Mirror] = ()
    corpus: Corpus | None = None
    _options: dict[str, ReadOptions] = field(default_factory=dict)

    def verdicts(self, rows: Sequence[Row]) -> Iterator[Verdict]:
        """Check rows, shard by shard: one that must be read in order is read once for all its rows.

        Raises:
            OutputError: what a run says of its settings cannot be read.
        """
        shards: dict[tuple[str, str, str, str | None], dict[Pointer, list[Row]]] = {}
        for row in rows:
            pointer = pointer_of(row, mirrored(row["shard_uri"] or "", self.mirrors))
            if failure := edited(row):
                # Where such a row points to was perhaps never in a shard.
                yield Verdict(row, pointer, failure)
                continue
            # Rows of one shard of another format may name many releases.
            format = registry.find(row["dataset"])
            release = row["release"] if format and format.by_release else None
            key = (pointer.uri, row["dataset"], row["run_id"], release)
            shards.setdefault(key, {}).setdefault(pointer, []).append(row)
        # A range does not hold the record that names the release, and with it its errata.
        work = [
            (list(pointers), replace(self.options_of(run_id), release=release))
            for (_, _, run_id, release), pointers in shards.items()
        ]
        for pointers, outcomes in zip(shards.values(), shards_ahead(work), strict=True):
            for pointer, outcome in outcomes:
                for row in pointers[pointer]:
                    yield self._verdict(row, pointer, outcome)

    def options_of(self, run_id: str) -> ReadOptions:
        """How the run read its shards, but for gates: what it found had passed them."""
        if run_id not in self._options:
            self._options[run_id] = _options(self.store, run_id, self.storage)
        return self._options[run_id]

    def _verdict(self, row: Row, pointer: Pointer, outcome: Outcome) -> Verdict:
        if isinstance(outcome, Failure):
            # What a row says of its record explains why it cannot be read alone.
            return Verdict(row, pointer, damaged(row) or outcome)
        failure = difference(row, outcome) or damaged(row, outcome.facts)
        if failure is None and self.corpus is not None:
            failure = other_words(row, outcome.text, self.corpus)
        return Verdict(row, pointer, failure, outcome)


def _options(store: TableStore, run_id: str, storage: StorageOptions) -> ReadOptions:
    try:
        (run,) = store.read("runs", run_id).to_pylist()
        read: Mapping[str, Any] = json.loads(run["config"])["read"]
        return ReadOptions(
            columns=dict(read["columns"]),
            max_document_bytes=int(read["max_document_bytes"]),
            pdf=True,
            storage=storage,
        )
    except (ValueError, LookupError, TypeError) as error:
        raise OutputError(
            f"the settings of run {run_id} cannot be read",
            where=str(store.root),
            remedy="restore its row in runs",
        ) from error
