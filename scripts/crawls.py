"""Writes the list of crawls that comes with the package, from a `collinfo.json` on disk or at an address.

python scripts/crawls.py PATH
"""

from __future__ import annotations

import sys
from pathlib import Path

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.scanning.releases.crawls import SHIPPED, Listing, fetched, list_uri
from presswatch_spark.storage.objects import StorageOptions


def refresh(path: str, target: Path = SHIPPED) -> Listing:
    """Write the list at `path` to `target`, and return it.

    Raises:
        PresswatchError: there is no list, or it cannot be had now.
    """
    listing = fetched(list_uri(path), StorageOptions())
    target.write_bytes(listing.to_json())
    return listing


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/crawls.py PATH-OF-COLLINFO.JSON")
    try:
        written = refresh(sys.argv[1])
    except PresswatchError as error:
        sys.exit(f"error: {error}")
    sys.stdout.write(f"{len(written.crawls)} crawls, the newest {written.crawls[0].name}, in {SHIPPED}\n")
