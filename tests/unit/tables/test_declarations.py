"""A declaration is the schema of its table, the type of its rows, and the columns of its page."""

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from typing import Literal, TypedDict

import pyarrow as pa
import pytest

from presswatch_spark.tables.declarations import CASE_TABLES, CORPUS_TABLES, TABLES, Match
from presswatch_spark.tables.row_types import UTC_MICROS, Int32, TableRow, column
from tests.world.documents import family, site
from tests.world.proofs import cases
from tests.world.tables import row_of


class Word(TypedDict):
    """A struct of a list."""

    text: str
    letters: Int32


class Poem(TableRow):
    """A table of every kind of column."""

    number: int = column("Its number.")
    kind: Literal["ode", "elegy"] = column("What it is.")
    title: str | None = column("Its title; null if it has none.")
    verses: Int32 = column("Its verses.")
    weight: float | None = column("Its weight.")
    rhymes: bool = column("Whether it rhymes.")
    read_at: datetime | None = column("When it was read.")
    words: Sequence[Word] = column("Its words.")
    languages: Sequence[str] | None = column("Its languages.")


ODE = Poem(
    number=1, kind="ode", title=None, verses=4, weight=0.5, rhymes=True, languages=["fr"],
    read_at=datetime(2026, 11, 30, tzinfo=UTC), words=[{"text": "ciel", "letters": 4}],
)  # fmt: skip


def test_the_schema_follows_from_the_annotations() -> None:
    word = pa.struct([("text", pa.string()), ("letters", pa.int32())])
    assert [(each.name, each.type, each.nullable) for each in Poem.schema] == [
        ("number", pa.int64(), False),
        ("kind", pa.string(), False),
        ("title", pa.string(), True),
        ("verses", pa.int32(), False),
        ("weight", pa.float64(), True),
        ("rhymes", pa.bool_(), False),
        ("read_at", UTC_MICROS, True),
        ("words", pa.list_(word), False),
        ("languages", pa.list_(pa.string()), True),
    ]
    assert Poem.schema.field("title").metadata == {b"meaning": b"Its title; null if it has none."}


def test_rows_come_back_from_batches_as_they_were() -> None:
    batch = Poem.to_batch([ODE, replace(ODE, number=2, kind="elegy", languages=None)])
    assert batch.schema.equals(Poem.schema, check_metadata=True)
    first, second = Poem.from_batches([batch])
    assert first == ODE
    assert (second.number, second.kind, second.languages) == (2, "elegy", None)
    assert list(Poem.from_batches(pa.Table.from_batches([batch, batch]))) == [first, second, first, second]
    assert first.as_dict() == batch.to_pylist()[0]
    assert list(first.as_dict()) == Poem.schema.names


def test_a_row_is_not_changed_and_needs_every_column() -> None:
    with pytest.raises(FrozenInstanceError):
        ODE.title = "Ode"  # type: ignore[misc]
    with pytest.raises(TypeError, match="languages"):
        Poem(**{name: value for name, value in ODE.as_dict().items() if name != "languages"})


def test_a_column_that_an_older_version_did_not_write_is_none_unless_every_row_has_it() -> None:
    batch = Poem.to_batch([ODE])
    (row,) = Poem.from_batches([batch.drop_columns(["title", "weight"])])
    assert row == replace(ODE, weight=None)
    with pytest.raises(KeyError, match="rhymes"):
        list(Poem.from_batches([batch.drop_columns(["rhymes"])]))


def test_a_column_that_two_tables_share_is_declared_once() -> None:
    class Reading(TableRow):
        number: int = column(Poem)

    assert Reading.schema.field("number").metadata == {b"meaning": b"Its number."}
    with pytest.raises(TypeError, match=r"verses .* Poem"):

        class _Other(TableRow):
            verses: int = column(Poem)


def test_a_row_of_every_table_can_be_made_of_its_columns() -> None:
    for table in {*TABLES.values(), *CASE_TABLES.values(), *CORPUS_TABLES.values()}:
        row = table(**row_of(table))
        assert next(table.from_batches([table.to_batch([row])])) == row
        assert all(each.metadata[b"meaning"] for each in table.schema)


@cases("table", [*sorted(set(TABLES) - {"claims_before"}), *CASE_TABLES, *CORPUS_TABLES])
def test_the_page_has_a_row_for_every_column(table: str) -> None:
    page = family("removal" if table in CASE_TABLES else "tables")
    section = page.split(f"`{table}`\n", 2)[-1].split("\n## ")[0]
    listed = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    declared = site()["DECLARED"][table].schema.names
    assert listed[: len(declared)] == declared


def test_a_row_by_hand_takes_the_place_of_the_declared_one() -> None:
    columns_table = site()["columns_table"]
    by_hand = "| column | meaning | limits |\n|---|---|---|\n| `release` | by hand | rarely |\n"
    rows = list(columns_table("matches", by_hand))
    assert "| `release` | by hand | rarely |" in rows
    assert len(rows) == 2 + len(Match.schema)
    with pytest.raises(ValueError, match="nothing"):
        list(columns_table("matches", "| `nothing` | a column that is gone | |\n"))
