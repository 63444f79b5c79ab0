"""Index files in the place of an index server: the same pages are found in them, with few requests."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.removal import states
from presswatch_spark.legal.removal.case import Chain
from presswatch_spark.legal.removal.index import PageAnswer, look_up
from presswatch_spark.legal.removal.responses import ProbeFinding
from presswatch_spark.legal.removal.rounds import Prober, ProbeReport
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.scanning.ccindex import lookup
from presswatch_spark.scanning.ccindex.lookup import Index
from presswatch_spark.scanning.ccindex.wanted import key_of
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Probe
from tests.unit.legal.removal.test_resolving import Crawl, crawl, records  # noqa: F401
from tests.world.index_files import surt as plain_surt
from tests.world.proofs import each_time
from tests.world.release import QUICK, probes_of
from tests.world.servers import Fault, Reply, Server, web

RELEASE = "CC-MAIN-2024-51"
AT = datetime(2024, 12, 14, 1, 58, 10, tzinfo=UTC)
Row = dict[str, Any]


@pytest.mark.parametrize(
    ("url", "surt", "is_sure"),
    [
        ("https://www.journal.example/Une/", "example,journal)/une", True),
        ("http://journal.example", "example,journal)/", True),
        ("https://a.journal.example/x?b=2&a=1", "example,journal,a)/x?a=1&b=2", True),
        ("https://journal.example:8080/x", "example,journal:8080)/x", False),
        ("https://journal.example/x;jsessionid=1", "example,journal)/x;jsessionid=1", False),
        ("https://journal.example/%C3%A9", "example,journal)/%c3%a9", False),
        ("https://journal.example/a/../b", "example,journal)/a/../b", False),
        ("https://www2.journal.example//x", "example,journal)/x", True),
    ],
)
def test_a_key_is_that_of_the_index_and_says_whether_it_is_sure(url: str, surt: str, is_sure: bool) -> None:
    assert key_of(url) == (surt, is_sure)


@pytest.mark.parametrize("url", ["", "ftp://a.example/", "https://", "https://a.example:x/", "mailto:a@b.c"])
def test_what_is_no_page_has_no_key(url: str) -> None:
    assert key_of(url) is None


def captures(number: int) -> list[Row]:
    """Captures of pages of many hosts; some pages have several."""
    chance, found = random.Random(number), list[Row]()
    for i in range(number):
        host, path = f"site{chance.randrange(number // 3 + 1)}.example", f"/page-{i}"
        times = 1 + 4 * (i % 50 == 0)
        for k in range(times):
            found.append({
                "url": f"https://{host}{path}", "surt": plain_surt(host, path),
                "at": AT + timedelta(seconds=k), "filename": f"crawl-data/x/warc/{i % 7}.warc.gz",
                "offset": i * 1000 + k, "length": 100 + k,
            })  # fmt: skip
    return sorted(found, key=lambda row: (row["surt"], row["at"]))


def write_clusters(rows: list[Row], lines_a_block: int = 30) -> dict[str, bytes]:
    """The files of the older index: two `cdx-*.gz`, and `cluster.idx`."""
    files, clusters = {"cdx-00000.gz": b"", "cdx-00001.gz": b""}, list[str]()
    for number, first in enumerate(range(0, len(rows), lines_a_block)):
        name = f"cdx-{int(first > len(rows) / 2):05}.gz"
        lines = [
            f"{row['surt']} {row['at']:%Y%m%d%H%M%S} " + json.dumps({
                "url": row["url"], "filename": row["filename"], "offset": str(row["offset"]),
                "length": str(row["length"]), "status": "200",
            })
            for row in rows[first : first + lines_a_block]
        ]  # fmt: skip
        block = gzip.compress("\n".join([*lines, ""]).encode())
        head = " ".join(lines[0].split(" ")[:2])
        clusters.append(f"{head}\t{name}\t{len(files[name])}\t{len(block)}\t{number + 1}\n")
        files[name] += block
    return {**files, "cluster.idx": "".join(clusters).encode()}


def write_table(path: Path, rows: list[Row]) -> None:
    """A file of the columnar index, with a few row groups."""
    columns = {
        "url_surtkey": [row["surt"] for row in rows],
        "url": [row["url"] for row in rows],
        "url_host_name": [row["url"].split("/")[2] for row in rows],
        "fetch_time": pa.array([row["at"] for row in rows], pa.timestamp("ms", "UTC")),
        "warc_filename": [row["filename"] for row in rows],
        "warc_record_offset": [row["offset"] for row in rows],
        "warc_record_length": [row["length"] for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=max(1, len(rows) // 4))


FOLDER = f"/cc-index/collections/{RELEASE}/indexes"


def serve(server: Server, rows: list[Row], **written: Any) -> str:
    server.objects |= {f"{FOLDER}/{name}": data for name, data in write_clusters(rows, **written).items()}
    return f"{server.url}/cc-index/collections/{{release}}/indexes/cluster.idx"


def found_in(said: PageAnswer) -> list[tuple[str, int, int]]:
    assert not isinstance(said.captures, ProbeFinding), said.captures
    return [(f"{each.captured_at:%Y%m%d%H%M%S}", each.offset, each.length) for each in said.captures]


@pytest.fixture(params=["clusters", "table"])
def index(
    request: pytest.FixtureRequest, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, list[Row]]]:
    """An index of each kind, and its captures; windows are so small that the search has steps."""
    monkeypatch.setattr(lookup, "WINDOW_BYTES", 600)
    rows = captures(2_000)
    if request.param == "clusters":
        yield serve(server, rows), rows
        return
    for number in range(3):
        part = rows[number * len(rows) // 3 : (number + 1) * len(rows) // 3]
        write_table(
            tmp_path / f"cc-index/table/cc-main/warc/crawl={RELEASE}/subset=warc/{number}.parquet", part
        )
    yield str(tmp_path / "cc-index/table/cc-main/warc/crawl={release}/subset=warc"), rows


def test_each_page_is_found_with_all_its_captures(index: tuple[str, list[Row]]) -> None:
    endpoint, rows = index
    by_url = dict[str, list[tuple[str, int, int]]]()
    for row in rows:
        at = f"{row['at']:%Y%m%d%H%M%S}"
        by_url.setdefault(row["url"], []).append((at, row["offset"], row["length"]))
    some = [*by_url][:3] + [*by_url][-3:] + random.Random(1).sample([*by_url], 200)
    some += [url for url, each in by_url.items() if len(each) > 1]
    said = look_up(Index(endpoint, StorageOptions()), [(RELEASE, url) for url in some])
    assert {url: sorted(found_in(each)) for (_, url), each in said.items()} == {
        url: sorted(by_url[url]) for url in some
    }


def test_a_page_that_is_not_there_is_not_listed_and_one_of_an_unsure_key_unknown(
    index: tuple[str, list[Row]],
) -> None:
    endpoint, rows = index
    pages = [
        "https://aaa.example/",
        "https://zzz.example/x",
        f"{rows[7]['url']}-no",
        "https://b.fr/%C3%A9",
        "x",
    ]
    said = look_up(Index(endpoint, StorageOptions()), [(RELEASE, url) for url in pages])
    assert not any(said[RELEASE, url].captures for url in pages[:3])
    for url in pages[3:]:
        failed = said[RELEASE, url].captures
        assert isinstance(failed, ProbeFinding)
        assert failed.outcome == "strange"


def test_pages_that_are_near_each_other_cost_few_requests(server: Server) -> None:
    rows = captures(6_000)
    endpoint = serve(server, rows, lines_a_block=100)
    pages = [(RELEASE, row["url"]) for row in rows[1000:1500]]
    before = len(server.requests)
    assert all(found_in(each) for each in look_up(Index(endpoint, StorageOptions()), pages).values())
    assert len(server.requests) - before < 12


@pytest.mark.parametrize("damage", ["missing", "cut", "no gzip", "no json", "lies about the length"])
def test_files_that_are_damaged_say_nothing(server: Server, damage: str) -> None:
    rows = captures(300)
    endpoint = serve(server, rows)
    path = f"{FOLDER}/cdx-00000.gz"
    if damage == "missing":
        del server.objects[path]
    elif damage == "cut":
        server.objects[path] = server.objects[path][:100]
    elif damage == "no gzip":
        server.objects[path] = b"x" * len(server.objects[path])
    elif damage == "no json":
        text = gzip.decompress(server.objects[path]).replace(b'{"url"', b'{url"')
        name = f"{FOLDER}/cluster.idx"
        server.objects[path] = gzip.compress(text)
        head = rows[0]["surt"]
        server.objects[name] = f"{head} 2024\tcdx-00000.gz\t0\t{len(server.objects[path])}\t1\n".encode()
    else:
        name = f"{FOLDER}/cluster.idx"
        server.objects[name] = server.objects[name].replace(b"\t0\t", b"\t3\t")
    said = look_up(Index(endpoint, StorageOptions(max_attempts=1)), [(RELEASE, rows[0]["url"])])
    (each,) = said.values()
    assert isinstance(each.captures, ProbeFinding)
    assert each.captures.outcome in states.FAILURES


def test_a_table_that_is_damaged_or_missing_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cc-index/table/0.parquet"
    for make in (lambda: None, lambda: path.write_bytes(b"PAR1 and nothing")):
        path.parent.mkdir(parents=True, exist_ok=True)
        make()
        (said,) = look_up(Index(str(path), StorageOptions()), [("", "https://a.example/x")]).values()
        assert isinstance(said.captures, ProbeFinding)
        assert said.captures.outcome in states.FAILURES


def probe(made: Crawl, endpoint: str) -> ProbeReport:
    mirror = Mirror(str(made.wet.shards.parent), f"{made.server.url}/crawl")
    corpus = Corpus.open(str(made.wet.corpus))
    return Prober(made.case, load_scan_config(flags=QUICK), [mirror], corpus, index=endpoint).probe()


def rows_of(made: Crawl) -> list[Row]:
    found = [
        {
            "url": url, "surt": key.surt, "at": at, "offset": offset, "length": length,
            "filename": "crawl-data/x/warc/a.warc.gz",
        }
        for url, at, offset, length in records(made.folder / made.warc[1:])
        if (key := key_of(url))
    ]  # fmt: skip
    return sorted(found, key=lambda row: (row["surt"], row["at"]))


@pytest.mark.parametrize("kind", each_time(["clusters"], ["clusters", "table"]))
def test_files_say_where_warc_records_are_and_what_is_hidden(crawl: Crawl, kind: str) -> None:  # noqa: F811
    def indexed(rows: list[Row]) -> str:
        if kind == "clusters":
            return serve(crawl.server, rows, lines_a_block=4)
        write_table(crawl.folder / "cc-index/table/0.parquet", rows)
        return str(crawl.folder / "cc-index/table/0.parquet")

    rows = rows_of(crawl)
    probed = probe(crawl, indexed(rows))
    assert (probed.unheard, probed.is_complete) == ("", True)
    assert {row["state"] for row in crawl.of("warc")} == {"present"}
    asked = [row for row in probes_of(crawl.case) if row.role == "index"]
    assert {row.outcome for row in asked} == {"listed"}
    assert {row.target_sha256 for row in asked} == {each.target_sha256 for each in crawl.case.targets()}
    target = crawl.of("wet")[0]
    probe(crawl, indexed([row for row in rows if row["url"] != target["document_url"]]))
    found = {row["target_sha256"]: row["state"] for row in CaseStatus.of(crawl.case).rows()}
    assert found[target["target_sha256"]] == "hidden"
    assert set(found.values()) == {"hidden", "present"}


@pytest.mark.parametrize("kind", ["server", "clusters", "table"])
def test_an_index_that_answers_nothing_is_named_and_the_exit_code_tells(
    crawl: Crawl,  # noqa: F811
    kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    refusal = Reply(403, {}, b"no")
    crawl.server.queries = dict.fromkeys(crawl.server.queries, refusal)
    endpoint = {
        "server": f"{crawl.server.url}/{{release}}-index",
        "clusters": f"{crawl.server.url}/indexes/cluster.idx",
        "table": f"{crawl.folder}/cc-index/table/",
    }[kind]
    mirror = f"{crawl.wet.shards.parent}={crawl.server.url}/crawl"
    command = ["removal", "probe", "--mirror", mirror, "--index", endpoint, crawl.case.folder.uri]
    assert cli.run(command) == 3
    said = capsys.readouterr().err
    assert f"index: {endpoint}: asked for " in said
    assert "it answered none: " in said
    assert ("status 403" in said) == (kind == "server")
    assert "name another index" in said
    assert not any(row["removed"] for row in CaseStatus.of(crawl.case).rows())


class KilledError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("kind", each_time(["clusters"], ["server", "clusters", "table"]))
def test_pages_asked_for_before_a_kill_are_looked_up_when_the_round_goes_on(
    crawl: Crawl,  # noqa: F811
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def append(chain: Chain, round_number: int, probes: Any) -> list[Probe]:
        added = written(chain, round_number, probes)
        if any(row.role == "target" for row in added):
            raise KilledError
        return added

    rows, written = rows_of(crawl), Chain.append
    with web(queries=dict(crawl.server.queries)) as server:
        endpoint = f"{server.url}/{{release}}-index"
        if kind == "clusters":
            endpoint = serve(crawl.server, rows, lines_a_block=4)
        if kind == "table":
            endpoint = str(crawl.folder / "cc-index/table/0.parquet")
            write_table(Path(endpoint), rows)
        probe(crawl, endpoint)
        with monkeypatch.context() as patched:
            patched.setattr(Chain, "append", append)
            patched.setattr("presswatch_spark.legal.removal.rounds.WRITTEN_ROWS", 1)
            # An index server is asked file by file, so it has to fail to leave some of a file unasked.
            server.always = Fault(status=429)
            with pytest.raises(KilledError):
                probe(crawl, endpoint)
        server.always = Fault()
        probed = probe(crawl, endpoint)
    of_round = [row for row in probes_of(crawl.case) if row.round == 2]
    asked = [row.target_sha256 for row in of_round if row.role == "index"]
    assert (probed.resumed, probed.round.number) == (True, 2)
    assert 0 < probed.now < probed.asked
    assert sorted(asked) == sorted(each.target_sha256 for each in crawl.case.targets())
    batches = {row.batch for row in of_round if row.role == "listed"}
    assert batches
    assert batches <= {row.batch for row in of_round if row.role == "index"}
