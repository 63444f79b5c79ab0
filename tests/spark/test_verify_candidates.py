"""`verify-candidates`: a sealed scan and its verification publish the rows of a scan with the open corpus."""

import gzip
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.corpus.sealed import SealKey, join, seal
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.world.arc import arc_record, packed_arc
from tests.world.commands import Outcome, outcome
from tests.world.corpora import article, corpus_of
from tests.world.processes import kill_at
from tests.world.scanned import FORMS, press, press_corpus, some_pages
from tests.world.warc import http, packed_as, page

SECRET, STORAGE = np.random.default_rng(5).bytes(32), StorageOptions()
COPIED = ("documents", "text_bytes", "words", "shards_complete", "shards_partial", "shards_failed", "matches")


@dataclass(frozen=True)
class World:
    """A corpus, its sealed form and key, and a folder of shards in all formats."""

    folder: Path
    corpus: Path
    sealed: Path
    key: Path
    shards: Path

    def open_scan(self, out: Path, shards: Path, *more: object) -> Outcome:
        return outcome("scan", "--corpus", self.corpus, "--out", out, *more, shards)

    def sealed_scan(self, out: Path, shards: Path, *more: object) -> Outcome:
        return outcome("scan", "--corpus", self.sealed, "--key-file", self.key, "--out", out, *more, shards)

    def verify(self, found: Path, out: Path, *more: object) -> Outcome:
        named = {"--mirror", "--extract"} & {*map(str, more)}
        shards = () if named else ("--mirror", f"{self.folder.parent}={self.folder.parent}")
        return outcome("verify-candidates", "--corpus", self.corpus, "--out", out, *shards, *more, found)


def web_page(text: str) -> bytes:
    return http(f"<html><body><p>{text}</p></body></html>".encode(), "Content-Type: text/html")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("sealed")
    corpus = press_corpus(folder / "press")
    key, shards = folder / "key", folder / "shards"
    key.write_bytes(SECRET)
    key.chmod(0o600)
    seal(Corpus.open(str(corpus)), SealKey(SECRET), str(folder / "sealed"), STORAGE)
    shards.mkdir()
    for number, (name, write) in enumerate(FORMS.items()):
        write(shards / name, some_pages(12, seed=20 + number))
    bodies = [each.body for each in press()][:4]
    ld = json.dumps({"@type": "NewsArticle", "articleBody": bodies[1]})
    embedded = [
        page(f"<script type='application/ld+json'>{ld}</script><p>{bodies[0]}".encode(),
             "Content-Type: text/html", url="https://web.example/both"),
        page(b"<html><script type='application/ld+json'>%s</script></html>" % ld.encode(),
             "Content-Type: text/html", url="https://web.example/only"),
        page(f"<p>rien</p><p style='display:none'>{bodies[2]}</p>".encode(),
             "Content-Type: text/html", url="https://web.example/hidden"),
        page(b"<p>rien", "Content-Type: text/html", url="https://www.courrier.example/une/3"),
        page(b"<p>rien de rien", "Content-Type: text/html", url="https://www.courrier.example/menu"),
    ]  # fmt: skip
    for packing, name in (("gzip", "embedded.warc.gz"), ("plain", "embedded.warc")):
        (shards / name).write_bytes(packed_as(packing, embedded))
    arcs = [arc_record(web_page(body), f"http://exemple.fr/{n}") for n, body in enumerate(bodies)]
    for packing, name in (("gzip", "old.arc.gz"), ("plain", "old.arc")):
        (shards / name).write_bytes(packed_arc(packing, arcs))
    wet = (shards / "a.warc.wet.gz").read_bytes()
    (shards / "cut.warc.wet.gz").write_bytes(wet[: len(wet) * 2 // 3])
    rows = gzip.decompress((shards / "c4-train.json.gz").read_bytes())
    (shards / "cut.json.gz").write_bytes(gzip.compress(rows)[: len(gzip.compress(rows)) // 2])
    return World(folder, corpus, folder / "sealed", key, shards)


def rows_of(tables: Path) -> list[dict[str, Any]]:
    rows = TableStore.open(str(tables)).read("matches").to_pylist()
    return sorted(({**row, "run_id": ""} for row in rows), key=lambda row: str(row["row_sha256"]))


def run_of(tables: Path) -> dict[str, Any]:
    return TableStore.open(str(tables)).rows()[-1]


def log_of(tables: Path) -> dict[str, dict[str, Any]]:
    log = TableStore.open(str(tables)).read("scan_log").to_pylist()
    return {Path(row["shard_uri"]).name: row for row in log}


@pytest.fixture(scope="module")
def scans(spark: SparkSession, world: World) -> World:
    """The folders `open`, `found` and the file `extract` of scans of all shards."""
    assert world.open_scan(world.folder / "open", world.shards).code == 3
    done = world.sealed_scan(world.folder / "found", world.shards, "--extract", world.folder / "extract")
    assert done.code == 3, done.err
    return world


def test_the_verified_candidates_have_the_rows_of_the_open_scan(scans: World, tmp_path: Path) -> None:
    expected, run = rows_of(scans.folder / "open"), run_of(scans.folder / "open")
    assert {row["dataset"] for row in expected} == {"wet", "warc", "arc", "c4", "oscar", "rows"}
    assert {"article", "title", "none"} == {row["url_match"] for row in expected}
    assert {"json_ld", "hidden", "visible"} <= {row["text_source"] for row in expected}
    moved = tmp_path / "moved"
    shutil.copytree(scans.shards, moved / "shards")
    for name, more in {
        "again": ("--key-file", scans.key),
        "extracted": ("--extract", scans.folder / "extract"),
        "mirrored": ("--mirror", f"{scans.shards}={moved / 'shards'}"),
    }.items():
        done = scans.verify(scans.folder / "found", tmp_path / name, *more)
        assert done.code == 3, done.err
        assert rows_of(tmp_path / name) == expected
        verified = run_of(tmp_path / name)
        assert verified["table_digest"] == run["table_digest"]
        assert verified["config_digest"] == run["config_digest"]
        before, after = log_of(scans.folder / "open"), log_of(tmp_path / name)
        for shard, line in before.items():
            for column in ("status", "error", "documents", "matches", "candidates", "bytes_read", "release"):
                assert after[shard][column] == line[column], (name, shard, column)
        assert {name: verified[name] for name in COPIED} == {name: run[name] for name in COPIED}
        assert "rejected: " in done.out


@pytest.fixture
def small(world: World, tmp_path: Path) -> tuple[Path, list[str]]:
    """Shards with pages that copy an article, of 9 of its words, and of none."""
    words = next(iter(press())).body.split()
    texts = [" ".join(words[:60]), f"x {' '.join(words[:9])} y", "rien"]
    (tmp_path / "shards").mkdir()
    for name in ("a.json.gz", "b.json.gz"):
        lines = (
            json.dumps(
                {"text": text, "url": f"https://web.example/{name}/{n}", "timestamp": "2024-01-01T00:00:00Z"}
            )
            for n, text in enumerate(texts)
        )
        (tmp_path / "shards" / name).write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    assert (
        world.sealed_scan(tmp_path / "found", tmp_path / "shards", "--extract", tmp_path / "extract").code
        == 0
    )
    return tmp_path, texts


def test_rejected_candidates_are_counted_and_a_changed_shard_is_noticed(
    spark: SparkSession, world: World, small: tuple[Path, list[str]]
) -> None:
    folder, _ = small
    done = world.verify(folder / "found", folder / "tables")
    assert "rejected: 2 of 4 candidates (50.0%)" in done.out
    assert run_of(folder / "tables")["matches"] == 2
    shard = folder / "shards" / "a.json.gz"
    before = shard.read_bytes()
    shutil.copytree(folder / "shards", folder / "mirror")
    shard.write_bytes(before + b" ")
    done = world.verify(folder / "found", folder / "changed")
    assert (done.code, "its size differs" in done.err) == (3, True)
    assert "rejected: 1 of 2 candidates" in done.out
    line = log_of(folder / "changed")["a.json.gz"]
    assert (line["status"], line["matches"], line["failure"]) == ("failed", 0, "content")
    other = gzip.decompress(before).replace(b" terme de ", b" zerme ze ")
    (folder / "mirror" / "a.json.gz").write_bytes(gzip.compress(other, mtime=0).ljust(len(before), b"\0"))
    given = ("--mirror", f"{folder / 'shards'}={folder / 'mirror'}")
    done = world.verify(folder / "found", folder / "mirrored", *given)
    assert (done.code, "only 1 of 2 candidates were found again" in done.err) == (3, True)
    pages = sorted((folder / "extract").glob("*.gz"))
    pages[0].write_bytes(pages[0].read_bytes()[:-30])
    pages[1].unlink()
    done = world.verify(folder / "found", folder / "cut", "--extract", folder / "extract")
    assert done.code == 3
    assert "the extract is damaged" in done.err
    assert "the candidate's page is not there" in done.err
    done = world.verify(folder / "found", folder / "none", "--extract", folder)
    assert (done.code, "there is no such file" in done.err) == (1, True)


def test_candidates_of_other_members_are_left_out(
    spark: SparkSession, world: World, small: tuple[Path, list[str]]
) -> None:
    folder, texts = small
    other = corpus_of(folder / "other", [article(3), article(4, body=texts[0] + " et plus encore")])
    seal(Corpus.open(str(other)), SealKey(SECRET), str(folder / "other-sealed"), STORAGE)
    join([str(world.sealed), str(folder / "other-sealed")], str(folder / "joined"), STORAGE)
    joined = World(world.folder, world.corpus, folder / "joined", world.key, world.shards)
    assert joined.sealed_scan(folder / "all", folder / "shards").code == 0
    failed = world.verify(folder / "all", folder / "tables")
    assert (failed.code, "2 corpora were searched" in failed.err) == (1, True)
    done = world.verify(folder / "all", folder / "tables", "--key-file", world.key)
    assert "rejected: 2 of 4 candidates" in done.out
    assert "left out: 4 candidates of other corpora" in done.out
    done = outcome(
        "verify-candidates --corpus", other, "--key-file", world.key, "--out", folder / "o",
        "--mirror", f"{folder}={folder}", folder / "all",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert {row["article_id"] for row in rows_of(folder / "o")} == {"a00004"}
    mistaken = outcome("verify-candidates --corpus", other, "--out", folder / "x", folder / "found")
    assert (mistaken.code, "not the one that was sealed" in mistaken.err) == (1, True)
    twice = world.sealed_scan(folder / "found", folder / "shards" / "a.json.gz")
    assert twice.code == 0
    assert "2 sealed scans" in world.verify(folder / "found", folder / "y").err
    assert world.verify(folder / "found", folder / "y", "--run", "latest").code == 0


def test_options_of_the_extract_are_checked(world: World, small: tuple[Path, list[str]]) -> None:
    folder, _ = small
    assert world.open_scan(folder / "x", folder / "shards", "--extract", folder / "y").code == 2
    exists = world.sealed_scan(folder / "x", folder / "shards", "--extract", folder / "extract")
    assert exists.code == 0, "the same scan may write its pages again"
    other = world.sealed_scan(folder / "x", folder / "shards" / "a.json.gz", "--extract", folder / "extract")
    assert (other.code, "something else than this scan's pages" in other.err) == (1, True)
    assert not [path for path in (folder / "extract").iterdir() if path.stat().st_mode & 0o077]


@pytest.mark.real_data
@pytest.mark.parametrize("step", [24, pytest.param(1, marks=pytest.mark.full)])
def test_real_press_in_all_formats_has_the_rows_of_the_open_scan(
    spark: SparkSession, real_data: Path, world: World, tmp_path: Path, step: int
) -> None:
    """Every second article is in the corpus; all are pages."""
    lines = (real_data / "press" / "articles.jsonl").read_text(encoding="utf-8").splitlines()[::step]
    bodies = [json.loads(line)["text"] for line in lines]
    rows = (article(n, body=body) for n, body in enumerate(bodies[::2]))
    corpus = corpus_of(tmp_path / "press", rows)
    seal(Corpus.open(str(corpus)), SealKey(SECRET), str(tmp_path / "sealed"), STORAGE)
    (tmp_path / "shards").mkdir()
    for name, write in FORMS.items():
        write(
            tmp_path / "shards" / name,
            [Page(f"https://site.example/{n}", body) for n, body in enumerate(bodies)],
        )
    here = World(tmp_path, corpus, tmp_path / "sealed", world.key, tmp_path / "shards")
    assert here.open_scan(tmp_path / "open", here.shards).code == 0
    assert here.sealed_scan(tmp_path / "found", here.shards).code == 0
    assert here.verify(tmp_path / "found", tmp_path / "verified").code == 0
    assert rows_of(tmp_path / "verified") == rows_of(tmp_path / "open") != []
    assert run_of(tmp_path / "verified")["table_digest"] == run_of(tmp_path / "open")["table_digest"]


@pytest.mark.full
def test_a_killed_verification_is_resumed(world: World, scans: World, tmp_path: Path) -> None:
    given = ["verify-candidates", "--corpus", str(world.corpus), "--out", str(tmp_path / "tables")]
    given += ["--mirror", f"{world.shards}={world.shards}", "--wave-shards", "4", str(world.folder / "found")]
    kill_at(
        [sys.executable, "-m", "presswatch_spark", *given], tmp_path / "tables", "_runs/*/waves/*.json", 1
    )
    done = outcome("", *given)
    assert ", resumed" in done.out
    assert run_of(tmp_path / "tables")["table_digest"] == run_of(world.folder / "open")["table_digest"]
