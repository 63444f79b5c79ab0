"""`presswatch doctor`: a line for each point, with a remedy for each fault, also without Java or network."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.deploy import doctor
from tests.world.commands import Outcome, outcome
from tests.world.processes import raising
from tests.world.servers import listening

POINTS = [
    *("python", "java", "spark", "memory", "disk", "kernels", "clock", "dns", "endpoint", "credentials"),
    *("token", "place"),
]
Check = Callable[..., Outcome]


class Site(BaseHTTPRequestHandler):
    """Stands for Common Crawl, S3 and a hub that knows one token."""

    date = ""

    def do_GET(self) -> None:
        is_known = self.headers.get("Authorization", "Bearer hf_known") == "Bearer hf_known"
        self.send_response_only(200 if is_known else 401)
        self.send_header("Date", self.date or self.date_time_string())
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"x")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Iterator[Check]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with listening(Site) as site:
        monkeypatch.setenv("PRESSWATCH_DATASETS__COMMON_CRAWL__INDEX", f"{site}/collinfo.json")
        monkeypatch.setenv("HF_ENDPOINT", site)
        yield lambda *words, **more: outcome("doctor", "--endpoint", site, "--cores", "1", *words, **more)


def findings(done: Outcome) -> dict[str, tuple[str, str]]:
    rows = map(json.loads, done.out.splitlines())
    return {row["point"]: (row["is"], row["because"]) for row in rows}


def test_a_machine_that_is_ready_has_a_line_for_each_point_and_exits_0(check: Check, tmp_path: Path) -> None:
    shard = tmp_path / "a.wet"
    shard.write_bytes(b"x")
    done = check("--unsigned", str(shard), f"{tmp_path}/")
    assert done.code == 0, done.out
    assert [line.split()[:2] for line in done.out.splitlines()[1:-1]] == [[point, "ok"] for point in POINTS]
    assert done.out.splitlines()[-1] == "0 faults"


def test_faults_have_remedies_and_exit_1(
    check: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Site, "date", "Tue, 01 Dec 2020 00:00:00 GMT")
    monkeypatch.setattr(doctor, "java_home", raising(PresswatchError("no Java 17 or newer was found")))
    monkeypatch.setattr(doctor, "WORKER_GB", 1e6)
    monkeypatch.setattr(doctor, "DISK_GB", 1e6)
    done = check("--json", "s3://bucket/x", f"{tmp_path}/none", "--profile", "nobody", HF_TOKEN="hf_other")
    assert done.code == 1
    found = findings(done)
    assert [*found] == POINTS
    faults = {point: because for point, (word, because) in found.items() if word == "FAULT"}
    remedies = {
        "java": "install Java 17, or: ",
        "memory": "use fewer cores (--cores)",
        "disk": "free 1,000,000 GB, or set TMPDIR",
        "clock": "timedatectl set-ntp true",
        "credentials": "choose a --profile of ~/.aws/config",
        "token": "make a new token",
        "place": "choose a --profile of ~/.aws/config",
    }
    assert faults.keys() == remedies.keys()
    assert not [point for point, remedy in remedies.items() if remedy not in faults[point]]
    assert "hf_other" not in done.out + done.err


def test_a_date_that_is_none_leaves_the_clock_unknown(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Site, "date", "yesterday")
    word, because = findings(check("--unsigned", "--json"))["clock"]
    assert (word, because.endswith("gives no date")) == (doctor.UNKNOWN, True)


def test_only_hosts_of_the_given_places_must_answer(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    word, because = findings(check("--unsigned", "--json"))["dns"]
    assert (word, because.startswith("hub.invalid")) == (doctor.FAULT, True)
    found = findings(check("--unsigned", "--json", "s3://bucket/shards/"))
    assert [found[point][0] for point in ("dns", "endpoint", "clock")] == [doctor.OK] * 3


def test_without_network_it_ends_and_a_silent_check_is_reported_as_unknown(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = threading.Event()
    monkeypatch.setattr(doctor, "SECONDS", 1)
    monkeypatch.setattr(doctor, "token_of", lambda _: silent.wait(60) and None)
    monkeypatch.setattr(socket, "getaddrinfo", raising(socket.gaierror("no network")))
    done = check("--lang", "fr")
    silent.set()
    assert done.code == 1
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert "non vérifié" in lines["jeton"]
    assert "aucun résultat après 1 s" in lines["jeton"]
    assert "DÉFAUT" in lines["dns"]
    assert "127.0.0.1 – inconnus : vérifiez le réseau" in lines["dns"]
    assert "aucun serveur n’a répondu" in lines["horloge"]
    assert done.out.splitlines()[-1] == "2 défauts"
