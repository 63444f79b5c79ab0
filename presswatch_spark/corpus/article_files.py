"""The articles of a corpus by their ordinals, read from mapped Arrow files."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from presswatch_spark.corpus.layout import ARTICLES_PER_BATCH, ARTICLES_PER_PART, part_name

# Each takes a file descriptor; a process may have some thousand.
_FILES_OPEN = 256


class ArticleFiles:
    """Reads articles by ordinal from the mapped files of a corpus folder."""

    def __init__(self, folder: Path) -> None:
        @lru_cache(_FILES_OPEN)
        def reader(part: int) -> Any:
            return pa.ipc.open_file(pa.memory_map(str(folder / part_name(part))))

        self._batch = lru_cache(_FILES_OPEN)(lambda part, batch: reader(part).get_batch(batch))

    def row(self, ordinal: int) -> tuple[Any, int]:
        """Return the record batch that has an article, and its row there."""
        part, place = divmod(ordinal, ARTICLES_PER_PART)
        batch, row = divmod(place, ARTICLES_PER_BATCH)
        return self._batch(part, batch), row

    def values(self, ordinal: int, *columns: str) -> tuple[Any, ...]:
        """Return the values of an article in some columns of `layout.ARTICLES`."""
        batch, row = self.row(ordinal)
        return tuple(batch.column(name)[row].as_py() for name in columns)

    def body(self, ordinal: int) -> bytes:
        """Return the body of an article, UTF-8."""
        batch, row = self.row(ordinal)
        body: bytes = batch.column("body")[row].as_buffer().to_pybytes()
        return body

    def urls(self, ordinal: int) -> tuple[str, ...]:
        """Return the URL of an article and its alternates, as the member gave them; empty if it has none."""
        return _urls(*self.values(ordinal, "url", "alternate_urls"))

    def authors(self, ordinal: int) -> tuple[str, ...]:
        """Return the authors of an article, as the member gave them."""
        return tuple(self.values(ordinal, "authors")[0])

    def article_id(self, ordinal: int) -> str:
        """Return the id of an article."""
        article_id: str = self.values(ordinal, "article_id")[0]
        return article_id


def article_urls(path: Path, part: int) -> Iterator[tuple[int, str]]:
    """Yield every URL of every article of a part, by its file, with ordinals; a batch is in memory."""
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            first = part * ARTICLES_PER_PART + number * ARTICLES_PER_BATCH
            rows = zip(
                batch.column("url").to_pylist(), batch.column("alternate_urls").to_pylist(), strict=True
            )
            for ordinal, (url, alternates) in enumerate(rows, first):
                for each in _urls(url, alternates):
                    yield ordinal, each


def _urls(url: str | None, alternates: Sequence[str]) -> tuple[str, ...]:
    return (url, *alternates) if url else tuple(alternates)
