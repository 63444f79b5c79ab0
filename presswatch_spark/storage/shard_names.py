"""Tells shards by their names from what lies beside them: papers, checksums, markers, lists."""

from __future__ import annotations

import os
from collections.abc import Collection

from presswatch_spark.show import counted
from presswatch_spark.storage.lists import LIST_SUFFIXES
from presswatch_spark.storage.objects import printable

# Names before a suffix of papers.
PAPERS = frozenset((
    "readme", "license", "licence", "licenses", "copying", "notice", "changelog", "authors", "contributing",
    "citation", "datasheet", "terms", "version",
    "checksum", "checksums", "md5sum", "md5sums", "sha1sum", "sha1sums", "sha256sum", "sha256sums",
    "sha512sums",
))  # fmt: skip
PAPER_SUFFIXES = ("", ".md", ".rst", ".txt", ".html")
# What describes a dataset, and what mirrors of web folders leave.
DESCRIPTIONS = frozenset((
    "dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json", "croissant.json",
    "metadata.json", "manifest.json", "index.json", "config.json", "index.html", "index.htm", "robots.txt",
))  # fmt: skip
NO_SHARD_SUFFIXES = (
    *(".crc", ".md5", ".sha1", ".sha256", ".sha512", ".md5sum", ".sha256sum", ".asc", ".sig"),
    *(".md", ".rst", ".pdf", ".py", ".yaml", ".yml", ".cff", ".bib"),
    # Where the keys of a CDXJ index lie in its shards.
    ".idx",
    *LIST_SUFFIXES,
)
NAMED = 8


def is_shard_name(name: str) -> bool:
    """Whether a file found in a folder may be a shard: it is no paper, checksum, list or hidden file.

    A half-fetched file (`x.wet.gz.part`) may be one: it fails when it is read, and is not forgotten.
    """
    name = name.lower()
    stem, suffix = os.path.splitext(name)
    paper = stem in PAPERS and suffix in PAPER_SUFFIXES
    beside = paper or name in DESCRIPTIONS or name.endswith(NO_SHARD_SUFFIXES)
    return not (beside or name.startswith((".", "_")))


def left_out_line(uris: Collection[str]) -> str | None:
    """Say which files beside shards are not read, each name once; None if there are none."""
    if not uris:
        return None
    names = sorted({printable(uri).rstrip("/").rpartition("/")[2] for uri in uris})
    more = f" and {counted(len(names) - NAMED, 'name')} more" if len(names) > NAMED else ""
    files = f"{counted(len(uris), 'file')} beside the shards, by name"
    return f"left out {files}: {', '.join(names[:NAMED])}{more}; to read one, name it by its own path"
