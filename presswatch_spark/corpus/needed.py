"""Files of a corpus that lies elsewhere, of which this host has the blocks that were asked for.

    <cache>/<digest>.by-need-<start>/      small files, whole, as in the corpus
        need/<name>                        a large file: its blocks where they belong, holes where others do,
                                           and behind them a byte for each block that is there
        need/index-<range>/<name>          the index, or a range of it, in the same way
        need/whole/<name>                  a large file that was asked for as a whole

A block counts once it is written whole, and only if it has the digest that the corpus gives it. So a corpus
that was replaced or damaged is noticed, two are never mixed, and whoever was killed loses one block.

What was used last is kept, up to the room that there is. A file that is let go of has no name any more; who
has mapped it keeps it. Blocks and their bytes are of one file, so none can outlive the others.

After a crash of the machine a byte may be on its disk and the block not: each start begins anew.
"""

import io
import mmap
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.manifest import (
    BLOCK_BYTES,
    Digests,
    FileEntry,
    Manifest,
    blocks_in,
    by_file,
    by_ranges,
    digests_of,
)
from presswatch_spark.errors import CorpusError, OutputError
from presswatch_spark.storage.disk import file_sha256
from presswatch_spark.storage.locks.file_locks import lock, locked
from presswatch_spark.storage.locks.lock_rules import CORPUS_COPY, CORPUS_RANGE, CORPUS_RANGE_LEFT
from presswatch_spark.storage.objects import MissingError, StorageOptions, fetch_file, printable, read_range
from presswatch_spark.storage.streams import lent_streams
from presswatch_spark.storage.time_limits import LentLimit
from presswatch_spark.storage.uris import join

NEED, WHOLE = "need", "whole"
# One request; and as many are under way at a time, since a store answers each in its own time.
BLOCKS_AT_ONCE = 128
REQUESTS_AT_ONCE = 16
# So much is fetched before the room is looked at again.
BYTES_BETWEEN_LOOKS = 64 << 20
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PAGE = mmap.ALLOCATIONGRANULARITY

Blocks = npt.NDArray[np.int64]


def start_of_host() -> tuple[str, str] | None:
    """Return the name of this host, and what names its last start; None if the system does not say.

    Hosts may share a folder, and each clears away what it fetched before it was started.
    """
    with suppress(OSError):
        return socket.gethostname(), _BOOT.read_text().strip()[:8]
    return None


class NeededFile:
    """A file of the corpus. `data` are its bytes, of which only those that `need` was asked for are right.

    Args:
        path: where its blocks are kept on this host.
        fetch: returns bytes [start, end) of the file.
        guarded: makes a block in which failures to fetch and to keep become errors of the corpus.
        size: of the file, in bytes; `digests` are those of its blocks.
    """

    def __init__(
        self,
        path: Path,
        fetch: Callable[[int, int], bytes],
        guarded: Callable[[], AbstractContextManager[None]],
        size: int,
        digests: Digests,
    ) -> None:
        self._fetch, self._guarded, self._digests = fetch, guarded, digests
        flags = -(-size // _PAGE) * _PAGE
        self._handle = _opened(path, flags + blocks_in(size))
        # The map has a handle of its own.
        self.map = mmap.mmap(self._handle, 0, prot=mmap.PROT_READ)
        self._flags, self.size = flags, size
        self.data = memoryview(self.map)[:size]
        self._there = np.frombuffer(self.map, np.uint8, blocks_in(size), flags)

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):
            os.close(self._handle)

    def need(self, *ranges: tuple[int, int]) -> None:
        """Have the bytes of ranges [start, end).

        Raises:
            CorpusError: the corpus is no longer the one that was opened, or the disk is full.
            StorageError: it cannot be reached.
        """
        self.need_blocks(blocks_of(np.array(ranges, np.int64).reshape(-1, 2)))

    def need_blocks(self, blocks: Blocks) -> None:
        """Have blocks, by their numbers; errors as of `need`."""
        missing = np.unique(blocks[self._there[blocks] == 0])
        if not len(missing):
            return
        cuts = np.flatnonzero(np.diff(missing) > 1) + 1
        runs = [(int(run[0]), int(run[-1]) + 1) for run in np.split(missing, cuts)]
        pieces = [
            (first, min(first + BLOCKS_AT_ONCE, after))
            for start, after in runs
            for first in range(start, after, BLOCKS_AT_ONCE)
        ]
        with self._guarded(), lent_streams() as lent:
            limit = LentLimit()

            def take(piece: tuple[int, int]) -> None:
                with limit.here(), lent.here():
                    self._take(*piece)

            list(_requests(os.getpid()).map(take, pieces) if len(pieces) > 1 else map(take, pieces))

    def _take(self, first: int, after: int) -> None:
        start, end = first * BLOCK_BYTES, min(after * BLOCK_BYTES, self.size)
        data = self._fetch(start, end)
        if len(data) != end - start or not np.array_equal(digests_of(data), self._digests[first:after]):
            raise _replaced(start)
        _write(self._handle, data, start)
        # Only now: whoever sees the bytes below finds the blocks.
        _write(self._handle, b"\1" * (after - first), self._flags + first)


def _replaced(start: int) -> CorpusError:
    return CorpusError(
        f"what lies at byte {start:,} is not what the corpus's digest says: it was replaced or damaged",
        remedy="put the same corpus there again; a corpus never changes, so build each to a new folder",
    )


def blocks_of(ranges: npt.NDArray[np.int64]) -> Blocks:
    """Return the numbers of the blocks of ranges of bytes, int64[n, 2]; some may be there twice."""
    ranges = ranges[ranges[:, 1] > ranges[:, 0]]
    first, last = ranges[:, 0] // BLOCK_BYTES, (ranges[:, 1] - 1) // BLOCK_BYTES
    wide = np.flatnonzero(last - first > 1)
    inner = [np.arange(first[each] + 1, last[each]) for each in wide.tolist()]
    return np.concatenate([first, last, *inner])


class NeededArray:
    """An array (`.npy`) of the corpus; of `array`, only the rows that were asked for are right."""

    def __init__(self, file: NeededFile) -> None:
        file.need((0, min(file.size, BLOCK_BYTES)))
        header = io.BytesIO(bytes(file.data[: min(file.size, BLOCK_BYTES)]))
        np.lib.format.read_magic(header)
        shape, _, kind = np.lib.format.read_array_header_1_0(header)
        self._file, self._begin = file, header.tell()
        flat = np.frombuffer(file.data, kind, int(np.prod(shape)), self._begin)
        self.array: npt.NDArray[Any] = flat.reshape(shape)
        self._row_bytes = kind.itemsize * int(np.prod(shape[1:]))

    def need(self, firsts: npt.NDArray[np.int64], afters: npt.NDArray[np.int64]) -> None:
        """Have the rows of slices [first, after), int64[n] each, as far as the array has them."""
        afters = np.minimum(afters, len(self.array))
        ranges = np.stack((firsts, np.maximum(firsts, afters)), axis=1) * self._row_bytes + self._begin
        self._file.need_blocks(blocks_of(ranges))

    def need_slice(self, first: int, after: int) -> None:
        """Have the rows of one slice."""
        self.need(np.array([first]), np.array([after]))


class NeededFiles:
    """The files of a corpus at a URI, kept in a folder of this host that is made by `prepared`.

    `room`: how many bytes parts may take there. `bytes_fetched` counts those that this process fetched.
    """

    def __init__(
        self, folder: Path, uri: str, manifest: Manifest, storage: StorageOptions, room: float
    ) -> None:
        self.folder, self._uri, self._storage = folder, uri, storage
        self._entries, self._room = manifest.files, room
        self.bytes_fetched = self._next_look = 0
        self._counting = Lock()
        digests = arrays.load(folder / layout.BLOCKS)
        self._digests = by_file(digests, {name: entry.size for name, entry in manifest.files.items()})

    def file(self, name: str, unit: str = "") -> NeededFile:
        """Open a file by need; `unit` is the folder of an index (see `unit_of`) that it is kept in."""
        path = self._path(unit, name.rpartition("/")[2]) if unit else self._path(name)
        fetch, size = partial(self._fetched, name), self._entries[name].size
        with self._guarded():
            path.parent.mkdir(parents=True, exist_ok=True)
            file = NeededFile(path, fetch, self._guarded, size, self._digests[name])
            # Another process may have let go of it by now.
            with suppress(FileNotFoundError):
                os.utime(path)
        return file

    def array(self, name: str, unit: str = "") -> NeededArray:
        """Open an array by need."""
        return NeededArray(self.file(name, unit))

    def whole(self, name: str) -> Path:
        """Return a file that is there whole, until room is needed; open it at once."""
        path = self._path(WHOLE, name)
        with self._guarded(), locked(self._lock("whole"), CORPUS_COPY):
            if not path.exists():
                self._make_room(self._entries[name].size)
                fetch_whole(self._uri, name, self._entries[name], path, self._storage)
                self.bytes_fetched += self._entries[name].size
            os.utime(path)
        return path

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CorpusError(
                f"parts of the corpus cannot be kept on this host: {error.strerror or error}",
                where=str(self.folder),
                remedy="make room there, or name a folder on another disk by PRESSWATCH_CACHE_DIR",
            ) from error
        except CorpusError as error:
            raise CorpusError(
                error.what, where=error.where or printable(self._uri), remedy=error.remedy
            ) from error

    @contextmanager
    def filling(self, unit: str) -> Iterator[None]:
        """Fill the folder of an index in this block: others who want to wait."""
        with self._guarded(), locked(self._lock(unit), CORPUS_COPY):
            yield

    def hold(self, unit: str) -> Callable[[], None]:
        """Keep the folder of an index until what is returned is called, or this process ends."""
        path = self._path(unit)
        with self._guarded():
            while True:
                path.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):
                    return partial(os.close, lock(path, CORPUS_RANGE))

    def _fetched(self, name: str, start: int, end: int) -> bytes:
        try:
            data = read_range(join(self._uri, name), start, end - start, self._storage)
        except MissingError as error:
            raise _replaced(start) from error
        with self._counting:
            self.bytes_fetched += len(data)
            if self.bytes_fetched >= self._next_look:
                self._next_look = self.bytes_fetched + BYTES_BETWEEN_LOOKS
                self._make_room(BYTES_BETWEEN_LOOKS)
        return data

    def _make_room(self, size: int) -> None:
        units = sorted((_used(path), path) for path in self._units())
        taken = sum(taken for (_, taken), _ in units)
        for (_, released), path in units:
            if taken + size <= self._room:
                return
            if _let_go(path):
                taken -= released

    def _units(self) -> Iterator[Path]:
        """Yield what can be let go of as one: files, and the folders of indexes."""
        for path in (self.folder / NEED).iterdir():
            if path.is_dir() and not path.name.startswith("index-"):
                yield from (each for each in path.rglob("*") if each.is_file())
            elif not path.name.startswith("."):
                yield path

    def _path(self, *names: str) -> Path:
        return self.folder.joinpath(NEED, *names)

    def _lock(self, unit: str) -> Path:
        return self._path(f".{unit}.lock")


def prepared(folder: Path, uri: str, manifest: Manifest, storage: StorageOptions) -> None:
    """Make the folder, if it is not there, with the files that are not read by ranges, each checked."""
    if (folder / layout.MANIFEST).is_file():
        return
    for name in small_files(manifest):
        fetch_whole(uri, name, manifest.files[name], folder / name, storage)
    (folder / NEED).mkdir(exist_ok=True)
    # The last: the folder counts once it is there.
    fetch_file(join(uri, layout.MANIFEST), str(folder / layout.MANIFEST), storage)


def small_files(manifest: Manifest) -> list[str]:
    """Return the files that every host has whole."""
    large = set(by_ranges(manifest.files))
    return [name for name in manifest.files if name not in large]


def taken_by(folder: Path) -> int:
    """Return the bytes of the disk that a folder's files take; other processes may remove some meanwhile."""
    return sum(_used(Path(path))[1] for path, _, _ in os.walk(folder))


def fetch_whole(uri: str, name: str, entry: FileEntry, path: Path, storage: StorageOptions) -> None:
    """Fetch a file of a corpus, and check it.

    Raises:
        CorpusError: it is not as the manifest says.
    """
    fetch_file(join(uri, name), str(path), storage)
    if path.stat().st_size != entry.size or file_sha256(path) != entry.sha256:
        path.unlink()
        raise CorpusError(
            "its content is not what the manifest says: the corpus was replaced or damaged",
            where=printable(join(uri, name)),
            remedy="build the corpus again, to a new folder",
        )


@lru_cache(1)
def _requests(_process: int) -> ThreadPoolExecutor:
    """Return the threads of this process: those of its parent do not survive a fork."""
    return ThreadPoolExecutor(REQUESTS_AT_ONCE, "corpus")


def _opened(path: Path, size: int) -> int:
    """Return a handle of the file, made of so many zeros if it is not there."""
    while True:
        with suppress(FileNotFoundError):
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with draft.open("xb") as file:
                file.truncate(size)
            # Whole at once, and only one of two processes.
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def _write(handle: int, data: bytes, start: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, start)
        view, start = view[written:], start + written


def _used(path: Path) -> tuple[int, int]:
    """Return when a unit was used last, in nanoseconds, and the bytes that it takes of the disk."""
    files: Sequence[Path] = [path]
    # Another process may let go of the folder of an index at any moment.
    with suppress(FileNotFoundError, NotADirectoryError):
        files = list(path.iterdir())
    last, taken = 0, 0
    for file in files:
        with suppress(FileNotFoundError):
            found = file.stat()
            last, taken = max(last, found.st_mtime_ns), taken + 512 * found.st_blocks
    return last, taken


def _let_go(path: Path) -> bool:
    """Remove a file, or the folder of an index that nobody holds; return whether it is gone."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return True
    with suppress(OSError, OutputError), locked(path, CORPUS_RANGE_LEFT):
        shutil.rmtree(path, ignore_errors=True)
        return True
    return False
