"""Claims written for the users of Common Crawl's index: a join with the index finds each once."""

import random
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset as ds
import pytest
from pyspark.sql import SparkSession
from warcio.archiveiterator import ArchiveIterator

from presswatch_spark.claims.make import KnowledgePaths
from presswatch_spark.cli.demo import shards
from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.query.index_annotations import UNKNOWN, write_annotations
from presswatch_spark.query.pointers.pointer import parse_mirror
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Annotation
from tests.world.claims import AS_OF, judge_all
from tests.world.index_files import SCHEMA, row_of, write_file
from tests.world.scanned import members, press_corpus, scan_here, some_pages

CRAWL, SEGMENT = "CC-MAIN-2024-51", "crawl-data/CC-MAIN-2024-51/segments/1733066124931.50"
NAME = "CC-MAIN-20241214015810-20241214045810-00000"
JOIN = """
    select a.claim_sha256 as claim, i.warc_filename as file, i.warc_record_offset as place from annotations a
    join captures i on i.url = a.url and i.fetch_time = a.fetch_time
        and (a.crawl is null or i.crawl = a.crawl)
        and (a.warc_filename is null or i.warc_filename = a.warc_filename)
        and (a.warc_record_offset is null or i.warc_record_offset = a.warc_record_offset)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards in the folders of the bucket and elsewhere, two runs over them, claims, and an index."""
    folder = tmp_path_factory.mktemp("annotations")
    paths = [
        folder / "bucket" / SEGMENT / "warc" / f"{NAME}.warc.gz",
        folder / "bucket" / SEGMENT / "wet" / f"{NAME}.warc.wet.gz",
        folder / "copies" / "c4-fr.tfrecord-00000-of-00002.json.gz",
    ]
    for path in paths:
        path.parent.mkdir(parents=True)
    pages = some_pages()
    shards.write_warc(paths[0], map(shards.web_page, pages))
    shards.write_wet(paths[1], pages, release=CRAWL)
    shards.write_c4_json(paths[2], pages)
    corpus = press_corpus(folder)
    for run in (1, 2):
        scan_here(paths, corpus, folder / "tables", run_id=f"2026112{run}T000000Z-abcdef")
    judge_all(folder / "tables", folder / "tables", KnowledgePaths(corpus=str(corpus), as_of=AS_OF))
    write_file(folder / "index" / f"crawl={CRAWL}" / "subset=warc" / "part.parquet", captures(paths[0]), 3)
    return folder


def captures(warc: Path) -> list[dict[str, Any]]:
    """The rows of an index of a WARC file, and other captures of its pages in other files."""
    rng, rows = random.Random(5), list[dict[str, Any]]()
    with warc.open("rb") as file:
        records = ArchiveIterator(file)
        for record in records:
            if record.rec_type != "response":
                continue
            url = record.rec_headers["WARC-Target-URI"]
            host = url.split("/")[2]
            at = datetime.fromisoformat(record.rec_headers["WARC-Date"]).replace(tzinfo=None)
            filename = f"{SEGMENT}/warc/{warc.name}"
            own = {
                "fetch_time": at,
                "warc_filename": filename,
                "warc_record_offset": records.get_record_offset(),
            }
            rows += [row_of(rng, host, "warc", url, host) | own, row_of(rng, host, "warc", url, host)]
    assert set(rows[0]) <= set(SCHEMA.names)
    return rows


def written(folder: Path, name: str, *mirrors: str) -> Path:
    out = folder / name
    write_annotations(str(folder / "tables"), str(out), StorageOptions(), tuple(map(parse_mirror, mirrors)))
    return out


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_a_join_with_the_index_finds_each_claim_once(engine: str, folder: Path, spark: SparkSession) -> None:
    out = written(folder, f"out-{engine}")
    if engine == "spark":
        spark.read.parquet(str(out)).createOrReplaceTempView("annotations")
        spark.read.parquet(str(folder / "index")).createOrReplaceTempView("captures")
        claims = [row.claim_sha256 for row in spark.sql("select claim_sha256 from annotations").collect()]
        joined = [tuple(row) for row in spark.sql(JOIN).collect()]
    else:
        for name, place in (("annotations", out), ("captures", folder / "index")):
            files = f"read_parquet('{place}/**/*.parquet', hive_partitioning = true)"
            duckdb.sql(f"create or replace temp view {name} as select * from {files}")
        claims = [claim for (claim,) in duckdb.sql("select claim_sha256 from annotations").fetchall()]
        joined = duckdb.sql(JOIN).fetchall()
    assert len(claims) == len(set(claims)) > 30
    assert sorted(claim for claim, _, _ in joined) == sorted(claims)
    assert {file for _, file, _ in joined} == {f"{SEGMENT}/warc/{NAME}.warc.gz"}


def test_files_have_the_keys_that_each_dataset_states_and_no_text(folder: Path) -> None:
    out = written(folder, "keys")
    rows = ds.dataset(out, partitioning="hive").to_table().to_pylist()
    known = {(row["crawl"], row["warc_filename"], row["warc_record_offset"] is None) for row in rows}
    file = f"{SEGMENT}/warc/{NAME}.warc.gz"
    assert known == {(CRAWL, file, False), (CRAWL, file, True), (None, None, True)}
    assert {path.name for path in out.iterdir()} == {
        f"crawl={CRAWL}", f"crawl={UNKNOWN}", "_presswatch_annotations.json",
    }  # fmt: skip
    assert set(rows[0]) == {*Annotation.columns, "crawl"}
    assert not {"headline", "spans", "reasons"} & set(rows[0])


def test_a_mirror_names_the_files_of_the_bucket(folder: Path) -> None:
    tables, moved = folder / "tables", str(folder / "bucket" / "crawl-data" / CRAWL / "segments")
    out = written(folder, "mirrored", f"{moved}=/elsewhere")
    assert not any(
        row["warc_filename"] for row in ds.dataset(out, partitioning="hive").to_table().to_pylist()
    )
    back = f"{folder / 'bucket'}=s3://commoncrawl"
    counts = write_annotations(str(tables), str(folder / "b"), StorageOptions(), (parse_mirror(back),))
    assert set(counts) == {CRAWL, UNKNOWN}
    with pytest.raises(OutputError, match="already exists"):
        write_annotations(str(tables), str(folder / "b"), StorageOptions())


def test_rows_without_a_release_are_in_the_folder_of_the_crawl_that_their_file_names(tmp_path: Path) -> None:
    crawls, pages = ("CC-MAIN-2023-50", CRAWL), some_pages()
    for number, crawl in enumerate(crawls):
        path = tmp_path / crawl / "a.warc.gz"
        path.parent.mkdir()
        shards.write_warc(path, map(shards.web_page, pages[number::2]))
        # Without the record that names the release.
        (_, first), *_ = members(path.read_bytes())
        path.write_bytes(path.read_bytes()[first:])
    corpus, tables = press_corpus(tmp_path), tmp_path / "tables"
    found = scan_here([tmp_path / crawl / "a.warc.gz" for crawl in crawls], corpus, tables)
    assert not any(row["release"] for row in found)
    judge_all(tables, tables, KnowledgePaths(corpus=str(corpus), as_of=AS_OF))
    places = (f"{tmp_path}/{crawl}=s3://commoncrawl/crawl-data/{crawl}/segments/1.5/warc" for crawl in crawls)
    mirrors = tuple(map(parse_mirror, places))
    counts = write_annotations(str(tables), str(tmp_path / "out"), StorageOptions(), mirrors)
    assert set(counts) == set(crawls)
    rows = ds.dataset(tmp_path / "out", partitioning="hive").to_table().to_pylist()
    assert all(f"/{row['crawl']}/" in row["warc_filename"] for row in rows)
    assert len(rows) == sum(counts.values())


def test_tables_without_claims_are_refused(folder: Path, tmp_path: Path) -> None:
    (shard,) = (folder / "copies").iterdir()
    scan_here([shard], folder / "corpus", tmp_path)
    with pytest.raises(InputError, match="there are no claims"):
        write_annotations(str(tmp_path), str(tmp_path / "out"), StorageOptions())
