"""Selection: the claims that a document is about, their pages, and the readings that prove them.

Evidence, notices, cases of removal and reports ask here which claims they are made of, and where and when the
bytes of a claim were read again.

A *page* is an address in a release: its URL, or its text where the URL is not known. A *capture* is a page at
a time. A *record* is the bytes of a capture in one file. A *claim* is an article on a page. The view
`sightings` has the same keys in SQL.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from presswatch_spark.pointers.pointer import COMMON_CRAWL, COMMON_CRAWL_SITE
from presswatch_spark.storage.uris import join, printable, scheme_of

DISK, COPY, PLACE = "disk", "copy", "place"
"""Where the bytes of a reading came from: a disk, another address, or the file that is named."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading that found a record as its row describes it: `at` which time, and in which `file`.

    `file` is a printable URI; empty if it is not known.
    """

    at: datetime
    file: str

    def source(self, file: str) -> str:
        """Return `place` if the bytes came from `file` itself; else `disk` or `copy`.

        A file on a disk is never a place: no recipient of a letter can find it, and a third party cannot
        repeat the reading.
        """
        if not self.file or scheme_of(self.file) == "file":
            return DISK
        return PLACE if _public(self.file) == _public(printable(file)) else COPY


def newest_reading(readings: Iterable[Reading], file: str) -> Reading | None:
    """Return the reading that a document may state of a record in `file`; None if there is none.

    The newest one at the place itself comes before all readings of copies.
    """
    return max(readings, key=lambda reading: (reading.source(file) == PLACE, reading.at), default=None)


def _public(uri: str) -> str:
    """Return one address for the bucket of Common Crawl and its public site."""
    if uri.startswith(COMMON_CRAWL):
        return join(COMMON_CRAWL_SITE, uri.removeprefix(COMMON_CRAWL))
    return uri
