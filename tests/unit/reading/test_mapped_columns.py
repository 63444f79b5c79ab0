"""A mapped column that a shard lacks: the shard has failed, whatever else was found in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.settings.config import ReadRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.runs.work import Outcome
from presswatch_spark.storage.objects import stat
from tests.unit.reading.test_json_strings import as_jsonl, as_parquet
from tests.world.scanned import FORMS, some_pages

WRITERS = pytest.mark.parametrize("write", [as_jsonl, as_parquet])


def scanned(corpus: Path, path: Path, dataset: str = "auto", **columns: str) -> Outcome:
    config = ScanConfig(read=ReadRules(columns=columns))
    scan = ShardScan(dataset, str(corpus), Corpus.open(str(corpus)).manifest.digest, config)
    return scan(stat(str(path), config.storage))


def rows_of(*, url: str = "url") -> list[dict[str, Any]]:
    return [{"text": page.text, url: page.url, "n": number} for number, page in enumerate(some_pages())]


def refused(outcome: Outcome) -> str:
    """The error of a shard that gave nothing at all."""
    log = outcome.log
    assert (log["status"], log["failure"]) == ("failed", "content")
    assert (log["documents"], log["documents_skipped"], log["documents_without_url"], log["matches"]) == (
        0,
        0,
        0,
        0,
    )
    assert not any(len(batch) for batches in outcome.tables.values() for batch in batches)
    return str(log["error"])


@WRITERS
def test_a_typo_in_a_mapped_name_fails_the_shard_and_names_the_columns_that_it_has(
    tmp_path: Path, corpus: Path, write: Any
) -> None:
    path = write(tmp_path, rows_of())
    assert scanned(corpus, path, url="url").log["status"] == "complete"
    for role in ("url", "text", "captured_at", "languages"):
        error = refused(scanned(corpus, path, **{role: "urll"}))
        assert f"the column urll for {role}, and the shard has none; there are: n, text, url" in error
    assert "nn for record_id and urll for url" in refused(scanned(corpus, path, url="urll", record_id="nn"))


@WRITERS
@pytest.mark.parametrize("name", ["meta.urll", "metaa.url", "meta.url.x"])
def test_a_typo_in_a_dotted_name_does_so_too(tmp_path: Path, corpus: Path, write: Any, name: str) -> None:
    for as_string in (False, True):
        rows = [row | {"meta": {"url": row.pop("url")}} for row in rows_of()]
        if as_string:
            rows = [row | {"meta": json.dumps(row["meta"])} for row in rows]
        path = write(tmp_path, rows)
        assert scanned(corpus, path, url="meta.url").log["documents_without_url"] == 0
        assert f"{name} for url" in refused(scanned(corpus, path, url=name))


def test_a_column_that_only_some_rows_have_is_there(tmp_path: Path, corpus: Path) -> None:
    rows = [{**row, **({"late": "https://a.example/"} if row["n"] == 29 else {})} for row in rows_of()]
    log = scanned(corpus, as_jsonl(tmp_path, rows), url="late").log
    assert (log["status"], log["documents"], log["documents_without_url"]) == ("complete", 30, 29)
    empty = [{**row, "late": None} for row in rows_of()]
    assert scanned(corpus, as_jsonl(tmp_path, empty), url="late").log["documents_without_url"] == 30


def test_the_message_is_bounded_and_holds_no_values(tmp_path: Path, corpus: Path) -> None:
    rows = [{"text": "secret", **{f"{n:03}{'k' * 500}": "secret" for n in range(300)}}]
    error = refused(scanned(corpus, as_jsonl(tmp_path, rows), url="urll"))
    assert len(error) < 2000
    assert "…, and more (" in error
    assert "secret" not in error


@pytest.mark.parametrize("name", ["c4-plain.json", "c4.parquet", "fr_part_4.jsonl.gz", "fr_part_5.jsonl.zst"])
def test_it_holds_for_every_dataset_with_columns(tmp_path: Path, corpus: Path, name: str) -> None:
    path = tmp_path / name
    FORMS[name](path, some_pages())
    assert "urll for url" in refused(scanned(corpus, path, url="urll"))


@pytest.mark.parametrize("name", ["a.warc.wet.gz", "pages.warc.gz", "fr_part_1.txt.gz"])
def test_what_has_no_columns_is_read_and_notes_that_the_mapping_was_not_used(
    tmp_path: Path, corpus: Path, name: str
) -> None:
    path = tmp_path / name
    FORMS[name](path, some_pages())
    plain, mapped = scanned(corpus, path), scanned(corpus, path, url="urll")
    assert mapped.log["status"] == "complete"
    assert "the mapping was not used" in str(mapped.log["note"])
    assert plain.log["note"] is None
    assert [batch.to_pylist() for batch in mapped.tables["matches"]] == [
        batch.to_pylist() for batch in plain.tables["matches"]
    ]


def test_a_shard_in_which_nothing_could_be_read_says_so_and_no_more(tmp_path: Path, corpus: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("[1]\n[2]\n")
    log = scanned(corpus, path, "rows", url="urll").log
    assert log["status"] == "failed"
    assert "urll" not in str(log["error"])
