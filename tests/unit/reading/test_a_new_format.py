"""A format is a source with its descriptor, and a line in the registry; then all of the product reads it."""

import gzip
from pathlib import Path

import click
import pytest

from presswatch_spark.cli.commands.scan import scan
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.reading import known_formats
from presswatch_spark.scanning.costs import Bill
from presswatch_spark.scanning.shard.compile_kernels import Rehearsal, specimens
from presswatch_spark.storage.objects import StorageOptions, stat
from presswatch_spark.storage.shards import ShardPlan
from presswatch_spark.tables.store import TableStore
from tests.world.commands import presswatch
from tests.world.paracrawl import PARACRAWL
from tests.world.scanned import press, rows_in, scan_here, scan_one
from tests.world.shards import read


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_formats, "FORMATS", (*known_formats.FORMATS, PARACRAWL))


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Three pairs; the source side of the second is an article."""
    copied = " ".join(press()[0].body.split())
    texts = ("Une phrase à part.", copied, "Une autre phrase.")
    pairs = (
        f"https://a.example/fr/{i}\thttps://a.example/en/{i}\t{text}\tA sentence.\t0.7\n"
        for i, text in enumerate(texts)
    )
    path = tmp_path / "fr-en.tsv.gz"
    path.write_bytes(gzip.compress("".join(pairs).encode()))
    return path


@pytest.mark.parametrize("format", ["auto", "paracrawl"])
def test_its_shards_are_scanned(shard: Path, corpus: Path, format: str) -> None:
    outcome = scan_one(shard, corpus, format)
    log, (row,) = outcome.log, rows_in(outcome)
    assert (log["format"], log["status"], log["documents"]) == ("paracrawl", "complete", 3)
    assert (row["dataset"], row["row_index"], row["grade"]) == ("paracrawl", 1, "full_copy")
    assert row["document_url"] == "https://a.example/fr/1"


def test_it_is_rehearsed(corpus: Path, tmp_path: Path) -> None:
    format = known_formats.expected("auto", "/no/such.tsv.gz")
    assert format
    rehearsal = Rehearsal(format.name, str(corpus), "", ScanConfig())
    (shard,) = specimens(tmp_path, known_formats.find(rehearsal.format), press()[0].body)
    log = scan_one(shard.uri, corpus).log
    assert (log["format"], log["matches"]) == ("paracrawl", 1)


def test_the_command_line_takes_its_name() -> None:
    given = scan.make_context("scan", ["--format", "paracrawl", "a", "--corpus", "c", "--out", "o"]).params
    assert given["dataset"] == "paracrawl"
    with pytest.raises(click.BadParameter, match="paracrawl"):
        scan.make_context("scan", ["--format", "paracrowl", "a", "--corpus", "c", "--out", "o"])


def test_a_row_of_it_can_be_fetched(shard: Path, corpus: Path, tmp_path: Path) -> None:
    scan_here([shard], corpus, tmp_path / "tables")
    (row,) = TableStore.open(str(tmp_path / "tables")).read("matches").to_pylist()
    shown = presswatch("fetch", tmp_path / "tables", "--row", row["row_sha256"][:20])
    assert "https://a.example/fr/1" in shown


def test_a_scan_of_it_is_estimated(shard: Path) -> None:
    shards = ShardPlan.of([stat(str(shard), StorageOptions())])
    by_name, by_format = (Bill.of(shards, name, ScanConfig()) for name in ("auto", "paracrawl"))
    assert by_name == by_format
    assert (by_name.unknown, by_name.stored_bytes) == (0, shard.stat().st_size)


def test_a_line_without_its_fields_and_a_file_without_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "fr-en.tsv"
    path.write_text("https://a.example/\thttps://b.example/\tUn texte.\n")
    found, report = read(path, "paracrawl")
    assert (found, str(report.defects[0])) == ([], "line has fewer than 4 fields, not read (line 0)")
    path.write_text("")
    _, report = read(path)
    assert str(report.defects[0]) == "the shard is empty (byte 0)"
