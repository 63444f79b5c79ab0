"""What columns mean, as short as AWS Glue takes it."""

import pyarrow as pa

LONGEST = 255
"""Bytes of a comment, by Glue's own limit."""
CUT = "…"


def comment_of(column: pa.Field) -> str:
    """Return what a column means, cut behind a word where it is longer than Glue takes."""
    meaning: str = column.metadata[b"meaning"].decode()
    if len(meaning.encode()) <= LONGEST:
        return meaning
    room = LONGEST - len(CUT.encode())
    whole = meaning.encode()[: room + 1].decode(errors="ignore")
    return whole.rpartition(" ")[0].rstrip(" ,;:") + CUT
