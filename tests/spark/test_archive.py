"""Scans by hosts that have only the archive of ours, and no text of the web in logs of any scan."""

import gzip
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyspark
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.deploy.archive import HostPlatform, archive_for, check_archive
from presswatch_spark.deploy.submission import FOLDER, PYTHON
from presswatch_spark.scanning.pipeline import ScanPlan, scan
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.spark.press import Press
from tests.world.exposition import parsed
from tests.world.processes import ran
from tests.world.scanned import press, press_corpus
from tests.world.servers import Fault, web
from tests.world.warc import HTML, packed_as, page, record

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
    words = [*command, *job, str(press.shards)]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_executors_with_nothing_but_the_archive_find_what_a_local_run_finds(
    spark: SparkSession, archive: Path, driver: Path, press: Press, corpus: Path, tmp_path: Path
) -> None:
    done = scan_on_a_cluster(archive, driver, press, corpus, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    planned = ScanPlan.of([str(press.shards)], "wet", str(corpus), ScanConfig())
    here = scan(planned, str(tmp_path / "here"), spark=spark)
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


# Canaries: what stands in pages, their URLs and headers, and in keys and signatures, reaches no log.


TEXT, URL, HEADER = "canarytexte", "canary-adresse", "canary-entete"
KEY, SECRET, TOKEN, SIGNATURE = "AKIACANARYACCESSKEY", "canary/secret+key", "canarytoken", "canarysignature"
COPY = press()[3].body
SAID = f"{TEXT} {COPY} {TEXT}".encode()
ADDRESS = f"https://exemple.fr/{URL}"
HEADERS = (HTML, f"X-Canary: {HEADER}", f"Content-Encoding: {HEADER}", f"Set-Cookie: {HEADER}=1")


def wet() -> bytes:
    """Records that are whole, lie about their length, or are none; and a cut in a member."""
    named = record(SAID).replace(b"https://exemple.fr/seul", ADDRESS.encode())
    lying = record(SAID, length=5, headers=f"WARC-Odd: {HEADER}")
    strange = named.replace(b"conversion", TEXT.encode())
    return packed_as("record", [named, lying, strange]) + gzip.compress(named)[:-20]


def warc() -> bytes:
    """Pages whose bodies are not as their headers say."""
    broken = gzip.compress(SAID * 50)[:-50]
    pages = [
        page(b"<p>" + SAID, *HEADERS, url=ADDRESS),
        page(broken, HTML, f"Content-Encoding: gzip, {HEADER}", url=ADDRESS),
        page(SAID, f"Content-Type: {HEADER}", url=ADDRESS).replace(b"HTTP/1.1 200", TEXT.encode()),
        page(b"<p>" + SAID, f"Content-Type: text/html; charset={HEADER}", url=ADDRESS),
    ]
    return packed_as("record", pages) + gzip.compress(pages[0])[:-30]


def c4() -> bytes:
    """Rows that are objects, are none, or hold other types than they should."""
    rows = [
        {"url": ADDRESS, "text": SAID.decode(), "timestamp": HEADER},
        {"url": [ADDRESS], "text": SAID.decode(), "timestamp": "2024-05-18T01:58:10Z"},
        {"url": ADDRESS, "text": {TEXT: TEXT}, TEXT: TEXT},
    ]
    lines = [json.dumps(row).encode() for row in rows]
    # A text of several lines would make it a file of text: most of its lines would be no objects.
    broken = b'{"text": "' + SAID.replace(b"\n", b" ")
    return gzip.compress(b"\n".join([*lines, broken, TEXT.encode(), b"[1]"]))[:-10]


@dataclass(frozen=True)
class Leaks:
    """A scan of shards that are wrong in every way, one of them behind a signed address."""

    done: subprocess.CompletedProcess[str]
    folder: Path

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        store = TableStore.open(str(self.folder / "tables"))
        return {name: store.read(name).to_pylist() for name in SCHEMAS}


@pytest.fixture(scope="module")
def leaks(tmp_path_factory: pytest.TempPathFactory) -> Leaks:
    folder = tmp_path_factory.mktemp("canaries")
    shards = folder / "shards"
    shards.mkdir()
    for name, data in (("a.warc.wet.gz", wet()), ("b.warc.gz", warc()), ("c.json.gz", c4())):
        (shards / name).write_bytes(data)
    with web(objects={"/d.warc.wet.gz": wet()}) as server:
        server.always = Fault(status=403)
        signed = f"{server.url}/d.warc.wet.gz?X-Amz-Signature={SIGNATURE}&X-Amz-Security-Token={TOKEN}"
        command = [sys.executable, "-m", "presswatch_spark", "scan", str(shards), signed]
        command += ["--corpus", str(press_corpus(folder / "press")), "--out", str(folder / "tables")]
        command += ["--cores", "1", "--log-format", "json", "--metrics-file", str(folder / "scan.prom")]
        keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
        once = {"PRESSWATCH_STORAGE__MAX_ATTEMPTS": "1", "PRESSWATCH_STORAGE__REFUSAL_PAUSE": "0"}
        done = ran(*command, **keys, **once)
    return Leaks(done, folder)


def test_every_line_of_stderr_is_an_event_and_every_shard_is_named(leaks: Leaks) -> None:
    assert leaks.done.returncode == 3, leaks.done.stderr
    events = [json.loads(line) for line in leaks.done.stderr.splitlines()]
    begun = [event["event"] for event in events if event["event"] != "compiling"]
    assert begun[:2] == ["estimate", "run_started"]
    lost = {event["shard_uri"].rpartition("/")[2]: event for event in events if "shard_uri" in event}
    assert set(lost) == {"a.warc.wet.gz", "b.warc.gz", "c.json.gz", "d.warc.wet.gz"}
    assert all(event["error"] and event["failure"] for event in lost.values())
    assert lost["d.warc.wet.gz"]["failure"] == "storage"
    assert lost["a.warc.wet.gz"]["failure"] == "content"
    # The canaries were read.
    found = leaks.tables()["matches"]
    assert {row["dataset"] for row in found} == {"wet", "warc", "c4"}
    assert URL in " ".join(str(row["document_url"]) for row in found)


def test_no_canary_is_in_a_log_a_metric_or_a_column_that_should_not_hold_it(leaks: Leaks) -> None:
    metrics = (leaks.folder / "scan.prom").read_text()
    assert parsed(metrics)["presswatch_documents_total"] > 0
    cells = [
        (name, column, str(value))
        for name, rows in leaks.tables().items()
        for row in rows
        for column, value in row.items()
    ]
    outputs = (("stderr", leaks.done.stderr), ("stdout", leaks.done.stdout), ("file", metrics))
    told = [*((name, "", text) for name, text in outputs), *cells]
    for canary in (TEXT, URL, HEADER, KEY, SECRET, TOKEN, SIGNATURE):
        allowed = {("matches", "document_url")} if canary == URL else set()
        places = {(name, column) for name, column, text in told if canary in text}
        assert places <= allowed, canary
    for path in filter(Path.is_file, (leaks.folder / "tables").rglob("*")):
        data = path.read_bytes()
        assert not any(secret.encode() in data for secret in (KEY, SECRET, TOKEN, SIGNATURE)), path
