"""The bench of many articles: its texts, and the memory that it leaves to a scan."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks.scale.many import MEMORY_GROUPS, MemoryLimit, Way, short_body
from tests.conftest import ROOT

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
    assert [Way.of(text) for text in ("3", "3@1700")] == [Way(3), Way(3, 1700)]


def test_texts_have_as_many_words_as_asked_and_are_the_same_again() -> None:
    assert [len(short_body(number, words).split()) for number, words in ((0, 40), (7, 200))] == [40, 200]
    assert short_body(7, 200) == short_body(7, 200) != short_body(8, 200)


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
