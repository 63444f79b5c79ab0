"""Digests as 32 bytes each while they are moved, and as the 64 digits that tables have.

Half of their bytes go through scratch files, and values of one length are taken in a fraction of the time.
"""

from binascii import Error as NoDigitError
from binascii import hexlify, unhexlify

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.tables.digests import bytes_of

BYTES, DIGITS = 32, 64
PACKED = pa.binary(BYTES)


class OtherTextError(ValueError):
    """A text is no digest, and cannot be packed."""


def packed(texts: pa.Array) -> pa.Array:
    """Return digests of 64 hexadecimal digits as `PACKED`; null for null.

    Raises:
        OtherTextError: one of them is something else, or has capital letters.
    """
    whole = pc.fill_null(texts, "0" * DIGITS)
    if pc.any(pc.not_equal(pc.binary_length(whole), DIGITS)).as_py():
        raise OtherTextError
    digits = bytes_of(whole)
    try:
        raw = unhexlify(digits)
    except NoDigitError as error:
        raise OtherTextError from error
    # Capital letters are digits, too, but would come back as small ones.
    if hexlify(raw) != digits:
        raise OtherTextError
    return packed_of(raw, texts)


def packed_of(raw: bytes, like: pa.Array) -> pa.Array:
    """Return values of 32 bytes as `PACKED`; null where `like` is."""
    return pa.FixedSizeBinaryArray.from_buffers(PACKED, len(like), [_validity(like), pa.py_buffer(raw)])


def digits_of(digests: pa.Array) -> pa.Array:
    """Return digests, as `PACKED`, as strings of 64 hexadecimal digits; null for null."""
    count = len(digests)
    offsets = np.arange(0, (count + 1) * DIGITS, DIGITS, dtype=np.int32)
    data = pa.py_buffer(hexlify(raw_bytes(digests)))
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(offsets), data, _validity(digests), digests.null_count
    )


def with_digits(column: pa.Array) -> pa.Array:
    """Return digests with digits if they are packed; other columns stay."""
    return digits_of(column) if column.type == PACKED else column


def raw_bytes(digests: pa.Array) -> memoryview:
    """Return the bytes of digests, as `PACKED`, one after the other; any bytes for null."""
    first = digests.offset * BYTES
    return memoryview(digests.buffers()[1])[first : first + len(digests) * BYTES]


def _validity(values: pa.Array) -> pa.Buffer | None:
    """Return which values are not null, as bits from the first one on; None if all are."""
    if not values.null_count:
        return None
    return pa.py_buffer(np.packbits(values.is_valid().to_numpy(zero_copy_only=False), bitorder="little"))
