"""Claims where all is on S3: tables, corpus and licences; by both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.s3.uploads import upload
from tests.world.claims import House, Seen, text

LICENCES = """\
licences:
  - {id: portail, licensee: Portail SA, hosts: [portail.example], titles: [courrier], document: contrats/1}
"""


@pytest.mark.parametrize("engine", ["duckdb", pytest.param("spark", marks=pytest.mark.full)])
def test_claims_on_s3_are_those_on_disk(
    request: pytest.FixtureRequest,
    client: Any,
    bucket: str,
    endpoint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
) -> None:
    if engine == "spark":
        request.getfixturevalue("spark")
    monkeypatch.setenv("PRESSWATCH_CACHE_DIR", str(tmp_path / "cache"))
    house = House(tmp_path / "house")
    house.print(1, text(1))
    house.scan(Seen("https://copieur.example/a", text(1)), Seen("https://portail.example/a", text(1)))
    (tmp_path / "house" / "licences.yaml").write_text(LICENCES, "utf-8")
    on_disk = house.claims(licences=str(house.folder / "licences.yaml"))
    for name in ("corpus", "tables"):
        upload(client, bucket, house.folder / name, name)
    client.upload_file(str(house.folder / "licences.yaml"), bucket, "licences.yaml")
    base = f"s3://{bucket}"
    given = ["--corpus", f"{base}/corpus", "--licences", f"{base}/licences.yaml", "--as-of", "2026-11-27"]
    words = ["claims", *given, "--out", f"{base}/claims", "--engine", engine, "--endpoint", endpoint]
    assert cli.run([*words, f"{base}/tables"]) == 0
    on_s3 = TableStore.open(f"{base}/claims", StorageOptions(endpoint=endpoint)).read("claims").to_pylist()
    assert sorted(on_s3, key=lambda row: str(row["claim_sha256"])) == sorted(
        on_disk, key=lambda row: str(row["claim_sha256"])
    )
    assert {row["kind"] for row in on_s3} == {"copy", "licensed"}
