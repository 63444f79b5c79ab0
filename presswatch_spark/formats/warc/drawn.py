"""Draws a share of the records that a language gate leaves out, by their ids: the same ones in every run."""

import numpy as np

from presswatch_spark.formats.warc.boundaries import is_drawn
from presswatch_spark.formats.warc.fields import header_fields

_HASHES = 1 << 64


class Draw:
    """Draws records with a probability of `share` (0 to 1), by a hash of their `WARC-Record-ID`."""

    def __init__(self, share: float) -> None:
        self.below = np.uint64(min(int(share * _HASHES), _HASHES - 1))
        """Drawn is what hashes below."""

    def holds(self, header: bytes) -> bool:
        """Say whether the record with this WARC header is drawn."""
        return bool(self.below) and self.takes(header_fields(header).get("warc-record-id"))

    def takes(self, record_id: str | None) -> bool:
        """Say whether the record with this id is drawn."""
        id_ = (record_id or "").encode()
        return bool(is_drawn(np.frombuffer(id_, np.uint8), 0, len(id_), self.below))
