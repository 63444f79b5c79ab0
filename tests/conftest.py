"""What all tests share: one Spark session, and the real data where there is some."""

from __future__ import annotations

import atexit
import gc
import os
import resource
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from presswatch_spark.core.spark.session import DAEMON, session
from tests.world.proofs import beyond_samples

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# A first example compiles kernels, and test machines share their cores: time says nothing about an example.
settings.register_profile("each time", deadline=None, max_examples=25)
settings.register_profile("long proofs", deadline=None)

# pytest-xdist gives its processes one, which would cut the tables of all commands.
os.environ.pop("COLUMNS", None)

MEMORY, ROOM = Path("/dev/shm"), 8 << 30


def temporary_root() -> str:
    """Return where folders of tests go: into memory if it has plenty of room, else to the disk.

    They hold fifty thousand small files, which a disk takes longer to make and to remove.
    """
    try:
        found, said = os.statvfs(MEMORY), Path("/proc/meminfo").read_text("ascii")
        (available,) = (line.split()[1] for line in said.splitlines() if line.startswith("MemAvailable:"))
    except (OSError, ValueError):
        return tempfile.gettempdir()
    room = min(found.f_bavail * found.f_frsize, int(available) * 1024)
    # Programs that tests write are run from there, and so are libraries that Java unpacks.
    unfit = "TMPDIR" in os.environ or found.f_flag & os.ST_NOEXEC or not os.access(MEMORY, os.W_OK)
    return tempfile.gettempdir() if unfit or room < ROOM else str(MEMORY)


# Commands say which hosts make this machine wait. For tests that run side by side, each process of pytest is
# a machine of its own. Folders of tests that failed stay where pytest has them.
tempfile.tempdir = temporary_root()
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.tempdir)
os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix="presswatch-tests-")
atexit.register(shutil.rmtree, tempfile.tempdir, ignore_errors=True)

# What the S3 server of the tests takes.
TEST_AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}

# No folder of tests outlives the machine: nobody reads what a crash of it would leave.
os.fsync = lambda fd: None

SERVED = ("catalog", "evidence", "notices", "removal", "report")
INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # Plans are neither checked after each rule of Spark's, nor changed and described again at each stage.
    "spark.sql.lightweightPlanChangeValidation": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.ui.explainMode": "simple",
}

ROOT = Path(__file__).resolve().parents[1]


class SparkOnOne(LoadFileScheduling):
    """Deal files out: the first process has those of Spark, the others begin with the longest of the rest.

    Each process that meets a test of Spark starts one, and what it compiles at first is most of its work; so
    others take such files only when nothing else is left. The rooms that serve releases stay whole, as what
    their files share is made once a process: they take longest.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        room = file.rpartition("/")[0]
        return room if room.rpartition("/")[2] in SERVED else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        first = len(self.nodes) > 1 and node is self.nodes[0]
        wanted = min(self.workqueue, key=lambda scope: (_of_spark(scope) != first, _is_file(scope)))
        self.workqueue.move_to_end(wanted, last=False)
        super()._assign_work_unit(node)


@cache
def _of_spark(scope: str) -> bool:
    """Whether tests of this file want the session."""
    if not _is_file(scope):
        return False
    return scope.startswith("tests/spark/") or ": SparkSession" in (ROOT / scope).read_text(encoding="utf-8")


def _is_file(scope: str) -> bool:
    return scope.endswith(".py")


def pytest_configure(config: pytest.Config) -> None:
    """Take few examples of a property, but for where long proofs run too."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
        # The first process has the tests of Spark, which take longest: the others leave it a core.
        os.nice(5)
    settings.load_profile("each time" if "not full" in config.getoption("markexpr") else "long proofs")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Deal tests out as above where files stay whole; else as xdist does."""
    return SparkOnOne(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import nothing of rooms of which `make test-quick` runs nothing."""
    left_out = "not slow" in config.getoption("markexpr") and collection_path.name in SERVED
    return True if left_out else None


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect tests without a look for garbage: what is made then lives until the end. Tests leave little."""
    gc.disable()
    try:
        import_share(session.config)
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        gc.enable()


def import_share(config: pytest.Config) -> None:
    """Import every nth test file first if this is one of n processes.

    pytest compiles a file at its first import. In a fresh checkout, processes that begin with the same file
    would each compile all of them.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    folders = [Path(argument) for argument in config.args] if count > 1 else []
    files = sorted(file for folder in folders for file in folder.absolute().rglob("test_*.py"))
    wanted = [file for file in files if not pytest_ignore_collect(file.parent, config)]
    share = slice(int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]), None, count)
    for file in wanted[share]:
        # Collection reports what cannot be imported.
        with suppress(Exception, pytest.skip.Exception):
            import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Call slow what `make test-quick` leaves out, beside what takes seconds by itself.

    Those are the rooms whose tests have a release scanned, judged and served before they begin, and most of
    the parameters of a test that has many.
    """
    each_time = [item.nodeid for item in items if not item.get_closest_marker("full")]
    left_out = beyond_samples(each_time)
    for item in items:
        if item.path.parent.name in SERVED or item.nodeid in left_out:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def same_limits() -> Iterator[None]:
    """Fail a test that leaves a limit to this process: later tests would have it, and their children."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    yield
    after = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, before)
    assert after == before


@pytest.fixture(scope="session")
def spark(pytestconfig: pytest.Config) -> Iterator[SparkSession]:
    """The one session, on two cores. Its workers import what pytest can, and know the S3 of tests alone.

    It compiles plans only where long proofs run too: on a few rows, that costs more than all else of a query.
    """
    path = os.environ.get("PYTHONPATH")
    os.environ.update(TEST_AWS)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([path] if path else [])])
    # Tables of tests are small: 200 tasks to a shuffle, which is what Spark takes, are 196 too many.
    conf = {"spark.sql.shuffle.partitions": "4", DAEMON: "tests.world.workers"}
    conf |= INTERPRETED if "not full" in pytestconfig.getoption("markexpr") else {}
    spark = session("presswatch tests", cores=2, conf=conf)
    yield spark
    spark.stop()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus of the press (`tests.world.scanned`), which no test changes."""
    from tests.world.scanned import press_corpus

    return press_corpus(tmp_path_factory.mktemp("press"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; tests that need it skip where there is none."""
    folder = Path(os.environ.get("PRESSWATCH_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real data: set PRESSWATCH_REAL_DATA")
    return folder
