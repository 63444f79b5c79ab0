"""No process takes code or settings from the working folder, which may have come with the shards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from presswatch_spark.core.processes import elsewhere, without_blanks
from presswatch_spark.reading import registry
from presswatch_spark.scanning.shard.kernels import specimens
from tests.world.corpora import article, corpus_of

HOSTILE = ("resource", "numpy", "json", "pyarrow", "pickle", "pyspark", "tempfile", "lxml", "yaml")
SETTINGS = {
    ".numba_config.yaml": "disable_jit: 1\ndump_bytecode: 1\n",
    ".pyiceberg.yaml": "catalog:\n  presswatch:\n    uri: http://127.0.0.1:9\n",
    "spark-defaults.conf": "spark.master spark://127.0.0.1:9\n",
    "log4j2.properties": "rootLogger.level = trace\n",
    "core-site.xml": "<configuration>no XML",
    "hive-site.xml": "<configuration>no XML",
    ".hotspotrc": "+PrintCommandLineFlags\n",
    "matplotlibrc": "backend: nowhere\n",
    ".env": "PRESSWATCH_RUN_CORES=0\nHF_ENDPOINT=http://127.0.0.1:9\n",
    ".netrc": "machine 127.0.0.1 login a password b\n",
    ".duckdbrc": ".open other.db\n",
    "pyproject.toml": "no TOML",
    "presswatch.yaml": "no: setting\n",
    "scan.yaml": "no: setting\n",
    "conf/scan.yaml": "no: setting\n",
    "conf/spark-defaults.conf": "spark.master spark://127.0.0.1:9\n",
    "conf/log4j2.properties": "rootLogger.level = trace\n",
    "config": "[default]\nendpoint_url = http://127.0.0.1:9\n",
    ".aws/config": "[default]\nendpoint_url = http://127.0.0.1:9\n",
    "metastore_db/service.properties": "no database\n",
    "pyvenv.cfg": "home = /nowhere\n",
    ".git/config": "[core]\n\tfsmonitor = touch git-ran\n",
}
QUIET = 2000
"""Characters that a scan prints to stderr at most; a JVM that took the log settings would print far more."""
# A module that every Python loads first: it notes each file of the working folder that a process opens.
WATCH = """
import os, sys
def note(event, args):
    opened = os.path.abspath(args[0]) if event == "open" and isinstance(args[0], str) else ""
    # A name below an open folder, as in `rmtree`, comes without that folder.
    if opened.startswith({trap!r} + os.sep) and os.path.lexists(opened):
        with open({mark!r}, "a") as file:
            file.write(opened + " ")
sys.addaudithook(note)
"""
TRAP = "open({mark!r}, 'a').write({name!r} + ' '); raise SystemExit('a file of the working folder runs')\n"


def run_in(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        words, cwd=folder, env=environment | variables, capture_output=True, text=True, check=False
    )


@pytest.mark.full
def test_no_process_of_a_scan_runs_or_reads_a_file_of_the_working_folder(tmp_path: Path) -> None:
    row = article(0)
    corpus_of(tmp_path, [row])
    shards = tmp_path / "shards"
    shards.mkdir()
    specimens(shards, registry.named("warc"), row["body"])
    trap, mark, watch = tmp_path / "trap", tmp_path / "noticed", tmp_path / "watch"
    trap.mkdir()
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(WATCH.format(trap=str(trap), mark=str(mark)))
    for name in HOSTILE:
        (trap / f"{name}.py").write_text(TRAP.format(mark=str(mark), name=name))
    for name, text in SETTINGS.items():
        (trap / name).parent.mkdir(exist_ok=True)
        (trap / name).write_text(text)
    before = sorted(trap.rglob("*"))
    corpus = str(tmp_path / "corpus")
    scan = ["scan", "--format", "warc", "--corpus", corpus, "--cores", "1", "--out", str(tmp_path / "out")]
    for words, said in (
        ([str(Path(sys.executable).with_name("presswatch")), *scan, str(shards)], ": 1 match in 1 document"),
        ([sys.executable, "-P", "-m", "presswatch_spark", "corpus", "info", corpus], "1 article"),
    ):
        done = run_in(trap, *words, PYTHONPATH=str(watch))
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
        assert len(done.stderr) < QUIET, done.stderr
    assert not mark.exists(), mark.read_text()
    assert sorted(trap.rglob("*")) == before


@pytest.mark.parametrize(
    ("imported_first", "text"),
    [
        ("numba", "disable_jit: 1\n"),
        ("presswatch_spark.core.compiled", "disable_jit: 1\n"),
        pytest.param("presswatch_spark.core.compiled", "{no yaml", marks=pytest.mark.full),
    ],
)
def test_numba_takes_no_setting_from_the_working_folder(
    tmp_path: Path, imported_first: str, text: str
) -> None:
    (tmp_path / ".numba_config.yaml").write_text(text)
    code = (
        f"import {imported_first}, presswatch_spark.core.compiled, numba; add = numba.njit(lambda x: x + 1);"
        " print(numba.config.DISABLE_JIT, hasattr(add, 'py_func'))"
    )
    done = run_in(tmp_path, sys.executable, "-P", "-W", "error", "-c", code)
    assert (done.stdout, done.returncode) == ("0 True\n", 0), done.stderr


def test_an_iceberg_catalog_is_not_named_by_the_working_folder(tmp_path: Path) -> None:
    here, home = tmp_path / "here", tmp_path / "home"
    for folder in (here, home):
        folder.mkdir()
        settings = SETTINGS[".pyiceberg.yaml"].replace("127.0.0.1", folder.name)
        (folder / ".pyiceberg.yaml").write_text(settings)
    code = (
        "from presswatch_spark.tables.catalog.sync import ignore_working_folder; ignore_working_folder();"
        " from pyiceberg.utils.config import Config;"
        " print(Config().get_catalog_config('presswatch'))"
    )
    found = [
        run_in(here, sys.executable, "-P", "-c", code, HOME=str(each)).stdout for each in (home, tmp_path)
    ]
    assert found == ["{'uri': 'http://home:9'}\n", "None\n"]


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
