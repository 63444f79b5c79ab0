"""Texts collected one by one into batches of shared buffers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from presswatch_spark.model import Bytes, DocumentBatch, Locator, Offsets, ReadReport

T = TypeVar("T")

# The texts of small documents weigh less than the Python objects that hold them.
DOCUMENTS_AT_ONCE = 1 << 14


class BatchBuilder(Generic[T]):
    """Collects documents with what is needed to locate each; `locate` turns that into a locator on demand."""

    def __init__(self, report: ReadReport, locate: Callable[[T], Locator]) -> None:
        self._report = report
        self._locate = locate
        self._texts: list[bytes] = []
        self._urls: list[bytes] = []
        self._places: list[T] = []
        self._text_bytes = self._read_bytes = 0

    def add(self, text: bytes, url: bytes, place: T, read_bytes: int) -> None:
        """Add a document; all that is kept of it was found in `read_bytes` of the shard."""
        self._texts.append(text)
        self._urls.append(url)
        self._places.append(place)
        self._text_bytes += len(text)
        self._read_bytes += read_bytes

    def is_full(self, batch_bytes: int) -> bool:
        """Whether what was collected is enough for a batch."""
        # Asked for each document.
        documents = len(self._places)
        return documents > 0 and (
            self._read_bytes >= batch_bytes
            or self._text_bytes >= batch_bytes
            or documents >= DOCUMENTS_AT_ONCE
        )

    def take(self) -> DocumentBatch:
        """Return what was collected, and begin anew."""
        text, text_starts, text_ends = _joined(self._texts)
        urls, url_starts, url_ends = _joined(self._urls)
        places, locate = self._places, self._locate
        self._report.documents += len(places)
        self._report.text_bytes += self._text_bytes
        self._texts, self._urls, self._places = [], [], []
        self._text_bytes = self._read_bytes = 0
        return DocumentBatch(
            text, text_starts, text_ends, urls, url_starts, url_ends, lambda i: locate(places[i])
        )

    def __len__(self) -> int:
        return len(self._places)


def _joined(parts: list[bytes]) -> tuple[Bytes, Offsets, Offsets]:
    ends = np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)))
    starts = np.concatenate((np.zeros(min(1, len(parts)), np.int64), ends[:-1]))
    return np.frombuffer(b"".join(parts), np.uint8), starts, ends
