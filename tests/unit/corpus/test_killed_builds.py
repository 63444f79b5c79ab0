"""A build that is killed leaves no corpus, and the next one works."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from presswatch_spark.core.errors import CorpusError
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.storage.objects import StorageOptions
from tests.world.corpora import Inline, article, build, write_jsonl

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def build_step_by_step(folder: Path, teller: Connection) -> None:
    """Build, tell every stage, and wait there for an answer."""

    def say(stage: str) -> None:
        teller.send(stage)
        teller.recv()

    members, articles, out = (str(folder / name) for name in ("members.yaml", "a.jsonl", "corpus"))
    spark = cast("SparkSession", Inline())
    build_corpus(spark, members, [articles], out, CorpusConfig(), StorageOptions(), say)


@pytest.mark.parametrize("stages", [1, 3, 5])
def test_a_killed_build_leaves_no_corpus_and_the_next_one_works(tmp_path: Path, stages: int) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [article(n) for n in range(20)])
    expected = build(tmp_path / "expected", [source])
    context = multiprocessing.get_context("fork")
    ours, its = context.Pipe()
    builder = context.Process(target=build_step_by_step, args=(tmp_path, its))
    builder.start()
    its.close()
    for _ in range(stages - 1):
        ours.recv()
        ours.send("go on")
    assert ours.recv()
    builder.kill()
    builder.join()
    assert builder.exitcode == -signal.SIGKILL
    with pytest.raises(CorpusError, match="there is no corpus"):
        Corpus.open(str(tmp_path / "corpus"))
    assert (tmp_path / ".corpus.partial").is_dir()
    assert build(tmp_path / "corpus", [source]) == expected
    assert not (tmp_path / ".corpus.partial").exists()
