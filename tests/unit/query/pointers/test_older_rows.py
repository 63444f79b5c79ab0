"""Rows of runs that an earlier version published, with fewer columns: they are read, and they verify."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, row_settings
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.digests import row_digest, table_digest
from presswatch_spark.tables.store import TableStore
from tests.world.scanned import FORMS, press_corpus, scan_here, some_pages
from tests.world.tables import publish, write

RUN = "20261001T000000Z-abcdef"
NEWER = (
    "document_host", "document_domain", "headline", "confidence_reasons", "document_credits",
    "credits_others", "page_publisher", "page_author", "page_published_at", "page_based_on",
    "page_canonical_url", "product", "product_revision", "upstream_uri", "upstream_offset",
    "article_time_zone", "page_publisher_source", "page_publisher_others",
    "credits_owner", "unbroken_words", "passage_kind", "repeats_article_id", "repeated_by",
)  # fmt: skip


def test_rows_without_the_columns_of_later_versions_are_read_with_nulls_and_verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, shard = press_corpus(tmp_path), tmp_path / "pages.warc.gz"
    FORMS["pages.warc.gz"](shard, some_pages())
    rows = scan_here([shard], corpus, tmp_path / "tables", run_id=RUN)
    older = [{name: value for name, value in row.items() if name not in NEWER} for row in rows]
    older = [row | {"row_sha256": row_digest(row)} for row in older]
    settings = row_settings(ScanConfig(), MinHashRules())
    digest = table_digest(row["row_sha256"] for row in older)
    publish(tmp_path / "older", RUN, [], matches=len(older), table_digest=digest, config=settings)
    store = TableStore.open(str(tmp_path / "older"))
    schema = pa.schema([column for column in Match.schema if column.name not in NEWER])
    write(store, "matches", RUN, older, schema)
    store.check(RUN)
    read = store.read("matches", RUN).to_pylist()
    assert {row[name] for row in read for name in NEWER} == {None}
    assert {row["row_sha256"] for row in read}.isdisjoint(row["row_sha256"] for row in rows)
    for command in ("matches", "verify-rows"):
        more = ["--corpus", str(corpus)] if command == "verify-rows" else ["--json"]
        assert cli.run([command, str(tmp_path / "older"), *more]) == 0
    assert f"{len(older)} of {len(older)} rows verify" in capsys.readouterr().out
    assert cli.run(["verify-rows", str(tmp_path / "tables"), "--corpus", str(corpus)]) == 0
