"""Every question of the guide has the answer that is printed there: by both engines, on disk and on S3."""

import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.s3.conftest import client_of
from tests.world.guide import PAGES, Question, answer_of, guide_tables, questions
from tests.world.places import Bucket
from tests.world.proofs import each_time

TEXT = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)


@pytest.fixture(scope="module")
def tables(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return guide_tables(tmp_path_factory.mktemp("guide"), spark)


@pytest.fixture(scope="module")
def on_s3(tables: Path, endpoint: str) -> Bucket:
    """The same tables in a bucket."""
    bucket = Bucket(client_of("s3", endpoint), endpoint, "guide")
    bucket.client.create_bucket(Bucket=bucket.name)
    bucket.upload(tables, "tables")
    return bucket


ASKED = questions(TEXT)
SOME = ASKED[::3]
"""What one engine is asked on disk each time; the others, Spark and S3 are long proofs."""


@pytest.mark.parametrize("question", each_time(SOME, ASKED), ids=[each.heading for each in ASKED])
@pytest.mark.full
def test_the_answer_is_the_one_that_is_printed(tables: Path, question: Question) -> None:
    assert answer_of(str(tables), question.query) == question.answer


@pytest.mark.parametrize("question", each_time([], ASKED), ids=[each.heading for each in ASKED])
def test_both_engines_give_the_same_answer_on_s3(tables: Path, on_s3: Bucket, question: Question) -> None:
    there, storage = f"{on_s3.uri}/tables", on_s3.storage
    assert answer_of(str(tables), question.query, "spark") == question.answer
    assert answer_of(there, question.query, "duckdb", storage) == question.answer
    assert answer_of(there, question.query, "spark", storage) == question.answer


def test_the_guide_has_thirty_questions_each_with_a_query_an_answer_and_what_to_change() -> None:
    parts = re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]
    found = questions(TEXT)
    assert len(parts) == len(found) >= 30
    assert len({each.heading for each in found}) == len(found)
    for part, each in zip(parts, found, strict=True):
        assert each.heading.endswith("?") or each.heading.endswith('"not found"?')
        # A line of names, and one row at least.
        assert len(each.answer.splitlines()) > 1, each.heading
        behind = re.split(r"^## ", part.rpartition("```\n")[2], flags=re.MULTILINE)[0]
        assert behind.strip(), each.heading


def test_nothing_of_the_tables_that_are_asked_is_missing(tables: Path) -> None:
    """So that no question is answered by the lack of a table."""
    for table in ["matches", "scan_log", "rights_signals", "captures", "reservations", "changes", "claims"]:
        assert list((tables / table).glob("*.parquet")), table
