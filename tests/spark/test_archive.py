"""A scan by hosts that have nothing of ours but the archive."""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.deploy.archive import HostPlatform, archive_for, check_archive
from presswatch_spark.deploy.submission import FOLDER, PYTHON
from presswatch_spark.scanning.pipeline import scan
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.spark.press import Press

pytestmark = pytest.mark.full
HOME = Path(pyspark.__file__).parent


@pytest.fixture(scope="module")
def archive() -> Path:
    """The archive of this checkout, for this machine; made anew only if the sources changed."""
    return archive_for(
        ROOT,
        ROOT / "dist",
        HostPlatform(f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine()),
    )


@pytest.fixture(scope="module")
def driver(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver's Python, from the unpacked archive."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "bin" / "python"


@pytest.fixture(autouse=True)
def _nothing_left_of_executors() -> Iterator[None]:
    """Workers of a local cluster unpack archives below Spark's own folder, and leave them there."""
    before = {*(HOME / "work").glob("app-*")}
    yield
    for folder in {*(HOME / "work").glob("app-*")} - before:
        shutil.rmtree(folder, ignore_errors=True)


def scan_on_a_cluster(
    archive: Path, driver: Path, press: Press, corpus: Path, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Two executors in processes of their own, far from the checkout."""
    (folder / "scan.py").write_bytes((ROOT / "jobs" / "scan.py").read_bytes())
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    environment = kept | {
        "SPARK_HOME": str(HOME),
        "JAVA_HOME": os.environ["JAVA_HOME"],
        "PYSPARK_PYTHON": PYTHON,
        "PYSPARK_DRIVER_PYTHON": str(driver),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    command = [str(HOME / "bin" / "spark-submit"), "--master", "local-cluster[2,1,1024]"]
    command += ["--archives", f"{archive}#{FOLDER}", "--conf", "spark.ui.enabled=false"]
    command += ["--conf", f"spark.executorEnv.PYSPARK_PYTHON={PYTHON}"]
    job = [str(folder / "scan.py"), "--format", "wet", "--corpus", str(corpus), "--out", str(folder / "out")]
    return subprocess.run(
        [*command, *job, str(press.shards)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_executors_with_nothing_but_the_archive_find_what_a_local_run_finds(
    spark: SparkSession, archive: Path, driver: Path, press: Press, corpus: Path, tmp_path: Path
) -> None:
    done = scan_on_a_cluster(archive, driver, press, corpus, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    config = ScanConfig()
    here = scan(
        [str(press.shards)],
        dataset="wet",
        corpus=str(corpus),
        out=str(tmp_path / "here"),
        config=config,
        spark=spark,
    )
    (there,) = TableStore.open(str(tmp_path / "out")).read("runs").to_pylist()
    assert there["matches"] == here.row["matches"] > 0
    assert there["table_digest"] == here.row["table_digest"]


def test_a_scan_without_one_of_its_packages_fails_and_names_it(
    archive: Path, driver: Path, press: Press, corpus: Path, tmp_path: Path
) -> None:
    # Compressed, though it takes longer: of a plain `.tar`, Spark forgets what can be executed.
    lacks = tmp_path / "lacking.tar.gz"
    with tarfile.open(archive) as whole, tarfile.open(lacks, "w:gz", compresslevel=1) as lacking:
        for member in whole:
            if member.name.split("/")[:2] != ["lib", "isal"]:
                lacking.addfile(member, whole.extractfile(member) if member.isreg() else None)
    done = scan_on_a_cluster(lacks, driver, press, corpus, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "No module named 'isal" in done.stdout + done.stderr


def test_the_archive_is_safe_and_holds_neither_spark_nor_traces_of_where_it_was_made(archive: Path) -> None:
    check_archive(archive)
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert not [name for name in names if name.startswith(("lib/pyspark/", "lib/py4j/", "lib/bin/"))]
    assert not [name for name in names if name.endswith(("/RECORD", "/direct_url.json", ".pyc"))]
    assert "lib/presswatch_spark/conf/profiles/emr-ec2.yaml" in names


def test_the_python_of_the_archive_is_the_hosts_own_with_no_packages_of_its_user(
    driver: Path, tmp_path: Path
) -> None:
    code = "import presswatch_spark, site, sys; print(presswatch_spark.__file__, site.ENABLE_USER_SITE)"
    done = subprocess.run(
        [driver, "-c", code], cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert done.stdout.split() == [f"{driver.parents[1]}/lib/presswatch_spark/__init__.py", "False"]
