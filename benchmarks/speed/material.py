"""What the measurements need, made when it is first asked for, below one folder that goes at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks.speed import articles, indexes
from benchmarks.speed.shards import C4_JSON, C4_PARQUET, WARC, WET, Kind, make_shards

PAGE_BYTES_OF_TEXT = 16
"""Bytes of a page for each of its text proper; half of the text that can be seen is menus and teasers."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    `megabytes` of text (of WARC: of pages) in `shards` shards of each kind, of which each round takes one;
    `shingles` are the sizes of index; `articles` stand in the corpus that pages copy from; `pairs` are
    verified, of each kind; `build_articles` are indexed; the whole job goes over every shard `job_copies`
    times.
    """

    megabytes: int = 1020
    shards: int = 6
    rounds: int = 6
    articles: int = 8_000
    shingles: tuple[int, ...] = (10**5, 10**6, 10**7, 10**8, 3 * 10**8)
    pairs: int = 10_000
    build_articles: int = 100_000
    job_copies: int = 6
    signature_megabytes: int = 8

    @property
    def shard_bytes(self) -> int:
        """Text in one shard."""
        return self.megabytes * 1_000_000 // self.shards


@dataclass
class Material:
    """Shards and corpora below `folder`."""

    folder: Path
    sizes: Sizes
    _padded: dict[int, Path] = field(default_factory=dict)

    @cached_property
    def wet(self) -> list[Path]:
        """WET shards."""
        return self._shards(WET)

    @cached_property
    def c4_json(self) -> list[Path]:
        """C4 shards as published."""
        return self._shards(C4_JSON)

    @cached_property
    def c4_parquet(self) -> list[Path]:
        """The same pages as Parquet."""
        return self._shards(C4_PARQUET)

    @cached_property
    def warc(self) -> list[Path]:
        """WARC shards, of pages that are so much more than their text."""
        return make_shards(
            self.folder / WARC.name, WARC, self.sizes.shards, self.sizes.shard_bytes // PAGE_BYTES_OF_TEXT
        )

    @cached_property
    def corpus(self) -> Path:
        """A corpus with its own index only."""
        return articles.build(self.folder / "press", self.sizes.articles)

    @cached_property
    def shingles(self) -> list[int]:
        """The sizes of index for which there is memory, twice over: other things live here as well."""
        room = indexes.memory_available() / 2
        return [count for count in self.sizes.shingles if indexes.memory_needed(count) <= room]

    @property
    def middle(self) -> int:
        """The size of index that is not asked about sizes: 10^6, or the largest there is."""
        return min(10**6, max(self.shingles))

    def padded(self, shingles: int) -> Path:
        """A corpus with so many shingles in its index."""
        if shingles not in self._padded:
            self._padded[shingles] = indexes.padded(self.corpus, self.folder / f"corpus-{shingles}", shingles)
        indexes.warm(self._padded[shingles])
        return self._padded[shingles]

    def _shards(self, kind: Kind) -> list[Path]:
        return make_shards(self.folder / kind.name, kind, self.sizes.shards, self.sizes.shard_bytes)
