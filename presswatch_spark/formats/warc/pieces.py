"""How a shard made of records is read, whatever its format: inflated pieces come in, records go out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar, Generic, TypeVar

from presswatch_spark.errors import CorruptError
from presswatch_spark.formats.inflate.inflated import compression_of, inflated_window
from presswatch_spark.formats.inflate.members import Piece, gzip_pieces
from presswatch_spark.formats.inflate.window import Window
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.warc.blocks import BlockBuilder
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.objects import ObjectInfo, Stream

# How many bytes one stored byte can stand for (RFC 1951: 258 for two bits; RFC 8878: 128 KiB for four bytes).
MOST_INFLATED = {"plain": 1, "gzip": 1032, "zstd": 32 << 10}
UNKNOWN_BYTES = 1 << 45

FoundT = TypeVar("FoundT")


class PieceReader(ABC, Generic[FoundT]):
    """One shard being read. A format says what its records are called, how they begin, and finds them.

    `kind`: as messages name it. `head_bytes`: how much of a file shows whether a record begins it.
    """

    kind: ClassVar[str]
    head_bytes: ClassVar[int]

    def __init__(
        self, shard: ObjectInfo, options: ReadOptions, report: ReadReport, begins: Callable[[bytes], bool]
    ) -> None:
        self.shard = shard
        self.options = options
        self.report = report
        self.blocks = BlockBuilder("plain")
        self.room = 0
        self.needed = options.batch_bytes
        self._begins = begins
        self._begun = False
        self._empty = True

    def read(self, stream: Stream) -> Iterator[FoundT]:
        """Yield what is found in `stream`: all of the shard, or a part that begins with a record.

        Raises:
            CorruptError: it is of another format.
        """
        window = Window(stream, self.report)
        if window.refill(0) is None:
            self.report.add_defect("the shard is empty", 0)
            return
        compression = compression_of(bytes(window.view[:4]))
        if compression == "plain" and not self._begins(bytes(window.view[: self.head_bytes])):
            compression = "gzip"
        self.blocks = BlockBuilder(compression, window.base if compression == "plain" else 0, self._begins)
        self.room = MOST_INFLATED[compression] * (self.shard.size or UNKNOWN_BYTES)
        for piece in self._pieces(window, compression):
            self._begin(piece)
            self.blocks.add(piece)
            if self.blocks.size >= self.needed:
                yield from self.found(final=False)
        if self._empty and not self.report.defects_total:
            self.report.add_defect("the shard is empty", 0)
            return
        if not self._begun:
            raise self.refusal(f"holds nothing that can be read as {self.kind} records")
        yield from self.found(final=True)

    @abstractmethod
    def found(self, *, final: bool) -> Iterator[FoundT]:
        """Yield what can be made of the pieces so far, which are in `blocks`; `final`: of all."""

    @abstractmethod
    def refusal(self, what: str) -> CorruptError:
        """The error of a shard that is or holds `what`, and so is of another format."""

    def _pieces(self, window: Window, compression: str) -> Iterator[Piece]:
        if compression == "gzip":
            return gzip_pieces(window, self.report, self._begins)
        return (Piece(0, 0, data, False, False) for data in inflated_window(window, self.report))

    def _begin(self, piece: Piece) -> None:
        if self._begun:
            return
        self._empty &= piece.closes and not piece.data
        self._begun = bool(piece.data)
        if self._begun and not self._begins(piece.data):
            raise self.refusal(f"does not hold {self.kind} records")
