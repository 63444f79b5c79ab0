"""The page of tables on S3, written there: the same as one of the same tables on disk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli import main as cli
from tests.s3.uploads import upload
from tests.world.reports import hostile_house, page_of_tables, undrawn


@pytest.mark.full
def test_a_page_on_s3_says_what_one_on_disk_says(
    tmp_path: Path, client: Any, bucket: str, endpoint: str
) -> None:
    house = hostile_house(tmp_path / "house")
    upload(client, bucket, house.tables, "tables")
    place = f"s3://{bucket}"
    words = ["--engine", "duckdb", "--corpus", str(house.corpus), "--lang", "en", "--endpoint", endpoint]
    with undrawn():
        assert cli.run(["report", *words, "--out", f"{place}/page.html", f"{place}/tables"]) == 0
    there = client.get_object(Bucket=bucket, Key="page.html")["Body"].read().decode()
    here = page_of_tables(house.tables, house.corpus, tmp_path / "page.html")
    made = re.compile(r"Made on [^<]*")
    same = made.sub("", here.replace(str(house.tables), f"{place}/tables"))
    assert made.sub("", there) == same
