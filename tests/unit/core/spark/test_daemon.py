"""The process that Spark forks workers from: its path, and what it has loaded for all of them."""

import subprocess
import sys
from pathlib import Path

import pytest

from presswatch_spark.scanning.daemon import ZIPPED, without_own_zip


def package(folder: Path) -> tuple[str, str]:
    """A folder with an installed PySpark, and the zip of its sources."""
    zipped = folder / "pyspark" / ZIPPED
    zipped.parent.mkdir(parents=True)
    (folder / "pyspark" / "daemon.py").touch()
    return str(folder), str(zipped)


def test_the_zip_of_the_pyspark_that_is_installed_is_left_out(tmp_path: Path) -> None:
    installed, zipped = package(tmp_path)
    assert without_own_zip([zipped, "/elsewhere", installed]) == ["/elsewhere", installed]


def test_the_zip_of_another_pyspark_stays(tmp_path: Path) -> None:
    installed, _ = package(tmp_path / "one")
    _, other = package(tmp_path / "two")
    assert without_own_zip([other, installed]) == [other, installed]


def test_the_zip_of_a_pyspark_that_is_nowhere_else_stays(tmp_path: Path) -> None:
    _, zipped = package(tmp_path)
    assert without_own_zip([zipped]) == [zipped]


@pytest.mark.slow
def test_what_kernels_need_is_loaded_before_the_first_worker_is_forked() -> None:
    code = (
        "import sys, pyspark.daemon; from presswatch_spark.scanning.daemon import load_table, serve\n"
        "def manager():\n"
        "    loaded = {'numba.np.arraymath', 'scipy.linalg'} & {*sys.modules}\n"
        "    print(*loaded, load_table.cache_info().currsize)\n"
        "pyspark.daemon.manager = manager; serve()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["numba.np.arraymath", "1"]
