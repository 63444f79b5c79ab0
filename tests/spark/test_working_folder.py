"""Files that lie in the working folder, named like modules, run in no process of a scan."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from presswatch_spark.child import elsewhere, without_blanks
from presswatch_spark.formats import registry
from presswatch_spark.shard.kernels import specimens
from tests.corpora import article, build, write_jsonl

HOSTILE = ("resource", "numpy", "json", "pyarrow", "pickle", "pyspark", "tempfile", "lxml", "yaml")
TRAP = "open({mark!r}, 'a').write({name!r} + ' '); raise SystemExit('a file of the working folder runs')\n"


def test_no_file_of_the_working_folder_runs_in_any_process_of_a_scan(tmp_path: Path) -> None:
    row = article(0)
    build(tmp_path / "corpus", [write_jsonl(tmp_path / "articles.jsonl", [row])])
    shards = tmp_path / "shards"
    shards.mkdir()
    specimens(shards, registry.named("warc"), row["body"])
    trap, mark = tmp_path / "trap", tmp_path / "run"
    trap.mkdir()
    for name in HOSTILE:
        (trap / f"{name}.py").write_text(TRAP.format(mark=str(mark), name=name))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    corpus = str(tmp_path / "corpus")
    scan = ["scan", "--format", "warc", "--corpus", corpus, "--cores", "1", "--out", str(tmp_path / "out")]
    for words, said in (
        ([str(Path(sys.executable).with_name("presswatch")), *scan, str(shards)], ": 1 match in 1 document"),
        ([sys.executable, "-P", "-m", "presswatch_spark", "corpus", "info", corpus], "1 article"),
    ):
        done = subprocess.run(words, cwd=trap, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    assert not mark.exists(), mark.read_text()


def test_the_working_folder_is_left_out_by_whatever_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    monkeypatch.chdir(real)
    assert elsewhere(["", ".", str(real), str(link), "/usr/lib", str(tmp_path)]) == [
        "/usr/lib",
        str(tmp_path),
    ]
    real.rmdir()
    assert elsewhere(["", ".", "/usr/lib"]) == ["/usr/lib"]


def test_an_empty_entry_of_a_path_is_taken_out() -> None:
    assert without_blanks(os.pathsep.join(["", "/a", "", "/b", ""])) == os.pathsep.join(["/a", "/b"])
