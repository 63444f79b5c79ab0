"""Which reading of a record a document may state, and where its bytes came from."""

from datetime import UTC, datetime

import pytest

from presswatch_spark.claims.selection import RecordReading, newest_reading

DAY = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("read", "named", "source"),
    [
        ("https://a.example/x.gz", "https://a.example/x.gz", "place"),
        ("https://a.example/x.gz", "https://a.example/y.gz", "copy"),
        ("https://a.example/x.gz", "https://user:word@a.example/x.gz?signature=1", "place"),
        ("s3://commoncrawl/crawl-data/x.gz", "https://data.commoncrawl.org/crawl-data/x.gz", "place"),
        ("https://data.commoncrawl.org/crawl-data/x.gz", "s3://commoncrawl/crawl-data/x.gz", "place"),
        ("s3://commoncrawl-copy/crawl-data/x.gz", "s3://commoncrawl/crawl-data/x.gz", "copy"),
        ("s3://mine/x.gz", "https://data.commoncrawl.org/x.gz", "copy"),
        ("hf://datasets/a/b@c/d.parquet", "hf://datasets/a/b@c/d.parquet", "place"),
        ("hf://datasets/a/b@c/d.parquet", "hf://datasets/a/b@e/d.parquet", "copy"),
        ("/data/x.gz", "https://a.example/x.gz", "disk"),
        ("/data/x.gz", "/data/x.gz", "disk"),
        ("", "https://a.example/x.gz", "disk"),
    ],
)
def test_only_bytes_of_the_public_file_itself_were_read_at_the_place(
    read: str, named: str, source: str
) -> None:
    assert RecordReading(DAY, read).source(named) == source


def test_an_older_reading_at_the_place_comes_before_a_newer_one_of_a_copy() -> None:
    file = "https://a.example/x.gz"
    at_place, older = (RecordReading(DAY.replace(day=day), file) for day in (2, 1))
    assert newest_reading([RecordReading(DAY, "/copy"), older, at_place], file) == at_place
    assert newest_reading([RecordReading(DAY, "/copy")], file) == RecordReading(DAY, "/copy")
    assert newest_reading([], file) is None
