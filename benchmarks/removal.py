"""Measure rounds of probes of a large case against a web server of this machine, and kill some.

    python -m benchmarks.removal                                  10,000 targets in 2,000 files, 10 rounds
    python -m benchmarks.removal --files 100 --rounds 2 --kills 2       a quick look

Each round is a whole command in a process of its own. The server counts requests and bytes. Then the first
round of a new case is killed (SIGKILL) at random moments and goes on; no target may be asked for twice or
lost. Files are made up, the same every time: gzip members of WET, of which each second one is a target.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import random
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any

from benchmarks import publish
from benchmarks.answers import TREE, presswatch, whole
from presswatch_spark.legal.removal.case import RemovalCase
from tests.world.release import new_case, probes_of, targets_in, wet_record

SEED, WORDS = 20261127, 300
RANGE = re.compile(r"bytes=(\d+)-(\d+)")
Row = dict[str, Any]


def write_files(folder: Path, files: int) -> None:
    """Write WET files of twelve records each."""
    folder.mkdir()
    chance = random.Random(SEED)
    vocabulary = ["".join(chance.choices("aeilnorstu", k=chance.randint(2, 9))) for _ in range(5_000)]
    for number in range(files):
        records = [wet_record(number, i, " ".join(chance.choices(vocabulary, k=WORDS))) for i in range(12)]
        (folder / f"{number:05}.warc.wet.gz").write_bytes(b"".join(map(gzip.compress, records)))


class _Handler(BaseHTTPRequestHandler):
    """Answers ranges of files of `folder`, and `/counts` with what it sent."""

    protocol_version = "HTTP/1.1"
    folder: Path
    sent: Counter[str]
    guard: Lock

    def do_GET(self) -> None:
        if self.path == "/counts":
            self._reply(200, json.dumps(self.sent).encode(), {})
            return
        path = self.folder / self.path.rpartition("/")[2]
        try:
            data = path.read_bytes()
        except OSError:
            self._reply(404, b"", {})
            return
        start, end = map(int, RANGE.fullmatch(self.headers["Range"]).groups())  # type: ignore[union-attr]
        part = data[start : end + 1]
        said = {
            "Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(data)}",
            "ETag": f'"{path.name}"',
        }
        self._reply(206 if part else 416, part, said)

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        with self.guard:
            self.sent.update(requests=1, bytes=len(body))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that are killed are no news."""


def _serve(folder: Path, port: Connection) -> None:
    handler = type("Files", (_Handler,), {"folder": folder, "sent": Counter(), "guard": Lock()})
    server = _Server(("127.0.0.1", 0), handler)
    port.send(server.server_port)
    server.serve_forever()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the files of a folder from another process; gives the address."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(folder, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def counts(url: str) -> dict[str, int]:
    """Return how many requests were answered, and with how many bytes."""
    with urllib.request.urlopen(f"{url}/counts", timeout=60) as answer:
        found: dict[str, int] = json.load(answer)
    return {"requests": found.get("requests", 0), "bytes": found.get("bytes", 0)}


def rounds(command: list[str], url: str, number: int, case: Path) -> Iterator[Row]:
    """Probe in rounds; yield what each cost, and how large the case was after it."""
    for each in range(1, number + 1):
        before = counts(url)
        figures = whole(command)
        after = counts(url)
        # One of the requests asked for the counts.
        asked = {"requests": after["requests"] - before["requests"] - 1}
        size = sum(path.stat().st_size for path in case.rglob("*") if path.is_file())
        sent = {"bytes": after["bytes"] - before["bytes"]}
        yield {"round": each, **figures, **asked, **sent, "case_bytes": size}


def killed(command: list[str], case: RemovalCase, kills: int, seconds: float) -> Row:
    """Kill a round at random moments, let it end, and return how often each target was asked for."""
    chance, hit = random.Random(SEED), 0
    for _ in range(kills):
        process = subprocess.Popen(command, cwd=TREE, stdout=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.1, 1) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            hit += 1
    subprocess.run(command, cwd=TREE, stdout=subprocess.DEVNULL, check=True)
    asked = Counter((probe.round, probe.target_sha256) for probe in probes_of(case) if probe.role == "target")
    targets = {target.target_sha256 for target in case.targets()}
    ended = max(number for number, _ in asked)
    lost = sum((number, target) not in asked for number in range(1, ended + 1) for target in targets)
    return {"kills": hit, "rounds": ended, "twice": sum(count > 1 for count in asked.values()), "lost": lost}


def lines(found: Row) -> Iterator[str]:
    """Yield the figures as a table in Markdown."""
    yield "| round | seconds | of processors | requests | MB sent | peak MB | case MB |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for each in found["rounds"]:
        yield (
            f"| {each['round']} | {each['seconds']:.1f} | {each['processor']:.1f} | {each['requests']:,}"
            f" | {each['bytes'] / 1e6:.0f} | {each['megabytes']:,.0f} | {each['case_bytes'] / 1e6:.1f} |"
        )
    yield f"status: {found['status']}"
    yield f"killed: {found['killed']}"


def main() -> None:
    """Make the files, probe them in rounds, kill a round, and write the figures."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.removal", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kills", type=int, default=10)
    publish.add_options(parser, "removal.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="presswatch-removal-") as temporary:
        folder = Path(temporary)
        write_files(folder / "crawl", given.files)
        targets = [row for path in sorted((folder / "crawl").iterdir()) for row in targets_in(path)]
        cases = [new_case(str(folder / name), targets, {"reading": {}}) for name in ("whole", "killed")]
        with serving(folder / "crawl") as url:
            mirror = ["--mirror", f"{folder}/crawl={url}/crawl"]
            commands = [[*presswatch(TREE), "removal", "probe", *mirror, str(case.folder)] for case in cases]
            found: Row = {"targets": len(targets), "files": given.files}
            found["rounds"] = list(rounds(commands[0], url, given.rounds, folder / "whole"))
            found["status"] = whole([*presswatch(TREE), "removal", "status", str(cases[0].folder)])
            seconds = found["rounds"][0]["seconds"]
            found["killed"] = killed(commands[1], cases[1], given.kills, seconds)
    publish.destination(given).write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print("\n".join(lines(found)))
    if found["killed"]["twice"] or found["killed"]["lost"]:
        sys.exit("error: targets were asked for twice, or lost")


if __name__ == "__main__":
    main()
