"""Lists of a file's records by warcio, FastWARC and our reader, to compare before and after a patch."""

import hashlib
import io
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, BinaryIO

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.model import ReadReport
from presswatch_spark.core.version import __version__
from presswatch_spark.legal.removal.deep import documents_of
from presswatch_spark.reading import registry
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.tombstones import SKIPPED
from presswatch_spark.storage.streams import Opener

LISTED_BYTES = 1 << 20
RecordList = dict[str, Any]
"""A list by a `reader`: number and `sha256` of its `records`, without those at `removed` places.

Our reader also gives the numbers of `tombstones` and `defects`; a reader that fails, only the `error`.
"""
ListedRecord = tuple[int, int, str]
"""Offset, length (0 if the reader gives none), and SHA-256 of headers and content."""


def is_warc(dataset: str) -> bool:
    """Return whether records of a dataset are those of WARC, which all readers read."""
    format = registry.find(dataset)
    return format is not None and format.is_warc


@dataclass(slots=True)
class FileLists:
    """Lists the records of a file. `is_archive`: other readers find them, too."""

    path: str
    dataset: str
    options: ReadOptions
    is_archive: bool
    _first: list[ListedRecord] = field(default_factory=list)

    def of(self, removed: Collection[int], rows: Iterable[bytes]) -> list[RecordList]:
        """Return the lists. `removed`: places of records that are left out; `rows`: rows that stay."""
        report = ReadReport()
        ours = _list(f"presswatch-spark {__version__}", self._ours(removed, report))
        lists = [ours | {"tombstones": report.skipped.get(SKIPPED, 0), "defects": report.defects_total}]
        if not self.is_archive:
            return [*lists, _list("rows", ((hashlib.sha256(row).hexdigest(), False) for row in rows))]
        for name, reader in ARCHIVE_READERS.items():
            if reader is _by_fastwarc and not is_warc(self.dataset):
                continue
            try:
                about = f"{name} {version(name)}"
                with open(self.path, "rb") as file:
                    records = list(reader(file))
            except ImportError:
                continue
            except Exception as error:  # noqa: BLE001
                # This reader fails on the file, before and after.
                lists.append({"reader": about, "error": str(error)})
                continue
            if reader is _by_warcio and not self._first:
                self._first = [record for record in records if record[0] not in removed]
            lists.append(_list(about, ((each, each[0] in removed) for each in records)))
        return lists

    def _ours(self, removed: Collection[int], report: ReadReport) -> Iterator[tuple[object, bool]]:
        options = replace(self.options, opener=Opener())
        for batch in documents_of(self.path, self.dataset, options, report):
            for i in range(len(batch)):
                at = batch.locate(i)
                line: list[object] = [batch.url_of(i), hashlib.sha256(batch.text_of(i)).hexdigest()]
                if at.row_index is not None:
                    # Rows after a removed one have other numbers.
                    yield line, at.row_index in removed
                else:
                    yield (
                        [*line, at.record_offset, at.record_length, at.record_id],
                        at.record_offset in removed,
                    )

    def read_at_old_offsets(self) -> int:
        """Read each record of the first list alone, at its offset, as an index does; return their number."""
        with open(self.path, "rb") as file:
            for offset, length, digest in self._first:
                file.seek(offset)
                if next(_by_warcio(io.BytesIO(file.read(length))))[2] != digest:
                    raise CorruptError(f"another record is at the old offset {offset:,}", where=self.path)
        return len(self._first)


def _list(reader: str, lines: Iterable[tuple[object, bool]]) -> RecordList:
    digest, counts = hashlib.sha256(), [0, 0]
    for line, is_removed in lines:
        counts[is_removed] += 1
        digest.update(b"" if is_removed else json.dumps(line).encode() + b"\n")
    return {"reader": reader, "records": counts[0], "removed": counts[1], "sha256": digest.hexdigest()}


def require_equal(before: Sequence[RecordList], after: Sequence[RecordList], path: str) -> None:
    """Raise `CorruptError` unless each reader lists the same other records, and no more defects.

    A file that lost all its rows is a defect to our reader, and no reason to leave them.
    """
    for old, new in zip(before, after, strict=True):
        is_worse = bool(new.get("records")) and new.get("defects", 0) > old.get("defects", 0)
        if is_worse or any(old.get(key) != new.get(key) for key in ("reader", "records", "sha256", "error")):
            raise CorruptError(f"{old['reader']} lists other records after the patch", where=path)


def _by_warcio(file: BinaryIO) -> Iterator[ListedRecord]:
    from warcio.archiveiterator import ArchiveIterator

    records = ArchiveIterator(file, no_record_parse=True, arc2warc=False)
    for record in records:
        digest = hashlib.sha256(str(record.rec_headers).encode("utf-8", "replace"))
        while data := record.raw_stream.read(LISTED_BYTES):
            digest.update(data)
        yield records.get_record_offset(), records.get_record_length(), digest.hexdigest()


def _by_fastwarc(file: BinaryIO) -> Iterator[ListedRecord]:
    from fastwarc.warc import ArchiveIterator

    for record in ArchiveIterator(file, parse_http=False):
        digest = hashlib.sha256(repr(list(record.headers.items())).encode())
        while data := record.reader.read(LISTED_BYTES):
            digest.update(data)
        yield record.stream_pos, 0, digest.hexdigest()


ARCHIVE_READERS = {"warcio": _by_warcio, "fastwarc": _by_fastwarc}
