"""The census of an index on S3 and HTTPS: the same captures as from disk, by ranges that hold little else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.census.material import write_file
from presswatch_spark.storage.objects import ObjectInfo
from tests.censuses import FAST, census_corpus, some_rows, take
from tests.servers import Fault, Server, web

KEY = "cc-index/crawl=CC-MAIN-2026-34/subset=warc/part-00000.parquet"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return census_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index file that is larger than what is read of its end at once, by rows nobody asks for."""
    path = tmp_path_factory.mktemp("index") / "crawl=CC-MAIN-2026-34" / "subset=warc" / "part-00000.parquet"
    other = [
        row | {"url_surtkey": f"zz,{row['url_surtkey']}", "url": f"https://x.zz/{number}/{row['url']}"}
        for number in range(40)
        for row in some_rows(number)
    ]
    write_file(path, [*some_rows(), *other], 200)
    return path


def digests(rows: list[dict[str, Any]]) -> list[str]:
    return [row["row_sha256"] for row in rows]


def asked(server: Server) -> int:
    """Bytes of all ranges that were asked for."""
    bounds = (range_.removeprefix("bytes=").split("-") for range_ in server.gets())
    return sum(int(last) + 1 - int(first) for first, last in bounds)


def test_over_http_only_what_is_needed_is_asked_for(corpus: Path, file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    with web(objects={f"/{KEY}": content}) as server:
        outcome, rows = take(corpus, tmp_path, ObjectInfo(f"{server.url}/{KEY}"))
        read = asked(server)
    assert digests(rows) == digests(take(corpus, tmp_path, file)[1])
    assert rows
    assert outcome.log["status"] == "complete"
    assert outcome.log["bytes_expected"] == len(content)
    assert outcome.log["bytes_read"] == read < len(content) / 2


def test_from_s3_the_same_comes(
    corpus: Path, file: Path, tmp_path: Path, client: Any, bucket: str, endpoint: str
) -> None:
    client.upload_file(str(file), bucket, KEY)
    outcome, rows = take(
        corpus, tmp_path, ObjectInfo(f"s3://{bucket}/{KEY}"), replace(FAST, endpoint=endpoint)
    )
    assert digests(rows) == digests(take(corpus, tmp_path, file)[1])
    assert outcome.log["status"] == "complete"


def test_replies_that_break_off_are_asked_for_again(corpus: Path, file: Path, tmp_path: Path) -> None:
    with web(objects={f"/{KEY}": file.read_bytes()}) as server:
        server.faults.extend([Fault(cut_after=1000), Fault(status=503), Fault(cut_after=10, reset=True)] * 2)
        outcome, rows = take(corpus, tmp_path, ObjectInfo(f"{server.url}/{KEY}"))
    assert digests(rows) == digests(take(corpus, tmp_path, file)[1])
    assert outcome.log["status"] == "complete"


def test_a_server_that_stops_answering_is_named_as_the_cause(
    corpus: Path, file: Path, tmp_path: Path
) -> None:
    with web(objects={f"/{KEY}": file.read_bytes()}) as server:
        server.faults.extend([Fault()] * 2)
        server.always = Fault(status=500)
        outcome, _ = take(corpus, tmp_path, ObjectInfo(f"{server.url}/{KEY}"), replace(FAST, max_attempts=2))
    assert outcome.log["status"] in ("partial", "failed")
    assert "the server answered 500" in str(outcome.log["error"])


def test_a_missing_file_has_failed(corpus: Path, tmp_path: Path) -> None:
    with web() as server:
        outcome, rows = take(corpus, tmp_path, ObjectInfo(f"{server.url}/{KEY}"))
    assert (outcome.log["status"], outcome.log["error"]) == (
        "failed",
        "there is no such object (check the address)",
    )
    assert rows == []
