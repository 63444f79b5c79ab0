"""Two runs of many rows of `matches`, made up: copies of one release, and what became of them in the next.

Of a hundred copies 88 stand again at their URL, seven of these on a page with another text; two have moved,
two were cut short, and eight are gone. A tenth as many are new. All columns of `matches` are filled as a
scan fills them, so that files have the size of real ones.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.claims.material import filled
from presswatch_spark.core.settings.config import MinHashRules, ReadRules, ScanConfig, row_settings
from presswatch_spark.tables.declarations import ShardLog, columns_without_run
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import RUNS_FOLDER, TableStore

BEFORE, AFTER = "20261001T000000Z-bench", "20261101T000000Z-bench"
RELEASES = {BEFORE: "CC-MAIN-2026-34", AFTER: "CC-MAIN-2026-39"}
ARTICLES, HOSTS, SHARDS = 20_000, 30_000, 1_000
BATCH_ROWS = 20_000
CAPTURED = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp() * 1e6)
MICROS_A_DAY = 86_400_000_000

Numbers = npt.NDArray[np.int64]


def write_tables(out: Path, rows: int) -> None:
    """Publish two runs of so many rows each."""
    store = TableStore.create(str(out))
    for run_id in RELEASES:
        folder = store.root / RUNS_FOLDER / run_id
        files = SortedFiles("matches", run_id, folder)
        firsts = range(0, rows, BATCH_ROWS)
        batches = (_batch(run_id, first, min(BATCH_ROWS, rows - first), rows) for first in firsts)
        written = files.write_all(batches)
        log = SortedFiles("scan_log", run_id, folder).write_all([_log(run_id)])
        row = _run_row(run_id, written.rows)
        store.publish_tables("runs", row, folder, {"matches": [written], "scan_log": [log]}, lambda: None)


def _batch(run_id: str, first: int, n: int, rows: int) -> pa.RecordBatch:
    """Rows `first` to `first + n` of a run; a copy has the same number in both."""
    numbers = np.arange(first, first + n)
    # What becomes of a copy is drawn by its number, the same in both runs.
    fate = np.random.default_rng(first).integers(0, 100, n)
    after = run_id == AFTER
    copies = np.where(after & (fate < 10), numbers + rows, numbers)
    texts = np.where(after & (fate >= 10) & (fate < 19), copies + 2 * rows, copies)
    places = np.where(after & (fate >= 19) & (fate < 21), copies + 3 * rows, copies)
    words = 40 + copies * 7919 % 400
    words = np.where(after & (fate >= 17) & (fate < 19), words // 2, words)
    articles = copies * 104_729 % ARTICLES
    captured = CAPTURED + (copies % 25) * MICROS_A_DAY + after * 35 * MICROS_A_DAY
    shards = numbers * SHARDS // rows
    hosts = [f"www.site-{place * 31 % HOSTS}.example" for place in places.tolist()]
    digests = _hex(4 * numbers + 2 * after)
    text_digests = _hex(4 * texts + 1)
    spans = pa.StructArray.from_arrays(
        [pa.array(values) for values in (
            np.full(n, 200), 200 + 6 * words, np.zeros(n, np.int64), 6 * words,
            words.astype(np.int32), np.zeros(n, np.int32),
        )],
        ["document_start", "document_end", "article_start", "article_end", "words", "passage"],
    )  # fmt: skip
    values: dict[str, Any] = {
        "dataset": ["wet"] * n,
        "release": [RELEASES[run_id]] * n,
        "document_url": [
            f"https://{host}/actualites/{place % 28}/article-{place}.html"
            for host, place in zip(hosts, places.tolist(), strict=True)
        ],
        "document_host": hosts,
        "document_domain": [host.removeprefix("www.") for host in hosts],
        "article_id": [f"title-{k % 40}:{k:08}" for k in articles.tolist()],
        "title_id": [f"title-{k % 40}" for k in articles.tolist()],
        "publisher_id": [f"publisher-{k % 8}" for k in articles.tolist()],
        "url_match": ["none"] * n,
        "grade": np.where(words >= 300, "full_copy", np.where(words >= 100, "partial_copy", "extract")),
        "longest_run_words": words,
        "copied_words": words,
        "article_coverage": words / 450,
        "document_coverage": words / 900,
        "minhash_jaccard": np.round(words / 900, 3),
        "run_rarity": 9 * words,
        "shared_words": np.zeros(n, np.int64),
        "ownership": ["exclusive"] * n,
        "confidence": np.where(words >= 300, "A", np.where(words >= 100, "B", "C")),
        "confidence_reasons": [["strong_copy"]] * n,
        "document_credits": [[]] * n,
        "credits_others": np.zeros(n, bool),
        "spans": pa.ListArray.from_arrays(pa.array(np.arange(n + 1, dtype=np.int32)), spans),
        "own_site": np.zeros(n, bool),
        "article_url": [f"https://www.title-{k % 40}.example/{k:08}.html" for k in articles.tolist()],
        "headline": [f"Headline of the article number {k}" for k in articles.tolist()],
        "article_sha256": _hex(3 * articles + (1 << 40)),
        "article_words": np.full(n, 450),
        "document_words": np.full(n, 900),
        "shard_uri": [_shard(run_id, shard) for shard in shards.tolist()],
        "record_id": [f"<urn:uuid:{digest[:32]}>" for digest in digests],
        "record_offset": numbers * 9_973,
        "record_length": 4_000 + numbers % 9_000,
        "record_encoding": ["gzip"] * n,
        "payload_digest": [f"sha1:{digest[32:].upper()}" for digest in digests],
        "text_sha256": text_digests,
        "captured_at": captured,
        "languages": [["fra"]] * n,
        "row_sha256": digests,
    }
    schema = columns_without_run("matches")
    columns = [
        (value if isinstance(value, pa.Array) else pa.array(value)).cast(field.type)
        if (value := values.get(field.name)) is not None
        else pa.nulls(n, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _hex(numbers: Numbers) -> list[str]:
    """Return 64 hexadecimal digits for each number, the same every time, and without order."""
    mixed = np.stack([_mixed(numbers.astype(np.uint64) * np.uint64(4) + np.uint64(k)) for k in range(4)], 1)
    text = mixed.astype(">u8").tobytes().hex()
    return [text[64 * i : 64 * i + 64] for i in range(len(numbers))]


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scatter numbers over 64 bits, one to one (the finalizer of SplitMix64)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _shard(run_id: str, number: int) -> str:
    release = RELEASES[run_id]
    name = f"CC-MAIN-{run_id[:8]}-{number:05}.warc.wet.gz"
    return f"s3://commoncrawl/crawl-data/{release}/segments/1789000000.{number % 100}/wet/{name}"


def _log(run_id: str) -> pa.RecordBatch:
    """The log of a run that read all its shards."""
    values = {"shard_uri": [_shard(run_id, k) for k in range(SHARDS)], "status": ["complete"] * SHARDS}
    blank = {pa.string(): "", pa.int32(): 0, pa.int64(): 0, pa.float64(): 0.0}
    columns = [
        pa.array(values[field.name])
        if field.name in values
        else pa.nulls(SHARDS, field.type)
        if ShardLog.schema.field(field.name).nullable
        else pa.array([blank.get(field.type, [])] * SHARDS, field.type)
        if not pa.types.is_timestamp(field.type)
        else pa.array([CAPTURED] * SHARDS, field.type)
        for field in columns_without_run("scan_log")
    ]
    return pa.RecordBatch.from_arrays(columns, schema=columns_without_run("scan_log"))


def _run_row(run_id: str, rows: int) -> dict[str, Any]:
    config = ScanConfig(read=ReadRules(release=RELEASES[run_id]))
    values: dict[str, Any] = {
        "run_id": run_id,
        "started_at": datetime.strptime(run_id[:8], "%Y%m%d").replace(tzinfo=UTC),
        "dataset": "wet",
        "release": RELEASES[run_id],
        "corpus_digest": "bench",
        "config": row_settings(config, MinHashRules()),
        "tool_version": "bench",
        "shards_planned": SHARDS,
        "shards_complete": SHARDS,
        "documents": rows,
        "matches": rows,
    }
    return filled(values)
