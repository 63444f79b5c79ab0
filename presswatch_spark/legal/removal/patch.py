"""A patch that removes the records of a case from their files by the smallest change, without their texts.

    PATCH/patch.json        for each file: name, size and SHA-256 before and after, and its edits; sealed,
                            with the SHA-256 of all other parts
    PATCH/blobs/00000.gz …  for each file, the bytes that its edits insert
    PATCH/proof.json        measured on a copy of each file, which was patched and restored
    PATCH/apply.py          applies it; standard library only

An edit replaces bytes at an offset. In archives, a tombstone of equal length replaces a record. Gzip members,
zstd frames and row groups that contain a row to remove are written again without it.
"""

import gzip
import hashlib
import io
import json
import shutil
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from presswatch_spark.core.errors import CorruptError, InputError, PresswatchError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.core.version import __version__
from presswatch_spark.legal.removal import apply
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.places import is_by_range, is_unresolved, offset_of, read_options
from presswatch_spark.legal.removal.server_answers import compared
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.legal.removal.whole_file_search import documents_of
from presswatch_spark.query.pointers.fetched_records import Failure, records_at
from presswatch_spark.query.pointers.pointer import Mirror, Pointer, mirrored, pointer_of
from presswatch_spark.reading import inflate, known_formats
from presswatch_spark.reading.rows.parquet_footer import is_parquet
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.tombstones import SKIPPED, Removed, tombstone
from presswatch_spark.storage.disk import fetch_file
from presswatch_spark.storage.drafts import new_folder, scratch_folder
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, open_stream, shown_uri
from presswatch_spark.storage.streams import Opener
from presswatch_spark.storage.uris import scheme_of
from presswatch_spark.tables.declarations import Match, Target
from presswatch_spark.tables.seals import sealed_json

LONGEST_ROW, ROWS_AT_ONCE = 1 << 30, 1_000
GZIP_LEVEL, ZSTD_LEVEL = 6, 9
LISTED_BYTES = 1 << 20
UNRESOLVED = N_("the place is unknown: run `removal probe --index` first")
TOO_SHORT = N_("the record is shorter than the shortest tombstone")
NOT_ALONE = N_("the record is in a gzip member with others, or its lines are named by a second file")
OTHER_RECORD = N_("another record is at its place")
RecordList = dict[str, Any]
"""A list by a `reader`: number and `sha256` of its `records`, without those at `removed` places.

Our reader also gives the numbers of `tombstones` and `defects`; a reader that fails, only the `error`.
"""
ListedRecord = tuple[int, int, str]
"""Offset, length (0 if the reader gives none), and SHA-256 of headers and content."""


@dataclass(frozen=True, slots=True)
class WrittenPatch:
    """A patch: SHA-256 of its `patch.json`, totals of its `proof.json`, and the targets left, by reason."""

    digest: str
    totals: Mapping[str, Any]
    left: Mapping[str, Sequence[Target]]


def write_patch(
    case: RemovalCase,
    out: str,
    mirrors: Sequence[Mirror],
    storage: StorageOptions,
    tell: Callable[[Sentence], None] = lambda news: None,
) -> WrittenPatch:
    """Write a patch for all files of a case into a new folder; files are read at their place or a mirror.

    A target that cannot be removed is left, with a reason; `InputError` if none can be removed.
    """
    now = datetime.now(UTC)
    by_file, left = dict[str, list[Target]](), dict[str, list[Target]]()
    for target in CaseStatus.of(case).targets:
        groups, key = (left, UNRESOLVED) if is_unresolved(target) else (by_file, target.shard_uri)
        groups.setdefault(key, []).append(target)
    proven = list[_PatchedCopy]()
    with new_folder(out, storage, apply.PATCH) as draft:
        (draft / "blobs").mkdir()
        for number, (uri, targets) in enumerate(sorted(by_file.items()), 1):
            tell(sentence(N_("file {number} of {files}"), number=number, files=len(by_file)))
            options = read_options(case, targets[0], storage)
            with scratch_folder() as scratch:
                path = scratch / Path(targets[0].shard_uri).name
                copy = _PatchedCopy(targets, options, draft, f"blobs/{len(proven):05}.gz", path, now)
                try:
                    copy.make(mirrored(uri, mirrors))
                    proven.append(copy)
                except (PresswatchError, apply.PatchError, OSError, pa.ArrowException) as error:
                    (draft / copy.blob).unlink(missing_ok=True)
                    copy.left = {getattr(error, "what", str(error)): list(targets)}
            for reason, some in copy.left.items():
                left.setdefault(reason, []).extend(some)
        if not proven:
            raise InputError(f"no record can be removed: {'; '.join(left)}", where=str(case.folder))
        return _completed(draft, case, now, proven, left)


def _completed(
    draft: Path,
    case: RemovalCase,
    now: datetime,
    copies: Sequence["_PatchedCopy"],
    left: Mapping[str, Sequence[Target]],
) -> WrittenPatch:
    entries = [copy.entry for copy in copies]
    parts = (part for entry in entries for part in apply.parts_of(entry))
    totals = {
        "files": len(entries),
        "records": sum(entry["records"] for entry in entries),
        "bytes_replaced": sum(copy.proof["bytes_replaced"] for copy in copies),
        "bytes_uploaded": sum(part.get("bytes", 0) for part in parts),
        "seconds": round(sum(copy.proof["seconds"] for copy in copies), 3),
    }
    about = {
        "case": case.folder.name,
        "targets_digest": case.about["targets_digest"],
        "tool_version": __version__,
        "measured_on": f"{now:%Y-%m-%d}",
    }
    not_removed = [
        {"target_sha256": target.target_sha256, "file": Path(target.shard_uri).name, "reason": reason}
        for reason, some in left.items()
        for target in some
    ]
    proof = {**about, "totals": totals, "not_removed": not_removed, "files": [each.proof for each in copies]}
    (draft / apply.PROOF).write_bytes(sealed_json(proof))
    shutil.copyfile(apply.__file__, draft / "apply.py")
    names = sorted(each.relative_to(draft).as_posix() for each in draft.rglob("*") if each.is_file())
    digests = {name: apply.sha256_of(str(draft / name)) for name in names}
    sealed = sealed_json({"format": apply.FORMAT, **about, "parts": digests, "files": entries})
    (draft / apply.PATCH).write_bytes(sealed)
    return WrittenPatch(hashlib.sha256(sealed).hexdigest(), totals, left)


@dataclass(slots=True)
class _PatchedCopy:
    """A copy of a file, with its name, on which its part of the patch is made and proven.

    `entry`: of `patch.json`; `proof`: of `proof.json`, with the `seconds` that it takes to apply the patch.
    """

    targets: Sequence[Target]
    options: ReadOptions
    draft: Path
    blob: str
    path: Path
    now: datetime
    left: dict[str, list[Target]] = field(default_factory=dict)
    entry: dict[str, Any] = field(default_factory=dict)
    proof: dict[str, Any] = field(default_factory=dict)
    _edits: list[list[Any]] = field(default_factory=list)
    _kept: list[ListedRecord] = field(default_factory=list)

    @property
    def is_archive(self) -> bool:
        """Return whether the file has records, which other readers find, too; other files have rows."""
        return self.targets[0].row_index is None

    @property
    def is_warc(self) -> bool:
        """Return whether its records are those of WARC, which all readers read."""
        format = known_formats.find(self.targets[0].dataset)
        return format is not None and format.is_warc

    def make(self, uri: str) -> None:
        """Copy the file, write the blob, patch the copy, compare what readers list, and restore the copy."""
        fetch_file(uri, str(self.path), self.options.storage)
        found = self._found()
        with gzip.GzipFile(self.draft / self.blob, "wb", mtime=0) as blob:
            if self.is_archive:
                self._replace_records(found, blob)
            else:
                self._remove_rows(found.keys(), blob)
        if not self._edits:
            raise CorruptError("; ".join(self.left), where=str(self.path))
        path, size = str(self.path), self.path.stat().st_size
        before = self._lists(found)
        facts = {
            "name": self.path.name,
            # The path of a copy on a disk is nobody else's business: the proof goes to the host of the files.
            "uri": shown_uri(uri) if scheme_of(uri) != "file" else None,
            "records": len(found),
            "size": size,
            "sha256": apply.sha256_of(path),
            "new_size": size + sum(new - length for _, length, _, new in self._edits),
            "new_sha256": "",
            "outside_sha256": apply.sha256_of(path, self._edits),
        }
        self.entry = {**facts, "blob": self.blob, "edits": self._edits}
        patch, began_at = apply.Patch(str(self.draft), "0" * 64, [self.entry]), time.monotonic()
        apply.PatchedFile(patch, path).write()
        facts["new_sha256"] = self.entry["new_sha256"] = apply.sha256_of(path)
        seconds = round(time.monotonic() - began_at, 3)
        # Tombstones stay at the places of their records, but rows after a removed one move up.
        after = self._lists(found if self.is_archive else ())
        require_equal(before, after, path)
        facts["read_at_old_offsets"] = self._read_at_old_offsets()
        apply.PatchedFile(patch, path).undo()
        replaced = sum(length for _, length, *_ in self._edits)
        work = {"bytes_replaced": replaced, "seconds": seconds}
        self.proof = {**facts, **work, "restored": True, "before": before, "after": after}

    def _found(self) -> dict[int, tuple[Match, list[Target]]]:
        """Return the targets' records by place, in order: an offset, or the number of a row."""
        by_pointer = dict[Pointer, list[Target]]()
        for target in self.targets:
            by_pointer.setdefault(pointer_of(target, str(self.path)), []).append(target)
        found = dict[int, tuple[Match, list[Target]]]()
        for pointer, record in records_at(list(by_pointer), self.options):
            for target in by_pointer[pointer]:
                is_alone = is_by_range(target) if target.row_index is None else target.record_offset is None
                if not is_alone:
                    self.left.setdefault(NOT_ALONE, []).append(target)
                elif isinstance(record, Failure):
                    self.left.setdefault(str(record), []).append(target)
                elif compared(target, record).outcome != "same":
                    self.left.setdefault(OTHER_RECORD, []).append(target)
                else:
                    found.setdefault(offset_of(target), (record.facts, []))[1].append(target)
        return dict(sorted(found.items()))

    def _insert(self, blob: gzip.GzipFile, offset: int, length: int, data: Iterable[bytes]) -> None:
        inserted = sum(map(blob.write, data))
        with self.path.open("rb") as file:
            file.seek(offset)
            self._edits.append([offset, length, apply.digest_of(file, length), inserted])

    def _replace_records(self, found: dict[int, tuple[Match, list[Target]]], blob: gzip.GzipFile) -> None:
        with self.path.open("rb") as file:
            for offset, (facts, _targets) in list(found.items()):
                file.seek(offset)
                stored = file.read(facts.record_length or 0)
                data = tombstone(Removed(stored, facts.record_id, self.now, not self.is_warc))
                if data is None:
                    self.left.setdefault(TOO_SHORT, []).extend(found.pop(offset)[1])
                else:
                    self._insert(blob, offset, len(stored), [data])

    def _remove_rows(self, rows: Set[int], blob: gzip.GzipFile) -> None:
        size = self.path.stat().st_size
        if is_parquet(str(self.path), StorageOptions()):
            new = self.path.with_name(f"{self.path.name}.new")
            write_parquet(self.path, new, rows)
            with new.open("rb") as file:
                self._insert(blob, 0, size, apply.chunks_of(file, new.stat().st_size))
            return
        units = list(units_of(self.path))
        if not units:
            for row, offset, line in lines_of(self.path):
                if row in rows:
                    self._insert(blob, offset, min(len(line) + 1, size - offset), ())
        for unit in units:
            if rows.isdisjoint(range(unit.row, unit.end)):
                continue
            with self.path.open("rb") as file:
                file.seek(unit.offset)
                head = file.read(inflate.ZSTD_HEAD_BYTES)
            kept = without(pieces_of(self.path, unit.offset, unit.after), unit.row, rows)
            first = next(kept, b"")
            # A unit without rows is left out, unless it is the only one of the file.
            data = packed(chain([first], kept), head) if first or len(units) == 1 else ()
            self._insert(blob, unit.offset, unit.after - unit.offset, data)

    # Lists of its records by warcio, FastWARC and our reader, to compare before and after the patch.

    def _lists(self, removed: Collection[int]) -> list[RecordList]:
        """Return the lists of the records, but those at `removed` places."""
        report = ReadReport()
        ours = _list(f"presswatch-spark {__version__}", self._documents(removed, report))
        lists = [ours | {"tombstones": report.skipped.get(SKIPPED, 0), "defects": report.defects_total}]
        if not self.is_archive:
            rows = ((hashlib.sha256(row).hexdigest(), False) for row in rows_of(self.path, removed))
            return [*lists, _list("rows", rows)]
        for name in ("warcio", "fastwarc") if self.is_warc else ("warcio",):
            try:
                about = f"{name} {version(name)}"
                with self.path.open("rb") as file:
                    records = list(ARCHIVE_READERS[name](file))
            except ImportError:
                continue
            except Exception as error:  # noqa: BLE001
                # This reader fails on the file, before and after.
                lists.append({"reader": about, "error": str(error)})
                continue
            if name == "warcio":
                self._kept = [record for record in records if record[0] not in removed]
            lists.append(_list(about, ((each, each[0] in removed) for each in records)))
        return lists

    def _documents(self, removed: Collection[int], report: ReadReport) -> Iterator[tuple[object, bool]]:
        options = replace(self.options, opener=Opener())
        for batch in documents_of(str(self.path), self.targets[0].dataset, options, report):
            for i in range(len(batch)):
                at = batch.locate(i)
                line: list[object] = [batch.url_of(i), hashlib.sha256(batch.text_of(i)).hexdigest()]
                if at.row_index is not None:
                    # Rows after a removed one have other numbers.
                    yield line, at.row_index in removed
                else:
                    place = at.record_offset, at.record_length, at.record_id
                    yield [*line, *place], at.record_offset in removed

    def _read_at_old_offsets(self) -> int:
        """Read each record that warcio lists alone, at its offset, as an index does; return their number."""
        with self.path.open("rb") as file:
            for offset, length, digest in self._kept:
                file.seek(offset)
                if next(_by_warcio(io.BytesIO(file.read(length))))[2] != digest:
                    raise CorruptError(
                        f"another record is at the old offset {offset:,}", where=str(self.path)
                    )
        return len(self._kept)


# JSON Lines.


class Unit(NamedTuple):
    """A gzip member or zstd frame: stored bytes [offset, after), with parts of rows [row, end)."""

    offset: int
    after: int
    row: int
    end: int


def pieces_of(path: Path, offset: int = 0, after: int | None = None) -> Iterator[inflate.MemberPiece]:
    """Yield the content of stored bytes [offset, after), whole units; `CorruptError` if damaged."""
    report = ReadReport()
    with open_stream(ObjectInfo(str(path)), StorageOptions(), start=offset) as stream:
        for piece in inflate.stored_pieces(inflate.Window(stream, report)):
            if after is not None and piece.offset >= after:
                return
            yield piece
    if report.defects:
        raise CorruptError("a compressed part is damaged or cut", where=str(path))


def lines_of(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, offset (in the inflated file) and bytes of each line."""
    stored = (bytes(piece.data) for piece in pieces_of(path))
    for row, offset, line in inflate.placed_lines(stored, LONGEST_ROW):
        yield row, offset, line or b""


def units_of(path: Path) -> Iterator[Unit]:
    """Yield the units of a file; none if it is not compressed."""
    first, row, last = 0, 0, b""
    for piece in pieces_of(path):
        row, last = row + piece.data.count(b"\n"), bytes(piece.data[-1:]) or last
        if piece.closes:
            yield Unit(piece.offset, piece.offset + piece.length, first, row + (last != b"\n"))
            first = row


def packed(data: Iterable[bytes], head: bytes) -> Iterator[bytes]:
    """Yield data as one unit, with the compression of a unit that begins with `head`."""
    packer: Any = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)
    if inflate.compression_of(head[:4]) == "zstd":
        has_checksum = bool(head[-1] & inflate.ZSTD_CHECKSUM)
        packer = zstandard.ZstdCompressor(ZSTD_LEVEL, write_checksum=has_checksum).compressobj()
    yield from map(packer.compress, data)
    yield packer.flush()


def without(pieces: Iterable[inflate.MemberPiece], row: int, removed: Collection[int]) -> Iterator[bytes]:
    """Yield the content of pieces, which begin in a row, without the removed rows."""
    for piece in pieces:
        for part in io.BytesIO(piece.data):
            if row not in removed:
                yield part
            row += part.endswith(b"\n")


# Parquet.


def write_parquet(path: Path, new: Path, rows: Collection[int]) -> None:
    """Write a Parquet file without rows, with the schema, metadata, compression and encodings of a file."""
    first = 0
    with pq.ParquetFile(path) as file:
        footer = file.metadata
        columns = [footer.row_group(0).column(k) for k in range(footer.num_columns)]
        codecs = {each.path_in_schema: each.compression.lower() for each in columns}
        writer = pq.ParquetWriter(
            new,
            file.schema_arrow,
            version=footer.format_version if footer.format_version in ("1.0", "2.4") else "2.6",
            compression={
                name: "none" if codec == "uncompressed" else codec for name, codec in codecs.items()
            },
            use_dictionary=[c.path_in_schema for c in columns if any("DICT" in code for code in c.encodings)],
            write_statistics=[each.path_in_schema for each in columns if each.is_stats_set],
            write_page_index=any(each.has_offset_index for each in columns),
            store_schema=b"ARROW:schema" in (footer.metadata or {}),
        )
        with writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, use_threads=False)
                kept = [row not in rows for row in range(first, first + len(table))]
                first += len(table)
                table = table if all(kept) else table.filter(pa.array(kept, pa.bool_()))
                if len(table):
                    writer.write_table(table, row_group_size=len(table))


def rows_of(path: Path, removed: Collection[int]) -> Iterator[bytes]:
    """Yield the rows of a file but the removed ones, as bytes."""
    if not is_parquet(str(path), StorageOptions()):
        yield from (line for row, _, line in lines_of(path) if row not in removed)
        return
    with pq.ParquetFile(path) as file:
        batches = file.iter_batches(ROWS_AT_ONCE, use_threads=False)
        rows = enumerate(row for batch in batches for row in batch.to_pylist())
        yield from (repr(row).encode("utf-8", "replace") for number, row in rows if number not in removed)


# Lists of records.


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
