"""An index says where the WARC record of a capture is and what is hidden, on a server or in files."""

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.claims.selection import Choice
from presswatch_spark.cli.demo.generate import release_pages
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.removal import places, states
from presswatch_spark.legal.removal.case import Chain, RemovalCase
from presswatch_spark.legal.removal.places import Captures, listed_among, look_up, place_among, targets_of
from presswatch_spark.legal.removal.probe_rounds import Prober, ProbeReport
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc_format import warc_shard_of
from presswatch_spark.scanning.crawl_index import lookup
from presswatch_spark.scanning.crawl_index.lookup import Index, IndexedCapture
from presswatch_spark.scanning.crawl_index.wanted import key_of
from presswatch_spark.storage.objects import RawResponse, StorageOptions, stat
from presswatch_spark.tables.declarations import Probe
from presswatch_spark.tables.store import TableStore
from tests.world.commands import outcome
from tests.world.index_files import surt as plain_surt
from tests.world.proofs import cases, each_time
from tests.world.release import QUICK, Release, ordered, probes_of, query, release, target_row, zeroed
from tests.world.scanned import FORMS
from tests.world.servers import Fault, Reply, Server, web
from tests.world.tables import NOON, match, publish

RELEASE = "CC-MAIN-2024-51"
AT = datetime(2024, 12, 14, 1, 58, 10, tzinfo=UTC)
NOTHING = json.dumps({"message": "No Captures found for: https://a.example/"})
NONE = Reply(404, {}, NOTHING.encode())
Row = dict[str, Any]


# The answer of a server about a page.

ENDPOINT = "https://i.example/{release}-index"
PLACE = '"url": "https://a.example/", "filename": "a.warc.gz", "offset": "1", "length": "2"'
THEN, BEFORE = (f'{{"timestamp": "{each}", {PLACE}}}' for each in ("20241214015810", "20240101000000"))
GZIP = (("content-encoding", "gzip"),)


@pytest.mark.parametrize(
    ("status", "headers", "body", "outcome"),
    [
        (200, (), THEN, "listed"),
        (200, (), f"{BEFORE}\n{THEN}", "listed"),
        (200, (), BEFORE.replace("{", '{"title": "a\u2028b", ') + f"\r\n{THEN}", "listed"),
        (200, (), BEFORE, "unlisted"),
        (200, (), "", "unlisted"),
        (404, (), NOTHING, "unlisted"),
        (404, (), "<html>Not Found</html>", "refused"),
        (404, (), '{"message": "no such index"}', "refused"),
        (200, (), "<html>Please try later</html>", "strange"),
        (200, (), '["timestamp"]', "strange"),
        (200, (), '{"timestamp": "20241214015810"}', "strange"),
        (429, (), "", "limited"),
        (503, (), "", "refused"),
        (None, (), "", "failed"),
        (200, GZIP, gzip.compress(THEN.encode()), "listed"),
        (200, GZIP, gzip.compress(THEN.encode())[:-1], "strange"),
    ],
)
def test_an_index_lists_a_capture_or_says_that_it_does_not(
    status: Any, headers: Any, body: str | bytes, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answered(uri: str, *_: Any) -> RawResponse:
        asked.append(uri)
        data = body.encode() if isinstance(body, str) else body
        return RawResponse("http://i.example", 0.0, status, headers, body=data)

    monkeypatch.setattr(lookup, "ask", answered)
    page = (RELEASE, "https://a.example/x?y=1&z=é")
    ((_, found),) = look_up(Index(ENDPOINT, StorageOptions()), [page]).values()
    assert listed_among(found, AT).outcome == outcome
    quoted = "https%3A%2F%2Fa.example%2Fx%3Fy%3D1%26z%3D%C3%A9"
    assert asked == [f"https://i.example/CC-MAIN-2024-51-index?url={quoted}&output=json"]


def test_of_files_of_one_name_the_place_is_in_that_of_the_targets_folder() -> None:
    folders = {"crawldiagnostics": 1, "warc": 2, "robotstxt": 3}
    captures = [
        IndexedCapture("https://a.example/", AT, f"x/{folder}/a.warc.gz", place, 9)
        for folder, place in folders.items()
    ]
    for uri, offset in (("s3://crawl/x/warc/a.warc.gz", 2), ("/mirror/a.warc.gz", 1)):
        found = place_among(captures, target_row(captured_at=AT, shard_uri=uri))
        assert (found.record_offset, found.record_length) == (offset, 9)


def test_an_index_that_cannot_be_asked_begins_no_round(case: RemovalCase, crawl: Release) -> None:
    rounds = case.rounds()
    for index in ("ftp://i.example", "{release}-index", "https://", "https://i.example/?a=b"):
        with pytest.raises(ConfigError, match="this is not the address of an index"):
            Prober(case, load_scan_config(flags=QUICK), [crawl.mirror], index=index).probe()
    assert case.rounds() == rounds


@cases(
    ("url", "key"),
    [
        ("https://www.journal.example/Une/", ("example,journal)/une", True)),
        ("http://journal.example", ("example,journal)/", True)),
        ("https://a.journal.example/x?b=2&a=1", ("example,journal,a)/x?a=1&b=2", True)),
        ("https://journal.example:8080/x", ("example,journal:8080)/x", False)),
        ("https://journal.example/x;jsessionid=1", ("example,journal)/x;jsessionid=1", False)),
        ("https://journal.example/%C3%A9", ("example,journal)/%c3%a9", False)),
        ("https://journal.example/a/../b", ("example,journal)/a/../b", False)),
        ("https://www2.journal.example//x", ("example,journal)/x", True)),
        *dict.fromkeys(("", "ftp://a.example/", "https://", "https://a.example:x/", "mailto:a@b.c")).items(),
    ],
)
def test_a_key_is_that_of_the_index_and_says_whether_it_is_sure(
    url: str, key: tuple[str, bool] | None
) -> None:
    assert key_of(url) == key


# Files of an index.

FOLDER = f"/cc-index/collections/{RELEASE}/indexes"


def captures(number: int) -> list[Row]:
    """Captures of pages of many hosts; some pages have several."""
    chance, found = random.Random(number), list[Row]()
    for i in range(number):
        host, path = f"site{chance.randrange(number // 3 + 1)}.example", f"/page-{i}"
        for k in range(1 + 4 * (i % 50 == 0)):
            found.append({
                "url": f"https://{host}{path}", "surt": plain_surt(host, path),
                "at": AT + timedelta(seconds=k), "filename": f"crawl-data/x/warc/{i % 7}.warc.gz",
                "offset": i * 1000 + k, "length": 100 + k,
            })  # fmt: skip
    return sorted(found, key=lambda row: (row["surt"], row["at"]))


def serve(server: Server, rows: list[Row], lines_a_block: int = 30) -> str:
    """Put the files of the older index onto the server: two `cdx-*.gz`, and `cluster.idx`; its address."""
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
    files["cluster.idx"] = "".join(clusters).encode()
    server.objects |= {f"{FOLDER}/{name}": data for name, data in files.items()}
    return f"{server.url}/cc-index/collections/{{release}}/indexes/cluster.idx"


def write_table(path: Path, rows: list[Row]) -> str:
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
    return str(path)


def found_in(found: Captures) -> list[tuple[datetime | None, int, int]]:
    assert not isinstance(found, Probe), found
    return sorted((each.captured_at, each.offset, each.length) for each in found)


@pytest.fixture(params=["clusters", "table"])
def index(
    request: pytest.FixtureRequest, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Index, list[Row]]:
    """An index of each kind, and its captures; windows are so small that the search has steps."""
    monkeypatch.setattr(lookup, "WINDOW_BYTES", 600)
    rows = captures(2_000)
    if request.param == "clusters":
        return Index(serve(server, rows), StorageOptions()), rows
    folder = "cc-index/table/cc-main/warc/crawl={release}/subset=warc"
    for number in range(3):
        part = rows[number * len(rows) // 3 : (number + 1) * len(rows) // 3]
        write_table(tmp_path / folder.format(release=RELEASE) / f"{number}.parquet", part)
    return Index(str(tmp_path / folder), StorageOptions()), rows


def test_each_page_is_found_with_all_its_captures_and_what_is_not_there_is_not_listed(
    index: tuple[Index, list[Row]],
) -> None:
    files, rows = index
    by_url = dict[str, list[tuple[datetime, int, int]]]()
    for row in rows:
        by_url.setdefault(row["url"], []).append((row["at"], row["offset"], row["length"]))
    some = [*by_url][:3] + [*by_url][-3:] + random.Random(1).sample([*by_url], 200)
    some += [url for url, each in by_url.items() if len(each) > 1]
    missing = ["https://aaa.example/", "https://zzz.example/x", f"{rows[7]['url']}-no"]
    unsure = ["https://b.fr/%C3%A9", "x"]
    found = look_up(files, [(RELEASE, url) for url in (*some, *missing, *unsure)])
    answers = {url: each for (_, url), (_, each) in found.items()}
    assert {url: found_in(answers[url]) for url in some} == {url: sorted(by_url[url]) for url in some}
    assert [found_in(answers[url]) for url in missing] == [[], [], []]
    # Of a page whose key is unsure, nothing is known.
    for url in unsure:
        failed = answers[url]
        assert isinstance(failed, Probe)
        assert failed.outcome == "strange"


def test_pages_that_are_near_each_other_cost_few_requests(server: Server) -> None:
    rows = captures(6_000)
    files = Index(serve(server, rows, lines_a_block=100), StorageOptions())
    pages = [(RELEASE, row["url"]) for row in rows[1000:1500]]
    assert all(found_in(each) for _, each in look_up(files, pages).values())
    assert len(server.requests) < 12


@pytest.mark.parametrize(
    "damage", ["missing", "cut", "no gzip", "no json", "lies about the length", "no table", "a cut table"]
)
def test_files_that_are_damaged_say_nothing(server: Server, tmp_path: Path, damage: str) -> None:
    rows, objects = captures(300), server.objects
    endpoint, path, name = serve(server, rows), f"{FOLDER}/cdx-00000.gz", f"{FOLDER}/cluster.idx"
    if damage == "missing":
        del objects[path]
    elif damage == "cut":
        objects[path] = objects[path][:100]
    elif damage == "no gzip":
        objects[path] = b"x" * len(objects[path])
    elif damage == "no json":
        objects[path] = gzip.compress(gzip.decompress(objects[path]).replace(b'{"url"', b'{url"'))
        objects[name] = f"{rows[0]['surt']} 2024\tcdx-00000.gz\t0\t{len(objects[path])}\t1\n".encode()
    elif damage == "lies about the length":
        objects[name] = objects[name].replace(b"\t0\t", b"\t3\t")
    else:
        endpoint = str(tmp_path / "cc-index/table/0.parquet")
        Path(endpoint).parent.mkdir(parents=True)
        if damage == "a cut table":
            Path(endpoint).write_bytes(b"PAR1 and nothing")
    pages = [(RELEASE, rows[0]["url"])]
    ((_, found),) = look_up(Index(endpoint, StorageOptions(max_attempts=1)), pages).values()
    assert isinstance(found, Probe)
    assert found.outcome in states.FAILURES


# A crawl whose WET files were scanned, with its WARC file.


def records(path: Path) -> Iterator[tuple[str, Any, int, int]]:
    """URL, time, offset and length of each page of a WARC file."""
    options, shard = ReadOptions(), stat(str(path), StorageOptions())
    for batch in format_for("warc", shard, options).read(shard, options, ReadReport()):
        for i in range(len(batch)):
            at = batch.locate(i)
            yield batch.url_of(i), at.captured_at, at.record_offset, at.record_length


@dataclass
class Crawl:
    """A crawl whose WET files only were scanned; `server` has both, and an index of the WARC file.

    `folder`: the folder of the WARC file, as the server names it.
    """

    folder: Path
    wet: Release
    server: Server
    case: RemovalCase
    warc: str = "/crawl/warc/a.warc.gz"

    def probe(self, index: str | None = "", *, deep: bool = False) -> ProbeReport:
        """A round with the index of the server, another one, or none."""
        mirror = Mirror(str(self.wet.shards.parent), f"{self.server.url}/crawl")
        config, corpus = load_scan_config(flags=QUICK), Corpus.open(str(self.wet.corpus))
        endpoint = f"{self.server.url}/{{release}}-index" if index == "" else index
        return Prober(self.case, config, [mirror], corpus, deep, endpoint).probe()

    def of(self, dataset: str) -> list[Row]:
        """The places of a dataset, as `status --json` prints them."""
        return [row for row in CaseStatus.of(self.case).rows() if row["dataset"] == dataset]

    def states(self, dataset: str, offset: int | None = None) -> set[str]:
        """The states of the places of a dataset, or of those at an offset."""
        return {row["state"] for row in self.of(dataset) if offset in (None, row["record_offset"])}

    def zero(self, dataset: str) -> int:
        """Zero a record in the file of a dataset; its offset."""
        path = self.warc if dataset == "warc" else "/crawl/wet/a.warc.wet.gz"
        row = sorted(self.of(dataset), key=lambda row: row["record_offset"])[2]
        target = target_row(record_offset=row["record_offset"], record_length=row["record_length"])
        self.server.objects[path] = zeroed(self.server.objects[path], target)
        return int(row["record_offset"])

    def rows(self) -> list[Row]:
        """The rows of an index of the WARC file."""
        found = [
            {
                "url": url, "surt": key.surt, "at": at, "offset": offset, "length": length,
                "filename": "crawl-data/x/warc/a.warc.gz",
            }
            for url, at, offset, length in records(self.folder / self.warc[1:])
            if (key := key_of(url))
        ]  # fmt: skip
        return sorted(found, key=lambda row: (row["surt"], row["at"]))

    def files(self, kind: str, rows: list[Row]) -> str:
        """Write an index of a kind with these rows; its address."""
        if kind == "clusters":
            return serve(self.server, rows, lines_a_block=4)
        return write_table(self.folder / "cc-index/table/0.parquet", rows)


def listed(at: datetime, url: str, **place: Any) -> str:
    return json.dumps({"timestamp": f"{at:%Y%m%d%H%M%S}", "url": url, **place})


@pytest.fixture
def found(tmp_path: Path, server: Server) -> Crawl:
    wet = release(tmp_path, server, ("a.warc.wet.gz",), "crawl/wet")
    server.objects = {path.replace("/crawl/", "/crawl/wet/"): data for path, data in server.objects.items()}
    path = tmp_path / "crawl" / "warc" / "a.warc.gz"
    path.parent.mkdir(parents=True)
    FORMS["pages.warc.gz"](path, [page for shelf in release_pages().values() for page in shelf])
    found = Crawl(tmp_path, wet, server, wet.open())
    server.objects[found.warc] = path.read_bytes()
    for target in found.case.targets():
        server.queries[query("/{release}-index", target.release, target.document_url)] = NONE
    for url, captured_at, offset, length in records(path):
        place = {"filename": "crawl-data/x/warc/a.warc.gz", "length": str(length)}
        other = listed(datetime(2020, 1, 1, tzinfo=UTC), url, **place, offset="0")
        body = f"{other}\n{listed(captured_at, url, **place, offset=str(offset))}".encode()
        server.queries[query("/{release}-index", RELEASE, url)] = Reply(200, {}, body)
    return found


def test_the_name_of_a_wet_file_names_its_warc_file() -> None:
    wet = "https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-51/segments/1.2/wet/a-00000.warc.wet.gz"
    warc = "https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-51/segments/1.2/warc/a-00000.warc.gz"
    assert warc_shard_of(wet) == ("warc", warc)
    for other in ("/data/a.warc.wet.gz", "/x/wet/a.warc.gz", "/wet.d/a.warc.wet.gz", warc):
        assert warc_shard_of(other) is None


def test_the_warc_record_of_a_page_with_the_same_text_is_the_one_that_a_scan_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        match(
            "a", f"https://x.example/{page}", row_sha256=f"{page}{form}", text_sha256=form, dataset=form,
            captured_at=NOON, record_offset=place, shard_uri=f"s3://crawl/segments/1/{form}/a.{ending}",
        )
        for form, ending in (("wet", "warc.wet.gz"), ("warc", "warc.gz"))
        for place, page in enumerate(("one", "two"))
    ]  # fmt: skip
    publish(tmp_path, "20240601T120000Z-aaaaaa", rows)
    monkeypatch.setattr(places.selection, "chosen_claims", lambda *_: ({"onewet": None}, 0))
    store = TableStore.open(str(tmp_path))
    found = targets_of(store, store, Choice()).targets
    assert {(each.dataset, each.document_url, each.record_offset) for each in found} == {
        (row["dataset"], row["document_url"], row["record_offset"]) for row in rows
    }


def test_a_place_that_no_scan_found_is_unresolved_until_an_index_says_where_its_record_is(
    found: Crawl,
) -> None:
    assert found.probe(None).status.is_finished
    assert found.states("wet") == {"present"}
    places = found.of("warc")
    assert len(places) == len(found.of("wet"))
    assert {(row["state"], row["removed"], row["doubt"][:10]) for row in places} == {
        ("undecided", False, "unresolved")
    }
    assert not any(path == found.warc for _, path, _ in found.server.requests)
    data = found.server.objects.pop(found.warc)
    found.probe(None, deep=True)
    assert not any(row["removed"] for row in found.of("warc"))

    found.server.objects[found.warc] = data
    found.probe()
    assert found.states("warc") == {"present"}
    assert None not in {row["record_offset"] for row in found.of("warc")}
    assert {row.role for row in probes_of(found.case)} >= {"place", "target", "first", "before", "after"}
    # A claim is not removed while its WARC record reads.
    in_wet = found.zero("wet")
    found.probe()
    assert found.states("wet", in_wet) == {"overwritten"}
    assert CaseStatus.of(found.case).claims()[0] == 0
    # What was resolved is known to the case: no index is needed again.
    found.server.queries.clear()
    offset = found.zero("warc")
    found.probe(None)
    states_at = {row["record_offset"]: row["state"] for row in found.of("warc")}
    assert states_at == dict.fromkeys(states_at, "present") | {offset: "overwritten"}


LIES = ("other file", "other place", "no number", "an error page", "none", "another date of the record")


@pytest.mark.parametrize("lie", each_time([*LIES[1:4:2], LIES[-1]], LIES))
def test_an_index_that_lies_resolves_nothing(found: Crawl, lie: str) -> None:
    def changed(reply: Reply) -> Reply:
        if lie in ("an error page", "none") or reply is NONE:
            return NONE if lie == "none" else Reply(200, {}, b"<html>Sorry</html>")
        lines = [json.loads(line) for line in reply.body.splitlines()]
        for line in lines:
            if lie == "other file":
                line["filename"] = "crawl-data/x/warc/another.warc.gz"
            else:
                line["offset"] = "-5" if lie == "no number" else str(int(line["offset"]) + 1)
        return Reply(200, {}, "\n".join(map(json.dumps, lines)).encode())

    if lie == LIES[-1]:
        data = gzip.decompress(found.server.objects[found.warc])
        assert all(row["document_url"].encode() in data for row in found.of("warc"))
        other = data.replace(b"WARC-Date: 2024", b"WARC-Date: 2023")
        found.server.objects[found.warc] = gzip.compress(other)
    else:
        found.server.queries = {uri: changed(reply) for uri, reply in found.server.queries.items()}
    found.probe()
    assert {(row["state"], row["removed"]) for row in found.of("warc")} == {("undecided", False)}


def test_a_record_that_its_index_hides_is_not_removed_and_alarms_once(crawl: Release) -> None:
    case = crawl.open()
    address = f"{crawl.server.url}/{{release}}-index"

    def probe(*, hidden: str = "", nothing: bool = False) -> set[str]:
        """States after a round with an index that lists each page of the release, but for one or for all."""
        times = {target.document_url: target.captured_at for target in case.targets()}
        for url in {row.document_url for row in probes_of(case) if row.document_url} | set(times):
            line = listed(times.get(url, AT), url, filename="a.warc.gz", offset="1", length="2")
            reply = NONE if nothing or url == hidden else Reply(200, {}, line.encode())
            crawl.server.queries[query("/{release}-index", RELEASE, url)] = reply
        config, corpus = load_scan_config(flags=QUICK), Corpus.open(str(crawl.corpus))
        Prober(case, config, [crawl.mirror], corpus, index=address).probe()
        return set(CaseStatus.of(case).counts())

    probe()
    assert probe() == {"present"}
    target = ordered(case)[3]
    for _ in range(2):
        assert probe(hidden=target.document_url) == {"hidden", "present"}
    status = CaseStatus.of(case)
    assert not status.states[target.target_sha256].removed
    places = {each.target_sha256 for each in case.targets() if each.document_url == target.document_url}
    assert {key for key, state in status.states.items() if state.state == "hidden"} == places
    alarms = [(alarm.round, alarm.about) for alarm in status.alarms if alarm.kind == "index disagrees"]
    assert sorted(alarms) == sorted((3, place) for place in places)
    # An index that lists nothing at all hides nothing.
    assert probe(nothing=True) == {"present"}


@pytest.mark.parametrize("kind", each_time(["clusters"], ["clusters", "table"]))
def test_files_say_where_warc_records_are_and_what_is_hidden(found: Crawl, kind: str) -> None:
    rows = found.rows()
    probed = found.probe(found.files(kind, rows))
    assert (probed.unheard, probed.status.is_finished) == ("", True)
    assert found.states("warc") == {"present"}
    asked = [row for row in probes_of(found.case) if row.role == "index"]
    assert {row.outcome for row in asked} == {"listed"}
    assert {row.target_sha256 for row in asked} == {each.target_sha256 for each in found.case.targets()}
    target = found.of("wet")[0]
    found.probe(found.files(kind, [row for row in rows if row["url"] != target["document_url"]]))
    states_now = {row["target_sha256"]: row["state"] for row in CaseStatus.of(found.case).rows()}
    assert states_now[target["target_sha256"]] == "hidden"
    assert set(states_now.values()) == {"hidden", "present"}


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("server", "{server}/{{release}}-index"),
        ("clusters", "{server}/indexes/cluster.idx"),
        ("table", "{folder}/cc-index/table/"),
    ],
)
def test_an_index_that_answers_nothing_is_named_and_the_exit_code_tells(
    found: Crawl, kind: str, address: str
) -> None:
    found.server.queries = dict.fromkeys(found.server.queries, Reply(403, {}, b"no"))
    endpoint = address.format(server=found.server.url, folder=found.folder)
    mirror = f"{found.wet.shards.parent}={found.server.url}/crawl"
    told = outcome("removal probe", "--mirror", mirror, "--index", endpoint, found.case.folder.uri)
    assert told.code == 3
    for part in (f"index: {endpoint}: of ", ", none was answered: ", "choose another index"):
        assert part in told.err
    assert ("status 403" in told.err) == (kind == "server")
    assert not any(row["removed"] for row in CaseStatus.of(found.case).rows())


class KilledError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("kind", each_time(["clusters"], ["server", "clusters", "table"]))
def test_pages_asked_for_before_a_kill_are_looked_up_when_the_round_goes_on(
    found: Crawl, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Chain.append

    def append(chain: Chain, round_number: int, probes: Any) -> list[Probe]:
        added = written(chain, round_number, probes)
        if any(row.role == "target" for row in added):
            raise KilledError
        return added

    with web(queries=dict(found.server.queries)) as server:
        endpoint = f"{server.url}/{{release}}-index"
        if kind != "server":
            endpoint = found.files(kind, found.rows())
        found.probe(endpoint)
        with monkeypatch.context() as patched:
            patched.setattr(Chain, "append", append)
            patched.setattr("presswatch_spark.legal.removal.probe_rounds.WRITTEN_ROWS", 1)
            # An index server is asked file by file, so it has to fail to leave some of a file unasked.
            server.always = Fault(status=429)
            with pytest.raises(KilledError):
                found.probe(endpoint)
        server.always = Fault()
        probed = found.probe(endpoint)
    of_round = [row for row in probes_of(found.case) if row.round == 2]
    asked = [row.target_sha256 for row in of_round if row.role == "index"]
    assert (probed.resumed, probed.round.number) == (True, 2)
    assert 0 < probed.now < probed.asked
    assert sorted(asked) == sorted(each.target_sha256 for each in found.case.targets())
    batches = {row.batch for row in of_round if row.role == "listed"}
    assert batches
    assert batches <= {row.batch for row in of_round if row.role == "index"}
