"""The bench of removal: its files can be followed, and a round that is killed loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.answers import TREE, presswatch
from benchmarks.removal import counts, killed, lines, rounds, serving, targets_in, write_files
from tests.world.release import new_case


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
        # Of each file its first record, the range of all targets, and a name that never was.
        assert figures["requests"] == 9
        assert min(figures["bytes"], figures["case_bytes"]) > 0
        found = killed(command, case, 1, 0.5)
        assert (found["twice"], found["lost"]) == (0, 0)
        assert counts(url)["requests"] >= 18
    assert len(list(lines({"rounds": [figures], "status": {}, "killed": found}))) == 5
