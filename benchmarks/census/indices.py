"""Whole indices that never were, of any size: written partition by partition, in bounded memory.

The rows of a release are sorted by SURT key and cut into partitions of the same size; each partition gives
one file a subset. Row groups hold the same number of rows in all files, as Spark's hold the same bytes.
Since July 2026 the real files are packed by zstd and hold times in milliseconds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.census.bulk import Places, table_of
from tests.world.index_files import SYLLABLES, file_of, surt

SUBSETS = {"warc": 0.66, "crawldiagnostics": 0.30, "robotstxt": 0.04}
# Shares of top-level domains in a crawl, roughly.
TLDS = {
    "be": 0.01, "ch": 0.01, "cn": 0.02, "com": 0.48, "cz": 0.02, "de": 0.06, "edu": 0.01, "es": 0.02,
    "fr": 0.03, "info": 0.01, "it": 0.03, "jp": 0.04, "net": 0.05, "nl": 0.03, "org": 0.08, "pl": 0.03,
    "ru": 0.05, "uk": 0.02,
}  # fmt: skip
# The longest tail of domains that a crawl allows: it takes only so much of a site.
GREATEST_SHARE = 1_000


@dataclass(frozen=True, slots=True)
class Index:
    """How large an index is: its rows, partitions, row groups a file in the mean, and rows a domain.

    `codec` and `level` are those of the pages.
    """

    rows: int
    partitions: int
    row_groups: int
    rows_a_domain: int = 30
    seed: int = 20261125
    codec: str = "zstd"
    level: int = 3

    @property
    def rows_a_group(self) -> int:
        """Rows of each row group."""
        return max(1, self.rows // (self.partitions * len(SUBSETS) * self.row_groups))


def write_index(folder: Path, index: Index) -> list[str]:
    """Write an index below `folder`, as `crawl=…/subset=…/part-*.parquet`; returns its domains."""
    rng = np.random.default_rng(index.seed)
    domains = _domains(random.Random(index.seed), max(1, index.rows // index.rows_a_domain))
    for partition, owners in enumerate(_partitions(rng, index, len(domains))):
        first, last = int(owners[0]), int(owners[-1])
        subsets = rng.choice(len(SUBSETS), len(owners), p=list(SUBSETS.values()))
        for number, subset in enumerate(SUBSETS):
            own = owners[subsets == number] - first
            table = table_of(rng, domains[first : last + 1], own, subset)
            _write(file_of(folder, partition, subset), table, index)
    return domains


def _partitions(rng: np.random.Generator, index: Index, domains: int) -> Iterator[Places]:
    """The domain of each row, in the order of keys, a partition at a time."""
    sizes = np.minimum(rng.pareto(1.1, domains) + 1, GREATEST_SHARE)
    ends = np.round(np.cumsum(sizes) * index.rows / sizes.sum())
    for number in range(index.partitions):
        first, last = (index.rows * n // index.partitions for n in (number, number + 1))
        yield np.searchsorted(ends, np.arange(first, last), side="right")


def _write(path: Path, table: pa.Table, index: Index) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table,
        path,
        row_group_size=index.rows_a_group,
        compression=index.codec,
        compression_level=index.level,
        coerce_timestamps="ms",
        store_schema=False,
    )


def _domains(rng: random.Random, count: int) -> list[str]:
    names = rng.choices(list(TLDS), list(TLDS.values()), k=count)
    found = {f"{''.join(rng.choices(SYLLABLES, k=rng.randrange(3, 7)))}.{tld}" for tld in names}
    return sorted(found, key=lambda domain: surt(domain, "/"))
