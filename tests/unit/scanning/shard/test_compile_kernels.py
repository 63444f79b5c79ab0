"""Before workers read shards: all kernels are compiled, once, by processes that open none of them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.compiled import ALL, ready_file
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.sealed import KeySource
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.reading import known_formats
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.shard import compile_kernels
from presswatch_spark.scanning.shard.compile_kernels import Rehearsal, compiled_beside, specimens
from tests.world.corpora import article, corpus_of

# Kernels that a rehearsal in parts has loaded are compared with those that a scan of the same shards loads.
LOADED = """
import gc, sys, tempfile
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.sealed import KeySource
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.reading import known_formats
from presswatch_spark.scanning.shard.compile_kernels import Rehearsal, specimens
from presswatch_spark.scanning.pipeline import ShardScan

def loaded():
    ours = (one for one in gc.get_objects() if isinstance(one, Dispatcher))
    return {(one.py_func.__module__, one.py_func.__name__, each) for one in ours for each in one.overloads}

for format in ("wet", "warc", "rows"):
    corpus, digest = sys.argv[1:]
    for part in Rehearsal(format, corpus, digest, ScanConfig()).parts().values():
        part()
    before = loaded()
    assert len(before) > 10
    with tempfile.TemporaryDirectory() as folder:
        text = Corpus.open(corpus).article(0).body.decode()
        for shard in specimens(Path(folder), known_formats.named(format), text):
            assert ShardScan(format, corpus, digest, ScanConfig())(shard).log["matches"]
    assert loaded() == before, loaded() - before
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    corpus = corpus_of(tmp_path_factory.mktemp("kernels"), [article(0)])
    return str(corpus), Corpus.open(str(corpus)).manifest.digest


@pytest.mark.full
def test_the_parts_compile_every_kernel_that_a_scan_calls(corpus: tuple[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *corpus], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.full
def test_compiling_is_reported_and_not_done_again(
    corpus: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile_kernels, "ready_file", lambda what: tmp_path / f"{what}.ready")
    rehearsal, said = Rehearsal("rows", *corpus, ScanConfig()), list[tuple[str, str]]()
    with compiled_beside(rehearsal, lambda *news: said.append(news)):
        assert not (tmp_path / "rows.ready").exists()
    assert (tmp_path / "rows.ready").exists()
    assert said == [("compiling", "compiling kernels, once (about 20 s)")]
    monkeypatch.setattr(compile_kernels, "begin_child", None)
    with compiled_beside(rehearsal, lambda *news: said.append(news)):
        assert len(said) == 1


@pytest.mark.slow
@pytest.mark.full
def test_a_process_that_fails_is_left_to_the_workers(
    corpus: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile_kernels, "ready_file", lambda what: tmp_path / f"{what}.ready")
    with compiled_beside(Rehearsal("wet", corpus[0], "no such digest", ScanConfig()), lambda *news: None):
        pass
    assert not (tmp_path / "wet.ready").exists()


@pytest.mark.slow
def test_processes_end_with_a_block_that_fails(
    corpus: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile_kernels, "ready_file", lambda what: tmp_path / f"{what}.ready")
    begun, begin = list[subprocess.Popen[bytes]](), compile_kernels.begin_child

    def noted(module: str) -> Any:
        found = begin(module)
        begun.append(found[0])
        return found

    monkeypatch.setattr(compile_kernels, "begin_child", noted)
    with (
        pytest.raises(KeyboardInterrupt),
        compiled_beside(Rehearsal("wet", *corpus, ScanConfig()), lambda *news: None),
    ):
        raise KeyboardInterrupt
    assert [child.returncode is not None for child in begun] == [True, True, True]


def test_kernels_of_open_corpora_are_not_taken_for_those_of_sealed_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile_kernels, "ready_file", lambda what: tmp_path / what)
    (tmp_path / ALL).touch()
    said = list[str]()
    monkeypatch.setattr(Rehearsal, "parts", lambda rehearsal: {})
    for key in (None, KeySource("key")):
        with compiled_beside(Rehearsal("wet", "", "", ScanConfig(), key), lambda *news: said.append(news[0])):
            assert said == ["compiling"] * (key is not None)
    assert (tmp_path / "sealed-wet").exists()


def test_another_python_numba_or_processor_compiles_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    here = ready_file("wet")
    monkeypatch.setattr("numba.__version__", "0.0")
    assert ready_file("wet") != here


@pytest.mark.parametrize("format", known_formats.names())
def test_the_article_is_found_in_what_is_rehearsed_on(
    corpus: tuple[str, str], tmp_path: Path, format: str
) -> None:
    shards = specimens(tmp_path, known_formats.named(format), article(0)["body"])
    assert shards
    for shard in shards:
        log = ShardScan("auto", *corpus, ScanConfig())(shard).log
        assert (log["error"], log["status"]) == (None, "complete")
        assert (log["documents"], log["matches"]) == (1, 1)


@pytest.mark.parametrize(
    ("name", "formats"),
    [
        ("CC-00000.warc.wet.gz", ["wet"]),
        ("CC-00000.warc.gz", ["warc"]),
        ("000_00000.parquet", ["rows", "rows"]),
        ("shard-17", ["wet", "warc", "rows", "rows"]),
    ],
)
def test_what_is_rehearsed_goes_by_the_name_of_the_first_shard_alone(
    corpus: tuple[str, str], tmp_path: Path, name: str, formats: list[str]
) -> None:
    format = known_formats.expected("auto", f"/no/such/{name}")
    rehearsal = Rehearsal(format.name if format else None, *corpus, ScanConfig())
    shards = specimens(tmp_path, known_formats.find(rehearsal.format), article(0)["body"])
    read_as = [ShardScan("auto", *corpus, ScanConfig())(shard).log["format"] for shard in shards]
    assert ["rows" if format == "c4" else format for format in read_as] == formats
