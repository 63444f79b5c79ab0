"""Digests of the blocks of a corpus's large files: what is fetched by ranges is checked block by block.

The manifest's SHA-256 of a file says nothing of a part of it. `blocks.npy` has a digest for each block of
each file in `by_ranges`: files by name, each cut into blocks of `BLOCK_BYTES` from its beginning.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presswatch_spark.corpus import layout

BLOCK_BYTES = 1 << 16
DIGEST_BYTES = 16
_BLOCKS_READ = 16

Digests = npt.NDArray[np.uint8]
"""uint8[blocks, DIGEST_BYTES]."""


def by_ranges(names: Iterable[str]) -> list[str]:
    """Return the files that are read by ranges where a corpus is not copied whole, sorted by name."""
    folders = (f"{layout.ARTICLES_FOLDER}/", f"{layout.INDEX_FOLDER}/")
    return sorted(name for name in names if name.startswith(folders) or name == layout.SIGNATURES)


def blocks_in(size: int) -> int:
    """Return in how many blocks a file of so many bytes is cut."""
    return -(-size // BLOCK_BYTES)


def digests_of(data: bytes | memoryview) -> Digests:
    """Return the digests of the blocks of some bytes that begin where a block does."""
    view = memoryview(data)
    blocks = (view[first : first + BLOCK_BYTES] for first in range(0, len(view), BLOCK_BYTES))
    found = b"".join(blake2b(block, digest_size=DIGEST_BYTES).digest() for block in blocks)
    return np.frombuffer(found, np.uint8).reshape(-1, DIGEST_BYTES)


def file_digests(path: Path) -> Digests:
    """Return the digests of the blocks of a file."""
    parts = [np.empty((0, DIGEST_BYTES), np.uint8)]
    with path.open("rb") as file:
        while data := file.read(_BLOCKS_READ * BLOCK_BYTES):
            parts.append(digests_of(data))
    return np.concatenate(parts)


def by_file(digests: Digests, sizes: Mapping[str, int]) -> Mapping[str, Digests]:
    """Cut the digests of all files in `by_ranges` into those of each; `sizes` are those of all files."""
    names = by_ranges(sizes)
    ends = np.cumsum([blocks_in(sizes[name]) for name in names])[:-1]
    return dict(zip(names, np.split(digests, ends), strict=True))
