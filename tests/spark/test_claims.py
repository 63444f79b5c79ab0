"""Claims by Spark: the same rows as by DuckDB."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.tables.store import TableStore
from tests.world.claims import YEAR_BEFORE, House, Seen, text


def test_both_engines_give_the_same_rows_and_the_same_digest(spark: SparkSession, tmp_path: Path) -> None:
    house = House(tmp_path / "house")
    bodies = {number: text(number) for number in range(1, 9)}
    for number, body in bodies.items():
        house.print(number, body)
    own = (Seen(f"https://www.courrier.example/une/{number}", body) for number, body in bodies.items())
    copies = (Seen(f"https://copieur.example/{number}", body) for number, body in bodies.items())
    quotes = (
        Seen(f"https://citeur{number % 3}.example/{number}", f"{text(90)}\n{' '.join(body.split(' ')[:150])}")
        for number, body in bodies.items()
    )
    front = Seen("https://www.courrier.example/", text(99))
    house.scan(front, *own, *copies)
    house.scan(Seen("https://auteur.example/1", bodies[1], YEAR_BEFORE), *quotes)
    config = ScanConfig(run=RunRules(cores=2))
    tables = {engine: house.claims(engine, config, engine) for engine in ("duckdb", "spark")}
    assert len(tables["duckdb"]) > 24
    key = "claim_sha256"
    by_digest = {engine: sorted(rows, key=lambda row: row[key]) for engine, rows in tables.items()}
    assert by_digest["spark"] == by_digest["duckdb"]
    stores = [TableStore.open(str(house.folder / engine)) for engine in tables]
    (first,), (second,) = (store.rows("derivations") for store in stores)
    assert first["table_digest"] == second["table_digest"]
    # Nothing of the one engine's files is left where the other published.
    assert not list((house.folder / "spark" / "_runs").glob("claims/*"))
