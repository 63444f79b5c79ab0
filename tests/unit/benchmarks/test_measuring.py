"""What benches of answers, memory and removal measure of a command, and what they publish."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks import publish, removal
from benchmarks.answers import TREE, lines, medians, presswatch, whole
from benchmarks.removal import counts, killed, rounds, serving, targets_in, write_files
from benchmarks.scale.many import MEMORY_GROUPS, MemoryLimit
from tests.conftest import ROOT
from tests.world.release import new_case


def test_a_command_is_measured_alone_and_one_that_fails_ends_the_bench() -> None:
    ours = bytearray(300 << 20)
    small = whole([sys.executable, "-S", "-c", "pass"])
    large = whole([sys.executable, "-S", "-c", "bytearray(b'x') * (200 << 20)"])
    assert len(ours) > 0
    assert small["megabytes"] < 100
    assert 200 < large["megabytes"] < 300
    assert small["processor"] > 0
    with pytest.raises(SystemExit, match="no such thing"):
        whole([sys.executable, "-S", "-c", "import sys; sys.exit('no such thing')"])


def test_a_line_for_each_subject_of_a_question() -> None:
    figures = medians({"this tree": [{"seconds": n, "processor": 1.0, "megabytes": 9.0} for n in (1, 5, 2)]})
    one = {"question": "select 1", "rows": 5_000_000, "limit_seconds": 1, "found": figures}
    assert list(lines({"questions": [one]}))[2:] == [
        "| select 1 | 5,000,000 | 1 s | this tree | 2.00 | 1.00 | 9 |"
    ]


def test_the_pages_show_the_tracked_results_and_a_section_is_replaced_alone(tmp_path: Path) -> None:
    for page in {section.page for section in publish.sections()}:
        shutil.copy(publish.DOCS / page, tmp_path / page)
    publish.write_pages(tmp_path)
    for page in tmp_path.iterdir():
        assert page.read_text("utf-8") == (publish.DOCS / page.name).read_text("utf-8"), page.name
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- speed: begin -->\nold\n<!-- speed: end -->\n\nkept\n", "utf-8")
    publish.write_section(page, "speed", "new\n\n")
    assert page.read_text("utf-8") == "# Page\n\n<!-- speed: begin -->\nnew\n<!-- speed: end -->\n\nkept\n"
    with pytest.raises(ValueError, match="no marks of the section quality"):
        publish.write_section(page, "quality", "lost")


@pytest.mark.parametrize(
    ("options", "file"),
    [
        ([], publish.ROOT / "bench" / "speed.json"),
        (["--update"], publish.RESULTS / "speed.json"),
    ],
)
def test_a_tracked_result_is_written_only_with_update(options: list[str], file: Path) -> None:
    parser = argparse.ArgumentParser()
    publish.add_options(parser, "speed.json")
    assert publish.destination(parser.parse_args(options)) == file


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


@pytest.mark.full
def test_rounds_are_measured_and_kills_lose_nothing(tmp_path: Path) -> None:
    write_files(tmp_path / "crawl", 3)
    targets = [row for path in sorted((tmp_path / "crawl").iterdir()) for row in targets_in(path)]
    assert len(targets) == 15
    case = new_case(str(tmp_path / "case"), targets, {"reading": {}})
    with serving(tmp_path / "crawl") as url:
        command = [*presswatch(TREE), "removal", "probe", "--mirror", f"{tmp_path}/crawl={url}", "CASE"]
        command[-1] = str(case.folder)
        (figures,) = rounds(command, url, 1, case.folder.path)
        # Of each file its first record, the range of all targets, and a made-up name.
        assert figures["requests"] == 9
        assert min(figures["bytes"], figures["case_bytes"]) > 0
        found = killed(command, case, 1, 0.5)
        assert (found["twice"], found["lost"]) == (0, 0)
        assert counts(url)["requests"] >= 18
    assert len(list(removal.lines({"rounds": [figures], "status": {}, "killed": found}))) == 5
