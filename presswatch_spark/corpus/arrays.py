"""Files of arrays (`.npy`) and tables (Arrow) larger than memory: written in pieces, read as memory maps.

Files are never written through a map: a full disk would kill the process instead of raising an error.
"""

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.corpus.layout import ARTICLES_PER_BATCH
from presswatch_spark.storage.disk import refused

Array = npt.NDArray[Any]


def save(path: Path, array: Array) -> None:
    """Write one array."""
    with path.open("wb") as file:
        _write_header(file, array.dtype, array.shape)
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def read_rows(path: Path, first_row: int, rows: Array) -> None:
    """Fill contiguous `rows` from a flat array, from `first_row` on, in a sixth of the time of a map."""
    with path.open("rb") as file:
        _skip_header(file)
        file.seek(first_row * rows.itemsize, 1)
        if file.readinto(rows.view(np.uint8).data) != rows.nbytes:
            raise OSError(errno.EIO, "the file ends early", str(path))


def join(path: Path, pieces: Sequence[Path]) -> None:
    """Join the rows of `pieces`, which are of one type, into one array; remove each piece once copied."""
    total, first = sum(len(load(piece)) for piece in pieces), load(pieces[0])
    with path.open("wb") as file:
        _write_header(file, first.dtype, (total, *first.shape[1:]))
        for piece in pieces:
            with piece.open("rb") as source:
                _skip_header(source)
                shutil.copyfileobj(source, file, 1 << 20)
            piece.unlink()


def load(path: Path) -> Array:
    """Map an array, read-only."""
    # As a plain array: a slice of numpy's class for mapped arrays would cost a microsecond more.
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def write_arrow(path: Path, table: pa.Table) -> None:
    """Write an Arrow IPC file, uncompressed: row i is in batch i // `ARTICLES_PER_BATCH`."""
    with path.open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        for batch in table.combine_chunks().to_batches(ARTICLES_PER_BATCH):
            writer.write_batch(batch)


def read_arrow(path: str | Path) -> pa.Table:
    """Map an Arrow IPC file: columns are views of it."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


@contextmanager
def writing(place: str | Path) -> Iterator[None]:
    """Turn a failure to write below `place` into an `OutputError`."""
    try:
        yield
    except OSError as error:
        # If a copy or a move failed, the second name is its destination.
        where = error.filename2 or error.filename or place
        raise refused(where, error) from error


def _write_header(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, fields)


def _skip_header(file: BinaryIO) -> None:
    # Format 1.0: six bytes of magic, two of version, then the length of the rest of the header in two.
    file.seek(8)
    file.seek(int.from_bytes(file.read(2), "little"), 1)
