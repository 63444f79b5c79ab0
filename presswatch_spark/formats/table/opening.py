"""Parquet files opened with a sound footer in bounded memory, and their schema by dotted names.

A file of 2 KB may ask a decoder for gigabytes: the system bounds what it may take.
"""

from __future__ import annotations

import io
import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.errors import CorruptError, PresswatchError
from presswatch_spark.formats.table.footer import Footer, FooterError, read_footer
from presswatch_spark.formats.table.pages import CheckedFile
from presswatch_spark.storage.arrow_files import ARROW_ERRORS

Item = TypeVar("Item")

# What pyarrow raises of damaged bytes, and what their values raise where Python has no such value.
DAMAGE_ERRORS = (*ARROW_ERRORS, ValueError, ArithmeticError, LookupError)
# For a footer, or for the rows of one batch, decoded: values that repeat are stored once, and may be long.
# Arrow's allocator reserves 1 GiB of address space at a time. Less is allowed here, so no reservation fits:
# one that did would leave nothing for Python, and a small file would be refused.
DECODED_BYTES = 768 << 20


@contextmanager
def memory_bounded(more_bytes: int) -> Iterator[None]:
    """Let this process take no more than so many bytes of address space, in the block.

    More is a `MemoryError`. The bound counts what other threads take meanwhile, too; without Linux's `/proc`
    there is none.
    """
    _reserve_for_arrow()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = _address_space() + more_bytes
    below = [wanted, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (min(below), hard))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@lru_cache(1)
def _reserve_for_arrow() -> None:
    """Have Arrow's allocator reserve address space once, before a bound refuses it that."""
    pa.allocate_buffer(1)


def drawn_bounded(items: Iterable[Item], more_bytes: int) -> Iterator[Item]:
    """Yield `items`, each drawn under that bound; what the caller does with them is not bounded."""
    iterator = iter(items)
    while True:
        with memory_bounded(more_bytes):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


def _address_space() -> int:
    """Return the bytes of address space of this process; without `/proc`, more than any bound.

    It is called twice a batch: a file object would take most of the time.
    """
    try:
        file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 1 << 62
    try:
        return int(os.read(file, 128).split()[0]) * resource.getpagesize()
    finally:
        os.close(file)


@dataclass(frozen=True, slots=True)
class Opened:
    """A Parquet file: what its footer says, pyarrow's reader, and the checked bytes below it."""

    footer: Footer
    parquet: pq.ParquetFile
    file: CheckedFile

    @property
    def schema(self) -> pa.Schema:
        """The columns, in Arrow's types."""
        return self.parquet.schema_arrow


def opened(file: BinaryIO, uri: str, **reading: Any) -> Opened:
    """Open a Parquet file, with settings of pyarrow's; `CorruptError` if its footer cannot be believed."""
    checked = CheckedFile(file)
    # Ahead of the decoder, another thread reads: from a disk that only takes the bytes to another core.
    reading.setdefault("pre_buffer", not isinstance(getattr(file, "raw", None), io.FileIO))
    try:
        with memory_bounded(DECODED_BYTES):
            footer = read_footer(file)
            parquet = pq.ParquetFile(
                checked,
                metadata=pq.read_metadata(pa.BufferReader(footer.data)),
                page_checksum_verification=True,
                **reading,
            )
            dotted_names(parquet.schema_arrow)
    except (MemoryError, FooterError, *DAMAGE_ERRORS) as error:
        if isinstance(error, PresswatchError):
            raise
        why = f" ({error})" if isinstance(error, FooterError) else ""
        raise CorruptError(
            f"the Parquet footer cannot be read{why}: the file is cut or damaged, so no row can be reached",
            where=uri,
            remedy="get the file again",
        ) from error
    return Opened(footer, parquet, checked)


def dotted_names(schema: pa.Schema) -> frozenset[str]:
    """Return the names of all columns, fields of structs by dots."""
    return frozenset(name for field in schema for name in _names_below(field, ""))


def _names_below(field: pa.Field[Any], prefix: str) -> Iterator[str]:
    name = f"{prefix}{field.name}"
    yield name
    if pa.types.is_struct(field.type):
        for child in field.type:
            yield from _names_below(child, f"{name}.")
