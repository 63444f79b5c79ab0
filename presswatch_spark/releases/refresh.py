"""`python -m presswatch_spark.releases.refresh PATH`: write the list of crawls that comes with this version.

PATH is a `collinfo.json`, on disk or as an address. Same list, same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from presswatch_spark.errors import PresswatchError
from presswatch_spark.releases.known import SHIPPED, fetched, list_uri
from presswatch_spark.releases.listing import Listing
from presswatch_spark.storage.objects import StorageOptions


def refresh(path: str, target: Path = SHIPPED) -> Listing:
    """Write the list at `path` to `target`, and return it.

    Raises:
        PresswatchError: there is no list, or it cannot be had now.
    """
    listing = fetched(list_uri(path), StorageOptions())
    target.write_text(listing.to_text(), encoding="ascii")
    return listing


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m presswatch_spark.releases.refresh PATH-OF-COLLINFO.JSON")
    try:
        written = refresh(sys.argv[1])
    except PresswatchError as error:
        sys.exit(f"error: {error}")
    sys.stdout.write(f"{len(written.crawls)} crawls, the newest {written.crawls[0].name}, in {SHIPPED}\n")
