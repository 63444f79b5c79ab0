"""Parquet files opened with a sound footer in bounded memory, and their schema by dotted names."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.errors import CorruptError, PresswatchError
from presswatch_spark.formats.table.footer import Footer, FooterError, read_footer
from presswatch_spark.formats.table.memory import DECODED_BYTES, memory_bounded
from presswatch_spark.formats.table.pages import CheckedFile
from presswatch_spark.storage.arrow_files import ARROW_ERRORS

# What pyarrow raises of damaged bytes, and what their values raise where Python has no such value.
DAMAGE_ERRORS = (*ARROW_ERRORS, ValueError, ArithmeticError, LookupError)


@dataclass(frozen=True, slots=True)
class OpenedParquet:
    """A Parquet file: what its footer says, pyarrow's reader, and the checked bytes below it."""

    footer: Footer
    parquet: pq.ParquetFile
    file: CheckedFile

    @property
    def schema(self) -> pa.Schema:
        """The columns, in Arrow's types."""
        return self.parquet.schema_arrow


def opened(file: BinaryIO, uri: str, **reading: Any) -> OpenedParquet:
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
    return OpenedParquet(footer, parquet, checked)


def dotted_names(schema: pa.Schema) -> frozenset[str]:
    """Return the names of all columns, fields of structs by dots."""
    return frozenset(name for field in schema for name in _names_below(field, ""))


def _names_below(field: pa.Field[Any], prefix: str) -> Iterator[str]:
    name = f"{prefix}{field.name}"
    yield name
    if pa.types.is_struct(field.type):
        for child in field.type:
            yield from _names_below(child, f"{name}.")
