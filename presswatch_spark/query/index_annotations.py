"""Claims as annotations of Common Crawl's index, without text, for index users and maintainers of datasets.

DIR/crawl=CC-MAIN-2024-22/claims.parquet                claims of a crawl, a folder each, as in the index
DIR/crawl=__HIVE_DEFAULT_PARTITION__/claims.parquet     claims whose crawl is unknown
DIR/_presswatch_annotations.json                        version, digests of `claims`, rows of each crawl

Each claim has one row, sorted by the reversed host, as the index is. Columns that the dataset does not
state are null: a row then applies to each capture that agrees in the others.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from presswatch_spark.core.errors import InputError
from presswatch_spark.core.terminal import json_text
from presswatch_spark.core.version import __version__
from presswatch_spark.query.pointers.pointer import Mirror, mirrored
from presswatch_spark.query.sql import answer_of
from presswatch_spark.reading import known_formats
from presswatch_spark.scanning.crawl_index.wanted import key_of
from presswatch_spark.scanning.releases.release import in_filename
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Annotation, Claim
from presswatch_spark.tables.store import TableStore

IN_BUCKET = "crawl-data/"
"""The folder of Common Crawl's bucket with which the names of files in its index begin."""
UNKNOWN = "__HIVE_DEFAULT_PARTITION__"
ABOUT = "_presswatch_annotations.json"
BATCH_ROWS = 50_000

_OF_PLACE = (
    "dataset", "release", "shard_uri", "record_offset", "record_encoding", "upstream_uri", "upstream_offset",
)  # fmt: skip
_OF_CLAIM = tuple(name for name in Annotation.columns if name in Claim.columns)
_OF_MATCH = ("document_url", "captured_at", "longest_run_words", "article_coverage", *_OF_PLACE)
# The same claim may come from several runs over the same shards.
_QUERY = f"""
    select {", ".join(f"c.{name}" for name in _OF_CLAIM)}, {", ".join(f"m.{name}" for name in _OF_MATCH)}
    from claims c join matches m on m.run_id = c.run_id and m.row_sha256 = c.row_sha256
    qualify row_number() over (partition by c.claim_sha256 order by c.run_id) = 1
    order by
        case when m.release like 'CC-%' then m.release end,
        list_reverse(string_split(m.document_host, '.')), m.document_url, c.claim_sha256
"""


def write_annotations(
    tables: str, out: str, storage: StorageOptions, mirrors: Sequence[Mirror] = ()
) -> Mapping[str, int]:
    """Write the claims of `tables` as annotations into the new folder `out`; return the rows by crawl.

    `mirrors`: files that were scanned below another address than that of the bucket. Raises `InputError` if
    there are no claims, `OutputError` if the folder is not new or a table was changed.
    """
    store = TableStore.open(tables, storage)
    judged = [row for row in store.rows("derivations") if row["table"] == "claims"]
    if not judged:
        remedy = f"judge the rows: presswatch claims --corpus CORPUS --out {tables} {tables}"
        raise InputError("there are no claims", where=tables, remedy=remedy)
    answer = answer_of(store, _QUERY, "duckdb")
    annotations = (_annotated(dict(zip(answer.columns, row, strict=True)), mirrors) for row in answer.rows)
    with new_folder(out, storage, ABOUT) as folder:
        rows = _write(folder, annotations)
        claims = {row["run_id"]: row["table_digest"] for row in judged}
        about = {"tool_version": __version__, "claims": claims, "rows": rows}
        (folder / ABOUT).write_text(json_text(about))
    return rows


def _annotated(row: dict[str, Any], mirrors: Sequence[Mirror]) -> tuple[str, Annotation]:
    filename, offset = _record(row, mirrors)
    url, at = row["document_url"], row["captured_at"]
    key = key_of(url) if url else None
    release = row["release"] or in_filename(filename).get("release") or ""
    annotation = Annotation.from_dict(
        {
            **{name: row[name] for name in Annotation.columns if name in row},
            "url_surtkey": key.surt if key and key.is_sure else None,
            "url": url,
            "fetch_time": at and at.replace(microsecond=0),
            "warc_filename": filename,
            "warc_record_offset": offset,
        }
    )
    return release if release.startswith("CC-") else UNKNOWN, annotation


def _record(row: Mapping[str, Any], mirrors: Sequence[Mirror]) -> tuple[str | None, int | None]:
    """Return the WARC file of a row, relative to the bucket, and its record's offset, as far as known."""
    format, shard = known_formats.find(row["dataset"]), mirrored(row["shard_uri"], mirrors)
    uri, offset = mirrored(row["upstream_uri"] or "", mirrors), row["upstream_offset"]
    if format and format.responses:
        uri, offset = shard, row["record_offset"] if row["record_encoding"] == "gzip" else None
    elif made_from := known_formats.made_from(row["dataset"], shard):
        uri, offset = made_from[1], None
    _, folder, name = uri.partition(IN_BUCKET)
    return (folder + name, offset) if name else (None, None)


def _write(folder: Path, annotations: Iterator[tuple[str, Annotation]]) -> Mapping[str, int]:
    """Write each annotation into the file of its crawl, in the order given; return the rows by crawl.

    The crawls of a batch may be mixed: for rows without a release, the name of their file contains the crawl.
    """
    writers, counts = dict[str, pq.ParquetWriter](), Counter[str]()
    with ExitStack() as opened:
        while some := list(islice(annotations, BATCH_ROWS)):
            by_crawl = defaultdict[str, list[Annotation]](list)
            for crawl, annotation in some:
                by_crawl[crawl].append(annotation)
            for crawl, rows in by_crawl.items():
                if crawl not in writers:
                    path = folder / f"crawl={crawl}" / "claims.parquet"
                    path.parent.mkdir()
                    # Times as in the index, so that engines read both in the same way.
                    writer = pq.ParquetWriter(path, Annotation.schema, use_deprecated_int96_timestamps=True)
                    writers[crawl] = opened.enter_context(writer)
                writers[crawl].write_batch(Annotation.to_batch(rows))
                counts[crawl] += len(rows)
    return counts
