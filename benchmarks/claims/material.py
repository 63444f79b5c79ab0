"""Tables of many rows of `matches`, made up: passages of a corpus's articles on domains of the web.

As on the web, few articles are copied often and many seldom. A few passages of each are what most pages take;
some take one of their own. Every tenth row is on a press site or the member's own, or credits somebody else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, row_settings
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.tables.declarations import PublishedRun, columns_without_run
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import RUNS_FOLDER, TableStore

DOMAINS = 30_000
PRESS = ("lesoir.be", "rtbf.be", "letemps.ch", "ledevoir.com", "elwatan-dz.com", "reuters.com")
PUBLISHED = datetime(2024, 3, 1, 6, tzinfo=UTC)
BATCH_ROWS = 20_000
RELEASE, SHARD_ROWS, RECORD_BYTES = "CC-MAIN-2024-51", 500, 2_000
# The share of articles' rows falls as this power of their rank.
SKEW = 0.7
MICROS_A_DAY = 86_400_000_000

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Text:
    """The facts of an article that its rows repeat; `starts` and `ends` of its words, in characters."""

    article_id: str
    url: str
    sha256: str
    starts: Numbers
    ends: Numbers


def write_tables(out: Path, corpus: Path, rows: int, runs: int, seed: int) -> None:
    """Publish `runs` runs with so many rows of `matches` altogether, in files as a scan writes them."""
    opened = Corpus.open(str(corpus))
    generator = np.random.default_rng(seed)
    texts = [_text(opened, ordinal) for ordinal in range(len(opened))]
    weights = 1 / np.arange(1, len(texts) + 1) ** SKEW
    weights = generator.permutation(weights / weights.sum())
    store = TableStore.create(str(out))
    for run in range(runs):
        run_id = f"20261127T0{run}0000Z-bench"
        folder = store.root / RUNS_FOLDER / run_id
        files = SortedFiles("matches", run_id, folder)
        segment = f"{RELEASE}/segments/{run}/wet"
        written = files.write_all(_batches(texts, weights, rows // runs, segment, generator))
        row = _run_row(run_id, written.rows, opened.manifest.digest)
        store.publish_tables("runs", row, folder, {"matches": [written]}, lambda: None)


def _text(corpus: Corpus, ordinal: int) -> _Text:
    article = corpus.article(ordinal)
    words = words_of(article.body)
    every = np.arange(len(words))
    places = words.characters(every, every)
    sha256 = hashlib.sha256(article.body).hexdigest()
    return _Text(article.article_id, str(article.url), sha256, places[:, 0], places[:, 1])


def _batches(
    texts: list[_Text],
    weights: npt.NDArray[np.float64],
    rows: int,
    segment: str,
    generator: np.random.Generator,
) -> Iterator[pa.RecordBatch]:
    for first in range(0, rows, BATCH_ROWS):
        count = min(BATCH_ROWS, rows - first)
        chosen = generator.choice(len(texts), count, p=weights)
        batch = _batch([texts[i] for i in chosen.tolist()], count, generator)
        for name, values in _places(segment, first, count).items():
            batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), values)
        yield batch


def _places(segment: str, first: int, n: int) -> dict[str, pa.Array]:
    """Where rows from `first` on stand: the same number in each shard of a segment, each in its record."""
    shards, places = np.divmod(np.arange(first, first + n), SHARD_ROWS)
    uris = [f"s3://commoncrawl/crawl-data/{segment}/{shard:05}.warc.wet.gz" for shard in shards.tolist()]
    return {
        "shard_uri": pa.array(uris),
        "record_offset": pa.array(places * RECORD_BYTES),
        "record_length": pa.array(np.full(n, RECORD_BYTES)),
        "record_encoding": pa.array(["gzip"] * n),
    }


def _batch(texts: list[_Text], n: int, generator: np.random.Generator) -> pa.RecordBatch:
    """Rows as a scan would write them, as far as claims look at them; other columns are null or blank."""
    firsts, afters, words = _passages(texts, n, generator)
    places = list(zip(texts, firsts.tolist(), afters.tolist(), strict=True))
    begins = [int(text.starts[first]) for text, first, _ in places]
    spans = _spans(begins, [int(text.ends[after - 1]) for text, _, after in places], words)
    number = generator.integers(0, 1 << 62, (n, 4)).astype(">i8").tobytes().hex()
    digests = [number[64 * i : 64 * i + 64] for i in range(n)]
    hosts = _hosts(n, generator)
    own = [host.endswith("title-0.example") for host in hosts]
    full = words >= 0.9 * np.array([len(text.starts) for text in texts])
    days = generator.integers(-5, 600, n)
    captured = int(PUBLISHED.timestamp() * 1e6) + days * MICROS_A_DAY
    credits = generator.random(n) < 0.005
    values: dict[str, Any] = {
        "dataset": ["wet"] * n,
        "release": [RELEASE] * n,
        "document_url": [f"https://{host}/{digests[i][:12]}" for i, host in enumerate(hosts)],
        "document_host": hosts,
        "document_domain": [".".join(host.split(".")[-2:]) for host in hosts],
        "article_id": [text.article_id for text in texts],
        "title_id": ["title-0"] * n,
        "publisher_id": ["publisher"] * n,
        "url_match": ["title" if each else "none" for each in own],
        "grade": np.where(full, "full_copy", np.where(words >= 100, "partial_copy", "extract")),
        "longest_run_words": words,
        "copied_words": words,
        "run_rarity": 9 * words,
        "shared_words": np.zeros(n, np.int64),
        "ownership": ["exclusive"] * n,
        "confidence": np.where(full, "A", np.where(words >= 100, "B", "C")),
        "confidence_reasons": [
            ["sole_full_copy"] if whole else ["strong_copy"] if count >= 100 else ["not_rare"]
            for whole, count in zip(full.tolist(), words.tolist(), strict=True)
        ],
        "document_credits": [["AFP"] if each else [] for each in credits.tolist()],
        "credits_others": credits,
        "spans": spans,
        "own_site": own,
        "article_url": [text.url for text in texts],
        "article_published_at": [PUBLISHED] * n,
        "article_sha256": [text.sha256 for text in texts],
        "article_words": [len(text.starts) for text in texts],
        "text_sha256": digests[::-1],
        "captured_at": captured,
        "row_sha256": digests,
    }
    schema = columns_without_run("matches")
    columns = [
        _array(values[field.name]).cast(field.type) if field.name in values else pa.nulls(n, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _spans(starts: list[int], ends: list[int], words: Numbers) -> pa.Array:
    """One span for each row, between these characters of the article."""
    n = len(words)
    fields = {
        "document_start": np.zeros(n, np.int64),
        "document_end": np.ones(n, np.int64),
        "article_start": np.array(starts, np.int64),
        "article_end": np.array(ends, np.int64),
        "words": words,
        "passage": np.zeros(n, np.int64),
    }
    rows = pa.StructArray.from_arrays([pa.array(values) for values in fields.values()], list(fields))
    return pa.ListArray.from_arrays(pa.array(np.arange(n + 1, dtype=np.int32)), rows)


def _array(values: Any) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values)


def _passages(texts: list[_Text], n: int, generator: np.random.Generator) -> tuple[Numbers, Numbers, Numbers]:
    """The passages of pages: the whole article, one of four that many take, or one of their own."""
    lengths = np.array([len(text.starts) for text in texts])
    kind = generator.random(n)
    popular = generator.integers(0, 4, n)
    own_first = (generator.random(n) * (lengths - 40)).astype(np.int64)
    own_after = np.minimum(own_first + generator.integers(11, 200, n), lengths)
    quarters = lengths * popular // 5
    firsts = np.where(kind < 0.4, 0, np.where(kind < 0.85, quarters, own_first))
    afters = np.where(kind < 0.4, lengths, np.where(kind < 0.85, quarters + 120, own_after))
    afters = np.minimum(afters, lengths)
    return firsts, afters, afters - firsts


def _hosts(n: int, generator: np.random.Generator) -> list[str]:
    """Hosts of pages: some have many pages, a twentieth is the member's own or of the press."""
    numbers = (DOMAINS * generator.random(n) ** 3).astype(np.int64).tolist()
    kind = generator.random(n).tolist()
    return [
        "www.title-0.example" if kind[i] < 0.04
        else f"www.{PRESS[number % len(PRESS)]}" if kind[i] < 0.05
        else f"www.site-{number}.example"
        for i, number in enumerate(numbers)
    ]  # fmt: skip


def _run_row(run_id: str, rows: int, corpus_digest: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "run_id": run_id,
        "started_at": PUBLISHED,
        "dataset": "wet",
        "corpus_digest": corpus_digest,
        "config": row_settings(ScanConfig(), MinHashRules()),
        "tool_version": "bench",
        "shards_planned": 1,
        "shards_complete": 1,
        "matches": rows,
    }
    return filled(values)


def filled(values: dict[str, Any]) -> dict[str, Any]:
    """Return a row of `runs` with these values; what it must have beside them is empty or 0."""
    blank = {pa.string(): "", pa.int32(): 0, pa.int64(): 0}
    return {
        field.name: values.get(field.name, None if field.nullable else blank.get(field.type))
        for field in PublishedRun.schema
        if field.name not in ("files", "finished_at")
    }
