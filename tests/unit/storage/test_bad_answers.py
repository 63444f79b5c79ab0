"""One bad answer while shards are planned concerns one shard: the others are read, folders of ours never."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from presswatch_spark.core.errors import InputError, StorageError
from presswatch_spark.reading.registry import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.scanning.runs.work import failure_of, guarded
from presswatch_spark.scanning.shard.attempts import ShardAttempt
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.shards import left_out_line, plan
from tests.world.servers import listening

OPTIONS = StorageOptions(max_attempts=2, backoff_base=0.0001, read_timeout=5, refusal_pause=0.0)
SHARD = gzip.compress(b'{"url": "https://a.example/1", "text": "un", "timestamp": "2024-01-01T00:00:00Z"}\n')
BAD = {
    "redirect to a file": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    "redirect loop": b"HTTP/1.1 302 Found\r\nLocation: /redirect%20loop\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n",
    "garbage": b"\x00garbage\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "no number": b"HTTP/1.1 503 Busy\r\nRetry-After: -1e309\r\nContent-Length: 0\r\n\r\n",
    "no length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "nothing": b"",
}
SAID = {
    "redirect to a file": "redirects to no web site",
    "redirect loop": "the server answered 302",
    "garbage": "the server cannot be reached",
    "no content": "the server answered 204",
    "no number": "the server answered 503",
    "nothing": "the server cannot be reached",
}


class Handler(BaseHTTPRequestHandler):
    def __getattr__(self, name: str) -> object:
        """Answer GET and HEAD alike; the base class looks for `do_GET` and its like."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        name = self.path.strip("/").replace("%20", " ")
        self.close_connection = True
        if name in BAD:
            self.wfile.write(BAD[name])
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(SHARD)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(SHARD)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with listening(Handler) as url:
        yield url


def read(reading: ShardAttempt) -> None:
    options = ReadOptions(storage=OPTIONS)
    for batch in format_for("auto", reading.shard, options).read(reading.shard, options, reading.report):
        assert len(batch)


def test_every_bad_answer_fails_its_shard_and_no_other(site: str) -> None:
    names = ["good.json.gz", *(name.replace(" ", "%20") for name in BAD)]
    shards = plan([f"{site}/{name}" for name in names], OPTIONS)
    assert len(shards) == len(names)
    statuses = dict[str, str]()
    for shard in shards:
        reading = ShardAttempt(shard)
        guarded(partial(read, reading), reading, shard.uri)
        name = shard.uri.rpartition("/")[2].replace("%20", " ")
        statuses[name] = reading.status
        if name in SAID:
            assert SAID[name] in "; ".join(reading.defects)
            assert failure_of(reading) == "storage"
    assert statuses == {"good.json.gz": "complete", **dict.fromkeys(BAD, "failed")}


@pytest.mark.parametrize("name", SAID)
def test_a_scan_of_nothing_but_a_bad_answer_is_an_error_at_once(name: str, site: str) -> None:
    with pytest.raises(StorageError, match=SAID[name]):
        plan([f"{site}/{name.replace(' ', '%20')}"], OPTIONS)


def shard(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(SHARD)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Shards, with tables of a scan, and a case of removal, among them."""
    for name in ("a.json.gz", "deep/b.json.gz", "out/matches/part-0.parquet", "deep/case/probes/1.parquet"):
        shard(tmp_path / name)
    (tmp_path / "out/_presswatch.json").write_text(json.dumps({"layout": 1}))
    (tmp_path / "deep/case/_presswatch_case.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("pattern", ["", "/**", "/*", "/**/*.*", "/*/*", "/*/*/*"])
def test_tables_and_cases_in_a_folder_of_shards_are_never_read_as_shards(pattern: str, folder: Path) -> None:
    if pattern == "/*/*/*":
        # All that three names lead to is ours.
        with pytest.raises(InputError, match="no shards"):
            plan([f"{folder}{pattern}"], OPTIONS)
        return
    shards = plan([f"{folder}{pattern}"], OPTIONS)
    found = {each.uri.removeprefix(f"{folder}/") for each in shards}
    assert found <= {"a.json.gz", "deep/b.json.gz"}
    if pattern in ("", "/**", "/*"):
        assert {f"{folder}/out", f"{folder}/deep/case"} <= set(shards.left_out)
        assert "out" in (left_out_line(shards.left_out) or "")


def test_a_folder_of_tables_named_itself_is_an_error_that_says_so(folder: Path) -> None:
    with pytest.raises(InputError, match="this folder was written by presswatch"):
        plan([f"{folder}/out"], OPTIONS)
    named = f"{folder}/out/matches/part-0.parquet"
    assert [each.uri for each in plan([named], OPTIONS)] == [named]
