"""Documents told apart: by their places, by URLs where these are not known, and never by chance."""

from collections.abc import Sequence
from random import Random

import pyarrow as pa
import pytest

from presswatch_spark.tables.documents import Documents

Place = tuple[str, int | None, int | None, str | None]
SCHEMA = pa.schema(
    [
        ("shard_uri", pa.string()),
        ("record_offset", pa.int64()),
        ("row_index", pa.int64()),
        ("document_url", pa.string()),
    ]
)


def table(places: Sequence[Place], *, coded: bool) -> pa.Table:
    rows = [dict(zip(SCHEMA.names, place, strict=True)) for place in places]
    found = pa.Table.from_pylist(rows, SCHEMA)
    return found.set_column(0, "shard_uri", found["shard_uri"].dictionary_encode()) if coded else found


def count(*parts: Sequence[Place]) -> int:
    documents = Documents()
    for number, part in enumerate(parts):
        more = Documents()
        more.add_rows(table(part, coded=bool(number % 2)))
        documents.add(more)
    return documents.count()


def test_a_record_counts_once_wherever_its_rows_stand() -> None:
    first: list[Place] = [("a", 0, None, "x"), ("a", 0, None, "x"), ("a", 9, None, "x"), ("b", 9, None, "x")]
    again: list[Place] = [("b", 9, None, "x"), ("b", 0, None, "x"), ("a", 0, None, "y")]
    assert count(first) == 3
    assert count(first, again) == 4
    assert count([], first, [], again) == 4
    assert count() == 0


def test_rows_without_a_place_count_by_their_urls_in_their_shard() -> None:
    nowhere: list[Place] = [("a", None, None, "x"), ("a", None, None, "y"), ("a", None, None, "x")]
    nowhere += [("b", None, None, "x"), ("b", None, None, None), ("b", None, None, "")]
    assert count(nowhere) == 4
    assert count(nowhere, [("a", None, 0, "x"), ("a", 0, None, "x"), ("a", 0, 0, "x")]) == 7


@pytest.mark.parametrize("largest", [3, 1 << 40, (1 << 63) - 2])
def test_places_are_told_apart_however_large_their_numbers_are(largest: int) -> None:
    random = Random(largest)
    numbers = [None, 0, 1, largest - 1, largest]
    parts: list[list[Place]] = [
        [(random.choice("abc"), random.choice(numbers), random.choice(numbers), "u") for _ in range(60)]
        for _ in range(4)
    ]
    assert count(*parts) == len({place for part in parts for place in part})
