"""The census by brute force: every file read whole, every URL looked at, with no code of the product's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq


def members_rows(
    files: Sequence[Path], sites: Mapping[str, str], articles: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield every row of `files` on a site or at an article's URL, with its title, article, file and place.

    Args:
        sites: titles by `host` or `host/name/`.
        articles: article ids by their URL as it stands in the index.
    """
    for file in files:
        table = pq.ParquetFile(file).read()
        urls = table.column("url").to_pylist()
        for place, url in enumerate(urls):
            title, article = title_of(url, sites), articles.get(url)
            if title or article:
                (row,) = table.slice(place, 1).to_pylist()
                yield {**row, "title": title, "article": article, "file": str(file), "place": place}


def title_of(url: str, sites: Mapping[str, str]) -> str | None:
    """The title of a plain URL: the longest host that ends it, then the prefix of its path."""
    parts = urlsplit(url)
    labels = (parts.hostname or "").split(".")
    for k in range(len(labels)):
        host = ".".join(labels[k:])
        first = parts.path.split("/")[1] if parts.path else ""
        for site in (f"{host}/{first}/", host):
            if site in sites:
                return sites[site]
    return None
