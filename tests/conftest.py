"""What all tests share: one Spark session, and the real data where there is some."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from presswatch_spark.spark.session import DAEMON, session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# A first example compiles kernels, and test machines share their cores: time says nothing about an example.
settings.register_profile("presswatch", deadline=None)
settings.load_profile("presswatch")

# pytest-xdist gives its processes one, which would cut the tables of all commands.
os.environ.pop("COLUMNS", None)

# Commands say which hosts make this machine wait. For tests that run side by side, each process of pytest is
# a machine of its own. Folders of tests stay where pytest has them.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix="presswatch-tests-")
atexit.register(shutil.rmtree, tempfile.tempdir, ignore_errors=True)

# What the S3 server of the tests takes.
TEST_AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}

ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without a look for garbage: what is made then lives until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The one session, on two cores. Its workers import what pytest can, and know the S3 of tests alone."""
    path = os.environ.get("PYTHONPATH")
    os.environ.update(TEST_AWS)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([path] if path else [])])
    # Tables of tests are small: 200 tasks to a shuffle, which is what Spark takes, are 196 too many.
    conf = {"spark.sql.shuffle.partitions": "4", DAEMON: "tests.workers"}
    spark = session("presswatch tests", cores=2, conf=conf)
    yield spark
    spark.stop()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; tests that need it skip where there is none."""
    folder = Path(os.environ.get("PRESSWATCH_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real data: set PRESSWATCH_REAL_DATA")
    return folder
