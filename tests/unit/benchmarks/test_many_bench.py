"""The bench of many articles: what it serves, and the memory that it leaves to a scan."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks.scale.many import MEMORY_GROUPS, MemoryLimit, Way, served, short_body
from presswatch_spark.corpus.store import CACHE_VARIABLE, ROOM_VARIABLE, Corpus
from presswatch_spark.storage.objects import StorageOptions
from tests.conftest import ROOT
from tests.corpora import article, build, write_jsonl

READ_ALL = """
import sys
from pathlib import Path
from benchmarks.scale.many import MemoryLimit
limit = MemoryLimit.__new__(MemoryLimit)
limit._folder = Path(sys.argv[1])
limit.join()
with open(sys.argv[2], "rb") as file:
    while file.read(1 << 20):
        pass
"""


def test_a_way_is_read_from_its_text() -> None:
    texts = ("3", "3@1700", "5+need")
    assert [Way.of(text) for text in texts] == [Way(3), Way(3, 1700), Way(5, by_need=True)]


def test_texts_have_as_many_words_as_asked_and_are_the_same_again() -> None:
    assert [len(short_body(number, words).split()) for number, words in ((0, 40), (7, 200))] == [40, 200]
    assert short_body(7, 200) == short_body(7, 200) != short_body(8, 200)


def test_what_is_served_is_fetched_by_need_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path / "corpus", [write_jsonl(tmp_path / "a.jsonl", [article(n) for n in range(900)])])
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv(ROOM_VARIABLE, "0")
    with served(tmp_path / "corpus") as (address, sent):
        corpus = Corpus.open(address, storage=StorageOptions())
        before = dict(sent)
        assert corpus.body(3) == Corpus.open(str(tmp_path / "corpus")).body(3)
    size = sum(path.stat().st_size for path in (tmp_path / "corpus" / "articles").iterdir())
    assert 0 < sent["articles"] < size
    assert sent["index"] == sent["signatures.npy"] == 0
    assert before["vocabulary"] == sent["vocabulary"] > 0


@pytest.mark.slow
@pytest.mark.skipif(
    not os.access(MEMORY_GROUPS / "cgroup.procs", os.W_OK), reason="only root may make control groups"
)
@pytest.mark.full
def test_a_process_of_a_group_has_no_more_memory_than_that() -> None:
    # What lies in memory, as folders of tests may, is counted where it was written.
    with TemporaryDirectory(dir="/var/tmp") as folder, MemoryLimit(200) as limit:
        large = Path(folder) / "large"
        large.write_bytes(bytes(300_000_000))
        os.sync()
        with large.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        command = [sys.executable, "-c", READ_ALL, str(limit._folder), str(large)]
        subprocess.run(command, cwd=ROOT, check=True)
        used = limit.used()
    assert 150 < used["most_megabytes"] <= used["limit_megabytes"] == 200
    assert used["times_at_the_limit"] > 0
    assert not limit._folder.exists()
