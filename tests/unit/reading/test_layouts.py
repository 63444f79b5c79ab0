"""The layouts of public datasets: their URL, time and release are found without a mapping."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.runs.work import Outcome
from presswatch_spark.storage.objects import stat
from tests.unit.reading.test_json_strings import as_jsonl, as_parquet
from tests.world.corpora import article, corpus_of
from tests.world.shards import read

URL, AT = "https://www.courrier.example/une/1", "2024-05-18T01:58:10Z"
CRAWL = "crawl-data/CC-MAIN-2024-22/segments/1/warc/a.warc.gz"
META = {"url": URL, "partition": "head_middle", "date_download": AT, "digest": "sha1:X", "language": "fr"}
LAYOUTS: dict[str, dict[str, Any]] = {
    "HPLT": {"f": "./a.warc.gz", "o": 1, "s": 2, "rs": 3, "u": URL, "c": "text/html", "ts": AT, "text": "",
             "collection": "cc40", "lang": ["fra_Latn"], "id": "1"},
    "FineWeb-2": {"text": "", "id": "<urn:uuid:1>", "dump": "CC-MAIN-2024-22", "url": URL, "date": AT,
                  "file_path": f"s3://commoncrawl/{CRAWL}", "language": "fra", "language_score": 0.9},
    "FinePDFs": {"text": "", "id": "<urn:uuid:1>", "dump": "CC-MAIN-2024-22", "url": URL, "date": AT,
                 "file_path": f"s3://commoncrawl/{CRAWL}", "offset": 7, "language": "fra_Latn"},
    "RedPajama-V2": {"raw_content": "", "url": URL, "date_download": AT, "digest": "sha1:X",
                     "cc_segment": CRAWL},
    "RedPajama-V2 with meta": {"raw_content": "", "doc_id": "2024-22/0001/fr_head.json.gz/1",
                               "meta": json.dumps(META), "quality_signals": "{}"},
    "RedPajama-V1": {"text": "", "meta": json.dumps({"url": URL, "timestamp": AT}), "subset": "cc"},
    "CulturaX": {"text": "", "timestamp": AT, "url": URL, "source": "mC4"},
    "C4": {"text": "", "timestamp": AT, "url": URL},
    "datatrove": {"text": "", "id": "1", "metadata": {"url": URL, "date": AT, "dump": "CC-MAIN-2024-22"}},
}  # fmt: skip


def with_text(layout: dict[str, Any], text: str) -> dict[str, Any]:
    return {name: text if name in ("text", "raw_content") else value for name, value in layout.items()}


@pytest.mark.parametrize("write", [as_jsonl, as_parquet])
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_url_and_the_time_of_capture_are_found(tmp_path: Path, write: Any, name: str) -> None:
    found, report = read(write(tmp_path, [with_text(LAYOUTS[name], "un texte")]))
    (document,) = found
    assert (document.text, document.url) == (b"un texte", URL)
    assert f"{document.locator.captured_at:%Y-%m-%dT%H:%M:%SZ}" == AT
    assert (report.defects, report.notes) == ([], [])


@pytest.mark.parametrize("name", ["FineWeb-2", "FinePDFs", "RedPajama-V2", "datatrove"])
def test_the_crawl_is_found(tmp_path: Path, name: str) -> None:
    ((document,), _) = read(as_jsonl(tmp_path, [with_text(LAYOUTS[name], "un texte")]))
    assert document.locator.release == "CC-MAIN-2024-22"


def test_a_path_that_names_no_crawl_is_no_release(tmp_path: Path) -> None:
    rows = [
        {"text": "un texte", "file_path": "s3://bucket/private/part-1.jsonl"},
        {"text": "x", "dump": "v1.6"},
    ]
    found, _ = read(as_jsonl(tmp_path, rows))
    assert [document.locator.release for document in found] == [None, "v1.6"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("press")
    rows = [article(1), article(2, published_at=None)]
    return corpus_of(folder, rows)


def scanned(corpus: Path, path: Path) -> Outcome:
    config = ScanConfig()
    scan = ShardScan("auto", str(corpus), Corpus.open(str(corpus)).manifest.digest, config)
    return scan(stat(str(path), config.storage))


def rows_of(outcome: Outcome) -> list[dict[str, Any]]:
    return [row for batch in outcome.tables["matches"] for row in batch.to_pylist()]


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_article_on_its_own_page_is_on_an_own_site_in_every_layout(
    tmp_path: Path, corpus: Path, name: str
) -> None:
    outcome = scanned(corpus, as_jsonl(tmp_path, [with_text(LAYOUTS[name], article(1)["body"])]))
    assert (outcome.log["documents"], outcome.log["documents_without_url"]) == (1, 0)
    (row,) = rows_of(outcome)
    assert (row["own_site"], row["url_match"], row["confidence"]) == (True, "article", "A")


@pytest.mark.parametrize("url", [{}, {"url": None}, {"url": ""}, {"url": "n/a"}, {"adresse": URL}])
def test_the_same_without_a_known_url_is_nowhere_and_counted(
    tmp_path: Path, corpus: Path, url: dict[str, Any]
) -> None:
    outcome = scanned(corpus, as_jsonl(tmp_path, [{"text": article(1)["body"], "date": AT} | url]))
    assert (outcome.log["documents"], outcome.log["documents_without_url"]) == (1, 1)
    (row,) = rows_of(outcome)
    assert (row["own_site"], row["url_match"], row["site_title_id"]) == (None, "none", None)
    assert (row["grade"], row["confidence"]) == ("full_copy", "C")


@pytest.mark.parametrize(
    ("number", "dates", "letter"), [(1, {"date": AT}, "A"), (1, {}, "C"), (2, {"date": AT}, "C")]
)
def test_a_full_copy_elsewhere_has_an_a_only_with_both_dates(
    tmp_path: Path, corpus: Path, number: int, dates: dict[str, str], letter: str
) -> None:
    text = f"{article(number)['body']}\n{article(number)['url']}"
    page = {"text": text, "url": "https://copie.example/1"} | dates
    (row,) = rows_of(scanned(corpus, as_jsonl(tmp_path, [page])))
    assert (row["own_site"], row["grade"], row["confidence"]) == (False, "full_copy", letter)
