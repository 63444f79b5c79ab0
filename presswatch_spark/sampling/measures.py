"""What the tables count of each file of a sample: each measure, in all or by title or publisher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.judgement.grading import CONFIDENCES, GRADES

COLUMNS = [
    "shard_uri",
    "record_id",
    "record_offset",
    "row_index",
    "document_url",
    "grade",
    "confidence",
    "own_site",
    "article_id",
    "title_id",
    "publisher_id",
]
"""The columns of `matches` that are counted."""
DOCUMENT = ["shard_uri", "record_id", "record_offset", "row_index", "document_url"]
"""What tells a document of a release from all others."""
ARTICLES = {"articles": None, "articles, confidence A or B": ("A", "B")}
"""Measures of different articles, by the confidences of the rows that count; None: all."""

Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure: its name, whose it is (None: all titles' together), and its count in each file."""

    name: str
    of: str | None
    counts: Counts


@dataclass(frozen=True, slots=True)
class Articles:
    """Pairs of an article and a file that it was found in, each once: two arrays of numbers."""

    name: str
    of: str | None
    articles: npt.NDArray[np.int64]
    files: npt.NDArray[np.int64]


def log_measures(files: Sequence[str], log: Sequence[Mapping[str, Any]]) -> list[Measure]:
    """Documents and bytes of text of each file."""
    lines = {line["shard_uri"]: line for line in log}
    return [
        Measure(told, None, np.array([lines[uri][name] for uri in files], np.float64))
        for name, told in (("documents", "documents"), ("text_bytes", "bytes of text"))
    ]


def match_measures(files: Sequence[str], matches: pa.Table, of: str | None = None) -> list[Measure]:
    """Rows by grade and confidence, and documents that they are about, in each file."""
    measures = [Measure("matches", of, _counted(files, matches))]
    if of is None:
        for column, names in (("grade", GRADES), ("confidence", CONFIDENCES)):
            measures += [
                Measure(f"matches, {column} {name}", of, _counted(files, _where(matches, column, name)))
                for name in names
            ]
    for told, rows in (
        ("documents with matches", matches),
        ("documents with matches, own sites", matches.filter(matches["own_site"])),
        ("documents with matches, elsewhere", matches.filter(pc.invert(matches["own_site"]))),
        ("documents with matches, site unknown", matches.filter(pc.is_null(matches["own_site"]))),
    ):
        measures.append(Measure(told, of, _counted(files, rows.group_by(DOCUMENT).aggregate([]))))
    return measures


def article_measures(files: Sequence[str], matches: pa.Table, of: str | None = None) -> Iterator[Articles]:
    """Which articles each file holds something of."""
    numbers = {uri: number for number, uri in enumerate(files)}
    rows = matches.filter(pc.is_valid(matches["article_id"]))
    for name, confidences in ARTICLES.items():
        kept = (
            rows if confidences is None else rows.filter(pc.is_in(rows["confidence"], pa.array(confidences)))
        )
        pairs = kept.group_by(["article_id", "shard_uri"]).aggregate([])
        articles = pairs["article_id"].combine_chunks().dictionary_encode().indices
        places = np.array([numbers[uri] for uri in pairs["shard_uri"].to_pylist()], np.int64)
        yield Articles(name, of, articles.to_numpy().astype(np.int64), places)


def split(matches: pa.Table, column: str) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each title or publisher, by name."""
    for name in sorted(matches[column].unique().to_pylist()):
        yield name, _where(matches, column, name)


def _where(rows: pa.Table, column: str, value: str) -> pa.Table:
    return rows.filter(pc.equal(rows[column], value))


def _counted(files: Sequence[str], rows: pa.Table) -> Counts:
    """How many of `rows` each file has."""
    found = {line["values"]: line["counts"] for line in pc.value_counts(rows["shard_uri"]).to_pylist()}
    return np.array([found.get(uri, 0) for uri in files], np.float64)
