"""Canaries: what stands in pages, their URLs and headers, and in keys and signatures, reaches no log."""

import gzip
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.exposition import parsed
from tests.world.scanned import press, press_corpus
from tests.world.servers import Fault, web
from tests.world.warc import HTML, packed_as, page, record

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
def scan(tmp_path_factory: pytest.TempPathFactory) -> Leaks:
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
        environment = {
            "PYTHONPATH": str(ROOT), "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": TOKEN, "PRESSWATCH_STORAGE__MAX_ATTEMPTS": "1",
            "PRESSWATCH_STORAGE__REFUSAL_PAUSE": "0",
        }  # fmt: skip
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=False
        )
    return Leaks(done, folder)


def test_every_line_of_stderr_is_an_event_and_every_shard_is_named(scan: Leaks) -> None:
    assert scan.done.returncode == 3, scan.done.stderr
    events = [json.loads(line) for line in scan.done.stderr.splitlines()]
    begun = [event["event"] for event in events if event["event"] != "compiling"]
    assert begun[:2] == ["estimate", "run_started"]
    lost = {event["shard_uri"].rpartition("/")[2]: event for event in events if "shard_uri" in event}
    assert set(lost) == {"a.warc.wet.gz", "b.warc.gz", "c.json.gz", "d.warc.wet.gz"}
    assert all(event["error"] and event["failure"] for event in lost.values())
    assert lost["d.warc.wet.gz"]["failure"] == "storage"
    assert lost["a.warc.wet.gz"]["failure"] == "content"
    # The canaries were read.
    found = scan.tables()["matches"]
    assert {row["dataset"] for row in found} == {"wet", "warc", "c4"}
    assert URL in " ".join(str(row["document_url"]) for row in found)


def test_no_canary_is_in_a_log_a_metric_or_a_column_that_should_not_hold_it(scan: Leaks) -> None:
    metrics = (scan.folder / "scan.prom").read_text()
    assert parsed(metrics)["presswatch_documents_total"] > 0
    cells = [
        (name, column, str(value))
        for name, rows in scan.tables().items()
        for row in rows
        for column, value in row.items()
    ]
    outputs = (("stderr", scan.done.stderr), ("stdout", scan.done.stdout), ("file", metrics))
    told = [*((name, "", text) for name, text in outputs), *cells]
    for canary in (TEXT, URL, HEADER, KEY, SECRET, TOKEN, SIGNATURE):
        allowed = {("matches", "document_url")} if canary == URL else set()
        places = {(name, column) for name, column, text in told if canary in text}
        assert places <= allowed, canary
    for path in filter(Path.is_file, (scan.folder / "tables").rglob("*")):
        data = path.read_bytes()
        assert not any(secret.encode() in data for secret in (KEY, SECRET, TOKEN, SIGNATURE)), path
