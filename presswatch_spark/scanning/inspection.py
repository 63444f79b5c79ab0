"""Searches a folder for a sealed corpus, without network or Spark, and writes only numbers about it.

`conf/inspect/check.py` states the schema of the output, for two parties that distrust each other.
"""

import csv
import json
import os
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from presswatch_spark.core.compiled import PACKAGE
from presswatch_spark.core.errors import InputError
from presswatch_spark.core.settings.config import ScanConfig, row_settings
from presswatch_spark.core.terminal import json_line
from presswatch_spark.corpus.manifest import Manifest
from presswatch_spark.corpus.sealed import KeySource
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.http.message import is_text
from presswatch_spark.reading.source import ANYTHING, Format, ReadOptions
from presswatch_spark.reading.text_and_token_formats import TokenRules, read_units, vocabulary
from presswatch_spark.scanning.pipeline import SEALED_SCAN, ShardScan, opened_corpus
from presswatch_spark.scanning.runs.provenance import packages, packages_digest
from presswatch_spark.scanning.shard.sealed_candidates import CANDIDATES
from presswatch_spark.storage.disk import file_sha256
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import ObjectInfo, canonical
from presswatch_spark.tables.column_values import SHARD_FAILURES

MOST = 1_000_000
"""Most files that are read, and most rows of candidates that are written; more rows are only counted."""
FORMATS = (*known_formats.names(), "text", "tokens")
"""Formats and SHARD_FAILURES are written as places in these lists, from 1; 0: unknown, or none."""
FILES = ("file", "sha256", "format", "failure", "bytes", "documents", "words", "candidates")
PLACE, FOUND = ("row_index", "record_offset", "record_length"), ("article", "hits", "extent_words")
ROWS = ("file", *PLACE, "part", *FOUND)
COUNTS = ("complete", *SHARD_FAILURES, "others", "files", *FILES[4:], "rows")
_RECORDS = frozenset[str]().union(*(format.kinds for format in known_formats.FORMATS)) - ANYTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection(ShardScan):
    """A sealed scan that also reads plain text and, with `tokens`, token shards.

    `parts`: the fingerprints of the parts of the corpus, in order.
    """

    parts: tuple[str, ...]
    tokens: TokenRules | None = None

    def format_of(self, shard: ObjectInfo, options: ReadOptions) -> Format:
        """Return the format of a file: by its name if it has tokens, else by its content."""
        if self.tokens and shard.uri.endswith((".bin", ".npy")):
            return replace(known_formats.DEFAULT, name="tokens", read=partial(read_units, self.tokens))
        head = known_formats.head_of(shard, options)
        if known_formats.kind_of(head) not in _RECORDS and is_text(head):
            return replace(known_formats.DEFAULT, name="text", read=partial(read_units, None))
        return ShardScan.format_of(self, shard, options)

    def numbers(self, shard: ObjectInfo, is_lost: bool = False) -> tuple[dict[str, Any], list[Any]]:
        """Search a file, and return its log, with the values of `FILES`, and its rows, without its number.

        `is_lost`: it has ended every process that tried it.
        """
        outcome = SEALED_SCAN.lost(shard, 1) if is_lost else self(shard)
        log = {**outcome.log, "bytes": shard.size}
        for column, names in (("format", FORMATS), ("failure", SHARD_FAILURES)):
            log[column] = 1 + names.index(log[column]) if log[column] else 0
        with suppress(OSError):
            log["sha256"] = log["sha256"] or file_sha256(shard.uri)
        found = (row for batch in outcome.tables[CANDIDATES] for row in batch.to_pylist())
        rows = [
            (*map(row.get, PLACE), self.parts.index(row["corpus_fingerprint"]), *map(row.get, FOUND))
            for row in found
        ]
        return log, sorted(rows, key=lambda row: [-1 if value is None else value for value in row])[:MOST]

    def in_processes(self, files: Iterable[ObjectInfo]) -> Iterator[tuple[dict[str, Any], list[Any]]]:
        """Search files in processes, in order. If one dies, the next file is tried alone, and may be lost."""
        left, alone = deque(files), False
        while left:
            try:
                with ProcessPoolExecutor(1 if alone else self.config.run.cores, get_context("spawn")) as pool:
                    for numbers in pool.map(self.numbers, [left[0]] if alone else [*left]):
                        left.popleft()
                        yield numbers
                alone = False
            except BrokenProcessPool:
                if alone:
                    yield self.numbers(left.popleft(), is_lost=True)
                alone = not alone


def inspect(
    folder: str,
    *,
    corpus: str,
    key: KeySource,
    out: str,
    config: ScanConfig,
    tokens: TokenRules | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Search every regular file below a folder, write `out`, and return the content of `inspection.json`.

    `say` gets a line of JSON with number, path and error of each file, for the room. Raises `ConfigError` or
    `CorpusError` if key, tokenizer or corpus cannot be used, `InputError` without files or if `out` is below
    `folder`, and `OutputError`.
    """
    if Path(os.path.realpath(out)).is_relative_to(os.path.realpath(folder)):
        remedy = "choose another one: the next inspection would read it as a part of the data"
        raise InputError("the folder of the output is in the inspected one", where=out, remedy=remedy)
    config = replace(config, run=replace(config.run, shard_digest=True))
    manifest = opened_corpus(corpus, key, config).manifest
    facts, counts = _facts(manifest, config, tokens), dict.fromkeys(COUNTS, 0)
    files, parts = _files(folder, counts), tuple(facts["corpus_fingerprints"])
    place = known_formats.AUTO, canonical(corpus), manifest.digest, config
    scan = Inspection(*place, key=key, tokens=tokens, parts=parts)
    with new_folder(out, config.storage, "inspection.json") as draft:
        with open(draft / "files.csv", "w") as files_csv, open(draft / "candidates.csv", "w") as rows_csv:
            lines, rows = (csv.writer(file, lineterminator="\n") for file in (files_csv, rows_csv))
            lines.writerow(FILES)
            rows.writerow(ROWS)
            for number, (log, found) in enumerate(scan.in_processes(files)):
                say(json_line({"file": number, "path": files[number].uri, "error": log["error"]}))
                lines.writerow((number, *map(log.get, FILES[1:])))
                found = found[: MOST - counts["rows"]]
                rows.writerows((number, *row) for row in found)
                added = {name: log[name] for name in FILES[4:]} | {"files": 1, "rows": len(found)}
                for name, count in {**added, ("complete", *SHARD_FAILURES)[log["failure"]]: 1}.items():
                    counts[name] += count
        for name in ("files", "candidates"):
            facts[f"{name}_sha256"] = file_sha256(draft / f"{name}.csv")
        facts |= counts
        (draft / "inspection.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
    return facts


def _facts(manifest: Manifest, config: ScanConfig, tokens: TokenRules | None) -> dict[str, Any]:
    """Return the digests of program, libraries, settings, tokenizer and corpus; the key's fingerprint."""
    if tokens:
        vocabulary(tokens.tokenizer)
    sources = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    named = sorted((f"./{path.relative_to(PACKAGE)}", path) for path in sources)
    rules = f"{tokens.width} {tokens.separator}" if tokens else ""
    return {
        # As by `find . -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs sha256sum | sha256sum`.
        "program_sha256": packages_digest(f"{file_sha256(path)}  {name}" for name, path in named),
        "libraries_sha256": packages_digest([sys.version, *packages()]),
        "settings_sha256": packages_digest([row_settings(config, manifest.minhash), rules]),
        "tokenizer_sha256": tokens and file_sha256(tokens.tokenizer),
        "corpus_sha256": manifest.digest,
        "corpus_fingerprints": [part.fingerprint for part in manifest.parts],
        "key_fingerprint": manifest.key_fingerprint,
    }


def _files(folder: str, counts: dict[str, int]) -> list[ObjectInfo]:
    """Return the files below a folder, by path; count others: unreadable, special, links that lead out."""
    root, files = os.path.realpath(folder), list[ObjectInfo]()
    waiting = [root]
    while waiting:
        try:
            found = [(entry.path, entry.stat(follow_symlinks=False)) for entry in os.scandir(waiting.pop())]
        except OSError:
            counts["others"] += 1
            continue
        for path, status in found:
            if stat.S_ISREG(status.st_mode):
                files.append(ObjectInfo(path, status.st_size))
            elif stat.S_ISDIR(status.st_mode):
                waiting.append(path)
            elif not (stat.S_ISLNK(status.st_mode) and os.path.realpath(path).startswith(f"{root}/")):
                counts["others"] += 1
    if not 0 < len(files) <= MOST:
        what = f"the folder has {len(files):,} files; an inspection reads 1 to {MOST:,}"
        raise InputError(what, where=folder, remedy="inspect folders below it one by one")
    return sorted(files, key=lambda shard: shard.uri)
